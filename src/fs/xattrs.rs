//! Extended attributes: small values by name, beside the content of a file, directory or symbolic link.

use bytes::Bytes;

use super::FileSystem;
use super::path::Path;
use super::resolve::{Last, look, resolve};
use crate::error::{Error, Result, Status};
use crate::filespace::Draft;
use crate::state::Tables;
use crate::state::ops::{Op, RemoveXattr, SetXattr, Transaction, XattrMode};
use crate::state::xattrs::{MAX_XATTR_VALUE, is_valid_xattr_name};

/// An extended attribute of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Xattr {
    /// Its name.
    pub name: String,
    /// Bytes of its value.
    pub size: usize,
}

impl FileSystem {
    /// The value of an extended attribute. Here and below, `follow` says whether a symbolic link at the end of the
    /// path is followed.
    pub fn xattr(&self, path: &Path, name: &str, follow: bool) -> Result<Bytes> {
        check_name(name)?;
        self.link.read_fresh(|state| {
            let (ino, _) = look(state, &self.root, path, last(follow))?;
            Ok(state.xattr(ino, name)?.ok_or_else(|| missing(path, name))?)
        })
    }

    /// The extended attributes of what a path leads to, in byte order of their names, all of one moment.
    pub fn list_xattrs(&self, path: &Path, follow: bool) -> Result<Vec<Xattr>> {
        self.link.read_fresh(|state| {
            let (ino, _) = look(state, &self.root, path, last(follow))?;
            state
                .xattrs(ino)
                .map(|item| item.map(|(name, v)| Xattr { name, size: v.len() }))
                .collect::<Result<_, _>>()
                .map_err(Into::into)
        })
    }

    /// Gives an extended attribute a value; `mode` says what is expected of it before.
    pub fn set_xattr(
        &self,
        path: &Path,
        name: &str,
        value: &[u8],
        mode: XattrMode,
        follow: bool,
    ) -> Result<()> {
        check_name(name)?;
        if value.len() > MAX_XATTR_VALUE {
            let what = format!("value: it has {} bytes, more than {MAX_XATTR_VALUE}", value.len());
            return Err(Error::new(Status::InvalidArgument, what).on_path(path.text()));
        }
        let value = Bytes::copy_from_slice(value);
        let time = self.link.env().clock.now();
        self.publish_below(path, last(follow), false)?;
        self.mutate(path, |state| {
            let found = resolve(state, &self.root, path, last(follow))?.existing(path)?;
            match (mode, state.xattr(found.ino, name)?) {
                (XattrMode::Create, Some(_)) => {
                    let what = format!("the attribute {name:?} exists already");
                    return Err(Error::new(Status::Exists, what).on_path(path.text()).into());
                }
                (XattrMode::Replace, None) => return Err(missing(path, name).into()),
                _ => {}
            }
            let (name, value) = (name.to_owned(), value.clone());
            let op = SetXattr { ino: found.ino.0, name, value, mode: mode.into(), time };
            Ok(Draft::new(Transaction { hops: found.all_hops(), ops: vec![Op::SetXattr(op).wrap()] }))
        })?;
        Ok(())
    }

    /// Removes an extended attribute.
    pub fn remove_xattr(&self, path: &Path, name: &str, follow: bool) -> Result<()> {
        check_name(name)?;
        let time = self.link.env().clock.now();
        self.publish_below(path, last(follow), false)?;
        self.mutate(path, |state| {
            let found = resolve(state, &self.root, path, last(follow))?.existing(path)?;
            if state.xattr(found.ino, name)?.is_none() {
                return Err(missing(path, name).into());
            }
            let op = RemoveXattr { ino: found.ino.0, name: name.to_owned(), time };
            Ok(Draft::new(Transaction { hops: found.all_hops(), ops: vec![Op::RemoveXattr(op).wrap()] }))
        })?;
        Ok(())
    }
}

fn last(follow: bool) -> Last {
    if follow { Last::Follow } else { Last::NoFollow }
}

fn check_name(name: &str) -> Result<()> {
    match is_valid_xattr_name(name) {
        true => Ok(()),
        false => Err(Error::new(
            Status::InvalidArgument,
            "name: the name of an extended attribute has 1 to 255 bytes and no NUL",
        )),
    }
}

fn missing(path: &Path, name: &str) -> Error {
    Error::new(Status::NoAttribute, format!("there is no attribute {name:?}")).on_path(path.text())
}

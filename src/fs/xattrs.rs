//! Extended attributes: small values by name, beside the content of a file, directory or symbolic link.

use bytes::Bytes;

use super::FileSystem;
use super::change::{Change, no_attribute};
use super::path::Path;
use super::resolve::{Last, look};
use crate::error::{Error, Result, Status};
use crate::state::Tables;
use crate::state::ops::XattrMode;
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
            let (ino, _) = look(state, &self.root, path, Last::of(follow))?;
            Ok(state.xattr(ino, name)?.ok_or_else(|| no_attribute(path, name))?)
        })
    }

    /// The extended attributes of what a path leads to, in byte order of their names, all of one moment.
    pub fn list_xattrs(&self, path: &Path, follow: bool) -> Result<Vec<Xattr>> {
        self.link.read_fresh(|state| {
            let (ino, _) = look(state, &self.root, path, Last::of(follow))?;
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
        self.carry_out(&set_xattr(path, name, value, mode, follow)?)
    }

    /// Removes an extended attribute.
    pub fn remove_xattr(&self, path: &Path, name: &str, follow: bool) -> Result<()> {
        self.carry_out(&remove_xattr(path, name, follow)?)
    }
}

pub(super) fn remove_xattr(path: &Path, name: &str, follow: bool) -> Result<Change> {
    check_name(name)?;
    let (path, name, last) = (path.clone(), name.to_owned(), Last::of(follow));
    Ok(Change::RemoveXattr { path, name, last })
}

/// An attribute with a name and a value that it can have.
pub(super) fn set_xattr(
    path: &Path,
    name: &str,
    value: &[u8],
    mode: XattrMode,
    follow: bool,
) -> Result<Change> {
    check_name(name)?;
    if value.len() > MAX_XATTR_VALUE {
        let what = format!("value: it has {} bytes, more than {MAX_XATTR_VALUE}", value.len());
        return Err(Error::new(Status::InvalidArgument, what).on_path(path.text()));
    }
    let (path, name, value) = (path.clone(), name.to_owned(), Bytes::copy_from_slice(value));
    Ok(Change::SetXattr { path, name, value, mode, last: Last::of(follow) })
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

//! Copies that share their blocks: a call costs the same whatever the file's size.

use super::FileSystem;
use super::path::Path;
use super::resolve::{Last, look, resolve};
use crate::error::{Error, Result, Status};
use crate::filespace::Draft;
use crate::state::ops::{Copy, Op, Transaction};
use crate::state::value::Kind;

impl FileSystem {
    /// Makes a file with the content, attributes and times of another; a symbolic link at the end of `from` is copied
    /// itself unless `follow`. What has the path `to` already is an error, or loses that name with `replace`.
    pub fn copy(&self, from: &Path, to: &Path, replace: bool, follow: bool) -> Result<()> {
        let last = if follow { Last::Follow } else { Last::NoFollow };
        self.publish_below(from, last, false)?;
        if let Ok((ino, _)) = self.link.read(|state| look(state, &self.root, from, last)) {
            self.publish_written(ino)?;
        }
        let ino = self.link.new_ino()?;
        let time = self.link.env().clock.now();
        self.change(from, to, false, |state| {
            let source = resolve(state, &self.root, from, last)?.existing(from)?;
            if source.inode.kind() == Kind::Directory {
                let what = "it is a directory; make one and copy what is in it";
                return Err(Error::new(Status::IsADirectory, what).on_path(from.text()).into());
            }
            let target = resolve(state, &self.root, to, Last::Name)?;
            let refuse = |status, what: &str| Err(Error::new(status, what).on_path(to.text()).into());
            let (parent, name, mut hops) = match &target.found {
                Some(_) if !replace || target.name.is_empty() => {
                    return refuse(Status::Exists, "the target exists already");
                }
                Some((_, inode)) if inode.kind() == Kind::Directory => {
                    return refuse(Status::IsADirectory, "the target is a directory, what is copied is not");
                }
                Some(_) if target.must_be_dir() => {
                    return refuse(Status::NotADirectory, "the target ends in '/' but is not a directory");
                }
                Some(_) => (target.parent, target.name, target.hops),
                None => {
                    let place = target.vacant(to, false)?;
                    (place.parent, place.name, place.hops)
                }
            };
            hops.extend(source.all_hops());
            let copy = Copy { from: source.ino.0, parent: parent.0, name, ino: ino.0, replace, time };
            Ok(Draft::new(Transaction { hops, ops: vec![Op::Copy(copy).wrap()] }))
        })?;
        Ok(())
    }
}

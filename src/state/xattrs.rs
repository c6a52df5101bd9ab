//! Extended attributes: small values by name, a table of their own. The inode counts them, so that their limits are
//! checked without a look at the others.

use super::apply::Judge;
use super::ops::{RemoveXattr, SetXattr, XattrMode};
use super::source::Tables;
use super::value::Inode;
use super::{Failure, Refusal, key};
use crate::ids::Ino;

/// The longest name of an extended attribute, in bytes.
pub const MAX_XATTR_NAME: usize = 255;
/// The longest value, in bytes.
pub const MAX_XATTR_VALUE: usize = 65536;
/// How many a file, directory or symbolic link may have.
pub const MAX_XATTRS: u32 = 1024;
/// How many bytes their names and values may have together.
pub const MAX_XATTR_BYTES: u32 = 1 << 20;

/// Whether an extended attribute may have this name.
pub fn is_valid_xattr_name(name: &str) -> bool {
    (1..=MAX_XATTR_NAME).contains(&name.len()) && !name.contains('\0')
}

impl Judge<'_> {
    pub(super) fn set_xattr(&mut self, op: &SetXattr) -> Result<(), Failure> {
        let ino = self.redirected(Ino(op.ino));
        let mut inode = self.scratch.inode(ino)?.ok_or(Refusal::Deleted)?;
        let mode = XattrMode::try_from(op.mode).map_err(|_| Refusal::Invalid)?;
        if !is_valid_xattr_name(&op.name) || op.value.len() > MAX_XATTR_VALUE {
            return Err(Refusal::Invalid.into());
        }
        let before = self.scratch.xattr(ino, &op.name)?;
        match (mode, &before) {
            (XattrMode::Create, Some(_)) => return Err(Refusal::Exists.into()),
            (XattrMode::Replace, None) => return Err(Refusal::NoAttribute.into()),
            _ => {}
        }
        if let Some(value) = before {
            discount(&mut inode, &op.name, &value);
        }
        inode.xattrs += 1;
        inode.xattr_bytes += size(&op.name, &op.value);
        if inode.xattrs > MAX_XATTRS || inode.xattr_bytes > MAX_XATTR_BYTES {
            return Err(Refusal::TooManyAttributes.into());
        }
        inode.ctime = op.time;
        self.scratch.put(key::xattr(ino, &op.name), op.value.to_vec());
        self.scratch.put_message(key::inode(ino), &inode);
        Ok(())
    }

    pub(super) fn remove_xattr(&mut self, op: &RemoveXattr) -> Result<(), Failure> {
        let ino = self.redirected(Ino(op.ino));
        let mut inode = self.scratch.inode(ino)?.ok_or(Refusal::Deleted)?;
        let value = self.scratch.xattr(ino, &op.name)?.ok_or(Refusal::NoAttribute)?;
        discount(&mut inode, &op.name, &value);
        inode.ctime = op.time;
        self.scratch.remove(key::xattr(ino, &op.name));
        self.scratch.put_message(key::inode(ino), &inode);
        Ok(())
    }

    /// Removes all that an inode has; the inode goes too.
    pub(super) fn discard_xattrs(&mut self, ino: Ino) -> Result<(), Failure> {
        let names: Vec<String> =
            self.scratch.xattrs(ino).map(|item| item.map(|(name, _)| name)).collect::<Result<_, _>>()?;
        names.iter().for_each(|name| self.scratch.remove(key::xattr(ino, name)));
        Ok(())
    }

    /// Gives an inode the attributes of another, which its own record counts already.
    pub(super) fn copy_xattrs(&mut self, from: Ino, to: Ino) -> Result<(), Failure> {
        let found: Vec<_> = self.scratch.xattrs(from).collect::<Result<_, _>>()?;
        for (name, value) in found {
            self.scratch.put(key::xattr(to, &name), value.to_vec());
        }
        Ok(())
    }
}

fn discount(inode: &mut Inode, name: &str, value: &[u8]) {
    inode.xattrs = inode.xattrs.saturating_sub(1);
    inode.xattr_bytes = inode.xattr_bytes.saturating_sub(size(name, value));
}

/// What an attribute counts. Both are within their limits, or were when they were set.
fn size(name: &str, value: &[u8]) -> u32 {
    (name.len() + value.len()) as u32
}

//! The model's copies: every byte, again.

use lucidlink::state::Refusal;
use lucidlink::state::ops::Copy;
use lucidlink::state::value::{Inode, Kind};

use super::model::{Commit, Judged, refuse_if};

impl Commit<'_> {
    pub fn copy(&mut self, op: &Copy) -> Judged {
        let parent = self.directory(op.parent)?;
        let from = self.stands_for(op.from);
        let kind = self.state.kind(from);
        refuse_if(kind == Kind::None, Refusal::StalePath)?;
        refuse_if(kind == Kind::Directory, Refusal::IsADirectory)?;
        let target = self.name(parent, &op.name)?;
        refuse_if(target.is_some() && !op.replace, Refusal::Exists)?;
        refuse_if(target.is_some_and(|t| self.state.kind(t) == Kind::Directory), Refusal::IsADirectory)?;

        let source = self.state.nodes[&from].clone();
        self.add(parent, &op.name, op.ino, kind, source.inode.clone(), op.time)?;
        let Inode { mtime, atime, .. } = source.inode;
        let copy = self.state.node(op.ino);
        (copy.inode.mtime, copy.inode.atime) = (mtime, atime);
        (copy.cells, copy.xattrs) = (source.cells.clone(), source.xattrs.clone());
        if let Some(target) = target {
            self.name_was_dropped(target, op.time);
        }
        Ok(())
    }
}

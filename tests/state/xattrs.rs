//! The model's extended attributes.

use lucidlink::state::Refusal;
use lucidlink::state::ops::{RemoveXattr, SetXattr};

use super::model::{Commit, Judged, refuse_if};

impl Commit<'_> {
    pub fn set_xattr(&mut self, op: &SetXattr) -> Judged {
        let ino = self.stands_for(op.ino);
        let node = self.state.nodes.get(&ino).ok_or(Refusal::Deleted)?;
        refuse_if(![0, 1, 2].contains(&op.mode), Refusal::Invalid)?;
        refuse_if(op.name.is_empty() || op.name.len() > 255 || op.name.contains('\0'), Refusal::Invalid)?;
        refuse_if(op.value.len() > 65536, Refusal::Invalid)?;
        let is_there = node.xattrs.contains_key(&op.name);
        refuse_if(op.mode == 1 && is_there, Refusal::Exists)?;
        refuse_if(op.mode == 2 && !is_there, Refusal::NoAttribute)?;
        let node = self.state.node(ino);
        node.xattrs.insert(op.name.clone(), op.value.clone());
        node.inode.ctime = op.time;
        let bytes: usize = node.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
        refuse_if(node.xattrs.len() > 1024 || bytes > 1 << 20, Refusal::TooManyAttributes)
    }

    pub fn remove_xattr(&mut self, op: &RemoveXattr) -> Judged {
        let ino = self.stands_for(op.ino);
        refuse_if(!self.state.nodes.contains_key(&ino), Refusal::Deleted)?;
        refuse_if(!self.state.nodes[&ino].xattrs.contains_key(&op.name), Refusal::NoAttribute)?;
        let node = self.state.node(ino);
        node.xattrs.remove(&op.name);
        node.inode.ctime = op.time;
        Ok(())
    }
}

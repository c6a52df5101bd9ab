//! The model's names.

use std::rc::Rc;

use lucidlink::state::Refusal;
use lucidlink::state::ops::{Create, Link, MakeDir, Reap, Remove, Rename, SetAttributes, Symlink};
use lucidlink::state::value::{Inode, Kind};

use super::model::{Commit, Judged, Node, ROOT, State, refuse_if};

impl State {
    pub fn kind(&self, ino: u64) -> Kind {
        self.nodes.get(&ino).map_or(Kind::None, |node| node.inode.kind())
    }

    /// How many names lead to an inode.
    pub fn names(&self, ino: u64) -> u32 {
        self.nodes.values().flat_map(|n| n.entries.values()).filter(|i| **i == ino).count() as u32
    }

    pub fn node(&mut self, ino: u64) -> &mut Node {
        Rc::make_mut(self.nodes.get_mut(&ino).expect("an inode of the model"))
    }
}

impl Commit<'_> {
    pub fn make_dir(&mut self, op: &MakeDir) -> Judged {
        let parent = self.directory(op.parent)?;
        if let Some(found) = self.name(parent, &op.name)? {
            refuse_if(!op.existing_ok, Refusal::Exists)?;
            refuse_if(self.state.kind(found) != Kind::Directory, Refusal::StalePath)?;
            return self.redirect(op.ino, found);
        }
        let inode = Inode { mode: op.mode & 0o7777, uid: op.uid, gid: op.gid, ..Inode::default() };
        self.add(parent, &op.name, op.ino, Kind::Directory, inode, op.time)
    }

    pub fn create(&mut self, op: &Create) -> Judged {
        let parent = self.directory(op.parent)?;
        if let Some(found) = self.name(parent, &op.name)? {
            refuse_if(op.exclusive, Refusal::Exists)?;
            return match self.state.kind(found) {
                Kind::File => self.redirect(op.ino, found),
                Kind::Directory => Err(Refusal::IsADirectory),
                _ => Err(Refusal::StalePath),
            };
        }
        let inode = Inode { mode: op.mode & 0o7777, uid: op.uid, gid: op.gid, ..Inode::default() };
        self.add(parent, &op.name, op.ino, Kind::File, inode, op.time)
    }

    pub fn symlink(&mut self, op: &Symlink) -> Judged {
        let parent = self.directory(op.parent)?;
        let length = op.target.len();
        refuse_if(length == 0 || length > 4096 || op.target.contains('\0'), Refusal::Invalid)?;
        refuse_if(self.name(parent, &op.name)?.is_some(), Refusal::Exists)?;
        let inode = Inode {
            mode: 0o777,
            uid: op.uid,
            gid: op.gid,
            size: length as u64,
            target: op.target.clone(),
            ..Inode::default()
        };
        self.add(parent, &op.name, op.ino, Kind::Symlink, inode, op.time)
    }

    pub fn link(&mut self, op: &Link) -> Judged {
        let parent = self.directory(op.parent)?;
        let ino = self.stands_for(op.ino);
        match self.state.kind(ino) {
            Kind::None => return Err(Refusal::StalePath),
            Kind::Directory => return Err(Refusal::IsADirectory),
            Kind::File | Kind::Symlink => {}
        }
        refuse_if(self.name(parent, &op.name)?.is_some(), Refusal::Exists)?;
        self.state.node(parent).entries.insert(op.name.clone(), ino);
        let inode = &mut self.state.node(ino).inode;
        (inode.parent, inode.name, inode.ctime) = (parent, op.name.clone(), op.time);
        self.touch(parent, op.time);
        Ok(())
    }

    pub fn unlink(&mut self, op: &Remove) -> Judged {
        let (parent, ino) = self.expected(op.parent, &op.name, op.ino)?;
        refuse_if(self.state.kind(ino) == Kind::Directory, Refusal::IsADirectory)?;
        self.state.node(parent).entries.remove(&op.name);
        self.name_was_dropped(ino, op.time);
        self.touch(parent, op.time);
        Ok(())
    }

    pub fn remove_dir(&mut self, op: &Remove) -> Judged {
        let (parent, ino) = self.expected(op.parent, &op.name, op.ino)?;
        refuse_if(self.state.kind(ino) != Kind::Directory, Refusal::NotADirectory)?;
        refuse_if(!self.state.nodes[&ino].entries.is_empty(), Refusal::NotEmpty)?;
        self.state.node(parent).entries.remove(&op.name);
        self.state.nodes.remove(&ino);
        self.touch(parent, op.time);
        Ok(())
    }

    pub fn remove_tree(&mut self, op: &Remove) -> Judged {
        let (parent, ino) = self.expected(op.parent, &op.name, op.ino)?;
        refuse_if(self.state.kind(ino) != Kind::Directory, Refusal::NotADirectory)?;
        self.state.node(parent).entries.remove(&op.name);
        self.state.detached.insert(ino);
        self.touch(parent, op.time);
        Ok(())
    }

    pub fn reap(&mut self, op: &Reap) -> Judged {
        if !self.state.detached.contains(&op.root) {
            return Ok(());
        }
        for _ in 0..op.limit.clamp(1, 4096) {
            let Some((_, ino)) = self.state.node(op.root).entries.pop_first() else {
                // Fewer than the limit: the directory goes too.
                self.state.detached.remove(&op.root);
                self.state.nodes.remove(&op.root);
                return Ok(());
            };
            match self.state.kind(ino) {
                Kind::Directory => drop(self.state.detached.insert(ino)),
                _ => self.name_was_dropped(ino, 0),
            }
        }
        Ok(())
    }

    pub fn rename(&mut self, op: &Rename) -> Judged {
        let (from, ino) = self.expected(op.from_parent, &op.from_name, op.ino)?;
        let to = self.directory(op.to_parent)?;
        let target = self.name(to, &op.to_name)?;
        refuse_if(target.is_some() && !op.replace, Refusal::Exists)?;
        let is_dir = self.state.kind(ino) == Kind::Directory;
        refuse_if(is_dir && self.is_above(ino, to), Refusal::MoveIntoItself)?;
        if target == Some(ino) {
            return Ok(());
        }
        if let Some(target) = target {
            let onto_dir = self.state.kind(target) == Kind::Directory;
            refuse_if(is_dir && !onto_dir, Refusal::NotADirectory)?;
            refuse_if(!is_dir && onto_dir, Refusal::IsADirectory)?;
            refuse_if(onto_dir && !self.state.nodes[&target].entries.is_empty(), Refusal::NotEmpty)?;
            self.state.node(to).entries.remove(&op.to_name);
            match onto_dir {
                true => drop(self.state.nodes.remove(&target)),
                false => self.name_was_dropped(target, op.time),
            }
        }
        self.state.node(from).entries.remove(&op.from_name);
        self.state.node(to).entries.insert(op.to_name.clone(), ino);
        let moved = &mut self.state.node(ino).inode;
        (moved.parent, moved.name, moved.ctime) = (to, op.to_name.clone(), op.time);
        self.touch(from, op.time);
        self.touch(to, op.time);
        Ok(())
    }

    pub fn set_attributes(&mut self, op: &SetAttributes) -> Judged {
        let ino = self.stands_for(op.ino);
        refuse_if(!self.state.nodes.contains_key(&ino), Refusal::Deleted)?;
        let inode = &mut self.state.node(ino).inode;
        inode.mode = op.mode.unwrap_or(inode.mode) & 0o7777;
        inode.uid = op.uid.unwrap_or(inode.uid);
        inode.gid = op.gid.unwrap_or(inode.gid);
        inode.atime = op.atime.unwrap_or(inode.atime);
        inode.mtime = op.mtime.unwrap_or(inode.mtime);
        inode.ctime = op.time;
        Ok(())
    }

    pub fn directory(&self, number: u64) -> Judged<u64> {
        let ino = self.stands_for(number);
        match self.state.kind(ino) {
            Kind::Directory => Ok(ino),
            Kind::None => Err(Refusal::StalePath),
            Kind::File | Kind::Symlink => Err(Refusal::NotADirectory),
        }
    }

    /// What a name leads to.
    pub fn name(&self, parent: u64, name: &str) -> Judged<Option<u64>> {
        let invalid = name.is_empty() || name.len() > 255 || [".", ".."].contains(&name);
        refuse_if(invalid || name.contains(['/', '\0']), Refusal::Invalid)?;
        Ok(self.state.nodes[&parent].entries.get(name).copied())
    }

    fn expected(&self, parent: u64, name: &str, number: u64) -> Judged<(u64, u64)> {
        let parent = self.directory(parent)?;
        let ino = self.stands_for(number);
        refuse_if(self.name(parent, name)? != Some(ino), Refusal::StalePath)?;
        Ok((parent, ino))
    }

    /// Whether a directory is another one or above it.
    fn is_above(&self, ino: u64, mut other: u64) -> bool {
        while other != ino && other != ROOT && !self.state.detached.contains(&other) {
            match self.state.nodes.get(&other) {
                Some(node) => other = node.inode.parent,
                None => return false,
            }
        }
        other == ino
    }

    pub fn add(&mut self, parent: u64, name: &str, ino: u64, kind: Kind, inode: Inode, time: i64) -> Judged {
        refuse_if(!self.is_own(ino) || self.state.nodes.contains_key(&ino), Refusal::BadInode)?;
        let (mtime, ctime, btime, atime) = (time, time, time, time);
        let inode = Inode { kind: kind.into(), mtime, ctime, btime, atime, version: self.at, ..inode };
        let inode = Inode { parent, name: name.to_owned(), ..inode };
        self.state.nodes.insert(ino, Rc::new(Node { inode, ..Node::default() }));
        self.state.node(parent).entries.insert(name.to_owned(), ino);
        self.touch(parent, time);
        Ok(())
    }

    /// A file or symbolic link has one name less.
    pub fn name_was_dropped(&mut self, ino: u64, time: i64) {
        if self.state.names(ino) == 0 {
            self.state.nodes.remove(&ino);
        } else {
            let Inode { parent, name, .. } = &self.state.nodes[&ino].inode;
            let has_last = self.state.nodes.get(parent).is_some_and(|p| p.entries.get(name) == Some(&ino));
            let inode = &mut self.state.node(ino).inode;
            inode.ctime = inode.ctime.max(time);
            if !has_last {
                (inode.parent, inode.name) = (0, String::new());
            }
        }
    }

    fn touch(&mut self, directory: u64, time: i64) {
        let at = self.at;
        let inode = &mut self.state.node(directory).inode;
        (inode.mtime, inode.ctime, inode.version) = (time, time, at);
    }
}

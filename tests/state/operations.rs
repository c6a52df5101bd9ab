//! Random operations, most of which can take effect on the state that a commit has come to.

use bytes::Bytes;
use lucidlink::ids::{Ino, SessionNo};
use lucidlink::state::ops::{
    AcceptFork, Checkpoint, CloseSession, Content, Copy, Create, End, Link, MakeDir, NewIncarnation, NewPack,
    Op, OpenSession, Punch, Reap, Remove, RemoveXattr, Rename, RevokeMember, SetAttributes, SetMember,
    SetQuota, SetXattr, Symlink, Truncate,
};
use lucidlink::state::value::Kind;

use super::commits::Commits;
use super::model::{Commit, ROOT};

const BAD_NAMES: [&str; 5] = ["", ".", "..", "a/b", "nul\0"];

impl Commits {
    pub fn operation(&mut self, commit: &Commit<'_>, packs: &[NewPack]) -> Op {
        let time = self.chance.below(1000) as i64 - 20;
        let crowded = commit.state.nodes.len() > 60;
        match self.chance.below(174) {
            0..12 if !crowded => self.make_dir(commit, time),
            0..28 if !crowded => self.create(commit, time),
            28..31 => Op::Symlink(Symlink {
                parent: self.directory(commit),
                name: self.name(),
                ino: self.new_number(commit),
                target: self.target(),
                uid: 1,
                gid: 2,
                time,
            }),
            31..36 => Op::Link(Link {
                parent: self.directory(commit),
                name: self.name(),
                ino: self.file(commit),
                time,
            }),
            36..42 => Op::Unlink(self.remove(commit, time, |kind| kind != Kind::Directory)),
            42..46 => Op::RemoveDir(self.remove(commit, time, |kind| kind == Kind::Directory)),
            0..12 | 46..48 => Op::RemoveTree(self.remove(commit, time, |kind| kind == Kind::Directory)),
            12..28 | 48..52 => {
                let detached = self.chance.of(commit.state.detached.iter().copied());
                let root = detached.filter(|_| !self.chance.once_in(10));
                let limit = self.chance.one(&[0, 1, 2, 3, 5000]);
                Op::Reap(Reap { root: root.unwrap_or_else(|| self.any_number(commit)), limit })
            }
            52..60 => self.rename(commit, time),
            60..63 => self.set_attributes(commit, time),
            63..68 => {
                let mut content = self.content(commit, packs, time);
                let end = content.extents.last().map_or(0, |e| e.offset.saturating_add(e.length));
                content.size = match self.chance.below(20) {
                    0 => end.wrapping_sub(1),
                    1 => self.chance.one(&[1 << 63, (1 << 63) - 1]),
                    _ => end.saturating_add(self.chance.below(9)),
                };
                Op::Replace(content)
            }
            68..77 => Op::Write(self.content(commit, packs, time)),
            77..85 => Op::Append(self.content(commit, packs, time)),
            85..89 => {
                let ino = if self.chance.once_in(4) { self.any_number(commit) } else { self.file(commit) };
                Op::Truncate(Truncate { ino, size: self.size(commit), time })
            }
            89..91 => {
                let offset = self.size(commit);
                let length = self.chance.one(&[0, 1, 3, 9, 100, u64::MAX]);
                let ino = if self.chance.once_in(2) { self.any_number(commit) } else { self.file(commit) };
                Op::Punch(Punch { ino, offset, length, time })
            }
            91..94 => self.set_member(commit),
            94 => {
                let id = self.chance.one(&self.accounts).key_id();
                let id = Bytes::copy_from_slice(&id.0[..if self.chance.once_in(10) { 15 } else { 16 }]);
                Op::RevokeMember(RevokeMember { key_id: id })
            }
            95..97 => self.close_session(commit),
            97..99 => self.checkpoint(commit),
            99..109 => self.set_xattr(commit, time),
            109..112 => self.remove_xattr(commit, time),
            112..121 => self.copy(commit, time),
            121..125 => self.set_quota(commit),
            125..128 => self.new_incarnation(commit),
            128..130 => Op::AcceptFork(AcceptFork {
                position: if self.chance.once_in(4) { self.chance.below(9) } else { commit.state.fork },
            }),
            130..134 => self.take_snapshot(time),
            134..136 => self.drop_snapshot(commit),
            136..143 => self.restore(commit, packs, time),
            143..146 => self.new_generation(commit),
            146..170 => self.locking(commit),
            _ if !commit.is_by_admin() => Op::End(End {}),
            _ => Op::OpenSession(OpenSession {}),
        }
    }

    fn make_dir(&mut self, commit: &Commit<'_>, time: i64) -> Op {
        Op::MakeDir(MakeDir {
            parent: self.directory(commit),
            name: self.name(),
            ino: self.new_number(commit),
            mode: self.chance.below(1 << 16) as u32,
            uid: 3,
            gid: 4,
            time,
            existing_ok: self.chance.once_in(2),
        })
    }

    fn create(&mut self, commit: &Commit<'_>, time: i64) -> Op {
        Op::Create(Create {
            parent: self.directory(commit),
            name: self.name(),
            ino: self.new_number(commit),
            mode: self.chance.below(1 << 16) as u32,
            uid: 5,
            gid: 6,
            time,
            exclusive: self.chance.once_in(3),
        })
    }

    fn remove(&self, commit: &Commit<'_>, time: i64, wanted: fn(Kind) -> bool) -> Remove {
        let suitable = |entry: &(u64, String, u64)| wanted(commit.state.kind(commit.stands_for(entry.2)));
        let entry = (0..4).filter_map(|_| self.entry(commit)).find(suitable).or_else(|| self.entry(commit));
        let (mut parent, mut name, mut ino) = entry.unwrap_or((ROOT, self.name(), 77));
        if self.chance.once_in(8) {
            match self.chance.below(4) {
                0 => parent = self.any_number(commit),
                1 => name = self.name(),
                2 => name = self.chance.one(&BAD_NAMES).to_owned(),
                _ => ino = self.any_number(commit),
            }
        }
        Remove { parent, name, ino, time }
    }

    fn rename(&self, commit: &Commit<'_>, time: i64) -> Op {
        let from = self.remove(commit, time, |_| true);
        let (to_parent, to_name) = match self.entry(commit).filter(|_| self.chance.once_in(2)) {
            Some((parent, name, _)) => (parent, name),
            None => (self.directory(commit), self.name()),
        };
        Op::Rename(Rename {
            from_parent: from.parent,
            from_name: from.name,
            ino: from.ino,
            to_parent,
            to_name,
            replace: !self.chance.once_in(3),
            time,
        })
    }

    fn set_attributes(&self, commit: &Commit<'_>, time: i64) -> Op {
        let number = |limit| Some(self.chance.below(limit)).filter(|_| self.chance.once_in(2));
        Op::SetAttributes(SetAttributes {
            ino: self.any_number(commit),
            mode: number(1 << 16).map(|n| n as u32),
            uid: number(9).map(|n| n as u32),
            gid: number(9).map(|n| n as u32),
            atime: number(99).map(|n| n as i64),
            mtime: number(99).map(|n| n as i64),
            time,
        })
    }

    fn set_xattr(&self, commit: &Commit<'_>, time: i64) -> Op {
        let (ino, name) = self.attribute(commit);
        let length = self.chance.one(&[0, 1, 7, 7, 7, 300, 65_536, 65_537]);
        // Of one kind, so that values are the same now and then.
        let value = Bytes::from(vec![self.chance.below(3) as u8; length]);
        let mode = self.chance.one(&[0, 0, 0, 0, 1, 2, 3, -1]);
        Op::SetXattr(SetXattr { ino, name, value, mode, time })
    }

    fn remove_xattr(&self, commit: &Commit<'_>, time: i64) -> Op {
        let (ino, name) = self.attribute(commit);
        Op::RemoveXattr(RemoveXattr { ino, name, time })
    }

    /// An inode and the name of an attribute. Often the root, which gets full.
    fn attribute(&self, commit: &Commit<'_>) -> (u64, String) {
        let ino = if self.chance.once_in(3) { self.any_number(commit) } else { ROOT };
        let node = commit.state.nodes.get(&commit.stands_for(ino));
        let known = self.chance.of(node.into_iter().flat_map(|node| node.xattrs.keys().cloned()));
        let name = match self.chance.below(30) {
            0 => self.chance.one(&["", "nul\0"]).to_owned(),
            1 => "x".repeat(256),
            2 => "x".repeat(255),
            3 => "user.a/b".to_owned(),
            4..8 => known.unwrap_or_default(),
            _ => format!("user.{}", self.chance.below(40)),
        };
        (ino, name)
    }

    fn copy(&self, commit: &Commit<'_>, time: i64) -> Op {
        let from = match self.chance.once_in(6) {
            true => self.any_number(commit),
            false => self.file(commit),
        };
        let (parent, name) = match self.entry(commit).filter(|_| self.chance.once_in(3)) {
            Some((parent, name, _)) => (parent, name),
            None => (self.directory(commit), self.name()),
        };
        let (ino, replace) = (self.new_number(commit), self.chance.once_in(2));
        Op::Copy(Copy { from, parent, name, ino, replace, time })
    }

    /// A limit near what there is, or none.
    fn set_quota(&self, commit: &Commit<'_>) -> Op {
        let (bytes, entries) = commit.state.weight();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let limit = |there_is: u64| match self.chance.below(4) {
            0 => there_is.saturating_sub(1),
            1 => there_is.saturating_add(self.chance.below(5)),
            _ => 0,
        };
        Op::SetQuota(SetQuota { bytes: limit(bytes), entries: limit(entries) })
    }

    pub fn content(&self, commit: &Commit<'_>, packs: &[NewPack], time: i64) -> Content {
        let extents = self.extents(commit, packs);
        Content { ino: self.file(commit), extents, size: 0, time }
    }

    fn set_member(&self, commit: &Commit<'_>) -> Op {
        let keys = self.chance.one(&self.accounts);
        let mut sign = Bytes::copy_from_slice(&keys.sign);
        let mut kem = Bytes::copy_from_slice(&keys.kem);
        match self.chance.below(30) {
            0 => sign.truncate(31),
            1 => kem.truncate(31),
            2 => sign = Bytes::from_static(&[0; 32]), // of small order
            _ => {}
        }
        let role = self.chance.one(&[0, 1, 2, 2, 2, 3, 3, 4, u32::MAX]);
        let generation = commit.state.generation + u32::from(self.chance.once_in(8));
        Op::SetMember(SetMember { sign, kem, role, generation })
    }

    fn close_session(&self, commit: &Commit<'_>) -> Op {
        let own = commit.envelope.session;
        let any = self.chance.of(commit.state.sessions.keys().copied()).unwrap_or(own);
        let session = if self.chance.once_in(3) { own } else { any };
        let last_k = commit.state.sessions.get(&session).map_or(0, |s| s.last_k) + u64::from(session == own);
        let last_k = match self.chance.below(8) {
            0 => last_k + 1,
            1 => 0,
            _ => last_k,
        };
        let length = if self.chance.once_in(15) { 15 } else { 16 };
        Op::CloseSession(CloseSession { session: Bytes::copy_from_slice(&session.0[..length]), last_k })
    }

    fn new_incarnation(&self, commit: &Commit<'_>) -> Op {
        let mut incarnation = match self.chance.once_in(5) {
            true => self.chance.one(&commit.state.lives).0.to_vec(),
            false => self.chance.bytes::<16>().to_vec(),
        };
        incarnation.truncate(if self.chance.once_in(15) { 15 } else { 16 });
        // What is not behind the author is refused, and mostly that is an old session.
        let survived = u64::from(commit.number).saturating_sub(self.chance.below(9));
        Op::NewIncarnation(NewIncarnation { incarnation: incarnation.into(), survived })
    }

    fn checkpoint(&self, commit: &Commit<'_>) -> Op {
        let of_snapshot = self.chance.of(commit.state.snapshots.keys().map(|(at, _)| *at));
        let of_snapshot = of_snapshot.filter(|at| *at < commit.at && self.chance.once_in(2));
        let any = (commit.at - 1).saturating_sub(self.chance.below(30));
        let position = of_snapshot.unwrap_or(any);
        let mut announced = Checkpoint {
            position,
            state_hash: Bytes::copy_from_slice(&commit.hash_at(position).0),
            manifest: Bytes::from_static(&[7; 16]),
            manifest_hash: Bytes::from_static(&[8; 32]),
        };
        match self.chance.below(12) {
            0 => announced.position = commit.at,
            1 => announced.position += 1,
            2 => announced.manifest.truncate(15),
            3 => announced.manifest_hash.truncate(31),
            4 => announced.state_hash.truncate(31),
            _ => {}
        }
        Op::Checkpoint(announced)
    }

    fn name(&self) -> String {
        match self.chance.below(60) {
            0 => self.chance.one(&BAD_NAMES).to_owned(),
            1 => "x".repeat(256),
            2 => "x".repeat(255),
            3 => "\u{e9}".to_owned(),
            _ => self.chance.one(&["a", "b", "c", "d", "e", "f"]).to_owned(),
        }
    }

    fn target(&self) -> String {
        match self.chance.below(10) {
            0 => self.chance.one(&["", "nul\0"]).to_owned(),
            1 => "t".repeat(4097),
            2 => "t".repeat(4096),
            _ => "../a".to_owned(),
        }
    }

    /// A size near that of some file, or far from any.
    fn size(&self, commit: &Commit<'_>) -> u64 {
        let node = self.chance.of(commit.state.nodes.values().cloned());
        match self.chance.below(20) {
            0 => self.chance.one(&[1 << 63, (1 << 63) - 1]),
            1..4 => 0,
            4..10 => node.map_or(0, |n| n.inode.size).saturating_add(self.chance.below(5)),
            _ => self.chance.below(60),
        }
    }

    /// A name that there is: directory, name, inode.
    pub fn entry(&self, commit: &Commit<'_>) -> Option<(u64, String, u64)> {
        let entries = commit
            .state
            .nodes
            .iter()
            .flat_map(|(parent, node)| node.entries.iter().map(|(name, ino)| (*parent, name, *ino)));
        let (parent, name, ino) = self.chance.of(entries)?;
        Some((self.alias(commit, parent), name.clone(), self.alias(commit, ino)))
    }

    fn directory(&self, commit: &Commit<'_>) -> u64 {
        self.number(commit, |kind| kind == Kind::Directory)
    }

    pub fn file(&self, commit: &Commit<'_>) -> u64 {
        self.number(commit, |kind| kind == Kind::File)
    }

    fn number(&self, commit: &Commit<'_>, wanted: fn(Kind) -> bool) -> u64 {
        let suitable = commit.state.nodes.iter().filter(|(_, node)| wanted(node.inode.kind()));
        let found = self.chance.of(suitable.map(|(ino, _)| *ino)).filter(|_| !self.chance.once_in(15));
        found.map_or_else(|| self.any_number(commit), |ino| self.alias(commit, ino))
    }

    /// Any inode, or none.
    pub fn any_number(&self, commit: &Commit<'_>) -> u64 {
        let found = self.chance.of(commit.state.nodes.keys().copied()).filter(|_| !self.chance.once_in(6));
        found.map_or_else(|| self.new_number(commit), |ino| self.alias(commit, ino))
    }

    /// An inode's number, or one that stands for it.
    fn alias(&self, commit: &Commit<'_>, ino: u64) -> u64 {
        let aliases = commit.state.redirects.iter().filter(|(_, existing)| **existing == ino);
        self.chance.of(aliases.map(|(number, _)| *number)).unwrap_or(ino)
    }

    /// Mostly a number that the author may give to something new.
    fn new_number(&self, commit: &Commit<'_>) -> u64 {
        let session = match self.chance.once_in(30) {
            true => self.chance.below(commit.at + 1) as u32,
            false => commit.number,
        };
        Ino::new(SessionNo(session), self.chance.below(400) as u32 + 2).0
    }
}

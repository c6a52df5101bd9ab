//! What a filespace is after each commit, as plainly as `docs/format.md` puts it: maps of inodes, names and bytes that
//! are copied before a transaction and put back if it is refused. Whatever can be counted is counted, not kept.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bytes::Bytes;
use lucidlink::crypto::account::PublicKeys;
use lucidlink::ids::{Hash, Ino, KeyId, PackId, SessionId};
use lucidlink::log::envelope::Envelope;
use lucidlink::state::apply::Void;
use lucidlink::state::ops::{
    self, Body, Checkpoint, CloseSession, NewIncarnation, NewPack, Op, RevokeMember, SetMember, Transaction,
};
use lucidlink::state::replica::Birth;
use lucidlink::state::value::{
    CheckpointRecord, GenerationRecord, Inode, Kind, Member, Outcome, Pack, Role, Session, SnapshotRecord,
};
use lucidlink::state::{Refusal, WINDOW};

use super::content::Cell;
use super::locks::Cells;
use super::slot::Slot;

pub type Judged<T = ()> = Result<T, Refusal>;

pub const ROOT: u64 = Ino::ROOT.0;

/// A file, directory or symbolic link. How many names it has is counted when somebody asks.
#[derive(Clone, Default)]
pub struct Node {
    pub inode: Inode,
    pub entries: BTreeMap<String, u64>,
    /// What each byte of a file is, by its offset; the others are zero.
    pub cells: BTreeMap<u64, Cell>,
    pub xattrs: BTreeMap<String, Bytes>,
}

/// What a commit can change.
#[derive(Clone, Default)]
pub struct State {
    pub nodes: BTreeMap<u64, Rc<Node>>,
    pub detached: BTreeSet<u64>,
    /// Without their live bytes.
    pub packs: BTreeMap<PackId, Pack>,
    /// By the position where they died.
    pub dead: BTreeSet<(u64, PackId)>,
    pub members: BTreeMap<KeyId, Member>,
    pub sessions: BTreeMap<SessionId, Session>,
    /// By file; none is empty.
    pub locks: BTreeMap<u64, Cells>,
    /// By the position where they were closed.
    pub closed: BTreeSet<(u64, SessionId)>,
    pub checkpoint: Option<CheckpointRecord>,
    /// By position and name.
    pub snapshots: BTreeMap<(u64, String), SnapshotRecord>,
    pub fork: u64,
    /// The key generation that goes on, and what is to be said of some.
    pub generation: u32,
    pub generations: BTreeMap<u32, GenerationRecord>,
    /// The lives of the log, each with the last slot that the next one has of it; the last of them goes on.
    pub lives: Vec<([u8; 16], u64)>,
    pub ended: bool,
    /// The most bytes and entries; 0: no limit.
    pub quota: (u64, u64),
    /// Numbers that stand for other inodes, while one commit is applied.
    pub redirects: BTreeMap<u64, u64>,
}

pub struct Model {
    pub state: State,
    /// Chain and state hash at each position.
    pub history: Vec<(Hash, Hash)>,
}

/// What becomes of a slot.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Void(Void),
    Consumed(Vec<Outcome>),
}

impl Model {
    /// The state at position 0, whose state hash is given.
    pub fn new(birth: &Birth, hash: Hash) -> Model {
        let time = birth.created;
        let inode = Inode {
            kind: Kind::Directory.into(),
            mode: 0o755,
            mtime: time,
            ctime: time,
            btime: time,
            atime: time,
            parent: ROOT,
            ..Inode::default()
        };
        let mut state = State { lives: vec![([0; 16], 0)], ..State::default() };
        state.nodes.insert(ROOT, Rc::new(Node { inode, ..Node::default() }));
        state.members.insert(birth.admin.key_id(), member(&birth.admin, Role::Admin));
        Model { state, history: vec![(birth.chain, hash)] }
    }

    pub fn position(&self) -> u64 {
        self.history.len() as u64 - 1
    }

    /// Chain and state hash at a position, if it is remembered.
    pub fn remembered(&self, position: u64) -> Option<(Hash, Hash)> {
        let known = position <= self.position() && self.position() - position < WINDOW;
        known.then(|| self.history[position as usize])
    }

    /// The next commit of a session.
    pub fn next_k(&self, session: SessionId) -> u64 {
        self.state.sessions.get(&session).map_or(0, |s| s.last_k) + 1
    }

    /// Rules (a) to (d).
    pub fn judge(&self, slot: &Slot) -> Result<(), Void> {
        let at = self.position() + 1;
        let envelope = slot.envelope.as_ref().ok_or(Void::Unauthentic)?;
        let member = self.state.members.get(&envelope.key_id).ok_or(Void::Unauthentic)?;
        let session = self.state.sessions.get(&envelope.session);
        if self.state.ended
            || member.role() < Role::Writer
            || session.is_some_and(|s| s.closed || s.key_id[..] != envelope.key_id.0)
            || slot.signer[..] != member.sign[..]
        {
            return Err(Void::Unauthentic);
        }
        let seen = envelope.seen.0;
        if envelope.incarnation != self.state.life()
            || envelope.generation != self.state.generation
            || seen >= at
            || seen + WINDOW < at
        {
            return Err(Void::Outdated);
        }
        if self.remembered(seen).map(|(chain, _)| chain) != Some(envelope.chain_at_seen) {
            return Err(Void::Fork);
        }
        if envelope.k != self.next_k(envelope.session) {
            return Err(Void::OutOfOrder);
        }
        Ok(())
    }

    /// Takes in the next slot.
    pub fn apply(&mut self, slot: &Slot) -> Verdict {
        let at = self.position() + 1;
        let verdict = match (self.judge(slot), &slot.envelope) {
            (Ok(()), Some(envelope)) => {
                let mut commit = Commit::new(self, envelope, slot.inline_base);
                let outcomes = commit.body(slot.body.as_ref());
                self.state = commit.finish(&outcomes);
                Verdict::Consumed(outcomes)
            }
            (Err(void), _) => {
                if void == Void::Fork && self.state.fork == 0 {
                    self.state.fork = at;
                }
                Verdict::Void(void)
            }
            (Ok(()), None) => unreachable!("nothing is not consumed"),
        };
        let forgotten = |(position, _): &&(u64, SessionId)| position + WINDOW <= at;
        for (position, session) in self.state.closed.clone().iter().filter(forgotten) {
            self.state.closed.remove(&(*position, *session));
            self.state.sessions.remove(session);
        }
        verdict
    }

    /// Goes on behind the slot that was taken in.
    pub fn advance(&mut self, chain: Hash, hash: Hash) {
        self.history.push((chain, hash));
    }
}

/// A commit that is being applied.
pub struct Commit<'a> {
    model: &'a Model,
    pub state: State,
    pub at: u64,
    pub envelope: &'a Envelope,
    pub inline_base: u64,
    /// Its session's number.
    pub number: u32,
    role: Role,
    offered: BTreeMap<PackId, Pack>,
}

impl<'a> Commit<'a> {
    pub fn new(model: &'a Model, envelope: &'a Envelope, inline_base: u64) -> Commit<'a> {
        let state = model.state.clone();
        let at = model.position() + 1;
        let number = state.sessions.get(&envelope.session).map_or(at as u32, |s| s.number);
        let role = state.members.get(&envelope.key_id).map_or(Role::None, Member::role);
        Commit { model, state, at, envelope, inline_base, number, role, offered: BTreeMap::new() }
    }

    /// Applies a body, if there is one.
    pub fn body(&mut self, body: Option<&Body>) -> Vec<Outcome> {
        let Some(body) = body else { return Vec::new() };
        self.offer(&body.packs);
        body.transactions.iter().map(|t| self.transaction(t)).collect()
    }

    /// What the commit may refer to.
    pub fn offer(&mut self, packs: &[NewPack]) {
        for new in packs {
            let Some(id) = PackId::from_slice(&new.id) else { continue };
            let sound = new.id[..8] != [0xff; 8]
                && new.id[..4] == self.number.to_be_bytes()
                && (new.salt.len(), new.index_hash.len()) == (32, 32)
                && new.generation <= self.envelope.generation
                && new.blocks <= 65536;
            if sound {
                self.offered.entry(id).or_insert(Pack {
                    generation: new.generation,
                    salt: new.salt.clone(),
                    size: new.size,
                    blocks: new.blocks,
                    index_hash: new.index_hash.clone(),
                    ..Pack::default()
                });
            }
        }
    }

    /// Whether a pack was there before this commit, and not dead.
    pub fn was_alive(&self, id: PackId) -> bool {
        self.model.state.live().contains_key(&id)
    }

    /// Whether a pack was there before this commit.
    pub fn is_old(&self, id: PackId) -> bool {
        self.model.state.packs.contains_key(&id)
    }

    pub fn offered(&self, id: PackId) -> Option<&Pack> {
        self.offered.get(&id)
    }

    /// Applies a transaction, or nothing of it.
    pub fn transaction(&mut self, transaction: &Transaction) -> Outcome {
        let before = self.state.clone();
        let mut outcome = Outcome::default();
        for hop in &transaction.hops {
            let directory = self.state.nodes.get(&self.stands_for(hop.directory));
            let found = directory.and_then(|d| d.entries.get(&hop.name)).copied();
            if found != Some(self.stands_for(hop.found)) {
                let op = transaction.ops.len() as u32;
                return Outcome { refusal: Refusal::StalePath as u32, op, ..outcome };
            }
        }
        for (index, operation) in transaction.ops.iter().enumerate() {
            let weight = self.state.weight();
            let judged = match &operation.op {
                Some(op) if self.state.fork != 0 && !matches!(op, Op::AcceptFork(_) | Op::End(_)) => {
                    Err(Refusal::Forked)
                }
                Some(op) => self.operation(op, &mut outcome.appended_at),
                None => Err(Refusal::Invalid),
            };
            let judged = judged.and_then(|()| self.stays_within_quota(weight));
            if let Err(refusal) = judged {
                self.state = before;
                return Outcome { refusal: refusal as u32, op: index as u32, ..Outcome::default() };
            }
        }
        let added = self.state.redirects.iter().filter(|(number, _)| !before.redirects.contains_key(number));
        outcome.redirects = added.flat_map(|(number, ino)| [*number, *ino]).collect();
        outcome
    }

    fn operation(&mut self, op: &Op, appended_at: &mut Vec<u64>) -> Judged {
        match op {
            Op::MakeDir(op) => self.make_dir(op),
            Op::Create(op) => self.create(op),
            Op::Symlink(op) => self.symlink(op),
            Op::Link(op) => self.link(op),
            Op::Unlink(op) => self.unlink(op),
            Op::RemoveDir(op) => self.remove_dir(op),
            Op::RemoveTree(op) => self.remove_tree(op),
            Op::Reap(op) => self.reap(op),
            Op::Rename(op) => self.rename(op),
            Op::SetAttributes(op) => self.set_attributes(op),
            Op::Replace(op) => self.replace(op),
            Op::Write(op) => self.write(op),
            Op::Append(op) => self.append(op).map(|at| appended_at.push(at)),
            Op::Truncate(op) => self.truncate(op),
            Op::Punch(op) => self.punch(op),
            Op::SetMember(op) => self.set_member(op),
            Op::RevokeMember(op) => self.revoke_member(op),
            Op::CloseSession(op) => self.close_session(op),
            Op::Checkpoint(op) => self.checkpoint(op),
            Op::OpenSession(ops::OpenSession {}) => refuse_if(self.envelope.k != 1, Refusal::Invalid),
            Op::End(ops::End {}) => {
                self.admins_only()?;
                self.state.ended = true;
                Ok(())
            }
            Op::SetXattr(op) => self.set_xattr(op),
            Op::RemoveXattr(op) => self.remove_xattr(op),
            Op::Copy(op) => self.copy(op),
            Op::SetQuota(op) => {
                self.admins_only()?;
                self.state.quota = (op.bytes, op.entries);
                Ok(())
            }
            Op::NewIncarnation(op) => self.new_incarnation(op),
            Op::Snapshot(op) => self.take_snapshot(op),
            Op::DropSnapshot(op) => self.drop_snapshot(op),
            Op::Restore(op) => self.restore(op),
            Op::NewGeneration(op) => self.new_generation(op),
            Op::AcceptFork(op) => {
                self.admins_only()?;
                refuse_if(self.state.fork == 0 || self.state.fork != op.position, Refusal::NotFound)?;
                self.state.fork = 0;
                Ok(())
            }
            Op::Lock(op) => self.lock(op),
            Op::Unlock(op) => self.unlock(op),
            Op::Withdraw(op) => self.withdraw(op),
            Op::DropLocks(op) => self.drop_locks(op),
            Op::Guard(op) => self.guard(op),
        }
    }

    /// The state after the commit.
    fn finish(mut self, outcomes: &[Outcome]) -> State {
        let live = self.state.live();
        for (id, pack) in self.state.packs.clone() {
            let known_dead = self.state.dead.iter().any(|(_, dead)| *dead == id);
            if live.contains_key(&id) || known_dead {
                continue;
            }
            match pack.sealed_as.is_empty() {
                true => drop(self.state.dead.insert((self.at, id))),
                false => drop(self.state.packs.remove(&id)),
            }
        }
        let session = self.state.sessions.entry(self.envelope.session).or_insert_with(|| Session {
            number: self.number,
            key_id: Bytes::copy_from_slice(&self.envelope.key_id.0),
            ..Session::default()
        });
        session.last_k = self.envelope.k;
        session.last_seq = self.at;
        session.outcomes = outcomes.to_vec();
        self.state.redirects.clear();
        self.state
    }

    /// Refuses what has grown beyond the quota.
    fn stays_within_quota(&self, (bytes_before, entries_before): (u128, u64)) -> Judged {
        let ((bytes, entries), quota) = (self.state.weight(), self.state.quota);
        let too_many_bytes = quota.0 != 0 && bytes > bytes_before && bytes > quota.0.into();
        let too_many_entries = quota.1 != 0 && entries > entries_before && entries > quota.1;
        refuse_if(too_many_bytes || too_many_entries, Refusal::OverQuota)
    }

    pub fn is_by_admin(&self) -> bool {
        self.role == Role::Admin
    }

    /// The state hash at an earlier position.
    pub fn hash_at(&self, position: u64) -> Hash {
        self.model.history[position as usize].1
    }

    pub fn admins_only(&self) -> Judged {
        let now = self.state.members.get(&self.envelope.key_id).map(Member::role);
        refuse_if(self.role != Role::Admin || now != Some(Role::Admin), Refusal::Denied)
    }

    fn is_last_admin(&self, id: KeyId) -> bool {
        let admins = self.state.members.iter().filter(|(_, m)| m.role() == Role::Admin);
        admins.map(|(id, _)| *id).eq([id])
    }

    fn set_member(&mut self, op: &SetMember) -> Judged {
        self.admins_only()?;
        let keys = PublicKeys {
            sign: op.sign[..].try_into().map_err(|_| Refusal::Invalid)?,
            kem: op.kem[..].try_into().map_err(|_| Refusal::Invalid)?,
        };
        refuse_if(!keys.is_acceptable(), Refusal::Invalid)?;
        let role = match op.role {
            1 => Role::Reader,
            2 => Role::Writer,
            3 => Role::Admin,
            _ => return Err(Refusal::Invalid),
        };
        refuse_if(role != Role::Admin && self.is_last_admin(keys.key_id()), Refusal::LastAdmin)?;
        refuse_if(op.generation != self.state.generation, Refusal::OldGeneration)?;
        self.state.members.insert(keys.key_id(), member(&keys, role));
        Ok(())
    }

    fn revoke_member(&mut self, op: &RevokeMember) -> Judged {
        self.admins_only()?;
        let id = KeyId::from_slice(&op.key_id).ok_or(Refusal::Invalid)?;
        refuse_if(!self.state.members.contains_key(&id), Refusal::NotFound)?;
        refuse_if(self.is_last_admin(id), Refusal::LastAdmin)?;
        if self.state.members[&id].role() != Role::None {
            self.state.generations.entry(self.state.generation).or_default().is_known_outside = true;
        }
        self.state.members.entry(id).and_modify(|m| m.role = Role::None.into());
        Ok(())
    }

    fn close_session(&mut self, op: &CloseSession) -> Judged {
        let session = self.silent_session(&op.session, op.last_k)?;
        self.close(session);
        Ok(())
    }

    pub fn silent_session(&self, id: &Bytes, last_k: u64) -> Judged<SessionId> {
        let id = SessionId::from_slice(id).ok_or(Refusal::Invalid)?;
        let mut expected = last_k;
        if id == self.envelope.session {
            refuse_if(expected == 0, Refusal::Invalid)?;
            expected -= 1;
        }
        let session = self.state.sessions.get(&id).ok_or(Refusal::NotFound)?;
        refuse_if(session.closed || session.last_k != expected, Refusal::SessionMoved)?;
        Ok(id)
    }

    fn close(&mut self, id: SessionId) {
        let session = self.state.sessions.get_mut(&id).expect("it is there");
        session.closed = true;
        let number = session.number;
        self.state.closed.insert((self.at, id));
        self.release_all(number);
    }

    fn new_incarnation(&mut self, op: &NewIncarnation) -> Judged {
        let life: [u8; 16] = op.incarnation[..].try_into().map_err(|_| Refusal::Invalid)?;
        refuse_if(u64::from(self.number) <= op.survived, Refusal::Invalid)?;
        refuse_if(self.state.lives.iter().any(|(known, _)| *known == life), Refusal::Exists)?;
        self.state.lives.last_mut().expect("one life").1 = op.survived;
        self.state.lives.push((life, 0));
        let old = |session: &Session| !session.closed && u64::from(session.number) <= op.survived;
        let gone: Vec<_> = self.state.sessions.iter().filter(|(_, s)| old(s)).map(|(id, _)| *id).collect();
        gone.into_iter().for_each(|id| self.close(id));
        Ok(())
    }

    fn checkpoint(&mut self, op: &Checkpoint) -> Judged {
        let (_, hash) = self.model.remembered(op.position).ok_or(Refusal::WrongCheckpoint)?;
        refuse_if(hash.0 != op.state_hash[..], Refusal::WrongCheckpoint)?;
        refuse_if((op.manifest.len(), op.manifest_hash.len()) != (16, 32), Refusal::Invalid)?;
        let has_served = self.serve_snapshots(op);
        let newest = self.state.checkpoint.as_ref().is_none_or(|c| c.position < op.position);
        refuse_if(!newest && !has_served, Refusal::WrongCheckpoint)?;
        if !newest {
            return Ok(());
        }
        self.state.checkpoint = Some(CheckpointRecord {
            position: op.position,
            manifest: op.manifest.clone(),
            manifest_hash: op.manifest_hash.clone(),
        });
        Ok(())
    }

    pub fn stands_for(&self, number: u64) -> u64 {
        self.state.redirects.get(&number).copied().unwrap_or(number)
    }

    pub fn redirect(&mut self, number: u64, existing: u64) -> Judged {
        refuse_if(!self.is_own(number), Refusal::BadInode)?;
        self.state.redirects.insert(number, existing);
        Ok(())
    }

    /// Whether an inode number is the author's to give.
    pub fn is_own(&self, number: u64) -> bool {
        number >> 32 == u64::from(self.number)
    }
}

pub fn member(keys: &PublicKeys, role: Role) -> Member {
    let (sign, kem) = (Bytes::copy_from_slice(&keys.sign), Bytes::copy_from_slice(&keys.kem));
    Member { sign, kem, role: role.into() }
}

pub fn refuse_if(condition: bool, refusal: Refusal) -> Judged {
    if condition { Err(refusal) } else { Ok(()) }
}

//! Apply: what a commit does at its place in the log. Pure and deterministic: same log, same state, on
//! every client; no clock, no I/O. The rules are those of `docs/format.md`, in their order.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message;

use super::events::{Event, Events};
use super::ops::{self, AsId, Body, Op, Transaction};
use super::sessions::forget_sessions;
use super::source::{Scratch, Source, Stop, Tables, between};
use super::value::{CheckpointRecord, Counters, Header, Member, Outcome, Pack, Role, Session};
use super::{Failure, Refusal, key};
use crate::crypto::account::PublicKeys;
use crate::ids::{Ino, KeyId, PackId, Seq, SessionNo};
use crate::log::envelope::Envelope;

/// How far behind its slot a commit's view may be, in positions; and how long chains, state hashes and
/// closed sessions are remembered.
pub const WINDOW: u64 = 4096;

/// The rules of apply that this version knows.
pub const APPLY_VERSION: u32 = 1;

/// The most blocks in a pack, and inline in a commit.
const MAX_BLOCKS: u32 = 1 << 16;

/// Why a slot has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// It is no commit: malformed, unknown or revoked author, bad signature, closed session.
    Unauthentic,
    /// It was made for another life of the log, an old key, or too long ago.
    Outdated,
    /// Its author saw another log.
    Fork,
    /// It is not its session's next commit: most often the same commit, offered twice.
    OutOfOrder,
}

/// What the rules before the body say of a slot.
#[derive(Debug)]
pub enum Judgement {
    /// No effect.
    Void(Void),
    /// It is its session's next commit; its body decides the rest.
    Consume(Author),
}

/// Who wrote a commit that is consumed.
#[derive(Debug, Clone)]
pub struct Author {
    session: Session,
    role: Role,
    is_watched: bool,
}

impl Author {
    /// The same; what its commit does to the tree is noted.
    pub fn watched(self, is_watched: bool) -> Author {
        Author { is_watched, ..self }
    }
}

/// What a slot changes.
#[derive(Debug, Default)]
pub struct Changes {
    /// New values; none: removed.
    pub entries: BTreeMap<Bytes, Option<Bytes>>,
    /// What became of the commit's transactions.
    pub outcomes: Vec<Outcome>,
    /// What they did to the tree, if that was asked for.
    pub events: Vec<Event>,
}

impl Changes {
    /// The filespace's new header, if it changes.
    pub fn header(&self) -> Option<Header> {
        let value = self.entries.get(&key::header()[..])?.as_ref()?;
        Header::decode(value.clone()).ok()
    }

    /// Whether a snapshot was taken at this position.
    pub fn takes_snapshot(&self, at: Seq) -> bool {
        let (from, to) = (key::snapshot(at, ""), key::snapshot(at.next(), ""));
        between(&self.entries, &from, &to).any(|(_, value)| value.is_some())
    }
}

/// Where the inline blocks of a commit are.
#[derive(Debug, Clone, Copy, Default)]
pub struct InlineArea {
    /// Where they start in the slot (in the payload object if that is out of line).
    pub base: u64,
}

/// Rules (a) to (d): whether slot `at` is consumed at all. `chain_at` gives the chain at a position of the
/// window; `verify` checks the signature under a public key.
pub fn judge(
    state: &dyn Source,
    at: Seq,
    envelope: Option<&Envelope>,
    chain_at: impl Fn(Seq) -> Option<crate::ids::Hash>,
    verify: impl FnOnce(&[u8; 32]) -> bool,
) -> Result<Judgement, Stop> {
    let unauthentic = Ok(Judgement::Void(Void::Unauthentic));
    let header = state.header()?;
    let Some(envelope) = envelope else { return unauthentic };
    let Some(member) = state.member(envelope.key_id)? else { return unauthentic };
    if header.ended || member.role() < Role::Writer {
        return unauthentic;
    }
    let session = state.session(envelope.session)?;
    let (session, expected_k) = match session {
        Some(s) if s.closed || !s.belongs_to(envelope.key_id) => return unauthentic,
        Some(s) => {
            let next = s.last_k + 1;
            (s, next)
        }
        None => {
            let Ok(number) = u32::try_from(at.0) else { return unauthentic };
            let key_id = Bytes::copy_from_slice(&envelope.key_id.0);
            (Session { number, key_id, ..Session::default() }, 1)
        }
    };
    let Ok(sign) = <&[u8; 32]>::try_from(&member.sign[..]) else { return unauthentic };
    if !verify(sign) {
        return unauthentic;
    }
    if envelope.incarnation.0[..] != header.incarnation[..]
        || envelope.generation != header.generation
        || envelope.seen >= at
        || envelope.seen.0 + WINDOW < at.0
    {
        return Ok(Judgement::Void(Void::Outdated));
    }
    if chain_at(envelope.seen) != Some(envelope.chain_at_seen) {
        return Ok(Judgement::Void(Void::Fork));
    }
    if envelope.k != expected_k {
        return Ok(Judgement::Void(Void::OutOfOrder));
    }
    Ok(Judgement::Consume(Author { session, role: member.role(), is_watched: false }))
}

/// The change that a void slot makes: none, except that a fork is recorded.
pub fn void(state: &dyn Source, at: Seq, reason: Void) -> Result<Changes, Stop> {
    let mut scratch = Scratch::new(state);
    let mut header = state.header()?;
    if reason == Void::Fork && header.fork == 0 {
        header.fork = at.0;
        scratch.put_message(key::header(), &header);
    }
    forget_sessions(&mut scratch, at)?;
    Ok(Changes { entries: scratch.into_changes(), ..Changes::default() })
}

/// Rule (e): the commit is consumed; each transaction of its body is judged alone. No body: it did not
/// open or decode, and voids all that it may have held.
pub fn consume(
    state: &dyn Source,
    at: Seq,
    envelope: &Envelope,
    author: &Author,
    body: Option<&Body>,
    inline: InlineArea,
    state_hash_at: impl Fn(Seq) -> Option<crate::ids::Hash>,
) -> Result<Changes, Stop> {
    let mut judge = Judge::new(state, at, envelope, author.session.number(), author.role, &state_hash_at)?;
    judge.inline_base = inline.base;
    judge.events = author.is_watched.then(Events::default);
    let mut outcomes = Vec::new();
    if let Some(body) = body {
        judge.take_packs(&body.packs);
        for transaction in &body.transactions {
            outcomes.push(judge.transaction(transaction)?);
        }
    }
    judge.finish()?;
    let mut session = judge.scratch.session(envelope.session)?.unwrap_or_else(|| author.session.clone());
    session.last_k = envelope.k;
    session.last_seq = at.0;
    session.outcomes.clone_from(&outcomes);
    judge.scratch.put_message(key::session(envelope.session), &session);
    forget_sessions(&mut judge.scratch, at)?;
    let events = judge.events.take().map(Events::into_list).unwrap_or_default();
    Ok(Changes { entries: judge.scratch.into_changes(), outcomes, events })
}

/// What a transaction would do now, as the only one of a commit with this envelope at `at`: for what waits to be
/// committed. Its session is left as it is.
pub fn preview(
    state: &dyn Source,
    at: Seq,
    envelope: &Envelope,
    author: SessionNo,
    packs: &[ops::NewPack],
    transaction: &Transaction,
    state_hash_at: impl Fn(Seq) -> Option<crate::ids::Hash>,
) -> Result<Changes, Stop> {
    let mut trial = Trial::new(state, at, envelope, author, &state_hash_at)?;
    trial.offer(packs);
    let outcomes = vec![trial.judge(transaction)?];
    trial.0.finish()?;
    Ok(Changes { entries: trial.0.scratch.into_changes(), outcomes, events: Vec::new() })
}

/// Transactions that are tried one after the other, each on what those before it leave.
pub struct Trial<'a>(Judge<'a>);

impl<'a> Trial<'a> {
    /// Of a commit with this envelope, at `at`.
    pub fn new(
        state: &'a dyn Source,
        at: Seq,
        envelope: &'a Envelope,
        author: SessionNo,
        state_hash_at: &'a dyn Fn(Seq) -> Option<crate::ids::Hash>,
    ) -> Result<Trial<'a>, Stop> {
        let role = state.member(envelope.key_id)?.map_or(Role::None, |m| m.role());
        Ok(Trial(Judge::new(state, at, envelope, author, role, state_hash_at)?))
    }

    /// The commit offers these packs.
    pub fn offer(&mut self, packs: &[ops::NewPack]) {
        self.0.take_packs(packs);
    }

    /// The state as it would be now.
    pub fn state(&self) -> &Scratch<'a> {
        &self.0.scratch
    }

    /// What would become of the next transaction.
    pub fn judge(&mut self, transaction: &Transaction) -> Result<Outcome, Stop> {
        match self.0.role < Role::Writer {
            true => Ok(Outcome { refusal: Refusal::Denied as u32, ..Outcome::default() }),
            false => self.0.transaction(transaction),
        }
    }
}

/// One commit being judged.
pub(super) struct Judge<'a> {
    pub(super) scratch: Scratch<'a>,
    pub(super) at: Seq,
    pub(super) author: SessionNo,
    role: Role,
    pub(super) envelope: &'a Envelope,
    pub(super) inline_base: u64,
    pub(super) counters: Counters,
    /// The counters before it.
    before: Counters,
    /// New numbers that existing inodes stand for, while this commit is judged.
    redirects: BTreeMap<Ino, Ino>,
    /// Packs that the commit may publish and nothing refers to yet.
    offered: BTreeMap<PackId, Pack>,
    pub(super) touched_packs: BTreeSet<PackId>,
    /// Nothing takes effect but what ends that.
    pub(super) is_behind_fork: bool,
    /// What happens, if somebody wants to know.
    pub(super) events: Option<Events>,
    state_hash_at: &'a dyn Fn(Seq) -> Option<crate::ids::Hash>,
}

impl<'a> Judge<'a> {
    fn new(
        state: &'a dyn Source,
        at: Seq,
        envelope: &'a Envelope,
        author: SessionNo,
        role: Role,
        state_hash_at: &'a dyn Fn(Seq) -> Option<crate::ids::Hash>,
    ) -> Result<Judge<'a>, Stop> {
        let counters = state.counters()?;
        Ok(Judge {
            scratch: Scratch::new(state),
            at,
            author,
            role,
            envelope,
            inline_base: 0,
            counters,
            before: counters,
            redirects: BTreeMap::new(),
            offered: BTreeMap::new(),
            touched_packs: BTreeSet::new(),
            is_behind_fork: state.header()?.fork != 0,
            events: None,
            state_hash_at,
        })
    }

    /// After the last transaction.
    fn finish(&mut self) -> Result<(), Stop> {
        self.bury_dead_packs()?;
        if self.counters != self.before {
            self.scratch.put_message(key::counters(), &self.counters);
        }
        Ok(())
    }

    /// Takes in the packs that the commit offers. One that breaks a rule is left out, and what refers to it is
    /// refused.
    fn take_packs(&mut self, packs: &[ops::NewPack]) {
        for new in packs {
            let Some(id) = new.id.pack() else { continue };
            let sound = id.slot().is_none()
                && id.session() == self.author
                && new.salt.len() == 32
                && new.index_hash.hash().is_some()
                && new.generation <= self.envelope.generation
                && new.blocks <= MAX_BLOCKS;
            if sound {
                let record = Pack {
                    generation: new.generation,
                    salt: new.salt.clone(),
                    size: new.size,
                    blocks: new.blocks,
                    index_hash: new.index_hash.clone(),
                    ..Pack::default()
                };
                self.offered.entry(id).or_insert(record);
            }
        }
    }

    /// The pack that this commit is itself; registered when something refers to it.
    pub(super) fn inline_pack(&mut self) -> Result<PackId, Stop> {
        let id = PackId::of_slot(self.at);
        if self.scratch.pack(id)?.is_none() {
            let mut sealed_as = self.envelope.session.0.to_vec();
            sealed_as.extend_from_slice(&self.envelope.k.to_le_bytes());
            let record = Pack {
                generation: self.envelope.generation,
                salt: Bytes::copy_from_slice(&self.envelope.salt),
                blocks: MAX_BLOCKS,
                sealed_as: sealed_as.into(),
                out_of_line: match self.envelope.out_of_line {
                    true => Bytes::copy_from_slice(&self.envelope.payload_hash.0),
                    false => Bytes::new(),
                },
                ..Pack::default()
            };
            self.scratch.put_message(key::pack(id), &record);
        }
        Ok(id)
    }

    /// The record of a pack that this commit publishes; no other may be referred to. An offered one is registered
    /// by the first transaction that refers to it and takes effect: if none does, its session may offer it again.
    pub(super) fn published(&mut self, id: PackId) -> Result<Option<Pack>, Stop> {
        if id.slot().is_some_and(|slot| slot != self.at) || self.scratch.base().get(&key::pack(id))?.is_some()
        {
            return Ok(None);
        }
        if let Some(record) = self.scratch.pack(id)? {
            return Ok(Some(record));
        }
        let Some(record) = self.offered.get(&id).cloned() else { return Ok(None) };
        self.scratch.put_message(key::pack(id), &record);
        self.counters.add_stored(record.size.into());
        Ok(Some(record))
    }

    fn transaction(&mut self, transaction: &Transaction) -> Result<Outcome, Stop> {
        let mark = self.scratch.mark();
        let counters = self.counters;
        let (redirects, is_behind_fork) = (self.redirects.clone(), self.is_behind_fork);
        let mut outcome = Outcome::default();
        self.events.iter_mut().for_each(Events::begin);
        match self.steps(transaction, &mut outcome) {
            Ok(()) => {
                let new = self.redirects.iter().filter(|(number, _)| !redirects.contains_key(number));
                outcome.redirects = new.flat_map(|(number, ino)| [number.0, ino.0]).collect();
                Ok(outcome)
            }
            Err(Failure::Refused(refusal)) => {
                self.scratch.rollback(mark);
                self.counters = counters;
                self.redirects = redirects;
                self.is_behind_fork = is_behind_fork;
                self.events.iter_mut().for_each(Events::take_back);
                Ok(Outcome { refusal: refusal as u32, op: outcome.op, ..Outcome::default() })
            }
            Err(Failure::Stopped(stop)) => Err(stop),
        }
    }

    /// Judges hops and operations in order; `outcome.op` tells how far it came.
    fn steps(&mut self, transaction: &Transaction, outcome: &mut Outcome) -> Result<(), Failure> {
        outcome.op = transaction.ops.len() as u32;
        for hop in &transaction.hops {
            let directory = self.redirected(Ino(hop.directory));
            let found = self.scratch.dentry(directory, &hop.name)?;
            if found.map(|d| d.ino()) != Some(self.redirected(Ino(hop.found))) {
                return Err(Refusal::StalePath.into());
            }
        }
        for (index, operation) in transaction.ops.iter().enumerate() {
            outcome.op = index as u32;
            let before = self.counters;
            let op = operation.op.as_ref().ok_or(Refusal::Invalid)?;
            if self.is_behind_fork && !matches!(op, Op::AcceptFork(_) | Op::End(_)) {
                return Err(Refusal::Forked.into());
            }
            let replaced = self.before(op)?;
            match op {
                Op::MakeDir(op) => self.make_dir(op)?,
                Op::Create(op) => self.create(op)?,
                Op::Symlink(op) => self.symlink(op)?,
                Op::Link(op) => self.link(op)?,
                Op::Unlink(op) => self.unlink(op)?,
                Op::RemoveDir(op) => self.remove_dir(op)?,
                Op::RemoveTree(op) => self.remove_tree(op)?,
                Op::Reap(op) => self.reap(op)?,
                Op::Rename(op) => self.rename(op)?,
                Op::SetAttributes(op) => self.set_attributes(op)?,
                Op::Replace(op) => self.replace(op)?,
                Op::Write(op) => self.write(op)?,
                Op::Append(op) => outcome.appended_at.push(self.append(op)?),
                Op::Truncate(op) => self.truncate(op)?,
                Op::Punch(op) => self.punch(op)?,
                Op::SetMember(op) => self.set_member(op)?,
                Op::RevokeMember(op) => self.revoke_member(op)?,
                Op::CloseSession(op) => self.close_session(op)?,
                Op::Checkpoint(op) => self.checkpoint(op)?,
                Op::OpenSession(_) => match self.envelope.k {
                    1 => {}
                    _ => return Err(Refusal::Invalid.into()),
                },
                Op::End(_) => self.end()?,
                Op::SetXattr(op) => self.set_xattr(op)?,
                Op::RemoveXattr(op) => self.remove_xattr(op)?,
                Op::Copy(op) => self.copy(op)?,
                Op::SetQuota(op) => self.set_quota(op)?,
                Op::NewIncarnation(op) => self.new_incarnation(op)?,
                Op::AcceptFork(op) => self.accept_fork(op)?,
                Op::Lock(op) => self.lock(op)?,
                Op::Unlock(op) => self.unlock(op)?,
                Op::Withdraw(op) => self.withdraw(op)?,
                Op::DropLocks(op) => self.drop_locks(op)?,
                Op::Guard(op) => self.guard(op)?,
                Op::Snapshot(op) => self.take_snapshot(op)?,
                Op::DropSnapshot(op) => self.drop_snapshot(op)?,
                Op::Restore(op) => self.restore(op)?,
                Op::NewGeneration(op) => self.new_generation(op)?,
            }
            self.stay_within_quota(&before)?;
            self.note(op, replaced)?;
        }
        outcome.op = 0;
        Ok(())
    }

    fn set_member(&mut self, op: &ops::SetMember) -> Result<(), Failure> {
        self.require_admin()?;
        let (Ok(sign), Ok(kem)) = (op.sign[..].try_into(), op.kem[..].try_into()) else {
            return Err(Refusal::Invalid.into());
        };
        let keys = PublicKeys { sign, kem };
        if !keys.is_acceptable() {
            return Err(Refusal::Invalid.into());
        }
        let id = keys.key_id();
        let role =
            Role::try_from(op.role as i32).ok().filter(|r| *r != Role::None).ok_or(Refusal::Invalid)?;
        if role != Role::Admin && self.is_last_admin(id)? {
            return Err(Refusal::LastAdmin.into());
        }
        if op.generation != self.scratch.header()?.generation {
            return Err(Refusal::OldGeneration.into());
        }
        let member = Member { sign: op.sign.clone(), kem: op.kem.clone(), role: role.into() };
        self.scratch.put_message(key::member(id), &member);
        Ok(())
    }

    fn revoke_member(&mut self, op: &ops::RevokeMember) -> Result<(), Failure> {
        self.require_admin()?;
        let id = op.key_id.key_id().ok_or(Refusal::Invalid)?;
        let mut member = self.scratch.member(id)?.ok_or(Refusal::NotFound)?;
        if self.is_last_admin(id)? {
            return Err(Refusal::LastAdmin.into());
        }
        if member.role() != Role::None {
            self.key_is_known_outside()?;
        }
        member.role = Role::None.into();
        self.scratch.put_message(key::member(id), &member);
        Ok(())
    }

    pub(super) fn require_admin(&self) -> Result<(), Failure> {
        // The role as it is at this operation: an earlier one of the same commit may have changed it.
        let member = self.scratch.member(self.envelope.key_id)?;
        match member.map(|m| m.role()) {
            Some(Role::Admin) if self.role == Role::Admin => Ok(()),
            _ => Err(Refusal::Denied.into()),
        }
    }

    fn is_last_admin(&self, id: KeyId) -> Result<bool, Failure> {
        let (from, to) = key::members();
        let mut others = 0;
        let mut is_admin = false;
        for pair in self.scratch.range(&from, &to) {
            let (key, _) = pair?;
            let key_id = KeyId::from_slice(&key[1..]).ok_or(Refusal::Invalid)?;
            let member = self.scratch.member(key_id)?;
            if member.is_some_and(|m| m.role() == Role::Admin) {
                match key_id == id {
                    true => is_admin = true,
                    false => others += 1,
                }
            }
        }
        Ok(is_admin && others == 0)
    }

    fn checkpoint(&mut self, op: &ops::Checkpoint) -> Result<(), Failure> {
        let known = (self.state_hash_at)(Seq(op.position));
        if known.is_none() || known != op.state_hash.hash() {
            return Err(Refusal::WrongCheckpoint.into());
        }
        if op.manifest.part().is_none() || op.manifest_hash.hash().is_none() {
            return Err(Refusal::Invalid.into());
        }
        let serves_snapshot = self.give_to_snapshots(op)?;
        let latest: Option<CheckpointRecord> = self.scratch.message(&key::checkpoint(), "checkpoint")?;
        if latest.is_some_and(|c| c.position >= op.position) {
            return if serves_snapshot { Ok(()) } else { Err(Refusal::WrongCheckpoint.into()) };
        }
        let record = CheckpointRecord {
            position: op.position,
            manifest: op.manifest.clone(),
            manifest_hash: op.manifest_hash.clone(),
        };
        self.scratch.put_message(key::checkpoint(), &record);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Failure> {
        self.require_admin()?;
        let mut header = self.scratch.header()?;
        header.ended = true;
        self.scratch.put_message(key::header(), &header);
        Ok(())
    }

    fn set_quota(&mut self, op: &ops::SetQuota) -> Result<(), Failure> {
        self.require_admin()?;
        let mut header = self.scratch.header()?;
        header.quota_bytes = op.bytes;
        header.quota_entries = op.entries;
        self.scratch.put_message(key::header(), &header);
        Ok(())
    }

    /// Refuses growth beyond the quota. What does not grow is never refused, however much there is.
    fn stay_within_quota(&self, before: &Counters) -> Result<(), Failure> {
        let now = &self.counters;
        let (more_bytes, more_entries) = (now.bytes() > before.bytes(), now.entries() > before.entries());
        if !more_bytes && !more_entries {
            return Ok(());
        }
        let header = self.scratch.header()?;
        let over_bytes = header.quota_bytes > 0 && now.bytes() > header.quota_bytes.into();
        let over_entries = header.quota_entries > 0 && now.entries() > header.quota_entries;
        match more_bytes && over_bytes || more_entries && over_entries {
            true => Err(Refusal::OverQuota.into()),
            false => Ok(()),
        }
    }

    /// The inode that a number stands for.
    pub(super) fn redirected(&self, ino: Ino) -> Ino {
        self.redirects.get(&ino).copied().unwrap_or(ino)
    }

    pub(super) fn redirect(&mut self, number: u64, existing: Ino) -> Result<(), Failure> {
        if Ino(number).session() != self.author {
            return Err(Refusal::BadInode.into());
        }
        self.redirects.insert(Ino(number), existing);
        Ok(())
    }

    /// A pack that nothing refers to any more is dead for good: noted for collection, or, if it is a
    /// commit, forgotten.
    fn bury_dead_packs(&mut self) -> Result<(), Stop> {
        for id in std::mem::take(&mut self.touched_packs) {
            let Some(pack) = self.scratch.pack(id)? else { continue };
            if pack.live > 0 {
                continue;
            }
            if id.slot().is_some() {
                self.scratch.remove(key::pack(id));
            } else if self.scratch.get(&key::freed(self.at, id))?.is_none() {
                self.counters.add_stored(-i128::from(pack.size));
                self.scratch.put(key::freed(self.at, id), Vec::new());
            }
        }
        Ok(())
    }
}

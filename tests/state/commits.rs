//! Random slots: mostly commits of several authors in several sessions that could take effect, now and then one that
//! breaks a rule. What a commit says is made up while a copy of the model follows it, so that one operation can build
//! on another of the same commit.

use bytes::Bytes;
use lucidlink::crypto::account::PublicKeys;
use lucidlink::ids::{Hash, KeyId, PackId, Seq, SessionId, SessionNo};
use lucidlink::log::envelope::Envelope;
use lucidlink::state::ops::{AcceptFork, Body, End, Hop, NewPack, Op, Operation, Transaction};
use lucidlink::state::value::Role;

use super::model::{Commit, Model};
use super::random::Chance;
use super::slot::Slot;

pub struct Commits {
    pub chance: Chance,
    /// Who there is: members, former members and strangers.
    pub accounts: Vec<PublicKeys>,
    /// Packs that a commit has offered.
    pub packs: Vec<PackId>,
    /// Whether it is time to end the filespace.
    pub may_end: bool,
}

/// The keys of an account.
pub fn account(n: u8) -> PublicKeys {
    // Of no small order: it could be enrolled.
    PublicKeys { sign: [n + 16; 32], kem: [n; 32] }
}

impl Commits {
    pub fn new(seed: u64) -> Commits {
        let accounts = (0..5).map(account).collect();
        let chance = Chance::new(seed);
        Commits { chance, accounts, packs: Vec::new(), may_end: false }
    }

    /// The next slot of a log whose state is the model's.
    pub fn slot(&mut self, model: &Model) -> Slot {
        if self.chance.once_in(50) {
            return Slot::default();
        }
        let writers: Vec<PublicKeys> = self
            .accounts
            .iter()
            .filter(|a| model.state.members.get(&a.key_id()).is_some_and(|m| m.role() >= Role::Writer))
            .copied()
            .collect();
        let author = match self.chance.once_in(12) || writers.is_empty() {
            true => self.chance.one(&self.accounts),
            false => self.chance.one(&writers),
        };
        let envelope = self.envelope(model, author.key_id());
        let mut slot = Slot {
            envelope: Some(envelope.clone()),
            signer: author.sign,
            inline_base: self.chance.one(&[0, 300, 5000]),
            ..Slot::default()
        };
        if self.chance.once_in(10) {
            self.distort(model, &mut slot);
        }
        if !self.chance.once_in(60) {
            slot.body = Some(self.body(Commit::new(model, &envelope, slot.inline_base)));
        }
        if self.chance.once_in(40) {
            // A field that this version does not know; one that it knows, with its default; a body cut short.
            slot.unknown = self.chance.one(&[vec![0xf8, 0x01, 0x01], vec![0x0a, 0x00], vec![0x1a]]);
        }
        slot
    }

    /// An envelope that is good.
    fn envelope(&self, model: &Model, key_id: KeyId) -> Envelope {
        let open = model.state.sessions.iter().filter(|(_, s)| !s.closed && s.belongs_to(key_id));
        let session = self.chance.of(open.map(|(id, _)| *id)).filter(|_| !self.chance.once_in(8));
        let session = session.unwrap_or_else(|| SessionId(self.chance.bytes()));
        let seen = model.position().saturating_sub(self.chance.below(4));
        Envelope {
            incarnation: model.state.life(),
            session,
            k: model.next_k(session),
            seen: Seq(seen),
            chain_at_seen: model.history[seen as usize].0,
            key_id,
            generation: model.state.generation,
            salt: self.chance.bytes(),
            clear: Bytes::new(),
            payload_len: 0,
            payload_hash: Hash(self.chance.bytes()),
            out_of_line: self.chance.once_in(4),
        }
    }

    /// Breaks a rule that is judged before the body.
    fn distort(&self, model: &Model, slot: &mut Slot) {
        let Some(envelope) = &mut slot.envelope else { return };
        match self.chance.below(10) {
            0 => envelope.incarnation.0[3] ^= 1,
            1 => envelope.generation += 1,
            2 => envelope.seen = Seq(model.position() + 1 + self.chance.below(2)),
            3 => {
                // From long ago, perhaps too long.
                let seen = self.chance.below(model.position() + 1);
                envelope.seen = Seq(seen);
                envelope.chain_at_seen = model.history[seen as usize].0;
            }
            4 => envelope.chain_at_seen.0[31] ^= 1,
            5 => envelope.k += 1 + self.chance.below(2),
            6 => envelope.k -= 1,
            7 => slot.signer = self.chance.one(&self.accounts).sign,
            8 => envelope.key_id = self.chance.one(&self.accounts).key_id(),
            _ => {
                let any = self.chance.of(model.state.sessions.keys().copied());
                envelope.session = any.unwrap_or(envelope.session);
                envelope.k = model.next_k(envelope.session);
            }
        }
    }

    fn body(&mut self, mut commit: Commit<'_>) -> Body {
        let packs: Vec<NewPack> = (0..self.chance.below(4)).map(|_| self.pack(commit.number)).collect();
        commit.offer(&packs);
        let count = 1 + self.chance.below(4);
        let transactions = (0..count).map(|_| self.transaction(&mut commit, &packs)).collect();
        Body { state_hash: Bytes::from_static(&[0; 32]), packs, transactions }
    }

    fn transaction(&mut self, commit: &mut Commit<'_>, packs: &[NewPack]) -> Transaction {
        let hops = (0..self.chance.below(3)).filter_map(|_| self.hop(commit)).collect();
        let mut ops = Vec::new();
        for _ in 0..1 + self.chance.below(4) {
            let op = match self.chance.below(200) {
                0 => Operation { op: None },
                1..40 if self.may_end => Op::End(End {}).wrap(),
                0..120 if commit.state.fork != 0 => {
                    Op::AcceptFork(AcceptFork { position: commit.state.fork }).wrap()
                }
                _ => self.operation(commit, packs).wrap(),
            };
            // What is refused leaves the copy as it is.
            commit.transaction(&Transaction { hops: Vec::new(), ops: vec![op.clone()] });
            ops.push(op);
        }
        Transaction { hops, ops }
    }

    fn hop(&self, commit: &Commit<'_>) -> Option<Hop> {
        let mut hop = self.entry(commit).map(|(directory, name, found)| Hop { directory, name, found })?;
        if self.chance.once_in(15) {
            match self.chance.below(3) {
                0 => hop.directory = self.any_number(commit),
                1 => hop.name.push('?'),
                _ => hop.found = self.any_number(commit),
            }
        }
        Some(hop)
    }

    fn pack(&mut self, session: u32) -> NewPack {
        let fresh = PackId::new(SessionNo(session), self.chance.bytes());
        let own = self.packs.iter().filter(|id| id.session().0 == session).copied();
        let id = self.chance.of(own).filter(|_| self.chance.once_in(3)).unwrap_or(fresh);
        self.packs.push(id);
        let mut pack = NewPack {
            id: Bytes::copy_from_slice(&id.0),
            generation: 0,
            salt: Bytes::copy_from_slice(&self.chance.bytes::<32>()),
            size: self.chance.one(&[0, 1000, u64::MAX - 7]),
            blocks: self.chance.one(&[2, 20, 20, 20, 65536]),
            index_hash: Bytes::copy_from_slice(&self.chance.bytes::<32>()),
        };
        if self.chance.once_in(6) {
            match self.chance.below(7) {
                0 => pack.id.truncate(15),
                1 => pack.salt.truncate(31),
                2 => pack.index_hash = Bytes::new(),
                3 => pack.generation = 1,
                4 => pack.blocks = 65537,
                5 => pack.id = Bytes::copy_from_slice(&self.chance.one(&self.packs).0),
                _ => pack.id = Bytes::copy_from_slice(&PackId::of_slot(Seq(u64::from(session))).0),
            }
        }
        pack
    }
}

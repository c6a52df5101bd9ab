//! The model's locks: who has which cell of a file. A file has a few cells only, the last of which has no end.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use lucidlink::ids::{SessionId, SessionNo};
use lucidlink::state::locks::{FileLocks, RangeLock};
use lucidlink::state::ops::{DropLocks, Guard, Lock, Op, Unlock, Withdraw};
use lucidlink::state::{Refusal, Replica, Source, Tables, key};
use prost::Message;

use super::commits::Commits;
use super::judging::{ADMIN, ADMINS, WRITER, WRITERS, commit, create, refusals, world};
use super::model::{Commit, Judged, State, refuse_if};
use super::random::Chance;

/// Where cells begin and end.
const EDGES: [u64; 7] = [0, 1, 10, 11, 500, 1 << 40, u64::MAX];

/// A session's number, and an open file of it.
type Owner = (u32, u64);

/// What there is of locks in one file.
#[derive(Clone, Default)]
pub struct Cells {
    /// By cell and owner: whether nobody else has it.
    held: BTreeMap<(usize, Owner), bool>,
    waiting: Vec<Request>,
}

#[derive(Clone, Copy)]
struct Request {
    owner: Owner,
    start: u64,
    end: u64,
    exclusive: bool,
}

fn cells(start: u64, end: u64) -> impl Iterator<Item = usize> {
    let all = EDGES.windows(2).enumerate();
    all.filter(move |(_, edges)| start <= edges[0] && edges[1] <= end).map(|(n, _)| n)
}

impl Request {
    fn range(&self) -> RangeLock {
        let Request { owner: (session, owner), start, end, exclusive } = *self;
        RangeLock { session, owner, start, end, exclusive }
    }

    fn wants(&self, cell: usize) -> bool {
        cells(self.start, self.end).any(|wanted| wanted == cell)
    }
}

impl Cells {
    fn is_empty(&self) -> bool {
        self.held.is_empty() && self.waiting.is_empty()
    }

    pub fn sessions(&self) -> BTreeSet<u32> {
        let holders = self.held.keys().map(|(_, owner)| owner.0);
        holders.chain(self.waiting.iter().map(|request| request.owner.0)).collect()
    }

    /// As the state has it.
    pub fn ranges(&self) -> FileLocks {
        let mut held: Vec<RangeLock> = Vec::new();
        let owners: BTreeSet<Owner> = self.held.keys().map(|(_, owner)| *owner).collect();
        for owner in owners {
            for (cell, edges) in EDGES.windows(2).enumerate() {
                let Some(exclusive) = self.held.get(&(cell, owner)).copied() else { continue };
                let range = Request { owner, start: edges[0], end: edges[1], exclusive }.range();
                match held.last_mut() {
                    Some(last)
                        if (last.session, last.owner) == owner
                            && last.end == range.start
                            && last.exclusive == exclusive =>
                    {
                        last.end = range.end;
                    }
                    _ => held.push(range),
                }
            }
        }
        held.sort_by_key(|range| (range.start, range.session, range.owner));
        FileLocks { held, waiting: self.waiting.iter().map(Request::range).collect() }
    }

    /// Owners of locks that a request has to wait for.
    fn in_the_way(&self, request: &Request) -> BTreeSet<Owner> {
        let others = self.held.iter().filter(|((cell, owner), exclusive)| {
            *owner != request.owner && request.wants(*cell) && (**exclusive || request.exclusive)
        });
        others.map(|((_, owner), _)| *owner).collect()
    }

    fn must_wait(&self, request: &Request, before: &[Request]) -> bool {
        let has_something = self.held.keys().any(|(_, owner)| *owner == request.owner);
        let behind = before.iter().any(|earlier| {
            earlier.owner != request.owner
                && (earlier.exclusive || request.exclusive)
                && (0..EDGES.len()).any(|cell| earlier.wants(cell) && request.wants(cell))
        });
        !self.in_the_way(request).is_empty() || !has_something && behind
    }

    /// Whether somebody waits for himself, if others' waits count too.
    fn has_circle(&self) -> bool {
        let mut waits_for: BTreeSet<(Owner, Owner)> = BTreeSet::new();
        for request in &self.waiting {
            waits_for.extend(self.in_the_way(request).into_iter().map(|other| (request.owner, other)));
        }
        loop {
            let further: BTreeSet<(Owner, Owner)> = waits_for
                .iter()
                .flat_map(|(a, b)| waits_for.iter().filter(move |(c, _)| b == c).map(move |(_, d)| (*a, *d)))
                .collect();
            let before = waits_for.len();
            waits_for.extend(further);
            if waits_for.len() == before {
                return waits_for.iter().any(|(a, b)| a == b);
            }
        }
    }

    fn grant(&mut self, request: &Request) {
        for cell in cells(request.start, request.end) {
            self.held.insert((cell, request.owner), request.exclusive);
        }
    }

    fn serve(&mut self) {
        loop {
            let mut left: Vec<Request> = Vec::new();
            for request in self.waiting.clone() {
                match self.must_wait(&request, &left) {
                    true => left.push(request),
                    false => self.grant(&request),
                }
            }
            let is_done = left.len() == self.waiting.len();
            self.waiting = left;
            if is_done {
                return;
            }
        }
    }
}

impl Commit<'_> {
    fn cells(&mut self, number: u64) -> &mut Cells {
        let ino = self.stands_for(number);
        self.state.locks.entry(ino).or_default()
    }

    fn served(&mut self, number: u64) {
        self.cells(number).serve();
        self.state.locks.retain(|_, cells| !cells.is_empty());
    }

    pub fn lock(&mut self, op: &Lock) -> Judged {
        let ino = self.stands_for(op.ino);
        self.file_with_content(ino)?;
        refuse_if(op.start >= op.end, Refusal::Invalid)?;
        let owner = (self.number, op.owner);
        let request = Request { owner, start: op.start, end: op.end, exclusive: op.exclusive };
        let cells = self.cells(ino);
        cells.waiting.retain(|waiting| waiting.owner != owner);
        if cells.must_wait(&request, &cells.waiting) {
            refuse_if(!op.wait, Refusal::Locked)?;
            cells.waiting.push(request);
            refuse_if(cells.has_circle(), Refusal::Deadlock)?;
        } else {
            cells.grant(&request);
        }
        self.served(ino);
        Ok(())
    }

    pub fn unlock(&mut self, op: &Unlock) -> Judged {
        refuse_if(op.start >= op.end, Refusal::Invalid)?;
        let owner = (self.number, op.owner);
        let given_up: BTreeSet<usize> = cells(op.start, op.end).collect();
        let file = self.cells(op.ino);
        file.held.retain(|(cell, has), _| *has != owner || !given_up.contains(cell));
        file.waiting
            .retain(|request| request.owner != owner || !given_up.iter().any(|cell| request.wants(*cell)));
        self.served(op.ino);
        Ok(())
    }

    pub fn withdraw(&mut self, op: &Withdraw) -> Judged {
        let owner = (self.number, op.owner);
        let file = self.cells(op.ino);
        let before = file.waiting.len();
        file.waiting.retain(|request| request.owner != owner);
        let found = file.waiting.len() < before;
        self.served(op.ino);
        refuse_if(!found, Refusal::NotFound)
    }

    pub fn drop_locks(&mut self, op: &DropLocks) -> Judged {
        let id = self.silent_session(&op.session, op.last_k)?;
        let number = self.state.sessions[&id].number;
        refuse_if(!self.state.has_locks(number), Refusal::NotFound)?;
        self.release_all(number);
        let at = self.at;
        self.state.sessions.entry(id).and_modify(|session| session.dropped = at);
        Ok(())
    }

    pub fn release_all(&mut self, number: u32) {
        for cells in self.state.locks.values_mut() {
            cells.held.retain(|(_, owner), _| owner.0 != number);
            cells.waiting.retain(|request| request.owner.0 != number);
            cells.serve();
        }
        self.state.locks.retain(|_, cells| !cells.is_empty());
    }

    pub fn guard(&self, op: &Guard) -> Judged {
        let dropped = self.state.sessions.get(&self.envelope.session).map_or(0, |session| session.dropped);
        refuse_if(op.since < u64::from(self.number) || op.since <= dropped, Refusal::LockLost)
    }
}

impl State {
    fn has_locks(&self, session: u32) -> bool {
        self.locks.values().any(|cells| cells.sessions().contains(&session))
    }
}

impl Commits {
    pub fn locking(&self, commit: &Commit<'_>) -> Op {
        let locked = self.chance.of(commit.state.locks.keys().copied()).filter(|_| !self.chance.once_in(8));
        let ino = locked.unwrap_or_else(|| self.file(commit));
        let edges = (self.chance.one(&EDGES), self.chance.one(&EDGES));
        let (start, end) = if self.chance.once_in(20) { edges } else { sorted(edges) };
        let owner = self.chance.below(3);
        if let Some(lock) = self.chance.of(circles(commit)).filter(|_| self.chance.once_in(2)) {
            return Op::Lock(lock);
        }
        match self.chance.below(20) {
            0..11 => Op::Lock(Lock {
                ino,
                owner,
                start,
                end,
                exclusive: self.chance.once_in(2),
                wait: !self.chance.once_in(4),
            }),
            11..15 => Op::Unlock(Unlock { ino, owner, start, end }),
            15..17 => Op::Withdraw(Withdraw { ino, owner }),
            17..19 => self.drop_session(commit),
            _ => {
                let dropped = commit.state.sessions.get(&commit.envelope.session).map_or(0, |s| s.dropped);
                let since = self.chance.one(&[0, dropped, dropped + 1, commit.number.into(), commit.at]);
                Op::Guard(Guard { since })
            }
        }
    }

    fn drop_session(&self, commit: &Commit<'_>) -> Op {
        let own = commit.envelope.session;
        let with_locks = commit.state.sessions.iter().filter(|(_, s)| commit.state.has_locks(s.number));
        let any = || self.chance.of(commit.state.sessions.keys().copied());
        let session = self.chance.of(with_locks.map(|(id, _)| *id)).filter(|_| !self.chance.once_in(3));
        let session = session.or_else(any).unwrap_or(own);
        let last_k = commit.state.sessions.get(&session).map_or(0, |s| s.last_k) + u64::from(session == own);
        let last_k = self.chance.one(&[last_k, last_k, last_k, last_k + 1, 0]);
        let length = if self.chance.once_in(15) { 15 } else { 16 };
        Op::DropLocks(DropLocks { session: Bytes::copy_from_slice(&session.0[..length]), last_k })
    }
}

/// Requests of the author for what those have who wait for the author.
fn circles(commit: &Commit<'_>) -> Vec<Lock> {
    let mut found = Vec::new();
    for (ino, cells) in &commit.state.locks {
        for request in &cells.waiting {
            let mine = cells.in_the_way(request).into_iter().filter(|owner| owner.0 == commit.number);
            let theirs = || cells.held.keys().filter(|(_, owner)| *owner == request.owner);
            found.extend(mine.flat_map(|(_, owner)| {
                theirs().map(move |(cell, _)| {
                    let (start, end) = (EDGES[*cell], EDGES[*cell + 1]);
                    Lock { ino: *ino, owner, start, end, exclusive: true, wait: true }
                })
            }));
        }
    }
    found
}

fn sorted((a, b): (u64, u64)) -> (u64, u64) {
    match a.cmp(&b) {
        std::cmp::Ordering::Less => (a, b),
        std::cmp::Ordering::Greater => (b, a),
        std::cmp::Ordering::Equal => (0, u64::MAX),
    }
}

/// Panics if two have what only one may have, or if a session's files are not the ones that name it.
pub fn check(state: &Replica) {
    let (mut found, mut listed) = (BTreeSet::new(), BTreeSet::new());
    for pair in state.range(b"K", b"L") {
        let (key, value) = pair.unwrap();
        let ino = key::ino_of(&key).unwrap();
        let locks = FileLocks::decode(value).unwrap();
        assert!(!locks.held.is_empty(), "somebody waits for nobody");
        for (n, a) in locks.held.iter().enumerate() {
            assert!(a.start < a.end);
            for b in locks.held[..n].iter().filter(|b| a.start < b.end && b.start < a.end) {
                assert!(a.owner() != b.owner() && !a.exclusive && !b.exclusive, "{a:?} and {b:?}");
            }
        }
        found.extend(locks.sessions().into_iter().map(|session| (session, ino)));
    }
    for pair in state.range(b"W", b"X") {
        let (key, _) = pair.unwrap();
        let session = SessionNo(u32::from_be_bytes(key[1..5].try_into().unwrap()));
        listed.insert((session, key::locked_file(&key).unwrap()));
    }
    assert_eq!(found, listed, "files of sessions that have locks");
}

const FILE: u32 = 2;

struct Owners {
    replica: Replica,
    ino: u64,
}

impl Owners {
    fn new() -> Owners {
        let mut replica = world();
        let number = replica.session(ADMINS).unwrap().unwrap().number();
        let ino = lucidlink::ids::Ino::new(number, FILE);
        let slot = commit(&replica, ADMIN, ADMINS, vec![vec![create("file", ino)]]);
        assert_eq!(refusals(&mut replica, &slot), [0]);
        Owners { replica, ino: ino.0 }
    }

    /// What becomes of an operation of the admin's session, or of the writer's.
    fn does(&mut self, session: SessionId, op: Op) -> u32 {
        let author = if session == ADMINS { ADMIN } else { WRITER };
        let slot = commit(&self.replica, author, session, vec![vec![op]]);
        let refusal = refusals(&mut self.replica, &slot)[0];
        check(&self.replica);
        refusal
    }

    fn locks(&mut self, (session, owner): (SessionId, u64), start: u64, end: u64, exclusive: bool) -> u32 {
        self.does(session, Op::Lock(Lock { ino: self.ino, owner, start, end, exclusive, wait: true }))
    }

    fn unlocks(&mut self, (session, owner): (SessionId, u64)) {
        let all = Unlock { ino: self.ino, owner, start: 0, end: u64::MAX };
        assert_eq!(self.does(session, Op::Unlock(all)), 0);
    }

    fn number(&self, session: SessionId) -> SessionNo {
        self.replica.session(session).unwrap().unwrap().number()
    }

    fn has(&self, (session, owner): (SessionId, u64), start: u64, end: u64, exclusive: bool) -> bool {
        let locks = self.replica.locks(lucidlink::ids::Ino(self.ino)).unwrap();
        locks.has((self.number(session), owner), start, end, exclusive)
    }
}

const A: (SessionId, u64) = (ADMINS, 1);
const B: (SessionId, u64) = (WRITERS, 1);
const C: (SessionId, u64) = (WRITERS, 2);

#[test]
fn who_came_first_gets_it_first_and_no_stream_of_readers_starves_a_writer() {
    let mut owners = Owners::new();
    assert_eq!(owners.locks(A, 0, 10, false), 0);
    assert_eq!(owners.locks(B, 0, 10, true), 0);
    assert_eq!(owners.locks(C, 0, 10, false), 0);
    assert!(!owners.has(C, 0, 10, false), "it could share with A, but B came first");
    owners.unlocks(A);
    assert!(owners.has(B, 0, 10, true) && !owners.has(C, 0, 10, false));
    owners.unlocks(B);
    assert!(owners.has(C, 0, 10, false));
}

#[test]
fn a_lock_that_is_changed_is_never_lost_in_between() {
    let mut owners = Owners::new();
    assert_eq!(owners.locks(A, 0, 10, false), 0);
    assert_eq!(owners.locks(B, 0, 10, true), 0);
    // Before those who have nothing, and nobody is told that this is a deadlock.
    assert_eq!(owners.locks(A, 0, 10, true), 0);
    assert!(owners.has(A, 0, 10, true));
    assert_eq!(owners.locks(A, 3, 5, false), 0);
    assert!(owners.has(A, 0, 3, true) && owners.has(A, 5, 10, true) && owners.has(A, 0, 10, false));
    assert!(!owners.has(A, 3, 4, true) && !owners.has(B, 3, 5, false));
    assert_eq!(owners.locks(C, 3, 4, false), 0);
    assert!(!owners.has(C, 3, 4, false), "B waits for that");
}

#[test]
fn who_would_close_a_circle_is_refused_and_keeps_what_it_has() {
    let mut owners = Owners::new();
    for (owner, start) in [(A, 0), (B, 10), (C, 20)] {
        assert_eq!(owners.locks(owner, start, start + 10, true), 0);
    }
    assert_eq!(owners.locks(A, 10, 20, false), 0);
    assert_eq!(owners.locks(B, 20, 30, false), 0);
    assert_eq!(owners.locks(C, 0, 5, true), Refusal::Deadlock as u32);
    assert!(owners.has(C, 20, 30, true));
    owners.unlocks(C);
    assert!(owners.has(B, 10, 20, true) && owners.has(B, 20, 30, false));
    owners.unlocks(B);
    assert!(owners.has(A, 0, 10, true) && owners.has(A, 10, 20, false));
}

#[test]
fn a_silent_session_loses_all_its_locks_and_what_relied_on_them_is_refused() {
    let mut owners = Owners::new();
    assert_eq!(owners.locks(B, 0, u64::MAX, true), 0);
    let since = owners.replica.position().0;
    let guard = |since| Op::Guard(Guard { since });
    assert_eq!(owners.does(WRITERS, guard(since)), 0);
    assert_eq!(owners.locks(A, 5, 6, true), 0);
    let last_k = owners.replica.session(WRITERS).unwrap().unwrap().last_k;
    let drop = |last_k| Op::DropLocks(DropLocks { session: Bytes::copy_from_slice(&WRITERS.0), last_k });
    assert_eq!(owners.does(ADMINS, drop(last_k - 1)), Refusal::SessionMoved as u32, "it has gone on");
    assert!(!owners.has(A, 5, 6, true));
    assert_eq!(owners.does(ADMINS, drop(last_k)), 0);
    assert!(owners.has(A, 5, 6, true));
    assert_eq!(owners.does(ADMINS, drop(last_k)), Refusal::NotFound as u32, "there is nothing to drop");
    assert_eq!(owners.does(WRITERS, guard(since)), Refusal::LockLost as u32);
    assert_eq!(owners.locks(B, 6, 7, true), 0);
    let since = owners.replica.position().0;
    assert_eq!(owners.does(WRITERS, guard(since)), 0);
    assert_eq!(
        owners.does(SessionId([77; 16]), guard(since)),
        Refusal::LockLost as u32,
        "of another session"
    );
}

/// Many owners and nothing but locks: more of their states than the random commits reach.
#[test]
fn locks_are_their_model() {
    for seed in 0..40 {
        let chance = Chance::new(seed);
        let mut owners = Owners::new();
        let mut model = Cells::default();
        for n in 0..250 {
            let session = chance.one(&[ADMINS, WRITERS]);
            let (number, owner) = (owners.number(session), chance.below(4));
            let (start, end) = sorted((chance.one(&EDGES), chance.one(&EDGES)));
            let exclusive = chance.once_in(2);
            let request = Request { owner: (number.0, owner), start, end, exclusive };
            if chance.once_in(3) {
                let op = Op::Unlock(Unlock { ino: owners.ino, owner, start, end });
                assert_eq!(owners.does(session, op), 0);
                model.held.retain(|(cell, has), _| *has != request.owner || !request.wants(*cell));
                model
                    .waiting
                    .retain(|waits| waits.owner != request.owner || waits.end <= start || end <= waits.start);
            } else {
                let before = model.clone();
                model.waiting.retain(|waits| waits.owner != request.owner);
                let expected = if !model.must_wait(&request, &model.waiting) {
                    model.grant(&request);
                    0
                } else {
                    model.waiting.push(request);
                    if model.has_circle() { Refusal::Deadlock as u32 } else { 0 }
                };
                if expected != 0 {
                    model = before;
                }
                assert_eq!(owners.locks((session, owner), start, end, exclusive), expected, "{seed}, {n}");
            }
            model.serve();
            assert!(!model.has_circle(), "a circle that no request closed: {seed}, {n}");
            let found = owners.replica.locks(lucidlink::ids::Ino(owners.ino)).unwrap();
            assert_eq!(found, model.ranges(), "seed {seed}, step {n}");
        }
    }
}

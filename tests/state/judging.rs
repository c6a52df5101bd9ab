//! Each rule of judging has a slot that breaks it and no other: without the rule, that slot would be consumed.

use bytes::Bytes;
use lucidlink::crypto::account::PublicKeys;
use lucidlink::ids::{Hash, Incarnation, Ino, PackId, Seq, SessionId, SessionNo};
use lucidlink::log::envelope::Envelope;
use lucidlink::state::apply::{self, Judgement, Void};
use lucidlink::state::ops::{
    Body, CloseSession, Content, Create, End, Extent, MakeDir, NewPack, Op, OpenSession, Reap, Remove,
    Rename, RevokeMember, SetMember, Transaction, Truncate,
};
use lucidlink::state::value::{Outcome, Role};
use lucidlink::state::{Refusal, Replica, Source, Tables, WINDOW, key};

use super::commits::account;
use super::model::{ROOT, Verdict};
use super::slot::Slot;

pub const ADMIN: u8 = 0;
pub const WRITER: u8 = 1;
const READER: u8 = 2;
const REVOKED: u8 = 3;
const STRANGER: u8 = 4;

pub const ADMINS: SessionId = SessionId([10; 16]);
pub const WRITERS: SessionId = SessionId([11; 16]);
const CLOSED: SessionId = SessionId([12; 16]);
const NEW: SessionId = SessionId([13; 16]);

/// A commit that is good, if its author may write and its session is open.
pub fn commit(replica: &Replica, author: u8, session: SessionId, transactions: Vec<Vec<Op>>) -> Slot {
    let transactions = transactions
        .into_iter()
        .map(|ops| Transaction { hops: Vec::new(), ops: ops.into_iter().map(Op::wrap).collect() })
        .collect();
    let envelope = Envelope {
        incarnation: Incarnation([0; 16]),
        session,
        k: replica.session(session).unwrap().map_or(0, |s| s.last_k) + 1,
        seen: replica.position(),
        chain_at_seen: replica.chain(),
        key_id: account(author).key_id(),
        generation: 0,
        salt: [author; 32],
        clear: Bytes::new(),
        payload_len: 0,
        payload_hash: Hash([0; 32]),
        out_of_line: false,
    };
    Slot {
        envelope: Some(envelope),
        signer: account(author).sign,
        body: Some(Body { transactions, ..Body::default() }),
        ..Slot::default()
    }
}

fn verdict(replica: &Replica, slot: &Slot) -> Verdict {
    slot.judge(replica).unwrap().verdict
}

fn apply(replica: &mut Replica, slot: &Slot) -> Verdict {
    let applied = slot.judge(replica).unwrap();
    let verdict = applied.verdict.clone();
    slot.advance(replica, applied);
    verdict
}

/// Applies a commit; gives the refusal of each transaction.
pub fn refusals(replica: &mut Replica, slot: &Slot) -> Vec<u32> {
    match apply(replica, slot) {
        Verdict::Consumed(outcomes) => outcomes.iter().map(|o| o.refusal).collect(),
        Verdict::Void(void) => panic!("{void:?}: {slot:#?}"),
    }
}

fn set_member(n: u8, role: Role) -> Op {
    let PublicKeys { sign, kem } = account(n);
    let id = |bytes: [u8; 32]| Bytes::copy_from_slice(&bytes);
    Op::SetMember(SetMember { sign: id(sign), kem: id(kem), role: role as u32, generation: 0 })
}

fn close(session: SessionId, last_k: u64) -> Op {
    Op::CloseSession(CloseSession { session: Bytes::copy_from_slice(&session.0), last_k })
}

pub fn create(name: &str, ino: Ino) -> Op {
    let name = name.to_owned();
    Op::Create(Create { parent: ROOT, name, ino: ino.0, ..Create::default() })
}

/// A log longer than a window, with members of every role and sessions that are open and closed.
pub fn world() -> Replica {
    let mut replica = Replica::new(&super::birth());
    for _ in 0..WINDOW + 10 {
        apply(&mut replica, &Slot::default());
    }
    let key_id = Bytes::copy_from_slice(&account(REVOKED).key_id().0);
    let members = vec![
        set_member(WRITER, Role::Writer),
        set_member(READER, Role::Reader),
        set_member(REVOKED, Role::Writer),
        Op::RevokeMember(RevokeMember { key_id }),
    ];
    for (author, session, ops) in [
        (ADMIN, ADMINS, members),
        (WRITER, WRITERS, vec![Op::OpenSession(OpenSession {})]),
        (ADMIN, CLOSED, vec![Op::OpenSession(OpenSession {})]),
        (ADMIN, CLOSED, vec![close(CLOSED, 2)]),
    ] {
        let slot = commit(&replica, author, session, vec![ops]);
        assert_eq!(refusals(&mut replica, &slot), [0]);
    }
    replica
}

/// A slot, and what it is.
type Case = (&'static str, Slot);

fn all_are(replica: &Replica, expected: &Verdict, cases: Vec<Case>) {
    for (what, slot) in cases {
        assert_eq!(verdict(replica, &slot), *expected, "{what}");
    }
}

/// A good commit of the admin, changed.
fn changed(replica: &Replica, change: impl FnOnce(&mut Envelope)) -> Slot {
    let mut slot = commit(replica, ADMIN, ADMINS, vec![]);
    change(slot.envelope.as_mut().unwrap());
    slot
}

#[test]
fn commits_that_break_no_rule_are_consumed() {
    let replica = world();
    let oldest = replica.position().0 + 1 - WINDOW;
    let cases = vec![
        ("the admin's", commit(&replica, ADMIN, ADMINS, vec![])),
        ("the writer's", commit(&replica, WRITER, WRITERS, vec![])),
        ("the first of a session", commit(&replica, WRITER, NEW, vec![])),
        (
            "as old as may be",
            changed(&replica, |e| {
                e.seen = Seq(oldest);
                e.chain_at_seen = replica.chain_at(Seq(oldest)).unwrap();
            }),
        ),
    ];
    all_are(&replica, &Verdict::Consumed(vec![]), cases);
}

#[test]
fn what_no_member_with_the_right_to_write_has_signed_is_no_commit() {
    let mut replica = world();
    let mut forged = commit(&replica, ADMIN, ADMINS, vec![]);
    forged.signer = account(WRITER).sign;
    let mut forged_fork = forged.clone();
    forged_fork.envelope.as_mut().unwrap().chain_at_seen = Hash([0; 32]);
    let unauthentic = Verdict::Void(Void::Unauthentic);
    let cases = vec![
        ("no envelope", Slot::default()),
        ("a stranger's", commit(&replica, STRANGER, NEW, vec![])),
        ("a reader's", commit(&replica, READER, NEW, vec![])),
        ("a revoked member's", commit(&replica, REVOKED, NEW, vec![])),
        ("in a closed session", commit(&replica, ADMIN, CLOSED, vec![])),
        ("in another member's session", commit(&replica, ADMIN, WRITERS, vec![])),
        ("signed by another member", forged),
        // Nobody but a member can make others believe in a fork.
        ("signed by another member, of another log", forged_fork),
    ];
    all_are(&replica, &unauthentic, cases);
    let end = commit(&replica, ADMIN, ADMINS, vec![vec![Op::End(End {})]]);
    assert_eq!(refusals(&mut replica, &end), [0]);
    let late = vec![("behind the end", commit(&replica, ADMIN, ADMINS, vec![]))];
    all_are(&replica, &unauthentic, late);
}

#[test]
fn the_number_of_a_new_session_has_32_bits() {
    let replica = world();
    for (at, consumed) in [(u64::from(u32::MAX), true), (1 << 32, false)] {
        let slot = changed(&replica, |e| (e.session, e.k, e.seen) = (NEW, 1, Seq(at - 1)));
        let chain = slot.envelope.as_ref().map(|e| e.chain_at_seen);
        let judged = apply::judge(&replica, Seq(at), slot.envelope.as_ref(), |_| chain, |_| true).unwrap();
        match judged {
            Judgement::Consume(_) => assert!(consumed, "at {at}"),
            Judgement::Void(void) => assert_eq!((void, consumed), (Void::Unauthentic, false), "at {at}"),
        }
    }
}

#[test]
fn what_was_made_for_another_life_key_or_time_is_outdated() {
    let replica = world();
    let at = replica.position().0 + 1;
    let too_old = changed(&replica, |e| (e.seen, e.chain_at_seen) = (Seq(at - 1 - WINDOW), Hash([0; 32])));
    let cases = vec![
        ("another incarnation", changed(&replica, |e| e.incarnation.0[15] = 1)),
        ("another generation", changed(&replica, |e| e.generation = 1)),
        ("it has seen itself", changed(&replica, |e| e.seen = Seq(at))),
        ("it has seen what is to come", changed(&replica, |e| e.seen = Seq(u64::MAX - WINDOW))),
        ("too old", too_old),
    ];
    all_are(&replica, &Verdict::Void(Void::Outdated), cases);
}

#[test]
fn a_fork_is_recorded_once() {
    let mut replica = world();
    let fork = Verdict::Void(Void::Fork);
    let first = replica.position().0 + 1;
    for _ in 0..2 {
        // Also if it is none of its session's next commits.
        let slot = changed(&replica, |e| (e.k, e.chain_at_seen.0[0]) = (9, !e.chain_at_seen.0[0]));
        assert_eq!(apply(&mut replica, &slot), fork);
        assert_eq!(replica.header().unwrap().fork, first);
    }
}

#[test]
fn a_session_has_one_next_commit() {
    let mut replica = world();
    let landed = commit(&replica, ADMIN, ADMINS, vec![]);
    assert_eq!(refusals(&mut replica, &landed), [0; 0]);
    let cases = vec![
        ("landed before", landed),
        ("one too far", changed(&replica, |e| e.k += 1)),
        ("0", changed(&replica, |e| e.k = 0)),
        ("the second of a new session", changed(&replica, |e| (e.session, e.k) = (NEW, 2))),
    ];
    all_are(&replica, &Verdict::Void(Void::OutOfOrder), cases);
}

#[test]
fn a_void_slot_changes_nothing() {
    let mut replica = world();
    let before = replica.state_hash();
    for slot in [Slot::default(), changed(&replica, |e| e.generation = 1), changed(&replica, |e| e.k = 0)] {
        apply(&mut replica, &slot);
        assert_eq!(replica.state_hash(), before);
    }
}

#[test]
fn a_body_that_does_not_decode_is_consumed_and_does_nothing() {
    let mut replica = world();
    let number = replica.session(ADMINS).unwrap().unwrap().number();
    let mut slot = commit(&replica, ADMIN, ADMINS, vec![vec![create("a", Ino::new(number, 2))]]);
    for (unknown, name) in [
        (&[0xf8, 0x01, 0x01][..], "a field of a later version"),
        (&[0x0a, 0x00], "a default that is written out"),
        (&[0x1a], "a field that is cut short"),
    ] {
        slot.unknown = unknown.to_vec();
        let envelope = slot.envelope.as_mut().unwrap();
        (envelope.seen, envelope.chain_at_seen) = (replica.position(), replica.chain());
        let k = envelope.k;
        assert_eq!(apply(&mut replica, &slot), Verdict::Consumed(vec![]), "{name}");
        let session = replica.session(ADMINS).unwrap().unwrap();
        assert_eq!((session.last_k, session.last_seq), (k, replica.position().0), "{name}");
        assert_eq!(replica.dentry(Ino::ROOT, "a").unwrap(), None, "{name}");
        slot.envelope.as_mut().unwrap().k += 1;
    }
}

#[test]
fn each_transaction_is_judged_alone_and_goes_by_what_came_before() {
    let mut replica = world();
    let number = replica.session(WRITERS).unwrap().unwrap().number();
    let ino = |n| Ino::new(number, n);
    let truncate = |n| Op::Truncate(Truncate { ino: ino(n).0, size: 9, time: 0 });
    let slot = commit(
        &replica,
        WRITER,
        WRITERS,
        vec![
            vec![create("a", ino(2))],
            // Refused as a whole: `c` is not there, and 3 stands for nothing.
            vec![create("c", ino(4)), create("a", ino(3)), Op::End(End {})],
            vec![truncate(3)],
            vec![create("a", ino(5))],
            vec![truncate(5)],
        ],
    );
    let outcomes = vec![
        Outcome::default(),
        Outcome { refusal: Refusal::Denied as u32, op: 2, ..Outcome::default() },
        Outcome { refusal: Refusal::Deleted as u32, ..Outcome::default() },
        Outcome { redirects: vec![ino(5).0, ino(2).0], ..Outcome::default() },
        Outcome::default(),
    ];
    assert_eq!(apply(&mut replica, &slot), Verdict::Consumed(outcomes.clone()));
    assert_eq!(replica.session(WRITERS).unwrap().unwrap().outcomes, outcomes);
    assert_eq!(replica.inode(ino(2)).unwrap().unwrap().size, 9);
    for name in ["b", "c"] {
        assert_eq!(replica.dentry(Ino::ROOT, name).unwrap(), None);
    }
    // A redirect ends with its commit.
    let next = commit(&replica, WRITER, WRITERS, vec![vec![truncate(5)]]);
    assert_eq!(refusals(&mut replica, &next), [Refusal::Deleted as u32]);
}

#[test]
fn a_pack_is_registered_by_what_takes_effect_and_once() {
    let mut replica = world();
    let number = replica.session(WRITERS).unwrap().unwrap().number();
    let (ino, id) = (Ino::new(number, 2), PackId::new(number, [7; 12]));
    let offer = |id: PackId| NewPack {
        id: Bytes::copy_from_slice(&id.0),
        salt: Bytes::from_static(&[0; 32]),
        index_hash: Bytes::from_static(&[0; 32]),
        size: 100,
        blocks: 2,
        ..NewPack::default()
    };
    let append = |id: PackId| {
        let pack = Bytes::copy_from_slice(&id.0);
        let stored_lengths = vec![30];
        let extent = Extent { length: 3, pack, block_length: 2, stored_lengths, ..Extent::default() };
        Op::Append(Content { ino: ino.0, extents: vec![extent], ..Content::default() })
    };
    let mut offering = |id: PackId, transactions: Vec<Vec<Op>>| {
        let mut slot = commit(&replica, WRITER, WRITERS, transactions);
        slot.body.as_mut().unwrap().packs.push(offer(id));
        (refusals(&mut replica, &slot), replica.counters().unwrap())
    };
    let (refused, counters) = offering(id, vec![vec![create("a", ino)], vec![append(id), Op::End(End {})]]);
    assert_eq!((refused, counters.stored()), (vec![0, Refusal::Denied as u32], 0));
    let (refused, counters) = offering(id, vec![vec![append(id)], vec![append(id)]]);
    assert_eq!((refused, counters.stored(), counters.live()), (vec![0, 0], 100, 6));
    let (refused, _) = offering(id, vec![vec![append(id)]]);
    assert_eq!(refused, [Refusal::DeadPack as u32]);
    let foreign = PackId::new(SessionNo(number.0 + 1), [8; 12]);
    let (refused, _) = offering(foreign, vec![vec![append(foreign)]]);
    assert_eq!(refused, [Refusal::DeadPack as u32]);
}

#[test]
fn a_closed_session_is_forgotten_after_a_window() {
    let mut replica = world();
    let (from, to) = key::expiries(Seq(u64::MAX));
    let (expiry, _) = replica.first(&from, &to).unwrap().unwrap();
    assert_eq!(key::expiry_session(&expiry), Some(CLOSED));
    let closed_at = replica.session(CLOSED).unwrap().unwrap().last_seq;
    while replica.position().0 < closed_at + WINDOW - 1 {
        apply(&mut replica, &Slot::default());
    }
    assert!(replica.session(CLOSED).unwrap().is_some_and(|s| s.closed));
    // A commit forgets as a void slot does.
    let slot = commit(&replica, WRITER, WRITERS, vec![vec![Op::Reap(Reap::default())]]);
    assert_eq!(refusals(&mut replica, &slot), [0]);
    assert_eq!(replica.session(CLOSED).unwrap(), None);
    assert!(replica.first(&from, &to).unwrap().is_none());
}

/// The walk up from a directory ends, whatever numbers a writer has given twice.
#[test]
fn parents_in_a_circle_do_not_hold_anybody_up() {
    let mut replica = world();
    let ino = |n| Ino::new(replica.session(WRITERS).unwrap().unwrap().number(), n);
    let [a, b, x] = [ino(2), ino(3), ino(4)];
    let make = |parent: Ino, name: &str, ino: Ino| {
        Op::MakeDir(MakeDir { parent: parent.0, name: name.to_owned(), ino: ino.0, ..MakeDir::default() })
    };
    let remove = |parent: Ino, name: &str, ino: Ino| Remove {
        parent: parent.0,
        name: name.to_owned(),
        ino: ino.0,
        time: 0,
    };
    let into_the_circle = Rename {
        from_parent: ROOT,
        from_name: "x".to_owned(),
        ino: x.0,
        to_parent: a.0,
        to_name: "x".to_owned(),
        ..Rename::default()
    };
    let root = Ino::ROOT;
    let steps = vec![
        vec![make(root, "a", a), make(a, "b", b), make(root, "x", x)],
        vec![Op::RemoveTree(remove(a, "b", b))],
        vec![Op::RemoveDir(remove(root, "a", a))],
        vec![make(b, "a", a)],
        vec![Op::Rename(into_the_circle)],
    ];
    let slot = commit(&replica, WRITER, WRITERS, steps);
    assert_eq!(refusals(&mut replica, &slot), [0; 5]);
}

//! A member who does not keep to the rules: it has the keys, and writes to the log what no honest client would. Others
//! stop with an error that says so, or go on as if it had not happened; they never take it for good.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]
#![allow(clippy::print_stderr)]

#[path = "model/call.rs"]
mod call;
#[path = "model/model.rs"]
mod model;
#[path = "simulation/simulated.rs"]
mod simulated;
#[path = "simulation/worlds.rs"]
mod worlds;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use call::{Call, Data};
use lucidlink::crypto::seal::{Kind, ObjectKey};
use lucidlink::crypto::sha256;
use lucidlink::error::Status;
use lucidlink::ids::{Hash, Incarnation, Ino, PackId, Seq, SessionId, SessionNo};
use lucidlink::log::envelope::{Envelope, SlotView, seal_payload};
use lucidlink::log::{Append, CommitLog};
use lucidlink::state::Tables;
use lucidlink::state::ops::{Body, Content, Create, Extent, NewPack, Op, OpenSession, Transaction};
use prost::Message;
use simulated::{Place, Simulated};
use worlds::Outcome;

const TIMEOUT: Duration = Duration::from_secs(5);

/// A commit that can be bent before it is signed.
struct Forged {
    session: SessionId,
    k: u64,
    chain_at_seen: Hash,
    state_hash: Hash,
}

impl Forged {
    /// What an honest newcomer would write.
    fn honest(client: &Simulated) -> Forged {
        let link = client.fs.link();
        let (chain_at_seen, state_hash) = link.read(|state| Ok((state.chain(), state.state_hash()))).unwrap();
        Forged { session: SessionId([7; 16]), k: 1, chain_at_seen, state_hash }
    }

    fn append(&self, place: &Place, seen: Seq) {
        put(place, &self.slot(place, seen));
    }

    fn slot(&self, place: &Place, seen: Seq) -> Vec<u8> {
        self.slot_of(place, seen, vec![], vec![Op::OpenSession(OpenSession {})])
    }

    fn slot_of(&self, place: &Place, seen: Seq, packs: Vec<NewPack>, ops: Vec<Op>) -> Vec<u8> {
        let transaction = Transaction { hops: vec![], ops: ops.into_iter().map(Op::wrap).collect() };
        let body = Body {
            state_hash: Bytes::copy_from_slice(&self.state_hash.0),
            packs,
            transactions: vec![transaction],
        };
        let salt = [9; 32];
        let object: Vec<u8> = [&self.session.0[..], &self.k.to_le_bytes()].concat();
        let key = ObjectKey::derive(&place.key, &salt, Kind::Commit, &place.id, &object);
        let payload = seal_payload(&key, &body.encode_to_vec(), std::iter::empty()).unwrap();
        let envelope = Envelope {
            incarnation: Incarnation([0; 16]),
            session: self.session,
            k: self.k,
            seen,
            chain_at_seen: self.chain_at_seen,
            key_id: place.account.key_id(),
            generation: 0,
            salt,
            clear: Bytes::new(),
            payload_len: payload.len() as u32,
            payload_hash: sha256(&payload),
            out_of_line: false,
        };
        envelope.encode_signed(&payload, |message| place.account.sign(message))
    }
}

fn put(place: &Place, slot: &[u8]) {
    let answer = place.log.append(slot, place.log.head().unwrap()).unwrap();
    assert!(matches!(answer, Append::Landed(_)));
}

fn client(place: &Place, seed: u64) -> Simulated {
    let client = place.open(seed, 0, TIMEOUT);
    let made = client.call(&Call::WriteFile(format!("/file-{seed}"), Data { seed, len: 100 }));
    assert!(matches!(made, Outcome::Answered(Ok(_))));
    client
}

fn status(client: &Simulated, call: &Call) -> i32 {
    match client.call(call) {
        Outcome::Answered(Err(code)) => code,
        Outcome::Answered(Ok(_)) => 0,
        other => panic!("{other:?}"),
    }
}

fn look() -> Call {
    Call::List("/".to_owned())
}

fn change() -> Call {
    Call::CreateDir("/after".to_owned())
}

#[test]
fn a_commit_of_a_newcomer_is_taken() {
    let place = Place::new(1);
    let victim = client(&place, 1);
    Forged::honest(&victim).append(&place, victim.fs.link().position());
    assert_eq!((status(&victim, &look()), status(&victim, &change())), (0, 0));
}

#[test]
fn a_false_state_hash_stops_a_link_after_one_attempt_to_rebuild() {
    let place = Place::new(2);
    let victim = client(&place, 2);
    Forged { state_hash: Hash([1; 32]), ..Forged::honest(&victim) }
        .append(&place, victim.fs.link().position());
    for call in [look(), change(), look()] {
        assert_eq!(status(&victim, &call), Status::StateDiverged.code());
    }
}

#[test]
fn a_commit_on_another_chain_is_a_fork() {
    let place = Place::new(3);
    let victim = client(&place, 3);
    Forged { chain_at_seen: Hash([1; 32]), ..Forged::honest(&victim) }
        .append(&place, victim.fs.link().position());
    for call in [look(), change(), look()] {
        assert_eq!(status(&victim, &call), Status::LogForked.code());
    }
}

#[test]
fn a_session_that_somebody_else_uses_stops() {
    let place = Place::new(4);
    let victim = client(&place, 4);
    let slots = place.log.read(Seq(1), 10, usize::MAX).unwrap();
    let session = SlotView::parse(&slots[0].1).unwrap().envelope().session;
    let last_k = SlotView::parse(&slots[slots.len() - 1].1).unwrap().envelope().k;
    Forged { session, k: last_k + 1, ..Forged::honest(&victim) }.append(&place, victim.fs.link().position());
    assert_eq!(status(&victim, &look()), 0, "it is a genuine commit");
    for _ in 0..2 {
        assert_eq!(status(&victim, &change()), Status::Poisoned.code());
    }
}

#[test]
fn garbage_has_no_effect() {
    let place = Place::new(5);
    let victim = client(&place, 5);
    let slots = place.log.read(Seq(1), 10, usize::MAX).unwrap();
    for garbage in [&b""[..], b"garbage", &slots[0].1, &slots[slots.len() - 1].1, &slots[1].1[..100]] {
        put(&place, garbage);
    }
    assert_eq!((status(&victim, &look()), status(&victim, &change())), (0, 0));
    let newcomer = place.open(6, 0, TIMEOUT);
    assert_eq!(newcomer.fs.link().state_hash(), victim.fs.link().state_hash());
}

/// A newcomer checks many signatures at once; its verdicts are those of who follows slot by slot.
#[test]
fn forged_slots_among_many_have_no_effect() {
    let place = Place::new(8);
    let victim = client(&place, 8);
    for n in 0..50 {
        let mut forged = Forged { session: SessionId([n; 16]), ..Forged::honest(&victim) };
        let seen = victim.fs.link().position();
        if n % 5 == 0 {
            forged.append(&place, seen);
        }
        forged.session = SessionId([100 + n; 16]);
        let mut slot = forged.slot(&place, seen);
        slot[180 + usize::from(n)] ^= 1; // in the signature
        put(&place, &slot);
        assert_eq!(status(&victim, &Call::CreateDir(format!("/{n}"))), 0);
    }
    let newcomer = place.open(9, 0, TIMEOUT);
    assert_eq!(newcomer.fs.link().state_hash(), victim.fs.link().state_hash());
    let session = |n| newcomer.fs.link().read(|state| Ok(state.session(SessionId([n; 16]))?)).unwrap();
    for n in 0..50 {
        assert_eq!((session(n).is_some(), session(100 + n).is_some()), (n % 5 == 0, false), "{n}");
    }
}

/// Packs that were never stored, of absurd sizes, and extents that lie anywhere in them.
#[test]
fn a_check_gets_over_content_that_cannot_be() {
    let place = Place::new(10);
    let victim = client(&place, 10);
    let seen = victim.fs.link().position();
    let session = SessionNo(seen.next().0 as u32);
    let places = [(0, 100), (u64::MAX, 0), ((1 << 62) + 7, 1 << 62), (1 << 40, (1 << 40) - 100)];
    let (mut packs, mut ops) = (Vec::new(), vec![Op::OpenSession(OpenSession {})]);
    for (n, (size, stored_offset)) in (1..).zip(places) {
        let pack = Bytes::copy_from_slice(&PackId::new(session, [n; 12]).0);
        packs.push(NewPack {
            id: pack.clone(),
            generation: 0,
            salt: Bytes::from_static(&[1; 32]),
            size,
            blocks: 65536,
            index_hash: Bytes::from_static(&[2; 32]),
        });
        let (ino, name) = (Ino::new(session, n.into()).0, format!("hostile-{n}"));
        ops.push(Op::Create(Create { parent: 1, name, ino, ..Create::default() }));
        let extent = Extent {
            length: 65000,
            pack,
            block: 500,
            block_length: 1,
            stored_offset,
            stored_lengths: vec![4 << 20],
            ..Extent::default()
        };
        ops.push(Op::Write(Content { ino, extents: vec![extent], ..Content::default() }));
    }
    put(&place, &Forged::honest(&victim).slot_of(&place, seen, packs, ops));
    victim.fs.link().refresh().unwrap();
    for quick in [false, true] {
        let checkup = victim.fs.link().fsck(quick).unwrap();
        let named: BTreeSet<&str> = checkup.findings.iter().map(|finding| &finding.path[..]).collect();
        let expected: Vec<String> = (1..=4).map(|n| format!("/hostile-{n}")).collect();
        assert!(expected.iter().all(|path| named.contains(&path[..])), "{named:?}");
        assert!(!named.contains("/file-10"));
    }
}

#[test]
fn a_checkpoint_that_the_log_does_not_know_is_not_taken() {
    // It is stored, and its announcement never arrives; an answer that is lost would not do.
    let (place, victim) = (7..)
        .find_map(|seed| {
            let place = Place::new(seed);
            let victim = client(&place, seed);
            let head = place.log.head().unwrap();
            victim.log.set_odds(1);
            assert!(victim.fs.link().write_checkpoint().is_err());
            (place.log.head().unwrap() == head).then_some((place, victim))
        })
        .unwrap();
    let stored = lucidlink::content::store::Store::list(&*place.store, "checkpoints/").unwrap();
    assert_eq!(stored.len(), 1);
    let newcomer = place.open(1, 0, TIMEOUT);
    let parts = newcomer.fs.link().read(|state| Ok(state.parts().references().count())).unwrap();
    assert_eq!(parts, 0, "it started from the genesis");
    assert_eq!(newcomer.fs.link().state_hash(), victim.fs.link().state_hash());
}

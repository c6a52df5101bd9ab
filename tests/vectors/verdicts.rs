//! Slots at position 5 of the vectors' log, behind slot 4, and what the rules before the body say of each.

use lucidlink::crypto::account::AccountKeys;
use lucidlink::ids::{Hash, Incarnation, KeyId, Seq, SessionId};
use lucidlink::log::envelope::{Envelope, SlotView};
use lucidlink::state::Replica;
use lucidlink::state::apply::{Judgement, Void, judge};

type Change = fn(&mut Envelope);

/// Changes of a sound commit, by name. What signs it is the account, unless the name says otherwise.
const CASES: [(&str, Change); 12] = [
    ("sound", |_| {}),
    ("false_signature", |_| {}),
    ("unknown_key", |e| e.key_id = KeyId([0; 16])),
    ("new_session", |e| (e.session, e.k) = (SessionId([7; 16]), 1)),
    ("new_session_in_the_middle", |e| (e.session, e.k) = (SessionId([7; 16]), 2)),
    ("other_incarnation", |e| e.incarnation = Incarnation([1; 16])),
    ("other_generation", |e| e.generation = 1),
    ("from_the_future", |e| e.seen = Seq(5)),
    ("other_chain", |e| e.chain_at_seen = Hash([0; 32])),
    ("other_chain_out_of_order", |e| (e.chain_at_seen, e.k) = (Hash([0; 32]), 9)),
    ("old_generation_and_chain", |e| (e.chain_at_seen, e.generation) = (Hash([0; 32]), 1)),
    ("repeated", |e| e.k = 4),
];

/// Each slot by name, and the verdict.
pub fn verdicts(
    replica: &Replica,
    sound: &Envelope,
    account: &AccountKeys,
) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let at = replica.position().next();
    let slot_of = |(name, change): &(&'static str, Change)| {
        let mut envelope = sound.clone();
        change(&mut envelope);
        let slot = match *name {
            "false_signature" => envelope.encode_signed(b"", |_| [0; 64]),
            _ => envelope.encode_signed(b"", |m| account.sign(m)),
        };
        let view = SlotView::parse(&slot).unwrap();
        let chain_at = |seq| replica.chain_at(seq);
        let judged = judge(replica, at, Some(view.envelope()), chain_at, |public| view.verify(public));
        let verdict = match judged.unwrap() {
            Judgement::Consume(_) => "consumed",
            Judgement::Void(Void::Unauthentic) => "unauthentic",
            Judgement::Void(Void::Outdated) => "outdated",
            Judgement::Void(Void::Fork) => "fork",
            Judgement::Void(Void::OutOfOrder) => "out of order",
        };
        (*name, slot, verdict)
    };
    CASES.iter().map(slot_of).collect()
}

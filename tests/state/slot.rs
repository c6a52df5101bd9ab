//! A slot as the state machine meets it, and what a replica makes of one.

use lucidlink::ids::Seq;
use lucidlink::log::chain;
use lucidlink::log::envelope::Envelope;
use lucidlink::state::apply::{self, InlineArea, Judgement};
use lucidlink::state::ops::Body;
use lucidlink::state::replica::Prepared;
use lucidlink::state::source::Stop;
use lucidlink::state::{Changes, Replica};
use prost::Message;

use super::model::Verdict;

/// The next slot of a log.
#[derive(Clone, Debug, Default)]
pub struct Slot {
    /// None: it is no commit.
    pub envelope: Option<Envelope>,
    /// The public key that its signature verifies under.
    pub signer: [u8; 32],
    /// The body, if it opens and is canonical.
    pub body: Option<Body>,
    /// What is behind the body and no reader of this version knows.
    pub unknown: Vec<u8>,
    /// Where its inline blocks start.
    pub inline_base: u64,
}

/// What a replica makes of a slot.
pub struct Applied {
    pub verdict: Verdict,
    pub changes: Changes,
    prepared: Prepared,
}

impl Slot {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.body.as_ref().map_or(Vec::new(), Body::encode_to_vec);
        bytes.extend_from_slice(&self.unknown);
        bytes
    }

    /// Judges it as the next slot; changes nothing.
    pub fn judge(&self, replica: &Replica) -> Result<Applied, Stop> {
        let at = replica.position().next();
        let chain_at = |seq| replica.chain_at(seq);
        let verify = |public: &[u8; 32]| *public == self.signer;
        let judgement = apply::judge(replica, at, self.envelope.as_ref(), chain_at, verify)?;
        let (verdict, changes) = match (judgement, &self.envelope) {
            (Judgement::Consume(author), Some(envelope)) => {
                // No body at all stands for one that does not open.
                let body = self.body.as_ref().and_then(|_| Body::decode_canonical(&self.bytes()));
                let inline = InlineArea { base: self.inline_base };
                let hash_at = |seq| replica.state_hash_at(seq);
                let body = body.as_ref();
                let changes = apply::consume(replica, at, envelope, &author, body, inline, hash_at)?;
                (Verdict::Consumed(changes.outcomes.clone()), changes)
            }
            (Judgement::Void(reason), _) => (Verdict::Void(reason), apply::void(replica, at, reason)?),
            (Judgement::Consume(_), None) => panic!("nothing is consumed"),
        };
        let prepared = replica.prepare(&changes)?;
        Ok(Applied { verdict, changes, prepared })
    }

    /// What a model is given: a body that is not canonical is none.
    pub fn understood(&self) -> Slot {
        let body = self.body.clone().filter(|_| self.unknown.is_empty());
        Slot { body, ..self.clone() }
    }

    /// Moves a replica behind it.
    pub fn advance(&self, replica: &mut Replica, applied: Applied) {
        let at: Seq = replica.position().next();
        let salt = self.envelope.as_ref().map_or([0; 32], |e| e.salt);
        let bytes = [&salt[..], &self.bytes()].concat();
        replica.advance(chain::next(&replica.chain(), at, &bytes), applied.prepared);
    }
}

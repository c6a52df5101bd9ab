//! A log of its own that goes on behind slot 2.

use lucidlink::ids::SessionId;
use lucidlink::state::ops::{Body, NewPack, Op, Transaction};
use lucidlink::state::{Replica, Source};
use prost::Message;

use super::{Vectors, World, counting, hash_of, hex, unhex};

pub struct Branch<'a> {
    world: &'a World,
    pub replica: Replica,
    pub out: &'a mut Vectors,
    /// What its vectors' names begin with.
    group: &'static str,
    /// Those of the state that are told.
    tables: &'static [u8],
}

impl<'a> Branch<'a> {
    pub fn new(
        world: &'a World,
        out: &'a mut Vectors,
        group: &'static str,
        tables: &'static [u8],
    ) -> Branch<'a> {
        let mut replica = Replica::new(&world.genesis.birth().unwrap());
        for slot in ["slot.1", "slot.2"] {
            world.apply(&mut replica, &unhex(out.find(slot)));
        }
        Branch { world, replica, out, group, tables }
    }

    /// Commits transactions in the session `a0 a1 ...`, each with the refusal that it must have.
    pub fn commit(&mut self, k: u64, transactions: Vec<Vec<Op>>, refusals: &[u32]) {
        self.commit_in((0xa0, k), vec![], transactions, refusals);
    }

    /// Commits as k of the session that begins with a byte.
    pub fn commit_in(
        &mut self,
        (session, k): (u8, u64),
        packs: Vec<NewPack>,
        transactions: Vec<Vec<Op>>,
        refusals: &[u32],
    ) {
        let Branch { world, replica, out, group, tables } = self;
        let at = replica.position().next();
        let wrap = |ops: Vec<Op>| Transaction { hops: vec![], ops: ops.into_iter().map(Op::wrap).collect() };
        let transactions = transactions.into_iter().map(wrap).collect();
        let body = Body { state_hash: hash_of(replica), packs, transactions };
        let name = format!("{group}.slot.{at}");
        out.bytes(&format!("{name}.body"), &body.encode_to_vec());
        let session = SessionId(counting(session));
        let slot = out.slot(&name, || world.commit_in(session, replica, k, &body, &[]));
        let (opened, outcomes) = world.apply(replica, &slot);
        assert_eq!(opened, body);
        assert_eq!(outcomes.iter().map(|outcome| outcome.refusal).collect::<Vec<_>>(), refusals, "{name}");
        out.bytes(&format!("{group}.state.{at}.hash"), &replica.state_hash().0);
        for table in *tables {
            for pair in replica.range(&[*table], &[table + 1]) {
                let (key, value) = pair.unwrap();
                out.bytes(&format!("{group}.state.{at}.pair.{}", hex(&key)), &value);
            }
        }
    }
}

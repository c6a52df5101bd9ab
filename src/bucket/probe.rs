//! Whether a store keeps what a log needs of it: of many that put the same key at the same time one wins, and nobody
//! replaces what is there.

use std::sync::Arc;

use bytes::Bytes;

use super::{Bucket, BucketError, Put, once};
use crate::env::Env;

/// Writers of one race.
const WRITERS: usize = 16;
/// Races.
const ROUNDS: usize = 4;

/// What a store was found to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Writers of one race.
    pub writers: u32,
    /// Races, of each of which one writer was the winner.
    pub rounds: u32,
}

impl Bucket {
    /// Races of conditional PUTs; leaves nothing behind.
    pub fn probe(self: &Arc<Bucket>, env: &Env) -> Result<Probe, BucketError> {
        let random: [u8; 8] =
            env.random_bytes().map_err(|e| BucketError::Failed(format!("there is no randomness: {e}")))?;
        let id = u64::from_le_bytes(random);
        let keys: Vec<String> = (0..ROUNDS).map(|round| format!("probe/{id:016x}-{round}")).collect();
        let probed = self.race(&keys);
        let removed = keys.iter().try_for_each(|key| self.delete(key, self.deadline()));
        // What stays in the way of nobody is no reason to fail.
        probed.and(match removed {
            Ok(()) | Err(BucketError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        })?;
        Ok(Probe { writers: WRITERS as u32, rounds: ROUNDS as u32 })
    }

    /// All races run at the same time.
    fn race(&self, keys: &[String]) -> Result<(), BucketError> {
        let deadline = self.deadline();
        let bytes = |writer: usize| Bytes::from(vec![writer as u8; 512]);
        let puts = keys.iter().flat_map(|key| (0..WRITERS).map(move |writer| (key, bytes(writer))));
        let puts = puts.map(|(key, bytes)| once(deadline, self.putter(key, bytes))).collect();
        let answers = self.runner.wait_for_all(deadline, puts)?;
        for (key, answers) in keys.iter().zip(answers.chunks(WRITERS)) {
            let mut winners = Vec::new();
            for (writer, answer) in answers.iter().enumerate() {
                match answer {
                    Ok(Put::Made) => winners.push(bytes(writer)),
                    Ok(Put::Taken) => {}
                    // Whether it won is not known: others were at it too. The object says who won.
                    Err(error) if !error.is_without_effect() => {}
                    Err(error) => return Err(error.clone()),
                }
            }
            if winners.len() > 1 {
                return Err(unsuitable("several clients could create the same object at the same time"));
            }
            let there = self.get(key, deadline)?;
            if winners.first().is_some_and(|won| *won != there) {
                return Err(unsuitable(
                    "an object was replaced after a client was told that it had created it",
                ));
            }
            // Until there is an answer: a store may want less than so many requests a second for one key.
            if self.put_surely(key, bytes(WRITERS), deadline)? == Put::Made {
                return Err(unsuitable("an object that is there is replaced by a PUT that is to create it"));
            }
        }
        Ok(())
    }
}

fn unsuitable(what: &str) -> BucketError {
    BucketError::Unsuitable(format!(
        "{what}: a log in this store would lose commits. Use a store with conditional PUT, or keep the log in \
         PostgreSQL (log.url)"
    ))
}

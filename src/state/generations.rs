//! Key generations. Who was sent away still has the key; so another one follows, granted to those who stay.

use super::apply::Judge;
use super::ops::{self, AsId};
use super::source::{Source, Stop, Tables};
use super::value::{GenerationRecord, Role};
use super::{Failure, Refusal, key};
use crate::ids::KeyId;

/// Who may read what is sealed, and so has the key: their key ids, ascending.
pub fn members(state: &dyn Source) -> Result<Vec<KeyId>, Stop> {
    let (from, to) = key::members();
    let mut members = Vec::new();
    for pair in state.range(&from, &to) {
        let id = KeyId::from_slice(&pair?.0[1..]).ok_or(Stop::Corrupt("member"))?;
        if state.member(id)?.is_some_and(|member| member.role() != Role::None) {
            members.push(id);
        }
    }
    Ok(members)
}

impl Judge<'_> {
    pub(super) fn new_generation(&mut self, op: &ops::NewGeneration) -> Result<(), Failure> {
        self.require_admin()?;
        let mut header = self.scratch.header()?;
        if op.previous != header.generation {
            return Err(Refusal::OldGeneration.into());
        }
        if op.generation <= op.previous || op.key_hash.hash().is_none() {
            return Err(Refusal::Invalid.into());
        }
        let granted: Option<Vec<KeyId>> = op.members.iter().map(AsId::key_id).collect();
        if granted.ok_or(Refusal::Invalid)? != members(&self.scratch)? {
            return Err(Refusal::WrongMembers.into());
        }
        header.generation = op.generation;
        self.scratch.put_message(key::header(), &header);
        let (key_hash, previous, position) = (op.key_hash.clone(), op.previous, self.at.0);
        let record = GenerationRecord { key_hash, previous, position, is_known_outside: false };
        self.scratch.put_message(key::generation(op.generation), &record);
        Ok(())
    }

    /// A member who has the key leaves.
    pub(super) fn key_is_known_outside(&mut self) -> Result<(), Failure> {
        let current = self.scratch.header()?.generation;
        let record = GenerationRecord { is_known_outside: true, ..self.scratch.generation(current)? };
        self.scratch.put_message(key::generation(current), &record);
        Ok(())
    }
}

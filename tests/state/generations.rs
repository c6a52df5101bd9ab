//! The model's key generations, and random ones.

use bytes::Bytes;
use lucidlink::state::Refusal;
use lucidlink::state::ops::{NewGeneration, Op};
use lucidlink::state::value::{GenerationRecord, Role};

use super::commits::Commits;
use super::model::{Commit, Judged, refuse_if};

impl Commit<'_> {
    pub fn new_generation(&mut self, op: &NewGeneration) -> Judged {
        self.admins_only()?;
        refuse_if(op.previous != self.state.generation, Refusal::OldGeneration)?;
        refuse_if(op.generation <= op.previous || op.key_hash.len() != 32, Refusal::Invalid)?;
        refuse_if(op.members.iter().any(|id| id.len() != 16), Refusal::Invalid)?;
        refuse_if(op.members != self.members(), Refusal::WrongMembers)?;
        self.state.generation = op.generation;
        let record = GenerationRecord {
            key_hash: op.key_hash.clone(),
            previous: op.previous,
            position: self.at,
            is_known_outside: false,
        };
        self.state.generations.insert(op.generation, record);
        Ok(())
    }

    pub fn members(&self) -> Vec<Bytes> {
        let members = self.state.members.iter().filter(|(_, member)| member.role() != Role::None);
        members.map(|(id, _)| Bytes::copy_from_slice(&id.0)).collect()
    }
}

impl Commits {
    pub fn new_generation(&self, commit: &Commit<'_>) -> Op {
        let previous = commit.state.generation;
        let mut op = NewGeneration {
            generation: previous + 1 + self.chance.below(3) as u32,
            previous,
            key_hash: Bytes::copy_from_slice(&self.chance.bytes::<32>()),
            members: commit.members(),
        };
        match self.chance.below(12) {
            0 => op.generation = previous,
            1 => op.previous = previous.wrapping_sub(1),
            2 => op.key_hash.truncate(31),
            3 => op.members[0].truncate(15),
            4 => drop(op.members.pop()),
            5 => op.members.push(Bytes::from_static(&[0; 16])),
            6 => op.members.reverse(),
            _ => {}
        }
        Op::NewGeneration(op)
    }
}

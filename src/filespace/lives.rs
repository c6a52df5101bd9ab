//! A log that is not what it was. After power loss it has a new life: what was sealed in the old one is void. Behind
//! a fork it is not trusted until an admin says so.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;

use super::commit::CommitError;
use super::draft::Draft;
use super::link::Link;
use crate::error::{Error, Result, Status};
use crate::ids::{Incarnation, Seq};
use crate::state::ops::{AcceptFork, NewIncarnation, Op};
use crate::state::{Refusal, Tables};

impl Link {
    /// Where a life of the log ended; none if it is the one that goes on, or not one of this log.
    pub(super) fn end_of_life(&self, incarnation: Incarnation) -> Result<Option<Seq>> {
        let life = self.log.life()?;
        self.read_committed(|state| {
            let current = state.incarnation()?;
            if incarnation == current {
                return Ok((current != life.incarnation).then_some(life.survived));
            }
            Ok(state.past_life(incarnation)?.map(|past| Seq(past.last)))
        })
    }

    /// What the first commit of a session says of the log's life, if the state does not know it yet.
    pub(super) fn new_life(&self) -> Result<Option<Draft>> {
        let life = self.log.life()?;
        let known = self.read_committed(|state| Ok(state.incarnation()?))?;
        let incarnation = Bytes::copy_from_slice(&life.incarnation.0);
        let new = NewIncarnation { incarnation, survived: life.survived.0 };
        Ok((known != life.incarnation).then(|| Draft::of(Op::NewIncarnation(new))))
    }

    /// Where the log has a fork; none if it has none that was not accepted.
    pub fn fork(&self) -> Option<Seq> {
        Some(Seq(self.fork.load(Ordering::Relaxed))).filter(|at| at.0 != 0)
    }

    /// Goes on behind a fork: from then on it stops nobody any more.
    pub fn accept_fork(self: &Arc<Link>, at: Seq, deadline: Instant) -> Result<()> {
        if self.fork() != Some(at) {
            let what = match self.fork() {
                Some(fork) => format!("position: the log's fork is at {fork}, not at {at}"),
                None => "position: the log has no fork that was not accepted".to_owned(),
            };
            return Err(Error::new(Status::InvalidArgument, what));
        }
        match self.commit_here(Draft::of(Op::AcceptFork(AcceptFork { position: at.0 })), deadline) {
            Ok(_) => Ok(()),
            Err(CommitError::Refused(Refusal::NotFound)) => {
                let what = "position: another admin has accepted the fork meanwhile";
                Err(Error::new(Status::InvalidArgument, what))
            }
            Err(CommitError::Refused(refusal)) => {
                Err(Error::new(refusal.status(), "only an admin of the filespace can accept a fork"))
            }
            Err(CommitError::Failed(error) | CommitError::Unsettled(error, _)) => Err(error),
        }
    }
}

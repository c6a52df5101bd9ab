//! Judging what ends: a session, the life of a log that lost slots, the distrust that a fork has left.

use bytes::Bytes;
use prost::Message;

use super::apply::{Judge, WINDOW};
use super::ops::{self, AsId};
use super::source::{Scratch, Source, Stop, Tables};
use super::value::{PastLife, Session};
use super::{Failure, Refusal, key};
use crate::ids::{Incarnation, Seq, SessionId, SessionNo};

impl Judge<'_> {
    pub(super) fn close_session(&mut self, op: &ops::CloseSession) -> Result<(), Failure> {
        let (id, session) = self.silent_session(&op.session, op.last_k)?;
        Ok(self.close(id, session)?)
    }

    /// A session that is open, and whose last commit is the one that the author knows.
    pub(super) fn silent_session(&self, id: &Bytes, last_k: u64) -> Result<(SessionId, Session), Failure> {
        let id = id.session().ok_or(Refusal::Invalid)?;
        let own = id == self.envelope.session;
        // A session that names itself names the commit that does so, which is not recorded yet.
        let expected = last_k.checked_sub(u64::from(own)).ok_or(Refusal::Invalid)?;
        let session = self.scratch.session(id)?.ok_or(Refusal::NotFound)?;
        match session.closed || session.last_k != expected {
            true => Err(Refusal::SessionMoved.into()),
            false => Ok((id, session)),
        }
    }

    fn close(&mut self, id: SessionId, session: Session) -> Result<(), Stop> {
        self.release_all(session.number())?;
        self.scratch.put_message(key::session(id), &Session { closed: true, ..session });
        self.scratch.put(key::expiry(self.at, id), Vec::new());
        Ok(())
    }

    /// The log lost what was behind `survived`. Who wrote before that is gone; what they sealed is void from now on.
    pub(super) fn new_incarnation(&mut self, op: &ops::NewIncarnation) -> Result<(), Failure> {
        let new = Incarnation::from_slice(&op.incarnation).ok_or(Refusal::Invalid)?;
        let is_gone = |number: SessionNo| u64::from(number.0) <= op.survived;
        if is_gone(self.author) {
            return Err(Refusal::Invalid.into());
        }
        let mut header = self.scratch.header()?;
        if header.incarnation == op.incarnation || self.scratch.past_life(new)?.is_some() {
            return Err(Refusal::Exists.into());
        }
        let old = Incarnation::from_slice(&header.incarnation).ok_or(Stop::Corrupt("incarnation"))?;
        self.scratch.put_message(key::past_life(old), &PastLife { last: op.survived });
        header.incarnation = op.incarnation.clone();
        self.scratch.put_message(key::header(), &header);
        for (id, session) in open_sessions(&self.scratch)? {
            if is_gone(session.number()) {
                self.close(id, session)?;
            }
        }
        Ok(())
    }

    /// An admin has looked at what the fork did, and goes on.
    pub(super) fn accept_fork(&mut self, op: &ops::AcceptFork) -> Result<(), Failure> {
        self.require_admin()?;
        let mut header = self.scratch.header()?;
        if op.position == 0 || header.fork != op.position {
            return Err(Refusal::NotFound.into());
        }
        (header.fork, self.is_behind_fork) = (0, false);
        self.scratch.put_message(key::header(), &header);
        Ok(())
    }
}

fn open_sessions(state: &dyn Source) -> Result<Vec<(SessionId, Session)>, Stop> {
    let (from, to) = key::sessions();
    let session = |(key, value): (Bytes, Bytes)| {
        let id = key::session_id(&key).ok_or(Stop::Corrupt("session"))?;
        Ok((id, Session::decode(value).map_err(|_| Stop::Corrupt("session"))?))
    };
    let all = state.range(&from, &to).map(|pair| session(pair?));
    all.filter(|found| !matches!(found, Ok((_, session)) if session.closed)).collect()
}

/// Drops the records of sessions that were closed a window ago: a replay of theirs is outdated anyway.
pub(super) fn forget_sessions(scratch: &mut Scratch<'_>, at: Seq) -> Result<(), Stop> {
    let Some(until) = at.0.checked_sub(WINDOW) else { return Ok(()) };
    let (from, to) = key::expiries(Seq(until));
    let expired: Vec<Bytes> =
        scratch.range(&from, &to).map(|p| p.map(|(k, _)| k)).collect::<Result<_, _>>()?;
    for key in expired {
        if let Some(session) = key::expiry_session(&key) {
            scratch.remove(key::session(session));
        }
        scratch.remove(key.to_vec());
    }
    Ok(())
}

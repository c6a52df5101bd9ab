//! Relaxed mode: calls that go on when the view shows their change, the thread that commits it later, and what the log
//! refused then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::MutexGuard;

use super::commit::{CommitError, CommitMode, Committed, judged};
use super::draft::Draft;
use super::link::{Link, ReadError};
use super::pending::{LateFailure, Queue, Ticket};
use super::view::View;
use crate::error::{Error, Result, Status};
use crate::ids::{Ino, Seq, SessionId};
use crate::state::value::Session;
use crate::state::{Stop, Tables};

/// How long the background waits for more to come into a commit.
const LINGER: Duration = Duration::from_millis(100);
/// Between two attempts of the background when the log or the store fails.
const RETRY: Duration = Duration::from_millis(500);

/// The background's thread; if it panics, memory may not be what it should be.
struct Flusher<'a>(&'a Link);

impl Drop for Flusher<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison();
        }
    }
}

impl Link {
    /// Relaxed mode: judges the transaction on the view, which shows its effect from then on.
    pub(super) fn show(
        self: &Arc<Link>,
        path: &str,
        wait: bool,
        deadline: Instant,
        plan: &mut dyn FnMut(&View) -> Result<Draft, ReadError>,
    ) -> Result<Result<Committed, CommitError>> {
        let mut stalled = None;
        loop {
            let mut queue = match self.queue_with_room(deadline) {
                Ok(queue) => queue,
                Err(error) => return Ok(Err(error.into())),
            };
            let mut view = self.view.write();
            if view.is_stale {
                drop((view, queue));
                self.freshen_view()?;
                continue;
            }
            let ticket = wait.then(Arc::<Ticket>::default);
            let shown = plan(&view)
                .and_then(|draft| queue.show(&mut view, self.account.key_id(), path, draft, ticket.clone()));
            drop(view);
            let (at, outcome) = match shown {
                Ok(shown) => shown,
                Err(ReadError::Error(error)) => return Err(error),
                Err(ReadError::Stop(stop)) => {
                    drop(queue);
                    stalled.get_or_insert_with(|| self.part_blocks.stall());
                    self.resolve_stop(stop)?;
                    continue;
                }
            };
            let committed = judged(at, &outcome);
            if let (Some(ticket), Ok(_)) = (&ticket, &committed) {
                return Ok(self.wait_for_answer(queue, ticket, deadline));
            }
            let is_large = queue.is_large();
            let needs_flusher = !std::mem::replace(&mut queue.flusher, true);
            drop(queue);
            if needs_flusher {
                self.start_flusher();
            } else if is_large {
                self.committer.changed.notify_all();
            }
            return Ok(committed);
        }
    }

    /// Relaxed mode: waits until all that was acknowledged so far is committed, or has failed.
    pub(super) fn drain(&self, deadline: Instant) -> Result<()> {
        let committer = &self.committer;
        let mut queue = committer.queue.lock();
        let upto = queue.last_number();
        loop {
            if queue.is_settled(upto) {
                return Ok(());
            }
            if !queue.busy {
                let mut turn = committer.take_turn(&mut queue);
                drop(queue);
                self.commit_next(&mut turn)?;
                drop(turn);
                queue = committer.queue.lock();
            } else if committer.changed.wait_until(&mut queue, deadline).timed_out() {
                return Err(Error::new(Status::Timeout, "the log did not take the last changes in time"));
            }
        }
    }

    /// Starts that thread if something waits already.
    pub(super) fn resume_background(self: &Arc<Link>) {
        let mut queue = self.committer.queue.lock();
        if !queue.is_empty() && !std::mem::replace(&mut queue.flusher, true) {
            drop(queue);
            self.start_flusher();
        }
    }

    /// Relaxed mode: the thread that commits what nobody waits for, until nothing is left.
    fn start_flusher(self: &Arc<Link>) {
        let link = self.clone();
        self.runtime().spawn_blocking(move || {
            let flusher = Flusher(&link);
            let committer = &link.committer;
            let mut queue = committer.queue.lock();
            let mut due = Instant::now() + LINGER;
            while !queue.is_empty() {
                if queue.busy || !queue.is_large() && Instant::now() < due {
                    // Who has the turn, or makes the queue large, says so.
                    committer.changed.wait_until(&mut queue, due.max(Instant::now() + LINGER));
                    continue;
                }
                let mut turn = committer.take_turn(&mut queue);
                drop(queue);
                let committed = link.commit_next(&mut turn);
                link.freshness.hear(committed.as_ref().copied().map_err(Error::repeat));
                drop(turn);
                link.start_housekeeping();
                queue = committer.queue.lock();
                due = Instant::now() + LINGER;
                if let Err(error) = committed {
                    crate::report::warn(|| {
                        format!("changes to filespace {} wait for the log: {error}", link.id)
                    });
                    if link.is_closed() {
                        break;
                    }
                    committer.changed.wait_until(&mut queue, Instant::now() + RETRY);
                }
            }
            // Under the queue's lock: what comes behind starts another.
            queue.flusher = false;
            drop(queue);
            drop(flusher);
        });
    }

    /// How many changes wait to be committed, and how many late failures to be acknowledged.
    pub fn backlog(&self) -> (usize, usize) {
        let queue = self.committer.queue.lock();
        (queue.len(), queue.failures().count())
    }

    /// Late failures that nobody has acknowledged, in the order of the calls.
    pub fn late_failures(&self) -> Vec<LateFailure> {
        self.committer.queue.lock().failures().cloned().collect()
    }

    /// Fails as long as there is a late failure that nobody has acknowledged.
    pub fn check_late(&self) -> Result<()> {
        let failures = self.late_failures();
        let Some(first) = failures.first() else { return Ok(()) };
        let what = format!(
            "{} changes that were acknowledged have no effect; look at them and acknowledge them; the first: {}",
            failures.len(),
            first.error
        );
        Err(Error::new(Status::LateFailure, what).on_path(&first.path))
    }

    /// The same of those that were to write to a file.
    pub fn check_late_of(&self, ino: Ino) -> Result<()> {
        let numbers = self.numbers_of(ino);
        match self.late_failures().iter().find(|failure| failure.writes_to(&numbers)) {
            Some(failure) => {
                let what = format!(
                    "what was written to this file has no effect; look at late failure {} and acknowledge it: {}",
                    failure.number, failure.error
                );
                Err(Error::new(Status::LateFailure, what).on_path(&failure.path))
            }
            None => Ok(()),
        }
    }

    /// Forgets the late failures up to a number, and what they were to write.
    pub fn acknowledge_failures(&self, upto: u64) -> Result<()> {
        self.committer.queue.lock().acknowledge(upto)
    }

    /// The inode that a number of this link stands for by now.
    pub fn renumbered(&self, ino: Ino) -> Ino {
        match self.commit_mode() {
            CommitMode::Wait => ino,
            CommitMode::Background => self.committer.queue.lock().renumbered(ino),
        }
    }

    /// Every number of this link that stands for an inode.
    pub fn numbers_of(&self, ino: Ino) -> Vec<Ino> {
        match self.commit_mode() {
            CommitMode::Wait => vec![ino],
            CommitMode::Background => self.committer.queue.lock().numbers_of(ino),
        }
    }

    /// Something does not wait any more, and the log does not have it either: what does is put on the view anew.
    pub(super) fn rebuild_view(&self) -> Result<()> {
        self.spoil_view();
        self.renew_view()
    }

    pub(super) fn spoil_view(&self) {
        if self.commit_mode() == CommitMode::Background {
            self.view.write().spoil();
        }
    }

    /// The log went on: what waits is put on the view anew, without what is committed by now.
    pub(super) fn renew_view(&self) -> Result<()> {
        if self.commit_mode() == CommitMode::Wait {
            return Ok(());
        }
        let mut queue = self.committer.queue.lock();
        let mut stalled = None;
        loop {
            let mut view = self.view.write();
            let renewed = match queue.in_flight {
                Some((session, k)) => self.session_in(&view, session).map(|s| (s, k)),
                None => Ok((None, 0)),
            };
            let renewed = renewed.and_then(|(session, k)| {
                if let Some(session) = session.filter(|s| s.last_k == k) {
                    queue.settle(Seq(session.last_seq), session.outcomes, Some(&mut *view));
                }
                queue.show_all(&mut view, self.account.key_id())
            });
            drop(view);
            match renewed {
                Ok(()) => return Ok(()),
                Err(stop) => {
                    stalled.get_or_insert_with(|| self.part_blocks.stall());
                    self.resolve_stop(stop)?;
                }
            }
        }
    }

    fn session_in(&self, view: &View, id: SessionId) -> Result<Option<Session>, Stop> {
        view.committed.session(id)
    }

    /// The queue, with a session, when something may be put into it.
    fn queue_with_room(&self, deadline: Instant) -> Result<MutexGuard<'_, Queue>> {
        loop {
            let mut queue = self.queue_with_session()?;
            if queue.has_too_many_failures() {
                let what = "too many changes were refused late; look at them and acknowledge them";
                return Err(Error::new(Status::LateFailure, what));
            }
            if !queue.is_full() {
                return Ok(queue);
            }
            // A log that does not answer is not waited for: it may be away for hours.
            if self.is_silent() || self.committer.changed.wait_until(&mut queue, deadline).timed_out() {
                let what = "too many changes wait for the log, which does not take them; nothing of this one is kept";
                return Err(Error::new(Status::Timeout, what));
            }
        }
    }
}

//! Watching: what commits did to the tree, told to those who want to know. What happened follows from judging each
//! commit at its place ([`crate::state::events`]); here it is put into bounded queues. While anybody watches, a thread
//! follows the log. A watch that starts at an old position is filled by a `replay` first.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::SigSet;
use parking_lot::{Condvar, Mutex};

use super::link::Link;
use super::position::{Position, SLICE};
use super::replay::Replay;
use crate::error::{Error, Result, Status};
use crate::ids::{KeyId, Seq};
use crate::state::events::{Event, Happened};

/// What a watch keeps for who is slow: about so many events, and bytes of their paths. What one commit did is kept
/// whole, if nothing else is.
const MAX_EVENTS: usize = 8192;
const MAX_BYTES: usize = 4 << 20;
/// How long a link that ends waits for its threads.
const JOIN: Duration = Duration::from_secs(1);
/// Between two attempts to follow a log that fails.
const RETRY: Duration = Duration::from_millis(500);

/// What is watched, and from when on.
#[derive(Debug, Clone, Default)]
pub struct WatchOptions {
    /// Behind which position; none: from now on.
    pub from: Option<Position>,
    /// Leave out what this link does.
    pub others_only: bool,
    /// The path of what is watched, in the filespace; empty: all of it.
    pub top: String,
}

/// Something that a watch tells.
#[derive(Debug, Clone)]
pub enum News {
    /// It happened.
    Event(Told),
    /// What happened up to this position was too much for the queue, and is lost.
    Overflow(Position),
}

/// What happened, where and by whom.
#[derive(Debug, Clone)]
pub struct Told {
    /// The commit.
    pub at: Seq,
    /// The how manieth of its events, those included that this watch leaves out.
    pub index: u32,
    /// Whose commit it is.
    pub author: KeyId,
    /// It is this link's.
    pub is_own: bool,
    /// What it did; paths are relative to what is watched.
    pub event: Event,
}

/// What a commit did.
pub(super) struct Batch {
    pub(super) position: Position,
    pub(super) author: KeyId,
    pub(super) is_own: bool,
    pub(super) events: Vec<Event>,
}

/// Is called when something is to be told.
pub type WakeUp = Box<dyn Fn() + Send + Sync>;

/// A watch.
pub struct Watch {
    options: WatchOptions,
    state: Mutex<State>,
    changed: Condvar,
    /// Held while it is called.
    wake_up: Mutex<Option<WakeUp>>,
}

struct State {
    queue: VecDeque<Told>,
    bytes: usize,
    /// Positions of the commits in the queue, in order.
    positions: VecDeque<Position>,
    /// Up to where the log was looked at.
    seen: Position,
    /// Up to where everything was handed out.
    taken: Position,
    /// What the queue had no room for, up to here.
    lost: Option<Position>,
    /// Why there is no news at the moment.
    trouble: Option<Arc<Error>>,
    /// Why there will be none any more.
    end: Option<Arc<Error>>,
    /// Readable as long as there is something to tell.
    signal: Option<Signal>,
    /// How often there was something to tell after there was nothing.
    wakes: u64,
    /// A thread calls whoever wants to be called.
    is_calling: bool,
}

struct Signal {
    descriptor: EventFd,
    is_set: bool,
}

impl State {
    fn has_news(&self) -> bool {
        !self.queue.is_empty() || self.lost.is_some() || self.end.is_some()
    }

    /// Whether so many more events, with so many bytes, may wait: those of one commit always may.
    fn has_room(&self, events: usize, bytes: usize) -> bool {
        self.queue.is_empty() || self.queue.len() + events <= MAX_EVENTS && self.bytes + bytes <= MAX_BYTES
    }

    /// Brings the descriptor up to date.
    fn set_signal(&mut self) {
        let has_news = self.has_news();
        let Some(signal) = self.signal.as_mut().filter(|signal| signal.is_set != has_news) else { return };
        // Neither blocks: it counts from 0 to 1 and back.
        let _ = match has_news {
            true => signal.descriptor.write(1).map(drop),
            false => signal.descriptor.read().map(drop),
        };
        signal.is_set = has_news;
    }

    /// There is something to tell now.
    fn wake(&mut self, changed: &Condvar) {
        self.wakes += 1;
        self.set_signal();
        changed.notify_all();
    }
}

impl Watch {
    fn new(options: WatchOptions, from: Position) -> Watch {
        let state = State {
            queue: VecDeque::new(),
            bytes: 0,
            positions: VecDeque::new(),
            seen: from,
            taken: from,
            lost: None,
            trouble: None,
            end: None,
            signal: None,
            wakes: 0,
            is_calling: false,
        };
        let (state, changed, wake_up) = (Mutex::new(state), Condvar::new(), Mutex::default());
        Watch { options, state, changed, wake_up }
    }

    /// Waits for news, at most `limit` of them; none: there were none until the deadline.
    pub fn next(&self, limit: usize, deadline: Instant) -> Result<Vec<News>> {
        let mut state = self.state.lock();
        while !state.has_news() && self.changed.wait_until(&mut state, deadline).timed_out() {
            if !state.has_news() {
                return state.trouble.as_ref().map_or(Ok(Vec::new()), |trouble| Err(trouble.repeat()));
            }
        }
        let mut news = Vec::new();
        while news.len() < limit
            && let Some(told) = state.queue.pop_front()
        {
            state.bytes -= size(&told.event);
            if state.queue.front().is_none_or(|next| next.at != told.at)
                && let Some(position) = state.positions.pop_front()
            {
                state.taken = position;
            }
            news.push(News::Event(told));
        }
        if state.queue.is_empty() {
            match state.lost.take_if(|_| news.len() < limit) {
                Some(lost) => {
                    state.taken = lost;
                    news.push(News::Overflow(lost));
                }
                None if state.lost.is_none() => state.taken = state.seen,
                None => {}
            }
        }
        state.set_signal();
        self.changed.notify_all();
        match &state.end {
            Some(end) if news.is_empty() => Err(end.repeat()),
            _ => Ok(news),
        }
    }

    /// Where another watch goes on: everything up to there was handed out.
    pub fn position(&self) -> Position {
        self.state.lock().taken
    }

    /// A descriptor that is readable as long as there is something to tell, or the watch has ended.
    pub fn descriptor(&self) -> Result<RawFd> {
        let mut state = self.state.lock();
        if state.signal.is_none() {
            let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
            let descriptor = EventFd::from_value_and_flags(0, flags)
                .map_err(|e| Error::new(Status::Io, "cannot make a descriptor").caused_by(e))?;
            state.signal = Some(Signal { descriptor, is_set: false });
            state.set_signal();
        }
        state
            .signal
            .as_ref()
            .map(|signal| signal.descriptor.as_raw_fd())
            .ok_or_else(|| Error::new(Status::Internal, "a descriptor that was made is gone"))
    }

    /// Sets what is called when there is something to tell and was nothing before, on a thread of its own, which holds no
    /// lock of a link. When this returns, what was set before does not run and will not run again.
    pub fn set_wake_up(self: &Arc<Watch>, wake_up: Option<WakeUp>) -> Result<()> {
        let is_wanted = wake_up.is_some();
        let mut place = self.wake_up.lock();
        let mut state = self.state.lock();
        if is_wanted && !state.is_calling {
            let watch = self.clone();
            spawn(move || watch.call())?;
            state.is_calling = true;
        }
        if is_wanted && state.has_news() {
            state.wake(&self.changed);
        }
        *place = wake_up;
        Ok(())
    }

    /// Calls whoever wants to be called, until the watch ends.
    fn call(&self) {
        let mut called = 0;
        let mut state = self.state.lock();
        loop {
            while state.wakes == called {
                self.changed.wait(&mut state);
            }
            called = state.wakes;
            let has_ended = state.end.is_some();
            drop(state);
            if let Some(wake_up) = &*self.wake_up.lock() {
                wake_up();
            }
            if has_ended {
                return;
            }
            state = self.state.lock();
        }
    }

    /// It tells nothing any more.
    pub fn end(&self, why: Error) {
        let mut state = self.state.lock();
        if state.end.is_none() {
            state.end = Some(Arc::new(why));
            state.wake(&self.changed);
        }
    }

    pub(super) fn set_trouble(&self, trouble: Option<&Arc<Error>>) {
        self.state.lock().trouble = trouble.cloned();
    }

    /// Up to where the log was looked at.
    pub(super) fn seen(&self) -> Position {
        self.state.lock().seen
    }

    /// Waits until the queue has room for what a commit did; false: it has none, or the watch has ended.
    pub(super) fn wait_for_room(&self, batch: &Batch, deadline: Instant) -> bool {
        let (events, bytes) = (batch.events.len(), batch.events.iter().map(size).sum());
        let mut state = self.state.lock();
        while state.end.is_none() {
            if state.has_room(events, bytes) {
                return true;
            }
            if self.changed.wait_until(&mut state, deadline).timed_out() {
                return false;
            }
        }
        false
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state.lock().end.is_some()
    }

    /// Takes in what the next commit did.
    pub(super) fn tell(&self, batch: &Batch) {
        let mut state = self.state.lock();
        let (seq, expected) = (batch.position.seq, state.seen.seq.next());
        if seq < expected || state.end.is_some() {
            // The state was built anew, and comes by again.
            return;
        }
        let had_news = state.has_news();
        state.seen = batch.position;
        let told = self.chosen(batch);
        let bytes = told.iter().map(|told| size(&told.event)).sum::<usize>();
        if seq > expected || state.lost.is_some() || !state.has_room(told.len(), bytes) {
            state.lost = Some(batch.position);
        } else if told.is_empty() {
            if state.queue.is_empty() {
                state.taken = batch.position;
            }
        } else {
            state.bytes += bytes;
            state.queue.extend(told);
            state.positions.push_back(batch.position);
        }
        if had_news || !state.has_news() {
            return;
        }
        state.wake(&self.changed);
    }

    /// What of a commit this watch is about.
    fn chosen(&self, batch: &Batch) -> Vec<Told> {
        if self.options.others_only && batch.is_own {
            return Vec::new();
        }
        let (at, author, is_own) = (batch.position.seq, batch.author, batch.is_own);
        let numbered = (0..).zip(&batch.events);
        let below = numbered.filter_map(|(index, event)| Some((index, below(event, &self.options.top)?)));
        below.map(|(index, event)| Told { at, index, author, is_own, event }).collect()
    }
}

fn size(event: &Event) -> usize {
    size_of::<Told>() + event.path.len() + event.from.len()
}

/// An event as it is seen below a directory; none: it is about something else. What comes from elsewhere, or goes there,
/// has no path there. The directory itself is `/`.
fn below(event: &Event, top: &str) -> Option<Event> {
    if top.is_empty() || event.path.is_empty() && event.from.is_empty() {
        return Some(event.clone());
    }
    let is_moved = event.happened == Happened::Moved;
    let path = relative(&event.path, top).or_else(|| is_above(&event.path, top).then(|| "/".to_owned()));
    if !is_moved {
        let is_of_all = event.happened == Happened::TreeRemoved;
        let is_inside = relative(&event.path, top).is_some();
        return path.filter(|_| is_inside || is_of_all).map(|path| Event { path, ..event.clone() });
    }
    let from = relative(&event.from, top).or_else(|| is_above(&event.from, top).then(|| "/".to_owned()));
    if path.is_none() && from.is_none() {
        return None;
    }
    Some(Event { path: path.unwrap_or_default(), from: from.unwrap_or_default(), ..event.clone() })
}

fn relative(path: &str, top: &str) -> Option<String> {
    let rest = path.strip_prefix(top)?;
    match rest {
        "" => Some("/".to_owned()),
        rest => rest.starts_with('/').then(|| rest.to_owned()),
    }
}

fn is_above(path: &str, top: &str) -> bool {
    path == "/" || relative(top, path).is_some()
}

/// The watches of a link.
#[derive(Default)]
pub(super) struct Watches {
    state: Mutex<Watching>,
    /// How many follow the log.
    live: AtomicUsize,
}

#[derive(Default)]
struct Watching {
    all: Vec<Weak<Watch>>,
    live: Vec<Weak<Watch>>,
    threads: Vec<JoinHandle<()>>,
    is_followed: bool,
}

impl Watches {
    /// Whether what a commit did is to be noted.
    pub(super) fn is_any(&self) -> bool {
        self.live.load(Ordering::Acquire) > 0
    }

    pub(super) fn tell(&self, batch: &Batch) {
        let live: Vec<_> = self.state.lock().live.iter().filter_map(Weak::upgrade).collect();
        live.iter().for_each(|watch| watch.tell(batch));
    }

    fn set_trouble(&self, trouble: Option<&Arc<Error>>) {
        let all: Vec<_> = self.state.lock().all.iter().filter_map(Weak::upgrade).collect();
        all.iter().for_each(|watch| watch.set_trouble(trouble));
    }

    /// The link ends, and with it all that watch it.
    pub(super) fn end(&self, why: &Error) {
        let all: Vec<_> = self.state.lock().all.iter().filter_map(Weak::upgrade).collect();
        all.iter().for_each(|watch| watch.end(why.repeat()));
    }

    /// Waits for the threads, which see that the link has ended: a moment, unless one waits for a store that hangs.
    pub(super) fn join(&self) {
        let threads = std::mem::take(&mut self.state.lock().threads);
        let until = Instant::now() + JOIN;
        for thread in threads {
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(JOIN / 200);
            }
            if thread.is_finished() {
                // One that panicked has poisoned the link.
                let _ = thread.join();
            }
        }
    }

    /// Forgets those that nobody has any more; whether any is left that follows the log. Else the thread that asks ends.
    fn is_needed(&self) -> bool {
        let mut state = self.state.lock();
        let is_wanted = |watch: &Weak<Watch>| watch.upgrade().is_some_and(|watch| !watch.has_ended());
        state.all.retain(is_wanted);
        state.live.retain(is_wanted);
        self.live.store(state.live.len(), Ordering::Release);
        state.is_followed = !state.live.is_empty();
        state.is_followed
    }
}

/// A thread of a link; if it panics, memory may not be what it should be.
struct Worker(Weak<Link>);

impl Drop for Worker {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(link) = self.0.upgrade()
        {
            link.poison();
            link.watches.end(&Error::new(Status::Poisoned, "an internal failure was caught"));
        }
    }
}

impl Link {
    /// Watches what happens behind a position, or from now on.
    pub fn watch(self: &Arc<Link>, options: WatchOptions) -> Result<Arc<Watch>> {
        self.check_usable()?;
        if self.is_snapshot() {
            let what = "filespace: nothing happens in a snapshot; watch the filespace itself";
            return Err(Error::new(Status::InvalidArgument, what));
        }
        self.refresh()?;
        let from = options.from.as_ref().map(|from| self.check_has(from).map(|()| *from)).transpose()?;
        let applying = self.take_applying()?;
        let here = self.describe(self.position())?;
        let watch = Arc::new(Watch::new(options, from.unwrap_or(here)));
        self.watches.state.lock().all.push(Arc::downgrade(&watch));
        if watch.seen().seq == here.seq {
            self.go_live(&watch)?;
            return Ok(watch);
        }
        drop(applying);
        let replay = Replay::new(self, watch.seen())?;
        let told = Arc::downgrade(&watch);
        self.start(move |worker| replay.run(&worker.0, &told))?;
        Ok(watch)
    }

    /// From now on a watch that has seen all that was applied hears of each commit. The caller holds `applying`.
    pub(super) fn go_live(self: &Arc<Link>, watch: &Arc<Watch>) -> Result<()> {
        let mut state = self.watches.state.lock();
        state.live.push(Arc::downgrade(watch));
        self.watches.live.fetch_add(1, Ordering::Release);
        let is_followed = std::mem::replace(&mut state.is_followed, true);
        drop(state);
        match is_followed {
            true => Ok(()),
            false => self.start(|worker| follow(&worker.0)).inspect_err(|_| {
                self.watches.state.lock().is_followed = false;
            }),
        }
    }

    fn start(self: &Arc<Link>, work: impl FnOnce(&Worker) + Send + 'static) -> Result<()> {
        let worker = Worker(Arc::downgrade(self));
        let thread = spawn(move || work(&worker))?;
        let mut state = self.watches.state.lock();
        state.threads.retain(|thread| !thread.is_finished());
        state.threads.push(thread);
        Ok(())
    }
}

/// Starts a thread.
fn spawn(work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let run = move || {
        // The host's signals are the host's business.
        let _ = SigSet::all().thread_block();
        work();
    };
    let thread = std::thread::Builder::new().name("lucidlink".to_owned()).spawn(run);
    thread.map_err(|e| Error::new(Status::Io, "cannot start a thread").caused_by(e))
}

/// Follows the log, as long as anybody watches.
fn follow(link: &Weak<Link>) {
    let mut is_troubled = false;
    while let Some(link) = link.upgrade() {
        if let Err(error) = link.check_usable() {
            link.watches.end(&error);
        }
        if !link.watches.is_needed() {
            return;
        }
        match link.wait_for_more(Instant::now() + SLICE) {
            Ok(_) if !is_troubled => {}
            Ok(_) => {
                is_troubled = false;
                link.watches.set_trouble(None);
            }
            Err(error) => {
                is_troubled = true;
                link.watches.set_trouble(Some(&Arc::new(error)));
                pause(&link);
            }
        }
    }
}

/// Before another attempt, unless the link ends.
pub(super) fn pause(link: &Link) {
    let until = Instant::now() + RETRY;
    while Instant::now() < until && !link.is_closed() {
        std::thread::sleep(SLICE);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ids::{Hash, Incarnation, Ino};
    use crate::state::value::Kind;

    fn position(seq: u64) -> Position {
        Position { seq: Seq(seq), incarnation: Incarnation([0; 16]), chain: Hash([0; 32]) }
    }

    fn batch(seq: u64, events: usize) -> Batch {
        let event = Event {
            happened: Happened::Created,
            ino: Ino(7),
            kind: Kind::File,
            parent: Ino::ROOT,
            path: "/file".to_owned(),
            from: String::new(),
        };
        let events = vec![event; events];
        Batch { position: position(seq), author: KeyId([0; 16]), is_own: false, events }
    }

    #[test]
    fn what_there_is_room_for_is_not_lost() {
        let (watch, now) = (Watch::new(WatchOptions::default(), position(0)), Instant::now());
        // As much as one commit did, if nothing else is there.
        let (first, second) = (batch(1, MAX_EVENTS + 1), batch(2, MAX_EVENTS - 100));
        assert!(watch.wait_for_room(&first, now));
        watch.tell(&first);
        watch.next(MAX_EVENTS - 100, now).unwrap();
        assert!(!watch.wait_for_room(&second, now), "it would be one too much");
        watch.next(1, now).unwrap();
        assert!(watch.wait_for_room(&second, now));
        watch.tell(&second);
        let news = watch.next(usize::MAX, now).unwrap();
        assert_eq!(news.len(), MAX_EVENTS);
        assert!(news.iter().all(|news| matches!(news, News::Event(_))));
    }
}

//! Read-ahead: what a handle that reads in order is going to want next is brought into the block cache by threads in
//! the background, several pieces at once. The window grows only when the reader had to wait.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::read::Version;
use crate::content::cache::BlockCache;
use crate::content::memory::MemoryBudget;
use crate::filespace::Link;

/// What one request brings.
const PIECE: u64 = 1 << 20;
/// Pieces that are on their way at once, for one handle.
const STREAMS: usize = 4;
/// The window, in pieces.
const FIRST_WINDOW: u64 = 2;
const LAST_WINDOW: u64 = 32;

/// The read-ahead of one handle.
#[derive(Default)]
pub(super) struct ReadAhead(Mutex<Progress>);

#[derive(Default)]
struct Progress {
    /// Where the last read ended.
    expected: u64,
    /// Reads in order so far.
    in_order: u32,
    window: u64,
    /// Where what was asked for ends.
    asked: u64,
    pieces: VecDeque<Arc<Piece>>,
}

/// A range on its way.
struct Piece {
    from: u64,
    to: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Queued,
    Started,
    Done,
}

impl Piece {
    /// Moves on from one state; false if it was in another.
    fn step(&self, from: State, to: State) -> bool {
        let mut state = self.state.lock();
        let was = *state == from;
        if was {
            *state = to;
            self.changed.notify_all();
        }
        was
    }
}

impl ReadAhead {
    /// A read of `[from, to)` begins: what is on its way is waited for, what comes next is asked for.
    pub(super) fn begin(&self, link: &Arc<Link>, version: &Arc<Version>, from: u64, to: u64) {
        let awaited = {
            let mut progress = self.0.lock();
            if progress.expected != from {
                *progress = Progress { expected: to, ..Progress::default() };
                return;
            }
            progress.expected = to;
            progress.in_order += 1;
            if progress.in_order < 2 || to - from >= version.size {
                return;
            }
            progress.ask(link, version, to);
            progress.awaited(from, to)
        };
        let mut has_waited = false;
        for piece in awaited {
            // Nobody is at it yet: the reader brings it itself.
            if piece.step(State::Queued, State::Done) {
                continue;
            }
            let mut state = piece.state.lock();
            while *state == State::Started {
                has_waited = true;
                piece.changed.wait(&mut state);
            }
        }
        if has_waited {
            let mut progress = self.0.lock();
            progress.window = (2 * progress.window).min(LAST_WINDOW);
        }
    }
}

impl Progress {
    /// Starts pieces up to the window behind `to`.
    fn ask(&mut self, link: &Arc<Link>, version: &Arc<Version>, to: u64) {
        self.window = self.window.max(FIRST_WINDOW);
        self.asked = self.asked.max(to);
        let room = BlockCache::process().capacity() / 4;
        let end = to.saturating_add((self.window * PIECE).min(room)).min(version.size);
        self.pieces.retain(|piece| *piece.state.lock() != State::Done);
        while self.asked < end && self.pieces.len() < STREAMS {
            let upto = ((self.asked / PIECE + 1) * PIECE).min(version.size);
            if version.is_warm(link, self.asked) && version.is_warm(link, upto - 1) {
                self.asked = upto;
                continue;
            }
            let Some(memory) = MemoryBudget::process().try_reserve(PIECE as usize) else { return };
            let (state, changed) = (Mutex::new(State::Queued), Condvar::new());
            let piece = Arc::new(Piece { from: self.asked, to: upto, state, changed });
            self.pieces.push_back(piece.clone());
            self.asked = upto;
            let (link, version) = (link.clone(), version.clone());
            link.runtime().clone().spawn_blocking(move || {
                if piece.step(State::Queued, State::Started) {
                    let _finished = Finished(&piece);
                    // If it fails, the reader finds out why.
                    let _ = version.warm(&link, piece.from, piece.to);
                }
                drop(memory);
            });
        }
    }

    fn awaited(&self, from: u64, to: u64) -> Vec<Arc<Piece>> {
        self.pieces.iter().filter(|piece| piece.from < to && from < piece.to).cloned().collect()
    }
}

/// Whatever happens, nobody waits for it any longer.
struct Finished<'a>(&'a Piece);

impl Drop for Finished<'_> {
    fn drop(&mut self) {
        self.0.step(State::Started, State::Done);
    }
}

//! Random calls on the content of a few files, through several handles at once, held against plain bytes: reads and
//! writes of all kinds, appends, sizes, holes, flushes, links that end. What is in the file system is compared after
//! every so many calls.
//!
//! A failure prints its seed; `LUCIDLINK_SEED=<seed>` runs that one. `LUCIDLINK_OPERATIONS` says how many calls are
//! made (20,000 unless set), with a new seed and a new workspace after every 20,000; with `LUCIDLINK_TRACE=1` every
//! call is printed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    clippy::print_stderr
)]

#[path = "../support/abi.rs"]
mod abi;
#[allow(dead_code)]
#[path = "../model/call.rs"]
mod call;
#[allow(dead_code)]
#[path = "../model/linked.rs"]
mod linked;
#[allow(dead_code)]
#[path = "../model/model.rs"]
mod model;

use std::rc::Rc;

use abi::Abi;
use call::{Call, Client, Data, Reply, SLOTS};
use linked::{Linked, Place};
use lucidlink::env::SeededRandom;
use model::{Model, Opened, Tree};

/// Calls with one seed.
const ROUND: u64 = 20_000;
const FILES: [&str; 3] = ["/a", "/b", "/c"];
/// No file becomes larger.
const LARGEST: u64 = 1 << 20;

struct Source(SeededRandom);

impl Source {
    fn below(&self, n: u64) -> u64 {
        self.0.next_u64() % n
    }

    fn path(&self) -> String {
        FILES[self.below(9).saturating_sub(6) as usize].to_owned()
    }

    /// Mostly near to where others are, and at the borders of blocks.
    fn offset(&self) -> u64 {
        match self.below(10) {
            0 => self.below(LARGEST),
            1 => (self.below(16) << 16).saturating_sub(self.below(3)),
            2..5 => self.below(100_000),
            _ => self.below(5000),
        }
    }

    fn length(&self) -> usize {
        (match self.below(50) {
            0 => self.below(LARGEST),
            1..4 => self.below(70_000),
            4..20 => self.below(5000),
            _ => self.below(200),
        }) as usize
    }

    fn data(&self, at: u64) -> Data {
        let len = self.length().min(LARGEST.saturating_sub(at) as usize);
        Data { seed: self.0.next_u64(), len }
    }

    fn next(&self) -> Call {
        let slot = self.below(SLOTS as u64) as usize;
        match self.below(100) {
            0..8 => {
                const MODES: [&str; 9] = ["r", "r+", "r+", "r+", "w", "w+", "a", "a+", "a+"];
                Call::Open(slot, self.path(), MODES[self.below(9) as usize])
            }
            8..18 => Call::Read(slot, self.length()),
            18..30 => Call::Pread(slot, self.offset(), self.length()),
            30..42 => Call::Write(slot, self.data(LARGEST / 2)),
            42..56 => {
                let at = self.offset();
                Call::Pwrite(slot, at, self.data(at))
            }
            56..62 => Call::Seek(slot, self.offset() as i64, 0),
            62..64 => Call::Seek(slot, -(self.below(3000) as i64), 2),
            64..68 => Call::SetSize(slot, self.offset()),
            68..74 => Call::Punch(slot, self.offset(), 1 + self.offset()),
            74..77 => Call::Readv(slot, [(); 3].map(|()| self.length())),
            77..80 => Call::Writev(slot, [(); 3].map(|()| self.data(LARGEST - 20_000))),
            80..83 => Call::Size(slot),
            83..88 => Call::Flush(slot),
            88..93 => Call::Close(slot),
            93 => Call::Free(slot),
            94 => Call::Refresh(slot),
            95 => Call::Truncate(self.path(), self.offset()),
            96 => Call::WriteFile(self.path(), self.data(LARGEST / 2)),
            97 => Call::AppendFile(self.path(), self.data(LARGEST - 5000)),
            98 => Call::Delete(self.path()),
            _ => Call::ReadFile(self.path()),
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

fn run(abi: &Rc<Abi>, seed: u64, calls: u64) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/ws", folder.path().display());
    let token = abi.workspace_create(&url, "fsx").expect("a workspace");
    let daemon = abi.daemon(&[("workspace.url", &url), ("daemon.allow_multiple", "true")]).expect("a daemon");
    let workspace = abi.authenticate(daemon, &token).expect("a workspace");
    abi.create_filespace(workspace, "model").expect("a filespace");
    abi.stop(daemon).expect("a stop");

    let source = Source(SeededRandom::new(seed));
    let trace = number("LUCIDLINK_TRACE").is_some();
    let (mut tree, mut opened) = (Tree::default(), Opened::default());
    let mut real = Linked::new(abi, &Place::folder(&url, &token), false);
    for n in 0..calls {
        let mut model = Model { tree: &mut tree, opened: &mut opened };
        if source.below(1000) == 0 {
            model.reopen();
            real.reopen();
        }
        let call = source.next();
        let (expected, found) = (model.call(&call), real.call(&call));
        if trace {
            eprintln!("{n}: {call:?} -> {found:?}");
        }
        if found != expected {
            let place = match (&found, &expected) {
                (Ok(Reply::Bytes(f)), Ok(Reply::Bytes(e))) => f.iter().zip(e).position(|(f, e)| f != e),
                _ => None,
            };
            panic!("seed {seed}, call {n}: {call:?}: found {found:?}, expected {expected:?}, byte {place:?}");
        }
        if n % 100 == 0 {
            let checked = std::panic::AssertUnwindSafe(|| (0..SLOTS).for_each(|slot| real.check_holes(slot)));
            std::panic::catch_unwind(checked).unwrap_or_else(|_| panic!("seed {seed}, after call {n}"));
        }
    }
    Model { tree: &mut tree, opened: &mut opened }.reopen();
    real.reopen();
    for path in FILES {
        for call in [Call::ReadFile(path.to_owned()), Call::Stat(path.to_owned(), false), Call::Counts] {
            let expected = Model { tree: &mut tree, opened: &mut opened }.call(&call);
            assert_eq!(real.call(&call), expected, "seed {seed}, at the end: {call:?}");
        }
    }
}

#[test]
fn content_behaves_as_bytes() {
    let abi = Rc::new(Abi::load());
    let operations = number("LUCIDLINK_OPERATIONS").unwrap_or(ROUND);
    match number("LUCIDLINK_SEED") {
        Some(seed) => run(&abi, seed, operations.min(ROUND)),
        None => (0..operations.div_ceil(ROUND)).for_each(|n| run(&abi, 6000 + n, ROUND.min(operations))),
    }
}

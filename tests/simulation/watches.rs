//! Watches over a log that fails, and over one that has lost its beginning.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lucidlink::crypto::seal::Keyring;
use lucidlink::env::Env;
use lucidlink::error::Status;
use lucidlink::filespace::{Link, LinkOptions, LinkParts, News, Watch};
use lucidlink::fs::{FileSystem, Path};
use lucidlink::ids::Seq;
use lucidlink::log::memory::MemoryLog;
use lucidlink::log::{Append, CommitLog, Life, LogError};

use super::simulated::Place;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A log whose slots below a floor are gone, but for the first.
struct Cut(Arc<MemoryLog>, AtomicU64);

impl CommitLog for Cut {
    fn append(&self, bytes: &[u8], after: Seq) -> Result<Append, LogError> {
        self.0.append(bytes, after)
    }

    fn read(&self, from: Seq, limit: usize, max_bytes: usize) -> Result<Vec<(Seq, Bytes)>, LogError> {
        match from {
            Seq(0) => self.0.read(from, 1, max_bytes),
            from => self.0.read(from.max(Seq(self.1.load(Ordering::Relaxed))), limit, max_bytes),
        }
    }

    fn read_range(&self, slot: Seq, offset: u64, len: u32) -> Result<Bytes, LogError> {
        self.0.read_range(slot, offset, len)
    }

    fn head(&self) -> Result<Seq, LogError> {
        self.0.head()
    }

    fn durable(&self) -> Result<Seq, LogError> {
        self.0.durable()
    }

    fn life(&self) -> Result<Life, LogError> {
        self.0.life()
    }

    fn sync(&self, upto: Seq) -> Result<(), LogError> {
        self.0.sync(upto)
    }
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

/// The paths of so many events.
fn paths(watch: &Watch, count: usize) -> Vec<String> {
    let (mut paths, deadline) = (Vec::new(), Instant::now() + TIMEOUT);
    while paths.len() < count {
        // A log that fails now goes on later.
        for news in watch.next(7, deadline).unwrap_or_default() {
            match news {
                News::Event(told) => paths.push(told.event.path),
                News::Overflow(position) => panic!("overflow at {position}"),
            }
        }
        assert!(Instant::now() < deadline, "only {paths:?}");
    }
    paths
}

#[test]
fn a_watch_goes_on_when_log_and_store_fail_meanwhile() {
    let place = Place::new(61);
    let (writer, watcher) = (place.open(62, 0, TIMEOUT), place.open(63, 3, TIMEOUT));
    let watch = loop {
        if let Ok(watch) = watcher.fs.watch(&path("/"), None, false) {
            break watch;
        }
    };
    let expected: Vec<String> = (0..60).map(|n| format!("/{n}")).collect();
    for name in &expected {
        writer.fs.create_dir(&path(name), 0o755).unwrap();
    }
    assert_eq!(paths(&watch, 60), expected);
}

#[test]
fn an_old_position_is_replayed_from_a_checkpoint_and_none_below_the_floor() {
    let place = Place::new(71);
    let cut = Arc::new(Cut(place.log.clone(), AtomicU64::new(0)));
    let parts = LinkParts {
        id: place.id,
        name: "cut".to_owned(),
        env: Env::seeded(72),
        log: cut.clone(),
        store: place.store.clone(),
        account: place.account.clone(),
        keyring: Arc::new(Keyring::new(0, place.key.clone())),
        runtime: place.runtime(),
    };
    let link = Link::open(parts, LinkOptions::strict(TIMEOUT)).unwrap();
    let fs = FileSystem::new(link.clone(), path("/")).unwrap();
    fs.create_dir(&path("/a/b"), 0o755).unwrap();
    let early = link.describe(link.position()).unwrap();
    for n in 0..40 {
        fs.create_dir(&path(&format!("/a/b/{n}")), 0o755).unwrap();
    }
    link.write_checkpoint().unwrap();
    let checkpoint = link.describe(link.position()).unwrap();
    for n in 0..10 {
        fs.create_dir(&path(&format!("/a/b/{n}/late")), 0o755).unwrap();
    }
    cut.1.store(checkpoint.seq.0, Ordering::Relaxed);
    // Names that were made before the floor are those of the checkpoint.
    let late = fs.watch(&path("/"), Some(checkpoint), false).unwrap();
    let expected: Vec<String> = (0..10).map(|n| format!("/a/b/{n}/late")).collect();
    assert_eq!(paths(&late, 10), expected);
    let truncated = fs.watch(&path("/"), Some(early), false).err().expect("the log has lost that");
    assert_eq!(truncated.status(), Status::PositionTruncated);
    link.close().unwrap();
    assert_eq!(late.next(1, Instant::now() + TIMEOUT).unwrap_err().status(), Status::NotLinked);
}

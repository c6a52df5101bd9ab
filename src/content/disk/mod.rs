//! A cache on the local disk: ranges of packs as they are stored, so sealed. What is in it is trusted as little as
//! the store: a block's own seal says whether it is right.
//!
//! It is a log of segments that are only appended to; the oldest goes when the limit is reached. Nothing is synced:
//! what a crash tears is fetched again. A cache that fails is not used any more, and no read fails because of it.

mod index;
mod segment;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use self::index::Index;
use self::segment::{HEADER, START_LEN, Segment};
use super::buffers::Buffer;
use crate::files;
use crate::ids::PackId;
use crate::metrics::{Metrics, count};
use crate::report;

/// The smallest limit.
pub const MIN_LIMIT: u64 = 32 << 20;
/// Bytes of a segment: this part of the limit, in these bounds. The lower one has room for the largest range.
const SEGMENTS: u64 = 16;
const MIN_SEGMENT: u64 = 8 << 20;
const MAX_SEGMENT: u64 = 64 << 20;

/// The cache of a daemon, in a folder that nobody else writes to.
pub struct DiskCache {
    folder: PathBuf,
    /// Bytes of all files together, at most.
    limit: u64,
    /// Bytes of a segment at most.
    segment: u64,
    metrics: Arc<Metrics>,
    /// Held for a moment only, never while a file is read or written.
    index: Mutex<Index>,
    writer: Mutex<Writer>,
}

struct Writer {
    /// The number of the next segment.
    next: u64,
    current: Option<Segment>,
    /// Nothing is written any more.
    off: bool,
}

impl DiskCache {
    /// Opens the cache in a folder, which is made if it is missing, and takes up what is there.
    pub fn open(folder: &Path, limit: u64, metrics: Arc<Metrics>) -> io::Result<DiskCache> {
        let segment = (limit / SEGMENTS).clamp(MIN_SEGMENT, MAX_SEGMENT);
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut index = Index::default();
        let numbers = segment::list(folder)?;
        for number in &numbers {
            let bytes = segment::walk(folder, *number, |key, place| index.insert(key, place))?;
            index.grow(*number, bytes);
        }
        for number in index.make_room(0, limit) {
            remove(folder, number)?;
        }
        let next = numbers.last().map_or(0, |last| last.wrapping_add(1));
        let writer = Writer { next, current: None, off: false };
        let folder = folder.to_owned();
        Ok(DiskCache {
            folder,
            limit,
            segment,
            metrics,
            index: Mutex::new(index),
            writer: Mutex::new(writer),
        })
    }

    /// The bytes of a pack from an offset on: at least so many, at most so many, as far as they are here together.
    pub fn get(&self, pack: PackId, offset: u64, least: u32, most: u64) -> Option<Buffer> {
        let found = self.index.lock().find(pack, offset, least);
        let bytes = found.and_then(|(key, place)| {
            let skip = offset - key.1;
            let mut bytes = Buffer::new(most.min(u64::from(place.length) - skip) as usize);
            let file = files::open_to_read(&segment::path(&self.folder, place.segment));
            match file.and_then(|file| file.read_exact_at(&mut bytes, place.at + skip)) {
                Ok(()) => Some(bytes),
                Err(error) => {
                    // Else it had to make room meanwhile.
                    if self.index.lock().remove(key, place) {
                        self.fail(&mut self.writer.lock(), &error);
                    }
                    None
                }
            }
        });
        count(match bytes {
            Some(_) => &self.metrics.disk_cache_hits,
            None => &self.metrics.disk_cache_misses,
        });
        bytes
    }

    /// Keeps bytes of a pack.
    pub fn put(&self, pack: PackId, offset: u64, bytes: &[u8]) {
        if START_LEN + (HEADER + bytes.len()) as u64 > self.segment {
            return;
        }
        let mut writer = self.writer.lock();
        if !writer.off
            && let Err(error) = self.append(&mut writer, pack, offset, bytes)
        {
            self.fail(&mut writer, &error);
        }
    }

    fn append(&self, writer: &mut Writer, pack: PackId, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let size = (HEADER + bytes.len()) as u64;
        let Writer { next, current, .. } = writer;
        if current.as_ref().is_some_and(|segment| segment.len + size > self.segment) {
            *current = None;
        }
        let start = if current.is_none() { START_LEN } else { 0 };
        let gone = self.index.lock().make_room(start + size, self.limit);
        for number in gone {
            remove(&self.folder, number)?;
        }
        let segment = match current {
            Some(segment) => segment,
            none => {
                let made = Segment::create(&self.folder, *next)?;
                *next = next.wrapping_add(1);
                self.index.lock().grow(made.number, START_LEN);
                none.insert(made)
            }
        };
        let place = segment.append((pack, offset), bytes)?;
        let mut index = self.index.lock();
        index.grow(place.segment, size);
        index.insert((pack, offset), place);
        drop(index);
        Ok(())
    }

    /// Forgets bytes that turned out not to be those that were stored.
    pub fn distrust(&self, pack: PackId, offset: u64, length: u32) {
        let mut index = self.index.lock();
        if let Some((key, place)) = index.find(pack, offset, length) {
            index.remove(key, place);
        }
        drop(index);
        count(&self.metrics.disk_cache_failures);
        report::warn(|| "the cache on disk is damaged; what is needed of it is fetched again".to_owned());
    }

    /// Writes nothing any more.
    pub fn close(&self) {
        let mut writer = self.writer.lock();
        writer.off = true;
        writer.current = None;
    }

    /// Bytes of its files.
    pub fn bytes(&self) -> u64 {
        self.index.lock().bytes()
    }

    fn fail(&self, writer: &mut Writer, error: &io::Error) {
        if !writer.off {
            writer.off = true;
            writer.current = None;
            count(&self.metrics.disk_cache_failures);
            report::warn(|| format!("the cache on disk failed and takes nothing more: {error}"));
        }
    }
}

impl std::fmt::Debug for DiskCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskCache").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// Removes a segment, unless somebody else did.
fn remove(folder: &Path, number: u64) -> io::Result<()> {
    match std::fs::remove_file(segment::path(folder, number)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::fs::OpenOptions;
    use std::os::unix::fs::PermissionsExt;

    fn open(folder: &Path, limit: u64) -> DiskCache {
        DiskCache::open(folder, limit, Arc::default()).unwrap()
    }

    fn pack(n: u8) -> PackId {
        PackId([n; 16])
    }

    /// What a pack has somewhere.
    fn content(n: u8, offset: u64, length: usize) -> Vec<u8> {
        (offset..).take(length).map(|at| (at.wrapping_mul(167) >> 3) as u8 ^ n).collect()
    }

    fn on_disk(folder: &Path) -> u64 {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    }

    #[derive(Debug, Clone)]
    enum Step {
        Put(u8, u64, usize),
        Get(u8, u64, u32, u64),
        /// Opens it again, after the last segment was cut by so many bytes; 0: after garbage was put behind it.
        Reopen(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            6 => (0..3u8, 0..4000u64, 1..2500usize).prop_map(|(n, at, len)| Step::Put(n, at, len)),
            6 => (0..3u8, 0..4000u64, 1..500u32, 0..3000u64)
                .prop_map(|(n, at, least, more)| Step::Get(n, at, least, u64::from(least) + more)),
            1 => prop_oneof![Just(0), 1..3000u64].prop_map(Step::Reopen),
        ];
        prop::collection::vec(step, 1..80)
    }

    proptest! {
        #[test]
        fn it_has_what_was_put_and_keeps_to_its_limit(steps in steps()) {
            const LIMIT: u64 = 20_000;
            let folder = tempfile::tempdir().unwrap();
            let small = || DiskCache { segment: LIMIT / 4, ..open(folder.path(), LIMIT) };
            let mut cache = small();
            // What must be there, unless a crash took it.
            let mut newest = None;
            for step in steps {
                match step {
                    Step::Put(n, offset, length) => {
                        cache.put(pack(n), offset, &content(n, offset, length));
                        newest = Some((n, offset, length));
                    }
                    Step::Get(n, offset, least, most) => {
                        let Some(found) = cache.get(pack(n), offset, least, most) else { continue };
                        prop_assert!(found.len() >= least as usize && found.len() as u64 <= most);
                        prop_assert!(found[..] == content(n, offset, found.len()));
                    }
                    Step::Reopen(cut) => {
                        drop(cache);
                        if let Some(last) = segment::list(folder.path()).unwrap().last() {
                            let path = segment::path(folder.path(), *last);
                            let file = OpenOptions::new().write(true).open(path).unwrap();
                            let len = file.metadata().unwrap().len();
                            match cut {
                                0 => file.write_all_at(&[0x5a; 100], len).unwrap(),
                                cut => file.set_len(len.saturating_sub(cut)).unwrap(),
                            }
                        }
                        if cut > 0 {
                            newest = None;
                        }
                        cache = small();
                    }
                }
                if let Some((n, offset, length)) = newest {
                    let found = cache.get(pack(n), offset, length as u32, length as u64);
                    prop_assert!(found.is_some_and(|found| found[..] == content(n, offset, length)));
                }
                prop_assert_eq!(cache.bytes(), on_disk(folder.path()));
                prop_assert!(cache.bytes() <= LIMIT);
            }
        }
    }

    #[test]
    fn a_record_inside_another_hides_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(folder.path(), MIN_LIMIT);
        let has = |at, len| cache.get(pack(1), at, len, u64::from(len)).is_some();
        cache.put(pack(1), 1000, &content(1, 1000, 200));
        cache.put(pack(1), 0, &content(1, 0, 4000));
        assert!(has(1300, 100), "behind a record that a larger one covers");
        cache.put(pack(1), 2000, &content(1, 2000, 100));
        assert!(has(2200, 100), "behind a record that came later");
        cache.put(pack(1), 3500, &content(1, 3500, 1000));
        assert!(has(3400, 600) && has(3600, 900) && !has(3400, 700));
    }

    #[test]
    fn the_oldest_goes_when_it_is_full_and_when_the_limit_shrinks() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(folder.path(), 2 * MIN_LIMIT);
        let bytes = vec![7; 1 << 20];
        for number in 0..200 {
            cache.put(pack(1), number << 20, &bytes);
            assert!(on_disk(folder.path()) <= 2 * MIN_LIMIT);
        }
        let has =
            |cache: &DiskCache, number: u64| cache.get(pack(1), number << 20, 1 << 20, 1 << 20).is_some();
        assert!(has(&cache, 199) && has(&cache, 150) && !has(&cache, 100));
        drop(cache);
        let cache = open(folder.path(), MIN_LIMIT);
        assert!(on_disk(folder.path()) <= MIN_LIMIT && has(&cache, 199) && !has(&cache, 150));
    }

    #[test]
    fn what_is_deleted_underneath_is_missing_and_nothing_more() {
        let folder = tempfile::tempdir().unwrap();
        let metrics = Arc::new(Metrics::default());
        let cache = DiskCache::open(folder.path(), MIN_LIMIT, metrics.clone()).unwrap();
        cache.put(pack(1), 0, &[1; 100]);
        cache.put(pack(1), 100, &[2; 100]);
        let mode = std::fs::metadata(segment::path(folder.path(), 0)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_file(segment::path(folder.path(), 0)).unwrap();
        assert!(cache.get(pack(1), 0, 100, 100).is_none());
        assert!(cache.get(pack(1), 100, 100, 100).is_none());
        cache.put(pack(1), 200, &[3; 100]);
        assert!(cache.get(pack(1), 200, 100, 100).is_none(), "it is not used any more");
        assert_eq!(metrics.read().disk_cache_failures, 1);
    }

    #[test]
    fn foreign_files_are_left_alone_and_damaged_ones_are_empty() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("notes"), b"mine").unwrap();
        std::fs::write(segment::path(folder.path(), 4), b"LLDC\x02\0\0\0 from the future").unwrap();
        std::fs::write(segment::path(folder.path(), 5), b"L").unwrap();
        std::fs::create_dir(segment::path(folder.path(), 6)).unwrap();
        let cache = open(folder.path(), MIN_LIMIT);
        assert_eq!(cache.bytes(), 0);
        cache.put(pack(1), 0, &[1; 100]);
        assert!(cache.get(pack(1), 0, 100, 100).is_none(), "a number that is taken");
        std::fs::remove_dir(segment::path(folder.path(), 6)).unwrap();
        let cache = open(folder.path(), MIN_LIMIT);
        cache.put(pack(1), 0, &[1; 100]);
        assert!(cache.get(pack(1), 0, 100, 100).is_some());
        assert_eq!(std::fs::read(folder.path().join("notes")).unwrap(), b"mine");
    }
}

//! A segment: one file of the cache, records one behind the other (`docs/format.md`, "Cache on disk").

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::index::{Key, Place};
use crate::files;
use crate::ids::PackId;

/// What a segment starts with: its name, and the version of its form.
const START: &[u8; 8] = b"LLDC\x01\0\0\0";
const RECORD: &[u8; 4] = b"LLDR";
/// Bytes before the first record.
pub(super) const START_LEN: u64 = START.len() as u64;
/// Bytes of a record before what it holds.
pub(super) const HEADER: usize = 4 + 16 + 8 + 4 + 4;

/// Where a segment is.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016x}"))
}

/// The numbers of the segments in a folder, the oldest first.
pub(super) fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| u64::from_str_radix(name, 16).ok());
        if let Some(number) = number.filter(|n| entry.path() == path(folder, *n))
            && entry.file_type()?.is_file()
        {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The segment that is written to.
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) len: u64,
    file: File,
}

impl Segment {
    /// A new one; its number was never used.
    pub(super) fn create(folder: &Path, number: u64) -> io::Result<Segment> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(path(folder, number))?;
        file.write_all(START)?;
        Ok(Segment { number, len: START_LEN, file })
    }

    /// Adds a record by one write. One that does not fit on the disk is cut off again.
    pub(super) fn append(&mut self, key: Key, bytes: &[u8]) -> io::Result<Place> {
        let header = header(key, bytes.len() as u32);
        let whole = HEADER + bytes.len();
        match self.file.write_vectored(&[IoSlice::new(&header), IoSlice::new(bytes)]) {
            Ok(written) if written == whole => {
                let at = self.len + HEADER as u64;
                self.len += whole as u64;
                Ok(Place { segment: self.number, at, length: bytes.len() as u32 })
            }
            other => {
                let _ = self.file.set_len(self.len);
                Err(other.err().unwrap_or_else(|| io::ErrorKind::StorageFull.into()))
            }
        }
    }
}

/// Finds the records of a segment that an earlier process wrote, and cuts off what is no whole record. Returns its
/// bytes.
pub(super) fn walk(folder: &Path, number: u64, mut each: impl FnMut(Key, Place)) -> io::Result<u64> {
    let file = files::open(&path(folder, number), OpenOptions::new().read(true).write(true))?;
    let len = file.metadata()?.len();
    let mut start = [0; START.len()];
    if len < START_LEN || file.read_exact_at(&mut start, 0).is_err() || start != *START {
        file.set_len(0)?;
        return Ok(0);
    }
    let mut end = START_LEN;
    while end + HEADER as u64 <= len {
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, end)?;
        let Some((key, length)) = parse_header(&header) else { break };
        let at = end + HEADER as u64;
        if at + u64::from(length) > len {
            break;
        }
        each(key, Place { segment: number, at, length });
        end = at + u64::from(length);
    }
    file.set_len(end)?;
    Ok(end)
}

fn header((pack, offset): Key, length: u32) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(RECORD);
    header[4..20].copy_from_slice(&pack.0);
    header[20..28].copy_from_slice(&offset.to_le_bytes());
    header[28..32].copy_from_slice(&length.to_le_bytes());
    let sum = crc32fast::hash(&header[..32]);
    header[32..].copy_from_slice(&sum.to_le_bytes());
    header
}

fn parse_header(header: &[u8; HEADER]) -> Option<(Key, u32)> {
    let sum = u32::from_le_bytes(header[32..].try_into().ok()?);
    let offset = u64::from_le_bytes(header[20..28].try_into().ok()?);
    let length = u32::from_le_bytes(header[28..32].try_into().ok()?);
    let whole = header[..4] == RECORD[..] && sum == crc32fast::hash(&header[..32]);
    let fits = offset.checked_add(u64::from(length)).is_some();
    (whole && fits && length > 0).then_some(((PackId::from_slice(&header[4..20])?, offset), length))
}

//! What `put`, `get` and `cp` have in common: pieces of files, what one failure means for the rest, the count,
//! and progress on a terminal.

use std::io::{self, IsTerminal};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use lucidlink::error::{Error, Status};
use lucidlink::fs::{self, Attributes, FileSystem};
use serde_json::json;

use crate::args::Common;
use crate::files::DIRECTORY_MODE;
use crate::output::{Failure, Output, complain};

/// Threads that copy. More than processors: they wait for the log, and what waits at the same time is
/// committed as one.
pub(crate) const THREADS: usize = 16;

/// Bytes that are copied at once.
const PIECE: u64 = 1 << 20;

/// What progress looks like.
const BAR: &str = "{wide_bar} {bytes}/{total_bytes}  {binary_bytes_per_sec}  {eta} left";
const SPINNER: &str = "{spinner} {bytes}  {binary_bytes_per_sec}";

/// Why something was not copied.
pub(crate) enum Trouble {
    /// This one cannot be; the others can.
    One(Error),
    /// Nothing can be copied any more.
    All(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        match error.status() {
            Status::NotFound
            | Status::Exists
            | Status::NotADirectory
            | Status::IsADirectory
            | Status::NotEmpty
            | Status::TooManySymlinks
            | Status::InvalidArgument
            | Status::InvalidPath
            | Status::NameTooLong
            | Status::FileTooLarge
            | Status::Deleted
            | Status::Stale
            | Status::Integrity => Trouble::One(error),
            _ => Trouble::All(error),
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        match trouble {
            Trouble::One(error) | Trouble::All(error) => Failure::Failed(error),
        }
    }
}

/// Brings all that `read` has to `write`, in pieces; `size` is how much that is likely to be, or more.
pub(crate) fn pieces<E>(
    size: u64,
    mut read: impl FnMut(&mut [u8]) -> Result<usize, E>,
    mut write: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut buffer = vec![0; size.clamp(4096, PIECE) as usize];
    loop {
        match read(&mut buffer)? {
            0 => return Ok(()),
            n => write(&buffer[..n])?,
        }
    }
}

/// Brings the data of a file to `write`, in pieces, each with its offset; its holes are left out. `next` finds
/// the first data from an offset on, `size` is how much there is likely to be, or more. Returns where the file
/// ended inside what was said to be data.
pub(crate) fn data_pieces<E>(
    size: u64,
    mut next: impl FnMut(u64) -> Result<Option<Range<u64>>, E>,
    mut read: impl FnMut(&mut [u8], u64) -> Result<usize, E>,
    mut write: impl FnMut(&[u8], u64) -> Result<(), E>,
) -> Result<Option<u64>, E> {
    let mut buffer = vec![0; size.clamp(4096, PIECE) as usize];
    let mut at = 0;
    while let Some(data) = next(at)? {
        at = data.start;
        while at < data.end {
            let wanted = (data.end - at).min(buffer.len() as u64) as usize;
            match read(&mut buffer[..wanted], at)? {
                0 => return Ok(Some(at)),
                n => {
                    write(&buffer[..n], at)?;
                    at += n as u64;
                }
            }
        }
    }
    Ok(None)
}

/// The path of a name in a directory of the filespace.
pub(crate) fn child(directory: &fs::Path, name: &str) -> Result<fs::Path, Error> {
    fs::Path::parse(&format!("{}/{name}", directory.text().trim_end_matches('/')))
}

/// The directory of a path; none for the root.
pub(crate) fn parent(path: &fs::Path) -> Option<fs::Path> {
    let mut names: Vec<&str> = path.names().collect();
    names.pop()?;
    fs::Path::parse(&format!("/{}", names.join("/"))).ok()
}

/// Makes the directories above a path that are missing.
pub(crate) fn make_parents(fs: &FileSystem, path: &fs::Path) -> Result<(), Error> {
    let Some(above) = parent(path) else { return Ok(()) };
    match fs.entry(&above, true) {
        Err(error) if error.status() == Status::NotFound => fs.create_dir(&above, DIRECTORY_MODE),
        found => found.map(drop),
    }
}

/// What is kept of a file, directory or symbolic link beside its content.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    /// Permission bits.
    pub(crate) mode: u32,
    /// Nanoseconds since 1970.
    pub(crate) mtime: i64,
}

impl From<Kept> for Attributes {
    fn from(kept: Kept) -> Attributes {
        Attributes { mode: Some(kept.mode), mtime: Some(kept.mtime), ..Attributes::default() }
    }
}

/// What was copied so far.
pub(crate) struct Count {
    json: bool,
    bar: Option<ProgressBar>,
    pub(crate) files: AtomicU64,
    pub(crate) directories: AtomicU64,
    pub(crate) symlinks: AtomicU64,
    bytes: AtomicU64,
    failed: AtomicU64,
}

impl Count {
    pub(crate) fn new(common: &Common) -> Count {
        let shown = !common.quiet && !common.json && io::stderr().is_terminal();
        let bar = || ProgressBar::new(0).with_style(style(BAR));
        Count {
            json: common.json,
            bar: shown.then(bar),
            files: AtomicU64::new(0),
            directories: AtomicU64::new(0),
            symlinks: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Whether somebody looks at it, and would like to know how much there is to do.
    pub(crate) fn is_shown(&self) -> bool {
        self.bar.is_some()
    }

    /// So much more is to be copied.
    pub(crate) fn expect(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc_length(bytes);
        }
    }

    /// Nobody knows how much is to be copied.
    pub(crate) fn expect_any(&self) {
        if let Some(bar) = &self.bar {
            bar.set_style(style(SPINNER));
        }
    }

    pub(crate) fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }

    /// Reports something that is left out.
    pub(crate) fn left_out(&self, error: &Error) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let say = || complain(self.json, error.status(), &error.to_string());
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    /// One entry was copied, or could not be.
    pub(crate) fn settle<T>(&self, copied: Result<T, Trouble>) -> Result<Option<T>, Failure> {
        match copied {
            Ok(done) => Ok(Some(done)),
            Err(Trouble::One(error)) => {
                self.left_out(&error);
                Ok(None)
            }
            Err(Trouble::All(error)) => Err(error.into()),
        }
    }

    /// All that could be was copied.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let failed = self.failed.into_inner();
        if self.json {
            let mut out = Output::new();
            out.json(&json!({
                "files": self.files.into_inner(),
                "directories": self.directories.into_inner(),
                "symlinks": self.symlinks.into_inner(),
                "bytes": self.bytes.into_inner(),
                "failed": failed,
            }))?;
            out.finish()?;
        }
        if failed > 0 { Err(Failure::Partly) } else { Ok(()) }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

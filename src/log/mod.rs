//! The log: numbered slots, each put once. The only thing that clients coordinate through; it knows
//! nothing of what a commit means.
//!
//! - [`CommitLog`]: what every log can do.
//! - [`folder`]: a log in a folder, for the processes of one host.
//! - [`bucket`]: a log in a bucket, for everybody who can reach it.
//! - [`postgres`]: a log in a PostgreSQL database, for many writers.
//! - [`memory`] and [`faulty`]: doubles for tests.
//! - [`envelope`]: the form of a commit.
//! - [`chain`]: the hash chain over the slots.
//! - `waiting`: those who wait for a log to go on.
//! - [`conformance`]: what every implementation is tested for.

pub mod bucket;
pub mod chain;
#[doc(hidden)]
pub mod conformance;
pub mod envelope;
#[doc(hidden)]
pub mod faulty;
pub mod folder;
#[doc(hidden)]
pub mod memory;
pub mod postgres;
mod waiting;

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::bucket::BucketError;
use crate::database::DatabaseError;
use crate::error::{Error, Status};
use crate::ids::{Incarnation, Seq};

use waiting::Waiting;

/// What became of an append.
#[derive(Debug)]
pub enum Append {
    /// The bytes are in this slot.
    Landed(Seq),
    /// The slot was taken.
    Occupied,
    /// No answer: the bytes may or may not be in the slot, now or soon.
    Unknown(LogError),
}

/// A life of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Its name; zero for the first.
    pub incarnation: Incarnation,
    /// The last slot that it has in common with the life before.
    pub survived: Seq,
}

impl Life {
    /// Of a log that never lost anything.
    pub const FIRST: Life = Life { incarnation: Incarnation([0; 16]), survived: Seq(0) };
}

/// A log of numbered slots. Slot 0 is there from the start. Calls block and may come from any thread.
pub trait CommitLog: Send + Sync {
    /// Puts `bytes` into the slot after `after`, or, where that is as cheap, into the first free one behind it;
    /// what lies in between its author has not seen. An error means that nothing was sent.
    fn append(&self, bytes: &[u8], after: Seq) -> Result<Append, LogError>;

    /// The slots from `from` on, in order and without gap: at most `limit`, and no more than the first that
    /// brings their sizes to `max_bytes`; fewer only where the log ends.
    fn read(&self, from: Seq, limit: usize, max_bytes: usize) -> Result<Vec<(Seq, Bytes)>, LogError>;

    /// A range of one slot's bytes, exactly.
    fn read_range(&self, slot: Seq, offset: u64, len: u32) -> Result<Bytes, LogError>;

    /// A cheap look at the last slot's number: never less than any append that was answered before; it may
    /// run ahead of what `read` returns.
    fn head(&self) -> Result<Seq, LogError>;

    /// The position up to which the log is known to survive power loss.
    fn durable(&self) -> Result<Seq, LogError>;

    /// The life that the log is in: another one since it lost slots that somebody may have seen.
    fn life(&self) -> Result<Life, LogError>;

    /// Makes the log survive power loss up to a position, and records that. What the slots up to there refer
    /// to must have been made durable before.
    fn sync(&self, upto: Seq) -> Result<(), LogError>;

    /// Waits until the log goes on behind `position`, where the caller saw it end; the last slot that is known by then,
    /// or none if it did not until the deadline. How soon that is noticed, and what it costs to wait, is the log's
    /// business; it is the same however many wait.
    fn wait_beyond(&self, position: Seq, deadline: Instant) -> Result<Option<Seq>, LogError> {
        Waiting::new(CHEAP_LOOKS).wait_beyond(position, deadline, || self.head())
    }
}

/// The first and the longest pause between two looks where one costs next to nothing.
const CHEAP_LOOKS: (Duration, Duration) = (Duration::from_micros(100), Duration::from_millis(5));
/// The same where it is a request.
const DEAR_LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Why a log failed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is no log here.
    #[error("there is no log in {0}")]
    NotFound(String),
    /// There is one already.
    #[error("there is a log in {0} already")]
    Exists(String),
    /// It cannot work here.
    #[error("a log cannot be kept in {place}: {why}")]
    Unsuitable {
        /// Where.
        place: String,
        /// What is missing.
        why: &'static str,
    },
    /// A slot is not there, or shorter than asked for.
    #[error("slot {slot} of the log does not have bytes {offset}..+{len}")]
    NoSuchRange {
        /// The slot.
        slot: Seq,
        /// The first byte.
        offset: u64,
        /// How many.
        len: u32,
    },
    /// Its folder cannot be used.
    #[error("the folder {place} cannot be used; reading needs write access to it too")]
    Folder {
        /// Which.
        place: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process held the log for too long.
    #[error("the log was busy until the deadline")]
    Busy(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The disk is full.
    #[error("there is no space left for the log")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The bucket it is in cannot be used.
    #[error("{0}")]
    Bucket(#[from] BucketError),
    /// The database it is in cannot be used.
    #[error("{0}")]
    Database(#[from] DatabaseError),
    /// Its file is damaged.
    #[error("the log's file is damaged")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Anything else.
    #[error("the log failed")]
    Io(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<LogError> for Error {
    fn from(error: LogError) -> Error {
        let status = match &error {
            LogError::NotFound(_) => Status::NotFound,
            LogError::Exists(_) => Status::Exists,
            LogError::Unsuitable { .. } => Status::StoreUnsuitable,
            LogError::NoSuchRange { .. } | LogError::Damaged(_) => Status::Integrity,
            LogError::Busy(_) => Status::Timeout,
            LogError::Full(_) => Status::NoSpace,
            LogError::Io(_) | LogError::Folder { .. } => Status::Io,
            LogError::Bucket(error) => {
                return Error::new(error.status(), format!("the log cannot be used: {error}"));
            }
            LogError::Database(error) => {
                return Error::new(error.status(), format!("the log cannot be used: {error}"));
            }
        };
        Error::new(status, "the log cannot be used").caused_by(error)
    }
}

impl From<std::io::Error> for LogError {
    fn from(error: std::io::Error) -> LogError {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                LogError::Full(error.into())
            }
            _ => LogError::Io(error.into()),
        }
    }
}

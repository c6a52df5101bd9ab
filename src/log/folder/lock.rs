//! The right to append: a lock on the open file of the log's head.
//!
//! It belongs to the open file, not to the process (`F_OFD_SETLK`): whatever else this process opens, copies and
//! closes, and however often it has the log open, it keeps two writers apart. The system has no such wait with a
//! deadline, so whoever finds it taken tries again.

use std::fs::File;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::log::LogError;

/// Tries that only let others run first: an append takes a few microseconds.
const YIELDS: u32 = 16;
const FIRST_PAUSE: Duration = Duration::from_micros(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(1);

/// The lock, until it is dropped.
pub(super) struct Locked<'a>(&'a File);

/// Takes the lock of a file, or gives up at the deadline.
pub(super) fn lock(file: &File, deadline: Instant) -> Result<Locked<'_>, LogError> {
    let (mut tries, mut pause) = (0, FIRST_PAUSE);
    loop {
        match set(file, libc::F_WRLCK) {
            Ok(()) => return Ok(Locked(file)),
            Err(Errno::EAGAIN | Errno::EACCES | Errno::EINTR) if tries < YIELDS => std::thread::yield_now(),
            Err(Errno::EAGAIN | Errno::EACCES | Errno::EINTR) if Instant::now() < deadline => {
                std::thread::sleep(pause);
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
            Err(Errno::EAGAIN | Errno::EACCES | Errno::EINTR) => return Err(busy()),
            Err(error) => return Err(std::io::Error::from(error).into()),
        }
        tries += 1;
    }
}

/// Others had it until the deadline.
pub(super) fn busy() -> LogError {
    LogError::Busy("others held its lock".into())
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let _ = set(self.0, libc::F_UNLCK);
    }
}

fn set(file: &File, kind: libc::c_int) -> Result<(), Errno> {
    let whole = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_OFD_SETLK(&whole)).map(drop)
}

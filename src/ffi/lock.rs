//! Locks of open files.

use std::time::{Duration, Instant};

use super::error::ll_error;
use super::file::{file, ll_file, ll_open_options};
use super::guard::guard;
use super::status::ll_status;
use super::structs::{Sized32, init, read_options};
use crate::error::{Error, Result, Status};
use crate::fs::{Lock, Wait};

/// No lock.
pub const LL_LOCK_NONE: u32 = 0;
/// A lock that others may share; nobody has an exclusive one meanwhile.
pub const LL_LOCK_SHARED: u32 = 1;
/// A lock that nobody else has.
pub const LL_LOCK_EXCLUSIVE: u32 = 2;

/// Wait until it is granted, however long that takes, or until the filespace is unlinked.
pub const LL_WAIT_FOREVER: u64 = u64::MAX;

/// How a range is locked. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_lock_options {
    /// sizeof(ll_lock_options), set by the caller.
    pub struct_size: u32,
    /// LL_LOCK_SHARED or LL_LOCK_EXCLUSIVE; 0: LL_LOCK_EXCLUSIVE.
    pub lock: u32,
    /// How long to wait while others have it, in milliseconds; 0: not at all; LL_WAIT_FOREVER.
    pub wait_ms: u64,
}

// SAFETY: integers, the size first.
unsafe impl Sized32 for ll_lock_options {}

fn wait(ms: u64) -> Wait {
    match ms {
        0 => Wait::No,
        // What the clock cannot express is for ever.
        _ => Instant::now().checked_add(Duration::from_millis(ms)).map_or(Wait::ForEver, Wait::Until),
    }
}

fn exclusive(lock: u32) -> Result<bool> {
    match lock {
        LL_LOCK_SHARED => Ok(false),
        LL_LOCK_EXCLUSIVE => Ok(true),
        _ => {
            let what = "options: lock is not LL_LOCK_NONE, LL_LOCK_SHARED or LL_LOCK_EXCLUSIVE";
            Err(Error::new(Status::InvalidArgument, what))
        }
    }
}

/// The lock that a file is opened with, if any.
pub(super) fn open_lock(options: &ll_open_options) -> Result<Option<Lock>> {
    if options.lock == LL_LOCK_NONE {
        return Ok(None);
    }
    Ok(Some(Lock { exclusive: exclusive(options.lock)?, wait: wait(options.lock_wait_ms) }))
}

/// Locks a range of a file for an open file, against all other open files, of this and of other processes and machines,
/// that ask for locks. Locks are advisory: who asks for none reads and writes whatever is locked. Where the range
/// overlaps what this open file has locked, it takes its place: so a lock is made shared or exclusive, and is never lost
/// in between. It may reach behind the end of the file.
/// Who waits is served in the order of the requests; a shared lock does not overtake a request for an exclusive one. An
/// open file that has a lock of the file goes before those that have none, and is told if waiting would never end.
/// (That is found out among the locks of one file.)
/// When it is granted, the handle sees the newest content, with all that was published under the locks before. What it
/// writes then is published while the lock is held, or not at all. Unlocking publishes it, in one commit with the
/// release; so does ll_file_close, and so do unlink and stop with LL_SYNC_ALL. ll_file_free drops it.
/// The locks of a process that died or stands still are free session.lease (30 s) later to those who wait for them. If
/// it goes on after all, it is told: LL_ERR_LOCK_LOST from then on for each open file that had locks, and nothing of
/// what those wrote is published. They can be read until they are closed.
///
/// @param file The open file, in any mode.
/// @param offset Where the range starts, in bytes.
/// @param length How many bytes; 0: to the end of the file, however long it gets.
/// @param options NULL: exclusive, and without waiting.
/// @param err Detail of a failure, or NULL.
/// Threads: any; calls through one handle ask one after the other. Blocking: until log and store answer, at most
/// network.timeout, and while others have the lock at most options.wait_ms. ll_file_free, ll_file_close,
/// ll_file_unlock_all and unlinking the filespace in another thread end the wait.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_UNSUPPORTED_OPTION, LL_ERR_NOT_LINKED,
/// LL_ERR_LOCKED (others have it, and wait_ms is 0; or another call gave up what this one waited for), LL_ERR_TIMEOUT,
/// LL_ERR_DEADLOCK, LL_ERR_LOCK_LOST, LL_ERR_READ_ONLY and LL_ERR_ACCESS_DENIED (locks are written to the log),
/// LL_ERR_DELETED, LL_ERR_NO_SPACE (the file has 1024 locks and requests), what publishing a file that is yet to be made
/// can fail with. With LL_ERROR_MAYBE_APPLIED the range may get locked: unlock it, or close the file. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_lock_range(
    file: ll_file,
    offset: u64,
    length: u64,
    options: *const ll_lock_options,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(file, err, || unsafe {
        let options = read_options(options, "options")?;
        let exclusive = options.lock == 0 || exclusive(options.lock)?;
        let lock = Lock { exclusive, wait: wait(options.wait_ms) };
        self::file(file)?.0.lock_range(offset, length, lock)
    })
}

/// Gives up what an open file has locked of a range, and publishes what it wrote, in one commit. A part of a lock may be
/// given up. Where nothing is locked, nothing happens; so it is if the open file has no lock at all, and nothing is
/// published then. When publishing fails, the lock is given up all the same, and the failure returned; what was written is
/// never published then, because others may go on (LL_ERR_LOCK_LOST from then on). It can be read until the file is closed.
///
/// @param file The open file.
/// @param offset Where the range starts, in bytes.
/// @param length How many bytes; 0: to the end of the file, however long it gets.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_LOCK_LOST (the lock was lost before,
/// and nothing is published), LL_ERR_TIMEOUT and LL_ERR_IO (the log cannot be reached: the lock may still be held; try
/// again, or close the file), LL_ERR_NO_SPACE (there are 1024 locks and requests, and it would make two of one), what
/// ll_file_flush can fail with. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_unlock_range(
    file: ll_file,
    offset: u64,
    length: u64,
    err: *mut ll_error,
) -> ll_status {
    guard(file, err, || self::file(file)?.0.unlock_range(offset, length))
}

/// Gives up all that an open file has locked, and publishes what it wrote, in one commit: ll_file_unlock_range of the
/// whole file.
///
/// @param file The open file.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_NOT_LINKED, LL_ERR_LOCK_LOST (the lock was lost before, and nothing is
/// published), what ll_file_unlock_range can fail with. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_unlock_all(file: ll_file, err: *mut ll_error) -> ll_status {
    guard(file, err, || self::file(file)?.0.unlock_all())
}

/// Sets the size of lock options and zeroes the rest, for languages that cannot use LL_LOCK_OPTIONS_INIT.
///
/// @param options The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_lock_options_init(options: *mut ll_lock_options) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(options) }
}

//! A linked filespace as a whole.

use std::ffi::c_char;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::ll_error;
use super::guard::{guard, quiet};
use super::handle::{self, HandleKind, Object};
use super::status::ll_status;
use super::structs::{Sized32, check_out, init, put_struct};
use super::text::{clear, put, put_text, text};
use crate::daemon::filespace::Filespace;
use crate::error::{Error, Result};
use crate::filespace::Position;
use crate::fs::Usage;
use crate::ids::{Hash, Incarnation, Seq};

/// A linked filespace. 0 is no handle. @since 0.1.0
pub type ll_filespace = u64;

pub(super) struct FilespaceHandle(pub(super) Arc<Filespace>);

impl Object for FilespaceHandle {
    const KIND: HandleKind = HandleKind::Filespace;
    const NAME: &'static str = "filespace";
}

/// A position in a filespace's history. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_position {
    /// sizeof(ll_position), set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// The number of the commit.
    pub seq: u64,
    /// The life of the log: all zeroes until a recovery from power loss.
    pub incarnation: [u8; 16],
    /// The hash of the log up to it.
    pub hash: [u8; 32],
}

/// How much there is in a filespace, kept exactly. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_statistics {
    /// sizeof(ll_statistics), set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Regular files.
    pub files: u64,
    /// Directories, the root included.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// The sum of the sizes of all files, in bytes; 2^64-1 if it is larger.
    pub content_bytes: u64,
    /// Bytes of files that are stored, without holes; those of a copy count again.
    pub live_bytes: u64,
    /// Bytes of the packs that hold them, without what is stored in commits.
    pub stored_bytes: u64,
    /// The quota of content_bytes; 0: none.
    pub quota_bytes: u64,
    /// The quota of files, directories and symbolic links together; 0: none.
    pub quota_entries: u64,
    /// For how long the log has not answered this link, in milliseconds; 0 if it does, as far as is known. What the
    /// link shows is as old as that. Always 0 in strict mode, whose calls fail instead.
    pub silent_ms: u64,
}

// SAFETY: integers, the size first.
unsafe impl Sized32 for ll_position {}
// SAFETY: integers, the size first.
unsafe impl Sized32 for ll_statistics {}

/// The longest wait, where the clock cannot express a longer one.
const A_LONG_TIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// When a wait of so many milliseconds ends.
pub(super) fn deadline(timeout_ms: u64) -> Instant {
    let now = Instant::now();
    now.checked_add(Duration::from_millis(timeout_ms)).unwrap_or(now + A_LONG_TIME)
}

pub(super) fn c_position(position: &Position) -> ll_position {
    let Position { seq, incarnation, chain } = *position;
    ll_position { struct_size: 0, reserved: 0, seq: seq.0, incarnation: incarnation.0, hash: chain.0 }
}

/// A position that the caller must give.
///
/// # Safety
/// `position` is NULL or points to as many bytes as its first field says.
unsafe fn read_position(position: *const ll_position, name: &str) -> Result<Position> {
    // SAFETY: as above; nothing is written.
    unsafe { check_out(position.cast_mut(), name)? };
    // SAFETY: a whole struct, by the check.
    let given = unsafe { position.read_unaligned() };
    Ok(Position { seq: Seq(given.seq), incarnation: Incarnation(given.incarnation), chain: Hash(given.hash) })
}

pub(super) fn filespace(handle: u64) -> Result<Arc<FilespaceHandle>> {
    handle::get::<FilespaceHandle>(handle)
}

/// The id of a filespace, 64 hexadecimal digits.
///
/// @param filespace The filespace.
/// @param buf Receives the id, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
/// @param cap Bytes that `buf` has.
/// @param needed Receives the bytes needed, the NUL included; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_id(
    filespace: ll_filespace,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        put_text(buf, cap, needed, &self::filespace(filespace)?.0.info().id.to_string())
    })
}

/// The name that a filespace had when it was linked.
///
/// @param filespace The filespace.
/// @param buf Receives the name, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
/// @param cap Bytes that `buf` has.
/// @param needed Receives the bytes needed, the NUL included; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_name(
    filespace: ll_filespace,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe { put_text(buf, cap, needed, &self::filespace(filespace)?.0.info().name) })
}

/// The names of filespace and workspace: filespace.workspace.
///
/// @param filespace The filespace.
/// @param buf Receives the names, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
/// @param cap Bytes that `buf` has.
/// @param needed Receives the bytes needed, the NUL included; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_full_name(
    filespace: ll_filespace,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe { put_text(buf, cap, needed, &self::filespace(filespace)?.0.full_name()) })
}

/// Whether a filespace is linked: it was not unlinked, and its daemon runs.
///
/// @param filespace The filespace.
/// @param linked Receives 1 or 0.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_is_linked(
    filespace: ll_filespace,
    linked: *mut i32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(linked, "linked")?;
        put(linked, "linked", i32::from(self::filespace(filespace)?.0.is_linked()))
    })
}

/// The barrier: publishes what open files of this link wrote; when it returns, everything before it is
/// visible to all and survives power loss. In relaxed mode it waits for what the log does not have yet, and fails
/// with LL_ERR_LATE_FAILURE as long as there are late failures that nobody acknowledged (all else is safe then).
///
/// @param filespace The filespace.
/// @param position Receives the position of the barrier; may be NULL; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_IO, LL_ERR_NO_SPACE,
/// LL_ERR_TIMEOUT, LL_ERR_LATE_FAILURE, what publishing a file can fail with. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_sync_all(
    filespace: ll_filespace,
    position: *mut ll_position,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        if !position.is_null() {
            check_out(position, "position")?;
        }
        let filespace = self::filespace(filespace)?;
        let synced = filespace.0.sync_all()?;
        if !position.is_null() {
            put_struct(position, c_position(&filespace.0.fs().link().describe(synced)?));
        }
        Ok(())
    })
}

/// Waits until this link sees the filespace as it was at a position, or later: one that another client's
/// ll_filespace_sync_all gave.
///
/// @param filespace The filespace.
/// @param position The position.
/// @param timeout_ms How long to wait, in milliseconds; 0: only look.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until the log has it, at most timeout_ms.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_TIMEOUT,
/// LL_ERR_LOG_ROLLED_BACK (this log is another one, or was set back). @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_wait_for(
    filespace: ll_filespace,
    position: *const ll_position,
    timeout_ms: u64,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        let filespace = self::filespace(filespace)?;
        let position = read_position(position, "position")?;
        filespace.0.fs().link().wait_for(&position, deadline(timeout_ms))
    })
}

/// A position as text, to hand it to another program: "number:incarnation:hash".
///
/// @param position The position.
/// @param buf Receives the text, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
/// @param cap Bytes that `buf` has.
/// @param needed Receives the bytes needed, the NUL included; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_ARGUMENT, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_position_format(
    position: *const ll_position,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe { put_text(buf, cap, needed, &read_position(position, "position")?.to_string()) })
}

/// Reads a position that ll_position_format wrote.
///
/// @param text The text.
/// @param position Receives the position; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_position_parse(
    text: *const c_char,
    position: *mut ll_position,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        check_out(position, "position")?;
        let parsed: Position = self::text(text, "text")?.parse().map_err(|e: Error| e.about("text"))?;
        put_struct(position, c_position(&parsed));
        Ok(())
    })
}

/// Sets the size of a position and zeroes the rest, for languages that cannot use LL_POSITION_INIT.
///
/// @param position The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_position_init(position: *mut ll_position) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(position) }
}

/// How much there is in a filespace. Costs the same whatever there is.
///
/// @param filespace The filespace.
/// @param statistics Receives it; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_statistics(
    filespace: ll_filespace,
    statistics: *mut ll_statistics,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        check_out(statistics, "statistics")?;
        let filespace = self::filespace(filespace)?;
        let Usage { counters, quota_bytes, quota_entries } = filespace.0.fs().usage()?;
        let silence = filespace.0.fs().link().silence();
        put_struct(
            statistics,
            ll_statistics {
                struct_size: 0,
                reserved: 0,
                files: counters.files,
                directories: counters.directories,
                symlinks: counters.symlinks,
                content_bytes: narrow(counters.bytes()),
                live_bytes: narrow(counters.live()),
                stored_bytes: narrow(counters.stored()),
                quota_bytes,
                quota_entries,
                silent_ms: u64::try_from(silence.as_millis())
                    .unwrap_or(u64::MAX)
                    .max(u64::from(!silence.is_zero())),
            },
        );
        Ok(())
    })
}

/// Sets the size of statistics and zeroes the rest, for languages that cannot use LL_STATISTICS_INIT.
///
/// @param statistics The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_statistics_init(statistics: *mut ll_statistics) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(statistics) }
}

/// The sum of the sizes of all files, in bytes; 2^64-1 if it is larger.
///
/// @param filespace The filespace.
/// @param bytes Receives it.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_size(
    filespace: ll_filespace,
    bytes: *mut u64,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        clear(bytes, "bytes")?;
        put(bytes, "bytes", narrow(self::filespace(filespace)?.0.fs().usage()?.counters.bytes()))
    })
}

/// A sum, or the largest number if it is larger.
fn narrow(sum: u128) -> u64 {
    u64::try_from(sum).unwrap_or(u64::MAX)
}

/// Limits how much there may be in a filespace, for all who write to it. What would grow beyond a limit fails with
/// LL_ERR_NO_SPACE. What is there already stays, and whatever does not grow works. Only admins of the filespace may.
///
/// @param filespace The filespace.
/// @param bytes The most that the sizes of all files may add up to, holes included; 0: no limit.
/// @param entries The most files, directories and symbolic links together, the root included; 0: no limit.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT,
/// LL_ERR_NO_SPACE (the store). @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_set_quota(
    filespace: ll_filespace,
    bytes: u64,
    entries: u64,
    err: *mut ll_error,
) -> ll_status {
    guard(filespace, err, || self::filespace(filespace)?.0.fs().set_quota(bytes, entries))
}

/// Ends a link, with the final sync that its sync mode asks for: for every handle of it, however often the
/// filespace was linked. Handles of files that were opened through this one are invalid afterwards; on the others
/// each call is LL_ERR_NOT_LINKED. It is unlinked whatever the sync says. Again: nothing happens.
///
/// @param filespace The filespace.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer; it waits for them up to four times, at most network.timeout
/// each.
/// Errors: LL_ERR_INVALID_HANDLE, what ll_filespace_sync_all can fail with. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_unlink(filespace: ll_filespace, err: *mut ll_error) -> ll_status {
    guard(filespace, err, || {
        let object = self::filespace(filespace)?;
        let unlinked = object.0.unlink();
        handle::remove_children(filespace);
        unlinked
    })
}

/// Frees a filespace handle and those of files opened through it; what they did not publish is dropped.
/// The link itself lasts until ll_filespace_unlink or ll_daemon_stop. Never blocks on log or store and
/// never fails.
///
/// @param handle The handle; 0 or one already freed is ignored.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_free(handle: ll_filespace) {
    quiet(|| {
        let _ = handle::remove::<FilespaceHandle>(handle);
    });
}

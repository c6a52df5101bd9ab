//! A linked filespace as a whole.

use std::ffi::c_char;
use std::sync::Arc;

use super::error::ll_error;
use super::guard::{guard, quiet};
use super::handle::{self, HandleKind, Object};
use super::status::ll_status;
use super::structs::{Sized32, check_out, init, put_struct};
use super::text::{clear, put, put_text};
use crate::daemon::filespace::Filespace;
use crate::error::Result;

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
    /// The sum of the sizes of all files, in bytes.
    pub content_bytes: u64,
    /// Bytes of files that are stored (without holes).
    pub live_bytes: u64,
    /// Bytes of the packs that hold them, without what is stored in commits.
    pub stored_bytes: u64,
}

// SAFETY: integers, the size first.
unsafe impl Sized32 for ll_position {}
// SAFETY: integers, the size first.
unsafe impl Sized32 for ll_statistics {}

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
/// visible to all and survives power loss.
///
/// @param filespace The filespace.
/// @param position Receives the position of the barrier; may be NULL; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_IO, LL_ERR_NO_SPACE,
/// LL_ERR_TIMEOUT, what publishing a file can fail with. @since 0.1.0
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
            let (seq, hash, incarnation) = filespace.0.fs().link().describe(synced)?;
            let (seq, hash, incarnation) = (seq.0, hash.0, incarnation.0);
            put_struct(position, ll_position { struct_size: 0, reserved: 0, seq, incarnation, hash });
        }
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
        let counters = self::filespace(filespace)?.0.fs().counters()?;
        put_struct(
            statistics,
            ll_statistics {
                struct_size: 0,
                reserved: 0,
                files: counters.files,
                directories: counters.directories,
                symlinks: counters.symlinks,
                content_bytes: counters.bytes,
                live_bytes: counters.live,
                stored_bytes: counters.stored,
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

/// The sum of the sizes of all files, in bytes.
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
        put(bytes, "bytes", self::filespace(filespace)?.0.fs().counters()?.bytes)
    })
}

/// Ends a link, with the final sync that its sync mode asks for. Handles of its files are invalid
/// afterwards. It is unlinked whatever the sync says. Again: nothing happens.
///
/// @param filespace The filespace.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
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

//! Open files.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::error::ll_error;
use super::filespace::{filespace as linked, ll_filespace};
use super::fs::FILE_MODE;
use super::guard::{guard, quiet};
use super::handle::{self, HandleKind, Object};
use super::lock::open_lock;
use super::status::ll_status;
use super::structs::{Sized32, init, read_options};
use super::text::{buffer, clear, data, path_of, put, text};
use crate::error::{Error, Result, Status};
use crate::fs::{File, Mode, Whence};

/// An open file. 0 is no handle. @since 0.1.0
pub type ll_file = u64;

pub(super) struct FileHandle(pub(super) File);

impl Object for FileHandle {
    const KIND: HandleKind = HandleKind::File;
    const NAME: &'static str = "file";
}

/// From the start of the file.
pub const LL_SEEK_SET: i32 = 0;
/// From the handle's position.
pub const LL_SEEK_CUR: i32 = 1;
/// From the end of the file.
pub const LL_SEEK_END: i32 = 2;

/// How a file is opened. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_open_options {
    /// sizeof(ll_open_options), set by the caller.
    pub struct_size: u32,
    /// Permission bits of a file that is made, 1 to 07777; 0: 0644.
    pub mode: u32,
    /// A lock of the whole file, held until it is unlocked or the file is closed: LL_LOCK_NONE, LL_LOCK_SHARED or
    /// LL_LOCK_EXCLUSIVE.
    pub lock: u32,
    /// 0.
    pub reserved: u32,
    /// How long to wait for the lock, in milliseconds; 0: not at all; LL_WAIT_FOREVER.
    pub lock_wait_ms: u64,
}

// SAFETY: integers, the size first.
unsafe impl Sized32 for ll_open_options {}

/// A piece of memory of the caller's. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_buffer {
    /// Where it is; not looked at if the length is 0.
    pub data: *mut c_void,
    /// How many bytes it has.
    pub length: usize,
}

/// Buffers of one call at most.
pub const LL_MAX_BUFFERS: usize = 1024;

/// The caller's buffers; together no longer than memory can be.
///
/// # Safety
/// `buffers` points to `count` of them, or `count` is 0; they stay as they are while the result is used.
unsafe fn buffers<'a>(buffers: *const ll_buffer, count: usize) -> Result<&'a [ll_buffer]> {
    if count > LL_MAX_BUFFERS {
        let what = format!("count: a call takes at most {LL_MAX_BUFFERS} buffers");
        return Err(Error::new(Status::InvalidArgument, what));
    }
    if count == 0 {
        return Ok(&[]);
    }
    if buffers.is_null() {
        return Err(Error::new(Status::InvalidArgument, "buffers: it is NULL"));
    }
    // SAFETY: not NULL, and as many as promised.
    let buffers = unsafe { std::slice::from_raw_parts(buffers, count) };
    let total = buffers.iter().try_fold(0usize, |sum, b| sum.checked_add(b.length));
    if total.is_none_or(|total| total > isize::MAX as usize) {
        return Err(Error::new(Status::InvalidArgument, "buffers: together they are above 2^63-1 bytes"));
    }
    Ok(buffers)
}

pub(super) fn file(handle: u64) -> Result<Arc<FileHandle>> {
    handle::get::<FileHandle>(handle)
}

/// Opens a file. A handle sees one version of the content, pinned now, and what handles of the same link
/// write. What it writes appears to others when it is flushed or closed: whole, in one commit.
/// "r" and "r+" need a file that exists; "w" and "a" make one that does not, when they are published; "x" makes
/// one at once and needs that there is none. "w" gives a file that exists other content and leaves the rest: it
/// keeps its file_id, names, mode, owner and extended attributes. A symbolic link at the end of the path is
/// followed, also to a file that is yet to be made, but not by "x".
/// With options.lock the whole file is locked, in any mode, and the handle sees the content as it is when the lock is
/// granted; "w", "a" and "x" make a file that does not exist at once then, empty, in the commit that asks for the lock.
/// What locks are is said at ll_file_lock_range.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param mode "r" (read), "w" (replace), "a" (append) or "x" (make, must not exist), with "+" for the
/// other direction too; "b" changes nothing.
/// @param options NULL for defaults.
/// @param file Receives the handle.
/// @param err Detail of a failure, or NULL.
/// Ownership: end it with ll_file_close, or drop what it wrote with ll_file_free
/// Threads: any. Blocking: until log and store answer, at most network.timeout; with a lock also options.lock_wait_ms.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_NOT_FOUND, LL_ERR_EXISTS (x), LL_ERR_IS_A_DIRECTORY, LL_ERR_UNSUPPORTED_OPTION; with a lock what
/// ll_file_lock_range can fail with. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_open(
    filespace: ll_filespace,
    path: *const c_char,
    mode: *const c_char,
    options: *const ll_open_options,
    file: *mut ll_file,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        clear(file, "file")?;
        let options = read_options(options, "options")?;
        if options.mode > 0o7777 {
            return Err(Error::new(Status::InvalidArgument, "options: mode is above 07777"));
        }
        let lock = open_lock(&options)?;
        let permissions = if options.mode == 0 { FILE_MODE } else { options.mode };
        let mode = Mode::parse(text(mode, "mode")?)?;
        let (filespace_of, path) = (linked(filespace)?, path_of(path, "path")?);
        let fs = filespace_of.0.fs();
        let opened = match lock {
            Some(lock) => fs.open_locked(&path, mode, permissions, lock)?,
            None => fs.open(&path, mode, permissions)?,
        };
        put(file, "file", handle::insert(Arc::new(FileHandle(opened)), filespace)?)
    })
}

/// Sets the size of open options and zeroes the rest, for languages that cannot use LL_OPEN_OPTIONS_INIT.
///
/// @param options The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_open_options_init(options: *mut ll_open_options) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(options) }
}

/// Reads from the handle's position on and moves it. Fewer bytes than asked for only at the end of the
/// file; 0 bytes there.
///
/// @param file The file.
/// @param buf Receives the bytes.
/// @param len How many at most.
/// @param out_read Receives how many it were.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: when bytes are not in memory, until log and store answer, at most
/// network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_WRONG_MODE,
/// LL_ERR_STALE, LL_ERR_INTEGRITY, LL_ERR_IO. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_read(
    file: ll_file,
    buf: *mut c_void,
    len: usize,
    out_read: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(file, err, || unsafe {
        clear(out_read, "out_read")?;
        put(out_read, "out_read", self::file(file)?.0.read(buffer(buf, len, "buf")?)?)
    })
}

/// Reads at an offset, without the handle's position.
///
/// @param file The file.
/// @param offset Bytes from the start of the file.
/// @param buf Receives the bytes.
/// @param len How many at most.
/// @param out_read Receives how many it were; fewer only at the end of the file.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: when bytes are not in memory, until log and store answer, at most
/// network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_WRONG_MODE,
/// LL_ERR_STALE, LL_ERR_INTEGRITY, LL_ERR_IO. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_pread(
    file: ll_file,
    offset: u64,
    buf: *mut c_void,
    len: usize,
    out_read: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(file, err, || unsafe {
        clear(out_read, "out_read")?;
        put(out_read, "out_read", self::file(file)?.0.pread(offset, buffer(buf, len, "buf")?)?)
    })
}

/// Writes at the handle's position and moves it; in append mode at the end of the file. All bytes are
/// taken, or none.
///
/// @param file The file.
/// @param buf The bytes.
/// @param len How many.
/// @param out_written Receives how many were taken; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: when too much waits to be stored, until the store has taken some of it.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_WRONG_MODE,
/// LL_ERR_FILE_TOO_LARGE, LL_ERR_NO_MEMORY, LL_ERR_NO_SPACE, LL_ERR_IO. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_write(
    file: ll_file,
    buf: *const c_void,
    len: usize,
    out_written: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(file, err, || unsafe {
        let written = self::file(file)?.0.write(data(buf, len, "buf")?)?;
        if out_written.is_null() { Ok(()) } else { put(out_written, "out_written", written) }
    })
}

/// Writes at an offset, without the handle's position; refused in append mode. All bytes are taken, or
/// none.
///
/// @param file The file.
/// @param offset Bytes from the start of the file.
/// @param buf The bytes.
/// @param len How many.
/// @param out_written Receives how many were taken; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: when too much waits to be stored, until the store has taken some of it.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_WRONG_MODE,
/// LL_ERR_FILE_TOO_LARGE, LL_ERR_NO_MEMORY, LL_ERR_NO_SPACE, LL_ERR_IO. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_pwrite(
    file: ll_file,
    offset: u64,
    buf: *const c_void,
    len: usize,
    out_written: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(file, err, || unsafe {
        let written = self::file(file)?.0.pwrite(offset, data(buf, len, "buf")?)?;
        if out_written.is_null() { Ok(()) } else { put(out_written, "out_written", written) }
    })
}

/// Reads from the handle's position on into several buffers, one after the other, and moves it once: as one
/// ll_file_read of all their bytes.
///
/// @param file The file.
/// @param buffers The buffers; they must not overlap.
/// @param count How many there are, at most LL_MAX_BUFFERS.
/// @param out_read Receives how many bytes were read; fewer than there is room for only at the end of the file.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: when bytes are not in memory, until log and store answer, at most
/// network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_WRONG_MODE, what
/// ll_file_read can fail with. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_readv(
    file: ll_file,
    buffers: *const ll_buffer,
    count: usize,
    out_read: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(file, err, || unsafe {
        clear(out_read, "out_read")?;
        let buffers = self::buffers(buffers, count)?.iter().map(|b| buffer(b.data, b.length, "buffers"));
        let mut buffers = buffers.collect::<Result<Vec<_>>>()?;
        put(out_read, "out_read", self::file(file)?.0.read_vectored(&mut buffers)?)
    })
}

/// Writes what several buffers have, one after the other, at the handle's position and moves it once; in append
/// mode at the end of the file. All bytes are taken, or none: as one ll_file_write of all of them.
///
/// @param file The file.
/// @param buffers The buffers.
/// @param count How many there are, at most LL_MAX_BUFFERS.
/// @param out_written Receives how many bytes were taken; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: when too much waits to be stored, until the store has taken some of it.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_WRONG_MODE,
/// LL_ERR_FILE_TOO_LARGE, what ll_file_write can fail with. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_writev(
    file: ll_file,
    buffers: *const ll_buffer,
    count: usize,
    out_written: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(file, err, || unsafe {
        let buffers = self::buffers(buffers, count)?.iter().map(|b| data(b.data, b.length, "buffers"));
        let written = self::file(file)?.0.write_vectored(&buffers.collect::<Result<Vec<_>>>()?)?;
        if out_written.is_null() { Ok(()) } else { put(out_written, "out_written", written) }
    })
}

/// Moves the handle's position. It may be behind the end; what is written there leaves a hole that reads
/// as zeros.
///
/// @param file The file.
/// @param offset Bytes, relative to `whence`.
/// @param whence LL_SEEK_SET, LL_SEEK_CUR or LL_SEEK_END.
/// @param position Receives the new position; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_seek(
    file: ll_file,
    offset: i64,
    whence: i32,
    position: *mut u64,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(file, err, || unsafe {
        let whence = match whence {
            LL_SEEK_SET => Whence::Start,
            LL_SEEK_CUR => Whence::Current,
            LL_SEEK_END => Whence::End,
            _ => {
                return Err(Error::new(
                    Status::InvalidArgument,
                    "whence: it is not LL_SEEK_SET, _CUR or _END",
                ));
            }
        };
        let moved = self::file(file)?.0.seek(offset, whence)?;
        if position.is_null() { Ok(()) } else { put(position, "position", moved) }
    })
}

/// The handle's position.
///
/// @param file The file.
/// @param position Receives it, in bytes from the start.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_tell(file: ll_file, position: *mut u64, err: *mut ll_error) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(file, err, || unsafe {
        clear(position, "position")?;
        put(position, "position", self::file(file)?.0.tell()?)
    })
}

/// The size of the content as this handle sees it.
///
/// @param file The file.
/// @param size Receives it, in bytes.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_size(file: ll_file, size: *mut u64, err: *mut ll_error) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(file, err, || unsafe {
        clear(size, "size")?;
        put(size, "size", self::file(file)?.0.size()?)
    })
}

/// Sets the size, and publishes it with what the handle wrote, in one commit. Content that is being
/// replaced ("w") is cut before anybody sees it.
///
/// @param file The file.
/// @param size The new size in bytes, at most 2^63-1.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_NOT_LINKED, LL_ERR_WRONG_MODE,
/// LL_ERR_FILE_TOO_LARGE, LL_ERR_DELETED, LL_ERR_ACCESS_DENIED, LL_ERR_LOCK_LOST, LL_ERR_TIMEOUT, LL_ERR_IO. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_truncate(file: ll_file, size: u64, err: *mut ll_error) -> ll_status {
    guard(file, err, || self::file(file)?.0.truncate(size))
}

/// Makes a hole of a range: it reads as zeros and takes no room any more; the size stays, also when the range
/// reaches behind it. What the handle wrote is published with it, in one commit. In content that is being
/// replaced ("w") the hole is there before anybody sees it.
///
/// @param file The file.
/// @param offset Bytes from the start of the file.
/// @param length Bytes, at least 1.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_WRONG_MODE,
/// LL_ERR_DELETED, what ll_file_truncate can fail with. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_punch_hole(
    file: ll_file,
    offset: u64,
    length: u64,
    err: *mut ll_error,
) -> ll_status {
    guard(file, err, || self::file(file)?.0.punch_hole(offset, length))
}

/// Where data begins: the first byte at or behind an offset that is in no hole. What handles of the same link
/// wrote and did not publish is data. The handle's position stays.
///
/// @param file The file.
/// @param offset Bytes from the start of the file.
/// @param found Receives the place, in bytes from the start.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND (there is no
/// data from the offset on; lseek says ENXIO). @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_seek_data(
    file: ll_file,
    offset: u64,
    found: *mut u64,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(file, err, || unsafe {
        clear(found, "found")?;
        put(found, "found", self::file(file)?.0.seek_data(offset)?)
    })
}

/// Where a hole begins: the first byte at or behind an offset that is in one. The end of the file counts as
/// one. The handle's position stays.
///
/// @param file The file.
/// @param offset Bytes from the start of the file.
/// @param found Receives the place, in bytes from the start.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND (the offset is
/// at the end of the file or behind it; lseek says ENXIO). @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_seek_hole(
    file: ll_file,
    offset: u64,
    found: *mut u64,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(file, err, || unsafe {
        clear(found, "found")?;
        put(found, "found", self::file(file)?.0.seek_hole(offset)?)
    })
}

/// Publishes what the handle wrote. When this returns, it is committed, and visible to all; in relaxed mode this
/// link sees it, and the log has it a little later.
///
/// @param file The file.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_NOT_LINKED, LL_ERR_DELETED, LL_ERR_NOT_FOUND (its directory was
/// removed), LL_ERR_NOT_A_DIRECTORY (a file has its directory's name now), LL_ERR_IS_A_DIRECTORY (a directory
/// has its name now), LL_ERR_ACCESS_DENIED, LL_ERR_LOCK_LOST, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE, LL_ERR_IO. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_flush(file: ll_file, err: *mut ll_error) -> ll_status {
    guard(file, err, || self::file(file)?.0.flush())
}

/// Publishes what the handle wrote and makes it survive power loss. In relaxed mode it waits for the log first, and fails
/// if something that was written to this file is a late failure; others are what ll_filespace_sync_all reports.
///
/// @param file The file.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_NOT_LINKED, LL_ERR_DELETED, LL_ERR_NOT_FOUND (its directory was
/// removed), LL_ERR_NOT_A_DIRECTORY (a file has its directory's name now), LL_ERR_IS_A_DIRECTORY (a directory
/// has its name now), LL_ERR_ACCESS_DENIED, LL_ERR_LOCK_LOST, LL_ERR_LATE_FAILURE, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_IO. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_sync(file: ll_file, err: *mut ll_error) -> ll_status {
    guard(file, err, || self::file(file)?.0.sync())
}

/// Moves the handle to the newest version of the content. What it wrote and did not publish stays, and so does
/// its position.
///
/// @param file The file.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_NOT_LINKED, LL_ERR_DELETED, LL_ERR_IO.
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_refresh(file: ll_file, err: *mut ll_error) -> ll_status {
    guard(file, err, || self::file(file)?.0.refresh())
}

/// Publishes what the handle wrote, gives up its locks and ends the handle, whether that works or not. When it succeeds,
/// content and metadata are committed and visible to all; in relaxed mode this link sees them, and the log has
/// them a little later. ll_filespace_sync_all makes them survive power loss.
///
/// @param file The file.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_NOT_LINKED, LL_ERR_DELETED, LL_ERR_NOT_FOUND (its directory was
/// removed), LL_ERR_NOT_A_DIRECTORY (a file has its directory's name now), LL_ERR_IS_A_DIRECTORY (a directory
/// has its name now), LL_ERR_ACCESS_DENIED, LL_ERR_LOCK_LOST (nothing was published, see ll_file_lock_range),
/// LL_ERR_TIMEOUT, LL_ERR_NO_SPACE, LL_ERR_IO. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_close(file: ll_file, err: *mut ll_error) -> ll_status {
    guard(file, err, || {
        let closed = self::file(file)?.0.close();
        // The handle is there until then, so that a failure inside finds its link.
        let _ = handle::remove::<FileHandle>(file);
        closed
    })
}

/// Frees a file handle and drops what it wrote and did not publish. Its locks are given up a little later, in the
/// background. Never blocks on log or store and never fails; a handle that is 0 or already freed is ignored.
///
/// @param handle The handle.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_file_free(handle: ll_file) {
    quiet(|| {
        if let Ok(file) = handle::remove::<FileHandle>(handle) {
            // Another thread may be in a call, and wait for a lock.
            file.0.end();
        }
    });
}

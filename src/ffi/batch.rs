//! Batches: many changes in one commit.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use parking_lot::Mutex;

use super::error::ll_error;
use super::filespace::{filespace as linked, ll_filespace};
use super::fs::{
    DIRECTORY_MODE, FILE_MODE, LL_COPY_REPLACE, LL_MOVE_REPLACE, LL_NOFOLLOW, LL_TIME_OMIT, check_flags,
    flag, permissions,
};
use super::guard::{guard, quiet};
use super::handle::{self, HandleKind, Object};
use super::status::ll_status;
use super::text::{clear, data, path_of, put, text};
use super::xattr::{LL_XATTR_CREATE, LL_XATTR_REPLACE, xattr_mode};
use crate::fs::{Attributes, Batch};

/// A batch. 0 is no handle. @since 0.1.0
pub type ll_batch = u64;

/// No operation of a batch.
pub const LL_NO_OPERATION: u64 = 0xffff_ffff_ffff_ffff;

pub(super) struct BatchHandle(pub(super) Mutex<Batch>);

impl Object for BatchHandle {
    const KIND: HandleKind = HandleKind::Batch;
    const NAME: &'static str = "batch";
}

/// Begins a batch: operations that are committed together. All take effect or none does, and others see all of them at
/// once. What is added is checked as far as that goes without looking at the filespace; ll_batch_commit does the rest.
/// A batch has at most 200,000 operations, 64 MiB of paths and attributes, and 120 MiB of what it says in the log.
/// Content is stored while it is added.
///
/// @param filespace The filespace.
/// @param batch Receives the handle.
/// @param err Detail of a failure, or NULL.
/// Ownership: free it with ll_batch_free; it goes with its filespace handle
/// Threads: any; calls on one batch take turns. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_new(
    filespace: ll_filespace,
    batch: *mut ll_batch,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        clear(batch, "batch")?;
        let new = Batch::new(linked(filespace)?.0.fs())?;
        put(batch, "batch", handle::insert(Arc::new(BatchHandle(Mutex::new(new))), filespace)?)
    })
}

/// Adds what ll_fs_create_dir does.
///
/// @param batch The batch.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_create_dir(
    batch: ll_batch,
    path: *const c_char,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(batch, err, || unsafe {
        let object = handle::get::<BatchHandle>(batch)?;
        let mut batch = object.0.lock();
        batch.create_dir(&path_of(path, "path")?, DIRECTORY_MODE)
    })
}

/// Adds what ll_fs_delete_dir does.
///
/// @param batch The batch.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param recursive Not 0: with everything below it.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_delete_dir(
    batch: ll_batch,
    path: *const c_char,
    recursive: i32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(batch, err, || unsafe {
        let object = handle::get::<BatchHandle>(batch)?;
        let mut batch = object.0.lock();
        batch.delete_dir(&path_of(path, "path")?, recursive != 0)
    })
}

/// Adds what ll_fs_delete does.
///
/// @param batch The batch.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_delete(
    batch: ll_batch,
    path: *const c_char,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(batch, err, || unsafe {
        let object = handle::get::<BatchHandle>(batch)?;
        let mut batch = object.0.lock();
        batch.delete(&path_of(path, "path")?)
    })
}

/// Adds what ll_fs_move does.
///
/// @param batch The batch.
/// @param from The path that it has.
/// @param to The path that it gets.
/// @param flags LL_MOVE_REPLACE or 0.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_move(
    batch: ll_batch,
    from: *const c_char,
    to: *const c_char,
    flags: u32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(batch, err, || unsafe {
        let object = handle::get::<BatchHandle>(batch)?;
        let mut batch = object.0.lock();
        let replace = flag(flags, LL_MOVE_REPLACE)?;
        batch.rename(&path_of(from, "from")?, &path_of(to, "to")?, replace)
    })
}

/// Adds what ll_fs_copy does.
///
/// @param batch The batch.
/// @param from The path of the file.
/// @param to The path of the copy.
/// @param flags LL_NOFOLLOW, LL_COPY_REPLACE, both or 0.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_copy(
    batch: ll_batch,
    from: *const c_char,
    to: *const c_char,
    flags: u32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(batch, err, || unsafe {
        let object = handle::get::<BatchHandle>(batch)?;
        let mut batch = object.0.lock();
        check_flags(flags, LL_NOFOLLOW | LL_COPY_REPLACE)?;
        let (replace, follow) = (flags & LL_COPY_REPLACE != 0, flags & LL_NOFOLLOW == 0);
        batch.copy(&path_of(from, "from")?, &path_of(to, "to")?, replace, follow)
    })
}

/// Adds what ll_fs_truncate does.
///
/// @param batch The batch.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param size The new size in bytes, at most 2^63-1.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_truncate(
    batch: ll_batch,
    path: *const c_char,
    size: u64,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(batch, err, || unsafe {
        let object = handle::get::<BatchHandle>(batch)?;
        let mut batch = object.0.lock();
        batch.truncate(&path_of(path, "path")?, size)
    })
}

/// Adds what ll_fs_write_file does.
///
/// @param batch The batch.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param content The content; ignored if `len` is 0.
/// @param len Its bytes.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until earlier content is stored, when much of it waits.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// what ll_file_write can fail with. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_write_file(
    batch: ll_batch,
    path: *const c_char,
    content: *const c_void,
    len: usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(batch, err, || unsafe {
        let object = handle::get::<BatchHandle>(batch)?;
        let mut batch = object.0.lock();
        batch.write_file(&path_of(path, "path")?, data(content, len, "content")?, FILE_MODE)
    })
}

/// Adds what ll_fs_create_symlink does.
///
/// @param batch The batch.
/// @param target Where it leads, 1 to 4096 bytes; need not exist.
/// @param path The link's own path.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_create_symlink(
    batch: ll_batch,
    target: *const c_char,
    path: *const c_char,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(batch, err, || unsafe {
        let object = handle::get::<BatchHandle>(batch)?;
        let mut batch = object.0.lock();
        batch.create_symlink(text(target, "target")?, &path_of(path, "path")?)
    })
}

/// Adds what ll_fs_create_hard_link does.
///
/// @param batch The batch.
/// @param existing The path of the file or symbolic link.
/// @param path Its new path.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_create_hard_link(
    batch: ll_batch,
    existing: *const c_char,
    path: *const c_char,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(batch, err, || unsafe {
        let object = handle::get::<BatchHandle>(batch)?;
        let mut batch = object.0.lock();
        batch.create_hard_link(&path_of(existing, "existing")?, &path_of(path, "path")?)
    })
}

/// Adds what ll_fs_set_times does.
///
/// @param batch The batch.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param flags LL_NOFOLLOW or 0.
/// @param atime_ns Nanoseconds since 1970, or LL_TIME_OMIT.
/// @param mtime_ns Nanoseconds since 1970, or LL_TIME_OMIT.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_set_times(
    batch: ll_batch,
    path: *const c_char,
    flags: u32,
    atime_ns: i64,
    mtime_ns: i64,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(batch, err, || unsafe {
        let object = handle::get::<BatchHandle>(batch)?;
        let mut batch = object.0.lock();
        let follow = !flag(flags, LL_NOFOLLOW)?;
        let time = |time: i64| (time != LL_TIME_OMIT).then_some(time);
        let set = Attributes { atime: time(atime_ns), mtime: time(mtime_ns), ..Attributes::default() };
        batch.set_attributes(&path_of(path, "path")?, set, follow)
    })
}

/// Adds what ll_fs_set_mode does.
///
/// @param batch The batch.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param mode 0 to 07777.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_set_mode(
    batch: ll_batch,
    path: *const c_char,
    mode: u32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(batch, err, || unsafe {
        let object = handle::get::<BatchHandle>(batch)?;
        let mut batch = object.0.lock();
        let set = Attributes { mode: Some(permissions(mode)?), ..Attributes::default() };
        batch.set_attributes(&path_of(path, "path")?, set, true)
    })
}

/// Adds what ll_fs_set_owner does.
///
/// @param batch The batch.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param uid The owner.
/// @param gid The group.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_set_owner(
    batch: ll_batch,
    path: *const c_char,
    uid: u32,
    gid: u32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(batch, err, || unsafe {
        let object = handle::get::<BatchHandle>(batch)?;
        let mut batch = object.0.lock();
        let set = Attributes { uid: Some(uid), gid: Some(gid), ..Attributes::default() };
        batch.set_attributes(&path_of(path, "path")?, set, true)
    })
}

/// Adds what ll_fs_set_xattr does.
///
/// @param batch The batch.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param flags LL_NOFOLLOW or 0, and LL_XATTR_CREATE, LL_XATTR_REPLACE or none of them.
/// @param name The attribute's name, 1 to 255 bytes.
/// @param value The value; ignored if `len` is 0.
/// @param len Its bytes, at most 65536.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_set_xattr(
    batch: ll_batch,
    path: *const c_char,
    flags: u32,
    name: *const c_char,
    value: *const c_void,
    len: usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(batch, err, || unsafe {
        let object = handle::get::<BatchHandle>(batch)?;
        let mut batch = object.0.lock();
        check_flags(flags, LL_NOFOLLOW | LL_XATTR_CREATE | LL_XATTR_REPLACE)?;
        let (path, name, value) = (path_of(path, "path")?, text(name, "name")?, data(value, len, "value")?);
        batch.set_xattr(&path, name, value, xattr_mode(flags)?, flags & LL_NOFOLLOW == 0)
    })
}

/// Adds what ll_fs_remove_xattr does.
///
/// @param batch The batch.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param flags LL_NOFOLLOW or 0.
/// @param name The attribute's name, 1 to 255 bytes.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_remove_xattr(
    batch: ll_batch,
    path: *const c_char,
    flags: u32,
    name: *const c_char,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(batch, err, || unsafe {
        let object = handle::get::<BatchHandle>(batch)?;
        let mut batch = object.0.lock();
        let follow = !flag(flags, LL_NOFOLLOW)?;
        batch.remove_xattr(&path_of(path, "path")?, text(name, "name")?, follow)
    })
}

/// Commits a batch: all of its operations take effect, in their order, or none does. In relaxed mode it returns when
/// this link sees them. Afterwards the batch is empty and can be used again; after a failure it is as it was and may be
/// committed again, unless the error says LL_ERROR_MAYBE_APPLIED, or content could not be stored.
///
/// @param batch The batch.
/// @param failed Receives the index of the operation that is to blame, counted from 0 in the order of the calls;
/// LL_NO_OPERATION if none is. May be NULL.
/// @param err Detail of a failure, or NULL: what the function that does the operation alone would say.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, what the operations can fail with. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_commit(batch: ll_batch, failed: *mut u64, err: *mut ll_error) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(batch, err, || unsafe {
        if !failed.is_null() {
            put(failed, "failed", LL_NO_OPERATION)?;
        }
        let object = handle::get::<BatchHandle>(batch)?;
        let committed = object.0.lock().commit();
        committed.map_err(|failure| {
            if let (false, Some(index)) = (failed.is_null(), failure.index) {
                failed.write_unaligned(index as u64);
            }
            failure.error
        })
    })
}

/// How many operations a batch has.
///
/// @param batch The batch.
/// @param count Receives the number.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_count(batch: ll_batch, count: *mut usize, err: *mut ll_error) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(batch, err, || unsafe {
        clear(count, "count")?;
        put(count, "count", handle::get::<BatchHandle>(batch)?.0.lock().len())
    })
}

/// Frees a batch; what was not committed is dropped. Never blocks on log or store and never fails; a handle that is 0
/// or already freed is ignored.
///
/// @param handle The handle.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_batch_free(handle: ll_batch) {
    quiet(|| {
        let _ = handle::remove::<BatchHandle>(handle);
    });
}

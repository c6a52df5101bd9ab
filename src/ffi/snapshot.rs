//! Snapshots of a filespace, and what is restored from them.

use std::ffi::{CString, c_char};
use std::sync::Arc;

use super::error::ll_error;
use super::filespace::{c_position, filespace as linked, ll_filespace, ll_position};
use super::fs::flag;
use super::guard::{guard, quiet};
use super::handle::{self, HandleKind, Object};
use super::status::ll_status;
use super::structs::{Sized32, check_out, init, put_struct};
use super::text::{clear, path_of, put, text};
use crate::error::{Error, Status};

/// A list of snapshots. 0 is no handle. @since 0.1.0
pub type ll_snapshots = u64;

/// Restoring: a file or symbolic link that has the new name loses it, and a directory is merged into.
pub const LL_RESTORE_REPLACE: u32 = 1;

struct SnapshotsHandle(Vec<Listed>);

struct Listed {
    seq: u64,
    created: i64,
    name: CString,
    author: CString,
}

impl Object for SnapshotsHandle {
    const KIND: HandleKind = HandleKind::Snapshots;
    const NAME: &'static str = "list";
}

/// A snapshot of a filespace. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_snapshot_info {
    /// sizeof(ll_snapshot_info), set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// The number of the commit behind which the filespace was as the snapshot has it.
    pub seq: u64,
    /// When it was taken, nanoseconds since 1970, by the clock of who took it.
    pub created_ns: i64,
    /// Its name; belongs to the list.
    pub name: *const c_char,
    /// The key id of the account that took it, 32 hexadecimal digits; belongs to the list.
    pub author: *const c_char,
}

// SAFETY: integers and raw pointers, the size first.
unsafe impl Sized32 for ll_snapshot_info {}

/// Takes a snapshot: the filespace as it is now can be read later, whatever becomes of it. All that was acknowledged
/// before is in it, and what open files of this link wrote, which is published first. It costs one commit, whatever
/// there is; from then on, what is in it takes room until it is deleted. A filespace has at most 4096.
///
/// @param filespace The filespace.
/// @param name The snapshot's name, which no other one of the filespace has: 1 to 255 bytes, no control character, none
/// of '/', ':' and '@', not "." or "..".
/// @param position Receives the position that it is of; may be NULL; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED,
/// LL_ERR_EXISTS, what publishing a file can fail with. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_create_snapshot(
    filespace: ll_filespace,
    name: *const c_char,
    position: *mut ll_position,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        if !position.is_null() {
            check_out(position, "position")?;
        }
        let filespace = linked(filespace)?;
        let at = filespace.0.take_snapshot(text(name, "name")?)?;
        if !position.is_null() {
            put_struct(position, c_position(&filespace.0.fs().link().describe(at)?));
        }
        Ok(())
    })
}

/// Deletes a snapshot. What only it kept is freed. The account that took it may, and admins of the filespace.
///
/// @param filespace The filespace.
/// @param name The snapshot's name.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED,
/// LL_ERR_NOT_FOUND. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_delete_snapshot(
    filespace: ll_filespace,
    name: *const c_char,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe { linked(filespace)?.0.fs().link().drop_snapshot(text(name, "name")?) })
}

/// Lists the snapshots of a filespace, the oldest first. Through a link at a snapshot: those that there were then.
///
/// @param filespace The filespace.
/// @param list Receives the list.
/// @param err Detail of a failure, or NULL.
/// Ownership: free it with ll_snapshots_free
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_snapshots(
    filespace: ll_filespace,
    list: *mut ll_snapshots,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        clear(list, "list")?;
        let c = |text: String| CString::new(text).unwrap_or_default();
        let found = linked(filespace)?.0.fs().link().snapshots()?.into_iter();
        let listed = found.map(|snapshot| Listed {
            seq: snapshot.position.0,
            created: snapshot.time,
            author: c(snapshot.author.to_string()),
            name: c(snapshot.name),
        });
        put(list, "list", handle::insert(Arc::new(SnapshotsHandle(listed.collect())), 0)?)
    })
}

/// How many snapshots a list has.
///
/// @param list The list.
/// @param count Receives the number.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_snapshots_count(
    list: ll_snapshots,
    count: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(count, "count")?;
        put(count, "count", handle::get::<SnapshotsHandle>(list)?.0.len())
    })
}

/// A snapshot of a list.
///
/// @param list The list.
/// @param index From 0 on.
/// @param info Receives it; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Ownership: the strings belong to the list: they are there until ll_snapshots_free
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_snapshots_get(
    list: ll_snapshots,
    index: usize,
    info: *mut ll_snapshot_info,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        check_out(info, "info")?;
        let list = handle::get::<SnapshotsHandle>(list)?;
        let Some(Listed { seq, created, name, author }) = list.0.get(index) else {
            let what = format!("index: the list has {} snapshots", list.0.len());
            return Err(Error::new(Status::InvalidArgument, what));
        };
        let (seq, created_ns, name, author) = (*seq, *created, name.as_ptr(), author.as_ptr());
        put_struct(info, ll_snapshot_info { struct_size: 0, reserved: 0, seq, created_ns, name, author });
        Ok(())
    })
}

/// Frees a list of snapshots, which stay. Never blocks on log or store and never fails; a handle that is 0 or already
/// freed is ignored.
///
/// @param handle The handle.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_snapshots_free(handle: ll_snapshots) {
    quiet(|| {
        let _ = handle::remove::<SnapshotsHandle>(handle);
    });
}

/// Sets the size of a snapshot info and zeroes the rest, for languages that cannot use LL_SNAPSHOT_INFO_INIT.
///
/// @param info The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_snapshot_info_init(info: *mut ll_snapshot_info) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(info) }
}

/// Makes a file, symbolic link, or directory with all that is below it, as it was in a snapshot: content, mode, owner,
/// times (but ctime and btime), extended attributes, names of one file. It shares what is stored, as ll_fs_copy does;
/// only content that nothing but snapshots refers to any more is read and written anew. A symbolic link at the end of
/// either path is not followed. Directories above `to` that are missing are made. In any mode the outcome is that
/// of the log. A file is restored as a whole or not at all. Of a directory, what was restored before a failure stays; the
/// same call with LL_RESTORE_REPLACE goes on. If the snapshot is deleted meanwhile, it may fail with LL_ERR_STALE.
///
/// @param filespace The filespace.
/// @param snapshot The snapshot's name.
/// @param from What to restore, as it was called then.
/// @param to The path that it gets.
/// @param flags 0 or LL_RESTORE_REPLACE. With it, what is in a directory and was not in the snapshot stays.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: while it reads and writes; on log and store at most network.timeout each time.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_UNSUPPORTED_OPTION, LL_ERR_INVALID_PATH,
/// LL_ERR_NAME_TOO_LONG, LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND (the snapshot, or the path in it), LL_ERR_READ_ONLY,
/// LL_ERR_ACCESS_DENIED, LL_ERR_EXISTS, LL_ERR_IS_A_DIRECTORY, LL_ERR_NOT_A_DIRECTORY, LL_ERR_NO_SPACE (the quota).
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_restore(
    filespace: ll_filespace,
    snapshot: *const c_char,
    from: *const c_char,
    to: *const c_char,
    flags: u32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        let filespace = linked(filespace)?;
        let snapshot = text(snapshot, "snapshot")?;
        let (from, to) = (path_of(from, "from")?, path_of(to, "to")?);
        filespace.0.fs().restore(snapshot, &from, &to, flag(flags, LL_RESTORE_REPLACE)?)
    })
}

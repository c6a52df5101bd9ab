//! Directories that are read entry by entry.

use std::ffi::{CString, c_char};
use std::sync::Arc;

use parking_lot::Mutex;

use super::error::ll_error;
use super::filespace::{filespace as linked, ll_filespace};
use super::fs::{c_entry, ll_entry};
use super::guard::{guard, quiet};
use super::handle::{self, HandleKind, Object};
use super::status::ll_status;
use super::structs::{check_out, put_struct};
use super::text::{clear, path_of, put};
use crate::fs::Directory;

/// An open directory. 0 is no handle. @since 0.1.0
pub type ll_dir = u64;

pub(super) struct DirHandle {
    pub(super) directory: Directory,
    /// The name that was given out last.
    name: Mutex<CString>,
}

impl Object for DirHandle {
    const KIND: HandleKind = HandleKind::Dir;
    const NAME: &'static str = "dir";
}

/// Opens a directory to be read entry by entry, however many there are: ll_fs_read_dir lists all at once.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param dir Receives the handle.
/// @param err Detail of a failure, or NULL.
/// Ownership: free the handle with ll_dir_free
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND, LL_ERR_NOT_A_DIRECTORY. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_open_dir(
    filespace: ll_filespace,
    path: *const c_char,
    dir: *mut ll_dir,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        clear(dir, "dir")?;
        let directory = linked(filespace)?.0.fs().open_dir(&path_of(path, "path")?)?;
        let opened = DirHandle { directory, name: Mutex::default() };
        put(dir, "dir", handle::insert(Arc::new(opened), filespace)?)
    })
}

/// The next entry of a directory, in byte order of the names, with its attributes. What is there all the
/// while appears exactly once; a name that is made or removed meanwhile appears once or not at all. So do the
/// names in a directory that is removed with all that is in it, until they are freed.
///
/// @param dir The directory.
/// @param entry Receives the entry; set its struct_size. It is not touched when there is none.
/// @param found Receives 1, or 0 when there are no more entries.
/// @param err Detail of a failure, or NULL.
/// Ownership: the name belongs to the handle, until the next call on it or its end
/// Threads: any; calls take turns, and the next one ends the name. Blocking: now and then, until log and store
/// answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_dir_next(
    dir: ll_dir,
    entry: *mut ll_entry,
    found: *mut i32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(dir, err, || unsafe {
        clear(found, "found")?;
        check_out(entry, "entry")?;
        let dir = handle::get::<DirHandle>(dir)?;
        // Locked first, so that the name is that of the entry.
        let mut name = dir.name.lock();
        let Some(next) = dir.directory.next()? else { return Ok(()) };
        *name = CString::new(next.name.as_str()).unwrap_or_default();
        put_struct(entry, c_entry(&next, name.as_ptr()));
        put(found, "found", 1)
    })
}

/// Frees a directory handle. Never blocks on log or store and never fails; a handle that is 0 or already
/// freed is ignored.
///
/// @param handle The handle.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_dir_free(handle: ll_dir) {
    quiet(|| {
        let _ = handle::remove::<DirHandle>(handle);
    });
}

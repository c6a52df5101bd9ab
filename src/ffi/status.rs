//! The numbers of the statuses, for the header.

use std::ffi::{CStr, c_char};

use crate::error::Status;

/// The result of every function that can fail: LL_OK or one of the negative LL_ERR_ numbers. Groups: -1xx argument and
/// handle, -2xx state, -3xx authentication and access, -4xx file system, -5xx store and network, -6xx
/// integrity, -9xx internal. A number never changes its meaning. @since 0.1.0
pub type ll_status = i32;

/// Success.
pub const LL_OK: ll_status = 0;
/// An argument is not valid.
pub const LL_ERR_INVALID_ARGUMENT: ll_status = -101;
/// The handle is stale, foreign, freed or of another kind.
pub const LL_ERR_INVALID_HANDLE: ll_status = -102;
/// The caller's buffer is too small; the needed size was returned.
pub const LL_ERR_BUFFER_TOO_SMALL: ll_status = -103;
/// An option or flag that this version does not know is set.
pub const LL_ERR_UNSUPPORTED_OPTION: ll_status = -104;
/// There is no configuration key of this name.
pub const LL_ERR_UNKNOWN_KEY: ll_status = -105;
/// The value of a configuration key is not valid.
pub const LL_ERR_INVALID_VALUE: ll_status = -106;
/// The path is not absolute, or contains '..' or NUL.
pub const LL_ERR_INVALID_PATH: ll_status = -107;
/// A name exceeds 255 bytes or a path 4096 bytes.
pub const LL_ERR_NAME_TOO_LONG: ll_status = -108;
/// The daemon is not running; start it first.
pub const LL_ERR_DAEMON_NOT_RUNNING: ll_status = -201;
/// Another daemon runs in this process; stop it or set daemon.allow_multiple.
pub const LL_ERR_DAEMON_ACTIVE: ll_status = -202;
/// The process was forked; a child cannot use its parent's handles.
pub const LL_ERR_FORKED: ll_status = -203;
/// The filespace is not linked any more.
pub const LL_ERR_NOT_LINKED: ll_status = -204;
/// The storage folder is in use by another process.
pub const LL_ERR_STORAGE_BUSY: ll_status = -205;
/// An internal failure stopped this link; unlink it and link again.
pub const LL_ERR_POISONED: ll_status = -206;
/// The log needs a newer version of this library.
pub const LL_ERR_UPGRADE_REQUIRED: ll_status = -207;
/// The log has a fork; an admin must accept it before anything is written.
pub const LL_ERR_LOG_FORKED: ll_status = -208;
/// The log must be recovered by a process that may write to it.
pub const LL_ERR_RECOVERY_NEEDED: ll_status = -209;
/// The log is older than a head that was seen before.
pub const LL_ERR_LOG_ROLLED_BACK: ll_status = -210;
/// This client's state differs from the one that the log records.
pub const LL_ERR_STATE_DIVERGED: ll_status = -211;
/// The filespace was deleted.
pub const LL_ERR_FILESPACE_DELETED: ll_status = -212;
/// Another owner holds a conflicting lock.
pub const LL_ERR_LOCKED: ll_status = -213;
/// Waiting for this lock would never end.
pub const LL_ERR_DEADLOCK: ll_status = -214;
/// A lock that protected this write was lost.
pub const LL_ERR_LOCK_LOST: ll_status = -215;
/// The log no longer reaches back to this position.
pub const LL_ERR_POSITION_TRUNCATED: ll_status = -216;
/// A change that was acknowledged before was refused by the log.
pub const LL_ERR_LATE_FAILURE: ll_status = -217;
/// The token is malformed.
pub const LL_ERR_INVALID_TOKEN: ll_status = -301;
/// The account was refused: unknown, revoked or expired.
pub const LL_ERR_AUTHENTICATION: ll_status = -302;
/// The account's role does not allow this.
pub const LL_ERR_ACCESS_DENIED: ll_status = -303;
/// The link or the handle is read-only.
pub const LL_ERR_READ_ONLY: ll_status = -304;
/// There is no such file, directory or filespace.
pub const LL_ERR_NOT_FOUND: ll_status = -401;
/// The name exists already.
pub const LL_ERR_EXISTS: ll_status = -402;
/// A component of the path is not a directory.
pub const LL_ERR_NOT_A_DIRECTORY: ll_status = -403;
/// The path names a directory.
pub const LL_ERR_IS_A_DIRECTORY: ll_status = -404;
/// The directory is not empty.
pub const LL_ERR_NOT_EMPTY: ll_status = -405;
/// More than 40 symbolic links were followed.
pub const LL_ERR_TOO_MANY_SYMLINKS: ll_status = -406;
/// A directory cannot be moved below itself.
pub const LL_ERR_MOVE_INTO_ITSELF: ll_status = -407;
/// The file would exceed the largest size.
pub const LL_ERR_FILE_TOO_LARGE: ll_status = -408;
/// The quota or the store is full, or a file's extended attributes.
pub const LL_ERR_NO_SPACE: ll_status = -409;
/// The handle was not opened for this.
pub const LL_ERR_WRONG_MODE: ll_status = -410;
/// The file was deleted meanwhile.
pub const LL_ERR_DELETED: ll_status = -411;
/// The version that this handle reads is gone; refresh it.
pub const LL_ERR_STALE: ll_status = -412;
/// The path does not name a symbolic link.
pub const LL_ERR_NOT_A_SYMLINK: ll_status = -413;
/// There is no extended attribute of this name.
pub const LL_ERR_NO_ATTRIBUTE: ll_status = -414;
/// The store or a local file failed.
pub const LL_ERR_IO: ll_status = -501;
/// The deadline passed.
pub const LL_ERR_TIMEOUT: ll_status = -502;
/// The store lacks a guarantee that the log needs.
pub const LL_ERR_STORE_UNSUITABLE: ll_status = -503;
/// Stored data is damaged, missing or forged.
pub const LL_ERR_INTEGRITY: ll_status = -601;
/// An internal rule was broken; please report it.
pub const LL_ERR_INTERNAL: ll_status = -901;
/// An internal failure was caught; the link concerned refuses further work.
pub const LL_ERR_PANIC: ll_status = -902;
/// The memory limit does not allow this.
pub const LL_ERR_NO_MEMORY: ll_status = -903;

/// The name of a status, such as "LL_ERR_NOT_FOUND"; "LL_ERR_UNKNOWN" for a number that is none.
///
/// @param status The status.
/// Ownership: the string is static.
/// Threads: any. Blocking: no. Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ll_status_name(status: ll_status) -> *const c_char {
    c_text(Status::from_code(status).map(|s| C_TEXTS[index(s)].0), c"LL_ERR_UNKNOWN")
}

/// One sentence about a status, for people.
///
/// @param status The status.
/// Ownership: the string is static.
/// Threads: any. Blocking: no. Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ll_status_text(status: ll_status) -> *const c_char {
    c_text(Status::from_code(status).map(|s| C_TEXTS[index(s)].1), c"There is no such status.")
}

/// Whether the same call may succeed later without a change by the caller: 1 or 0.
///
/// @param status The status.
/// Threads: any. Blocking: no. Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ll_status_is_retryable(status: ll_status) -> i32 {
    i32::from(Status::from_code(status).is_some_and(Status::is_retryable))
}

/// The statuses by index, for bindings that make a type for each; a number that is none behind the last.
///
/// @param index From 0 on.
/// @param status Receives the status; may be NULL.
/// @return 1 if there is a status of this index, else 0.
/// Threads: any. Blocking: no. Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_status_at(index: usize, status: *mut ll_status) -> i32 {
    let found = Status::ALL.get(index);
    if let (Some(found), false) = (found, status.is_null()) {
        // SAFETY: not NULL, and the caller's.
        unsafe { status.write_unaligned(found.code()) };
    }
    i32::from(found.is_some())
}

fn c_text(found: Option<&'static CStr>, otherwise: &'static CStr) -> *const c_char {
    found.unwrap_or(otherwise).as_ptr()
}

fn index(status: Status) -> usize {
    Status::ALL.iter().position(|s| *s == status).unwrap_or(0)
}

/// Name and text of each status, in the order of [`Status::ALL`].
const C_TEXTS: &[(&CStr, &CStr)] = &[
    (c"LL_OK", c"Success."),
    (c"LL_ERR_INVALID_ARGUMENT", c"An argument is not valid."),
    (c"LL_ERR_INVALID_HANDLE", c"The handle is stale, foreign, freed or of another kind."),
    (c"LL_ERR_BUFFER_TOO_SMALL", c"The caller's buffer is too small; the needed size was returned."),
    (c"LL_ERR_UNSUPPORTED_OPTION", c"An option or flag that this version does not know is set."),
    (c"LL_ERR_UNKNOWN_KEY", c"There is no configuration key of this name."),
    (c"LL_ERR_INVALID_VALUE", c"The value of a configuration key is not valid."),
    (c"LL_ERR_INVALID_PATH", c"The path is not absolute, or contains '..' or NUL."),
    (c"LL_ERR_NAME_TOO_LONG", c"A name exceeds 255 bytes or a path 4096 bytes."),
    (c"LL_ERR_DAEMON_NOT_RUNNING", c"The daemon is not running; start it first."),
    (c"LL_ERR_DAEMON_ACTIVE", c"Another daemon runs in this process; stop it or set daemon.allow_multiple."),
    (c"LL_ERR_FORKED", c"The process was forked; a child cannot use its parent's handles."),
    (c"LL_ERR_NOT_LINKED", c"The filespace is not linked any more."),
    (c"LL_ERR_STORAGE_BUSY", c"The storage folder is in use by another process."),
    (c"LL_ERR_POISONED", c"An internal failure stopped this link; unlink it and link again."),
    (c"LL_ERR_UPGRADE_REQUIRED", c"The log needs a newer version of this library."),
    (c"LL_ERR_LOG_FORKED", c"The log has a fork; an admin must accept it before anything is written."),
    (c"LL_ERR_RECOVERY_NEEDED", c"The log must be recovered by a process that may write to it."),
    (c"LL_ERR_LOG_ROLLED_BACK", c"The log is older than a head that was seen before."),
    (c"LL_ERR_STATE_DIVERGED", c"This client's state differs from the one that the log records."),
    (c"LL_ERR_FILESPACE_DELETED", c"The filespace was deleted."),
    (c"LL_ERR_LOCKED", c"Another owner holds a conflicting lock."),
    (c"LL_ERR_DEADLOCK", c"Waiting for this lock would never end."),
    (c"LL_ERR_LOCK_LOST", c"A lock that protected this write was lost."),
    (c"LL_ERR_POSITION_TRUNCATED", c"The log no longer reaches back to this position."),
    (c"LL_ERR_LATE_FAILURE", c"A change that was acknowledged before was refused by the log."),
    (c"LL_ERR_INVALID_TOKEN", c"The token is malformed."),
    (c"LL_ERR_AUTHENTICATION", c"The account was refused: unknown, revoked or expired."),
    (c"LL_ERR_ACCESS_DENIED", c"The account's role does not allow this."),
    (c"LL_ERR_READ_ONLY", c"The link or the handle is read-only."),
    (c"LL_ERR_NOT_FOUND", c"There is no such file, directory or filespace."),
    (c"LL_ERR_EXISTS", c"The name exists already."),
    (c"LL_ERR_NOT_A_DIRECTORY", c"A component of the path is not a directory."),
    (c"LL_ERR_IS_A_DIRECTORY", c"The path names a directory."),
    (c"LL_ERR_NOT_EMPTY", c"The directory is not empty."),
    (c"LL_ERR_TOO_MANY_SYMLINKS", c"More than 40 symbolic links were followed."),
    (c"LL_ERR_MOVE_INTO_ITSELF", c"A directory cannot be moved below itself."),
    (c"LL_ERR_FILE_TOO_LARGE", c"The file would exceed the largest size."),
    (c"LL_ERR_NO_SPACE", c"The quota or the store is full, or a file's extended attributes."),
    (c"LL_ERR_WRONG_MODE", c"The handle was not opened for this."),
    (c"LL_ERR_DELETED", c"The file was deleted meanwhile."),
    (c"LL_ERR_STALE", c"The version that this handle reads is gone; refresh it."),
    (c"LL_ERR_NOT_A_SYMLINK", c"The path does not name a symbolic link."),
    (c"LL_ERR_NO_ATTRIBUTE", c"There is no extended attribute of this name."),
    (c"LL_ERR_IO", c"The store or a local file failed."),
    (c"LL_ERR_TIMEOUT", c"The deadline passed."),
    (c"LL_ERR_STORE_UNSUITABLE", c"The store lacks a guarantee that the log needs."),
    (c"LL_ERR_INTEGRITY", c"Stored data is damaged, missing or forged."),
    (c"LL_ERR_INTERNAL", c"An internal rule was broken; please report it."),
    (c"LL_ERR_PANIC", c"An internal failure was caught; the link concerned refuses further work."),
    (c"LL_ERR_NO_MEMORY", c"The memory limit does not allow this."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_and_texts_are_those_of_the_library() {
        let numbers = [
            LL_OK,
            LL_ERR_INVALID_ARGUMENT,
            LL_ERR_INVALID_HANDLE,
            LL_ERR_BUFFER_TOO_SMALL,
            LL_ERR_UNSUPPORTED_OPTION,
            LL_ERR_UNKNOWN_KEY,
            LL_ERR_INVALID_VALUE,
            LL_ERR_INVALID_PATH,
            LL_ERR_NAME_TOO_LONG,
            LL_ERR_DAEMON_NOT_RUNNING,
            LL_ERR_DAEMON_ACTIVE,
            LL_ERR_FORKED,
            LL_ERR_NOT_LINKED,
            LL_ERR_STORAGE_BUSY,
            LL_ERR_POISONED,
            LL_ERR_UPGRADE_REQUIRED,
            LL_ERR_LOG_FORKED,
            LL_ERR_RECOVERY_NEEDED,
            LL_ERR_LOG_ROLLED_BACK,
            LL_ERR_STATE_DIVERGED,
            LL_ERR_FILESPACE_DELETED,
            LL_ERR_LOCKED,
            LL_ERR_DEADLOCK,
            LL_ERR_LOCK_LOST,
            LL_ERR_POSITION_TRUNCATED,
            LL_ERR_LATE_FAILURE,
            LL_ERR_INVALID_TOKEN,
            LL_ERR_AUTHENTICATION,
            LL_ERR_ACCESS_DENIED,
            LL_ERR_READ_ONLY,
            LL_ERR_NOT_FOUND,
            LL_ERR_EXISTS,
            LL_ERR_NOT_A_DIRECTORY,
            LL_ERR_IS_A_DIRECTORY,
            LL_ERR_NOT_EMPTY,
            LL_ERR_TOO_MANY_SYMLINKS,
            LL_ERR_MOVE_INTO_ITSELF,
            LL_ERR_FILE_TOO_LARGE,
            LL_ERR_NO_SPACE,
            LL_ERR_WRONG_MODE,
            LL_ERR_DELETED,
            LL_ERR_STALE,
            LL_ERR_NOT_A_SYMLINK,
            LL_ERR_NO_ATTRIBUTE,
            LL_ERR_IO,
            LL_ERR_TIMEOUT,
            LL_ERR_STORE_UNSUITABLE,
            LL_ERR_INTEGRITY,
            LL_ERR_INTERNAL,
            LL_ERR_PANIC,
            LL_ERR_NO_MEMORY,
        ];
        assert_eq!(Status::ALL.iter().map(|s| s.code()).collect::<Vec<_>>(), numbers);
        for (status, (name, text)) in Status::ALL.iter().zip(C_TEXTS) {
            assert_eq!(
                (status.name(), status.text()),
                (name.to_str().unwrap_or(""), text.to_str().unwrap_or(""))
            );
        }
        assert_eq!(Status::ALL.len(), C_TEXTS.len());
    }
}

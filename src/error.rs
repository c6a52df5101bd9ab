//! The one public error: a [`Status`] that tells the caller what to do, a message that says what
//! failed, on what and how to mend it, and the cause. Layers below have `thiserror` enums of their
//! own that convert into it; nothing is matched by text.

use std::error::Error as StdError;
use std::fmt;

/// The result of everything public.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! statuses {
    ($($name:ident = $code:literal, $c_name:literal, $text:literal, $errno:expr, $retryable:literal;)*) => {
        /// What went wrong, in a number that never changes its meaning. Groups: -1xx argument and
        /// handle, -2xx state, -3xx authentication and access, -4xx file system, -5xx store and
        /// network, -6xx integrity, -9xx internal. A retired number is never used again.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum Status {
            $(#[doc = $text] $name = $code,)*
        }

        impl Status {
            /// Every status, in the order of the groups.
            pub const ALL: &'static [Status] = &[$(Status::$name,)*];

            /// The number that crosses the C boundary.
            pub fn code(self) -> i32 {
                self as i32
            }

            /// The name in `lucidlink.h`.
            pub fn name(self) -> &'static str {
                match self { $(Status::$name => $c_name,)* }
            }

            /// One sentence for people.
            pub fn text(self) -> &'static str {
                match self { $(Status::$name => $text,)* }
            }

            /// The closest Linux errno, 0 if there is none.
            pub fn errno(self) -> i32 {
                match self { $(Status::$name => $errno,)* }
            }

            /// Whether the same call may succeed later without a change by the caller.
            pub fn is_retryable(self) -> bool {
                match self { $(Status::$name => $retryable,)* }
            }

            /// The status with this number.
            pub fn from_code(code: i32) -> Option<Status> {
                match code { $($code => Some(Status::$name),)* _ => None }
            }
        }
    };
}

statuses! {
    Ok = 0, "LL_OK", "Success.", 0, false;
    InvalidArgument = -101, "LL_ERR_INVALID_ARGUMENT", "An argument is not valid.", libc::EINVAL, false;
    InvalidHandle = -102, "LL_ERR_INVALID_HANDLE", "The handle is stale, foreign, freed or of another kind.", libc::EBADF, false;
    BufferTooSmall = -103, "LL_ERR_BUFFER_TOO_SMALL", "The caller's buffer is too small; the needed size was returned.", libc::ERANGE, false;
    UnsupportedOption = -104, "LL_ERR_UNSUPPORTED_OPTION", "An option or flag that this version does not know is set.", libc::EINVAL, false;
    UnknownKey = -105, "LL_ERR_UNKNOWN_KEY", "There is no configuration key of this name.", libc::EINVAL, false;
    InvalidValue = -106, "LL_ERR_INVALID_VALUE", "The value of a configuration key is not valid.", libc::EINVAL, false;
    InvalidPath = -107, "LL_ERR_INVALID_PATH", "The path is not absolute, or contains '..' or NUL.", libc::EINVAL, false;
    NameTooLong = -108, "LL_ERR_NAME_TOO_LONG", "A name exceeds 255 bytes or a path 4096 bytes.", libc::ENAMETOOLONG, false;
    DaemonNotRunning = -201, "LL_ERR_DAEMON_NOT_RUNNING", "The daemon is not running; start it first.", libc::ESRCH, false;
    DaemonActive = -202, "LL_ERR_DAEMON_ACTIVE", "Another daemon runs in this process; stop it or set daemon.allow_multiple.", libc::EALREADY, false;
    Forked = -203, "LL_ERR_FORKED", "The process was forked; a child cannot use its parent's handles.", libc::ECHILD, false;
    NotLinked = -204, "LL_ERR_NOT_LINKED", "The filespace is not linked any more.", libc::ENOTCONN, false;
    StorageBusy = -205, "LL_ERR_STORAGE_BUSY", "The storage folder is in use by another process.", libc::EBUSY, true;
    Poisoned = -206, "LL_ERR_POISONED", "An internal failure stopped this link; unlink it and link again.", libc::ENOTRECOVERABLE, false;
    UpgradeRequired = -207, "LL_ERR_UPGRADE_REQUIRED", "The log needs a newer version of this library.", libc::EPROTONOSUPPORT, false;
    LogForked = -208, "LL_ERR_LOG_FORKED", "The log has a fork; an admin must accept it before anything is written.", libc::EIO, false;
    RecoveryNeeded = -209, "LL_ERR_RECOVERY_NEEDED", "The log must be recovered by a process that may write to it.", libc::EROFS, false;
    LogRolledBack = -210, "LL_ERR_LOG_ROLLED_BACK", "The log is older than a head that was seen before.", libc::EIO, false;
    StateDiverged = -211, "LL_ERR_STATE_DIVERGED", "This client's state differs from the one that the log records.", libc::EIO, false;
    FilespaceDeleted = -212, "LL_ERR_FILESPACE_DELETED", "The filespace was deleted.", libc::ENODEV, false;
    Locked = -213, "LL_ERR_LOCKED", "Another owner holds a conflicting lock.", libc::EAGAIN, true;
    Deadlock = -214, "LL_ERR_DEADLOCK", "Waiting for this lock would never end.", libc::EDEADLK, false;
    LockLost = -215, "LL_ERR_LOCK_LOST", "A lock that protected this write was lost.", libc::ENOLCK, false;
    PositionTruncated = -216, "LL_ERR_POSITION_TRUNCATED", "The log no longer reaches back to this position.", libc::ERANGE, false;
    LateFailure = -217, "LL_ERR_LATE_FAILURE", "A change that was acknowledged before was refused by the log.", libc::ESTALE, false;
    InvalidToken = -301, "LL_ERR_INVALID_TOKEN", "The token is malformed.", libc::EINVAL, false;
    Authentication = -302, "LL_ERR_AUTHENTICATION", "The account was refused: unknown, revoked or expired.", libc::EACCES, false;
    AccessDenied = -303, "LL_ERR_ACCESS_DENIED", "The account's role does not allow this.", libc::EACCES, false;
    ReadOnly = -304, "LL_ERR_READ_ONLY", "The link or the handle is read-only.", libc::EROFS, false;
    NotFound = -401, "LL_ERR_NOT_FOUND", "There is no such file, directory or filespace.", libc::ENOENT, false;
    Exists = -402, "LL_ERR_EXISTS", "The name exists already.", libc::EEXIST, false;
    NotADirectory = -403, "LL_ERR_NOT_A_DIRECTORY", "A component of the path is not a directory.", libc::ENOTDIR, false;
    IsADirectory = -404, "LL_ERR_IS_A_DIRECTORY", "The path names a directory.", libc::EISDIR, false;
    NotEmpty = -405, "LL_ERR_NOT_EMPTY", "The directory is not empty.", libc::ENOTEMPTY, false;
    TooManySymlinks = -406, "LL_ERR_TOO_MANY_SYMLINKS", "More than 40 symbolic links were followed.", libc::ELOOP, false;
    MoveIntoItself = -407, "LL_ERR_MOVE_INTO_ITSELF", "A directory cannot be moved below itself.", libc::EINVAL, false;
    FileTooLarge = -408, "LL_ERR_FILE_TOO_LARGE", "The file would exceed the largest size.", libc::EFBIG, false;
    NoSpace = -409, "LL_ERR_NO_SPACE", "The quota or the store is full, or a file's extended attributes.", libc::ENOSPC, false;
    WrongMode = -410, "LL_ERR_WRONG_MODE", "The handle was not opened for this.", libc::EBADF, false;
    Deleted = -411, "LL_ERR_DELETED", "The file was deleted meanwhile.", libc::ENOENT, false;
    Stale = -412, "LL_ERR_STALE", "The version that this handle reads is gone; refresh it.", libc::ESTALE, false;
    NotASymlink = -413, "LL_ERR_NOT_A_SYMLINK", "The path does not name a symbolic link.", libc::EINVAL, false;
    NoAttribute = -414, "LL_ERR_NO_ATTRIBUTE", "There is no extended attribute of this name.", libc::ENODATA, false;
    Io = -501, "LL_ERR_IO", "The store or a local file failed.", libc::EIO, true;
    Timeout = -502, "LL_ERR_TIMEOUT", "The deadline passed.", libc::ETIMEDOUT, true;
    StoreUnsuitable = -503, "LL_ERR_STORE_UNSUITABLE", "The store lacks a guarantee that the log needs.", libc::ENOTSUP, false;
    Integrity = -601, "LL_ERR_INTEGRITY", "Stored data is damaged, missing or forged.", libc::EBADMSG, false;
    Internal = -901, "LL_ERR_INTERNAL", "An internal rule was broken; please report it.", libc::EIO, false;
    Panic = -902, "LL_ERR_PANIC", "An internal failure was caught; the link concerned refuses further work.", libc::ENOTRECOVERABLE, false;
    NoMemory = -903, "LL_ERR_NO_MEMORY", "The memory limit does not allow this.", libc::ENOMEM, true;
}

/// An error with its status, its message and its cause.
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    status: Status,
    message: String,
    maybe_applied: bool,
    path: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error that says `message`: what failed, on what, and what to do about it.
    pub fn new(status: Status, message: impl Into<String>) -> Error {
        Error {
            inner: Box::new(Inner {
                status,
                message: message.into(),
                maybe_applied: false,
                path: None,
                source: None,
            }),
        }
    }

    /// The same, with the error that caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.inner.source = Some(source.into());
        self
    }

    /// The same, naming the argument that is to blame.
    #[must_use]
    pub fn about(mut self, argument: &str) -> Error {
        self.inner.message = format!("{argument}: {}", self.inner.message);
        self
    }

    /// The same, naming the path that the call was about.
    #[must_use]
    pub fn on_path(mut self, path: &str) -> Error {
        self.inner.path = Some(path.to_owned());
        self
    }

    /// The same, marked as perhaps applied: the call ended before its outcome was known.
    #[must_use]
    pub fn maybe_applied(mut self) -> Error {
        self.inner.maybe_applied = true;
        self
    }

    /// The same error for another caller that waited for the same thing: what it says, without its cause
    /// as an object.
    #[must_use]
    pub fn repeat(&self) -> Error {
        let inner = Inner {
            status: self.inner.status,
            message: self.to_string(),
            maybe_applied: self.inner.maybe_applied,
            path: None,
            source: None,
        };
        Error { inner: Box::new(inner) }
    }

    /// What kind of failure it is.
    pub fn status(&self) -> Status {
        self.inner.status
    }

    /// The path concerned, whole.
    pub fn path(&self) -> Option<&str> {
        self.inner.path.as_deref()
    }

    /// Whether the operation may have been applied although it failed for the caller.
    pub fn is_maybe_applied(&self) -> bool {
        self.inner.maybe_applied
    }

    /// Whether the same call may succeed later without a change by anybody.
    pub fn is_retryable(&self) -> bool {
        const NEEDS_A_CHANGE: [i32; 6] =
            [libc::ENOENT, libc::EACCES, libc::EPERM, libc::EROFS, libc::ENOTDIR, libc::EISDIR];
        self.status().is_retryable() && !NEEDS_A_CHANGE.contains(&self.os_errno())
    }

    /// The errno of the operating system that caused it, else the closest one.
    pub fn os_errno(&self) -> i32 {
        let mut cause: Option<&(dyn StdError + 'static)> = self.inner.source.as_deref().map(|e| e as _);
        while let Some(error) = cause {
            if let Some(code) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error)
            {
                return code;
            }
            cause = error.source();
        }
        self.inner.status.errno()
    }
}

impl fmt::Display for Error {
    /// The message, the path and each cause on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)?;
        if let Some(path) = &self.inner.path {
            write!(f, ": {path:?}")?;
        }
        let mut cause: Option<&(dyn StdError + 'static)> = self.inner.source.as_deref().map(|e| e as _);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.inner.status.name())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The causes are part of the message; naming them again would print them twice.
        None
    }
}

impl From<crate::env::NoRandomness> for Error {
    fn from(e: crate::env::NoRandomness) -> Error {
        Error::new(Status::Internal, "cannot make keys").caused_by(e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_change_mends_is_not_tried_again() {
        let caused = |code| Error::new(Status::Io, "no").caused_by(std::io::Error::from_raw_os_error(code));
        assert!(caused(libc::EIO).is_retryable() && Error::new(Status::Io, "no").is_retryable());
        assert!(!caused(libc::EROFS).is_retryable() && !caused(libc::EACCES).is_retryable());
        assert!(!Error::new(Status::Exists, "no").is_retryable());
    }
}

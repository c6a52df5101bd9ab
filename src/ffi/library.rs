//! The library as a whole: version, log callback.

use std::ffi::{CString, c_char, c_void};

use super::error::ll_error;
use super::guard::guard;
use super::status::ll_status;
use crate::error::{Error, Status};
use crate::report::{self, Level};

/// Only what failed and could not be mended.
pub const LL_LOG_ERROR: i32 = 1;
/// Also what failed and was mended, or will be tried again.
pub const LL_LOG_WARN: i32 = 2;
/// Also what happens at large.
pub const LL_LOG_INFO: i32 = 3;
/// Also what happens in detail.
pub const LL_LOG_DEBUG: i32 = 4;

/// Receives what the library has to say: the level, a NUL-terminated UTF-8 text that is valid during the call, and the
/// pointer that was registered. It may come on any thread, several at once, must not block, must not call
/// the library, and must not throw or jump out. @since 0.1.0
pub type ll_log_fn = Option<unsafe extern "C" fn(level: i32, message: *const c_char, user: *mut c_void)>;

/// Is called once when a registered pointer is no longer used. @since 0.1.0
pub type ll_free_fn = Option<unsafe extern "C" fn(user: *mut c_void)>;

/// The library's version, such as "0.1.0".
///
/// @return The version.
/// Ownership: the string is static
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ll_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the C interface: the number in the library's soname. It changes only when something
/// that was there is taken away or changed.
///
/// @return The version.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ll_abi_version() -> u32 {
    0
}

/// Sets who receives what the library has to say beside its results; without a callback it says nothing,
/// and it never writes to stdout or stderr. Replaces the callback before; when this returns, that one is
/// not running and will not be called again.
///
/// @param level LL_LOG_ERROR to LL_LOG_DEBUG: the least important level that is wanted.
/// @param callback The function, or NULL for none.
/// @param user Passed to the function; the library does not look at it.
/// @param free_user Called with `user` exactly once: when the callback is replaced, or at once if this
/// fails; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until a call of the replaced callback returns.
/// Errors: LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_log_set_callback(
    level: i32,
    callback: ll_log_fn,
    user: *mut c_void,
    free_user: ll_free_fn,
    err: *mut ll_error,
) -> ll_status {
    // Given back whatever happens, also if the call is refused.
    let user = User(user, free_user);
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, move || unsafe {
        let level = match level {
            LL_LOG_ERROR => Level::Error,
            LL_LOG_WARN => Level::Warn,
            LL_LOG_INFO => Level::Info,
            LL_LOG_DEBUG => Level::Debug,
            _ => {
                return Err(Error::new(
                    Status::InvalidArgument,
                    "level: it is not one of LL_LOG_ERROR to LL_LOG_DEBUG",
                ));
            }
        };
        let sink = callback.map(|function| {
            Box::new(move |level: Level, text: &str| {
                let text = CString::new(text.replace('\0', "?")).unwrap_or_default();
                // The function was registered for this, with this pointer.
                function(level as i32, text.as_ptr(), user.pointer());
            }) as report::Sink
        });
        report::set_sink(level, sink);
        Ok(())
    })
}

/// A pointer of the host's, given back exactly once.
pub(super) struct User(pub(super) *mut c_void, pub(super) ll_free_fn);

impl User {
    pub(super) fn pointer(&self) -> *mut c_void {
        self.0
    }
}

// SAFETY: the pointer is only handed back to the host's functions, which the contract says may be called on any
// thread.
unsafe impl Send for User {}
// SAFETY: as above.
unsafe impl Sync for User {}

impl Drop for User {
    fn drop(&mut self) {
        if let Some(free) = self.1 {
            // SAFETY: the host gave this function for exactly this pointer, and this is the only call.
            unsafe { free(self.0) };
        }
    }
}

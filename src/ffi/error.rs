//! Status and detail of a failure: in the caller's record, which is right on any thread and in any language, and
//! per thread for C programs.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::mem::offset_of;

use super::status::ll_status;
use super::structs::ABSURD;
use super::text::put_text;
use crate::error::{Error, Status};

/// The call may succeed later without a change by anybody. Narrower than ll_status_is_retryable: a local file that may
/// not be opened is LL_ERR_IO without this flag.
pub const LL_ERROR_RETRYABLE: u32 = 1;
/// The call ended before its outcome was known: it may have taken effect, or still may.
pub const LL_ERROR_MAYBE_APPLIED: u32 = 2;
/// The link refuses all further work.
pub const LL_ERROR_FATAL: u32 = 4;

/// Detail of a failure. Set `struct_size` to `sizeof(ll_error)` (LL_ERROR_INIT does), pass a pointer to it as the last
/// argument, and read it if the function failed; nothing in it needs to be freed. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_error {
    /// sizeof(ll_error), set by the caller.
    pub struct_size: u32,
    /// The status that the function returned.
    pub code: i32,
    /// The operating system's error number that caused it, else the closest one (Linux numbers).
    pub os_errno: i32,
    /// The HTTP status that caused it; 0 if there was none.
    pub http_status: i32,
    /// LL_ERROR_RETRYABLE, LL_ERROR_MAYBE_APPLIED, LL_ERROR_FATAL.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// The group of the status: argument, state, access, filesystem, store, integrity or internal.
    pub domain: [c_char; 32],
    /// What failed, on what, and what to do; UTF-8, cut at a character's end if it is long.
    pub message: [c_char; 512],
    /// The path that the call failed on, empty if it was on none; UTF-8, cut at a character's end if it is longer than
    /// 1023 bytes.
    pub path: [c_char; 1024],
}

/// The size of the first record that there was. Longer ones only added fields at the end.
const SHORTEST: usize = offset_of!(ll_error, path);

struct Last {
    status: Status,
    errno: i32,
    flags: u32,
    message: CString,
    path: String,
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

/// Keeps a failure for this thread and, if there is one, in the caller's record.
pub(super) fn report(error: &Error, out: *mut ll_error) {
    let text = error.to_string().replace('\0', "?");
    let last = Last {
        status: error.status(),
        errno: error.os_errno(),
        flags: flags(error),
        message: CString::new(text).unwrap_or_default(),
        path: error.path().unwrap_or_default().to_owned(),
    };
    fill(&last, out);
    LAST.with_borrow_mut(|slot| *slot = Some(last));
}

fn flags(error: &Error) -> u32 {
    let status = error.status();
    let fatal = matches!(
        status,
        Status::Poisoned
            | Status::Panic
            | Status::StateDiverged
            | Status::FilespaceDeleted
            | Status::UpgradeRequired
    );
    let flag = |set: bool, bit: u32| if set { bit } else { 0 };
    flag(error.is_retryable(), LL_ERROR_RETRYABLE)
        | flag(error.is_maybe_applied(), LL_ERROR_MAYBE_APPLIED)
        | flag(fatal, LL_ERROR_FATAL)
}

fn domain(status: Status) -> &'static str {
    match status.code() {
        0 => "",
        -199..=-100 => "argument",
        -299..=-200 => "state",
        -399..=-300 => "access",
        -499..=-400 => "filesystem",
        -599..=-500 => "store",
        -699..=-600 => "integrity",
        _ => "internal",
    }
}

/// Writes the record, but for its size: as much as an older caller's has room for; what a newer caller's has behind
/// it stays. One of a size that no record can have is left alone.
fn fill(last: &Last, out: *mut ll_error) {
    if out.is_null() {
        return;
    }
    let mut record = ll_error {
        struct_size: size_of::<ll_error>() as u32,
        code: last.status.code(),
        os_errno: last.errno,
        http_status: 0,
        flags: last.flags,
        reserved: 0,
        domain: [0; 32],
        message: [0; 512],
        path: [0; 1024],
    };
    copy(&mut record.domain, domain(last.status));
    copy(&mut record.message, &last.message.to_string_lossy());
    copy(&mut record.path, &last.path);
    // SAFETY: the caller passed NULL or a record whose first field says its size; unaligned is fine.
    unsafe {
        record.struct_size = out.cast::<u32>().read_unaligned();
        let size = record.struct_size as usize;
        if (SHORTEST..=ABSURD as usize).contains(&size) {
            let bytes = size.min(size_of::<ll_error>());
            out.cast::<u8>().copy_from_nonoverlapping((&raw const record).cast(), bytes);
        }
    }
}

/// Copies text into a C array, cut at a character's end.
fn copy<const N: usize>(array: &mut [c_char; N], text: &str) {
    let end = (0..=text.len().min(N - 1)).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0);
    for (to, from) in array.iter_mut().zip(text[..end].bytes()) {
        *to = from as c_char;
    }
}

/// Sets a record's size and zeroes the rest, for languages that cannot use LL_ERROR_INIT.
///
/// @param err The record; NULL is allowed and does nothing.
/// Threads: any. Blocking: no. Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_error_init(err: *mut ll_error) {
    if !err.is_null() {
        // SAFETY: the caller passed a whole record; zeroes are a valid one.
        unsafe {
            err.write_bytes(0, 1);
            err.cast::<u32>().write_unaligned(size_of::<ll_error>() as u32);
        }
    }
}

/// The status of the last failure on this thread; LL_OK if there was none. Successes do not reset it. Language
/// bindings use the `err` argument instead: their next call may run on another thread.
///
/// Threads: any; speaks of the calling one. Blocking: no. Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ll_last_error_code() -> ll_status {
    LAST.with_borrow(|last| last.as_ref().map_or(0, |l| l.status.code()))
}

/// The message of the last failure on this thread; an empty string if there was none.
///
/// Ownership: the string belongs to the thread and is valid until its next failing call.
/// Threads: any; speaks of the calling one. Blocking: no. Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ll_last_error_message() -> *const c_char {
    LAST.with_borrow(|last| last.as_ref().map_or(c"".as_ptr(), |l| l.message.as_ptr()))
}

/// The detail of the last failure on this thread.
///
/// @param err The record that receives it; left as it is if there was no failure.
/// Threads: any; speaks of the calling one. Blocking: no. Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_last_error(err: *mut ll_error) {
    LAST.with_borrow(|last| last.iter().for_each(|l| fill(l, err)));
}

/// The whole path of the last failure on this thread, which message and record may show shortened.
///
/// @param buf Receives the path, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
/// @param cap Bytes that `buf` has.
/// @param needed Receives the bytes that the path needs with its NUL; may be NULL.
/// Threads: any; speaks of the calling one. Blocking: no.
/// Errors: LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_last_error_path(buf: *mut c_char, cap: usize, needed: *mut usize) -> ll_status {
    LAST.with_borrow(|last| {
        let path = last.as_ref().map_or("", |l| &l.path);
        // SAFETY: the caller's buffer has `cap` bytes.
        let result = unsafe { put_text(buf, cap, needed, path) };
        result.map_or_else(|e| e.status().code(), |()| 0)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::ffi::CStr;

    use super::*;

    /// What a caller whose record has this size gets in it; everything else stays 0xa5.
    fn filled(size: usize, error: &Error) -> Vec<u8> {
        let mut bytes = vec![0xa5; 4 * size_of::<ll_error>()];
        bytes[..4].copy_from_slice(&(size as u32).to_ne_bytes());
        report(error, bytes.as_mut_ptr().cast());
        bytes
    }

    #[test]
    fn a_record_is_filled_as_far_as_caller_and_library_both_know_it() {
        let (known, path) = (size_of::<ll_error>(), "/ä".repeat(400));
        let error = Error::new(Status::NotFound, "no such file").on_path(&path);
        let whole = filled(known, &error);
        let text = |at: usize| CStr::from_bytes_until_nul(&whole[at..]).unwrap().to_str().unwrap();
        assert_eq!(text(offset_of!(ll_error, domain)), "filesystem");
        assert!(text(offset_of!(ll_error, message)).starts_with("no such file: \"/ä"));
        assert_eq!(
            text(offset_of!(ll_error, path)),
            "/ä".repeat(341),
            "1023 bytes, a whole character at the end"
        );
        for size in [SHORTEST, known, known + 8, ABSURD as usize] {
            let record = filled(size, &error);
            let written = size.min(known);
            assert_eq!(record[..4], (size as u32).to_ne_bytes());
            assert!(record[4..written] == whole[4..written] && record[written..].iter().all(|b| *b == 0xa5));
        }
        for size in [0, 4, SHORTEST - 1, ABSURD as usize + 1] {
            assert!(filled(size, &error)[4..].iter().all(|b| *b == 0xa5), "{size}");
        }
        let other = filled(known, &Error::new(Status::InvalidHandle, "file: stale"));
        assert!(other[offset_of!(ll_error, path)..known].iter().all(|b| *b == 0), "it was on no path");
    }
}

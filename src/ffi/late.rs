//! Late failures of a link in relaxed mode.

use std::ffi::{CString, c_char};
use std::sync::Arc;

use super::error::ll_error;
use super::file::{FileHandle, ll_file};
use super::filespace::{filespace as linked, ll_filespace};
use super::guard::{guard, quiet};
use super::handle::{self, HandleKind, Object};
use super::status::ll_status;
use super::structs::{Sized32, check_out, init, put_struct};
use super::text::{clear, put};
use crate::error::{Error, Status};

/// A list of late failures. 0 is no handle. @since 0.1.0
pub type ll_late_failures = u64;

struct LateFailuresHandle(Vec<Failure>);

struct Failure {
    number: u64,
    code: i32,
    contents: usize,
    path: CString,
    message: CString,
}

impl Object for LateFailuresHandle {
    const KIND: HandleKind = HandleKind::LateFailures;
    const NAME: &'static str = "list";
}

/// A change that was acknowledged in relaxed mode and then refused by the log. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_late_failure {
    /// sizeof(ll_late_failure), set by the caller.
    pub struct_size: u32,
    /// Why it was refused: an LL_ERR_ number.
    pub code: i32,
    /// Its number: the order of the calls.
    pub number: u64,
    /// The path that the call was about; belongs to the list.
    pub path: *const c_char,
    /// What happened; belongs to the list.
    pub message: *const c_char,
    /// How many contents it was to write (ll_filespace_open_late_failure): 0 or 1, of a batch any number.
    pub contents: usize,
}

// SAFETY: integers and raw pointers, the size first.
unsafe impl Sized32 for ll_late_failure {}

/// Lists the late failures of a link that were not acknowledged, in the order of the calls. Works after
/// ll_filespace_unlink too.
///
/// @param filespace The filespace.
/// @param failures Receives the list.
/// @param err Detail of a failure, or NULL.
/// Ownership: free the list with ll_late_failures_free
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_late_failures(
    filespace: ll_filespace,
    failures: *mut ll_late_failures,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(failures, "failures")?;
        let c = |text: String| CString::new(text).unwrap_or_default();
        let found = linked(filespace)?.0.fs().link().late_failures().into_iter();
        let list = found.map(|failure| Failure {
            number: failure.number,
            code: failure.error.status().code(),
            contents: failure.contents(),
            message: c(failure.error.to_string()),
            path: c(failure.path),
        });
        put(failures, "failures", handle::insert(Arc::new(LateFailuresHandle(list.collect())), 0)?)
    })
}

/// How many late failures a list has.
///
/// @param failures The list.
/// @param count Receives the number.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_late_failures_count(
    failures: ll_late_failures,
    count: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(count, "count")?;
        put(count, "count", handle::get::<LateFailuresHandle>(failures)?.0.len())
    })
}

/// A late failure of a list.
///
/// @param failures The list.
/// @param index From 0 on.
/// @param failure Receives it; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Ownership: its texts belong to the list
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_late_failures_get(
    failures: ll_late_failures,
    index: usize,
    failure: *mut ll_late_failure,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        check_out(failure, "failure")?;
        let list = handle::get::<LateFailuresHandle>(failures)?;
        let Some(Failure { number, code, contents, path, message }) = list.0.get(index) else {
            let what = format!("index: the list has {} late failures", list.0.len());
            return Err(Error::new(Status::InvalidArgument, what));
        };
        let (path, message) = (path.as_ptr(), message.as_ptr());
        let (number, code, contents) = (*number, *code, *contents);
        put_struct(failure, ll_late_failure { struct_size: 0, code, number, path, message, contents });
        Ok(())
    })
}

/// Opens what a late failure was to write, for reading: the whole content if it was to replace a file's, else the
/// ranges that it was to write, with zeroes between them; what it was to append starts at 0.
///
/// @param filespace The filespace, which must be linked.
/// @param number The late failure's number.
/// @param nth Which of its contents, counted from 0 in the order in which a batch was given them; 0 if it is no batch.
/// @param file Receives the handle.
/// @param err Detail of a failure, or NULL.
/// Ownership: end it with ll_file_close or ll_file_free
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT (there is none of this number, or it was not to write
/// so many contents), LL_ERR_NOT_LINKED. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_open_late_failure(
    filespace: ll_filespace,
    number: u64,
    nth: usize,
    file: *mut ll_file,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        clear(file, "file")?;
        let opened = linked(filespace)?.0.fs().open_late_failure(number, nth)?;
        put(file, "file", handle::insert(Arc::new(FileHandle(opened)), filespace)?)
    })
}

/// Forgets late failures, and the content that they were to write: that of files opened before lasts until they are
/// closed.
///
/// @param filespace The filespace.
/// @param upto The number of the last one to forget; those before it are forgotten too.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_acknowledge_failures(
    filespace: ll_filespace,
    upto: u64,
    err: *mut ll_error,
) -> ll_status {
    guard(0, err, || linked(filespace)?.0.fs().link().acknowledge_failures(upto))
}

/// Sets the size of a late failure and zeroes the rest, for languages that cannot use LL_LATE_FAILURE_INIT.
///
/// @param failure The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_late_failure_init(failure: *mut ll_late_failure) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(failure) }
}

/// Frees a list of late failures, which stay. Never blocks on log or store and never fails; a handle that is 0 or
/// already freed is ignored.
///
/// @param handle The handle.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_late_failures_free(handle: ll_late_failures) {
    quiet(|| {
        let _ = handle::remove::<LateFailuresHandle>(handle);
    });
}

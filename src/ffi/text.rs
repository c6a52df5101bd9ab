//! Strings, data and results across the boundary. Nothing keeps a caller's pointer.

use std::ffi::{CStr, c_char, c_void};

use crate::error::{Error, Result, Status};
use crate::fs::Path;

fn null(name: &str) -> Error {
    Error::new(Status::InvalidArgument, format!("{name}: it is NULL"))
}

/// A string of the caller's.
///
/// # Safety
/// `text` is NULL or NUL-terminated, and stays as it is while the result is used.
pub(super) unsafe fn text<'a>(text: *const c_char, name: &str) -> Result<&'a str> {
    if text.is_null() {
        return Err(null(name));
    }
    // SAFETY: NUL-terminated by contract.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| Error::new(Status::InvalidArgument, format!("{name}: it is not UTF-8")))
}

/// A path of the caller's.
///
/// # Safety
/// As for [`text`].
pub(super) unsafe fn path_of(path: *const c_char, name: &str) -> Result<Path> {
    // SAFETY: as promised by the caller.
    let text = unsafe { text(path, name)? };
    Path::parse(text).map_err(|error| error.about(name))
}

/// A string of the caller's, or none.
///
/// # Safety
/// As for [`text`].
pub(super) unsafe fn optional_text<'a>(pointer: *const c_char, name: &str) -> Result<Option<&'a str>> {
    // SAFETY: as promised by the caller.
    (!pointer.is_null()).then(|| unsafe { text(pointer, name) }).transpose()
}

/// Bytes of the caller's; the pointer does not matter if there are none.
///
/// # Safety
/// `data` points to `len` bytes, or `len` is 0; they stay as they are while the result is used.
pub(super) unsafe fn data<'a>(data: *const c_void, len: usize, name: &str) -> Result<&'a [u8]> {
    check_buffer(data, len, name)?;
    // SAFETY: not NULL, and as long as promised.
    Ok(if len == 0 { &[] } else { unsafe { std::slice::from_raw_parts(data.cast(), len) } })
}

/// A buffer of the caller's; the pointer does not matter if it has no bytes.
///
/// # Safety
/// `buf` points to `len` writable bytes that nobody else uses, or `len` is 0.
pub(super) unsafe fn buffer<'a>(buf: *mut c_void, len: usize, name: &str) -> Result<&'a mut [u8]> {
    check_buffer(buf, len, name)?;
    // SAFETY: not NULL, and as long as promised. The bytes may not be initialised, but are only written.
    Ok(if len == 0 { &mut [] } else { unsafe { std::slice::from_raw_parts_mut(buf.cast(), len) } })
}

fn check_buffer(pointer: *const c_void, len: usize, name: &str) -> Result<()> {
    if len > 0 && pointer.is_null() {
        return Err(null(name));
    }
    if len > isize::MAX as usize {
        return Err(Error::new(Status::InvalidArgument, format!("{name}: its length is above 2^63-1")));
    }
    Ok(())
}

/// Refuses a result pointer that is NULL; otherwise it points to zero from now on.
///
/// # Safety
/// `out` is NULL or points to a T, for which all zeroes are valid.
pub(super) unsafe fn clear<T: Copy>(out: *mut T, name: &str) -> Result<()> {
    if out.is_null() {
        return Err(null(name));
    }
    // SAFETY: not NULL; T is an integer in every use.
    unsafe { out.write_bytes(0, 1) };
    Ok(())
}

/// Writes a result.
///
/// # Safety
/// `out` is NULL or points to a T.
pub(super) unsafe fn put<T: Copy>(out: *mut T, name: &str, value: T) -> Result<()> {
    if out.is_null() {
        return Err(null(name));
    }
    // SAFETY: not NULL.
    unsafe { out.write_unaligned(value) };
    Ok(())
}

/// Writes a string, NUL-terminated if `cap` > 0, and the bytes that it needs with its NUL. One that does not fit
/// leaves an empty string.
///
/// # Safety
/// `buf` points to `cap` bytes, or `cap` is 0; `needed` is NULL or points to a size_t.
pub(super) unsafe fn put_text(buf: *mut c_char, cap: usize, needed: *mut usize, text: &str) -> Result<()> {
    let size = text.len() + 1;
    if !needed.is_null() {
        // SAFETY: not NULL.
        unsafe { needed.write_unaligned(size) };
    }
    if cap > 0 && buf.is_null() {
        return Err(null("buf"));
    }
    if cap < size {
        if cap > 0 {
            // SAFETY: there is at least one byte.
            unsafe { buf.write(0) };
        }
        return Err(Error::new(
            Status::BufferTooSmall,
            format!("buf: {size} bytes are needed, {cap} were given"),
        ));
    }
    // SAFETY: the buffer has room for the text and its NUL.
    unsafe {
        buf.copy_from_nonoverlapping(text.as_ptr().cast(), text.len());
        buf.add(text.len()).write(0);
    }
    Ok(())
}

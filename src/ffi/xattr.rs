//! Extended attributes.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use super::error::ll_error;
use super::filespace::{filespace as linked, ll_filespace};
use super::fs::{LL_NOFOLLOW, check_flags, flag};
use super::guard::{guard, quiet};
use super::handle::{self, HandleKind, Object};
use super::status::ll_status;
use super::structs::{Sized32, check_out, init, put_struct};
use super::text::{buffer, clear, data, path_of, put, text};
use crate::error::{Error, Result, Status};
use crate::state::ops::XattrMode;

/// A list of extended attributes. 0 is no handle. @since 0.1.0
pub type ll_xattrs = u64;

struct XattrsHandle(Vec<(CString, usize)>);

impl Object for XattrsHandle {
    const KIND: HandleKind = HandleKind::Xattrs;
    const NAME: &'static str = "xattrs";
}

/// The attribute must not exist.
pub const LL_XATTR_CREATE: u32 = 2;
/// The attribute must exist.
pub const LL_XATTR_REPLACE: u32 = 4;

/// An extended attribute of a list. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_xattr {
    /// sizeof(ll_xattr), set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Bytes of its value.
    pub size: u64,
    /// Its name; belongs to the list.
    pub name: *const c_char,
}

// SAFETY: integers and raw pointers, the size first.
unsafe impl Sized32 for ll_xattr {}

/// The value of an extended attribute: its bytes, without a NUL behind them. One that does not fit is not copied;
/// `needed` says how large it is.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param flags LL_NOFOLLOW or 0.
/// @param name The attribute's name, 1 to 255 bytes.
/// @param buf Receives the value; may be NULL if `cap` is 0.
/// @param cap Bytes that `buf` has.
/// @param needed Receives the bytes of the value; must not be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND, LL_ERR_NO_ATTRIBUTE, LL_ERR_BUFFER_TOO_SMALL,
/// LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_get_xattr(
    filespace: ll_filespace,
    path: *const c_char,
    flags: u32,
    name: *const c_char,
    buf: *mut c_void,
    cap: usize,
    needed: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        clear(needed, "needed")?;
        let follow = !flag(flags, LL_NOFOLLOW)?;
        let value = linked(filespace)?.0.fs().xattr(&path_of(path, "path")?, text(name, "name")?, follow)?;
        put(needed, "needed", value.len())?;
        if cap < value.len() {
            return Err(Error::new(
                Status::BufferTooSmall,
                format!("buf: {} bytes are needed, {cap} were given", value.len()),
            ));
        }
        buffer(buf, value.len(), "buf")?.copy_from_slice(&value);
        Ok(())
    })
}

/// Gives an extended attribute a value: of a file, directory or symbolic link. There can be 1024 of them, with 1 MiB of
/// names and values.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param flags LL_NOFOLLOW or 0, and LL_XATTR_CREATE, LL_XATTR_REPLACE or none of them.
/// @param name The attribute's name, 1 to 255 bytes.
/// @param value The value; ignored if `len` is 0.
/// @param len Its bytes, at most 65536.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_NOT_FOUND, LL_ERR_EXISTS, LL_ERR_NO_ATTRIBUTE, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_set_xattr(
    filespace: ll_filespace,
    path: *const c_char,
    flags: u32,
    name: *const c_char,
    value: *const c_void,
    len: usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        check_flags(flags, LL_NOFOLLOW | LL_XATTR_CREATE | LL_XATTR_REPLACE)?;
        let mode = xattr_mode(flags)?;
        let (path, name, value) = (path_of(path, "path")?, text(name, "name")?, data(value, len, "value")?);
        linked(filespace)?.0.fs().set_xattr(&path, name, value, mode, flags & LL_NOFOLLOW == 0)
    })
}

/// Lists the extended attributes of what a path leads to, in byte order of their names, all of one moment.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param flags LL_NOFOLLOW or 0.
/// @param xattrs Receives the list.
/// @param err Detail of a failure, or NULL.
/// Ownership: free the list with ll_xattrs_free
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_list_xattr(
    filespace: ll_filespace,
    path: *const c_char,
    flags: u32,
    xattrs: *mut ll_xattrs,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        clear(xattrs, "xattrs")?;
        let follow = !flag(flags, LL_NOFOLLOW)?;
        let found = linked(filespace)?.0.fs().list_xattrs(&path_of(path, "path")?, follow)?;
        let list = found.into_iter().map(|x| (CString::new(x.name).unwrap_or_default(), x.size));
        put(xattrs, "xattrs", handle::insert(Arc::new(XattrsHandle(list.collect())), 0)?)
    })
}

/// Removes an extended attribute.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param flags LL_NOFOLLOW or 0.
/// @param name The attribute's name, 1 to 255 bytes.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_NOT_FOUND, LL_ERR_NO_ATTRIBUTE, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_remove_xattr(
    filespace: ll_filespace,
    path: *const c_char,
    flags: u32,
    name: *const c_char,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        let follow = !flag(flags, LL_NOFOLLOW)?;
        linked(filespace)?.0.fs().remove_xattr(&path_of(path, "path")?, text(name, "name")?, follow)
    })
}

/// How many attributes a list has.
///
/// @param xattrs The list.
/// @param count Receives the number.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_xattrs_count(
    xattrs: ll_xattrs,
    count: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(count, "count")?;
        put(count, "count", handle::get::<XattrsHandle>(xattrs)?.0.len())
    })
}

/// An attribute of a list.
///
/// @param xattrs The list.
/// @param index From 0 on.
/// @param xattr Receives the attribute; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Ownership: the name belongs to the list
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_xattrs_get(
    xattrs: ll_xattrs,
    index: usize,
    xattr: *mut ll_xattr,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        check_out(xattr, "xattr")?;
        let list = handle::get::<XattrsHandle>(xattrs)?;
        let Some((name, size)) = list.0.get(index) else {
            let what = format!("index: the list has {} attributes", list.0.len());
            return Err(Error::new(Status::InvalidArgument, what));
        };
        put_struct(xattr, ll_xattr { struct_size: 0, reserved: 0, size: *size as u64, name: name.as_ptr() });
        Ok(())
    })
}

/// Frees a list of attributes. Never blocks on log or store and never fails; a handle that is 0 or already
/// freed is ignored.
///
/// @param handle The handle.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_xattrs_free(handle: ll_xattrs) {
    quiet(|| {
        let _ = handle::remove::<XattrsHandle>(handle);
    });
}

/// Sets the size of an attribute and zeroes the rest, for languages that cannot use LL_XATTR_INIT.
///
/// @param xattr The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_xattr_init(xattr: *mut ll_xattr) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(xattr) }
}

/// What flags say of the attribute that is set.
pub(super) fn xattr_mode(flags: u32) -> Result<XattrMode> {
    match (flags & LL_XATTR_CREATE != 0, flags & LL_XATTR_REPLACE != 0) {
        (false, false) => Ok(XattrMode::Either),
        (true, false) => Ok(XattrMode::Create),
        (false, true) => Ok(XattrMode::Replace),
        (true, true) => {
            let what = "flags: LL_XATTR_CREATE and LL_XATTR_REPLACE exclude each other";
            Err(Error::new(Status::InvalidArgument, what))
        }
    }
}

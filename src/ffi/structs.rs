//! Structs that cross the boundary and grow at their end: the first field says how large the caller's is.

use crate::error::{Error, Result, Status};

/// No struct of ours is ever this large.
pub(super) const ABSURD: u32 = 4096;

/// A struct whose first field is `uint32_t struct_size` and for which all zeroes are valid.
///
/// # Safety
/// Implemented for `#[repr(C)]` structs of integers and raw pointers that start with a `u32`.
pub(super) unsafe trait Sized32: Copy {}

/// The caller's options. NULL: all defaults (zeroes). A shorter struct of an older caller is filled up with
/// zeroes; what a newer caller has set and this version does not know is an error.
///
/// # Safety
/// `options` is NULL or points to as many bytes as its first field says.
pub(super) unsafe fn read_options<T: Sized32>(options: *const T, name: &str) -> Result<T> {
    let known = size_of::<T>();
    // SAFETY: all zeroes are a valid T by the trait's contract.
    let mut value: T = unsafe { std::mem::zeroed() };
    if options.is_null() {
        return Ok(value);
    }
    // SAFETY: there is at least the size field.
    let size = unsafe { options.cast::<u32>().read_unaligned() };
    if !(4..=ABSURD).contains(&size) {
        let what =
            format!("{name}: struct_size is {size}; set it to sizeof of the struct, or use its INIT macro");
        return Err(Error::new(Status::InvalidArgument, what));
    }
    let size = size as usize;
    // SAFETY: the caller's struct has `size` bytes; at most `known` are copied into a T.
    let tail = unsafe {
        let bytes = options.cast::<u8>();
        bytes.copy_to_nonoverlapping((&raw mut value).cast(), size.min(known));
        std::slice::from_raw_parts(bytes.add(size.min(known)), size.saturating_sub(known))
    };
    if tail.iter().any(|b| *b != 0) {
        let what = format!("{name}: an option is set that this version of the library does not know");
        return Err(Error::new(Status::UnsupportedOption, what));
    }
    Ok(value)
}

/// Refuses an output struct that is NULL or not of the size that this version writes.
///
/// # Safety
/// `out` is NULL or points to as many bytes as its first field says.
pub(super) unsafe fn check_out<T: Sized32>(out: *mut T, name: &str) -> Result<()> {
    if out.is_null() {
        return Err(Error::new(Status::InvalidArgument, format!("{name}: it is NULL")));
    }
    // SAFETY: there is at least the size field.
    let size = unsafe { out.cast::<u32>().read_unaligned() };
    if size as usize == size_of::<T>() {
        return Ok(());
    }
    let what = format!("{name}: struct_size is {size}; set it to sizeof of the struct ({})", size_of::<T>());
    Err(Error::new(Status::InvalidArgument, what))
}

/// Writes an output struct that [`check_out`] accepted; its size stays.
///
/// # Safety
/// As for [`check_out`], which was called.
pub(super) unsafe fn put_struct<T: Sized32>(out: *mut T, mut value: T) {
    // SAFETY: T starts with its u32 size, and the caller's struct has the size of a T.
    unsafe {
        (&raw mut value).cast::<u32>().write(size_of::<T>() as u32);
        out.write_unaligned(value);
    }
}

/// Sets the size of a caller's struct and zeroes the rest.
///
/// # Safety
/// `out` is NULL or points to a whole T.
pub(super) unsafe fn init<T: Sized32>(out: *mut T) {
    if !out.is_null() {
        // SAFETY: the caller passed a whole T.
        unsafe {
            out.write_bytes(0, 1);
            out.cast::<u32>().write_unaligned(size_of::<T>() as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy, Debug)]
    struct Sample {
        struct_size: u32,
        a: u32,
        b: u64,
    }
    // SAFETY: integers, the size first.
    unsafe impl Sized32 for Sample {}

    #[test]
    fn short_structs_are_filled_up_and_long_ones_must_be_empty() {
        let mut bytes = [0u8; 40];
        let mut read = |size: u32, tail: u8| {
            bytes[..4].copy_from_slice(&size.to_ne_bytes());
            bytes[4] = 7;
            bytes[8] = 9;
            bytes[39] = tail;
            // SAFETY: 40 bytes are there, and no size above that is tried but absurd ones.
            unsafe { read_options(bytes.as_ptr().cast::<Sample>(), "sample") }
        };
        let short = read(8, 0).unwrap();
        assert_eq!((short.a, short.b), (7, 0));
        let exact = read(16, 0).unwrap();
        assert_eq!((exact.a, exact.b), (7, 9));
        assert_eq!(read(40, 0).unwrap().b, 9);
        assert_eq!(read(40, 1).unwrap_err().status(), Status::UnsupportedOption);
        for bad in [0, 3, 4097, u32::MAX] {
            assert_eq!(read(bad, 0).unwrap_err().status(), Status::InvalidArgument);
        }
        // SAFETY: NULL is allowed.
        let none = unsafe { read_options(std::ptr::null::<Sample>(), "sample") }.unwrap();
        assert_eq!((none.struct_size, none.a, none.b), (0, 0, 0));
    }
}

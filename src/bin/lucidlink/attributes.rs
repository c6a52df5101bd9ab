//! Extended attributes of local files and directories. A filespace takes any name, Linux lets users give
//! those that begin with `user.`: these are copied, under the same names. The others are the system's own
//! (`security.capability` is a privilege): they are neither read nor set.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;

use rustix::fs::{XattrFlags, fgetxattr, flistxattr, flistxattr_query, fremovexattr, fsetxattr};
use rustix::io::Errno;

/// What the names of those begin with that are copied.
const PREFIX: &str = "user.";
/// The most that Linux gives for a list or a value.
const MAX: usize = 65536;

/// Whether a file can have an attribute of this name.
pub(crate) fn is_local(name: &str) -> bool {
    name.len() > PREFIX.len() && name.starts_with(PREFIX)
}

/// Names, of any bytes, and values of the attributes; none where the file system has no such thing.
pub(crate) fn read(file: &File) -> io::Result<Vec<(CString, Vec<u8>)>> {
    match flistxattr_query(file) {
        Ok(0) | Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(Vec::new()),
        found => found?,
    };
    let mut list = vec![0; MAX];
    let len = flistxattr(file, &mut list[..])?;
    list.truncate(len);
    let mut read = Vec::new();
    for name in list.split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        if !name.to_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        let mut value = vec![0; MAX];
        match fgetxattr(file, name, &mut value[..]) {
            Ok(len) => value.truncate(len),
            // It was removed meanwhile.
            Err(Errno::NODATA) => continue,
            Err(error) => return Err(error.into()),
        }
        read.push((name.to_owned(), value));
    }
    Ok(read)
}

/// Gives an attribute a value.
pub(crate) fn set(file: &File, name: &str, value: &[u8]) -> io::Result<()> {
    Ok(fsetxattr(file, name, value, XattrFlags::empty())?)
}

/// Removes an attribute that it has.
pub(crate) fn remove(file: &File, name: &CStr) -> io::Result<()> {
    Ok(fremovexattr(file, name)?)
}

//! Files and directories by path.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use super::error::ll_error;
use super::filespace::{filespace as linked, ll_filespace};
use super::guard::{guard, quiet};
use super::handle::{self, HandleKind, Object};
use super::status::ll_status;
use super::structs::{Sized32, check_out, init, put_struct};
use super::text::{buffer, clear, data, path_of, put, put_text, text};
use crate::error::{Error, Result, Status};
use crate::fs::{Attributes, Entry, Mode};
use crate::state::MODE_MASK;
use crate::state::value::Kind;

/// A list of directory entries. 0 is no handle. @since 0.1.0
pub type ll_entries = u64;

struct EntriesHandle(Vec<(Entry, CString)>);

impl Object for EntriesHandle {
    const KIND: HandleKind = HandleKind::Entries;
    const NAME: &'static str = "entries";
}

/// A regular file.
pub const LL_TYPE_FILE: u32 = 1;
/// A directory.
pub const LL_TYPE_DIRECTORY: u32 = 2;
/// A symbolic link.
pub const LL_TYPE_SYMLINK: u32 = 3;

/// Do not follow a symbolic link at the end of the path.
pub const LL_NOFOLLOW: u32 = 1;
/// Replace what is at the target, as POSIX rename does.
pub const LL_MOVE_REPLACE: u32 = 1;
/// Replace what has the name that a copy gets.
pub const LL_COPY_REPLACE: u32 = 2;
/// A time that is to stay as it is.
pub const LL_TIME_OMIT: i64 = i64::MIN;

/// Permission bits of directories that are made.
pub(super) const DIRECTORY_MODE: u32 = 0o755;
/// Permission bits of files that are made.
pub(super) const FILE_MODE: u32 = 0o644;

/// A file, directory or symbolic link. Times are nanoseconds since 1970, UTC. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_entry {
    /// sizeof(ll_entry), set by the caller.
    pub struct_size: u32,
    /// LL_TYPE_FILE, LL_TYPE_DIRECTORY or LL_TYPE_SYMLINK.
    pub r#type: u32,
    /// Bytes of content (of the target for a symbolic link; 0 for a directory).
    pub size: u64,
    /// A number that the file keeps for life and that no other ever gets.
    pub file_id: u64,
    /// Last change of content.
    pub mtime_ns: i64,
    /// Last change of anything.
    pub ctime_ns: i64,
    /// Creation.
    pub created_ns: i64,
    /// Access time as last set; reading does not move it.
    pub atime_ns: i64,
    /// The position of the last change of content.
    pub version: u64,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// How many names it has; 1 for a directory.
    pub link_count: u32,
    /// Its name; belongs to the list or the directory handle. NULL from ll_fs_get_entry.
    pub name: *const c_char,
}

// SAFETY: integers and raw pointers, the size first.
unsafe impl Sized32 for ll_entry {}

pub(super) fn c_type(kind: Kind) -> u32 {
    match kind {
        Kind::Directory => LL_TYPE_DIRECTORY,
        Kind::Symlink => LL_TYPE_SYMLINK,
        Kind::File | Kind::None => LL_TYPE_FILE,
    }
}

pub(super) fn c_entry(entry: &Entry, name: *const c_char) -> ll_entry {
    ll_entry {
        struct_size: 0,
        r#type: c_type(entry.kind),
        size: entry.size,
        file_id: entry.file_id,
        mtime_ns: entry.mtime,
        ctime_ns: entry.ctime,
        created_ns: entry.btime,
        atime_ns: entry.atime,
        version: entry.version,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        link_count: entry.links,
        name,
    }
}

/// Whether the only flag that a function knows is set.
pub(super) fn flag(flags: u32, known: u32) -> Result<bool> {
    check_flags(flags, known)?;
    Ok(flags != 0)
}

pub(super) fn check_flags(flags: u32, known: u32) -> Result<()> {
    match flags & !known {
        0 => Ok(()),
        _ => {
            Err(Error::new(Status::UnsupportedOption, "flags: a bit is set that this version does not know"))
        }
    }
}

/// Permission bits of the caller's.
pub(super) fn permissions(mode: u32) -> Result<u32> {
    match mode & !MODE_MASK {
        0 => Ok(mode),
        _ => Err(Error::new(Status::InvalidArgument, "mode: it is above 07777")),
    }
}

/// Lists a directory with the attributes of each entry, in byte order of the names, all of one moment.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param entries Receives the list.
/// @param err Detail of a failure, or NULL.
/// Ownership: free the list with ll_entries_free
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND, LL_ERR_NOT_A_DIRECTORY. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_read_dir(
    filespace: ll_filespace,
    path: *const c_char,
    entries: *mut ll_entries,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        clear(entries, "entries")?;
        let found = linked(filespace)?.0.fs().read_dir(&path_of(path, "path")?)?;
        put(entries, "entries", list(found)?)
    })
}

/// Lists the names in a directory, in byte order, all of one moment. Only the names of the entries are
/// filled in.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param entries Receives the list.
/// @param err Detail of a failure, or NULL.
/// Ownership: free the list with ll_entries_free
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND, LL_ERR_NOT_A_DIRECTORY. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_list_dir(
    filespace: ll_filespace,
    path: *const c_char,
    entries: *mut ll_entries,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        clear(entries, "entries")?;
        let names = linked(filespace)?.0.fs().list_dir(&path_of(path, "path")?)?;
        let found = names.into_iter().map(Entry::name_only).collect();
        put(entries, "entries", list(found)?)
    })
}

/// How many entries a list has.
///
/// @param entries The list.
/// @param count Receives the number.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_entries_count(
    entries: ll_entries,
    count: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(count, "count")?;
        put(count, "count", handle::get::<EntriesHandle>(entries)?.0.len())
    })
}

/// An entry of a list.
///
/// @param entries The list.
/// @param index From 0 on.
/// @param entry Receives the entry; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Ownership: the name belongs to the list: it is there until ll_entries_free
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_entries_get(
    entries: ll_entries,
    index: usize,
    entry: *mut ll_entry,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        check_out(entry, "entry")?;
        let list = handle::get::<EntriesHandle>(entries)?;
        let Some((found, name)) = list.0.get(index) else {
            return Err(Error::new(
                Status::InvalidArgument,
                format!("index: the list has {} entries", list.0.len()),
            ));
        };
        put_struct(entry, c_entry(found, name.as_ptr()));
        Ok(())
    })
}

/// Frees a list of entries. Never blocks on log or store and never fails; a handle that is 0 or already
/// freed is ignored.
///
/// @param handle The handle.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_entries_free(handle: ll_entries) {
    quiet(|| {
        let _ = handle::remove::<EntriesHandle>(handle);
    });
}

/// Sets the size of an entry and zeroes the rest, for languages that cannot use LL_ENTRY_INIT.
///
/// @param entry The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_entry_init(entry: *mut ll_entry) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(entry) }
}

/// What a path leads to.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param flags LL_NOFOLLOW or 0.
/// @param entry Receives it; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND, LL_ERR_NOT_A_DIRECTORY, LL_ERR_TOO_MANY_SYMLINKS,
/// LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_get_entry(
    filespace: ll_filespace,
    path: *const c_char,
    flags: u32,
    entry: *mut ll_entry,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        check_out(entry, "entry")?;
        let follow = !flag(flags, LL_NOFOLLOW)?;
        let found = linked(filespace)?.0.fs().entry(&path_of(path, "path")?, follow)?;
        put_struct(entry, c_entry(&found, std::ptr::null()));
        Ok(())
    })
}

/// Whether a path leads to a regular file; symbolic links are followed.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param exists Receives 1 or 0.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_TOO_MANY_SYMLINKS. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_file_exists(
    filespace: ll_filespace,
    path: *const c_char,
    exists: *mut i32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        clear(exists, "exists")?;
        let found = linked(filespace)?.0.fs().exists(&path_of(path, "path")?, Kind::File)?;
        put(exists, "exists", i32::from(found))
    })
}

/// Whether a path leads to a directory; symbolic links are followed.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param exists Receives 1 or 0.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_TOO_MANY_SYMLINKS. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_dir_exists(
    filespace: ll_filespace,
    path: *const c_char,
    exists: *mut i32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        clear(exists, "exists")?;
        let found = linked(filespace)?.0.fs().exists(&path_of(path, "path")?, Kind::Directory)?;
        put(exists, "exists", i32::from(found))
    })
}

/// Makes a directory, and those above it that are missing. The path itself must not exist.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_EXISTS, LL_ERR_NOT_A_DIRECTORY. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_create_dir(
    filespace: ll_filespace,
    path: *const c_char,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        linked(filespace)?.0.fs().create_dir(&path_of(path, "path")?, DIRECTORY_MODE)
    })
}

/// Makes an empty file. Its name must not exist; of several that make one name, one succeeds: so it
/// waits for the log in relaxed mode too.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param mode Its permission bits, 0 to 07777. They are kept, not enforced.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_NOT_FOUND (its directory), LL_ERR_EXISTS, LL_ERR_IS_A_DIRECTORY (the path ends in '/'). @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_create(
    filespace: ll_filespace,
    path: *const c_char,
    mode: u32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        linked(filespace)?.0.fs().create(&path_of(path, "path")?, permissions(mode)?)
    })
}

/// Removes a directory: an empty one, or with everything below it at once.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param recursive Not 0: with everything below it.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_NOT_FOUND, LL_ERR_NOT_A_DIRECTORY, LL_ERR_NOT_EMPTY. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_delete_dir(
    filespace: ll_filespace,
    path: *const c_char,
    recursive: i32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        linked(filespace)?.0.fs().delete_dir(&path_of(path, "path")?, recursive != 0)
    })
}

/// Removes a name of a file or symbolic link.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_NOT_FOUND, LL_ERR_IS_A_DIRECTORY. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_delete(
    filespace: ll_filespace,
    path: *const c_char,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe { linked(filespace)?.0.fs().delete(&path_of(path, "path")?) })
}

/// Gives a file, directory or symbolic link another path. A target that exists is an error unless
/// LL_MOVE_REPLACE is set.
///
/// @param filespace The filespace.
/// @param from The path that it has.
/// @param to The path that it gets.
/// @param flags LL_MOVE_REPLACE or 0.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_NOT_FOUND, LL_ERR_EXISTS, LL_ERR_NOT_EMPTY, LL_ERR_IS_A_DIRECTORY, LL_ERR_NOT_A_DIRECTORY,
/// LL_ERR_MOVE_INTO_ITSELF, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_move(
    filespace: ll_filespace,
    from: *const c_char,
    to: *const c_char,
    flags: u32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        let replace = flag(flags, LL_MOVE_REPLACE)?;
        linked(filespace)?.0.fs().rename(&path_of(from, "from")?, &path_of(to, "to")?, replace)
    })
}

/// Makes a copy of a file that shares its stored bytes: it costs the same whatever the size. Mode, owner, access and
/// modification time and extended attributes are copied; the copy has a file_id of its own and is created now. A
/// symbolic link at the end of `from` is followed; with LL_NOFOLLOW the link itself is copied. What this link has
/// open and did not publish of the file is published first. A target that exists is an error unless LL_COPY_REPLACE
/// is set: then a file or symbolic link loses that name, as with LL_MOVE_REPLACE.
///
/// @param filespace The filespace.
/// @param from The path of the file.
/// @param to The path of the copy.
/// @param flags LL_NOFOLLOW, LL_COPY_REPLACE, both or 0.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_NOT_FOUND, LL_ERR_EXISTS, LL_ERR_IS_A_DIRECTORY, LL_ERR_NOT_A_DIRECTORY, LL_ERR_TOO_MANY_SYMLINKS,
/// LL_ERR_FILE_TOO_LARGE (it has more than 65536 fragments: copy it by reading and writing),
/// LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_copy(
    filespace: ll_filespace,
    from: *const c_char,
    to: *const c_char,
    flags: u32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        check_flags(flags, LL_NOFOLLOW | LL_COPY_REPLACE)?;
        let (replace, follow) = (flags & LL_COPY_REPLACE != 0, flags & LL_NOFOLLOW == 0);
        linked(filespace)?.0.fs().copy(&path_of(from, "from")?, &path_of(to, "to")?, replace, follow)
    })
}

/// Sets the size of a file; what is cut is gone, what is added reads as zeros.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param size The new size in bytes, at most 2^63-1.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_NOT_FOUND, LL_ERR_IS_A_DIRECTORY, LL_ERR_FILE_TOO_LARGE. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_truncate(
    filespace: ll_filespace,
    path: *const c_char,
    size: u64,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe { linked(filespace)?.0.fs().truncate(&path_of(path, "path")?, size) })
}

/// Reads a whole file: its bytes, without a NUL behind them. One that does not fit is not read; `needed` says how
/// large it is.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param buf Receives the content; may be NULL if `cap` is 0.
/// @param cap Bytes that `buf` has.
/// @param needed Receives the size of the file in bytes; must not be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND, LL_ERR_IS_A_DIRECTORY, LL_ERR_BUFFER_TOO_SMALL, LL_ERR_INTEGRITY,
/// LL_ERR_IO. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_read_file(
    filespace: ll_filespace,
    path: *const c_char,
    buf: *mut c_void,
    cap: usize,
    needed: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        clear(needed, "needed")?;
        let file = linked(filespace)?.0.fs().open(&path_of(path, "path")?, Mode::parse("r")?, 0)?;
        let size = usize::try_from(file.size()?)
            .map_err(|_| Error::new(Status::BufferTooSmall, "buf: the file is too large"))?;
        put(needed, "needed", size)?;
        if cap < size {
            return Err(Error::new(
                Status::BufferTooSmall,
                format!("buf: {size} bytes are needed, {cap} were given"),
            ));
        }
        file.pread(0, buffer(buf, size, "buf")?).map(drop)
    })
}

/// Writes a whole file in one commit: it appears, or is replaced, as a whole. (In relaxed mode this link sees it
/// when this returns, and the log has it a little later.) A file that exists keeps all but its content: file_id, names,
/// mode, owner and extended attributes. One that is made has mode 0644. A symbolic link at the end of the path is
/// followed.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param content The content; ignored if `len` is 0.
/// @param len Its bytes.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_NOT_FOUND (its directory), LL_ERR_IS_A_DIRECTORY, LL_ERR_NO_MEMORY, LL_ERR_IO. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_write_file(
    filespace: ll_filespace,
    path: *const c_char,
    content: *const c_void,
    len: usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        let content = data(content, len, "content")?;
        let file = linked(filespace)?.0.fs().open(&path_of(path, "path")?, Mode::parse("w")?, FILE_MODE)?;
        file.write(content)?;
        file.close()
    })
}

/// Makes a symbolic link.
///
/// @param filespace The filespace.
/// @param target Where it leads, 1 to 4096 bytes; need not exist. '..' in it stays inside the filespace.
/// @param path The link's own path.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_NOT_FOUND, LL_ERR_EXISTS. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_create_symlink(
    filespace: ll_filespace,
    target: *const c_char,
    path: *const c_char,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        linked(filespace)?.0.fs().create_symlink(text(target, "target")?, &path_of(path, "path")?)
    })
}

/// Where a symbolic link leads, as it was written.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param buf Receives the target, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
/// @param cap Bytes that `buf` has.
/// @param needed Receives the bytes needed, the NUL included; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND, LL_ERR_NOT_A_SYMLINK, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_read_symlink(
    filespace: ll_filespace,
    path: *const c_char,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        let target = linked(filespace)?.0.fs().read_symlink(&path_of(path, "path")?)?;
        put_text(buf, cap, needed, &target)
    })
}

/// Gives a file or symbolic link another name.
///
/// @param filespace The filespace.
/// @param existing A path that it has.
/// @param path The path that it gets too.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_NOT_FOUND, LL_ERR_EXISTS, LL_ERR_IS_A_DIRECTORY. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_create_hard_link(
    filespace: ll_filespace,
    existing: *const c_char,
    path: *const c_char,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        linked(filespace)?.0.fs().create_hard_link(&path_of(existing, "existing")?, &path_of(path, "path")?)
    })
}

/// Sets access and modification time.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param flags LL_NOFOLLOW or 0.
/// @param atime_ns Nanoseconds since 1970, or LL_TIME_OMIT.
/// @param mtime_ns Nanoseconds since 1970, or LL_TIME_OMIT.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_NOT_FOUND, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_set_times(
    filespace: ll_filespace,
    path: *const c_char,
    flags: u32,
    atime_ns: i64,
    mtime_ns: i64,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        let follow = !flag(flags, LL_NOFOLLOW)?;
        let time = |time: i64| (time != LL_TIME_OMIT).then_some(time);
        let set = Attributes { atime: time(atime_ns), mtime: time(mtime_ns), ..Attributes::default() };
        linked(filespace)?.0.fs().set_attributes(&path_of(path, "path")?, set, follow)
    })
}

/// Sets permission bits. They are kept, not enforced: roles say who may do what.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param mode 0 to 07777.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_NOT_FOUND. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_set_mode(
    filespace: ll_filespace,
    path: *const c_char,
    mode: u32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        let set = Attributes { mode: Some(permissions(mode)?), ..Attributes::default() };
        linked(filespace)?.0.fs().set_attributes(&path_of(path, "path")?, set, true)
    })
}

/// Sets owner and group. They are kept, not enforced.
///
/// @param filespace The filespace.
/// @param path The path: absolute, '/'-separated, at most 4096 bytes.
/// @param uid The owner.
/// @param gid The group.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
/// LL_ERR_NOT_FOUND. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fs_set_owner(
    filespace: ll_filespace,
    path: *const c_char,
    uid: u32,
    gid: u32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        let set = Attributes { uid: Some(uid), gid: Some(gid), ..Attributes::default() };
        linked(filespace)?.0.fs().set_attributes(&path_of(path, "path")?, set, true)
    })
}

fn list(found: Vec<Entry>) -> Result<u64> {
    let c = |text: &str| CString::new(text).unwrap_or_default();
    let entries = found.into_iter().map(|entry| (c(&entry.name), entry)).map(|(name, entry)| (entry, name));
    handle::insert(Arc::new(EntriesHandle(entries.collect())), 0)
}

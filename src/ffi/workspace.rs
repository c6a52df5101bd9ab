//! A workspace: what is in it, and linking.

use std::ffi::{CString, c_char};
use std::sync::Arc;
use std::time::Duration;

use super::daemon::DaemonHandle;
use super::error::ll_error;
use super::filespace::{FilespaceHandle, ll_filespace};
use super::guard::{guard, quiet};
use super::handle::{self, HandleKind, Object};
use super::status::ll_status;
use super::structs::{Sized32, check_out, init, put_struct, read_options};
use super::text::{clear, optional_text, put, put_text};
use crate::daemon::filespace::{LinkRequest, SyncMode};
use crate::error::{Error, Result, Status};
use crate::filespace::CommitMode;
use crate::fs::Path;
use crate::ids::LogId;
use crate::workspace::{FilespaceInfo, Workspace};

/// An open workspace. 0 is no handle. @since 0.1.0
pub type ll_workspace = u64;
/// A list of filespaces. 0 is no handle. @since 0.1.0
pub type ll_filespaces = u64;

pub(super) struct WorkspaceHandle {
    pub(super) daemon: Arc<DaemonHandle>,
    pub(super) daemon_handle: u64,
    pub(super) workspace: Arc<Workspace>,
}

impl Object for WorkspaceHandle {
    const KIND: HandleKind = HandleKind::Workspace;
    const NAME: &'static str = "workspace";
}

struct FilespacesHandle(Vec<(FilespaceInfo, CString, CString)>);

impl Object for FilespacesHandle {
    const KIND: HandleKind = HandleKind::Filespaces;
    const NAME: &'static str = "list";
}

/// Unlinking publishes what open files wrote and makes everything survive power loss.
pub const LL_SYNC_ALL: u32 = 0;
/// Unlinking drops what was not published.
pub const LL_SYNC_NONE: u32 = 1;

/// Every call sees the newest state, and returns when what it changed is committed.
pub const LL_CONSISTENCY_STRICT: u32 = 0;
/// A call may see a state that is up to a second old (a name that is not found is looked for again), and returns when
/// this link sees its change; the log has it within 200 ms. ll_filespace_sync_all waits for it. A change that the log
/// refuses then, because another client's came first, is a late failure (ll_filespace_late_failures); with 4096 of
/// them that nobody acknowledged, what changes something fails with LL_ERR_LATE_FAILURE. What the log does
/// not have when the process dies is committed by the next link with the same LL_STORAGE_PHYSICAL folder; with
/// LL_STORAGE_SANDBOXED it is lost, and so it is when the daemon is freed without ll_daemon_stop.
pub const LL_CONSISTENCY_RELAXED: u32 = 1;
/// A call returns when what it changed is committed.
pub const LL_COMMIT_WAIT: u32 = 1;
/// A call returns when this link sees its change.
pub const LL_COMMIT_BACKGROUND: u32 = 2;
/// What a call sees is never older than the call.
pub const LL_NEVER_STALE: u32 = 0xffff_ffff;

/// How a filespace is linked. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_link_options {
    /// sizeof(ll_link_options), set by the caller.
    pub struct_size: u32,
    /// LL_SYNC_ALL or LL_SYNC_NONE.
    pub sync_mode: u32,
    /// Not 0: refuse everything that writes.
    pub read_only: u32,
    /// LL_CONSISTENCY_STRICT or LL_CONSISTENCY_RELAXED: the preset of the two settings below.
    pub consistency: u32,
    /// The filespace's name; exactly one of name and id is given, the other is NULL.
    pub name: *const c_char,
    /// The filespace's id, 64 hexadecimal digits.
    pub id: *const c_char,
    /// The subtree that is seen as "/"; NULL for all. A convenience, not access control.
    pub root_path: *const c_char,
    /// LL_COMMIT_WAIT or LL_COMMIT_BACKGROUND; 0: as the preset says.
    pub commit: u32,
    /// How old what a call sees may be, in milliseconds, or LL_NEVER_STALE; 0: as the preset says. Older only if the log
    /// does not answer: ll_statistics says for how long.
    pub max_staleness_ms: u32,
    /// A position, as ll_position_format writes it, that the filespace must have reached, because somebody has seen it
    /// there: a log that was set back is LL_ERR_LOG_ROLLED_BACK. NULL: none.
    pub at_least: *const c_char,
    /// A snapshot that is linked in place of the filespace as it is: read-only, and it stays as it is. sync_mode,
    /// consistency, commit and max_staleness_ms do not matter then. NULL: none.
    pub snapshot: *const c_char,
}

/// A filespace of a workspace. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_filespace_info {
    /// sizeof(ll_filespace_info), set by the caller.
    pub struct_size: u32,
    /// 1 if this account has a grant for it, else 0.
    pub accessible: u32,
    /// When it was made, nanoseconds since 1970.
    pub created_ns: i64,
    /// Its id; belongs to the list.
    pub id: *const c_char,
    /// Its name; belongs to the list.
    pub name: *const c_char,
}

// SAFETY: integers and raw pointers, the size first.
unsafe impl Sized32 for ll_link_options {}
// SAFETY: integers and raw pointers, the size first.
unsafe impl Sized32 for ll_filespace_info {}

/// The id of a workspace, 64 hexadecimal digits.
///
/// @param workspace The workspace.
/// @param buf Receives the id, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
/// @param cap Bytes that `buf` has.
/// @param needed Receives the bytes needed, the NUL included; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_workspace_id(
    workspace: ll_workspace,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        put_text(buf, cap, needed, &handle::get::<WorkspaceHandle>(workspace)?.workspace.id().to_string())
    })
}

/// The name of a workspace.
///
/// @param workspace The workspace.
/// @param buf Receives the name, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
/// @param cap Bytes that `buf` has.
/// @param needed Receives the bytes needed, the NUL included; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_workspace_name(
    workspace: ll_workspace,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        put_text(buf, cap, needed, handle::get::<WorkspaceHandle>(workspace)?.workspace.name())
    })
}

/// Lists the filespaces of a workspace, by name; also those for which this account has no grant.
///
/// @param workspace The workspace.
/// @param list Receives the list.
/// @param err Detail of a failure, or NULL.
/// Ownership: free it with ll_filespaces_free
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_workspace_list_filespaces(
    workspace: ll_workspace,
    list: *mut ll_filespaces,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(list, "list")?;
        let found = handle::get::<WorkspaceHandle>(workspace)?.workspace.filespaces()?;
        put(list, "list", filespaces(found)?)
    })
}

/// Lists the filespaces that the workspace's daemon has linked.
///
/// @param workspace The workspace.
/// @param list Receives the list.
/// @param err Detail of a failure, or NULL.
/// Ownership: free it with ll_filespaces_free
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_workspace_linked_filespaces(
    workspace: ll_workspace,
    list: *mut ll_filespaces,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(list, "list")?;
        let linked = handle::get::<WorkspaceHandle>(workspace)?.daemon.0.linked();
        put(list, "list", filespaces(linked.iter().map(|f| f.info().clone()).collect())?)
    })
}

/// How many entries a list has.
///
/// @param list The list.
/// @param count Receives the number.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespaces_count(
    list: ll_filespaces,
    count: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(count, "count")?;
        put(count, "count", handle::get::<FilespacesHandle>(list)?.0.len())
    })
}

/// An entry of a list.
///
/// @param list The list.
/// @param index From 0 on.
/// @param info Receives the entry; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Ownership: the strings belong to the list: they are there until ll_filespaces_free
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespaces_get(
    list: ll_filespaces,
    index: usize,
    info: *mut ll_filespace_info,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        check_out(info, "info")?;
        let list = handle::get::<FilespacesHandle>(list)?;
        let Some((filespace, id, name)) = list.0.get(index) else {
            return Err(Error::new(
                Status::InvalidArgument,
                format!("index: the list has {} entries", list.0.len()),
            ));
        };
        put_struct(
            info,
            ll_filespace_info {
                struct_size: 0,
                accessible: filespace.accessible.into(),
                created_ns: filespace.created,
                id: id.as_ptr(),
                name: name.as_ptr(),
            },
        );
        Ok(())
    })
}

/// Frees a list of filespaces. Never blocks on log or store and never fails; a handle that is 0 or
/// already freed is ignored.
///
/// @param handle The handle.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespaces_free(handle: ll_filespaces) {
    quiet(|| {
        let _ = handle::remove::<FilespacesHandle>(handle);
    });
}

/// Sets the size of a filespace info and zeroes the rest, for languages that cannot use
/// LL_FILESPACE_INFO_INIT.
///
/// @param info The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_info_init(info: *mut ll_filespace_info) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(info) }
}

/// Sets the size of link options and zeroes the rest, for languages that cannot use LL_LINK_OPTIONS_INIT.
///
/// @param options The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_link_options_init(options: *mut ll_link_options) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(options) }
}

/// Links a filespace: from now on its files can be used. Several can be linked at once, and snapshots beside them; the
/// same one twice, with the same options, is the same link under another handle. Links are not counted: one
/// ll_filespace_unlink ends it for all of its handles.
///
/// @param workspace The workspace.
/// @param options Which one, and how.
/// @param filespace Receives the handle.
/// @param err Detail of a failure, or NULL.
/// Ownership: end it with ll_filespace_unlink, then ll_filespace_free; it goes with its daemon
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_FOUND (also the snapshot), LL_ERR_ACCESS_DENIED (no
/// grant), LL_ERR_INVALID_PATH and LL_ERR_NOT_A_DIRECTORY (root_path), LL_ERR_UNSUPPORTED_OPTION,
/// LL_ERR_FILESPACE_DELETED, LL_ERR_LOG_ROLLED_BACK (at_least), LL_ERR_INTEGRITY. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_workspace_link_filespace(
    workspace: ll_workspace,
    options: *const ll_link_options,
    filespace: *mut ll_filespace,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(filespace, "filespace")?;
        let opened = handle::get::<WorkspaceHandle>(workspace)?;
        let options = read_options(options, "options")?;
        let name = optional_text(options.name, "name")?;
        let id = optional_text(options.id, "id")?;
        let root = optional_text(options.root_path, "root_path")?.unwrap_or("/");
        let root = Path::parse(root).map_err(|error| error.about("root_path"))?;
        let sync_mode = match options.sync_mode {
            LL_SYNC_ALL => SyncMode::All,
            LL_SYNC_NONE => SyncMode::None,
            _ => return Err(unknown_option("sync_mode")),
        };
        let preset = match options.consistency {
            LL_CONSISTENCY_STRICT => LinkRequest::strict(),
            LL_CONSISTENCY_RELAXED => LinkRequest::relaxed(),
            _ => return Err(unknown_option("consistency")),
        };
        let commit = match options.commit {
            0 => preset.commit,
            LL_COMMIT_WAIT => CommitMode::Wait,
            LL_COMMIT_BACKGROUND => CommitMode::Background,
            _ => return Err(unknown_option("commit")),
        };
        let max_staleness = match options.max_staleness_ms {
            0 => preset.max_staleness,
            LL_NEVER_STALE => Duration::ZERO,
            ms => Duration::from_millis(ms.into()),
        };
        let at_least = optional_text(options.at_least, "at_least")?.map(str::parse).transpose();
        let at_least = at_least.map_err(|error: Error| error.about("at_least"))?;
        let id = match (name, id) {
            (Some(name), None) => opened.workspace.filespace_named(name)?.id,
            (None, Some(id)) => LogId::from_hex(id).ok_or_else(|| {
                Error::new(Status::InvalidArgument, "id: it is not 64 lower-case hexadecimal digits")
            })?,
            _ => return Err(Error::new(Status::InvalidArgument, "options: give exactly one of name and id")),
        };
        let read_only = options.read_only != 0;
        let snapshot = None;
        let request = LinkRequest { root, sync_mode, read_only, snapshot, commit, max_staleness, at_least };
        let request = match optional_text(options.snapshot, "snapshot")? {
            Some(name) => request.snapshot(name.to_owned()),
            None => request,
        };
        let linked = opened.daemon.0.link(&opened.workspace, id, request)?;
        put(filespace, "filespace", handle::insert(Arc::new(FilespaceHandle(linked)), opened.daemon_handle)?)
    })
}

/// Frees a workspace; filespaces linked through it stay linked. Never blocks on log or store and never
/// fails; a handle that is 0 or already freed is ignored.
///
/// @param handle The handle.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_workspace_free(handle: ll_workspace) {
    quiet(|| {
        let _ = handle::remove::<WorkspaceHandle>(handle);
    });
}

fn unknown_option(name: &str) -> Error {
    let what = format!("options: {name} is not one that this version knows");
    Error::new(Status::UnsupportedOption, what)
}

fn filespaces(found: Vec<FilespaceInfo>) -> Result<u64> {
    let c = |text: String| CString::new(text).unwrap_or_default();
    let list = found.into_iter().map(|f| (f.clone(), c(f.id.to_string()), c(f.name))).collect();
    handle::insert(Arc::new(FilespacesHandle(list)), 0)
}

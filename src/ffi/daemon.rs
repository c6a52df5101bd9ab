//! The daemon: start before anything else, stop at the end.

use std::ffi::c_char;
use std::path::PathBuf;
use std::sync::Arc;

use super::config::{ConfigHandle, ll_config};
use super::error::ll_error;
use super::guard::{guard, quiet};
use super::handle::{self, HandleKind, Object};
use super::status::ll_status;
use super::structs::{Sized32, check_out, init, put_struct, read_options};
use super::text::{clear, optional_text, put, put_text, text};
use super::workspace::{WorkspaceHandle, ll_workspace};
use crate::crypto::token::Token;
use crate::daemon::Daemon;
use crate::daemon::config::Config;
use crate::daemon::storage::StorageMode;
use crate::env::Env;
use crate::error::{Error, Result, Status};

/// A daemon. 0 is no handle. @since 0.1.0
pub type ll_daemon = u64;

pub(super) struct DaemonHandle(pub(super) Daemon);

impl Object for DaemonHandle {
    const KIND: HandleKind = HandleKind::Daemon;
    const NAME: &'static str = "daemon";
}

/// A temporary folder, always removed.
pub const LL_STORAGE_SANDBOXED: u32 = 0;
/// The folder .lucid under a root, removed at stop unless persist_on_exit is set or a journal in it holds what the log does not have.
pub const LL_STORAGE_PHYSICAL: u32 = 1;

/// Where a daemon keeps what it keeps on the local disk. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_storage_options {
    /// sizeof(ll_storage_options), set by the caller.
    pub struct_size: u32,
    /// LL_STORAGE_SANDBOXED or LL_STORAGE_PHYSICAL.
    pub mode: u32,
    /// LL_STORAGE_PHYSICAL: not 0 keeps the folder after stop.
    pub persist_on_exit: u32,
    /// 0.
    pub reserved: u32,
    /// LL_STORAGE_PHYSICAL: the folder that gets .lucid; NULL for the working directory.
    pub root_path: *const c_char,
}

/// What a daemon does at the moment. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_daemon_state {
    /// sizeof(ll_daemon_state), set by the caller.
    pub struct_size: u32,
    /// 1 if it was started and not stopped.
    pub running: u32,
    /// 1 if a workspace is open.
    pub authenticated: u32,
    /// How many filespaces are linked.
    pub linked: u32,
}

/// What a daemon has done and holds. The first counters, up to `cache_misses`, only grow, and so do those of the
/// cache on disk (`fs.cache.size`) but its bytes. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_metrics {
    /// sizeof(ll_metrics), set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Calls that looked at the state.
    pub looks: u64,
    /// Calls that changed something.
    pub changes: u64,
    /// Commits of this daemon's sessions: less than `changes` where calls share one.
    pub commits: u64,
    /// Requests to append to a log.
    pub log_appends: u64,
    /// Requests for commits of a log.
    pub log_reads: u64,
    /// Bytes of commits read from logs.
    pub log_read_bytes: u64,
    /// Objects stored.
    pub store_puts: u64,
    /// Bytes of objects stored.
    pub store_put_bytes: u64,
    /// Requests for objects or ranges of them.
    pub store_gets: u64,
    /// Bytes of objects read.
    pub store_get_bytes: u64,
    /// Blocks of files that were in memory.
    pub cache_hits: u64,
    /// Blocks of files that were fetched.
    pub cache_misses: u64,
    /// Filespaces linked now.
    pub linked: u64,
    /// Changes that were acknowledged in relaxed mode and are not committed yet.
    pub pending: u64,
    /// Late failures that were not acknowledged.
    pub late_failures: u64,
    /// Bytes of the block cache of this process now.
    pub cache_bytes: u64,
    /// Bytes of the memory limit that are set apart for data on its way.
    pub reserved_bytes: u64,
    /// The memory limit of this process, in bytes.
    pub memory_limit: u64,
    /// Ranges of packs that were in the cache on disk.
    pub disk_cache_hits: u64,
    /// Ranges of packs that were not in the cache on disk, while there is one.
    pub disk_cache_misses: u64,
    /// Failures of the cache on disk, and ranges in it that were damaged. No read fails because of them.
    pub disk_cache_failures: u64,
    /// Bytes of the cache on disk now.
    pub disk_cache_bytes: u64,
}

// SAFETY: integers and raw pointers, the size first.
unsafe impl Sized32 for ll_storage_options {}
// SAFETY: integers, the size first.
unsafe impl Sized32 for ll_metrics {}
// SAFETY: integers, the size first.
unsafe impl Sized32 for ll_daemon_state {}

fn storage(options: &ll_storage_options, root: Option<&str>, config: &Config) -> Result<StorageMode> {
    match options.mode {
        LL_STORAGE_SANDBOXED if root.is_some() || options.persist_on_exit != 0 => {
            let what = "options: root_path and persist_on_exit need LL_STORAGE_PHYSICAL";
            Err(Error::new(Status::InvalidArgument, what))
        }
        LL_STORAGE_SANDBOXED => Ok(StorageMode::Sandboxed { parent: config.cache_location() }),
        LL_STORAGE_PHYSICAL => {
            let working = || {
                std::env::current_dir()
                    .map_err(|e| Error::new(Status::Io, "no working directory").caused_by(e))
            };
            let root = root.map_or_else(working, |root| Ok(PathBuf::from(root)))?;
            Ok(StorageMode::Physical { root, persist: options.persist_on_exit != 0 })
        }
        _ => Err(Error::new(Status::UnsupportedOption, "options: mode is not one that this version knows")),
    }
}

/// Makes a daemon that is not running.
///
/// @param config Settings, which are copied; 0 for the defaults.
/// @param options Local storage; NULL for a temporary folder.
/// @param daemon Receives the handle.
/// @param err Detail of a failure, or NULL.
/// Ownership: free it with ll_daemon_free
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_daemon_new(
    config: ll_config,
    options: *const ll_storage_options,
    daemon: *mut ll_daemon,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(daemon, "daemon")?;
        let config = match config {
            0 => Config::default(),
            config => handle::get::<ConfigHandle>(config)?.0.lock().clone(),
        };
        let options = read_options(options, "options")?;
        let mode = storage(&options, optional_text(options.root_path, "root_path")?, &config)?;
        let made = DaemonHandle(Daemon::new(config, mode, Env::system()));
        put(daemon, "daemon", handle::insert(Arc::new(made), 0)?)
    })
}

/// Sets the size of storage options and zeroes the rest, for languages that cannot use
/// LL_STORAGE_OPTIONS_INIT.
///
/// @param options The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_storage_options_init(options: *mut ll_storage_options) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(options) }
}

/// Starts a daemon: takes its local storage and starts its threads. Again on a running daemon: nothing
/// happens. One daemon of a process runs at a time unless daemon.allow_multiple is true.
///
/// @param daemon The daemon.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: on local files only.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_DAEMON_ACTIVE, LL_ERR_STORAGE_BUSY, LL_ERR_IO. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_daemon_start(daemon: ll_daemon, err: *mut ll_error) -> ll_status {
    guard(0, err, || handle::get::<DaemonHandle>(daemon)?.0.start())
}

/// Stops a daemon: unlinks its filespaces, with the final sync that their sync mode asks for, cleans up
/// its storage, ends its threads. Handles of its workspaces, filespaces and files are invalid afterwards.
/// The first failure of a sync is returned after all that. Again: nothing happens.
///
/// @param daemon The daemon.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: for one filespace after the other as long as ll_filespace_unlink, which is four times
/// network.timeout at most; then up to 10 seconds for its threads.
/// Errors: LL_ERR_INVALID_HANDLE, what a sync can fail with. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_daemon_stop(daemon: ll_daemon, err: *mut ll_error) -> ll_status {
    guard(0, err, || {
        let object = handle::get::<DaemonHandle>(daemon)?;
        let stopped = object.0.stop();
        handle::remove_children(daemon);
        stopped
    })
}

/// Whether a daemon runs.
///
/// @param daemon The daemon.
/// @param running Receives 1 or 0.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_daemon_is_running(
    daemon: ll_daemon,
    running: *mut i32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(running, "running")?;
        put(running, "running", i32::from(handle::get::<DaemonHandle>(daemon)?.0.is_running()))
    })
}

/// What a daemon does at the moment.
///
/// @param daemon The daemon.
/// @param state Receives it; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_daemon_status(
    daemon: ll_daemon,
    state: *mut ll_daemon_state,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        check_out(state, "state")?;
        let status = handle::get::<DaemonHandle>(daemon)?.0.status();
        put_struct(
            state,
            ll_daemon_state {
                struct_size: 0,
                running: status.running.into(),
                authenticated: status.authenticated.into(),
                linked: status.linked as u32,
            },
        );
        Ok(())
    })
}

/// Sets the size of a daemon state and zeroes the rest, for languages that cannot use
/// LL_DAEMON_STATE_INIT.
///
/// @param state The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_daemon_state_init(state: *mut ll_daemon_state) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(state) }
}

/// The folder of a running daemon's local storage.
///
/// @param daemon The daemon.
/// @param buf Receives the path, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
/// @param cap Bytes that `buf` has.
/// @param needed Receives the bytes needed, the NUL included; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_DAEMON_NOT_RUNNING, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_daemon_root_path(
    daemon: ll_daemon,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        let status = handle::get::<DaemonHandle>(daemon)?.0.status();
        let root = status.root.ok_or_else(|| {
            Error::new(Status::DaemonNotRunning, "the daemon is not running; start it first")
        })?;
        put_text(buf, cap, needed, &root.to_string_lossy())
    })
}

/// What a daemon has done since it was made, and what it holds at the moment.
///
/// @param daemon The daemon.
/// @param metrics Receives it; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_daemon_metrics(
    daemon: ll_daemon,
    metrics: *mut ll_metrics,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        check_out(metrics, "metrics")?;
        let reading = handle::get::<DaemonHandle>(daemon)?.0.metrics();
        put_struct(
            metrics,
            ll_metrics {
                struct_size: 0,
                reserved: 0,
                looks: reading.looks,
                changes: reading.changes,
                commits: reading.commits,
                log_appends: reading.log_appends,
                log_reads: reading.log_reads,
                log_read_bytes: reading.log_read_bytes,
                store_puts: reading.store_puts,
                store_put_bytes: reading.store_put_bytes,
                store_gets: reading.store_gets,
                store_get_bytes: reading.store_get_bytes,
                cache_hits: reading.cache_hits,
                cache_misses: reading.cache_misses,
                linked: reading.linked,
                pending: reading.pending,
                late_failures: reading.late_failures,
                cache_bytes: reading.cache_bytes,
                reserved_bytes: reading.reserved_bytes,
                memory_limit: reading.memory_limit,
                disk_cache_hits: reading.disk_cache_hits,
                disk_cache_misses: reading.disk_cache_misses,
                disk_cache_failures: reading.disk_cache_failures,
                disk_cache_bytes: reading.disk_cache_bytes,
            },
        );
        Ok(())
    })
}

/// The same in the text format of Prometheus: metrics called lucidlink_..., one value each.
///
/// @param daemon The daemon.
/// @param buf Receives the text, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0. 8192 bytes are enough.
/// @param cap Bytes that `buf` has.
/// @param needed Receives the bytes needed, the NUL included; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_daemon_metrics_text(
    daemon: ll_daemon,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        put_text(buf, cap, needed, &handle::get::<DaemonHandle>(daemon)?.0.metrics().to_prometheus())
    })
}

/// Sets the size of metrics and zeroes the rest, for languages that cannot use LL_METRICS_INIT.
///
/// @param metrics The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_metrics_init(metrics: *mut ll_metrics) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(metrics) }
}

/// Opens the configured workspace (workspace.url) with a service-account token. Nothing is stored, and
/// nothing but the workspace is asked.
///
/// @param daemon A running daemon.
/// @param token The token: `sa_live:<key id>:<secret>`. It appears in no message.
/// @param workspace Receives the handle.
/// @param err Detail of a failure, or NULL.
/// Ownership: free it with ll_workspace_free; it goes with its daemon
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_DAEMON_NOT_RUNNING, LL_ERR_INVALID_TOKEN (malformed),
/// LL_ERR_AUTHENTICATION (unknown, revoked or expired: the message says which), LL_ERR_NOT_FOUND (no
/// workspace there), LL_ERR_STORE_UNSUITABLE (an earlier version made it, or it is on a network file system),
/// LL_ERR_INTEGRITY. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_authenticate(
    daemon: ll_daemon,
    token: *const c_char,
    workspace: *mut ll_workspace,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(workspace, "workspace")?;
        let object = handle::get::<DaemonHandle>(daemon)?;
        if !object.0.is_running() {
            return Err(Error::new(Status::DaemonNotRunning, "the daemon is not running; start it first"));
        }
        let token = Token::parse(text(token, "token")?)?;
        let opened = object.0.authenticate(&token)?;
        let opened = WorkspaceHandle { daemon: object, daemon_handle: daemon, workspace: opened };
        put(workspace, "workspace", handle::insert(Arc::new(opened), daemon)?)
    })
}

/// Frees a daemon. One that runs ends without the final sync: what was not published is dropped; call
/// ll_daemon_stop first. Never blocks on log or store and never fails.
///
/// @param handle The handle; 0 or one already freed is ignored.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_daemon_free(handle: ll_daemon) {
    quiet(|| {
        let _ = handle::remove::<DaemonHandle>(handle);
    });
}

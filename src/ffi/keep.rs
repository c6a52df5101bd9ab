//! What keeps a filespace in order.

use std::time::Duration;

use super::error::ll_error;
use super::filespace::{filespace as linked, ll_filespace};
use super::guard::guard;
use super::status::ll_status;
use super::structs::{Sized32, check_out, init, put_struct, read_options};

/// ll_gc_options: what is dead is not kept at all.
pub const LL_GC_NO_GRACE: u64 = u64::MAX;

/// What is collected. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_gc_options {
    /// sizeof(ll_gc_options), set by the caller.
    pub struct_size: u32,
    /// Not 0: nothing is deleted, only counted.
    pub dry_run: u32,
    /// How long what is dead is kept, in seconds; 0: as gc.grace says; LL_GC_NO_GRACE: not at all. Who reads a version of
    /// a file that was changed longer ago gets LL_ERR_STALE.
    pub grace_seconds: u64,
}

/// What was deleted, or would be. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_gc_report {
    /// sizeof(ll_gc_report), set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Packs without a byte that a file refers to.
    pub dead_packs: u64,
    /// Their bytes.
    pub dead_bytes: u64,
    /// Such packs that stay for now, because they died too short a time ago.
    pub waiting_packs: u64,
    /// Such packs that stay because a snapshot may have them.
    pub pinned_packs: u64,
    /// Packs that were stored and never committed, by sessions that are closed, 30 days ago or longer.
    pub orphans: u64,
    /// Files of a folder that somebody began to write, a day ago or longer, and never ended.
    pub unfinished: u64,
}

// SAFETY: integers, the size first.
unsafe impl Sized32 for ll_gc_options {}
// SAFETY: integers, the size first.
unsafe impl Sized32 for ll_gc_report {}

/// Writes a checkpoint of what the log has now, from which newcomers start. Links that write do so in the background
/// when there is much behind the last one; by hand it is of use before a backup, or when a long wait is over.
///
/// @param filespace The filespace.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, each request at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_checkpoint(filespace: ll_filespace, err: *mut ll_error) -> ll_status {
    guard(filespace, err, || linked(filespace)?.0.fs().link().checkpoint())
}

/// Deletes what nobody can read any more: packs of content whose last byte was overwritten, cut or deleted longer ago
/// than the grace, and what writers that died have left. How long ago that was, the store's clock says: a first call
/// leaves a mark, and one that comes when the grace is over deletes. Others may read and write meanwhile. Ended at any
/// point, it is taken up by the next one. A dry run needs no more than a reader's role, and works on read-only links too.
///
/// @param filespace The filespace.
/// @param options What, or NULL.
/// @param report Receives what was deleted; set its struct_size.
/// @param err Detail of a failure, or NULL. What was deleted before it stays deleted.
/// Threads: any. Blocking: until log and store answer, each request at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_UNSUPPORTED_OPTION, LL_ERR_NOT_LINKED,
/// LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_gc(
    filespace: ll_filespace,
    options: *const ll_gc_options,
    report: *mut ll_gc_report,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        check_out(report, "report")?;
        let options = read_options(options, "options")?;
        let filespace = linked(filespace)?;
        let link = filespace.0.fs().link();
        let grace = match options.grace_seconds {
            0 => link.grace(),
            LL_GC_NO_GRACE => Duration::ZERO,
            seconds => Duration::from_secs(seconds),
        };
        let collected = link.collect(options.dry_run != 0, grace)?;
        put_struct(
            report,
            ll_gc_report {
                struct_size: 0,
                reserved: 0,
                dead_packs: collected.dead,
                dead_bytes: collected.dead_bytes,
                waiting_packs: collected.waiting,
                pinned_packs: collected.pinned,
                orphans: collected.orphans,
                unfinished: collected.unfinished,
            },
        );
        Ok(())
    })
}

/// Sets the size of options and zeroes the rest, for languages that cannot use LL_GC_OPTIONS_INIT.
///
/// @param options The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_gc_options_init(options: *mut ll_gc_options) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(options) }
}

/// Sets the size of a report and zeroes the rest, for languages that cannot use LL_GC_REPORT_INIT.
///
/// @param report The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_gc_report_init(report: *mut ll_gc_report) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(report) }
}

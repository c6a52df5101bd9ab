//! Checking a filespace as a whole.

use std::ffi::{CString, c_char};
use std::sync::Arc;

use super::error::ll_error;
use super::filespace::{filespace as linked, ll_filespace};
use super::guard::{guard, quiet};
use super::handle::{self, HandleKind, Object};
use super::status::ll_status;
use super::structs::{Sized32, check_out, init, put_struct, read_options};
use super::text::{clear, put};
use crate::error::{Error, Status};

/// What a check has found. 0 is no handle. @since 0.1.0
pub type ll_findings = u64;

struct FindingsHandle(Vec<Found>);

struct Found {
    offset: u64,
    length: u64,
    path: CString,
    object: CString,
    message: CString,
}

impl Object for FindingsHandle {
    const KIND: HandleKind = HandleKind::Findings;
    const NAME: &'static str = "list";
}

/// How a filespace is checked. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_fsck_options {
    /// sizeof(ll_fsck_options), set by the caller.
    pub struct_size: u32,
    /// Not 0: content is not read, only what says where it is.
    pub quick: u32,
}

/// What was checked. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_fsck_report {
    /// sizeof(ll_fsck_report), set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// The position at which the filespace was checked.
    pub position: u64,
    /// Slots of the log that were read, verified and applied.
    pub slots: u64,
    /// Those of them that have no effect: most often a commit that was offered twice.
    pub void_slots: u64,
    /// Checkpoints that were compared with the log.
    pub checkpoints: u64,
    /// Files, directories and symbolic links, the root included.
    pub entries: u64,
    /// Ranges of files that were looked for in their packs.
    pub extents: u64,
    /// Packs, and commits with content in them.
    pub packs: u64,
    /// Blocks of content that were opened; 0 if it was quick.
    pub blocks: u64,
    /// How much was found; beyond 10000 it is only counted, not listed. 0: all is well.
    pub findings: u64,
}

/// Something that is wrong. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_finding {
    /// sizeof(ll_finding), set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Where in the file the bytes start that cannot be read.
    pub offset: u64,
    /// How many they are; 0 if no file is concerned.
    pub length: u64,
    /// The path of the file, from the root of the filespace, whatever the link's root is; empty if no file is
    /// concerned, or one that was deleted and waits to be freed. A file with several names is found under each. Belongs
    /// to the list.
    pub path: *const c_char,
    /// The object that is damaged: its key in the store, "slot" and the number of a slot of the log, "log", "state" or
    /// "counters". Belongs to the list.
    pub object: *const c_char,
    /// What is wrong with it; belongs to the list.
    pub message: *const c_char,
}

// SAFETY: integers, the size first.
unsafe impl Sized32 for ll_fsck_options {}
// SAFETY: integers, the size first.
unsafe impl Sized32 for ll_fsck_report {}
// SAFETY: integers and raw pointers, the size first.
unsafe impl Sized32 for ll_finding {}

/// Checks a filespace as a whole, as it was committed when the call began, or what a snapshot has, if that is linked: the
/// log with every signature, the state that it gives, checkpoints, counters, packs and their blocks, and each range of a
/// file. What is damaged does not stop it: it is a finding, with the files concerned. Nothing is changed; others may read
/// and write meanwhile. It reads all that is stored, so it takes as long as that; memory does not grow with it, but for
/// what changed between two checkpoints. In a folder a file that was removed is still there for a process that has it
/// open: a check by another one sees that.
///
/// @param filespace The filespace.
/// @param options How, or NULL.
/// @param report Receives what was checked; set its struct_size.
/// @param findings Receives what is wrong, in no order; empty if all is well.
/// @param err Detail of a failure, or NULL. That something is damaged is none.
/// Ownership: free the list with ll_findings_free
/// Threads: any. Blocking: until all is read; each request at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_UNSUPPORTED_OPTION, LL_ERR_NOT_LINKED. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_fsck(
    filespace: ll_filespace,
    options: *const ll_fsck_options,
    report: *mut ll_fsck_report,
    findings: *mut ll_findings,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        clear(findings, "findings")?;
        check_out(report, "report")?;
        let options = read_options(options, "options")?;
        let checkup = linked(filespace)?.0.fs().link().fsck(options.quick != 0)?;
        let count = checkup.findings.len() as u64 + checkup.unlisted;
        let c = |text: String| CString::new(text).unwrap_or_default();
        let list = checkup.findings.into_iter().map(|finding| Found {
            offset: finding.offset,
            length: finding.length,
            path: c(finding.path),
            object: c(finding.object),
            message: c(finding.what),
        });
        put(findings, "findings", handle::insert(Arc::new(FindingsHandle(list.collect())), 0)?)?;
        put_struct(
            report,
            ll_fsck_report {
                struct_size: 0,
                reserved: 0,
                position: checkup.position.0,
                slots: checkup.slots,
                void_slots: checkup.void_slots,
                checkpoints: checkup.checkpoints,
                entries: checkup.entries,
                extents: checkup.extents,
                packs: checkup.packs,
                blocks: checkup.blocks,
                findings: count,
            },
        );
        Ok(())
    })
}

/// How many findings a list has.
///
/// @param findings The list.
/// @param count Receives the number.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_findings_count(
    findings: ll_findings,
    count: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(count, "count")?;
        put(count, "count", handle::get::<FindingsHandle>(findings)?.0.len())
    })
}

/// A finding of a list.
///
/// @param findings The list.
/// @param index From 0 on.
/// @param finding Receives it; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Ownership: its texts belong to the list
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_findings_get(
    findings: ll_findings,
    index: usize,
    finding: *mut ll_finding,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        check_out(finding, "finding")?;
        let list = handle::get::<FindingsHandle>(findings)?;
        let Some(Found { offset, length, path, object, message }) = list.0.get(index) else {
            let what = format!("index: the list has {} findings", list.0.len());
            return Err(Error::new(Status::InvalidArgument, what));
        };
        let (path, object, message) = (path.as_ptr(), object.as_ptr(), message.as_ptr());
        let (offset, length) = (*offset, *length);
        put_struct(
            finding,
            ll_finding { struct_size: 0, reserved: 0, offset, length, path, object, message },
        );
        Ok(())
    })
}

/// Sets the size of options and zeroes the rest, for languages that cannot use LL_FSCK_OPTIONS_INIT.
///
/// @param options The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fsck_options_init(options: *mut ll_fsck_options) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(options) }
}

/// Sets the size of a report and zeroes the rest, for languages that cannot use LL_FSCK_REPORT_INIT.
///
/// @param report The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_fsck_report_init(report: *mut ll_fsck_report) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(report) }
}

/// Sets the size of a finding and zeroes the rest, for languages that cannot use LL_FINDING_INIT.
///
/// @param finding The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_finding_init(finding: *mut ll_finding) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(finding) }
}

/// Frees a list of findings. Never blocks on log or store and never fails; a handle that is 0 or already freed is
/// ignored.
///
/// @param handle The handle.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_findings_free(handle: ll_findings) {
    quiet(|| {
        let _ = handle::remove::<FindingsHandle>(handle);
    });
}

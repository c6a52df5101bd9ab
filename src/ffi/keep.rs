//! What keeps a filespace in order.

use super::error::ll_error;
use super::filespace::{filespace as linked, ll_filespace};
use super::guard::guard;
use super::status::ll_status;

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

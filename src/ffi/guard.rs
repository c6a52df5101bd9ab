//! What stands between the host and us: a panic becomes a status and poisons the link concerned, a forked
//! child gets an error, nothing is printed.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::{self, ll_error};
use super::file::FileHandle;
use super::filespace::FilespaceHandle;
use super::handle;
use super::status::ll_status;
use crate::error::{Error, Result, Status};
use crate::report;

static FORKED: AtomicBool = AtomicBool::new(false);
static INSTALL: Once = Once::new();

thread_local! {
    static IN_CALL: Cell<bool> = const { Cell::new(false) };
}

/// Runs the body of an exported function. `subject` is the handle that the call is about (0: none).
pub(super) fn guard(subject: u64, err: *mut ll_error, body: impl FnOnce() -> Result<()>) -> ll_status {
    match run(subject, body) {
        Ok(()) => Status::Ok.code(),
        Err(error) => {
            error::report(&error, err);
            error.status().code()
        }
    }
}

/// Runs the body of a function that cannot fail, such as a `free`. In a forked child nothing happens:
/// what the parent's threads held locked stays locked there.
pub(super) fn quiet(body: impl FnOnce()) {
    let _ = run(0, || {
        body();
        Ok(())
    });
}

fn run(subject: u64, body: impl FnOnce() -> Result<()>) -> Result<()> {
    INSTALL.call_once(install);
    if FORKED.load(Ordering::Relaxed) {
        let what = "the process was forked; start a daemon in the child before anything else, or exec";
        return Err(Error::new(Status::Forked, what));
    }
    let before = IN_CALL.replace(true);
    let result = catch_unwind(AssertUnwindSafe(body));
    IN_CALL.set(before);
    result.unwrap_or_else(|_| {
        poison(subject);
        Err(Error::new(Status::Panic, "an internal failure was caught; please report it with the log"))
    })
}

/// The link may have been in the middle of a change.
fn poison(subject: u64) {
    if let Some(filespace) = handle::peek::<FilespaceHandle>(subject) {
        filespace.0.fs().link().poison();
    }
    if let Some(file) = handle::peek::<FileHandle>(subject) {
        file.0.link().poison();
    }
}

fn install() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let own = IN_CALL.get() || std::thread::current().name().is_some_and(|n| n.starts_with("lucidlink"));
        match own {
            true => report::record(report::Level::Error, || format!("internal failure: {info}")),
            false => previous(info),
        }
    }));
    extern "C" fn child() {
        FORKED.store(true, Ordering::Relaxed);
    }
    // SAFETY: the handler only stores to an atomic, which is allowed between fork and exec.
    unsafe { libc::pthread_atfork(None, None, Some(child)) };
}

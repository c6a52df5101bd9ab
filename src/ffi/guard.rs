//! What stands between the host and us: a panic becomes a status and poisons the link concerned, a forked
//! child gets an error, nothing is printed.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use super::batch::BatchHandle;
use super::dir::DirHandle;
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
        let what = "the process was forked after the library was used; exec, or fork before its first use";
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
    if let Some(batch) = handle::peek::<BatchHandle>(subject) {
        // Its own lock may be held by the panic that is under way in another call.
        if let Some(batch) = batch.0.try_lock() {
            batch.link().poison();
        }
    }
    if let Some(dir) = handle::peek::<DirHandle>(subject) {
        dir.directory.link().poison();
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::daemon::Daemon;
    use crate::daemon::config::Config;
    use crate::daemon::filespace::LinkRequest;
    use crate::daemon::storage::StorageMode;
    use crate::env::Env;
    use crate::fs::{Mode, Path};
    use crate::workspace::{Location, Workspace};

    #[test]
    fn a_panic_becomes_a_status_and_poisons_the_link_of_its_subject() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::from(folder.path().join("ws"));
        let token = Workspace::create(&location, "studio", &Env::system(), Duration::from_secs(9)).unwrap();
        let mut config = Config::default();
        config.set("daemon.allow_multiple", "true").unwrap();
        config.set("workspace.url", &location.to_string()).unwrap();
        let storage = StorageMode::Sandboxed { parent: folder.path().to_owned() };
        let daemon = Daemon::new(config, storage, Env::system());
        daemon.start().unwrap();
        let workspace = daemon.authenticate(&token).unwrap();
        let root = Path::parse("/").unwrap();
        let links = ["one", "two"].map(|name| {
            let id = workspace.create_filespace(name).unwrap().id;
            let request = LinkRequest { root: root.clone(), ..LinkRequest::strict() };
            daemon.link(&workspace, id, request).unwrap()
        });
        let open = |n: usize| {
            let file = links[n].fs().open(&Path::parse("/f").unwrap(), Mode::parse("w").unwrap(), 0o644);
            handle::insert(Arc::new(FileHandle(file.unwrap())), 0).unwrap()
        };
        let (file, other) = (open(0), open(1));
        let status = guard(file, std::ptr::null_mut(), || panic!("a bug"));
        assert_eq!(status, Status::Panic.code());
        let close =
            |file: u64| guard(file, std::ptr::null_mut(), || handle::remove::<FileHandle>(file)?.0.close());
        assert_eq!(close(file), Status::Poisoned.code());
        assert_eq!(links[0].fs().list_dir(&root).unwrap_err().status(), Status::Poisoned);
        assert_eq!(close(other), Status::Ok.code(), "other links go on");
        assert!(daemon.stop().is_err(), "what was open could not be published");
    }
}

//! Local files on their way to their final names: made beside it under another name, renamed when they are
//! whole, removed when they never will be, also by Ctrl-C.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::signal::{SigSet, Signal, raise};
use parking_lot::Mutex;
use tempfile::NamedTempFile;

/// Names that a signal removes.
static NAMES: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Something under a temporary name, removed when it is dropped.
pub(crate) struct Scratch<F> {
    made: NamedTempFile<F>,
    noted: Noted,
}

struct Noted(PathBuf);

impl Drop for Noted {
    fn drop(&mut self) {
        NAMES.lock().remove(&self.0);
    }
}

impl<F> Scratch<F> {
    /// Makes something new in a folder; `make` must refuse a name that is taken.
    pub(crate) fn new(folder: &Path, make: impl FnMut(&Path) -> io::Result<F>) -> io::Result<Scratch<F>> {
        // Locked while it is made: what a signal does not find is not there.
        let mut names = NAMES.lock();
        let made = tempfile::Builder::new().prefix(".lucidlink-").make_in(folder, make)?;
        names.insert(made.path().to_owned());
        let noted = Noted(made.path().to_owned());
        Ok(Scratch { made, noted })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.noted.0
    }

    pub(crate) fn content(&mut self) -> &mut F {
        self.made.as_file_mut()
    }

    /// Gives it its final name, in place of a file or symbolic link that has it.
    pub(crate) fn rename(self, name: &Path) -> io::Result<()> {
        self.made.persist(name).map(drop).map_err(|e| e.error)
    }
}

/// From now on, signals that end the process remove what has no final name yet. To be called before any
/// other thread is started.
pub(crate) fn remove_on_signals() {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // What whoever started the process wants ignored (a shell's job in the background) stays so.
        if !is_ignored(signal) {
            signals.add(signal);
        }
    }
    if signals.thread_block().is_err() {
        return;
    }
    std::thread::spawn(move || {
        let Ok(signal) = signals.wait() else { return };
        // Never unlocked: nothing more is made.
        let names = NAMES.lock();
        for name in names.iter() {
            // There is nobody to tell.
            let _ = std::fs::remove_file(name);
        }
        // The process ends as if the signal had not waited.
        let _ = signals.thread_unblock();
        let _ = raise(signal);
    });
}

/// Whether a signal is ignored, as Linux shows it; elsewhere it counts as not.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & 1 << (signal as i32 - 1) != 0
}

//! What the library has to say beside its results. It goes to the callback that the host has set, and
//! nowhere else: never to stdout, stderr or a global logger. When nobody listens it costs one relaxed load.

use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::RwLock;

/// How important a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Something failed that the library could not mend.
    Error = 1,
    /// Something failed and was mended, or will be tried again.
    Warn = 2,
    /// What happens at large.
    Info = 3,
    /// What happens in detail.
    Debug = 4,
}

/// Takes records; called on any thread, must not block.
pub type Sink = Box<dyn Fn(Level, &str) + Send + Sync>;

static LEVEL: AtomicU8 = AtomicU8::new(0);
static SINK: RwLock<Option<Sink>> = RwLock::new(None);

/// Sends records up to a level to a sink; none: to nobody. When it returns, the sink before is not in use
/// any more.
pub fn set_sink(level: Level, sink: Option<Sink>) {
    let mut current = SINK.write();
    LEVEL.store(if sink.is_some() { level as u8 } else { 0 }, Ordering::Relaxed);
    *current = sink;
}

/// Says something; the text is made only if somebody listens.
pub fn record(level: Level, text: impl FnOnce() -> String) {
    if level as u8 <= LEVEL.load(Ordering::Relaxed)
        && let Some(sink) = &*SINK.read()
    {
        sink(level, &text());
    }
}

/// Says that something went wrong and was survived.
pub fn warn(text: impl FnOnce() -> String) {
    record(Level::Warn, text);
}

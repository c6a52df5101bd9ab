//! Watching what happens, until somebody ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lucidlink::error::{Error, Status};
use lucidlink::filespace::watch::Told;
use lucidlink::filespace::{News, Watch as Watching};
use lucidlink::fs::FileSystem;
use lucidlink::state::events::Happened;
use lucidlink::state::value::Kind;
use lucidlink::workspace::Workspace;
use nix::sys::signal::{SigSet, Signal};
use serde_json::{Value, json};

use crate::args::{Common, Watch};
use crate::output::{Failure, Output, complain};
use crate::session::{Purpose, linked};

/// How soon an interrupt is noticed.
const LOOK: Duration = Duration::from_millis(200);

pub(crate) fn watch(common: &Common, watch: &Watch) -> Result<(), Failure> {
    if watch.at.snapshot.is_some() {
        return Err(Failure::Usage(format!("{}: nothing happens in a snapshot", watch.at)));
    }
    let interrupted = on_interrupt()?;
    linked(common, &watch.at.filespace, Purpose::Reading.request(), |workspace, fs| {
        follow(common, watch, workspace, fs, &interrupted)
    })
}

/// Becomes true when the process is asked to end; it goes on until then. Set up before there is any other thread, for
/// these take over which signals are blocked.
fn on_interrupt() -> Result<Arc<AtomicBool>, Failure> {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
    let failed = |e| Error::new(Status::Io, "cannot wait for signals").caused_by(e);
    signals.thread_block().map_err(failed)?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let noted = interrupted.clone();
    std::thread::spawn(move || {
        let _ = signals.wait();
        noted.store(true, Ordering::Release);
    });
    Ok(interrupted)
}

fn follow(
    common: &Common,
    watch: &Watch,
    workspace: &Workspace,
    fs: &Arc<FileSystem>,
    interrupted: &AtomicBool,
) -> Result<(), Failure> {
    let watching = fs.watch(&watch.at.path, watch.from, false)?;
    let mut out = Output::new();
    if common.json {
        out.json(&json!({"kind": "start", "resume": watching.position().to_string()}))?;
    }
    out.flush()?;
    while !interrupted.load(Ordering::Acquire) {
        match watching.next(1, Instant::now() + LOOK) {
            Ok(news) => {
                for news in &news {
                    print(common, workspace, &watching, news, &mut out)?;
                }
            }
            Err(error) if error.status().is_retryable() => {
                complain(common.json, error.status(), &error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    out.finish()
}

fn print(
    common: &Common,
    workspace: &Workspace,
    watching: &Watching,
    news: &News,
    out: &mut Output,
) -> Result<(), Failure> {
    match news {
        News::Event(told) if common.json => {
            let mut object = fields(told, &workspace.called_account(told.author));
            object["resume"] = watching.position().to_string().into();
            out.json(&object)?;
        }
        News::Event(told) => {
            let (event, author) = (&told.event, out.name(&workspace.called_account(told.author)));
            let known = |path: &str| if path.is_empty() { "?".to_owned() } else { out.name(path) };
            let (from, path) = (known(&event.from), known(&event.path));
            let paths = if event.happened == Happened::Moved { format!("{from} -> {path}") } else { path };
            out.line(&format!("{} {} {author} {paths}", told.at, word(event.happened)))?;
        }
        News::Overflow(position) if common.json => {
            out.json(
                &json!({"kind": "overflow", "position": position.seq.0, "resume": position.to_string()}),
            )?;
        }
        News::Overflow(position) => out.line(&format!("{} overflow", position.seq))?,
    }
    out.flush()
}

fn fields(told: &Told, author: &str) -> Value {
    let event = &told.event;
    let mut object = json!({
        "kind": word(event.happened),
        "position": told.at.0,
        "index": told.index,
        "author": author,
        "type": match event.kind {
            Kind::Directory => "directory",
            Kind::Symlink => "symlink",
            Kind::File | Kind::None => "file",
        },
        "file_id": event.ino.0,
        "parent_id": event.parent.0,
        "path": event.path,
    });
    if event.happened == Happened::Moved {
        object["from"] = event.from.clone().into();
    }
    object
}

fn word(happened: Happened) -> &'static str {
    match happened {
        Happened::Created => "created",
        Happened::Changed => "changed",
        Happened::AttributesChanged => "attributes",
        Happened::Moved => "moved",
        Happened::Deleted => "deleted",
        Happened::TreeRemoved => "tree-removed",
    }
}

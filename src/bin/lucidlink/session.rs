//! The daemon of one command: started, used, stopped.

use std::sync::Arc;

use lucidlink::crypto::token::Token;
use lucidlink::daemon::Daemon;
use lucidlink::daemon::config::Config;
use lucidlink::daemon::filespace::LinkRequest;
use lucidlink::daemon::storage::StorageMode;
use lucidlink::env::Env;
use lucidlink::error::Error;
use lucidlink::fs::FileSystem;
use lucidlink::workspace::{Location, Workspace};

use crate::args::Common;
use crate::output::Failure;
use crate::remote::Remote;

/// For content in memory, in MB. A copy reads every block once: a larger cache would only be larger.
const MEMORY_LIMIT: &str = "128";

/// What a filespace is linked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Reading,
    Writing,
    /// Writing much: in relaxed mode, made safe at the end.
    Copying,
}

impl Purpose {
    pub(crate) fn request(self) -> LinkRequest {
        match self {
            Purpose::Reading => LinkRequest { read_only: true, ..LinkRequest::strict() },
            Purpose::Writing => LinkRequest::strict(),
            Purpose::Copying => LinkRequest::relaxed(),
        }
    }
}

/// The settings that the command line gives.
pub(crate) fn config(common: &Common) -> Result<Config, Failure> {
    let mut config = Config::default();
    config.set("memory.limit", MEMORY_LIMIT)?;
    if let Some(url) = common.url()? {
        // The configuration says only what would be right; this says what is wrong.
        Location::parse(&url).map_err(|e| Failure::Usage(e.to_string()))?;
        config.set("workspace.url", &url)?;
    }
    Ok(config)
}

/// Opens the workspace for a piece of work.
pub(crate) fn in_workspace(
    common: &Common,
    work: impl FnOnce(&Workspace) -> Result<(), Failure>,
) -> Result<(), Failure> {
    with_daemon(common, |_, workspace| work(workspace))
}

/// Links each filespace that the account may use, one after the other, to look at it. One that cannot be
/// linked does not hide the others.
pub(crate) fn in_each_filespace(
    common: &Common,
    mut work: impl FnMut(&str, Result<&Arc<FileSystem>, Error>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    with_daemon(common, |daemon, workspace| {
        for filespace in workspace.filespaces()?.into_iter().filter(|filespace| filespace.accessible) {
            match daemon.link(workspace, filespace.id, Purpose::Reading.request()) {
                Ok(link) => work(&filespace.name, Ok(link.fs()))?,
                Err(error) => work(&filespace.name, Err(error))?,
            }
        }
        Ok(())
    })
}

/// Links a filespace for a piece of work.
pub(crate) fn in_filespace(
    common: &Common,
    name: &str,
    purpose: Purpose,
    work: impl FnOnce(&Arc<FileSystem>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    linked(common, name, purpose.request(), |_, fs| work(fs))
}

/// The same of a filespace or snapshot that a path is in.
pub(crate) fn where_it_is(
    common: &Common,
    at: &Remote,
    purpose: Purpose,
    work: impl FnOnce(&Arc<FileSystem>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let request = match &at.snapshot {
        None => purpose.request(),
        Some(name) if purpose == Purpose::Reading => purpose.request().snapshot(name.clone()),
        Some(_) => return Err(Failure::Usage(format!("{at}: a snapshot cannot be changed"))),
    };
    linked(common, &at.filespace, request, |_, fs| work(fs))
}

/// Links a filespace for a piece of work that needs its workspace too.
pub(crate) fn linked(
    common: &Common,
    name: &str,
    request: LinkRequest,
    work: impl FnOnce(&Workspace, &Arc<FileSystem>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    with_daemon(common, |daemon, workspace| {
        let id = workspace.filespace_named(name)?.id;
        work(workspace, daemon.link(workspace, id, request)?.fs())
    })
}

/// What was written is safe when this returns without an error: the daemon's stop syncs.
fn with_daemon(
    common: &Common,
    work: impl FnOnce(&Daemon, &Arc<Workspace>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let token = common
        .token()?
        .ok_or_else(|| Failure::Usage("no token: set LUCIDLINK_TOKEN or give --token".to_owned()))?;
    let token = Token::parse(&token)?;
    let config = config(common)?;
    let storage = StorageMode::Sandboxed { parent: config.cache_location() };
    let daemon = Daemon::new(config, storage, Env::system());
    daemon.start()?;
    let done = daemon.authenticate(&token).map_err(Failure::from).and_then(|w| work(&daemon, &w));
    match (done, daemon.stop()) {
        (done, Ok(())) => done,
        (Ok(()), Err(error)) => Err(error.into()),
        (Err(first), Err(error)) => {
            Failure::from(error).report(common.json);
            Err(first)
        }
    }
}

//! Snapshots, and what is restored from them.

use std::collections::HashMap;

use lucidlink::daemon::filespace::LinkRequest;
use lucidlink::error::{Error, Status};
use lucidlink::fs::Path;
use lucidlink::state::value::Kind;
use serde_json::json;

use crate::args::{Common, Restore, Snapshot};
use crate::output::{Failure, Output};
use crate::remote::Remote;
use crate::session::{Purpose, in_filespace, linked, where_it_is};
use crate::time::{rfc3339, rfc3339_seconds};

pub(crate) fn snapshot(common: &Common, command: &Snapshot) -> Result<(), Failure> {
    match command {
        Snapshot::Create { filespace, name } => in_filespace(common, filespace, Purpose::Writing, |fs| {
            Ok(fs.link().take_snapshot(name).map(drop)?)
        }),
        Snapshot::List { filespace } => list(common, filespace),
        Snapshot::Delete { filespace, name } => {
            in_filespace(common, filespace, Purpose::Writing, |fs| Ok(fs.link().drop_snapshot(name)?))
        }
    }
}

fn list(common: &Common, filespace: &str) -> Result<(), Failure> {
    let request: LinkRequest = Purpose::Reading.request();
    linked(common, filespace, request, |workspace, fs| {
        let accounts = workspace.accounts()?.into_iter();
        let names: HashMap<_, _> = accounts.map(|account| (account.key_id, account.name)).collect();
        let mut out = Output::new();
        for snapshot in fs.link().snapshots()? {
            let key_id = snapshot.author.to_string();
            let author = names.get(&snapshot.author).unwrap_or(&key_id);
            match common.json {
                true => out.json(&json!({
                    "name": snapshot.name,
                    "created": rfc3339(snapshot.time),
                    "author": author,
                    "key_id": key_id,
                    "position": snapshot.position.0,
                }))?,
                false => {
                    let created = rfc3339_seconds(snapshot.time);
                    out.line(&format!("{created}\t{author}\t{}", snapshot.name))?;
                }
            }
        }
        out.finish()
    })
}

pub(crate) fn restore(common: &Common, restore: &Restore) -> Result<(), Failure> {
    let from = &restore.from;
    let to = match restore.target.as_deref() {
        None => from.path.clone(),
        // As a path alone, or with the filespace's name.
        Some(path) if path.starts_with('/') => {
            Path::parse(path).map_err(|e| Failure::Usage(format!("TARGET: {e}")))?
        }
        Some(text) => {
            let to: Remote = text.parse().map_err(|_| {
                Failure::Usage(format!("TARGET {text:?}: write the path that it gets, starting with '/'"))
            })?;
            check_target(from, &to)?;
            to.path
        }
    };
    let to = Remote { snapshot: None, path: to, ..from.clone() };
    bring_back(common, from, &to, restore.replace)
}

/// `cp` out of a snapshot.
pub(crate) fn restore_copy(
    common: &Common,
    from: &Remote,
    to: &Remote,
    recursive: bool,
) -> Result<(), Failure> {
    check_target(from, to)?;
    if !recursive {
        where_it_is(common, from, Purpose::Reading, |fs| match fs.entry(&from.path, false)?.kind {
            Kind::Directory => {
                let what = "it is a directory; use cp -r";
                Err(Error::new(Status::IsADirectory, what).on_path(from.path.text()).into())
            }
            _ => Ok(()),
        })?;
    }
    bring_back(common, from, to, true)
}

fn check_target(from: &Remote, to: &Remote) -> Result<(), Failure> {
    match (from.filespace == to.filespace, &to.snapshot) {
        (true, None) => Ok(()),
        (false, _) => {
            let what =
                "out of a snapshot one copies inside its filespace; use get and put to copy between two";
            Err(Failure::Usage(what.to_owned()))
        }
        (true, Some(_)) => Err(Failure::Usage(format!("{to}: a snapshot cannot be changed"))),
    }
}

fn bring_back(common: &Common, from: &Remote, to: &Remote, replace: bool) -> Result<(), Failure> {
    let Some(snapshot) = &from.snapshot else {
        return Err(Failure::Usage(format!("{from} names no snapshot; write NAME@SNAPSHOT:/path")));
    };
    where_it_is(common, to, Purpose::Writing, |fs| Ok(fs.restore(snapshot, &from.path, &to.path, replace)?))
}

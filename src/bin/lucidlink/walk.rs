//! Looking at a directory with all that is below it.

use std::collections::HashSet;

use lucidlink::fs::{Entry, Path};
use lucidlink::state::value::Kind;
use serde_json::json;

use crate::args::{Common, Du};
use crate::copy::child;
use crate::files::fields;
use crate::output::{Failure, Output};
use crate::remote::Remote;
use crate::session::{Purpose, where_it_is};

/// A directory whose entries are being printed.
struct Level {
    path: Path,
    /// Not printed yet, the next one last.
    entries: Vec<Entry>,
    /// What its lines begin with.
    indent: String,
}

pub(crate) fn tree(common: &Common, at: &Remote) -> Result<(), Failure> {
    where_it_is(common, at, Purpose::Reading, |fs| {
        let level = |path: Path, indent: String| -> Result<Level, Failure> {
            let mut entries = fs.read_dir(&path)?;
            entries.reverse();
            Ok(Level { path, entries, indent })
        };
        let mut levels = vec![level(at.path.clone(), String::new())?];
        let mut out = Output::new();
        if !common.json {
            out.line(&out.name(&at.to_string()))?;
        }
        while let Some(here) = levels.last_mut() {
            let Some(entry) = here.entries.pop() else {
                levels.pop();
                continue;
            };
            let path = child(&here.path, &entry.name)?;
            let (branch, below) = match here.entries.is_empty() {
                true => ("└── ", "    "),
                false => ("├── ", "│   "),
            };
            let (line, indent) = (format!("{}{branch}", here.indent), format!("{}{below}", here.indent));
            // Where a symbolic link leads; it may be gone by now.
            let target = (entry.kind == Kind::Symlink).then(|| fs.read_symlink(&path).ok()).flatten();
            if common.json {
                let mut fields = fields(&entry, target.as_deref());
                fields.push(("path", json!(path.text())));
                out.json(&fields.into_iter().collect())?;
            } else {
                let arrow = target.map(|target| format!(" -> {}", out.name(&target))).unwrap_or_default();
                out.line(&format!("{line}{}{arrow}", out.name(&entry.name)))?;
            }
            if entry.kind == Kind::Directory {
                levels.push(level(path, indent)?);
            }
        }
        out.finish()
    })
}

/// A directory and what it adds up to.
struct Sum {
    path: Path,
    /// The place of the directory that it is in; its own for the first.
    parent: usize,
    bytes: u128,
}

pub(crate) fn du(common: &Common, du: &Du) -> Result<(), Failure> {
    let path = &du.at.path;
    where_it_is(common, &du.at, Purpose::Reading, |fs| {
        let entry = fs.entry(path, true)?;
        let mut sums = Vec::new();
        if entry.kind == Kind::Directory {
            let mut counted = HashSet::new();
            let mut pending = vec![(path.clone(), 0)];
            while let Some((path, parent)) = pending.pop() {
                let (here, mut bytes) = (sums.len(), 0);
                for entry in fs.read_dir(&path)? {
                    match entry.kind {
                        Kind::Directory => pending.push((child(&path, &entry.name)?, here)),
                        _ if entry.links > 1 && !counted.insert(entry.file_id) => {}
                        _ => bytes += u128::from(entry.size),
                    }
                }
                sums.push(Sum { path, parent, bytes });
            }
        } else {
            sums.push(Sum { path: path.clone(), parent: 0, bytes: entry.size.into() });
        }
        // Each stands behind the one that it is in.
        for n in (1..sums.len()).rev() {
            let (bytes, parent) = (sums[n].bytes, sums[n].parent);
            sums[parent].bytes += bytes;
        }
        let shown = if du.sum { 1 } else { sums.len() };
        let mut out = Output::new();
        for Sum { path, bytes, .. } in sums[..shown].iter().rev() {
            match common.json {
                true => out.json(&json!({
                    "path": path.text(),
                    "bytes": u64::try_from(*bytes).unwrap_or(u64::MAX),
                }))?,
                false => out.line(&format!("{bytes}\t{}", out.name(path.text())))?,
            }
        }
        out.finish()
    })
}

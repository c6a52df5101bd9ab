//! Looking at files, and making, moving and removing names.

use std::sync::Arc;

use lucidlink::env::Env;
use lucidlink::error::{Error, Status};
use lucidlink::fs::{Attributes, Entry, FileSystem, Mode, Path};
use lucidlink::state::value::Kind;
use serde_json::{Value, json};

use crate::args::{Common, Ln, Ls, Mv, Rm, Truncate};
use crate::copy::{child, pieces};
use crate::output::{Failure, Output};
use crate::remote::Remote;
use crate::session::{Purpose, where_it_is};
use crate::time::{rfc3339, rfc3339_seconds};

/// Permission bits of directories that this tool makes.
pub(crate) const DIRECTORY_MODE: u32 = 0o755;
/// Permission bits of files that this tool makes from nothing local.
pub(crate) const FILE_MODE: u32 = 0o644;

pub(crate) fn ls(common: &Common, ls: &Ls) -> Result<(), Failure> {
    let path = &ls.at.path;
    where_it_is(common, &ls.at, Purpose::Reading, |fs| {
        let entry = fs.entry(path, false)?;
        let is_directory = match entry.kind {
            Kind::Symlink => fs.exists(path, Kind::Directory)?,
            kind => kind == Kind::Directory,
        };
        // Each with where a symbolic link leads; it may be gone by now.
        let mut listed: Vec<(Entry, Option<String>)> = Vec::new();
        if is_directory {
            for entry in fs.read_dir(path)? {
                let is_link = entry.kind == Kind::Symlink;
                let target = if is_link { fs.read_symlink(&child(path, &entry.name)?).ok() } else { None };
                listed.push((entry, target));
            }
        } else {
            let target = fs.read_symlink(path).ok();
            listed.push((entry, target));
        }
        print(common, ls.long, &listed)
    })
}

fn print(common: &Common, long: bool, listed: &[(Entry, Option<String>)]) -> Result<(), Failure> {
    let mut out = Output::new();
    let width = |number: fn(&Entry) -> u64| {
        listed.iter().map(|(entry, _)| number(entry).to_string().len()).max().unwrap_or(0)
    };
    let (links_width, size_width) = (width(|e| e.links.into()), width(|e| e.size));
    for (entry, target) in listed {
        let name = out.name(&entry.name);
        if common.json {
            out.json(&fields(entry, target.as_deref()).into_iter().collect())?;
        } else if long {
            let mode = mode_text(entry);
            let (links, size, mtime) = (entry.links, entry.size, rfc3339_seconds(entry.mtime));
            let arrow = target.as_ref().map(|t| format!(" -> {}", out.name(t))).unwrap_or_default();
            out.line(&format!("{mode} {links:links_width$} {size:size_width$} {mtime} {name}{arrow}"))?;
        } else {
            out.line(&name)?;
        }
    }
    out.finish()
}

pub(crate) fn stat(common: &Common, at: &Remote) -> Result<(), Failure> {
    where_it_is(common, at, Purpose::Reading, |fs| {
        let entry = fs.entry(&at.path, false)?;
        let target = match entry.kind {
            Kind::Symlink => Some(fs.read_symlink(&at.path)?),
            _ => None,
        };
        let mut out = Output::new();
        let fields = fields(&entry, target.as_deref());
        if common.json {
            out.json(&fields.into_iter().collect())?;
        } else {
            for (field, value) in fields {
                let text = value.as_str().map_or_else(|| value.to_string(), |text| out.name(text));
                out.line(&format!("{field}: {text}"))?;
            }
        }
        out.finish()
    })
}

pub(crate) fn cat(common: &Common, at: &Remote) -> Result<(), Failure> {
    where_it_is(common, at, Purpose::Reading, |fs| print_file(fs, &at.path))
}

/// A file's content on stdout.
pub(crate) fn print_file(fs: &Arc<FileSystem>, path: &Path) -> Result<(), Failure> {
    let file = fs.open(path, Mode::parse("r")?, 0)?;
    let mut out = Output::new();
    pieces(file.size()?, |buffer| file.read(buffer).map_err(Failure::from), |piece| out.bytes(piece))?;
    out.finish()
}

pub(crate) fn mkdir(common: &Common, at: &Remote) -> Result<(), Failure> {
    where_it_is(common, at, Purpose::Writing, |fs| Ok(fs.create_dir(&at.path, DIRECTORY_MODE)?))
}

pub(crate) fn rm(common: &Common, rm: &Rm) -> Result<(), Failure> {
    let path = &rm.at.path;
    where_it_is(common, &rm.at, Purpose::Writing, |fs| {
        match (fs.entry(path, false)?.kind, rm.recursive) {
            (Kind::Directory, true) => fs.delete_dir(path, true)?,
            (Kind::Directory, false) => {
                let what = "it is a directory; remove it and all that is in it with rm -r";
                return Err(Error::new(Status::IsADirectory, what).on_path(path.text()).into());
            }
            _ => fs.delete(path)?,
        }
        Ok(())
    })
}

pub(crate) fn mv(common: &Common, mv: &Mv) -> Result<(), Failure> {
    if !mv.from.is_beside(&mv.to) {
        let what = "mv works inside one filespace; use get and put to move between two";
        return Err(Failure::Usage(what.to_owned()));
    }
    let (from, to) = (&mv.from.path, &mv.to.path);
    where_it_is(common, &mv.from, Purpose::Writing, |fs| Ok(fs.rename(from, to, true)?))
}

pub(crate) fn ln(common: &Common, ln: &Ln) -> Result<(), Failure> {
    let at = &ln.at;
    if ln.symbolic {
        return where_it_is(common, at, Purpose::Writing, |fs| Ok(fs.create_symlink(&ln.target, &at.path)?));
    }
    let existing = match ln.target.starts_with('/') {
        true => Path::parse(&ln.target).map_err(|e| Failure::Usage(format!("TARGET: {e}")))?,
        false => {
            let target: Remote =
                ln.target.parse().map_err(|e| Failure::Usage(format!("TARGET {:?}: {e}", ln.target)))?;
            if !target.is_beside(at) {
                let what = "a file has its names in one filespace; use -s for a link that holds a text";
                return Err(Failure::Usage(what.to_owned()));
            }
            target.path
        }
    };
    where_it_is(common, at, Purpose::Writing, |fs| Ok(fs.create_hard_link(&existing, &at.path)?))
}

pub(crate) fn touch(common: &Common, at: &Remote) -> Result<(), Failure> {
    let now = Some(Env::system().clock.now());
    let times = Attributes { atime: now, mtime: now, ..Attributes::default() };
    where_it_is(common, at, Purpose::Writing, |fs| {
        match fs.set_attributes(&at.path, times, true) {
            // To append makes what is missing and harms nothing that somebody else made meanwhile.
            Err(e) if e.status() == Status::NotFound => {
                Ok(fs.open(&at.path, Mode::parse("a")?, FILE_MODE)?.close()?)
            }
            set => Ok(set?),
        }
    })
}

pub(crate) fn truncate(common: &Common, truncate: &Truncate) -> Result<(), Failure> {
    let at = &truncate.at;
    where_it_is(common, at, Purpose::Writing, |fs| Ok(fs.truncate(&at.path, truncate.size.0)?))
}

/// What JSON tells about an entry, and `stat`.
pub(crate) fn fields(entry: &Entry, target: Option<&str>) -> Vec<(&'static str, Value)> {
    let kind = match entry.kind {
        Kind::Directory => "directory",
        Kind::Symlink => "symlink",
        Kind::File | Kind::None => "file",
    };
    let mut fields = vec![
        ("name", json!(entry.name)),
        ("kind", json!(kind)),
        ("size", json!(entry.size)),
        ("mode", json!(format!("{:04o}", entry.mode))),
        ("uid", json!(entry.uid)),
        ("gid", json!(entry.gid)),
        ("links", json!(entry.links)),
        // Not a number: half of the JSON readers would round it.
        ("file_id", json!(entry.file_id.to_string())),
        ("version", json!(entry.version)),
        ("mtime", json!(rfc3339(entry.mtime))),
        ("ctime", json!(rfc3339(entry.ctime))),
        ("btime", json!(rfc3339(entry.btime))),
        ("atime", json!(rfc3339(entry.atime))),
    ];
    fields.extend(target.map(|target| ("target", json!(target))));
    fields
}

/// As `ls -l` shows kind and permission bits: `drwxr-sr-t`.
fn mode_text(entry: &Entry) -> String {
    let mut text = String::from(match entry.kind {
        Kind::Directory => "d",
        Kind::Symlink => "l",
        Kind::File | Kind::None => "-",
    });
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = entry.mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (entry.mode & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

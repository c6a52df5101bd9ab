//! From what is damaged to the names that it has.

use std::collections::{HashMap, HashSet};

use super::{Finding, Frozen, Fsck};
use crate::error::Result;
use crate::filespace::fsck::tables::each;
use crate::ids::Ino;
use crate::state::value::Dentry;
use crate::state::{Tables, key};

impl Fsck<'_> {
    /// A finding for each name of a file that has lost something; one that waits to be freed has none.
    pub(super) fn name_lost(&mut self, state: &Frozen<'_>) -> Result<()> {
        if self.lost.is_empty() {
            return Ok(());
        }
        let wanted: HashSet<Ino> = self.lost.iter().map(|lost| lost.ino).collect();
        let mut names: HashMap<Ino, Vec<(Ino, String)>> = HashMap::new();
        each::<Dentry>(state, b'D', |key, dentry| {
            if wanted.contains(&dentry.ino())
                && let (Some(parent), Some(name)) = (key::ino_of(key), key::dentry_name(key))
            {
                names.entry(dentry.ino()).or_default().push((parent, name.to_owned()));
            }
            Ok(())
        })?;
        let mut directories = HashMap::from([(Ino::ROOT, Some(String::new()))]);
        let mut paths: HashMap<Ino, Vec<String>> = HashMap::new();
        for (ino, names) in names {
            for (parent, name) in names {
                if let Some(directory) = path_of(state, &mut directories, parent)? {
                    paths.entry(ino).or_default().push(format!("{directory}/{name}"));
                }
            }
        }
        for lost in std::mem::take(&mut self.lost) {
            let unnamed = vec![String::new()];
            for path in paths.get(&lost.ino).unwrap_or(&unnamed) {
                self.checkup.add(Finding {
                    object: lost.object.clone(),
                    path: path.clone(),
                    offset: lost.offset,
                    length: lost.length,
                    what: lost.what.clone(),
                });
            }
        }
        Ok(())
    }
}

/// The path of a directory, without the `/` at its end; none if it is below one that was detached.
fn path_of(
    state: &Frozen<'_>,
    known: &mut HashMap<Ino, Option<String>>,
    directory: Ino,
) -> Result<Option<String>> {
    let mut below: Vec<(Ino, String)> = Vec::new();
    let mut at = directory;
    let mut path = loop {
        if let Some(path) = known.get(&at) {
            break path.clone();
        }
        let Some(inode) = state.read(|state| state.inode(at))? else { break None };
        let parent = Ino(inode.parent);
        let mut name = None;
        let (from, to) = key::dentries(parent);
        state.scan(&from, &to, |key, value| {
            if super::decode::<Dentry>(value)?.ino() == at {
                name = key::dentry_name(key).map(str::to_owned);
            }
            Ok(name.is_none())
        })?;
        let Some(name) = name else { break None };
        below.push((at, name));
        at = parent;
    };
    known.insert(at, path.clone());
    while let Some((ino, name)) = below.pop() {
        path = path.map(|above| format!("{above}/{name}"));
        known.insert(ino, path.clone());
    }
    Ok(path)
}

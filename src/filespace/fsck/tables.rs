//! What the state says twice: counters and what they count, names and what they lead to.

use bytes::Bytes;

use super::{Frozen, Fsck, decode};
use crate::error::Result;
use crate::ids::PackId;
use crate::state::value::{Counters, Dentry, Inode, Kind, Pack};
use crate::state::{Tables, key};

impl Fsck<'_> {
    pub(super) fn check_tables(&mut self, state: &Frozen<'_>) -> Result<()> {
        let counted = self.count(state)?;
        let kept = state.read(|state| state.counters())?;
        let sums = |c: &Counters| {
            let (files, directories, symlinks) = (c.files.into(), c.directories.into(), c.symlinks.into());
            [files, directories, symlinks, c.bytes(), c.live(), c.stored()]
        };
        let names = ["files", "directories", "symbolic links", "bytes", "bytes stored", "bytes of packs"];
        for ((name, counted), kept) in names.into_iter().zip(sums(&counted)).zip(sums(&kept)) {
            if counted != kept {
                self.checkup.note("counters", format!("there are {counted} {name}, but {kept} are counted"));
            }
        }
        self.check_names(state)
    }

    fn count(&mut self, state: &Frozen<'_>) -> Result<Counters> {
        let mut counted = Counters::default();
        let (mut entries, mut extents) = (0, 0);
        each::<Inode>(state, b'I', |_, inode| {
            entries += 1;
            match inode.kind() {
                Kind::Directory => counted.directories += 1,
                Kind::Symlink => counted.symlinks += 1,
                Kind::File | Kind::None => {
                    counted.files += 1;
                    counted.add_bytes(inode.size.into());
                }
            }
            Ok(())
        })?;
        each::<crate::state::ops::Extent>(state, b'X', |_, extent| {
            extents += 1;
            counted.add_live(extent.length.into());
            Ok(())
        })?;
        each::<Pack>(state, b'P', |key, pack| {
            let is_commit = PackId::from_slice(&key[1..]).is_some_and(|id| id.slot().is_some());
            counted.add_stored(if is_commit || pack.live == 0 { 0 } else { pack.size.into() });
            Ok(())
        })?;
        (self.checkup.entries, self.checkup.extents) = (entries, extents);
        Ok(counted)
    }

    /// Each name leads to what it says.
    fn check_names(&mut self, state: &Frozen<'_>) -> Result<()> {
        let checkup = &mut self.checkup;
        each::<Dentry>(state, b'D', |key, dentry| {
            let inode = state.read(|state| state.inode(dentry.ino()))?;
            if inode.is_none_or(|inode| inode.kind != dentry.kind) {
                let name = key::dentry_name(key).unwrap_or_default();
                checkup.note("state", format!("the name {name:?} does not lead to what it says"));
            }
            Ok(())
        })
    }
}

/// Goes over a table.
pub(super) fn each<M: prost::Message + Default>(
    state: &Frozen<'_>,
    table: u8,
    mut each: impl FnMut(&Bytes, M) -> Result<()>,
) -> Result<()> {
    state.scan(&[table], &[table + 1], |key, value| each(key, decode(value)?).map(|()| true))
}

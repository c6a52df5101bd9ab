//! Reading the state: one trait for everything that holds keys and values, and typed reads on top.
//! Layers: immutable parts of a checkpoint, what changed since (replica), what is being judged
//! ([`Scratch`]).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::iter::Peekable;
use std::ops::Bound;

use bytes::Bytes;
use prost::Message;

use super::key::{self, Key};
use super::locks::FileLocks;
use super::ops::Extent;
use super::value::{Counters, Dentry, GenerationRecord, Header, Inode, Member, Pack, PastLife, Session};
use crate::ids::{Incarnation, Ino, KeyId, PackId, PartId, SessionId};

/// Why a read could not be answered. Nothing has changed; the caller acts and reads again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Stop {
    /// The block of a part that holds the key is not local; the loader fetches it.
    #[error("block {block} of part {part} is not loaded")]
    Missing {
        /// The part.
        part: PartId,
        /// The block in it.
        block: u32,
    },
    /// A value does not decode: the state was written by a broken or hostile client.
    #[error("the state is damaged: {0}")]
    Corrupt(&'static str),
}

/// Keys and values in order, ascending.
pub type Range<'a> = Box<dyn Iterator<Item = Result<(Bytes, Bytes), Stop>> + 'a>;

/// Something that holds keys and values.
pub trait Source {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Stop>;

    /// The pairs from `from` on and before `to`.
    fn range<'a>(&'a self, from: &[u8], to: &[u8]) -> Range<'a>;

    /// The first pair from `from` on and before `to`.
    fn first(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, Stop> {
        self.range(from, to).next().transpose()
    }
}

/// Nothing: the base of a young state.
pub struct Empty;

impl Source for Empty {
    fn get(&self, _: &[u8]) -> Result<Option<Bytes>, Stop> {
        Ok(None)
    }

    fn range<'a>(&'a self, _: &[u8], _: &[u8]) -> Range<'a> {
        Box::new(std::iter::empty())
    }
}

fn decode<M: Message + Default>(value: &Bytes, what: &'static str) -> Result<M, Stop> {
    M::decode(value.clone()).map_err(|_| Stop::Corrupt(what))
}

/// Typed reads of any [`Source`].
pub trait Tables: Source {
    /// The value of a key, decoded.
    fn message<M: Message + Default>(&self, key: &[u8], what: &'static str) -> Result<Option<M>, Stop> {
        self.get(key)?.map(|v| decode(&v, what)).transpose()
    }

    /// The filespace as a whole.
    fn header(&self) -> Result<Header, Stop> {
        self.message(&key::header(), "header")?.ok_or(Stop::Corrupt("no header"))
    }

    /// The log's current life.
    fn incarnation(&self) -> Result<Incarnation, Stop> {
        Incarnation::from_slice(&self.header()?.incarnation).ok_or(Stop::Corrupt("incarnation"))
    }

    /// How much there is of everything.
    fn counters(&self) -> Result<Counters, Stop> {
        Ok(self.message(&key::counters(), "counters")?.unwrap_or_default())
    }

    /// An inode.
    fn inode(&self, ino: Ino) -> Result<Option<Inode>, Stop> {
        self.message(&key::inode(ino), "inode")
    }

    /// What a name in a directory leads to.
    fn dentry(&self, parent: Ino, name: &str) -> Result<Option<Dentry>, Stop> {
        self.message(&key::dentry(parent, name), "directory entry")
    }

    /// The names in a directory behind `after`, in byte order.
    fn dentries<'a>(
        &'a self,
        parent: Ino,
        after: Option<&str>,
    ) -> impl Iterator<Item = Result<(Bytes, Dentry), Stop>> + 'a {
        let (mut from, to) = key::dentries(parent);
        if let Some(name) = after {
            from = key::dentry(parent, name);
            from.push(0);
        }
        self.range(&from, &to).map(|pair| {
            let (key, value) = pair?;
            key::dentry_name(&key).ok_or(Stop::Corrupt("name"))?;
            Ok((key.slice(9..), decode(&value, "directory entry")?))
        })
    }

    /// The extents of a file that end behind `from` and start before `to`, in order.
    fn extents(&self, ino: Ino, from: u64, to: u64) -> Result<Vec<Extent>, Stop> {
        let (first, last) = key::extents_behind(ino, from);
        let mut found = Vec::new();
        for pair in self.range(&first, &last) {
            let (key, value) = pair?;
            let extent = decode_extent(&key, &value)?;
            if extent.offset >= to {
                break;
            }
            found.push(extent);
        }
        Ok(found)
    }

    /// The value of an extended attribute.
    fn xattr(&self, ino: Ino, name: &str) -> Result<Option<Bytes>, Stop> {
        self.get(&key::xattr(ino, name))
    }

    /// The extended attributes of an inode, names and values, in byte order of the names.
    fn xattrs<'a>(&'a self, ino: Ino) -> impl Iterator<Item = Result<(String, Bytes), Stop>> + 'a {
        let (from, to) = key::xattrs(ino);
        self.range(&from, &to).map(|pair| {
            let (key, value) = pair?;
            let name = key::xattr_name(&key).ok_or(Stop::Corrupt("name of an attribute"))?;
            Ok((name.to_owned(), value))
        })
    }

    /// A member.
    fn member(&self, key_id: KeyId) -> Result<Option<Member>, Stop> {
        self.message(&key::member(key_id), "member")
    }

    /// A key generation; nothing is to be said of one that has no record.
    fn generation(&self, number: u32) -> Result<GenerationRecord, Stop> {
        Ok(self.message(&key::generation(number), "generation")?.unwrap_or_default())
    }

    /// A life of the log that is over.
    fn past_life(&self, incarnation: Incarnation) -> Result<Option<PastLife>, Stop> {
        self.message(&key::past_life(incarnation), "past life")
    }

    /// A session.
    fn session(&self, id: SessionId) -> Result<Option<Session>, Stop> {
        self.message(&key::session(id), "session")
    }

    /// The locks of a file.
    fn locks(&self, ino: Ino) -> Result<FileLocks, Stop> {
        Ok(self.message(&key::locks(ino), "locks")?.unwrap_or_default())
    }

    /// A pack.
    fn pack(&self, id: PackId) -> Result<Option<Pack>, Stop> {
        self.message(&key::pack(id), "pack")
    }
}

impl<S: Source + ?Sized> Tables for S {}

fn decode_extent(key: &[u8], value: &Bytes) -> Result<Extent, Stop> {
    let extent: Extent = decode(value, "extent")?;
    let end = key::extent_end(key).ok_or(Stop::Corrupt("extent key"))?;
    let offset = end.checked_sub(extent.length).ok_or(Stop::Corrupt("extent length"))?;
    Ok(Extent { offset, ..extent })
}

/// Changes on top of a source: what is being judged. Changes can be taken back to a mark.
pub struct Scratch<'a> {
    base: &'a dyn Source,
    changes: BTreeMap<Bytes, Option<Bytes>>,
    undo: Vec<(Bytes, Option<Option<Bytes>>)>,
}

impl<'a> Scratch<'a> {
    /// No changes yet.
    pub fn new(base: &'a dyn Source) -> Scratch<'a> {
        Scratch { base, changes: BTreeMap::new(), undo: Vec::new() }
    }

    /// The source below.
    pub fn base(&self) -> &'a dyn Source {
        self.base
    }

    /// Where [`Scratch::rollback`] can go back to.
    pub fn mark(&self) -> usize {
        self.undo.len()
    }

    /// Takes back everything since the mark.
    pub fn rollback(&mut self, mark: usize) {
        while self.undo.len() > mark {
            match self.undo.pop() {
                Some((key, Some(value))) => drop(self.changes.insert(key, value)),
                Some((key, None)) => drop(self.changes.remove(&key)),
                None => return,
            }
        }
    }

    /// Gives a key a value.
    pub fn put(&mut self, key: Key, value: Vec<u8>) {
        self.change(key, Some(value.into()));
    }

    /// Gives a key an encoded value.
    pub fn put_message(&mut self, key: Key, value: &impl Message) {
        self.put(key, value.encode_to_vec());
    }

    /// Removes a key.
    pub fn remove(&mut self, key: Key) {
        self.change(key, None);
    }

    fn change(&mut self, key: Key, value: Option<Bytes>) {
        let key = Bytes::from(key);
        let before = match self.changes.entry(key.clone()) {
            Entry::Occupied(mut e) => Some(e.insert(value)),
            Entry::Vacant(e) => {
                e.insert(value);
                None
            }
        };
        self.undo.push((key, before));
    }

    /// What has changed.
    pub fn into_changes(self) -> BTreeMap<Bytes, Option<Bytes>> {
        self.changes
    }
}

impl Source for Scratch<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Stop> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(key),
        }
    }

    fn range<'a>(&'a self, from: &[u8], to: &[u8]) -> Range<'a> {
        let top = between(&self.changes, from, to).map(|(k, v)| (k.clone(), v.clone()));
        merge(top, self.base.range(from, to))
    }
}

/// The entries of a map from `from` on and before `to`; none if that is no range.
pub fn between<'a, V>(
    map: &'a BTreeMap<Bytes, V>,
    from: &[u8],
    to: &[u8],
) -> impl Iterator<Item = (&'a Bytes, &'a V)> + use<'a, V> {
    let bounds = (from < to).then_some((Bound::Included(from), Bound::Excluded(to)));
    bounds.map(|b| map.range::<[u8], _>(b)).into_iter().flatten()
}

/// A layer of changes (none: removed) over what is below it.
pub fn merge<'a>(top: impl Iterator<Item = (Bytes, Option<Bytes>)> + 'a, below: Range<'a>) -> Range<'a> {
    Box::new(Merge { top: top.peekable(), below: below.peekable() })
}

struct Merge<'a, T: Iterator> {
    top: Peekable<T>,
    below: Peekable<Range<'a>>,
}

impl<T: Iterator<Item = (Bytes, Option<Bytes>)>> Iterator for Merge<'_, T> {
    type Item = Result<(Bytes, Bytes), Stop>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let take_top = match (self.top.peek(), self.below.peek()) {
                (None, None) => return None,
                (None, Some(_)) | (Some(_), Some(Err(_))) => false,
                (Some(_), None) => true,
                (Some((top, _)), Some(Ok((below, _)))) => {
                    let order = top.cmp(below);
                    if order.is_eq() {
                        self.below.next();
                    }
                    order.is_le()
                }
            };
            if !take_top {
                return self.below.next();
            }
            if let Some((key, Some(value))) = self.top.next() {
                return Some(Ok((key, value)));
            }
        }
    }
}

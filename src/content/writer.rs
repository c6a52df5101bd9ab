//! Blocks on their way into packs. A full pack is uploaded in the background while the caller still writes; when
//! too many are on their way, the caller waits for the oldest.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use bytes::Bytes;
use tokio::runtime::Handle;

use super::memory::{MemoryBudget, Reservation};
use super::pack::{PACK_TARGET, PackWriter, SealedPack, pack_key};
use super::store::{Store, StoreError};
use crate::codec;
use crate::crypto::seal::ChunkPlace;
use crate::error::{Error, Result, Status};
use crate::ids::{Hash, PackId};

/// Uploads that one writer has under way.
const IN_FLIGHT: usize = 2;

/// A pack that is in the store.
#[derive(Debug, Clone)]
pub struct StoredPack {
    /// Its id.
    pub id: PackId,
    /// The generation of its key.
    pub generation: u32,
    /// The salt of its seal.
    pub salt: [u8; 32],
    /// Its size in bytes.
    pub size: u64,
    /// How many blocks it holds.
    pub blocks: u32,
    /// SHA-256 of its index.
    pub index_hash: Hash,
}

/// Makes new packs, each under a key of its own.
pub type NewPackFn = Box<dyn Fn() -> Result<PackWriter> + Send + Sync>;

/// Writes blocks into packs and packs into the store.
pub struct BlockWriter {
    new_pack: NewPackFn,
    store: Arc<dyn Store>,
    runtime: Handle,
    open: Option<OpenPack>,
    uploads: VecDeque<Receiver<Result<StoredPack, StoreError>>>,
    stored: Vec<StoredPack>,
    has_lost: bool,
}

struct OpenPack {
    writer: PackWriter,
    memory: Reservation,
}

impl BlockWriter {
    /// A writer that has written nothing.
    pub fn new(new_pack: NewPackFn, store: Arc<dyn Store>, runtime: Handle) -> BlockWriter {
        BlockWriter {
            new_pack,
            store,
            runtime,
            open: None,
            uploads: VecDeque::new(),
            stored: Vec::new(),
            has_lost: false,
        }
    }

    /// Compresses, seals and keeps a block of plain bytes; says where it will be.
    pub fn write(&mut self, plain: &[u8]) -> Result<(PackId, ChunkPlace)> {
        let open = self.open_with_room(plain.len() + 1024)?;
        let (codec, data) = codec::compress(plain);
        let place = open.writer.add(codec, plain.len() as u32, &data)?;
        let id = PackId(open.writer.id());
        if open.writer.is_full() {
            self.upload()?;
        }
        Ok((id, place))
    }

    /// Whether blocks that it took could not be stored.
    pub fn has_lost(&self) -> bool {
        self.has_lost
    }

    /// A block that was written and is not on its way to the store yet.
    pub fn read_open(&self, pack: PackId, place: ChunkPlace) -> Result<Option<Bytes>> {
        match &self.open {
            Some(open) if open.writer.id() == pack.0 => Ok(Some(open.writer.read(place)?)),
            _ => Ok(None),
        }
    }

    /// A pack that is in the store, or will be when this returns.
    pub fn stored(&mut self, pack: PackId) -> Result<Option<StoredPack>> {
        while !self.uploads.is_empty() {
            self.wait_for_oldest()?;
        }
        Ok(self.stored.iter().find(|p| p.id == pack).cloned())
    }

    /// Waits until every pack is in the store.
    pub fn finish(mut self) -> Result<Vec<StoredPack>> {
        self.upload()?;
        while !self.uploads.is_empty() {
            self.wait_for_oldest()?;
        }
        Ok(self.stored)
    }

    /// The open pack, with memory for one more block; when there is none, it is closed early and what is under
    /// way is waited for.
    fn open_with_room(&mut self, bytes: usize) -> Result<&mut OpenPack> {
        loop {
            let memory = match &mut self.open {
                Some(open) => open.memory.try_grow(bytes).then_some(None),
                None => MemoryBudget::process().try_reserve(bytes).map(Some),
            };
            match memory {
                Some(Some(memory)) => {
                    return Ok(self.open.insert(OpenPack { writer: (self.new_pack)()?, memory }));
                }
                Some(None) => break,
                None if self.open.is_some() => self.upload()?,
                None if !self.uploads.is_empty() => self.wait_for_oldest()?,
                None => {
                    let what = "the memory limit does not leave room for one more block; raise memory.limit \
                                or write to fewer files at once";
                    return Err(Error::new(Status::NoMemory, what));
                }
            }
        }
        self.open.as_mut().ok_or_else(|| Error::new(Status::Internal, "an open pack is gone"))
    }

    fn upload(&mut self) -> Result<()> {
        let Some(OpenPack { writer, memory }) = self.open.take() else { return Ok(()) };
        if self.uploads.len() >= IN_FLIGHT {
            self.wait_for_oldest()?;
        }
        let (done, result) = sync_channel(1);
        let store = self.store.clone();
        self.runtime.spawn_blocking(move || {
            let result =
                writer.finish().map_err(|_| StoreError::io("packs/", std::io::ErrorKind::InvalidData.into()));
            let result = result.and_then(|pack| put_pack(&*store, &pack));
            drop(memory);
            // Nobody waits for it if the file was freed meanwhile; the pack is an orphan then.
            let _ = done.send(result);
        });
        self.uploads.push_back(result);
        Ok(())
    }

    fn wait_for_oldest(&mut self) -> Result<()> {
        let Some(oldest) = self.uploads.pop_front() else { return Ok(()) };
        let stored = match oldest.recv() {
            Ok(stored) => stored.map_err(Error::from),
            Err(_) => Err(Error::new(Status::DaemonNotRunning, "the daemon stopped during an upload")),
        };
        self.has_lost |= stored.is_err();
        self.stored.push(stored?);
        Ok(())
    }
}

/// Stores a finished pack.
pub fn put_pack(store: &dyn Store, pack: &SealedPack) -> Result<StoredPack, StoreError> {
    debug_assert!(pack.bytes.len() < 4 * PACK_TARGET);
    store.put(&pack_key(&pack.id), &pack.bytes)?;
    Ok(StoredPack {
        id: PackId(pack.id),
        generation: pack.generation,
        salt: pack.salt,
        size: pack.bytes.len() as u64,
        blocks: pack.blocks,
        index_hash: pack.index_hash,
    })
}

//! Keys that follow each other. A link that meets a new generation looks for its grant of it; one grant of the newest
//! opens all older ones, because the key before it is stored under each.

use crate::content::store::{Store, StoreError};
use crate::crypto::Key32;
use crate::crypto::grant::GrantScope;
use crate::crypto::seal::{Codec, Kind, ObjectKey};
use crate::env::Env;
use crate::error::{Error, Result, Status};
use crate::ids::{KeyId, LogId};
use crate::state::Tables;

use super::genesis::key_hash;
use super::link::Link;

/// Bytes in front of the sealed key: the generation before, and the salt.
const HEAD: usize = 4 + 32;

/// Where an account's grants of a log's key are.
pub(crate) fn grants_of(recipient: KeyId) -> String {
    format!("grants/{recipient}/")
}

/// Where an account's grant of a generation is.
pub(crate) fn grant_key(recipient: KeyId, generation: u32) -> String {
    format!("grants/{recipient}/{generation}")
}

/// Where the key before a generation is.
pub(crate) fn key_before(generation: u32) -> String {
    format!("keys/{generation}")
}

/// The key of the generation before, sealed under that of this one.
pub(crate) fn seal_key(
    env: &Env,
    log: &LogId,
    generation: u32,
    key: &Key32,
    previous: (u32, &Key32),
) -> Result<Vec<u8>> {
    let salt: [u8; 32] = env.random_bytes()?;
    let sealing = ObjectKey::derive(key, &salt, Kind::Key, log, &object(generation, previous.0));
    let mut stored = [&previous.0.to_le_bytes()[..], &salt].concat();
    let secret = previous.1.as_bytes();
    sealing.seal_chunk(0, Codec::None, secret.len() as u32, secret, &mut stored)?;
    Ok(stored)
}

/// The generation before one, and its key.
pub(crate) fn open_key(store: &dyn Store, log: &LogId, generation: u32, key: &Key32) -> Result<(u32, Key32)> {
    let name = key_before(generation);
    let damaged = || Error::new(Status::Integrity, format!("object {name} is damaged"));
    let stored = store.get(&name)?;
    let (head, chunk) = stored.split_at_checked(HEAD).ok_or_else(damaged)?;
    let (previous, salt) = head.split_at(4);
    let (Ok(previous), Ok(salt)) = (previous.try_into(), salt.try_into()) else { return Err(damaged()) };
    let previous = u32::from_le_bytes(previous);
    let sealing = ObjectKey::derive(key, &salt, Kind::Key, log, &object(generation, previous));
    let (_, secret) = sealing.open_chunk(0, chunk).map_err(|error| damaged().caused_by(error))?;
    let secret = zeroize::Zeroizing::new(secret);
    match <[u8; 32]>::try_from(&secret[..]) {
        Ok(secret) if previous < generation => Ok((previous, Key32::new(secret))),
        _ => Err(damaged()),
    }
}

fn object(generation: u32, previous: u32) -> [u8; 8] {
    let mut id = [0; 8];
    id[..4].copy_from_slice(&generation.to_le_bytes());
    id[4..].copy_from_slice(&previous.to_le_bytes());
    id
}

impl Link {
    /// Sees to it that the key of the current generation is there. Of others it is there, or what is sealed under them
    /// has no effect.
    pub(super) fn ensure_key(&self, generation: u32) -> Result<()> {
        if self.keyring.has(generation) || generation != self.keyring.current() {
            return Ok(());
        }
        let account = self.account.key_id();
        let stored = match self.store.get(&grant_key(account, generation)) {
            Err(StoreError::NotFound { .. }) => return Err(self.no_key(generation)),
            stored => stored?,
        };
        let workspace = LogId::from_slice(&self.genesis.workspace);
        let workspace =
            workspace.ok_or_else(|| Error::new(Status::Integrity, "a genesis without a workspace"))?;
        let scope = GrantScope { workspace, log: self.id, generation, recipient: account };
        let key = scope.open_unsigned(&stored, &self.account)?;
        self.check_key(generation, &key)?;
        self.keyring.insert(generation, key);
        Ok(())
    }

    /// The admin who began a generation has committed to its key.
    fn check_key(&self, generation: u32, key: &Key32) -> Result<()> {
        let record = self.read_committed(|state| Ok(state.generation(generation)?))?;
        match record.key_hash[..] == key_hash(key).0[..] {
            true => Ok(()),
            false => {
                let what =
                    format!("the key granted for generation {generation} of filespace {} is false", self.id);
                Err(Error::new(Status::Integrity, what))
            }
        }
    }

    /// Whether what was granted is what the log is sealed under now.
    pub(super) fn check_keys(&self) -> Result<()> {
        let generation = self.keyring.current();
        match self.keyring.get(generation) {
            // That of the first is checked against the genesis.
            _ if generation == 0 => Ok(()),
            Some(key) => self.check_key(generation, &key),
            None => self.ensure_key(generation),
        }
    }

    pub(super) fn no_key(&self, generation: u32) -> Error {
        let (account, id) = (self.account.key_id(), self.id);
        let what = format!(
            "account {account} has no key of generation {generation} of filespace {id}; ask an admin"
        );
        Error::new(Status::AccessDenied, what)
    }

    /// The current generation and its key, for whoever grants it.
    pub fn current_key(&self) -> Result<(u32, Key32)> {
        let generation = self.keyring.current();
        self.ensure_key(generation)?;
        let key = self.keyring.get(generation).ok_or_else(|| self.no_key(generation))?;
        Ok((generation, key))
    }

    /// Takes in the key of a generation that is about to begin.
    pub fn learn_key(&self, generation: u32, key: Key32) {
        self.keyring.insert(generation, key);
    }
}

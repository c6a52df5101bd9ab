//! Keys of logs: granting them to accounts, and what an account was granted; the next key of a filespace when somebody
//! who knows the current one was sent away.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use prost::Message;

use super::state::WorkspaceState;
use super::{FilespaceInfo, Workspace};
use crate::content::store::{Store, StoreError};
use crate::crypto::Key32;
use crate::crypto::account::{AccountKeys, PublicKeys};
use crate::crypto::grant::GrantScope;
use crate::crypto::seal::Keyring;
use crate::error::{Error, Result, Status};
use crate::filespace::generations::{grant_key, grants_of, key_before, open_key, seal_key};
use crate::filespace::genesis::key_hash;
use crate::filespace::{CommitError, Draft, Link, LinkOptions};
use crate::ids::{KeyId, LogId};
use crate::state::generations::members;
use crate::state::ops::{NewGeneration, Op, SetMember};
use crate::state::value::Role;
use crate::state::{Refusal, Stop, Tables};

/// A key of a log.
pub(super) struct LogKey<'a> {
    pub(super) workspace: LogId,
    pub(super) log: LogId,
    pub(super) generation: u32,
    pub(super) key: &'a Key32,
}

/// Grants a log's key to an account; what was granted before stays as it is, if it is genuine.
pub(super) fn put_grant(
    store: &dyn Store,
    of: &LogKey<'_>,
    recipient: &PublicKeys,
    granter: &AccountKeys,
    admin_key: impl FnOnce(KeyId) -> Option<[u8; 32]>,
) -> Result<()> {
    let LogKey { workspace, log, generation, key } = *of;
    let scope = GrantScope { workspace, log, generation, recipient: recipient.key_id() };
    let grant = scope.seal(key, recipient, granter)?.encode_to_vec();
    let place = grant_key(scope.recipient, generation);
    match store.put(&place, &grant) {
        Ok(()) => Ok(()),
        Err(StoreError::Exists { .. }) => scope.verify(&store.get(&place)?, admin_key).map(drop),
        Err(error) => Err(error.into()),
    }
}

/// The first key of a log that was granted to an account; none if there is no grant.
pub(super) fn open_grant(
    store: &dyn Store,
    workspace: LogId,
    log: LogId,
    account: &AccountKeys,
    state: &WorkspaceState,
) -> Result<Option<Key32>> {
    let scope = GrantScope { workspace, log, generation: 0, recipient: account.key_id() };
    let stored = match store.get(&grant_key(scope.recipient, 0)) {
        Err(StoreError::NotFound { .. }) => return Ok(None),
        stored => stored?,
    };
    scope.open(&stored, account, |id| state.granter(id)).map(Some)
}

/// Whether an account was granted a key of a log.
pub(super) fn is_granted(store: &dyn Store, account: KeyId) -> Result<bool> {
    Ok(!store.list(&grants_of(account))?.is_empty())
}

/// All keys of a filespace that an account was granted, and those before them; none if there is no grant. Among them may
/// be keys of generations that never began.
pub(super) fn open_grants(
    store: &dyn Store,
    workspace: LogId,
    log: LogId,
    account: &AccountKeys,
    state: &WorkspaceState,
) -> Result<Option<Keyring>> {
    let (keyring, recipient) = (Keyring::default(), account.key_id());
    let mut broken = None;
    for name in store.list(&grants_of(recipient))? {
        let Some(generation) = name.rsplit('/').next().and_then(|number| number.parse().ok()) else {
            continue;
        };
        let scope = GrantScope { workspace, log, generation, recipient };
        match scope.open(&store.get(&name)?, account, |id| state.granter(id)) {
            Ok(key) => keyring.insert(generation, key),
            Err(error) => broken = Some(error),
        }
    }
    let granted = keyring.generations();
    match (granted.is_empty(), broken) {
        (true, Some(error)) => return Err(error),
        (true, None) => return Ok(None),
        (false, _) => {}
    }
    for generation in granted {
        if let Err(error) = open_older(store, log, generation, &keyring) {
            crate::report::warn(|| {
                format!("a key of filespace {log} before {generation} is missing: {error}")
            });
        }
    }
    Ok(Some(keyring))
}

/// The keys before a generation, down to one that is there.
fn open_older(store: &dyn Store, log: LogId, mut generation: u32, keyring: &Keyring) -> Result<()> {
    while generation > 0 {
        let Some(key) = keyring.get(generation) else { return Ok(()) };
        let (previous, older) = open_key(store, &log, generation, &key)?;
        if keyring.has(previous) {
            return Ok(());
        }
        keyring.insert(previous, older);
        generation = previous;
    }
    Ok(())
}

impl Workspace {
    /// Only an admin of the workspace can: whoever opens a grant knows no others.
    pub(super) fn grant_keys(
        &self,
        filespace: &FilespaceInfo,
        public: &PublicKeys,
        role: Role,
    ) -> Result<()> {
        self.check_admin(&self.state.lock())?;
        let link = self.link(filespace.id, LinkOptions::strict(self.timeout()))?;
        let result = self.make_member(&link, public, role);
        result.and(link.sync().map(drop)).and(link.close())
    }

    /// Grants the current key, and the role with it: the key first, because a member without it could not even read.
    pub(super) fn make_member(&self, link: &Arc<Link>, public: &PublicKeys, role: Role) -> Result<()> {
        let deadline = link.deadline();
        loop {
            let (generation, key) = link.current_key()?;
            let of = LogKey { workspace: self.id, log: link.id(), generation, key: &key };
            put_grant(&**link.store(), &of, public, &self.account, |id| self.granter(id))?;
            let set = SetMember {
                sign: Bytes::copy_from_slice(&public.sign),
                kem: Bytes::copy_from_slice(&public.kem),
                role: role as u32,
                generation,
            };
            match link.commit(Draft::of(Op::SetMember(set)), deadline) {
                // Another key follows; it was granted to those who were members.
                Err(CommitError::Refused(Refusal::OldGeneration)) if Instant::now() < deadline => {}
                committed => return self.told(committed, "grant"),
            }
        }
    }

    /// Gives a filespace another key if somebody knows the current one who is no member any more. An account that may not
    /// leaves it to those who may.
    pub(super) fn renew_key(&self, link: &Arc<Link>) -> Result<()> {
        let (deadline, own) = (link.deadline(), self.account.key_id());
        loop {
            let is_due = link.read(|state| {
                let may = state.member(own)?.is_some_and(|member| member.role() == Role::Admin);
                Ok(may && state.generation(state.header()?.generation)?.is_known_outside)
            })?;
            if !is_due || self.check_admin(&self.state.lock()).is_err() {
                return Ok(());
            }
            let Some(begin) = self.prepare_generation(link)? else { continue };
            match link.commit(Draft::of(Op::NewGeneration(begin)), deadline) {
                // Others came or went, or another admin was faster.
                Err(CommitError::Refused(Refusal::WrongMembers | Refusal::OldGeneration))
                    if Instant::now() < deadline =>
                {
                    link.refresh()?;
                }
                committed => return self.told(committed, "change the key"),
            }
        }
    }

    /// Stores all that a new generation needs. Its number is one that nobody has used, not even for one that never began:
    /// none if somebody just did.
    fn prepare_generation(&self, link: &Arc<Link>) -> Result<Option<NewGeneration>> {
        let (previous, old) = link.current_key()?;
        let step = u32::from(u16::from_le_bytes(self.env.random_bytes()?));
        let generation = previous.checked_add(1 + step).ok_or_else(|| {
            Error::new(Status::NoSpace, "there were as many keys as there can be; make a new filespace")
        })?;
        let key = Key32::random(&self.env)?;
        let (store, id) = (link.store(), link.id());
        match store
            .put(&key_before(generation), &seal_key(&self.env, &id, generation, &key, (previous, &old))?)
        {
            Err(StoreError::Exists { .. }) => return Ok(None),
            stored => stored?,
        }
        let members = link.read(|state| {
            let mut found = Vec::new();
            for key_id in members(state)? {
                let member = state.member(key_id)?.ok_or(Stop::Corrupt("member"))?;
                let (Ok(sign), Ok(kem)) = (member.sign[..].try_into(), member.kem[..].try_into()) else {
                    return Err(Stop::Corrupt("member").into());
                };
                found.push(PublicKeys { sign, kem });
            }
            Ok(found)
        })?;
        let of = LogKey { workspace: self.id, log: id, generation, key: &key };
        for member in &members {
            put_grant(&**store, &of, member, &self.account, |id| self.granter(id))?;
        }
        // The log must not survive a loss of power without them.
        store.sync(&[])?;
        let key_hash = Bytes::copy_from_slice(&key_hash(&key).0);
        let members = members.iter().map(|member| Bytes::copy_from_slice(&member.key_id().0)).collect();
        link.learn_key(generation, key);
        Ok(Some(NewGeneration { generation, previous, key_hash, members }))
    }
}

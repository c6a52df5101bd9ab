//! Workspaces: accounts, tokens, grants; making, listing, linking and ending filespaces.
//!
//! A workspace is a log like a filespace: `log/`, `grants/<key id>/<generation>`, and `filespaces/<id>/`, each with a
//! log and a store of its own.
//!
//! - [`ops`]: what its commits say.
//! - [`state`]: what they amount to.
//! - [`name`](self): names, sealed under the workspace's key.
//! - [`admin`](self): what admins do.
//! - `keys`: keys of logs: who was granted which, and the next one.
//! - `rotation`: another token for an account.
//! - [`location`]: the URL of a workspace.
//! - `place`: what is there: logs and stores by their path.

mod admin;
mod keys;
pub mod location;
mod name;
pub mod ops;
mod place;
mod rotation;
pub mod state;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message;
use tokio::runtime::Handle;

use crate::content::store::Store;
use crate::crypto::account::{AccountKeys, SigningKey};
use crate::crypto::token::Token;
use crate::crypto::{Key32, equal};
use crate::env::Env;
use crate::error::{Error, Result, Status};
use crate::filespace::{Link, LinkOptions, LinkParts, survival};
use crate::ids::{Incarnation, KeyId, LogId, Seq, SessionId};
use crate::log::envelope::Envelope;
use crate::log::{Append, CommitLog, LogError};
use crate::state::value::Role;
use keys::{LogKey, is_granted, open_grant, open_grants, put_grant};
use ops::{AddAccount, WorkspaceBody, WorkspaceGenesis, WorkspaceOp};
use place::{Place, ROOT};
use state::{SlotOutcome, WorkspaceState, payload_hash, workspace_id};

pub use admin::AccountInfo;
pub use location::Location;

/// Between two offers of a commit that got no answer.
const RETRY: Duration = Duration::from_millis(20);

/// An opened workspace: one account in it.
pub struct Workspace {
    id: LogId,
    location: Location,
    place: Place,
    env: Env,
    runtime: Handle,
    timeout: Duration,
    log: Arc<dyn CommitLog>,
    store: Arc<dyn Store>,
    account: Arc<AccountKeys>,
    key: Key32,
    name: String,
    state: Mutex<WorkspaceState>,
}

/// A filespace of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilespaceInfo {
    /// Its id.
    pub id: LogId,
    /// Its name.
    pub name: String,
    /// When it was made, nanoseconds since 1970.
    pub created: i64,
    /// Whether this account has a grant for it.
    pub accessible: bool,
}

impl Workspace {
    /// Makes a workspace in a place that is new or empty, and its first admin, whose token is returned: the
    /// only copy there is.
    pub fn create(location: &Location, name: &str, env: &Env, timeout: Duration) -> Result<Token> {
        name::check(name)?;
        let place = Place::new(location, timeout, None)?;
        place.check_vacant()?;
        let probe = place.probe(env)?;
        let secret = Key32::random(env)?;
        let root = SigningKey::root(&secret)?;
        let now = env.clock.now();
        let mut genesis = WorkspaceGenesis {
            format_version: 1,
            random: Bytes::copy_from_slice(&env.random_bytes::<32>()?),
            created: now,
            root: Bytes::copy_from_slice(&root.public()),
            probe,
            signature: Bytes::new(),
        };
        genesis.signature = Bytes::copy_from_slice(&root.sign(&genesis.signed_part()));
        let genesis = genesis.encode_to_vec();
        let id = workspace_id(&genesis);
        let account = AccountKeys::derive(&secret, &id)?;
        let key = Key32::random(env)?;
        let first = WorkspaceBody {
            ops: vec![
                WorkspaceOp::SetName(name::seal(env, &key, id, name::WORKSPACE, name)?).wrap(),
                WorkspaceOp::AddAccount(AddAccount {
                    sign: Bytes::copy_from_slice(&account.public().sign),
                    kem: Bytes::copy_from_slice(&account.public().kem),
                    role: Role::Admin as u32,
                    expiry: 0,
                    name: Some(name::seal(env, &key, id, &account.key_id().0, "admin")?),
                    created: now,
                })
                .wrap(),
            ],
        };
        let state = WorkspaceState::open(&genesis)?;
        let slot = seal_commit(env, &state, SessionId(env.random_bytes()?), account.key_id(), &first, |m| {
            root.sign(m)
        })?;
        let log = place.create_log(ROOT, &genesis).map_err(|error| match error {
            LogError::Exists(_) => {
                Error::new(Status::Exists, format!("there is a workspace in {location} already"))
            }
            error => error.into(),
        })?;
        let filled = (|| -> Result<()> {
            let store = place.store(ROOT);
            let of = LogKey { workspace: id, log: id, generation: 0, key: &key };
            put_grant(&*store, &of, &account.public(), &account, |_| None)?;
            match log.append(&slot, Seq(0))? {
                Append::Landed(Seq(1)) => {}
                Append::Landed(_) | Append::Occupied => {
                    return Err(Error::new(Status::Exists, "another process made a workspace here"));
                }
                Append::Unknown(cause) => return Err(cause.into()),
            }
            store.sync(&[])?;
            Ok(log.sync(Seq(1))?)
        })();
        if let Err(error) = filled {
            // Nobody has a token for it: it is to be as if it had never been.
            drop(log);
            place.remove_log(ROOT);
            return Err(error);
        }
        Ok(Token { key_id: account.key_id(), secret })
    }

    /// Opens a workspace with a token: reads its log, tells unknown, revoked and expired accounts apart.
    pub fn open(
        location: &Location,
        token: &Token,
        env: &Env,
        timeout: Duration,
        runtime: Handle,
    ) -> Result<Arc<Workspace>> {
        let place = Place::new(location, timeout, Some(runtime.clone()))?;
        let log = place.open_log(ROOT, |_| Ok(true)).map_err(|error| match error {
            LogError::NotFound(_) => {
                let what = format!("there is no workspace at {location}; create one or check workspace.url");
                Error::new(Status::NotFound, what)
            }
            error => error.into(),
        })?;
        let slots = log.read(Seq(0), usize::MAX, usize::MAX)?;
        let (genesis, rest) = slots
            .split_first()
            .ok_or_else(|| Error::new(Status::Integrity, "the workspace's log has no slot 0"))?;
        let id = workspace_id(&genesis.1);
        let mut state = WorkspaceState::open(&genesis.1)?;
        for (_, bytes) in rest {
            state.apply(bytes);
        }
        let account = Arc::new(AccountKeys::derive(&token.secret, &id)?);
        check_account(&state, token, &account, env.clock.now())?;
        let store = place.store(ROOT);
        let key = open_grant(&*store, id, id, &account, &state)?.ok_or_else(|| {
            Error::new(Status::Integrity, "the workspace's key is not granted to this account")
        })?;
        let name = name::open(&key, id, name::WORKSPACE, state.name())?;
        Ok(Arc::new(Workspace {
            id,
            location: location.clone(),
            place,
            env: env.clone(),
            runtime,
            timeout,
            log,
            store,
            account,
            key,
            name,
            state: Mutex::new(state),
        }))
    }

    /// The workspace's id.
    pub fn id(&self) -> LogId {
        self.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The account it was opened with.
    pub fn key_id(&self) -> KeyId {
        self.account.key_id()
    }

    /// The filespaces, by name.
    pub fn filespaces(&self) -> Result<Vec<FilespaceInfo>> {
        self.refresh()?;
        let state = self.state.lock();
        let mut list = Vec::new();
        for (id, record) in state.filespaces().iter().filter(|(_, r)| !r.dropped) {
            let accessible = is_granted(&*self.filespace_store(*id), self.account.key_id())?;
            let name = name::open(&self.key, self.id, &id.0, &record.name)?;
            list.push(FilespaceInfo { id: *id, name, created: record.created, accessible });
        }
        list.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(list)
    }

    /// The filespace of this name.
    pub fn filespace_named(&self, name: &str) -> Result<FilespaceInfo> {
        let found = self.filespaces()?.into_iter().find(|f| f.name == name);
        found.ok_or_else(|| {
            Error::new(Status::NotFound, format!("there is no filespace {name:?} in the workspace"))
        })
    }

    /// The filespace with this id.
    pub fn filespace_with_id(&self, id: LogId) -> Result<FilespaceInfo> {
        let found = self.filespaces()?.into_iter().find(|f| f.id == id);
        found.ok_or_else(|| {
            Error::new(Status::NotFound, format!("there is no filespace {id} in the workspace"))
        })
    }

    /// Links a filespace. An admin's link also takes away what revoked and expired accounts may do in it.
    pub fn link(&self, id: LogId, options: LinkOptions) -> Result<Arc<Link>> {
        let is_read_only = options.read_only;
        let link = Link::open(self.link_parts(id)?, options)?;
        if !is_read_only {
            // A link that nobody gets must not go on with the journal: the next one does.
            self.expel(&link).inspect_err(|_| link.abandon())?;
        }
        Ok(link)
    }

    /// How long a call may wait for the log or the store.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    fn link_parts(&self, id: LogId) -> Result<LinkParts> {
        let store = self.filespace_store(id);
        let (granted, name) = {
            let state = self.state.lock();
            (open_grants(&*store, self.id, id, &self.account, &state)?, self.called(&state, id))
        };
        let keyring = granted.ok_or_else(|| {
            let what =
                format!("account {} has no grant for filespace {name}; ask an admin", self.account.key_id());
            Error::new(Status::AccessDenied, what)
        })?;
        let keyring = Arc::new(keyring);
        let log = self.place.open_log(&filespace_path(id), |slot| {
            survival::is_whole(id, &keyring, &*store, slot).map_err(|e| LogError::Io(e.into()))
        })?;
        Ok(LinkParts {
            id,
            name,
            env: self.env.clone(),
            log,
            store,
            account: self.account.clone(),
            keyring,
            runtime: self.runtime.clone(),
        })
    }

    /// What messages call a filespace: its name, or its id if the workspace has none that can be trusted.
    fn called(&self, state: &WorkspaceState, id: LogId) -> String {
        let record = state.filespaces().get(&id);
        let name = record.and_then(|r| name::open(&self.key, self.id, &id.0, &r.name).ok());
        name.map_or_else(|| id.to_string(), |name| format!("{name:?}"))
    }

    fn filespace_store(&self, id: LogId) -> Arc<dyn Store> {
        self.place.store(&filespace_path(id))
    }

    /// Applies what the log holds beyond the state; returns what became of each slot.
    fn refresh(&self) -> Result<Vec<SlotOutcome>> {
        let mut state = self.state.lock();
        if self.log.head()? <= state.position() {
            return Ok(Vec::new());
        }
        let slots = self.log.read(state.position().next(), usize::MAX, usize::MAX)?;
        Ok(slots.iter().map(|(_, bytes)| state.apply(bytes)).collect())
    }

    fn check_admin(&self, state: &WorkspaceState) -> Result<()> {
        let account = state.accounts().get(&self.account.key_id());
        match account.is_some_and(|a| a.role == Role::Admin && !a.revoked) {
            true => Ok(()),
            false => Err(Error::new(Status::AccessDenied, "only an admin of the workspace may do this")),
        }
    }

    /// Commits operations and returns when they have taken effect.
    fn commit(&self, ops: Vec<WorkspaceOp>) -> Result<()> {
        self.refresh()?;
        let body = WorkspaceBody { ops: ops.into_iter().map(WorkspaceOp::wrap).collect() };
        let session = SessionId(self.env.random_bytes()?);
        let slot = {
            let state = self.state.lock();
            self.check_admin(&state)?;
            let sign = |m: &[u8]| self.account.sign(m);
            seal_commit(&self.env, &state, session, self.account.key_id(), &body, sign)?
        };
        let deadline = Instant::now() + self.timeout;
        loop {
            let after = self.state.lock().position();
            let answer = match self.log.append(&slot, after)? {
                // No time is left to look for it.
                Append::Unknown(cause) if Instant::now() >= deadline => {
                    return Err(Error::from(cause).maybe_applied());
                }
                answer => answer,
            };
            for outcome in self.refresh()? {
                match outcome {
                    SlotOutcome::Commit(id, result) if id == session => return result.map_err(refused),
                    SlotOutcome::Commit(..) | SlotOutcome::Void => {}
                }
            }
            match answer {
                Append::Landed(_) => {
                    return Err(Error::new(Status::AccessDenied, "the account was revoked meanwhile"));
                }
                Append::Unknown(cause) if Instant::now() >= deadline => {
                    return Err(Error::from(cause).maybe_applied());
                }
                Append::Unknown(_) => std::thread::sleep(RETRY),
                Append::Occupied if Instant::now() >= deadline => {
                    return Err(Error::new(Status::Timeout, "others took every slot of the workspace's log"));
                }
                Append::Occupied => {}
            }
        }
    }
}

fn refused(refusal: state::WorkspaceRefusal) -> Error {
    let status = match refusal {
        state::WorkspaceRefusal::Exists => Status::Exists,
        state::WorkspaceRefusal::NotFound => Status::NotFound,
        state::WorkspaceRefusal::LastAdmin => Status::AccessDenied,
        state::WorkspaceRefusal::Invalid => Status::Internal,
    };
    Error::new(status, refusal.to_string())
}

fn seal_commit(
    env: &Env,
    state: &WorkspaceState,
    session: SessionId,
    key_id: KeyId,
    body: &WorkspaceBody,
    sign: impl Fn(&[u8]) -> [u8; 64],
) -> Result<Vec<u8>> {
    let payload = body.encode_to_vec();
    let envelope = Envelope {
        incarnation: Incarnation([0; 16]),
        session,
        k: 1,
        seen: state.position(),
        chain_at_seen: state.chain(),
        key_id,
        generation: 0,
        salt: env.random_bytes()?,
        clear: Bytes::new(),
        payload_len: payload.len() as u32,
        payload_hash: payload_hash(&payload),
        out_of_line: false,
    };
    Ok(envelope.encode_signed(&payload, sign))
}

/// Whether the account may come in; if not, why.
fn check_account(state: &WorkspaceState, token: &Token, account: &AccountKeys, now: i64) -> Result<()> {
    let refuse = |why: String| Err(Error::new(Status::Authentication, why));
    let id = token.key_id;
    let Some(record) = state.accounts().get(&id) else {
        return refuse(format!("account {id} is unknown in this workspace; check token and workspace.url"));
    };
    if !equal(&id.0, &account.key_id().0) {
        return refuse(format!("the token's secret does not belong to account {id}"));
    }
    if record.revoked {
        return refuse(format!("account {id} is revoked; ask an admin for a new token"));
    }
    if record.expiry != 0 && record.expiry <= now {
        return refuse(format!("account {id} is expired; ask an admin for a new token"));
    }
    Ok(())
}

fn filespace_path(id: LogId) -> String {
    format!("filespaces/{id}")
}

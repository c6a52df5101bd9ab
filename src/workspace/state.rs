//! The state of a workspace: accounts and filespaces, by applying its log. Pure, like the state of a
//! filespace, and judged by the same rules; small enough to be built anew by each opener.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use prost::Message;

use super::ops::{AddAccount, SealedName, WorkspaceBody, WorkspaceGenesis, WorkspaceOp};
use crate::crypto::account::{PublicKeys, verify};
use crate::crypto::{hash, sha256};
use crate::error::{Error, Result, Status};
use crate::ids::{Hash, KeyId, LogId, Seq, SessionId};
use crate::log::chain;
use crate::log::envelope::SlotView;
use crate::state::WINDOW;
use crate::state::value::Role;

const FORMAT_VERSION: u32 = 1;

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its public keys.
    pub public: PublicKeys,
    /// What it may do in the workspace.
    pub role: Role,
    /// When it ends, nanoseconds since 1970; 0: never.
    pub expiry: i64,
    /// Whether it was ended.
    pub revoked: bool,
    /// What it is called.
    pub name: SealedName,
    /// The account that has its place.
    pub successor: Option<KeyId>,
}

/// A filespace.
#[derive(Clone, Debug)]
pub struct FilespaceRecord {
    /// What it is called.
    pub name: SealedName,
    /// When it was made, nanoseconds since 1970.
    pub created: i64,
    /// Whether it was deleted.
    pub dropped: bool,
}

/// Why an operation was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkspaceRefusal {
    /// The name, key or id is taken.
    #[error("the name exists already")]
    Exists,
    /// There is no such account or filespace.
    #[error("there is no such account or filespace")]
    NotFound,
    /// Somebody must stay who can grant.
    #[error("the last admin cannot be revoked")]
    LastAdmin,
    /// It breaks a rule that every author knows.
    #[error("the operation is malformed")]
    Invalid,
}

/// What became of a slot.
#[derive(Debug, PartialEq, Eq)]
pub enum SlotOutcome {
    /// No effect at all: no commit, or not in order.
    Void,
    /// The commit of this session, with its outcome.
    Commit(SessionId, Result<(), WorkspaceRefusal>),
}

/// The state at a position.
pub struct WorkspaceState {
    root: [u8; 32],
    position: Seq,
    window: VecDeque<Hash>,
    sessions: VecDeque<(Seq, SessionId)>,
    tables: Tables,
}

#[derive(Clone, Default)]
struct Tables {
    name: SealedName,
    accounts: BTreeMap<KeyId, Account>,
    filespaces: BTreeMap<LogId, FilespaceRecord>,
}

impl WorkspaceGenesis {
    /// The part that the root signs.
    pub fn signed_part(&self) -> [u8; 32] {
        let unsigned = WorkspaceGenesis { signature: Bytes::new(), ..self.clone() };
        hash("lucidlink/workspace-genesis-signed/v1", &[&unsigned.encode_to_vec()]).0
    }
}

/// The id of the workspace whose log starts with these bytes.
pub fn workspace_id(genesis: &[u8]) -> LogId {
    LogId(hash("lucidlink/workspace-genesis/v1", &[genesis]).0)
}

impl WorkspaceState {
    /// The state at slot 0.
    pub fn open(genesis: &[u8]) -> Result<WorkspaceState> {
        let broken = || Error::new(Status::Integrity, "slot 0 of the workspace's log is damaged or forged");
        if genesis.len() > 4096 {
            return Err(broken());
        }
        let decoded = WorkspaceGenesis::decode(genesis).map_err(|e| broken().caused_by(e))?;
        if decoded.format_version != FORMAT_VERSION {
            let what =
                format!("the workspace has format version {}; this library reads 1", decoded.format_version);
            return Err(Error::new(Status::UpgradeRequired, what));
        }
        let root: [u8; 32] = decoded.root[..].try_into().map_err(|_| broken())?;
        let signature = decoded.signature[..].try_into().map_err(|_| broken())?;
        if !verify(&root, &decoded.signed_part(), &signature) {
            return Err(broken());
        }
        Ok(WorkspaceState {
            root,
            position: Seq(0),
            window: VecDeque::from([Hash(workspace_id(genesis).0)]),
            sessions: VecDeque::new(),
            tables: Tables::default(),
        })
    }

    /// The last position applied.
    pub fn position(&self) -> Seq {
        self.position
    }

    /// The chain at that position.
    pub fn chain(&self) -> Hash {
        self.window.back().copied().unwrap_or(Hash([0; 32]))
    }

    /// What the workspace is called.
    pub fn name(&self) -> &SealedName {
        &self.tables.name
    }

    /// The accounts, the revoked ones included.
    pub fn accounts(&self) -> &BTreeMap<KeyId, Account> {
        &self.tables.accounts
    }

    /// The key that checks an account's grants, if it may grant. They outlast its own revocation.
    pub fn granter(&self, id: KeyId) -> Option<[u8; 32]> {
        self.tables.accounts.get(&id).filter(|a| a.role == Role::Admin).map(|a| a.public.sign)
    }

    /// The filespaces, the deleted ones included.
    pub fn filespaces(&self) -> &BTreeMap<LogId, FilespaceRecord> {
        &self.tables.filespaces
    }

    /// Applies the next slot.
    pub fn apply(&mut self, bytes: &[u8]) -> SlotOutcome {
        let at = self.position.next();
        let outcome = self.judge(at, bytes).map_or(SlotOutcome::Void, |(session, body)| {
            self.sessions.push_back((at, session));
            SlotOutcome::Commit(session, self.consume(&body))
        });
        self.window.push_back(chain::next(&self.chain(), at, bytes));
        self.position = at;
        if self.window.len() as u64 > WINDOW {
            self.window.pop_front();
        }
        while self.sessions.front().is_some_and(|(seq, _)| seq.0 + WINDOW < at.0) {
            self.sessions.pop_front();
        }
        outcome
    }

    /// The commit in a slot, if it counts: signed by an admin (slot 1: by the root), made for this log not
    /// long ago, and not offered before.
    fn judge(&self, at: Seq, bytes: &[u8]) -> Option<(SessionId, WorkspaceBody)> {
        let slot = SlotView::parse(bytes).ok()?;
        let envelope = slot.envelope();
        let signer = match at {
            Seq(1) => self.root,
            _ => {
                let account = self.tables.accounts.get(&envelope.key_id)?;
                (account.role == Role::Admin && !account.revoked).then_some(account.public.sign)?
            }
        };
        let age = at.0.checked_sub(envelope.seen.0).filter(|age| (1..=WINDOW).contains(age))?;
        let seen_chain = self.window.len().checked_sub(age as usize).and_then(|i| self.window.get(i))?;
        let repeated = self.sessions.iter().any(|(_, session)| *session == envelope.session);
        let ordered = *seen_chain == envelope.chain_at_seen && envelope.k == 1 && !repeated;
        if !slot.verify(&signer) || envelope.incarnation.0 != [0; 16] || !ordered {
            return None;
        }
        let body = WorkspaceBody::decode_canonical(slot.payload()?)?;
        Some((envelope.session, body))
    }

    fn consume(&mut self, body: &WorkspaceBody) -> Result<(), WorkspaceRefusal> {
        let mut tables = self.tables.clone();
        for operation in &body.ops {
            tables.apply(operation.op.as_ref().ok_or(WorkspaceRefusal::Invalid)?)?;
        }
        self.tables = tables;
        Ok(())
    }
}

impl Tables {
    fn apply(&mut self, op: &WorkspaceOp) -> Result<(), WorkspaceRefusal> {
        use WorkspaceRefusal::{Exists, Invalid, LastAdmin, NotFound};
        match op {
            WorkspaceOp::SetName(name) => self.name = name.clone(),
            WorkspaceOp::AddAccount(add) => {
                let account = account(add).ok_or(Invalid)?;
                let id = account.public.key_id();
                let same_name = |a: &Account| !a.revoked && a.name.tag == account.name.tag;
                if self.accounts.contains_key(&id) || self.accounts.values().any(same_name) {
                    return Err(Exists);
                }
                self.accounts.insert(id, account);
            }
            WorkspaceOp::RevokeAccount(revoke) => {
                let id = KeyId::from_slice(&revoke.key_id).ok_or(Invalid)?;
                let is_admin = |a: &Account| a.role == Role::Admin && !a.revoked;
                let others = self.accounts.iter().any(|(other, a)| *other != id && is_admin(a));
                let account = self.accounts.get_mut(&id).ok_or(NotFound)?;
                if is_admin(account) && !others {
                    return Err(LastAdmin);
                }
                account.revoked = true;
            }
            WorkspaceOp::RotateAccount(rotate) => {
                let old = KeyId::from_slice(&rotate.key_id).ok_or(Invalid)?;
                let (public, name) =
                    enrolled(&rotate.sign, &rotate.kem, rotate.name.as_ref()).ok_or(Invalid)?;
                let id = public.key_id();
                let is_known = self.accounts.contains_key(&id);
                let account = self.accounts.get_mut(&old).filter(|a| !a.revoked).ok_or(NotFound)?;
                if is_known {
                    return Err(Exists);
                }
                if account.name.tag != name.tag {
                    return Err(Invalid);
                }
                let (role, expiry) = (account.role, account.expiry);
                (account.revoked, account.successor) = (true, Some(id));
                let new = Account { public, role, expiry, revoked: false, name, successor: None };
                self.accounts.insert(id, new);
            }
            WorkspaceOp::AddFilespace(add) => {
                let id = LogId::from_slice(&add.id).ok_or(Invalid)?;
                let name = sound(add.name.as_ref()).ok_or(Invalid)?;
                if self.filespaces.contains_key(&id) || self.has_filespace(&name) {
                    return Err(Exists);
                }
                self.filespaces.insert(id, FilespaceRecord { name, created: add.created, dropped: false });
            }
            WorkspaceOp::RenameFilespace(rename) => {
                let id = LogId::from_slice(&rename.id).ok_or(Invalid)?;
                let name = sound(rename.name.as_ref()).ok_or(Invalid)?;
                let taken = self.has_filespace(&name);
                let filespace = self.filespaces.get_mut(&id).filter(|f| !f.dropped).ok_or(NotFound)?;
                if taken && filespace.name.tag != name.tag {
                    return Err(Exists);
                }
                filespace.name = name;
            }
            WorkspaceOp::DropFilespace(drop) => {
                let id = LogId::from_slice(&drop.id).ok_or(Invalid)?;
                let filespace = self.filespaces.get_mut(&id).filter(|f| !f.dropped).ok_or(NotFound)?;
                filespace.dropped = true;
            }
        }
        Ok(())
    }

    fn has_filespace(&self, name: &SealedName) -> bool {
        self.filespaces.values().any(|f| !f.dropped && f.name.tag == name.tag)
    }
}

fn account(add: &AddAccount) -> Option<Account> {
    let role = Role::try_from(add.role as i32).ok().filter(|r| *r != Role::None)?;
    let (public, name) = enrolled(&add.sign, &add.kem, add.name.as_ref())?;
    Some(Account { public, role, expiry: add.expiry, revoked: false, name, successor: None })
}

/// Keys that may be enrolled, and the name of their account.
fn enrolled(sign: &[u8], kem: &[u8], name: Option<&SealedName>) -> Option<(PublicKeys, SealedName)> {
    let public = PublicKeys { sign: sign.try_into().ok()?, kem: kem.try_into().ok()? };
    public.is_acceptable().then_some(())?;
    Some((public, sound(name)?))
}

/// A name whose parts have the right sizes.
fn sound(name: Option<&SealedName>) -> Option<SealedName> {
    name.filter(|n| n.tag.len() == 32 && n.sealed.len() <= 1024).cloned()
}

/// The hash that names a payload in an envelope.
pub(super) fn payload_hash(payload: &[u8]) -> Hash {
    sha256(payload)
}

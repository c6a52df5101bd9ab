//! What admins do: accounts, filespaces, grants.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

use super::keys::{LogKey, put_grant};
use super::ops::{AddAccount, AddFilespace, DropFilespace, RenameFilespace, RevokeAccount, WorkspaceOp};
use super::{FilespaceInfo, Workspace, filespace_path, name};
use crate::crypto::Key32;
use crate::crypto::account::{AccountKeys, PublicKeys};
use crate::crypto::token::Token;
use crate::error::{Error, Result, Status};
use crate::filespace::genesis::{Genesis, log_id};
use crate::filespace::{CommitError, Committed, Draft, Link, LinkOptions};
use crate::ids::{KeyId, Seq};
use crate::state::ops::{End, Op, RevokeMember};
use crate::state::value::Role;
use crate::state::{Refusal, Tables};

/// Plain bytes of a full block in a new filespace.
const BLOCK_SIZE: u32 = 256 << 10;

/// An account of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountInfo {
    /// Its key id.
    pub key_id: KeyId,
    /// Its name.
    pub name: String,
    /// What it may do in the workspace.
    pub role: Role,
    /// When it ends, nanoseconds since 1970; 0: never.
    pub expiry: i64,
    /// Whether it was ended.
    pub revoked: bool,
}

impl Workspace {
    /// The accounts, the revoked ones included.
    pub fn accounts(&self) -> Result<Vec<AccountInfo>> {
        self.refresh()?;
        let state = self.state.lock();
        let info = |(key_id, account): (&KeyId, &super::state::Account)| {
            Ok(AccountInfo {
                key_id: *key_id,
                name: name::open(&self.key, self.id, &key_id.0, &account.name)?,
                role: account.role,
                expiry: account.expiry,
                revoked: account.revoked,
            })
        };
        state.accounts().iter().map(info).collect()
    }

    /// What an account is called; its key id, if the workspace does not know it, or cannot be asked.
    pub fn called_account(&self, id: KeyId) -> String {
        let known = || {
            let state = self.state.lock();
            let account = state.accounts().get(&id)?;
            name::open(&self.key, self.id, &id.0, &account.name).ok()
        };
        let found = known().or_else(|| {
            self.refresh().ok()?;
            known()
        });
        found.unwrap_or_else(|| id.to_string())
    }

    /// The account of this name or key id; of several with one name (all but one revoked) the live one.
    pub fn account(&self, name_or_key_id: &str) -> Result<AccountInfo> {
        if name_or_key_id.starts_with("sa_live:") {
            let what = "account: this is a token; give the account's name or key id";
            return Err(Error::new(Status::InvalidArgument, what));
        }
        let accounts = self.accounts()?;
        let by_id = |a: &&AccountInfo| a.key_id.to_string() == name_or_key_id;
        let by_name = |a: &&AccountInfo| a.name == name_or_key_id;
        let live = accounts.iter().filter(|a| !a.revoked);
        let found = accounts
            .iter()
            .find(by_id)
            .or_else(|| live.clone().find(by_name))
            .or_else(|| accounts.iter().find(by_name));
        found.cloned().ok_or_else(|| {
            Error::new(Status::NotFound, format!("there is no account {name_or_key_id:?} in the workspace"))
        })
    }

    /// Makes an account and returns its token: the only copy there is. An admin is granted every filespace
    /// that this account is an admin of.
    pub fn create_account(&self, name: &str, role: Role, expiry: i64) -> Result<Token> {
        let now = self.env.clock.now();
        if expiry != 0 && expiry <= now {
            return Err(Error::new(Status::InvalidArgument, "expiry_ns: it is in the past; 0 means never"));
        }
        let secret = Key32::random(&self.env)?;
        let keys = AccountKeys::derive(&secret, &self.id)?;
        let public = keys.public();
        let sealed = name::seal(&self.env, &self.key, self.id, &keys.key_id().0, name)?;
        let of = LogKey { workspace: self.id, log: self.id, generation: 0, key: &self.key };
        put_grant(&*self.store, &of, &public, &self.account, |id| self.granter(id))?;
        self.commit(vec![WorkspaceOp::AddAccount(AddAccount {
            sign: Bytes::copy_from_slice(&public.sign),
            kem: Bytes::copy_from_slice(&public.kem),
            role: role as u32,
            expiry,
            name: Some(sealed),
            created: now,
        })])
        .map_err(|e| taken(e, "an account", name))?;
        if role == Role::Admin {
            self.in_each_filespace(|link| match self.administers(link)? {
                true => self.make_member(link, &public, Role::Admin).and(link.sync().map(drop)),
                false => Ok(()),
            })?;
        }
        self.make_durable()?;
        Ok(Token { key_id: keys.key_id(), secret })
    }

    /// Ends an account: first in the workspace, then in each filespace that this account may change; the
    /// links of other admins finish the rest.
    pub fn revoke_account(&self, name_or_key_id: &str) -> Result<()> {
        let account = self.account(name_or_key_id)?;
        if account.revoked {
            return Ok(());
        }
        self.check_leaves_an_admin(&account)?;
        let key_id = Bytes::copy_from_slice(&account.key_id.0);
        self.commit(vec![WorkspaceOp::RevokeAccount(RevokeAccount { key_id })])?;
        self.in_each_filespace(|_| Ok(()))?;
        self.make_durable()
    }

    /// The log knows no clock: that others have expired is looked at here.
    fn check_leaves_an_admin(&self, account: &AccountInfo) -> Result<()> {
        let now = self.env.clock.now();
        let is_admin =
            |a: &AccountInfo| a.role == Role::Admin && !a.revoked && (a.expiry == 0 || a.expiry > now);
        let mut others = self.accounts()?.into_iter().filter(|other| other.key_id != account.key_id);
        if is_admin(account) && !others.any(|other| is_admin(&other)) {
            let what = "it is the last admin whose token has not expired; make another one first";
            return Err(Error::new(Status::AccessDenied, what));
        }
        Ok(())
    }

    /// Makes a filespace. This account and all other admins are its admins.
    pub fn create_filespace(&self, name: &str) -> Result<FilespaceInfo> {
        name::check(name)?;
        if self.filespaces()?.iter().any(|f| f.name == name) {
            return Err(exists("a filespace", name));
        }
        let key = Key32::random(&self.env)?;
        let created = self.env.clock.now();
        let genesis =
            Genesis::new(self.id, self.env.random_bytes()?, created, &self.account, &key, BLOCK_SIZE);
        let genesis = genesis.encode_to_vec();
        let id = log_id(&genesis);
        self.place.create_log(&filespace_path(id), &genesis)?;
        let store = self.filespace_store(id);
        let of = LogKey { workspace: self.id, log: id, generation: 0, key: &key };
        put_grant(&*store, &of, &self.account.public(), &self.account, |id| self.granter(id))?;
        store.sync(&[])?;
        let sealed = name::seal(&self.env, &self.key, self.id, &id.0, name)?;
        let add = AddFilespace { id: Bytes::copy_from_slice(&id.0), name: Some(sealed), created };
        self.commit(vec![WorkspaceOp::AddFilespace(add)]).map_err(|e| taken(e, "a filespace", name))?;
        let info = FilespaceInfo { id, name: name.to_owned(), created, accessible: true };
        let others: Vec<PublicKeys> = {
            let state = self.state.lock();
            let admins = state.accounts().iter().filter(|(_, a)| a.role == Role::Admin && !a.revoked);
            admins.filter(|(key_id, _)| **key_id != self.account.key_id()).map(|(_, a)| a.public).collect()
        };
        for admin in others {
            self.grant_keys(&info, &admin, Role::Admin)?;
        }
        self.make_durable()?;
        Ok(info)
    }

    /// Gives a filespace another name; links and ids stay.
    pub fn rename_filespace(&self, name: &str, new_name: &str) -> Result<()> {
        let filespace = self.filespace_named(name)?;
        let sealed = name::seal(&self.env, &self.key, self.id, &filespace.id.0, new_name)?;
        let id = Bytes::copy_from_slice(&filespace.id.0);
        self.commit(vec![WorkspaceOp::RenameFilespace(RenameFilespace { id, name: Some(sealed) })])
            .map_err(|e| taken(e, "a filespace", new_name))?;
        self.make_durable()
    }

    /// Deletes a filespace: nothing in it can be read or changed afterwards.
    pub fn delete_filespace(&self, name: &str) -> Result<()> {
        let filespace = self.filespace_named(name)?;
        let id = Bytes::copy_from_slice(&filespace.id.0);
        // An account that may not do both is to change nothing.
        self.check_admin(&self.state.lock())?;
        match self.link(filespace.id, LinkOptions::strict(self.timeout())) {
            Ok(link) => self.commit_to(&link, Op::End(End {}), "delete the filespace")?,
            // An earlier attempt came as far as this.
            Err(error) if error.status() == Status::FilespaceDeleted => {}
            Err(error) => return Err(error),
        }
        self.commit(vec![WorkspaceOp::DropFilespace(DropFilespace { id })])?;
        self.make_durable()
    }

    /// Where the log of a filespace has a fork that nobody has accepted; none if it has none.
    pub fn fork(&self, filespace: &str) -> Result<Option<Seq>> {
        Ok(self.link_as_it_is(filespace, true)?.fork())
    }

    /// Goes on behind a fork of a filespace's log, with what the log has now.
    pub fn accept_fork(&self, filespace: &str, at: Seq) -> Result<()> {
        let link = self.link_as_it_is(filespace, false)?;
        link.accept_fork(at, link.deadline())?;
        link.sync()?;
        link.close()
    }

    /// A link that changes nothing by itself: behind a fork nothing can be.
    fn link_as_it_is(&self, filespace: &str, read_only: bool) -> Result<Arc<Link>> {
        let id = self.filespace_named(filespace)?.id;
        Link::open(self.link_parts(id)?, LinkOptions { read_only, ..LinkOptions::strict(self.timeout()) })
    }

    /// Gives an account a role in a filespace.
    pub fn grant(&self, filespace: &str, account: &str, role: Role) -> Result<()> {
        let filespace = self.filespace_named(filespace)?;
        let account = self.account(account)?;
        if account.revoked {
            return Err(Error::new(Status::Authentication, format!("account {:?} is revoked", account.name)));
        }
        let public = self.state.lock().accounts().get(&account.key_id).map(|a| a.public);
        let public = public.ok_or_else(|| Error::new(Status::NotFound, "the account is gone"))?;
        self.grant_keys(&filespace, &public, role)?;
        self.make_durable()
    }

    /// Takes an account's role in a filespace away.
    pub fn revoke_grant(&self, filespace: &str, account: &str) -> Result<()> {
        let filespace = self.filespace_named(filespace)?;
        let AccountInfo { key_id, name, .. } = self.account(account)?;
        let link = self.link(filespace.id, LinkOptions::strict(self.timeout()))?;
        let revoke = RevokeMember { key_id: Bytes::copy_from_slice(&key_id.0) };
        let result = self.commit_to(&link, Op::RevokeMember(revoke), "revoke a grant").map_err(|error| {
            match error.status() {
                Status::NotFound => {
                    let what = format!("account {name:?} has no role in filespace {:?}", filespace.name);
                    Error::new(Status::NotFound, what)
                }
                _ => error,
            }
        });
        let result = result.and_then(|()| self.renew_key(&link));
        result.and(link.sync().map(drop)).and(link.close())?;
        self.make_durable()
    }

    pub(super) fn granter(&self, id: KeyId) -> Option<[u8; 32]> {
        self.state.lock().granter(id)
    }

    /// Takes away what revoked and expired accounts may do in a filespace, and the key that they know, if this account can.
    pub(super) fn expel(&self, link: &Arc<Link>) -> Result<()> {
        let now = self.env.clock.now();
        let gone: Vec<KeyId> = {
            let state = self.state.lock();
            let ended =
                state.accounts().iter().filter(|(_, a)| a.revoked || a.expiry != 0 && a.expiry <= now);
            ended.map(|(key_id, _)| *key_id).collect()
        };
        for key_id in gone {
            let own = self.account.key_id();
            let (member, me) = link.read(|state| Ok((state.member(key_id)?, state.member(own)?)))?;
            let may = me.is_some_and(|m| m.role() == Role::Admin);
            if may && member.is_some_and(|m| m.role() != Role::None) {
                if let Some(successor) = self.successor(key_id) {
                    if self.check_admin(&self.state.lock()).is_err() {
                        continue; // it could not grant what goes over
                    }
                    self.take_the_place(link, key_id, &successor)?;
                }
                let revoke = RevokeMember { key_id: Bytes::copy_from_slice(&key_id.0) };
                self.commit_to(link, Op::RevokeMember(revoke), "revoke an account")?;
            }
        }
        self.renew_key(link)
    }

    fn commit_to(&self, link: &Arc<Link>, op: Op, what: &str) -> Result<()> {
        self.told(link.commit(Draft::of(op), link.deadline()), what)
    }

    /// What became of an admin's commit.
    pub(super) fn told(&self, committed: Result<Committed, CommitError>, what: &str) -> Result<()> {
        match committed {
            Ok(_) => Ok(()),
            Err(CommitError::Failed(error) | CommitError::Unsettled(error, _)) => Err(error),
            Err(CommitError::Refused(refusal)) => {
                let why = match refusal {
                    Refusal::LastAdmin => "it is the last admin; grant another account that role first",
                    other => other.status().text(),
                };
                let text = format!("cannot {what}: {why}");
                Err(Error::new(refusal.status(), text))
            }
        }
    }

    /// What an admin did survives power loss when the call returns.
    pub(super) fn make_durable(&self) -> Result<()> {
        self.store.sync(&[])?;
        Ok(self.log.sync(self.log.head()?)?)
    }
}

fn exists(what: &str, name: &str) -> Error {
    Error::new(Status::Exists, format!("there is {what} {name:?} already"))
}

/// The commit's error; it does not know the name, which is sealed.
fn taken(error: Error, what: &str, name: &str) -> Error {
    if error.status() == Status::Exists { exists(what, name) } else { error }
}

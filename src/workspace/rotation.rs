//! Another token for an account: a new account in the place of the old one, with its name and its roles.

use std::sync::Arc;

use bytes::Bytes;

use super::keys::{LogKey, is_granted, put_grant};
use super::ops::{RotateAccount, WorkspaceOp};
use super::{AccountInfo, Workspace, name};
use crate::crypto::Key32;
use crate::crypto::account::{AccountKeys, PublicKeys};
use crate::crypto::token::Token;
use crate::error::{Error, Result, Status};
use crate::filespace::{Link, LinkOptions};
use crate::ids::KeyId;
use crate::state::Tables;
use crate::state::value::Role;

impl Workspace {
    /// Gives an account another token, and ends the old one. `deliver` is given the new one before anything is final: if
    /// that fails, or the process dies then, the old one is still good.
    pub fn rotate_account(
        &self,
        name_or_key_id: &str,
        deliver: impl FnOnce(&Token) -> Result<()>,
    ) -> Result<()> {
        let account = self.account(name_or_key_id)?;
        if account.revoked {
            return Err(Error::new(Status::Authentication, format!("account {:?} is revoked", account.name)));
        }
        self.check_admin(&self.state.lock())?;
        let is_own = account.key_id == self.account.key_id();
        if !is_own && account.role == Role::Admin {
            self.check_follows(&account)?;
        }
        let secret = Key32::random(&self.env)?;
        let keys = AccountKeys::derive(&secret, &self.id)?;
        let public = keys.public();
        let sealed = name::seal(&self.env, &self.key, self.id, &keys.key_id().0, &account.name)?;
        let of = LogKey { workspace: self.id, log: self.id, generation: 0, key: &self.key };
        put_grant(&*self.store, &of, &public, &self.account, |id| self.granter(id))?;
        let token = Token { key_id: keys.key_id(), secret };
        deliver(&token)?;
        if is_own {
            // Once it is revoked, this account grants nothing any more. Where it may not, links of admins do it later.
            self.in_each_filespace(|link| match self.administers(link)? {
                true => self.take_the_place(link, account.key_id, &public),
                false => Ok(()),
            })?;
        }
        self.commit(vec![WorkspaceOp::RotateAccount(RotateAccount {
            key_id: Bytes::copy_from_slice(&account.key_id.0),
            sign: Bytes::copy_from_slice(&public.sign),
            kem: Bytes::copy_from_slice(&public.kem),
            name: Some(sealed),
            created: self.env.clock.now(),
        })])?;
        // What links of admins do by themselves, at once: roles go over, the old account out, a new key follows.
        match is_own {
            true => self.again(&token)?.in_each_filespace(|_| Ok(()))?,
            false => self.in_each_filespace(|_| Ok(()))?,
        }
        self.make_durable()
    }

    /// An admin may be the only one who can grant in a filespace. Where this account cannot give its roles to its
    /// successor, it must do that itself.
    fn check_follows(&self, admin: &AccountInfo) -> Result<()> {
        for filespace in self.filespaces()? {
            if !is_granted(&*self.filespace_store(filespace.id), admin.key_id)? {
                continue;
            }
            let reaches = filespace.accessible && {
                let link = self.link(filespace.id, LinkOptions::strict(self.timeout()));
                match link {
                    Err(error) if error.status() == Status::AccessDenied => false,
                    // Nothing is left to lose.
                    Err(error) if error.status() == Status::FilespaceDeleted => true,
                    link => {
                        let link = link?;
                        self.administers(&link).and_then(|is_admin| link.close().map(|()| is_admin))?
                    }
                }
            };
            if !reaches {
                let what = format!(
                    "account {:?} may be the only admin of filespace {:?}, of which this account is none: let it rotate \
                     its token itself, or be granted the role of an admin there first",
                    admin.name, filespace.name
                );
                return Err(Error::new(Status::AccessDenied, what));
            }
        }
        Ok(())
    }

    /// This workspace, opened with another token.
    fn again(&self, token: &Token) -> Result<Arc<Workspace>> {
        Workspace::open(&self.location, token, &self.env, self.timeout, self.runtime.clone())
    }

    /// Links each filespace that this account has. It may have a key of one that it was sent away from, or that has ended:
    /// there is nothing to do in those.
    pub(super) fn in_each_filespace(&self, mut work: impl FnMut(&Arc<Link>) -> Result<()>) -> Result<()> {
        for filespace in self.filespaces()?.into_iter().filter(|filespace| filespace.accessible) {
            let link = match self.link(filespace.id, LinkOptions::strict(self.timeout())) {
                Err(error) if matches!(error.status(), Status::AccessDenied | Status::FilespaceDeleted) => {
                    continue;
                }
                link => link?,
            };
            work(&link).and(link.close())?;
        }
        Ok(())
    }

    /// Whether this account is an admin of a filespace.
    pub(super) fn administers(&self, link: &Link) -> Result<bool> {
        let own = self.account.key_id();
        link.read(|state| Ok(state.member(own)?.is_some_and(|member| member.role() == Role::Admin)))
    }

    /// Gives an account the role of another one.
    pub(super) fn take_the_place(&self, link: &Arc<Link>, of: KeyId, public: &PublicKeys) -> Result<()> {
        let role = |id| link.read(|state| Ok(state.member(id)?.map_or(Role::None, |member| member.role())));
        let (had, has) = (role(of)?, role(public.key_id())?);
        if had > has { self.make_member(link, public, had) } else { Ok(()) }
    }

    /// The account that has the place of a revoked one by now, if there is one.
    pub(super) fn successor(&self, of: KeyId) -> Option<PublicKeys> {
        let (state, now) = (self.state.lock(), self.env.clock.now());
        let mut account = state.accounts().get(&of)?;
        while let Some(successor) = account.successor {
            account = state.accounts().get(&successor)?;
        }
        let is_live = !account.revoked && (account.expiry == 0 || account.expiry > now);
        (is_live && account.public.key_id() != of).then_some(account.public)
    }
}

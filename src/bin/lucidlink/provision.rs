//! Workspaces, filespaces, accounts and grants.

use lucidlink::crypto::token::Token;
use lucidlink::env::Env;
use lucidlink::error::{Error, Status};
use lucidlink::fs::Path;
use lucidlink::ids::Seq;
use lucidlink::state::value::Role;
use lucidlink::workspace::{AccountInfo, Workspace};
use serde_json::{Value, json};

use crate::args::{Account, Common, Filespace, Grant, RoleName};
use crate::output::{Failure, Output};
use crate::session::{Purpose, config, in_filespace, in_workspace};
use crate::time::{parse_when, rfc3339, rfc3339_seconds};

pub(crate) fn create_workspace(common: &Common, name: &str) -> Result<(), Failure> {
    let config = config(common)?;
    let location = config.location()?;
    let token = Workspace::create(&location, name, &Env::system(), config.timeout())?;
    let token = token.reveal();
    print_one(common, &token, || json!({"name": name, "url": location.to_string(), "token": *token}))
}

pub(crate) fn filespace(common: &Common, command: &Filespace) -> Result<(), Failure> {
    if let Filespace::Delete { name, force: false } = command {
        check_is_empty(common, name)?;
    }
    in_workspace(common, |workspace| match command {
        Filespace::Create { name } => Ok(workspace.create_filespace(name).map(drop)?),
        Filespace::List => list_filespaces(common, workspace),
        Filespace::Rename { name, new_name } => Ok(workspace.rename_filespace(name, new_name)?),
        Filespace::Delete { name, .. } => Ok(workspace.delete_filespace(name)?),
        Filespace::Fork { name } => {
            let position = workspace.fork(name)?.map(|at| at.0);
            let text = position.map_or("none".to_owned(), |position| position.to_string());
            print_one(common, &text, || json!({"name": name, "position": position}))
        }
        Filespace::AcceptFork { name, position } => Ok(workspace.accept_fork(name, Seq(*position))?),
    })
}

fn check_is_empty(common: &Common, name: &str) -> Result<(), Failure> {
    let checked = in_filespace(common, name, Purpose::Reading, |fs| {
        if fs.open_dir(&Path::root())?.next()?.is_none() {
            return Ok(());
        }
        let what =
            format!("filespace {name:?} is not empty, and nothing can bring it back; delete it with --force");
        Err(Error::new(Status::NotEmpty, what).into())
    });
    match checked {
        // An earlier attempt came as far as this; it can be ended.
        Err(Failure::Failed(error)) if error.status() == Status::FilespaceDeleted => Ok(()),
        checked => checked,
    }
}

fn list_filespaces(common: &Common, workspace: &Workspace) -> Result<(), Failure> {
    let mut out = Output::new();
    for filespace in workspace.filespaces()? {
        match common.json {
            true => out.json(&json!({
                "name": filespace.name,
                "id": filespace.id.to_string(),
                "created": rfc3339(filespace.created),
                "accessible": filespace.accessible,
            }))?,
            false => out.line(&filespace.name)?,
        }
    }
    out.finish()
}

pub(crate) fn account(common: &Common, command: &Account) -> Result<(), Failure> {
    let now = Env::system().clock.now();
    match command {
        Account::Create { name, role, expires } => {
            let expiry = expires.as_deref().map_or(Ok(0), |when| parse_when(when, now));
            let expiry = expiry.map_err(|e| Failure::Usage(format!("--expires: {e}")))?;
            if expires.is_some() && expiry <= now {
                return Err(Failure::Usage("--expires: it is in the past".to_owned()));
            }
            let role = Role::from(*role);
            in_workspace(common, |workspace| {
                let token = workspace.create_account(name, role, expiry)?;
                let account =
                    AccountInfo { key_id: token.key_id, name: name.clone(), role, expiry, revoked: false };
                let token = token.reveal();
                print_one(common, &token, || {
                    let mut fields = account_fields(&account, now);
                    fields["token"] = json!(*token);
                    fields
                })
            })
        }
        Account::List => in_workspace(common, |workspace| {
            let mut out = Output::new();
            for account in workspace.accounts()? {
                match common.json {
                    true => out.json(&account_fields(&account, now))?,
                    false => out.line(&account_line(&account, now))?,
                }
            }
            out.finish()
        }),
        Account::Rotate { name } => in_workspace(common, |workspace| {
            let deliver = |token: &Token| {
                let text = token.reveal();
                let fields = || json!({"name": name, "key_id": token.key_id.to_string(), "token": *text});
                print_one(common, &text, fields).map_err(|_| {
                    Error::new(Status::Io, "the token could not be printed; nothing was changed")
                })
            };
            Ok(workspace.rotate_account(name, deliver)?)
        }),
        Account::Revoke { name } => in_workspace(common, |w| Ok(w.revoke_account(name)?)),
    }
}

/// An admin more, for the day when the others' tokens are lost.
pub(crate) fn backup(common: &Common, name: &str) -> Result<(), Failure> {
    let create = Account::Create { name: name.to_owned(), role: RoleName::Admin, expires: None };
    account(common, &create).map_err(|failure| match failure {
        Failure::Failed(error) if error.status() == Status::Exists => {
            Error::new(Status::Exists, format!("{error}; give this one another with --name")).into()
        }
        failure => failure,
    })
}

pub(crate) fn grant(common: &Common, grant: &Grant) -> Result<(), Failure> {
    in_workspace(common, |workspace| match grant.role {
        Some(role) => Ok(workspace.grant(&grant.filespace, &grant.account, role.into())?),
        None => Ok(workspace.revoke_grant(&grant.filespace, &grant.account)?),
    })
}

fn print_one(common: &Common, text: &str, json: impl FnOnce() -> Value) -> Result<(), Failure> {
    let mut out = Output::new();
    match common.json {
        true => out.json(&json())?,
        false => out.line(text)?,
    }
    out.finish()
}

fn account_fields(account: &AccountInfo, now: i64) -> Value {
    json!({
        "name": account.name,
        "role": role_name(account.role),
        "state": state_name(account, now),
        "expires": (account.expiry != 0).then(|| rfc3339(account.expiry)),
        "key_id": account.key_id.to_string(),
    })
}

fn account_line(account: &AccountInfo, now: i64) -> String {
    let expires = match account.expiry {
        0 => "never".to_owned(),
        expiry => rfc3339_seconds(expiry),
    };
    let (role, state) = (role_name(account.role), state_name(account, now));
    format!("{}\t{role}\t{state}\t{expires}\t{}", account.name, account.key_id)
}

fn state_name(account: &AccountInfo, now: i64) -> &'static str {
    match account {
        AccountInfo { revoked: true, .. } => "revoked",
        AccountInfo { expiry, .. } if *expiry != 0 && *expiry <= now => "expired",
        _ => "active",
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::None => "none",
        Role::Reader => "reader",
        Role::Writer => "writer",
        Role::Admin => "admin",
    }
}

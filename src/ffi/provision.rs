//! Provisioning: workspaces, filespaces, accounts, grants. Admins only.

use std::ffi::{CString, c_char};
use std::sync::Arc;
use std::time::Duration;

use super::error::ll_error;
use super::guard::{guard, quiet};
use super::handle::{self, HandleKind, Object};
use super::status::ll_status;
use super::structs::{Sized32, check_out, init, put_struct};
use super::text::{clear, put, put_text, text};
use super::workspace::{WorkspaceHandle, ll_workspace};
use crate::crypto::token::Token;
use crate::env::Env;
use crate::error::{Error, Result, Status};
use crate::ids::Seq;
use crate::state::value::Role;
use crate::workspace::{AccountInfo, Location, Workspace};

/// A list of accounts. 0 is no handle. @since 0.1.0
pub type ll_accounts = u64;

struct AccountsHandle(Vec<(AccountInfo, CString, CString)>);

impl Object for AccountsHandle {
    const KIND: HandleKind = HandleKind::Accounts;
    const NAME: &'static str = "list";
}

/// May read.
pub const LL_ROLE_READER: u32 = 1;
/// May read and write.
pub const LL_ROLE_WRITER: u32 = 2;
/// May also make, grant and revoke: in a workspace accounts and filespaces; in a filespace roles, which only admins of
/// the workspace too can grant.
pub const LL_ROLE_ADMIN: u32 = 3;

/// Bytes that suffice for a token with its NUL.
pub const LL_TOKEN_SIZE: usize = 128;

/// How long making a workspace may wait for other processes.
const CREATE_TIMEOUT: Duration = Duration::from_secs(60);

/// An account of a workspace. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_account_info {
    /// sizeof(ll_account_info), set by the caller.
    pub struct_size: u32,
    /// LL_ROLE_READER, LL_ROLE_WRITER or LL_ROLE_ADMIN.
    pub role: u32,
    /// 1 if it was revoked, else 0.
    pub revoked: u32,
    /// 0.
    pub reserved: u32,
    /// When it ends, nanoseconds since 1970; 0: never.
    pub expiry_ns: i64,
    /// Its key id, 32 hexadecimal digits; belongs to the list.
    pub key_id: *const c_char,
    /// Its name; belongs to the list.
    pub name: *const c_char,
}

// SAFETY: integers and raw pointers, the size first.
unsafe impl Sized32 for ll_account_info {}

fn role(role: u32, name: &str) -> Result<Role> {
    match role {
        LL_ROLE_READER => Ok(Role::Reader),
        LL_ROLE_WRITER => Ok(Role::Writer),
        LL_ROLE_ADMIN => Ok(Role::Admin),
        _ => Err(Error::new(
            Status::InvalidArgument,
            format!("{name}: it is not one of LL_ROLE_READER, _WRITER, _ADMIN"),
        )),
    }
}

/// A token is handed out once: a buffer that cannot take it is refused before anything is made.
fn check_token_buffer(cap: usize, is_null: bool) -> Result<()> {
    if is_null || cap < LL_TOKEN_SIZE {
        let what = "token: it needs a buffer of LL_TOKEN_SIZE bytes; nothing was made";
        return Err(Error::new(Status::BufferTooSmall, what));
    }
    Ok(())
}

/// Makes a workspace, and its first admin with a token. The token is the only copy there is: keep it, and
/// mint a second admin.
///
/// @param url Where: file:///folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix. A folder is made
/// if it is missing; else it must be empty, and so must be what the bucket has below the prefix. The bucket must be
/// there; the environment of the service's tools says how it is reached (AWS_ACCESS_KEY_ID, AWS_PROFILE,
/// AWS_ENDPOINT_URL, ...; GOOGLE_APPLICATION_CREDENTIALS; AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY, ...),
/// and it is tried whether its store keeps what a log needs.
/// @param name What it is called: 1 to 255 bytes without control characters, '/', ':' and '@'.
/// @param token Receives the token, NUL-terminated.
/// @param cap Bytes that `token` has, at least LL_TOKEN_SIZE.
/// @param needed Receives the bytes used, the NUL included; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, each request at most 60 seconds.
/// Errors: LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_VALUE (url), LL_ERR_BUFFER_TOO_SMALL, LL_ERR_EXISTS,
/// LL_ERR_NOT_EMPTY (files that are no workspace), LL_ERR_STORE_UNSUITABLE, LL_ERR_IO, LL_ERR_NO_SPACE. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_workspace_create(
    url: *const c_char,
    name: *const c_char,
    token: *mut c_char,
    cap: usize,
    needed: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        check_token_buffer(cap, token.is_null())?;
        let location = Location::parse(text(url, "url")?)?;
        let made = Workspace::create(&location, text(name, "name")?, &Env::system(), CREATE_TIMEOUT)?;
        put_token(token, cap, needed, &made)
    })
}

/// Makes a filespace. All admins of the workspace are granted it.
///
/// @param workspace The workspace, opened by one of its admins.
/// @param name What it is called: 1 to 255 bytes without control characters, '/', ':' and '@'.
/// @param buf Receives the id, 65 bytes with its NUL, NUL-terminated if `cap` > 0; may be NULL if `cap`
/// is 0.
/// @param cap Bytes that `buf` has.
/// @param needed Receives the bytes needed, the NUL included; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_EXISTS, LL_ERR_ACCESS_DENIED,
/// LL_ERR_IO, LL_ERR_NO_SPACE, LL_ERR_BUFFER_TOO_SMALL (it was made). @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_workspace_create_filespace(
    workspace: ll_workspace,
    name: *const c_char,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        let opened = handle::get::<WorkspaceHandle>(workspace)?;
        let made = opened.workspace.create_filespace(text(name, "name")?)?;
        if buf.is_null() && cap == 0 {
            return Ok(());
        }
        put_text(buf, cap, needed, &made.id.to_string())
    })
}

/// Gives a filespace another name. Links and ids stay.
///
/// @param workspace The workspace, opened by one of its admins.
/// @param name Its name.
/// @param new_name Its new name.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_FOUND, LL_ERR_EXISTS,
/// LL_ERR_ACCESS_DENIED. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_workspace_rename_filespace(
    workspace: ll_workspace,
    name: *const c_char,
    new_name: *const c_char,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        let opened = handle::get::<WorkspaceHandle>(workspace)?;
        opened.workspace.rename_filespace(text(name, "name")?, text(new_name, "new_name")?)
    })
}

/// Where the log of a filespace has a fork: a commit there was made by somebody who saw another log, so a slot before
/// it was changed, cut or exchanged. From there on every call is LL_ERR_LOG_FORKED, until an admin accepts it.
///
/// @param workspace The workspace.
/// @param name The filespace's name.
/// @param position Set to the fork's position; 0: there is none, or it was accepted.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_FOUND, LL_ERR_ACCESS_DENIED. @since
/// 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_workspace_filespace_fork(
    workspace: ll_workspace,
    name: *const c_char,
    position: *mut u64,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        let opened = handle::get::<WorkspaceHandle>(workspace)?;
        let fork = opened.workspace.fork(text(name, "name")?)?;
        put(position, "position", fork.map_or(0, |at| at.0))
    })
}

/// Goes on behind a fork with what the log has now. What the commit at the fork said, and what other commits of the
/// log that its author saw said, stays without effect: look at the filespace, and at what was backed up, first. Links
/// that met the fork must be made anew.
///
/// @param workspace The workspace, opened by an admin of the filespace.
/// @param name The filespace's name.
/// @param position The fork's position, as ll_workspace_filespace_fork gives it.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT (also: the fork is elsewhere, or there is none),
/// LL_ERR_NOT_FOUND, LL_ERR_ACCESS_DENIED. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_workspace_accept_fork(
    workspace: ll_workspace,
    name: *const c_char,
    position: u64,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        let opened = handle::get::<WorkspaceHandle>(workspace)?;
        opened.workspace.accept_fork(text(name, "name")?, Seq(position))
    })
}

/// Deletes a filespace: links of it fail from then on, and nothing in it can be had back. Its objects
/// stay in the store until they are collected.
///
/// @param workspace The workspace, opened by one of its admins.
/// @param name Its name.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_FOUND, LL_ERR_ACCESS_DENIED. @since
/// 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_workspace_delete_filespace(
    workspace: ll_workspace,
    name: *const c_char,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        let opened = handle::get::<WorkspaceHandle>(workspace)?;
        opened.workspace.delete_filespace(text(name, "name")?)
    })
}

/// Makes an account and its token, which is the only copy there is. An admin is granted every filespace
/// that this account has; others need ll_filespace_grant.
///
/// @param workspace The workspace, opened by one of its admins.
/// @param name What it is called: 1 to 255 bytes without control characters, '/', ':' and '@'.
/// @param role_in_workspace LL_ROLE_ADMIN: may make, grant and revoke. LL_ROLE_READER and LL_ROLE_WRITER
/// may not; what they may do in a filespace is what they are granted there, whichever of the two they are.
/// @param expiry_ns When it ends, nanoseconds since 1970; 0: never.
/// @param token Receives the token, NUL-terminated.
/// @param cap Bytes that `token` has, at least LL_TOKEN_SIZE.
/// @param needed Receives the bytes used, the NUL included; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_BUFFER_TOO_SMALL (nothing was made),
/// LL_ERR_EXISTS, LL_ERR_ACCESS_DENIED. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_service_account_create(
    workspace: ll_workspace,
    name: *const c_char,
    role_in_workspace: u32,
    expiry_ns: i64,
    token: *mut c_char,
    cap: usize,
    needed: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        check_token_buffer(cap, token.is_null())?;
        let opened = handle::get::<WorkspaceHandle>(workspace)?;
        let made = opened.workspace.create_account(
            text(name, "name")?,
            role(role_in_workspace, "role_in_workspace")?,
            expiry_ns,
        )?;
        put_token(token, cap, needed, &made)
    })
}

/// Gives an account another token: keys of its own, with the name and the roles that it has; the old token is good for
/// nothing from then on. What is written to its filespaces afterwards is sealed under a key that the old one does not
/// have. An admin may do it for itself; the workspace handle is of no use then: authenticate with the new token. Other
/// accounts ask one. Rotate another admin's token only if that admin gets the new one.
///
/// @param workspace The workspace, opened by one of its admins.
/// @param account Its name or key id.
/// @param token Receives the new token, NUL-terminated, before the old one ends. After a failure the one of the two that
/// ll_authenticate takes is good.
/// @param cap Bytes that `token` has, at least LL_TOKEN_SIZE.
/// @param needed Receives the bytes used, the NUL included; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout each time.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_BUFFER_TOO_SMALL (nothing was made),
/// LL_ERR_NOT_FOUND, LL_ERR_ACCESS_DENIED, LL_ERR_AUTHENTICATION (the account is revoked). @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_service_account_rotate(
    workspace: ll_workspace,
    account: *const c_char,
    token: *mut c_char,
    cap: usize,
    needed: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        check_token_buffer(cap, token.is_null())?;
        let opened = handle::get::<WorkspaceHandle>(workspace)?;
        opened.workspace.rotate_account(text(account, "account")?, |made| put_token(token, cap, needed, made))
    })
}

/// Lists the accounts of a workspace, the revoked ones included.
///
/// @param workspace The workspace.
/// @param list Receives the list.
/// @param err Detail of a failure, or NULL.
/// Ownership: free it with ll_accounts_free
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_service_account_list(
    workspace: ll_workspace,
    list: *mut ll_accounts,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(list, "list")?;
        let accounts = handle::get::<WorkspaceHandle>(workspace)?.workspace.accounts()?;
        let c = |text: String| CString::new(text).unwrap_or_default();
        let accounts =
            accounts.into_iter().map(|a| (a.clone(), c(a.key_id.to_string()), c(a.name))).collect();
        put(list, "list", handle::insert(Arc::new(AccountsHandle(accounts)), 0)?)
    })
}

/// How many entries a list has.
///
/// @param list The list.
/// @param count Receives the number.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_accounts_count(
    list: ll_accounts,
    count: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(count, "count")?;
        put(count, "count", handle::get::<AccountsHandle>(list)?.0.len())
    })
}

/// An entry of a list.
///
/// @param list The list.
/// @param index From 0 on.
/// @param info Receives the entry; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Ownership: the strings belong to the list: they are there until ll_accounts_free
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_accounts_get(
    list: ll_accounts,
    index: usize,
    info: *mut ll_account_info,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        check_out(info, "info")?;
        let list = handle::get::<AccountsHandle>(list)?;
        let Some((account, key_id, name)) = list.0.get(index) else {
            return Err(Error::new(
                Status::InvalidArgument,
                format!("index: the list has {} entries", list.0.len()),
            ));
        };
        put_struct(
            info,
            ll_account_info {
                struct_size: 0,
                role: account.role as u32,
                revoked: account.revoked.into(),
                reserved: 0,
                expiry_ns: account.expiry,
                key_id: key_id.as_ptr(),
                name: name.as_ptr(),
            },
        );
        Ok(())
    })
}

/// Frees a list of accounts. Never blocks on log or store and never fails; a handle that is 0 or already
/// freed is ignored.
///
/// @param handle The handle.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_accounts_free(handle: ll_accounts) {
    quiet(|| {
        let _ = handle::remove::<AccountsHandle>(handle);
    });
}

/// Sets the size of an account info and zeroes the rest, for languages that cannot use
/// LL_ACCOUNT_INFO_INIT.
///
/// @param info The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_account_info_init(info: *mut ll_account_info) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(info) }
}

/// Ends an account: it cannot authenticate any more, and loses its roles in all filespaces that this
/// account may change; the links of other admins take them away elsewhere. What is written to these filespaces from
/// then on is sealed under a key that it does not have. The last admin cannot be revoked. Again: nothing happens.
///
/// @param workspace The workspace, opened by one of its admins.
/// @param account Its name or key id.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_FOUND, LL_ERR_ACCESS_DENIED. @since
/// 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_service_account_revoke(
    workspace: ll_workspace,
    account: *const c_char,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        let opened = handle::get::<WorkspaceHandle>(workspace)?;
        opened.workspace.revoke_account(text(account, "account")?)
    })
}

/// Gives an account a role in a filespace, or changes it.
///
/// @param workspace The workspace, opened by one of its admins who is one of the filespace too.
/// @param filespace The filespace's name.
/// @param account The account's name or key id.
/// @param role_in_filespace LL_ROLE_READER, LL_ROLE_WRITER or LL_ROLE_ADMIN.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_FOUND, LL_ERR_ACCESS_DENIED,
/// LL_ERR_AUTHENTICATION (the account is revoked). @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_grant(
    workspace: ll_workspace,
    filespace: *const c_char,
    account: *const c_char,
    role_in_filespace: u32,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        let opened = handle::get::<WorkspaceHandle>(workspace)?;
        opened.workspace.grant(
            text(filespace, "filespace")?,
            text(account, "account")?,
            role(role_in_filespace, "role_in_filespace")?,
        )
    })
}

/// Takes an account's role in a filespace away. What it could read before, it may have kept; what is written from then on
/// is sealed under a key that it does not have (if this account is no admin of the workspace: once one of those links the
/// filespace).
///
/// @param workspace The workspace, opened by an admin of the filespace.
/// @param filespace The filespace's name.
/// @param account The account's name or key id.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_FOUND (also if it has none),
/// LL_ERR_ACCESS_DENIED. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_revoke(
    workspace: ll_workspace,
    filespace: *const c_char,
    account: *const c_char,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        let opened = handle::get::<WorkspaceHandle>(workspace)?;
        opened.workspace.revoke_grant(text(filespace, "filespace")?, text(account, "account")?)
    })
}

/// # Safety
/// `token` points to `cap` bytes; `needed` is NULL or points to a size_t.
unsafe fn put_token(token: *mut c_char, cap: usize, needed: *mut usize, made: &Token) -> Result<()> {
    // SAFETY: as promised by the caller.
    unsafe { put_text(token, cap, needed, &made.reveal()) }
}

//! Configuration: settings by key, before a daemon is made.

use std::ffi::{CString, c_char};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::error::ll_error;
use super::guard::{guard, quiet};
use super::handle::{self, HandleKind, Object};
use super::status::ll_status;
use super::structs::{Sized32, check_out, init, put_struct};
use super::text::{clear, put, put_text, text};
use crate::daemon::config::{Config, KEYS};
use crate::error::{Error, Status};

/// A set of settings. 0 is no handle. @since 0.1.0
pub type ll_config = u64;

pub(super) struct ConfigHandle(pub(super) Mutex<Config>);

impl Object for ConfigHandle {
    const KIND: HandleKind = HandleKind::Config;
    const NAME: &'static str = "config";
}

/// What there is to know about a configuration key. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_config_key {
    /// sizeof(ll_config_key), set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// The key.
    pub key: *const c_char,
    /// Its type: "string", "integer" or "boolean".
    pub kind: *const c_char,
    /// Its value if it is not set; empty if that is worked out as `meaning` says.
    pub default_value: *const c_char,
    /// What it means, with units and range.
    pub meaning: *const c_char,
}

// SAFETY: integers and raw pointers, the size first.
unsafe impl Sized32 for ll_config_key {}

/// Makes a set of settings in which every key has its default.
///
/// @param config Receives the handle.
/// @param err Detail of a failure, or NULL.
/// Ownership: free it with ll_config_free
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_config_new(config: *mut ll_config, err: *mut ll_error) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(config, "config")?;
        let handle = handle::insert(Arc::new(ConfigHandle(Mutex::default())), 0)?;
        put(config, "config", handle)
    })
}

/// Sets a key. ll_config_describe lists all keys.
///
/// @param config The settings.
/// @param key The key.
/// @param value Its value, as text.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_UNKNOWN_KEY, LL_ERR_INVALID_VALUE.
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_config_set(
    config: ll_config,
    key: *const c_char,
    value: *const c_char,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        let config = handle::get::<ConfigHandle>(config)?;
        config.0.lock().set(text(key, "key")?, text(value, "value")?)
    })
}

/// The value of a key, or its default.
///
/// @param config The settings.
/// @param key The key.
/// @param buf Receives the value, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
/// @param cap Bytes that `buf` has.
/// @param needed Receives the bytes needed, the NUL included; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_UNKNOWN_KEY, LL_ERR_BUFFER_TOO_SMALL.
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_config_get(
    config: ll_config,
    key: *const c_char,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        let config = handle::get::<ConfigHandle>(config)?;
        let config = config.0.lock();
        put_text(buf, cap, needed, config.get(text(key, "key")?)?)
    })
}

/// Describes the keys that there are, by index.
///
/// @param index From 0 on.
/// @param info Receives the description; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Ownership: the strings are static
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_FOUND behind the last key. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_config_describe(
    index: usize,
    info: *mut ll_config_key,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        check_out(info, "info")?;
        let Some(key) = described().get(index) else {
            return Err(Error::new(Status::NotFound, format!("index: there are {} keys", KEYS.len())));
        };
        put_struct(
            info,
            ll_config_key {
                struct_size: 0,
                reserved: 0,
                key: key[0].as_ptr(),
                kind: key[1].as_ptr(),
                default_value: key[2].as_ptr(),
                meaning: key[3].as_ptr(),
            },
        );
        Ok(())
    })
}

/// Sets the size of a key description and zeroes the rest, for languages that cannot use
/// LL_CONFIG_KEY_INIT.
///
/// @param info The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_config_key_init(info: *mut ll_config_key) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(info) }
}

/// Frees a set of settings; daemons made from it keep theirs. Never blocks on log or store and never
/// fails; a handle that is 0 or already freed is ignored.
///
/// @param handle The handle.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_config_free(handle: ll_config) {
    quiet(|| {
        let _ = handle::remove::<ConfigHandle>(handle);
    });
}

/// The descriptions as C strings.
fn described() -> &'static [[CString; 4]] {
    static DESCRIBED: OnceLock<Vec<[CString; 4]>> = OnceLock::new();
    let c = |text: &str| CString::new(text).unwrap_or_default();
    DESCRIBED.get_or_init(|| KEYS.iter().map(|k| [c(k.key), c(k.kind), c(k.default), c(k.meaning)]).collect())
}

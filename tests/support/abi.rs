//! The built shared library, loaded as any program outside the crate would: nothing here calls into the crate
//! but for the types of the header.
#![allow(unsafe_code, dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::{Path, PathBuf};

use libloading::{Library, Symbol};
use lucidlink::ffi;
use lucidlink::ffi::daemon::{LL_STORAGE_PHYSICAL, ll_metrics, ll_storage_options};
use lucidlink::ffi::error::ll_error;
use lucidlink::ffi::file::{ll_buffer, ll_open_options};
use lucidlink::ffi::filespace::{ll_position, ll_statistics};
use lucidlink::ffi::fs::ll_entry;
use lucidlink::ffi::fsck::{ll_finding, ll_fsck_options, ll_fsck_report};
use lucidlink::ffi::keep::{LL_GC_NO_GRACE, ll_gc_options, ll_gc_report};
use lucidlink::ffi::lock::{LL_LOCK_EXCLUSIVE, LL_LOCK_SHARED, ll_lock_options};
use lucidlink::ffi::snapshot::ll_snapshot_info;
use lucidlink::ffi::watch::{ll_event, ll_watch_options};
use lucidlink::ffi::workspace::ll_link_options;
use lucidlink::ffi::xattr::ll_xattr;

/// The status of a call that failed, and what it said.
#[derive(Debug)]
pub struct Failed {
    pub status: i32,
    pub maybe_applied: bool,
    pub message: String,
}

/// An event, with its texts.
#[derive(Clone)]
pub struct Event {
    pub path: String,
    pub from: String,
    pub author: String,
    pub raw: ll_event,
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (raw, from, path) = (&self.raw, &self.from, &self.path);
        write!(f, "{}.{} kind {} of {:x}: {from:?} {path:?}", raw.position, raw.index, raw.kind, raw.file_id)
    }
}

/// Something that a check has found.
#[derive(Debug, Clone)]
pub struct Finding {
    pub path: String,
    pub offset: u64,
    pub length: u64,
    pub object: String,
    pub message: String,
}

pub type Res<T> = Result<T, Failed>;

/// `LUCIDLINK_LIBRARY` names the library that is shipped; else it is the one that cargo built for this test.
fn path() -> PathBuf {
    match std::env::var_os("LUCIDLINK_LIBRARY") {
        Some(path) => path.into(),
        None => std::env::current_exe().expect("an executable").with_file_name("liblucidlink.so"),
    }
}

pub struct Abi(Library);

macro_rules! call {
    ($self:ident, $module:ident :: $name:ident ( $($arg:expr => $ty:ty),* )) => {{
        // SAFETY: the signature is the header's; pointers are to live values of the right sizes.
        unsafe {
            let mut error: ll_error = std::mem::zeroed();
            error.struct_size = size_of::<ll_error>() as u32;
            // The types are those of the header, or this does not compile.
            let _: unsafe extern "C" fn($($ty,)* *mut ll_error) -> i32 = ffi::$module::$name;
            let function: Symbol<'_, unsafe extern "C" fn($($ty,)* *mut ll_error) -> i32> =
                $self.0.get(concat!(stringify!($name), "\0").as_bytes()).expect(stringify!($name));
            let status = function($($arg,)* &mut error);
            match status {
                0 => Ok(()),
                status => {
                    assert_eq!(status, error.code, "the record has the status");
                    let message = CStr::from_ptr(error.message.as_ptr()).to_str().expect("UTF-8").to_owned();
                    Err(Failed { status, maybe_applied: error.flags & 2 != 0, message })
                }
            }
        }
    }};
}

macro_rules! free {
    ($self:ident, $module:ident :: $name:ident ( $arg:expr )) => {
        // SAFETY: frees take any number.
        unsafe {
            let _: unsafe extern "C" fn(u64) = ffi::$module::$name;
            let function: Symbol<'_, unsafe extern "C" fn(u64)> =
                $self.0.get(concat!(stringify!($name), "\0").as_bytes()).expect(stringify!($name));
            function($arg)
        }
    };
}

fn c(text: &str) -> CString {
    CString::new(text).expect("no NUL in a test's text")
}

fn sized<T>() -> T {
    // SAFETY: structs of integers and pointers that start with their size.
    unsafe {
        let mut value: T = std::mem::zeroed();
        (&raw mut value).cast::<u32>().write(size_of::<T>() as u32);
        value
    }
}

impl Abi {
    pub fn load() -> Abi {
        Abi::load_from(&path())
    }

    /// A second copy of the library, in this folder: it shares nothing with the first but the process.
    pub fn load_copy(folder: &Path) -> Abi {
        let copy = folder.join("liblucidlink-copy.so");
        std::fs::copy(path(), &copy).expect("a copy of the library");
        Abi::load_from(&copy)
    }

    fn load_from(path: &Path) -> Abi {
        // SAFETY: our own library has no constructors.
        Abi(unsafe { Library::new(path) }.expect("the shared library; build it with `make library`"))
    }

    pub fn workspace_create(&self, url: &str, name: &str) -> Res<String> {
        let (url, name, mut token) = (c(url), c(name), [0u8; 128]);
        let at = token.as_mut_ptr().cast();
        let mut needed = 0;
        call!(self, provision::ll_workspace_create(url.as_ptr() => *const c_char, name.as_ptr() => *const c_char,
            at => *mut c_char, token.len() => usize, &raw mut needed => *mut usize))?;
        Ok(CStr::from_bytes_until_nul(&token).unwrap().to_str().unwrap().to_owned())
    }

    pub fn daemon(&self, settings: &[(&str, &str)]) -> Res<u64> {
        self.daemon_with(settings, std::ptr::null())
    }

    /// A daemon with PHYSICAL storage in a folder.
    pub fn daemon_in(&self, root: &Path, persist: bool, settings: &[(&str, &str)]) -> Res<u64> {
        let root = c(root.to_str().expect("UTF-8"));
        let mut storage: ll_storage_options = sized();
        storage.mode = LL_STORAGE_PHYSICAL;
        storage.persist_on_exit = persist.into();
        storage.root_path = root.as_ptr();
        self.daemon_with(settings, &raw const storage)
    }

    fn daemon_with(&self, settings: &[(&str, &str)], storage: *const ll_storage_options) -> Res<u64> {
        let (mut config, mut daemon) = (0, 0);
        call!(self, config::ll_config_new(&raw mut config => *mut u64))?;
        for (key, value) in settings {
            let (key, value) = (c(key), c(value));
            call!(self, config::ll_config_set(config => u64, key.as_ptr() => *const c_char, value.as_ptr() => *const c_char))?;
        }
        call!(self, daemon::ll_daemon_new(config => u64, storage => *const ll_storage_options, &raw mut daemon => *mut u64))?;
        free!(self, config::ll_config_free(config));
        call!(self, daemon::ll_daemon_start(daemon => u64))?;
        Ok(daemon)
    }

    pub fn metrics(&self, daemon: u64) -> ll_metrics {
        let mut metrics: ll_metrics = sized();
        call!(self, daemon::ll_daemon_metrics(daemon => u64, &raw mut metrics => *mut ll_metrics)).unwrap();
        metrics
    }

    pub fn stop(&self, daemon: u64) -> Res<()> {
        let stopped = call!(self, daemon::ll_daemon_stop(daemon => u64));
        free!(self, daemon::ll_daemon_free(daemon));
        stopped
    }

    pub fn authenticate(&self, daemon: u64, token: &str) -> Res<u64> {
        let (token, mut workspace) = (c(token), 0);
        call!(self, daemon::ll_authenticate(daemon => u64, token.as_ptr() => *const c_char, &raw mut workspace => *mut u64))?;
        Ok(workspace)
    }

    pub fn create_filespace(&self, workspace: u64, name: &str) -> Res<()> {
        let (name, mut id, mut needed) = (c(name), [0u8; 65], 0);
        let at = id.as_mut_ptr().cast();
        call!(self, provision::ll_workspace_create_filespace(workspace => u64, name.as_ptr() => *const c_char,
            at => *mut c_char, id.len() => usize, &raw mut needed => *mut usize))
    }

    pub fn link(&self, workspace: u64, name: &str) -> Res<u64> {
        self.link_as(workspace, name, ffi::workspace::LL_CONSISTENCY_STRICT)
    }

    /// Links with a preset of consistency.
    pub fn link_as(&self, workspace: u64, name: &str, consistency: u32) -> Res<u64> {
        self.link_with(workspace, name, |options| options.consistency = consistency)
    }

    pub fn link_read_only(&self, workspace: u64, name: &str) -> Res<u64> {
        self.link_with(workspace, name, |options| options.read_only = 1)
    }

    fn link_with(&self, workspace: u64, name: &str, set: impl FnOnce(&mut ll_link_options)) -> Res<u64> {
        let (name, mut filespace) = (c(name), 0);
        let mut options: ll_link_options = sized();
        options.name = name.as_ptr();
        set(&mut options);
        call!(self, workspace::ll_workspace_link_filespace(workspace => u64, &raw const options => *const ll_link_options,
            &raw mut filespace => *mut u64))?;
        Ok(filespace)
    }

    /// Links a snapshot.
    pub fn link_snapshot(&self, workspace: u64, name: &str, snapshot: &str) -> Res<u64> {
        let (name, snapshot, mut filespace) = (c(name), c(snapshot), 0);
        let mut options: ll_link_options = sized();
        (options.name, options.snapshot) = (name.as_ptr(), snapshot.as_ptr());
        call!(self, workspace::ll_workspace_link_filespace(workspace => u64, &raw const options => *const ll_link_options,
            &raw mut filespace => *mut u64))?;
        Ok(filespace)
    }

    pub fn create_snapshot(&self, filespace: u64, name: &str) -> Res<ll_position> {
        let (name, mut position): (_, ll_position) = (c(name), sized());
        call!(self, snapshot::ll_filespace_create_snapshot(filespace => u64, name.as_ptr() => *const c_char,
            &raw mut position => *mut ll_position))?;
        Ok(position)
    }

    pub fn delete_snapshot(&self, filespace: u64, name: &str) -> Res<()> {
        let name = c(name);
        call!(self, snapshot::ll_filespace_delete_snapshot(filespace => u64, name.as_ptr() => *const c_char))
    }

    /// Name and position of each.
    pub fn snapshots(&self, filespace: u64) -> Res<Vec<(String, u64)>> {
        let (mut list, mut count) = (0, 0);
        call!(self, snapshot::ll_filespace_snapshots(filespace => u64, &raw mut list => *mut u64))?;
        call!(self, snapshot::ll_snapshots_count(list => u64, &raw mut count => *mut usize))?;
        let mut found = Vec::new();
        for index in 0..count {
            let mut info: ll_snapshot_info = sized();
            call!(self, snapshot::ll_snapshots_get(list => u64, index => usize, &raw mut info => *mut ll_snapshot_info))?;
            // SAFETY: the strings belong to the list, which is alive.
            let (name, author) = unsafe { (CStr::from_ptr(info.name), CStr::from_ptr(info.author)) };
            assert!(author.to_bytes().len() == 32 && info.created_ns > 0);
            found.push((name.to_str().expect("UTF-8").to_owned(), info.seq));
        }
        free!(self, snapshot::ll_snapshots_free(list));
        Ok(found)
    }

    pub fn restore(
        &self,
        filespace: u64,
        snapshot: &str,
        path: &str,
        target: &str,
        replace: bool,
    ) -> Res<()> {
        let (snapshot, path, target) = (c(snapshot), c(path), c(target));
        call!(self, snapshot::ll_filespace_restore(filespace => u64, snapshot.as_ptr() => *const c_char,
            path.as_ptr() => *const c_char, target.as_ptr() => *const c_char, u32::from(replace) => u32))
    }

    pub fn sync_all(&self, filespace: u64) -> Res<ll_position> {
        let mut position: ll_position = sized();
        call!(self, filespace::ll_filespace_sync_all(filespace => u64, &raw mut position => *mut ll_position))?;
        Ok(position)
    }

    pub fn wait_for(&self, filespace: u64, position: &ll_position, timeout_ms: u64) -> Res<()> {
        call!(self, filespace::ll_filespace_wait_for(filespace => u64, &raw const *position => *const ll_position,
            timeout_ms => u64))
    }

    pub fn position_text(&self, position: &ll_position) -> String {
        let (mut text, mut needed) = ([0u8; 160], 0);
        let at = text.as_mut_ptr().cast();
        call!(self, filespace::ll_position_format(&raw const *position => *const ll_position, at => *mut c_char,
            text.len() => usize, &raw mut needed => *mut usize)).expect("a text");
        CStr::from_bytes_until_nul(&text).unwrap().to_str().unwrap().to_owned()
    }

    /// Watches a path, from a position or from now on.
    pub fn watch(&self, filespace: u64, path: Option<&str>, from: Option<&str>, flags: u32) -> Res<u64> {
        let (path, from, mut watch) = (path.map(c), from.map(c), 0);
        let mut options: ll_watch_options = sized();
        options.flags = flags;
        options.path = path.as_ref().map_or(std::ptr::null(), |path| path.as_ptr());
        options.from = from.as_ref().map_or(std::ptr::null(), |from| from.as_ptr());
        call!(self, watch::ll_filespace_watch(filespace => u64, &raw const options => *const ll_watch_options,
            &raw mut watch => *mut u64))?;
        Ok(watch)
    }

    /// At most `cap` events.
    pub fn next_events(&self, watch: u64, cap: usize, timeout_ms: u64) -> Res<Vec<Event>> {
        let (mut events, mut count): (Vec<ll_event>, usize) = ((0..cap).map(|_| sized()).collect(), 0);
        call!(self, watch::ll_watch_next(watch => u64, events.as_mut_ptr() => *mut ll_event,
            size_of::<ll_event>() => usize, cap => usize, &raw mut count => *mut usize, timeout_ms => u64))?;
        // SAFETY: the texts belong to the watch, until the next call.
        let text = |text| unsafe { CStr::from_ptr(text) }.to_str().expect("UTF-8").to_owned();
        let event = |event: &ll_event| Event {
            path: text(event.path),
            from: text(event.from),
            author: text(event.author),
            raw: *event,
        };
        Ok(events[..count].iter().map(event).collect())
    }

    pub fn watch_position(&self, watch: u64) -> Res<ll_position> {
        let mut position: ll_position = sized();
        call!(self, watch::ll_watch_position(watch => u64, &raw mut position => *mut ll_position))?;
        Ok(position)
    }

    pub fn watch_fd(&self, watch: u64) -> Res<i32> {
        let mut fd = 0;
        call!(self, watch::ll_watch_fd(watch => u64, &raw mut fd => *mut i32))?;
        Ok(fd)
    }

    pub fn set_watch_callback(
        &self,
        watch: u64,
        callback: ffi::watch::ll_watch_fn,
        user: *mut c_void,
        free_user: ffi::library::ll_free_fn,
    ) -> Res<()> {
        call!(self, watch::ll_watch_set_callback(watch => u64, callback => ffi::watch::ll_watch_fn,
            user => *mut c_void, free_user => ffi::library::ll_free_fn))
    }

    pub fn free_watch(&self, watch: u64) {
        free!(self, watch::ll_watch_free(watch));
    }

    pub fn unlink(&self, filespace: u64) -> Res<()> {
        let unlinked = call!(self, filespace::ll_filespace_unlink(filespace => u64));
        free!(self, filespace::ll_filespace_free(filespace));
        unlinked
    }

    pub fn checkpoint(&self, filespace: u64) -> Res<()> {
        call!(self, keep::ll_filespace_checkpoint(filespace => u64))
    }

    /// Collects what is dead; without a grace if it is 0.
    pub fn gc(&self, filespace: u64, dry_run: bool, grace_seconds: u64) -> Res<ll_gc_report> {
        let (mut options, mut report): (ll_gc_options, ll_gc_report) = (sized(), sized());
        options.dry_run = dry_run.into();
        options.grace_seconds = if grace_seconds == 0 { LL_GC_NO_GRACE } else { grace_seconds };
        call!(self, keep::ll_filespace_gc(filespace => u64, &raw const options => *const ll_gc_options,
            &raw mut report => *mut ll_gc_report))?;
        Ok(report)
    }

    /// Checks a filespace.
    pub fn fsck(&self, filespace: u64, quick: bool) -> Res<(ll_fsck_report, Vec<Finding>)> {
        let (mut options, mut report): (ll_fsck_options, ll_fsck_report) = (sized(), sized());
        options.quick = quick.into();
        let (mut list, mut count) = (0, 0);
        call!(self, fsck::ll_filespace_fsck(filespace => u64, &raw const options => *const ll_fsck_options,
            &raw mut report => *mut ll_fsck_report, &raw mut list => *mut u64))?;
        call!(self, fsck::ll_findings_count(list => u64, &raw mut count => *mut usize))?;
        let mut findings = Vec::new();
        for index in 0..count {
            let mut finding: ll_finding = sized();
            call!(self, fsck::ll_findings_get(list => u64, index => usize, &raw mut finding => *mut ll_finding))?;
            // SAFETY: texts of the list, which is there.
            let text = |text| unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned();
            let (path, object, message) = (text(finding.path), text(finding.object), text(finding.message));
            findings.push(Finding { path, offset: finding.offset, length: finding.length, object, message });
        }
        free!(self, fsck::ll_findings_free(list));
        Ok((report, findings))
    }

    pub fn statistics(&self, filespace: u64) -> Res<ll_statistics> {
        let mut statistics: ll_statistics = sized();
        call!(self, filespace::ll_filespace_statistics(filespace => u64, &raw mut statistics => *mut ll_statistics))?;
        Ok(statistics)
    }

    pub fn create_dir(&self, filespace: u64, path: &str) -> Res<()> {
        let path = c(path);
        call!(self, fs::ll_fs_create_dir(filespace => u64, path.as_ptr() => *const c_char))
    }

    pub fn create(&self, filespace: u64, path: &str, mode: u32) -> Res<()> {
        let path = c(path);
        call!(self, fs::ll_fs_create(filespace => u64, path.as_ptr() => *const c_char, mode => u32))
    }

    pub fn copy(&self, filespace: u64, from: &str, to: &str, replace: bool, follow: bool) -> Res<()> {
        let (from, to) = (c(from), c(to));
        let flags = u32::from(!follow) * ffi::fs::LL_NOFOLLOW + u32::from(replace) * ffi::fs::LL_COPY_REPLACE;
        call!(self, fs::ll_fs_copy(filespace => u64, from.as_ptr() => *const c_char, to.as_ptr() => *const c_char,
            flags => u32))
    }

    pub fn set_xattr(
        &self,
        filespace: u64,
        path: &str,
        name: &str,
        value: &[u8],
        mode: u32,
        follow: bool,
    ) -> Res<()> {
        let (path, name) = (c(path), c(name));
        let mode = [0, ffi::xattr::LL_XATTR_CREATE, ffi::xattr::LL_XATTR_REPLACE][mode as usize];
        call!(self, xattr::ll_fs_set_xattr(filespace => u64, path.as_ptr() => *const c_char,
            mode | u32::from(!follow) => u32, name.as_ptr() => *const c_char, value.as_ptr().cast() => *const c_void,
            value.len() => usize))
    }

    pub fn remove_xattr(&self, filespace: u64, path: &str, name: &str, follow: bool) -> Res<()> {
        let (path, name) = (c(path), c(name));
        call!(self, xattr::ll_fs_remove_xattr(filespace => u64, path.as_ptr() => *const c_char,
            u32::from(!follow) => u32, name.as_ptr() => *const c_char))
    }

    pub fn get_xattr(&self, filespace: u64, path: &str, name: &str, follow: bool) -> Res<Vec<u8>> {
        let (path, name, mut value, mut needed) = (c(path), c(name), vec![0u8; 65536], 0);
        let at: *mut c_void = value.as_mut_ptr().cast();
        call!(self, xattr::ll_fs_get_xattr(filespace => u64, path.as_ptr() => *const c_char,
            u32::from(!follow) => u32, name.as_ptr() => *const c_char, at => *mut c_void, value.len() => usize,
            &raw mut needed => *mut usize))?;
        value.truncate(needed);
        Ok(value)
    }

    pub fn list_xattrs(&self, filespace: u64, path: &str, follow: bool) -> Res<Vec<(String, u64)>> {
        let (path, mut list, mut count) = (c(path), 0, 0);
        call!(self, xattr::ll_fs_list_xattr(filespace => u64, path.as_ptr() => *const c_char,
            u32::from(!follow) => u32, &raw mut list => *mut u64))?;
        call!(self, xattr::ll_xattrs_count(list => u64, &raw mut count => *mut usize))?;
        let mut xattrs = Vec::new();
        for index in 0..count {
            let mut found: ll_xattr = sized();
            call!(self, xattr::ll_xattrs_get(list => u64, index => usize, &raw mut found => *mut ll_xattr))?;
            // SAFETY: the name belongs to the list, which is alive.
            let name = unsafe { CStr::from_ptr(found.name) }.to_str().expect("UTF-8").to_owned();
            xattrs.push((name, found.size));
        }
        free!(self, xattr::ll_xattrs_free(list));
        Ok(xattrs)
    }

    pub fn set_quota(&self, filespace: u64, bytes: u64, entries: u64) -> Res<()> {
        call!(self, filespace::ll_filespace_set_quota(filespace => u64, bytes => u64, entries => u64))
    }

    pub fn batch(&self, filespace: u64) -> Res<u64> {
        let mut batch = 0;
        call!(self, batch::ll_batch_new(filespace => u64, &raw mut batch => *mut u64))?;
        Ok(batch)
    }

    /// With the index of the operation that is to blame.
    pub fn batch_commit(&self, batch: u64) -> (Res<()>, Option<u64>) {
        let mut failed = 0;
        let committed = call!(self, batch::ll_batch_commit(batch => u64, &raw mut failed => *mut u64));
        (committed, (failed != ffi::batch::LL_NO_OPERATION).then_some(failed))
    }

    pub fn batch_free(&self, batch: u64) {
        free!(self, batch::ll_batch_free(batch));
    }

    pub fn batch_create_dir(&self, batch: u64, path: &str) -> Res<()> {
        let path = c(path);
        call!(self, batch::ll_batch_create_dir(batch => u64, path.as_ptr() => *const c_char))
    }

    pub fn batch_delete_dir(&self, batch: u64, path: &str, recursive: bool) -> Res<()> {
        let path = c(path);
        call!(self, batch::ll_batch_delete_dir(batch => u64, path.as_ptr() => *const c_char,
            i32::from(recursive) => i32))
    }

    pub fn batch_delete(&self, batch: u64, path: &str) -> Res<()> {
        let path = c(path);
        call!(self, batch::ll_batch_delete(batch => u64, path.as_ptr() => *const c_char))
    }

    pub fn batch_move(&self, batch: u64, from: &str, to: &str, replace: bool) -> Res<()> {
        let (from, to) = (c(from), c(to));
        call!(self, batch::ll_batch_move(batch => u64, from.as_ptr() => *const c_char,
            to.as_ptr() => *const c_char, u32::from(replace) => u32))
    }

    pub fn batch_symlink(&self, batch: u64, target: &str, path: &str) -> Res<()> {
        let (target, path) = (c(target), c(path));
        call!(self, batch::ll_batch_create_symlink(batch => u64, target.as_ptr() => *const c_char,
            path.as_ptr() => *const c_char))
    }

    pub fn batch_hard_link(&self, batch: u64, existing: &str, path: &str) -> Res<()> {
        let (existing, path) = (c(existing), c(path));
        call!(self, batch::ll_batch_create_hard_link(batch => u64, existing.as_ptr() => *const c_char,
            path.as_ptr() => *const c_char))
    }

    pub fn batch_copy(&self, batch: u64, from: &str, to: &str, replace: bool, follow: bool) -> Res<()> {
        let (from, to) = (c(from), c(to));
        let flags = u32::from(!follow) * ffi::fs::LL_NOFOLLOW + u32::from(replace) * ffi::fs::LL_COPY_REPLACE;
        call!(self, batch::ll_batch_copy(batch => u64, from.as_ptr() => *const c_char,
            to.as_ptr() => *const c_char, flags => u32))
    }

    pub fn batch_set_mode(&self, batch: u64, path: &str, mode: u32) -> Res<()> {
        let path = c(path);
        call!(self, batch::ll_batch_set_mode(batch => u64, path.as_ptr() => *const c_char, mode => u32))
    }

    pub fn batch_set_xattr(
        &self,
        batch: u64,
        path: &str,
        name: &str,
        value: &[u8],
        mode: u32,
        follow: bool,
    ) -> Res<()> {
        let (path, name) = (c(path), c(name));
        let mode = [0, ffi::xattr::LL_XATTR_CREATE, ffi::xattr::LL_XATTR_REPLACE][mode as usize];
        let flags = u32::from(!follow) * ffi::fs::LL_NOFOLLOW + mode;
        call!(self, batch::ll_batch_set_xattr(batch => u64, path.as_ptr() => *const c_char, flags => u32,
            name.as_ptr() => *const c_char, value.as_ptr().cast() => *const c_void, value.len() => usize))
    }

    pub fn batch_remove_xattr(&self, batch: u64, path: &str, name: &str, follow: bool) -> Res<()> {
        let (path, name) = (c(path), c(name));
        call!(self, batch::ll_batch_remove_xattr(batch => u64, path.as_ptr() => *const c_char,
            u32::from(!follow) * ffi::fs::LL_NOFOLLOW => u32, name.as_ptr() => *const c_char))
    }

    pub fn batch_truncate(&self, batch: u64, path: &str, size: u64) -> Res<()> {
        let path = c(path);
        call!(self, batch::ll_batch_truncate(batch => u64, path.as_ptr() => *const c_char, size => u64))
    }

    pub fn batch_write_file(&self, batch: u64, path: &str, content: &[u8]) -> Res<()> {
        let path = c(path);
        call!(self, batch::ll_batch_write_file(batch => u64, path.as_ptr() => *const c_char,
            content.as_ptr().cast() => *const c_void, content.len() => usize))
    }

    pub fn set_times(&self, filespace: u64, path: &str, atime: i64, mtime: i64) -> Res<()> {
        let path = c(path);
        call!(self, fs::ll_fs_set_times(filespace => u64, path.as_ptr() => *const c_char,
            ffi::fs::LL_NOFOLLOW => u32, atime => i64, mtime => i64))
    }

    pub fn create_account(&self, workspace: u64, name: &str, role: u32) -> Res<String> {
        let (name, mut token, mut needed) = (c(name), [0u8; 128], 0);
        let at = token.as_mut_ptr().cast();
        call!(self, provision::ll_service_account_create(workspace => u64, name.as_ptr() => *const c_char,
            role => u32, 0 => i64, at => *mut c_char, token.len() => usize, &raw mut needed => *mut usize))?;
        Ok(CStr::from_bytes_until_nul(&token).unwrap().to_str().unwrap().to_owned())
    }

    pub fn grant(&self, workspace: u64, filespace: &str, account: &str, role: u32) -> Res<()> {
        let (filespace, account) = (c(filespace), c(account));
        call!(self, provision::ll_filespace_grant(workspace => u64, filespace.as_ptr() => *const c_char,
            account.as_ptr() => *const c_char, role => u32))
    }

    pub fn revoke(&self, workspace: u64, filespace: &str, account: &str) -> Res<()> {
        let (filespace, account) = (c(filespace), c(account));
        call!(self, provision::ll_filespace_revoke(workspace => u64, filespace.as_ptr() => *const c_char,
            account.as_ptr() => *const c_char))
    }

    pub fn rotate_account(&self, workspace: u64, account: &str) -> Res<String> {
        let (account, mut token, mut needed) = (c(account), [0u8; 128], 0);
        let at = token.as_mut_ptr().cast();
        call!(self, provision::ll_service_account_rotate(workspace => u64, account.as_ptr() => *const c_char,
            at => *mut c_char, token.len() => usize, &raw mut needed => *mut usize))?;
        Ok(CStr::from_bytes_until_nul(&token).unwrap().to_str().unwrap().to_owned())
    }

    pub fn revoke_account(&self, workspace: u64, account: &str) -> Res<()> {
        let account = c(account);
        call!(self, provision::ll_service_account_revoke(workspace => u64, account.as_ptr() => *const c_char))
    }

    pub fn delete_dir(&self, filespace: u64, path: &str, recursive: bool) -> Res<()> {
        let path = c(path);
        call!(self, fs::ll_fs_delete_dir(filespace => u64, path.as_ptr() => *const c_char, i32::from(recursive) => i32))
    }

    pub fn delete(&self, filespace: u64, path: &str) -> Res<()> {
        let path = c(path);
        call!(self, fs::ll_fs_delete(filespace => u64, path.as_ptr() => *const c_char))
    }

    pub fn rename(&self, filespace: u64, from: &str, to: &str, replace: bool) -> Res<()> {
        let (from, to) = (c(from), c(to));
        call!(self, fs::ll_fs_move(filespace => u64, from.as_ptr() => *const c_char, to.as_ptr() => *const c_char,
            u32::from(replace) => u32))
    }

    pub fn symlink(&self, filespace: u64, target: &str, path: &str) -> Res<()> {
        let (target, path) = (c(target), c(path));
        call!(self, fs::ll_fs_create_symlink(filespace => u64, target.as_ptr() => *const c_char, path.as_ptr() => *const c_char))
    }

    pub fn hard_link(&self, filespace: u64, existing: &str, path: &str) -> Res<()> {
        let (existing, path) = (c(existing), c(path));
        call!(self, fs::ll_fs_create_hard_link(filespace => u64, existing.as_ptr() => *const c_char, path.as_ptr() => *const c_char))
    }

    pub fn read_link(&self, filespace: u64, path: &str) -> Res<String> {
        let (path, mut target, mut needed) = (c(path), [0u8; 4200], 0);
        let at = target.as_mut_ptr().cast();
        call!(self, fs::ll_fs_read_symlink(filespace => u64, path.as_ptr() => *const c_char, at => *mut c_char,
            target.len() => usize, &raw mut needed => *mut usize))?;
        Ok(CStr::from_bytes_until_nul(&target).unwrap().to_str().unwrap().to_owned())
    }

    pub fn set_mode(&self, filespace: u64, path: &str, mode: u32) -> Res<()> {
        let path = c(path);
        call!(self, fs::ll_fs_set_mode(filespace => u64, path.as_ptr() => *const c_char, mode => u32))
    }

    pub fn truncate(&self, filespace: u64, path: &str, size: u64) -> Res<()> {
        let path = c(path);
        call!(self, fs::ll_fs_truncate(filespace => u64, path.as_ptr() => *const c_char, size => u64))
    }

    pub fn write_file(&self, filespace: u64, path: &str, content: &[u8]) -> Res<()> {
        let path = c(path);
        call!(self, fs::ll_fs_write_file(filespace => u64, path.as_ptr() => *const c_char,
            content.as_ptr().cast() => *const c_void, content.len() => usize))
    }

    pub fn read_file(&self, filespace: u64, path: &str) -> Res<Vec<u8>> {
        let (path, mut content, mut needed) = (c(path), Vec::new(), 0);
        loop {
            let at: *mut c_void = content.as_mut_ptr() as *mut c_void;
            let read = call!(self, fs::ll_fs_read_file(filespace => u64, path.as_ptr() => *const c_char,
                at => *mut c_void, content.len() => usize, &raw mut needed => *mut usize));
            match read {
                Err(failed) if failed.status == -103 => content.resize(needed, 0u8),
                read => {
                    // It may have become shorter since.
                    content.truncate(needed);
                    return read.map(|()| content);
                }
            }
        }
    }

    pub fn exists(&self, filespace: u64, path: &str, dir: bool) -> Res<bool> {
        let (path, mut exists) = (c(path), 0);
        if dir {
            call!(self, fs::ll_fs_dir_exists(filespace => u64, path.as_ptr() => *const c_char, &raw mut exists => *mut i32))?;
        } else {
            call!(self, fs::ll_fs_file_exists(filespace => u64, path.as_ptr() => *const c_char, &raw mut exists => *mut i32))?;
        }
        Ok(exists == 1)
    }

    pub fn entry(&self, filespace: u64, path: &str, follow: bool) -> Res<ll_entry> {
        let path = c(path);
        let mut entry: ll_entry = sized();
        call!(self, fs::ll_fs_get_entry(filespace => u64, path.as_ptr() => *const c_char, u32::from(!follow) => u32,
            &raw mut entry => *mut ll_entry))?;
        Ok(entry)
    }

    pub fn read_dir(&self, filespace: u64, path: &str) -> Res<Vec<(String, ll_entry)>> {
        let (path, mut list, mut count) = (c(path), 0, 0);
        call!(self, fs::ll_fs_read_dir(filespace => u64, path.as_ptr() => *const c_char, &raw mut list => *mut u64))?;
        call!(self, fs::ll_entries_count(list => u64, &raw mut count => *mut usize))?;
        let mut entries = Vec::new();
        for index in 0..count {
            let mut entry: ll_entry = sized();
            call!(self, fs::ll_entries_get(list => u64, index => usize, &raw mut entry => *mut ll_entry))?;
            // SAFETY: the name belongs to the list, which is alive.
            let name = unsafe { CStr::from_ptr(entry.name) }.to_str().expect("UTF-8").to_owned();
            entries.push((name, entry));
        }
        free!(self, fs::ll_entries_free(list));
        Ok(entries)
    }

    pub fn open(&self, filespace: u64, path: &str, mode: &str) -> Res<u64> {
        let (path, mode, mut file) = (c(path), c(mode), 0);
        call!(self, file::ll_file_open(filespace => u64, path.as_ptr() => *const c_char, mode.as_ptr() => *const c_char,
            std::ptr::null() => *const ll_open_options, &raw mut file => *mut u64))?;
        Ok(file)
    }

    /// Opens a file with a lock of all of it.
    pub fn open_locked(
        &self,
        filespace: u64,
        path: &str,
        mode: &str,
        exclusive: bool,
        wait_ms: u64,
    ) -> Res<u64> {
        let (path, mode, mut file) = (c(path), c(mode), 0);
        let mut options: ll_open_options = sized();
        options.lock = if exclusive { LL_LOCK_EXCLUSIVE } else { LL_LOCK_SHARED };
        options.lock_wait_ms = wait_ms;
        call!(self, file::ll_file_open(filespace => u64, path.as_ptr() => *const c_char, mode.as_ptr() => *const c_char,
            &raw const options => *const ll_open_options, &raw mut file => *mut u64))?;
        Ok(file)
    }

    /// A length of 0: to the end.
    pub fn lock(&self, file: u64, offset: u64, length: u64, exclusive: bool, wait_ms: u64) -> Res<()> {
        let mut options: ll_lock_options = sized();
        options.lock = if exclusive { LL_LOCK_EXCLUSIVE } else { LL_LOCK_SHARED };
        options.wait_ms = wait_ms;
        call!(self, lock::ll_file_lock_range(file => u64, offset => u64, length => u64,
            &raw const options => *const ll_lock_options))
    }

    pub fn unlock(&self, file: u64, offset: u64, length: u64) -> Res<()> {
        call!(self, lock::ll_file_unlock_range(file => u64, offset => u64, length => u64))
    }

    pub fn unlock_all(&self, file: u64) -> Res<()> {
        call!(self, lock::ll_file_unlock_all(file => u64))
    }

    pub fn read(&self, file: u64, len: usize) -> Res<Vec<u8>> {
        let (mut bytes, mut read) = (vec![0; len], 0);
        let at: *mut c_void = bytes.as_mut_ptr().cast();
        call!(self, file::ll_file_read(file => u64, at => *mut c_void, len => usize, &raw mut read => *mut usize))?;
        bytes.truncate(read);
        Ok(bytes)
    }

    pub fn pread(&self, file: u64, offset: u64, len: usize) -> Res<Vec<u8>> {
        let (mut bytes, mut read) = (vec![0; len], 0);
        let at: *mut c_void = bytes.as_mut_ptr().cast();
        call!(self, file::ll_file_pread(file => u64, offset => u64, at => *mut c_void, len => usize, &raw mut read => *mut usize))?;
        bytes.truncate(read);
        Ok(bytes)
    }

    pub fn write(&self, file: u64, bytes: &[u8]) -> Res<u64> {
        let mut written = 0;
        call!(self, file::ll_file_write(file => u64, bytes.as_ptr().cast() => *const c_void, bytes.len() => usize,
            &raw mut written => *mut usize))?;
        Ok(written as u64)
    }

    pub fn pwrite(&self, file: u64, offset: u64, bytes: &[u8]) -> Res<u64> {
        let mut written = 0;
        call!(self, file::ll_file_pwrite(file => u64, offset => u64, bytes.as_ptr().cast() => *const c_void,
            bytes.len() => usize, &raw mut written => *mut usize))?;
        Ok(written as u64)
    }

    pub fn readv(&self, file: u64, lens: &[usize]) -> Res<Vec<u8>> {
        let mut parts: Vec<Vec<u8>> = lens.iter().map(|len| vec![0; *len]).collect();
        let buffer = |p: &mut Vec<u8>| ll_buffer { data: p.as_mut_ptr().cast(), length: p.len() };
        let buffers: Vec<ll_buffer> = parts.iter_mut().map(buffer).collect();
        let mut read = 0;
        call!(self, file::ll_file_readv(file => u64, buffers.as_ptr() => *const ll_buffer, buffers.len() => usize,
            &raw mut read => *mut usize))?;
        let mut bytes = parts.concat();
        bytes.truncate(read);
        Ok(bytes)
    }

    pub fn writev(&self, file: u64, parts: &[&[u8]]) -> Res<u64> {
        let buffer = |p: &&[u8]| ll_buffer { data: p.as_ptr().cast_mut().cast(), length: p.len() };
        let buffers: Vec<ll_buffer> = parts.iter().map(buffer).collect();
        let mut written = 0;
        call!(self, file::ll_file_writev(file => u64, buffers.as_ptr() => *const ll_buffer, buffers.len() => usize,
            &raw mut written => *mut usize))?;
        Ok(written as u64)
    }

    pub fn punch_hole(&self, file: u64, offset: u64, length: u64) -> Res<()> {
        call!(self, file::ll_file_punch_hole(file => u64, offset => u64, length => u64))
    }

    pub fn seek_data(&self, file: u64, offset: u64) -> Res<u64> {
        let mut found = 0;
        call!(self, file::ll_file_seek_data(file => u64, offset => u64, &raw mut found => *mut u64))?;
        Ok(found)
    }

    pub fn seek_hole(&self, file: u64, offset: u64) -> Res<u64> {
        let mut found = 0;
        call!(self, file::ll_file_seek_hole(file => u64, offset => u64, &raw mut found => *mut u64))?;
        Ok(found)
    }

    pub fn tell(&self, file: u64) -> Res<u64> {
        let mut position = 0;
        call!(self, file::ll_file_tell(file => u64, &raw mut position => *mut u64))?;
        Ok(position)
    }

    pub fn open_dir(&self, filespace: u64, path: &str) -> Res<u64> {
        let (path, mut dir) = (c(path), 0);
        call!(self, dir::ll_fs_open_dir(filespace => u64, path.as_ptr() => *const c_char, &raw mut dir => *mut u64))?;
        Ok(dir)
    }

    pub fn next_entry(&self, dir: u64) -> Res<Option<(String, ll_entry)>> {
        let (mut entry, mut found): (ll_entry, i32) = (sized(), 0);
        call!(self, dir::ll_dir_next(dir => u64, &raw mut entry => *mut ll_entry, &raw mut found => *mut i32))?;
        // SAFETY: the name belongs to the handle, until the next call.
        let name = || unsafe { CStr::from_ptr(entry.name) }.to_str().expect("UTF-8").to_owned();
        Ok((found == 1).then(|| (name(), entry)))
    }

    pub fn free_dir(&self, dir: u64) {
        free!(self, dir::ll_dir_free(dir));
    }

    pub fn seek(&self, file: u64, offset: i64, whence: i32) -> Res<u64> {
        let mut position = 0;
        call!(self, file::ll_file_seek(file => u64, offset => i64, whence => i32, &raw mut position => *mut u64))?;
        Ok(position)
    }

    pub fn size(&self, file: u64) -> Res<u64> {
        let mut size = 0;
        call!(self, file::ll_file_size(file => u64, &raw mut size => *mut u64))?;
        Ok(size)
    }

    pub fn set_size(&self, file: u64, size: u64) -> Res<()> {
        call!(self, file::ll_file_truncate(file => u64, size => u64))
    }

    pub fn flush(&self, file: u64) -> Res<()> {
        call!(self, file::ll_file_flush(file => u64))
    }

    pub fn refresh(&self, file: u64) -> Res<()> {
        call!(self, file::ll_file_refresh(file => u64))
    }

    pub fn close(&self, file: u64) -> Res<()> {
        call!(self, file::ll_file_close(file => u64))
    }

    pub fn free(&self, file: u64) {
        free!(self, file::ll_file_free(file));
    }
}

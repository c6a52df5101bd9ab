//! Watching a filespace.

use std::collections::HashMap;
use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use parking_lot::Mutex;

use super::error::ll_error;
use super::filespace::{c_position, deadline, filespace as linked, ll_filespace, ll_position};
use super::fs::c_type;
use super::guard::{guard, quiet};
use super::handle::{self, HandleKind, Object};
use super::library::{User, ll_free_fn};
use super::status::ll_status;
use super::structs::{Sized32, check_out, init, put_struct, read_options};
use super::text::{clear, optional_text, put};
use crate::daemon::filespace::Filespace;
use crate::error::{Error, Result, Status};
use crate::filespace::watch::WakeUp;
use crate::filespace::{News, Watch};
use crate::fs::Path;
use crate::ids::KeyId;
use crate::state::events::Happened;

/// A watch of a filespace. 0 is no handle. @since 0.1.0
pub type ll_watch = u64;

/// A name was given: to a new file, directory or symbolic link with whatever it has, or a further one to a file.
pub const LL_EVENT_CREATED: u32 = 1;
/// A file has other content.
pub const LL_EVENT_CHANGED: u32 = 2;
/// Permissions, owner, times or extended attributes are others.
pub const LL_EVENT_ATTRIBUTES: u32 = 3;
/// It has another name; `from` is the one before.
pub const LL_EVENT_MOVED: u32 = 4;
/// A name was taken away; with its last one a file is gone.
pub const LL_EVENT_DELETED: u32 = 5;
/// A directory was removed with all that was in it.
pub const LL_EVENT_TREE_REMOVED: u32 = 6;
/// Nobody took the events for too long, and those up to this position are lost: look at the files as they are. What
/// comes behind it is told as before.
pub const LL_EVENT_OVERFLOW: u32 = 7;

/// Leave out what this link does itself.
pub const LL_WATCH_OTHERS: u32 = 1;

/// What is watched. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_watch_options {
    /// sizeof(ll_watch_options), set by the caller.
    pub struct_size: u32,
    /// LL_WATCH_OTHERS or 0.
    pub flags: u32,
    /// Only what happens at this path and below it; NULL for all. Symbolic links are followed once, when the watch starts;
    /// then it is the name that counts, whatever has it.
    pub path: *const c_char,
    /// A position, as ll_position_format writes it: what came behind it is told, at least once. NULL: from now on.
    pub from: *const c_char,
}

/// Something that happened. @since 0.1.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ll_event {
    /// sizeof(ll_event), set by the caller in the first of those that ll_watch_next fills.
    pub struct_size: u32,
    /// LL_EVENT_CREATED to LL_EVENT_OVERFLOW.
    pub kind: u32,
    /// The number of the commit: its position.
    pub position: u64,
    /// Which of the commit's events it is, from 0 on; those included that this watch leaves out.
    pub index: u32,
    /// LL_TYPE_FILE, LL_TYPE_DIRECTORY or LL_TYPE_SYMLINK; 0 for an overflow.
    pub r#type: u32,
    /// The file's number, which it keeps when it is moved.
    pub file_id: u64,
    /// The number of the directory that it is in (that it was in, if it is gone); 0 if that is not known.
    pub parent_id: u64,
    /// 1 if this link did it, else 0.
    pub own: u32,
    /// 0.
    pub reserved: u32,
    /// Its path right after it happened, below what is watched: "/" is the watched directory itself. Empty if it was moved
    /// out of there, and for a file of several names that has lost the one it was given last. Belongs to the watch.
    pub path: *const c_char,
    /// LL_EVENT_MOVED: the path before; empty if it came from elsewhere. Otherwise empty. Belongs to the watch.
    pub from: *const c_char,
    /// The name of the account that did it; its key id if the name is not known. Belongs to the watch.
    pub author: *const c_char,
}

// SAFETY: integers and raw pointers, the size first.
unsafe impl Sized32 for ll_watch_options {}
// SAFETY: integers and raw pointers, the size first.
unsafe impl Sized32 for ll_event {}

/// Is called with the pointer that was registered when a watch has something to tell and had nothing before. It may come
/// on any thread, must not block for long, must not call the library, and must not throw or jump out. @since 0.1.0
pub type ll_watch_fn = Option<unsafe extern "C" fn(user: *mut c_void)>;

struct WatchHandle {
    watch: Arc<Watch>,
    filespace: Arc<Filespace>,
    told: Mutex<Told>,
}

/// The texts of the events that were told last.
#[derive(Default)]
struct Told {
    texts: Vec<CString>,
    authors: HashMap<KeyId, CString>,
}

impl Object for WatchHandle {
    const KIND: HandleKind = HandleKind::Watch;
    const NAME: &'static str = "watch";
}

impl Drop for WatchHandle {
    fn drop(&mut self) {
        // Whoever is called is not called any more.
        let _ = self.watch.set_wake_up(None);
        self.watch.end(freed());
    }
}

fn freed() -> Error {
    Error::new(Status::InvalidHandle, "watch: it was freed while a call waited")
}

impl WatchHandle {
    fn author(&self, told: &mut Told, id: KeyId) -> *const c_char {
        let name = || CString::new(self.filespace.workspace().called_account(id)).unwrap_or_default();
        told.authors.entry(id).or_insert_with(name).as_ptr()
    }

    fn c_event(&self, told: &mut Told, news: &News) -> ll_event {
        let mut text = |text: &str| {
            told.texts.push(CString::new(text).unwrap_or_default());
            told.texts.last().map_or(std::ptr::null(), |text| text.as_ptr())
        };
        match news {
            News::Overflow(position) => {
                let (path, from, author) = (text(""), text(""), text(""));
                let (kind, position) = (LL_EVENT_OVERFLOW, position.seq.0);
                ll_event {
                    struct_size: 0,
                    kind,
                    position,
                    index: 0,
                    r#type: 0,
                    file_id: 0,
                    parent_id: 0,
                    own: 0,
                    reserved: 0,
                    path,
                    from,
                    author,
                }
            }
            News::Event(news) => {
                let event = &news.event;
                let (path, from) = (text(&event.path), text(&event.from));
                ll_event {
                    struct_size: 0,
                    kind: match event.happened {
                        Happened::Created => LL_EVENT_CREATED,
                        Happened::Changed => LL_EVENT_CHANGED,
                        Happened::AttributesChanged => LL_EVENT_ATTRIBUTES,
                        Happened::Moved => LL_EVENT_MOVED,
                        Happened::Deleted => LL_EVENT_DELETED,
                        Happened::TreeRemoved => LL_EVENT_TREE_REMOVED,
                    },
                    position: news.at.0,
                    index: news.index,
                    r#type: c_type(event.kind),
                    file_id: event.ino.0,
                    parent_id: event.parent.0,
                    own: news.is_own.into(),
                    reserved: 0,
                    path,
                    from,
                    author: self.author(told, news.author),
                }
            }
        }
    }
}

/// Starts to watch a filespace: what everybody's commits do to it is told, in their order, each at least once, with the
/// names as they are at that place. Works on read-only links and for readers too, but not on a snapshot, in which nothing
/// happens. A position that the log does not reach back to any more is LL_ERR_POSITION_TRUNCATED.
///
/// @param filespace The filespace.
/// @param options What is watched; NULL for all of it, from now on.
/// @param watch Receives the handle.
/// @param err Detail of a failure, or NULL.
/// Ownership: free it with ll_watch_free; it goes with its filespace handle
/// Threads: any. Blocking: until log and store answer, at most network.timeout.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
/// LL_ERR_UNSUPPORTED_OPTION, LL_ERR_NOT_LINKED, LL_ERR_LOG_ROLLED_BACK (from is not a position of this log). @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_filespace_watch(
    filespace: ll_filespace,
    options: *const ll_watch_options,
    watch: *mut ll_watch,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(filespace, err, || unsafe {
        clear(watch, "watch")?;
        let filespace_object = linked(filespace)?;
        let options = read_options(options, "options")?;
        if options.flags & !LL_WATCH_OTHERS != 0 {
            let what = "options: flags has one that this version does not know";
            return Err(Error::new(Status::UnsupportedOption, what));
        }
        let path = Path::parse(optional_text(options.path, "path")?.unwrap_or("/"));
        let path = path.map_err(|error| error.about("path"))?;
        let from = optional_text(options.from, "from")?.map(str::parse).transpose();
        let from = from.map_err(|error: Error| error.about("from"))?;
        let others_only = options.flags & LL_WATCH_OTHERS != 0;
        let filespace_linked = filespace_object.0.clone();
        let started = filespace_linked.fs().watch(&path, from, others_only)?;
        let started = WatchHandle { watch: started, filespace: filespace_linked, told: Mutex::default() };
        put(watch, "watch", handle::insert(Arc::new(started), filespace)?)
    })
}

/// Takes what happened: waits until there is something, or the time is over. What keeps the link from following the log,
/// such as LL_ERR_IO, is returned when the time is over; later it goes on. What ends the link, such as
/// LL_ERR_FILESPACE_DELETED, ends the watch.
///
/// @param watch The watch.
/// @param events Receives the events: room for `cap` of them; set the struct_size of the first.
/// @param stride Bytes from one to the next: sizeof(ll_event).
/// @param cap How many there is room for, at least 1.
/// @param count Receives how many there are; 0: there was nothing in time.
/// @param timeout_ms How long to wait, in milliseconds; 0: only look.
/// @param err Detail of a failure, or NULL.
/// Ownership: the texts belong to the watch, until the next call of this function or the end of the handle
/// Threads: any; calls take turns, and the next one ends the texts. Blocking: until there is something, at most
/// timeout_ms; ll_watch_free and the end of the link end it.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_watch_next(
    watch: ll_watch,
    events: *mut ll_event,
    stride: usize,
    cap: usize,
    count: *mut usize,
    timeout_ms: u64,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(count, "count")?;
        let watch = handle::get::<WatchHandle>(watch)?;
        check_out(events, "events")?;
        check_room(stride, cap)?;
        // Locked first, so that the texts are those of the events.
        let deadline = deadline(timeout_ms);
        let Some(mut told) = watch.told.try_lock_until(deadline) else { return Ok(()) };
        let news = watch.watch.next(cap, deadline)?;
        told.texts.clear();
        for (place, news) in news.iter().enumerate() {
            let event = watch.c_event(&mut told, news);
            put_struct(events.byte_add(place * stride), event);
        }
        put(count, "count", news.len())
    })
}

fn check_room(stride: usize, cap: usize) -> Result<()> {
    let invalid = |what: String| Err(Error::new(Status::InvalidArgument, what));
    if stride != size_of::<ll_event>() {
        return invalid(format!(
            "stride: it is {stride}; set it to sizeof(ll_event) ({})",
            size_of::<ll_event>()
        ));
    }
    if cap == 0 || cap > isize::MAX as usize / stride {
        return invalid(format!("cap: there is no room for {cap} events"));
    }
    Ok(())
}

/// Where another watch goes on, also of another process: what came up to there was taken. Of a commit whose events were
/// taken in part, all are told again.
///
/// @param watch The watch.
/// @param position Receives the position; set its struct_size.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_watch_position(
    watch: ll_watch,
    position: *mut ll_position,
    err: *mut ll_error,
) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        check_out(position, "position")?;
        put_struct(position, c_position(&handle::get::<WatchHandle>(watch)?.watch.position()));
        Ok(())
    })
}

/// A descriptor for poll, epoll and event loops: readable as long as there is something to take, or the watch has ended.
/// Do not read, write or close it; ll_watch_next is what makes it unreadable again.
///
/// @param watch The watch.
/// @param fd Receives the descriptor.
/// @param err Detail of a failure, or NULL.
/// Ownership: it belongs to the watch, and is closed with it
/// Threads: any. Blocking: no.
/// Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_watch_fd(watch: ll_watch, fd: *mut i32, err: *mut ll_error) -> ll_status {
    // SAFETY: pointers are as documented; each is checked for NULL where it is used.
    guard(0, err, || unsafe {
        clear(fd, "fd")?;
        put(fd, "fd", handle::get::<WatchHandle>(watch)?.watch.descriptor()?)
    })
}

/// Sets who is called when there is something to take and was nothing before, and once when the watch ends. Replaces the
/// one before; when this returns, that one is not running and will not be called again.
///
/// @param watch The watch.
/// @param callback The function, or NULL for none.
/// @param user Passed to the function; the library does not look at it.
/// @param free_user Called with `user` exactly once: when the callback is replaced, when the watch is freed, or at once if
/// this fails; may be NULL.
/// @param err Detail of a failure, or NULL.
/// Threads: any. Blocking: until a call of the replaced callback returns.
/// Errors: LL_ERR_INVALID_HANDLE. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_watch_set_callback(
    watch: ll_watch,
    callback: ll_watch_fn,
    user: *mut c_void,
    free_user: ll_free_fn,
    err: *mut ll_error,
) -> ll_status {
    // Given back whatever happens, also if the call is refused.
    let user = User(user, free_user);
    guard(0, err, move || {
        let watch = handle::get::<WatchHandle>(watch)?;
        // SAFETY: the function was registered for this, with this pointer.
        let call = callback.map(|function| Box::new(move || unsafe { function(user.pointer()) }) as WakeUp);
        watch.watch.set_wake_up(call)
    })
}

/// Ends a watch; calls that wait for it end too. Never blocks on log or store and never fails; a handle that is 0 or
/// already freed is ignored.
///
/// @param handle The handle.
/// Threads: any, but not in the watch's callback. Blocking: until a call of its callback returns.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_watch_free(handle: ll_watch) {
    quiet(|| {
        if let Ok(watch) = handle::remove::<WatchHandle>(handle) {
            let _ = watch.watch.set_wake_up(None);
            watch.watch.end(freed());
        }
    });
}

/// Sets the size of watch options and zeroes the rest, for languages that cannot use LL_WATCH_OPTIONS_INIT.
///
/// @param options The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_watch_options_init(options: *mut ll_watch_options) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(options) }
}

/// Sets the size of an event and zeroes the rest, for languages that cannot use LL_EVENT_INIT.
///
/// @param event The struct; NULL does nothing.
/// Threads: any. Blocking: no.
/// Errors: none. @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ll_event_init(event: *mut ll_event) {
    // SAFETY: NULL, or a whole struct by contract.
    unsafe { init(event) }
}

/* liblucidlink for C++17: the C interface of lucidlink.h with owners, exceptions or error records, and streams.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Errors: every function that can fail takes an `on_error` last. Leave it out, and a failure is thrown as
 * lucidlink::error; pass a lucidlink::failure, and it is written there, or cleared on success, and the result is empty.
 * Without exceptions (-fno-exceptions) the record must be passed. What runs out of memory in C++ throws std::bad_alloc.
 *
 * Ownership: objects own their handle; they can be moved, not copied. A destructor frees. It never publishes, never
 * blocks on log or store and never fails: call close(), unlink() and stop() for what must happen. An object that was
 * moved from, or that a failed call returned, is empty: a call on it is LL_ERR_INVALID_HANDLE. Strings and lists
 * that are returned are the caller's own. Nothing keeps what a string_view refers to after the call.
 *
 * Threads: one object may be used from any number of threads at the same time. What changes the owner itself (move,
 * assignment, release, close, destruction) must not run beside other uses of the same object. Streams are for one
 * thread at a time.
 *
 * "Blocking: yes" means: until log and store answer, at most network.timeout. Each function names the one that it calls
 * in lucidlink.h, where its errors are listed; a string with a NUL in it is LL_ERR_INVALID_ARGUMENT besides. Constants
 * are those of lucidlink.h.
 */
#ifndef LUCIDLINK_HPP
#define LUCIDLINK_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <istream>
#include <iterator>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <streambuf>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "lucidlink.h"

#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define LUCIDLINK_OR_THROW = {}
#else
#define LUCIDLINK_OR_THROW
#endif

namespace lucidlink {

/// Why a call failed; false if it did not. Threads: as any value. @since 0.1.0
struct failure {
    /// An LL_ERR_ number; LL_OK: there was no failure.
    ll_status status = LL_OK;
    /// The operating system's error number that caused it, else the closest one.
    std::int32_t os_errno = 0;
    /// The HTTP status that caused it; 0 if there was none.
    std::int32_t http_status = 0;
    /// LL_ERROR_RETRYABLE, LL_ERROR_MAYBE_APPLIED, LL_ERROR_FATAL.
    std::uint32_t flags = 0;
    /// The group of the status: argument, state, access, filesystem, store, integrity or internal.
    std::string domain;
    /// What failed, on what, and what to do.
    std::string message;
    /// The path that it was about, whole; empty if there was none.
    std::string path;

    /// Whether there was a failure.
    explicit operator bool() const noexcept { return status != LL_OK; }
    /// The name of the status, such as "LL_ERR_NOT_FOUND"; static.
    const char* name() const noexcept { return ll_status_name(status); }
    /// Whether the call may succeed later without a change by the caller.
    bool retryable() const noexcept { return (flags & LL_ERROR_RETRYABLE) != 0; }
    /// Whether the call ended before its outcome was known: it may have taken effect, or still may.
    bool maybe_applied() const noexcept { return (flags & LL_ERROR_MAYBE_APPLIED) != 0; }
    /// Whether the link refuses all further work.
    bool fatal() const noexcept { return (flags & LL_ERROR_FATAL) != 0; }
};

/// What a failed call throws; what() is the message. @since 0.1.0
class error : public std::runtime_error {
public:
    /// An exception that says this.
    explicit error(const failure& what)
        : std::runtime_error(what.message), detail_(std::make_shared<const failure>(what)) {}

    /// All that is known. Belongs to the exception.
    const failure& detail() const noexcept { return *detail_; }
    /// An LL_ERR_ number.
    ll_status status() const noexcept { return detail_->status; }
    /// The name of the status; static.
    const char* name() const noexcept { return detail_->name(); }
    /// The operating system's error number that caused it, else the closest one.
    std::int32_t os_errno() const noexcept { return detail_->os_errno; }
    /// LL_ERROR_RETRYABLE, LL_ERROR_MAYBE_APPLIED, LL_ERROR_FATAL.
    std::uint32_t flags() const noexcept { return detail_->flags; }
    /// The path that it was about, whole; empty if there was none. Belongs to the exception.
    const std::string& path() const noexcept { return detail_->path; }

private:
    std::shared_ptr<const failure> detail_; // copying an exception must not throw
};

/// Where a failure goes: it is thrown, or written to a record. Made by what it is passed for. @since 0.1.0
class on_error {
public:
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
    /// Failures are thrown as lucidlink::error.
    on_error() noexcept : raise_([](const failure& what) { throw error(what); }) {}
#endif
    /// Failures are written to this record, which must live until the call returns; a success clears it.
    on_error(failure& record) noexcept : record_(&record) {}

    /// Reports a failure.
    void fail(const failure& what) const {
        if (record_ == nullptr) {
            raise_(what);
        } else {
            *record_ = what;
        }
    }
    /// Reports a success.
    void succeed() const {
        if (record_ != nullptr && *record_) {
            *record_ = failure();
        }
    }

private:
    failure* record_ = nullptr;
    void (*raise_)(const failure&) = nullptr;
};

namespace detail {

/// Why the last call on this thread failed.
inline failure last_failure(ll_status status) {
    ll_error record = LL_ERROR_INIT;
    failure why;
    std::size_t needed = 0;
    ll_last_error(&record);
    why.status = status;
    why.os_errno = record.os_errno;
    why.http_status = record.http_status;
    why.flags = record.flags;
    why.domain = record.domain;
    why.message = record.message;
    if (ll_last_error_path(nullptr, 0, &needed) == LL_ERR_BUFFER_TOO_SMALL && needed > 1) {
        why.path.resize(needed);
        ll_last_error_path(why.path.data(), why.path.size(), nullptr);
        why.path.resize(needed - 1);
    }
    return why;
}

/// Reports how a call ended; whether it succeeded.
inline bool settle(const on_error& err, ll_status status) {
    if (status != LL_OK) {
        err.fail(last_failure(status));
        return false;
    }
    err.succeed();
    return true;
}

/// A text argument: with its NUL, and the name that an error gives it.
struct text {
    text(std::string_view value, const char* name) : value_(value), name_(name) {}

    std::string value_;
    const char* name_;
};

/// Reports an argument that the C interface is not asked about.
inline void refuse(const on_error& err, std::string message) {
    failure why;
    why.status = LL_ERR_INVALID_ARGUMENT;
    why.os_errno = 22; // EINVAL
    why.domain = "argument";
    why.message = std::move(message);
    err.fail(why);
}

inline bool accept(const on_error& err, const text& argument) {
    if (argument.value_.find('\0') == std::string::npos) {
        return true;
    }
    refuse(err, std::string(argument.name_) + " has a NUL in it, where the C interface would end it; take it out");
    return false;
}
template <class Argument>
bool accept(const on_error&, const Argument&) {
    return true;
}

inline const char* plain(const text& argument) {
    return argument.value_.c_str();
}
template <class Argument>
const Argument& plain(const Argument& argument) {
    return argument;
}

/// Calls a function of the C interface; whether it succeeded.
template <class Function, class... Arguments>
bool call(const on_error& err, Function function, const Arguments&... arguments) {
    return (accept(err, arguments) && ...) && settle(err, function(plain(arguments)..., nullptr));
}

/// Calls one that fills a buffer and says how much it needs; the bytes.
template <class Function, class... Arguments>
std::string fill(const on_error& err, Function function, const Arguments&... arguments) {
    std::string bytes(256, '\0');
    std::size_t needed = 0;
    if (!(accept(err, arguments) && ...)) {
        return {};
    }
    ll_status status = LL_OK;
    // More than once if it grows meanwhile.
    while ((status = function(plain(arguments)..., bytes.data(), bytes.size(), &needed, nullptr)) ==
               LL_ERR_BUFFER_TOO_SMALL &&
           needed > bytes.size()) {
        bytes.resize(needed);
    }
    if (!settle(err, status)) {
        return {};
    }
    bytes.resize(needed);
    return bytes;
}

/// The same for a text, without its NUL.
template <class Function, class... Arguments>
std::string fill_text(const on_error& err, Function function, const Arguments&... arguments) {
    std::string bytes = fill(err, function, arguments...);
    if (!bytes.empty()) {
        bytes.pop_back();
    }
    return bytes;
}

/// The owner of a handle of the C interface. @since 0.1.0
template <void (*Free)(std::uint64_t)>
class handle {
public:
    /// None.
    handle() noexcept = default;
    /// Takes over a handle of the C interface.
    explicit handle(std::uint64_t owned) noexcept : owned_(owned) {}
    /// Takes over what another owns, which is empty then.
    handle(handle&& other) noexcept : owned_(other.release()) {}
    /// Frees what it owns and takes over what another owns; from itself: nothing happens.
    handle& operator=(handle&& other) noexcept {
        handle taken(std::move(other));
        std::swap(owned_, taken.owned_);
        return *this;
    }
    /// Frees it. Blocking: no. Errors: none.
    ~handle() { Free(owned_); }

    /// The handle, for functions of lucidlink.h; it stays owned.
    std::uint64_t get() const noexcept { return owned_; }
    /// Gives the handle up: the caller is to free it.
    std::uint64_t release() noexcept { return std::exchange(owned_, LL_INVALID_HANDLE); }
    /// Whether there is one.
    explicit operator bool() const noexcept { return owned_ != LL_INVALID_HANDLE; }

private:
    std::uint64_t owned_ = LL_INVALID_HANDLE;
};

/// Copies a list of the C interface and frees it; `convert` makes a value of an element.
template <class Value, class Element, void (*Free)(std::uint64_t), class Count, class Get, class Convert>
std::vector<Value> elements(const on_error& err, handle<Free> list, Count count, Get get, const Element& initial,
                            Convert convert) {
    std::vector<Value> values;
    std::size_t length = 0;
    if (!call(err, count, list.get(), &length)) {
        return {};
    }
    values.reserve(length);
    for (std::size_t i = 0; i < length; i++) {
        Element element = initial;
        if (!call(err, get, list.get(), i, &element)) {
            return {};
        }
        values.push_back(convert(element));
    }
    return values;
}

inline const char* or_null(const text& value) {
    return value.value_.empty() ? nullptr : value.value_.c_str();
}

} // namespace detail

/// A file, directory or symbolic link. Times are nanoseconds since 1970, UTC. @since 0.1.0
struct entry {
    /// LL_TYPE_FILE, LL_TYPE_DIRECTORY or LL_TYPE_SYMLINK.
    std::uint32_t type = 0;
    /// Bytes of content (of the target for a symbolic link; 0 for a directory).
    std::uint64_t size = 0;
    /// A number that the file keeps for life and that no other ever gets.
    std::uint64_t file_id = 0;
    /// Last change of content.
    std::int64_t mtime_ns = 0;
    /// Last change of anything.
    std::int64_t ctime_ns = 0;
    /// Creation.
    std::int64_t created_ns = 0;
    /// Access time as last set; reading does not move it.
    std::int64_t atime_ns = 0;
    /// The position of the last change of content.
    std::uint64_t version = 0;
    /// Permission bits.
    std::uint32_t mode = 0;
    /// Owner.
    std::uint32_t uid = 0;
    /// Group.
    std::uint32_t gid = 0;
    /// How many names it has; 1 for a directory.
    std::uint32_t link_count = 0;
    /// Its name in the directory that was read; empty from get_entry.
    std::string name;

    /// Whether it is a regular file.
    bool is_file() const noexcept { return type == LL_TYPE_FILE; }
    /// Whether it is a directory.
    bool is_directory() const noexcept { return type == LL_TYPE_DIRECTORY; }
    /// Whether it is a symbolic link.
    bool is_symlink() const noexcept { return type == LL_TYPE_SYMLINK; }
};

/// A filespace of a workspace. @since 0.1.0
struct filespace_info {
    /// Whether this account has a grant for it.
    bool accessible = false;
    /// When it was made, nanoseconds since 1970.
    std::int64_t created_ns = 0;
    /// Its id, 64 hexadecimal digits.
    std::string id;
    /// Its name.
    std::string name;
};

/// An account of a workspace. @since 0.1.0
struct account_info {
    /// LL_ROLE_READER, LL_ROLE_WRITER or LL_ROLE_ADMIN.
    std::uint32_t role = 0;
    /// Whether it was revoked.
    bool revoked = false;
    /// When it ends, nanoseconds since 1970; 0: never.
    std::int64_t expiry_ns = 0;
    /// Its key id, 32 hexadecimal digits.
    std::string key_id;
    /// Its name.
    std::string name;
};

/// A call that was acknowledged in relaxed mode and refused later. @since 0.1.0
struct late_failure {
    /// Why it was refused: an LL_ERR_ number.
    ll_status status = LL_OK;
    /// Its number: the order of the calls.
    std::uint64_t number = 0;
    /// The path that the call was about.
    std::string path;
    /// What happened.
    std::string message;
    /// How many contents it was to write: 0 or 1, of a batch any number.
    std::size_t contents = 0;
};

/// A snapshot of a filespace. @since 0.1.0
struct snapshot_info {
    /// The number of the commit behind which the filespace was as the snapshot has it.
    std::uint64_t seq = 0;
    /// When it was taken, nanoseconds since 1970.
    std::int64_t created_ns = 0;
    /// Its name.
    std::string name;
    /// The key id of the account that took it, 32 hexadecimal digits.
    std::string author;
};

/// What there is to know about a configuration key. @since 0.1.0
struct config_key {
    /// The key.
    std::string key;
    /// Its type: "string", "integer" or "boolean".
    std::string kind;
    /// Its value if it is not set; empty if that is worked out as `meaning` says.
    std::string default_value;
    /// What it means, with units and range.
    std::string meaning;
};

/// Where a daemon keeps what it keeps on the local disk. @since 0.1.0
struct storage_options {
    /// LL_STORAGE_SANDBOXED or LL_STORAGE_PHYSICAL.
    std::uint32_t mode = LL_STORAGE_SANDBOXED;
    /// LL_STORAGE_PHYSICAL: keep the folder after stop.
    bool persist_on_exit = false;
    /// LL_STORAGE_PHYSICAL: the folder that gets .lucid; empty: the working directory.
    std::string root_path;
};

/// How a filespace is linked. @since 0.1.0
struct link_options {
    /// Its name; exactly one of name and id is given.
    std::string name;
    /// Its id, 64 hexadecimal digits.
    std::string id;
    /// The subtree that is seen as "/"; empty: all. A convenience, not access control.
    std::string root_path;
    /// LL_SYNC_ALL or LL_SYNC_NONE.
    std::uint32_t sync_mode = LL_SYNC_ALL;
    /// Refuse everything that writes.
    bool read_only = false;
    /// LL_CONSISTENCY_STRICT or LL_CONSISTENCY_RELAXED: the preset of the two settings below.
    std::uint32_t consistency = LL_CONSISTENCY_STRICT;
    /// LL_COMMIT_WAIT or LL_COMMIT_BACKGROUND; 0: as the preset says.
    std::uint32_t commit = 0;
    /// How old what a call sees may be, in milliseconds, or LL_NEVER_STALE; 0: as the preset says.
    std::uint32_t max_staleness_ms = 0;
    /// A position as text that the filespace must have reached: one set back is LL_ERR_LOG_ROLLED_BACK. Empty: none.
    std::string at_least;
    /// A snapshot to link in place of the filespace as it is, read-only. Empty: none.
    std::string snapshot;
};

/// A position in a filespace's history. Threads: as any value. @since 0.1.0
class position {
public:
    /// Before everything.
    position() noexcept = default;
    /// As the C interface has it.
    explicit position(const ll_position& native) noexcept : native_(native) {}
    /// Reads what to_string wrote (ll_position_parse). Blocking: no.
    static position parse(std::string_view text, on_error err LUCIDLINK_OR_THROW) {
        position parsed;
        detail::call(err, ll_position_parse, detail::text(text, "text"), &parsed.native_);
        return parsed;
    }

    /// The number of the commit.
    std::uint64_t seq() const noexcept { return native_.seq; }
    /// As text, to hand it to another program (ll_position_format). Blocking: no.
    std::string to_string(on_error err LUCIDLINK_OR_THROW) const {
        return detail::fill_text(err, ll_position_format, &native_);
    }
    /// As the C interface has it.
    const ll_position& native() const noexcept { return native_; }

private:
    ll_position native_ = LL_POSITION_INIT;
};

/// An open file. It sees one version of the content, and what is written through the same link. What it writes appears
/// to others when it is flushed or closed: whole. The destructor drops what was not published. @since 0.1.0
class file : public detail::handle<&ll_file_free> {
public:
    using handle::handle;

    /// Reads from the position on and moves it; how many bytes: fewer than `length` only at the end (ll_file_read).
    /// Threads: any; calls take turns. Blocking: when bytes are not in memory.
    std::size_t read(void* buffer, std::size_t length, on_error err LUCIDLINK_OR_THROW) {
        std::size_t got = 0;
        detail::call(err, ll_file_read, get(), buffer, length, &got);
        return got;
    }
    /// Reads at an offset, without the position (ll_file_pread). Threads: any. Blocking: when bytes are not in memory.
    std::size_t pread(std::uint64_t offset, void* buffer, std::size_t length, on_error err LUCIDLINK_OR_THROW) const {
        std::size_t got = 0;
        detail::call(err, ll_file_pread, get(), offset, buffer, length, &got);
        return got;
    }
    /// Writes all bytes or none at the position and moves it; in append mode at the end (ll_file_write).
    /// Threads: any; calls take turns. Blocking: when too much waits to be stored.
    void write(const void* data, std::size_t length, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_file_write, get(), data, length, nullptr);
    }
    /// The same with the bytes of a string.
    void write(std::string_view data, on_error err LUCIDLINK_OR_THROW) { write(data.data(), data.size(), err); }
    /// Writes all bytes or none at an offset, without the position (ll_file_pwrite).
    /// Threads: any; calls take turns. Blocking: when too much waits to be stored.
    void pwrite(std::uint64_t offset, const void* data, std::size_t length, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_file_pwrite, get(), offset, data, length, nullptr);
    }
    /// Moves the position; where it is then. `whence`: LL_SEEK_SET, LL_SEEK_CUR, LL_SEEK_END (ll_file_seek).
    /// Threads: any. Blocking: no.
    std::uint64_t seek(std::int64_t offset, std::int32_t whence, on_error err LUCIDLINK_OR_THROW) {
        std::uint64_t at = 0;
        detail::call(err, ll_file_seek, get(), offset, whence, &at);
        return at;
    }
    /// The same from the start.
    std::uint64_t seek(std::int64_t offset, on_error err LUCIDLINK_OR_THROW) { return seek(offset, LL_SEEK_SET, err); }
    /// The position (ll_file_tell). Threads: any. Blocking: no.
    std::uint64_t tell(on_error err LUCIDLINK_OR_THROW) const {
        std::uint64_t at = 0;
        detail::call(err, ll_file_tell, get(), &at);
        return at;
    }
    /// Bytes of content as this file sees it (ll_file_size). Threads: any. Blocking: no.
    std::uint64_t size(on_error err LUCIDLINK_OR_THROW) const {
        std::uint64_t bytes = 0;
        detail::call(err, ll_file_size, get(), &bytes);
        return bytes;
    }
    /// Reads from the position on into several buffers, in order (ll_file_readv). Threads: any; calls take turns.
    /// Blocking: when bytes are not in memory.
    std::size_t readv(const ll_buffer* buffers, std::size_t count, on_error err LUCIDLINK_OR_THROW) {
        std::size_t got = 0;
        detail::call(err, ll_file_readv, get(), buffers, count, &got);
        return got;
    }
    /// Writes several buffers at the position as one write (ll_file_writev). Threads: any; calls take turns. Blocking:
    /// when too much waits to be stored.
    void writev(const ll_buffer* buffers, std::size_t count, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_file_writev, get(), buffers, count, nullptr);
    }
    /// Makes a hole of a range, which then reads as zeros, and publishes it with what was written; the size stays
    /// (ll_file_punch_hole). Threads: any. Blocking: yes.
    void punch_hole(std::uint64_t offset, std::uint64_t length, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_file_punch_hole, get(), offset, length);
    }
    /// The first byte at or behind an offset that is no hole; LL_ERR_OUT_OF_RANGE: there is none (ll_file_seek_data).
    /// Threads: any. Blocking: no.
    std::uint64_t seek_data(std::uint64_t offset, on_error err LUCIDLINK_OR_THROW) const {
        std::uint64_t found = 0;
        detail::call(err, ll_file_seek_data, get(), offset, &found);
        return found;
    }
    /// The first byte at or behind an offset that is in a hole, or the end (ll_file_seek_hole). Threads: any.
    /// Blocking: no.
    std::uint64_t seek_hole(std::uint64_t offset, on_error err LUCIDLINK_OR_THROW) const {
        std::uint64_t found = 0;
        detail::call(err, ll_file_seek_hole, get(), offset, &found);
        return found;
    }
    /// Sets the size, and publishes it with what was written (ll_file_truncate). Threads: any. Blocking: yes.
    void truncate(std::uint64_t bytes, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_file_truncate, get(), bytes);
    }
    /// Publishes what was written (ll_file_flush). Threads: any. Blocking: yes.
    void flush(on_error err LUCIDLINK_OR_THROW) { detail::call(err, ll_file_flush, get()); }
    /// Publishes what was written and makes it survive power loss (ll_file_sync). Threads: any. Blocking: yes.
    void sync(on_error err LUCIDLINK_OR_THROW) { detail::call(err, ll_file_sync, get()); }
    /// Moves to the newest version of the content (ll_file_refresh). Threads: any. Blocking: yes.
    void refresh(on_error err LUCIDLINK_OR_THROW) { detail::call(err, ll_file_refresh, get()); }
    /// Locks a range of the file, of which `length` bytes, 0: to the end; `kind`: LL_LOCK_SHARED or LL_LOCK_EXCLUSIVE;
    /// `wait_ms`: how long to wait, 0 or LL_WAIT_FOREVER (ll_file_lock_range). Threads: any. Blocking: yes.
    void lock_range(std::uint64_t offset, std::uint64_t length, std::uint32_t kind, std::uint64_t wait_ms,
                    on_error err LUCIDLINK_OR_THROW) {
        ll_lock_options options = LL_LOCK_OPTIONS_INIT;
        options.lock = kind;
        options.wait_ms = wait_ms;
        const ll_lock_options* how = &options;
        detail::call(err, ll_file_lock_range, get(), offset, length, how);
    }
    /// Publishes what was written and gives up what is locked of a range (ll_file_unlock_range). Threads: any.
    /// Blocking: yes.
    void unlock_range(std::uint64_t offset, std::uint64_t length, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_file_unlock_range, get(), offset, length);
    }
    /// Publishes what was written and gives up all that is locked (ll_file_unlock_all). Threads: any. Blocking: yes.
    void unlock_all(on_error err LUCIDLINK_OR_THROW) { detail::call(err, ll_file_unlock_all, get()); }
    /// Publishes what was written, gives up its locks and ends the file, whether that works or not; this is empty then
    /// (ll_file_close).
    /// Threads: not beside other uses. Blocking: yes.
    void close(on_error err LUCIDLINK_OR_THROW) { detail::call(err, ll_file_close, release()); }
};

namespace detail {

inline entry value_of(const ll_entry& c) {
    return {c.type,    c.size, c.file_id, c.mtime_ns, c.ctime_ns,   c.created_ns,                    c.atime_ns,
            c.version, c.mode, c.uid,     c.gid,      c.link_count, c.name != nullptr ? c.name : ""};
}

} // namespace detail

/// A directory that is read entry by entry, however large it is: for (const entry& e : fs.open_dir("/")). A name that
/// is there all the time comes once; one that comes or goes meanwhile may or may not. @since 0.1.0
class directory : public detail::handle<&ll_dir_free> {
public:
    using handle::handle;

    /// The next entry, in byte order of the names; false: there is none (ll_dir_next). Threads: any; calls take turns.
    /// Blocking: yes.
    bool next(entry& found, on_error err LUCIDLINK_OR_THROW) {
        ll_entry c = LL_ENTRY_INIT;
        std::int32_t is_there = 0;
        if (!detail::call(err, ll_dir_next, get(), &c, &is_there) || is_there == 0) {
            return false;
        }
        found = detail::value_of(c);
        return true;
    }

#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
    /// Goes over what is left, once; a failure is thrown. Valid as long as the directory stays where it is.
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = entry;
        using difference_type = std::ptrdiff_t;
        using pointer = const entry*;
        using reference = const entry&;

        /// Behind the last entry.
        iterator() = default;
        /// At the next entry of a directory.
        explicit iterator(directory& of) : of_(&of) { ++*this; }

        /// The entry.
        const entry& operator*() const noexcept { return at_; }
        /// The entry.
        const entry* operator->() const noexcept { return &at_; }
        /// Goes to the next one.
        iterator& operator++() {
            if (!of_->next(at_)) {
                of_ = nullptr;
            }
            return *this;
        }
        /// Goes to the next one; the one before is gone.
        void operator++(int) { ++*this; }
        /// Whether both are behind the last entry.
        friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.of_ == b.of_; }
        /// Whether one has an entry.
        friend bool operator!=(const iterator& a, const iterator& b) noexcept { return !(a == b); }

    private:
        directory* of_ = nullptr;
        entry at_;
    };
    /// The next entry.
    iterator begin() { return iterator(*this); }
    /// Behind the last entry.
    iterator end() noexcept { return iterator(); }
#endif
};

/// Changes that take effect together or not at all, seen by others at once. What is added is planned when it is
/// committed. The destructor drops what was not committed. @since 0.1.0
class batch : public detail::handle<&ll_batch_free> {
public:
    using handle::handle;

    /// How many changes it has (ll_batch_count). Threads: any. Blocking: no.
    std::size_t count(on_error err LUCIDLINK_OR_THROW) const {
        std::size_t changes = 0;
        detail::call(err, ll_batch_count, get(), &changes);
        return changes;
    }
    /// Commits all of it; it is empty then; after a failure it is as it was (ll_batch_commit). `failed`: where the index of
    /// the change goes that is to blame, from 0, LL_NO_OPERATION if none is; or NULL. Threads: any. Blocking: yes.
    void commit(std::uint64_t* failed, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_batch_commit, get(), failed);
    }
    /// The same; the message of a failure names the change.
    void commit(on_error err LUCIDLINK_OR_THROW) { commit(nullptr, err); }

    /// As filespace::create_dir (ll_batch_create_dir). Threads: any. Blocking: no.
    void create_dir(std::string_view path, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_batch_create_dir, get(), detail::text(path, "path"));
    }
    /// As filespace::delete_dir (ll_batch_delete_dir). Threads: any. Blocking: no.
    void delete_dir(std::string_view path, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_batch_delete_dir, get(), detail::text(path, "path"), std::int32_t(0));
    }
    /// As filespace::delete_tree (ll_batch_delete_dir). Threads: any. Blocking: no.
    void delete_tree(std::string_view path, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_batch_delete_dir, get(), detail::text(path, "path"), std::int32_t(1));
    }
    /// As filespace::delete_file (ll_batch_delete). Threads: any. Blocking: no.
    void delete_file(std::string_view path, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_batch_delete, get(), detail::text(path, "path"));
    }
    /// As filespace::move (ll_batch_move). Threads: any. Blocking: no.
    void move(std::string_view from, std::string_view to, std::uint32_t flags, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_batch_move, get(), detail::text(from, "from"), detail::text(to, "to"), flags);
    }
    /// The same, where nothing is replaced.
    void move(std::string_view from, std::string_view to, on_error err LUCIDLINK_OR_THROW) { move(from, to, 0, err); }
    /// As filespace::copy (ll_batch_copy). Threads: any. Blocking: no.
    void copy(std::string_view from, std::string_view to, std::uint32_t flags, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_batch_copy, get(), detail::text(from, "from"), detail::text(to, "to"), flags);
    }
    /// The same, where nothing is replaced.
    void copy(std::string_view from, std::string_view to, on_error err LUCIDLINK_OR_THROW) { copy(from, to, 0, err); }
    /// As filespace::truncate (ll_batch_truncate). Threads: any. Blocking: no.
    void truncate(std::string_view path, std::uint64_t bytes, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_batch_truncate, get(), detail::text(path, "path"), bytes);
    }
    /// As filespace::write_file; the content is taken over at once (ll_batch_write_file). Threads: any. Blocking: when
    /// too much waits to be stored.
    void write_file(std::string_view path, std::string_view content, on_error err LUCIDLINK_OR_THROW) {
        const void* bytes = content.data();
        detail::call(err, ll_batch_write_file, get(), detail::text(path, "path"), bytes, content.size());
    }
    /// As filespace::create_symlink (ll_batch_create_symlink). Threads: any. Blocking: no.
    void create_symlink(std::string_view target, std::string_view path, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_batch_create_symlink, get(), detail::text(target, "target"), detail::text(path, "path"));
    }
    /// As filespace::create_hard_link (ll_batch_create_hard_link). Threads: any. Blocking: no.
    void create_hard_link(std::string_view existing, std::string_view path, on_error err LUCIDLINK_OR_THROW) {
        const detail::text has(existing, "existing");
        detail::call(err, ll_batch_create_hard_link, get(), has, detail::text(path, "path"));
    }
    /// As filespace::set_times (ll_batch_set_times). Threads: any. Blocking: no.
    void set_times(std::string_view path, std::int64_t atime_ns, std::int64_t mtime_ns, std::uint32_t flags,
                   on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_batch_set_times, get(), detail::text(path, "path"), flags, atime_ns, mtime_ns);
    }
    /// The same, following symbolic links.
    void set_times(std::string_view path, std::int64_t atime_ns, std::int64_t mtime_ns,
                   on_error err LUCIDLINK_OR_THROW) {
        set_times(path, atime_ns, mtime_ns, 0, err);
    }
    /// As filespace::set_mode (ll_batch_set_mode). Threads: any. Blocking: no.
    void set_mode(std::string_view path, std::uint32_t mode, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_batch_set_mode, get(), detail::text(path, "path"), mode);
    }
    /// As filespace::set_owner (ll_batch_set_owner). Threads: any. Blocking: no.
    void set_owner(std::string_view path, std::uint32_t uid, std::uint32_t gid, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_batch_set_owner, get(), detail::text(path, "path"), uid, gid);
    }
    /// As filespace::set_xattr (ll_batch_set_xattr). Threads: any. Blocking: no.
    void set_xattr(std::string_view path, std::string_view name, std::string_view value, std::uint32_t flags,
                   on_error err LUCIDLINK_OR_THROW) {
        const detail::text of(path, "path");
        const void* bytes = value.data();
        detail::call(err, ll_batch_set_xattr, get(), of, flags, detail::text(name, "name"), bytes, value.size());
    }
    /// The same, whether there was one or not.
    void set_xattr(std::string_view path, std::string_view name, std::string_view value,
                   on_error err LUCIDLINK_OR_THROW) {
        set_xattr(path, name, value, 0, err);
    }
    /// As filespace::remove_xattr (ll_batch_remove_xattr). Threads: any. Blocking: no.
    void remove_xattr(std::string_view path, std::string_view name, std::uint32_t flags,
                      on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_batch_remove_xattr, get(), detail::text(path, "path"), flags, detail::text(name, "name"));
    }
    /// The same, following symbolic links.
    void remove_xattr(std::string_view path, std::string_view name, on_error err LUCIDLINK_OR_THROW) {
        remove_xattr(path, name, 0, err);
    }
};

/// Something that happened in a filespace: an ll_event with texts of its own. @since 0.1.0
struct event {
    /// LL_EVENT_CREATED to LL_EVENT_OVERFLOW.
    std::uint32_t kind = 0;
    /// LL_TYPE_FILE, LL_TYPE_DIRECTORY or LL_TYPE_SYMLINK; 0 for an overflow.
    std::uint32_t type = 0;
    /// The number of the commit.
    std::uint64_t position = 0;
    /// Which of the commit's events it is.
    std::uint32_t index = 0;
    /// Whether this link did it.
    bool own = false;
    /// The file's number.
    std::uint64_t file_id = 0;
    /// The number of the directory that it is in; 0 if that is not known.
    std::uint64_t parent_id = 0;
    /// Its path right after it happened; empty if that is elsewhere, or not known.
    std::string path;
    /// LL_EVENT_MOVED: the path before; empty if that was elsewhere.
    std::string from;
    /// Who did it.
    std::string author;
};

/// What is watched. @since 0.1.0
struct watch_options {
    /// Only what happens at this path and below it; empty: all.
    std::string path;
    /// A position as text: what came behind it is told. Empty: from now on.
    std::string from;
    /// LL_WATCH_OTHERS: leave out what this link does itself.
    std::uint32_t flags = 0;
};

/// Is called when a watch has something to take. It must not throw, and must not call the library. @since 0.1.0
using watch_function = std::function<void()>;

/// A watch of a filespace: for (const event& e : watch.next(100, seconds(1))). @since 0.1.0
class watch : public detail::handle<&ll_watch_free> {
public:
    using handle::handle;

    /// What happened, at most `limit` of it; waits until there is something, or the time is over (ll_watch_next).
    /// Threads: any; calls take turns. Blocking: at most the timeout.
    std::vector<event> next(std::size_t limit, std::chrono::milliseconds timeout, on_error err LUCIDLINK_OR_THROW) {
        const ll_event initial = LL_EVENT_INIT;
        std::vector<ll_event> native(limit, initial);
        std::size_t count = 0;
        const auto ms = static_cast<std::uint64_t>(timeout.count() < 0 ? 0 : timeout.count());
        std::vector<event> events;
        if (!detail::call(err, ll_watch_next, get(), native.data(), sizeof(ll_event), limit, &count, ms)) {
            return events;
        }
        events.reserve(count);
        for (std::size_t n = 0; n < count; ++n) {
            const ll_event& c = native[n];
            events.push_back({c.kind, c.type, c.position, c.index, c.own != 0, c.file_id, c.parent_id, c.path, c.from,
                              c.author});
        }
        return events;
    }
    /// Where another watch goes on (ll_watch_position). Threads: any. Blocking: no.
    lucidlink::position position(on_error err LUCIDLINK_OR_THROW) const {
        ll_position at = LL_POSITION_INIT;
        detail::call(err, ll_watch_position, get(), &at);
        return lucidlink::position(at);
    }
    /// A descriptor that is readable as long as there is something to take; it belongs to the watch (ll_watch_fd).
    /// Threads: any. Blocking: no.
    std::int32_t fd(on_error err LUCIDLINK_OR_THROW) const {
        std::int32_t descriptor = -1;
        detail::call(err, ll_watch_fd, get(), &descriptor);
        return descriptor;
    }
    /// Sets who is called when there is something to take and was nothing before; an empty function for nobody
    /// (ll_watch_set_callback). Threads: any. Blocking: until a call of the function before returns.
    void set_callback(watch_function function, on_error err LUCIDLINK_OR_THROW) {
        if (!function) {
            detail::call(err, ll_watch_set_callback, get(), nullptr, nullptr, nullptr);
            return;
        }
        const ll_watch_fn pass_on = [](void* user) noexcept { (*static_cast<watch_function*>(user))(); };
        const ll_free_fn free_it = [](void* user) noexcept { delete static_cast<watch_function*>(user); };
        void* const user = new watch_function(std::move(function)); // the library frees it, also if this fails
        detail::call(err, ll_watch_set_callback, get(), pass_on, user, free_it);
    }
};

/// A linked filespace: files and directories. Paths are absolute, '/'-separated, at most 4096 bytes. The destructor
/// ends the files that were opened through it; the link lasts until unlink() or the daemon's stop(). @since 0.1.0
class filespace : public detail::handle<&ll_filespace_free> {
public:
    using handle::handle;

    /// Its id, 64 hexadecimal digits (ll_filespace_id). Threads: any. Blocking: no.
    std::string id(on_error err LUCIDLINK_OR_THROW) const { return detail::fill_text(err, ll_filespace_id, get()); }
    /// The name that it had when it was linked (ll_filespace_name). Threads: any. Blocking: no.
    std::string name(on_error err LUCIDLINK_OR_THROW) const { return detail::fill_text(err, ll_filespace_name, get()); }
    /// filespace.workspace (ll_filespace_full_name). Threads: any. Blocking: no.
    std::string full_name(on_error err LUCIDLINK_OR_THROW) const {
        return detail::fill_text(err, ll_filespace_full_name, get());
    }
    /// Whether it was not unlinked and its daemon runs (ll_filespace_is_linked). Threads: any. Blocking: no.
    bool is_linked(on_error err LUCIDLINK_OR_THROW) const { return flag(err, ll_filespace_is_linked); }

    /// The barrier: when it returns, everything before it is visible to all and survives power loss
    /// (ll_filespace_sync_all). Threads: any. Blocking: yes.
    position sync_all(on_error err LUCIDLINK_OR_THROW) {
        ll_position at = LL_POSITION_INIT;
        detail::call(err, ll_filespace_sync_all, get(), &at);
        return position(at);
    }
    /// Waits until this link sees the filespace as it was at a position, or later; a timeout of 0 only looks
    /// (ll_filespace_wait_for). Threads: any. Blocking: at most the timeout.
    void wait_for(const position& at, std::chrono::milliseconds timeout, on_error err LUCIDLINK_OR_THROW) const {
        const auto ms = static_cast<std::uint64_t>(timeout.count() < 0 ? 0 : timeout.count());
        detail::call(err, ll_filespace_wait_for, get(), &at.native(), ms);
    }
    /// Tells what everybody's commits do to it (ll_filespace_watch). Threads: any. Blocking: yes.
    watch start_watch(const watch_options& options, on_error err LUCIDLINK_OR_THROW) const {
        const detail::text path(options.path, "path"), from(options.from, "from");
        ll_watch_options native = LL_WATCH_OPTIONS_INIT;
        ll_watch started = LL_INVALID_HANDLE;
        for (const detail::text* argument : {&path, &from}) {
            if (!detail::accept(err, *argument)) {
                return {};
            }
        }
        native.flags = options.flags;
        native.path = detail::or_null(path);
        native.from = detail::or_null(from);
        detail::call(err, ll_filespace_watch, get(), &native, &started);
        return watch(started);
    }
    /// How much there is in it (ll_filespace_statistics). Threads: any. Blocking: yes.
    ll_statistics statistics(on_error err LUCIDLINK_OR_THROW) const {
        ll_statistics values = LL_STATISTICS_INIT;
        detail::call(err, ll_filespace_statistics, get(), &values);
        return values;
    }
    /// The sum of the sizes of all files, in bytes (ll_filespace_size). Threads: any. Blocking: yes.
    std::uint64_t size(on_error err LUCIDLINK_OR_THROW) const {
        std::uint64_t bytes = 0;
        detail::call(err, ll_filespace_size, get(), &bytes);
        return bytes;
    }
    /// Limits the sizes of all files together and the number of files, directories and symbolic links; 0: no limit
    /// (ll_filespace_set_quota). Threads: any. Blocking: yes.
    void set_quota(std::uint64_t bytes, std::uint64_t entries, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_filespace_set_quota, get(), bytes, entries);
    }
    /// Takes a snapshot of what was acknowledged before, and of what open files of this link wrote; where
    /// (ll_filespace_create_snapshot). Threads: any. Blocking: yes.
    position create_snapshot(std::string_view name, on_error err LUCIDLINK_OR_THROW) {
        ll_position at = LL_POSITION_INIT;
        detail::call(err, ll_filespace_create_snapshot, get(), detail::text(name, "name"), &at);
        return position(at);
    }
    /// Deletes a snapshot (ll_filespace_delete_snapshot). Threads: any. Blocking: yes.
    void delete_snapshot(std::string_view name, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_filespace_delete_snapshot, get(), detail::text(name, "name"));
    }
    /// Its snapshots, the oldest first (ll_filespace_snapshots, ll_snapshots_count, ll_snapshots_get,
    /// ll_snapshots_free). Threads: any. Blocking: yes.
    std::vector<snapshot_info> snapshots(on_error err LUCIDLINK_OR_THROW) const {
        ll_snapshots list = LL_INVALID_HANDLE;
        const ll_snapshot_info initial = LL_SNAPSHOT_INFO_INIT;
        const auto convert = [](const ll_snapshot_info& c) {
            return snapshot_info{c.seq, c.created_ns, c.name, c.author};
        };
        if (!detail::call(err, ll_filespace_snapshots, get(), &list)) {
            return {};
        }
        return detail::elements<snapshot_info>(err, detail::handle<&ll_snapshots_free>(list), ll_snapshots_count,
                                               ll_snapshots_get, initial, convert);
    }
    /// Makes a file, symbolic link or directory with all that is below it as it was in a snapshot; `flags`:
    /// LL_RESTORE_REPLACE or 0 (ll_filespace_restore). Threads: any. Blocking: yes.
    void restore(std::string_view snapshot, std::string_view from, std::string_view to, std::uint32_t flags,
                 on_error err LUCIDLINK_OR_THROW) {
        const detail::text named(snapshot, "snapshot"), has(from, "from");
        detail::call(err, ll_filespace_restore, get(), named, has, detail::text(to, "to"), flags);
    }
    /// Ends the link, with the final sync that its sync mode asks for. It is unlinked whatever the sync says
    /// (ll_filespace_unlink). Threads: any. Blocking: yes.
    void unlink(on_error err LUCIDLINK_OR_THROW) { detail::call(err, ll_filespace_unlink, get()); }

    /// The late failures that were not acknowledged, in the order of the calls (ll_filespace_late_failures,
    /// ll_late_failures_count, ll_late_failures_get, ll_late_failures_free). Threads: any. Blocking: no.
    std::vector<late_failure> late_failures(on_error err LUCIDLINK_OR_THROW) const {
        ll_late_failures list = LL_INVALID_HANDLE;
        const ll_late_failure initial = LL_LATE_FAILURE_INIT;
        const auto convert = [](const ll_late_failure& c) { return late_failure{c.code, c.number, c.path, c.message, c.contents}; };
        if (!detail::call(err, ll_filespace_late_failures, get(), &list)) {
            return {};
        }
        return detail::elements<late_failure>(err, detail::handle<&ll_late_failures_free>(list), ll_late_failures_count,
                                              ll_late_failures_get, initial, convert);
    }
    /// What a late failure was to write, for reading: the nth of its contents, from 0 (ll_filespace_open_late_failure).
    /// Threads: any. Blocking: no.
    file open_late_failure(std::uint64_t number, std::size_t nth, on_error err LUCIDLINK_OR_THROW) const {
        ll_file opened = LL_INVALID_HANDLE;
        detail::call(err, ll_filespace_open_late_failure, get(), number, nth, &opened);
        return file(opened);
    }
    /// Forgets late failures up to a number, and what they were to write (ll_filespace_acknowledge_failures).
    /// Threads: any. Blocking: no.
    void acknowledge_failures(std::uint64_t upto, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_filespace_acknowledge_failures, get(), upto);
    }

    /// The entries of a directory, in byte order of the names, all of one moment (ll_fs_read_dir, ll_entries_count,
    /// ll_entries_get, ll_entries_free). Threads: any. Blocking: yes.
    std::vector<entry> read_dir(std::string_view path, on_error err LUCIDLINK_OR_THROW) const {
        return entries<entry>(err, ll_fs_read_dir, path, detail::value_of);
    }
    /// The names in a directory, in byte order, all of one moment (ll_fs_list_dir). Threads: any. Blocking: yes.
    std::vector<std::string> list_dir(std::string_view path, on_error err LUCIDLINK_OR_THROW) const {
        return entries<std::string>(err, ll_fs_list_dir, path, [](const ll_entry& c) { return c.name; });
    }
    /// Opens a directory, to be read entry by entry (ll_fs_open_dir). Threads: any. Blocking: yes.
    directory open_dir(std::string_view path, on_error err LUCIDLINK_OR_THROW) const {
        ll_dir opened = LL_INVALID_HANDLE;
        detail::call(err, ll_fs_open_dir, get(), detail::text(path, "path"), &opened);
        return directory(opened);
    }
    /// A batch of changes, empty (ll_batch_new). Threads: any. Blocking: no.
    batch new_batch(on_error err LUCIDLINK_OR_THROW) {
        ll_batch made = LL_INVALID_HANDLE;
        detail::call(err, ll_batch_new, get(), &made);
        return batch(made);
    }
    /// What a path leads to; `flags`: LL_NOFOLLOW or 0 (ll_fs_get_entry). Threads: any. Blocking: yes.
    entry get_entry(std::string_view path, std::uint32_t flags, on_error err LUCIDLINK_OR_THROW) const {
        ll_entry c = LL_ENTRY_INIT;
        return detail::call(err, ll_fs_get_entry, get(), detail::text(path, "path"), flags, &c)
                   ? detail::value_of(c)
                   : entry();
    }
    /// The same, following symbolic links.
    entry get_entry(std::string_view path, on_error err LUCIDLINK_OR_THROW) const { return get_entry(path, 0, err); }
    /// Whether a path leads to a regular file (ll_fs_file_exists). Threads: any. Blocking: yes.
    bool file_exists(std::string_view path, on_error err LUCIDLINK_OR_THROW) const {
        return flag(err, ll_fs_file_exists, detail::text(path, "path"));
    }
    /// Whether a path leads to a directory (ll_fs_dir_exists). Threads: any. Blocking: yes.
    bool dir_exists(std::string_view path, on_error err LUCIDLINK_OR_THROW) const {
        return flag(err, ll_fs_dir_exists, detail::text(path, "path"));
    }
    /// Makes a directory, and those above it that are missing (ll_fs_create_dir). Threads: any. Blocking: yes.
    void create_dir(std::string_view path, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_fs_create_dir, get(), detail::text(path, "path"));
    }
    /// Removes an empty directory (ll_fs_delete_dir). Threads: any. Blocking: yes.
    void delete_dir(std::string_view path, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_fs_delete_dir, get(), detail::text(path, "path"), std::int32_t(0));
    }
    /// Removes a directory with everything below it at once (ll_fs_delete_dir). Threads: any. Blocking: yes.
    void delete_tree(std::string_view path, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_fs_delete_dir, get(), detail::text(path, "path"), std::int32_t(1));
    }
    /// Removes a name of a file or symbolic link (ll_fs_delete). Threads: any. Blocking: yes.
    void delete_file(std::string_view path, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_fs_delete, get(), detail::text(path, "path"));
    }
    /// Gives something another path; `flags`: LL_MOVE_REPLACE or 0 (ll_fs_move). Threads: any. Blocking: yes.
    void move(std::string_view from, std::string_view to, std::uint32_t flags, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_fs_move, get(), detail::text(from, "from"), detail::text(to, "to"), flags);
    }
    /// The same, where nothing is replaced.
    void move(std::string_view from, std::string_view to, on_error err LUCIDLINK_OR_THROW) { move(from, to, 0, err); }
    /// Copies a file or symbolic link without reading it: both refer to the same blocks. `flags`: LL_NOFOLLOW,
    /// LL_COPY_REPLACE, both or 0 (ll_fs_copy). Threads: any. Blocking: yes.
    void copy(std::string_view from, std::string_view to, std::uint32_t flags, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_fs_copy, get(), detail::text(from, "from"), detail::text(to, "to"), flags);
    }
    /// The same, where nothing is replaced.
    void copy(std::string_view from, std::string_view to, on_error err LUCIDLINK_OR_THROW) { copy(from, to, 0, err); }
    /// Makes an empty file that was not there; `permissions`: 1 to 07777; 0: 0644 (ll_fs_create). Threads: any.
    /// Blocking: yes, also in relaxed mode.
    void create(std::string_view path, std::uint32_t permissions, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_fs_create, get(), detail::text(path, "path"), permissions);
    }
    /// The same with 0644.
    void create(std::string_view path, on_error err LUCIDLINK_OR_THROW) { create(path, 0, err); }
    /// Sets the size of a file (ll_fs_truncate). Threads: any. Blocking: yes.
    void truncate(std::string_view path, std::uint64_t bytes, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_fs_truncate, get(), detail::text(path, "path"), bytes);
    }
    /// The content of a whole file (ll_fs_read_file). Threads: any. Blocking: yes.
    std::string read_file(std::string_view path, on_error err LUCIDLINK_OR_THROW) const {
        return detail::fill(err, ll_fs_read_file, get(), detail::text(path, "path"));
    }
    /// Writes a whole file in one commit: it appears, or is replaced, as a whole (ll_fs_write_file).
    /// Threads: any. Blocking: yes.
    void write_file(std::string_view path, std::string_view content, on_error err LUCIDLINK_OR_THROW) {
        const void* bytes = content.data();
        detail::call(err, ll_fs_write_file, get(), detail::text(path, "path"), bytes, content.size());
    }
    /// Makes a symbolic link at `path` that leads to `target` (ll_fs_create_symlink). Threads: any. Blocking: yes.
    void create_symlink(std::string_view target, std::string_view path, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_fs_create_symlink, get(), detail::text(target, "target"), detail::text(path, "path"));
    }
    /// Where a symbolic link leads, as it was written (ll_fs_read_symlink). Threads: any. Blocking: yes.
    std::string read_symlink(std::string_view path, on_error err LUCIDLINK_OR_THROW) const {
        return detail::fill_text(err, ll_fs_read_symlink, get(), detail::text(path, "path"));
    }
    /// Gives a file or symbolic link another name (ll_fs_create_hard_link). Threads: any. Blocking: yes.
    void create_hard_link(std::string_view existing, std::string_view path, on_error err LUCIDLINK_OR_THROW) {
        const detail::text has(existing, "existing");
        detail::call(err, ll_fs_create_hard_link, get(), has, detail::text(path, "path"));
    }
    /// Sets access and modification time, nanoseconds since 1970 or LL_TIME_OMIT; `flags`: LL_NOFOLLOW or 0
    /// (ll_fs_set_times). Threads: any. Blocking: yes.
    void set_times(std::string_view path, std::int64_t atime_ns, std::int64_t mtime_ns, std::uint32_t flags,
                   on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_fs_set_times, get(), detail::text(path, "path"), flags, atime_ns, mtime_ns);
    }
    /// The same, following symbolic links.
    void set_times(std::string_view path, std::int64_t atime_ns, std::int64_t mtime_ns,
                   on_error err LUCIDLINK_OR_THROW) {
        set_times(path, atime_ns, mtime_ns, 0, err);
    }
    /// Sets permission bits, 0 to 07777 (ll_fs_set_mode). Threads: any. Blocking: yes.
    void set_mode(std::string_view path, std::uint32_t mode, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_fs_set_mode, get(), detail::text(path, "path"), mode);
    }
    /// Sets owner and group (ll_fs_set_owner). Threads: any. Blocking: yes.
    void set_owner(std::string_view path, std::uint32_t uid, std::uint32_t gid, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_fs_set_owner, get(), detail::text(path, "path"), uid, gid);
    }
    /// The value of an extended attribute; `flags`: LL_NOFOLLOW or 0 (ll_fs_get_xattr). Threads: any. Blocking: yes.
    std::string get_xattr(std::string_view path, std::string_view name, std::uint32_t flags,
                          on_error err LUCIDLINK_OR_THROW) const {
        const detail::text of(path, "path");
        return detail::fill(err, ll_fs_get_xattr, get(), of, flags, detail::text(name, "name"));
    }
    /// The same, following symbolic links.
    std::string get_xattr(std::string_view path, std::string_view name, on_error err LUCIDLINK_OR_THROW) const {
        return get_xattr(path, name, 0, err);
    }
    /// Gives an extended attribute a value; `flags`: LL_NOFOLLOW or 0, and LL_XATTR_CREATE, LL_XATTR_REPLACE or none
    /// of them (ll_fs_set_xattr). Threads: any. Blocking: yes.
    void set_xattr(std::string_view path, std::string_view name, std::string_view value, std::uint32_t flags,
                   on_error err LUCIDLINK_OR_THROW) {
        const detail::text of(path, "path");
        const void* bytes = value.data();
        detail::call(err, ll_fs_set_xattr, get(), of, flags, detail::text(name, "name"), bytes, value.size());
    }
    /// The same, whether there was one or not.
    void set_xattr(std::string_view path, std::string_view name, std::string_view value,
                   on_error err LUCIDLINK_OR_THROW) {
        set_xattr(path, name, value, 0, err);
    }
    /// The names of the extended attributes, in byte order; `flags`: LL_NOFOLLOW or 0 (ll_fs_list_xattr,
    /// ll_xattrs_count, ll_xattrs_get, ll_xattrs_free). Threads: any. Blocking: yes.
    std::vector<std::string> list_xattr(std::string_view path, std::uint32_t flags,
                                        on_error err LUCIDLINK_OR_THROW) const {
        ll_xattrs list = LL_INVALID_HANDLE;
        const ll_xattr initial = LL_XATTR_INIT;
        const auto convert = [](const ll_xattr& c) { return std::string(c.name); };
        if (!detail::call(err, ll_fs_list_xattr, get(), detail::text(path, "path"), flags, &list)) {
            return {};
        }
        return detail::elements<std::string>(err, detail::handle<&ll_xattrs_free>(list), ll_xattrs_count, ll_xattrs_get,
                                             initial, convert);
    }
    /// The same, following symbolic links.
    std::vector<std::string> list_xattr(std::string_view path, on_error err LUCIDLINK_OR_THROW) const {
        return list_xattr(path, 0, err);
    }
    /// Removes an extended attribute; `flags`: LL_NOFOLLOW or 0 (ll_fs_remove_xattr). Threads: any. Blocking: yes.
    void remove_xattr(std::string_view path, std::string_view name, std::uint32_t flags,
                      on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_fs_remove_xattr, get(), detail::text(path, "path"), flags, detail::text(name, "name"));
    }
    /// The same, following symbolic links.
    void remove_xattr(std::string_view path, std::string_view name, on_error err LUCIDLINK_OR_THROW) {
        remove_xattr(path, name, 0, err);
    }
    /// Opens a file: "r", "w", "a" or "x", with "+" for the other direction too. `permissions` are for a file that is
    /// made, 1 to 07777; 0: 0644 (ll_file_open). Ownership: close() it, or it is dropped. Threads: any. Blocking: yes.
    file open(std::string_view path, std::string_view mode, std::uint32_t permissions,
              on_error err LUCIDLINK_OR_THROW) {
        ll_open_options options = LL_OPEN_OPTIONS_INIT;
        options.mode = permissions;
        return open(path, mode, options, err);
    }
    /// The same with options as they are in C.
    file open(std::string_view path, std::string_view mode, const ll_open_options& options,
              on_error err LUCIDLINK_OR_THROW) {
        ll_file opened = LL_INVALID_HANDLE;
        const ll_open_options* how = &options;
        detail::call(err, ll_file_open, get(), detail::text(path, "path"), detail::text(mode, "mode"), how, &opened);
        return file(opened);
    }
    /// The same; a file that is made has 0644.
    file open(std::string_view path, std::string_view mode, on_error err LUCIDLINK_OR_THROW) {
        return open(path, mode, 0, err);
    }

private:
    template <class Function, class... Arguments>
    bool flag(const on_error& err, Function function, const Arguments&... arguments) const {
        std::int32_t value = 0;
        detail::call(err, function, get(), arguments..., &value);
        return value != 0;
    }
    template <class Value, class Function, class Convert>
    std::vector<Value> entries(const on_error& err, Function function, std::string_view path, Convert convert) const {
        ll_entries list = LL_INVALID_HANDLE;
        const ll_entry initial = LL_ENTRY_INIT;
        if (!detail::call(err, function, get(), detail::text(path, "path"), &list)) {
            return {};
        }
        return detail::elements<Value>(err, detail::handle<&ll_entries_free>(list), ll_entries_count, ll_entries_get,
                                       initial, convert);
    }
};

/// A file that is open and locked as a whole. The destructor gives the lock up in the background and drops what was
/// written and not published: publishing is explicit. @since 0.1.0
class lock {
public:
    /// None.
    lock() noexcept = default;
    /// Opens a file as filespace::open does and locks it; `kind`: LL_LOCK_SHARED or LL_LOCK_EXCLUSIVE; `wait_ms`: how long
    /// to wait, 0 or LL_WAIT_FOREVER (ll_file_open). Threads: any. Blocking: yes.
    lock(filespace& fs, std::string_view path, std::string_view mode, std::uint32_t kind, std::uint64_t wait_ms,
         on_error err LUCIDLINK_OR_THROW) {
        ll_open_options options = LL_OPEN_OPTIONS_INIT;
        options.lock = kind;
        options.lock_wait_ms = wait_ms;
        file_ = fs.open(path, mode, options, err);
    }
    /// Whether there is one.
    explicit operator bool() const noexcept { return bool(file_); }
    /// The file.
    file& operator*() noexcept { return file_; }
    /// The file.
    file* operator->() noexcept { return &file_; }
    /// Publishes what was written and gives the lock up, whether that works or not; this is empty then (ll_file_close).
    /// Threads: not beside other uses. Blocking: yes.
    void unlock(on_error err LUCIDLINK_OR_THROW) { file_.close(err); }

private:
    file file_;
};

/// An open workspace. The destructor leaves filespaces linked. @since 0.1.0
class workspace : public detail::handle<&ll_workspace_free> {
public:
    using handle::handle;

    /// Its id, 64 hexadecimal digits (ll_workspace_id). Threads: any. Blocking: no.
    std::string id(on_error err LUCIDLINK_OR_THROW) const { return detail::fill_text(err, ll_workspace_id, get()); }
    /// Its name (ll_workspace_name). Threads: any. Blocking: no.
    std::string name(on_error err LUCIDLINK_OR_THROW) const { return detail::fill_text(err, ll_workspace_name, get()); }
    /// Its filespaces, by name; also those for which this account has no grant (ll_workspace_list_filespaces,
    /// ll_filespaces_count, ll_filespaces_get, ll_filespaces_free). Threads: any. Blocking: yes.
    std::vector<filespace_info> list_filespaces(on_error err LUCIDLINK_OR_THROW) const {
        return filespaces(err, ll_workspace_list_filespaces);
    }
    /// Those that its daemon has linked (ll_workspace_linked_filespaces). Threads: any. Blocking: no.
    std::vector<filespace_info> linked_filespaces(on_error err LUCIDLINK_OR_THROW) const {
        return filespaces(err, ll_workspace_linked_filespaces);
    }
    /// Links a filespace (ll_workspace_link_filespace). Threads: any. Blocking: yes.
    filespace link_filespace(const link_options& how, on_error err LUCIDLINK_OR_THROW) {
        const detail::text name(how.name, "name"), id(how.id, "id"), root_path(how.root_path, "root_path");
        const detail::text at_least(how.at_least, "at_least"), snapshot(how.snapshot, "snapshot");
        ll_link_options options = LL_LINK_OPTIONS_INIT;
        ll_filespace linked = LL_INVALID_HANDLE;
        for (const detail::text* argument : {&name, &id, &root_path, &at_least, &snapshot}) {
            if (!detail::accept(err, *argument)) {
                return {};
            }
        }
        options.sync_mode = how.sync_mode;
        options.read_only = how.read_only;
        options.consistency = how.consistency;
        options.name = detail::or_null(name);
        options.id = detail::or_null(id);
        options.root_path = detail::or_null(root_path);
        options.commit = how.commit;
        options.max_staleness_ms = how.max_staleness_ms;
        options.at_least = detail::or_null(at_least);
        options.snapshot = detail::or_null(snapshot);
        detail::call(err, ll_workspace_link_filespace, get(), &options, &linked);
        return filespace(linked);
    }
    /// Links a filespace by its name, with the defaults. Threads: any. Blocking: yes.
    filespace link_filespace(std::string_view name, on_error err LUCIDLINK_OR_THROW) {
        link_options how;
        how.name = name;
        return link_filespace(how, err);
    }

    /// Makes a filespace; its id (ll_workspace_create_filespace). Threads: any. Blocking: yes.
    std::string create_filespace(std::string_view name, on_error err LUCIDLINK_OR_THROW) {
        return detail::fill_text(err, ll_workspace_create_filespace, get(), detail::text(name, "name"));
    }
    /// Gives a filespace another name (ll_workspace_rename_filespace). Threads: any. Blocking: yes.
    void rename_filespace(std::string_view name, std::string_view new_name, on_error err LUCIDLINK_OR_THROW) {
        const detail::text has(name, "name");
        detail::call(err, ll_workspace_rename_filespace, get(), has, detail::text(new_name, "new_name"));
    }
    /// Deletes a filespace with everything in it (ll_workspace_delete_filespace). Threads: any. Blocking: yes.
    void delete_filespace(std::string_view name, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_workspace_delete_filespace, get(), detail::text(name, "name"));
    }
    /// Where a filespace's log has a fork that nobody has accepted; 0: there is none (ll_workspace_filespace_fork).
    /// Threads: any. Blocking: yes.
    std::uint64_t filespace_fork(std::string_view name, on_error err LUCIDLINK_OR_THROW) const {
        std::uint64_t position = 0;
        detail::call(err, ll_workspace_filespace_fork, get(), detail::text(name, "name"), &position);
        return position;
    }
    /// Goes on behind a fork with what the log has now (ll_workspace_accept_fork). Threads: any. Blocking: yes.
    void accept_fork(std::string_view name, std::uint64_t position, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_workspace_accept_fork, get(), detail::text(name, "name"), position);
    }
    /// Makes an account; its token, the only copy there is. `expiry_ns`: nanoseconds since 1970; 0: never
    /// (ll_service_account_create). Threads: any. Blocking: yes.
    std::string create_account(std::string_view name, std::uint32_t role, std::int64_t expiry_ns,
                               on_error err LUCIDLINK_OR_THROW) {
        return detail::fill_text(err, ll_service_account_create, get(), detail::text(name, "name"), role, expiry_ns);
    }
    /// The accounts, the revoked ones included (ll_service_account_list, ll_accounts_count, ll_accounts_get,
    /// ll_accounts_free). Threads: any. Blocking: yes.
    std::vector<account_info> list_accounts(on_error err LUCIDLINK_OR_THROW) const {
        ll_accounts list = LL_INVALID_HANDLE;
        const ll_account_info initial = LL_ACCOUNT_INFO_INIT;
        const auto convert = [](const ll_account_info& c) {
            return account_info{c.role, c.revoked != 0, c.expiry_ns, c.key_id, c.name};
        };
        if (!detail::call(err, ll_service_account_list, get(), &list)) {
            return {};
        }
        return detail::elements<account_info>(err, detail::handle<&ll_accounts_free>(list), ll_accounts_count,
                                              ll_accounts_get, initial, convert);
    }
    /// Ends an account, by name or key id (ll_service_account_revoke). Threads: any. Blocking: yes.
    void revoke_account(std::string_view account, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_service_account_revoke, get(), detail::text(account, "account"));
    }
    /// Gives an account another token, which is returned, and ends the old one (ll_service_account_rotate). Threads: any.
    /// Blocking: yes.
    std::string rotate_account(std::string_view account, on_error err LUCIDLINK_OR_THROW) {
        return detail::fill_text(err, ll_service_account_rotate, get(), detail::text(account, "account"));
    }
    /// Gives an account a role in a filespace, or changes it (ll_filespace_grant). Threads: any. Blocking: yes.
    void grant(std::string_view filespace, std::string_view account, std::uint32_t role,
               on_error err LUCIDLINK_OR_THROW) {
        const detail::text where(filespace, "filespace");
        detail::call(err, ll_filespace_grant, get(), where, detail::text(account, "account"), role);
    }
    /// Takes an account's role in a filespace away (ll_filespace_revoke). Threads: any. Blocking: yes.
    void revoke(std::string_view filespace, std::string_view account, on_error err LUCIDLINK_OR_THROW) {
        const detail::text where(filespace, "filespace");
        detail::call(err, ll_filespace_revoke, get(), where, detail::text(account, "account"));
    }

private:
    template <class Function>
    std::vector<filespace_info> filespaces(const on_error& err, Function function) const {
        ll_filespaces list = LL_INVALID_HANDLE;
        const ll_filespace_info initial = LL_FILESPACE_INFO_INIT;
        const auto convert = [](const ll_filespace_info& c) {
            return filespace_info{c.accessible != 0, c.created_ns, c.id, c.name};
        };
        if (!detail::call(err, function, get(), &list)) {
            return {};
        }
        return detail::elements<filespace_info>(err, detail::handle<&ll_filespaces_free>(list), ll_filespaces_count,
                                                ll_filespaces_get, initial, convert);
    }
};

/// Settings of a daemon, which copies them. @since 0.1.0
class config : public detail::handle<&ll_config_free> {
public:
    using handle::handle;

    /// All keys have their defaults (ll_config_new). Blocking: no.
    explicit config(on_error err LUCIDLINK_OR_THROW) : handle(made(err)) {}

    /// Sets a key (ll_config_set). Threads: any. Blocking: no.
    void set(std::string_view key, std::string_view value, on_error err LUCIDLINK_OR_THROW) {
        detail::call(err, ll_config_set, get(), detail::text(key, "key"), detail::text(value, "value"));
    }
    /// The value of a key, or its default (ll_config_get). Threads: any. Blocking: no.
    std::string value(std::string_view key, on_error err LUCIDLINK_OR_THROW) const {
        return detail::fill_text(err, ll_config_get, get(), detail::text(key, "key"));
    }
    /// All keys that there are (ll_config_describe). Threads: any. Blocking: no. Errors: none.
    static std::vector<config_key> keys() {
        std::vector<config_key> all;
        ll_config_key c = LL_CONFIG_KEY_INIT;
        while (ll_config_describe(all.size(), &c, nullptr) == LL_OK) {
            all.push_back({c.key, c.kind, c.default_value, c.meaning});
        }
        return all;
    }

private:
    static ll_config made(const on_error& err) {
        ll_config settings = LL_INVALID_HANDLE;
        detail::call(err, ll_config_new, &settings);
        return settings;
    }
};

/// A daemon: some threads of this process, and what is linked. The destructor ends it without the final sync: what was
/// not published is dropped; call stop() first. @since 0.1.0
class daemon : public detail::handle<&ll_daemon_free> {
public:
    using handle::handle;

    /// One that is not running, with default settings and a temporary folder (ll_daemon_new). Blocking: no.
    explicit daemon(on_error err LUCIDLINK_OR_THROW) : handle(made(LL_INVALID_HANDLE, {}, err)) {}
    /// One with these settings and a temporary folder (ll_daemon_new). Blocking: no.
    explicit daemon(const config& settings, on_error err LUCIDLINK_OR_THROW) : handle(made(settings.get(), {}, err)) {}
    /// One with these settings and this local storage (ll_daemon_new). Blocking: no.
    daemon(const config& settings, const storage_options& storage, on_error err LUCIDLINK_OR_THROW)
        : handle(made(settings.get(), storage, err)) {}

    /// Takes the local storage and starts threads; again: nothing happens (ll_daemon_start). Threads: any. Blocking: on
    /// local files only.
    void start(on_error err LUCIDLINK_OR_THROW) { detail::call(err, ll_daemon_start, get()); }
    /// Unlinks its filespaces, with the final sync that their sync mode asks for, and cleans up; then reports the first
    /// failure. Again: nothing happens (ll_daemon_stop). Threads: any. Blocking: yes.
    void stop(on_error err LUCIDLINK_OR_THROW) { detail::call(err, ll_daemon_stop, get()); }
    /// Whether it runs (ll_daemon_is_running). Threads: any. Blocking: no.
    bool is_running(on_error err LUCIDLINK_OR_THROW) const {
        std::int32_t running = 0;
        detail::call(err, ll_daemon_is_running, get(), &running);
        return running != 0;
    }
    /// What it does at the moment (ll_daemon_status). Threads: any. Blocking: no.
    ll_daemon_state status(on_error err LUCIDLINK_OR_THROW) const {
        ll_daemon_state state = LL_DAEMON_STATE_INIT;
        detail::call(err, ll_daemon_status, get(), &state);
        return state;
    }
    /// What it has counted since it was made (ll_daemon_metrics). Threads: any. Blocking: no.
    ll_metrics metrics(on_error err LUCIDLINK_OR_THROW) const {
        ll_metrics counted = LL_METRICS_INIT;
        detail::call(err, ll_daemon_metrics, get(), &counted);
        return counted;
    }
    /// The same as text for Prometheus (ll_daemon_metrics_text). Threads: any. Blocking: no.
    std::string metrics_text(on_error err LUCIDLINK_OR_THROW) const {
        return detail::fill_text(err, ll_daemon_metrics_text, get());
    }
    /// The folder of its local storage while it runs (ll_daemon_root_path). Threads: any. Blocking: no.
    std::string root_path(on_error err LUCIDLINK_OR_THROW) const {
        return detail::fill_text(err, ll_daemon_root_path, get());
    }
    /// Opens the configured workspace with the token of an account (ll_authenticate). Threads: any. Blocking: yes.
    workspace authenticate(std::string_view token, on_error err LUCIDLINK_OR_THROW) {
        ll_workspace opened = LL_INVALID_HANDLE;
        detail::call(err, ll_authenticate, get(), detail::text(token, "token"), &opened);
        return workspace(opened);
    }

private:
    static ll_daemon made(ll_config settings, const storage_options& storage, const on_error& err) {
        const detail::text root_path(storage.root_path, "root_path");
        ll_storage_options options = LL_STORAGE_OPTIONS_INIT;
        ll_daemon daemon = LL_INVALID_HANDLE;
        options.mode = storage.mode;
        options.persist_on_exit = storage.persist_on_exit;
        options.root_path = detail::or_null(root_path);
        if (detail::accept(err, root_path)) {
            detail::call(err, ll_daemon_new, settings, &options, &daemon);
        }
        return daemon;
    }
};

/// Makes a workspace and its first admin; the token, the only copy there is (ll_workspace_create).
/// Threads: any. Blocking: yes. @since 0.1.0
inline std::string create_workspace(std::string_view url, std::string_view name, on_error err LUCIDLINK_OR_THROW) {
    return detail::fill_text(err, ll_workspace_create, detail::text(url, "url"), detail::text(name, "name"));
}

/// Receives what the library has to say: the level and a text that is valid during the call. It may come on any thread,
/// several at once, must not block, must not call the library, and must not throw. @since 0.1.0
using log_function = std::function<void(std::int32_t level, std::string_view message)>;

/// Sets who receives what the library has to say, from LL_LOG_ERROR to LL_LOG_DEBUG; an empty function: nobody. When it
/// returns, the function before is not running and will not be called again (ll_log_set_callback).
/// Threads: any. Blocking: until a call of the function before returns. @since 0.1.0
inline void set_log_callback(std::int32_t level, log_function function, on_error err LUCIDLINK_OR_THROW) {
    if (!function) {
        detail::call(err, ll_log_set_callback, level, nullptr, nullptr, nullptr);
        return;
    }
    const ll_log_fn pass_on = [](std::int32_t at, const char* message, void* user) noexcept {
        (*static_cast<log_function*>(user))(at, message);
    };
    const ll_free_fn free_it = [](void* user) noexcept { delete static_cast<log_function*>(user); };
    void* const user = new log_function(std::move(function)); // the library frees it, also if this fails
    detail::call(err, ll_log_set_callback, level, pass_on, user, free_it);
}

namespace detail {

/// The buffer of a stream over a file. A failure sets badbit of the stream that owns it, whoever uses the buffer.
class file_buffer final : public std::streambuf {
public:
    explicit file_buffer(std::ios& owner) : owner_(owner), bytes_(std::size_t(64) << 10) {}

    void open(file opened) { file_ = std::move(opened); }
    bool is_open() const noexcept { return static_cast<bool>(file_); }
    /// The first failure.
    const failure& failed() const noexcept { return failed_; }
    /// Gives the file what it does not have yet.
    bool write_out() {
        const auto length = static_cast<std::size_t>(pptr() - pbase());
        if (length > 0 && !note(ll_file_write(file_.get(), pbase(), length, nullptr, nullptr))) {
            return false;
        }
        setp(nullptr, nullptr);
        return true;
    }
    void close(const on_error& err) { file_.close(err); }
    void drop() noexcept { file_ = file(); }

protected:
    int_type underflow() override {
        if (gptr() == egptr()) {
            if (!write_out()) {
                return traits_type::eof();
            }
            const std::size_t got = read(bytes_.data(), bytes_.size());
            setg(bytes_.data(), bytes_.data(), bytes_.data() + got);
        }
        return gptr() == egptr() ? traits_type::eof() : traits_type::to_int_type(*gptr());
    }
    std::streamsize xsgetn(char* to, std::streamsize length) override {
        std::streamsize done = 0;
        while (done < length) {
            const std::streamsize rest = length - done;
            std::streamsize part = std::min<std::streamsize>(egptr() - gptr(), rest);
            if (part > 0) {
                traits_type::copy(to + done, gptr(), static_cast<std::size_t>(part));
                gbump(static_cast<int>(part));
            } else if (rest >= size()) {
                part = write_out() ? static_cast<std::streamsize>(read(to + done, static_cast<std::size_t>(rest))) : 0;
                if (part == 0) {
                    break;
                }
            } else if (traits_type::eq_int_type(underflow(), traits_type::eof())) {
                break;
            }
            done += part;
        }
        return done;
    }
    int_type overflow(int_type c = traits_type::eof()) override {
        if (!write_out() || !unread()) {
            return traits_type::eof();
        }
        setp(bytes_.data(), bytes_.data() + bytes_.size());
        if (!traits_type::eq_int_type(c, traits_type::eof())) {
            *pptr() = traits_type::to_char_type(c);
            pbump(1);
        }
        return traits_type::not_eof(c);
    }
    std::streamsize xsputn(const char* from, std::streamsize length) override {
        if (length < size()) {
            return std::streambuf::xsputn(from, length);
        }
        const bool done = write_out() && unread() &&
                          note(ll_file_write(file_.get(), from, static_cast<std::size_t>(length), nullptr, nullptr));
        return done ? length : 0;
    }
    /// Publishes nothing: std::endl must not show others half a file.
    int sync() override { return write_out() ? 0 : -1; }
    pos_type seekoff(off_type offset, std::ios_base::seekdir from, std::ios_base::openmode) override {
        const pos_type nowhere(off_type(-1));
        std::uint64_t at = 0;
        if (!write_out()) {
            return nowhere;
        }
        if (offset == 0 && from == std::ios_base::cur) { // only a look: what was read stays
            return ll_file_tell(file_.get(), &at, nullptr) == LL_OK
                       ? pos_type(static_cast<off_type>(at) - (egptr() - gptr()))
                       : nowhere;
        }
        const std::int32_t whence = from == std::ios_base::beg   ? LL_SEEK_SET
                                    : from == std::ios_base::cur ? LL_SEEK_CUR
                                                                 : LL_SEEK_END;
        // A place that does not exist is no failure of the file: failbit, as with std::fstream.
        const bool moved = unread() && ll_file_seek(file_.get(), offset, whence, &at, nullptr) == LL_OK;
        return moved ? pos_type(static_cast<off_type>(at)) : nowhere;
    }
    pos_type seekpos(pos_type to, std::ios_base::openmode which) override {
        return seekoff(off_type(to), std::ios_base::beg, which);
    }

private:
    std::streamsize size() const { return static_cast<std::streamsize>(bytes_.size()); }
    std::size_t read(char* to, std::size_t length) {
        std::size_t got = 0;
        note(ll_file_read(file_.get(), to, length, &got, nullptr));
        return got;
    }
    /// Gives back what was read ahead: the file's position is then the stream's.
    bool unread() {
        const std::int64_t ahead = egptr() - gptr();
        if (ahead > 0 && !note(ll_file_seek(file_.get(), -ahead, LL_SEEK_CUR, nullptr, nullptr))) {
            return false;
        }
        setg(nullptr, nullptr, nullptr);
        return true;
    }
    bool note(ll_status status) {
        if (status == LL_OK) {
            return true;
        }
        if (!failed_) {
            failed_ = last_failure(status);
        }
        owner_.setstate(std::ios_base::badbit);
        return false;
    }

    std::ios& owner_;
    std::vector<char> bytes_; // either what was read ahead or what is to be written
    file file_;
    failure failed_;
};

} // namespace detail

/// A standard stream over an open file, with a buffer of its own. What goes wrong sets badbit, and failed() says what
/// it was. close() publishes; std::flush and std::endl do not, and the destructor drops what was not published.
/// Neither copied nor moved. Threads: one at a time. @since 0.1.0
template <class Stream>
class file_stream : public Stream {
public:
    /// Opens a file as filespace::open does; if that fails and is not thrown, failbit is set. A mode that the stream
    /// can do nothing with, such as "w" for one that reads, is LL_ERR_INVALID_ARGUMENT. Blocking: yes.
    file_stream(filespace& where, std::string_view path, std::string_view mode, on_error err LUCIDLINK_OR_THROW)
        : file_stream(opened(where, path, mode, err)) {}
    /// The same with "r" to read, "w" to write, "r+" to do both. Blocking: yes.
    file_stream(filespace& where, std::string_view path, on_error err LUCIDLINK_OR_THROW)
        : file_stream(where, path, !writes ? "r" : !reads ? "w" : "r+", err) {}
    /// Takes an open file over, at its position. Blocking: no. Errors: none.
    explicit file_stream(file opened) : Stream(nullptr), buffer_(*this) {
        buffer_.open(std::move(opened));
        this->rdbuf(&buffer_);
        if (!buffer_.is_open()) {
            this->setstate(std::ios_base::failbit);
        }
    }
    file_stream(const file_stream&) = delete;
    file_stream& operator=(const file_stream&) = delete;
    ~file_stream() override = default;

    /// Publishes what was written and ends the file. If anything went wrong before (badbit is set, or was), nothing is
    /// published, and that is what is reported. Errors besides: as ll_file_close, ll_file_write. Blocking: yes.
    void close(on_error err LUCIDLINK_OR_THROW) {
        failure why;
        if (!buffer_.failed() && !this->bad() && buffer_.write_out()) {
            buffer_.close(why);
        } else {
            why = buffer_.failed();
            buffer_.drop();
        }
        if (!why && this->bad()) {
            why.status = LL_ERR_IO;
            why.os_errno = 5; // EIO
            why.domain = "store";
            why.message = "the stream had failed before it was closed; what it wrote was dropped";
        }
        if (!why) {
            err.succeed();
            return;
        }
        this->setstate(std::ios_base::badbit);
        err.fail(why);
    }
    /// The first failure of a read or write; false if there was none. Belongs to the stream.
    const failure& failed() const noexcept { return buffer_.failed(); }

private:
    static constexpr bool reads = std::is_base_of_v<std::istream, Stream>;
    static constexpr bool writes = std::is_base_of_v<std::ostream, Stream>;

    static file opened(filespace& where, std::string_view path, std::string_view mode, const on_error& err) {
        const auto has = [mode](const char* letters) { return mode.find_first_of(letters) != std::string_view::npos; };
        if (reads && !has("r+")) {
            detail::refuse(err, "mode: the stream reads, so it must have 'r' or '+' in it");
            return file();
        }
        if (writes && !has("wax+")) {
            detail::refuse(err, "mode: the stream writes, so it must have 'w', 'a', 'x' or '+' in it");
            return file();
        }
        return where.open(path, mode, 0, err);
    }

    detail::file_buffer buffer_;
};

/// Reads: input_stream(fs, "/path"). @since 0.1.0
using input_stream = file_stream<std::istream>;
/// Writes: output_stream(fs, "/path"), which replaces, or with the mode "a" or "x". @since 0.1.0
using output_stream = file_stream<std::ostream>;
/// Reads and writes at one position: input_output_stream(fs, "/path"), of a file that exists, or with the mode "w+",
/// "a+" or "x+". @since 0.1.0
using input_output_stream = file_stream<std::iostream>;

} // namespace lucidlink

#undef LUCIDLINK_OR_THROW

#endif // LUCIDLINK_HPP

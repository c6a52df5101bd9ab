/* liblucidlink: a shared, end-to-end encrypted cloud file system inside any process.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Generated from src/ffi by build.rs; do not edit.
 *
 * Every function that can fail returns LL_OK (0) or a negative LL_ERR_ number, and fills `err` if it is not NULL.
 * Handles are integers; 0 is none. A stale, freed or wrong one is LL_ERR_INVALID_HANDLE, never undefined behaviour.
 * Every handle may be used from any thread at the same time. Strings are UTF-8 and NUL-terminated. The library keeps no
 * pointer of the caller's after a call returns. Structs start with struct_size: use the LL_..._INIT macros.
 * Beside the errors that a function names, every one may return LL_ERR_INVALID_ARGUMENT (a pointer that is NULL, text
 * that is not UTF-8), LL_ERR_FORKED (in a child after fork), LL_ERR_PANIC and LL_ERR_POISONED; every one that takes a
 * path LL_ERR_NOT_FOUND, LL_ERR_NOT_A_DIRECTORY and LL_ERR_TOO_MANY_SYMLINKS; and every one that uses log or store
 * LL_ERR_IO, LL_ERR_NO_SPACE, LL_ERR_TIMEOUT, LL_ERR_INTEGRITY, LL_ERR_LOG_FORKED, LL_ERR_STATE_DIVERGED and
 * LL_ERR_FILESPACE_DELETED, and if that is in a bucket LL_ERR_ACCESS_DENIED, LL_ERR_NOT_FOUND and LL_ERR_INVALID_VALUE:
 * its store refuses, has no such bucket, or is not what a setting says. Settings such as network.timeout (seconds, 60
 * unless set) are listed by ll_config_describe; the environment variable LUCIDLINK_WORKSPACE_URL says where the workspace
 * is, unless workspace.url is set. The conventions as a whole: docs/c-conventions.md.
 */

#ifndef LUCIDLINK_H
#define LUCIDLINK_H

#include <stddef.h>
#include <stdint.h>

#if defined(LL_STATIC)
#define LL_API
#elif defined(__GNUC__)
#define LL_API __attribute__((visibility("default")))
#else
#define LL_API
#endif

/** The version of this header. */
#define LL_VERSION_MAJOR 0
#define LL_VERSION_MINOR 1
#define LL_VERSION_PATCH 0

/** No handle. */
#define LL_INVALID_HANDLE ((uint64_t)0)

/** Initial values of structs: their size, and all else zero. */
#define LL_ERROR_INIT { (uint32_t)sizeof(ll_error), 0, 0, 0, 0u, 0u, { 0 }, { 0 }, { 0 } }
#define LL_CONFIG_KEY_INIT { (uint32_t)sizeof(ll_config_key), 0u, NULL, NULL, NULL, NULL }
#define LL_STORAGE_OPTIONS_INIT { (uint32_t)sizeof(ll_storage_options), 0u, 0u, 0u, NULL }
#define LL_DAEMON_STATE_INIT { (uint32_t)sizeof(ll_daemon_state), 0u, 0u, 0u }
#define LL_LINK_OPTIONS_INIT { (uint32_t)sizeof(ll_link_options), 0u, 0u, 0u, NULL, NULL, NULL, 0u, 0u, NULL, NULL }
#define LL_FILESPACE_INFO_INIT { (uint32_t)sizeof(ll_filespace_info), 0u, 0, NULL, NULL }
#define LL_ACCOUNT_INFO_INIT { (uint32_t)sizeof(ll_account_info), 0u, 0u, 0u, 0, NULL, NULL }
#define LL_METRICS_INIT { (uint32_t)sizeof(ll_metrics), 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u }
#define LL_LATE_FAILURE_INIT { (uint32_t)sizeof(ll_late_failure), 0, 0u, NULL, NULL, 0u }
#define LL_POSITION_INIT { (uint32_t)sizeof(ll_position), 0u, 0u, { 0 }, { 0 } }
#define LL_SNAPSHOT_INFO_INIT { (uint32_t)sizeof(ll_snapshot_info), 0u, 0u, 0, NULL, NULL }
#define LL_STATISTICS_INIT { (uint32_t)sizeof(ll_statistics), 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u }
#define LL_ENTRY_INIT { (uint32_t)sizeof(ll_entry), 0u, 0u, 0u, 0, 0, 0, 0, 0u, 0u, 0u, 0u, 0u, NULL }
#define LL_XATTR_INIT { (uint32_t)sizeof(ll_xattr), 0u, 0u, NULL }
#define LL_OPEN_OPTIONS_INIT { (uint32_t)sizeof(ll_open_options), 0u, 0u, 0u, 0u }
#define LL_LOCK_OPTIONS_INIT { (uint32_t)sizeof(ll_lock_options), 0u, 0u }
#define LL_GC_OPTIONS_INIT { (uint32_t)sizeof(ll_gc_options), 0u, 0u }
#define LL_GC_REPORT_INIT { (uint32_t)sizeof(ll_gc_report), 0u, 0u, 0u, 0u, 0u, 0u, 0u }
#define LL_FSCK_OPTIONS_INIT { (uint32_t)sizeof(ll_fsck_options), 0u }
#define LL_FSCK_REPORT_INIT { (uint32_t)sizeof(ll_fsck_report), 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u }
#define LL_FINDING_INIT { (uint32_t)sizeof(ll_finding), 0u, 0u, 0u, NULL, NULL, NULL }
#define LL_WATCH_OPTIONS_INIT { (uint32_t)sizeof(ll_watch_options), 0u, NULL, NULL }
#define LL_EVENT_INIT { (uint32_t)sizeof(ll_event), 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, NULL, NULL, NULL }


/**
 * The call may succeed later without a change by anybody. Narrower than ll_status_is_retryable: a local file that may
 * not be opened is LL_ERR_IO without this flag.
 */
#define LL_ERROR_RETRYABLE 1

/**
 * The call ended before its outcome was known: it may have taken effect, or still may.
 */
#define LL_ERROR_MAYBE_APPLIED 2

/**
 * The link refuses all further work.
 */
#define LL_ERROR_FATAL 4

/**
 * Only what failed and could not be mended.
 */
#define LL_LOG_ERROR 1

/**
 * Also what failed and was mended, or will be tried again.
 */
#define LL_LOG_WARN 2

/**
 * Also what happens at large.
 */
#define LL_LOG_INFO 3

/**
 * Also what happens in detail.
 */
#define LL_LOG_DEBUG 4

/**
 * A temporary folder, always removed.
 */
#define LL_STORAGE_SANDBOXED 0

/**
 * The folder .lucid under a root, removed at stop unless persist_on_exit is set or a journal in it holds what the log does not have.
 */
#define LL_STORAGE_PHYSICAL 1

/**
 * Unlinking publishes what open files wrote and makes everything survive power loss.
 */
#define LL_SYNC_ALL 0

/**
 * Unlinking drops what was not published.
 */
#define LL_SYNC_NONE 1

/**
 * Every call sees the newest state, and returns when what it changed is committed.
 */
#define LL_CONSISTENCY_STRICT 0

/**
 * A call may see a state that is up to a second old (a name that is not found is looked for again), and returns when
 * this link sees its change; the log has it within 200 ms. ll_filespace_sync_all waits for it. A change that the log
 * refuses then, because another client's came first, is a late failure (ll_filespace_late_failures); with 4096 of
 * them that nobody acknowledged, what changes something fails with LL_ERR_LATE_FAILURE. What the log does
 * not have when the process dies is committed by the next link with the same LL_STORAGE_PHYSICAL folder; with
 * LL_STORAGE_SANDBOXED it is lost, and so it is when the daemon is freed without ll_daemon_stop.
 */
#define LL_CONSISTENCY_RELAXED 1

/**
 * A call returns when what it changed is committed.
 */
#define LL_COMMIT_WAIT 1

/**
 * A call returns when this link sees its change.
 */
#define LL_COMMIT_BACKGROUND 2

/**
 * What a call sees is never older than the call.
 */
#define LL_NEVER_STALE 4294967295

/**
 * May read.
 */
#define LL_ROLE_READER 1

/**
 * May read and write.
 */
#define LL_ROLE_WRITER 2

/**
 * May also make, grant and revoke: in a workspace accounts and filespaces; in a filespace roles, which only admins of
 * the workspace too can grant.
 */
#define LL_ROLE_ADMIN 3

/**
 * Bytes that suffice for a token with its NUL.
 */
#define LL_TOKEN_SIZE 128

/**
 * Restoring: a file or symbolic link that has the new name loses it, and a directory is merged into.
 */
#define LL_RESTORE_REPLACE 1

/**
 * A regular file.
 */
#define LL_TYPE_FILE 1

/**
 * A directory.
 */
#define LL_TYPE_DIRECTORY 2

/**
 * A symbolic link.
 */
#define LL_TYPE_SYMLINK 3

/**
 * Do not follow a symbolic link at the end of the path.
 */
#define LL_NOFOLLOW 1

/**
 * Replace what is at the target, as POSIX rename does.
 */
#define LL_MOVE_REPLACE 1

/**
 * Replace what has the name that a copy gets.
 */
#define LL_COPY_REPLACE 2

/**
 * A time that is to stay as it is.
 */
#define LL_TIME_OMIT INT64_MIN

/**
 * The attribute must not exist.
 */
#define LL_XATTR_CREATE 2

/**
 * The attribute must exist.
 */
#define LL_XATTR_REPLACE 4

/**
 * From the start of the file.
 */
#define LL_SEEK_SET 0

/**
 * From the handle's position.
 */
#define LL_SEEK_CUR 1

/**
 * From the end of the file.
 */
#define LL_SEEK_END 2

/**
 * Buffers of one call at most.
 */
#define LL_MAX_BUFFERS 1024

/**
 * No lock.
 */
#define LL_LOCK_NONE 0

/**
 * A lock that others may share; nobody has an exclusive one meanwhile.
 */
#define LL_LOCK_SHARED 1

/**
 * A lock that nobody else has.
 */
#define LL_LOCK_EXCLUSIVE 2

/**
 * Wait until it is granted, however long that takes, or until the filespace is unlinked.
 */
#define LL_WAIT_FOREVER UINT64_MAX

/**
 * No operation of a batch.
 */
#define LL_NO_OPERATION 18446744073709551615ull

/**
 * A name was given: to a new file, directory or symbolic link with whatever it has, or a further one to a file.
 */
#define LL_EVENT_CREATED 1

/**
 * A file has other content.
 */
#define LL_EVENT_CHANGED 2

/**
 * Permissions, owner, times or extended attributes are others.
 */
#define LL_EVENT_ATTRIBUTES 3

/**
 * It has another name; `from` is the one before.
 */
#define LL_EVENT_MOVED 4

/**
 * A name was taken away; with its last one a file is gone.
 */
#define LL_EVENT_DELETED 5

/**
 * A directory was removed with all that was in it.
 */
#define LL_EVENT_TREE_REMOVED 6

/**
 * Nobody took the events for too long, and those up to this position are lost: look at the files as they are. What
 * comes behind it is told as before.
 */
#define LL_EVENT_OVERFLOW 7

/**
 * Leave out what this link does itself.
 */
#define LL_WATCH_OTHERS 1

/**
 * ll_gc_options: what is dead is not kept at all.
 */
#define LL_GC_NO_GRACE UINT64_MAX

/**
 * The result of every function that can fail: LL_OK or one of the negative LL_ERR_ numbers. Groups: -1xx argument and
 * handle, -2xx state, -3xx authentication and access, -4xx file system, -5xx store and network, -6xx
 * integrity, -9xx internal. A number never changes its meaning. @since 0.1.0
 */
typedef int32_t ll_status;

/**
 * Detail of a failure. Set `struct_size` to `sizeof(ll_error)` (LL_ERROR_INIT does), pass a pointer to it as the last
 * argument, and read it if the function failed; nothing in it needs to be freed. @since 0.1.0
 */
typedef struct ll_error {
  /**
   * sizeof(ll_error), set by the caller.
   */
  uint32_t struct_size;
  /**
   * The status that the function returned.
   */
  int32_t code;
  /**
   * The operating system's error number that caused it, else the closest one (Linux numbers).
   */
  int32_t os_errno;
  /**
   * The HTTP status that caused it; 0 if there was none.
   */
  int32_t http_status;
  /**
   * LL_ERROR_RETRYABLE, LL_ERROR_MAYBE_APPLIED, LL_ERROR_FATAL.
   */
  uint32_t flags;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * The group of the status: argument, state, access, filesystem, store, integrity or internal.
   */
  char domain[32];
  /**
   * What failed, on what, and what to do; UTF-8, cut at a character's end if it is long.
   */
  char message[512];
  /**
   * The path that the call failed on, empty if it was on none; UTF-8, cut at a character's end if it is longer than
   * 1023 bytes.
   */
  char path[1024];
} ll_error;

/**
 * Receives what the library has to say: the level, a NUL-terminated UTF-8 text that is valid during the call, and the
 * pointer that was registered. It may come on any thread, several at once, must not block, must not call
 * the library, and must not throw or jump out. @since 0.1.0
 */
typedef void (*ll_log_fn)(int32_t level, const char *message, void *user);

/**
 * Is called once when a registered pointer is no longer used. @since 0.1.0
 */
typedef void (*ll_free_fn)(void *user);

/**
 * A set of settings. 0 is no handle. @since 0.1.0
 */
typedef uint64_t ll_config;

/**
 * What there is to know about a configuration key. @since 0.1.0
 */
typedef struct ll_config_key {
  /**
   * sizeof(ll_config_key), set by the caller.
   */
  uint32_t struct_size;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * The key.
   */
  const char *key;
  /**
   * Its type: "string", "integer" or "boolean".
   */
  const char *kind;
  /**
   * Its value if it is not set; empty if that is worked out as `meaning` says.
   */
  const char *default_value;
  /**
   * What it means, with units and range.
   */
  const char *meaning;
} ll_config_key;

/**
 * Where a daemon keeps what it keeps on the local disk. @since 0.1.0
 */
typedef struct ll_storage_options {
  /**
   * sizeof(ll_storage_options), set by the caller.
   */
  uint32_t struct_size;
  /**
   * LL_STORAGE_SANDBOXED or LL_STORAGE_PHYSICAL.
   */
  uint32_t mode;
  /**
   * LL_STORAGE_PHYSICAL: not 0 keeps the folder after stop.
   */
  uint32_t persist_on_exit;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * LL_STORAGE_PHYSICAL: the folder that gets .lucid; NULL for the working directory.
   */
  const char *root_path;
} ll_storage_options;

/**
 * A daemon. 0 is no handle. @since 0.1.0
 */
typedef uint64_t ll_daemon;

/**
 * What a daemon does at the moment. @since 0.1.0
 */
typedef struct ll_daemon_state {
  /**
   * sizeof(ll_daemon_state), set by the caller.
   */
  uint32_t struct_size;
  /**
   * 1 if it was started and not stopped.
   */
  uint32_t running;
  /**
   * 1 if a workspace is open.
   */
  uint32_t authenticated;
  /**
   * How many filespaces are linked.
   */
  uint32_t linked;
} ll_daemon_state;

/**
 * What a daemon has done and holds. The first counters, up to `cache_misses`, only grow, and so do those of the
 * cache on disk (`fs.cache.size`) but its bytes. @since 0.1.0
 */
typedef struct ll_metrics {
  /**
   * sizeof(ll_metrics), set by the caller.
   */
  uint32_t struct_size;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * Calls that looked at the state.
   */
  uint64_t looks;
  /**
   * Calls that changed something.
   */
  uint64_t changes;
  /**
   * Commits of this daemon's sessions: less than `changes` where calls share one.
   */
  uint64_t commits;
  /**
   * Requests to append to a log.
   */
  uint64_t log_appends;
  /**
   * Requests for commits of a log.
   */
  uint64_t log_reads;
  /**
   * Bytes of commits read from logs.
   */
  uint64_t log_read_bytes;
  /**
   * Objects stored.
   */
  uint64_t store_puts;
  /**
   * Bytes of objects stored.
   */
  uint64_t store_put_bytes;
  /**
   * Requests for objects or ranges of them.
   */
  uint64_t store_gets;
  /**
   * Bytes of objects read.
   */
  uint64_t store_get_bytes;
  /**
   * Blocks of files that were in memory.
   */
  uint64_t cache_hits;
  /**
   * Blocks of files that were fetched.
   */
  uint64_t cache_misses;
  /**
   * Filespaces linked now.
   */
  uint64_t linked;
  /**
   * Changes that were acknowledged in relaxed mode and are not committed yet.
   */
  uint64_t pending;
  /**
   * Late failures that were not acknowledged.
   */
  uint64_t late_failures;
  /**
   * Bytes of the block cache of this process now.
   */
  uint64_t cache_bytes;
  /**
   * Bytes of the memory limit that are set apart for data on its way.
   */
  uint64_t reserved_bytes;
  /**
   * The memory limit of this process, in bytes.
   */
  uint64_t memory_limit;
  /**
   * Ranges of packs that were in the cache on disk.
   */
  uint64_t disk_cache_hits;
  /**
   * Ranges of packs that were not in the cache on disk, while there is one.
   */
  uint64_t disk_cache_misses;
  /**
   * Failures of the cache on disk, and ranges in it that were damaged. No read fails because of them.
   */
  uint64_t disk_cache_failures;
  /**
   * Bytes of the cache on disk now.
   */
  uint64_t disk_cache_bytes;
} ll_metrics;

/**
 * An open workspace. 0 is no handle. @since 0.1.0
 */
typedef uint64_t ll_workspace;

/**
 * A list of filespaces. 0 is no handle. @since 0.1.0
 */
typedef uint64_t ll_filespaces;

/**
 * A filespace of a workspace. @since 0.1.0
 */
typedef struct ll_filespace_info {
  /**
   * sizeof(ll_filespace_info), set by the caller.
   */
  uint32_t struct_size;
  /**
   * 1 if this account has a grant for it, else 0.
   */
  uint32_t accessible;
  /**
   * When it was made, nanoseconds since 1970.
   */
  int64_t created_ns;
  /**
   * Its id; belongs to the list.
   */
  const char *id;
  /**
   * Its name; belongs to the list.
   */
  const char *name;
} ll_filespace_info;

/**
 * How a filespace is linked. @since 0.1.0
 */
typedef struct ll_link_options {
  /**
   * sizeof(ll_link_options), set by the caller.
   */
  uint32_t struct_size;
  /**
   * LL_SYNC_ALL or LL_SYNC_NONE.
   */
  uint32_t sync_mode;
  /**
   * Not 0: refuse everything that writes.
   */
  uint32_t read_only;
  /**
   * LL_CONSISTENCY_STRICT or LL_CONSISTENCY_RELAXED: the preset of the two settings below.
   */
  uint32_t consistency;
  /**
   * The filespace's name; exactly one of name and id is given, the other is NULL.
   */
  const char *name;
  /**
   * The filespace's id, 64 hexadecimal digits.
   */
  const char *id;
  /**
   * The subtree that is seen as "/"; NULL for all. A convenience, not access control.
   */
  const char *root_path;
  /**
   * LL_COMMIT_WAIT or LL_COMMIT_BACKGROUND; 0: as the preset says.
   */
  uint32_t commit;
  /**
   * How old what a call sees may be, in milliseconds, or LL_NEVER_STALE; 0: as the preset says. Older only if the log
   * does not answer: ll_statistics says for how long.
   */
  uint32_t max_staleness_ms;
  /**
   * A position, as ll_position_format writes it, that the filespace must have reached, because somebody has seen it
   * there: a log that was set back is LL_ERR_LOG_ROLLED_BACK. NULL: none.
   */
  const char *at_least;
  /**
   * A snapshot that is linked in place of the filespace as it is: read-only, and it stays as it is. sync_mode,
   * consistency, commit and max_staleness_ms do not matter then. NULL: none.
   */
  const char *snapshot;
} ll_link_options;

/**
 * A linked filespace. 0 is no handle. @since 0.1.0
 */
typedef uint64_t ll_filespace;

/**
 * A list of accounts. 0 is no handle. @since 0.1.0
 */
typedef uint64_t ll_accounts;

/**
 * An account of a workspace. @since 0.1.0
 */
typedef struct ll_account_info {
  /**
   * sizeof(ll_account_info), set by the caller.
   */
  uint32_t struct_size;
  /**
   * LL_ROLE_READER, LL_ROLE_WRITER or LL_ROLE_ADMIN.
   */
  uint32_t role;
  /**
   * 1 if it was revoked, else 0.
   */
  uint32_t revoked;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * When it ends, nanoseconds since 1970; 0: never.
   */
  int64_t expiry_ns;
  /**
   * Its key id, 32 hexadecimal digits; belongs to the list.
   */
  const char *key_id;
  /**
   * Its name; belongs to the list.
   */
  const char *name;
} ll_account_info;

/**
 * A position in a filespace's history. @since 0.1.0
 */
typedef struct ll_position {
  /**
   * sizeof(ll_position), set by the caller.
   */
  uint32_t struct_size;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * The number of the commit.
   */
  uint64_t seq;
  /**
   * The life of the log: all zeroes until a recovery from power loss.
   */
  uint8_t incarnation[16];
  /**
   * The hash of the log up to it.
   */
  uint8_t hash[32];
} ll_position;

/**
 * How much there is in a filespace, kept exactly. @since 0.1.0
 */
typedef struct ll_statistics {
  /**
   * sizeof(ll_statistics), set by the caller.
   */
  uint32_t struct_size;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * Regular files.
   */
  uint64_t files;
  /**
   * Directories, the root included.
   */
  uint64_t directories;
  /**
   * Symbolic links.
   */
  uint64_t symlinks;
  /**
   * The sum of the sizes of all files, in bytes; 2^64-1 if it is larger.
   */
  uint64_t content_bytes;
  /**
   * Bytes of files that are stored, without holes; those of a copy count again.
   */
  uint64_t live_bytes;
  /**
   * Bytes of the packs that hold them, without what is stored in commits.
   */
  uint64_t stored_bytes;
  /**
   * The quota of content_bytes; 0: none.
   */
  uint64_t quota_bytes;
  /**
   * The quota of files, directories and symbolic links together; 0: none.
   */
  uint64_t quota_entries;
  /**
   * For how long the log has not answered this link, in milliseconds; 0 if it does, as far as is known. What the
   * link shows is as old as that. Always 0 in strict mode, whose calls fail instead.
   */
  uint64_t silent_ms;
} ll_statistics;

/**
 * A list of snapshots. 0 is no handle. @since 0.1.0
 */
typedef uint64_t ll_snapshots;

/**
 * A snapshot of a filespace. @since 0.1.0
 */
typedef struct ll_snapshot_info {
  /**
   * sizeof(ll_snapshot_info), set by the caller.
   */
  uint32_t struct_size;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * The number of the commit behind which the filespace was as the snapshot has it.
   */
  uint64_t seq;
  /**
   * When it was taken, nanoseconds since 1970, by the clock of who took it.
   */
  int64_t created_ns;
  /**
   * Its name; belongs to the list.
   */
  const char *name;
  /**
   * The key id of the account that took it, 32 hexadecimal digits; belongs to the list.
   */
  const char *author;
} ll_snapshot_info;

/**
 * A list of directory entries. 0 is no handle. @since 0.1.0
 */
typedef uint64_t ll_entries;

/**
 * A file, directory or symbolic link. Times are nanoseconds since 1970, UTC. @since 0.1.0
 */
typedef struct ll_entry {
  /**
   * sizeof(ll_entry), set by the caller.
   */
  uint32_t struct_size;
  /**
   * LL_TYPE_FILE, LL_TYPE_DIRECTORY or LL_TYPE_SYMLINK.
   */
  uint32_t type;
  /**
   * Bytes of content (of the target for a symbolic link; 0 for a directory).
   */
  uint64_t size;
  /**
   * A number that the file keeps for life and that no other ever gets.
   */
  uint64_t file_id;
  /**
   * Last change of content.
   */
  int64_t mtime_ns;
  /**
   * Last change of anything.
   */
  int64_t ctime_ns;
  /**
   * Creation.
   */
  int64_t created_ns;
  /**
   * Access time as last set; reading does not move it.
   */
  int64_t atime_ns;
  /**
   * The position of the last change of content.
   */
  uint64_t version;
  /**
   * Permission bits.
   */
  uint32_t mode;
  /**
   * Owner.
   */
  uint32_t uid;
  /**
   * Group.
   */
  uint32_t gid;
  /**
   * How many names it has; 1 for a directory.
   */
  uint32_t link_count;
  /**
   * Its name; belongs to the list or the directory handle. NULL from ll_fs_get_entry.
   */
  const char *name;
} ll_entry;

/**
 * An open directory. 0 is no handle. @since 0.1.0
 */
typedef uint64_t ll_dir;

/**
 * A list of extended attributes. 0 is no handle. @since 0.1.0
 */
typedef uint64_t ll_xattrs;

/**
 * An extended attribute of a list. @since 0.1.0
 */
typedef struct ll_xattr {
  /**
   * sizeof(ll_xattr), set by the caller.
   */
  uint32_t struct_size;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * Bytes of its value.
   */
  uint64_t size;
  /**
   * Its name; belongs to the list.
   */
  const char *name;
} ll_xattr;

/**
 * How a file is opened. @since 0.1.0
 */
typedef struct ll_open_options {
  /**
   * sizeof(ll_open_options), set by the caller.
   */
  uint32_t struct_size;
  /**
   * Permission bits of a file that is made, 1 to 07777; 0: 0644.
   */
  uint32_t mode;
  /**
   * A lock of the whole file, held until it is unlocked or the file is closed: LL_LOCK_NONE, LL_LOCK_SHARED or
   * LL_LOCK_EXCLUSIVE.
   */
  uint32_t lock;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * How long to wait for the lock, in milliseconds; 0: not at all; LL_WAIT_FOREVER.
   */
  uint64_t lock_wait_ms;
} ll_open_options;

/**
 * An open file. 0 is no handle. @since 0.1.0
 */
typedef uint64_t ll_file;

/**
 * A piece of memory of the caller's. @since 0.1.0
 */
typedef struct ll_buffer {
  /**
   * Where it is; not looked at if the length is 0.
   */
  void *data;
  /**
   * How many bytes it has.
   */
  size_t length;
} ll_buffer;

/**
 * How a range is locked. @since 0.1.0
 */
typedef struct ll_lock_options {
  /**
   * sizeof(ll_lock_options), set by the caller.
   */
  uint32_t struct_size;
  /**
   * LL_LOCK_SHARED or LL_LOCK_EXCLUSIVE; 0: LL_LOCK_EXCLUSIVE.
   */
  uint32_t lock;
  /**
   * How long to wait while others have it, in milliseconds; 0: not at all; LL_WAIT_FOREVER.
   */
  uint64_t wait_ms;
} ll_lock_options;

/**
 * A list of late failures. 0 is no handle. @since 0.1.0
 */
typedef uint64_t ll_late_failures;

/**
 * A change that was acknowledged in relaxed mode and then refused by the log. @since 0.1.0
 */
typedef struct ll_late_failure {
  /**
   * sizeof(ll_late_failure), set by the caller.
   */
  uint32_t struct_size;
  /**
   * Why it was refused: an LL_ERR_ number.
   */
  int32_t code;
  /**
   * Its number: the order of the calls.
   */
  uint64_t number;
  /**
   * The path that the call was about; belongs to the list.
   */
  const char *path;
  /**
   * What happened; belongs to the list.
   */
  const char *message;
  /**
   * How many contents it was to write (ll_filespace_open_late_failure): 0 or 1, of a batch any number.
   */
  size_t contents;
} ll_late_failure;

/**
 * A batch. 0 is no handle. @since 0.1.0
 */
typedef uint64_t ll_batch;

/**
 * What is watched. @since 0.1.0
 */
typedef struct ll_watch_options {
  /**
   * sizeof(ll_watch_options), set by the caller.
   */
  uint32_t struct_size;
  /**
   * LL_WATCH_OTHERS or 0.
   */
  uint32_t flags;
  /**
   * Only what happens at this path and below it; NULL for all. Symbolic links are followed once, when the watch starts;
   * then it is the name that counts, whatever has it.
   */
  const char *path;
  /**
   * A position, as ll_position_format writes it: what came behind it is told, at least once. NULL: from now on.
   */
  const char *from;
} ll_watch_options;

/**
 * A watch of a filespace. 0 is no handle. @since 0.1.0
 */
typedef uint64_t ll_watch;

/**
 * Something that happened. @since 0.1.0
 */
typedef struct ll_event {
  /**
   * sizeof(ll_event), set by the caller in the first of those that ll_watch_next fills.
   */
  uint32_t struct_size;
  /**
   * LL_EVENT_CREATED to LL_EVENT_OVERFLOW.
   */
  uint32_t kind;
  /**
   * The number of the commit: its position.
   */
  uint64_t position;
  /**
   * Which of the commit's events it is, from 0 on; those included that this watch leaves out.
   */
  uint32_t index;
  /**
   * LL_TYPE_FILE, LL_TYPE_DIRECTORY or LL_TYPE_SYMLINK; 0 for an overflow.
   */
  uint32_t type;
  /**
   * The file's number, which it keeps when it is moved.
   */
  uint64_t file_id;
  /**
   * The number of the directory that it is in (that it was in, if it is gone); 0 if that is not known.
   */
  uint64_t parent_id;
  /**
   * 1 if this link did it, else 0.
   */
  uint32_t own;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * Its path right after it happened, below what is watched: "/" is the watched directory itself. Empty if it was moved
   * out of there, and for a file of several names that has lost the one it was given last. Belongs to the watch.
   */
  const char *path;
  /**
   * LL_EVENT_MOVED: the path before; empty if it came from elsewhere. Otherwise empty. Belongs to the watch.
   */
  const char *from;
  /**
   * The name of the account that did it; its key id if the name is not known. Belongs to the watch.
   */
  const char *author;
} ll_event;

/**
 * Is called with the pointer that was registered when a watch has something to tell and had nothing before. It may come
 * on any thread, must not block for long, must not call the library, and must not throw or jump out. @since 0.1.0
 */
typedef void (*ll_watch_fn)(void *user);

/**
 * How a filespace is checked. @since 0.1.0
 */
typedef struct ll_fsck_options {
  /**
   * sizeof(ll_fsck_options), set by the caller.
   */
  uint32_t struct_size;
  /**
   * Not 0: content is not read, only what says where it is.
   */
  uint32_t quick;
} ll_fsck_options;

/**
 * What was checked. @since 0.1.0
 */
typedef struct ll_fsck_report {
  /**
   * sizeof(ll_fsck_report), set by the caller.
   */
  uint32_t struct_size;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * The position at which the filespace was checked.
   */
  uint64_t position;
  /**
   * Slots of the log that were read, verified and applied.
   */
  uint64_t slots;
  /**
   * Those of them that have no effect: most often a commit that was offered twice.
   */
  uint64_t void_slots;
  /**
   * Checkpoints that were compared with the log.
   */
  uint64_t checkpoints;
  /**
   * Files, directories and symbolic links, the root included.
   */
  uint64_t entries;
  /**
   * Ranges of files that were looked for in their packs.
   */
  uint64_t extents;
  /**
   * Packs, and commits with content in them.
   */
  uint64_t packs;
  /**
   * Blocks of content that were opened; 0 if it was quick.
   */
  uint64_t blocks;
  /**
   * How much was found; beyond 10000 it is only counted, not listed. 0: all is well.
   */
  uint64_t findings;
} ll_fsck_report;

/**
 * What a check has found. 0 is no handle. @since 0.1.0
 */
typedef uint64_t ll_findings;

/**
 * Something that is wrong. @since 0.1.0
 */
typedef struct ll_finding {
  /**
   * sizeof(ll_finding), set by the caller.
   */
  uint32_t struct_size;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * Where in the file the bytes start that cannot be read.
   */
  uint64_t offset;
  /**
   * How many they are; 0 if no file is concerned.
   */
  uint64_t length;
  /**
   * The path of the file, from the root of the filespace, whatever the link's root is; empty if no file is
   * concerned, or one that was deleted and waits to be freed. A file with several names is found under each. Belongs
   * to the list.
   */
  const char *path;
  /**
   * The object that is damaged: its key in the store, "slot" and the number of a slot of the log, "log", "state" or
   * "counters". Belongs to the list.
   */
  const char *object;
  /**
   * What is wrong with it; belongs to the list.
   */
  const char *message;
} ll_finding;

/**
 * What is collected. @since 0.1.0
 */
typedef struct ll_gc_options {
  /**
   * sizeof(ll_gc_options), set by the caller.
   */
  uint32_t struct_size;
  /**
   * Not 0: nothing is deleted, only counted.
   */
  uint32_t dry_run;
  /**
   * How long what is dead is kept, in seconds; 0: as gc.grace says; LL_GC_NO_GRACE: not at all. Who reads a version of
   * a file that was changed longer ago gets LL_ERR_STALE.
   */
  uint64_t grace_seconds;
} ll_gc_options;

/**
 * What was deleted, or would be. @since 0.1.0
 */
typedef struct ll_gc_report {
  /**
   * sizeof(ll_gc_report), set by the caller.
   */
  uint32_t struct_size;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * Packs without a byte that a file refers to.
   */
  uint64_t dead_packs;
  /**
   * Their bytes.
   */
  uint64_t dead_bytes;
  /**
   * Such packs that stay for now, because they died too short a time ago.
   */
  uint64_t waiting_packs;
  /**
   * Such packs that stay because a snapshot may have them.
   */
  uint64_t pinned_packs;
  /**
   * Packs that were stored and never committed, by sessions that are closed, 30 days ago or longer.
   */
  uint64_t orphans;
  /**
   * Files of a folder that somebody began to write, a day ago or longer, and never ended.
   */
  uint64_t unfinished;
} ll_gc_report;

/**
 * Success.
 */
#define LL_OK 0

/**
 * An argument is not valid.
 */
#define LL_ERR_INVALID_ARGUMENT -101

/**
 * The handle is stale, foreign, freed or of another kind.
 */
#define LL_ERR_INVALID_HANDLE -102

/**
 * The caller's buffer is too small; the needed size was returned.
 */
#define LL_ERR_BUFFER_TOO_SMALL -103

/**
 * An option or flag that this version does not know is set.
 */
#define LL_ERR_UNSUPPORTED_OPTION -104

/**
 * There is no configuration key of this name.
 */
#define LL_ERR_UNKNOWN_KEY -105

/**
 * The value of a configuration key is not valid.
 */
#define LL_ERR_INVALID_VALUE -106

/**
 * The path is not absolute, or contains '..' or NUL.
 */
#define LL_ERR_INVALID_PATH -107

/**
 * A name exceeds 255 bytes or a path 4096 bytes.
 */
#define LL_ERR_NAME_TOO_LONG -108

/**
 * The daemon is not running; start it first.
 */
#define LL_ERR_DAEMON_NOT_RUNNING -201

/**
 * Another daemon runs in this process; stop it or set daemon.allow_multiple.
 */
#define LL_ERR_DAEMON_ACTIVE -202

/**
 * The process was forked; a child cannot use its parent's handles.
 */
#define LL_ERR_FORKED -203

/**
 * The filespace is not linked any more.
 */
#define LL_ERR_NOT_LINKED -204

/**
 * The storage folder is in use by another process.
 */
#define LL_ERR_STORAGE_BUSY -205

/**
 * An internal failure stopped this link; unlink it and link again.
 */
#define LL_ERR_POISONED -206

/**
 * The log needs a newer version of this library.
 */
#define LL_ERR_UPGRADE_REQUIRED -207

/**
 * The log has a fork; an admin must accept it before anything is written.
 */
#define LL_ERR_LOG_FORKED -208

/**
 * The log must be recovered by a process that may write to it.
 */
#define LL_ERR_RECOVERY_NEEDED -209

/**
 * The log is older than a head that was seen before.
 */
#define LL_ERR_LOG_ROLLED_BACK -210

/**
 * This client's state differs from the one that the log records.
 */
#define LL_ERR_STATE_DIVERGED -211

/**
 * The filespace was deleted.
 */
#define LL_ERR_FILESPACE_DELETED -212

/**
 * Another owner holds a conflicting lock.
 */
#define LL_ERR_LOCKED -213

/**
 * Waiting for this lock would never end.
 */
#define LL_ERR_DEADLOCK -214

/**
 * A lock that protected this write was lost.
 */
#define LL_ERR_LOCK_LOST -215

/**
 * The log no longer reaches back to this position.
 */
#define LL_ERR_POSITION_TRUNCATED -216

/**
 * A change that was acknowledged before was refused by the log.
 */
#define LL_ERR_LATE_FAILURE -217

/**
 * The token is malformed.
 */
#define LL_ERR_INVALID_TOKEN -301

/**
 * The account was refused: unknown, revoked or expired.
 */
#define LL_ERR_AUTHENTICATION -302

/**
 * The account's role does not allow this.
 */
#define LL_ERR_ACCESS_DENIED -303

/**
 * The link or the handle is read-only.
 */
#define LL_ERR_READ_ONLY -304

/**
 * There is no such file, directory or filespace.
 */
#define LL_ERR_NOT_FOUND -401

/**
 * The name exists already.
 */
#define LL_ERR_EXISTS -402

/**
 * A component of the path is not a directory.
 */
#define LL_ERR_NOT_A_DIRECTORY -403

/**
 * The path names a directory.
 */
#define LL_ERR_IS_A_DIRECTORY -404

/**
 * The directory is not empty.
 */
#define LL_ERR_NOT_EMPTY -405

/**
 * More than 40 symbolic links were followed.
 */
#define LL_ERR_TOO_MANY_SYMLINKS -406

/**
 * A directory cannot be moved below itself.
 */
#define LL_ERR_MOVE_INTO_ITSELF -407

/**
 * The file would exceed the largest size.
 */
#define LL_ERR_FILE_TOO_LARGE -408

/**
 * The quota or the store is full, or a file's extended attributes.
 */
#define LL_ERR_NO_SPACE -409

/**
 * The handle was not opened for this.
 */
#define LL_ERR_WRONG_MODE -410

/**
 * The file was deleted meanwhile.
 */
#define LL_ERR_DELETED -411

/**
 * The version that this handle reads is gone; refresh it.
 */
#define LL_ERR_STALE -412

/**
 * The path does not name a symbolic link.
 */
#define LL_ERR_NOT_A_SYMLINK -413

/**
 * There is no extended attribute of this name.
 */
#define LL_ERR_NO_ATTRIBUTE -414

/**
 * The store or a local file failed.
 */
#define LL_ERR_IO -501

/**
 * The deadline passed.
 */
#define LL_ERR_TIMEOUT -502

/**
 * The store lacks a guarantee that the log needs.
 */
#define LL_ERR_STORE_UNSUITABLE -503

/**
 * Stored data is damaged, missing or forged.
 */
#define LL_ERR_INTEGRITY -601

/**
 * An internal rule was broken; please report it.
 */
#define LL_ERR_INTERNAL -901

/**
 * An internal failure was caught; the link concerned refuses further work.
 */
#define LL_ERR_PANIC -902

/**
 * The memory limit does not allow this.
 */
#define LL_ERR_NO_MEMORY -903

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The name of a status, such as "LL_ERR_NOT_FOUND"; "LL_ERR_UNKNOWN" for a number that is none.
 *
 * @param status The status.
 * Ownership: the string is static.
 * Threads: any. Blocking: no. Errors: none. @since 0.1.0
 */
LL_API const char *ll_status_name(ll_status status);

/**
 * One sentence about a status, for people.
 *
 * @param status The status.
 * Ownership: the string is static.
 * Threads: any. Blocking: no. Errors: none. @since 0.1.0
 */
LL_API const char *ll_status_text(ll_status status);

/**
 * Whether the same call may succeed later without a change by the caller: 1 or 0.
 *
 * @param status The status.
 * Threads: any. Blocking: no. Errors: none. @since 0.1.0
 */
LL_API int32_t ll_status_is_retryable(ll_status status);

/**
 * The statuses by index, for bindings that make a type for each; a number that is none behind the last.
 *
 * @param index From 0 on.
 * @param status Receives the status; may be NULL.
 * @return 1 if there is a status of this index, else 0.
 * Threads: any. Blocking: no. Errors: none. @since 0.1.0
 */
LL_API
int32_t ll_status_at(size_t index,
                     ll_status *status);

/**
 * Sets a record's size and zeroes the rest, for languages that cannot use LL_ERROR_INIT.
 *
 * @param err The record; NULL is allowed and does nothing.
 * Threads: any. Blocking: no. Errors: none. @since 0.1.0
 */
LL_API void ll_error_init(struct ll_error *err);

/**
 * The status of the last failure on this thread; LL_OK if there was none. Successes do not reset it. Language
 * bindings use the `err` argument instead: their next call may run on another thread.
 *
 * Threads: any; speaks of the calling one. Blocking: no. Errors: none. @since 0.1.0
 */
LL_API
ll_status ll_last_error_code(void);

/**
 * The message of the last failure on this thread; an empty string if there was none.
 *
 * Ownership: the string belongs to the thread and is valid until its next failing call.
 * Threads: any; speaks of the calling one. Blocking: no. Errors: none. @since 0.1.0
 */
LL_API const char *ll_last_error_message(void);

/**
 * The detail of the last failure on this thread.
 *
 * @param err The record that receives it; left as it is if there was no failure.
 * Threads: any; speaks of the calling one. Blocking: no. Errors: none. @since 0.1.0
 */
LL_API void ll_last_error(struct ll_error *err);

/**
 * The whole path of the last failure on this thread, which message and record may show shortened.
 *
 * @param buf Receives the path, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
 * @param cap Bytes that `buf` has.
 * @param needed Receives the bytes that the path needs with its NUL; may be NULL.
 * Threads: any; speaks of the calling one. Blocking: no.
 * Errors: LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
 */
LL_API ll_status ll_last_error_path(char *buf, size_t cap, size_t *needed);

/**
 * The library's version, such as "0.1.0".
 *
 * @return The version.
 * Ownership: the string is static
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API const char *ll_version(void);

/**
 * The version of the C interface: the number in the library's soname. It changes only when something
 * that was there is taken away or changed.
 *
 * @return The version.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
uint32_t ll_abi_version(void);

/**
 * Sets who receives what the library has to say beside its results; without a callback it says nothing,
 * and it never writes to stdout or stderr. Replaces the callback before; when this returns, that one is
 * not running and will not be called again.
 *
 * @param level LL_LOG_ERROR to LL_LOG_DEBUG: the least important level that is wanted.
 * @param callback The function, or NULL for none.
 * @param user Passed to the function; the library does not look at it.
 * @param free_user Called with `user` exactly once: when the callback is replaced, or at once if this
 * fails; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until a call of the replaced callback returns.
 * Errors: LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_log_set_callback(int32_t level,
                              ll_log_fn callback,
                              void *user,
                              ll_free_fn free_user,
                              struct ll_error *err);

/**
 * Makes a set of settings in which every key has its default.
 *
 * @param config Receives the handle.
 * @param err Detail of a failure, or NULL.
 * Ownership: free it with ll_config_free
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API ll_status ll_config_new(ll_config *config, struct ll_error *err);

/**
 * Sets a key. ll_config_describe lists all keys.
 *
 * @param config The settings.
 * @param key The key.
 * @param value Its value, as text.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_UNKNOWN_KEY, LL_ERR_INVALID_VALUE.
 * @since 0.1.0
 */
LL_API
ll_status ll_config_set(ll_config config,
                        const char *key,
                        const char *value,
                        struct ll_error *err);

/**
 * The value of a key, or its default.
 *
 * @param config The settings.
 * @param key The key.
 * @param buf Receives the value, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
 * @param cap Bytes that `buf` has.
 * @param needed Receives the bytes needed, the NUL included; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_UNKNOWN_KEY, LL_ERR_BUFFER_TOO_SMALL.
 * @since 0.1.0
 */
LL_API
ll_status ll_config_get(ll_config config,
                        const char *key,
                        char *buf,
                        size_t cap,
                        size_t *needed,
                        struct ll_error *err);

/**
 * Describes the keys that there are, by index.
 *
 * @param index From 0 on.
 * @param info Receives the description; set its struct_size.
 * @param err Detail of a failure, or NULL.
 * Ownership: the strings are static
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_FOUND behind the last key. @since 0.1.0
 */
LL_API ll_status ll_config_describe(size_t index, struct ll_config_key *info, struct ll_error *err);

/**
 * Sets the size of a key description and zeroes the rest, for languages that cannot use
 * LL_CONFIG_KEY_INIT.
 *
 * @param info The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_config_key_init(struct ll_config_key *info);

/**
 * Frees a set of settings; daemons made from it keep theirs. Never blocks on log or store and never
 * fails; a handle that is 0 or already freed is ignored.
 *
 * @param handle The handle.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_config_free(ll_config handle);

/**
 * Makes a daemon that is not running.
 *
 * @param config Settings, which are copied; 0 for the defaults.
 * @param options Local storage; NULL for a temporary folder.
 * @param daemon Receives the handle.
 * @param err Detail of a failure, or NULL.
 * Ownership: free it with ll_daemon_free
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
 */
LL_API
ll_status ll_daemon_new(ll_config config,
                        const struct ll_storage_options *options,
                        ll_daemon *daemon,
                        struct ll_error *err);

/**
 * Sets the size of storage options and zeroes the rest, for languages that cannot use
 * LL_STORAGE_OPTIONS_INIT.
 *
 * @param options The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_storage_options_init(struct ll_storage_options *options);

/**
 * Starts a daemon: takes its local storage and starts its threads. Again on a running daemon: nothing
 * happens. One daemon of a process runs at a time unless daemon.allow_multiple is true.
 *
 * @param daemon The daemon.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: on local files only.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_DAEMON_ACTIVE, LL_ERR_STORAGE_BUSY, LL_ERR_IO. @since 0.1.0
 */
LL_API
ll_status ll_daemon_start(ll_daemon daemon,
                          struct ll_error *err);

/**
 * Stops a daemon: unlinks its filespaces, with the final sync that their sync mode asks for, cleans up
 * its storage, ends its threads. Handles of its workspaces, filespaces and files are invalid afterwards.
 * The first failure of a sync is returned after all that. Again: nothing happens.
 *
 * @param daemon The daemon.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: for one filespace after the other as long as ll_filespace_unlink, which is four times
 * network.timeout at most; then up to 10 seconds for its threads.
 * Errors: LL_ERR_INVALID_HANDLE, what a sync can fail with. @since 0.1.0
 */
LL_API
ll_status ll_daemon_stop(ll_daemon daemon,
                         struct ll_error *err);

/**
 * Whether a daemon runs.
 *
 * @param daemon The daemon.
 * @param running Receives 1 or 0.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API ll_status ll_daemon_is_running(ll_daemon daemon, int32_t *running, struct ll_error *err);

/**
 * What a daemon does at the moment.
 *
 * @param daemon The daemon.
 * @param state Receives it; set its struct_size.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_daemon_status(ll_daemon daemon,
                           struct ll_daemon_state *state,
                           struct ll_error *err);

/**
 * Sets the size of a daemon state and zeroes the rest, for languages that cannot use
 * LL_DAEMON_STATE_INIT.
 *
 * @param state The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_daemon_state_init(struct ll_daemon_state *state);

/**
 * The folder of a running daemon's local storage.
 *
 * @param daemon The daemon.
 * @param buf Receives the path, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
 * @param cap Bytes that `buf` has.
 * @param needed Receives the bytes needed, the NUL included; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_DAEMON_NOT_RUNNING, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
 */
LL_API
ll_status ll_daemon_root_path(ll_daemon daemon,
                              char *buf,
                              size_t cap,
                              size_t *needed,
                              struct ll_error *err);

/**
 * What a daemon has done since it was made, and what it holds at the moment.
 *
 * @param daemon The daemon.
 * @param metrics Receives it; set its struct_size.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_daemon_metrics(ll_daemon daemon,
                            struct ll_metrics *metrics,
                            struct ll_error *err);

/**
 * The same in the text format of Prometheus: metrics called lucidlink_..., one value each.
 *
 * @param daemon The daemon.
 * @param buf Receives the text, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0. 8192 bytes are enough.
 * @param cap Bytes that `buf` has.
 * @param needed Receives the bytes needed, the NUL included; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
 */
LL_API
ll_status ll_daemon_metrics_text(ll_daemon daemon,
                                 char *buf,
                                 size_t cap,
                                 size_t *needed,
                                 struct ll_error *err);

/**
 * Sets the size of metrics and zeroes the rest, for languages that cannot use LL_METRICS_INIT.
 *
 * @param metrics The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_metrics_init(struct ll_metrics *metrics);

/**
 * Opens the configured workspace (workspace.url) with a service-account token. Nothing is stored, and
 * nothing but the workspace is asked.
 *
 * @param daemon A running daemon.
 * @param token The token: `sa_live:<key id>:<secret>`. It appears in no message.
 * @param workspace Receives the handle.
 * @param err Detail of a failure, or NULL.
 * Ownership: free it with ll_workspace_free; it goes with its daemon
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_DAEMON_NOT_RUNNING, LL_ERR_INVALID_TOKEN (malformed),
 * LL_ERR_AUTHENTICATION (unknown, revoked or expired: the message says which), LL_ERR_NOT_FOUND (no
 * workspace there), LL_ERR_STORE_UNSUITABLE (an earlier version made it, or it is on a network file system),
 * LL_ERR_INTEGRITY. @since 0.1.0
 */
LL_API
ll_status ll_authenticate(ll_daemon daemon,
                          const char *token,
                          ll_workspace *workspace,
                          struct ll_error *err);

/**
 * Frees a daemon. One that runs ends without the final sync: what was not published is dropped; call
 * ll_daemon_stop first. Never blocks on log or store and never fails.
 *
 * @param handle The handle; 0 or one already freed is ignored.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_daemon_free(ll_daemon handle);

/**
 * The id of a workspace, 64 hexadecimal digits.
 *
 * @param workspace The workspace.
 * @param buf Receives the id, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
 * @param cap Bytes that `buf` has.
 * @param needed Receives the bytes needed, the NUL included; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
 */
LL_API
ll_status ll_workspace_id(ll_workspace workspace,
                          char *buf,
                          size_t cap,
                          size_t *needed,
                          struct ll_error *err);

/**
 * The name of a workspace.
 *
 * @param workspace The workspace.
 * @param buf Receives the name, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
 * @param cap Bytes that `buf` has.
 * @param needed Receives the bytes needed, the NUL included; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
 */
LL_API
ll_status ll_workspace_name(ll_workspace workspace,
                            char *buf,
                            size_t cap,
                            size_t *needed,
                            struct ll_error *err);

/**
 * Lists the filespaces of a workspace, by name; also those for which this account has no grant.
 *
 * @param workspace The workspace.
 * @param list Receives the list.
 * @param err Detail of a failure, or NULL.
 * Ownership: free it with ll_filespaces_free
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_workspace_list_filespaces(ll_workspace workspace,
                                       ll_filespaces *list,
                                       struct ll_error *err);

/**
 * Lists the filespaces that the workspace's daemon has linked.
 *
 * @param workspace The workspace.
 * @param list Receives the list.
 * @param err Detail of a failure, or NULL.
 * Ownership: free it with ll_filespaces_free
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_workspace_linked_filespaces(ll_workspace workspace,
                                         ll_filespaces *list,
                                         struct ll_error *err);

/**
 * How many entries a list has.
 *
 * @param list The list.
 * @param count Receives the number.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API ll_status ll_filespaces_count(ll_filespaces list, size_t *count, struct ll_error *err);

/**
 * An entry of a list.
 *
 * @param list The list.
 * @param index From 0 on.
 * @param info Receives the entry; set its struct_size.
 * @param err Detail of a failure, or NULL.
 * Ownership: the strings belong to the list: they are there until ll_filespaces_free
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_filespaces_get(ll_filespaces list,
                            size_t index,
                            struct ll_filespace_info *info,
                            struct ll_error *err);

/**
 * Frees a list of filespaces. Never blocks on log or store and never fails; a handle that is 0 or
 * already freed is ignored.
 *
 * @param handle The handle.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_filespaces_free(ll_filespaces handle);

/**
 * Sets the size of a filespace info and zeroes the rest, for languages that cannot use
 * LL_FILESPACE_INFO_INIT.
 *
 * @param info The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_filespace_info_init(struct ll_filespace_info *info);

/**
 * Sets the size of link options and zeroes the rest, for languages that cannot use LL_LINK_OPTIONS_INIT.
 *
 * @param options The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_link_options_init(struct ll_link_options *options);

/**
 * Links a filespace: from now on its files can be used. Several can be linked at once, and snapshots beside them; the
 * same one twice, with the same options, is the same link under another handle. Links are not counted: one
 * ll_filespace_unlink ends it for all of its handles.
 *
 * @param workspace The workspace.
 * @param options Which one, and how.
 * @param filespace Receives the handle.
 * @param err Detail of a failure, or NULL.
 * Ownership: end it with ll_filespace_unlink, then ll_filespace_free; it goes with its daemon
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_FOUND (also the snapshot), LL_ERR_ACCESS_DENIED (no
 * grant), LL_ERR_INVALID_PATH and LL_ERR_NOT_A_DIRECTORY (root_path), LL_ERR_UNSUPPORTED_OPTION,
 * LL_ERR_FILESPACE_DELETED, LL_ERR_LOG_ROLLED_BACK (at_least), LL_ERR_INTEGRITY. @since 0.1.0
 */
LL_API
ll_status ll_workspace_link_filespace(ll_workspace workspace,
                                      const struct ll_link_options *options,
                                      ll_filespace *filespace,
                                      struct ll_error *err);

/**
 * Frees a workspace; filespaces linked through it stay linked. Never blocks on log or store and never
 * fails; a handle that is 0 or already freed is ignored.
 *
 * @param handle The handle.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_workspace_free(ll_workspace handle);

/**
 * Makes a workspace, and its first admin with a token. The token is the only copy there is: keep it, and
 * mint a second admin.
 *
 * @param url Where: file:///folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix. A folder is made
 * if it is missing; else it must be empty, and so must be what the bucket has below the prefix. The bucket must be
 * there; the environment of the service's tools says how it is reached (AWS_ACCESS_KEY_ID, AWS_PROFILE,
 * AWS_ENDPOINT_URL, ...; GOOGLE_APPLICATION_CREDENTIALS; AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY, ...),
 * and it is tried whether its store keeps what a log needs.
 * @param name What it is called: 1 to 255 bytes without control characters, '/', ':' and '@'.
 * @param token Receives the token, NUL-terminated.
 * @param cap Bytes that `token` has, at least LL_TOKEN_SIZE.
 * @param needed Receives the bytes used, the NUL included; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, each request at most 60 seconds.
 * Errors: LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_VALUE (url), LL_ERR_BUFFER_TOO_SMALL, LL_ERR_EXISTS,
 * LL_ERR_NOT_EMPTY (files that are no workspace), LL_ERR_STORE_UNSUITABLE, LL_ERR_IO, LL_ERR_NO_SPACE. @since 0.1.0
 */
LL_API
ll_status ll_workspace_create(const char *url,
                              const char *name,
                              char *token,
                              size_t cap,
                              size_t *needed,
                              struct ll_error *err);

/**
 * Makes a filespace. All admins of the workspace are granted it.
 *
 * @param workspace The workspace, opened by one of its admins.
 * @param name What it is called: 1 to 255 bytes without control characters, '/', ':' and '@'.
 * @param buf Receives the id, 65 bytes with its NUL, NUL-terminated if `cap` > 0; may be NULL if `cap`
 * is 0.
 * @param cap Bytes that `buf` has.
 * @param needed Receives the bytes needed, the NUL included; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_EXISTS, LL_ERR_ACCESS_DENIED,
 * LL_ERR_IO, LL_ERR_NO_SPACE, LL_ERR_BUFFER_TOO_SMALL (it was made). @since 0.1.0
 */
LL_API
ll_status ll_workspace_create_filespace(ll_workspace workspace,
                                        const char *name,
                                        char *buf,
                                        size_t cap,
                                        size_t *needed,
                                        struct ll_error *err);

/**
 * Gives a filespace another name. Links and ids stay.
 *
 * @param workspace The workspace, opened by one of its admins.
 * @param name Its name.
 * @param new_name Its new name.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_FOUND, LL_ERR_EXISTS,
 * LL_ERR_ACCESS_DENIED. @since 0.1.0
 */
LL_API
ll_status ll_workspace_rename_filespace(ll_workspace workspace,
                                        const char *name,
                                        const char *new_name,
                                        struct ll_error *err);

/**
 * Where the log of a filespace has a fork: a commit there was made by somebody who saw another log, so a slot before
 * it was changed, cut or exchanged. From there on every call is LL_ERR_LOG_FORKED, until an admin accepts it.
 *
 * @param workspace The workspace.
 * @param name The filespace's name.
 * @param position Set to the fork's position; 0: there is none, or it was accepted.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_FOUND, LL_ERR_ACCESS_DENIED. @since
 * 0.1.0
 */
LL_API
ll_status ll_workspace_filespace_fork(ll_workspace workspace,
                                      const char *name,
                                      uint64_t *position,
                                      struct ll_error *err);

/**
 * Goes on behind a fork with what the log has now. What the commit at the fork said, and what other commits of the
 * log that its author saw said, stays without effect: look at the filespace, and at what was backed up, first. Links
 * that met the fork must be made anew.
 *
 * @param workspace The workspace, opened by an admin of the filespace.
 * @param name The filespace's name.
 * @param position The fork's position, as ll_workspace_filespace_fork gives it.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT (also: the fork is elsewhere, or there is none),
 * LL_ERR_NOT_FOUND, LL_ERR_ACCESS_DENIED. @since 0.1.0
 */
LL_API
ll_status ll_workspace_accept_fork(ll_workspace workspace,
                                   const char *name,
                                   uint64_t position,
                                   struct ll_error *err);

/**
 * Deletes a filespace: links of it fail from then on, and nothing in it can be had back. Its objects
 * stay in the store until they are collected.
 *
 * @param workspace The workspace, opened by one of its admins.
 * @param name Its name.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_FOUND, LL_ERR_ACCESS_DENIED. @since
 * 0.1.0
 */
LL_API
ll_status ll_workspace_delete_filespace(ll_workspace workspace,
                                        const char *name,
                                        struct ll_error *err);

/**
 * Makes an account and its token, which is the only copy there is. An admin is granted every filespace
 * that this account has; others need ll_filespace_grant.
 *
 * @param workspace The workspace, opened by one of its admins.
 * @param name What it is called: 1 to 255 bytes without control characters, '/', ':' and '@'.
 * @param role_in_workspace LL_ROLE_ADMIN: may make, grant and revoke. LL_ROLE_READER and LL_ROLE_WRITER
 * may not; what they may do in a filespace is what they are granted there, whichever of the two they are.
 * @param expiry_ns When it ends, nanoseconds since 1970; 0: never.
 * @param token Receives the token, NUL-terminated.
 * @param cap Bytes that `token` has, at least LL_TOKEN_SIZE.
 * @param needed Receives the bytes used, the NUL included; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_BUFFER_TOO_SMALL (nothing was made),
 * LL_ERR_EXISTS, LL_ERR_ACCESS_DENIED. @since 0.1.0
 */
LL_API
ll_status ll_service_account_create(ll_workspace workspace,
                                    const char *name,
                                    uint32_t role_in_workspace,
                                    int64_t expiry_ns,
                                    char *token,
                                    size_t cap,
                                    size_t *needed,
                                    struct ll_error *err);

/**
 * Gives an account another token: keys of its own, with the name and the roles that it has; the old token is good for
 * nothing from then on. What is written to its filespaces afterwards is sealed under a key that the old one does not
 * have. An admin may do it for itself; the workspace handle is of no use then: authenticate with the new token. Other
 * accounts ask one. Rotate another admin's token only if that admin gets the new one.
 *
 * @param workspace The workspace, opened by one of its admins.
 * @param account Its name or key id.
 * @param token Receives the new token, NUL-terminated, before the old one ends. After a failure the one of the two that
 * ll_authenticate takes is good.
 * @param cap Bytes that `token` has, at least LL_TOKEN_SIZE.
 * @param needed Receives the bytes used, the NUL included; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout each time.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_BUFFER_TOO_SMALL (nothing was made),
 * LL_ERR_NOT_FOUND, LL_ERR_ACCESS_DENIED, LL_ERR_AUTHENTICATION (the account is revoked). @since 0.1.0
 */
LL_API
ll_status ll_service_account_rotate(ll_workspace workspace,
                                    const char *account,
                                    char *token,
                                    size_t cap,
                                    size_t *needed,
                                    struct ll_error *err);

/**
 * Lists the accounts of a workspace, the revoked ones included.
 *
 * @param workspace The workspace.
 * @param list Receives the list.
 * @param err Detail of a failure, or NULL.
 * Ownership: free it with ll_accounts_free
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_service_account_list(ll_workspace workspace,
                                  ll_accounts *list,
                                  struct ll_error *err);

/**
 * How many entries a list has.
 *
 * @param list The list.
 * @param count Receives the number.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API ll_status ll_accounts_count(ll_accounts list, size_t *count, struct ll_error *err);

/**
 * An entry of a list.
 *
 * @param list The list.
 * @param index From 0 on.
 * @param info Receives the entry; set its struct_size.
 * @param err Detail of a failure, or NULL.
 * Ownership: the strings belong to the list: they are there until ll_accounts_free
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_accounts_get(ll_accounts list,
                          size_t index,
                          struct ll_account_info *info,
                          struct ll_error *err);

/**
 * Frees a list of accounts. Never blocks on log or store and never fails; a handle that is 0 or already
 * freed is ignored.
 *
 * @param handle The handle.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_accounts_free(ll_accounts handle);

/**
 * Sets the size of an account info and zeroes the rest, for languages that cannot use
 * LL_ACCOUNT_INFO_INIT.
 *
 * @param info The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_account_info_init(struct ll_account_info *info);

/**
 * Ends an account: it cannot authenticate any more, and loses its roles in all filespaces that this
 * account may change; the links of other admins take them away elsewhere. What is written to these filespaces from
 * then on is sealed under a key that it does not have. The last admin cannot be revoked. Again: nothing happens.
 *
 * @param workspace The workspace, opened by one of its admins.
 * @param account Its name or key id.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_FOUND, LL_ERR_ACCESS_DENIED. @since
 * 0.1.0
 */
LL_API
ll_status ll_service_account_revoke(ll_workspace workspace,
                                    const char *account,
                                    struct ll_error *err);

/**
 * Gives an account a role in a filespace, or changes it.
 *
 * @param workspace The workspace, opened by one of its admins who is one of the filespace too.
 * @param filespace The filespace's name.
 * @param account The account's name or key id.
 * @param role_in_filespace LL_ROLE_READER, LL_ROLE_WRITER or LL_ROLE_ADMIN.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_FOUND, LL_ERR_ACCESS_DENIED,
 * LL_ERR_AUTHENTICATION (the account is revoked). @since 0.1.0
 */
LL_API
ll_status ll_filespace_grant(ll_workspace workspace,
                             const char *filespace,
                             const char *account,
                             uint32_t role_in_filespace,
                             struct ll_error *err);

/**
 * Takes an account's role in a filespace away. What it could read before, it may have kept; what is written from then on
 * is sealed under a key that it does not have (if this account is no admin of the workspace: once one of those links the
 * filespace).
 *
 * @param workspace The workspace, opened by an admin of the filespace.
 * @param filespace The filespace's name.
 * @param account The account's name or key id.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_FOUND (also if it has none),
 * LL_ERR_ACCESS_DENIED. @since 0.1.0
 */
LL_API
ll_status ll_filespace_revoke(ll_workspace workspace,
                              const char *filespace,
                              const char *account,
                              struct ll_error *err);

/**
 * The id of a filespace, 64 hexadecimal digits.
 *
 * @param filespace The filespace.
 * @param buf Receives the id, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
 * @param cap Bytes that `buf` has.
 * @param needed Receives the bytes needed, the NUL included; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
 */
LL_API
ll_status ll_filespace_id(ll_filespace filespace,
                          char *buf,
                          size_t cap,
                          size_t *needed,
                          struct ll_error *err);

/**
 * The name that a filespace had when it was linked.
 *
 * @param filespace The filespace.
 * @param buf Receives the name, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
 * @param cap Bytes that `buf` has.
 * @param needed Receives the bytes needed, the NUL included; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
 */
LL_API
ll_status ll_filespace_name(ll_filespace filespace,
                            char *buf,
                            size_t cap,
                            size_t *needed,
                            struct ll_error *err);

/**
 * The names of filespace and workspace: filespace.workspace.
 *
 * @param filespace The filespace.
 * @param buf Receives the names, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
 * @param cap Bytes that `buf` has.
 * @param needed Receives the bytes needed, the NUL included; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
 */
LL_API
ll_status ll_filespace_full_name(ll_filespace filespace,
                                 char *buf,
                                 size_t cap,
                                 size_t *needed,
                                 struct ll_error *err);

/**
 * Whether a filespace is linked: it was not unlinked, and its daemon runs.
 *
 * @param filespace The filespace.
 * @param linked Receives 1 or 0.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_filespace_is_linked(ll_filespace filespace,
                                 int32_t *linked,
                                 struct ll_error *err);

/**
 * The barrier: publishes what open files of this link wrote; when it returns, everything before it is
 * visible to all and survives power loss. In relaxed mode it waits for what the log does not have yet, and fails
 * with LL_ERR_LATE_FAILURE as long as there are late failures that nobody acknowledged (all else is safe then).
 *
 * @param filespace The filespace.
 * @param position Receives the position of the barrier; may be NULL; set its struct_size.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_IO, LL_ERR_NO_SPACE,
 * LL_ERR_TIMEOUT, LL_ERR_LATE_FAILURE, what publishing a file can fail with. @since 0.1.0
 */
LL_API
ll_status ll_filespace_sync_all(ll_filespace filespace,
                                struct ll_position *position,
                                struct ll_error *err);

/**
 * Waits until this link sees the filespace as it was at a position, or later: one that another client's
 * ll_filespace_sync_all gave.
 *
 * @param filespace The filespace.
 * @param position The position.
 * @param timeout_ms How long to wait, in milliseconds; 0: only look.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until the log has it, at most timeout_ms.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_TIMEOUT,
 * LL_ERR_LOG_ROLLED_BACK (this log is another one, or was set back). @since 0.1.0
 */
LL_API
ll_status ll_filespace_wait_for(ll_filespace filespace,
                                const struct ll_position *position,
                                uint64_t timeout_ms,
                                struct ll_error *err);

/**
 * A position as text, to hand it to another program: "number:incarnation:hash".
 *
 * @param position The position.
 * @param buf Receives the text, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
 * @param cap Bytes that `buf` has.
 * @param needed Receives the bytes needed, the NUL included; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_ARGUMENT, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
 */
LL_API
ll_status ll_position_format(const struct ll_position *position,
                             char *buf,
                             size_t cap,
                             size_t *needed,
                             struct ll_error *err);

/**
 * Reads a position that ll_position_format wrote.
 *
 * @param text The text.
 * @param position Receives the position; set its struct_size.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_position_parse(const char *text,
                            struct ll_position *position,
                            struct ll_error *err);

/**
 * Sets the size of a position and zeroes the rest, for languages that cannot use LL_POSITION_INIT.
 *
 * @param position The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_position_init(struct ll_position *position);

/**
 * How much there is in a filespace. Costs the same whatever there is.
 *
 * @param filespace The filespace.
 * @param statistics Receives it; set its struct_size.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED. @since 0.1.0
 */
LL_API
ll_status ll_filespace_statistics(ll_filespace filespace,
                                  struct ll_statistics *statistics,
                                  struct ll_error *err);

/**
 * Sets the size of statistics and zeroes the rest, for languages that cannot use LL_STATISTICS_INIT.
 *
 * @param statistics The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_statistics_init(struct ll_statistics *statistics);

/**
 * The sum of the sizes of all files, in bytes; 2^64-1 if it is larger.
 *
 * @param filespace The filespace.
 * @param bytes Receives it.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED. @since 0.1.0
 */
LL_API ll_status ll_filespace_size(ll_filespace filespace, uint64_t *bytes, struct ll_error *err);

/**
 * Limits how much there may be in a filespace, for all who write to it. What would grow beyond a limit fails with
 * LL_ERR_NO_SPACE. What is there already stays, and whatever does not grow works. Only admins of the filespace may.
 *
 * @param filespace The filespace.
 * @param bytes The most that the sizes of all files may add up to, holes included; 0: no limit.
 * @param entries The most files, directories and symbolic links together, the root included; 0: no limit.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT,
 * LL_ERR_NO_SPACE (the store). @since 0.1.0
 */
LL_API
ll_status ll_filespace_set_quota(ll_filespace filespace,
                                 uint64_t bytes,
                                 uint64_t entries,
                                 struct ll_error *err);

/**
 * Ends a link, with the final sync that its sync mode asks for: for every handle of it, however often the
 * filespace was linked. Handles of files that were opened through this one are invalid afterwards; on the others
 * each call is LL_ERR_NOT_LINKED. It is unlinked whatever the sync says. Again: nothing happens.
 *
 * @param filespace The filespace.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer; it waits for them up to four times, at most network.timeout
 * each.
 * Errors: LL_ERR_INVALID_HANDLE, what ll_filespace_sync_all can fail with. @since 0.1.0
 */
LL_API
ll_status ll_filespace_unlink(ll_filespace filespace,
                              struct ll_error *err);

/**
 * Frees a filespace handle and those of files opened through it; what they did not publish is dropped.
 * The link itself lasts until ll_filespace_unlink or ll_daemon_stop. Never blocks on log or store and
 * never fails.
 *
 * @param handle The handle; 0 or one already freed is ignored.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_filespace_free(ll_filespace handle);

/**
 * Takes a snapshot: the filespace as it is now can be read later, whatever becomes of it. All that was acknowledged
 * before is in it, and what open files of this link wrote, which is published first. It costs one commit, whatever
 * there is; from then on, what is in it takes room until it is deleted. A filespace has at most 4096.
 *
 * @param filespace The filespace.
 * @param name The snapshot's name, which no other one of the filespace has: 1 to 255 bytes, no control character, none
 * of '/', ':' and '@', not "." or "..".
 * @param position Receives the position that it is of; may be NULL; set its struct_size.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED,
 * LL_ERR_EXISTS, what publishing a file can fail with. @since 0.1.0
 */
LL_API
ll_status ll_filespace_create_snapshot(ll_filespace filespace,
                                       const char *name,
                                       struct ll_position *position,
                                       struct ll_error *err);

/**
 * Deletes a snapshot. What only it kept is freed. The account that took it may, and admins of the filespace.
 *
 * @param filespace The filespace.
 * @param name The snapshot's name.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED,
 * LL_ERR_NOT_FOUND. @since 0.1.0
 */
LL_API
ll_status ll_filespace_delete_snapshot(ll_filespace filespace,
                                       const char *name,
                                       struct ll_error *err);

/**
 * Lists the snapshots of a filespace, the oldest first. Through a link at a snapshot: those that there were then.
 *
 * @param filespace The filespace.
 * @param list Receives the list.
 * @param err Detail of a failure, or NULL.
 * Ownership: free it with ll_snapshots_free
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED. @since 0.1.0
 */
LL_API
ll_status ll_filespace_snapshots(ll_filespace filespace,
                                 ll_snapshots *list,
                                 struct ll_error *err);

/**
 * How many snapshots a list has.
 *
 * @param list The list.
 * @param count Receives the number.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API ll_status ll_snapshots_count(ll_snapshots list, size_t *count, struct ll_error *err);

/**
 * A snapshot of a list.
 *
 * @param list The list.
 * @param index From 0 on.
 * @param info Receives it; set its struct_size.
 * @param err Detail of a failure, or NULL.
 * Ownership: the strings belong to the list: they are there until ll_snapshots_free
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_snapshots_get(ll_snapshots list,
                           size_t index,
                           struct ll_snapshot_info *info,
                           struct ll_error *err);

/**
 * Frees a list of snapshots, which stay. Never blocks on log or store and never fails; a handle that is 0 or already
 * freed is ignored.
 *
 * @param handle The handle.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_snapshots_free(ll_snapshots handle);

/**
 * Sets the size of a snapshot info and zeroes the rest, for languages that cannot use LL_SNAPSHOT_INFO_INIT.
 *
 * @param info The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_snapshot_info_init(struct ll_snapshot_info *info);

/**
 * Makes a file, symbolic link, or directory with all that is below it, as it was in a snapshot: content, mode, owner,
 * times (but ctime and btime), extended attributes, names of one file. It shares what is stored, as ll_fs_copy does;
 * only content that nothing but snapshots refers to any more is read and written anew. A symbolic link at the end of
 * either path is not followed. Directories above `to` that are missing are made. In any mode the outcome is that
 * of the log. A file is restored as a whole or not at all. Of a directory, what was restored before a failure stays; the
 * same call with LL_RESTORE_REPLACE goes on. If the snapshot is deleted meanwhile, it may fail with LL_ERR_STALE.
 *
 * @param filespace The filespace.
 * @param snapshot The snapshot's name.
 * @param from What to restore, as it was called then.
 * @param to The path that it gets.
 * @param flags 0 or LL_RESTORE_REPLACE. With it, what is in a directory and was not in the snapshot stays.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: while it reads and writes; on log and store at most network.timeout each time.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_UNSUPPORTED_OPTION, LL_ERR_INVALID_PATH,
 * LL_ERR_NAME_TOO_LONG, LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND (the snapshot, or the path in it), LL_ERR_READ_ONLY,
 * LL_ERR_ACCESS_DENIED, LL_ERR_EXISTS, LL_ERR_IS_A_DIRECTORY, LL_ERR_NOT_A_DIRECTORY, LL_ERR_NO_SPACE (the quota).
 * @since 0.1.0
 */
LL_API
ll_status ll_filespace_restore(ll_filespace filespace,
                               const char *snapshot,
                               const char *from,
                               const char *to,
                               uint32_t flags,
                               struct ll_error *err);

/**
 * Lists a directory with the attributes of each entry, in byte order of the names, all of one moment.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param entries Receives the list.
 * @param err Detail of a failure, or NULL.
 * Ownership: free the list with ll_entries_free
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND, LL_ERR_NOT_A_DIRECTORY. @since 0.1.0
 */
LL_API
ll_status ll_fs_read_dir(ll_filespace filespace,
                         const char *path,
                         ll_entries *entries,
                         struct ll_error *err);

/**
 * Lists the names in a directory, in byte order, all of one moment. Only the names of the entries are
 * filled in.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param entries Receives the list.
 * @param err Detail of a failure, or NULL.
 * Ownership: free the list with ll_entries_free
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND, LL_ERR_NOT_A_DIRECTORY. @since 0.1.0
 */
LL_API
ll_status ll_fs_list_dir(ll_filespace filespace,
                         const char *path,
                         ll_entries *entries,
                         struct ll_error *err);

/**
 * How many entries a list has.
 *
 * @param entries The list.
 * @param count Receives the number.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API ll_status ll_entries_count(ll_entries entries, size_t *count, struct ll_error *err);

/**
 * An entry of a list.
 *
 * @param entries The list.
 * @param index From 0 on.
 * @param entry Receives the entry; set its struct_size.
 * @param err Detail of a failure, or NULL.
 * Ownership: the name belongs to the list: it is there until ll_entries_free
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_entries_get(ll_entries entries,
                         size_t index,
                         struct ll_entry *entry,
                         struct ll_error *err);

/**
 * Frees a list of entries. Never blocks on log or store and never fails; a handle that is 0 or already
 * freed is ignored.
 *
 * @param handle The handle.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_entries_free(ll_entries handle);

/**
 * Sets the size of an entry and zeroes the rest, for languages that cannot use LL_ENTRY_INIT.
 *
 * @param entry The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_entry_init(struct ll_entry *entry);

/**
 * What a path leads to.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param flags LL_NOFOLLOW or 0.
 * @param entry Receives it; set its struct_size.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND, LL_ERR_NOT_A_DIRECTORY, LL_ERR_TOO_MANY_SYMLINKS,
 * LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
 */
LL_API
ll_status ll_fs_get_entry(ll_filespace filespace,
                          const char *path,
                          uint32_t flags,
                          struct ll_entry *entry,
                          struct ll_error *err);

/**
 * Whether a path leads to a regular file; symbolic links are followed.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param exists Receives 1 or 0.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_TOO_MANY_SYMLINKS. @since 0.1.0
 */
LL_API
ll_status ll_fs_file_exists(ll_filespace filespace,
                            const char *path,
                            int32_t *exists,
                            struct ll_error *err);

/**
 * Whether a path leads to a directory; symbolic links are followed.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param exists Receives 1 or 0.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_TOO_MANY_SYMLINKS. @since 0.1.0
 */
LL_API
ll_status ll_fs_dir_exists(ll_filespace filespace,
                           const char *path,
                           int32_t *exists,
                           struct ll_error *err);

/**
 * Makes a directory, and those above it that are missing. The path itself must not exist.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_EXISTS, LL_ERR_NOT_A_DIRECTORY. @since 0.1.0
 */
LL_API
ll_status ll_fs_create_dir(ll_filespace filespace,
                           const char *path,
                           struct ll_error *err);

/**
 * Makes an empty file. Its name must not exist; of several that make one name, one succeeds: so it
 * waits for the log in relaxed mode too.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param mode Its permission bits, 0 to 07777. They are kept, not enforced.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_NOT_FOUND (its directory), LL_ERR_EXISTS, LL_ERR_IS_A_DIRECTORY (the path ends in '/'). @since 0.1.0
 */
LL_API
ll_status ll_fs_create(ll_filespace filespace,
                       const char *path,
                       uint32_t mode,
                       struct ll_error *err);

/**
 * Removes a directory: an empty one, or with everything below it at once.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param recursive Not 0: with everything below it.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_NOT_FOUND, LL_ERR_NOT_A_DIRECTORY, LL_ERR_NOT_EMPTY. @since 0.1.0
 */
LL_API
ll_status ll_fs_delete_dir(ll_filespace filespace,
                           const char *path,
                           int32_t recursive,
                           struct ll_error *err);

/**
 * Removes a name of a file or symbolic link.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_NOT_FOUND, LL_ERR_IS_A_DIRECTORY. @since 0.1.0
 */
LL_API
ll_status ll_fs_delete(ll_filespace filespace,
                       const char *path,
                       struct ll_error *err);

/**
 * Gives a file, directory or symbolic link another path. A target that exists is an error unless
 * LL_MOVE_REPLACE is set.
 *
 * @param filespace The filespace.
 * @param from The path that it has.
 * @param to The path that it gets.
 * @param flags LL_MOVE_REPLACE or 0.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_NOT_FOUND, LL_ERR_EXISTS, LL_ERR_NOT_EMPTY, LL_ERR_IS_A_DIRECTORY, LL_ERR_NOT_A_DIRECTORY,
 * LL_ERR_MOVE_INTO_ITSELF, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
 */
LL_API
ll_status ll_fs_move(ll_filespace filespace,
                     const char *from,
                     const char *to,
                     uint32_t flags,
                     struct ll_error *err);

/**
 * Makes a copy of a file that shares its stored bytes: it costs the same whatever the size. Mode, owner, access and
 * modification time and extended attributes are copied; the copy has a file_id of its own and is created now. A
 * symbolic link at the end of `from` is followed; with LL_NOFOLLOW the link itself is copied. What this link has
 * open and did not publish of the file is published first. A target that exists is an error unless LL_COPY_REPLACE
 * is set: then a file or symbolic link loses that name, as with LL_MOVE_REPLACE.
 *
 * @param filespace The filespace.
 * @param from The path of the file.
 * @param to The path of the copy.
 * @param flags LL_NOFOLLOW, LL_COPY_REPLACE, both or 0.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_NOT_FOUND, LL_ERR_EXISTS, LL_ERR_IS_A_DIRECTORY, LL_ERR_NOT_A_DIRECTORY, LL_ERR_TOO_MANY_SYMLINKS,
 * LL_ERR_FILE_TOO_LARGE (it has more than 65536 fragments: copy it by reading and writing),
 * LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
 */
LL_API
ll_status ll_fs_copy(ll_filespace filespace,
                     const char *from,
                     const char *to,
                     uint32_t flags,
                     struct ll_error *err);

/**
 * Sets the size of a file; what is cut is gone, what is added reads as zeros.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param size The new size in bytes, at most 2^63-1.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_NOT_FOUND, LL_ERR_IS_A_DIRECTORY, LL_ERR_FILE_TOO_LARGE. @since 0.1.0
 */
LL_API
ll_status ll_fs_truncate(ll_filespace filespace,
                         const char *path,
                         uint64_t size,
                         struct ll_error *err);

/**
 * Reads a whole file: its bytes, without a NUL behind them. One that does not fit is not read; `needed` says how
 * large it is.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param buf Receives the content; may be NULL if `cap` is 0.
 * @param cap Bytes that `buf` has.
 * @param needed Receives the size of the file in bytes; must not be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND, LL_ERR_IS_A_DIRECTORY, LL_ERR_BUFFER_TOO_SMALL, LL_ERR_INTEGRITY,
 * LL_ERR_IO. @since 0.1.0
 */
LL_API
ll_status ll_fs_read_file(ll_filespace filespace,
                          const char *path,
                          void *buf,
                          size_t cap,
                          size_t *needed,
                          struct ll_error *err);

/**
 * Writes a whole file in one commit: it appears, or is replaced, as a whole. (In relaxed mode this link sees it
 * when this returns, and the log has it a little later.) A file that exists keeps all but its content: file_id, names,
 * mode, owner and extended attributes. One that is made has mode 0644. A symbolic link at the end of the path is
 * followed.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param content The content; ignored if `len` is 0.
 * @param len Its bytes.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_NOT_FOUND (its directory), LL_ERR_IS_A_DIRECTORY, LL_ERR_NO_MEMORY, LL_ERR_IO. @since 0.1.0
 */
LL_API
ll_status ll_fs_write_file(ll_filespace filespace,
                           const char *path,
                           const void *content,
                           size_t len,
                           struct ll_error *err);

/**
 * Makes a symbolic link.
 *
 * @param filespace The filespace.
 * @param target Where it leads, 1 to 4096 bytes; need not exist. '..' in it stays inside the filespace.
 * @param path The link's own path.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_NOT_FOUND, LL_ERR_EXISTS. @since 0.1.0
 */
LL_API
ll_status ll_fs_create_symlink(ll_filespace filespace,
                               const char *target,
                               const char *path,
                               struct ll_error *err);

/**
 * Where a symbolic link leads, as it was written.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param buf Receives the target, NUL-terminated if `cap` > 0; may be NULL if `cap` is 0.
 * @param cap Bytes that `buf` has.
 * @param needed Receives the bytes needed, the NUL included; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND, LL_ERR_NOT_A_SYMLINK, LL_ERR_BUFFER_TOO_SMALL. @since 0.1.0
 */
LL_API
ll_status ll_fs_read_symlink(ll_filespace filespace,
                             const char *path,
                             char *buf,
                             size_t cap,
                             size_t *needed,
                             struct ll_error *err);

/**
 * Gives a file or symbolic link another name.
 *
 * @param filespace The filespace.
 * @param existing A path that it has.
 * @param path The path that it gets too.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_NOT_FOUND, LL_ERR_EXISTS, LL_ERR_IS_A_DIRECTORY. @since 0.1.0
 */
LL_API
ll_status ll_fs_create_hard_link(ll_filespace filespace,
                                 const char *existing,
                                 const char *path,
                                 struct ll_error *err);

/**
 * Sets access and modification time.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param flags LL_NOFOLLOW or 0.
 * @param atime_ns Nanoseconds since 1970, or LL_TIME_OMIT.
 * @param mtime_ns Nanoseconds since 1970, or LL_TIME_OMIT.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_NOT_FOUND, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
 */
LL_API
ll_status ll_fs_set_times(ll_filespace filespace,
                          const char *path,
                          uint32_t flags,
                          int64_t atime_ns,
                          int64_t mtime_ns,
                          struct ll_error *err);

/**
 * Sets permission bits. They are kept, not enforced: roles say who may do what.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param mode 0 to 07777.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_NOT_FOUND. @since 0.1.0
 */
LL_API
ll_status ll_fs_set_mode(ll_filespace filespace,
                         const char *path,
                         uint32_t mode,
                         struct ll_error *err);

/**
 * Sets owner and group. They are kept, not enforced.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param uid The owner.
 * @param gid The group.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_NOT_FOUND. @since 0.1.0
 */
LL_API
ll_status ll_fs_set_owner(ll_filespace filespace,
                          const char *path,
                          uint32_t uid,
                          uint32_t gid,
                          struct ll_error *err);

/**
 * Opens a directory to be read entry by entry, however many there are: ll_fs_read_dir lists all at once.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param dir Receives the handle.
 * @param err Detail of a failure, or NULL.
 * Ownership: free the handle with ll_dir_free
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND, LL_ERR_NOT_A_DIRECTORY. @since 0.1.0
 */
LL_API
ll_status ll_fs_open_dir(ll_filespace filespace,
                         const char *path,
                         ll_dir *dir,
                         struct ll_error *err);

/**
 * The next entry of a directory, in byte order of the names, with its attributes. What is there all the
 * while appears exactly once; a name that is made or removed meanwhile appears once or not at all. So do the
 * names in a directory that is removed with all that is in it, until they are freed.
 *
 * @param dir The directory.
 * @param entry Receives the entry; set its struct_size. It is not touched when there is none.
 * @param found Receives 1, or 0 when there are no more entries.
 * @param err Detail of a failure, or NULL.
 * Ownership: the name belongs to the handle, until the next call on it or its end
 * Threads: any; calls take turns, and the next one ends the name. Blocking: now and then, until log and store
 * answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED. @since 0.1.0
 */
LL_API
ll_status ll_dir_next(ll_dir dir,
                      struct ll_entry *entry,
                      int32_t *found,
                      struct ll_error *err);

/**
 * Frees a directory handle. Never blocks on log or store and never fails; a handle that is 0 or already
 * freed is ignored.
 *
 * @param handle The handle.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_dir_free(ll_dir handle);

/**
 * The value of an extended attribute: its bytes, without a NUL behind them. One that does not fit is not copied;
 * `needed` says how large it is.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param flags LL_NOFOLLOW or 0.
 * @param name The attribute's name, 1 to 255 bytes.
 * @param buf Receives the value; may be NULL if `cap` is 0.
 * @param cap Bytes that `buf` has.
 * @param needed Receives the bytes of the value; must not be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND, LL_ERR_NO_ATTRIBUTE, LL_ERR_BUFFER_TOO_SMALL,
 * LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
 */
LL_API
ll_status ll_fs_get_xattr(ll_filespace filespace,
                          const char *path,
                          uint32_t flags,
                          const char *name,
                          void *buf,
                          size_t cap,
                          size_t *needed,
                          struct ll_error *err);

/**
 * Gives an extended attribute a value: of a file, directory or symbolic link. There can be 1024 of them, with 1 MiB of
 * names and values.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param flags LL_NOFOLLOW or 0, and LL_XATTR_CREATE, LL_XATTR_REPLACE or none of them.
 * @param name The attribute's name, 1 to 255 bytes.
 * @param value The value; ignored if `len` is 0.
 * @param len Its bytes, at most 65536.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_NOT_FOUND, LL_ERR_EXISTS, LL_ERR_NO_ATTRIBUTE, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
 */
LL_API
ll_status ll_fs_set_xattr(ll_filespace filespace,
                          const char *path,
                          uint32_t flags,
                          const char *name,
                          const void *value,
                          size_t len,
                          struct ll_error *err);

/**
 * Lists the extended attributes of what a path leads to, in byte order of their names, all of one moment.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param flags LL_NOFOLLOW or 0.
 * @param xattrs Receives the list.
 * @param err Detail of a failure, or NULL.
 * Ownership: free the list with ll_xattrs_free
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
 */
LL_API
ll_status ll_fs_list_xattr(ll_filespace filespace,
                           const char *path,
                           uint32_t flags,
                           ll_xattrs *xattrs,
                           struct ll_error *err);

/**
 * Removes an extended attribute.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param flags LL_NOFOLLOW or 0.
 * @param name The attribute's name, 1 to 255 bytes.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_NOT_FOUND, LL_ERR_NO_ATTRIBUTE, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
 */
LL_API
ll_status ll_fs_remove_xattr(ll_filespace filespace,
                             const char *path,
                             uint32_t flags,
                             const char *name,
                             struct ll_error *err);

/**
 * How many attributes a list has.
 *
 * @param xattrs The list.
 * @param count Receives the number.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API ll_status ll_xattrs_count(ll_xattrs xattrs, size_t *count, struct ll_error *err);

/**
 * An attribute of a list.
 *
 * @param xattrs The list.
 * @param index From 0 on.
 * @param xattr Receives the attribute; set its struct_size.
 * @param err Detail of a failure, or NULL.
 * Ownership: the name belongs to the list
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_xattrs_get(ll_xattrs xattrs,
                        size_t index,
                        struct ll_xattr *xattr,
                        struct ll_error *err);

/**
 * Frees a list of attributes. Never blocks on log or store and never fails; a handle that is 0 or already
 * freed is ignored.
 *
 * @param handle The handle.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_xattrs_free(ll_xattrs handle);

/**
 * Sets the size of an attribute and zeroes the rest, for languages that cannot use LL_XATTR_INIT.
 *
 * @param xattr The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_xattr_init(struct ll_xattr *xattr);

/**
 * Opens a file. A handle sees one version of the content, pinned now, and what handles of the same link
 * write. What it writes appears to others when it is flushed or closed: whole, in one commit.
 * "r" and "r+" need a file that exists; "w" and "a" make one that does not, when they are published; "x" makes
 * one at once and needs that there is none. "w" gives a file that exists other content and leaves the rest: it
 * keeps its file_id, names, mode, owner and extended attributes. A symbolic link at the end of the path is
 * followed, also to a file that is yet to be made, but not by "x".
 * With options.lock the whole file is locked, in any mode, and the handle sees the content as it is when the lock is
 * granted; "w", "a" and "x" make a file that does not exist at once then, empty, in the commit that asks for the lock.
 * What locks are is said at ll_file_lock_range.
 *
 * @param filespace The filespace.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param mode "r" (read), "w" (replace), "a" (append) or "x" (make, must not exist), with "+" for the
 * other direction too; "b" changes nothing.
 * @param options NULL for defaults.
 * @param file Receives the handle.
 * @param err Detail of a failure, or NULL.
 * Ownership: end it with ll_file_close, or drop what it wrote with ll_file_free
 * Threads: any. Blocking: until log and store answer, at most network.timeout; with a lock also options.lock_wait_ms.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_NOT_FOUND, LL_ERR_EXISTS (x), LL_ERR_IS_A_DIRECTORY, LL_ERR_UNSUPPORTED_OPTION; with a lock what
 * ll_file_lock_range can fail with. @since 0.1.0
 */
LL_API
ll_status ll_file_open(ll_filespace filespace,
                       const char *path,
                       const char *mode,
                       const struct ll_open_options *options,
                       ll_file *file,
                       struct ll_error *err);

/**
 * Sets the size of open options and zeroes the rest, for languages that cannot use LL_OPEN_OPTIONS_INIT.
 *
 * @param options The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_open_options_init(struct ll_open_options *options);

/**
 * Reads from the handle's position on and moves it. Fewer bytes than asked for only at the end of the
 * file; 0 bytes there.
 *
 * @param file The file.
 * @param buf Receives the bytes.
 * @param len How many at most.
 * @param out_read Receives how many it were.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: when bytes are not in memory, until log and store answer, at most
 * network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_WRONG_MODE,
 * LL_ERR_STALE, LL_ERR_INTEGRITY, LL_ERR_IO. @since 0.1.0
 */
LL_API
ll_status ll_file_read(ll_file file,
                       void *buf,
                       size_t len,
                       size_t *out_read,
                       struct ll_error *err);

/**
 * Reads at an offset, without the handle's position.
 *
 * @param file The file.
 * @param offset Bytes from the start of the file.
 * @param buf Receives the bytes.
 * @param len How many at most.
 * @param out_read Receives how many it were; fewer only at the end of the file.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: when bytes are not in memory, until log and store answer, at most
 * network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_WRONG_MODE,
 * LL_ERR_STALE, LL_ERR_INTEGRITY, LL_ERR_IO. @since 0.1.0
 */
LL_API
ll_status ll_file_pread(ll_file file,
                        uint64_t offset,
                        void *buf,
                        size_t len,
                        size_t *out_read,
                        struct ll_error *err);

/**
 * Writes at the handle's position and moves it; in append mode at the end of the file. All bytes are
 * taken, or none.
 *
 * @param file The file.
 * @param buf The bytes.
 * @param len How many.
 * @param out_written Receives how many were taken; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: when too much waits to be stored, until the store has taken some of it.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_WRONG_MODE,
 * LL_ERR_FILE_TOO_LARGE, LL_ERR_NO_MEMORY, LL_ERR_NO_SPACE, LL_ERR_IO. @since 0.1.0
 */
LL_API
ll_status ll_file_write(ll_file file,
                        const void *buf,
                        size_t len,
                        size_t *out_written,
                        struct ll_error *err);

/**
 * Writes at an offset, without the handle's position; refused in append mode. All bytes are taken, or
 * none.
 *
 * @param file The file.
 * @param offset Bytes from the start of the file.
 * @param buf The bytes.
 * @param len How many.
 * @param out_written Receives how many were taken; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: when too much waits to be stored, until the store has taken some of it.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_WRONG_MODE,
 * LL_ERR_FILE_TOO_LARGE, LL_ERR_NO_MEMORY, LL_ERR_NO_SPACE, LL_ERR_IO. @since 0.1.0
 */
LL_API
ll_status ll_file_pwrite(ll_file file,
                         uint64_t offset,
                         const void *buf,
                         size_t len,
                         size_t *out_written,
                         struct ll_error *err);

/**
 * Reads from the handle's position on into several buffers, one after the other, and moves it once: as one
 * ll_file_read of all their bytes.
 *
 * @param file The file.
 * @param buffers The buffers; they must not overlap.
 * @param count How many there are, at most LL_MAX_BUFFERS.
 * @param out_read Receives how many bytes were read; fewer than there is room for only at the end of the file.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: when bytes are not in memory, until log and store answer, at most
 * network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_WRONG_MODE, what
 * ll_file_read can fail with. @since 0.1.0
 */
LL_API
ll_status ll_file_readv(ll_file file,
                        const struct ll_buffer *buffers,
                        size_t count,
                        size_t *out_read,
                        struct ll_error *err);

/**
 * Writes what several buffers have, one after the other, at the handle's position and moves it once; in append
 * mode at the end of the file. All bytes are taken, or none: as one ll_file_write of all of them.
 *
 * @param file The file.
 * @param buffers The buffers.
 * @param count How many there are, at most LL_MAX_BUFFERS.
 * @param out_written Receives how many bytes were taken; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: when too much waits to be stored, until the store has taken some of it.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_WRONG_MODE,
 * LL_ERR_FILE_TOO_LARGE, what ll_file_write can fail with. @since 0.1.0
 */
LL_API
ll_status ll_file_writev(ll_file file,
                         const struct ll_buffer *buffers,
                         size_t count,
                         size_t *out_written,
                         struct ll_error *err);

/**
 * Moves the handle's position. It may be behind the end; what is written there leaves a hole that reads
 * as zeros.
 *
 * @param file The file.
 * @param offset Bytes, relative to `whence`.
 * @param whence LL_SEEK_SET, LL_SEEK_CUR or LL_SEEK_END.
 * @param position Receives the new position; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED. @since 0.1.0
 */
LL_API
ll_status ll_file_seek(ll_file file,
                       int64_t offset,
                       int32_t whence,
                       uint64_t *position,
                       struct ll_error *err);

/**
 * The handle's position.
 *
 * @param file The file.
 * @param position Receives it, in bytes from the start.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED. @since 0.1.0
 */
LL_API ll_status ll_file_tell(ll_file file, uint64_t *position, struct ll_error *err);

/**
 * The size of the content as this handle sees it.
 *
 * @param file The file.
 * @param size Receives it, in bytes.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED. @since 0.1.0
 */
LL_API ll_status ll_file_size(ll_file file, uint64_t *size, struct ll_error *err);

/**
 * Sets the size, and publishes it with what the handle wrote, in one commit. Content that is being
 * replaced ("w") is cut before anybody sees it.
 *
 * @param file The file.
 * @param size The new size in bytes, at most 2^63-1.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_NOT_LINKED, LL_ERR_WRONG_MODE,
 * LL_ERR_FILE_TOO_LARGE, LL_ERR_DELETED, LL_ERR_ACCESS_DENIED, LL_ERR_LOCK_LOST, LL_ERR_TIMEOUT, LL_ERR_IO. @since 0.1.0
 */
LL_API
ll_status ll_file_truncate(ll_file file,
                           uint64_t size,
                           struct ll_error *err);

/**
 * Makes a hole of a range: it reads as zeros and takes no room any more; the size stays, also when the range
 * reaches behind it. What the handle wrote is published with it, in one commit. In content that is being
 * replaced ("w") the hole is there before anybody sees it.
 *
 * @param file The file.
 * @param offset Bytes from the start of the file.
 * @param length Bytes, at least 1.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_WRONG_MODE,
 * LL_ERR_DELETED, what ll_file_truncate can fail with. @since 0.1.0
 */
LL_API
ll_status ll_file_punch_hole(ll_file file,
                             uint64_t offset,
                             uint64_t length,
                             struct ll_error *err);

/**
 * Where data begins: the first byte at or behind an offset that is in no hole. What handles of the same link
 * wrote and did not publish is data. The handle's position stays.
 *
 * @param file The file.
 * @param offset Bytes from the start of the file.
 * @param found Receives the place, in bytes from the start.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND (there is no
 * data from the offset on; lseek says ENXIO). @since 0.1.0
 */
LL_API
ll_status ll_file_seek_data(ll_file file,
                            uint64_t offset,
                            uint64_t *found,
                            struct ll_error *err);

/**
 * Where a hole begins: the first byte at or behind an offset that is in one. The end of the file counts as
 * one. The handle's position stays.
 *
 * @param file The file.
 * @param offset Bytes from the start of the file.
 * @param found Receives the place, in bytes from the start.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_NOT_FOUND (the offset is
 * at the end of the file or behind it; lseek says ENXIO). @since 0.1.0
 */
LL_API
ll_status ll_file_seek_hole(ll_file file,
                            uint64_t offset,
                            uint64_t *found,
                            struct ll_error *err);

/**
 * Publishes what the handle wrote. When this returns, it is committed, and visible to all; in relaxed mode this
 * link sees it, and the log has it a little later.
 *
 * @param file The file.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_NOT_LINKED, LL_ERR_DELETED, LL_ERR_NOT_FOUND (its directory was
 * removed), LL_ERR_NOT_A_DIRECTORY (a file has its directory's name now), LL_ERR_IS_A_DIRECTORY (a directory
 * has its name now), LL_ERR_ACCESS_DENIED, LL_ERR_LOCK_LOST, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE, LL_ERR_IO. @since 0.1.0
 */
LL_API
ll_status ll_file_flush(ll_file file,
                        struct ll_error *err);

/**
 * Publishes what the handle wrote and makes it survive power loss. In relaxed mode it waits for the log first, and fails
 * if something that was written to this file is a late failure; others are what ll_filespace_sync_all reports.
 *
 * @param file The file.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_NOT_LINKED, LL_ERR_DELETED, LL_ERR_NOT_FOUND (its directory was
 * removed), LL_ERR_NOT_A_DIRECTORY (a file has its directory's name now), LL_ERR_IS_A_DIRECTORY (a directory
 * has its name now), LL_ERR_ACCESS_DENIED, LL_ERR_LOCK_LOST, LL_ERR_LATE_FAILURE, LL_ERR_TIMEOUT, LL_ERR_NO_SPACE,
 * LL_ERR_IO. @since 0.1.0
 */
LL_API
ll_status ll_file_sync(ll_file file,
                       struct ll_error *err);

/**
 * Moves the handle to the newest version of the content. What it wrote and did not publish stays, and so does
 * its position.
 *
 * @param file The file.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_NOT_LINKED, LL_ERR_DELETED, LL_ERR_IO.
 * @since 0.1.0
 */
LL_API
ll_status ll_file_refresh(ll_file file,
                          struct ll_error *err);

/**
 * Publishes what the handle wrote, gives up its locks and ends the handle, whether that works or not. When it succeeds,
 * content and metadata are committed and visible to all; in relaxed mode this link sees them, and the log has
 * them a little later. ll_filespace_sync_all makes them survive power loss.
 *
 * @param file The file.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_NOT_LINKED, LL_ERR_DELETED, LL_ERR_NOT_FOUND (its directory was
 * removed), LL_ERR_NOT_A_DIRECTORY (a file has its directory's name now), LL_ERR_IS_A_DIRECTORY (a directory
 * has its name now), LL_ERR_ACCESS_DENIED, LL_ERR_LOCK_LOST (nothing was published, see ll_file_lock_range),
 * LL_ERR_TIMEOUT, LL_ERR_NO_SPACE, LL_ERR_IO. @since 0.1.0
 */
LL_API
ll_status ll_file_close(ll_file file,
                        struct ll_error *err);

/**
 * Frees a file handle and drops what it wrote and did not publish. Its locks are given up a little later, in the
 * background. Never blocks on log or store and never fails; a handle that is 0 or already freed is ignored.
 *
 * @param handle The handle.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_file_free(ll_file handle);

/**
 * Locks a range of a file for an open file, against all other open files, of this and of other processes and machines,
 * that ask for locks. Locks are advisory: who asks for none reads and writes whatever is locked. Where the range
 * overlaps what this open file has locked, it takes its place: so a lock is made shared or exclusive, and is never lost
 * in between. It may reach behind the end of the file.
 * Who waits is served in the order of the requests; a shared lock does not overtake a request for an exclusive one. An
 * open file that has a lock of the file goes before those that have none, and is told if waiting would never end.
 * (That is found out among the locks of one file.)
 * When it is granted, the handle sees the newest content, with all that was published under the locks before. What it
 * writes then is published while the lock is held, or not at all. Unlocking publishes it, in one commit with the
 * release; so does ll_file_close, and so do unlink and stop with LL_SYNC_ALL. ll_file_free drops it.
 * The locks of a process that died or stands still are free session.lease (30 s) later to those who wait for them. If
 * it goes on after all, it is told: LL_ERR_LOCK_LOST from then on for each open file that had locks, and nothing of
 * what those wrote is published. They can be read until they are closed.
 *
 * @param file The open file, in any mode.
 * @param offset Where the range starts, in bytes.
 * @param length How many bytes; 0: to the end of the file, however long it gets.
 * @param options NULL: exclusive, and without waiting.
 * @param err Detail of a failure, or NULL.
 * Threads: any; calls through one handle ask one after the other. Blocking: until log and store answer, at most
 * network.timeout, and while others have the lock at most options.wait_ms. ll_file_free, ll_file_close,
 * ll_file_unlock_all and unlinking the filespace in another thread end the wait.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_UNSUPPORTED_OPTION, LL_ERR_NOT_LINKED,
 * LL_ERR_LOCKED (others have it, and wait_ms is 0; or another call gave up what this one waited for), LL_ERR_TIMEOUT,
 * LL_ERR_DEADLOCK, LL_ERR_LOCK_LOST, LL_ERR_READ_ONLY and LL_ERR_ACCESS_DENIED (locks are written to the log),
 * LL_ERR_DELETED, LL_ERR_NO_SPACE (the file has 1024 locks and requests), what publishing a file that is yet to be made
 * can fail with. With LL_ERROR_MAYBE_APPLIED the range may get locked: unlock it, or close the file. @since 0.1.0
 */
LL_API
ll_status ll_file_lock_range(ll_file file,
                             uint64_t offset,
                             uint64_t length,
                             const struct ll_lock_options *options,
                             struct ll_error *err);

/**
 * Gives up what an open file has locked of a range, and publishes what it wrote, in one commit. A part of a lock may be
 * given up. Where nothing is locked, nothing happens; so it is if the open file has no lock at all, and nothing is
 * published then. When publishing fails, the lock is given up all the same, and the failure returned; what was written is
 * never published then, because others may go on (LL_ERR_LOCK_LOST from then on). It can be read until the file is closed.
 *
 * @param file The open file.
 * @param offset Where the range starts, in bytes.
 * @param length How many bytes; 0: to the end of the file, however long it gets.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_LOCK_LOST (the lock was lost before,
 * and nothing is published), LL_ERR_TIMEOUT and LL_ERR_IO (the log cannot be reached: the lock may still be held; try
 * again, or close the file), LL_ERR_NO_SPACE (there are 1024 locks and requests, and it would make two of one), what
 * ll_file_flush can fail with. @since 0.1.0
 */
LL_API
ll_status ll_file_unlock_range(ll_file file,
                               uint64_t offset,
                               uint64_t length,
                               struct ll_error *err);

/**
 * Gives up all that an open file has locked, and publishes what it wrote, in one commit: ll_file_unlock_range of the
 * whole file.
 *
 * @param file The open file.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_NOT_LINKED, LL_ERR_LOCK_LOST (the lock was lost before, and nothing is
 * published), what ll_file_unlock_range can fail with. @since 0.1.0
 */
LL_API
ll_status ll_file_unlock_all(ll_file file,
                             struct ll_error *err);

/**
 * Sets the size of lock options and zeroes the rest, for languages that cannot use LL_LOCK_OPTIONS_INIT.
 *
 * @param options The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_lock_options_init(struct ll_lock_options *options);

/**
 * Lists the late failures of a link that were not acknowledged, in the order of the calls. Works after
 * ll_filespace_unlink too.
 *
 * @param filespace The filespace.
 * @param failures Receives the list.
 * @param err Detail of a failure, or NULL.
 * Ownership: free the list with ll_late_failures_free
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_filespace_late_failures(ll_filespace filespace,
                                     ll_late_failures *failures,
                                     struct ll_error *err);

/**
 * How many late failures a list has.
 *
 * @param failures The list.
 * @param count Receives the number.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_late_failures_count(ll_late_failures failures,
                                 size_t *count,
                                 struct ll_error *err);

/**
 * A late failure of a list.
 *
 * @param failures The list.
 * @param index From 0 on.
 * @param failure Receives it; set its struct_size.
 * @param err Detail of a failure, or NULL.
 * Ownership: its texts belong to the list
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_late_failures_get(ll_late_failures failures,
                               size_t index,
                               struct ll_late_failure *failure,
                               struct ll_error *err);

/**
 * Opens what a late failure was to write, for reading: the whole content if it was to replace a file's, else the
 * ranges that it was to write, with zeroes between them; what it was to append starts at 0.
 *
 * @param filespace The filespace, which must be linked.
 * @param number The late failure's number.
 * @param nth Which of its contents, counted from 0 in the order in which a batch was given them; 0 if it is no batch.
 * @param file Receives the handle.
 * @param err Detail of a failure, or NULL.
 * Ownership: end it with ll_file_close or ll_file_free
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT (there is none of this number, or it was not to write
 * so many contents), LL_ERR_NOT_LINKED. @since 0.1.0
 */
LL_API
ll_status ll_filespace_open_late_failure(ll_filespace filespace,
                                         uint64_t number,
                                         size_t nth,
                                         ll_file *file,
                                         struct ll_error *err);

/**
 * Forgets late failures, and the content that they were to write: that of files opened before lasts until they are
 * closed.
 *
 * @param filespace The filespace.
 * @param upto The number of the last one to forget; those before it are forgotten too.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE. @since 0.1.0
 */
LL_API
ll_status ll_filespace_acknowledge_failures(ll_filespace filespace,
                                            uint64_t upto,
                                            struct ll_error *err);

/**
 * Sets the size of a late failure and zeroes the rest, for languages that cannot use LL_LATE_FAILURE_INIT.
 *
 * @param failure The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_late_failure_init(struct ll_late_failure *failure);

/**
 * Frees a list of late failures, which stay. Never blocks on log or store and never fails; a handle that is 0 or
 * already freed is ignored.
 *
 * @param handle The handle.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_late_failures_free(ll_late_failures handle);

/**
 * Begins a batch: operations that are committed together. All take effect or none does, and others see all of them at
 * once. What is added is checked as far as that goes without looking at the filespace; ll_batch_commit does the rest.
 * A batch has at most 200,000 operations, 64 MiB of paths and attributes, and 120 MiB of what it says in the log.
 * Content is stored while it is added.
 *
 * @param filespace The filespace.
 * @param batch Receives the handle.
 * @param err Detail of a failure, or NULL.
 * Ownership: free it with ll_batch_free; it goes with its filespace handle
 * Threads: any; calls on one batch take turns. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY. @since 0.1.0
 */
LL_API
ll_status ll_batch_new(ll_filespace filespace,
                       ll_batch *batch,
                       struct ll_error *err);

/**
 * Adds what ll_fs_create_dir does.
 *
 * @param batch The batch.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG. @since 0.1.0
 */
LL_API
ll_status ll_batch_create_dir(ll_batch batch,
                              const char *path,
                              struct ll_error *err);

/**
 * Adds what ll_fs_delete_dir does.
 *
 * @param batch The batch.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param recursive Not 0: with everything below it.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG. @since 0.1.0
 */
LL_API
ll_status ll_batch_delete_dir(ll_batch batch,
                              const char *path,
                              int32_t recursive,
                              struct ll_error *err);

/**
 * Adds what ll_fs_delete does.
 *
 * @param batch The batch.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG. @since 0.1.0
 */
LL_API
ll_status ll_batch_delete(ll_batch batch,
                          const char *path,
                          struct ll_error *err);

/**
 * Adds what ll_fs_move does.
 *
 * @param batch The batch.
 * @param from The path that it has.
 * @param to The path that it gets.
 * @param flags LL_MOVE_REPLACE or 0.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
 */
LL_API
ll_status ll_batch_move(ll_batch batch,
                        const char *from,
                        const char *to,
                        uint32_t flags,
                        struct ll_error *err);

/**
 * Adds what ll_fs_copy does.
 *
 * @param batch The batch.
 * @param from The path of the file.
 * @param to The path of the copy.
 * @param flags LL_NOFOLLOW, LL_COPY_REPLACE, both or 0.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
 */
LL_API
ll_status ll_batch_copy(ll_batch batch,
                        const char *from,
                        const char *to,
                        uint32_t flags,
                        struct ll_error *err);

/**
 * Adds what ll_fs_truncate does.
 *
 * @param batch The batch.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param size The new size in bytes, at most 2^63-1.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG. @since 0.1.0
 */
LL_API
ll_status ll_batch_truncate(ll_batch batch,
                            const char *path,
                            uint64_t size,
                            struct ll_error *err);

/**
 * Adds what ll_fs_write_file does.
 *
 * @param batch The batch.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param content The content; ignored if `len` is 0.
 * @param len Its bytes.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until earlier content is stored, when much of it waits.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * what ll_file_write can fail with. @since 0.1.0
 */
LL_API
ll_status ll_batch_write_file(ll_batch batch,
                              const char *path,
                              const void *content,
                              size_t len,
                              struct ll_error *err);

/**
 * Adds what ll_fs_create_symlink does.
 *
 * @param batch The batch.
 * @param target Where it leads, 1 to 4096 bytes; need not exist.
 * @param path The link's own path.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG. @since 0.1.0
 */
LL_API
ll_status ll_batch_create_symlink(ll_batch batch,
                                  const char *target,
                                  const char *path,
                                  struct ll_error *err);

/**
 * Adds what ll_fs_create_hard_link does.
 *
 * @param batch The batch.
 * @param existing The path of the file or symbolic link.
 * @param path Its new path.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG. @since 0.1.0
 */
LL_API
ll_status ll_batch_create_hard_link(ll_batch batch,
                                    const char *existing,
                                    const char *path,
                                    struct ll_error *err);

/**
 * Adds what ll_fs_set_times does.
 *
 * @param batch The batch.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param flags LL_NOFOLLOW or 0.
 * @param atime_ns Nanoseconds since 1970, or LL_TIME_OMIT.
 * @param mtime_ns Nanoseconds since 1970, or LL_TIME_OMIT.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
 */
LL_API
ll_status ll_batch_set_times(ll_batch batch,
                             const char *path,
                             uint32_t flags,
                             int64_t atime_ns,
                             int64_t mtime_ns,
                             struct ll_error *err);

/**
 * Adds what ll_fs_set_mode does.
 *
 * @param batch The batch.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param mode 0 to 07777.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG. @since 0.1.0
 */
LL_API
ll_status ll_batch_set_mode(ll_batch batch,
                            const char *path,
                            uint32_t mode,
                            struct ll_error *err);

/**
 * Adds what ll_fs_set_owner does.
 *
 * @param batch The batch.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param uid The owner.
 * @param gid The group.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG. @since 0.1.0
 */
LL_API
ll_status ll_batch_set_owner(ll_batch batch,
                             const char *path,
                             uint32_t uid,
                             uint32_t gid,
                             struct ll_error *err);

/**
 * Adds what ll_fs_set_xattr does.
 *
 * @param batch The batch.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param flags LL_NOFOLLOW or 0, and LL_XATTR_CREATE, LL_XATTR_REPLACE or none of them.
 * @param name The attribute's name, 1 to 255 bytes.
 * @param value The value; ignored if `len` is 0.
 * @param len Its bytes, at most 65536.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
 */
LL_API
ll_status ll_batch_set_xattr(ll_batch batch,
                             const char *path,
                             uint32_t flags,
                             const char *name,
                             const void *value,
                             size_t len,
                             struct ll_error *err);

/**
 * Adds what ll_fs_remove_xattr does.
 *
 * @param batch The batch.
 * @param path The path: absolute, '/'-separated, at most 4096 bytes.
 * @param flags LL_NOFOLLOW or 0.
 * @param name The attribute's name, 1 to 255 bytes.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG, LL_ERR_UNSUPPORTED_OPTION. @since 0.1.0
 */
LL_API
ll_status ll_batch_remove_xattr(ll_batch batch,
                                const char *path,
                                uint32_t flags,
                                const char *name,
                                struct ll_error *err);

/**
 * Commits a batch: all of its operations take effect, in their order, or none does. In relaxed mode it returns when
 * this link sees them. Afterwards the batch is empty and can be used again; after a failure it is as it was and may be
 * committed again, unless the error says LL_ERROR_MAYBE_APPLIED, or content could not be stored.
 *
 * @param batch The batch.
 * @param failed Receives the index of the operation that is to blame, counted from 0 in the order of the calls;
 * LL_NO_OPERATION if none is. May be NULL.
 * @param err Detail of a failure, or NULL: what the function that does the operation alone would say.
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, what the operations can fail with. @since 0.1.0
 */
LL_API
ll_status ll_batch_commit(ll_batch batch,
                          uint64_t *failed,
                          struct ll_error *err);

/**
 * How many operations a batch has.
 *
 * @param batch The batch.
 * @param count Receives the number.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API ll_status ll_batch_count(ll_batch batch, size_t *count, struct ll_error *err);

/**
 * Frees a batch; what was not committed is dropped. Never blocks on log or store and never fails; a handle that is 0
 * or already freed is ignored.
 *
 * @param handle The handle.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_batch_free(ll_batch handle);

/**
 * Starts to watch a filespace: what everybody's commits do to it is told, in their order, each at least once, with the
 * names as they are at that place. Works on read-only links and for readers too, but not on a snapshot, in which nothing
 * happens. A position that the log does not reach back to any more is LL_ERR_POSITION_TRUNCATED.
 *
 * @param filespace The filespace.
 * @param options What is watched; NULL for all of it, from now on.
 * @param watch Receives the handle.
 * @param err Detail of a failure, or NULL.
 * Ownership: free it with ll_watch_free; it goes with its filespace handle
 * Threads: any. Blocking: until log and store answer, at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_INVALID_PATH, LL_ERR_NAME_TOO_LONG,
 * LL_ERR_UNSUPPORTED_OPTION, LL_ERR_NOT_LINKED, LL_ERR_LOG_ROLLED_BACK (from is not a position of this log). @since 0.1.0
 */
LL_API
ll_status ll_filespace_watch(ll_filespace filespace,
                             const struct ll_watch_options *options,
                             ll_watch *watch,
                             struct ll_error *err);

/**
 * Takes what happened: waits until there is something, or the time is over. What keeps the link from following the log,
 * such as LL_ERR_IO, is returned when the time is over; later it goes on. What ends the link, such as
 * LL_ERR_FILESPACE_DELETED, ends the watch.
 *
 * @param watch The watch.
 * @param events Receives the events: room for `cap` of them; set the struct_size of the first.
 * @param stride Bytes from one to the next: sizeof(ll_event).
 * @param cap How many there is room for, at least 1.
 * @param count Receives how many there are; 0: there was nothing in time.
 * @param timeout_ms How long to wait, in milliseconds; 0: only look.
 * @param err Detail of a failure, or NULL.
 * Ownership: the texts belong to the watch, until the next call of this function or the end of the handle
 * Threads: any; calls take turns, and the next one ends the texts. Blocking: until there is something, at most
 * timeout_ms; ll_watch_free and the end of the link end it.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_NOT_LINKED. @since 0.1.0
 */
LL_API
ll_status ll_watch_next(ll_watch watch,
                        struct ll_event *events,
                        size_t stride,
                        size_t cap,
                        size_t *count,
                        uint64_t timeout_ms,
                        struct ll_error *err);

/**
 * Where another watch goes on, also of another process: what came up to there was taken. Of a commit whose events were
 * taken in part, all are told again.
 *
 * @param watch The watch.
 * @param position Receives the position; set its struct_size.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_watch_position(ll_watch watch,
                            struct ll_position *position,
                            struct ll_error *err);

/**
 * A descriptor for poll, epoll and event loops: readable as long as there is something to take, or the watch has ended.
 * Do not read, write or close it; ll_watch_next is what makes it unreadable again.
 *
 * @param watch The watch.
 * @param fd Receives the descriptor.
 * @param err Detail of a failure, or NULL.
 * Ownership: it belongs to the watch, and is closed with it
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_watch_fd(ll_watch watch,
                      int32_t *fd,
                      struct ll_error *err);

/**
 * Sets who is called when there is something to take and was nothing before, and once when the watch ends. Replaces the
 * one before; when this returns, that one is not running and will not be called again.
 *
 * @param watch The watch.
 * @param callback The function, or NULL for none.
 * @param user Passed to the function; the library does not look at it.
 * @param free_user Called with `user` exactly once: when the callback is replaced, when the watch is freed, or at once if
 * this fails; may be NULL.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until a call of the replaced callback returns.
 * Errors: LL_ERR_INVALID_HANDLE. @since 0.1.0
 */
LL_API
ll_status ll_watch_set_callback(ll_watch watch,
                                ll_watch_fn callback,
                                void *user,
                                ll_free_fn free_user,
                                struct ll_error *err);

/**
 * Ends a watch; calls that wait for it end too. Never blocks on log or store and never fails; a handle that is 0 or
 * already freed is ignored.
 *
 * @param handle The handle.
 * Threads: any, but not in the watch's callback. Blocking: until a call of its callback returns.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_watch_free(ll_watch handle);

/**
 * Sets the size of watch options and zeroes the rest, for languages that cannot use LL_WATCH_OPTIONS_INIT.
 *
 * @param options The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_watch_options_init(struct ll_watch_options *options);

/**
 * Sets the size of an event and zeroes the rest, for languages that cannot use LL_EVENT_INIT.
 *
 * @param event The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_event_init(struct ll_event *event);

/**
 * Checks a filespace as a whole, as it was committed when the call began, or what a snapshot has, if that is linked: the
 * log with every signature, the state that it gives, checkpoints, counters, packs and their blocks, and each range of a
 * file. What is damaged does not stop it: it is a finding, with the files concerned. Nothing is changed; others may read
 * and write meanwhile. It reads all that is stored, so it takes as long as that; memory does not grow with it, but for
 * what changed between two checkpoints. In a folder a file that was removed is still there for a process that has it
 * open: a check by another one sees that.
 *
 * @param filespace The filespace.
 * @param options How, or NULL.
 * @param report Receives what was checked; set its struct_size.
 * @param findings Receives what is wrong, in no order; empty if all is well.
 * @param err Detail of a failure, or NULL. That something is damaged is none.
 * Ownership: free the list with ll_findings_free
 * Threads: any. Blocking: until all is read; each request at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_UNSUPPORTED_OPTION, LL_ERR_NOT_LINKED. @since 0.1.0
 */
LL_API
ll_status ll_filespace_fsck(ll_filespace filespace,
                            const struct ll_fsck_options *options,
                            struct ll_fsck_report *report,
                            ll_findings *findings,
                            struct ll_error *err);

/**
 * How many findings a list has.
 *
 * @param findings The list.
 * @param count Receives the number.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API ll_status ll_findings_count(ll_findings findings, size_t *count, struct ll_error *err);

/**
 * A finding of a list.
 *
 * @param findings The list.
 * @param index From 0 on.
 * @param finding Receives it; set its struct_size.
 * @param err Detail of a failure, or NULL.
 * Ownership: its texts belong to the list
 * Threads: any. Blocking: no.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT. @since 0.1.0
 */
LL_API
ll_status ll_findings_get(ll_findings findings,
                          size_t index,
                          struct ll_finding *finding,
                          struct ll_error *err);

/**
 * Sets the size of options and zeroes the rest, for languages that cannot use LL_FSCK_OPTIONS_INIT.
 *
 * @param options The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_fsck_options_init(struct ll_fsck_options *options);

/**
 * Sets the size of a report and zeroes the rest, for languages that cannot use LL_FSCK_REPORT_INIT.
 *
 * @param report The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_fsck_report_init(struct ll_fsck_report *report);

/**
 * Sets the size of a finding and zeroes the rest, for languages that cannot use LL_FINDING_INIT.
 *
 * @param finding The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_finding_init(struct ll_finding *finding);

/**
 * Frees a list of findings. Never blocks on log or store and never fails; a handle that is 0 or already freed is
 * ignored.
 *
 * @param handle The handle.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API
void ll_findings_free(ll_findings handle);

/**
 * Writes a checkpoint of what the log has now, from which newcomers start. Links that write do so in the background
 * when there is much behind the last one; by hand it is of use before a backup, or when a long wait is over.
 *
 * @param filespace The filespace.
 * @param err Detail of a failure, or NULL.
 * Threads: any. Blocking: until log and store answer, each request at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_NOT_LINKED, LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED. @since 0.1.0
 */
LL_API
ll_status ll_filespace_checkpoint(ll_filespace filespace,
                                  struct ll_error *err);

/**
 * Deletes what nobody can read any more: packs of content whose last byte was overwritten, cut or deleted longer ago
 * than the grace, and what writers that died have left. How long ago that was, the store's clock says: a first call
 * leaves a mark, and one that comes when the grace is over deletes. Others may read and write meanwhile. Ended at any
 * point, it is taken up by the next one. A dry run needs no more than a reader's role, and works on read-only links too.
 *
 * @param filespace The filespace.
 * @param options What, or NULL.
 * @param report Receives what was deleted; set its struct_size.
 * @param err Detail of a failure, or NULL. What was deleted before it stays deleted.
 * Threads: any. Blocking: until log and store answer, each request at most network.timeout.
 * Errors: LL_ERR_INVALID_HANDLE, LL_ERR_INVALID_ARGUMENT, LL_ERR_UNSUPPORTED_OPTION, LL_ERR_NOT_LINKED,
 * LL_ERR_READ_ONLY, LL_ERR_ACCESS_DENIED. @since 0.1.0
 */
LL_API
ll_status ll_filespace_gc(ll_filespace filespace,
                          const struct ll_gc_options *options,
                          struct ll_gc_report *report,
                          struct ll_error *err);

/**
 * Sets the size of options and zeroes the rest, for languages that cannot use LL_GC_OPTIONS_INIT.
 *
 * @param options The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_gc_options_init(struct ll_gc_options *options);

/**
 * Sets the size of a report and zeroes the rest, for languages that cannot use LL_GC_REPORT_INIT.
 *
 * @param report The struct; NULL does nothing.
 * Threads: any. Blocking: no.
 * Errors: none. @since 0.1.0
 */
LL_API void ll_gc_report_init(struct ll_gc_report *report);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LUCIDLINK_H */

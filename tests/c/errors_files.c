/* Every documented error of files and directories that a caller can provoke, once: exact status, and a message that
 * names the argument, the path or the rule. What store and log can fail with is in errors_store.c.
 */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define STALE "the handle is stale, freed or of another kind"

/* Links of one filespace: to write, read-only, of an account that may only read, ended. */
static ll_filespace writable, read_only, reader, unlinked;
static char long_name[300], long_path[4200];

/* Each call with a path: the function, what it calls the path, the call itself. The names `fs` and `path` stand for
 * what changes. The first list looks, the second changes something; for that, `path` is one of the kind it needs.
 */
#define LOOKING(X) \
    X(ll_fs_read_dir, "path", (fs, path, &list, ERR)) \
    X(ll_fs_list_dir, "path", (fs, path, &list, ERR)) \
    X(ll_fs_get_entry, "path", (fs, path, 0, &entry, ERR)) \
    X(ll_fs_file_exists, "path", (fs, path, &flag, ERR)) \
    X(ll_fs_dir_exists, "path", (fs, path, &flag, ERR)) \
    X(ll_fs_read_file, "path", (fs, path, data, sizeof data, &size, ERR)) \
    X(ll_fs_read_symlink, "path", (fs, path, data, sizeof data, &size, ERR)) \
    X(ll_fs_get_xattr, "path", (fs, path, 0, "user.colour", data, sizeof data, &size, ERR)) \
    X(ll_fs_list_xattr, "path", (fs, path, 0, &xattrs, ERR))
#define CHANGING(X) \
    X(ll_fs_create_dir, "path", (fs, path, ERR), "/new") \
    X(ll_fs_create, "path", (fs, path, 0644, ERR), "/new") \
    X(ll_fs_copy, "from", (fs, path, "/new", 0, ERR), "/file") \
    X(ll_fs_copy, "to", (fs, "/file", path, 0, ERR), "/new") \
    X(ll_fs_set_xattr, "path", (fs, path, 0, "user.new", "x", 1, ERR), "/file") \
    X(ll_fs_remove_xattr, "path", (fs, path, 0, "user.colour", ERR), "/file") \
    X(ll_fs_delete_dir, "path", (fs, path, 0, ERR), "/empty") \
    X(ll_fs_delete, "path", (fs, path, ERR), "/file") \
    X(ll_fs_move, "from", (fs, path, "/new", 0, ERR), "/file") \
    X(ll_fs_move, "to", (fs, "/file", path, 0, ERR), "/new") \
    X(ll_fs_truncate, "path", (fs, path, 1, ERR), "/file") \
    X(ll_fs_write_file, "path", (fs, path, "x", 1, ERR), "/new") \
    X(ll_fs_create_symlink, "path", (fs, "target", path, ERR), "/new") \
    X(ll_fs_create_hard_link, "existing", (fs, path, "/new", ERR), "/file") \
    X(ll_fs_create_hard_link, "path", (fs, "/file", path, ERR), "/new") \
    X(ll_fs_set_times, "path", (fs, path, 0, 1, 1, ERR), "/file") \
    X(ll_fs_set_mode, "path", (fs, path, 0600, ERR), "/file") \
    X(ll_fs_set_owner, "path", (fs, path, 1, 1, ERR), "/file") \
    X(ll_file_open, "path", (fs, path, "x", NULL, &file, ERR), "/new")

#define ANY_PATH(function, name, call) \
    fs = writable; \
    path = NULL; \
    FAILS(LL_ERR_INVALID_ARGUMENT, name ": it is NULL", function, call); \
    path = "/\xc3("; \
    FAILS(LL_ERR_INVALID_ARGUMENT, name ": it is not UTF-8", function, call); \
    path = "file"; \
    FAILS(LL_ERR_INVALID_PATH, name, function, call); \
    path = "/a/../file"; \
    FAILS(LL_ERR_INVALID_PATH, "'..'", function, call); \
    path = long_name; \
    FAILS(LL_ERR_NAME_TOO_LONG, "255 bytes", function, call); \
    path = long_path; \
    FAILS(LL_ERR_NAME_TOO_LONG, "4096 bytes", function, call); \
    path = "/file"; \
    fs = 0; \
    FAILS(LL_ERR_INVALID_HANDLE, "filespace: " STALE, function, call); \
    fs = unlinked; \
    FAILS(LL_ERR_NOT_LINKED, "link it again", function, call);
#define ANY_CHANGE(function, name, call, suitable) \
    ANY_PATH(function, name, call) \
    path = suitable; \
    fs = read_only; \
    FAILS(LL_ERR_READ_ONLY, "read-only", function, call); \
    fs = reader; \
    FAILS(LL_ERR_ACCESS_DENIED, "may not write to filespace \"projects\"", function, call);

static void errors_that_all_share(void)
{
    ll_filespace fs;
    const char *path;
    ll_entries list = 0;
    ll_xattrs xattrs = 0;
    ll_entry entry = LL_ENTRY_INIT;
    ll_file file = 0;
    char data[16];
    size_t size = 0;
    int32_t flag = 0;

    LOOKING(ANY_PATH)
    CHANGING(ANY_CHANGE)
    FAILS(LL_ERR_INVALID_ARGUMENT, "target: it is NULL", ll_fs_create_symlink, (writable, NULL, "/new", ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "target", ll_fs_create_symlink, (writable, "", "/new", ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "target", ll_fs_create_symlink, (writable, long_path, "/new", ERR));
    CHECK(list == 0 && xattrs == 0 && file == 0);
}

static void errors_of_looking(void)
{
    ll_filespace fs = writable;
    ll_entries list = 0;
    ll_entry entry = LL_ENTRY_INIT;
    char data[4];
    size_t size = 0;
    int32_t flag = 0;

    FAILS(LL_ERR_INVALID_ARGUMENT, "entries", ll_fs_read_dir, (fs, "/", NULL, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_read_dir, (fs, "/missing", &list, ERR));
    FAILS(LL_ERR_NOT_A_DIRECTORY, "/file", ll_fs_read_dir, (fs, "/file", &list, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_list_dir, (fs, "/missing", &list, ERR));
    FAILS(LL_ERR_NOT_A_DIRECTORY, "/file", ll_fs_list_dir, (fs, "/file/below", &list, ERR));
    MUST(ll_fs_list_dir(fs, "/", &list, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "count", ll_entries_count, (list, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "index: the list has", ll_entries_get, (list, 99, &entry, ERR));
    ll_entries_free(list);
    FAILS(LL_ERR_INVALID_HANDLE, "entries: " STALE, ll_entries_count, (list, &size, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "entries: " STALE, ll_entries_get, (list, 0, &entry, ERR));

    FAILS(LL_ERR_UNSUPPORTED_OPTION, "flags", ll_fs_get_entry, (fs, "/", 2, &entry, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_get_entry, (fs, "/missing", 0, &entry, ERR));
    FAILS(LL_ERR_NOT_A_DIRECTORY, "/file/", ll_fs_get_entry, (fs, "/file/", 0, &entry, ERR));
    FAILS(LL_ERR_TOO_MANY_SYMLINKS, "/loop", ll_fs_get_entry, (fs, "/loop", 0, &entry, ERR));
    OK(ll_fs_get_entry(fs, "/loop", LL_NOFOLLOW, &entry, ERR));
    entry.struct_size = 4;
    FAILS(LL_ERR_INVALID_ARGUMENT, "entry: struct_size is 4", ll_fs_get_entry, (fs, "/", 0, &entry, ERR));
    FAILS(LL_ERR_TOO_MANY_SYMLINKS, "/loop", ll_fs_file_exists, (fs, "/loop", &flag, ERR));
    FAILS(LL_ERR_TOO_MANY_SYMLINKS, "/loop", ll_fs_dir_exists, (fs, "/loop/below", &flag, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "exists", ll_fs_file_exists, (fs, "/", NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "exists", ll_fs_dir_exists, (fs, "/", NULL, ERR));

    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_read_file, (fs, "/missing", data, sizeof data, &size, ERR));
    FAILS(LL_ERR_IS_A_DIRECTORY, "/empty", ll_fs_read_file, (fs, "/empty", data, sizeof data, &size, ERR));
    FAILS(LL_ERR_BUFFER_TOO_SMALL, "buf: 7 bytes", ll_fs_read_file, (fs, "/file", data, sizeof data, &size, ERR));
    CHECK(size == 7);
    FAILS(LL_ERR_INVALID_ARGUMENT, "buf", ll_fs_read_file, (fs, "/file", NULL, 7, &size, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "needed", ll_fs_read_file, (fs, "/file", data, 7, NULL, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_read_symlink, (fs, "/missing", data, sizeof data, &size, ERR));
    FAILS(LL_ERR_NOT_A_SYMLINK, "/file", ll_fs_read_symlink, (fs, "/file", data, sizeof data, &size, ERR));
    FAILS(LL_ERR_BUFFER_TOO_SMALL, "buf: 5 bytes", ll_fs_read_symlink, (fs, "/loop", data, sizeof data, &size, ERR));
}

/* Whether the last error is about this path. */
static int last_path_is(const char *path)
{
    char text[64];
    return ll_last_error_path(text, sizeof text, NULL) == LL_OK && strcmp(text, path) == 0;
}

static void errors_of_names(void)
{
    ll_filespace fs = writable;
    FAILS(LL_ERR_EXISTS, "/file", ll_fs_create_dir, (fs, "/file", ERR));
    FAILS(LL_ERR_EXISTS, "/empty", ll_fs_create_dir, (fs, "/empty", ERR));
    FAILS(LL_ERR_NOT_A_DIRECTORY, "/file/below", ll_fs_create_dir, (fs, "/file/below", ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_delete_dir, (fs, "/missing", 1, ERR));
    FAILS(LL_ERR_NOT_A_DIRECTORY, "/file", ll_fs_delete_dir, (fs, "/file", 1, ERR));
    FAILS(LL_ERR_NOT_EMPTY, "/full", ll_fs_delete_dir, (fs, "/full", 0, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "root", ll_fs_delete_dir, (fs, "/", 1, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_delete, (fs, "/missing", ERR));
    FAILS(LL_ERR_IS_A_DIRECTORY, "/empty", ll_fs_delete, (fs, "/empty", ERR));

    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_move, (fs, "/missing", "/new", 0, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing/new", ll_fs_move, (fs, "/file", "/missing/new", 0, ERR));
    FAILS(LL_ERR_EXISTS, "/second", ll_fs_move, (fs, "/file", "/second", 0, ERR));
    /* What is to blame is named: here the path that it would get. */
    FAILS(LL_ERR_NOT_EMPTY, "/full", ll_fs_move, (fs, "/empty", "/full", LL_MOVE_REPLACE, ERR));
    CHECK(last_path_is("/full"));
    FAILS(LL_ERR_IS_A_DIRECTORY, "/empty", ll_fs_move, (fs, "/file", "/empty", LL_MOVE_REPLACE, ERR));
    CHECK(last_path_is("/empty"));
    FAILS(LL_ERR_NOT_A_DIRECTORY, "/file", ll_fs_move, (fs, "/empty", "/file", LL_MOVE_REPLACE, ERR));
    CHECK(last_path_is("/file"));
    FAILS(LL_ERR_MOVE_INTO_ITSELF, "below itself", ll_fs_move, (fs, "/full", "/full/inner/new", 0, ERR));
    CHECK(last_path_is("/full/inner/new"));
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "flags", ll_fs_move, (fs, "/file", "/new", 2, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "root", ll_fs_move, (fs, "/", "/new", 0, ERR));
    CHECK(last_path_is("/"));
    FAILS(LL_ERR_EXISTS, "/file", ll_fs_create, (fs, "/file", 0644, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing/new", ll_fs_create, (fs, "/missing/new", 0644, ERR));
    FAILS(LL_ERR_IS_A_DIRECTORY, "/new/", ll_fs_create, (fs, "/new/", 0644, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "mode", ll_fs_create, (fs, "/new", 010000, ERR));

    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_truncate, (fs, "/missing", 0, ERR));
    FAILS(LL_ERR_IS_A_DIRECTORY, "/empty", ll_fs_truncate, (fs, "/empty", 0, ERR));
    FAILS(LL_ERR_FILE_TOO_LARGE, "2^63-1", ll_fs_truncate, (fs, "/file", UINT64_MAX, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing/new", ll_fs_write_file, (fs, "/missing/new", "x", 1, ERR));
    FAILS(LL_ERR_IS_A_DIRECTORY, "/empty", ll_fs_write_file, (fs, "/empty", "x", 1, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "content", ll_fs_write_file, (fs, "/new", NULL, 1, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing/new", ll_fs_create_symlink, (fs, "t", "/missing/new", ERR));
    FAILS(LL_ERR_EXISTS, "/file", ll_fs_create_symlink, (fs, "t", "/file", ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_create_hard_link, (fs, "/missing", "/new", ERR));
    FAILS(LL_ERR_EXISTS, "/second", ll_fs_create_hard_link, (fs, "/file", "/second", ERR));
    FAILS(LL_ERR_IS_A_DIRECTORY, "/empty", ll_fs_create_hard_link, (fs, "/empty", "/new", ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_set_times, (fs, "/missing", 0, 1, 1, ERR));
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "flags", ll_fs_set_times, (fs, "/file", 8, 1, 1, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_set_mode, (fs, "/missing", 0600, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "mode", ll_fs_set_mode, (fs, "/file", 010000, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_set_owner, (fs, "/missing", 1, 1, ERR));
}

static void errors_of_copies(void)
{
    ll_filespace fs = writable;
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_copy, (fs, "/missing", "/new", 0, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing/new", ll_fs_copy, (fs, "/file", "/missing/new", 0, ERR));
    FAILS(LL_ERR_EXISTS, "/second", ll_fs_copy, (fs, "/file", "/second", 0, ERR));
    FAILS(LL_ERR_EXISTS, "/", ll_fs_copy, (fs, "/file", "/", LL_COPY_REPLACE, ERR));
    FAILS(LL_ERR_IS_A_DIRECTORY, "copy what is in it: \"/empty\"", ll_fs_copy, (fs, "/empty", "/new", 0, ERR));
    FAILS(LL_ERR_IS_A_DIRECTORY, "/empty", ll_fs_copy, (fs, "/file", "/empty", LL_COPY_REPLACE, ERR));
    FAILS(LL_ERR_IS_A_DIRECTORY, "/new/", ll_fs_copy, (fs, "/file", "/new/", 0, ERR));
    FAILS(LL_ERR_NOT_A_DIRECTORY, "/second/", ll_fs_copy, (fs, "/file", "/second/", LL_COPY_REPLACE, ERR));
    FAILS(LL_ERR_NOT_A_DIRECTORY, "/file/", ll_fs_copy, (fs, "/file/", "/new", 0, ERR));
    FAILS(LL_ERR_TOO_MANY_SYMLINKS, "/loop", ll_fs_copy, (fs, "/loop", "/new", 0, ERR));
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "flags", ll_fs_copy, (fs, "/file", "/new", 4, ERR));
    CHECK(!file_exists(fs, "/new"));
}

static void errors_of_attributes(void)
{
    static const char bulk[65537];
    ll_filespace fs = writable;
    ll_xattrs list = 0;
    ll_xattr xattr = LL_XATTR_INIT;
    char data[8];
    size_t size = 0;

    FAILS(LL_ERR_NO_ATTRIBUTE, "\"user.none\": \"/file\"", ll_fs_get_xattr,
          (fs, "/file", 0, "user.none", data, sizeof data, &size, ERR));
    FAILS(LL_ERR_BUFFER_TOO_SMALL, "buf: 4 bytes", ll_fs_get_xattr, (fs, "/file", 0, "user.colour", data, 3, &size, ERR));
    CHECK(size == 4);
    FAILS(LL_ERR_INVALID_ARGUMENT, "buf", ll_fs_get_xattr, (fs, "/file", 0, "user.colour", NULL, 4, &size, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "needed", ll_fs_get_xattr, (fs, "/file", 0, "user.colour", data, 4, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "name", ll_fs_get_xattr, (fs, "/file", 0, NULL, data, 4, &size, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "name", ll_fs_get_xattr, (fs, "/file", 0, "", data, 4, &size, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_get_xattr, (fs, "/missing", 0, "user.colour", data, 4, &size, ERR));
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "flags", ll_fs_get_xattr, (fs, "/file", 2, "user.colour", data, 4, &size, ERR));

    FAILS(LL_ERR_EXISTS, "\"user.colour\" exists already: \"/file\"", ll_fs_set_xattr,
          (fs, "/file", LL_XATTR_CREATE, "user.colour", "x", 1, ERR));
    FAILS(LL_ERR_NO_ATTRIBUTE, "user.none", ll_fs_set_xattr, (fs, "/file", LL_XATTR_REPLACE, "user.none", "x", 1, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "exclude each other", ll_fs_set_xattr,
          (fs, "/file", LL_XATTR_CREATE | LL_XATTR_REPLACE, "user.colour", "x", 1, ERR));
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "flags", ll_fs_set_xattr, (fs, "/file", 8, "user.colour", "x", 1, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "name", ll_fs_set_xattr, (fs, "/file", 0, long_name, "x", 1, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "value: it is NULL", ll_fs_set_xattr, (fs, "/file", 0, "user.new", NULL, 1, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "value: it has 65537 bytes", ll_fs_set_xattr,
          (fs, "/file", 0, "user.new", bulk, sizeof bulk, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_set_xattr, (fs, "/missing", 0, "user.new", "x", 1, ERR));

    FAILS(LL_ERR_NO_ATTRIBUTE, "user.none", ll_fs_remove_xattr, (fs, "/file", 0, "user.none", ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "name", ll_fs_remove_xattr, (fs, "/file", 0, "", ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_remove_xattr, (fs, "/missing", 0, "user.colour", ERR));
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "flags", ll_fs_remove_xattr, (fs, "/file", 2, "user.colour", ERR));

    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_list_xattr, (fs, "/missing", 0, &list, ERR));
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "flags", ll_fs_list_xattr, (fs, "/file", 2, &list, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "xattrs: it is NULL", ll_fs_list_xattr, (fs, "/file", 0, NULL, ERR));
    MUST(ll_fs_list_xattr(fs, "/file", 0, &list, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "count", ll_xattrs_count, (list, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "index: the list has 1", ll_xattrs_get, (list, 1, &xattr, ERR));
    ll_xattrs_free(list);
    FAILS(LL_ERR_INVALID_HANDLE, "xattrs: " STALE, ll_xattrs_count, (list, &size, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "xattrs: " STALE, ll_xattrs_get, (list, 0, &xattr, ERR));
}

/* `writer` may write, and is no admin. */
static void errors_of_quotas(ll_filespace writer)
{
    ll_file file = 0;
    uint64_t size = 0;

    FAILS(LL_ERR_INVALID_HANDLE, "filespace: " STALE, ll_filespace_set_quota, (0, 1, 1, ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_filespace_set_quota, (unlinked, 1, 1, ERR));
    FAILS(LL_ERR_READ_ONLY, "read-only", ll_filespace_set_quota, (read_only, 1, 1, ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "may not write", ll_filespace_set_quota, (reader, 1, 1, ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "only an admin", ll_filespace_set_quota, (writer, 1, 1, ERR));
    /* Nothing fits any more, whoever wants it. */
    OK(ll_filespace_size(writable, &size, ERR));
    OK(ll_filespace_set_quota(writable, size, 1, ERR));
    FAILS(LL_ERR_NO_SPACE, "quota is reached", ll_fs_create, (writer, "/new", 0644, ERR));
    FAILS(LL_ERR_NO_SPACE, "quota", ll_fs_create_dir, (writable, "/new", ERR));
    FAILS(LL_ERR_NO_SPACE, "quota", ll_fs_create_symlink, (writable, "target", "/new", ERR));
    FAILS(LL_ERR_NO_SPACE, "quota", ll_fs_write_file, (writable, "/new", "x", 1, ERR));
    FAILS(LL_ERR_NO_SPACE, "quota", ll_fs_copy, (writable, "/file", "/new", 0, ERR));
    CHECK(last_path_is("/new"));
    FAILS(LL_ERR_NO_SPACE, "quota", ll_fs_truncate, (writable, "/file", 100, ERR));
    MUST(ll_file_open(writer, "/file", "a", NULL, &file, ERR));
    OK(ll_file_write(file, "more", 4, NULL, ERR));
    FAILS(LL_ERR_NO_SPACE, "quota", ll_file_flush, (file, ERR));
    /* What was written is still there when there is room. */
    OK(ll_filespace_set_quota(writable, size + 4, 1, ERR));
    OK(ll_file_close(file, ERR));
    CHECK(text_is(writable, "/file", "contentmore"));
    OK(ll_filespace_set_quota(writable, 0, 0, ERR));
    OK(ll_fs_truncate(writable, "/file", 7, ERR));
}

static void errors_of_opening(void)
{
    ll_filespace fs = writable;
    ll_open_options options = LL_OPEN_OPTIONS_INIT;
    ll_file file = 0;
    char grown[64] = {0};
    uint32_t size = sizeof grown;

    FAILS(LL_ERR_INVALID_ARGUMENT, "mode: it is NULL", ll_file_open, (fs, "/file", NULL, NULL, &file, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "mode \"rw\"", ll_file_open, (fs, "/file", "rw", NULL, &file, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "file: it is NULL", ll_file_open, (fs, "/file", "r", NULL, NULL, ERR));
    options.mode = 010000;
    FAILS(LL_ERR_INVALID_ARGUMENT, "mode", ll_file_open, (fs, "/file", "r", &options, &file, ERR));
    memcpy(grown, &size, sizeof size);
    grown[sizeof grown - 1] = 1;
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "options", ll_file_open,
          (fs, "/file", "r", (const ll_open_options *)(const void *)grown, &file, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_file_open, (fs, "/missing", "r", NULL, &file, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_file_open, (fs, "/missing/new", "w", NULL, &file, ERR));
    FAILS(LL_ERR_EXISTS, "/file", ll_file_open, (fs, "/file", "x", NULL, &file, ERR));
    FAILS(LL_ERR_IS_A_DIRECTORY, "/empty", ll_file_open, (fs, "/empty", "r", NULL, &file, ERR));
    FAILS(LL_ERR_READ_ONLY, "/file", ll_file_open, (read_only, "/file", "r+", NULL, &file, ERR));
    CHECK(file == 0);
}

/* Each call on a file, with the mode that it must not have; NULL if any will do. */
#define ON_A_FILE(X) \
    X(ll_file_read, "w", (file, data, sizeof data, &size, ERR)) \
    X(ll_file_pread, "w", (file, 0, data, sizeof data, &size, ERR)) \
    X(ll_file_write, "r", (file, data, sizeof data, &size, ERR)) \
    X(ll_file_pwrite, "a", (file, 0, data, sizeof data, &size, ERR)) \
    X(ll_file_seek, NULL, (file, 0, LL_SEEK_SET, &number, ERR)) \
    X(ll_file_tell, NULL, (file, &number, ERR)) \
    X(ll_file_size, NULL, (file, &number, ERR)) \
    X(ll_file_truncate, "r", (file, 1, ERR)) \
    X(ll_file_flush, NULL, (file, ERR)) \
    X(ll_file_sync, NULL, (file, ERR)) \
    X(ll_file_refresh, NULL, (file, ERR)) \
    X(ll_file_close, NULL, (file, ERR))
#define WRONG_MODE_AND_HANDLE(function, wrong, call) \
    if ((wrong) != NULL) { \
        MUST(ll_file_open(writable, "/file", wrong, NULL, &file, ERR)); \
        FAILS(LL_ERR_WRONG_MODE, "/file", function, call); \
        ll_file_free(file); \
    } \
    file = closed; \
    FAILS(LL_ERR_INVALID_HANDLE, "file: " STALE, function, call);

static void errors_of_open_files(void)
{
    ll_file file = 0, closed = 0;
    char data[8] = "content";
    size_t size = 0;
    uint64_t number = 0;

    MUST(ll_file_open(writable, "/file", "r", NULL, &closed, ERR));
    OK(ll_file_close(closed, ERR));
    ON_A_FILE(WRONG_MODE_AND_HANDLE)

    MUST(ll_file_open(writable, "/second", "r+", NULL, &file, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "buf", ll_file_read, (file, NULL, 1, &size, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "out_read", ll_file_read, (file, data, 1, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "buf", ll_file_pread, (file, 0, data, SIZE_MAX, &size, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "buf", ll_file_write, (file, NULL, 1, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "buf", ll_file_pwrite, (file, 0, data, SIZE_MAX, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "whence", ll_file_seek, (file, 0, 3, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "offset", ll_file_seek, (file, -1, LL_SEEK_SET, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "position", ll_file_tell, (file, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "size", ll_file_size, (file, NULL, ERR));
    FAILS(LL_ERR_FILE_TOO_LARGE, "2^63-1", ll_file_pwrite, (file, INT64_MAX, "xy", 2, NULL, ERR));
    OK(ll_file_seek(file, INT64_MAX, LL_SEEK_SET, NULL, ERR));
    FAILS(LL_ERR_FILE_TOO_LARGE, "2^63-1", ll_file_write, (file, "x", 1, NULL, ERR));
    FAILS(LL_ERR_FILE_TOO_LARGE, "size", ll_file_truncate, (file, UINT64_MAX, ERR));
    OK(ll_file_close(file, ERR));
}

/* The file is deleted while it is open and has unpublished writes. */
static void errors_of_deleted_files(void)
{
    ll_file writer = 0, flusher = 0, syncer = 0, cutter = 0, stale = 0;

    text_put(writable, "/doomed", "text");
    MUST(ll_file_open(writable, "/doomed", "r+", NULL, &writer, ERR));
    MUST(ll_file_open(writable, "/doomed", "r+", NULL, &flusher, ERR));
    MUST(ll_file_open(writable, "/doomed", "r+", NULL, &syncer, ERR));
    MUST(ll_file_open(writable, "/doomed", "r+", NULL, &cutter, ERR));
    MUST(ll_file_open(writable, "/doomed", "r", NULL, &stale, ERR));
    OK(ll_file_write(writer, "1", 1, NULL, ERR));
    OK(ll_file_write(flusher, "2", 1, NULL, ERR));
    OK(ll_file_write(syncer, "3", 1, NULL, ERR));
    OK(ll_fs_delete(writable, "/doomed", ERR));
    FAILS(LL_ERR_DELETED, "/doomed", ll_file_flush, (flusher, ERR));
    FAILS(LL_ERR_DELETED, "/doomed", ll_file_sync, (syncer, ERR));
    FAILS(LL_ERR_DELETED, "/doomed", ll_file_truncate, (cutter, 2, ERR));
    FAILS(LL_ERR_DELETED, "/doomed", ll_file_refresh, (stale, ERR));
    FAILS(LL_ERR_DELETED, "/doomed", ll_file_close, (writer, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "file: " STALE, ll_file_close, (writer, ERR));
    ll_file_free(flusher);
    ll_file_free(syncer);
    ll_file_free(cutter);
    ll_file_free(stale);
}

/* The place of a file that is to be made goes while it is written: each way of publishing says what is there. */
static void errors_of_places_that_went(ll_filespace other)
{
    static const char *const names[] = {"/place/flushed", "/place/synced", "/place/closed"};
    ll_file files[3] = {0, 0, 0};
    int n;

    OK(ll_fs_create_dir(writable, "/place", ERR));
    for (n = 0; n < 3; n++) {
        MUST(ll_file_open(writable, names[n], "w", NULL, &files[n], ERR));
        OK(ll_file_write(files[n], "text", 4, NULL, ERR));
        OK(ll_fs_create_dir(other, names[n], ERR));
    }
    FAILS(LL_ERR_IS_A_DIRECTORY, "/place/flushed", ll_file_flush, (files[0], ERR));
    FAILS(LL_ERR_IS_A_DIRECTORY, "/place/synced", ll_file_sync, (files[1], ERR));
    FAILS(LL_ERR_IS_A_DIRECTORY, "/place/closed", ll_file_close, (files[2], ERR));
    OK(ll_fs_delete_dir(other, "/place", 1, ERR));
    MUST(ll_file_open(writable, "/full/closed", "w", NULL, &files[2], ERR));
    OK(ll_file_write(files[2], "text", 4, NULL, ERR));
    OK(ll_fs_move(other, "/full", "/place", 0, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/full/closed", ll_file_close, (files[2], ERR));
    OK(ll_fs_move(other, "/place", "/full", 0, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/place/flushed", ll_file_flush, (files[0], ERR));
    FAILS(LL_ERR_NOT_FOUND, "/place/synced", ll_file_sync, (files[1], ERR));
    MUST(ll_file_open(writable, "/full/closed", "w", NULL, &files[2], ERR));
    OK(ll_file_write(files[2], "text", 4, NULL, ERR));
    OK(ll_fs_move(other, "/full", "/aside", 0, ERR));
    text_put(other, "/full", "a file");
    text_put(other, "/place", "a file");
    FAILS(LL_ERR_NOT_A_DIRECTORY, "/place/flushed", ll_file_flush, (files[0], ERR));
    FAILS(LL_ERR_NOT_A_DIRECTORY, "/place/synced", ll_file_sync, (files[1], ERR));
    FAILS(LL_ERR_NOT_A_DIRECTORY, "/full/closed", ll_file_close, (files[2], ERR));
    ll_file_free(files[0]);
    ll_file_free(files[1]);
    OK(ll_fs_delete(other, "/place", ERR));
    OK(ll_fs_delete(other, "/full", ERR));
    OK(ll_fs_move(other, "/aside", "/full", 0, ERR));
}

/* An account that may only read is told when it opens; one that could write before, when it publishes. */
static void errors_of_publishing_without_a_role(const struct session *admin)
{
    ll_file files[4] = {0, 0, 0, 0};
    int n;
    FAILS(LL_ERR_ACCESS_DENIED, "may not write", ll_file_open, (reader, "/file", "r+", NULL, &files[0], ERR));
    OK(ll_filespace_grant(admin->workspace, PROJECTS, "reader", LL_ROLE_WRITER, ERR));
    for (n = 0; n < 4; n++) {
        MUST(ll_file_open(reader, "/file", "r+", NULL, &files[n], ERR));
        OK(ll_file_pwrite(files[n], 0, "X", 1, NULL, ERR));
    }
    OK(ll_filespace_grant(admin->workspace, PROJECTS, "reader", LL_ROLE_READER, ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "may not write", ll_file_flush, (files[0], ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "may not write", ll_file_sync, (files[1], ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "may not write", ll_file_truncate, (files[2], 1, ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "may not write", ll_file_close, (files[3], ERR));
    for (n = 0; n < 3; n++)
        ll_file_free(files[n]);
    CHECK(text_is(writable, "/file", "content"));
}

#define NOT_LINKED_ANY_MORE(function, wrong, call) FAILS(LL_ERR_NOT_LINKED, "link it again", function, call);

/* A link ends while files of it are open: the handles below the filespace go with it, those below another handle of the
 * same link stay, and say what happened.
 */
static void errors_of_files_after_unlink(const struct session *session)
{
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_filespace other = 0;
    ll_file below = 0, file = 0;
    char id[65], data[8] = "content";
    size_t size = 0;
    uint64_t number = 0;

    MUST(ll_workspace_create_filespace(session->workspace, "short", id, sizeof id, NULL, ERR));
    options.id = id;
    MUST(ll_workspace_link_filespace(session->workspace, &options, &unlinked, ERR));
    MUST(ll_workspace_link_filespace(session->workspace, &options, &other, ERR));
    MUST(ll_file_open(unlinked, "/below", "w", NULL, &below, ERR));
    MUST(ll_file_open(other, "/beside", "w+", NULL, &file, ERR));
    OK(ll_filespace_unlink(unlinked, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "file: " STALE, ll_file_close, (below, ERR));
    ON_A_FILE(NOT_LINKED_ANY_MORE)
    FAILS(LL_ERR_INVALID_HANDLE, "file: " STALE, ll_file_close, (file, ERR));
    ll_filespace_free(other);
}

int main(void)
{
    struct world world;
    struct session session, looking, ruled, authoring;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    char token[LL_TOKEN_SIZE];

    memset(long_name, 'n', sizeof long_name - 1);
    memset(long_path, '/', sizeof long_path - 1);
    long_name[0] = '/';
    world_make(&world);
    session_open(&world, &session);
    writable = session.fs;
    OK(ll_fs_create_dir(writable, "/empty", ERR));
    OK(ll_fs_create_dir(writable, "/full/inner", ERR));
    text_put(writable, "/file", "content");
    text_put(writable, "/second", "content");
    OK(ll_fs_create_symlink(writable, "loop", "/loop", ERR));
    OK(ll_fs_set_xattr(writable, "/file", 0, "user.colour", "blue", 4, ERR));
    MUST(ll_service_account_create(session.workspace, "reader", LL_ROLE_READER, 0, token, sizeof token, NULL, ERR));
    OK(ll_filespace_grant(session.workspace, PROJECTS, "reader", LL_ROLE_READER, ERR));
    options.name = PROJECTS;
    session_open_with(&world, token, &options, &ruled);
    MUST(ll_service_account_create(session.workspace, "writer", LL_ROLE_READER, 0, token, sizeof token, NULL, ERR));
    OK(ll_filespace_grant(session.workspace, PROJECTS, "writer", LL_ROLE_WRITER, ERR));
    session_open_with(&world, token, &options, &authoring);
    options.read_only = 1;
    session_open_with(&world, world.token, &options, &looking);
    reader = ruled.fs;
    read_only = looking.fs;

    errors_of_files_after_unlink(&session);
    errors_that_all_share();
    errors_of_looking();
    errors_of_names();
    errors_of_copies();
    errors_of_attributes();
    errors_of_quotas(authoring.fs);
    errors_of_opening();
    errors_of_open_files();
    errors_of_deleted_files();
    errors_of_places_that_went(authoring.fs);
    errors_of_publishing_without_a_role(&session);
    session_close(&looking);
    session_close(&authoring);
    session_close(&ruled);
    session_close(&session);
    world_remove(&world);
    return check_end();
}

/* Every documented error of what is not about files, provoked once: exact status, and a message that names the
 * argument or the thing. See documented.awk for the proof that none is left out.
 */
#define _XOPEN_SOURCE 700

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

#define STALE "the handle is stale, freed or of another kind"

static char long_name[300];

static void errors_without_a_daemon(void)
{
    ll_config config = 0;
    ll_config_key info = LL_CONFIG_KEY_INIT;
    ll_daemon daemon = 0;
    ll_storage_options storage = LL_STORAGE_OPTIONS_INIT;
    char text[4];
    size_t needed = 0;

    FAILS(LL_ERR_INVALID_ARGUMENT, "level", ll_log_set_callback, (0, NULL, NULL, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "config", ll_config_new, (NULL, ERR));
    MUST(ll_config_new(&config, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "config: " STALE, ll_config_set, (0, "network.timeout", "5", ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "key: it is NULL", ll_config_set, (config, NULL, "5", ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "value: it is not UTF-8", ll_config_set, (config, "workspace.url", "\xff", ERR));
    FAILS(LL_ERR_UNKNOWN_KEY, "network.timeout", ll_config_set, (config, "network.time", "5", ERR));
    FAILS(LL_ERR_INVALID_VALUE, "network.timeout", ll_config_set, (config, "network.timeout", "soon", ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "config: " STALE, ll_config_get, (0, "network.timeout", text, 4, &needed, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "buf: it is NULL", ll_config_get, (config, "memory.limit", NULL, 4, &needed, ERR));
    FAILS(LL_ERR_UNKNOWN_KEY, "memory.limits", ll_config_get, (config, "memory.limits", text, 4, &needed, ERR));
    FAILS(LL_ERR_BUFFER_TOO_SMALL, "buf: 4 bytes", ll_config_get, (config, "memory.limit", text, 3, &needed, ERR));
    CHECK(needed == 4 && text[0] == '\0');
    OK(ll_config_get(config, "memory.limit", text, needed, NULL, ERR));
    CHECK(strcmp(text, "512") == 0);
    FAILS(LL_ERR_INVALID_ARGUMENT, "info: it is NULL", ll_config_describe, (0, NULL, ERR));
    FAILS(LL_ERR_NOT_FOUND, "index", ll_config_describe, (1000, &info, ERR));

    FAILS(LL_ERR_INVALID_HANDLE, "config: " STALE, ll_daemon_new, (77, NULL, &daemon, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "daemon: it is NULL", ll_daemon_new, (config, NULL, NULL, ERR));
    storage.root_path = "/";
    FAILS(LL_ERR_INVALID_ARGUMENT, "root_path", ll_daemon_new, (config, &storage, &daemon, ERR));
    storage.mode = 7;
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "mode", ll_daemon_new, (config, &storage, &daemon, ERR));
    storage.mode = LL_STORAGE_PHYSICAL;
    storage.struct_size = 2;
    FAILS(LL_ERR_INVALID_ARGUMENT, "struct_size", ll_daemon_new, (config, &storage, &daemon, ERR));
    CHECK(daemon == 0);
    ll_config_free(config);
}

/* The path of the last failure: none, then one that the message shows shortened. */
static void errors_of_the_last_error(ll_filespace fs)
{
    char path[600], whole[600];
    size_t needed = 0;
    ll_error record = LL_ERROR_INIT;

    FAILS(LL_ERR_INVALID_HANDLE, "filespace", ll_fs_delete, (0, "/x", ERR));
    CHECK(ll_last_error_path(path, sizeof path, &needed) == LL_OK && needed == 1 && path[0] == '\0');
    memset(path, 'n', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    path[0] = path[200] = path[400] = '/';
    FAILS(LL_ERR_NOT_FOUND, "", ll_fs_delete, (fs, path, ERR));
    CHECK(ll_last_error_path(whole, 10, &needed) == LL_ERR_BUFFER_TOO_SMALL);
    check_provoked("ll_last_error_path", LL_ERR_BUFFER_TOO_SMALL);
    CHECK(needed == sizeof path && ll_last_error_code() == LL_ERR_NOT_FOUND);
    CHECK(ll_last_error_path(whole, sizeof whole, NULL) == LL_OK && strcmp(whole, path) == 0);
    CHECK(ll_fs_delete(fs, path, &record) == LL_ERR_NOT_FOUND && strcmp(record.path, path) == 0);
    CHECK(ll_fs_delete(0, "/x", &record) == LL_ERR_INVALID_HANDLE && record.path[0] == '\0');
}

static void errors_of_the_daemon(const struct world *world)
{
    ll_config config = world_config(world);
    ll_storage_options storage = LL_STORAGE_OPTIONS_INIT;
    ll_daemon_state state = LL_DAEMON_STATE_INIT;
    ll_daemon first = 0, second = 0;
    ll_workspace workspace = 0;
    int32_t running = 0;
    char text[8], folder[2 * PATH_SIZE];

    OK(ll_config_set(config, "daemon.allow_multiple", "false", ERR));
    MUST(ll_daemon_new(config, NULL, &first, ERR));
    MUST(ll_daemon_new(config, NULL, &second, ERR));
    FAILS(LL_ERR_DAEMON_NOT_RUNNING, "start it first", ll_daemon_root_path, (first, text, sizeof text, NULL, ERR));
    FAILS(LL_ERR_DAEMON_NOT_RUNNING, "start it first", ll_authenticate, (first, world->token, &workspace, ERR));
    OK(ll_daemon_start(first, ERR));
    FAILS(LL_ERR_DAEMON_ACTIVE, "daemon.allow_multiple", ll_daemon_start, (second, ERR));
    FAILS(LL_ERR_BUFFER_TOO_SMALL, "buf", ll_daemon_root_path, (first, text, sizeof text, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "running", ll_daemon_is_running, (first, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "state", ll_daemon_status, (first, NULL, ERR));
    state.struct_size = 8;
    FAILS(LL_ERR_INVALID_ARGUMENT, "state: struct_size is 8", ll_daemon_status, (first, &state, ERR));
    OK(ll_daemon_stop(first, ERR));

    FAILS(LL_ERR_INVALID_HANDLE, "daemon: " STALE, ll_daemon_start, (0, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "daemon: " STALE, ll_daemon_stop, (config, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "daemon: " STALE, ll_daemon_is_running, (0, &running, ERR));
    state.struct_size = sizeof state;
    FAILS(LL_ERR_INVALID_HANDLE, "daemon: " STALE, ll_daemon_status, (0, &state, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "daemon: " STALE, ll_daemon_root_path, (0, text, sizeof text, NULL, ERR));
    ll_daemon_free(first);
    ll_daemon_free(second);

    /* A storage folder below a file cannot be made. */
    storage.mode = LL_STORAGE_PHYSICAL;
    storage.root_path = folder;
    snprintf(folder, sizeof folder, "%s/workspace/log/head", world->folder);
    MUST(ll_daemon_new(config, &storage, &first, ERR));
    FAILS(LL_ERR_IO, "workspace/log/head", ll_daemon_start, (first, ERR));
    ll_daemon_free(first);

    storage.root_path = world->folder;
    OK(ll_config_set(config, "daemon.allow_multiple", "true", ERR));
    MUST(ll_daemon_new(config, &storage, &first, ERR));
    MUST(ll_daemon_new(config, &storage, &second, ERR));
    OK(ll_daemon_start(first, ERR));
    FAILS(LL_ERR_STORAGE_BUSY, ".lucid", ll_daemon_start, (second, ERR));
    OK(ll_daemon_stop(first, ERR));
    ll_daemon_free(first);
    ll_daemon_free(second);
    ll_config_free(config);
}

static void errors_of_workspace_create(const struct world *world)
{
    char token[LL_TOKEN_SIZE], url[2 * PATH_SIZE];
    size_t size = sizeof token;

    snprintf(url, sizeof url, "%s-2", world->url);
    FAILS(LL_ERR_INVALID_ARGUMENT, "url: it is NULL", ll_workspace_create, (NULL, "w", token, size, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "name", ll_workspace_create, (url, "a/b", token, size, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "name", ll_workspace_create, (url, long_name, token, size, NULL, ERR));
    FAILS(LL_ERR_INVALID_VALUE, "file:///folder", ll_workspace_create, ("/folder", "w", token, size, NULL, ERR));
    FAILS(LL_ERR_BUFFER_TOO_SMALL, "token", ll_workspace_create, (url, "w", token, 127, NULL, ERR));
    FAILS(LL_ERR_EXISTS, "/workspace", ll_workspace_create, (world->url, "w", token, size, NULL, ERR));
    snprintf(url, sizeof url, "%s/log/head/below", world->url);
    FAILS(LL_ERR_IO, "", ll_workspace_create, (url, "w", token, size, NULL, ERR));
    /* The folder above has the workspace's in it, and is none. */
    snprintf(url, sizeof url, "file://%s", world->folder);
    FAILS(LL_ERR_NOT_EMPTY, "name a new folder", ll_workspace_create, (url, "w", token, size, NULL, ERR));
    snprintf(url, sizeof url, "%s/log", world->folder);
    CHECK(access(url, F_OK) != 0);
}

static void errors_of_authentication(const struct world *world, const struct session *admin)
{
    struct session session;
    ll_workspace opened = 0;
    ll_config config = 0;
    ll_daemon elsewhere = 0;
    char token[LL_TOKEN_SIZE], url[2 * PATH_SIZE];
    size_t size = sizeof token;
    int file;

    session_open(world, &session);
    FAILS(LL_ERR_INVALID_HANDLE, "daemon: " STALE, ll_authenticate, (0, world->token, &opened, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "token: it is NULL", ll_authenticate, (session.daemon, NULL, &opened, ERR));
    FAILS(LL_ERR_INVALID_TOKEN, "three fields", ll_authenticate, (session.daemon, "sa_live:x", &opened, ERR));
    strcpy(token, world->token);
    token[8] = token[8] == '0' ? '1' : '0';
    FAILS(LL_ERR_AUTHENTICATION, "unknown", ll_authenticate, (session.daemon, token, &opened, ERR));
    strcpy(token, world->token);
    token[strlen(token) - 1] = token[strlen(token) - 1] == '0' ? '1' : '0';
    FAILS(LL_ERR_AUTHENTICATION, "secret", ll_authenticate, (session.daemon, token, &opened, ERR));
    OK(ll_service_account_create(admin->workspace, "gone", LL_ROLE_WRITER, 0, token, sizeof token, NULL, ERR));
    OK(ll_service_account_revoke(admin->workspace, "gone", ERR));
    FAILS(LL_ERR_AUTHENTICATION, "revoked", ll_authenticate, (session.daemon, token, &opened, ERR));

    config = world_config(world);
    snprintf(url, sizeof url, "%s-nowhere", world->url);
    OK(ll_config_set(config, "workspace.url", url, ERR));
    MUST(ll_daemon_new(config, NULL, &elsewhere, ERR));
    OK(ll_daemon_start(elsewhere, ERR));
    FAILS(LL_ERR_NOT_FOUND, "workspace.url", ll_authenticate, (elsewhere, world->token, &opened, ERR));
    OK(ll_daemon_stop(elsewhere, ERR));
    ll_daemon_free(elsewhere);

    /* One whose log is an SQLite database. */
    snprintf(url, sizeof url, "%s/workspace-old", world->folder);
    REQUIRE(mkdir(url, 0700) == 0);
    snprintf(url, sizeof url, "%s/workspace-old/log.sqlite", world->folder);
    REQUIRE((file = open(url, O_WRONLY | O_CREAT, 0600)) >= 0 && close(file) == 0);
    snprintf(url, sizeof url, "%s-old", world->url);
    OK(ll_config_set(config, "workspace.url", url, ERR));
    MUST(ll_daemon_new(config, NULL, &elsewhere, ERR));
    OK(ll_daemon_start(elsewhere, ERR));
    FAILS(LL_ERR_STORE_UNSUITABLE, "earlier version", ll_authenticate, (elsewhere, world->token, &opened, ERR));
    FAILS(LL_ERR_STORE_UNSUITABLE, "earlier version", ll_workspace_create, (url, "w", token, size, NULL, ERR));
    OK(ll_daemon_stop(elsewhere, ERR));
    ll_daemon_free(elsewhere);
    ll_config_free(config);
    session_close(&session);
}

static void errors_of_the_workspace(ll_workspace workspace, ll_workspace closed)
{
    ll_filespaces list = 0;
    ll_filespace_info info = LL_FILESPACE_INFO_INIT;
    size_t count = 0;
    char id[65], two[2];

    FAILS(LL_ERR_INVALID_HANDLE, "workspace: " STALE, ll_workspace_id, (closed, id, sizeof id, NULL, ERR));
    FAILS(LL_ERR_BUFFER_TOO_SMALL, "buf: 65 bytes", ll_workspace_id, (workspace, id, 64, NULL, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "workspace: " STALE, ll_workspace_name, (closed, id, sizeof id, NULL, ERR));
    FAILS(LL_ERR_BUFFER_TOO_SMALL, "buf: 7 bytes", ll_workspace_name, (workspace, two, sizeof two, NULL, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "workspace: " STALE, ll_workspace_list_filespaces, (closed, &list, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "list", ll_workspace_list_filespaces, (workspace, NULL, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "workspace: " STALE, ll_workspace_linked_filespaces, (closed, &list, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "list", ll_workspace_linked_filespaces, (workspace, NULL, ERR));
    MUST(ll_workspace_list_filespaces(workspace, &list, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "count", ll_filespaces_count, (list, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "index: the list has 1", ll_filespaces_get, (list, 1, &info, ERR));
    ll_filespaces_free(list);
    FAILS(LL_ERR_INVALID_HANDLE, "list: " STALE, ll_filespaces_count, (list, &count, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "list: " STALE, ll_filespaces_get, (list, 0, &info, ERR));
}

static void errors_of_filespaces(ll_workspace admin, ll_workspace reader, ll_workspace closed)
{
    char id[65];
    size_t needed = 0;
    FAILS(LL_ERR_INVALID_HANDLE, "workspace: " STALE, ll_workspace_create_filespace, (closed, "f", id, 65, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "name", ll_workspace_create_filespace, (admin, "a:b", id, 65, NULL, ERR));
    FAILS(LL_ERR_EXISTS, PROJECTS, ll_workspace_create_filespace, (admin, PROJECTS, id, 65, NULL, ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "admin", ll_workspace_create_filespace, (reader, "f", id, 65, NULL, ERR));
    FAILS(LL_ERR_BUFFER_TOO_SMALL, "buf", ll_workspace_create_filespace, (admin, "made", id, 64, &needed, ERR));
    CHECK(needed == 65);
    FAILS(LL_ERR_INVALID_HANDLE, "workspace: " STALE, ll_workspace_rename_filespace, (closed, "made", "new", ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "name", ll_workspace_rename_filespace, (admin, "made", "a@b", ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "new_name", ll_workspace_rename_filespace, (admin, "made", NULL, ERR));
    FAILS(LL_ERR_NOT_FOUND, "missing", ll_workspace_rename_filespace, (admin, "missing", "new", ERR));
    FAILS(LL_ERR_EXISTS, "filespace \"" PROJECTS "\"", ll_workspace_rename_filespace, (admin, "made", PROJECTS, ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "admin", ll_workspace_rename_filespace, (reader, "made", "new", ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "workspace: " STALE, ll_workspace_delete_filespace, (closed, "made", ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "name", ll_workspace_delete_filespace, (admin, NULL, ERR));
    FAILS(LL_ERR_NOT_FOUND, "missing", ll_workspace_delete_filespace, (admin, "missing", ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "", ll_workspace_delete_filespace, (reader, PROJECTS, ERR));
    OK(ll_workspace_delete_filespace(admin, "made", ERR));
}

static void errors_of_accounts(ll_workspace admin, ll_workspace reader, ll_workspace closed)
{
    char token[LL_TOKEN_SIZE];
    size_t size = sizeof token, count = 0;
    ll_accounts list = 0;
    ll_account_info info = LL_ACCOUNT_INFO_INIT;

    FAILS(LL_ERR_INVALID_HANDLE, "workspace: " STALE, ll_service_account_create,
          (closed, "a", LL_ROLE_READER, 0, token, size, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "name", ll_service_account_create,
          (admin, "", LL_ROLE_READER, 0, token, size, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "role_in_workspace", ll_service_account_create,
          (admin, "a", 4, 0, token, size, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "expiry_ns", ll_service_account_create,
          (admin, "a", LL_ROLE_READER, 1, token, size, NULL, ERR));
    FAILS(LL_ERR_BUFFER_TOO_SMALL, "token", ll_service_account_create,
          (admin, "a", LL_ROLE_READER, 0, token, size - 1, NULL, ERR));
    FAILS(LL_ERR_EXISTS, "account \"admin\"", ll_service_account_create, (admin, "admin", LL_ROLE_READER, 0, token, size, NULL, ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "admin", ll_service_account_create,
          (reader, "a", LL_ROLE_READER, 0, token, size, NULL, ERR));

    FAILS(LL_ERR_INVALID_HANDLE, "workspace: " STALE, ll_service_account_list, (closed, &list, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "list", ll_service_account_list, (admin, NULL, ERR));
    MUST(ll_service_account_list(admin, &list, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "count", ll_accounts_count, (list, NULL, ERR));
    OK(ll_accounts_count(list, &count, ERR));
    CHECK(count == 3); /* admin, reader, and the revoked one */
    FAILS(LL_ERR_INVALID_ARGUMENT, "index", ll_accounts_get, (list, SIZE_MAX, &info, ERR));
    OK(ll_accounts_get(list, 2, &info, ERR));
    ll_accounts_free(list);
    FAILS(LL_ERR_INVALID_HANDLE, "list: " STALE, ll_accounts_count, (list, &count, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "list: " STALE, ll_accounts_get, (list, 0, &info, ERR));

    FAILS(LL_ERR_INVALID_HANDLE, "workspace: " STALE, ll_service_account_revoke, (closed, "reader", ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "account", ll_service_account_revoke, (admin, NULL, ERR));
    FAILS(LL_ERR_NOT_FOUND, "nobody", ll_service_account_revoke, (admin, "nobody", ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "admin", ll_service_account_revoke, (admin, "admin", ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "admin", ll_service_account_revoke, (reader, "admin", ERR));

    FAILS(LL_ERR_INVALID_HANDLE, "workspace: " STALE, ll_service_account_rotate,
          (closed, "reader", token, size, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "account", ll_service_account_rotate, (admin, NULL, token, size, NULL, ERR));
    FAILS(LL_ERR_BUFFER_TOO_SMALL, "token", ll_service_account_rotate, (admin, "reader", token, size - 1, NULL, ERR));
    FAILS(LL_ERR_NOT_FOUND, "nobody", ll_service_account_rotate, (admin, "nobody", token, size, NULL, ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "admin", ll_service_account_rotate, (reader, "admin", token, size, NULL, ERR));
    FAILS(LL_ERR_AUTHENTICATION, "revoked", ll_service_account_rotate, (admin, "gone", token, size, NULL, ERR));
}

static void errors_of_grants(ll_workspace admin, ll_workspace reader, ll_workspace closed)
{
    const char *fs = PROJECTS;
    FAILS(LL_ERR_INVALID_HANDLE, "workspace: " STALE, ll_filespace_grant, (closed, fs, "reader", LL_ROLE_READER, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "role_in_filespace", ll_filespace_grant, (admin, fs, "reader", 0, ERR));
    FAILS(LL_ERR_NOT_FOUND, "missing", ll_filespace_grant, (admin, "missing", "reader", LL_ROLE_READER, ERR));
    FAILS(LL_ERR_NOT_FOUND, "nobody", ll_filespace_grant, (admin, fs, "nobody", LL_ROLE_READER, ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "", ll_filespace_grant, (reader, fs, "reader", LL_ROLE_WRITER, ERR));
    FAILS(LL_ERR_AUTHENTICATION, "revoked", ll_filespace_grant, (admin, fs, "gone", LL_ROLE_READER, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "workspace: " STALE, ll_filespace_revoke, (closed, fs, "reader", ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "account", ll_filespace_revoke, (admin, fs, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "filespace", ll_filespace_revoke, (admin, NULL, "reader", ERR));
    FAILS(LL_ERR_NOT_FOUND, "nobody", ll_filespace_revoke, (admin, fs, "nobody", ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "", ll_filespace_revoke, (reader, fs, "admin", ERR));
}

static void errors_of_linking(const struct session *admin, ll_workspace reader, ll_workspace closed)
{
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_filespace linked = 0;
    ll_workspace workspace = admin->workspace;
    char id[65];

    options.name = PROJECTS;
    FAILS(LL_ERR_INVALID_HANDLE, "workspace: " STALE, ll_workspace_link_filespace, (closed, &options, &linked, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "filespace: it is NULL", ll_workspace_link_filespace,
          (workspace, &options, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "exactly one of name and id", ll_workspace_link_filespace,
          (workspace, NULL, &linked, ERR));
    options.read_only = 1;
    FAILS(LL_ERR_INVALID_ARGUMENT, "other options", ll_workspace_link_filespace, (workspace, &options, &linked, ERR));
    options.read_only = 0;
    options.name = "missing";
    FAILS(LL_ERR_NOT_FOUND, "missing", ll_workspace_link_filespace, (workspace, &options, &linked, ERR));
    options.name = PROJECTS;
    options.id = long_name;
    FAILS(LL_ERR_INVALID_ARGUMENT, "exactly one", ll_workspace_link_filespace, (workspace, &options, &linked, ERR));
    options.name = NULL;
    FAILS(LL_ERR_INVALID_ARGUMENT, "id", ll_workspace_link_filespace, (workspace, &options, &linked, ERR));
    options.id = NULL;

    OK(ll_workspace_create_filespace(workspace, "other", id, sizeof id, NULL, ERR));
    options.name = "other";
    options.sync_mode = 2;
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "sync_mode", ll_workspace_link_filespace, (workspace, &options, &linked, ERR));
    options.sync_mode = LL_SYNC_ALL;
    FAILS(LL_ERR_ACCESS_DENIED, "filespace \"other\"; ask an admin", ll_workspace_link_filespace, (reader, &options, &linked, ERR));
    options.root_path = "relative";
    FAILS(LL_ERR_INVALID_PATH, "root_path", ll_workspace_link_filespace, (workspace, &options, &linked, ERR));
    options.root_path = "/missing";
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_workspace_link_filespace, (workspace, &options, &linked, ERR));
    options.root_path = NULL;
    MUST(ll_workspace_link_filespace(workspace, &options, &linked, ERR));
    text_put(linked, "/file", "text");
    OK(ll_filespace_unlink(linked, ERR));
    ll_filespace_free(linked);
    options.root_path = "/file";
    FAILS(LL_ERR_NOT_A_DIRECTORY, "root_path", ll_workspace_link_filespace, (workspace, &options, &linked, ERR));
    CHECK(linked == 0);
}

static void errors_of_the_filespace(const struct session *admin)
{
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_position position = LL_POSITION_INIT;
    ll_statistics statistics = LL_STATISTICS_INIT;
    ll_filespace fs = 0;
    char id[65];
    int32_t flag = 0;
    uint64_t bytes = 0;

    options.name = "other";
    MUST(ll_workspace_link_filespace(admin->workspace, &options, &fs, ERR));
    FAILS(LL_ERR_BUFFER_TOO_SMALL, "buf", ll_filespace_id, (fs, id, 64, NULL, ERR));
    FAILS(LL_ERR_BUFFER_TOO_SMALL, "buf", ll_filespace_name, (fs, id, 5, NULL, ERR));
    FAILS(LL_ERR_BUFFER_TOO_SMALL, "buf", ll_filespace_full_name, (fs, id, 12, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "linked", ll_filespace_is_linked, (fs, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "statistics", ll_filespace_statistics, (fs, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "bytes", ll_filespace_size, (fs, NULL, ERR));
    position.struct_size = 8;
    FAILS(LL_ERR_INVALID_ARGUMENT, "position: struct_size", ll_filespace_sync_all, (fs, &position, ERR));
    position.struct_size = sizeof position;
    OK(ll_filespace_unlink(fs, ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_filespace_sync_all, (fs, &position, ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_filespace_statistics, (fs, &statistics, ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_filespace_size, (fs, &bytes, ERR));
    ll_filespace_free(fs);
    FAILS(LL_ERR_INVALID_HANDLE, "filespace: " STALE, ll_filespace_id, (fs, id, sizeof id, NULL, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "filespace: " STALE, ll_filespace_name, (fs, id, sizeof id, NULL, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "filespace: " STALE, ll_filespace_full_name, (fs, id, sizeof id, NULL, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "filespace: " STALE, ll_filespace_is_linked, (fs, &flag, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "filespace: " STALE, ll_filespace_sync_all, (fs, NULL, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "filespace: " STALE, ll_filespace_statistics, (fs, &statistics, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "filespace: " STALE, ll_filespace_size, (fs, &bytes, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "filespace: " STALE, ll_filespace_unlink, (fs, ERR));
}

/* The filespace is deleted while another daemon holds it linked and a third has listed it. */
static void errors_of_a_deleted_filespace(const struct world *world, const struct session *admin)
{
    struct session other;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    options.name = "other";
    session_open_with(world, world->token, &options, &other);
    OK(ll_workspace_delete_filespace(admin->workspace, "other", ERR));
    FAILS(LL_ERR_FILESPACE_DELETED, "\"other\" was deleted", ll_fs_create_dir, (other.fs, "/late", ERR));
    OK(ll_daemon_stop(other.daemon, ERR));
    ll_daemon_free(other.daemon);
}

int main(void)
{
    struct world world;
    struct session admin, reader;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_workspace closed;
    char token[LL_TOKEN_SIZE];

    memset(long_name, 'n', sizeof long_name - 1);
    world_make(&world);
    errors_without_a_daemon();
    errors_of_the_daemon(&world);
    errors_of_workspace_create(&world);
    session_open(&world, &admin);
    errors_of_the_last_error(admin.fs);
    MUST(ll_service_account_create(admin.workspace, "reader", LL_ROLE_READER, 0, token, sizeof token, NULL, ERR));
    OK(ll_filespace_grant(admin.workspace, PROJECTS, "reader", LL_ROLE_READER, ERR));
    options.name = PROJECTS;
    session_open_with(&world, token, &options, &reader);
    errors_of_authentication(&world, &admin);
    MUST(ll_authenticate(admin.daemon, world.token, &closed, ERR));
    ll_workspace_free(closed);
    errors_of_the_workspace(admin.workspace, closed);
    errors_of_filespaces(admin.workspace, reader.workspace, closed);
    errors_of_accounts(admin.workspace, reader.workspace, closed);
    errors_of_grants(admin.workspace, reader.workspace, closed);
    errors_of_linking(&admin, reader.workspace, closed);
    errors_of_the_filespace(&admin);
    errors_of_a_deleted_filespace(&world, &admin);
    session_close(&reader);
    session_close(&admin);
    world_remove(&world);
    return check_end();
}

/* Daemons, storage and handles come and go. Every scenario runs in a process of its own, so that it may fork before it
 * uses the library and kill what it likes.
 */
#define _XOPEN_SOURCE 700

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

static struct world world;

static ll_daemon new_daemon(const char *allow_multiple, const char *root, uint32_t persist)
{
    ll_config config = world_config(&world);
    ll_storage_options storage = LL_STORAGE_OPTIONS_INIT;
    ll_daemon daemon = 0;
    storage.mode = LL_STORAGE_PHYSICAL;
    storage.root_path = root;
    storage.persist_on_exit = persist;
    OK(ll_config_set(config, "daemon.allow_multiple", allow_multiple, ERR));
    MUST(ll_daemon_new(config, root == NULL ? NULL : &storage, &daemon, ERR));
    ll_config_free(config);
    return daemon;
}

static void link_with(ll_daemon daemon, uint32_t sync_mode, ll_workspace *workspace, ll_filespace *fs)
{
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    options.name = PROJECTS;
    options.sync_mode = sync_mode;
    MUST(ll_authenticate(daemon, world.token, workspace, ERR));
    MUST(ll_workspace_link_filespace(*workspace, &options, fs, ERR));
}

static int is_private_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode) && (status.st_mode & 07777) == 0700;
}

static void keys_are_described(void *unused)
{
    ll_config config = 0;
    ll_config_key key = LL_CONFIG_KEY_INIT;
    size_t count;
    char value[128];
    int has_url = 0, has_timeout = 0;
    (void)unused;

    MUST(ll_config_new(&config, ERR));
    for (count = 0; ll_config_describe(count, &key, ERR) == LL_OK; count++) {
        OK(ll_config_get(config, key.key, value, sizeof value, NULL, ERR));
        CHECK(strcmp(value, key.default_value) == 0);
        CHECK(strcmp(key.kind, "string") == 0 || strcmp(key.kind, "integer") == 0 || strcmp(key.kind, "boolean") == 0);
        CHECK(strlen(key.meaning) > 20);
        if (key.default_value[0] != '\0')
            OK(ll_config_set(config, key.key, key.default_value, ERR));
        if (strcmp(key.kind, "string") != 0)
            FAILS(LL_ERR_INVALID_VALUE, key.key, ll_config_set, (config, key.key, "no such value", ERR));
        has_url |= strcmp(key.key, "workspace.url") == 0;
        has_timeout |= strcmp(key.key, "network.timeout") == 0;
    }
    CHECK(count >= 5 && has_url && has_timeout);
    FAILS(LL_ERR_NOT_FOUND, "index", ll_config_describe, (count, &key, ERR));
    OK(ll_config_set(config, "network.timeout", "7", ERR));
    FAILS(LL_ERR_INVALID_VALUE, "network.timeout", ll_config_set, (config, "network.timeout", "0", ERR));
    OK(ll_config_get(config, "network.timeout", value, sizeof value, NULL, ERR));
    CHECK(strcmp(value, "7") == 0); /* a value that was refused changes nothing */
    ll_config_free(config);
    ll_config_free(config);
}

static void one_daemon_runs_at_a_time(void *unused)
{
    ll_daemon first = new_daemon("false", NULL, 0), second = new_daemon("false", NULL, 0);
    ll_daemon free_one = new_daemon("true", NULL, 0);
    (void)unused;

    OK(ll_daemon_start(first, ERR));
    OK(ll_daemon_start(first, ERR));
    FAILS(LL_ERR_DAEMON_ACTIVE, "daemon.allow_multiple", ll_daemon_start, (second, ERR));
    OK(ll_daemon_start(free_one, ERR));
    OK(ll_daemon_stop(first, ERR));
    OK(ll_daemon_start(second, ERR));
    FAILS(LL_ERR_DAEMON_ACTIVE, "stop it", ll_daemon_start, (first, ERR));
    ll_daemon_free(second); /* without stop */
    OK(ll_daemon_start(first, ERR));
    OK(ll_daemon_stop(first, ERR));
    OK(ll_daemon_stop(first, ERR));
    OK(ll_daemon_stop(free_one, ERR));
    ll_daemon_free(first);
    ll_daemon_free(free_one);
}

/* A daemon that is used again after stop. */
static void a_daemon_starts_again(void *unused)
{
    ll_daemon daemon = new_daemon("false", NULL, 0);
    ll_workspace workspace = 0, late = 0;
    ll_filespace fs = 0;
    char path[32];
    int n;
    (void)unused;

    for (n = 0; n < 3; n++) {
        OK(ll_daemon_start(daemon, ERR));
        link_with(daemon, LL_SYNC_ALL, &workspace, &fs);
        snprintf(path, sizeof path, "/round %d", n);
        text_put(fs, path, "round");
        OK(ll_daemon_stop(daemon, ERR));
        FAILS(LL_ERR_DAEMON_NOT_RUNNING, "start it first", ll_authenticate, (daemon, world.token, &late, ERR));
        FAILS(LL_ERR_INVALID_HANDLE, "filespace", ll_fs_delete, (fs, path, ERR));
    }
    ll_daemon_free(daemon);
}

/* --- Storage ------------------------------------------------------------------------------------------------------ */

struct busy {
    struct channel told;
    const char *root; /* NULL: sandboxed */
};

/* Starts a daemon, says where its folder is, and waits to be killed. */
static void run_until_killed(void *argument)
{
    struct busy *busy = argument;
    ll_daemon daemon = new_daemon("false", busy->root, 1);
    ll_workspace workspace;
    ll_filespace fs;
    char path[PATH_SIZE];
    OK(ll_daemon_start(daemon, ERR));
    link_with(daemon, LL_SYNC_ALL, &workspace, &fs);
    memset(path, 0, sizeof path);
    OK(ll_daemon_root_path(daemon, path, sizeof path, NULL, ERR));
    channel_send(&busy->told, path, sizeof path);
    for (;;)
        pause();
}

static void kill_hard(pid_t pid)
{
    int status = 0;
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void a_sandbox_goes(void *unused)
{
    struct busy busy = {{0, 0}, NULL};
    char left[PATH_SIZE], own[PATH_SIZE];
    ll_daemon daemon;
    pid_t pid;
    (void)unused;

    channel_make(&busy.told);
    pid = child_start(run_until_killed, &busy);
    REQUIRE(channel_receive(&busy.told, left, sizeof left));
    daemon = new_daemon("false", NULL, 0);
    OK(ll_daemon_start(daemon, ERR));
    OK(ll_daemon_root_path(daemon, own, sizeof own, NULL, ERR));
    CHECK(is_private_folder(own) && is_private_folder(left) && strcmp(own, left) != 0);
    OK(ll_daemon_stop(daemon, ERR));
    CHECK(host_entries(own) == -1 && is_private_folder(left)); /* in use: not touched */
    kill_hard(pid);
    CHECK(is_private_folder(left));
    OK(ll_daemon_start(daemon, ERR));
    CHECK(host_entries(left) == -1);
    ll_daemon_free(daemon);
    channel_close(&busy.told);
}

static void make_root(char *root, size_t size, const char *name)
{
    snprintf(root, size, "%.400s/%s", world.folder, name);
    REQUIRE(mkdir(root, 0700) == 0);
}

static void a_physical_folder_has_one_user(void *unused)
{
    struct busy busy = {{0, 0}, NULL};
    char root[PATH_SIZE], told[PATH_SIZE];
    ll_daemon daemon;
    pid_t pid;
    (void)unused;

    make_root(root, sizeof root, "busy root");
    busy.root = root;
    channel_make(&busy.told);
    pid = child_start(run_until_killed, &busy);
    REQUIRE(channel_receive(&busy.told, told, sizeof told));
    CHECK(strncmp(told, root, strlen(root)) == 0 && strcmp(told + strlen(root), "/.lucid") == 0);
    daemon = new_daemon("false", root, 0);
    FAILS(LL_ERR_STORAGE_BUSY, told, ll_daemon_start, (daemon, ERR));
    kill_hard(pid);
    OK(ll_daemon_start(daemon, ERR));
    OK(ll_daemon_stop(daemon, ERR));
    CHECK(host_entries(told) == -1);
    ll_daemon_free(daemon);
    channel_close(&busy.told);
}

static void a_physical_folder_persists_if_asked(void *unused)
{
    char root[PATH_SIZE], id[65], folder[2 * PATH_SIZE];
    uint32_t persist;
    (void)unused;

    make_root(root, sizeof root, "own root");
    for (persist = 2; persist-- > 0;) {
        ll_daemon daemon = new_daemon("false", root, persist);
        ll_workspace workspace;
        ll_filespace fs;
        OK(ll_daemon_start(daemon, ERR));
        link_with(daemon, LL_SYNC_ALL, &workspace, &fs);
        OK(ll_filespace_id(fs, id, sizeof id, NULL, ERR));
        snprintf(folder, sizeof folder, "%s/.lucid/%s", root, id);
        CHECK(is_private_folder(folder));
        OK(ll_daemon_stop(daemon, ERR));
        CHECK(is_private_folder(folder) == (persist != 0));
        ll_daemon_free(daemon);
    }
    CHECK(host_entries(root) == 0);
}

/* The working directory is the root if none is given. */
static void a_physical_folder_is_in_the_working_directory(void *unused)
{
    ll_storage_options storage = LL_STORAGE_OPTIONS_INIT;
    ll_daemon daemon = 0;
    char root[PATH_SIZE], told[PATH_SIZE];
    (void)unused;

    make_root(root, sizeof root, "working directory");
    REQUIRE(chdir(root) == 0);
    storage.mode = LL_STORAGE_PHYSICAL;
    MUST(ll_daemon_new(0, &storage, &daemon, ERR));
    OK(ll_daemon_start(daemon, ERR));
    OK(ll_daemon_root_path(daemon, told, sizeof told, NULL, ERR));
    CHECK(strncmp(told, root, strlen(root)) == 0 && strcmp(told + strlen(root), "/.lucid") == 0);
    ll_daemon_free(daemon); /* without stop */
    CHECK(host_entries(root) == 0);
}

/* --- What is not published ---------------------------------------------------------------------------------------- */

enum end { END_STOP, END_UNLINK, END_FREE_FILESPACE, END_FREE_DAEMON };

/* Leaves files open with unpublished writes, ends in one of the ways, and looks what became of them. */
static void unpublished(uint32_t sync_mode, enum end end, int published)
{
    ll_daemon daemon = new_daemon("false", NULL, 0);
    ll_workspace workspace;
    ll_filespace fs;
    ll_file made = 0, changed = 0, longer = 0, freed = 0;
    struct session look;

    OK(ll_daemon_start(daemon, ERR));
    link_with(daemon, sync_mode, &workspace, &fs);
    text_put(fs, "/changed", "before");
    text_put(fs, "/longer", "before");
    MUST(ll_file_open(fs, "/made", "w", NULL, &made, ERR));
    MUST(ll_file_open(fs, "/changed", "r+", NULL, &changed, ERR));
    MUST(ll_file_open(fs, "/longer", "a", NULL, &longer, ERR));
    MUST(ll_file_open(fs, "/freed", "w", NULL, &freed, ERR));
    OK(ll_file_write(made, "made", 4, NULL, ERR));
    OK(ll_file_write(changed, "AFTER", 5, NULL, ERR));
    OK(ll_file_write(longer, " and after", 10, NULL, ERR));
    OK(ll_file_write(freed, "freed", 5, NULL, ERR));
    ll_file_free(freed);
    switch (end) {
    case END_STOP: OK(ll_daemon_stop(daemon, ERR)); break;
    case END_UNLINK: OK(ll_filespace_unlink(fs, ERR)); break;
    case END_FREE_FILESPACE: ll_filespace_free(fs); break;
    case END_FREE_DAEMON: break;
    }
    ll_daemon_free(daemon);
    FAILS(LL_ERR_INVALID_HANDLE, "file", ll_file_close, (made, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "file", ll_file_close, (changed, ERR));

    session_open(&world, &look);
    CHECK(file_exists(look.fs, "/made") == published && !file_exists(look.fs, "/freed"));
    CHECK(text_is(look.fs, "/changed", published ? "AFTERe" : "before"));
    CHECK(text_is(look.fs, "/longer", published ? "before and after" : "before"));
    if (published)
        OK(ll_fs_delete(look.fs, "/made", ERR));
    session_close(&look);
}

static void unpublished_writes_follow_the_sync_mode(void *unused)
{
    (void)unused;
    unpublished(LL_SYNC_ALL, END_STOP, 1);
    unpublished(LL_SYNC_ALL, END_UNLINK, 1);
    unpublished(LL_SYNC_NONE, END_STOP, 0);
    unpublished(LL_SYNC_NONE, END_UNLINK, 0);
    unpublished(LL_SYNC_ALL, END_FREE_FILESPACE, 0);
    unpublished(LL_SYNC_ALL, END_FREE_DAEMON, 0);
}

/* --- Handles ------------------------------------------------------------------------------------------------------ */

static void parents_may_go_first(void *unused)
{
    struct session session;
    ll_entries entries = 0;
    ll_filespaces filespaces = 0;
    ll_accounts accounts = 0;
    ll_file file = 0;
    size_t count = 0;
    int32_t flag = 0;
    int twice;
    (void)unused;

    session_open(&world, &session);
    text_put(session.fs, "/kept", "text");
    MUST(ll_fs_list_dir(session.fs, "/", &entries, ERR));
    MUST(ll_workspace_list_filespaces(session.workspace, &filespaces, ERR));
    MUST(ll_service_account_list(session.workspace, &accounts, ERR));
    MUST(ll_file_open(session.fs, "/kept", "r", NULL, &file, ERR));
    ll_workspace_free(session.workspace);
    OK(ll_filespace_is_linked(session.fs, &flag, ERR)); /* it outlives the workspace's handle */
    CHECK(flag == 1 && text_is(session.fs, "/kept", "text"));
    OK(ll_daemon_stop(session.daemon, ERR));
    for (twice = 0; twice < 2; twice++)
        ll_daemon_free(session.daemon);
    FAILS(LL_ERR_INVALID_HANDLE, "daemon", ll_daemon_is_running, (session.daemon, &flag, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "filespace", ll_filespace_is_linked, (session.fs, &flag, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "workspace", ll_workspace_list_filespaces, (session.workspace, &filespaces, ERR));
    CHECK(filespaces == 0); /* an output is cleared before anything else */
    OK(ll_entries_count(entries, &count, ERR)); /* lists stand alone */
    OK(ll_accounts_count(accounts, &count, ERR));
    CHECK(count == 1);
    for (twice = 0; twice < 2; twice++) {
        ll_file_free(file);
        ll_filespace_free(session.fs);
        ll_workspace_free(session.workspace);
        ll_entries_free(entries);
        ll_filespaces_free(filespaces);
        ll_accounts_free(accounts);
    }
    FAILS(LL_ERR_INVALID_HANDLE, "", ll_entries_count, (entries, &count, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "", ll_accounts_count, (accounts, &count, ERR));
}

/* A freed handle's place is used again: the old number must not lead to the new object. */
static void old_numbers_stay_dead(void *unused)
{
    ll_config old = 0, config = 0;
    char value[8];
    int n;
    (void)unused;

    MUST(ll_config_new(&old, ERR));
    ll_config_free(old);
    for (n = 0; n < 100; n++) {
        MUST(ll_config_new(&config, ERR));
        CHECK(config != old);
        CHECK(ll_config_get(old, "network.timeout", value, sizeof value, NULL, NULL) == LL_ERR_INVALID_HANDLE);
        ll_config_free(old);
        OK(ll_config_get(config, "network.timeout", value, sizeof value, NULL, ERR));
        ll_config_free(config);
    }
}

int main(void)
{
    static void (*const scenarios[])(void *) = {
        keys_are_described,
        one_daemon_runs_at_a_time,
        a_daemon_starts_again,
        a_sandbox_goes,
        a_physical_folder_has_one_user,
        a_physical_folder_persists_if_asked,
        a_physical_folder_is_in_the_working_directory,
        unpublished_writes_follow_the_sync_mode,
        parents_may_go_first,
        old_numbers_stay_dead,
    };
    size_t n;
    world_make(&world);
    for (n = 0; n < sizeof scenarios / sizeof *scenarios; n++)
        CHECK(child_succeeded(child_start(scenarios[n], NULL)));
    world_remove(&world);
    return check_end();
}

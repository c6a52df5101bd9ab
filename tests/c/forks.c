/* The log of a filespace is set back to a copy while links of it run: whoever saw what is gone cannot write any more,
 * and its next commit is a fork, behind which nobody goes on until an admin says so.
 */
#define _XOPEN_SOURCE 700

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

#define STALE "the handle is stale, freed or of another kind"

static struct world world;
static char writer_token[LL_TOKEN_SIZE];

/* --- Setting a log back ------------------------------------------------------------------------------------------- */

static const char *const files[] = { "head", "index", "slots" };
enum { FILES = 3 };
static char saved[FILES][1 << 20];
static ssize_t lengths[FILES];

static int open_part(int n)
{
    char folder[2 * PATH_SIZE], path[5 * PATH_SIZE];
    struct dirent *entry;
    DIR *list;
    int file;
    snprintf(folder, sizeof folder, "%s/workspace/filespaces", world.folder);
    REQUIRE((list = opendir(folder)) != NULL);
    do
        REQUIRE((entry = readdir(list)) != NULL);
    while (entry->d_name[0] == '.');
    snprintf(path, sizeof path, "%s/%s/log/%s", folder, entry->d_name, files[n]);
    closedir(list);
    REQUIRE((file = open(path, O_RDWR)) >= 0);
    return file;
}

static void save_log(void)
{
    int n;
    for (n = 0; n < FILES; n++) {
        int file = open_part(n);
        lengths[n] = read(file, saved[n], sizeof saved[n]);
        REQUIRE(lengths[n] > 0 && (size_t)lengths[n] < sizeof saved[n]);
        close(file);
    }
}

static void set_log_back(void)
{
    int n;
    for (n = 0; n < FILES; n++) {
        int file = open_part(n);
        REQUIRE(pwrite(file, saved[n], (size_t)lengths[n], 0) == lengths[n]);
        REQUIRE(ftruncate(file, (off_t)lengths[n]) == 0);
        close(file);
    }
}

/* --- The story ---------------------------------------------------------------------------------------------------- */

static void make_a_fork(void)
{
    struct session old, young;

    session_open(&world, &old);
    text_put(old.fs, "/kept", "kept");
    OK(ll_service_account_create(old.workspace, "writer", LL_ROLE_WRITER, 0, writer_token, LL_TOKEN_SIZE, NULL, ERR));
    OK(ll_filespace_grant(old.workspace, PROJECTS, "writer", LL_ROLE_WRITER, ERR));
    OK(ll_filespace_sync_all(old.fs, NULL, ERR));
    save_log();
    text_put(old.fs, "/gone", "gone");
    set_log_back();

    session_open(&world, &young);
    CHECK(!file_exists(young.fs, "/gone"));
    text_put(young.fs, "/new", "new");
    text_put(young.fs, "/newer", "newer");
    /* The old link saw a commit that is not there any more. What it writes says so. */
    FAILS(LL_ERR_LOG_FORKED, "an admin must accept it", ll_fs_create_dir, (old.fs, "/from-before", ERR));
    FAILS(LL_ERR_LOG_FORKED, "an admin must accept it", ll_fs_create_dir, (young.fs, "/after", ERR));
    ll_daemon_free(old.daemon);
    ll_daemon_free(young.daemon);
}

static void accept_it(void)
{
    struct session session;
    uint64_t position = 0, again = 1;
    ll_daemon daemon = 0;
    ll_config config = world_config(&world);
    ll_workspace workspace = 0, reader = 0;
    ll_filespace fs = 0;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    char token[LL_TOKEN_SIZE];

    MUST(ll_daemon_new(config, NULL, &daemon, ERR));
    MUST(ll_daemon_start(daemon, ERR));
    MUST(ll_authenticate(daemon, world.token, &workspace, ERR));
    options.name = PROJECTS;
    FAILS(LL_ERR_LOG_FORKED, "fork at position", ll_workspace_link_filespace, (workspace, &options, &fs, ERR));

    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_workspace_filespace_fork, (0, PROJECTS, &position, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "name: it is NULL", ll_workspace_filespace_fork, (workspace, NULL, &position, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "position: it is NULL", ll_workspace_filespace_fork, (workspace, PROJECTS, NULL, ERR));
    FAILS(LL_ERR_NOT_FOUND, "\"none\"", ll_workspace_filespace_fork, (workspace, "none", &position, ERR));
    OK(ll_workspace_filespace_fork(workspace, PROJECTS, &position, ERR));
    CHECK(position > 0);

    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_workspace_accept_fork, (0, PROJECTS, position, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "name: it is NULL", ll_workspace_accept_fork, (workspace, NULL, position, ERR));
    FAILS(LL_ERR_NOT_FOUND, "\"none\"", ll_workspace_accept_fork, (workspace, "none", position, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "position", ll_workspace_accept_fork, (workspace, PROJECTS, position + 1, ERR));

    /* Made while nothing can be granted: it has no key. */
    OK(ll_service_account_create(workspace, "other", LL_ROLE_READER, 0, token, sizeof token, NULL, ERR));
    MUST(ll_authenticate(daemon, token, &reader, ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "grant", ll_workspace_filespace_fork, (reader, PROJECTS, &position, ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "grant", ll_workspace_accept_fork, (reader, PROJECTS, position, ERR));
    ll_workspace_free(reader);
    MUST(ll_authenticate(daemon, writer_token, &reader, ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "admin of the filespace", ll_workspace_accept_fork, (reader, PROJECTS, position, ERR));
    ll_workspace_free(reader);

    OK(ll_workspace_accept_fork(workspace, PROJECTS, position, ERR));
    OK(ll_workspace_filespace_fork(workspace, PROJECTS, &again, ERR));
    CHECK(again == 0);
    FAILS(LL_ERR_INVALID_ARGUMENT, "position: the log has no fork", ll_workspace_accept_fork,
        (workspace, PROJECTS, position, ERR));

    session_open(&world, &session);
    CHECK(file_exists(session.fs, "/new") && file_exists(session.fs, "/newer") && file_exists(session.fs, "/kept"));
    CHECK(!file_exists(session.fs, "/gone") && !file_exists(session.fs, "/from-before"));
    text_put(session.fs, "/after", "goes on");
    session_close(&session);

    OK(ll_daemon_stop(daemon, ERR));
    ll_workspace_free(workspace);
    ll_daemon_free(daemon);
    ll_config_free(config);
}

int main(void)
{
    world_make(&world);
    make_a_fork();
    accept_it();
    world_remove(&world);
    return check_end();
}

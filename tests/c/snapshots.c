/* Snapshots as a C program uses them, and every error that their functions name. What they keep is in
 * tests/snapshots.rs.
 */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define STALE "the handle is stale, freed or of another kind"
/* A role: may write. */
#define WRITER 2u

static ll_filespace link_with(ll_workspace workspace, const char *snapshot, uint32_t read_only)
{
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_filespace fs = LL_INVALID_HANDLE;
    options.name = PROJECTS;
    options.snapshot = snapshot;
    options.read_only = read_only;
    MUST(ll_workspace_link_filespace(workspace, &options, &fs, ERR));
    return fs;
}

static void taken_listed_and_deleted(const struct session *session)
{
    ll_position position = LL_POSITION_INIT;
    ll_snapshot_info info = LL_SNAPSHOT_INFO_INIT;
    ll_snapshots list = LL_INVALID_HANDLE;
    ll_filespace fs = session->fs, then;
    size_t count = 0;

    text_put(fs, "/file", "as it was");
    OK(ll_filespace_create_snapshot(fs, "first", &position, ERR));
    OK(ll_filespace_create_snapshot(fs, "second", NULL, ERR));
    text_put(fs, "/file", "changed");
    OK(ll_filespace_snapshots(fs, &list, ERR));
    OK(ll_snapshots_count(list, &count, ERR));
    CHECK(count == 2);
    OK(ll_snapshots_get(list, 0, &info, ERR));
    CHECK(strcmp(info.name, "first") == 0 && strlen(info.author) == 32);
    CHECK(info.seq == position.seq && info.created_ns > 0);
    FAILS(LL_ERR_INVALID_ARGUMENT, "2 snapshots", ll_snapshots_get, (list, 2, &info, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "info: it is NULL", ll_snapshots_get, (list, 0, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "count: it is NULL", ll_snapshots_count, (list, NULL, ERR));
    ll_snapshots_free(list);
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_snapshots_count, (list, &count, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_snapshots_get, (list, 0, &info, ERR));

    /* Beside the filespace as it is. */
    then = link_with(session->workspace, "first", 0);
    CHECK(text_is(then, "/file", "as it was") && text_is(fs, "/file", "changed"));
    OK(ll_filespace_unlink(then, ERR));
    ll_filespace_free(then);
    CHECK(text_is(fs, "/file", "changed"));
    OK(ll_filespace_restore(fs, "first", "/file", "/there", 0, ERR));
    CHECK(text_is(fs, "/there", "as it was"));
    OK(ll_filespace_delete_snapshot(fs, "second", ERR));
}

static void create_fails(const struct session *session, ll_filespace read_only, ll_filespace reader,
                         ll_filespace unlinked)
{
    ll_position wrong = LL_POSITION_INIT;
    FAILS(LL_ERR_EXISTS, "\"first\"", ll_filespace_create_snapshot, (session->fs, "first", NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "name:", ll_filespace_create_snapshot, (session->fs, "a/b", NULL, ERR));
    wrong.struct_size = 7;
    FAILS(LL_ERR_INVALID_ARGUMENT, "position:", ll_filespace_create_snapshot, (session->fs, "x", &wrong, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_filespace_create_snapshot, (0, "x", NULL, ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_filespace_create_snapshot, (unlinked, "x", NULL, ERR));
    FAILS(LL_ERR_READ_ONLY, "read-only", ll_filespace_create_snapshot, (read_only, "x", NULL, ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "may not write", ll_filespace_create_snapshot, (reader, "x", NULL, ERR));
}

static void delete_fails(const struct session *session, ll_filespace read_only, ll_filespace reader,
                         ll_filespace unlinked)
{
    FAILS(LL_ERR_NOT_FOUND, "no snapshot \"x\"", ll_filespace_delete_snapshot, (session->fs, "x", ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "name: it is NULL", ll_filespace_delete_snapshot, (session->fs, NULL, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_filespace_delete_snapshot, (0, "first", ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_filespace_delete_snapshot, (unlinked, "first", ERR));
    FAILS(LL_ERR_READ_ONLY, "read-only", ll_filespace_delete_snapshot, (read_only, "first", ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "may not write", ll_filespace_delete_snapshot, (reader, "first", ERR));
}

static void list_and_link_fail(const struct session *session, ll_filespace unlinked)
{
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_snapshots list = LL_INVALID_HANDLE;
    ll_filespace fs = LL_INVALID_HANDLE;
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_filespace_snapshots, (0, &list, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "list: it is NULL", ll_filespace_snapshots, (session->fs, NULL, ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_filespace_snapshots, (unlinked, &list, ERR));
    options.name = PROJECTS;
    options.snapshot = "none";
    FAILS(LL_ERR_NOT_FOUND, "no snapshot \"none\"", ll_workspace_link_filespace,
          (session->workspace, &options, &fs, ERR));
}

static void restore_fails(const struct session *session, ll_filespace read_only, ll_filespace reader,
                          ll_filespace unlinked)
{
    ll_filespace fs = session->fs;
    char name[300];
    memset(name, 'x', sizeof name);
    name[0] = '/';
    name[sizeof name - 1] = '\0';
    OK(ll_fs_create_dir(fs, "/folder", ERR));
    OK(ll_filespace_create_snapshot(fs, "both", NULL, ERR));
    FAILS(LL_ERR_NOT_FOUND, "no snapshot \"x\"", ll_filespace_restore, (fs, "x", "/file", "/new", 0, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_filespace_restore, (fs, "both", "/missing", "/new", 0, ERR));
    FAILS(LL_ERR_EXISTS, "/file", ll_filespace_restore, (fs, "both", "/file", "/file", 0, ERR));
    FAILS(LL_ERR_IS_A_DIRECTORY, "/folder", ll_filespace_restore,
          (fs, "both", "/file", "/folder", LL_RESTORE_REPLACE, ERR));
    FAILS(LL_ERR_NOT_A_DIRECTORY, "/file", ll_filespace_restore,
          (fs, "both", "/folder", "/file", LL_RESTORE_REPLACE, ERR));
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "flags", ll_filespace_restore, (fs, "both", "/file", "/new", 2, ERR));
    FAILS(LL_ERR_INVALID_PATH, "absolute", ll_filespace_restore, (fs, "both", "file", "/new", 0, ERR));
    FAILS(LL_ERR_NAME_TOO_LONG, "255", ll_filespace_restore, (fs, "both", "/file", name, 0, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "snapshot: it is NULL", ll_filespace_restore, (fs, NULL, "/file", "/new", 0, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_filespace_restore, (0, "both", "/file", "/new", 0, ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_filespace_restore, (unlinked, "both", "/file", "/new", 0, ERR));
    FAILS(LL_ERR_READ_ONLY, "read-only", ll_filespace_restore, (read_only, "both", "/file", "/new", 0, ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "may not write", ll_filespace_restore, (reader, "both", "/file", "/new", 0, ERR));
    OK(ll_filespace_set_quota(fs, 1, 0, ERR));
    FAILS(LL_ERR_NO_SPACE, "quota", ll_filespace_restore, (fs, "both", "/file", "/new", 0, ERR));
    OK(ll_filespace_set_quota(fs, 0, 0, ERR));
    CHECK(!file_exists(fs, "/new"));
}

int main(void)
{
    struct world world;
    struct session session, other, third;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    char token[LL_TOKEN_SIZE];
    ll_filespace read_only, unlinked;

    world_make(&world);
    session_open(&world, &session);
    taken_listed_and_deleted(&session);

    OK(ll_service_account_create(session.workspace, "reader", WRITER, 0, token, sizeof token, NULL, ERR));
    OK(ll_filespace_grant(session.workspace, PROJECTS, "reader", 1, ERR));
    options.name = PROJECTS;
    session_open_with(&world, token, &options, &other);
    session_open(&world, &third);
    unlinked = third.fs;
    OK(ll_filespace_unlink(unlinked, ERR));
    read_only = link_with(third.workspace, NULL, 1);

    create_fails(&session, read_only, other.fs, unlinked);
    delete_fails(&session, read_only, other.fs, unlinked);
    list_and_link_fail(&session, unlinked);
    restore_fails(&session, read_only, other.fs, unlinked);

    session_close(&other);
    session_close(&third);
    session_close(&session);
    world_remove(&world);
    return check_end();
}

/* Every documented error that comes from store, log and memory: the disk is full or fails, another process holds the
 * log, objects are damaged or gone, memory is short. After each the same link works again.
 */
#define _XOPEN_SOURCE 700

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"
#include "world.h"

#define MB ((size_t)1 << 20)

static ll_filespace fs;
static char fs_id[65];
static unsigned char *bulk;

/* --- Calls that commit ------------------------------------------------------------------------------------------- */

#define NAMES 24

/* Names for call number n, and what it needs; `late` is open for writing and has written. */
static ll_file late[NAMES];

static void prepare_all(void)
{
    char path[32];
    int n;
    for (n = 0; n < NAMES; n++) {
        snprintf(path, sizeof path, "/dir %d", n);
        OK(ll_fs_create_dir(fs, path, ERR));
        snprintf(path, sizeof path, "/file %d", n);
        text_put(fs, path, "content");
        OK(ll_fs_set_xattr(fs, path, 0, "user.old", "x", 1, ERR));
        MUST(ll_file_open(fs, path, "r+", NULL, &late[n], ERR));
        OK(ll_file_pwrite(late[n], 0, "C", 1, NULL, ERR));
    }
    OK(ll_file_lock_range(late[22], 0, 0, NULL, ERR));
}

static void clean_up(void)
{
    ll_entries list = 0;
    ll_entry entry = LL_ENTRY_INIT;
    size_t count = 0, n;
    char path[300];
    for (n = 0; n < NAMES; n++)
        ll_file_free(late[n]);
    MUST(ll_fs_read_dir(fs, "/", &list, ERR));
    OK(ll_entries_count(list, &count, ERR));
    for (n = 0; n < count; n++) {
        OK(ll_entries_get(list, n, &entry, ERR));
        snprintf(path, sizeof path, "/%.200s", entry.name);
        if (entry.type == LL_TYPE_DIRECTORY)
            OK(ll_fs_delete_dir(fs, path, 1, ERR));
        else
            OK(ll_fs_delete(fs, path, ERR));
    }
    ll_entries_free(list);
}

/* Call number n must fail with this status. */
#define COMMITTING(status, words) \
    switch (n) { \
    case 0: FAILS(status, words, ll_fs_create_dir, (fs, "/new 0", ERR)); break; \
    case 1: FAILS(status, words, ll_fs_delete_dir, (fs, "/dir 1", 1, ERR)); break; \
    case 2: FAILS(status, words, ll_fs_delete, (fs, "/file 2", ERR)); break; \
    case 3: FAILS(status, words, ll_fs_move, (fs, "/file 3", "/new 3", 0, ERR)); break; \
    case 4: FAILS(status, words, ll_fs_truncate, (fs, "/file 4", 3, ERR)); break; \
    case 5: FAILS(status, words, ll_fs_write_file, (fs, "/new 5", "x", 1, ERR)); break; \
    case 6: FAILS(status, words, ll_fs_create_symlink, (fs, "target", "/new 6", ERR)); break; \
    case 7: FAILS(status, words, ll_fs_create_hard_link, (fs, "/file 7", "/new 7", ERR)); break; \
    case 8: FAILS(status, words, ll_fs_set_times, (fs, "/file 8", 0, 1, 1, ERR)); break; \
    case 9: FAILS(status, words, ll_fs_set_mode, (fs, "/file 9", 0600, ERR)); break; \
    case 10: FAILS(status, words, ll_fs_set_owner, (fs, "/file 10", 1, 1, ERR)); break; \
    case 11: FAILS(status, words, ll_file_open, (fs, "/new 11", "x", NULL, &file, ERR)); break; \
    case 12: FAILS(status, words, ll_file_truncate, (late[12], 3, ERR)); break; \
    case 13: FAILS(status, words, ll_file_flush, (late[13], ERR)); break; \
    case 14: FAILS(status, words, ll_file_sync, (late[14], ERR)); break; \
    case 15: FAILS(status, words, ll_file_close, (late[15], ERR)); break; \
    case 16: FAILS(status, words, ll_filespace_sync_all, (fs, NULL, ERR)); break; \
    case 17: FAILS(status, words, ll_fs_create, (fs, "/new 17", 0644, ERR)); break; \
    case 18: FAILS(status, words, ll_fs_copy, (fs, "/file 18", "/new 18", 0, ERR)); break; \
    case 19: FAILS(status, words, ll_fs_set_xattr, (fs, "/file 19", 0, "user.new", "x", 1, ERR)); break; \
    case 20: FAILS(status, words, ll_fs_remove_xattr, (fs, "/file 20", 0, "user.old", ERR)); break; \
    case 21: FAILS(status, words, ll_filespace_set_quota, (fs, 0, 0, ERR)); break; \
    case 22: FAILS(status, words, ll_file_unlock_range, (late[22], 0, 0, ERR)); break; \
    case 23: FAILS(status, words, ll_file_lock_range, (late[23], 0, 0, NULL, ERR)); break; \
    }
#define COMMITTING_CALLS 24

static void fails_for_want_of_space(int n, void *argument)
{
    ll_file file = 0;
    (void)argument;
    COMMITTING(LL_ERR_NO_SPACE, "space")
}

static void fails_to_write(int n, void *argument)
{
    ll_file file = 0;
    (void)argument;
    COMMITTING(LL_ERR_IO, "log")
}

/* network.timeout is 1 second; a few more are left to a busy machine. */
#define PATIENCE 5

static void times_out(int n, void *argument)
{
    ll_file file = 0;
    struct timespec start, end;
    (void)argument;
    clock_gettime(CLOCK_MONOTONIC, &start);
    COMMITTING(LL_ERR_TIMEOUT, "")
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (!CHECK(end.tv_sec - start.tv_sec < PATIENCE))
        printf("call %d took %ld seconds\n", n, (long)(end.tv_sec - start.tv_sec));
}

static void the_disk_is_full(void)
{
    int n;
    prepare_all();
    faults_write("/head", ENOSPC);
    for (n = 0; n < COMMITTING_CALLS; n++)
        fails_for_want_of_space(n, NULL);
    CHECK(faults_off() >= COMMITTING_CALLS);
    CHECK(!file_exists(fs, "/new 5") && file_exists(fs, "/file 2"));
    OK(ll_file_flush(late[13], ERR));
    CHECK(text_is(fs, "/file 13", "Content"));
    clean_up();
}

static void the_disk_fails(void)
{
    int n;
    prepare_all();
    faults_write("/head", EIO);
    for (n = 0; n < COMMITTING_CALLS; n++)
        fails_to_write(n, NULL);
    CHECK(faults_off() >= COMMITTING_CALLS);
    OK(ll_file_flush(late[13], ERR));
    CHECK(text_is(fs, "/file 13", "Content"));
    clean_up();
}

/* Whichever of the log's files cannot be written to: nothing became of the commit, and the log is whole. */
static void the_log_cannot_commit(void)
{
    static const char *const files[] = {"/log/slots", "/log/index", "/log/head"};
    ll_error *err = ERR;
    int n;
    for (n = 0; n < 3; n++) {
        faults_write(files[n], ENOSPC);
        FAILS(LL_ERR_NO_SPACE, "space", ll_fs_create_dir, (fs, "/unknown", err));
        CHECK((err->flags & LL_ERROR_MAYBE_APPLIED) == 0);
        CHECK(faults_off() > 0);
        OK(ll_fs_create_dir(fs, "/unknown", ERR));
        text_put(fs, "/after", "it works again");
        CHECK(text_is(fs, "/after", "it works again"));
        clean_up();
    }
}

/* The system may have dropped what it could not write, and says so once: a link that was told believes no later sync.
 * The next link writes it again.
 */
static void the_log_cannot_be_synced(const struct world *world)
{
    static const char *const files[] = {"/log/slots", "/log/index", "/log/head"};
    struct session session;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    int n;
    options.name = PROJECTS;
    options.sync_mode = LL_SYNC_NONE;
    for (n = 0; n < 3; n++) {
        session_open_with(world, world->token, &options, &session);
        text_put(session.fs, "/synced", "at last");
        faults_sync(files[n], EIO);
        FAILS(LL_ERR_IO, "log", ll_filespace_sync_all, (session.fs, NULL, ERR));
        CHECK(faults_off() == 1);
        FAILS(LL_ERR_IO, "link it again", ll_filespace_sync_all, (session.fs, NULL, ERR));
        CHECK(text_is(session.fs, "/synced", "at last"));
        session_close(&session);
        session_open_with(world, world->token, &options, &session);
        OK(ll_filespace_sync_all(session.fs, NULL, ERR));
        CHECK(text_is(session.fs, "/synced", "at last"));
        session_close(&session);
    }
    clean_up();
}

/* So with a pack and the folder that it is in: what it held is there, but no barrier says that it is safe. */
static void a_pack_cannot_be_synced(const struct world *world)
{
    static void (*const faults[])(const char *, int) = {faults_sync, faults_sync_folder};
    struct session session;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    int n;
    options.name = PROJECTS;
    options.sync_mode = LL_SYNC_NONE;
    for (n = 0; n < 2; n++) {
        session_open_with(world, world->token, &options, &session);
        file_put(session.fs, "/packed", 3 << 20, 11);
        faults[n]("/packs", EIO);
        FAILS(LL_ERR_IO, "packs", ll_filespace_sync_all, (session.fs, NULL, ERR));
        CHECK(faults_off() == 1);
        FAILS(LL_ERR_IO, "could not be synced before", ll_filespace_sync_all, (session.fs, NULL, ERR));
        file_put(session.fs, "/later", 3 << 20, 12);
        FAILS(LL_ERR_IO, "could not be synced before", ll_filespace_sync_all, (session.fs, NULL, ERR));
        CHECK(file_has(session.fs, "/packed", 3 << 20, 11));
        session_close(&session);
        session_open_with(world, world->token, &options, &session);
        OK(ll_filespace_sync_all(session.fs, NULL, ERR));
        session_close(&session);
    }
    clean_up();
}

static struct holder {
    pid_t pid;
    struct channel orders; /* the path of a file to hold, then the end */
    struct channel held;
} holder;

/* Another process writes to the log and does not end. */
static void hold_the_log(void *unused)
{
    char path[2 * PATH_SIZE];
    struct flock lock;
    int file;
    (void)unused;
    close(holder.orders.write_end);
    if (!channel_receive(&holder.orders, path, sizeof path))
        return;
    file = open(path, O_RDWR);
    memset(&lock, 0, sizeof lock);
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    REQUIRE(file >= 0 && fcntl(file, F_SETLK, &lock) == 0);
    channel_send(&holder.held, "!", 1);
    channel_receive(&holder.orders, path, 1);
}

static void start_the_holder(void)
{
    channel_make(&holder.orders);
    channel_make(&holder.held);
    holder.pid = child_start(hold_the_log, NULL);
}

static void the_log_is_busy(const struct world *world)
{
    char path[2 * PATH_SIZE] = "", sign;

    prepare_all();
    snprintf(path, sizeof path, "%s/workspace/filespaces/%s/log/head", world->folder, fs_id);
    channel_send(&holder.orders, path, sizeof path);
    REQUIRE(channel_receive(&holder.held, &sign, 1));
    threads_run(COMMITTING_CALLS, times_out, NULL);
    channel_close(&holder.orders);
    CHECK(child_succeeded(holder.pid));
    channel_close(&holder.held);
    OK(ll_file_flush(late[13], ERR));
    CHECK(text_is(fs, "/file 13", "Content"));
    clean_up();
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static void reading_fails(const struct world *world)
{
    struct session cold;
    ll_file file = 0;
    unsigned char data[16];
    size_t size = 0;

    file_put(fs, "/packed", MB, 1);
    session_open(world, &cold); /* has nothing cached */
    MUST(ll_file_open(cold.fs, "/packed", "r", NULL, &file, ERR));
    faults_read("/packs/", EIO);
    FAILS(LL_ERR_IO, "packs/", ll_fs_read_file, (cold.fs, "/packed", bulk, MB, &size, ERR));
    FAILS(LL_ERR_IO, "packs/", ll_file_read, (file, data, sizeof data, &size, ERR));
    FAILS(LL_ERR_IO, "packs/", ll_file_pread, (file, 5, data, sizeof data, &size, ERR));
    CHECK(faults_off() >= 3);
    faults_read("/head", EIO);
    FAILS(LL_ERR_IO, "log", ll_file_refresh, (file, ERR));
    CHECK(faults_off() == 1);
    OK(ll_file_close(file, ERR));
    CHECK(file_has(cold.fs, "/packed", MB, 1));
    session_close(&cold);
    OK(ll_fs_delete(fs, "/packed", ERR));
}

/* What is done to each file below a folder. */
static enum { FLIP, REMOVE } deed;
static int done;

static int do_deed(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)at;
    if (kind != FTW_F)
        return 0;
    done++;
    if (deed == REMOVE)
        return unlink(path);
    {
        int file = open(path, O_RDWR);
        char byte;
        REQUIRE(file >= 0 && pread(file, &byte, 1, status->st_size / 2) == 1);
        byte ^= 1;
        REQUIRE(pwrite(file, &byte, 1, status->st_size / 2) == 1);
        return close(file);
    }
}

static void damage(const struct world *world, const char *below, const char *folder)
{
    char path[3 * PATH_SIZE];
    snprintf(path, sizeof path, "%s/workspace%s/%s", world->folder, below, folder);
    done = 0;
    REQUIRE(nftw(path, do_deed, 8, FTW_PHYS) == 0);
    CHECK(done > 0);
}

/* A workspace of its own, whose objects are flipped and removed. */
static void objects_are_damaged(const struct world *world)
{
    struct session session, cold;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_file file = 0;
    ll_workspace workspace = 0;
    ll_filespace linked = 0;
    unsigned char data[16];
    size_t size = 0;
    char below[PATH_SIZE], id[65];

    session_open(world, &session);
    OK(ll_filespace_id(session.fs, id, sizeof id, NULL, ERR));
    snprintf(below, sizeof below, "/filespaces/%s", id);
    file_put(session.fs, "/packed", 3 * MB, 2);

    deed = FLIP;
    damage(world, below, "packs");
    session_open(world, &cold);
    MUST(ll_file_open(cold.fs, "/packed", "r", NULL, &file, ERR));
    FAILS(LL_ERR_INTEGRITY, "cannot be trusted", ll_fs_read_file, (cold.fs, "/packed", bulk, 3 * MB, &size, ERR));
    for (size = 0; size < 3 * MB; size += 65536) {
        size_t got = 0;
        if (ll_file_pread(file, size, data, sizeof data, &got, ERR) != LL_OK)
            break;
    }
    CHECK(size < 3 * MB); /* one block is hit, wherever */
    FAILS(LL_ERR_INTEGRITY, "cannot be trusted", ll_file_pread, (file, size, data, sizeof data, &size, ERR));
    OK(ll_file_seek(file, 0, LL_SEEK_SET, NULL, ERR));
    FAILS(LL_ERR_INTEGRITY, "cannot be trusted", ll_file_read, (file, bulk, 3 * MB, &size, ERR));
    damage(world, below, "packs");
    CHECK(file_has(cold.fs, "/packed", 3 * MB, 2));
    OK(ll_file_close(file, ERR));

    /* A reader of the old content, whose pack is collected meanwhile. */
    file_put(session.fs, "/packed", MB, 3);
    MUST(ll_file_open(cold.fs, "/packed", "r", NULL, &file, ERR));
    text_put(session.fs, "/packed", "replaced");
    deed = REMOVE;
    damage(world, below, "packs");
    FAILS(LL_ERR_STALE, "refresh", ll_file_read, (file, data, sizeof data, &size, ERR));
    FAILS(LL_ERR_STALE, "refresh", ll_file_pread, (file, 0, data, sizeof data, &size, ERR));
    OK(ll_file_refresh(file, ERR));
    OK(ll_file_pread(file, 0, data, sizeof data, &size, ERR));
    CHECK(size == 8 && memcmp(data, "replaced", 8) == 0);
    OK(ll_file_close(file, ERR));
    session_close(&cold);

    deed = FLIP;
    damage(world, below, "grants");
    OK(ll_filespace_unlink(session.fs, ERR));
    options.id = id;
    FAILS(LL_ERR_INTEGRITY, "", ll_workspace_link_filespace, (session.workspace, &options, &linked, ERR));
    damage(world, "", "grants");
    FAILS(LL_ERR_INTEGRITY, "", ll_authenticate, (session.daemon, world->token, &workspace, ERR));
    session_close(&session);
}

/* --- Making workspaces and filespaces ----------------------------------------------------------------------------- */

static void nothing_can_be_made(const struct world *world, ll_workspace workspace)
{
    char token[LL_TOKEN_SIZE], url[2 * PATH_SIZE], id[65];
    size_t size = sizeof token;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_filespace linked = 0;

    snprintf(url, sizeof url, "%s-on-nfs", world->url);
    faults_network();
    FAILS(LL_ERR_STORE_UNSUITABLE, "network file system", ll_workspace_create, (url, "w", token, size, NULL, ERR));
    CHECK(faults_off() > 0);
    snprintf(url, sizeof url, "%s-full", world->url);
    faults_write("-full/", ENOSPC);
    FAILS(LL_ERR_NO_SPACE, "space", ll_workspace_create, (url, "w", token, size, NULL, ERR));
    CHECK(faults_off() > 0);
    OK(ll_workspace_create(url, "w", token, size, NULL, ERR));
    snprintf(url, sizeof url, "%s-broken", world->url);
    faults_write("-broken/", EIO);
    FAILS(LL_ERR_IO, "", ll_workspace_create, (url, "w", token, size, NULL, ERR));
    CHECK(faults_off() > 0);
    OK(ll_workspace_create(url, "w", token, size, NULL, ERR));

    faults_write("/filespaces/", ENOSPC);
    FAILS(LL_ERR_NO_SPACE, "space", ll_workspace_create_filespace, (workspace, "second", id, 65, NULL, ERR));
    CHECK(faults_off() > 0);
    faults_write("/workspace/log/head", EIO);
    FAILS(LL_ERR_IO, "log", ll_workspace_create_filespace, (workspace, "second", id, 65, NULL, ERR));
    CHECK(faults_off() > 0);
    OK(ll_workspace_create_filespace(workspace, "second", id, sizeof id, NULL, ERR));

    /* It is deleted, but the workspace could not be told. */
    faults_write("/workspace/log/head", EIO);
    FAILS(LL_ERR_IO, "log", ll_workspace_delete_filespace, (workspace, "second", ERR));
    CHECK(faults_off() > 0);
    options.name = "second";
    FAILS(LL_ERR_FILESPACE_DELETED, "deleted", ll_workspace_link_filespace, (workspace, &options, &linked, ERR));
    OK(ll_workspace_delete_filespace(workspace, "second", ERR));
}

/* --- Memory and much data ----------------------------------------------------------------------------------------- */

/* It is refused in the middle, over what was written before. Then the same write, once there is room, is whole. */
static void a_refused_write_changes_nothing(ll_file file)
{
    uint64_t before = 0, after = 0;
    unsigned char found[3];
    size_t got = 0;
    OK(ll_file_size(file, &before, ERR));
    FAILS(LL_ERR_NO_MEMORY, "memory.limit", ll_file_pwrite, (file, 1, bulk, 16 * MB, NULL, ERR));
    OK(ll_file_size(file, &after, ERR));
    CHECK(before == after);
    OK(ll_file_pread(file, 0, found, sizeof found, &got, ERR));
    CHECK(got == sizeof found && memcmp(found, bulk, sizeof found) == 0);
}

/* In a process of its own: the limit is the process's, and what is on its way to the store counts. */
static void memory_is_short(void *argument)
{
    const struct world *world = argument;
    struct session session;
    ll_config config = world_config(world);
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_file files[5] = {0, 0, 0, 0, 0};
    ll_status status = LL_OK;
    int n;

    OK(ll_config_set(config, "memory.limit", "32", ERR));
    MUST(ll_daemon_new(config, NULL, &session.daemon, ERR));
    OK(ll_daemon_start(session.daemon, ERR));
    MUST(ll_authenticate(session.daemon, world->token, &session.workspace, ERR));
    options.name = PROJECTS;
    MUST(ll_workspace_link_filespace(session.workspace, &options, &session.fs, ERR));
    for (n = 0; n < 5; n++) {
        char path[32];
        uint64_t at;
        snprintf(path, sizeof path, "/hungry %d", n);
        MUST(ll_file_open(session.fs, path, "w+", NULL, &files[n], ERR));
        /* Every other byte, so that nothing is a full block that could leave memory. */
        for (at = 0; at < 7 * MB && status == LL_OK; at += 128 << 10)
            status = ll_file_pwrite(files[n], 2 * at, bulk, 128 << 10, NULL, ERR);
    }
    CHECK(status == LL_ERR_NO_MEMORY);
    a_refused_write_changes_nothing(files[4]);
    FAILS(LL_ERR_NO_MEMORY, "memory.limit", ll_file_pwrite, (files[4], 100 * MB, bulk, MB, NULL, ERR));
    FAILS(LL_ERR_NO_MEMORY, "memory.limit", ll_file_write, (files[4], bulk, MB, NULL, ERR));
    FAILS(LL_ERR_NO_MEMORY, "memory.limit", ll_fs_write_file, (session.fs, "/hungry", bulk, MB, ERR));
    for (n = 0; n < 5; n++)
        ll_file_free(files[n]);
    file_put(session.fs, "/fed", 2 * MB, 5);
    CHECK(file_has(session.fs, "/fed", 2 * MB, 5));
    OK(ll_fs_delete(session.fs, "/fed", ERR));
    session_close(&session);
    ll_config_free(config);
}

/* Packs are uploaded while the caller writes: that they cannot be stored shows in a later write, and at the latest when
 * the file is published. What was taken before is not published then.
 */
static ll_status write_much(ll_file file, int *calls)
{
    ll_status status = LL_OK;
    for (*calls = 0; *calls < 16 && status == LL_OK; ++*calls)
        status = ll_file_write(file, bulk, 8 * MB, NULL, ERR);
    return status;
}

#define MUCH(status, number, words, function, call) \
    MUST(ll_file_open(fs, "/much", "w", NULL, &file, ERR)); \
    faults_write("/packs/", number); \
    for (n = 1; n < calls; n++) \
        OK(ll_file_write(file, bulk, 8 * MB, NULL, ERR)); \
    FAILS(status, words, function, call); \
    CHECK(faults_off() > 0); \
    FAILS(LL_ERR_IO, "could not be stored", ll_file_close, (file, ERR));

static void much_is_written(void)
{
    ll_file file = 0;
    int n, calls;
    MUST(ll_file_open(fs, "/much", "w", NULL, &file, ERR));
    faults_write("/packs/", ENOSPC);
    CHECK(write_much(file, &calls) == LL_ERR_NO_SPACE);
    CHECK(faults_off() > 0);
    ll_file_free(file);

    MUCH(LL_ERR_NO_SPACE, ENOSPC, "packs/", ll_file_write, (file, bulk, 8 * MB, NULL, ERR))
    MUCH(LL_ERR_IO, EIO, "packs/", ll_file_write, (file, bulk, 8 * MB, NULL, ERR))
    MUCH(LL_ERR_NO_SPACE, ENOSPC, "packs/", ll_file_pwrite, (file, 200 * MB, bulk, 8 * MB, NULL, ERR))
    MUCH(LL_ERR_IO, EIO, "packs/", ll_file_pwrite, (file, 200 * MB, bulk, 8 * MB, NULL, ERR))
    CHECK(!file_exists(fs, "/much"));
}

int main(void)
{
    struct world world, damaged;
    struct session session;
    ll_config config;
    ll_link_options options = LL_LINK_OPTIONS_INIT;

    start_the_holder();
    world_make(&damaged);
    world_make(&world);
    bulk = malloc(8 * MB);
    REQUIRE(bulk != NULL);
    content_fill(bulk, 8 * MB, 7);
    CHECK(child_succeeded(child_start(memory_is_short, &world)));
    config = world_config(&world);
    OK(ll_config_set(config, "network.timeout", "1", ERR));
    MUST(ll_daemon_new(config, NULL, &session.daemon, ERR));
    ll_config_free(config);
    OK(ll_daemon_start(session.daemon, ERR));
    MUST(ll_authenticate(session.daemon, world.token, &session.workspace, ERR));
    options.name = PROJECTS;
    MUST(ll_workspace_link_filespace(session.workspace, &options, &session.fs, ERR));
    fs = session.fs;
    OK(ll_filespace_id(fs, fs_id, sizeof fs_id, NULL, ERR));

    nothing_can_be_made(&world, session.workspace);
    the_disk_is_full();
    the_disk_fails();
    the_log_cannot_commit();
    the_log_cannot_be_synced(&world);
    a_pack_cannot_be_synced(&world);
    the_log_is_busy(&world);
    reading_fails(&world);
    objects_are_damaged(&damaged);
    much_is_written();
    session_close(&session);
    free(bulk);
    world_remove(&world);
    world_remove(&damaged);
    return check_end();
}

/* Locks as a C program uses them, and every error that their functions name; those of a log that cannot be reached are in
 * errors_store.c. What else locks promise is in tests/locks.
 */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define STALE "the handle is stale, freed or of another kind"
/* A role: may write. */
#define WRITER 2u
/* Locks of a file, and requests for some. */
#define MAX_RANGES 1024
/* Long enough for a lease of a second to end on a busy machine. */
#define PATIENCE_MS 60000

static ll_file open_file(ll_filespace fs, const char *path, const char *mode)
{
    ll_file file = LL_INVALID_HANDLE;
    MUST(ll_file_open(fs, path, mode, NULL, &file, ERR));
    return file;
}

static ll_lock_options lock_as(uint32_t lock, uint64_t wait_ms)
{
    ll_lock_options options = LL_LOCK_OPTIONS_INIT;
    options.lock = lock;
    options.wait_ms = wait_ms;
    return options;
}

static void ranges_are_locked_between_clients(const struct session *mine, const struct session *theirs)
{
    ll_lock_options shared = lock_as(LL_LOCK_SHARED, 0), soon = lock_as(LL_LOCK_EXCLUSIVE, 1);
    ll_file a, b;

    text_put(mine->fs, "/ranges", "abcdef");
    a = open_file(mine->fs, "/ranges", "r+");
    b = open_file(theirs->fs, "/ranges", "r+");
    OK(ll_file_lock_range(a, 0, 10, NULL, ERR));
    OK(ll_file_lock_range(b, 10, 0, NULL, ERR));
    FAILS(LL_ERR_LOCKED, "/ranges", ll_file_lock_range, (b, 9, 1, NULL, ERR));
    FAILS(LL_ERR_LOCKED, "/ranges", ll_file_lock_range, (a, 1000, 1, &shared, ERR));
    FAILS(LL_ERR_TIMEOUT, "did not give up the lock", ll_file_lock_range, (b, 9, 1, &soon, ERR));
    /* A part is given up, an exclusive lock becomes a shared one. */
    OK(ll_file_unlock_range(a, 5, 5, ERR));
    OK(ll_file_lock_range(b, 5, 5, NULL, ERR));
    OK(ll_file_lock_range(a, 0, 5, &shared, ERR));
    OK(ll_file_lock_range(b, 0, 5, &shared, ERR));
    FAILS(LL_ERR_LOCKED, "/ranges", ll_file_lock_range, (a, 0, 1, NULL, ERR));
    /* Nothing is locked there. */
    OK(ll_file_unlock_range(a, 500, 1, ERR));
    OK(ll_file_unlock_all(b, ERR));
    OK(ll_file_lock_range(a, 0, 0, NULL, ERR));
    OK(ll_file_close(a, ERR));
    OK(ll_file_lock_range(b, 0, 0, NULL, ERR));
    OK(ll_file_close(b, ERR));
}

static void a_file_is_opened_with_its_lock(const struct session *mine, const struct session *theirs)
{
    ll_open_options options = LL_OPEN_OPTIONS_INIT;
    ll_file file = LL_INVALID_HANDLE, other = LL_INVALID_HANDLE;

    options.lock = LL_LOCK_EXCLUSIVE;
    MUST(ll_file_open(mine->fs, "/whole", "w", &options, &file, ERR));
    OK(ll_file_write(file, "published", 9, NULL, ERR));
    CHECK(text_is(theirs->fs, "/whole", ""));
    FAILS(LL_ERR_LOCKED, "/whole", ll_file_open, (theirs->fs, "/whole", "r", &options, &other, ERR));
    options.lock_wait_ms = 1;
    FAILS(LL_ERR_TIMEOUT, "/whole", ll_file_open, (theirs->fs, "/whole", "r", &options, &other, ERR));
    OK(ll_file_unlock_all(file, ERR));
    CHECK(text_is(theirs->fs, "/whole", "published"));
    MUST(ll_file_open(theirs->fs, "/whole", "r", &options, &other, ERR));
    OK(ll_file_close(other, ERR));
    OK(ll_file_close(file, ERR));
    options.lock = 3;
    FAILS(LL_ERR_INVALID_ARGUMENT, "options: lock", ll_file_open, (mine->fs, "/whole", "r", &options, &file, ERR));
}

struct circle {
    ll_file files[2];
    ll_status ended[2];
};

/* Each has a byte and wants the other's. */
static void ask_for_the_other(int number, void *argument)
{
    struct circle *circle = argument;
    ll_lock_options patient = lock_as(LL_LOCK_EXCLUSIVE, LL_WAIT_FOREVER);
    ll_file file = circle->files[number];
    ll_status status = ll_file_lock_range(file, (uint64_t)(1 - number), 1, &patient, ERR);

    circle->ended[number] = status;
    check_provoked("ll_file_lock_range", status);
    /* The other one goes on then. */
    if (status != LL_OK)
        OK(ll_file_unlock_all(file, ERR));
}

static void who_waits_last_for_each_other_is_told(const struct session *mine, const struct session *theirs)
{
    struct circle circle;
    int number;

    text_put(mine->fs, "/circle", "ab");
    circle.files[0] = open_file(mine->fs, "/circle", "r+");
    circle.files[1] = open_file(theirs->fs, "/circle", "r+");
    for (number = 0; number < 2; number++)
        OK(ll_file_lock_range(circle.files[number], (uint64_t)number, 1, NULL, ERR));
    threads_run(2, ask_for_the_other, &circle);
    CHECK(circle.ended[0] == LL_OK || circle.ended[1] == LL_OK);
    CHECK(circle.ended[0] == LL_ERR_DEADLOCK || circle.ended[1] == LL_ERR_DEADLOCK);
    for (number = 0; number < 2; number++)
        OK(ll_file_close(circle.files[number], ERR));
}

static void lock_fails(const struct session *mine, const struct session *theirs, ll_filespace read_only,
                       ll_filespace reader)
{
    ll_lock_options wrong = LL_LOCK_OPTIONS_INIT;
    struct {
        ll_lock_options options;
        uint64_t later;
    } newer = {LL_LOCK_OPTIONS_INIT, 1};
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_filespace twice = LL_INVALID_HANDLE;
    ll_file file, gone, unlinked;

    newer.options.struct_size = sizeof newer;
    text_put(mine->fs, "/f", "content");
    file = open_file(mine->fs, "/f", "r+");
    FAILS(LL_ERR_INVALID_ARGUMENT, "length:", ll_file_lock_range, (file, 2, UINT64_MAX - 1, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "offset:", ll_file_lock_range, (file, UINT64_MAX, 0, NULL, ERR));
    wrong.lock = 3;
    FAILS(LL_ERR_INVALID_ARGUMENT, "options: lock", ll_file_lock_range, (file, 0, 0, &wrong, ERR));
    wrong.struct_size = 3;
    FAILS(LL_ERR_INVALID_ARGUMENT, "options:", ll_file_lock_range, (file, 0, 0, &wrong, ERR));
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "options:", ll_file_lock_range, (file, 0, 0, &newer.options, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_file_lock_range, (0, 0, 0, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "length:", ll_file_unlock_range, (file, 2, UINT64_MAX - 1, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_file_unlock_range, (0, 0, 0, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_file_unlock_all, (0, ERR));
    OK(ll_file_close(file, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_file_unlock_all, (file, ERR));

    file = open_file(read_only, "/f", "r");
    FAILS(LL_ERR_READ_ONLY, "without read_only", ll_file_lock_range, (file, 0, 0, NULL, ERR));
    OK(ll_file_close(file, ERR));
    file = open_file(reader, "/f", "r");
    FAILS(LL_ERR_ACCESS_DENIED, "grant as writer", ll_file_lock_range, (file, 0, 0, NULL, ERR));
    OK(ll_file_close(file, ERR));

    gone = open_file(mine->fs, "/f", "r");
    options.name = PROJECTS;
    MUST(ll_workspace_link_filespace(theirs->workspace, &options, &twice, ERR));
    unlinked = open_file(twice, "/f", "r+");
    OK(ll_file_lock_range(unlinked, 0, 1, NULL, ERR));
    OK(ll_fs_delete(mine->fs, "/f", ERR));
    FAILS(LL_ERR_DELETED, "/f", ll_file_lock_range, (gone, 5, 1, NULL, ERR));
    OK(ll_file_close(gone, ERR));
    OK(ll_filespace_unlink(theirs->fs, ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_file_lock_range, (unlinked, 5, 1, NULL, ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_file_unlock_range, (unlinked, 0, 1, ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_file_unlock_all, (unlinked, ERR));
    ll_file_free(unlinked);
    ll_filespace_free(twice);
}

/* A file has so many locks, and no more: be it that one is asked for, or that one becomes two. */
static void there_are_only_so_many(const struct session *session)
{
    ll_file file;
    uint64_t n;

    text_put(session->fs, "/many", "");
    file = open_file(session->fs, "/many", "r+");
    for (n = 0; n < MAX_RANGES; n++)
        OK(ll_file_lock_range(file, 10 * n, 5, NULL, ERR));
    FAILS(LL_ERR_NO_SPACE, "/many", ll_file_lock_range, (file, 10 * n, 5, NULL, ERR));
    FAILS(LL_ERR_NO_SPACE, "/many", ll_file_unlock_range, (file, 2, 1, ERR));
    OK(ll_file_unlock_range(file, 0, 5, ERR));
    OK(ll_file_lock_range(file, 10 * n, 5, NULL, ERR));
    OK(ll_file_close(file, ERR));
}

/* A client that gives no sign of life for `lease` seconds loses its locks. */
static void open_with_lease(const struct world *world, const char *lease, struct session *session)
{
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_config config = world_config(world);
    OK(ll_config_set(config, "session.lease", lease, ERR));
    MUST(ll_daemon_new(config, NULL, &session->daemon, ERR));
    ll_config_free(config);
    MUST(ll_daemon_start(session->daemon, ERR));
    MUST(ll_authenticate(session->daemon, world->token, &session->workspace, ERR));
    options.name = PROJECTS;
    MUST(ll_workspace_link_filespace(session->workspace, &options, &session->fs, ERR));
}

enum { FLUSHED, SYNCED, TRUNCATED, PUNCHED, CLOSED, UNLOCKED, UNLOCKED_IN_PART, LOCKED_AGAIN, HOLDERS };

/* One client believes that a sign of life each twenty minutes is enough, the other one waits for a second. */
static void whoever_lost_a_lock_is_told_and_publishes_nothing(const struct world *world)
{
    struct session slow, hasty, calm;
    ll_lock_options patient = lock_as(LL_LOCK_EXCLUSIVE, PATIENCE_MS);
    ll_file holders[HOLDERS], file;
    uint64_t n;

    open_with_lease(world, "3600", &slow);
    open_with_lease(world, "3600", &calm);
    open_with_lease(world, "1", &hasty);
    text_put(slow.fs, "/lost", "as it was");
    for (n = 0; n < HOLDERS; n++) {
        holders[n] = open_file(slow.fs, "/lost", "r+");
        OK(ll_file_lock_range(holders[n], n, 1, NULL, ERR));
        if (n != TRUNCATED && n != PUNCHED)
            OK(ll_file_pwrite(holders[n], n, "X", 1, NULL, ERR));
    }
    file = open_file(hasty.fs, "/lost", "r+");
    MUST(ll_file_lock_range(file, 0, 0, &patient, ERR));

    FAILS(LL_ERR_LOCK_LOST, "/lost", ll_file_flush, (holders[FLUSHED], ERR));
    FAILS(LL_ERR_LOCK_LOST, "/lost", ll_file_sync, (holders[SYNCED], ERR));
    FAILS(LL_ERR_LOCK_LOST, "/lost", ll_file_truncate, (holders[TRUNCATED], 3, ERR));
    FAILS(LL_ERR_LOCK_LOST, "/lost", ll_file_punch_hole, (holders[PUNCHED], 0, 3, ERR));
    FAILS(LL_ERR_LOCK_LOST, "/lost", ll_file_close, (holders[CLOSED], ERR));
    FAILS(LL_ERR_LOCK_LOST, "/lost", ll_file_unlock_all, (holders[UNLOCKED], ERR));
    FAILS(LL_ERR_LOCK_LOST, "/lost", ll_file_unlock_range, (holders[UNLOCKED_IN_PART], 0, 1, ERR));
    OK(ll_file_close(file, ERR));
    FAILS(LL_ERR_LOCK_LOST, "/lost", ll_file_lock_range, (holders[LOCKED_AGAIN], 100, 1, NULL, ERR));
    /* From then on. */
    FAILS(LL_ERR_LOCK_LOST, "/lost", ll_file_lock_range, (holders[FLUSHED], 0, 1, NULL, ERR));
    FAILS(LL_ERR_LOCK_LOST, "/lost", ll_file_unlock_all, (holders[SYNCED], ERR));
    for (n = 0; n < HOLDERS; n++)
        if (n != CLOSED)
            FAILS(LL_ERR_LOCK_LOST, "/lost", ll_file_close, (holders[n], ERR));
    /* Nothing is left of them, so that nobody has to be silent for the next one to have the lock; and nothing came of
     * what they wrote.
     */
    file = open_file(calm.fs, "/lost", "r");
    OK(ll_file_lock_range(file, 0, 0, &patient, ERR));
    OK(ll_file_close(file, ERR));
    CHECK(text_is(calm.fs, "/lost", "as it was"));
    session_close(&calm);
    session_close(&hasty);
    session_close(&slow);
}

int main(void)
{
    struct world world;
    struct session mine, theirs, limited, reader;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    char token[LL_TOKEN_SIZE];

    world_make(&world);
    session_open(&world, &mine);
    session_open(&world, &theirs);
    options.name = PROJECTS;
    OK(ll_service_account_create(mine.workspace, "reader", WRITER, 0, token, sizeof token, NULL, ERR));
    OK(ll_filespace_grant(mine.workspace, PROJECTS, "reader", 1, ERR));
    session_open_with(&world, token, &options, &reader);
    options.read_only = 1;
    session_open_with(&world, world.token, &options, &limited);

    ranges_are_locked_between_clients(&mine, &theirs);
    a_file_is_opened_with_its_lock(&mine, &theirs);
    who_waits_last_for_each_other_is_told(&mine, &theirs);
    whoever_lost_a_lock_is_told_and_publishes_nothing(&world);
    if (!check_small())
        there_are_only_so_many(&mine);
    lock_fails(&mine, &theirs, limited.fs, reader.fs);

    session_close(&reader);
    session_close(&limited);
    session_close(&theirs);
    session_close(&mine);
    world_remove(&world);
    return check_end();
}

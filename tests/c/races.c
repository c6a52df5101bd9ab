/* Handles are freed and daemons stopped while other threads are in the middle of calls: each call either does its work
 * or says that the handle is gone. Nobody sleeps: whoever ends it waits for a number of calls to be over.
 */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define WORKERS 6

enum ending {
    FREE_FILE,
    CLOSE_FILE,
    FREE_FILESPACE,
    UNLINK,
    FREE_WORKSPACE,
    STOP,
    FREE_DAEMON,
    ENDINGS
};

static struct world world;
static struct random dice;

struct race {
    struct session session;
    ll_file file;
    struct channel calls; /* a byte for each call that is over */
    enum ending ending;
    int after; /* so many calls before it ends */
    int ended;
};

/* What a call may say when its handle is being taken away. */
static int is_expected(ll_status status)
{
    return status == LL_OK || status == LL_ERR_INVALID_HANDLE || status == LL_ERR_NOT_LINKED ||
           status == LL_ERR_DAEMON_NOT_RUNNING;
}

static ll_status one_call(struct race *race, int number, int n)
{
    char path[32], data[64] = "data";
    size_t size = 0;
    uint64_t at = 0;
    ll_entries list = 0;
    ll_filespaces spaces = 0;
    ll_status status;

    snprintf(path, sizeof path, "/worker %d", number);
    switch ((number + n) % 8) {
    case 0: return ll_file_pread(race->file, 3, data, sizeof data, &size, ERR);
    case 1: return ll_file_write(race->file, data, 1, NULL, ERR);
    case 2: return ll_file_flush(race->file, ERR);
    case 3: return ll_file_seek(race->file, 0, LL_SEEK_END, &at, ERR);
    case 4: return ll_fs_write_file(race->session.fs, path, path, strlen(path), ERR);
    case 5:
        status = ll_fs_read_dir(race->session.fs, "/", &list, ERR);
        ll_entries_free(list);
        return status;
    case 6:
        status = ll_workspace_list_filespaces(race->session.workspace, &spaces, ERR);
        ll_filespaces_free(spaces);
        return status;
    default: return ll_filespace_sync_all(race->session.fs, NULL, ERR);
    }
}

static void work(struct race *race, int number)
{
    int n, left = 8; /* calls after the end, so that each kind is made once more */
    for (n = 0; left > 0; n++) {
        ll_status status = one_call(race, number, n);
        if (!CHECK(is_expected(status)))
            printf("call %d: %s: %s\n", (number + n) % 8, ll_status_name(status), ll_last_error_message());
        if (n < race->after)
            channel_send(&race->calls, "!", 1);
        left -= __atomic_load_n(&race->ended, __ATOMIC_ACQUIRE);
    }
}

static void end(struct race *race)
{
    char bytes[256];
    REQUIRE(channel_receive(&race->calls, bytes, (size_t)race->after));
    switch (race->ending) {
    case FREE_FILE: ll_file_free(race->file); break;
    case CLOSE_FILE: OK(ll_file_close(race->file, ERR)); break;
    case FREE_FILESPACE: ll_filespace_free(race->session.fs); break;
    case UNLINK: OK(ll_filespace_unlink(race->session.fs, ERR)); break;
    case FREE_WORKSPACE: ll_workspace_free(race->session.workspace); break;
    case STOP: OK(ll_daemon_stop(race->session.daemon, ERR)); break;
    default: ll_daemon_free(race->session.daemon); break;
    }
    __atomic_store_n(&race->ended, 1, __ATOMIC_RELEASE);
}

static void run(int number, void *argument)
{
    if (number == WORKERS)
        end(argument);
    else
        work(argument, number);
}

static void calls_are_in_flight(enum ending ending)
{
    struct race race;
    memset(&race, 0, sizeof race);
    race.ending = ending;
    race.after = 1 + (int)random_below(&dice, 60);
    channel_make(&race.calls);
    session_open(&world, &race.session);
    MUST(ll_file_open(race.session.fs, "/shared", "w+", NULL, &race.file, ERR));
    threads_run(WORKERS + 1, run, &race);
    ll_file_free(race.file);
    ll_filespace_free(race.session.fs);
    ll_workspace_free(race.session.workspace);
    if (ending != FREE_DAEMON)
        OK(ll_daemon_stop(race.session.daemon, ERR));
    ll_daemon_free(race.session.daemon);
    channel_close(&race.calls);
}

/* --- The same object ended by several ------------------------------------------------------------------------------ */

static int closed;

static void close_together(int number, void *argument)
{
    ll_file *file = argument;
    ll_status status;
    if (number % 2 == 0) {
        status = ll_file_close(*file, ERR);
        CHECK(status == LL_OK || status == LL_ERR_INVALID_HANDLE);
        if (status == LL_OK)
            __atomic_add_fetch(&closed, 1, __ATOMIC_RELAXED);
    } else {
        ll_entries list = 0;
        MUST(ll_config_new(&list, ERR)); /* takes the place that is free, if it is */
        ll_file_free(list);
        ll_config_free(list);
        ll_config_free(list);
    }
}

static void only_one_closes(void)
{
    struct session session;
    ll_file file = 0;
    int round, rounds = SCALE(100, 5);
    session_open(&world, &session);
    for (round = 0; round < rounds; round++) {
        closed = 0;
        MUST(ll_file_open(session.fs, "/once", "w", NULL, &file, ERR));
        threads_run(WORKERS, close_together, &file);
        CHECK(closed == 1);
    }
    session_close(&session);
}

/* Stop is over for everybody when it returns; start and stop of one daemon wait for each other. */
static void start_and_stop(int number, void *argument)
{
    ll_daemon *daemon = argument;
    int round, rounds = SCALE(30, 3);
    for (round = 0; round < rounds; round++) {
        OK(ll_daemon_start(*daemon, ERR));
        if ((number + round) % 2 == 0)
            OK(ll_daemon_stop(*daemon, ERR));
    }
}

static void daemons_start_and_stop_at_once(void)
{
    ll_config config = world_config(&world);
    ll_storage_options storage = LL_STORAGE_OPTIONS_INIT;
    ll_daemon daemon = 0;
    int32_t running = 1;

    OK(ll_config_set(config, "daemon.allow_multiple", "false", ERR));
    storage.mode = LL_STORAGE_PHYSICAL;
    storage.root_path = world.folder;
    MUST(ll_daemon_new(config, &storage, &daemon, ERR));
    threads_run(WORKERS, start_and_stop, &daemon);
    OK(ll_daemon_stop(daemon, ERR));
    OK(ll_daemon_is_running(daemon, &running, ERR));
    CHECK(running == 0);
    ll_daemon_free(daemon);
    ll_config_free(config);
}

int main(void)
{
    int round, rounds = SCALE(8, 1), ending;
    dice.state = check_seed();
    world_make(&world);
    for (round = 0; round < rounds; round++)
        for (ending = 0; ending < ENDINGS; ending++)
            calls_are_in_flight((enum ending)ending);
    only_one_closes();
    daemons_start_and_stop_at_once();
    world_remove(&world);
    return check_end();
}

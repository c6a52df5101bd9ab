/* Several processes on one workspace. They wait for each other through pipes; this process itself never uses the
 * library, so that it can fork whenever it likes.
 */
#define _GNU_SOURCE

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "world.h"

#define PROCESSES 4

static struct world world;
static struct session session;
static int number; /* of this process among its kind */

/* What processes count together, and when they are to end. */
static struct {
    int won;
    int made;
    int is_over;
} *shared;

struct crowd {
    void (*run)(void);
    int number;
    struct channel start;
};

static void member(void *argument)
{
    struct crowd *crowd = argument;
    char none;
    number = crowd->number;
    close(crowd->start.write_end);
    session_open(&world, &session);
    channel_receive(&crowd->start, &none, 1); /* until the parent closes it */
    crowd->run();
    session_close(&session);
}

/* Runs a function in several processes that start together, and `leader` (or nobody) as number 0. */
static void crowd_run(int count, void (*run)(void), void (*leader)(void))
{
    struct crowd crowd;
    pid_t pids[PROCESSES];
    int n;
    memset(shared, 0, sizeof *shared);
    channel_make(&crowd.start);
    for (n = 0; n < count; n++) {
        crowd.number = n;
        crowd.run = n == 0 && leader != NULL ? leader : run;
        pids[n] = child_start(member, &crowd);
    }
    channel_close(&crowd.start);
    for (n = 0; n < count; n++)
        CHECK(child_succeeded(pids[n]));
}

static void add(int *counter)
{
    __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static size_t count_entries(const char *path)
{
    ll_entries list = 0;
    size_t count = 0;
    OK(ll_fs_list_dir(session.fs, path, &list, ERR));
    OK(ll_entries_count(list, &count, ERR));
    ll_entries_free(list);
    return count;
}

/* --- Each sees at once what the one before did --------------------------------------------------------------------- */

static int turns;
static struct channel ring[PROCESSES];
static int ring_size;

static void take_a_turn(int n)
{
    char path[64], to[64], text[32];
    ll_file file = 0;
    snprintf(text, sizeof text, "turn %d", n);
    switch (n % 7) {
    case 0: text_put(session.fs, "/ball", text); break;
    case 1:
        OK(ll_file_open(session.fs, "/diary", "a", NULL, &file, ERR));
        OK(ll_file_write(file, text, strlen(text), NULL, ERR));
        OK(ll_file_close(file, ERR));
        break;
    case 2:
        snprintf(path, sizeof path, "/dir %d/inner", n);
        OK(ll_fs_create_dir(session.fs, path, ERR));
        break;
    case 3:
        snprintf(path, sizeof path, "/dir %d", n - 1);
        snprintf(to, sizeof to, "/moved %d", n - 1);
        OK(ll_fs_move(session.fs, path, to, 0, ERR));
        break;
    case 4:
        snprintf(path, sizeof path, "/moved %d/inner/file", n - 2);
        file_put(session.fs, path, (size_t)n * 1000, (uint64_t)n);
        break;
    case 5:
        OK(ll_file_open(session.fs, "/ball", "r+", NULL, &file, ERR));
        OK(ll_file_pwrite(file, 0, "Turn", 4, NULL, ERR));
        OK(ll_file_flush(file, ERR)); /* seen at once, although it stays open */
        ll_file_free(file);
        break;
    default:
        snprintf(path, sizeof path, "/moved %d", n - 4);
        OK(ll_fs_delete_dir(session.fs, path, 1, ERR));
        break;
    }
}

static void see_a_turn(int n)
{
    char path[64], text[32];
    int32_t exists = 0;
    ll_entry entry = LL_ENTRY_INIT;
    snprintf(text, sizeof text, "turn %d", n);
    switch (n % 7) {
    case 0: CHECK(text_is(session.fs, "/ball", text)); break;
    case 1: {
        ll_file file = 0;
        char end[32];
        size_t size = 0;
        OK(ll_file_open(session.fs, "/diary", "r", NULL, &file, ERR));
        OK(ll_file_seek(file, -(int64_t)strlen(text), LL_SEEK_END, NULL, ERR));
        OK(ll_file_read(file, end, sizeof end, &size, ERR));
        CHECK(size == strlen(text) && memcmp(end, text, size) == 0);
        OK(ll_file_close(file, ERR));
        break;
    }
    case 2:
        snprintf(path, sizeof path, "/dir %d/inner", n);
        OK(ll_fs_dir_exists(session.fs, path, &exists, ERR));
        CHECK(exists);
        break;
    case 3:
        snprintf(path, sizeof path, "/dir %d", n - 1);
        FAILS(LL_ERR_NOT_FOUND, path, ll_fs_get_entry, (session.fs, path, 0, &entry, ERR));
        break;
    case 4:
        snprintf(path, sizeof path, "/moved %d/inner/file", n - 2);
        CHECK(file_has(session.fs, path, (size_t)n * 1000, (uint64_t)n));
        break;
    case 5:
        snprintf(text, sizeof text, "Turn %d", n - 5);
        CHECK(text_is(session.fs, "/ball", text));
        break;
    default:
        snprintf(path, sizeof path, "/moved %d", n - 4);
        OK(ll_fs_dir_exists(session.fs, path, &exists, ERR));
        CHECK(!exists);
        break;
    }
}

static void play(void)
{
    const struct channel *own = &ring[number], *next = &ring[(number + 1) % ring_size];
    int n = 0;
    if (number == 0) {
        take_a_turn(0);
        channel_send(next, &n, sizeof n);
    }
    for (;;) {
        REQUIRE(channel_receive(own, &n, sizeof n));
        if (n < 0)
            break;
        see_a_turn(n);
        n = n + 1 < turns ? n + 1 : -1;
        if (n < 0)
            break;
        take_a_turn(n);
        channel_send(next, &n, sizeof n);
    }
    n = -1; /* once around, so that all end */
    channel_send(next, &n, sizeof n);
}

static void each_sees_the_last_turn(int count)
{
    int n;
    turns = SCALE(210, 21);
    ring_size = count;
    for (n = 0; n < count; n++)
        channel_make(&ring[n]);
    crowd_run(count, play, NULL);
    for (n = 0; n < count; n++)
        channel_close(&ring[n]);
}

/* --- Only one can have it ------------------------------------------------------------------------------------------ */

static int contested;

static void contend(void)
{
    char path[64], target[64], text[32];
    ll_file file = 0;
    ll_status status;
    int n;
    snprintf(text, sizeof text, "process %d", number);
    for (n = 0; n < contested; n++) {
        snprintf(path, sizeof path, "/made/%d", n);
        status = ll_file_open(session.fs, path, "x", NULL, &file, ERR);
        CHECK(status == LL_OK || status == LL_ERR_EXISTS);
        if (status == LL_OK) {
            OK(ll_file_write(file, text, strlen(text), NULL, ERR));
            OK(ll_file_close(file, ERR));
            add(&shared->won);
        }
        snprintf(path, sizeof path, "/there/%d", n);
        snprintf(target, sizeof target, "/there/%d by %d", n, number);
        status = ll_fs_move(session.fs, path, target, 0, ERR);
        CHECK(status == LL_OK || status == LL_ERR_NOT_FOUND);
        if (status == LL_OK)
            add(&shared->won);
        snprintf(path, sizeof path, "/own/%d by %d", n, number);
        snprintf(target, sizeof target, "/own/%d", n);
        status = ll_fs_move(session.fs, path, target, 0, ERR);
        CHECK(status == LL_OK || status == LL_ERR_EXISTS);
        if (status == LL_OK)
            add(&shared->won);
        snprintf(path, sizeof path, "/made/%d dir/deep", n);
        status = ll_fs_create_dir(session.fs, path, ERR);
        CHECK(status == LL_OK || status == LL_ERR_EXISTS);
        if (status == LL_OK)
            add(&shared->won);
    }
}

static void prepare_contest(void)
{
    char path[64];
    int n, p;
    OK(ll_fs_create_dir(session.fs, "/made", ERR));
    OK(ll_fs_create_dir(session.fs, "/there", ERR));
    OK(ll_fs_create_dir(session.fs, "/own", ERR));
    for (n = 0; n < contested; n++) {
        snprintf(path, sizeof path, "/there/%d", n);
        text_put(session.fs, path, "one");
        for (p = 0; p < PROCESSES; p++) {
            snprintf(path, sizeof path, "/own/%d by %d", n, p);
            text_put(session.fs, path, "mine");
        }
    }
}

static void judge_contest(void)
{
    char path[64], text[64];
    size_t size;
    int n, p, whose;
    CHECK(count_entries("/made") == (size_t)(2 * contested) && count_entries("/there") == (size_t)contested);
    CHECK(count_entries("/own") == (size_t)(PROCESSES * contested));
    for (n = 0; n < contested; n++) {
        snprintf(path, sizeof path, "/made/%d", n);
        memset(text, 0, sizeof text);
        OK(ll_fs_read_file(session.fs, path, text, sizeof text - 1, &size, ERR));
        CHECK(sscanf(text, "process %d", &p) == 1);
        for (whose = 0, p = 0; p < PROCESSES; p++) {
            snprintf(path, sizeof path, "/there/%d by %d", n, p);
            whose += file_exists(session.fs, path);
        }
        CHECK(whose == 1);
    }
}

static void one_of_all_wins(void)
{
    int won;
    contested = SCALE(60, 4);
    crowd_run(1, prepare_contest, NULL);
    crowd_run(PROCESSES, contend, NULL);
    won = shared->won;
    CHECK(won == 4 * contested);
    crowd_run(1, judge_contest, NULL);
}

/* Names in the workspace. */
static void contend_for_filespaces(void)
{
    char name[32];
    int n, count = SCALE(5, 1);
    for (n = 0; n < count; n++) {
        ll_status status;
        snprintf(name, sizeof name, "space %d", n);
        status = ll_workspace_create_filespace(session.workspace, name, NULL, 0, NULL, ERR);
        CHECK(status == LL_OK || status == LL_ERR_EXISTS);
        if (status == LL_OK)
            add(&shared->won);
    }
}

/* --- Never under the wrong parent ---------------------------------------------------------------------------------- */

/* The leader takes "/box" away under another name, notes what is in it, and puts a new one in its place. Whatever
 * comes later into the old one was meant for the new one.
 */
static void take_boxes_away(void)
{
    char path[64];
    int n, rounds = SCALE(120, 6);
    size_t *held, sum = 0;
    ll_status status;
    held = calloc((size_t)rounds, sizeof *held);
    REQUIRE(held != NULL);
    for (n = 0; n < rounds; n++) {
        /* A writer makes it too, if it makes a directory in it. */
        status = ll_fs_create_dir(session.fs, "/box", ERR);
        CHECK(status == LL_OK || status == LL_ERR_EXISTS);
        snprintf(path, sizeof path, "/full %d", n);
        OK(ll_fs_move(session.fs, "/box", path, 0, ERR));
        held[n] = count_entries(path);
        while (n == rounds / 2 && __atomic_load_n(&shared->made, __ATOMIC_RELAXED) == 0)
            sched_yield(); /* until the writers are there */
    }
    OK(ll_fs_create_dir(session.fs, "/box/last", ERR));
    add(&shared->made);
    __atomic_store_n(&shared->is_over, 1, __ATOMIC_RELEASE);
    for (n = 0; n < rounds; n++) {
        snprintf(path, sizeof path, "/full %d", n);
        CHECK(count_entries(path) == held[n]);
        sum += held[n];
    }
    CHECK(sum > 0);
    free(held);
}

static void fill_boxes(void)
{
    char path[64], own[64];
    int n, calls = SCALE(1000, 40);
    snprintf(own, sizeof own, "/stock %d", number);
    text_put(session.fs, own, "stock");
    for (n = 0; n < calls && !__atomic_load_n(&shared->is_over, __ATOMIC_ACQUIRE); n++) {
        ll_file file = 0;
        ll_status status;
        snprintf(path, sizeof path, "/box/%d-%d", number, n);
        switch (n % 5) {
        case 0: status = ll_fs_write_file(session.fs, path, "text", 4, ERR); break;
        case 1: status = ll_fs_create_symlink(session.fs, "target", path, ERR); break;
        case 2: status = ll_fs_create_hard_link(session.fs, own, path, ERR); break;
        case 3:
            status = ll_file_open(session.fs, path, "x", NULL, &file, ERR);
            ll_file_free(file);
            break;
        default:
            status = ll_fs_create_dir(session.fs, path, ERR); /* also makes the box if it is away */
            break;
        }
        CHECK(status == LL_OK || status == LL_ERR_NOT_FOUND);
        if (status == LL_OK)
            add(&shared->made);
    }
}

static void count_boxes(void)
{
    char path[64];
    int n, rounds = SCALE(120, 6);
    size_t sum = count_entries("/box");
    for (n = 0; n < rounds; n++) {
        snprintf(path, sizeof path, "/full %d", n);
        sum += count_entries(path);
    }
    CHECK(sum == (size_t)number); /* as many as were made */
}

static void check_boxes(void *argument)
{
    session_open(&world, &session);
    number = *(int *)argument;
    count_boxes();
    session_close(&session);
}

/* --- Appends ------------------------------------------------------------------------------------------------------- */

#define RECORD 100

static void append(void)
{
    char record[RECORD + 1];
    int n, count = SCALE(150, 6);
    for (n = 0; n < count; n++) {
        ll_file file = 0;
        snprintf(record, sizeof record, "%d %-*d", number, RECORD - 3, n);
        record[RECORD - 1] = '\n';
        OK(ll_file_open(session.fs, "/journal", "a", NULL, &file, ERR));
        OK(ll_file_write(file, record, RECORD / 2, NULL, ERR));
        OK(ll_file_write(file, record + RECORD / 2, RECORD - RECORD / 2, NULL, ERR));
        OK(ll_file_close(file, ERR));
    }
}

static void read_journal(void)
{
    int next[PROCESSES] = {0}, count = SCALE(150, 6), n;
    size_t size = (size_t)(PROCESSES * count * RECORD), got = 0, at;
    char *data = malloc(size);
    REQUIRE(data != NULL);
    OK(ll_fs_read_file(session.fs, "/journal", data, size, &got, ERR));
    CHECK(got == size);
    for (at = 0; at + RECORD <= got; at += RECORD) {
        int who = -1, which = -1;
        CHECK(data[at + RECORD - 1] == '\n');
        data[at + RECORD - 1] = '\0';
        CHECK(sscanf(data + at, "%d %d", &who, &which) == 2 && who >= 0 && who < PROCESSES);
        if (who >= 0 && who < PROCESSES)
            CHECK(which == next[who]++);
    }
    for (n = 0; n < PROCESSES; n++)
        CHECK(next[n] == count);
    free(data);
}

int main(void)
{
    int made;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(shared != MAP_FAILED);
    world_make(&world);
    each_sees_the_last_turn(2);
    each_sees_the_last_turn(4);
    one_of_all_wins();
    crowd_run(PROCESSES, contend_for_filespaces, NULL);
    CHECK(shared->won == SCALE(5, 1));
    crowd_run(PROCESSES, fill_boxes, take_boxes_away);
    made = shared->made;
    CHECK(child_succeeded(child_start(check_boxes, &made)));
    crowd_run(PROCESSES, append, NULL);
    crowd_run(1, read_journal, NULL);
    world_remove(&world);
    return check_end();
}

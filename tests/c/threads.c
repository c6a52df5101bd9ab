/* Eight threads on one daemon, one filespace, one file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define THREADS 8
#define RECORD 64

static struct world world;
static struct session session;
static uint64_t seed;

/* --- One file, one handle ----------------------------------------------------------------------------------------- */

static ll_file file;
static uint64_t words;
static unsigned char *seen;

/* Each word of the file holds its own index. */
static void make_numbered(const char *path)
{
    uint64_t *data = malloc(words * sizeof *data), n;
    REQUIRE(data != NULL);
    for (n = 0; n < words; n++)
        data[n] = n;
    OK(ll_fs_write_file(session.fs, path, data, words * sizeof *data, ERR));
    free(data);
}

/* The handle's position is shared: every byte goes to exactly one reader. */
static void read_on(int number, void *unused)
{
    uint64_t part[512];
    size_t got = 0, n;
    (void)number;
    (void)unused;
    do {
        if (!OK(ll_file_read(file, part, sizeof part, &got, ERR)))
            return;
        CHECK(got % sizeof *part == 0);
        for (n = 0; n < got / sizeof *part; n++)
            if (part[n] >= words || n > 0 ? part[n] != part[0] + n : 0)
                CHECK(!"a part is not one piece of the file");
            else
                __atomic_add_fetch(&seen[part[n]], 1, __ATOMIC_RELAXED);
    } while (got > 0);
}

static void read_anywhere(int number, void *unused)
{
    struct random random = {seed + (uint64_t)number};
    int round, rounds = SCALE(300, 20);
    (void)unused;
    for (round = 0; round < rounds; round++) {
        uint64_t part[300], at = random_below(&random, words), n;
        size_t got = 0, want = (size_t)random_below(&random, 300) + 1;
        size_t expected = words - at < want ? (size_t)(words - at) : want;
        OK(ll_file_pread(file, at * 8, part, want * 8, &got, ERR));
        for (n = 0; n < expected && got == expected * 8 && part[n] == at + n; n++)
            continue;
        CHECK(n == expected);
    }
}

static void one_handle_is_read_by_all(void)
{
    uint64_t n, once = 0;
    words = (uint64_t)SCALE(400000, 40000);
    seen = calloc(words, 1);
    REQUIRE(seen != NULL);
    make_numbered("/numbers");
    MUST(ll_file_open(session.fs, "/numbers", "r", NULL, &file, ERR));
    threads_run(THREADS, read_on, NULL);
    for (n = 0; n < words; n++)
        once += seen[n] == 1;
    CHECK(once == words);
    threads_run(THREADS, read_anywhere, NULL);
    OK(ll_file_close(file, ERR));
    free(seen);
}

/* --- Records ------------------------------------------------------------------------------------------------------ */

static int records;

static void fill_record(char *record, int number, int n)
{
    memset(record, 'a' + number, RECORD);
    snprintf(record, RECORD, "%d %d", number, n);
    record[RECORD - 1] = '\n';
}

/* Every thread's records are in the file, whole, once, and in each thread's order. */
static void records_are_whole(const char *path, int in_order)
{
    size_t size = (size_t)(THREADS * records) * RECORD, got = 0, at;
    char *data = malloc(size + 1), expected[RECORD];
    int next[THREADS] = {0}, whole = 0;
    REQUIRE(data != NULL);
    OK(ll_fs_read_file(session.fs, path, data, size, &got, ERR));
    CHECK(got == size);
    for (at = 0; at + RECORD <= got; at += RECORD) {
        int number = -1, n = -1;
        data[at + RECORD - 1] = '\0'; /* for sscanf */
        if (sscanf(data + at, "%d %d", &number, &n) != 2 || number < 0 || number >= THREADS)
            continue;
        data[at + RECORD - 1] = '\n';
        fill_record(expected, number, n);
        whole += memcmp(data + at, expected, RECORD) == 0 && (!in_order || n == next[number]);
        next[number]++;
    }
    CHECK(whole == THREADS * records);
    free(data);
}

static void write_on(int number, void *unused)
{
    char record[RECORD];
    int n;
    (void)unused;
    for (n = 0; n < records; n++) {
        fill_record(record, number, n);
        OK(ll_file_write(file, record, RECORD, NULL, ERR));
    }
}

static void write_own_places(int number, void *unused)
{
    char record[RECORD];
    int n;
    (void)unused;
    for (n = records - 1; n >= 0; n--) {
        fill_record(record, number, n);
        OK(ll_file_pwrite(file, (uint64_t)(n * THREADS + number) * RECORD, record, RECORD, NULL, ERR));
    }
}

static void append_each_alone(int number, void *unused)
{
    char record[RECORD];
    int n;
    (void)unused;
    for (n = 0; n < records; n++) {
        ll_file own = 0;
        fill_record(record, number, n);
        OK(ll_file_open(session.fs, "/appended", "a", NULL, &own, ERR));
        OK(ll_file_write(own, record, RECORD, NULL, ERR));
        OK(ll_file_close(own, ERR));
    }
}

static void nothing_written_is_lost(void)
{
    records = SCALE(2000, 50);
    MUST(ll_file_open(session.fs, "/written", "w", NULL, &file, ERR));
    threads_run(THREADS, write_on, NULL);
    OK(ll_file_close(file, ERR));
    records_are_whole("/written", 1);
    MUST(ll_file_open(session.fs, "/placed", "x+", NULL, &file, ERR));
    threads_run(THREADS, write_own_places, NULL);
    OK(ll_file_close(file, ERR));
    records_are_whole("/placed", 1);
    records = SCALE(50, 5);
    threads_run(THREADS, append_each_alone, NULL);
    records_are_whole("/appended", 1);
}

/* --- Names -------------------------------------------------------------------------------------------------------- */

static int winners;

static void create_many(int number, void *unused)
{
    char path[64];
    int n, count = SCALE(100, 8);
    (void)unused;
    for (n = 0; n < count; n++) {
        snprintf(path, sizeof path, "/many/%d-%d", number, n);
        file_put(session.fs, path, (size_t)(n * 100), seed + (uint64_t)n);
    }
}

static void create_same(int number, void *unused)
{
    ll_file own = 0;
    ll_status status;
    char path[64], text[16];
    int n, count = SCALE(50, 5);
    (void)unused;
    for (n = 0; n < count; n++) {
        snprintf(path, sizeof path, "/same/%d", n);
        snprintf(text, sizeof text, "winner %d", number);
        status = ll_file_open(session.fs, path, "x", NULL, &own, ERR);
        CHECK(status == LL_OK || status == LL_ERR_EXISTS);
        if (status != LL_OK)
            continue;
        __atomic_add_fetch(&winners, 1, __ATOMIC_RELAXED);
        OK(ll_file_write(own, text, strlen(text), NULL, ERR));
        OK(ll_file_close(own, ERR));
    }
    for (n = 0; n < count; n++) {
        snprintf(path, sizeof path, "/same dir/%d/a/b", n);
        status = ll_fs_create_dir(session.fs, path, ERR);
        CHECK(status == LL_OK || status == LL_ERR_EXISTS);
        if (status == LL_OK)
            __atomic_add_fetch(&winners, 1, __ATOMIC_RELAXED);
    }
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

static void names_are_made_once(void)
{
    int number, n, count = SCALE(100, 8), same = SCALE(50, 5);
    char path[64];
    OK(ll_fs_create_dir(session.fs, "/many", ERR));
    OK(ll_fs_create_dir(session.fs, "/same", ERR));
    threads_run(THREADS, create_many, NULL);
    CHECK(count_entries("/many") == (size_t)(THREADS * count));
    for (number = 0; number < THREADS; number++)
        for (n = 0; n < count; n++) {
            snprintf(path, sizeof path, "/many/%d-%d", number, n);
            CHECK(file_has(session.fs, path, (size_t)(n * 100), seed + (uint64_t)n));
        }
    threads_run(THREADS, create_same, NULL);
    CHECK(winners == 2 * same);
    CHECK(count_entries("/same") == (size_t)same && count_entries("/same dir") == (size_t)same);
}

/* --- All at once -------------------------------------------------------------------------------------------------- */

/* Does a bit of everything below a directory of its own, checks each result, and lists what others do. */
static void live(int number, void *unused)
{
    struct random random = {seed + 1000 + (uint64_t)number};
    char path[64], other[64];
    int made[10] = {0}, round, rounds = SCALE(150, 12), slot;
    size_t length[10] = {0};
    (void)unused;
    snprintf(path, sizeof path, "/life %d", number);
    OK(ll_fs_create_dir(session.fs, path, ERR));
    for (round = 0; round < rounds; round++) {
        slot = (int)random_below(&random, 10);
        snprintf(path, sizeof path, "/life %d/%d", number, slot);
        switch (random_below(&random, 6)) {
        case 0:
        case 1:
            length[slot] = (size_t)random_below(&random, 20000);
            file_put(session.fs, path, length[slot], (uint64_t)slot);
            made[slot] = 1;
            break;
        case 2:
            if (made[slot])
                CHECK(file_has(session.fs, path, length[slot], (uint64_t)slot));
            else
                FAILS(LL_ERR_NOT_FOUND, path, ll_fs_delete, (session.fs, path, ERR));
            break;
        case 3:
            if (made[slot])
                OK(ll_fs_delete(session.fs, path, ERR));
            made[slot] = 0;
            break;
        case 4:
            snprintf(other, sizeof other, "/life %d/moved", number);
            if (made[slot]) {
                OK(ll_fs_move(session.fs, path, other, LL_MOVE_REPLACE, ERR));
                OK(ll_fs_move(session.fs, other, path, 0, ERR));
            }
            break;
        default: {
            ll_entries list = 0;
            ll_entry entry = LL_ENTRY_INIT;
            size_t count = 0;
            OK(ll_fs_read_dir(session.fs, "/", &list, ERR));
            OK(ll_entries_count(list, &count, ERR));
            OK(ll_entries_get(list, count - 1, &entry, ERR));
            ll_entries_free(list);
        }
        }
    }
}

/* Every thread has a daemon of its own. */
static void start_and_stop(int number, void *unused)
{
    struct session own;
    char path[32];
    int round, rounds = SCALE(5, 1);
    (void)unused;
    for (round = 0; round < rounds; round++) {
        session_open(&world, &own);
        snprintf(path, sizeof path, "/daemon %d", number);
        text_put(own.fs, path, "of its own");
        session_close(&own);
        CHECK(text_is(session.fs, path, "of its own"));
    }
}

int main(void)
{
    seed = check_seed();
    world_make(&world);
    session_open(&world, &session);
    one_handle_is_read_by_all();
    nothing_written_is_lost();
    names_are_made_once();
    threads_run(THREADS, live, NULL);
    threads_run(THREADS, start_and_stop, NULL);
    session_close(&session);
    world_remove(&world);
    return check_end();
}

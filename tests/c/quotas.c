/* A quota stops growth at its edge, for all who write at the same time, and nothing else. What a refusal looks like is
 * in errors_files.c.
 */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define WRITERS 4

static ll_statistics statistics_of(ll_filespace fs)
{
    ll_statistics statistics = LL_STATISTICS_INIT;
    OK(ll_filespace_statistics(fs, &statistics, ERR));
    return statistics;
}

/* With a quota below what there is. */
static void what_does_not_grow_works(ll_filespace fs)
{
    ll_statistics now;

    text_put(fs, "/one", "twelve bytes");
    text_put(fs, "/two", "2");
    OK(ll_filespace_set_quota(fs, 5, 2, ERR));
    now = statistics_of(fs);
    CHECK(now.quota_bytes == 5 && now.quota_entries == 2 && now.content_bytes == 13);
    FAILS(LL_ERR_NO_SPACE, "quota", ll_fs_truncate, (fs, "/two", 2, ERR));
    FAILS(LL_ERR_NO_SPACE, "quota", ll_fs_create, (fs, "/new", 0644, ERR));
    text_put(fs, "/one", "TWELVE BYTES");
    CHECK(text_is(fs, "/one", "TWELVE BYTES"));
    OK(ll_fs_truncate(fs, "/one", 11, ERR));
    OK(ll_fs_copy(fs, "/two", "/two", LL_COPY_REPLACE, ERR));
    OK(ll_fs_set_mode(fs, "/two", 0600, ERR));
    OK(ll_fs_set_xattr(fs, "/two", 0, "user.colour", "blue", 4, ERR));
    OK(ll_fs_create_hard_link(fs, "/two", "/three", ERR));
    OK(ll_fs_move(fs, "/two", "/one", LL_MOVE_REPLACE, ERR));
    /* There is room again, up to the last byte. */
    OK(ll_fs_truncate(fs, "/one", 5, ERR));
    FAILS(LL_ERR_NO_SPACE, "quota", ll_fs_truncate, (fs, "/one", 6, ERR));
    OK(ll_fs_delete(fs, "/one", ERR));
    OK(ll_fs_delete(fs, "/three", ERR));
    OK(ll_fs_create(fs, "/last", 0644, ERR));
    FAILS(LL_ERR_NO_SPACE, "quota", ll_fs_create_dir, (fs, "/new", ERR));
    OK(ll_fs_delete(fs, "/last", ERR));
    OK(ll_filespace_set_quota(fs, 0, 0, ERR));
}

struct crowd {
    ll_filespace fs[WRITERS];
    int made[WRITERS];
};

/* Each makes files with 10 bytes until there is no more room. */
static void fill_up(int number, void *argument)
{
    struct crowd *crowd = argument;
    ll_status status = LL_OK;
    char path[32];
    while (status == LL_OK && crowd->made[number] < 100) {
        snprintf(path, sizeof path, "/%d-%d", number, crowd->made[number]);
        status = ll_fs_write_file(crowd->fs[number], path, "ten bytes.", 10, ERR);
        crowd->made[number] += status == LL_OK;
    }
    CHECK(status == LL_ERR_NO_SPACE);
}

/* Writers in links of their own fill the filespace to the last that fits, and not beyond. */
static void all_together_stay_within(const struct world *world, ll_filespace fs)
{
    struct session sessions[WRITERS];
    struct crowd crowd = {{0}, {0}};
    int limit, n, made;

    for (n = 0; n < WRITERS; n++) {
        session_open(world, &sessions[n]);
        crowd.fs[n] = sessions[n].fs;
    }
    for (limit = 0; limit < 2; limit++) {
        memset(crowd.made, 0, sizeof crowd.made);
        if (limit == 0)
            OK(ll_filespace_set_quota(fs, 409, 0, ERR)); /* 40 files and 9 bytes */
        else
            OK(ll_filespace_set_quota(fs, 0, 31, ERR)); /* the root and 30 files */
        threads_run(WRITERS, fill_up, &crowd);
        for (made = 0, n = 0; n < WRITERS; n++)
            made += crowd.made[n];
        CHECK(made == (limit == 0 ? 40 : 30));
        CHECK(statistics_of(fs).files == (uint64_t)made && statistics_of(fs).content_bytes == 10 * (uint64_t)made);
        for (n = 0; n < WRITERS; n++)
            while (crowd.made[n]-- > 0) {
                char path[32];
                snprintf(path, sizeof path, "/%d-%d", n, crowd.made[n]);
                OK(ll_fs_delete(fs, path, ERR));
            }
    }
    OK(ll_filespace_set_quota(fs, 0, 0, ERR));
    for (n = 0; n < WRITERS; n++)
        session_close(&sessions[n]);
}

/* Sparse files that have more bytes than 64 bits count. */
static void sums_do_not_wrap(ll_filespace fs)
{
    uint64_t bytes = 0;
    OK(ll_fs_create(fs, "/a", 0644, ERR));
    OK(ll_fs_truncate(fs, "/a", INT64_MAX, ERR));
    OK(ll_fs_copy(fs, "/a", "/b", 0, ERR));
    OK(ll_fs_copy(fs, "/a", "/c", 0, ERR));
    OK(ll_filespace_size(fs, &bytes, ERR));
    CHECK(bytes == UINT64_MAX && statistics_of(fs).content_bytes == UINT64_MAX);
    OK(ll_fs_delete(fs, "/c", ERR));
    OK(ll_filespace_size(fs, &bytes, ERR));
    CHECK(bytes == UINT64_MAX - 1);
    OK(ll_fs_delete(fs, "/b", ERR));
    OK(ll_fs_delete(fs, "/a", ERR));
    OK(ll_filespace_size(fs, &bytes, ERR));
    CHECK(bytes == 0);
}

int main(void)
{
    struct world world;
    struct session session;

    world_make(&world);
    session_open(&world, &session);
    what_does_not_grow_works(session.fs);
    all_together_stay_within(&world, session.fs);
    sums_do_not_wrap(session.fs);
    session_close(&session);
    world_remove(&world);
    return check_end();
}

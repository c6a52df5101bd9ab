/* Batches: all or nothing, visible at once, and the operation that is to blame is named. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STALE "the handle is stale, freed or of another kind"
#define SMALL 300
#define MANY SCALE(10000, 500)

static void all_take_effect_at_once(ll_filespace fs, ll_filespace other)
{
    ll_batch batch = 0;
    ll_entry entry = LL_ENTRY_INIT;
    unsigned char content[SMALL];
    char target[64], value[8];
    uint64_t failed = 7;
    size_t count = 0, needed = 0;

    content_fill(content, SMALL, 1);
    MUST(ll_batch_new(fs, &batch, ERR));
    OK(ll_batch_create_dir(batch, "/made/deep", ERR));
    OK(ll_batch_write_file(batch, "/made/deep/file", content, SMALL, ERR));
    OK(ll_batch_set_mode(batch, "/made/deep/file", 0600, ERR));
    OK(ll_batch_set_owner(batch, "/made/deep/file", 7, 8, ERR));
    OK(ll_batch_set_times(batch, "/made/deep/file", 0, LL_TIME_OMIT, 12345, ERR));
    OK(ll_batch_set_xattr(batch, "/made/deep/file", 0, "user.a", "value", 5, ERR));
    OK(ll_batch_set_xattr(batch, "/made/deep/file", 0, "user.b", "value", 5, ERR));
    OK(ll_batch_remove_xattr(batch, "/made/deep/file", 0, "user.b", ERR));
    OK(ll_batch_copy(batch, "/made/deep/file", "/made/copy", 0, ERR));
    OK(ll_batch_truncate(batch, "/made/copy", 10, ERR));
    OK(ll_batch_create_symlink(batch, "deep/file", "/made/link", ERR));
    OK(ll_batch_create_hard_link(batch, "/made/deep/file", "/made/twin", ERR));
    OK(ll_batch_move(batch, "/made/deep", "/made/moved", 0, ERR));
    OK(ll_batch_write_file(batch, "/made/gone", "x", 1, ERR));
    OK(ll_batch_delete(batch, "/made/gone", ERR));
    OK(ll_batch_create_dir(batch, "/made/tree/leaf", ERR));
    OK(ll_batch_delete_dir(batch, "/made/tree", 1, ERR));
    OK(ll_batch_count(batch, &count, ERR));
    CHECK(count == 17);
    CHECK(!file_exists(fs, "/made/copy"));
    OK(ll_batch_commit(batch, &failed, ERR));
    CHECK(failed == LL_NO_OPERATION);
    OK(ll_batch_count(batch, &count, ERR));
    CHECK(count == 0);
    OK(ll_batch_commit(batch, NULL, ERR)); /* nothing */

    CHECK(file_has(other, "/made/moved/file", SMALL, 1) && file_has(other, "/made/twin", SMALL, 1));
    OK(ll_fs_get_entry(other, "/made/moved/file", 0, &entry, ERR));
    CHECK(entry.mode == 0600 && entry.uid == 7 && entry.gid == 8 && entry.mtime_ns == 12345 && entry.link_count == 2);
    OK(ll_fs_get_entry(other, "/made/copy", 0, &entry, ERR));
    CHECK(entry.size == 10 && entry.mode == 0600);
    OK(ll_fs_read_symlink(other, "/made/link", target, sizeof target, NULL, ERR));
    CHECK(strcmp(target, "deep/file") == 0);
    OK(ll_fs_get_xattr(other, "/made/moved/file", 0, "user.a", value, sizeof value, &needed, ERR));
    CHECK(needed == 5 && memcmp(value, "value", 5) == 0);
    FAILS(LL_ERR_NO_ATTRIBUTE, "user.b", ll_fs_get_xattr,
          (other, "/made/moved/file", 0, "user.b", value, sizeof value, &needed, ERR));
    CHECK(!file_exists(other, "/made/gone"));
    FAILS(LL_ERR_NOT_FOUND, "/made/tree", ll_fs_get_entry, (other, "/made/tree", 0, &entry, ERR));
    ll_batch_free(batch);
}

static void or_none_does(ll_filespace fs, ll_filespace other)
{
    ll_batch batch = 0;
    uint64_t failed = 0;
    size_t count = 0;
    text_put(fs, "/kept", "before");
    MUST(ll_batch_new(fs, &batch, ERR));
    OK(ll_batch_write_file(batch, "/kept", "after", 5, ERR));
    OK(ll_batch_create_dir(batch, "/none", ERR));
    OK(ll_batch_delete(batch, "/none/missing", ERR));
    OK(ll_batch_delete(batch, "/kept", ERR));
    FAILS(LL_ERR_NOT_FOUND, "/none/missing", ll_batch_commit, (batch, &failed, ERR));
    CHECK(failed == 2);
    CHECK(text_is(fs, "/kept", "before") && text_is(other, "/kept", "before"));
    OK(ll_batch_count(batch, &count, ERR));
    CHECK(count == 4);
    /* It can be committed once what was missing is there. */
    OK(ll_fs_create_dir(other, "/none", ERR));
    FAILS(LL_ERR_EXISTS, "/none", ll_batch_commit, (batch, &failed, ERR));
    CHECK(failed == 1);
    OK(ll_fs_delete_dir(other, "/none", 0, ERR));
    ll_batch_free(batch);
    MUST(ll_batch_new(fs, &batch, ERR));
    OK(ll_batch_write_file(batch, "/later/file", "late", 4, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/later/file", ll_batch_commit, (batch, NULL, ERR));
    OK(ll_fs_create_dir(other, "/later", ERR));
    OK(ll_batch_commit(batch, &failed, ERR));
    CHECK(failed == LL_NO_OPERATION && text_is(other, "/later/file", "late"));
    ll_batch_free(batch);
}

/* Small files, a few large ones, in one commit and few objects. */
static void many_files_are_one_commit(const struct session *session, ll_filespace other)
{
    ll_metrics before = LL_METRICS_INIT, after = LL_METRICS_INIT;
    ll_batch batch = 0;
    unsigned char *content = malloc(5 << 20);
    char path[64];
    int n;
    REQUIRE(content != NULL);
    OK(ll_fs_create_dir(session->fs, "/many", ERR));
    OK(ll_daemon_metrics(session->daemon, &before, ERR));
    MUST(ll_batch_new(session->fs, &batch, ERR));
    for (n = 0; n < MANY; n++) {
        snprintf(path, sizeof path, "/many/%d", n);
        content_fill(content, 4096, (uint64_t)n);
        OK(ll_batch_write_file(batch, path, content, 4096, ERR));
    }
    for (n = 0; n < 3; n++) {
        snprintf(path, sizeof path, "/many/large %d", n);
        content_fill(content, 5 << 20, (uint64_t)n);
        OK(ll_batch_write_file(batch, path, content, 5 << 20, ERR));
    }
    OK(ll_batch_commit(batch, NULL, ERR));
    OK(ll_daemon_metrics(session->daemon, &after, ERR));
    CHECK(after.commits == before.commits + 1 && after.log_appends == before.log_appends + 1);
    CHECK(after.store_puts - before.store_puts <= 6);
    for (n = 0; n < MANY; n += 97) {
        snprintf(path, sizeof path, "/many/%d", n);
        CHECK(file_has(other, path, 4096, (uint64_t)n));
    }
    CHECK(file_has(other, "/many/large 2", 5 << 20, 2));
    ll_batch_free(batch);
    free(content);
}

static void errors(const struct world *world, const struct session *session)
{
    struct session reading;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_batch batch = 0, stale = 0;
    ll_filespace fs = session->fs;
    size_t count = 0;
    char path[300] = "/";

    memset(path + 1, 'n', 256);
    MUST(ll_batch_new(fs, &stale, ERR));
    ll_batch_free(stale);
    MUST(ll_batch_new(fs, &batch, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "batch", ll_batch_new, (fs, NULL, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_batch_new, (stale, &stale, ERR));
#define EACH(status, words, batch, path) \
    FAILS(status, words, ll_batch_create_dir, (batch, path, ERR)); \
    FAILS(status, words, ll_batch_delete_dir, (batch, path, 0, ERR)); \
    FAILS(status, words, ll_batch_delete, (batch, path, ERR)); \
    FAILS(status, words, ll_batch_move, (batch, path, "/to", 0, ERR)); \
    FAILS(status, words, ll_batch_copy, (batch, path, "/to", 0, ERR)); \
    FAILS(status, words, ll_batch_truncate, (batch, path, 0, ERR)); \
    FAILS(status, words, ll_batch_write_file, (batch, path, "x", 1, ERR)); \
    FAILS(status, words, ll_batch_create_symlink, (batch, "target", path, ERR)); \
    FAILS(status, words, ll_batch_create_hard_link, (batch, path, "/to", ERR)); \
    FAILS(status, words, ll_batch_set_times, (batch, path, 0, 0, 0, ERR)); \
    FAILS(status, words, ll_batch_set_mode, (batch, path, 0, ERR)); \
    FAILS(status, words, ll_batch_set_owner, (batch, path, 0, 0, ERR)); \
    FAILS(status, words, ll_batch_set_xattr, (batch, path, 0, "name", "x", 1, ERR)); \
    FAILS(status, words, ll_batch_remove_xattr, (batch, path, 0, "name", ERR))
    EACH(LL_ERR_INVALID_HANDLE, STALE, stale, "/x");
    EACH(LL_ERR_INVALID_ARGUMENT, "NULL", batch, NULL);
    EACH(LL_ERR_INVALID_PATH, "absolute", batch, "relative");
    EACH(LL_ERR_NAME_TOO_LONG, "255", batch, path);
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "flags", ll_batch_move, (batch, "/a", "/b", 1u << 9, ERR));
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "flags", ll_batch_copy, (batch, "/a", "/b", 1u << 9, ERR));
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "flags", ll_batch_set_times, (batch, "/a", 1u << 9, 0, 0, ERR));
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "flags", ll_batch_set_xattr, (batch, "/a", 1u << 9, "n", "v", 1, ERR));
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "flags", ll_batch_remove_xattr, (batch, "/a", 1u << 9, "n", ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "count", ll_batch_count, (batch, NULL, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_batch_count, (stale, &count, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_batch_commit, (stale, NULL, ERR));
    OK(ll_batch_count(batch, &count, ERR));
    CHECK(count == 0);
    ll_batch_free(batch);

    options.name = PROJECTS;
    options.read_only = 1;
    session_open_with(world, world->token, &options, &reading);
    FAILS(LL_ERR_READ_ONLY, "read-only", ll_batch_new, (reading.fs, &batch, ERR));
    OK(ll_filespace_unlink(reading.fs, ERR));
    FAILS(LL_ERR_NOT_LINKED, "", ll_batch_new, (reading.fs, &batch, ERR));
    session_close(&reading);
}

int main(void)
{
    struct world world;
    struct session session, other;
    world_make(&world);
    session_open(&world, &session);
    session_open(&world, &other);
    all_take_effect_at_once(session.fs, other.fs);
    or_none_does(session.fs, other.fs);
    many_files_are_one_commit(&session, other.fs);
    errors(&world, &session);
    session_close(&other);
    session_close(&session);
    world_remove(&world);
    return check_end();
}

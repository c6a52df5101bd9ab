/* Holes, several buffers at once, and directories that are read entry by entry. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STALE "the handle is stale, freed or of another kind"
#define GIB ((uint64_t)1 << 30)
#define ENTRIES SCALE(3000, 100)

static void sparse_files(ll_filespace fs, ll_filespace other)
{
    ll_file file = 0;
    ll_statistics statistics = LL_STATISTICS_INIT;
    uint64_t at = 0;
    char text[16];
    size_t got = 0;

    MUST(ll_file_open(fs, "/sparse", "w+", NULL, &file, ERR));
    OK(ll_file_pwrite(file, 100 * GIB, "far", 3, NULL, ERR));
    OK(ll_file_pwrite(file, 5 * GIB, "near", 4, NULL, ERR));
    OK(ll_file_seek_data(file, 0, &at, ERR));
    CHECK(at == 5 * GIB);
    OK(ll_file_seek_hole(file, 5 * GIB, &at, ERR));
    CHECK(at == 5 * GIB + 4);
    OK(ll_file_flush(file, ERR));
    OK(ll_file_seek_data(file, 6 * GIB, &at, ERR));
    CHECK(at == 100 * GIB);
    OK(ll_file_seek_hole(file, 100 * GIB, &at, ERR));
    CHECK(at == 100 * GIB + 3);
    FAILS(LL_ERR_NOT_FOUND, "/sparse", ll_file_seek_data, (file, 100 * GIB + 3, &at, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/sparse", ll_file_seek_hole, (file, 100 * GIB + 3, &at, ERR));

    OK(ll_file_punch_hole(file, 5 * GIB + 1, 2, ERR));
    OK(ll_file_pread(file, 5 * GIB, text, 4, &got, ERR));
    CHECK(got == 4 && memcmp(text, "n\0\0r", 4) == 0);
    OK(ll_file_size(file, &at, ERR));
    CHECK(at == 100 * GIB + 3);
    OK(ll_file_close(file, ERR));
    MUST(ll_file_open(other, "/sparse", "r", NULL, &file, ERR));
    OK(ll_file_pread(file, 5 * GIB, text, 4, &got, ERR));
    CHECK(got == 4 && memcmp(text, "n\0\0r", 4) == 0);
    OK(ll_file_pread(file, 50 * GIB, text, 4, &got, ERR));
    CHECK(got == 4 && memcmp(text, "\0\0\0\0", 4) == 0);
    OK(ll_file_close(file, ERR));
    OK(ll_filespace_statistics(fs, &statistics, ERR));
    CHECK(statistics.live_bytes < 100);
}

static void several_buffers(ll_filespace fs)
{
    char first[6], second[10];
    ll_buffer out[3], in[2];
    ll_file file = 0;
    uint64_t at = 0;
    size_t count = 0;

    out[0].data = "one, ";
    out[0].length = 5;
    out[1].data = NULL;
    out[1].length = 0;
    out[2].data = "two";
    out[2].length = 3;
    in[0].data = first;
    in[0].length = sizeof first;
    in[1].data = second;
    in[1].length = sizeof second;
    MUST(ll_file_open(fs, "/vectors", "w+", NULL, &file, ERR));
    OK(ll_file_writev(file, out, 3, &count, ERR));
    OK(ll_file_tell(file, &at, ERR));
    CHECK(count == 8 && at == 8);
    OK(ll_file_seek(file, 0, LL_SEEK_SET, NULL, ERR));
    OK(ll_file_readv(file, in, 2, &count, ERR));
    CHECK(count == 8 && memcmp(first, "one, t", 6) == 0 && memcmp(second, "wo", 2) == 0);
    OK(ll_file_readv(file, in, 2, &count, ERR));
    CHECK(count == 0);
    OK(ll_file_close(file, ERR));
}

static void directories_in_pieces(ll_filespace fs)
{
    ll_batch batch = 0;
    ll_dir dir = 0;
    ll_entry entry = LL_ENTRY_INIT;
    char path[64], last[64] = "";
    int32_t found = 1;
    int n, count = 0, in_order = 1;

    OK(ll_fs_create_dir(fs, "/huge", ERR));
    MUST(ll_batch_new(fs, &batch, ERR));
    for (n = 0; n < ENTRIES; n++) {
        snprintf(path, sizeof path, "/huge/%d", n);
        OK(ll_batch_write_file(batch, path, "x", (size_t)(n % 2), ERR));
    }
    OK(ll_batch_commit(batch, NULL, ERR));
    ll_batch_free(batch);
    MUST(ll_fs_open_dir(fs, "/huge", &dir, ERR));
    while (ll_dir_next(dir, &entry, &found, ERR) == LL_OK && found) {
        in_order &= strcmp(last, entry.name) < 0 && entry.size == (uint64_t)(atoi(entry.name) % 2);
        snprintf(last, sizeof last, "%s", entry.name);
        count++;
    }
    CHECK(count == ENTRIES && in_order && !found);
    OK(ll_dir_next(dir, &entry, &found, ERR));
    CHECK(!found);
    ll_dir_free(dir);
}

/* The link ends; a handle below another handle of the same link says so. */
static void errors_after_unlink(const struct session *session)
{
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_filespace one = 0, two = 0;
    ll_buffer buffers[1];
    ll_entry entry = LL_ENTRY_INIT;
    ll_file file = 0;
    ll_dir dir = 0;
    uint64_t at = 0;
    size_t count = 0;
    int32_t found = 0;
    char byte = 'x', id[65];
    buffers[0].data = &byte;
    buffers[0].length = 1;
    MUST(ll_workspace_create_filespace(session->workspace, "short", id, sizeof id, NULL, ERR));
    options.id = id;
    MUST(ll_workspace_link_filespace(session->workspace, &options, &one, ERR));
    MUST(ll_workspace_link_filespace(session->workspace, &options, &two, ERR));
    MUST(ll_file_open(two, "/f", "w+", NULL, &file, ERR));
    MUST(ll_fs_open_dir(two, "/", &dir, ERR));
    OK(ll_filespace_unlink(one, ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_file_readv, (file, buffers, 1, &count, ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_file_writev, (file, buffers, 1, &count, ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_file_punch_hole, (file, 0, 1, ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_file_seek_data, (file, 0, &at, ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_file_seek_hole, (file, 0, &at, ERR));
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_dir_next, (dir, &entry, &found, ERR));
    ll_file_free(file);
    ll_dir_free(dir);
    ll_filespace_free(one);
    ll_filespace_free(two);
}

static void errors(const struct world *world, const struct session *session)
{
    struct session other;
    ll_filespace fs = session->fs;
    ll_buffer buffers[1];
    ll_entry entry = LL_ENTRY_INIT;
    ll_file file = 0, reading = 0, stale = 0;
    ll_dir dir = 0;
    uint64_t at = 0;
    size_t count = 0;
    int32_t found = 0;
    char byte = 'x', long_path[300] = "/";

    memset(long_path + 1, 'n', 256);
    buffers[0].data = &byte;
    buffers[0].length = 1;
    text_put(fs, "/file", "text");
    MUST(ll_file_open(fs, "/file", "r+", NULL, &file, ERR));
    MUST(ll_file_open(fs, "/file", "r", NULL, &reading, ERR));
    MUST(ll_file_open(fs, "/file", "a", NULL, &stale, ERR));
    FAILS(LL_ERR_WRONG_MODE, "reading", ll_file_readv, (stale, buffers, 1, &count, ERR));
    FAILS(LL_ERR_WRONG_MODE, "writing", ll_file_writev, (reading, buffers, 1, &count, ERR));
    FAILS(LL_ERR_WRONG_MODE, "making a hole", ll_file_punch_hole, (reading, 0, 1, ERR));
    ll_file_free(stale);
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_file_readv, (stale, buffers, 1, &count, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_file_writev, (stale, buffers, 1, &count, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_file_punch_hole, (stale, 0, 1, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_file_seek_data, (stale, 0, &at, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_file_seek_hole, (stale, 0, &at, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "out_read", ll_file_readv, (file, buffers, 1, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "buffers", ll_file_readv, (file, NULL, 1, &count, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "count", ll_file_readv, (file, buffers, LL_MAX_BUFFERS + 1, &count, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "buffers", ll_file_writev, (file, NULL, 1, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "length", ll_file_punch_hole, (file, 0, 0, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "found", ll_file_seek_data, (file, 0, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "found", ll_file_seek_hole, (file, 0, NULL, ERR));
    OK(ll_file_seek(file, INT64_MAX, LL_SEEK_SET, NULL, ERR));
    FAILS(LL_ERR_FILE_TOO_LARGE, "/file", ll_file_writev, (file, buffers, 1, NULL, ERR));
    session_open(world, &other);
    OK(ll_fs_delete(other.fs, "/file", ERR));
    FAILS(LL_ERR_DELETED, "/file", ll_file_punch_hole, (file, 0, 1, ERR));
    session_close(&other);

    FAILS(LL_ERR_INVALID_ARGUMENT, "dir", ll_fs_open_dir, (fs, "/", NULL, ERR));
    FAILS(LL_ERR_INVALID_PATH, "absolute", ll_fs_open_dir, (fs, "relative", &dir, ERR));
    FAILS(LL_ERR_NAME_TOO_LONG, "255", ll_fs_open_dir, (fs, long_path, &dir, ERR));
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_open_dir, (fs, "/missing", &dir, ERR));
    FAILS(LL_ERR_NOT_A_DIRECTORY, "/sparse", ll_fs_open_dir, (fs, "/sparse", &dir, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_fs_open_dir, (stale, "/", &dir, ERR));
    MUST(ll_fs_open_dir(fs, "/", &dir, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "found", ll_dir_next, (dir, &entry, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "entry", ll_dir_next, (dir, NULL, &found, ERR));

    OK(ll_filespace_unlink(fs, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_dir_next, (dir, &entry, &found, ERR));
    ll_dir_free(dir);
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_fs_open_dir, (fs, "/", &dir, ERR));
}

int main(void)
{
    struct world world;
    struct session session, other;
    world_make(&world);
    session_open(&world, &session);
    session_open(&world, &other);
    sparse_files(session.fs, other.fs);
    several_buffers(session.fs);
    directories_in_pieces(session.fs);
    errors_after_unlink(&session);
    errors(&world, &session);
    session_close(&other);
    session_close(&session);
    world_remove(&world);
    return check_end();
}

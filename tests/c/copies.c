/* Copies share what is stored: they cost the same whatever their size, and each lives by itself. */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define MB ((size_t)1 << 20)

static ll_statistics statistics_of(ll_filespace fs)
{
    ll_statistics statistics = LL_STATISTICS_INIT;
    OK(ll_filespace_statistics(fs, &statistics, ERR));
    return statistics;
}

/* Copies of copies, of a large file and of one that is stored in its commit; then their sources go. */
static void copies_share_and_outlive(ll_filespace fs)
{
    ll_statistics before, copied;
    static const char *const kinds[] = {"large", "small"};
    char from[32], to[32];
    int n, kind, count = SCALE(50, 5);

    file_put(fs, "/large 0", 5 * MB + 1, 1);
    file_put(fs, "/small 0", 100, 2);
    before = statistics_of(fs);
    for (kind = 0; kind < 2; kind++)
        for (n = 0; n < count; n++) {
            snprintf(from, sizeof from, "/%s %d", kinds[kind], n);
            snprintf(to, sizeof to, "/%s %d", kinds[kind], n + 1);
            OK(ll_fs_copy(fs, from, to, 0, ERR));
        }
    copied = statistics_of(fs);
    CHECK(copied.stored_bytes == before.stored_bytes);
    CHECK(copied.files == before.files * (uint64_t)(count + 1));
    CHECK(copied.content_bytes == before.content_bytes * (uint64_t)(count + 1));
    CHECK(copied.live_bytes == before.live_bytes * (uint64_t)(count + 1));
    for (kind = 0; kind < 2; kind++)
        for (n = 0; n < count; n++) {
            snprintf(from, sizeof from, "/%s %d", kinds[kind], n);
            OK(ll_fs_delete(fs, from, ERR));
        }
    snprintf(from, sizeof from, "/large %d", count);
    CHECK(file_has(fs, from, 5 * MB + 1, 1));
    snprintf(to, sizeof to, "/small %d", count);
    CHECK(file_has(fs, to, 100, 2));
    CHECK(statistics_of(fs).live_bytes == before.live_bytes && statistics_of(fs).stored_bytes == before.stored_bytes);
    /* The last one takes the blocks with it. */
    OK(ll_fs_delete(fs, from, ERR));
    OK(ll_fs_delete(fs, to, ERR));
    CHECK(statistics_of(fs).live_bytes == 0 && statistics_of(fs).stored_bytes == 0);
}

static void a_copy_changes_alone(ll_filespace fs)
{
    text_put(fs, "/one", "the same words");
    OK(ll_fs_copy(fs, "/one", "/two", 0, ERR));
    text_put(fs, "/one", "others");
    OK(ll_fs_truncate(fs, "/two", 8, ERR));
    CHECK(text_is(fs, "/one", "others") && text_is(fs, "/two", "the same"));
    OK(ll_fs_delete(fs, "/one", ERR));
    OK(ll_fs_delete(fs, "/two", ERR));
}

static void a_copy_has_the_attributes(ll_filespace fs)
{
    ll_entry source = LL_ENTRY_INIT, copy = LL_ENTRY_INIT;
    char value[8];
    size_t size = 0;

    OK(ll_fs_create(fs, "/tool", 04711, ERR));
    OK(ll_fs_set_owner(fs, "/tool", 1000, 100, ERR));
    OK(ll_fs_set_times(fs, "/tool", 0, -5, 7, ERR));
    OK(ll_fs_set_xattr(fs, "/tool", 0, "user.colour", "blue", 4, ERR));
    OK(ll_fs_get_entry(fs, "/tool", 0, &source, ERR));
    OK(ll_fs_copy(fs, "/tool", "/copy", 0, ERR));
    OK(ll_fs_get_entry(fs, "/copy", 0, &copy, ERR));
    CHECK(copy.file_id != source.file_id && copy.created_ns >= source.created_ns && copy.link_count == 1);
    CHECK(copy.mode == 04711 && copy.uid == 1000 && copy.gid == 100 && copy.atime_ns == -5 && copy.mtime_ns == 7);
    OK(ll_fs_set_xattr(fs, "/copy", 0, "user.colour", "red", 3, ERR));
    OK(ll_fs_get_xattr(fs, "/tool", 0, "user.colour", value, sizeof value, &size, ERR));
    CHECK(size == 4 && memcmp(value, "blue", 4) == 0);
    OK(ll_fs_delete(fs, "/tool", ERR));
    OK(ll_fs_get_xattr(fs, "/copy", 0, "user.colour", value, sizeof value, &size, ERR));
    CHECK(size == 3 && memcmp(value, "red", 3) == 0);
    OK(ll_fs_delete(fs, "/copy", ERR));
}

static void a_copy_replaces_a_name(ll_filespace fs)
{
    ll_file reader = 0;
    ll_entry entry = LL_ENTRY_INIT;
    char text[32];
    size_t size = 0;

    text_put(fs, "/new", "new");
    text_put(fs, "/old", "old");
    OK(ll_fs_create_hard_link(fs, "/old", "/older", ERR));
    MUST(ll_file_open(fs, "/old", "r", NULL, &reader, ERR));
    OK(ll_fs_copy(fs, "/new", "/old", LL_COPY_REPLACE, ERR));
    CHECK(text_is(fs, "/old", "new") && text_is(fs, "/older", "old"));
    OK(ll_file_read(reader, text, sizeof text, &size, ERR));
    CHECK(size == 3 && memcmp(text, "old", 3) == 0);
    ll_file_free(reader);
    /* Itself, under its own name and under another of its names. */
    OK(ll_fs_copy(fs, "/new", "/new", LL_COPY_REPLACE, ERR));
    OK(ll_fs_create_hard_link(fs, "/new", "/same", ERR));
    OK(ll_fs_copy(fs, "/new", "/same", LL_COPY_REPLACE, ERR));
    OK(ll_fs_get_entry(fs, "/new", 0, &entry, ERR));
    CHECK(entry.link_count == 1 && text_is(fs, "/new", "new") && text_is(fs, "/same", "new"));
    OK(ll_fs_delete(fs, "/new", ERR));
    OK(ll_fs_delete(fs, "/same", ERR));
    OK(ll_fs_delete(fs, "/old", ERR));
    OK(ll_fs_delete(fs, "/older", ERR));
}

static void links_are_followed_or_copied(ll_filespace fs)
{
    ll_entry entry = LL_ENTRY_INIT;
    char target[32];

    text_put(fs, "/real", "behind");
    OK(ll_fs_create_symlink(fs, "real", "/link", ERR));
    OK(ll_fs_set_xattr(fs, "/link", LL_NOFOLLOW, "user.of", "link", 4, ERR));
    OK(ll_fs_copy(fs, "/link", "/file", 0, ERR));
    OK(ll_fs_copy(fs, "/link", "/second link", LL_NOFOLLOW, ERR));
    OK(ll_fs_get_entry(fs, "/file", LL_NOFOLLOW, &entry, ERR));
    CHECK(entry.type == LL_TYPE_FILE && text_is(fs, "/file", "behind"));
    OK(ll_fs_get_entry(fs, "/second link", LL_NOFOLLOW, &entry, ERR));
    OK(ll_fs_read_symlink(fs, "/second link", target, sizeof target, NULL, ERR));
    CHECK(entry.type == LL_TYPE_SYMLINK && strcmp(target, "real") == 0);
    /* The link at the target is replaced, not followed. */
    OK(ll_fs_copy(fs, "/file", "/link", LL_COPY_REPLACE, ERR));
    OK(ll_fs_get_entry(fs, "/link", LL_NOFOLLOW, &entry, ERR));
    CHECK(entry.type == LL_TYPE_FILE);
    OK(ll_fs_delete(fs, "/real", ERR));
    OK(ll_fs_delete(fs, "/link", ERR));
    OK(ll_fs_delete(fs, "/file", ERR));
    OK(ll_fs_delete(fs, "/second link", ERR));
}

/* What this link wrote and did not publish is in the copy, in a new file and in one that is there. */
static void what_is_open_is_copied(ll_filespace fs)
{
    ll_file file = 0;

    MUST(ll_file_open(fs, "/draft", "w", NULL, &file, ERR));
    OK(ll_file_write(file, "first", 5, NULL, ERR));
    OK(ll_fs_copy(fs, "/draft", "/copy", 0, ERR));
    CHECK(text_is(fs, "/copy", "first"));
    OK(ll_file_write(file, " and second", 11, NULL, ERR));
    OK(ll_fs_copy(fs, "/draft", "/copy", LL_COPY_REPLACE, ERR));
    CHECK(text_is(fs, "/copy", "first and second"));
    OK(ll_file_close(file, ERR));
    OK(ll_fs_delete(fs, "/draft", ERR));
    OK(ll_fs_delete(fs, "/copy", ERR));
}

/* A byte here and a byte there, more of them than one copy takes. */
static void a_file_in_too_many_pieces(ll_filespace fs)
{
    ll_file file = 0;
    uint64_t n;

    MUST(ll_file_open(fs, "/pieces", "w", NULL, &file, ERR));
    for (n = 0; n < 65537; n++) {
        MUST(ll_file_pwrite(file, 2 * n, "x", 1, NULL, ERR));
        if (n == 40000)
            OK(ll_file_flush(file, ERR));
    }
    OK(ll_file_close(file, ERR));
    FAILS(LL_ERR_FILE_TOO_LARGE, "65536 fragments", ll_fs_copy, (fs, "/pieces", "/copy", 0, ERR));
    OK(ll_fs_truncate(fs, "/pieces", 2 * 65536, ERR));
    OK(ll_fs_copy(fs, "/pieces", "/copy", 0, ERR));
    CHECK(statistics_of(fs).live_bytes == 2 * 65536);
    OK(ll_fs_delete(fs, "/pieces", ERR));
    OK(ll_fs_delete(fs, "/copy", ERR));
}

int main(void)
{
    struct world world;
    struct session session;

    world_make(&world);
    session_open(&world, &session);
    copies_share_and_outlive(session.fs);
    a_copy_changes_alone(session.fs);
    a_copy_has_the_attributes(session.fs);
    a_copy_replaces_a_name(session.fs);
    links_are_followed_or_copied(session.fs);
    what_is_open_is_copied(session.fs);
    if (!check_small())
        a_file_in_too_many_pieces(session.fs);
    CHECK(statistics_of(session.fs).files == 0 && statistics_of(session.fs).live_bytes == 0);
    session_close(&session);
    world_remove(&world);
    return check_end();
}

/* Extended attributes: what is set is what is read, up to the limits, whoever looks. */
#include <stdio.h>
#include <string.h>

#include "world.h"

static unsigned char bulk[65536], back[65536];

static int xattr_is(ll_filespace fs, const char *path, uint32_t flags, const char *name, const void *value, size_t size)
{
    size_t found = 0;
    OK(ll_fs_get_xattr(fs, path, flags, name, back, sizeof back, &found, ERR));
    return found == size && memcmp(back, value, size) == 0;
}

static size_t count_of(ll_filespace fs, const char *path)
{
    ll_xattrs list = 0;
    size_t count = 0;
    MUST(ll_fs_list_xattr(fs, path, LL_NOFOLLOW, &list, ERR));
    OK(ll_xattrs_count(list, &count, ERR));
    ll_xattrs_free(list);
    return count;
}

/* Files, directories and symbolic links have their own. */
static void each_has_its_own(ll_filespace fs, ll_filespace other)
{
    size_t size = 1;

    text_put(fs, "/file", "content");
    OK(ll_fs_create_dir(fs, "/dir", ERR));
    OK(ll_fs_create_symlink(fs, "file", "/link", ERR));
    OK(ll_fs_set_xattr(fs, "/file", 0, "user.of", "file", 4, ERR));
    OK(ll_fs_set_xattr(fs, "/dir", 0, "user.of", "dir", 3, ERR));
    OK(ll_fs_set_xattr(fs, "/link", LL_NOFOLLOW, "user.of", "link", 4, ERR));
    OK(ll_fs_set_xattr(fs, "/", 0, "user.of", "root", 4, ERR));
    CHECK(xattr_is(other, "/file", 0, "user.of", "file", 4) && xattr_is(other, "/dir", 0, "user.of", "dir", 3));
    CHECK(xattr_is(other, "/link", LL_NOFOLLOW, "user.of", "link", 4) && xattr_is(other, "/", 0, "user.of", "root", 4));
    CHECK(xattr_is(other, "/link", 0, "user.of", "file", 4));
    /* A hard link is the same file; a move takes them along. */
    OK(ll_fs_create_hard_link(fs, "/file", "/second", ERR));
    OK(ll_fs_move(fs, "/second", "/third", 0, ERR));
    OK(ll_fs_set_xattr(fs, "/third", LL_XATTR_REPLACE, "user.of", "", 0, ERR));
    OK(ll_fs_get_xattr(other, "/file", 0, "user.of", NULL, 0, &size, ERR));
    CHECK(size == 0);
    OK(ll_fs_remove_xattr(fs, "/third", 0, "user.of", ERR));
    FAILS(LL_ERR_NO_ATTRIBUTE, "user.of", ll_fs_get_xattr, (other, "/file", 0, "user.of", NULL, 0, &size, ERR));
    OK(ll_fs_remove_xattr(fs, "/", 0, "user.of", ERR));
    /* They go with what has them: the same name again has none. */
    OK(ll_fs_delete_dir(fs, "/dir", 0, ERR));
    OK(ll_fs_create_dir(fs, "/dir", ERR));
    CHECK(count_of(fs, "/dir") == 0);
    OK(ll_fs_delete_dir(fs, "/dir", 1, ERR));
    OK(ll_fs_delete(fs, "/link", ERR));
    OK(ll_fs_delete(fs, "/third", ERR));
}

static void a_list_is_sorted(ll_filespace fs)
{
    static const char *const names[] = {"a", "user.a b/c", "user.\xc3\xa9", "z"};
    ll_xattrs list = 0;
    ll_xattr xattr = LL_XATTR_INIT;
    size_t count = 0, n;

    ll_xattr_init(&xattr);
    for (n = 4; n-- > 0;)
        OK(ll_fs_set_xattr(fs, "/file", LL_XATTR_CREATE, names[n], bulk, n * 1000, ERR));
    MUST(ll_fs_list_xattr(fs, "/file", 0, &list, ERR));
    OK(ll_fs_remove_xattr(fs, "/file", 0, "z", ERR));
    OK(ll_xattrs_count(list, &count, ERR));
    CHECK(count == 4);
    for (n = 0; n < count; n++) {
        OK(ll_xattrs_get(list, n, &xattr, ERR));
        CHECK(strcmp(xattr.name, names[n]) == 0 && xattr.size == n * 1000);
    }
    ll_xattrs_free(list);
    CHECK(count_of(fs, "/file") == 3);
}

static void so_many_and_no_more(ll_filespace fs)
{
    char name[256];
    int n, most = SCALE(1024, 0);

    memset(name, 'n', 255);
    name[255] = '\0';
    OK(ll_fs_create(fs, "/many", 0644, ERR));
    OK(ll_fs_set_xattr(fs, "/many", 0, name, "x", 1, ERR));
    CHECK(xattr_is(fs, "/many", 0, name, "x", 1));
    for (n = 1; n < most; n++) {
        snprintf(name, sizeof name, "user.%d", n);
        OK(ll_fs_set_xattr(fs, "/many", 0, name, "x", 1, ERR));
    }
    if (most > 0) {
        FAILS(LL_ERR_NO_SPACE, "1024", ll_fs_set_xattr, (fs, "/many", 0, "user.more", "x", 1, ERR));
        CHECK(count_of(fs, "/many") == 1024);
        OK(ll_fs_set_xattr(fs, "/many", 0, name, "y", 1, ERR));
    }
    content_fill(bulk, sizeof bulk, 7);
    OK(ll_fs_create(fs, "/much", 0644, ERR));
    for (n = 0; n < 15; n++) {
        snprintf(name, sizeof name, "user.%d", n);
        OK(ll_fs_set_xattr(fs, "/much", 0, name, bulk, sizeof bulk, ERR));
    }
    FAILS(LL_ERR_NO_SPACE, "1 MiB", ll_fs_set_xattr, (fs, "/much", 0, "user.15", bulk, sizeof bulk, ERR));
    CHECK(count_of(fs, "/much") == 15 && xattr_is(fs, "/much", 0, "user.14", bulk, sizeof bulk));
}

/* Also through a symbolic link: its target is what is replaced. */
static void what_replaces_content_keeps_the_rest(ll_filespace fs)
{
    ll_open_options options = LL_OPEN_OPTIONS_INIT;
    ll_entry before = LL_ENTRY_INIT, after = LL_ENTRY_INIT;
    ll_file file = 0;

    OK(ll_fs_create(fs, "/kept", 0600, ERR));
    OK(ll_fs_set_owner(fs, "/kept", 7, 8, ERR));
    OK(ll_fs_set_xattr(fs, "/kept", 0, "user.of", "kept", 4, ERR));
    OK(ll_fs_create_hard_link(fs, "/kept", "/kept-too", ERR));
    OK(ll_fs_create_symlink(fs, "kept", "/to-kept", ERR));
    OK(ll_fs_get_entry(fs, "/kept", 0, &before, ERR));
    text_put(fs, "/to-kept", "written whole");
    CHECK(text_is(fs, "/kept-too", "written whole"));
    options.mode = 0755;
    MUST(ll_file_open(fs, "/to-kept", "w", &options, &file, ERR));
    OK(ll_file_write(file, "through a handle", 16, NULL, ERR));
    OK(ll_file_close(file, ERR));
    CHECK(text_is(fs, "/kept", "through a handle") && text_is(fs, "/kept-too", "through a handle"));
    OK(ll_fs_get_entry(fs, "/kept", 0, &after, ERR));
    CHECK(after.file_id == before.file_id && after.mode == 0600 && after.uid == 7 && after.gid == 8);
    CHECK(after.link_count == 2 && after.created_ns == before.created_ns);
    CHECK(xattr_is(fs, "/kept", 0, "user.of", "kept", 4));
    OK(ll_fs_get_entry(fs, "/to-kept", LL_NOFOLLOW, &after, ERR));
    CHECK(after.type == LL_TYPE_SYMLINK);
}

int main(void)
{
    struct world world;
    struct session session, other;

    world_make(&world);
    session_open(&world, &session);
    session_open(&world, &other);
    each_has_its_own(session.fs, other.fs);
    text_put(session.fs, "/file", "content");
    a_list_is_sorted(session.fs);
    so_many_and_no_more(session.fs);
    what_replaces_content_keeps_the_rest(session.fs);
    session_close(&other);
    session_close(&session);
    world_remove(&world);
    return check_end();
}

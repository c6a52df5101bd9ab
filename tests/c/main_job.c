/* The main job from end to end, as a program does it that has never seen the library before. */
#include <stdio.h>
#include <string.h>

#include "world.h"

static char token[LL_TOKEN_SIZE];

static void makes_a_workspace(const char *url)
{
    size_t needed = 0;
    OK(ll_workspace_create(url, "films", token, sizeof token, &needed, ERR));
    CHECK(needed == strlen(token) + 1 && strncmp(token, "sa_live:", 8) == 0);
    check_secret(token_secret(token));
}

static void starts(const struct world *world, const char *url, struct session *session)
{
    ll_config config = world_config(world);
    ll_daemon_state state = LL_DAEMON_STATE_INIT;
    int32_t running = 1;
    char path[PATH_SIZE];

    OK(ll_config_set(config, "workspace.url", url, ERR));
    OK(ll_daemon_new(config, NULL, &session->daemon, ERR));
    ll_config_free(config);
    OK(ll_daemon_is_running(session->daemon, &running, ERR));
    CHECK(running == 0);
    OK(ll_daemon_start(session->daemon, ERR));
    OK(ll_daemon_is_running(session->daemon, &running, ERR));
    CHECK(running == 1);
    OK(ll_daemon_root_path(session->daemon, path, sizeof path, NULL, ERR));
    CHECK(strncmp(path, world->folder, strlen(world->folder)) == 0 && host_entries(path) >= 0);
    OK(ll_authenticate(session->daemon, token, &session->workspace, ERR));
    OK(ll_daemon_status(session->daemon, &state, ERR));
    CHECK(state.running == 1 && state.authenticated == 1 && state.linked == 0);
}

/* The filespaces of a list, one of which is expected, with this name. */
static void lists_one(ll_filespaces list, const char *name, const char *id)
{
    ll_filespace_info info = LL_FILESPACE_INFO_INIT;
    size_t count = 0;
    OK(ll_filespaces_count(list, &count, ERR));
    CHECK(count == 1);
    OK(ll_filespaces_get(list, 0, &info, ERR));
    CHECK(strcmp(info.name, name) == 0 && strcmp(info.id, id) == 0);
    CHECK(info.accessible == 1 && info.created_ns > INT64_C(1600000000) * 1000000000);
    ll_filespaces_free(list);
}

static void links(struct session *session)
{
    ll_link_options by_name = LL_LINK_OPTIONS_INIT, by_id = LL_LINK_OPTIONS_INIT;
    ll_filespaces list = 0;
    ll_filespace again = 0;
    char id[65], text[600];
    int32_t linked = 0;

    OK(ll_workspace_create_filespace(session->workspace, "rushes", id, sizeof id, NULL, ERR));
    OK(ll_workspace_rename_filespace(session->workspace, "rushes", "dailies", ERR));
    OK(ll_workspace_list_filespaces(session->workspace, &list, ERR));
    lists_one(list, "dailies", id);
    by_name.name = "dailies";
    by_id.id = id;
    OK(ll_workspace_link_filespace(session->workspace, &by_name, &session->fs, ERR));
    OK(ll_workspace_link_filespace(session->workspace, &by_id, &again, ERR));
    OK(ll_workspace_linked_filespaces(session->workspace, &list, ERR));
    lists_one(list, "dailies", id);
    OK(ll_fs_create_dir(again, "/one link", ERR));
    OK(ll_fs_delete_dir(session->fs, "/one link", 0, ERR));
    ll_filespace_free(again);

    OK(ll_filespace_is_linked(session->fs, &linked, ERR));
    CHECK(linked == 1);
    OK(ll_filespace_id(session->fs, text, sizeof text, NULL, ERR));
    CHECK(strcmp(text, id) == 0);
    OK(ll_filespace_name(session->fs, text, sizeof text, NULL, ERR));
    CHECK(strcmp(text, "dailies") == 0);
    OK(ll_filespace_full_name(session->fs, text, sizeof text, NULL, ERR));
    CHECK(strcmp(text, "dailies.films") == 0);
    OK(ll_workspace_name(session->workspace, text, sizeof text, NULL, ERR));
    CHECK(strcmp(text, "films") == 0);
    OK(ll_workspace_id(session->workspace, text, sizeof text, NULL, ERR));
    CHECK(strlen(text) == 64);
}

static void lists_directories(ll_filespace fs)
{
    ll_entry entry = LL_ENTRY_INIT;
    ll_entries list = 0;
    size_t count = 0;
    int32_t exists = 0;

    OK(ll_fs_create_dir(fs, "/scene 1/shot 10/plates", ERR));
    OK(ll_fs_create_dir(fs, "/scene 1/\xc3\xa9t\xc3\xa9", ERR));
    text_put(fs, "/scene 1/notes", "wide lens");
    OK(ll_fs_read_dir(fs, "/scene 1/", &list, ERR));
    OK(ll_entries_count(list, &count, ERR));
    CHECK(count == 3);
    OK(ll_entries_get(list, 0, &entry, ERR));
    CHECK(strcmp(entry.name, "notes") == 0 && entry.type == LL_TYPE_FILE && entry.size == 9);
    CHECK(entry.mode == 0644 && entry.link_count == 1 && entry.file_id != 0 && entry.mtime_ns == entry.ctime_ns);
    OK(ll_entries_get(list, 1, &entry, ERR));
    CHECK(strcmp(entry.name, "shot 10") == 0 && entry.type == LL_TYPE_DIRECTORY && entry.mode == 0755);
    ll_entries_free(list);
    OK(ll_fs_list_dir(fs, "/scene 1", &list, ERR));
    OK(ll_entries_get(list, 2, &entry, ERR));
    CHECK(strcmp(entry.name, "\xc3\xa9t\xc3\xa9") == 0);
    ll_entries_free(list);
    OK(ll_fs_dir_exists(fs, "/scene 1/shot 10/plates", &exists, ERR));
    CHECK(exists == 1);
    OK(ll_fs_dir_exists(fs, "/scene 1/notes", &exists, ERR));
    CHECK(exists == 0);
    CHECK(file_exists(fs, "/scene 1/notes") && !file_exists(fs, "/scene 1/shot 10"));
}

static void moves_and_deletes(ll_filespace fs)
{
    ll_entry before = LL_ENTRY_INIT, after = LL_ENTRY_INIT;
    int32_t exists = 1;

    OK(ll_fs_get_entry(fs, "/scene 1/notes", 0, &before, ERR));
    OK(ll_fs_move(fs, "/scene 1/notes", "/notes", 0, ERR));
    OK(ll_fs_get_entry(fs, "/notes", 0, &after, ERR));
    CHECK(before.file_id == after.file_id && after.name == NULL && after.size == 9);
    text_put(fs, "/old", "old");
    OK(ll_fs_move(fs, "/notes", "/old", LL_MOVE_REPLACE, ERR));
    CHECK(text_is(fs, "/old", "wide lens") && !file_exists(fs, "/notes"));
    OK(ll_fs_move(fs, "/scene 1", "/scene 2", 0, ERR));
    OK(ll_fs_dir_exists(fs, "/scene 2/shot 10/plates", &exists, ERR));
    CHECK(exists == 1);
    OK(ll_fs_create_hard_link(fs, "/old", "/scene 2/same", ERR));
    OK(ll_fs_get_entry(fs, "/old", 0, &after, ERR));
    CHECK(after.link_count == 2);
    OK(ll_fs_delete(fs, "/old", ERR));
    CHECK(text_is(fs, "/scene 2/same", "wide lens"));
    OK(ll_fs_delete_dir(fs, "/scene 2/shot 10/plates", 0, ERR));
    OK(ll_fs_delete_dir(fs, "/scene 2", 1, ERR));
    OK(ll_fs_dir_exists(fs, "/scene 2", &exists, ERR));
    CHECK(exists == 0);
}

static void follows_symlinks(ll_filespace fs)
{
    ll_entry entry = LL_ENTRY_INIT;
    char target[64];
    size_t needed = 0;

    OK(ll_fs_create_dir(fs, "/real", ERR));
    text_put(fs, "/real/file", "behind the link");
    OK(ll_fs_create_symlink(fs, "real", "/folder", ERR));
    OK(ll_fs_create_symlink(fs, "../../real/./file", "/real/file link", ERR));
    CHECK(text_is(fs, "/folder/file", "behind the link") && text_is(fs, "/real/file link", "behind the link"));
    OK(ll_fs_read_symlink(fs, "/folder", target, sizeof target, &needed, ERR));
    CHECK(strcmp(target, "real") == 0 && needed == 5);
    OK(ll_fs_get_entry(fs, "/folder", LL_NOFOLLOW, &entry, ERR));
    CHECK(entry.type == LL_TYPE_SYMLINK && entry.size == 4);
    OK(ll_fs_get_entry(fs, "/folder", 0, &entry, ERR));
    CHECK(entry.type == LL_TYPE_DIRECTORY);
    text_put(fs, "/real/file link", "written through it");
    CHECK(text_is(fs, "/real/file", "written through it"));
    OK(ll_fs_delete(fs, "/folder", ERR));
    CHECK(file_exists(fs, "/real/file"));
    OK(ll_fs_delete_dir(fs, "/real", 1, ERR));
}

static void keeps_attributes(ll_filespace fs)
{
    ll_entry entry = LL_ENTRY_INIT;
    ll_open_options options = LL_OPEN_OPTIONS_INIT;
    ll_file file = 0;

    options.mode = 0750;
    OK(ll_file_open(fs, "/tool", "w", &options, &file, ERR));
    OK(ll_file_close(file, ERR));
    OK(ll_fs_get_entry(fs, "/tool", 0, &entry, ERR));
    CHECK(entry.mode == 0750 && entry.size == 0);
    OK(ll_fs_set_mode(fs, "/tool", 04711, ERR));
    OK(ll_fs_set_owner(fs, "/tool", 1000, 4294967295u, ERR));
    OK(ll_fs_set_times(fs, "/tool", 0, -5, INT64_MAX, ERR));
    OK(ll_fs_set_times(fs, "/tool", LL_NOFOLLOW, LL_TIME_OMIT, 7, ERR));
    OK(ll_fs_get_entry(fs, "/tool", 0, &entry, ERR));
    CHECK(entry.mode == 04711 && entry.uid == 1000 && entry.gid == 4294967295u);
    CHECK(entry.atime_ns == -5 && entry.mtime_ns == 7);
    OK(ll_fs_delete(fs, "/tool", ERR));
}

static void reads_and_writes(ll_filespace fs)
{
    ll_file file = 0, reader = 0;
    uint64_t at = 0, size = 0;
    char text[32];
    size_t done = 0;

    OK(ll_file_open(fs, "/take", "x+", NULL, &file, ERR));
    CHECK(file_exists(fs, "/take"));
    OK(ll_file_write(file, "0123456789", 10, &done, ERR));
    CHECK(done == 10);
    OK(ll_file_seek(file, -4, LL_SEEK_END, &at, ERR));
    CHECK(at == 6);
    OK(ll_file_read(file, text, sizeof text, &done, ERR));
    CHECK(done == 4 && memcmp(text, "6789", 4) == 0);
    OK(ll_file_read(file, text, sizeof text, &done, ERR));
    CHECK(done == 0);
    OK(ll_file_pwrite(file, 2, "xy", 2, &done, ERR));
    OK(ll_file_pread(file, 1, text, 4, &done, ERR));
    CHECK(done == 4 && memcmp(text, "1xy4", 4) == 0);
    OK(ll_file_tell(file, &at, ERR));
    CHECK(at == 10);
    OK(ll_file_open(fs, "/take", "r", NULL, &reader, ERR));
    OK(ll_file_flush(file, ERR));
    OK(ll_file_truncate(file, 3, ERR));
    OK(ll_file_seek(file, 6, LL_SEEK_SET, NULL, ERR));
    OK(ll_file_write(file, "z", 1, NULL, ERR));
    OK(ll_file_size(file, &size, ERR));
    CHECK(size == 7);
    OK(ll_file_sync(file, ERR));
    OK(ll_file_close(file, ERR));
    OK(ll_file_refresh(reader, ERR));
    OK(ll_file_read(reader, text, sizeof text, &done, ERR));
    CHECK(done == 7 && memcmp(text, "01x\0\0\0z", 7) == 0);
    OK(ll_file_close(reader, ERR));

    OK(ll_file_open(fs, "/take", "a", NULL, &file, ERR));
    OK(ll_file_write(file, "appended", 8, NULL, ERR));
    OK(ll_file_close(file, ERR));
    OK(ll_file_open(fs, "/take", "r+b", NULL, &file, ERR));
    OK(ll_file_pread(file, 7, text, sizeof text, &done, ERR));
    CHECK(done == 8 && memcmp(text, "appended", 8) == 0);
    OK(ll_file_pwrite(file, 0, "R", 1, NULL, ERR));
    ll_file_free(file);
    OK(ll_fs_truncate(fs, "/take", 8, ERR));
    OK(ll_fs_read_file(fs, "/take", text, sizeof text, &done, ERR));
    CHECK(done == 8 && memcmp(text, "01x\0\0\0za", 8) == 0);
    OK(ll_file_open(fs, "/take", "w", NULL, &file, ERR));
    OK(ll_file_close(file, ERR));
    CHECK(text_is(fs, "/take", ""));
    OK(ll_fs_delete(fs, "/take", ERR));
}

static void holds_content_of_any_size(ll_filespace fs)
{
    static const size_t sizes[] = {0, 1, 4095, 65536, 262143, 262144, 262145, 1048576, 5000001};
    size_t last = SCALE(sizeof sizes / sizeof *sizes, 8), n;
    uint64_t sum = 0, bytes = 0;
    ll_statistics statistics = LL_STATISTICS_INIT;
    char path[32];

    for (n = 0; n < last; n++) {
        snprintf(path, sizeof path, "/size %lu", (unsigned long)n);
        file_put(fs, path, sizes[n], n);
        sum += sizes[n];
    }
    for (n = 0; n < last; n++) {
        snprintf(path, sizeof path, "/size %lu", (unsigned long)n);
        CHECK(file_has(fs, path, sizes[n], n));
    }
    OK(ll_filespace_size(fs, &bytes, ERR));
    OK(ll_filespace_statistics(fs, &statistics, ERR));
    CHECK(bytes == sum && statistics.content_bytes == sum && statistics.live_bytes == sum);
    CHECK(statistics.files == last && statistics.directories == 1 && statistics.symlinks == 0);
    CHECK(statistics.stored_bytes > 0);
}

static void ends(struct session *session)
{
    ll_position first = LL_POSITION_INIT, second = LL_POSITION_INIT;
    ll_daemon_state state = LL_DAEMON_STATE_INIT;
    char path[PATH_SIZE];
    int32_t flag = 1;

    OK(ll_filespace_sync_all(session->fs, &first, ERR));
    text_put(session->fs, "/last", "words");
    OK(ll_filespace_sync_all(session->fs, &second, ERR));
    CHECK(first.seq > 0 && second.seq > first.seq && memcmp(first.hash, second.hash, sizeof first.hash) != 0);
    OK(ll_filespace_sync_all(session->fs, NULL, ERR));
    OK(ll_filespace_unlink(session->fs, ERR));
    OK(ll_filespace_unlink(session->fs, ERR));
    OK(ll_filespace_is_linked(session->fs, &flag, ERR));
    CHECK(flag == 0);
    OK(ll_daemon_status(session->daemon, &state, ERR));
    CHECK(state.linked == 0);
    OK(ll_daemon_root_path(session->daemon, path, sizeof path, NULL, ERR));
    OK(ll_daemon_stop(session->daemon, ERR));
    OK(ll_daemon_is_running(session->daemon, &flag, ERR));
    CHECK(flag == 0 && host_entries(path) == -1);
    ll_filespace_free(session->fs);
    ll_workspace_free(session->workspace);
    ll_daemon_free(session->daemon);
}

int main(void)
{
    struct world world;
    struct session session = {0, 0, 0};
    char url[2 * PATH_SIZE];

    CHECK(strcmp(ll_version(), "0.1.0") == 0 && ll_abi_version() == 0);
    world_make(&world);
    snprintf(url, sizeof url, "%s-of%%20films", world.url);
    makes_a_workspace(url);
    starts(&world, url, &session);
    links(&session);
    lists_directories(session.fs);
    moves_and_deletes(session.fs);
    follows_symlinks(session.fs);
    keeps_attributes(session.fs);
    reads_and_writes(session.fs);
    holds_content_of_any_size(session.fs);
    ends(&session);
    world_remove(&world);
    return check_end();
}

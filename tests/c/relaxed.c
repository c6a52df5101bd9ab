/* Links in relaxed mode, late failures, and positions that one client hands to another. */
#include "world.h"

#include <string.h>

#define STALE "the handle is stale, freed or of another kind"
#define SMALL 300
#define LARGE 900000

static ll_filespace link_as(const struct world *world, uint32_t consistency, struct session *session)
{
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    options.name = PROJECTS;
    options.consistency = consistency;
    session_open_with(world, world->token, &options, session);
    return session->fs;
}

static void acknowledged_work_is_seen_at_once_and_committed_later(const struct world *world)
{
    struct session mine, other;
    ll_filespace fs = link_as(world, LL_CONSISTENCY_RELAXED, &mine);
    ll_filespace strict = link_as(world, LL_CONSISTENCY_STRICT, &other);
    ll_position position = LL_POSITION_INIT, again = LL_POSITION_INIT;
    ll_statistics statistics = LL_STATISTICS_INIT;
    char text[128];
    size_t needed = 0;
    int32_t exists = 0;

    OK(ll_fs_create_dir(fs, "/work", ERR));
    file_put(fs, "/work/small", SMALL, 1);
    file_put(fs, "/work/large", LARGE, 2);
    OK(ll_fs_move(fs, "/work/small", "/work/renamed", 0, ERR));
    CHECK(file_has(fs, "/work/renamed", SMALL, 1));
    CHECK(file_has(fs, "/work/large", LARGE, 2));
    OK(ll_filespace_statistics(fs, &statistics, ERR));
    CHECK(statistics.files == 2 && statistics.content_bytes == SMALL + LARGE);
    FAILS(LL_ERR_EXISTS, "/work", ll_fs_create_dir, (fs, "/work", ERR));
    FAILS(LL_ERR_NOT_FOUND, "/work/small", ll_fs_delete, (fs, "/work/small", ERR));

    MUST(ll_filespace_sync_all(fs, &position, ERR));
    CHECK(position.seq > 0);
    CHECK(file_has(strict, "/work/renamed", SMALL, 1));
    CHECK(file_has(strict, "/work/large", LARGE, 2));

    /* As text, to a client that looks rarely. */
    FAILS(LL_ERR_BUFFER_TOO_SMALL, "buf", ll_position_format, (&position, text, 5, &needed, ERR));
    OK(ll_position_format(&position, text, sizeof text, &needed, ERR));
    CHECK(needed == strlen(text) + 1);
    OK(ll_position_parse(text, &again, ERR));
    CHECK(memcmp(&position, &again, sizeof position) == 0);
    FAILS(LL_ERR_INVALID_ARGUMENT, "text", ll_position_parse, ("7:x", &again, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "position", ll_position_format, (NULL, text, sizeof text, NULL, ERR));

    OK(ll_fs_create_dir(strict, "/foreign", ERR));
    OK(ll_filespace_sync_all(strict, &position, ERR));
    OK(ll_filespace_wait_for(fs, &position, 5000, ERR));
    OK(ll_fs_dir_exists(fs, "/foreign", &exists, ERR));
    CHECK(exists);
    OK(ll_filespace_wait_for(fs, &position, 0, ERR));
    session_close(&mine);
    session_close(&other);
}

static void a_link_that_ends_commits(const struct world *world)
{
    struct session mine, other;
    ll_filespace fs = link_as(world, LL_CONSISTENCY_RELAXED, &mine);
    file_put(fs, "/last", SMALL, 3);
    OK(ll_filespace_unlink(fs, ERR));
    CHECK(file_has(link_as(world, LL_CONSISTENCY_STRICT, &other), "/last", SMALL, 3));
    session_close(&other);
    session_close(&mine);
    link_as(world, LL_CONSISTENCY_RELAXED, &mine);
    file_put(mine.fs, "/stopped", SMALL, 4);
    session_close(&mine);
    CHECK(file_has(link_as(world, LL_CONSISTENCY_STRICT, &other), "/stopped", SMALL, 4));
    session_close(&other);
}

static void what_lost_is_kept_until_it_is_acknowledged(const struct world *world)
{
    struct session slow, fast;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_late_failures list = 0;
    ll_late_failure failure = LL_LATE_FAILURE_INIT;
    ll_position position = LL_POSITION_INIT;
    ll_file file = 0, other = 0;
    size_t count = 0, got = 0;
    unsigned char content[SMALL + 1];
    uint64_t number;

    options.name = PROJECTS;
    options.commit = LL_COMMIT_BACKGROUND;
    /* It does not look at the log by itself. */
    options.max_staleness_ms = 3600 * 1000;
    session_open_with(world, world->token, &options, &slow);
    link_as(world, LL_CONSISTENCY_STRICT, &fast);
    /* Its session is open, so that what it writes later needs nothing of the log. */
    OK(ll_fs_create_dir(slow.fs, "/session", ERR));
    OK(ll_filespace_sync_all(slow.fs, NULL, ERR));
    OK(ll_fs_create_dir(fast.fs, "/inbox", ERR));
    OK(ll_filespace_sync_all(fast.fs, &position, ERR));
    OK(ll_filespace_wait_for(slow.fs, &position, 5000, ERR));
    OK(ll_fs_move(fast.fs, "/inbox", "/archive", 0, ERR));
    file_put(slow.fs, "/inbox/letter", SMALL, 5);
    MUST(ll_file_open(slow.fs, "/inbox/letter", "r+", NULL, &other, ERR));
    OK(ll_fs_create_dir(slow.fs, "/inbox/box", ERR));
    FAILS(LL_ERR_LATE_FAILURE, "2 changes", ll_filespace_sync_all, (slow.fs, NULL, ERR));
    FAILS(LL_ERR_LATE_FAILURE, "/inbox/letter", ll_file_sync, (other, ERR));
    ll_file_free(other);
    other = 0;
    MUST(ll_file_open(slow.fs, "/beside", "w", NULL, &other, ERR));
    OK(ll_file_sync(other, ERR));
    OK(ll_file_close(other, ERR));
    other = 0;

    MUST(ll_filespace_late_failures(slow.fs, &list, ERR));
    OK(ll_late_failures_count(list, &count, ERR));
    REQUIRE(count == 2);
    OK(ll_late_failures_get(list, 0, &failure, ERR));
    CHECK(strcmp(failure.path, "/inbox/letter") == 0 && failure.code == LL_ERR_NOT_FOUND);
    CHECK(strstr(failure.message, "another client") != NULL);
    number = failure.number;
    CHECK(failure.contents == 1);
    FAILS(LL_ERR_INVALID_ARGUMENT, "nth", ll_filespace_open_late_failure, (slow.fs, number, 1, &file, ERR));
    MUST(ll_filespace_open_late_failure(slow.fs, number, 0, &file, ERR));
    OK(ll_file_read(file, content, sizeof content, &got, ERR));
    CHECK(content_is(content, got, 5) && got == SMALL);
    FAILS(LL_ERR_WRONG_MODE, "writing", ll_file_write, (file, "x", 1, &got, ERR));
    OK(ll_late_failures_get(list, 1, &failure, ERR));
    CHECK(strcmp(failure.path, "/inbox/box") == 0 && failure.number > number && failure.contents == 0);
    FAILS(LL_ERR_INVALID_ARGUMENT, "content", ll_filespace_open_late_failure,
          (slow.fs, failure.number, 0, &other, ERR));

    FAILS(LL_ERR_INVALID_ARGUMENT, "index", ll_late_failures_get, (list, 2, &failure, ERR));
    OK(ll_filespace_acknowledge_failures(slow.fs, number, ERR));
    FAILS(LL_ERR_LATE_FAILURE, "1 change", ll_filespace_sync_all, (slow.fs, NULL, ERR));
    OK(ll_file_seek(file, 0, LL_SEEK_SET, NULL, ERR));
    OK(ll_file_read(file, content, sizeof content, &got, ERR));
    CHECK(content_is(content, got, 5) && got == SMALL);
    OK(ll_file_close(file, ERR));
    file = 0;
    FAILS(LL_ERR_INVALID_ARGUMENT, "number", ll_filespace_open_late_failure, (slow.fs, number, 0, &file, ERR));
    /* It is still told when the link ends, and can be looked at then. */
    FAILS(LL_ERR_LATE_FAILURE, "/inbox/box", ll_filespace_unlink, (slow.fs, ERR));
    OK(ll_filespace_acknowledge_failures(slow.fs, failure.number, ERR));
    FAILS(LL_ERR_NOT_LINKED, "", ll_filespace_open_late_failure, (slow.fs, number, 0, &file, ERR));
    ll_late_failures_free(list);
    session_close(&slow);
    session_close(&fast);
}

static void errors(const struct world *world)
{
    struct session session;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_position position = LL_POSITION_INIT;
    ll_late_failures list = 0;
    ll_late_failure failure = LL_LATE_FAILURE_INIT;
    ll_filespace fs = link_as(world, LL_CONSISTENCY_STRICT, &session), linked = 0;
    ll_file file = 0;
    size_t count = 0;
    char text[128];

    FAILS(LL_ERR_INVALID_ARGUMENT, "position", ll_filespace_wait_for, (fs, NULL, 0, ERR));
    OK(ll_filespace_sync_all(fs, &position, ERR));
    position.hash[0] ^= 1;
    FAILS(LL_ERR_LOG_ROLLED_BACK, "another", ll_filespace_wait_for, (fs, &position, 0, ERR));
    OK(ll_filespace_unlink(fs, ERR));
    FAILS(LL_ERR_NOT_LINKED, "", ll_filespace_wait_for, (fs, &position, 0, ERR));
    ll_filespace_free(fs);
    options.name = PROJECTS;
    OK(ll_position_format(&position, text, sizeof text, NULL, ERR));
    options.at_least = text;
    FAILS(LL_ERR_LOG_ROLLED_BACK, "set back", ll_workspace_link_filespace,
          (session.workspace, &options, &linked, ERR));
    position.hash[0] ^= 1;
    OK(ll_position_format(&position, text, sizeof text, NULL, ERR));
    MUST(ll_workspace_link_filespace(session.workspace, &options, &linked, ERR));
    position.seq += 1000;
    FAILS(LL_ERR_TIMEOUT, "reach", ll_filespace_wait_for, (linked, &position, 1, ERR));
    OK(ll_position_format(&position, text, sizeof text, NULL, ERR));
    OK(ll_filespace_unlink(linked, ERR));
    ll_filespace_free(linked);
    FAILS(LL_ERR_LOG_ROLLED_BACK, "set back", ll_workspace_link_filespace,
          (session.workspace, &options, &linked, ERR));
    options.at_least = "now";
    FAILS(LL_ERR_INVALID_ARGUMENT, "at_least", ll_workspace_link_filespace,
          (session.workspace, &options, &linked, ERR));
    options.at_least = NULL;
    options.consistency = 2;
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "consistency", ll_workspace_link_filespace,
          (session.workspace, &options, &linked, ERR));
    options.consistency = LL_CONSISTENCY_RELAXED;
    options.commit = 3;
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "commit", ll_workspace_link_filespace,
          (session.workspace, &options, &linked, ERR));
    options.commit = LL_COMMIT_WAIT;
    options.max_staleness_ms = LL_NEVER_STALE;
    MUST(ll_workspace_link_filespace(session.workspace, &options, &linked, ERR));

    FAILS(LL_ERR_INVALID_ARGUMENT, "failures", ll_filespace_late_failures, (linked, NULL, ERR));
    MUST(ll_filespace_late_failures(linked, &list, ERR));
    OK(ll_late_failures_count(list, &count, ERR));
    CHECK(count == 0);
    FAILS(LL_ERR_INVALID_ARGUMENT, "index", ll_late_failures_get, (list, 0, &failure, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "count", ll_late_failures_count, (list, NULL, ERR));
    ll_late_failures_free(list);
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_late_failures_count, (list, &count, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_late_failures_get, (list, 0, &failure, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "number", ll_filespace_open_late_failure, (linked, 1, 0, &file, ERR));
    ll_filespace_free(linked);
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_filespace_late_failures, (linked, &list, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_filespace_acknowledge_failures, (linked, 1, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_filespace_open_late_failure, (linked, 1, 0, &file, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_filespace_wait_for, (linked, &position, 0, ERR));
    session.fs = 0;
    session_close(&session);
}

int main(void)
{
    struct world world;
    world_make(&world);
    acknowledged_work_is_seen_at_once_and_committed_later(&world);
    a_link_that_ends_commits(&world);
    what_lost_is_kept_until_it_is_acknowledged(&world);
    errors(&world);
    world_remove(&world);
    return check_end();
}

/* What work costs, in requests. */
#include "world.h"

#include <stdio.h>
#include <string.h>

#define SMALL 4096

static ll_metrics counted(const struct session *session)
{
    ll_metrics metrics = LL_METRICS_INIT;
    OK(ll_daemon_metrics(session->daemon, &metrics, ERR));
    return metrics;
}

static void a_strict_change_is_one_append(const struct world *world)
{
    struct session session;
    ll_metrics before, after;
    session_open(world, &session);
    OK(ll_fs_create_dir(session.fs, "/strict", ERR));
    before = counted(&session);
    file_put(session.fs, "/strict/small", SMALL, 1);
    after = counted(&session);
    CHECK(after.log_appends == before.log_appends + 1 && after.commits == before.commits + 1);
    CHECK(after.store_puts == before.store_puts && after.store_gets == before.store_gets);
    CHECK(after.log_reads == before.log_reads);
    CHECK(after.changes == before.changes + 1);
    OK(ll_fs_move(session.fs, "/strict/small", "/strict/moved", 0, ERR));
    CHECK(counted(&session).log_appends == after.log_appends + 1);
    session_close(&session);
}

static void many_relaxed_files_share_their_requests(const struct world *world)
{
    struct session session;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_metrics before, after;
    char path[64];
    int n, count = SCALE(10000, 1000);
    options.name = PROJECTS;
    options.consistency = LL_CONSISTENCY_RELAXED;
    session_open_with(world, world->token, &options, &session);
    OK(ll_fs_create_dir(session.fs, "/relaxed", ERR));
    before = counted(&session);
    for (n = 0; n < count; n++) {
        snprintf(path, sizeof path, "/relaxed/%d", n);
        file_put(session.fs, path, SMALL, (uint64_t)n);
    }
    OK(ll_filespace_sync_all(session.fs, NULL, ERR));
    after = counted(&session);
    CHECK(after.changes == before.changes + (uint64_t)count);
    CHECK(after.pending == 0 && after.late_failures == 0);
    if (!check_small()) /* slow machines have more commits: one every 100 ms at least */
        CHECK(after.store_puts + after.log_appends - before.store_puts - before.log_appends <= 50);
    session_close(&session);
}

static void what_was_read_is_in_memory(const struct world *world)
{
    struct session session;
    ll_metrics before, after;
    ll_entries list = 0;
    session_open(world, &session);
    CHECK(file_has(session.fs, "/strict/moved", SMALL, 1));
    before = counted(&session);
    CHECK(file_has(session.fs, "/strict/moved", SMALL, 1));
    after = counted(&session);
    CHECK(after.cache_hits > before.cache_hits && after.cache_misses == before.cache_misses);
    CHECK(after.cache_bytes > 0 && after.cache_bytes <= after.memory_limit && after.linked == 1);
    OK(ll_fs_read_dir(session.fs, "/relaxed", &list, ERR));
    ll_entries_free(list);
    CHECK(counted(&session).looks == after.looks + 1);
    session_close(&session);
}

static void they_can_be_read_as_text(const struct world *world)
{
    struct session session;
    ll_metrics metrics = LL_METRICS_INIT;
    char text[8192], line[64];
    size_t needed = 0;
    ll_daemon freed;
    session_open(world, &session);
    text_put(session.fs, "/text", "x");
    OK(ll_daemon_metrics_text(session.daemon, text, sizeof text, &needed, ERR));
    CHECK(needed == strlen(text) + 1);
    snprintf(line, sizeof line, "\nlucidlink_commits_total %lu\n", (unsigned long)counted(&session).commits);
    CHECK(strstr(text, line) != NULL);
    CHECK(strstr(text, "# TYPE lucidlink_cache_bytes gauge\n") != NULL);
    CHECK(strstr(text, "# TYPE lucidlink_disk_cache_hits_total counter\nlucidlink_disk_cache_hits_total 0\n") != NULL);
    FAILS(LL_ERR_BUFFER_TOO_SMALL, "buf", ll_daemon_metrics_text, (session.daemon, text, 5, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "metrics", ll_daemon_metrics, (session.daemon, NULL, ERR));
    freed = session.daemon;
    session_close(&session);
    FAILS(LL_ERR_INVALID_HANDLE, "stale", ll_daemon_metrics, (freed, &metrics, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "stale", ll_daemon_metrics_text, (freed, text, sizeof text, NULL, ERR));
}

int main(void)
{
    struct world world;
    world_make(&world);
    a_strict_change_is_one_append(&world);
    many_relaxed_files_share_their_requests(&world);
    what_was_read_is_in_memory(&world);
    they_can_be_read_as_text(&world);
    world_remove(&world);
    return check_end();
}

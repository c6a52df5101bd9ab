#include "stage.h"

#include <string.h>

void stage_set(struct stage *stage, const struct world *world)
{
    memset(stage, 0, sizeof *stage);
    stage->world = world;
    MUST(ll_config_new(&stage->stale, ERR));
    ll_config_free(stage->stale);
    stage_restore(stage);
}

static void restore_daemon(struct stage *stage)
{
    int32_t running = 0;
    if (ll_daemon_is_running(stage->session.daemon, &running, ERR) != LL_OK) {
        ll_config config = world_config(stage->world);
        MUST(ll_daemon_new(config, NULL, &stage->session.daemon, ERR));
        ll_config_free(config);
    }
    if (!running)
        MUST(ll_daemon_start(stage->session.daemon, ERR));
}

static void restore_link(struct stage *stage)
{
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    int32_t linked = 0;
    if (ll_filespace_is_linked(stage->session.fs, &linked, ERR) == LL_OK && linked)
        return;
    ll_filespace_free(stage->session.fs);
    options.name = PROJECTS;
    MUST(ll_workspace_link_filespace(stage->session.workspace, &options, &stage->session.fs, ERR));
}

void stage_restore(struct stage *stage)
{
    char name[16];
    size_t count = 0;
    uint64_t at = 0;
    int32_t exists = 0;
    ll_entry entry = LL_ENTRY_INIT;
    ll_event event = LL_EVENT_INIT;
    ll_statistics statistics = LL_STATISTICS_INIT;
    ll_fsck_report report = LL_FSCK_REPORT_INIT;

    if (ll_config_get(stage->config, "network.timeout", name, sizeof name, NULL, ERR) != LL_OK)
        stage->config = world_config(stage->world);
    restore_daemon(stage);
    if (ll_workspace_name(stage->session.workspace, name, sizeof name, NULL, ERR) != LL_OK)
        MUST(ll_authenticate(stage->session.daemon, stage->world->token, &stage->session.workspace, ERR));
    restore_link(stage);
    OK(ll_filespace_statistics(stage->session.fs, &statistics, ERR));
    if (statistics.quota_bytes != 0 || statistics.quota_entries != 0)
        OK(ll_filespace_set_quota(stage->session.fs, 0, 0, ERR));
    /* What stands there may be a link to itself. */
    if (ll_fs_file_exists(stage->session.fs, "/file", &exists, ERR) != LL_OK || !exists) {
        ll_fs_delete_dir(stage->session.fs, "/file", 1, NULL);
        ll_fs_delete(stage->session.fs, "/file", NULL);
        text_put(stage->session.fs, "/file", "content");
    }
    if (ll_fs_get_xattr(stage->session.fs, "/file", 0, "victim", name, sizeof name, &count, ERR) != LL_OK)
        OK(ll_fs_set_xattr(stage->session.fs, "/file", 0, "victim", "value", 5, ERR));
    if (ll_fs_dir_exists(stage->session.fs, "/dir/inner", &exists, ERR) != LL_OK || !exists) {
        ll_fs_delete_dir(stage->session.fs, "/dir", 1, NULL);
        ll_fs_delete(stage->session.fs, "/dir", NULL);
        OK(ll_fs_create_dir(stage->session.fs, "/dir/inner", ERR));
        ll_fs_delete(stage->session.fs, "/link", NULL);
        ll_fs_create_symlink(stage->session.fs, "dir", "/link", NULL);
    }
    if (ll_file_tell(stage->file, &at, ERR) != LL_OK)
        MUST(ll_file_open(stage->session.fs, "/file", "r+", NULL, &stage->file, ERR));
    if (ll_entries_count(stage->entries, &count, ERR) != LL_OK)
        MUST(ll_fs_read_dir(stage->session.fs, "/", &stage->entries, ERR));
    if (ll_filespaces_count(stage->filespaces, &count, ERR) != LL_OK)
        MUST(ll_workspace_list_filespaces(stage->session.workspace, &stage->filespaces, ERR));
    if (ll_accounts_count(stage->accounts, &count, ERR) != LL_OK)
        MUST(ll_service_account_list(stage->session.workspace, &stage->accounts, ERR));
    if (ll_late_failures_count(stage->failures, &count, ERR) != LL_OK)
        MUST(ll_filespace_late_failures(stage->session.fs, &stage->failures, ERR));
    if (ll_dir_next(stage->dir, &entry, &exists, ERR) != LL_OK)
        MUST(ll_fs_open_dir(stage->session.fs, "/", &stage->dir, ERR));
    if (ll_batch_count(stage->batch, &count, ERR) != LL_OK || count > 1000) {
        ll_batch_free(stage->batch);
        MUST(ll_batch_new(stage->session.fs, &stage->batch, ERR));
    }
    if (ll_snapshots_count(stage->snapshots, &count, ERR) != LL_OK) {
        ll_filespace_create_snapshot(stage->session.fs, KEPT, NULL, NULL); /* or it is there */
        MUST(ll_filespace_snapshots(stage->session.fs, &stage->snapshots, ERR));
    }
    if (ll_findings_count(stage->findings, &count, ERR) != LL_OK)
        MUST(ll_filespace_fsck(stage->session.fs, NULL, &report, &stage->findings, ERR));
    if (ll_xattrs_count(stage->xattrs, &count, ERR) != LL_OK)
        MUST(ll_fs_list_xattr(stage->session.fs, "/file", 0, &stage->xattrs, ERR));
    if (ll_watch_next(stage->watch, &event, sizeof event, 1, &count, 0, ERR) != LL_OK)
        MUST(ll_filespace_watch(stage->session.fs, NULL, &stage->watch, ERR));
}

void stage_end(struct stage *stage)
{
    ll_file_free(stage->file);
    ll_entries_free(stage->entries);
    ll_filespaces_free(stage->filespaces);
    ll_accounts_free(stage->accounts);
    ll_late_failures_free(stage->failures);
    ll_dir_free(stage->dir);
    ll_xattrs_free(stage->xattrs);
    ll_batch_free(stage->batch);
    ll_snapshots_free(stage->snapshots);
    ll_watch_free(stage->watch);
    ll_findings_free(stage->findings);
    ll_config_free(stage->config);
    session_close(&stage->session);
}

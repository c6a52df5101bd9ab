/* What keeps a filespace in order: checks that find nothing where nothing is and name the file where something is,
 * checkpoints and collection by hand; and what each of these calls refuses. tests/fsck.rs has the kinds of damage.
 */
#define _XOPEN_SOURCE 700

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

#define LARGE 700000

static ll_fsck_report check(ll_filespace fs, uint32_t quick, ll_findings *findings)
{
    ll_fsck_options options = LL_FSCK_OPTIONS_INIT;
    ll_fsck_report report = LL_FSCK_REPORT_INIT;
    options.quick = quick;
    MUST(ll_filespace_fsck(fs, &options, &report, findings, ERR));
    return report;
}

static int removed;

static int remove_pack(const char *path, const struct stat *status, int type, struct FTW *at)
{
    (void)status;
    (void)at;
    if (type == FTW_F && strstr(path, "/packs/") != NULL)
        removed += unlink(path) == 0;
    return 0;
}

static void checks(const struct world *world, ll_filespace fs)
{
    ll_findings findings = 0;
    ll_finding finding = LL_FINDING_INIT;
    ll_fsck_report report = LL_FSCK_REPORT_INIT;
    size_t count = 0;

    struct session other;

    session_open(world, &other);
    report = check(other.fs, 0, &findings);
    session_close(&other);
    CHECK(report.findings == 0 && report.entries == 3 && report.packs == 2 && report.blocks >= 4);
    CHECK(report.position == report.slots && report.checkpoints == 1 && report.extents >= 2);
    OK(ll_findings_count(findings, &count, ERR));
    CHECK(count == 0);
    FAILS(LL_ERR_INVALID_ARGUMENT, "index", ll_findings_get, (findings, 0, &finding, ERR));
    ll_findings_free(findings);
    REQUIRE(nftw(world->folder, remove_pack, 16, FTW_PHYS) == 0 && removed == 1);
    report = check(fs, 1, &findings);
    OK(ll_findings_count(findings, &count, ERR));
    CHECK(count >= 1 && report.findings == count);
    OK(ll_findings_get(findings, 0, &finding, ERR));
    CHECK(strcmp(finding.path, "/large") == 0 && finding.offset == 0 && finding.length == LARGE);
    CHECK(strncmp(finding.object, "packs/", 6) == 0 && finding.message[0] != '\0');
    ll_findings_free(findings);
    ll_findings_free(findings);
    FAILS(LL_ERR_INVALID_HANDLE, "", ll_findings_count, (findings, &count, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "", ll_findings_get, (findings, 0, &finding, ERR));
}

static ll_gc_report collect(ll_filespace fs, uint32_t dry_run, uint64_t grace)
{
    ll_gc_options options = LL_GC_OPTIONS_INIT;
    ll_gc_report report = LL_GC_REPORT_INIT;
    options.dry_run = dry_run;
    options.grace_seconds = grace;
    OK(ll_filespace_gc(fs, &options, &report, ERR));
    return report;
}

static void collects(ll_filespace fs)
{
    ll_gc_report report = LL_GC_REPORT_INIT;

    file_put(fs, "/dead", LARGE, 8);
    OK(ll_fs_delete(fs, "/dead", ERR));
    OK(ll_filespace_gc(fs, NULL, &report, ERR));
    CHECK(report.dead_packs == 0 && report.waiting_packs == 1 && report.pinned_packs == 0);
    report = collect(fs, 0, 1000000);
    CHECK(report.dead_packs == 0 && report.waiting_packs == 1);
    report = collect(fs, 1, LL_GC_NO_GRACE);
    CHECK(report.dead_packs == 1 && report.dead_bytes > LARGE && report.waiting_packs == 0);
    report = collect(fs, 0, LL_GC_NO_GRACE);
    CHECK(report.dead_packs == 1 && report.orphans == 0 && report.unfinished == 0);
    report = collect(fs, 0, LL_GC_NO_GRACE);
    CHECK(report.dead_packs == 0);
    CHECK(file_has(fs, "/large", LARGE, 7) && text_is(fs, "/small", "in its commit"));
}

static void refusals(const struct world *world, struct session *session)
{
    ll_fsck_options options = LL_FSCK_OPTIONS_INIT;
    ll_fsck_report report = LL_FSCK_REPORT_INIT, short_report = LL_FSCK_REPORT_INIT;
    ll_link_options read_only = LL_LINK_OPTIONS_INIT;
    ll_findings findings = 0;
    ll_filespace fs = session->fs;
    ll_finding finding = LL_FINDING_INIT;
    struct session other;
    struct {
        ll_fsck_options known;
        uint32_t more;
    } newer;
    struct {
        ll_gc_options known;
        uint32_t more;
    } newer_gc;
    ll_gc_options gc = LL_GC_OPTIONS_INIT;
    ll_gc_report collected = LL_GC_REPORT_INIT;
    char token[LL_TOKEN_SIZE];

    FAILS(LL_ERR_INVALID_ARGUMENT, "report", ll_filespace_gc, (fs, &gc, NULL, ERR));
    memset(&newer_gc, 0, sizeof newer_gc);
    newer_gc.known.struct_size = sizeof newer_gc;
    newer_gc.more = 1;
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "options", ll_filespace_gc, (fs, &newer_gc.known, &collected, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "", ll_filespace_gc, (0, &gc, &collected, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "findings", ll_filespace_fsck, (fs, &options, &report, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "report", ll_filespace_fsck, (fs, &options, NULL, &findings, ERR));
    short_report.struct_size = 8;
    FAILS(LL_ERR_INVALID_ARGUMENT, "report", ll_filespace_fsck, (fs, &options, &short_report, &findings, ERR));
    memset(&newer, 0, sizeof newer);
    newer.known.struct_size = sizeof newer;
    newer.more = 1;
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "options", ll_filespace_fsck, (fs, &newer.known, &report, &findings, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "", ll_filespace_fsck, (0, &options, &report, &findings, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "", ll_filespace_checkpoint, (0, ERR));
    report = check(fs, 1, &findings);
    CHECK(report.findings == 0 && report.blocks == 0);
    ll_findings_free(findings);
    MUST(ll_filespace_fsck(fs, NULL, &report, &findings, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "count", ll_findings_count, (findings, NULL, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "finding", ll_findings_get, (findings, 0, NULL, ERR));
    finding.struct_size = 4;
    FAILS(LL_ERR_INVALID_ARGUMENT, "finding", ll_findings_get, (findings, 0, &finding, ERR));
    ll_findings_free(findings);

    /* A reader may check, and cannot write a checkpoint. */
    MUST(ll_service_account_create(session->workspace, "reader", LL_ROLE_READER, 0, token, sizeof token, NULL, ERR));
    MUST(ll_filespace_grant(session->workspace, PROJECTS, "reader", LL_ROLE_READER, ERR));
    read_only.name = PROJECTS;
    session_open_with(world, token, &read_only, &other);
    FAILS(LL_ERR_ACCESS_DENIED, "role", ll_filespace_checkpoint, (other.fs, ERR));
    FAILS(LL_ERR_ACCESS_DENIED, "role", ll_filespace_gc, (other.fs, &gc, &collected, ERR));
    collect(other.fs, 1, 0);
    MUST(ll_filespace_fsck(other.fs, NULL, &report, &findings, ERR));
    ll_findings_free(findings);
    session_close(&other);
    read_only.read_only = 1;
    session_open_with(world, world->token, &read_only, &other);
    FAILS(LL_ERR_READ_ONLY, "read-only", ll_filespace_checkpoint, (other.fs, ERR));
    FAILS(LL_ERR_READ_ONLY, "read-only", ll_filespace_gc, (other.fs, &gc, &collected, ERR));
    OK(ll_filespace_unlink(other.fs, ERR));
    FAILS(LL_ERR_NOT_LINKED, "", ll_filespace_gc, (other.fs, NULL, &collected, ERR));
    FAILS(LL_ERR_NOT_LINKED, "", ll_filespace_checkpoint, (other.fs, ERR));
    FAILS(LL_ERR_NOT_LINKED, "", ll_filespace_fsck, (other.fs, NULL, &report, &findings, ERR));
    session_close(&other);
}

int main(void)
{
    struct world world;
    struct session session;

    world_make(&world);
    session_open(&world, &session);
    text_put(session.fs, "/small", "in its commit");
    file_put(session.fs, "/large", LARGE, 7);
    OK(ll_filespace_checkpoint(session.fs, ERR));
    refusals(&world, &session);
    collects(session.fs);
    session_close(&session);
    /* Anew: a file that a process has open is there for it, removed or not. */
    session_open(&world, &session);
    checks(&world, session.fs);
    session_close(&session);
    world_remove(&world);
    return check_end();
}

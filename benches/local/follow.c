/* A link that lags behind another process's commits, and catches up. */

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "measure.h"
#include "sides.h"

static figure *caught_up;
static int run_number, ready[2];

/* Makes one strict commit for each file, once the other side has its link. */
static void commit_many(void) {
    char byte, dir[32], path[64];
    if (read(ready[0], &byte, 1) != 1) fail_errno("read");
    start();
    link_filespace("follow", LL_CONSISTENCY_STRICT);
    snprintf(dir, sizeof dir, "/run%d", run_number);
    OK(ll_fs_create_dir(fs, dir, &err));
    for (int i = 0; i < foreign; i++) {
        path_of(path, dir, i);
        ll_create(path, i);
    }
    stop();
}

static void catch_up_once(void) {
    char path[64], dir[32];
    if (pipe(ready)) fail_errno("pipe");
    pid_t writer = begin_child(commit_many);
    start();
    link_filespace("follow", LL_CONSISTENCY_STRICT);
    ll_stat("/", 0);
    if (write(ready[1], "", 1) != 1) fail_errno("write");
    end_child(writer);
    snprintf(dir, sizeof dir, "/run%d", run_number);
    path_of(path, dir, foreign - 1);
    double begin = now();
    ll_stat(path, 0);
    add(caught_up, foreign / (now() - begin) / 1e3);
    stop();
}

static void make_filespace(void) {
    start_with_new("follow", LL_CONSISTENCY_STRICT);
    stop();
}

/* benches/local/checks.rs, in a process of its own. */
static double signature_checks(void) {
    double checks;
    FILE *out = popen(CHECKS, "r");
    if (!out || fscanf(out, "%lf", &checks) != 1 || pclose(out) != 0) fail(CHECKS, "it printed no number");
    return checks / 1e3;
}

void measure_follow(void) {
    char work[64];
    figure *limit = new_figure();
    caught_up = new_figure();
    in_child(make_filespace);
    for (run_number = 0; run_number < runs; run_number++) {
        add(limit, signature_checks());
        in_child(catch_up_once);
    }
    snprintf(work, sizeof work, "catch up with %d strict commits", foreign);
    print_row(work, "k/s", caught_up, "signatures, all cores", limit, 0.5);
}

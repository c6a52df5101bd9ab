/* Everything that a call may need, alive: for tests that call every function. */
#ifndef STAGE_H
#define STAGE_H

#include "world.h"

/* A snapshot that every stage has. */
#define KEPT "kept"

/* A running daemon and one live handle of every kind, made again when a call has ended them. */
struct stage {
    const struct world *world;
    struct session session;
    ll_config config;
    ll_file file;
    ll_entries entries;
    ll_filespaces filespaces;
    ll_accounts accounts;
    ll_late_failures failures;
    ll_dir dir;
    ll_xattrs xattrs;
    ll_batch batch;
    ll_snapshots snapshots;
    ll_watch watch;
    ll_findings findings;
    ll_file stale; /* was alive once */
};

void stage_set(struct stage *stage, const struct world *world);
/* Brings back what is gone. */
void stage_restore(struct stage *stage);
void stage_end(struct stage *stage);

#endif

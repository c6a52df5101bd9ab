/* Linking a filespace that has many files. */

#include <stdio.h>

#include "measure.h"
#include "sides.h"

enum { PER_DIR = 1000 };

static void large_dir(char dir[32], int i) {
    snprintf(dir, 32, "/dir%04d", i / PER_DIR);
}

static void large_path(char path[64], int i) {
    char dir[32];
    large_dir(dir, i);
    path_of(path, dir, i % PER_DIR);
}

static void make_large(void) {
    start_with_new("large", LL_CONSISTENCY_STRICT);
    for (int i = 0; i < large; i++) {
        char path[64];
        if (i % PER_DIR == 0) {
            large_dir(path, i);
            OK(ll_fs_create_dir(fs, path, &err));
        }
        large_path(path, i);
        ll_create(path, i);
    }
    stop();
}

static figure *link_time, *first_look, *large_looks;

static void link_once(void) {
    char path[64];
    double begin = now();
    start();
    link_filespace("large", LL_CONSISTENCY_STRICT);
    double linked = now();
    large_path(path, large / 2);
    ll_stat(path, 0);
    add(first_look, (now() - linked) * 1e3);
    add(link_time, (linked - begin) * 1e3);
    for (int timed = 0; timed < 2; timed++) {
        begin = now();
        for (int i = 0; i < large; i++) {
            large_path(path, scattered(i, large));
            ll_stat(path, i);
        }
    }
    add(large_looks, large / (now() - begin) / 1e3);
    stop();
}

void measure_link(void) {
    char work[64];
    link_time = new_figure();
    first_look = new_figure();
    large_looks = new_figure();
    in_child(make_large);
    for (int run = 0; run < runs; run++) in_child(link_once);
    snprintf(work, sizeof work, "start, authenticate, link, %d files", large);
    print_alone(work, "ms", link_time, 3000);
    print_alone("  first get_entry after it", "ms", first_look, 0);
    print_alone("  get_entry of all, random order, warm", "k/s", large_looks, 0);
}

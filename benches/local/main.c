/* A workspace in a local folder, through the built library, beside what the file system that it is on does
 * by itself with the same work. Each group of lines is measured in a process of its own; the two sides take
 * turns, so that what disturbs the machine disturbs both.
 *
 *   local [--quick] [--million] [GROUP...]
 *
 * groups: look names relaxed batch write cached cold random link follow memory
 *
 * --quick takes a minute at most; --million links a filespace of a million files instead of 100,000. What is
 * made is below $TMPDIR (else /var/tmp), up to 20 GiB, and removed at the end. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measure.h"
#include "sides.h"

static const struct {
    const char *name;
    void (*measure)(void);
} groups[] = {
    { "look", measure_look },     { "names", measure_names },   { "relaxed", measure_relaxed },
    { "batch", measure_batch },
    { "write", measure_write },
    { "cached", measure_cached }, { "cold", measure_cold },     { "random", measure_random },
    { "link", measure_link },     { "follow", measure_follow }, { "memory", measure_memory },
};

enum { GROUPS = sizeof groups / sizeof *groups };

static int chosen[GROUPS];

static void measure(const char *where) {
    folder = where;
    if (chdir(where) || mkdir("raw", 0755) || chdir("raw")) fail_errno(where);
    fill_noise(noise, sizeof noise, 1);
    token = shared(LL_TOKEN_SIZE);
    printf("liblucidlink %s, %d runs\n", ll_version(), runs);
    print_machine(where);
    print_head();
    in_child(create_workspace);
    for (int i = 0; i < GROUPS; i++) {
        if (!chosen[i]) continue;
        if (mkdir(groups[i].name, 0755) || chdir(groups[i].name)) fail_errno(groups[i].name);
        place_apart(".");
        in_child(groups[i].measure);
        if (chdir("..")) fail_errno(where);
    }
}

static void choose(const char *name) {
    for (int i = 0; i < GROUPS; i++) {
        if (strcmp(groups[i].name, name) == 0) {
            chosen[i] = 1;
            return;
        }
    }
    fail(name, "usage: local [--quick] [--million] "
               "[look|names|relaxed|batch|write|cached|cold|random|link|follow|memory ...]");
}

static void be_quick(void) {
    runs = 3;
    files = 2000;
    large = 20000;
    foreign = 5000;
    streamed = (size_t)256 << 20;
    watched = (size_t)1 << 30;
    random_reads = 50000;
}

int main(int argc, char **argv) {
    int any = 0, million = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            be_quick();
        } else if (strcmp(argv[i], "--million") == 0) {
            million = 1;
        } else {
            choose(argv[i]);
            any = 1;
        }
    }
    if (million) large = 1000000;
    for (int i = 0; i < GROUPS && !any; i++) chosen[i] = 1;
    const char *parent = getenv("TMPDIR");
    return in_folder(parent && *parent ? parent : "/var/tmp", measure);
}

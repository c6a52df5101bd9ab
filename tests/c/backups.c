/* A host opens, reads, copies and closes the files of its own workspace, again and again, while threads of it write
 * through two links to one filespace, and other processes do too. Nothing hangs, nothing is lost; and a copy that is made
 * when nobody writes is a workspace.
 */
#define _XOPEN_SOURCE 700

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

#define CHILDREN 2
#define THREADS 2
#define FILES SCALE(800, 8)

static struct world world;
static struct session links[THREADS];
static char source[2 * PATH_SIZE], target[2 * PATH_SIZE];
static int writing = THREADS;

/* One in twenty is too large to be in the log. */
static size_t length_of(int writer, int n)
{
    return n % 20 == 0 ? 200000 + (size_t)n : (size_t)(n + writer);
}

static void path_of(char *path, size_t size, int writer, int n)
{
    snprintf(path, size, "/file %d of %d", n, writer);
}

static void write_all(ll_filespace fs, int writer)
{
    char path[64];
    int n;
    for (n = 0; n < FILES; n++) {
        path_of(path, sizeof path, writer, n);
        file_put(fs, path, length_of(writer, n), (uint64_t)(writer + 10 * n));
    }
}

static void all_is_there(ll_filespace fs)
{
    char path[64];
    int writer, n;
    for (writer = 0; writer < CHILDREN + THREADS; writer++)
        for (n = 0; n < FILES; n++) {
            path_of(path, sizeof path, writer, n);
            CHECK(file_has(fs, path, length_of(writer, n), (uint64_t)(writer + 10 * n)));
        }
}

static void be_another_process(void *argument)
{
    struct session session;
    session_open(&world, &session);
    write_all(session.fs, *(const int *)argument);
    session_close(&session);
}

/* --- Copying ------------------------------------------------------------------------------------------------------ */

static int copy_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    static char buffer[1 << 16];
    char to[4 * PATH_SIZE];
    ssize_t length;
    int in, out;
    (void)status;
    (void)at;
    snprintf(to, sizeof to, "%s%s", target, path + strlen(source));
    if (kind == FTW_D) {
        REQUIRE(mkdir(to, 0700) == 0 || errno == EEXIST);
        return 0;
    }
    in = open(path, O_RDWR);
    if (in < 0) { /* one that was being made has its name by now */
        CHECK(errno == ENOENT);
        return 0;
    }
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    REQUIRE(out >= 0);
    while ((length = read(in, buffer, sizeof buffer)) > 0)
        REQUIRE(write(out, buffer, (size_t)length) == length);
    CHECK(length == 0);
    close(in);
    close(out);
    return 0;
}

static void copy_all(void)
{
    /* A folder may vanish meanwhile, too: nftw says so, and the next copy has it. */
    nftw(source, copy_one, 16, FTW_PHYS);
}

static void copy_or_write(int number, void *unused)
{
    (void)unused;
    if (number < THREADS) {
        write_all(links[number].fs, CHILDREN + number);
        __atomic_sub_fetch(&writing, 1, __ATOMIC_ACQ_REL);
        return;
    }
    do
        copy_all();
    while (__atomic_load_n(&writing, __ATOMIC_ACQUIRE) > 0);
}

int main(void)
{
    int numbers[CHILDREN], n;
    pid_t pids[CHILDREN];
    struct world copy;
    struct session session;

    world_make(&world);
    snprintf(source, sizeof source, "%s/workspace", world.folder);
    snprintf(target, sizeof target, "%s/copy", world.folder);
    for (n = 0; n < CHILDREN; n++) {
        numbers[n] = n;
        pids[n] = child_start(be_another_process, &numbers[n]);
    }
    for (n = 0; n < THREADS; n++)
        session_open(&world, &links[n]);
    threads_run(THREADS + 1, copy_or_write, NULL);
    for (n = 0; n < CHILDREN; n++)
        CHECK(child_succeeded(pids[n]));
    for (n = 0; n < THREADS; n++)
        all_is_there(links[n].fs);

    copy_all();
    copy = world;
    snprintf(copy.url, sizeof copy.url, "file://%.400s", target);
    session_open(&copy, &session);
    all_is_there(session.fs);
    text_put(session.fs, "/only here", "x");
    CHECK(!file_exists(links[0].fs, "/only here"));
    session_close(&session);
    for (n = 0; n < THREADS; n++)
        session_close(&links[n]);
    world_remove(&world);
    return check_end();
}

/* Names: making, moving, removing, looking, listing. */

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measure.h"
#include "sides.h"

typedef void one(const char *path, int i);

/* Thousands of calls a second over the files of a directory. */
static void rate(figure *f, one *call, const char *dir) {
    char (*paths)[64] = malloc((size_t)files * sizeof *paths);
    if (!paths) fail_errno("malloc");
    for (int i = 0; i < files; i++) path_of(paths[i], dir, scattered(i, files));
    settle();
    double begin = now();
    for (int i = 0; i < files; i++) call(paths[i], i);
    add(f, files / (now() - begin) / 1e3);
    free(paths);
}

static void raw_create(const char *path, int i) {
    (void)i;
    close_raw(open_raw(path, O_CREAT | O_EXCL | O_WRONLY));
}

void ll_create(const char *path, int i) {
    (void)i;
    OK(ll_file_close(open_file(path, "w"), &err));
}

static const char *content(int i) {
    return noise + (size_t)i % (sizeof noise / SMALL) * SMALL;
}

static void raw_write(const char *path, int i) {
    int fd = open_raw(path, O_CREAT | O_EXCL | O_WRONLY);
    if (write(fd, content(i), SMALL) != SMALL) fail_errno(path);
    close_raw(fd);
}

static void ll_write(const char *path, int i) {
    ll_file file = open_file(path, "w");
    OK(ll_file_write(file, content(i), SMALL, NULL, &err));
    OK(ll_file_close(file, &err));
}

static void ll_write_whole(const char *path, int i) {
    OK(ll_fs_write_file(fs, path, content(i), SMALL, &err));
}

static void renamed(char to[80], const char *path) {
    snprintf(to, 80, "%s.r", path);
}

/* At once, before they are on the disk: with the mount option `discard`, giving back what is there is slow. */
static void forget_raw_files(const char *dir) {
    for (int i = 0; i < files; i++) {
        char path[64];
        path_of(path, dir, i);
        if (unlink(raw(path))) fail_errno(path);
    }
}

static void raw_rename(const char *path, int i) {
    (void)i;
    char to[80];
    renamed(to, path);
    if (rename(raw(path), raw(to))) fail_errno(path);
}

static void ll_rename(const char *path, int i) {
    (void)i;
    char to[80];
    renamed(to, path);
    OK(ll_fs_move(fs, path, to, 0, &err));
}

static void raw_delete(const char *path, int i) {
    (void)i;
    char to[80];
    renamed(to, path);
    if (unlink(raw(to))) fail_errno(to);
}

static void ll_delete(const char *path, int i) {
    (void)i;
    char to[80];
    renamed(to, path);
    OK(ll_fs_delete(fs, to, &err));
}

static void make_dir(const char *dir) {
    if (mkdir(raw(dir), 0755)) fail_errno(dir);
    OK(ll_fs_create_dir(fs, dir, &err));
}

enum row { CREATE, WRITE, WRITE_WHOLE, RENAME, DELETE, ROWS };

void measure_names(void) {
    figure *limit[ROWS], *here[ROWS];
    for (int row = 0; row < ROWS; row++) {
        limit[row] = new_figure();
        here[row] = new_figure();
    }
    start_with_new("names", LL_CONSISTENCY_STRICT);
    for (int run = 0; run < runs; run++) {
        char empty[32], small[32], whole[32];
        /* ext4 chooses a directory's place by its name: another one in each run of the program. */
        snprintf(empty, sizeof empty, "/empty%d.%d", run, getpid());
        snprintf(small, sizeof small, "/small%d.%d", run, getpid());
        snprintf(whole, sizeof whole, "/whole%d.%d", run, getpid());
        make_dir(empty);
        make_dir(small);
        make_dir(whole);
        rate(limit[CREATE], raw_create, empty);
        rate(here[CREATE], ll_create, empty);
        rate(limit[RENAME], raw_rename, empty);
        rate(here[RENAME], ll_rename, empty);
        rate(limit[DELETE], raw_delete, empty);
        rate(here[DELETE], ll_delete, empty);
        rate(limit[WRITE], raw_write, small);
        forget_raw_files(small);
        rate(here[WRITE], ll_write, small);
        rate(here[WRITE_WHOLE], ll_write_whole, whole);
    }
    print_row("create and close, empty, strict", "k/s", here[CREATE], "open, close", limit[CREATE], 1.2);
    print_row("4 KiB file, open write close, strict", "k/s", here[WRITE], "open, write, close", limit[WRITE],
              0.3);
    print_row("4 KiB file, write_file, strict", "k/s", here[WRITE_WHOLE], "open, write, close", limit[WRITE],
              0.3);
    print_row("rename, strict", "k/s", here[RENAME], "rename", limit[RENAME], 0.25);
    print_row("delete, strict", "k/s", here[DELETE], "unlink", limit[DELETE], 0.25);
    stop();
}

/* Thousands of files a second, made safe at the end. */
static void safe_rate(figure *f, one *call, void (*sync)(void), const char *dir) {
    char path[64];
    settle();
    double begin = now();
    for (int i = 0; i < files; i++) {
        path_of(path, dir, i);
        call(path, i);
    }
    sync();
    add(f, files / (now() - begin) / 1e3);
}

static void ll_sync(void) {
    OK(ll_filespace_sync_all(fs, NULL, &err));
}

void measure_relaxed(void) {
    figure *limit[ROWS], *here[ROWS];
    for (int row = 0; row < ROWS; row++) {
        limit[row] = new_figure();
        here[row] = new_figure();
    }
    start_with_new("relaxed", LL_CONSISTENCY_RELAXED);
    for (int run = 0; run < runs; run++) {
        char empty[32], small[32], whole[32];
        snprintf(empty, sizeof empty, "/empty%d.%d", run, getpid());
        snprintf(small, sizeof small, "/small%d.%d", run, getpid());
        snprintf(whole, sizeof whole, "/whole%d.%d", run, getpid());
        make_dir(empty);
        make_dir(small);
        make_dir(whole);
        safe_rate(limit[CREATE], raw_create, settle, empty);
        safe_rate(here[CREATE], ll_create, ll_sync, empty);
        safe_rate(limit[RENAME], raw_rename, settle, empty);
        safe_rate(here[RENAME], ll_rename, ll_sync, empty);
        safe_rate(limit[DELETE], raw_delete, settle, empty);
        safe_rate(here[DELETE], ll_delete, ll_sync, empty);
        safe_rate(limit[WRITE], raw_write, settle, small);
        safe_rate(here[WRITE], ll_write, ll_sync, small);
        safe_rate(here[WRITE_WHOLE], ll_write_whole, ll_sync, whole);
        forget_raw_files(small);
    }
    print_row("create and close, relaxed, sync_all", "k/s", here[CREATE], "the same, syncfs", limit[CREATE], 0);
    print_row("4 KiB file, relaxed, sync_all", "k/s", here[WRITE], "the same, syncfs", limit[WRITE], 1.2);
    print_row("4 KiB write_file, relaxed, sync_all", "k/s", here[WRITE_WHOLE], "the same, syncfs", limit[WRITE], 1.2);
    print_row("rename, relaxed, sync_all", "k/s", here[RENAME], "the same, syncfs", limit[RENAME], 0);
    print_row("delete, relaxed, sync_all", "k/s", here[DELETE], "the same, syncfs", limit[DELETE], 0);
    stop();
}

/* Files of one batch, in one commit. */
static void batch_rate(figure *f, const char *dir) {
    ll_batch batch;
    char path[64];
    settle();
    double begin = now();
    OK(ll_batch_new(fs, &batch, &err));
    for (int i = 0; i < files; i++) {
        path_of(path, dir, i);
        OK(ll_batch_write_file(batch, path, content(i), SMALL, &err));
    }
    OK(ll_batch_commit(batch, NULL, &err));
    add(f, files / (now() - begin) / 1e3);
    ll_batch_free(batch);
}

void measure_batch(void) {
    figure *limit = new_figure(), *here = new_figure();
    start_with_new("batch", LL_CONSISTENCY_STRICT);
    for (int run = 0; run < runs; run++) {
        char dir[32];
        snprintf(dir, sizeof dir, "/batch%d.%d", run, getpid());
        make_dir(dir);
        rate(limit, raw_write, dir);
        forget_raw_files(dir);
        batch_rate(here, dir);
    }
    print_row("4 KiB files, one batch, not synced", "k/s", here, "open, write, close", limit, 2);
    stop();
}

static void raw_stat(const char *path, int i) {
    (void)i;
    struct stat st;
    if (lstat(raw(path), &st)) fail_errno(path);
}

void ll_stat(const char *path, int i) {
    (void)i;
    ll_entry entry = LL_ENTRY_INIT;
    OK(ll_fs_get_entry(fs, path, LL_NOFOLLOW, &entry, &err));
}

/* Entries of a directory with their sizes; the sum keeps the loop from being left out. */
static uint64_t raw_list(const char *dir, int *count) {
    DIR *d = opendir(raw(dir));
    if (!d) fail_errno(dir);
    uint64_t sum = 0;
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        if (e->d_name[0] == '.') continue;
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW)) fail_errno(e->d_name);
        sum += (uint64_t)st.st_size + strlen(e->d_name);
        ++*count;
    }
    closedir(d);
    return sum;
}

static uint64_t ll_list(const char *dir, int *count) {
    ll_entries list;
    size_t n;
    uint64_t sum = 0;
    OK(ll_fs_read_dir(fs, dir, &list, &err));
    OK(ll_entries_count(list, &n, &err));
    for (size_t i = 0; i < n; i++) {
        ll_entry entry = LL_ENTRY_INIT;
        OK(ll_entries_get(list, i, &entry, &err));
        sum += entry.size + strlen(entry.name);
    }
    ll_entries_free(list);
    *count += (int)n;
    return sum;
}

static void list_rate(figure *f, uint64_t (*list)(const char *, int *), const char *dir) {
    enum { TIMES = 5 };
    int count = 0;
    uint64_t sum = 0;
    double begin = now();
    for (int i = 0; i < TIMES; i++) sum += list(dir, &count);
    double seconds = now() - begin;
    if (count != TIMES * files || sum == 0) fail(dir, "entries are missing");
    add(f, count / seconds / 1e3);
}

void measure_look(void) {
    static const char dir[] = "/one/two";
    figure *stat_limit = new_figure(), *stat_here = new_figure();
    figure *list_limit = new_figure(), *list_here = new_figure();
    figure *not_shown = new_figure();
    start_with_new("look", LL_CONSISTENCY_STRICT);
    make_dir("/one");
    make_dir(dir);
    rate(not_shown, raw_create, dir);
    rate(not_shown, ll_create, dir);
    rate(not_shown, raw_stat, dir);
    rate(not_shown, ll_stat, dir);
    for (int run = 0; run < runs; run++) {
        rate(stat_limit, raw_stat, dir);
        rate(stat_here, ll_stat, dir);
        list_rate(list_limit, raw_list, dir);
        list_rate(list_here, ll_list, dir);
    }
    print_row("get_entry, depth 3, warm, strict", "k/s", stat_here, "lstat", stat_limit, 1.5);
    print_row("read_dir with attributes, entries", "k/s", list_here, "readdir, lstat", list_limit, 2);
    stop();
}

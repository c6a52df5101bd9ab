/* Content: written and read as a stream, read here and there. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"
#include "sides.h"

/* What fits into the RAM cache. */
static const size_t cached = (size_t)128 << 20;

enum { MAX_THREADS = 2 };

static const char *piece(size_t offset) {
    return noise + offset % sizeof noise;
}

static void write_raw_file(const char *path, size_t size) {
    int fd = open_raw(path, O_CREAT | O_EXCL | O_WRONLY);
    for (size_t at = 0; at < size; at += CHUNK) {
        if (write(fd, piece(at), CHUNK) != CHUNK) fail_errno(path);
    }
    if (fsync(fd)) fail_errno(path);
    close_raw(fd);
}

void write_ll_file(const char *path, size_t size) {
    ll_file file = open_file(path, "w");
    for (size_t at = 0; at < size; at += CHUNK) OK(ll_file_write(file, piece(at), CHUNK, NULL, &err));
    OK(ll_file_close(file, &err));
    OK(ll_filespace_sync_all(fs, NULL, &err));
}

typedef void on_file(const char *path, size_t size);

static void mib_rate(figure *f, on_file *work, const char *path, size_t size) {
    double begin = now();
    work(path, size);
    add(f, (double)size / CHUNK / (now() - begin));
}

void measure_write(void) {
    figure *limit = new_figure(), *here = new_figure();
    start_with_new("write", LL_CONSISTENCY_STRICT);
    for (int run = 0; run < runs; run++) {
        char path[32];
        snprintf(path, sizeof path, "/stream%d", run);
        settle();
        mib_rate(limit, write_raw_file, path, streamed);
        if (unlink(raw(path))) fail_errno(path);
        settle();
        mib_rate(here, write_ll_file, path, streamed);
    }
    print_row("sequential write and sync_all", "MiB/s", here, "write, fsync", limit, 0.85);
    stop();
}

static char buffer[CHUNK];
static char *memory;

static void read_raw_file(const char *path, size_t size) {
    int fd = open_raw(path, O_RDONLY);
    for (size_t at = 0; at < size; at += CHUNK) {
        if (pread(fd, buffer, CHUNK, (off_t)at) != CHUNK) fail_errno(path);
    }
    close_raw(fd);
}

void read_ll_file(const char *path, size_t size) {
    ll_file file = open_file(path, "r");
    for (size_t at = 0; at < size; at += CHUNK) {
        size_t n;
        OK(ll_file_read(file, buffer, CHUNK, &n, &err));
        if (n != CHUNK || buffer[at / CHUNK] != piece(at)[at / CHUNK]) fail(path, "other bytes were read");
    }
    OK(ll_file_close(file, &err));
}

static void copy_memory(const char *path, size_t size) {
    (void)path;
    for (size_t at = 0; at < size; at += CHUNK) {
        memcpy(buffer, memory + at, CHUNK);
        __asm__ volatile("" : : "r"(buffer) : "memory"); /* somebody looks at it */
    }
}

static const char working_set[] = "/working-set";

static void make_working_set(void) {
    write_raw_file(working_set, cached);
    write_ll_file(working_set, cached);
    read_raw_file(working_set, cached);
    read_ll_file(working_set, cached);
}

void measure_cached(void) {
    figure *copied = new_figure(), *limit = new_figure(), *here = new_figure();
    start_with_new("cached", LL_CONSISTENCY_STRICT);
    make_working_set();
    memory = malloc(cached);
    if (!memory) fail_errno("malloc");
    memset(memory, 1, cached);
    for (int run = 0; run < runs; run++) {
        mib_rate(copied, copy_memory, NULL, cached);
        mib_rate(limit, read_raw_file, working_set, cached);
        mib_rate(here, read_ll_file, working_set, cached);
    }
    print_row("sequential read, 128 MiB, RAM cache", "MiB/s", here, "memcpy", copied, 0.7);
    print_row("", "MiB/s", here, "pread, page cache", limit, 0);
    stop();
}

static figure *cold_here;

static void read_cold_once(void) {
    start();
    link_filespace("cold", LL_CONSISTENCY_STRICT);
    mib_rate(cold_here, read_ll_file, "/stream", streamed);
    stop();
}

static void write_cold_files(void) {
    start_with_new("cold", LL_CONSISTENCY_STRICT);
    write_raw_file("/stream", streamed);
    write_ll_file("/stream", streamed);
    stop();
}

void measure_cold(void) {
    figure *limit = new_figure();
    cold_here = new_figure();
    in_child(write_cold_files);
    for (int run = 0; run < runs; run++) {
        drop_from_page_cache(folder);
        mib_rate(limit, read_raw_file, "/stream", streamed);
        drop_from_page_cache(folder);
        in_child(read_cold_once);
    }
    print_row("sequential read, cold, new process", "MiB/s", cold_here, "pread, cold", limit, 0.85);
}

typedef struct {
    unsigned seed;
    int is_raw;
} reader;

static void *read_randomly(void *argument) {
    const reader *r = argument;
    uint64_t x = r->seed * UINT64_C(0x9e3779b97f4a7c15);
    int fd = r->is_raw ? open_raw(working_set, O_RDONLY) : -1;
    ll_file file = r->is_raw ? 0 : open_file(working_set, "r");
    ll_error own = LL_ERROR_INIT;
    char page[SMALL];
    for (int i = 0; i < random_reads; i++) {
        size_t n = 0;
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint64_t at = (x >> 33) % (cached / SMALL) * SMALL;
        if (r->is_raw) {
            n = (size_t)pread(fd, page, SMALL, (off_t)at);
        } else if (ll_file_pread(file, at, page, SMALL, &n, &own) != LL_OK) {
            fail("ll_file_pread", own.message);
        }
        if (n != SMALL) fail(working_set, "a read was short");
    }
    if (r->is_raw) close_raw(fd);
    ll_file_free(file);
    return NULL;
}

static void random_rate(figure *f, int is_raw, int threads) {
    pthread_t ids[MAX_THREADS];
    reader readers[MAX_THREADS];
    double begin = now();
    for (int i = 0; i < threads; i++) {
        readers[i] = (reader){ .seed = (unsigned)i + 1, .is_raw = is_raw };
        if (pthread_create(&ids[i], NULL, read_randomly, &readers[i])) fail_errno("pthread_create");
    }
    for (int i = 0; i < threads; i++) pthread_join(ids[i], NULL);
    add(f, threads * random_reads / (now() - begin) / 1e3);
}

void measure_random(void) {
    start_with_new("random", LL_CONSISTENCY_STRICT);
    make_working_set();
    for (int threads = 1; threads <= MAX_THREADS; threads++) {
        char work[64];
        figure *limit = new_figure(), *here = new_figure();
        for (int run = 0; run < runs; run++) {
            random_rate(limit, 1, threads);
            random_rate(here, 0, threads);
        }
        snprintf(work, sizeof work, "random 4 KiB pread, RAM cache, %d thread%s", threads, threads > 1 ? "s" : "");
        print_row(work, "k/s", here, "pread, page cache", limit, threads == 1 ? 2 : 1.5);
    }
    stop();
}

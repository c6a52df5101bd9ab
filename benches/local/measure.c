#define _GNU_SOURCE
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_RUNS = 16 };

struct figure {
    int count;
    double samples[MAX_RUNS];
};

void *shared(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail_errno("mmap");
    return memory;
}

figure *new_figure(void) {
    return shared(sizeof(figure));
}

void add(figure *f, double value) {
    if (f->count == MAX_RUNS) fail("add", "too many runs");
    f->samples[f->count++] = value;
}

double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void fail(const char *what, const char *why) {
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

void fail_errno(const char *what) {
    fail(what, strerror(errno));
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The samples in order; returns the median. */
static double sorted(const figure *f, double samples[MAX_RUNS]) {
    int n = f->count;
    if (n == 0) fail("a figure", "it has no runs");
    memcpy(samples, f->samples, (size_t)n * sizeof *samples);
    qsort(samples, (size_t)n, sizeof *samples, compare);
    return (samples[(n - 1) / 2] + samples[n / 2]) / 2;
}

/* Median (min..max), with as many digits as say something. */
static const char *format(const figure *f, char text[64]) {
    double samples[MAX_RUNS];
    double median = sorted(f, samples);
    int digits = median < 10 ? 2 : median < 100 ? 1 : 0;
    snprintf(text, 64, "%.*f (%.*f..%.*f)", digits, median, digits, samples[0], digits,
             samples[f->count - 1]);
    return text;
}

static void print_processor(void) {
    char line[256], name[128] = "unknown processor";
    FILE *info = fopen("/proc/cpuinfo", "r");
    while (info && fgets(line, sizeof line, info)) {
        if (sscanf(line, "model name : %127[^\n]", name) == 1) break;
    }
    if (info) fclose(info);
    printf("%ld x %s", sysconf(_SC_NPROCESSORS_ONLN), name);
}

static const char *file_system(const char *folder, char number[32]) {
    static const struct { long magic; const char *name; } known[] = {
        { 0xef53, "ext4" }, { 0x58465342, "xfs" }, { 0x9123683e, "btrfs" }, { 0x01021994, "tmpfs" },
        { 0x794c7630, "overlayfs" }, { 0x2fc12fc1, "zfs" }, { 0xf2f52010, "f2fs" },
    };
    struct statfs fs;
    if (statfs(folder, &fs)) fail_errno(folder);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].magic == (long)fs.f_type) return known[i].name;
    }
    snprintf(number, 32, "file system %#lx", (unsigned long)fs.f_type);
    return number;
}

void print_machine(const char *folder) {
    struct utsname kernel;
    char number[32];
    if (uname(&kernel)) fail_errno("uname");
    print_processor();
    printf(", %s %s, %s\n", kernel.sysname, kernel.release, file_system(folder, number));
}

void print_head(void) {
    printf("%-42s %-6s %-24s %-18s %-24s %6s  %s\n", "median (min..max)", "unit", "here", "limit", "", "ratio",
           "reach");
}

void print_row(const char *work, const char *unit, const figure *here, const char *limit_name,
               const figure *limit, double reach) {
    char a[64], b[64], goal[32] = "";
    double samples[MAX_RUNS];
    double ratio = sorted(here, samples) / sorted(limit, samples);
    if (reach > 0) snprintf(goal, sizeof goal, ">= %.2f%s", reach, ratio < reach ? "  short" : "");
    printf("%-42s %-6s %-24s %-18s %-24s %6.2f  %s\n", work, unit, format(here, a), limit_name,
           format(limit, b), ratio, goal);
    fflush(stdout);
}

void print_alone(const char *work, const char *unit, const figure *here, double reach) {
    char a[64], goal[32] = "";
    double samples[MAX_RUNS];
    const char *verdict = sorted(here, samples) > reach ? "  short" : "";
    if (reach > 0) snprintf(goal, sizeof goal, "<= %.0f%s", reach, verdict);
    printf("%-42s %-6s %-24s %-18s %-24s %6s  %s\n", work, unit, format(here, a), "", "", "", goal);
    fflush(stdout);
}

static int wait_for(pid_t child) {
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) fail_errno("waitpid");
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* A copy of this process, which ends when this one does. */
static pid_t fork_child(void) {
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) fail_errno("fork");
    if (child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
    return child;
}

pid_t begin_child(void (*work)(void)) {
    pid_t child = fork_child();
    if (child == 0) {
        work();
        exit(0);
    }
    return child;
}

void end_child(pid_t child) {
    if (wait_for(child) != 0) exit(1);
}

void in_child(void (*work)(void)) {
    end_child(begin_child(work));
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *place) {
    (void)stat, (void)type, (void)place;
    return remove(path);
}

static volatile sig_atomic_t worker;

static void end_worker(int number) {
    (void)number;
    if (worker > 0) kill(worker, SIGKILL);
}

int in_folder(const char *parent, void (*work)(const char *folder)) {
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/lucidlink-bench-XXXXXX", parent);
    if (!mkdtemp(folder)) fail_errno(folder);
    pid_t child = fork_child();
    if (child == 0) {
        work(folder);
        exit(0);
    }
    worker = child;
    struct sigaction action = { .sa_handler = end_worker };
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    int status = wait_for(child);
    if (nftw(folder, remove_one, 32, FTW_DEPTH | FTW_PHYS)) fail_errno(folder);
    return status;
}

void place_apart(const char *folder) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY), flags;
    if (fd < 0) fail_errno(folder);
    /* Other file systems may not know the flag, nor need it. */
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
        flags |= FS_TOPDIR_FL;
        ioctl(fd, FS_IOC_SETFLAGS, &flags);
    }
    close(fd);
}

static int drop_one(const char *path, const struct stat *stat, int type, struct FTW *place) {
    (void)stat, (void)place;
    if (type != FTW_F) return 0;
    int fd = open(path, O_RDONLY);
    if (fd < 0) return -1;
    /* Only clean pages can be dropped. */
    int dropped = fdatasync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0;
    close(fd);
    return dropped ? 0 : -1;
}

void drop_from_page_cache(const char *folder) {
    if (nftw(folder, drop_one, 32, FTW_PHYS)) fail_errno(folder);
}

void fill_noise(void *bytes, size_t len, unsigned seed) {
    uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + UINT64_C(88172645463325252);
    unsigned char *at = bytes;
    for (size_t done = 0; done < len; done += sizeof x) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        size_t left = len - done;
        memcpy(at + done, &x, left < sizeof x ? left : sizeof x);
    }
}

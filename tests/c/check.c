#define _GNU_SOURCE

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MAX_TOLD 30

/* Shared with child processes, so that their checks count too. */
static struct counts {
    int passed;
    int failed;
} *counts;
static int failed_here;
static char secret[LL_TOKEN_SIZE];
static __thread ll_error record;

ll_error *check_record(void)
{
    ll_error fresh = LL_ERROR_INIT;
    record = fresh;
    return &record;
}

__attribute__((constructor)) static void share_counts(void)
{
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counts == MAP_FAILED) {
        perror("mmap");
        _exit(1);
    }
}

static int count(int holds)
{
    __atomic_add_fetch(holds ? &counts->passed : &counts->failed, 1, __ATOMIC_RELAXED);
    if (!holds)
        __atomic_add_fetch(&failed_here, 1, __ATOMIC_RELAXED);
    return holds;
}

/* One mistake can fail a thousand times; the first few tell enough. */
static int is_told(void)
{
    return check_failures() < MAX_TOLD;
}

int check_that(int holds, const char *file, int line, const char *what)
{
    if (!holds && is_told())
        printf("%s:%d: failed: %s\n", file, line, what);
    return count(holds);
}

void check_required(int holds, const char *file, int line, const char *what)
{
    if (check_that(holds, file, line, what))
        return;
    printf("%s:%d: cannot go on\n", file, line);
    fflush(stdout);
    _exit(1);
}

int check_ok(ll_status status, const char *file, int line, const char *what)
{
    if (status != LL_OK && is_told())
        printf("%s:%d: failed: %s\n    %s: %s\n", file, line, what, ll_status_name(status), ll_last_error_message());
    return count(status == LL_OK);
}

/* What of a local file no later attempt mends by itself. */
static int needs_a_change(int os_errno)
{
    return os_errno == ENOENT || os_errno == EACCES || os_errno == EPERM || os_errno == EROFS ||
           os_errno == ENOTDIR || os_errno == EISDIR;
}

/* What is wrong with the failure, or NULL. */
static const char *flaw(ll_status status, ll_status expected, const char *words)
{
    ll_error last = LL_ERROR_INIT;
    ll_last_error(&last);
    if (status != expected)
        return "another status was expected";
    if (ll_last_error_code() != status || last.code != status)
        return "the thread's last error has another status";
    if (record.code != status)
        return "the record has another status";
    if (strcmp(record.message, last.message) != 0)
        return "the record and the thread's last error say different things";
    if (strstr(record.message, words) == NULL)
        return "the message lacks the expected words";
    if (record.domain[0] == '\0' || record.os_errno == 0)
        return "the record has no domain or no errno";
    if (((record.flags & LL_ERROR_RETRYABLE) != 0) !=
        (ll_status_is_retryable(status) != 0 && !needs_a_change(record.os_errno)))
        return "the record and the status disagree on whether to retry";
    if (secret[0] != '\0' && strstr(ll_last_error_message(), secret) != NULL)
        return "the message contains the secret";
    return NULL;
}

void check_provoked(const char *function, ll_status status)
{
    char line[160];
    const char *path = getenv("LL_TEST_PROVOKED");
    int length = snprintf(line, sizeof line, "%s %s\n", function, ll_status_name(status));
    int file = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (file < 0)
        return;
    if (write(file, line, (size_t)length) != length)
        printf("cannot write to %s: %s\n", path, strerror(errno));
    close(file);
}

int check_fails(ll_status status, ll_status expected, const char *words, const char *function, const char *file,
                int line)
{
    const char *wrong = flaw(status, expected, words);
    if (status == expected)
        check_provoked(function, status);
    if (wrong != NULL && is_told())
        printf("%s:%d: failed: %s, expected %s with \"%s\": %s\n    %s: %s\n", file, line, function,
               ll_status_name(expected), words, wrong, ll_status_name(status),
               status == LL_OK ? "" : ll_last_error_message());
    return count(wrong == NULL);
}

void check_secret(const char *text)
{
    secret[0] = '\0';
    if (text != NULL)
        strncat(secret, text, sizeof secret - 1);
}

int check_failures(void)
{
    return __atomic_load_n(&counts->failed, __ATOMIC_RELAXED);
}

int check_failures_here(void)
{
    return __atomic_load_n(&failed_here, __ATOMIC_RELAXED);
}

int check_end(void)
{
    printf("%d passed, %d failed\n", counts->passed, counts->failed);
    return counts->failed != 0;
}

int check_small(void)
{
    return getenv("LL_TEST_SMALL") != NULL;
}

uint64_t check_seed(void)
{
    const char *given = getenv("LL_TEST_SEED");
    struct timespec now;
    uint64_t seed;
    clock_gettime(CLOCK_REALTIME, &now);
    seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)now.tv_sec * 1000003u + (uint64_t)now.tv_nsec;
    printf("LL_TEST_SEED=%" PRIu64 "\n", seed);
    fflush(stdout);
    return seed;
}

/* SplitMix64. */
uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t random_below(struct random *random, uint64_t limit)
{
    return random_next(random) % limit;
}

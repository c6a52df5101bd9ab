/* Checks for the C tests: each is counted; one that fails prints file, line and what the library said. They may be
 * used on any thread and in child processes. A program ends with `return check_end();`, which prints "N passed, 0 failed".
 */
#ifndef CHECK_H
#define CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "lucidlink.h"

/* The condition holds. */
#define CHECK(condition) check_that(!!(condition), __FILE__, __LINE__, #condition)
/* The condition holds, or there is no point in going on. */
#define REQUIRE(condition) check_required(!!(condition), __FILE__, __LINE__, #condition)
/* The call succeeds. Pass ERR as its last argument. */
#define OK(call) check_ok((call), __FILE__, __LINE__, #call)
/* The call succeeds, or there is no point in going on. */
#define MUST(call) check_required(check_ok((call), __FILE__, __LINE__, #call), __FILE__, __LINE__, #call)
/* FAILS(LL_ERR_NOT_FOUND, "/missing", ll_fs_delete, (fs, "/missing", ERR)): the call fails with exactly this
 * status, the message has these words in it, and the record and the thread's last error say the same. */
#define FAILS(status, words, function, arguments) \
    check_fails(function arguments, status, words, #function, __FILE__, __LINE__)

/* This thread's error record, fresh. */
#define ERR check_record()

ll_error *check_record(void);
int check_that(int holds, const char *file, int line, const char *what);
void check_required(int holds, const char *file, int line, const char *what);
int check_ok(ll_status status, const char *file, int line, const char *what);
int check_fails(ll_status status, ll_status expected, const char *words, const char *function, const char *file,
                int line);

/* Notes that a function failed with this status, in the file that LL_TEST_PROVOKED names; FAILS does it by itself. */
void check_provoked(const char *function, ll_status status);

/* A secret that no message may contain; NULL: none. */
void check_secret(const char *secret);
/* How many checks have failed, here and in child processes. */
int check_failures(void);
/* In this process and, up to its birth, those before it. */
int check_failures_here(void);
/* Prints the closing line and returns the exit status. */
int check_end(void);

/* 1 when the program runs under valgrind or the like, where everything takes 50 times as long: LL_TEST_SMALL. */
int check_small(void);
/* `full`, or `small` under valgrind. */
#define SCALE(full, small) (check_small() ? (small) : (full))

/* A repeatable random sequence. The seed is LL_TEST_SEED, or a new one; it is printed. */
struct random {
    uint64_t state;
};
uint64_t check_seed(void);
uint64_t random_next(struct random *random);
/* From 0 to below `limit`. */
uint64_t random_below(struct random *random, uint64_t limit);

#endif

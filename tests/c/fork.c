/* A process uses the library and forks. In the child every call says LL_ERR_FORKED, every free does nothing, what only
 * looks things up works, and the child exits as a process should; the parent goes on as if nothing had happened.
 */
#define _XOPEN_SOURCE 700

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arguments.h"

static struct stage stage;
static int is_child;

/* Asked by LeakSanitizer: what the parent's threads hold is not a leak of the child, which lacks these threads. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return is_child;
}

/* These say LL_OK or something of their own: they need nothing of the parent's. */
static int needs_nothing(const struct call *call)
{
    return call->result != STATUS || strcmp(call->name, "ll_last_error_path") == 0;
}

static void call_everything(void)
{
    struct arguments arguments;
    size_t n;
    int forked = 0;
    for (n = 0; n < call_count; n++) {
        int64_t result;
        arguments_good(&arguments, &calls[n], &stage);
        result = calls[n].run(arguments.values);
        if (needs_nothing(&calls[n])) {
            CHECK(calls[n].result != TEXT || result != 0);
            continue;
        }
        if (!CHECK(result == LL_ERR_FORKED))
            printf("%s: %s\n", calls[n].name, ll_status_name((ll_status)result));
        CHECK(ll_last_error_code() == LL_ERR_FORKED && strstr(ll_last_error_message(), "forked") != NULL);
        forked++;
    }
    CHECK(forked > 60);
}

static int freed;

static void on_free(void *user)
{
    (void)user;
    freed++;
}

/* Not even what needs no handle. What the host gives away is given back, as always. */
static void nothing_can_be_made(void)
{
    ll_config config = 0;
    ll_daemon daemon = 0;
    char token[LL_TOKEN_SIZE];
    FAILS(LL_ERR_FORKED, "forked", ll_config_new, (&config, ERR));
    FAILS(LL_ERR_FORKED, "forked", ll_daemon_new, (0, NULL, &daemon, ERR));
    FAILS(LL_ERR_FORKED, "forked", ll_workspace_create, ("file:///nowhere", "w", token, sizeof token, NULL, ERR));
    FAILS(LL_ERR_FORKED, "forked", ll_log_set_callback, (LL_LOG_INFO, NULL, &stage, on_free, ERR));
    CHECK(freed == 1);
}

static void be_a_child(void)
{
    int failures = check_failures_here(), twice;
    is_child = 1;
    freed = 0;
    call_everything();
    nothing_can_be_made();
    for (twice = 0; twice < 2; twice++) {
        ll_file_free(stage.file);
        ll_entries_free(stage.entries);
        ll_xattrs_free(stage.xattrs);
        ll_filespace_free(stage.session.fs);
        ll_workspace_free(stage.session.workspace);
        ll_daemon_free(stage.session.daemon);
        ll_config_free(stage.config);
    }
    failures = check_failures_here() != failures;
    if (check_small()) /* to memcheck, what the parent's threads hold would be lost here */
        execl(failures ? "/bin/false" : "/bin/true", "end", (char *)NULL);
    exit(failures); /* with all that atexit and destructors do */
}

/* `is_in_call`: other threads are in the middle of calls, and hold what they hold. */
static void fork_once(int is_in_call)
{
    pid_t pid;
    fflush(stdout);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0)
        be_a_child();
    CHECK(child_succeeded(pid));
    if (!is_in_call)
        CHECK(text_is(stage.session.fs, "/file", "content"));
}

/* AddressSanitizer's own allocator does not survive a fork while other threads use it (before GCC 14, LLVM 17). */
#if defined(__SANITIZE_ADDRESS__)
#define BUSY_THREADS 0
#else
#define BUSY_THREADS 3
#endif

static int forks_left;

static void fork_or_work(int number, void *unused)
{
    char path[32];
    (void)unused;
    snprintf(path, sizeof path, "/busy %d", number);
    if (number == 0) {
        while (forks_left > 0) {
            fork_once(1);
            __atomic_sub_fetch(&forks_left, 1, __ATOMIC_ACQ_REL);
        }
        return;
    }
    while (__atomic_load_n(&forks_left, __ATOMIC_ACQUIRE) > 0) {
        text_put(stage.session.fs, path, path);
        CHECK(text_is(stage.session.fs, path, path));
    }
}

/* Unpublished writes are the parent's: the child neither publishes nor loses them. */
static void an_open_file_stays_the_parents(void)
{
    ll_file file = 0;
    MUST(ll_file_open(stage.session.fs, "/half", "w", NULL, &file, ERR));
    OK(ll_file_write(file, "one ", 4, NULL, ERR));
    fork_once(0);
    CHECK(ll_fs_file_exists(0, "/half", NULL, NULL) == LL_ERR_INVALID_ARGUMENT);
    OK(ll_file_write(file, "two", 3, NULL, ERR));
    OK(ll_file_close(file, ERR));
    CHECK(text_is(stage.session.fs, "/half", "one two"));
}

int main(void)
{
    struct world world;
    setvbuf(stdout, NULL, _IOLBF, 0);
    world_make(&world);
    stage_set(&stage, &world);
    fork_once(0);
    an_open_file_stays_the_parents();
    forks_left = SCALE(20, 2);
    threads_run(1 + BUSY_THREADS, fork_or_work, NULL);
    stage_end(&stage);
    world_remove(&world);
    return check_end();
}

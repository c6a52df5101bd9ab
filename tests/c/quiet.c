/* The library is a guest: it prints nothing, changes no signal, and leaves no thread, open file or folder behind. What
 * it has to say goes to the log callback.
 */
#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"
#include "world.h"

#define SIGNALS 65
/* How long threads that have ended may still be listed. */
#define PATIENCE 10

static struct world world;

/* --- Signals ------------------------------------------------------------------------------------------------------ */

struct dispositions {
    struct sigaction actions[SIGNALS];
    sigset_t mask;
};

static void look_at_signals(struct dispositions *now)
{
    int n;
    memset(now, 0, sizeof *now);
    for (n = 1; n < SIGNALS; n++)
        if (sigaction(n, NULL, &now->actions[n]) != 0)
            memset(&now->actions[n], 0, sizeof now->actions[n]);
    REQUIRE(pthread_sigmask(SIG_BLOCK, NULL, &now->mask) == 0);
}

static void signals_are_unchanged(const struct dispositions *before)
{
    struct dispositions now;
    int n, m;
    look_at_signals(&now);
    for (n = 1; n < SIGNALS; n++) {
        CHECK(now.actions[n].sa_handler == before->actions[n].sa_handler);
        CHECK(now.actions[n].sa_flags == before->actions[n].sa_flags);
        for (m = 1; m < SIGNALS; m++)
            CHECK(sigismember(&now.actions[n].sa_mask, m) == sigismember(&before->actions[n].sa_mask, m));
        CHECK(sigismember(&now.mask, n) == sigismember(&before->mask, n));
    }
}

/* All signals are blocked but SIGKILL, SIGSTOP and the two that libc keeps for itself. */
#define NEVER_BLOCKED 0x180040100ull

/* How many threads of the library there are; none may take the host's signals. */
static int threads_block_signals(void)
{
    DIR *list = opendir("/proc/self/task");
    struct dirent *entry;
    int own = 0;
    REQUIRE(list != NULL);
    while ((entry = readdir(list)) != NULL) {
        char path[64], line[256], name[64] = "";
        unsigned long long blocked;
        FILE *status;
        snprintf(path, sizeof path, "/proc/self/task/%.20s/status", entry->d_name);
        status = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        while (status != NULL && fgets(line, sizeof line, status) != NULL) {
            sscanf(line, "Name: %63s", name);
            if (sscanf(line, "SigBlk: %llx", &blocked) != 1 || strncmp(name, "lucidlink", 9) != 0)
                continue;
            own++;
            CHECK((blocked | NEVER_BLOCKED) == ~0ull);
        }
        if (status != NULL)
            fclose(status);
    }
    closedir(list);
    return own;
}

/* --- What is left behind ------------------------------------------------------------------------------------------ */

static int threads(void)
{
    return host_entries("/proc/self/task");
}

static int open_files(void)
{
    return host_entries("/proc/self/fd");
}

/* A thread that was waited for is listed for a moment longer. */
static int threads_become(int expected)
{
    time_t end = time(NULL) + PATIENCE;
    while (threads() != expected && time(NULL) < end)
        sched_yield();
    return threads() == expected;
}

static int open_files_become(int expected)
{
    time_t end = time(NULL) + PATIENCE;
    while (open_files() != expected && time(NULL) < end)
        sched_yield();
    return open_files() == expected;
}

static void provoke_errors(const struct session *session)
{
    ll_file file = 0;
    ll_config config = 0;
    FAILS(LL_ERR_NOT_FOUND, "/missing", ll_file_open, (session->fs, "/missing", "r", NULL, &file, ERR));
    FAILS(LL_ERR_INVALID_PATH, "", ll_fs_delete, (session->fs, "relative", ERR));
    FAILS(LL_ERR_INVALID_HANDLE, "", ll_fs_delete, (12345, "/x", ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "", ll_config_new, (NULL, ERR));
    MUST(ll_config_new(&config, ERR));
    FAILS(LL_ERR_UNKNOWN_KEY, "", ll_config_set, (config, "no.such.key", "1", ERR));
    ll_config_free(config);
}

static void one_life(int is_stopped)
{
    struct session session;
    ll_file file = 0;
    session_open(&world, &session);
    CHECK(threads() > 1);
    file_put(session.fs, "/large", 20000000, 1); /* threads store packs */
    CHECK(file_has(session.fs, "/large", 20000000, 1));
    if (!check_small()) /* memcheck has masks of its own */
        CHECK(threads_block_signals() >= 1);
    provoke_errors(&session);
    MUST(ll_file_open(session.fs, "/open", "w", NULL, &file, ERR));
    OK(ll_file_write(file, "text", 4, NULL, ERR));
    if (is_stopped)
        session_close(&session);
    else
        ll_daemon_free(session.daemon);
}

static void nothing_is_left(void)
{
    struct dispositions before;
    int files, n;
    look_at_signals(&before);
    one_life(1); /* what is made once per process is there now */
    files = open_files();
    for (n = 0; n < SCALE(5, 1); n++) {
        one_life(1);
        CHECK(threads_become(1) && open_files_become(files));
        one_life(0);
        CHECK(threads_become(1) && open_files_become(files));
        CHECK(host_entries(world.folder) == 1);
    }
    signals_are_unchanged(&before);
}

/* --- The log callback --------------------------------------------------------------------------------------------- */

struct listener {
    struct channel heard;
    int is_freed;
    int messages;
};

static void on_log(int32_t level, const char *message, void *user)
{
    struct listener *listener = user;
    char text[200];
    CHECK(level >= LL_LOG_ERROR && level <= LL_LOG_DEBUG && !listener->is_freed);
    __atomic_add_fetch(&listener->messages, 1, __ATOMIC_RELAXED);
    memset(text, 0, sizeof text);
    strncat(text, message, sizeof text - 1);
    channel_send(&listener->heard, text, sizeof text);
}

static void on_free(void *user)
{
    struct listener *listener = user;
    listener->is_freed++;
}

/* A checkpoint that cannot be stored is survived, and said. Waits until it is. */
static void provoke_a_message(ll_filespace fs, struct listener *listener)
{
    char path[32], text[200];
    int n;
    faults_write("/parts/", EIO);
    for (n = 0; n < 700 && faults_off() == 0; n++) {
        faults_write("/parts/", EIO);
        snprintf(path, sizeof path, "/small %d", n % 20);
        text_put(fs, path, path);
    }
    CHECK(n < 700);
    REQUIRE(channel_receive(&listener->heard, text, sizeof text));
    CHECK(strstr(text, "checkpoint") != NULL);
}

static void messages_go_to_the_callback(void)
{
    struct listener first, second, refused;
    struct session session;
    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    memset(&refused, 0, sizeof refused);
    channel_make(&first.heard);
    FAILS(LL_ERR_INVALID_ARGUMENT, "level", ll_log_set_callback, (5, on_log, &refused, on_free, ERR));
    CHECK(refused.is_freed == 1);
    OK(ll_log_set_callback(LL_LOG_DEBUG, on_log, &first, on_free, ERR));
    session_open(&world, &session);
    provoke_a_message(session.fs, &first);
    OK(ll_log_set_callback(LL_LOG_ERROR, on_log, &second, on_free, ERR));
    CHECK(first.is_freed == 1 && first.messages >= 1);
    OK(ll_log_set_callback(LL_LOG_ERROR, NULL, NULL, NULL, ERR));
    CHECK(first.is_freed == 1 && second.is_freed == 1 && second.messages == 0);
    session_close(&session);
    CHECK(first.is_freed == 1 && second.is_freed == 1);
    channel_close(&first.heard);
}

/* --- Silence ------------------------------------------------------------------------------------------------------- */

int main(void)
{
    FILE *silence = tmpfile();
    int out = dup(STDOUT_FILENO), error = dup(STDERR_FILENO);
    char text[500];
    size_t length;

    world_make(&world);
    REQUIRE(silence != NULL && out >= 0 && error >= 0);
    fflush(stdout);
    REQUIRE(dup2(fileno(silence), STDOUT_FILENO) >= 0 && dup2(fileno(silence), STDERR_FILENO) >= 0);
    nothing_is_left();
    messages_go_to_the_callback();
    fflush(stdout);
    REQUIRE(dup2(out, STDOUT_FILENO) >= 0 && dup2(error, STDERR_FILENO) >= 0);
    rewind(silence);
    length = fread(text, 1, sizeof text, silence);
    if (!CHECK(length == 0)) /* a check that failed meanwhile has also written there */
        printf("%.*s\n", (int)length, text);
    world_remove(&world);
    return check_end();
}

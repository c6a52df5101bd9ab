/* Calls every function of the header (see calls.awk) with every argument in turn, and with several at once, replaced by
 * what it should not be. Nothing may crash, hang, print, write where it must not, or return a status that is not in the
 * table; and afterwards the same process still does the main job. A run is repeated with LL_TEST_SEED.
 */
#define _XOPEN_SOURCE 700

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"

#define MAX_STATUSES 200
#define MAX_CALLS 400
/* A message may name a path of 4096 bytes, each of which is shown as an escape. */
#define MAX_TEXT 100000
/* No call takes longer, but for a machine that is very busy. */
#define HANG_SECONDS 60

static struct stage stage;
static struct arguments arguments;
static ll_status statuses[MAX_STATUSES];
static size_t status_count;
/* The real stdout while that of the process is a file that must stay empty. */
static int terminal;
static FILE *silence;

/* --- What may not happen ------------------------------------------------------------------------------------------ */

static void speak(int aloud)
{
    fflush(stdout);
    REQUIRE(dup2(aloud ? terminal : fileno(silence), STDOUT_FILENO) >= 0);
}

static void on_crash(int signal_number)
{
    dup2(terminal, STDOUT_FILENO);
    printf("signal %d in ", signal_number); /* not safe here, but there is nothing to lose */
    arguments_print(&arguments);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void collect_statuses(void)
{
    while (ll_status_at(status_count, &statuses[status_count]) == 1)
        REQUIRE(++status_count < MAX_STATUSES);
    CHECK(status_count > 40);
    REQUIRE(call_count <= MAX_CALLS);
}

static int is_in_the_table(ll_status status)
{
    size_t n;
    for (n = 0; n < status_count && statuses[n] != status; n++)
        continue;
    return n < status_count;
}

/* One that a log does not have, or not yet, is an argument too. */
static int takes_a_position(void)
{
    return strcmp(arguments.call->name, "ll_filespace_wait_for") == 0 ||
           strcmp(arguments.call->name, "ll_filespace_watch") == 0 ||
           strcmp(arguments.call->name, "ll_workspace_link_filespace") == 0;
}

/* These mean that something is broken, here or in the log; arguments cannot do that. */
static int is_breakage(ll_status status)
{
    return status == LL_ERR_PANIC || status == LL_ERR_INTERNAL || status == LL_ERR_POISONED ||
           status == LL_ERR_INTEGRITY || status == LL_ERR_FORKED || status == LL_ERR_STATE_DIVERGED ||
           status == LL_ERR_LOG_FORKED ||
           ((status == LL_ERR_LOG_ROLLED_BACK || status == LL_ERR_TIMEOUT) && !takes_a_position());
}

static int is_documented(ll_status status)
{
    char name[64];
    switch (status) {
    case LL_ERR_INVALID_ARGUMENT:
    case LL_ERR_NOT_FOUND:
    case LL_ERR_NOT_A_DIRECTORY:
    case LL_ERR_TOO_MANY_SYMLINKS:
        return 1; /* the header's first page names them for all */
    }
    snprintf(name, sizeof name, " %s ", ll_status_name(status));
    return strstr(arguments.call->errors, name) != NULL || strstr(arguments.call->errors, " others ") != NULL;
}

/* The first time that a function returns a status which its documentation does not name. */
static int is_news(ll_status status)
{
    static unsigned char seen[MAX_CALLS][MAX_STATUSES];
    size_t call = (size_t)(arguments.call - calls), n;
    if (status == LL_OK || is_documented(status))
        return 0;
    for (n = 0; n < status_count && statuses[n] != status; n++)
        continue;
    return !seen[call][n]++;
}

/* The record says what the call returned, in words, without the token. */
static const char *record_flaw(ll_status status)
{
    const struct call *call = arguments.call;
    const union argument *last = &arguments.values[call->count - 1];
    const char *secret = token_secret(stage.world->token);
    ll_error record;
    if (strstr(ll_last_error_message(), secret) != NULL)
        return "the message has the secret in it";
    if (strcmp(call->parameters[call->count - 1].type, "ll_error") != 0 || last->pointer == NULL)
        return NULL;
    memcpy(&record.struct_size, last->pointer, sizeof record.struct_size);
    if (record.struct_size != sizeof record)
        return NULL;
    memcpy(&record, last->pointer, sizeof record);
    if (record.code != status || memchr(record.message, '\0', sizeof record.message) == NULL ||
        record.message[0] == '\0' || record.domain[0] == '\0')
        return "the record does not say what failed";
    return NULL;
}

static void judge(int64_t result)
{
    enum result kind = arguments.call->result;
    ll_status status = kind == STATUS ? (ll_status)result : LL_OK;
    const char *flaw = arguments_verdict(&arguments, status);

    if (flaw == NULL && !is_in_the_table(status))
        flaw = "a status that is not in the table";
    if (flaw == NULL && is_breakage(status))
        flaw = "a status that arguments must not cause";
    if (flaw == NULL && status != LL_OK && strcmp(arguments.call->name, "ll_last_error_path") != 0)
        flaw = record_flaw(status);
    if (flaw == NULL && kind == TEXT && (result == 0 || strlen((const char *)(intptr_t)result) > MAX_TEXT))
        flaw = "no text";
    if (flaw == NULL && is_news(status))
        flaw = "the header does not name this status";
    if (flaw != NULL)
        speak(1);
    if (!CHECK(flaw == NULL)) {
        printf("%s: %s: %s\n    ", flaw, ll_status_name(status), status == LL_OK ? "" : ll_last_error_message());
        arguments_print(&arguments);
        speak(0);
    }
}

static void call(void)
{
    int n;
    for (n = 0; n < arguments.call->count; n++)
        users_given += arguments.call->parameters[n].kind == FREE_CALLBACK && arguments.values[n].free != NULL;
    alarm(HANG_SECONDS);
    judge(arguments.call->run(arguments.values));
    alarm(0);
    arguments_release(&arguments);
}

/* --- The walks ---------------------------------------------------------------------------------------------------- */

static void good_calls(void)
{
    size_t n;
    for (n = 0; n < call_count; n++) {
        stage_restore(&stage);
        arguments_good(&arguments, &calls[n], &stage);
        call();
    }
}

static void one_bad_argument(struct random *random)
{
    size_t n;
    int parameter, which;
    for (n = 0; n < call_count; n++)
        for (parameter = 0; parameter < calls[n].count; parameter++)
            for (which = 0;; which++) {
                stage_restore(&stage);
                arguments_good(&arguments, &calls[n], &stage);
                if (!arguments_spoil(&arguments, parameter, which, &stage, random))
                    break;
                call();
            }
}

static void many_bad_arguments(struct random *random, int rounds)
{
    while (rounds-- > 0) {
        const struct call *chosen = &calls[random_below(random, call_count)];
        int parameter;
        stage_restore(&stage);
        arguments_good(&arguments, chosen, &stage);
        for (parameter = 0; parameter < chosen->count; parameter++)
            if (chosen->parameters[parameter].kind != CAPACITY && chosen->parameters[parameter].kind != COUNT &&
                random_below(random, 2) == 0)
                while (!arguments_spoil(&arguments, parameter, (int)random_below(random, 40), &stage, random))
                    continue;
        call();
    }
}

/* --- Afterwards --------------------------------------------------------------------------------------------------- */

static void the_main_job_is_still_done(const struct world *world)
{
    struct session session;
    ll_file file = 0;
    ll_entries list = 0;
    size_t count = 0, size = 0;
    char text[32];

    session_open(world, &session);
    OK(ll_fs_create_dir(session.fs, "/job/deep", ERR));
    file_put(session.fs, "/job/large", 700000, 9);
    text_put(session.fs, "/job/small", "small");
    OK(ll_file_open(session.fs, "/job/deep/file", "x+", NULL, &file, ERR));
    OK(ll_file_write(file, "written", 7, NULL, ERR));
    OK(ll_file_pread(file, 2, text, sizeof text, &size, ERR));
    CHECK(size == 5 && memcmp(text, "itten", 5) == 0);
    OK(ll_file_close(file, ERR));
    OK(ll_fs_move(session.fs, "/job/small", "/job/renamed", 0, ERR));
    OK(ll_fs_read_dir(session.fs, "/job", &list, ERR));
    OK(ll_entries_count(list, &count, ERR));
    ll_entries_free(list);
    CHECK(count == 3);
    CHECK(text_is(stage.session.fs, "/job/renamed", "small") && text_is(stage.session.fs, "/job/deep/file", "written"));
    CHECK(file_has(session.fs, "/job/large", 700000, 9));
    OK(ll_fs_delete_dir(session.fs, "/job", 1, ERR));
    session_close(&session);
}

static void nothing_was_printed(void)
{
    char text[500];
    size_t length;
    rewind(silence);
    length = fread(text, 1, sizeof text, silence);
    if (!CHECK(length == 0))
        printf("printed: %.*s\n", (int)length, text);
}

int main(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGALRM};
    struct world world;
    struct random random;
    size_t n;

    random.state = check_seed();
    world_make(&world);
    collect_statuses();
    stage_set(&stage, &world);
    terminal = dup(STDOUT_FILENO);
    silence = tmpfile();
    REQUIRE(terminal >= 0 && silence != NULL && dup2(fileno(silence), STDERR_FILENO) >= 0);
    for (n = 0; n < sizeof crashes / sizeof *crashes; n++)
        signal(crashes[n], on_crash);
    speak(0);
    good_calls();
    one_bad_argument(&random);
    many_bad_arguments(&random, SCALE(20000, 300));
    speak(1);
    nothing_was_printed();
    OK(ll_log_set_callback(LL_LOG_ERROR, NULL, NULL, NULL, ERR));
    CHECK(users_given > 0 && users_freed == users_given);
    stage_restore(&stage);
    the_main_job_is_still_done(&world);
    stage_end(&stage);
    world_remove(&world);
    return check_end();
}

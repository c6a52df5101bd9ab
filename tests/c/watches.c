/* Watching: what is told to a C program, how it is woken, and every error. */
#include "world.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STALE "the handle is stale, freed or of another kind"
#define CAP 4

static int calls;

static void on_news(void *user)
{
    (void)user;
    __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
}

static void on_free(void *user)
{
    ++*(int *)user;
}

static int is_readable(int fd, int timeout_ms)
{
    struct pollfd wanted;
    wanted.fd = fd;
    wanted.events = POLLIN;
    wanted.revents = 0;
    return poll(&wanted, 1, timeout_ms) == 1;
}

static void tells(ll_filespace fs, ll_filespace other)
{
    ll_event events[CAP] = {LL_EVENT_INIT, LL_EVENT_INIT, LL_EVENT_INIT, LL_EVENT_INIT};
    ll_watch_options options = LL_WATCH_OPTIONS_INIT;
    ll_position position = LL_POSITION_INIT, before = LL_POSITION_INIT;
    ll_watch watch = 0, again = 0;
    size_t count = 0;
    int32_t fd = -1;
    int freed = 0;
    char text[160];

    MUST(ll_fs_create_dir(fs, "/box", ERR));
    options.path = "/box";
    options.flags = LL_WATCH_OTHERS;
    MUST(ll_filespace_watch(other, &options, &watch, ERR));
    OK(ll_watch_position(watch, &before, ERR));
    OK(ll_watch_fd(watch, &fd, ERR));
    OK(ll_watch_set_callback(watch, on_news, &freed, on_free, ERR));
    OK(ll_watch_next(watch, events, sizeof *events, CAP, &count, 0, ERR));
    CHECK(count == 0 && !is_readable(fd, 0));
    OK(ll_fs_write_file(fs, "/outside", "x", 1, ERR));
    OK(ll_fs_write_file(other, "/box/own", "x", 1, ERR));
    OK(ll_fs_write_file(fs, "/box/file", "x", 1, ERR));
    CHECK(is_readable(fd, 20000));
    OK(ll_watch_next(watch, events, sizeof *events, CAP, &count, 20000, ERR));
    CHECK(count == 1 && events[0].kind == LL_EVENT_CREATED && events[0].type == LL_TYPE_FILE);
    CHECK(events[0].struct_size == sizeof(ll_event) && events[0].own == 0);
    CHECK(strcmp(events[0].path, "/file") == 0 && strcmp(events[0].from, "") == 0);
    CHECK(strcmp(events[0].author, "admin") == 0);
    CHECK(!is_readable(fd, 0));
    while (__atomic_load_n(&calls, __ATOMIC_SEQ_CST) == 0)
        continue;
    OK(ll_watch_position(watch, &position, ERR));
    CHECK(position.seq == events[0].position);
    OK(ll_position_format(&before, text, sizeof text, NULL, ERR));
    options.from = text;
    options.flags = 0;
    MUST(ll_filespace_watch(other, &options, &again, ERR));
    OK(ll_watch_next(again, events, sizeof *events, 1, &count, 20000, ERR));
    CHECK(count == 1 && events[0].own == 1 && strcmp(events[0].path, "/own") == 0);
    OK(ll_watch_next(again, events, sizeof *events, 1, &count, 20000, ERR));
    CHECK(count == 1 && events[0].own == 0 && strcmp(events[0].path, "/file") == 0);
    OK(ll_watch_set_callback(watch, NULL, NULL, NULL, ERR));
    CHECK(freed == 1);
    ll_watch_free(again);
    ll_watch_free(watch);
    ll_watch_free(watch);
}

static void errors(struct session *session)
{
    ll_event event = LL_EVENT_INIT, small = LL_EVENT_INIT;
    ll_watch_options options = LL_WATCH_OPTIONS_INIT;
    ll_link_options link = LL_LINK_OPTIONS_INIT;
    ll_position position = LL_POSITION_INIT;
    ll_filespace fs = session->fs, same = 0;
    ll_watch watch = 0;
    size_t count = 0;
    int32_t fd = 0;
    int freed = 0;
    char text[160], *longer = malloc(300);

    REQUIRE(longer != NULL);
    FAILS(LL_ERR_INVALID_ARGUMENT, "watch", ll_filespace_watch, (fs, NULL, NULL, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_filespace_watch, (0, NULL, &watch, ERR));
    options.flags = 2;
    FAILS(LL_ERR_UNSUPPORTED_OPTION, "flags", ll_filespace_watch, (fs, &options, &watch, ERR));
    options.flags = 0;
    options.path = "box";
    FAILS(LL_ERR_INVALID_PATH, "path", ll_filespace_watch, (fs, &options, &watch, ERR));
    memset(longer, 'n', 299);
    longer[0] = '/';
    longer[299] = '\0';
    options.path = longer;
    FAILS(LL_ERR_NAME_TOO_LONG, "path", ll_filespace_watch, (fs, &options, &watch, ERR));
    free(longer);
    options.path = NULL;
    options.from = "now";
    FAILS(LL_ERR_INVALID_ARGUMENT, "from", ll_filespace_watch, (fs, &options, &watch, ERR));
    OK(ll_filespace_sync_all(fs, &position, ERR));
    position.hash[0] ^= 1;
    OK(ll_position_format(&position, text, sizeof text, NULL, ERR));
    options.from = text;
    FAILS(LL_ERR_LOG_ROLLED_BACK, "another", ll_filespace_watch, (fs, &options, &watch, ERR));

    MUST(ll_filespace_watch(fs, NULL, &watch, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "events", ll_watch_next, (watch, NULL, sizeof event, 1, &count, 0, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "count", ll_watch_next, (watch, &event, sizeof event, 1, NULL, 0, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "stride", ll_watch_next, (watch, &event, sizeof event - 1, 1, &count, 0, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "cap", ll_watch_next, (watch, &event, sizeof event, 0, &count, 0, ERR));
    small.struct_size--;
    FAILS(LL_ERR_INVALID_ARGUMENT, "events", ll_watch_next, (watch, &small, sizeof small, 1, &count, 0, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_watch_next, (fs, &event, sizeof event, 1, &count, 0, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "position", ll_watch_position, (watch, NULL, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_watch_position, (0, &position, ERR));
    FAILS(LL_ERR_INVALID_ARGUMENT, "fd", ll_watch_fd, (watch, NULL, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_watch_fd, (0, &fd, ERR));
    FAILS(LL_ERR_INVALID_HANDLE, STALE, ll_watch_set_callback, (0, on_news, &freed, on_free, ERR));
    CHECK(freed == 1);

    /* The watch belongs to one handle of the link, which another one ends. */
    link.name = PROJECTS;
    MUST(ll_workspace_link_filespace(session->workspace, &link, &same, ERR));
    OK(ll_filespace_unlink(same, ERR));
    ll_filespace_free(same);
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_watch_next, (watch, &event, sizeof event, 1, &count, 60000, ERR));
    options.from = NULL;
    FAILS(LL_ERR_NOT_LINKED, "link it again", ll_filespace_watch, (fs, &options, &watch, ERR));
    ll_watch_options_init(&options);
    ll_event_init(&event);
    CHECK(options.struct_size == sizeof options && event.struct_size == sizeof event);
    ll_watch_options_init(NULL);
    ll_event_init(NULL);
}

int main(void)
{
    struct world world;
    struct session session, other;
    world_make(&world);
    session_open(&world, &session);
    session_open(&world, &other);
    tells(session.fs, other.fs);
    errors(&session);
    session_close(&other);
    session_close(&session);
    world_remove(&world);
    return check_end();
}

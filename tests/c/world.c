#define _XOPEN_SOURCE 700

#include "world.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPEN_FOLDERS 16

struct making {
    struct world *world;
    struct channel token;
};

static void make_workspace(void *argument)
{
    struct making *making = argument;
    struct world *world = making->world;
    struct session admin = {0, 0, 0};
    ll_config config;
    char id[65];

    MUST(ll_workspace_create(world->url, "studio", world->token, sizeof world->token, NULL, ERR));
    config = world_config(world);
    MUST(ll_daemon_new(config, NULL, &admin.daemon, ERR));
    MUST(ll_daemon_start(admin.daemon, ERR));
    MUST(ll_authenticate(admin.daemon, world->token, &admin.workspace, ERR));
    MUST(ll_workspace_create_filespace(admin.workspace, PROJECTS, id, sizeof id, NULL, ERR));
    MUST(ll_daemon_stop(admin.daemon, ERR));
    ll_daemon_free(admin.daemon);
    ll_config_free(config);
    channel_send(&making->token, world->token, sizeof world->token);
}

void world_make(struct world *world)
{
    const char *parent = getenv("TMPDIR");
    struct making making;

    memset(world, 0, sizeof *world);
    snprintf(world->folder, sizeof world->folder, "%s/ll-c-test-XXXXXX", parent != NULL ? parent : "/tmp");
    REQUIRE(mkdtemp(world->folder) != NULL);
    snprintf(world->url, sizeof world->url, "file://%.400s/workspace", world->folder);
    making.world = world;
    channel_make(&making.token);
    REQUIRE(child_succeeded(child_start(make_workspace, &making)));
    REQUIRE(channel_receive(&making.token, world->token, sizeof world->token));
    channel_close(&making.token);
    check_secret(token_secret(world->token));
}

static int check_private(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    mode_t allowed = kind == FTW_D ? 0700 : 0600;
    (void)at;
    if ((kind == FTW_D || kind == FTW_F) && (status->st_mode & 07777) != allowed) {
        printf("%s has mode %o\n", path, (unsigned)(status->st_mode & 07777));
        CHECK((status->st_mode & 07777) == allowed);
    }
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    (void)at;
    return remove(path);
}

void world_remove(struct world *world)
{
    CHECK(nftw(world->folder, check_private, OPEN_FOLDERS, FTW_PHYS) == 0);
    if (check_failures() != 0) {
        printf("left for a look: %s\n", world->folder);
        return;
    }
    CHECK(nftw(world->folder, remove_entry, OPEN_FOLDERS, FTW_PHYS | FTW_DEPTH) == 0);
}

const char *token_secret(const char *token)
{
    return strrchr(token, ':') + 1;
}

ll_config world_config(const struct world *world)
{
    ll_config config = 0;
    MUST(ll_config_new(&config, ERR));
    MUST(ll_config_set(config, "workspace.url", world->url, ERR));
    MUST(ll_config_set(config, "fs.cache.location", world->folder, ERR));
    MUST(ll_config_set(config, "daemon.allow_multiple", "true", ERR));
    return config;
}

void session_open(const struct world *world, struct session *session)
{
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    options.name = PROJECTS;
    session_open_with(world, world->token, &options, session);
}

void session_open_with(const struct world *world, const char *token, const ll_link_options *options,
                       struct session *session)
{
    ll_config config = world_config(world);
    MUST(ll_daemon_new(config, NULL, &session->daemon, ERR));
    ll_config_free(config);
    MUST(ll_daemon_start(session->daemon, ERR));
    MUST(ll_authenticate(session->daemon, token, &session->workspace, ERR));
    MUST(ll_workspace_link_filespace(session->workspace, options, &session->fs, ERR));
}

void session_close(struct session *session)
{
    OK(ll_daemon_stop(session->daemon, ERR));
    ll_filespace_free(session->fs);
    ll_workspace_free(session->workspace);
    ll_daemon_free(session->daemon);
    memset(session, 0, sizeof *session);
}

pid_t child_start(void (*run)(void *argument), void *argument)
{
    pid_t pid;
    fflush(stdout);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        int failures = check_failures_here();
        run(argument);
        fflush(stdout);
        exit(check_failures_here() != failures);
    }
    return pid;
}

int child_succeeded(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFSIGNALED(status))
        printf("child %ld was killed by signal %d\n", (long)pid, WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void channel_make(struct channel *channel)
{
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    channel->read_end = ends[0];
    channel->write_end = ends[1];
}

void channel_close(struct channel *channel)
{
    close(channel->read_end);
    close(channel->write_end);
}

void channel_send(const struct channel *channel, const void *data, size_t length)
{
    const char *rest = data;
    while (length > 0) {
        ssize_t sent = write(channel->write_end, rest, length);
        if (sent < 0 && errno == EINTR)
            continue;
        REQUIRE(sent > 0);
        rest += sent;
        length -= (size_t)sent;
    }
}

int channel_receive(const struct channel *channel, void *data, size_t length)
{
    char *rest = data;
    while (length > 0) {
        ssize_t got = read(channel->read_end, rest, length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        rest += got;
        length -= (size_t)got;
    }
    return 1;
}

struct crew {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int missing;
    void (*run)(int number, void *argument);
    void *argument;
};

struct member {
    struct crew *crew;
    int number;
    pthread_t thread;
};

static void *member_main(void *argument)
{
    struct member *member = argument;
    struct crew *crew = member->crew;
    pthread_mutex_lock(&crew->lock);
    if (--crew->missing == 0)
        pthread_cond_broadcast(&crew->changed);
    while (crew->missing > 0)
        pthread_cond_wait(&crew->changed, &crew->lock);
    pthread_mutex_unlock(&crew->lock);
    crew->run(member->number, crew->argument);
    return NULL;
}

void threads_run(int count, void (*run)(int number, void *argument), void *argument)
{
    struct crew crew = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, NULL, NULL};
    struct member *members = calloc((size_t)count, sizeof *members);
    int n;
    REQUIRE(members != NULL);
    crew.missing = count;
    crew.run = run;
    crew.argument = argument;
    for (n = 0; n < count; n++) {
        members[n].crew = &crew;
        members[n].number = n;
        REQUIRE(pthread_create(&members[n].thread, NULL, member_main, &members[n]) == 0);
    }
    for (n = 0; n < count; n++)
        REQUIRE(pthread_join(members[n].thread, NULL) == 0);
    free(members);
}

void content_fill(unsigned char *data, size_t length, uint64_t seed)
{
    struct random random = {seed};
    size_t at;
    for (at = 0; at < length; at += 8) {
        uint64_t word = random_next(&random);
        memcpy(data + at, &word, length - at < 8 ? length - at : 8);
    }
}

int content_is(const unsigned char *data, size_t length, uint64_t seed)
{
    struct random random = {seed};
    size_t at;
    for (at = 0; at < length; at += 8) {
        uint64_t word = random_next(&random);
        if (memcmp(data + at, &word, length - at < 8 ? length - at : 8) != 0)
            return 0;
    }
    return 1;
}

void file_put(ll_filespace fs, const char *path, size_t length, uint64_t seed)
{
    unsigned char *data = malloc(length + 1);
    REQUIRE(data != NULL);
    content_fill(data, length, seed);
    OK(ll_fs_write_file(fs, path, data, length, ERR));
    free(data);
}

int file_has(ll_filespace fs, const char *path, size_t length, uint64_t seed)
{
    unsigned char *data = malloc(length + 1);
    size_t size = 0;
    ll_status status;
    int same;
    REQUIRE(data != NULL);
    status = ll_fs_read_file(fs, path, data, length, &size, ERR);
    same = status == LL_OK && size == length && content_is(data, length, seed);
    if (!same)
        printf("%s: %s, %lu bytes, expected %lu\n", path, ll_status_name(status), (unsigned long)size,
               (unsigned long)length);
    free(data);
    return same;
}

int file_exists(ll_filespace fs, const char *path)
{
    int32_t exists = 0;
    OK(ll_fs_file_exists(fs, path, &exists, ERR));
    return exists;
}

void text_put(ll_filespace fs, const char *path, const char *text)
{
    OK(ll_fs_write_file(fs, path, text, strlen(text), ERR));
}

int text_is(ll_filespace fs, const char *path, const char *text)
{
    char data[1024];
    size_t size = 0;
    ll_status status = ll_fs_read_file(fs, path, data, sizeof data, &size, ERR);
    if (status == LL_OK && size == strlen(text) && memcmp(data, text, size) == 0)
        return 1;
    printf("%s: %s, %lu bytes, expected \"%s\"\n", path, ll_status_name(status), (unsigned long)size, text);
    return 0;
}

int host_entries(const char *folder)
{
    DIR *list = opendir(folder);
    int count = 0;
    if (list == NULL)
        return -1;
    while (readdir(list) != NULL)
        count++;
    closedir(list);
    return count - 2;
}

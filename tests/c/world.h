/* What a test needs around it: a temporary folder with a workspace in it, sessions, child processes, content. Nothing
 * here sleeps; processes wait for each other through pipes.
 */
#ifndef WORLD_H
#define WORLD_H

#include <sys/types.h>

#include "check.h"

/* The filespace that every world has. */
#define PROJECTS "projects"
#define PATH_SIZE 512

struct world {
    char folder[PATH_SIZE]; /* holds everything, removed by world_remove */
    char url[PATH_SIZE];    /* of the workspace in it */
    char token[LL_TOKEN_SIZE];
};

/* Makes the workspace in a child process: this one has not used the library afterwards and may fork. */
void world_make(struct world *world);
/* Fails if something in it has too wide permissions; then removes it. */
void world_remove(struct world *world);
/* The secret part of a token. */
const char *token_secret(const char *token);

struct session {
    ll_daemon daemon;
    ll_workspace workspace;
    ll_filespace fs;
};

/* Settings for a daemon of this world; free them. Several daemons may run. */
ll_config world_config(const struct world *world);
/* A running daemon with sandboxed storage in the world's folder, the workspace opened and PROJECTS linked. */
void session_open(const struct world *world, struct session *session);
void session_open_with(const struct world *world, const char *token, const ll_link_options *options,
                       struct session *session);
/* Stops it, which must succeed, and frees everything. */
void session_close(struct session *session);

/* Runs a function in a child process, which exits with 0 if no check failed in it. */
pid_t child_start(void (*run)(void *argument), void *argument);
/* Waits for it; whether it exited with 0. */
int child_succeeded(pid_t pid);

/* A pipe between processes or threads. */
struct channel {
    int read_end;
    int write_end;
};
void channel_make(struct channel *channel);
void channel_close(struct channel *channel);
void channel_send(const struct channel *channel, const void *data, size_t length);
/* 1, or 0 if the writers are gone. */
int channel_receive(const struct channel *channel, void *data, size_t length);

/* Runs a function on several threads at once, giving each its number; they start together. */
void threads_run(int count, void (*run)(int number, void *argument), void *argument);

/* Content that follows from a seed. */
void content_fill(unsigned char *data, size_t length, uint64_t seed);
int content_is(const unsigned char *data, size_t length, uint64_t seed);
/* Writes and reads whole files with such content; the check is the content of exactly this length. */
void file_put(ll_filespace fs, const char *path, size_t length, uint64_t seed);
int file_has(ll_filespace fs, const char *path, size_t length, uint64_t seed);
int file_exists(ll_filespace fs, const char *path);
/* A small file with this text in it. */
void text_put(ll_filespace fs, const char *path, const char *text);
int text_is(ll_filespace fs, const char *path, const char *text);

/* Entries of a folder of the host without . and .., such as open files in /proc/self/fd; -1 if it is missing. */
int host_entries(const char *folder);

#endif

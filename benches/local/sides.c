#define _GNU_SOURCE
#include "sides.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "measure.h"

int runs = 5;
int files = 10000;
int large = 100000;
int random_reads = 200000;
int foreign = 20000;
size_t streamed = (size_t)1 << 30;
size_t watched = (size_t)10 << 30;

const char *folder;
char *token;
char noise[16 * CHUNK];

ll_error err = LL_ERROR_INIT;
static ll_daemon daemon_handle;
static ll_workspace workspace;
ll_filespace fs;

void check(ll_status status, const char *call) {
    if (status != LL_OK) fail(call, err.message);
}

static const char *url(char text[4096]) {
    snprintf(text, 4096, "file://%s/workspace", folder);
    return text;
}

void start(void) {
    char text[4096];
    ll_config config;
    OK(ll_config_new(&config, &err));
    OK(ll_config_set(config, "workspace.url", url(text), &err));
    OK(ll_config_set(config, "fs.cache.location", folder, &err));
    OK(ll_daemon_new(config, NULL, &daemon_handle, &err));
    ll_config_free(config);
    OK(ll_daemon_start(daemon_handle, &err));
    OK(ll_authenticate(daemon_handle, token, &workspace, &err));
}

void link_filespace(const char *name, uint32_t consistency) {
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    options.name = name;
    options.consistency = consistency;
    OK(ll_workspace_link_filespace(workspace, &options, &fs, &err));
}

void read_metrics(ll_metrics *metrics) {
    OK(ll_daemon_metrics(daemon_handle, metrics, &err));
}

void stop(void) {
    OK(ll_daemon_stop(daemon_handle, &err));
    ll_daemon_free(daemon_handle);
}

/* A daemon with a filespace of its own for a group. */
void start_with_new(const char *name, uint32_t consistency) {
    char id[65];
    start();
    OK(ll_workspace_create_filespace(workspace, name, id, sizeof id, NULL, &err));
    link_filespace(name, consistency);
}

ll_file open_file(const char *path, const char *mode) {
    ll_file file;
    OK(ll_file_open(fs, path, mode, NULL, &file, &err));
    return file;
}

void create_workspace(void) {
    char text[4096];
    OK(ll_workspace_create(url(text), "bench", token, LL_TOKEN_SIZE, NULL, &err));
}

const char *raw(const char *path) {
    return path + 1;
}

int open_raw(const char *path, int flags) {
    int fd = open(raw(path), flags, 0644);
    if (fd < 0) fail_errno(path);
    return fd;
}

void close_raw(int fd) {
    if (close(fd)) fail_errno("close");
}

void settle(void) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY);
    if (fd < 0 || syncfs(fd)) fail_errno(folder);
    close_raw(fd);
}

int scattered(int i, int count) {
    return (int)((uint64_t)i * 7919 % (uint64_t)count);
}

void path_of(char path[64], const char *dir, int i) {
    snprintf(path, 64, "%s/file%06d", dir, i);
}

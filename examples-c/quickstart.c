/* The main job of liblucidlink, call by call: open a workspace with a token, link a filespace, write, list, read.
 *
 * Reads from the environment: LUCIDLINK_TOKEN, the token of a service account; LUCIDLINK_WORKSPACE_URL, where the
 * workspace is (file:///folder or s3://bucket/prefix). The filespace is the first argument, else "demo".
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lucidlink.h>

static const char TEXT[] = "Written by one process, sealed, and there for all others at once.\n";

/* Ends the program if a call failed. The message says what failed, on what, and what to do. */
static void check(ll_status status, const char *call, const ll_error *err) {
    if (status != LL_OK) {
        fprintf(stderr, "%s: %s: %s\n", call, ll_status_name(status), err->message);
        exit(EXIT_FAILURE);
    }
}

static void list_filespaces(ll_workspace workspace, ll_error *err) {
    ll_filespaces list = LL_INVALID_HANDLE;
    size_t count = 0;

    check(ll_workspace_list_filespaces(workspace, &list, err), "ll_workspace_list_filespaces", err);
    check(ll_filespaces_count(list, &count, err), "ll_filespaces_count", err);
    for (size_t i = 0; i < count; i++) {
        ll_filespace_info info = LL_FILESPACE_INFO_INIT;
        check(ll_filespaces_get(list, i, &info, err), "ll_filespaces_get", err);
        printf("filespace %s (%s)\n", info.name, info.accessible ? "granted to this account" : "not granted");
    }
    ll_filespaces_free(list);
}

/* A status can be acted on: that the directory is there already is fine here. */
static void make_dir(ll_filespace filespace, const char *path, ll_error *err) {
    ll_status status = ll_fs_create_dir(filespace, path, err);

    if (status != LL_ERR_EXISTS) {
        check(status, "ll_fs_create_dir", err);
    }
}

static void write_text(ll_filespace filespace, const char *path, ll_error *err) {
    ll_file file = LL_INVALID_HANDLE;

    check(ll_file_open(filespace, path, "w", NULL, &file, err), "ll_file_open", err);
    check(ll_file_write(file, TEXT, strlen(TEXT), NULL, err), "ll_file_write", err);
    /* This is the moment at which others see the file, as a whole. */
    check(ll_file_close(file, err), "ll_file_close", err);
    printf("wrote %s\n", path);
}

static void list_dir(ll_filespace filespace, const char *path, ll_error *err) {
    ll_entries entries = LL_INVALID_HANDLE;
    size_t count = 0;

    check(ll_fs_read_dir(filespace, path, &entries, err), "ll_fs_read_dir", err);
    check(ll_entries_count(entries, &count, err), "ll_entries_count", err);
    for (size_t i = 0; i < count; i++) {
        ll_entry entry = LL_ENTRY_INIT;
        check(ll_entries_get(entries, i, &entry, err), "ll_entries_get", err);
        printf("%s/%s: %" PRIu64 " bytes\n", path, entry.name, entry.size);
    }
    ll_entries_free(entries);
}

static void read_back(ll_filespace filespace, const char *path, ll_error *err) {
    ll_file file = LL_INVALID_HANDLE;
    char text[sizeof TEXT] = {0};
    size_t length = 0;

    check(ll_file_open(filespace, path, "r", NULL, &file, err), "ll_file_open", err);
    check(ll_file_read(file, text, sizeof text, &length, err), "ll_file_read", err);
    check(ll_file_close(file, err), "ll_file_close", err);
    if (length != strlen(TEXT) || memcmp(text, TEXT, length) != 0) {
        fprintf(stderr, "%s: what was read is not what was written\n", path);
        exit(EXIT_FAILURE);
    }
    printf("read %s: %s", path, text);
}

int main(int argc, char **argv) {
    const char *token = getenv("LUCIDLINK_TOKEN");
    ll_error err = LL_ERROR_INIT;
    ll_config config = LL_INVALID_HANDLE;
    ll_daemon daemon = LL_INVALID_HANDLE;
    ll_workspace workspace = LL_INVALID_HANDLE;
    ll_filespace filespace = LL_INVALID_HANDLE;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_position position = LL_POSITION_INIT;

    if (token == NULL) {
        fprintf(stderr, "LUCIDLINK_TOKEN is not set: it holds the token of a service account, sa_live:...\n");
        return EXIT_FAILURE;
    }

    /* Settings. Without workspace.url, LUCIDLINK_WORKSPACE_URL says where the workspace is. */
    check(ll_config_new(&config, &err), "ll_config_new", &err);
    check(ll_config_set(config, "network.timeout", "30", &err), "ll_config_set", &err);

    /* The daemon lives in this process: a few threads, and a temporary folder (NULL: no other storage options). */
    check(ll_daemon_new(config, NULL, &daemon, &err), "ll_daemon_new", &err);
    ll_config_free(config);
    check(ll_daemon_start(daemon, &err), "ll_daemon_start", &err);

    check(ll_authenticate(daemon, token, &workspace, &err), "ll_authenticate", &err);
    list_filespaces(workspace, &err);

    options.name = argc > 1 ? argv[1] : "demo";
    check(ll_workspace_link_filespace(workspace, &options, &filespace, &err), "ll_workspace_link_filespace", &err);

    make_dir(filespace, "/letters", &err);
    write_text(filespace, "/letters/first.txt", &err);
    list_dir(filespace, "/letters", &err);
    read_back(filespace, "/letters/first.txt", &err);

    /* The barrier: everything before it survives power loss when it returns. */
    check(ll_filespace_sync_all(filespace, &position, &err), "ll_filespace_sync_all", &err);
    printf("durable at position %" PRIu64 "\n", position.seq);

    check(ll_filespace_unlink(filespace, &err), "ll_filespace_unlink", &err);
    ll_filespace_free(filespace);
    ll_workspace_free(workspace);
    check(ll_daemon_stop(daemon, &err), "ll_daemon_stop", &err);
    ll_daemon_free(daemon);
    return EXIT_SUCCESS;
}

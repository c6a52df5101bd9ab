/* Prints every path of a filespace with its size, a directory at a time, however large the directories are.
 *
 *   walk FILESPACE [/path]
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <inttypes.h>
#include <string.h>

#include "session.h"

/* A path is at most 4096 bytes, and so deep is a tree at most. */
enum { MAX_PATH = 4096 };
static char path[MAX_PATH + 2];

static void walk(ll_filespace filespace, ll_error *err) {
    size_t length = strlen(path);
    ll_dir dir = LL_INVALID_HANDLE;
    ll_status status = ll_fs_open_dir(filespace, length == 0 ? "/" : path, &dir, err);
    int32_t found = 0;

    if (status == LL_ERR_NOT_FOUND) {
        return; /* somebody has removed it meanwhile */
    }
    check(status, "ll_fs_open_dir", err);
    for (;;) {
        ll_entry entry = LL_ENTRY_INIT;
        check(ll_dir_next(dir, &entry, &found, err), "ll_dir_next", err);
        if (!found || length + 1 + strlen(entry.name) > MAX_PATH) {
            break;
        }
        path[length] = '/';
        strcpy(path + length + 1, entry.name);
        printf("%12" PRIu64 " %s%s\n", entry.size, path, entry.type == LL_TYPE_DIRECTORY ? "/" : "");
        if (entry.type == LL_TYPE_DIRECTORY) {
            walk(filespace, err);
        }
        path[length] = '\0';
    }
    ll_dir_free(dir);
}

int main(int argc, char **argv) {
    struct session session = {LL_INVALID_HANDLE, LL_INVALID_HANDLE, LL_INVALID_HANDLE};
    ll_error err = LL_ERROR_INIT;

    if (argc < 2 || argc > 3 || (argc == 3 && (argv[2][0] != '/' || strlen(argv[2]) > MAX_PATH))) {
        fprintf(stderr, "usage: walk FILESPACE [/path]\n");
        return 2;
    }
    if (argc == 3 && strcmp(argv[2], "/") != 0) {
        strcpy(path, argv[2]);
    }
    session_open(&session, argv[1], &err);
    walk(session.filespace, &err);
    session_close(&session, &err);
    return EXIT_SUCCESS;
}

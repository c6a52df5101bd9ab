/* Copies a file of any size into a filespace or out of it, through a buffer of one size.
 *
 *   copy put LOCAL FILESPACE /path
 *   copy get FILESPACE /path LOCAL
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <string.h>

#include "session.h"

static unsigned char buffer[1 << 20];

static FILE *open_local(const char *path, const char *mode) {
    FILE *local = fopen(path, mode);

    if (local == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    return local;
}

/* Nothing is published before the file is closed: whoever stops in the middle leaves no half of it. */
static void put(ll_filespace filespace, const char *local_path, const char *path, ll_error *err) {
    FILE *local = open_local(local_path, "rb");
    ll_file file = LL_INVALID_HANDLE;
    size_t length;

    check(ll_file_open(filespace, path, "w", NULL, &file, err), "ll_file_open", err);
    while ((length = fread(buffer, 1, sizeof buffer, local)) > 0) {
        check(ll_file_write(file, buffer, length, NULL, err), "ll_file_write", err);
    }
    if (ferror(local)) {
        perror(local_path);
        exit(EXIT_FAILURE);
    }
    fclose(local);
    check(ll_file_close(file, err), "ll_file_close", err);
}

/* An open file is one version of its content, whatever others write meanwhile. */
static void get(ll_filespace filespace, const char *path, const char *local_path, ll_error *err) {
    ll_file file = LL_INVALID_HANDLE;
    FILE *local;
    size_t length = 0;

    check(ll_file_open(filespace, path, "r", NULL, &file, err), "ll_file_open", err);
    local = open_local(local_path, "wb");
    for (;;) {
        check(ll_file_read(file, buffer, sizeof buffer, &length, err), "ll_file_read", err);
        if (length == 0) {
            break;
        }
        if (fwrite(buffer, 1, length, local) != length) {
            perror(local_path);
            exit(EXIT_FAILURE);
        }
    }
    ll_file_free(file);
    if (fclose(local) != 0) {
        perror(local_path);
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    struct session session = {LL_INVALID_HANDLE, LL_INVALID_HANDLE, LL_INVALID_HANDLE};
    ll_error err = LL_ERROR_INIT;
    int is_put = argc == 5 && strcmp(argv[1], "put") == 0;

    if (!is_put && !(argc == 5 && strcmp(argv[1], "get") == 0)) {
        fprintf(stderr, "usage: copy put LOCAL FILESPACE /path\n       copy get FILESPACE /path LOCAL\n");
        return 2;
    }
    session_open(&session, is_put ? argv[3] : argv[2], &err);
    if (is_put) {
        put(session.filespace, argv[2], argv[4], &err);
    } else {
        get(session.filespace, argv[3], argv[4], &err);
    }
    session_close(&session, &err);
    return EXIT_SUCCESS;
}

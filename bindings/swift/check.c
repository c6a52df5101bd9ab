/* Imports the module as Swift's importer does, and uses it: for machines without a Swift toolchain. */
#pragma clang module import CLucidLink

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ll_error record = LL_ERROR_INIT;

static void check(ll_status status) {
    if (status != LL_OK) {
        fprintf(stderr, "%s: %s\n", ll_status_name(status), record.message);
        exit(EXIT_FAILURE);
    }
}

int main(void) {
    ll_daemon daemon;
    ll_workspace workspace;
    ll_filespace filespace;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    char text[16] = "";
    size_t length;

    check(ll_daemon_new(0, NULL, &daemon, &record));
    check(ll_daemon_start(daemon, &record));
    check(ll_authenticate(daemon, getenv("LUCIDLINK_TOKEN"), &workspace, &record));
    options.name = "demo";
    check(ll_workspace_link_filespace(workspace, &options, &filespace, &record));
    check(ll_fs_write_file(filespace, "/swift.txt", "module", 6, &record));
    check(ll_fs_read_file(filespace, "/swift.txt", text, sizeof text, &length, &record));
    check(ll_daemon_stop(daemon, &record));
    ll_daemon_free(daemon);
    if (strcmp(text, "module") != 0) {
        fprintf(stderr, "what was read is not what was written\n");
        return EXIT_FAILURE;
    }
    puts("swift: no toolchain; clang imports the module");
    return EXIT_SUCCESS;
}

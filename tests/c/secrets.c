/* The secret of a token is nowhere: not in a message, not in what goes to the log callback, not in a file of the
 * workspace or of the local storage. Names and content of files are not in the workspace either. All files are for
 * their owner only, even where the host has no umask.
 */
#define _XOPEN_SOURCE 700

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

#define SECRET_BYTES 32
#define MAX_NEEDLES 8

static struct world world;

/* --- Looking for bytes -------------------------------------------------------------------------------------------- */

static struct needle {
    unsigned char bytes[LL_TOKEN_SIZE];
    size_t length;
} needles[MAX_NEEDLES];
static int needle_count;

static void add_needle(const void *bytes, size_t length)
{
    REQUIRE(needle_count < MAX_NEEDLES && length <= sizeof needles->bytes);
    memcpy(needles[needle_count].bytes, bytes, length);
    needles[needle_count++].length = length;
}

/* The secret as text and as the bytes that it stands for. */
static void add_secret(const char *token)
{
    const char *secret = token_secret(token);
    unsigned char bytes[SECRET_BYTES];
    int n;
    REQUIRE(strlen(secret) == 2 * SECRET_BYTES);
    for (n = 0; n < SECRET_BYTES; n++) {
        unsigned value;
        REQUIRE(sscanf(secret + 2 * n, "%2x", &value) == 1);
        bytes[n] = (unsigned char)value;
    }
    add_needle(secret, 2 * SECRET_BYTES);
    add_needle(bytes, SECRET_BYTES);
}

static int has_needle(const unsigned char *data, size_t length)
{
    size_t at;
    int n;
    for (at = 0; at < length; at++)
        for (n = 0; n < needle_count; n++)
            if (needles[n].length <= length - at && data[at] == needles[n].bytes[0] &&
                memcmp(data + at, needles[n].bytes, needles[n].length) == 0)
                return 1;
    return 0;
}

static int files_seen;

static int look_at_file(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    FILE *file;
    unsigned char *data;
    size_t length;
    if (!CHECK((status->st_mode & 07777) == (kind == FTW_D ? 0700 : 0600)))
        printf("%s has mode %o\n", path, (unsigned)(status->st_mode & 07777));
    if (!CHECK(!has_needle((const unsigned char *)path + at->base, strlen(path + at->base))))
        printf("%s has a name that should be secret\n", path);
    if (kind != FTW_F)
        return 0;
    files_seen++;
    file = fopen(path, "rb");
    data = malloc((size_t)status->st_size + 1);
    REQUIRE(file != NULL && data != NULL);
    length = fread(data, 1, (size_t)status->st_size, file);
    fclose(file);
    if (!CHECK(!has_needle(data, length)))
        printf("%s has something in it that should be secret\n", path);
    free(data);
    return 0;
}

static void look_everywhere(void)
{
    files_seen = 0;
    REQUIRE(nftw(world.folder, look_at_file, 16, FTW_PHYS) == 0);
    CHECK(files_seen > 8);
}

/* --- Messages ----------------------------------------------------------------------------------------------------- */

/* The call fails, and nothing that it says has the secret in it. */
#define SILENT(call) \
    do { \
        CHECK((call) != LL_OK); \
        CHECK(!has_needle((const unsigned char *)ll_last_error_message(), strlen(ll_last_error_message()))); \
    } while (0)

static void authenticate_with(ll_daemon daemon, const char *format, const char *token)
{
    char text[3 * LL_TOKEN_SIZE];
    ll_workspace workspace = 0;
    snprintf(text, sizeof text, format, token);
    SILENT(ll_authenticate(daemon, text, &workspace, ERR));
    CHECK(workspace == 0);
}

/* A token, whole or with small mistakes, where it belongs and where it does not. */
static void messages_are_discreet(const struct session *session, const char *token)
{
    static const char *const formats[] = {"%s0", "%.103s", "x%s", "sa_test%s", "%s:more", ":%s", "%s\xff"};
    char url[3 * PATH_SIZE], text[2 * LL_TOKEN_SIZE];
    ll_config config = 0;
    size_t n;

    for (n = 0; n < sizeof formats / sizeof *formats; n++)
        authenticate_with(session->daemon, formats[n], token);
    snprintf(text, sizeof text, "sa_live:%s", token_secret(token));
    authenticate_with(session->daemon, "%s", text);
    snprintf(text, sizeof text, "sa_live:%s:%s", "00000000000000000000000000000000", token_secret(token));
    authenticate_with(session->daemon, "%s", text); /* of an account that is unknown */

    SILENT(ll_service_account_revoke(session->workspace, token, ERR));
    SILENT(ll_filespace_grant(session->workspace, PROJECTS, token, LL_ROLE_READER, ERR));
    SILENT(ll_filespace_revoke(session->workspace, PROJECTS, token, ERR));
    MUST(ll_config_new(&config, ERR));
    SILENT(ll_config_set(config, "workspace.url", token, ERR));
    SILENT(ll_config_set(config, "network.timeout", token, ERR));
    snprintf(url, sizeof url, "s3://user:%s@bucket", token_secret(token));
    SILENT(ll_config_set(config, "workspace.url", url, ERR));
    SILENT(ll_workspace_create(token, "name", text, sizeof text, NULL, ERR));
    ll_config_free(config);
}

static void on_log(int32_t level, const char *message, void *user)
{
    (void)level;
    (void)user;
    CHECK(!has_needle((const unsigned char *)message, strlen(message)));
}

/* --- A life --------------------------------------------------------------------------------------------------------- */

/* `other` is left running. */
static void work(const struct session *session, const char *writer, struct session *other)
{
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_workspace revoked = 0;
    int n, count = SCALE(700, 20);
    char path[64];

    options.name = PROJECTS;
    OK(ll_fs_create_dir(session->fs, "/unmistakable directory", ERR));
    text_put(session->fs, "/unmistakable directory/unmistakable file", "unmistakable content");
    OK(ll_fs_create_symlink(session->fs, "unmistakable target", "/unmistakable link", ERR));
    file_put(session->fs, "/large", 3000000, 1);
    for (n = 0; n < count; n++) { /* a checkpoint is written */
        snprintf(path, sizeof path, "/small %d", n % 50);
        text_put(session->fs, path, "unmistakable content");
    }
    session_open_with(&world, writer, &options, other);
    text_put(other->fs, "/unmistakable too", "unmistakable content");
    OK(ll_service_account_revoke(session->workspace, "writer", ERR));
    SILENT(ll_fs_create_dir(other->fs, "/late", ERR));
    SILENT(ll_authenticate(other->daemon, writer, &revoked, ERR));
    CHECK(strstr(ll_last_error_message(), "revoked") != NULL);
}

int main(void)
{
    struct session session, other;
    ll_storage_options storage = LL_STORAGE_OPTIONS_INIT;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_config config;
    char writer[LL_TOKEN_SIZE];

    umask(0);
    world_make(&world);
    OK(ll_log_set_callback(LL_LOG_DEBUG, on_log, NULL, NULL, ERR));
    add_secret(world.token);
    add_needle("unmistakable", strlen("unmistakable"));
    config = world_config(&world);
    storage.mode = LL_STORAGE_PHYSICAL;
    storage.root_path = world.folder;
    storage.persist_on_exit = 1;
    MUST(ll_daemon_new(config, &storage, &session.daemon, ERR));
    ll_config_free(config);
    OK(ll_daemon_start(session.daemon, ERR));
    MUST(ll_authenticate(session.daemon, world.token, &session.workspace, ERR));
    options.name = PROJECTS;
    MUST(ll_workspace_link_filespace(session.workspace, &options, &session.fs, ERR));
    MUST(ll_service_account_create(session.workspace, "writer", LL_ROLE_WRITER, 0, writer, sizeof writer, NULL, ERR));
    OK(ll_filespace_grant(session.workspace, PROJECTS, "writer", LL_ROLE_WRITER, ERR));
    add_secret(writer);
    add_needle("writer", strlen("writer")); /* names of accounts are sealed as well */

    work(&session, writer, &other);
    messages_are_discreet(&session, world.token);
    look_everywhere(); /* while they run, one of them with a sandbox */
    ll_daemon_free(other.daemon);
    session_close(&session);
    look_everywhere();
    OK(ll_log_set_callback(LL_LOG_ERROR, NULL, NULL, NULL, ERR));
    world_remove(&world);
    return check_end();
}

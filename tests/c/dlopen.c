/* The library is loaded, used on several threads, and unloaded, again and again: it is linked so that it stays (nodelete),
 * because threads of a host may still run its destructors. Not linked with the library, hence without check.h.
 * usage: dlopen FOLDER, which has the library in lib/
 */
#define _XOPEN_SOURCE 700

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lucidlink.h"

#define THREADS 4

static int passed;

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
        __atomic_add_fetch(&passed, 1, __ATOMIC_RELAXED); \
    } while (0)

static void *library;

/* A function of the library; ISO C has no conversion from an object to a function pointer. */
static void find(const char *name, void *function)
{
    void *found = dlsym(library, name);
    CHECK(found != NULL);
    memcpy(function, &found, sizeof found);
}

/* Has a last error of its own on its thread, which ends after the library was closed. */
static void *use(void *unused)
{
    ll_status (*delete_file)(ll_filespace, const char *, struct ll_error *);
    const char *(*message)(void);
    (void)unused;
    find("ll_fs_delete", &delete_file);
    find("ll_last_error_message", &message);
    CHECK(delete_file(1, "/x", NULL) == LL_ERR_INVALID_HANDLE);
    CHECK(strstr(message(), "filespace") != NULL);
    return NULL;
}

static const char *folder;

/* A daemon, and threads that use the library. All on a thread that ends before the library is closed, so that nothing
 * but its link option keeps it.
 */
static void *live(void *unused)
{
    ll_status (*config_new)(ll_config *, struct ll_error *);
    ll_status (*config_set)(ll_config, const char *, const char *, struct ll_error *);
    ll_status (*daemon_new)(ll_config, const struct ll_storage_options *, ll_daemon *, struct ll_error *);
    ll_status (*start)(ll_daemon, struct ll_error *);
    ll_status (*stop)(ll_daemon, struct ll_error *);
    void (*free_daemon)(ll_daemon), (*free_config)(ll_config);
    pthread_t threads[THREADS];
    ll_config config = 0;
    ll_daemon daemon = 0;
    int n;

    (void)unused;
    find("ll_config_new", &config_new);
    find("ll_config_set", &config_set);
    find("ll_daemon_new", &daemon_new);
    find("ll_daemon_start", &start);
    find("ll_daemon_stop", &stop);
    find("ll_daemon_free", &free_daemon);
    find("ll_config_free", &free_config);
    CHECK(config_new(&config, NULL) == LL_OK);
    CHECK(config_set(config, "fs.cache.location", folder, NULL) == LL_OK);
    CHECK(daemon_new(config, NULL, &daemon, NULL) == LL_OK);
    CHECK(start(daemon, NULL) == LL_OK);
    for (n = 0; n < THREADS; n++)
        CHECK(pthread_create(&threads[n], NULL, use, NULL) == 0);
    for (n = 0; n < THREADS; n++)
        CHECK(pthread_join(threads[n], NULL) == 0);
    CHECK(stop(daemon, NULL) == LL_OK);
    free_daemon(daemon);
    free_config(config);
    return NULL;
}

static void load_and_use(const char *path)
{
    const char *(*version)(void);
    pthread_t thread;
    void *again;

    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    find("ll_version", &version);
    CHECK(pthread_create(&thread, NULL, live, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(dlclose(library) == 0);
    again = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    CHECK(again != NULL); /* it is still there */
    CHECK(dlclose(again) == 0 && strcmp(version(), "0.1.0") == 0);
}

int main(int count, char **arguments)
{
    char path[4096];
    int n;
    CHECK(count == 2);
    folder = arguments[1];
    snprintf(path, sizeof path, "%s/lib/liblucidlink.so.0", folder);
    for (n = 0; n < 5; n++)
        load_and_use(path);
    printf("%d passed, 0 failed\n", passed);
    return 0;
}

#define _GNU_SOURCE

#include "faults.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NFS_MAGIC 0x6969

struct fault {
    const char *part;
    int error_number;
};

static struct fault on_write, on_read, on_sync, on_sync_folder;
static int network, hits;

void faults_write(const char *part, int error_number)
{
    on_write.error_number = error_number;
    on_write.part = part;
}

void faults_read(const char *part, int error_number)
{
    on_read.error_number = error_number;
    on_read.part = part;
}

void faults_sync(const char *part, int error_number)
{
    on_sync.error_number = error_number;
    on_sync.part = part;
}

void faults_sync_folder(const char *part, int error_number)
{
    on_sync_folder.error_number = error_number;
    on_sync_folder.part = part;
}

void faults_network(void)
{
    network = 1;
}

int faults_off(void)
{
    on_write.part = on_read.part = on_sync.part = on_sync_folder.part = NULL;
    network = 0;
    return __atomic_exchange_n(&hits, 0, __ATOMIC_RELAXED);
}

/* Sets errno if a call on this file is to fail. */
static int fails(const struct fault *fault, int file)
{
    char name[64], path[4096];
    ssize_t length;
    if (fault->part == NULL)
        return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    length = readlink(name, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = '\0';
    if (strstr(path, fault->part) == NULL)
        return 0;
    __atomic_add_fetch(&hits, 1, __ATOMIC_RELAXED);
    errno = fault->error_number;
    return 1;
}

ssize_t write(int file, const void *data, size_t length)
{
    return fails(&on_write, file) ? -1 : syscall(SYS_write, file, data, length);
}

ssize_t pwrite64(int file, const void *data, size_t length, off64_t offset)
{
    return fails(&on_write, file) ? -1 : syscall(SYS_pwrite64, file, data, length, offset);
}

ssize_t pread64(int file, void *data, size_t length, off64_t offset)
{
    return fails(&on_read, file) ? -1 : syscall(SYS_pread64, file, data, length, offset);
}

int fdatasync(int file)
{
    return fails(&on_sync, file) ? -1 : (int)syscall(SYS_fdatasync, file);
}

int fsync(int file)
{
    struct stat status;
    int is_folder = fstat(file, &status) == 0 && S_ISDIR(status.st_mode);
    return fails(is_folder ? &on_sync_folder : &on_sync, file) ? -1 : (int)syscall(SYS_fsync, file);
}

int statfs64(const char *path, struct statfs64 *status)
{
    long result = syscall(SYS_statfs, path, status);
    if (result == 0 && network) {
        __atomic_add_fetch(&hits, 1, __ATOMIC_RELAXED);
        status->f_type = NFS_MAGIC;
    }
    return (int)result;
}

/* Makes reads and writes of the library fail as the kernel would: the program's own pread64, pwrite64, write,
 * fsync, fdatasync and statfs64 take precedence over those of libc, for the shared library too.
 */
#ifndef FAULTS_H
#define FAULTS_H

/* From now on writes (reads, syncs) of files whose path contains `part` fail with this errno. */
void faults_write(const char *part, int error_number);
void faults_read(const char *part, int error_number);
void faults_sync(const char *part, int error_number);
/* Syncs of folders only. */
void faults_sync_folder(const char *part, int error_number);
/* From now on every file system looks like NFS. */
void faults_network(void);
/* No faults any more; returns how many calls were made to fail. */
int faults_off(void);

#endif

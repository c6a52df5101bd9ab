/* The two sides that are compared: a filespace through the library, and the file system that it is on. */

#ifndef SIDES_H
#define SIDES_H

#include <stddef.h>
#include <stdint.h>

#include "lucidlink.h"

enum { SMALL = 4096, CHUNK = 1 << 20 };

/* How much is done: runs of each figure, files of a directory, files of the large filespace, bytes of a
 * streamed file and of the one while which memory is watched, random reads of a thread, commits to catch up with. */
extern int runs, files, large, random_reads, foreign;
extern size_t streamed, watched;

/* Where everything is, the admin's token (in memory that child processes share), and bytes that do not
 * compress. */
extern const char *folder;
extern char *token;
extern char noise[16 * CHUNK];

/* The filespace that this process has linked, and the detail of a failure of its main thread. */
extern ll_filespace fs;
extern ll_error err;

/* Ends the program if a call fails. */
#define OK(call) check((call), #call)
void check(ll_status status, const char *call);

/* Makes the workspace. */
void create_workspace(void);

/* Starts a daemon and opens the workspace. */
void start(void);

/* Links a filespace (LL_CONSISTENCY_...); with `start_with_new`, a daemon is started and the filespace made first. */
void link_filespace(const char *name, uint32_t consistency);
void start_with_new(const char *name, uint32_t consistency);

/* What the daemon has done and holds. */
void read_metrics(ll_metrics *metrics);

/* Ends links and daemon. */
void stop(void);

/* Opens a file in the filespace. */
ll_file open_file(const char *path, const char *mode);

/* Both sides use the same paths: absolute in the filespace, relative to the working directory below it. */
const char *raw(const char *path);
int open_raw(const char *path, int flags);
void close_raw(int fd);

/* Nothing that was written before is still on its way to the disk. */
void settle(void);

/* `i` of `count` in another order; the factor in it is prime to every count that is used. */
int scattered(int i, int count);

/* The path of file `i` in a directory. */
void path_of(char path[64], const char *dir, int i);

/* The groups of lines, each measured in a process of its own. */
void measure_look(void);
void measure_names(void);
void measure_relaxed(void);
void measure_batch(void);
void measure_write(void);
void measure_cached(void);
void measure_cold(void);
void measure_random(void);
void measure_link(void);
void measure_follow(void);
void measure_memory(void);

/* What names.c has for link.c and follow.c. */
void ll_create(const char *path, int i);
void ll_stat(const char *path, int i);

/* What content.c has for memory.c. */
void write_ll_file(const char *path, size_t size);
void read_ll_file(const char *path, size_t size);

#endif

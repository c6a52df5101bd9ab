/* Figures of several runs, the table that they are printed in, and the folder that everything happens in. */

#ifndef MEASURE_H
#define MEASURE_H

#include <stddef.h>
#include <sys/types.h>

/* Zeroed memory that this process and its children share. */
void *shared(size_t size);

/* What was measured in each run; in shared memory. */
typedef struct figure figure;

/* A figure without runs. */
figure *new_figure(void);

/* Adds what a run measured. */
void add(figure *f, double value);

/* Seconds since some moment. */
double now(void);

/* Ends the program with a message: what failed, and why. */
_Noreturn void fail(const char *what, const char *why);

/* Ends the program with a message: what failed, and errno. */
_Noreturn void fail_errno(const char *what);

/* Prints the machine: processor, kernel, file system of a folder. */
void print_machine(const char *folder);

/* Prints the heads of the columns. */
void print_head(void);

/* Prints a rate beside the limit that it is held against: their ratio is to reach `reach` (0: not fixed). */
void print_row(const char *work, const char *unit, const figure *here, const char *limit_name,
               const figure *limit, double reach);

/* Prints a figure that has no limit beside it; a time is to be at most `reach` (0: not fixed). */
void print_alone(const char *work, const char *unit, const figure *here, double reach);

/* Begins `work` in a process of its own; waits for it, and fails if it did. */
pid_t begin_child(void (*work)(void));
void end_child(pid_t child);

/* Runs `work` in a process of its own and waits for it; if that fails, so does this one. */
void in_child(void (*work)(void));

/* Runs `work` in a new folder below `parent`, in a process of its own, and removes the folder whatever
 * happens to that process. Returns the exit status of the program. */
int in_folder(const char *parent, void (*work)(const char *folder));

/* Asks ext4 to place the directories that are made in a folder far from each other. Else inodes that were
 * freed nearby in the last half minute make it slow to create files, and the limit too low. */
void place_apart(const char *folder);

/* Takes the files below a folder out of the page cache. */
void drop_from_page_cache(const char *folder);

/* Fills memory with bytes that do not compress; another seed, other bytes. */
void fill_noise(void *bytes, size_t len, unsigned seed);

#endif

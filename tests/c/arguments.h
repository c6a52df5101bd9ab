/* Arguments for any function of the library: good ones, bad ones, and memory that notices what happens to it. Each
 * piece of memory ends where a page begins that nobody may touch; the bytes before it must stay as they are, and what
 * the library may only read is read-only.
 */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include "calls.h"
#include "stage.h"

/* The arguments of one call, and what there is to check about them afterwards. */
struct arguments {
    const struct call *call;
    union argument values[MAX_PARAMETERS];
    size_t sizes[MAX_PARAMETERS];   /* of the memory behind a pointer */
    void *copies[MAX_PARAMETERS];   /* how it was before */
    int is_wrong_size[MAX_PARAMETERS]; /* an output struct that must not be written to */
};

/* Good arguments. */
void arguments_good(struct arguments *arguments, const struct call *call, struct stage *stage);
/* Replaces a parameter by its bad value number `which`; 0 if there are no more. Random for the rest of a value. */
int arguments_spoil(struct arguments *arguments, int parameter, int which, struct stage *stage, struct random *random);
/* NULL, or what the library did to memory that it must leave alone; then the memory is free again. */
const char *arguments_verdict(struct arguments *arguments, ll_status status);
/* Frees the handles that a call has given out. */
void arguments_release(const struct arguments *arguments);
void arguments_print(const struct arguments *arguments);

/* How often a pointer of the host's was given to the library to be freed, and how often it was. */
extern int users_given, users_freed;

#endif

/* Every function of lucidlink.h as data, so that a test can call all of them with whatever arguments. calls.awk makes
 * calls.c from the header; a type that it does not know ends the build.
 */
#ifndef CALLS_H
#define CALLS_H

#include <stddef.h>
#include <stdint.h>

#include "lucidlink.h"

#define MAX_PARAMETERS 8
#define MAX_STRINGS 5

enum kind {
    NUMBER,     /* an integer, signed or not */
    STRING,     /* const char * */
    BUFFER,     /* memory that is written; the next parameter is its CAPACITY */
    DATA,       /* memory that is read; the next parameter is its CAPACITY */
    CAPACITY,
    BUFFERS,    /* an array of ll_buffer; the next parameter is its COUNT */
    COUNT,
    HANDLE,
    OUT_HANDLE, /* pointers that receive something */
    OUT_NUMBER,
    OUT_STRUCT,
    IN_STRUCT,
    LOG_CALLBACK,
    WATCH_CALLBACK,
    USER,
    FREE_CALLBACK
};

struct parameter {
    enum kind kind;
    const char *type;            /* without const, struct and * */
    const char *name;
    size_t size;                 /* of the number, or of what the pointer points to */
    size_t strings[MAX_STRINGS]; /* where a struct has strings; 0: no more */
};

union argument {
    uint64_t number;
    void *pointer;
    ll_log_fn log;
    ll_watch_fn watch;
    ll_free_fn free;
};

enum result { STATUS, TEXT, FLAG, NOTHING };

struct call {
    const char *name;
    enum result result;
    int count;
    struct parameter parameters[MAX_PARAMETERS];
    /* TEXT as a number */
    int64_t (*run)(const union argument *arguments);
    const char *errors; /* the documented ones, each with a space before and behind; perhaps " others " */
};

extern const struct call calls[];
extern const size_t call_count;

#endif

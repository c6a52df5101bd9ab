#define _GNU_SOURCE

#include "arguments.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CANARY 0xa5
/* Memory behind one pointer, guard page not included. */
#define ROOM ((size_t)128 << 10)
#define GUARD ((size_t)4096)
/* Each parameter, and the strings inside of a struct. */
#define SLOTS (MAX_PARAMETERS + MAX_STRINGS)
#define BUFFER_SIZE 512

int users_given, users_freed;

/* --- Memory ------------------------------------------------------------------------------------------------------- */

static unsigned char *slots[SLOTS];
static size_t used[SLOTS];

/* `size` bytes at the end of a slot, all canary. */
static void *take(int slot, size_t size)
{
    if (slots[slot] == NULL) {
        slots[slot] = mmap(NULL, ROOM + GUARD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        REQUIRE(slots[slot] != MAP_FAILED && mprotect(slots[slot] + ROOM, GUARD, PROT_NONE) == 0);
        memset(slots[slot], CANARY, ROOM);
    }
    REQUIRE(size <= ROOM);
    REQUIRE(mprotect(slots[slot], ROOM, PROT_READ | PROT_WRITE) == 0);
    memset(slots[slot] + ROOM - used[slot], CANARY, used[slot]);
    used[slot] = size;
    return slots[slot] + ROOM - size;
}

static void make_read_only(int slot)
{
    REQUIRE(mprotect(slots[slot], ROOM, PROT_READ) == 0);
}

static int is_intact(int slot)
{
    size_t before = ROOM - used[slot], at = before < 4096 ? 0 : before - 4096;
    for (; at < before; at++)
        if (slots[slot][at] != CANARY)
            return 0;
    return 1;
}

/* --- Good values -------------------------------------------------------------------------------------------------- */

static void on_log(int32_t level, const char *message, void *user)
{
    (void)user;
    if (level < LL_LOG_ERROR || level > LL_LOG_DEBUG || message == NULL)
        abort();
}

static void on_news(void *user)
{
    (void)user;
}

static void on_free(void *user)
{
    (void)user;
    __atomic_add_fetch(&users_freed, 1, __ATOMIC_RELAXED);
}

static const struct {
    const char *name;
    const char *value;
} good_strings[] = {
    {"key", "network.timeout"},     {"value", "20"},         {"name", "victim"},   {"new_name", "renamed"},
    {"account", "robot"},           {"filespace", PROJECTS}, {"path", "/file"},    {"from", "/file"},
    {"to", "/moved"},               {"existing", "/file"},   {"target", "file"},   {"mode", "r+"},
    {"root_path", "/"},             {"snapshot", KEPT},                     {"text", "0:00000000000000000000000000000000:0000000000000000000000000000000000000000000000000000000000000000"},
    {"url", NULL},           {"token", NULL},      {"id", NULL},
};

static const char *good_string(const char *name, const struct stage *stage)
{
    size_t n;
    if (strcmp(name, "url") == 0)
        return stage->world->url;
    if (strcmp(name, "token") == 0)
        return stage->world->token;
    for (n = 0; n < sizeof good_strings / sizeof *good_strings; n++)
        if (strcmp(good_strings[n].name, name) == 0)
            return good_strings[n].value;
    printf("there is no good value for a string called %s\n", name);
    REQUIRE(!"every string parameter has a good value");
    return NULL;
}

static uint64_t good_number(const char *name)
{
    if (strcmp(name, "level") == 0 || strncmp(name, "role_", 5) == 0)
        return 1;
    if (strcmp(name, "length") == 0)
        return 100;
    if (strcmp(name, "stride") == 0)
        return sizeof(ll_event);
    if (strcmp(name, "cap") == 0)
        return 1;
    return strcmp(name, "mode") == 0 ? 0644 : 0;
}

static uint64_t good_handle(const char *type, const struct stage *stage)
{
    const struct {
        const char *type;
        uint64_t handle;
    } handles[] = {
        {"ll_config", stage->config},           {"ll_daemon", stage->session.daemon},
        {"ll_workspace", stage->session.workspace}, {"ll_filespace", stage->session.fs},
        {"ll_file", stage->file},               {"ll_entries", stage->entries},
        {"ll_filespaces", stage->filespaces},   {"ll_accounts", stage->accounts},
        {"ll_late_failures", stage->failures},  {"ll_dir", stage->dir},
        {"ll_xattrs", stage->xattrs},           {"ll_batch", stage->batch},
        {"ll_snapshots", stage->snapshots},
        {"ll_watch", stage->watch},
        {"ll_findings", stage->findings},
    };
    size_t n;
    for (n = 0; n < sizeof handles / sizeof *handles; n++)
        if (strcmp(handles[n].type, type) == 0)
            return handles[n].handle;
    printf("there is no handle of type %s\n", type);
    REQUIRE(!"every kind of handle is on the stage");
    return 0;
}

static const char *put_string(int slot, const char *text)
{
    char *copy = take(slot, strlen(text) + 1);
    strcpy(copy, text);
    make_read_only(slot);
    return copy;
}

static void put_struct_size(void *memory, size_t size)
{
    uint32_t number = (uint32_t)size;
    memcpy(memory, &number, sizeof number);
}

static void set_pointer(struct arguments *arguments, int n, void *pointer, size_t size)
{
    arguments->values[n].pointer = pointer;
    arguments->sizes[n] = size;
}

/* Zeroes but for the size and, in link options, the name that is asked for. */
static void put_good_struct(struct arguments *arguments, int n)
{
    const struct parameter *parameter = &arguments->call->parameters[n];
    unsigned char *memory = take(n, parameter->size);
    memset(memory, 0, parameter->size);
    put_struct_size(memory, parameter->size);
    if (strcmp(parameter->type, "ll_link_options") == 0) {
        const char *name = put_string(MAX_PARAMETERS, PROJECTS);
        memcpy(memory + offsetof(ll_link_options, name), &name, sizeof name);
    }
    set_pointer(arguments, n, memory, parameter->size);
    if (parameter->kind == IN_STRUCT)
        make_read_only(n);
}

/* One buffer, or as many as there is room for, with memory in the first. */
static void put_buffers(struct arguments *arguments, int n, size_t count, void *data, size_t length)
{
    ll_buffer *array = take(n, count * sizeof *array);
    memset(array, 0, count * sizeof *array);
    array[0].data = data;
    array[0].length = length;
    make_read_only(n);
    set_pointer(arguments, n, array, count * sizeof *array);
    arguments->values[n + 1].number = count;
}

static void put_good(struct arguments *arguments, int n, struct stage *stage)
{
    const struct parameter *parameter = &arguments->call->parameters[n];
    union argument *value = &arguments->values[n];
    const char *text;

    switch (parameter->kind) {
    case NUMBER: value->number = good_number(parameter->name); break;
    case STRING:
        text = good_string(parameter->name, stage);
        set_pointer(arguments, n, (void *)(uintptr_t)put_string(n, text), strlen(text) + 1);
        break;
    case BUFFER:
    case DATA:
        set_pointer(arguments, n, take(n, BUFFER_SIZE), BUFFER_SIZE);
        break;
    case CAPACITY: value->number = BUFFER_SIZE; break;
    case BUFFERS: put_buffers(arguments, n, 1, take(MAX_PARAMETERS, BUFFER_SIZE), BUFFER_SIZE); break;
    case COUNT: break; /* goes with its buffers */
    case HANDLE: value->number = good_handle(parameter->type, stage); break;
    case OUT_HANDLE:
    case OUT_NUMBER: set_pointer(arguments, n, take(n, parameter->size), parameter->size); break;
    case IN_STRUCT:
    case OUT_STRUCT: put_good_struct(arguments, n); break;
    case LOG_CALLBACK: value->log = on_log; break;
    case WATCH_CALLBACK: value->watch = on_news; break;
    case USER: value->pointer = stage; break;
    case FREE_CALLBACK: value->free = on_free; break;
    }
}

void arguments_good(struct arguments *arguments, const struct call *call, struct stage *stage)
{
    int n;
    memset(arguments, 0, sizeof *arguments);
    arguments->call = call;
    for (n = 0; n < call->count; n++)
        put_good(arguments, n, stage);
}

/* --- Bad values --------------------------------------------------------------------------------------------------- */

static int spoil_number(union argument *value, int which, struct random *random)
{
    static const uint64_t bad[] = {0, 1, 2, 3, 4, 255, 07777, 010000, INT32_MAX, (uint64_t)INT32_MAX + 1, UINT32_MAX,
                                   INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX - 1, UINT64_MAX};
    int count = (int)(sizeof bad / sizeof *bad);
    if (which < count)
        value->number = bad[which];
    else
        value->number = random_next(random) >> random_below(random, 64);
    return which <= count;
}

static int spoil_handle(union argument *value, const struct parameter *parameter, int which,
                        const struct stage *stage, struct random *random)
{
    static const char *const types[] = {"ll_config", "ll_daemon",  "ll_workspace",  "ll_filespace",
                                        "ll_file",   "ll_entries", "ll_filespaces", "ll_accounts",
                                        "ll_late_failures", "ll_dir", "ll_xattrs", "ll_batch", "ll_snapshots",
                                        "ll_watch"};
    uint64_t good = good_handle(parameter->type, stage);
    uint64_t bad[] = {0, stage->stale, UINT64_MAX, 1, good ^ UINT64_C(1) << 63, good + (UINT64_C(1) << 32),
                      good ^ 1, good | UINT32_MAX, good & UINT32_MAX, random_next(random),
                      random_below(random, 1000) | (good & UINT64_C(0xff) << 56)};
    int count = (int)(sizeof bad / sizeof *bad);
    if (which >= count + (int)(sizeof types / sizeof *types))
        return 0;
    value->number = which < count ? bad[which] : good_handle(types[which - count], stage);
    return 1;
}

/* Strings that are no good anywhere, and some that are in the wrong place. */
static int spoil_string(struct arguments *arguments, int n, int which, struct random *random)
{
    static const char *const bad[] = {"",    "/",      "//",     "/.",      "/..",      "/dir/../file", "relative",
                                      " ",   "a/b",    "a:b@c",  "\x01\n",  "\xff",     "/\xc3(",       "\xed\xa0\x80",
                                      "%s%n", "/dir",  "/dir/inner", "/link", "/file/x", "rw+",         "x",
                                      "a+",  "admin2", "sa_live::", "-1",   "18446744073709551616", "file://%zz"};
    int count = (int)(sizeof bad / sizeof *bad);
    size_t length, at;
    char *text;
    if (which < count) {
        set_pointer(arguments, n, (void *)(uintptr_t)put_string(n, bad[which]), strlen(bad[which]) + 1);
        return 1;
    }
    switch (which - count) {
    case 0: set_pointer(arguments, n, NULL, 0); return 1;
    case 1: length = 255; break;
    case 2: length = 256; break;
    case 3: length = 4096; break;
    case 4: length = 70000; break;
    case 5: length = (size_t)random_below(random, 40); break;
    case 6: length = (size_t)random_below(random, 5000); break;
    default: return 0;
    }
    text = take(n, length + 1);
    for (at = 0; at < length; at++)
        text[at] = which - count < 5 ? (at % 200 == 0 ? '/' : 'n') : (char)(random_below(random, 255) + 1);
    text[length] = '\0';
    make_read_only(n);
    set_pointer(arguments, n, text, length + 1);
    return 1;
}

static int spoil_memory(struct arguments *arguments, int n, int which)
{
    union argument *capacity = &arguments->values[n + 1];
    capacity->number = 0;
    set_pointer(arguments, n, NULL, 0);
    switch (which) {
    case 0: return 1;
    case 1: capacity->number = 1; return 1;
    case 2: capacity->number = SIZE_MAX; return 1;
    case 3: set_pointer(arguments, n, take(n, 16), 16); return 1;
    case 4: case 5: case 6:
        set_pointer(arguments, n, take(n, (size_t)which - 3), (size_t)which - 3);
        capacity->number = (uint64_t)which - 3;
        return 1;
    case 7:
        set_pointer(arguments, n, take(n, ROOM), ROOM);
        capacity->number = ROOM;
        return 1;
    case 8: /* longer than any memory: refused, or, for a text, not made use of; a whole file might be as long */
        if (strcmp(arguments->call->name, "ll_fs_read_file") == 0)
            return 1;
        set_pointer(arguments, n, take(n, ROOM), ROOM);
        capacity->number = SIZE_MAX;
        return 1;
    default: return 0;
    }
}

static int spoil_buffers(struct arguments *arguments, int n, int which)
{
    union argument *count = &arguments->values[n + 1];
    switch (which) {
    case 0: set_pointer(arguments, n, NULL, 0); count->number = 0; return 1;
    case 1: set_pointer(arguments, n, NULL, 0); count->number = 1; return 1;
    case 2: count->number = SIZE_MAX; return 1;
    case 3: put_buffers(arguments, n, 1, NULL, 1); return 1;
    case 4: put_buffers(arguments, n, 1, NULL, SIZE_MAX); return 1;
    case 5: put_buffers(arguments, n, 2, take(MAX_PARAMETERS, 16), (size_t)PTRDIFF_MAX + 1); return 1;
    case 6: put_buffers(arguments, n, LL_MAX_BUFFERS, take(MAX_PARAMETERS, 1), 1); return 1;
    case 7: put_buffers(arguments, n, LL_MAX_BUFFERS + 1, NULL, 0); return 1;
    default: return 0;
    }
}

/* Random bytes in which every string is NULL, good or bad. */
static void put_garbage(struct arguments *arguments, int n, unsigned char *memory, size_t size, struct random *random)
{
    const struct parameter *parameter = &arguments->call->parameters[n];
    static const char *const texts[] = {"", "/", PROJECTS, "\xff\xff", "/../x", "0123456789abcdef"};
    size_t at, known = size < parameter->size ? size : parameter->size;
    int s;
    for (at = 0; at < size; at++)
        memory[at] = (unsigned char)(random_below(random, 3) == 0 ? random_next(random) : 0);
    for (s = 0; s < MAX_STRINGS && parameter->strings[s] != 0; s++) {
        const char *text = random_below(random, 2) == 0 ? NULL : put_string(MAX_PARAMETERS + s, texts[random_below(random, 6)]);
        at = parameter->strings[s];
        if (at + sizeof text <= known)
            memcpy(memory + at, &text, sizeof text);
        else if (at < known)
            memset(memory + at, 0, known - at); /* half a pointer */
    }
}

static int spoil_struct(struct arguments *arguments, int n, int which, struct random *random)
{
    const struct parameter *parameter = &arguments->call->parameters[n];
    size_t good = parameter->size, claimed = good, size = good;
    unsigned char *memory;
    int is_init = arguments->call->result == NOTHING && strstr(arguments->call->name, "_init") != NULL;
    int garbage = 0, zero_tail = 0;

    if (which == 0) {
        set_pointer(arguments, n, NULL, 0);
        return 1;
    }
    switch (which) {
    case 1: claimed = 0; size = 4; break;
    case 2: claimed = 1; size = 4; break;
    case 3: claimed = 3; size = 4; break;
    case 4: claimed = size = 4; break;
    case 5: claimed = size = good - 1; break;
    case 6: claimed = size = good / 2; break;
    case 7: claimed = size = good + 1; zero_tail = 1; break;
    case 8: claimed = size = 4096; zero_tail = 1; break;
    case 9: claimed = size = good + 8; garbage = 1; break;
    case 10: claimed = size = 4096; garbage = 1; break;
    case 11: claimed = 4097; size = 4; break;
    case 12: claimed = UINT32_MAX; size = 4; break;
    case 13: claimed = (size_t)INT32_MAX + 1; size = 4; break;
    case 14: case 15: case 16: garbage = 1; break;
    default: return 0;
    }
    if (is_init) { /* the one place where the contract asks for a whole struct whatever its size says */
        memory = take(n, good);
        put_struct_size(memory, claimed);
        set_pointer(arguments, n, memory, good);
        return 1;
    }
    memory = take(n, size);
    memset(memory, 0, size);
    if (garbage)
        put_garbage(arguments, n, memory, size, random);
    if (garbage && size > good)
        memory[size - 1] = 1;
    (void)zero_tail;
    put_struct_size(memory, claimed);
    set_pointer(arguments, n, memory, size);
    if (parameter->kind == IN_STRUCT) {
        make_read_only(n);
    } else if (claimed != good) {
        arguments->is_wrong_size[n] = 1;
        arguments->copies[n] = malloc(size);
        REQUIRE(arguments->copies[n] != NULL);
        memcpy(arguments->copies[n], memory, size);
    }
    return 1;
}

int arguments_spoil(struct arguments *arguments, int n, int which, struct stage *stage, struct random *random)
{
    const struct parameter *parameter = &arguments->call->parameters[n];
    union argument *value = &arguments->values[n];
    int count;
    switch (parameter->kind) {
    case NUMBER:
        count = spoil_number(value, which, random);
        if (strcmp(parameter->name, "timeout_ms") == 0)
            value->number %= 3; /* what it asks for is waited for */
        if (strcmp(parameter->name, "cap") == 0)
            value->number %= 2; /* so much room there is */
        return count;
    case STRING: return spoil_string(arguments, n, which, random);
    case BUFFER:
    case DATA: return spoil_memory(arguments, n, which);
    case BUFFERS: return spoil_buffers(arguments, n, which);
    case CAPACITY:
    case COUNT: return 0; /* goes with its pointer */
    case HANDLE: return spoil_handle(value, parameter, which, stage, random);
    case IN_STRUCT:
    case OUT_STRUCT: return spoil_struct(arguments, n, which, random);
    default: /* pointers that may be NULL */
        memset(value, 0, sizeof *value);
        arguments->sizes[n] = 0;
        return which == 0;
    }
}

/* --- Afterwards --------------------------------------------------------------------------------------------------- */

/* The bytes that may be written of a struct of the wrong size: none, but for the record of a failure, which is filled
 * as far as both sides know it. */
static size_t may_write(const struct parameter *parameter, size_t size)
{
    if (strcmp(parameter->type, "ll_error") != 0 || size < offsetof(ll_error, path))
        return 0;
    return size < parameter->size ? size : parameter->size;
}

const char *arguments_verdict(struct arguments *arguments, ll_status status)
{
    const char *verdict = NULL;
    int n;
    for (n = 0; n < SLOTS; n++)
        if (slots[n] != NULL && !is_intact(n))
            verdict = "it wrote in front of memory that it was given";
    for (n = 0; n < arguments->call->count; n++) {
        const struct parameter *parameter = &arguments->call->parameters[n];
        uint64_t handle = 0;
        if (arguments->copies[n] != NULL) {
            size_t from = may_write(parameter, arguments->sizes[n]);
            if (memcmp((char *)arguments->copies[n] + from, (char *)arguments->values[n].pointer + from,
                       arguments->sizes[n] - from) != 0)
                verdict = "it wrote to a struct of a size that it does not know";
            if (status == LL_OK && strcmp(parameter->type, "ll_error") != 0 && arguments->call->result == STATUS)
                verdict = "it accepted a struct of a size that it does not know";
            free(arguments->copies[n]);
            arguments->copies[n] = NULL;
        }
        if (parameter->kind == OUT_HANDLE && arguments->values[n].pointer != NULL) {
            memcpy(&handle, arguments->values[n].pointer, sizeof handle);
            if ((status == LL_OK) != (handle != 0))
                verdict = "success without a handle, or failure with one";
        }
        if (parameter->kind == BUFFER && arguments->values[n].pointer != NULL && arguments->values[n + 1].number == 0 &&
            *(unsigned char *)arguments->values[n].pointer != CANARY)
            verdict = "it wrote into a buffer without capacity";
    }
    return verdict;
}

void arguments_release(const struct arguments *arguments)
{
    int n;
    for (n = 0; n < arguments->call->count; n++) {
        uint64_t handle;
        if (arguments->call->parameters[n].kind != OUT_HANDLE || arguments->values[n].pointer == NULL)
            continue;
        memcpy(&handle, arguments->values[n].pointer, sizeof handle);
        ll_config_free(handle); /* all but one of these do nothing */
        ll_daemon_free(handle);
        ll_workspace_free(handle);
        ll_filespace_free(handle);
        ll_file_free(handle);
        ll_entries_free(handle);
        ll_filespaces_free(handle);
        ll_accounts_free(handle);
        ll_late_failures_free(handle);
        ll_dir_free(handle);
        ll_xattrs_free(handle);
        ll_batch_free(handle);
        ll_watch_free(handle);
        ll_findings_free(handle);
    }
}

void arguments_print(const struct arguments *arguments)
{
    int n;
    printf("%s(", arguments->call->name);
    for (n = 0; n < arguments->call->count; n++) {
        const struct parameter *parameter = &arguments->call->parameters[n];
        const void *pointer = arguments->values[n].pointer;
        uint32_t size;
        printf("%s%s ", n > 0 ? ", " : "", parameter->name);
        switch (parameter->kind) {
        case NUMBER: case CAPACITY: case COUNT: case HANDLE: printf("%" PRIx64, arguments->values[n].number); break;
        case STRING: pointer == NULL ? printf("NULL") : printf("\"%.60s\"", (const char *)pointer); break;
        case IN_STRUCT: case OUT_STRUCT:
            if (pointer != NULL && memcpy(&size, pointer, sizeof size))
                printf("{%lu}", (unsigned long)size);
            else
                printf("NULL");
            break;
        default: printf("%s", pointer == NULL ? "NULL" : "memory"); break;
        }
    }
    printf(")\n");
    fflush(stdout);
}

/* Processes that write are killed at random moments. Whoever opens the filespace next finds everything that was
 * acknowledged, byte by byte; of the call that was under way either all or nothing, and nothing else. A run is repeated,
 * as far as the machine allows, with LL_TEST_SEED.
 */
#define _XOPEN_SOURCE 700

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

#define WRITERS 2
#define SLOTS 12
#define MB ((uint32_t)1 << 20)
#define PIECE ((uint32_t)100000)
/* Files of a tree: enough that removing it takes a while. */
#define TREE 30

enum deed { WRITE, APPEND, PATCH, CUT, DELETE, MOVE, STREAM, PLANT, FELL, DEEDS };

/* What a writer says before it does something, and again when it is done. */
struct report {
    int32_t writer;
    int32_t is_done;
    int32_t deed;
    int32_t slot;
    int32_t to; /* MOVE */
    uint32_t size;
    uint32_t offset;
    uint64_t seed;
};

/* What a directory of a writer holds. */
struct model {
    struct file {
        int exists;
        uint32_t size;
        unsigned char *data;
    } files[SLOTS];
    int has_tree;
};

static struct world world;
static struct random dice;
static struct model models[WRITERS];
static struct report pending[WRITERS]; /* is_done: there is none */
static struct channel reports;
static int is_relaxed;
/* How a phase chooses what to do. */
static struct report (*choose)(const struct model *model, struct random *random);

/* --- The model ---------------------------------------------------------------------------------------------------- */

static void resize(struct file *file, uint32_t size)
{
    file->data = realloc(file->data, size + 1);
    REQUIRE(file->data != NULL);
    if (size > file->size)
        memset(file->data + file->size, 0, size - file->size);
    file->size = size;
    file->exists = 1;
}

static void put(struct file *file, uint32_t offset, uint32_t size, uint64_t seed)
{
    if (offset + size > file->size)
        resize(file, offset + size);
    content_fill(file->data + offset, size, seed);
}

static void apply(struct model *model, const struct report *report)
{
    struct file *file = &model->files[report->slot], *to = &model->files[report->to];
    switch (report->deed) {
    case WRITE:
    case STREAM:
        resize(file, 0);
        put(file, 0, report->size, report->seed);
        break;
    case APPEND: put(file, file->exists ? file->size : 0, report->size, report->seed); break;
    case PATCH: put(file, report->offset, report->size, report->seed); break;
    case CUT: resize(file, report->size); break;
    case DELETE:
        resize(file, 0);
        file->exists = 0;
        break;
    case MOVE:
        free(to->data);
        *to = *file;
        memset(file, 0, sizeof *file);
        break;
    case PLANT: model->has_tree = 1; break;
    default: model->has_tree = 0; break;
    }
}

static struct report any_deed(const struct model *model, struct random *random)
{
    struct report report;
    const struct file *file;
    memset(&report, 0, sizeof report);
    report.slot = (int32_t)random_below(random, SLOTS);
    report.to = (report.slot + 1) % SLOTS;
    report.seed = random_next(random);
    report.size = (uint32_t)random_below(random, random_below(random, 16) == 0 ? MB : PIECE);
    file = &model->files[report.slot];
    report.deed = (int32_t)random_below(random, DEEDS);
    if (report.deed == STREAM)
        report.size = (uint32_t)random_below(random, (random_below(random, 8) == 0 ? SCALE(24, 4) : 2) * MB);
    if (report.deed == PLANT || report.deed == FELL)
        report.deed = model->has_tree ? FELL : PLANT;
    else if (!file->exists && report.deed != STREAM && report.deed != APPEND)
        report.deed = WRITE;
    if (report.deed == PATCH)
        report.offset = (uint32_t)random_below(random, file->size + 5000);
    if (report.deed == APPEND || report.deed == PATCH)
        report.size = report.size % PIECE + 1;
    return report;
}

/* Many small commits, so that a checkpoint becomes due. */
static struct report small_deed(const struct model *model, struct random *random)
{
    struct report report;
    (void)model;
    memset(&report, 0, sizeof report);
    report.slot = (int32_t)random_below(random, SLOTS);
    report.seed = random_next(random);
    report.size = (uint32_t)random_below(random, 40);
    report.deed = WRITE;
    return report;
}

/* --- The writer --------------------------------------------------------------------------------------------------- */

static void path_of(char *path, size_t size, int writer, int slot)
{
    snprintf(path, size, "/writer %d/file %d", writer, slot);
}

/* Writes through a handle, in pieces. */
static void write_open(ll_filespace fs, const char *path, const char *mode, const struct report *report)
{
    unsigned char *data = malloc(report->size + 1);
    ll_file file = 0;
    uint32_t at, piece;
    REQUIRE(data != NULL);
    content_fill(data, report->size, report->seed);
    OK(ll_file_open(fs, path, mode, NULL, &file, ERR));
    if (report->deed == PATCH)
        OK(ll_file_seek(file, report->offset, LL_SEEK_SET, NULL, ERR));
    for (at = 0; at < report->size; at += piece) {
        piece = report->size - at < PIECE ? report->size - at : PIECE;
        OK(ll_file_write(file, data + at, piece, NULL, ERR));
    }
    OK(ll_file_close(file, ERR));
    free(data);
}

/* The tree appears as a whole: it is planted elsewhere and moved. */
static void plant(ll_filespace fs, int writer)
{
    char nursery[64], path[96], tree[64];
    int n;
    snprintf(nursery, sizeof nursery, "/nursery %d", writer);
    snprintf(tree, sizeof tree, "/writer %d/tree", writer);
    ll_fs_delete_dir(fs, nursery, 1, NULL); /* of one who was killed */
    for (n = 0; n < TREE; n++) {
        snprintf(path, sizeof path, "%s/branch %d/twig", nursery, n % 5);
        if (n < 5)
            OK(ll_fs_create_dir(fs, path, ERR));
        snprintf(path, sizeof path, "%s/branch %d/twig/leaf %d", nursery, n % 5, n);
        file_put(fs, path, (size_t)n * 100, (uint64_t)n);
    }
    OK(ll_fs_move(fs, nursery, tree, 0, ERR));
}

static void perform(ll_filespace fs, int writer, const struct report *report)
{
    char path[64], to[64];
    path_of(path, sizeof path, writer, report->slot);
    path_of(to, sizeof to, writer, report->to);
    switch (report->deed) {
    case WRITE: file_put(fs, path, report->size, report->seed); break;
    case STREAM: write_open(fs, path, "w", report); break;
    case APPEND: write_open(fs, path, "a", report); break;
    case PATCH: write_open(fs, path, "r+", report); break;
    case CUT: OK(ll_fs_truncate(fs, path, report->size, ERR)); break;
    case DELETE: OK(ll_fs_delete(fs, path, ERR)); break;
    case MOVE: OK(ll_fs_move(fs, path, to, LL_MOVE_REPLACE, ERR)); break;
    case PLANT: plant(fs, writer); break;
    default:
        snprintf(path, sizeof path, "/writer %d/tree", writer);
        OK(ll_fs_delete_dir(fs, path, 1, ERR));
        break;
    }
}

struct order {
    int writer;
    uint64_t seed;
};

/* In relaxed mode each writer has storage of its own, with a journal in it. */
static void storage_of(char *path, size_t size, int writer)
{
    snprintf(path, size, "%s/storage %d", world.folder, writer);
}

static void open_session(int writer, int persists, struct session *session)
{
    char root[2 * PATH_SIZE];
    ll_config config;
    ll_link_options options = LL_LINK_OPTIONS_INIT;
    ll_storage_options storage = LL_STORAGE_OPTIONS_INIT;
    if (!is_relaxed) {
        session_open(&world, session);
        return;
    }
    storage_of(root, sizeof root, writer);
    storage.mode = LL_STORAGE_PHYSICAL;
    storage.persist_on_exit = (uint32_t)persists;
    storage.root_path = root;
    options.name = PROJECTS;
    options.consistency = LL_CONSISTENCY_RELAXED;
    config = world_config(&world);
    MUST(ll_daemon_new(config, &storage, &session->daemon, ERR));
    ll_config_free(config);
    MUST(ll_daemon_start(session->daemon, ERR));
    MUST(ll_authenticate(session->daemon, world.token, &session->workspace, ERR));
    MUST(ll_workspace_link_filespace(session->workspace, &options, &session->fs, ERR));
}

/* Whoever has the storage of the killed finishes what they had acknowledged. */
static void finish(void *argument)
{
    const int *persists = argument;
    struct session session;
    int writer;
    for (writer = 0; writer < WRITERS; writer++) {
        open_session(writer, *persists, &session);
        OK(ll_filespace_sync_all(session.fs, NULL, ERR));
        session_close(&session);
    }
}

/* Goes on until it is killed. */
static void write_for_ever(void *argument)
{
    struct order *order = argument;
    struct random random = {order->seed};
    struct session session;
    open_session(order->writer, 1, &session);
    for (;;) {
        struct report report = choose(&models[order->writer], &random);
        report.writer = order->writer;
        channel_send(&reports, &report, sizeof report);
        perform(session.fs, order->writer, &report);
        REQUIRE(check_failures_here() == 0);
        report.is_done = 1;
        channel_send(&reports, &report, sizeof report);
        apply(&models[order->writer], &report);
    }
}

/* --- Looking at what is left --------------------------------------------------------------------------------------- */

static int file_is(ll_filespace fs, int writer, int slot, const struct file *file)
{
    unsigned char *data = malloc(file->size + 1);
    char path[64];
    size_t size = 0;
    ll_status status;
    int same;
    REQUIRE(data != NULL);
    path_of(path, sizeof path, writer, slot);
    status = ll_fs_read_file(fs, path, data, file->size, &size, ERR);
    same = file->exists ? status == LL_OK && size == file->size && memcmp(data, file->data, size) == 0
                        : status == LL_ERR_NOT_FOUND;
    free(data);
    return same;
}

static int tree_is(ll_filespace fs, int writer, int there)
{
    char path[96];
    int32_t exists = 0;
    int n, leaves = 0;
    snprintf(path, sizeof path, "/writer %d/tree", writer);
    OK(ll_fs_dir_exists(fs, path, &exists, ERR));
    for (n = 0; exists && n < TREE; n++) {
        snprintf(path, sizeof path, "/writer %d/tree/branch %d/twig/leaf %d", writer, n % 5, n);
        leaves += file_has(fs, path, (size_t)n * 100, (uint64_t)n);
    }
    return there ? leaves == TREE : !exists;
}

/* The directory holds exactly this. */
static int is_as(ll_filespace fs, int writer, const struct model *model)
{
    char path[32];
    ll_entries list = 0;
    size_t count = 0, expected = model->has_tree != 0;
    int slot, same = tree_is(fs, writer, model->has_tree);
    for (slot = 0; slot < SLOTS; slot++) {
        same &= file_is(fs, writer, slot, &model->files[slot]);
        expected += model->files[slot].exists != 0;
    }
    snprintf(path, sizeof path, "/writer %d", writer);
    OK(ll_fs_read_dir(fs, path, &list, ERR));
    OK(ll_entries_count(list, &count, ERR));
    ll_entries_free(list);
    return same && count == expected;
}

/* Says for each writer whether what was under way has happened. */
static void look(void *argument)
{
    const struct channel *answers = argument;
    struct session session;
    int writer;
    session_open(&world, &session);
    for (writer = 0; writer < WRITERS; writer++) {
        char happened = 0;
        if (pending[writer].is_done) {
            CHECK(is_as(session.fs, writer, &models[writer]));
        } else if (!is_as(session.fs, writer, &models[writer])) {
            apply(&models[writer], &pending[writer]);
            happened = 1;
            if (!CHECK(is_as(session.fs, writer, &models[writer])))
                printf("writer %d, deed %d, slot %d, size %lu\n", writer, pending[writer].deed, pending[writer].slot,
                       (unsigned long)pending[writer].size);
        }
        channel_send(answers, &happened, 1);
    }
    session_close(&session);
}

/* --- Rounds ------------------------------------------------------------------------------------------------------- */

static int take_report(void)
{
    struct report report;
    if (!channel_receive(&reports, &report, sizeof report))
        return 0;
    if (report.is_done)
        apply(&models[report.writer], &report);
    pending[report.writer] = report;
    return 1;
}

/* Somewhere in the middle of a call: the machine is kept busy for up to so many microseconds. */
static void spin(uint64_t most)
{
    struct timespec now;
    uint64_t start, wanted = random_below(&dice, most) * 1000;
    clock_gettime(CLOCK_MONOTONIC, &now);
    start = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec - start < wanted);
}

/* Starts the writers, kills them after so many reports, and has a look. */
static void one_round(uint64_t after)
{
    struct order orders[WRITERS];
    pid_t pids[WRITERS];
    struct channel answers;
    char happened;
    int writer, status, persists = 1;

    channel_make(&reports);
    for (writer = 0; writer < WRITERS; writer++) {
        pending[writer].is_done = 1;
        orders[writer].writer = writer;
        orders[writer].seed = random_next(&dice);
        pids[writer] = child_start(write_for_ever, &orders[writer]);
    }
    close(reports.write_end);
    while (after-- > 0)
        REQUIRE(take_report());
    spin(3000);
    for (writer = 0; writer < WRITERS; writer++)
        CHECK(kill(pids[writer], SIGKILL) == 0);
    for (writer = 0; writer < WRITERS; writer++)
        CHECK(waitpid(pids[writer], &status, 0) == pids[writer] && WIFSIGNALED(status));
    while (take_report()) /* said before the end */
        continue;
    close(reports.read_end);

    channel_make(&answers);
    if (is_relaxed)
        REQUIRE(child_succeeded(child_start(finish, &persists)));
    REQUIRE(child_succeeded(child_start(look, &answers)));
    for (writer = 0; writer < WRITERS; writer++) {
        REQUIRE(channel_receive(&answers, &happened, 1));
        if (happened)
            apply(&models[writer], &pending[writer]);
    }
    channel_close(&answers);
}

static void make_directories(void *unused)
{
    struct session session;
    char path[32];
    int writer;
    (void)unused;
    session_open(&world, &session);
    for (writer = 0; writer < WRITERS; writer++) {
        snprintf(path, sizeof path, "/writer %d", writer);
        OK(ll_fs_create_dir(session.fs, path, ERR));
    }
    session_close(&session);
}

/* What the filespace counts is what is there, once a tree has been removed to the end. */
static void counts_are_right(void *unused)
{
    struct session session;
    ll_statistics statistics = LL_STATISTICS_INIT;
    uint64_t files = 0, bytes = 0;
    char path[32];
    int writer, slot;
    (void)unused;
    session_open(&world, &session);
    for (writer = 0; writer < WRITERS; writer++) {
        snprintf(path, sizeof path, "/writer %d/tree", writer);
        ll_fs_delete_dir(session.fs, path, 1, NULL);
        snprintf(path, sizeof path, "/nursery %d", writer);
        ll_fs_delete_dir(session.fs, path, 1, NULL);
        for (slot = 0; slot < SLOTS; slot++) {
            files += models[writer].files[slot].exists != 0;
            bytes += models[writer].files[slot].exists ? models[writer].files[slot].size : 0;
        }
    }
    OK(ll_fs_create_dir(session.fs, "/one more", ERR));
    OK(ll_fs_delete_dir(session.fs, "/one more", 1, ERR)); /* frees what the killed have detached */
    OK(ll_filespace_statistics(session.fs, &statistics, ERR));
    CHECK(statistics.files == files && statistics.content_bytes == bytes);
    CHECK(statistics.directories == WRITERS + 1 && statistics.symlinks == 0);
    session_close(&session);
}

/* How many checkpoints the one filespace has. */
static int checkpoints(void)
{
    char path[3 * PATH_SIZE];
    struct dirent *entry;
    DIR *list;
    int count = -1;
    snprintf(path, sizeof path, "%s/workspace/filespaces", world.folder);
    list = opendir(path);
    REQUIRE(list != NULL);
    while ((entry = readdir(list)) != NULL) {
        snprintf(path, sizeof path, "%s/workspace/filespaces/%.64s/checkpoints", world.folder, entry->d_name);
        if (entry->d_name[0] != '.')
            count = host_entries(path);
    }
    closedir(list);
    return count;
}

int main(void)
{
    int round, rounds = SCALE(100, 4), many = SCALE(10, 1), writer, slot, persists = 0;
    char root[2 * PATH_SIZE];
    dice.state = check_seed();
    world_make(&world);
    REQUIRE(child_succeeded(child_start(make_directories, NULL)));
    choose = any_deed;
    for (round = 0; round < rounds; round++)
        one_round(1 + random_below(&dice, 40));
    choose = small_deed;
    for (round = 0; round < many; round++)
        one_round(2 * 512 + random_below(&dice, 600));
    CHECK(checkpoints() > 0);
    is_relaxed = 1;
    for (writer = 0; writer < WRITERS; writer++) {
        storage_of(root, sizeof root, writer);
        REQUIRE(mkdir(root, 0700) == 0);
    }
    for (round = 0; round < rounds; round++) {
        choose = random_below(&dice, 4) == 0 ? small_deed : any_deed;
        one_round(1 + random_below(&dice, choose == small_deed ? 2000 : 60));
    }
    REQUIRE(child_succeeded(child_start(finish, &persists)));
    for (writer = 0; writer < WRITERS; writer++) {
        storage_of(root, sizeof root, writer);
        CHECK(rmdir(root) == 0);
    }
    is_relaxed = 0;
    CHECK(child_succeeded(child_start(counts_are_right, NULL)));
    CHECK(host_entries(world.folder) == 1); /* the storage of the killed is cleaned up */
    for (writer = 0; writer < WRITERS; writer++)
        for (slot = 0; slot < SLOTS; slot++)
            free(models[writer].files[slot].data);
    world_remove(&world);
    return check_end();
}

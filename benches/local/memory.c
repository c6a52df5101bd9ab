/* Memory while a large file is streamed. */

#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "measure.h"
#include "sides.h"

/* What may come on top of the memory limit, in MiB. */
enum { MARGIN = 64 };

static figure *written, *both;
static double *limit;

/* A line of /proc/self/status, in MiB. */
static double status_mib(const char *name) {
    char line[256];
    long kib = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && kib < 0 && fgets(line, sizeof line, status)) {
        if (strncmp(line, name, strlen(name)) == 0) sscanf(line + strlen(name), ": %ld", &kib);
    }
    if (!status || kib < 0) fail(name, "/proc/self/status does not have it");
    fclose(status);
    return (double)kib / 1024;
}

static void stream_once(void) {
    ll_metrics metrics = LL_METRICS_INIT;
    /* This program's own, the noise that is written included. */
    double own = status_mib("VmRSS");
    start_with_new("memory", LL_CONSISTENCY_STRICT);
    write_ll_file("/stream", watched);
    add(written, status_mib("VmHWM") - own);
    read_ll_file("/stream", watched);
    read_metrics(&metrics);
    *limit = (double)metrics.memory_limit / CHUNK;
    stop();
    add(both, status_mib("VmHWM") - own);
}

void measure_memory(void) {
    char work[64];
    written = new_figure();
    both = new_figure();
    limit = shared(sizeof *limit);
    in_child(stream_once);
    snprintf(work, sizeof work, "RSS peak, %zu GiB written", watched >> 30);
    print_alone(work, "MiB", written, *limit + MARGIN);
    print_alone("  and read", "MiB", both, *limit + MARGIN);
}

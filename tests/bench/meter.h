/*
 * meter.h - what one run of a row is measured with, the same in the C consumers and in the
 * strategies: from its first message to its last, the time, the CPU time of the process and of the
 * calling thread, and the peak of its memory.
 *
 * A meter is one process's; begin and end may come on different threads (then the thread's CPU time
 * means nothing).
 */
#ifndef TAKE5_BENCH_METER_H
#define TAKE5_BENCH_METER_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

struct meter_reading {
    int64_t monotonic_ns;
    int64_t cpu_ns;
    int64_t thread_cpu_ns;
};

struct meter {
    struct meter_reading first, last;
    uint64_t messages;
    /* Of calls that were timed one by one: how many, and the thread's CPU time in them. */
    uint64_t calls;
    int64_t call_cpu_ns;
};

static inline int64_t meter_clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static inline struct meter_reading meter_read(void) {
    return (struct meter_reading){
        .monotonic_ns = meter_clock_ns(CLOCK_MONOTONIC),
        .cpu_ns = meter_clock_ns(CLOCK_PROCESS_CPUTIME_ID),
        .thread_cpu_ns = meter_clock_ns(CLOCK_THREAD_CPUTIME_ID),
    };
}

/* The largest resident size since this program began, KiB; unlike getrusage's it knows nothing of
 * the program that started it. */
static inline long meter_peak_kib(void) {
    long peak = -1;
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "VmHWM: %ld kB", &peak) == 1)
            break;
    }
    if (file != NULL)
        fclose(file);
    return peak;
}

/* ---- latencies ---- */

struct latencies {
    int64_t *ns;
    uint64_t count, capacity;
};

static inline bool latencies_init(struct latencies *latencies, uint64_t capacity) {
    latencies->ns = calloc(capacity > 0 ? capacity : 1, sizeof *latencies->ns);
    latencies->capacity = capacity;
    latencies->count = 0;
    return latencies->ns != NULL;
}

static inline void latencies_add(struct latencies *latencies, int64_t sent_ns) {
    if (latencies->count < latencies->capacity)
        latencies->ns[latencies->count++] = meter_clock_ns(CLOCK_REALTIME) - sent_ns;
}

static inline int latencies_compare(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* "[[share, ns], ...]", the first tenth left out: it holds the start. */
static inline void latencies_print(const struct latencies *latencies, FILE *file) {
    static const double shares[] = {0,   0.1,  0.2,  0.3,  0.4,   0.5,   0.6,   0.7,    0.8, 0.85,
                                    0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 1};
    const uint64_t skipped = latencies->count / 10;
    const uint64_t count = latencies->count - skipped;
    int64_t *ns = latencies->ns + skipped;
    qsort(ns, count, sizeof *ns, latencies_compare);
    fputc('[', file);
    for (size_t i = 0; count > 0 && i < sizeof shares / sizeof *shares; i++)
        fprintf(file, "%s[%g, %" PRId64 "]", i > 0 ? ", " : "", shares[i],
                ns[(uint64_t)(shares[i] * (double)(count - 1))]);
    fputc(']', file);
}

/* ---- the report ---- */

/* Written whole or not at all: it appears under its name when it is complete. `latencies` may be
 * NULL. */
static inline bool meter_report(const struct meter *meter, const struct latencies *latencies,
                                const char *path) {
    char temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
        return false;
    FILE *file = fopen(temporary, "w");
    if (file == NULL)
        return false;
    fprintf(file,
            "{\"messages\": %" PRIu64 ", \"first_ns\": %" PRId64 ", \"last_ns\": %" PRId64
            ", \"cpu_ns\": %" PRId64 ", \"thread_cpu_ns\": %" PRId64 ", \"peak_kib\": %ld"
            ", \"calls\": %" PRIu64 ", \"call_cpu_ns\": %" PRId64 ", \"latencies\": ",
            meter->messages, meter->first.monotonic_ns, meter->last.monotonic_ns,
            meter->last.cpu_ns - meter->first.cpu_ns,
            meter->last.thread_cpu_ns - meter->first.thread_cpu_ns, meter_peak_kib(), meter->calls,
            meter->call_cpu_ns);
    if (latencies != NULL)
        latencies_print(latencies, file);
    else
        fputs("[]", file);
    fputs("}\n", file);
    const bool is_good = ferror(file) == 0;
    return fclose(file) == 0 && is_good && rename(temporary, path) == 0;
}

#endif

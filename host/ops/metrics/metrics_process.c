/* The process, under the names that Prometheus's own libraries use. */
#include "ops/metrics/metrics.h"

#include "ops/metrics/metrics_text.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static size_t count_entries(const char *path) {
    size_t count = 0;
    DIR *directory = opendir(path);
    if (directory == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

double metrics_resident_bytes(void) {
    unsigned long long size, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &size, &resident) != 2)
        resident = 0;
    fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static void one(struct text *text, const char *name, const char *type, const char *help,
                double value) {
    metrics_family(text, name, type, help);
    metrics_gauge(text, name, value, NULL);
}

/* Nothing when it cannot be counted, as without a descriptor. */
static void count(struct text *text, const char *name, const char *help, const char *path,
                  size_t less) {
    const size_t entries = count_entries(path);
    if (entries > 0)
        one(text, name, "gauge", help, (double)(entries - less));
}

void metrics_write_process(struct text *text, int64_t started_ns) {
    struct rusage usage;
    double cpu_s = 0;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    one(text, "process_start_time_seconds", "gauge", "When it started, since 1970.",
        (double)started_ns / 1e9);
    one(text, "process_cpu_seconds_total", "counter", "CPU time, user and system.", cpu_s);
    one(text, "process_resident_memory_bytes", "gauge", "Resident memory.",
        metrics_resident_bytes());
    count(text, "process_open_fds", "Open files.", "/proc/self/fd", 1); /* the directory's own */
    count(text, "process_threads", "Threads.", "/proc/self/task", 0);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        one(text, "process_max_fds", "gauge", "Limit of open files.", (double)limit.rlim_cur);
}

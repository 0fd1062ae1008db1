#include "engine/crash/crash_file.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/text.h"
#include "engine/crash/crash_text.h"
#include "os/private_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX   ".crash"
#define FORGIVEN "forgiven"
#define MAX_FILE (1 << 20)

/* ---- writing ---- */

static bool write_trace(const char *state_dir, const struct call_table_trace *trace,
                        struct error *error) {
    char text[CRASH_TEXT_SIZE];
    const size_t size = crash_text(trace, text, sizeof text);
    char *path = text_format("%s/crash/%" PRId64 "-%" PRId64 SUFFIX, state_dir,
                             (int64_t)(trace->time_ns / NS_PER_S), trace->pid);
    if (path == NULL)
        return error_set_memory(error, "a path");
    const int fd = private_file_open(path, O_WRONLY | O_CREAT | O_APPEND, error);
    bool did = fd >= 0;
    if (did && (write(fd, text, size) != (ssize_t)size || fsync(fd) != 0))
        did = error_set_errno(error, errno, "cannot write %s", path);
    if (fd >= 0)
        close(fd);
    free(path);
    return did;
}

bool crash_file_former(const char *state_dir, const struct call_table_former *former,
                       int64_t now_ns, struct error *error) {
    bool did = true;
    for (size_t i = 0; i < former->count; i++) {
        struct call_table_trace trace = former->traces[i];
        if (trace.is_filed || (former->is_other_boot && !trace.is_certain))
            continue;
        if (trace.time_ns == 0)
            trace.time_ns = now_ns;
        did &= write_trace(state_dir, &trace, error);
    }
    return did;
}

/* ---- reading ---- */

/* Copies what fits. */
static void copy_value(char *to, size_t size, const char *value) {
    const size_t length = strnlen(value, size - 1);
    memcpy(to, value, length);
    to[length] = '\0';
}

/* Seconds, with nine digits behind the point, or none. */
static int64_t time_of(const char *text) {
    char *end;
    const int64_t time_ns = call_table_time_ns(strtoll(text, &end, 10));
    const int64_t rest_ns = *end == '.' ? strtoll(end + 1, NULL, 10) : 0;
    return rest_ns > 0 && rest_ns < NS_PER_S ? time_ns + rest_ns : time_ns;
}

static void take_line(struct crash_record *record, const char *line) {
    char key[32], value[300];
    if (sscanf(line, "%31[a-z_] = %299[^\n]", key, value) != 2)
        return;
    if (strcmp(key, "deployment") == 0)
        copy_value(record->deployment, sizeof record->deployment, value);
    else if (strcmp(key, "hash") == 0)
        copy_value(record->hash, sizeof record->hash, value);
    else if (strcmp(key, "what") == 0)
        copy_value(record->what, sizeof record->what, value);
    else if (strcmp(key, "certain") == 0)
        record->is_certain = strcmp(value, "no") != 0;
    else if (strcmp(key, "callback") == 0)
        copy_value(record->callback, sizeof record->callback, value);
    else if (strcmp(key, "topic") == 0)
        copy_value(record->topic, sizeof record->topic, value);
    else if (strcmp(key, "partition") == 0)
        record->partition = strtoll(value, NULL, 10);
    else if (strcmp(key, "offset") == 0)
        record->offset = strtoll(value, NULL, 10);
    else if (strcmp(key, "time") == 0)
        record->time_ns = time_of(value);
    else if (strcmp(key, "at") == 0)
        copy_value(record->at, sizeof record->at, value);
    else if (strcmp(key, "process") == 0)
        record->process = strtoll(value, NULL, 10);
}

struct list {
    struct crash_record *records;
    size_t count;
    int64_t since_ns;
    struct error *error;
};

static bool add(struct list *list, const struct crash_record *record) {
    if (record->deployment[0] == '\0' || record->hash[0] == '\0' ||
        record->time_ns < list->since_ns)
        return true;
    if (!ARRAY_RESIZE(list->records, list->count + 1))
        return error_set_memory(list->error, "the crash files");
    list->records[list->count++] = *record;
    return true;
}

/* Gives no stream for what is no file of this service's. False: out of memory or descriptors. */
static bool open_stream(const char *path, FILE **stream, struct error *error) {
    *stream = NULL;
    const int fd = private_file_open(path, O_RDONLY, error);
    if (fd < 0)
        return error->code != ERROR_MEMORY;
    *stream = fdopen(fd, "r");
    if (*stream != NULL)
        return true;
    close(fd);
    return error_set_memory(error, path);
}

/* Closes it. */
static bool read_stream(struct list *list, FILE *file) {
    char line[512];
    struct crash_record record = {.is_certain = true};
    bool did = true;
    for (size_t size = 0; did && size < MAX_FILE && fgets(line, sizeof line, file) != NULL;) {
        size += strlen(line);
        if (strcmp(line, "take5 crashed\n") == 0) {
            did = add(list, &record);
            record = (struct crash_record){.is_certain = true};
        }
        take_line(&record, line);
    }
    fclose(file);
    return did && add(list, &record);
}

static bool read_file(struct list *list, const char *path) {
    FILE *file;
    return open_stream(path, &file, list->error) && (file == NULL || read_stream(list, file));
}

static bool is_crash_file(const char *name) {
    const size_t length = strlen(name), suffix = sizeof SUFFIX - 1;
    return length >= suffix && strcmp(name + length - suffix, SUFFIX) == 0;
}

static bool read_all(struct list *list, const char *state_dir) {
    char *directory = text_format("%s/crash", state_dir);
    if (directory == NULL)
        return error_set_memory(list->error, "a path");
    DIR *dir = opendir(directory);
    bool did = dir != NULL || (errno != ENOMEM && errno != EMFILE && errno != ENFILE);
    if (!did)
        error_set_memory(list->error, directory);
    for (struct dirent *entry; dir != NULL && did && (entry = readdir(dir)) != NULL;) {
        if (!is_crash_file(entry->d_name))
            continue;
        char *path = text_format("%s/%s", directory, entry->d_name);
        did = path != NULL ? read_file(list, path) : error_set_memory(list->error, "a path");
        free(path);
    }
    if (dir != NULL)
        closedir(dir);
    free(directory);
    return did;
}

/* Takes those off the list that came before the last word for their deployment. */
static bool drop_forgiven(struct list *list, const char *state_dir) {
    char line[512], at[32], name[128];
    FILE *file = NULL;
    char *path = text_format("%s/crash/" FORGIVEN, state_dir);
    const bool did = path != NULL ? open_stream(path, &file, list->error)
                                  : error_set_memory(list->error, "a path");
    free(path);
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%31[0-9.] %127[^\n]", at, name) != 2)
            continue;
        size_t kept = 0;
        for (size_t i = 0; i < list->count; i++) {
            const struct crash_record *record = &list->records[i];
            if (strcmp(record->deployment, name) != 0 || record->time_ns > time_of(at))
                list->records[kept++] = *record;
        }
        list->count = kept;
    }
    if (file != NULL)
        fclose(file);
    return did;
}

static int compare_times(const void *a, const void *b) {
    const struct crash_record *first = a, *second = b;
    return (first->time_ns > second->time_ns) - (first->time_ns < second->time_ns);
}

bool crash_recent(const char *state_dir, int64_t within_ns, struct crash_record **records,
                  size_t *count, struct error *error) {
    struct list list = {.since_ns = clock_wall_ns() - within_ns, .error = error};
    const bool did = read_all(&list, state_dir) && drop_forgiven(&list, state_dir);
    if (!did) {
        free(list.records);
        list = (struct list){0};
    }
    if (list.count > 1)
        qsort(list.records, list.count, sizeof *list.records, compare_times);
    *records = list.records;
    *count = list.count;
    return did;
}

bool crash_read(const char *path, struct crash_record **records, size_t *count,
                struct error *error) {
    struct list list = {.since_ns = INT64_MIN, .error = error};
    FILE *file = fopen(path, "re");
    bool did = file != NULL || error_set_errno(error, errno, "cannot read %s", path);
    did = did && read_stream(&list, file);
    if (did && list.count == 0)
        did = error_set(error, ERROR_INVALID, "%s: does not describe a crash of a strategy", path);
    if (!did)
        free(list.records);
    *records = did ? list.records : NULL;
    *count = did ? list.count : 0;
    return did;
}

char *crash_describe(const struct crash_record *record) {
    struct text text;
    text_init(&text);
    text_printf(&text, "%s in %s", record->what, record->callback);
    if (strcmp(record->topic, "none") != 0)
        text_printf(&text, " at %s/%" PRId64 "/%" PRId64, record->topic, record->partition,
                    record->offset);
    else if (record->partition >= 0)
        text_printf(&text, " on partition %" PRId64, record->partition);
    if (record->at[0] != '\0')
        text_printf(&text, ", in %s", record->at);
    return text_take(&text);
}

bool crash_forgive(const char *state_dir, const char *deployment, struct error *error) {
    char *path = text_format("%s/crash/" FORGIVEN, state_dir);
    const int64_t now_ns = clock_wall_ns();
    char *line = text_format("%" PRId64 ".%09" PRId64 " %s\n", (int64_t)(now_ns / NS_PER_S),
                             (int64_t)(now_ns % NS_PER_S), deployment);
    bool did = path != NULL && line != NULL;
    if (!did)
        error_set_memory(error, "a path");
    const int fd = did ? private_file_open(path, O_WRONLY | O_CREAT | O_APPEND, error) : -1;
    did = fd >= 0;
    if (did && write(fd, line, strlen(line)) != (ssize_t)strlen(line))
        did = error_set_errno(error, errno, "cannot write %s", path);
    if (fd >= 0)
        close(fd);
    free(path);
    free(line);
    return did;
}

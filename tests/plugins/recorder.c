/*
 * Writes a line for each message that it sees to the file that parameter `file` names:
 *
 *   TOPIC <tab> PARTITION <tab> OFFSET <tab> SYMBOL <tab> VERSION <tab> COUNT
 *
 * COUNT is the running count of the symbol on that partition number, which is kept over a reload by
 * save and load: so lines of one symbol must count 1, 2, 3 ... when nothing is lost, repeated, or
 * forgotten.
 * The file is opened for appending, so that any number of instances and versions may share it. Each
 * line is one write; with `buffered = yes` lines are written 64 KiB at a time, and the rest when
 * the instance is parked or deactivated. In a check or shadow nothing is written.
 *
 * -DBUILD_NUMBER=n makes distinct builds of it.
 */
#include "counts.h"
#include "plugin.h"

#include <fcntl.h>
#include <unistd.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "recorder"
#endif
#ifndef BUILD_NUMBER
#define BUILD_NUMBER 1
#endif
#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)
#ifndef PLUGIN_VERSION
#define PLUGIN_VERSION "1.0." TEXT(BUILD_NUMBER)
#endif

#define BUFFER_SIZE (64 << 10)
#define LINE_MOST   1024

struct recorder {
    t5_host *host;
    int fd;
    int is_buffered;
    size_t used;
    char *buffer;
    struct counts counts;
};

static int32_t create(const t5_create_args *args, void **self) {
    struct recorder *recorder = calloc(1, sizeof *recorder);
    if (recorder == NULL)
        return t5_fail(args->host, "no memory");
    recorder->host = args->host;
    recorder->fd = -1;
    recorder->is_buffered = t5_parameter_integer(args->host, "buffered") != 0;
    recorder->buffer = malloc(BUFFER_SIZE + LINE_MOST);
    if (recorder->buffer == NULL) {
        free(recorder);
        return t5_fail(args->host, "no memory");
    }
    *self = recorder;
    return T5_OK;
}

static void destroy(void *self) {
    struct recorder *recorder = self;
    free(recorder->counts.by_symbol);
    free(recorder->buffer);
    free(recorder);
}

static void activate(void *self, const t5_activate_args *args) {
    struct recorder *recorder = self;
    if (args->mode == T5_MODE_CHECK || args->mode == T5_MODE_SHADOW)
        return;
    const t5_str file = t5_parameter_text(recorder->host, "file");
    char path[4096];
    (void)snprintf(path, sizeof path, "%.*s", (int)file.len, file.data);
    recorder->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (recorder->fd < 0)
        t5_log(recorder->host, T5_LOG_ERROR, "cannot write to %s", path);
}

static int flush(struct recorder *recorder) {
    const size_t size = recorder->used;
    recorder->used = 0;
    if (recorder->fd < 0 || size == 0)
        return 1;
    return write(recorder->fd, recorder->buffer, size) == (ssize_t)size;
}

static void deactivate(void *self) {
    struct recorder *recorder = self;
    if (!flush(recorder))
        t5_log(recorder->host, T5_LOG_ERROR, "lines lost: a write failed");
    if (recorder->fd >= 0)
        (void)close(recorder->fd);
    recorder->fd = -1;
}

static int32_t load(void *self, const t5_load_args *args) {
    struct recorder *recorder = self;
    return counts_load(&recorder->counts, recorder->host, args);
}

static int32_t save(void *self, const t5_save_args *args) {
    const struct recorder *recorder = self;
    (void)args;
    return counts_save(&recorder->counts, recorder->host);
}

static int32_t on_message(void *self, const t5_message *message) {
    struct recorder *recorder = self;
    uint64_t *count = counts_of(&recorder->counts, message->symbol_id);
    if (count == NULL)
        return t5_fail(recorder->host, "no memory");
    ++*count;
    recorder->used += (size_t)snprintf(
        recorder->buffer + recorder->used, LINE_MOST, "%.*s\t%d\t%lld\t%.*s\t%s\t%llu\n",
        (int)message->topic_name.len, message->topic_name.data, message->partition,
        (long long)message->offset, (int)message->symbol.len, message->symbol.data, PLUGIN_VERSION,
        (unsigned long long)*count);
    if ((recorder->is_buffered && recorder->used < BUFFER_SIZE) || flush(recorder))
        return T5_OK;
    return t5_fail(recorder->host, "a line was lost: the write failed");
}

static void on_event(void *self, const t5_event *event) {
    if (event->kind == T5_EVENT_PARKED)
        (void)flush(self);
}

static const t5_parameter file = {
    .size = sizeof file,
    .type = T5_PARAMETER_TEXT,
    .name = "file",
    .help = "where the lines go",
};
static const t5_parameter buffered = {
    .size = sizeof buffered,
    .type = T5_PARAMETER_BOOLEAN,
    .name = "buffered",
    .help = "write many lines at once",
    .default_value = "no",
};
static const t5_parameter *const parameters[] = {&file, &buffered, NULL};
static const char *const topics[] = {"bar_trends", "historic_stats", "asset_trends", NULL};

T5_STRATEGY(PLUGIN_NAME, PLUGIN_VERSION, .summary = "writes down what it sees", .topics = topics,
            .scope = T5_SCOPE_KEYED, .parameters = parameters,
            .state_version = COUNTS_STATE_VERSION, .create = create, .destroy = destroy,
            .load = load, .activate = activate, .deactivate = deactivate, .on_message = on_message,
            .on_event = on_event, .save = save);

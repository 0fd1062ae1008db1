#include "fixture.h"

#include "config/sections/promotions.h"

#include "checkpoint/store.h"
#include "engine/lane/publisher.h"
#include "failing_memory.h"
#include "source/history.h"

#include "base/clock.h"
#include "base/format/wire.h"
#include "base/hash.h"
#include "base/text.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_NS       (30 * NS_PER_S)
#define MAX_PARTITIONS 16
#define MAX_SETTINGS   24
#define TOPICS         3
#define LANES          4

struct queued {
    struct queued *next, *next_sent;
    struct record record;
    char bytes[];
};

struct fixture_source {
    struct source base;
    struct fixture *fixture;
};

struct fixture_sink {
    struct sink base;
    struct fixture *fixture;
};

struct fixture {
    char directory[64];
    struct log *log;
    struct config *config;
    const char *settings[MAX_SETTINGS];
    struct engine *engine;
    struct report report;
    struct publisher publisher;
    struct fixture_source source;
    struct source_ops ops;
    struct fixture_sink signals, dead_letters;
    struct source_listener listener;
    bool is_started;
    bool is_halted, was_clean;
    struct engine_left left;
    bool does_wait_in_flush;
    long fail_at; /* an allocation of the next call into the engine; negative: none */
    bool does_fail_last, did_fail;
    pthread_mutex_t lock; /* guards all that follows */
    const int64_t *lags;
    size_t lag_count;
    pthread_cond_t changed;
    struct queued *first[LANES], *last[LANES];
    bool is_awake[LANES];
    uint64_t sent, released, read;
    int64_t stored[TOPICS][MAX_PARTITIONS];
    int refused_stores; /* how many are still to be refused */
    int64_t committed;  /* by this host */
    int32_t partitions; /* of each topic in all */
    bool is_unattended;
    int64_t low, high; /* the range; high < 0: not known */
    bool does_hold;
    struct delivery **deliveries;
    bool *is_confirmed;
    size_t delivery_count;
    char *log_text;
    struct queued *sent_first, *sent_last; /* all that was ever sent, as copies */
    bool has_history, is_frozen;
    int64_t deleted_below;
    int refused_histories;
    int open_histories; /* of one partition number in all: they are the tests' */
    bool is_history_held;
};

static struct timespec in_ns(int64_t ns) {
    const int64_t at = clock_monotonic_ns() + ns;
    return (struct timespec){.tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S};
}

/* ---- the source ---- */

static struct fixture *of(struct source *source) {
    return ((struct fixture_source *)source)->fixture;
}

static uint32_t lane_of(const struct fixture *fixture, int32_t partition) {
    return (uint32_t)(partition % (int32_t)fixture->config->lanes);
}

static bool source_start(struct source *source, const struct source_listener *listener,
                         struct error *error) {
    (void)error;
    of(source)->listener = *listener;
    return true;
}

static size_t source_read(struct source *source, uint32_t lane, struct record *records, size_t most,
                          int timeout_ms) {
    struct fixture *fixture = of(source);
    size_t count = 0;
    pthread_mutex_lock(&fixture->lock);
    const struct timespec until = in_ns(timeout_ms * NS_PER_MS);
    while (fixture->first[lane] == NULL && !fixture->is_awake[lane]) {
        if (pthread_cond_timedwait(&fixture->changed, &fixture->lock, &until) != 0)
            break;
    }
    fixture->is_awake[lane] = false;
    for (; fixture->first[lane] != NULL && count < most; count++) {
        struct queued *queued = fixture->first[lane];
        fixture->first[lane] = queued->next;
        if (queued->next == NULL)
            fixture->last[lane] = NULL;
        records[count] = queued->record;
        records[count].handle = queued;
    }
    fixture->read += count;
    pthread_mutex_unlock(&fixture->lock);
    return count;
}

static void source_release(struct source *source, uint32_t lane, struct record *records,
                           size_t count) {
    struct fixture *fixture = of(source);
    (void)lane;
    for (size_t i = 0; i < count; i++)
        free(records[i].handle);
    pthread_mutex_lock(&fixture->lock);
    fixture->released += count;
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
}

static bool source_range(struct source *source, uint32_t topic, int32_t partition, int64_t *low,
                         int64_t *high) {
    struct fixture *fixture = of(source);
    (void)topic;
    (void)partition;
    pthread_mutex_lock(&fixture->lock);
    *low = fixture->low;
    *high = fixture->high;
    pthread_mutex_unlock(&fixture->lock);
    return *high >= 0;
}

static int64_t source_committed(struct source *source, uint32_t topic, int32_t partition) {
    (void)topic;
    (void)partition;
    return of(source)->committed;
}

static int32_t source_partitions(struct source *source, uint32_t topic) {
    return topic == BAR ? of(source)->partitions : 0;
}

static void source_wake(struct source *source, uint32_t lane) {
    struct fixture *fixture = of(source);
    pthread_mutex_lock(&fixture->lock);
    fixture->is_awake[lane] = true;
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
}

static void source_attend(struct source *source, bool is_anybody) {
    of(source)->is_unattended = !is_anybody;
}

static bool source_store(struct source *source, uint32_t topic, int32_t partition, int64_t next) {
    struct fixture *fixture = of(source);
    pthread_mutex_lock(&fixture->lock);
    const bool does_take = fixture->refused_stores == 0;
    if (does_take)
        fixture->stored[topic][partition] = next;
    else
        fixture->refused_stores--;
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
    return does_take;
}

static bool source_poll(struct source *source, int timeout_ms, struct error *error) {
    (void)source;
    (void)timeout_ms;
    (void)error;
    return true;
}

static bool source_commit(struct source *source, int timeout_ms, struct error *error) {
    (void)source;
    (void)timeout_ms;
    (void)error;
    return true;
}

static void source_status(struct source *source, struct source_status *status) {
    (void)source;
    memset(status, 0, sizeof *status);
    status->is_connected = status->is_assigned = true;
}

static size_t source_lag(struct source *source, struct source_lag *lags, size_t most) {
    struct fixture *fixture = of(source);
    pthread_mutex_lock(&fixture->lock);
    const size_t count = fixture->lag_count;
    for (size_t i = 0; i < count && i < most; i++)
        lags[i] = (struct source_lag){.partition = (int32_t)i, .lag = fixture->lags[i]};
    pthread_mutex_unlock(&fixture->lock);
    return count;
}

void fixture_lags(struct fixture *fixture, const int64_t *lags, size_t count) {
    pthread_mutex_lock(&fixture->lock);
    fixture->lags = lags;
    fixture->lag_count = count;
    pthread_mutex_unlock(&fixture->lock);
}

/* All partitions that are held are revoked, as a consumer's close does. */
static bool source_close(struct source *source, int timeout_ms) {
    struct fixture *fixture = of(source);
    struct topic_partition parts[TOPICS * MAX_PARTITIONS];
    size_t count = 0;
    (void)timeout_ms;
    for (int32_t partition = 0; partition < MAX_PARTITIONS; partition++) {
        for (uint32_t topic = 0; topic < TOPICS; topic++)
            parts[count++] =
                (struct topic_partition){topic, partition, SOURCE_NO_OFFSET, false, NULL};
    }
    fixture->listener.revoked(fixture->listener.context, parts, count, false);
    return true;
}

static bool source_free(struct source *source) {
    struct fixture *fixture = of(source);
    for (size_t lane = 0; lane < LANES; lane++) {
        while (fixture->first[lane] != NULL) {
            struct queued *next = fixture->first[lane]->next;
            free(fixture->first[lane]);
            fixture->first[lane] = next;
        }
        fixture->last[lane] = NULL;
    }
    return true;
}

/* ---- the history ---- */

struct source_history {
    struct fixture *fixture;
    size_t count;
    struct history_part parts[TOPICS];
};

/* With the lock held. */
static int64_t first_of_time(const struct fixture *fixture, const struct history_part *part) {
    int64_t first = INT64_MAX;
    for (const struct queued *queued = fixture->sent_first; queued != NULL;
         queued = queued->next_sent) {
        const struct record *one = &queued->record;
        if (one->topic == part->topic && one->partition == part->partition &&
            one->kafka_time_ms >= part->from_ms && one->offset < first)
            first = one->offset;
    }
    return first;
}

static int64_t end_of(const struct fixture *fixture, const struct history_part *part) {
    int64_t end = 0;
    for (const struct queued *queued = fixture->sent_first; queued != NULL;
         queued = queued->next_sent) {
        const struct record *one = &queued->record;
        if (one->topic == part->topic && one->partition == part->partition && one->offset >= end)
            end = one->offset + 1;
    }
    return end;
}

static struct source_history *history_open(struct source *source, uint32_t lane,
                                           struct history_part *parts, size_t count, int timeout_ms,
                                           struct error *error) {
    struct fixture *fixture = of(source);
    (void)lane;
    (void)timeout_ms;
    if (fixture->refused_histories > 0) {
        fixture->refused_histories--;
        error_set(error, ERROR_TIMEOUT, "no broker");
        return NULL;
    }
    cr_assert_eq(fixture->open_histories, 0, "these partitions are being read");
    fixture->open_histories++;
    struct source_history *history = calloc(1, sizeof *history);
    cr_assert_not_null(history);
    cr_assert_leq(count, (size_t)TOPICS);
    pthread_mutex_lock(&fixture->lock);
    for (size_t i = 0; i < count; i++) {
        parts[i].low = fixture->deleted_below;
        if (parts[i].from == SOURCE_NO_OFFSET)
            parts[i].from = first_of_time(fixture, &parts[i]);
        if (parts[i].from < parts[i].low)
            parts[i].from = parts[i].low;
        parts[i].high = end_of(fixture, &parts[i]);
        history->parts[i] = parts[i];
    }
    pthread_mutex_unlock(&fixture->lock);
    history->fixture = fixture;
    history->count = count;
    return history;
}

static enum history_result history_next(struct source_history *history, size_t index,
                                        struct record *record, int64_t *passed,
                                        struct error *error) {
    struct fixture *fixture = history->fixture;
    struct history_part *part = &history->parts[index];
    const struct queued *found = NULL;
    (void)error;
    pthread_mutex_lock(&fixture->lock);
    for (const struct queued *queued = fixture->is_history_held ? NULL : fixture->sent_first;
         queued != NULL; queued = queued->next_sent) {
        const struct record *one = &queued->record;
        if (one->topic == part->topic && one->partition == part->partition &&
            one->offset >= part->from && (found == NULL || one->offset < found->record.offset))
            found = queued;
    }
    if (found != NULL) {
        *record = found->record;
        part->from = found->record.offset + 1;
    }
    *passed = part->from;
    pthread_mutex_unlock(&fixture->lock);
    return found != NULL ? HISTORY_RECORD : HISTORY_WAIT;
}

static void history_close(struct source_history *history) {
    if (history != NULL)
        history->fixture->open_histories--;
    free(history);
}

static const struct source_history_ops history_ops = {history_open, history_next, history_close};

static void source_wake_control(struct source *source) {
    (void)source;
}

static const struct source_ops source_ops = {
    .start = source_start,
    .read = source_read,
    .release = source_release,
    .range = source_range,
    .committed = source_committed,
    .attend = source_attend,
    .partitions = source_partitions,
    .wake = source_wake,
    .store = source_store,
    .poll = source_poll,
    .commit = source_commit,
    .status = source_status,
    .lag = source_lag,
    .close = source_close,
    .free = source_free,
};

/* ---- the sinks ---- */

static bool sink_push(struct sink *sink, struct delivery *delivery) {
    struct fixture *fixture = ((struct fixture_sink *)sink)->fixture;
    delivery_retain(delivery);
    pthread_mutex_lock(&fixture->lock);
    fixture->deliveries =
        realloc(fixture->deliveries, (fixture->delivery_count + 1) * sizeof(struct delivery *));
    fixture->is_confirmed = realloc(fixture->is_confirmed,
                                    (fixture->delivery_count + 1) * sizeof *fixture->is_confirmed);
    const size_t index = fixture->delivery_count++;
    fixture->deliveries[index] = delivery;
    fixture->is_confirmed[index] = !fixture->does_hold;
    const bool does_confirm = !fixture->does_hold;
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
    if (does_confirm)
        delivery_confirm(delivery);
    return true;
}

static bool sink_flush(struct sink *sink, int timeout_ms) {
    struct fixture *fixture = ((struct fixture_sink *)sink)->fixture;
    bool is_done = true;
    pthread_mutex_lock(&fixture->lock);
    const bool does_wait = fixture->does_wait_in_flush;
    for (size_t i = 0; i < fixture->delivery_count; i++)
        is_done = is_done && fixture->is_confirmed[i];
    pthread_mutex_unlock(&fixture->lock);
    if (!is_done && does_wait) {
        const struct timespec time = {timeout_ms / 1000, timeout_ms % 1000 * NS_PER_MS};
        nanosleep(&time, NULL);
    }
    return is_done;
}

static bool sink_reopen(struct sink *sink, struct error *error) {
    (void)sink;
    (void)error;
    return true;
}

static void sink_status(struct sink *sink, struct sink_status *status) {
    (void)sink;
    memset(status, 0, sizeof *status);
    status->name = "fixture";
    status->is_ok = true;
}

static void sink_close(struct sink *sink, int timeout_ms) {
    (void)sink;
    (void)timeout_ms;
}

static const struct sink_ops sink_ops = {
    .push = sink_push,
    .flush = sink_flush,
    .reopen = sink_reopen,
    .status = sink_status,
    .close = sink_close,
};

/* ---- the fixture ---- */

static struct config *load_config(struct fixture *fixture) {
    char texts[8][160];
    struct config_override overrides[8 + MAX_SETTINGS];
    char copies[MAX_SETTINGS][256];
    size_t count = 0;
    struct faults faults = FAULTS_INIT;
    static const char *const directories[] = {"strategy", "cache", "run", "state"};
    static const char *const keys[] = {"strategy_dir", "cache_dir", "run_dir", "state_dir"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(texts[i], sizeof texts[i], "%s/%s", fixture->directory, directories[i]);
        overrides[count++] = (struct config_override){"take5", keys[i], texts[i], NULL};
    }
    for (size_t i = 0; i < MAX_SETTINGS && fixture->settings[i] != NULL; i++) {
        snprintf(copies[i], sizeof copies[i], "%s", fixture->settings[i]);
        char *equals = strchr(copies[i], '=');
        char *dot = strchr(copies[i], '.');
        *equals = *dot = '\0';
        overrides[count++] = (struct config_override){copies[i], dot + 1, equals + 1, NULL};
    }
    const struct config_request request = {.overrides = overrides, .override_count = count};
    struct config *config = config_load(&request, &faults);
    for (size_t i = 0; i < faults.count; i++)
        fprintf(stderr, "%s\n", faults.items[i].text);
    cr_assert_not_null(config);
    promotions_apply(config, true, &faults);
    faults_release(&faults);
    return config;
}

static void set_settings(struct fixture *fixture, const char *const *settings) {
    memset(fixture->settings, 0, sizeof fixture->settings);
    for (size_t i = 0; settings != NULL && settings[i] != NULL && i < MAX_SETTINGS - 1; i++)
        fixture->settings[i] = settings[i];
}

void fixture_set_settings(struct fixture *fixture, const char *const *settings) {
    set_settings(fixture, settings);
}

struct fixture *fixture_new(const char *const *settings) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct error error;
    char path[128];
    cr_assert_not_null(fixture);
    fixture->fail_at = -1;
    strcpy(fixture->directory, "/tmp/take5-fixture-XXXXXX");
    cr_assert_not_null(mkdtemp(fixture->directory));
    static const char *const directories[] = {"strategy", "cache", "run", "state"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", fixture->directory, directories[i]);
        cr_assert_eq(mkdir(path, 0700), 0);
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&fixture->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&fixture->lock, NULL);
    fixture->log = log_new();
    snprintf(path, sizeof path, "%s/log", fixture->directory);
    const struct log_options options = {.level = LOG_LEVEL_INFO,
                                        .format = LOG_FORMAT_CONSOLE,
                                        .color = LOG_COLOR_NEVER,
                                        .path = path};
    cr_assert(log_configure(fixture->log, &options, &error), "%s", error.text);
    set_settings(fixture, settings);
    return fixture;
}

void fixture_drop(struct fixture *fixture, const char *plugin, const char *name) {
    struct text command;
    text_init(&command);
    text_printf(&command,
                "cp '%s/tests/plugins/%s.so' '%s/strategy/.%s.new' && mv '%s/strategy/.%s.new' "
                "'%s/strategy/%s.so'",
                TAKE5_BUILD_DIR, plugin, fixture->directory, name, fixture->directory, name,
                fixture->directory, name);
    cr_assert_eq(system(command.data), 0);
    text_release(&command);
}

void fixture_withdraw(struct fixture *fixture, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s/strategy/%s.so", fixture->directory, name);
    cr_assert_eq(unlink(path), 0);
}

void fixture_start(struct fixture *fixture) {
    struct error error = {0};
    fixture->config = load_config(fixture);
    for (size_t topic = 0; topic < TOPICS; topic++) {
        for (size_t partition = 0; partition < MAX_PARTITIONS; partition++)
            fixture->stored[topic][partition] = -1;
    }
    fixture->low = fixture->high = -1;
    fixture->committed = SOURCE_NO_OFFSET;
    fixture->sent = fixture->released = fixture->read = 0;
    fixture->does_hold = false;
    fixture->ops = source_ops;
    if (fixture->has_history) {
        fixture->ops.wake_control = source_wake_control;
        fixture->ops.history = &history_ops;
    }
    fixture->source = (struct fixture_source){{&fixture->ops}, fixture};
    fixture->signals = (struct fixture_sink){{.ops = &sink_ops}, fixture};
    fixture->dead_letters = (struct fixture_sink){{.ops = &sink_ops}, fixture};
    memset(&fixture->publisher, 0, sizeof fixture->publisher);
    fixture->publisher.log = fixture->log;
    fixture->publisher.signal_sinks[0] = &fixture->signals.base;
    fixture->publisher.signal_sink_count = 1;
    fixture->publisher.dead_letter_sink = &fixture->dead_letters.base;
    const struct engine_options options = {
        .config = fixture->config,
        .log = fixture->log,
        .source = &fixture->source.base,
        .publisher = &fixture->publisher,
        .mode = T5_MODE_LIVE,
        .does_rehearse = false,
        .keeps_state = true,
    };
    fixture->engine = engine_new(&options, &error);
    cr_assert_not_null(fixture->engine, "%s", error.text);
    report_init(&fixture->report);
    cr_assert(engine_start(fixture->engine, &fixture->report, &error), "%s", error.text);
    fixture->is_started = true;
}

const char *const FIXTURE_EVERY_MESSAGE[] = {"strategy:good.every=1", "checkpoint.interval=0",
                                             NULL};

struct fixture *fixture_good(void) {
    struct fixture *fixture = fixture_new(FIXTURE_EVERY_MESSAGE);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    return fixture;
}

bool fixture_halt(struct fixture *fixture) {
    fixture->was_clean =
        engine_stop(fixture->engine, clock_monotonic_ns() + 20 * NS_PER_S, &fixture->left);
    fixture->is_halted = true;
    return fixture->was_clean;
}

struct engine_left fixture_left(const struct fixture *fixture) {
    return fixture->left;
}

void fixture_wait_in_flush(struct fixture *fixture, bool does_wait) {
    pthread_mutex_lock(&fixture->lock);
    fixture->does_wait_in_flush = does_wait;
    pthread_mutex_unlock(&fixture->lock);
}

static void run_shell(const char *format, const char *directory) {
    struct text command;
    text_init(&command);
    text_printf(&command, format, directory, directory, directory);
    cr_assert_eq(system(command.data), 0);
    text_release(&command);
}

bool fixture_stop(struct fixture *fixture) {
    const bool is_clean = fixture->is_halted ? fixture->was_clean : fixture_halt(fixture);
    fixture->is_halted = false;
    engine_free(fixture->engine);
    source_free(&fixture->source.base);
    if (fixture->is_frozen)
        run_shell("rm -rf %s/state && mv %s/frozen %s/state", fixture->directory);
    fixture->is_frozen = false;
    fixture->engine = NULL;
    fixture->is_started = false;
    for (size_t i = 0; i < fixture->delivery_count; i++)
        delivery_release(fixture->deliveries[i]);
    free(fixture->deliveries);
    free(fixture->is_confirmed);
    fixture->deliveries = NULL;
    fixture->is_confirmed = NULL;
    fixture->delivery_count = 0;
    report_release(&fixture->report);
    config_free(fixture->config);
    fixture->config = NULL;
    return is_clean;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw) {
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

void fixture_free(struct fixture *fixture) {
    if (fixture->is_started)
        cr_expect(fixture_stop(fixture));
    log_free(fixture->log);
    nftw(fixture->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    pthread_mutex_destroy(&fixture->lock);
    pthread_cond_destroy(&fixture->changed);
    free(fixture->log_text);
    while (fixture->sent_first != NULL) {
        struct queued *next = fixture->sent_first->next_sent;
        free(fixture->sent_first);
        fixture->sent_first = next;
    }
    free(fixture);
}

struct engine *fixture_engine(struct fixture *fixture) {
    return fixture->engine;
}

struct report *fixture_report(struct fixture *fixture) {
    return &fixture->report;
}

const struct report_line *fixture_line(struct fixture *fixture, const char *deployment) {
    for (size_t i = 0; i < fixture->report.count; i++) {
        if (strcmp(fixture->report.lines[i].deployment, deployment) == 0)
            return &fixture->report.lines[i];
    }
    cr_assert_fail("no line of %s", deployment);
    return NULL;
}

void fixture_fail_allocation(struct fixture *fixture, long nth, bool does_last) {
    fixture->fail_at = nth;
    fixture->does_fail_last = does_last;
}

bool fixture_did_fail(struct fixture *fixture) {
    return fixture->did_fail;
}

static void begin_to_fail(const struct fixture *fixture) {
    if (fixture->fail_at < 0)
        return;
    if (fixture->does_fail_last)
        memory_fail_from(fixture->fail_at);
    else
        memory_fail_once(fixture->fail_at);
}

void fixture_end_to_fail(struct fixture *fixture) {
    fixture->did_fail = fixture->fail_at >= 0 && memory_end();
    fixture->fail_at = -1;
}

bool fixture_resume(struct fixture *fixture, const char *deployment, struct error *error) {
    begin_to_fail(fixture);
    const bool did = engine_resume(fixture->engine, deployment, false, error);
    fixture_end_to_fail(fixture);
    return did;
}

static uint64_t newest_checkpoint(const struct fixture *fixture, int32_t partition,
                                  char path[256]) {
    struct checkpoint_file *files;
    size_t count;
    struct error error;
    uint64_t newest = 0;
    char state_dir[128];
    snprintf(state_dir, sizeof state_dir, "%s/state", fixture->directory);
    cr_assert(checkpoint_files_list(state_dir, &files, &count, &error), "%s", error.text);
    for (size_t i = 0; i < count; i++) {
        if (files[i].partition != partition || files[i].is_journal || files[i].number <= newest)
            continue;
        newest = files[i].number;
        snprintf(path, 256, "%s", files[i].path);
    }
    checkpoint_files_free(files, count);
    return newest;
}

void fixture_state_path(const struct fixture *fixture, int32_t partition, char path[256]) {
    cr_assert_neq(newest_checkpoint(fixture, partition, path), 0);
}

static void read_newest(const struct fixture *fixture, int32_t partition, char path[256],
                        struct checkpoint *checkpoint) {
    struct error error;
    fixture_state_path(fixture, partition, path);
    checkpoint_init(checkpoint);
    cr_assert(checkpoint_file_read(path, checkpoint, &error), "%s", error.text);
}

static void write_bytes(const char *path, const struct text *bytes) {
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fwrite(bytes->data, 1, bytes->size, file), bytes->size);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(path, 0600), 0);
}

uint64_t fixture_make_foreign(const struct fixture *fixture, int32_t partition,
                              const char *deployment) {
    struct checkpoint checkpoint;
    struct text bytes;
    char path[256];
    read_newest(fixture, partition, path, &checkpoint);
    struct checkpoint_part *part = checkpoint_part(&checkpoint, deployment);
    cr_assert(part != NULL && part->has_state);
    free(part->state.strategy);
    part->state.strategy = strdup("other");
    text_init(&bytes);
    checkpoint_encode(&checkpoint, &bytes);
    write_bytes(path, &bytes);
    text_release(&bytes);
    const uint64_t number = checkpoint.number;
    checkpoint_release(&checkpoint);
    return number;
}

void fixture_make_old(const struct fixture *fixture, int32_t partition, const char *deployment) {
    struct checkpoint checkpoint;
    struct text bytes, state;
    char path[256];
    read_newest(fixture, partition, path, &checkpoint);
    const struct checkpoint_part *part = checkpoint_part(&checkpoint, deployment);
    cr_assert(part != NULL && part->has_state);
    text_init(&bytes);
    text_init(&state);
    text_puts(&bytes, "take5in1");
    wire_put_u64(&bytes, checkpoint.positions.count);
    for (size_t i = 0; i < checkpoint.positions.count; i++) {
        wire_put_string(&bytes, checkpoint.positions.items[i].topic);
        wire_put_i64(&bytes, checkpoint.positions.items[i].partition);
        wire_put_i64(&bytes, checkpoint.positions.items[i].next);
    }
    state_encode(&part->state, &state);
    wire_put_bytes(&bytes, state.data, state.size);
    wire_put_u64(&bytes, hash_key(bytes.data, bytes.size));
    run_shell("rm -r %s/state/checkpoints && mkdir -m 700 %s/state/instances", fixture->directory);
    snprintf(path, sizeof path, "%s/state/instances/%s.%d.state", fixture->directory, deployment,
             (int)partition);
    write_bytes(path, &bytes);
    text_release(&state);
    text_release(&bytes);
    checkpoint_release(&checkpoint);
}

size_t fixture_checkpoint(struct fixture *fixture) {
    struct error error = {0};
    size_t taken = 0;
    cr_assert(engine_checkpoint(fixture->engine, LIMIT_NS, &taken, &error), "%s", error.text);
    return taken;
}

void fixture_give_history(struct fixture *fixture) {
    fixture->has_history = true;
}

void fixture_delete_below(struct fixture *fixture, int64_t offset) {
    pthread_mutex_lock(&fixture->lock);
    fixture->deleted_below = offset;
    pthread_mutex_unlock(&fixture->lock);
}

void fixture_hold_history(struct fixture *fixture, bool does_hold) {
    pthread_mutex_lock(&fixture->lock);
    fixture->is_history_held = does_hold;
    pthread_mutex_unlock(&fixture->lock);
}

void fixture_refuse_history(struct fixture *fixture, int count) {
    fixture->refused_histories = count;
}

void fixture_freeze_disk(struct fixture *fixture) {
    run_shell("rm -rf %s/frozen && cp -a %s/state %s/frozen", fixture->directory);
    fixture->is_frozen = true;
}

struct awaited {
    const char *deployment, *state;
    bool is_so;
};

static void look_at_state(void *context, const struct view_strategy *strategy) {
    struct awaited *awaited = context;
    if (strcmp(strategy->name, awaited->deployment) == 0)
        awaited->is_so =
            strcmp(strategy->suspended > 0 ? strategy->why : "running", awaited->state) == 0;
}

void fixture_wait_state(struct fixture *fixture, const char *deployment, const char *state) {
    const struct timespec look = {.tv_nsec = NS_PER_MS};
    const int64_t until_ns = clock_monotonic_ns() + LIMIT_NS;
    struct awaited awaited = {deployment, state, false};
    struct error error = {0};
    while (!awaited.is_so && clock_monotonic_ns() < until_ns) {
        cr_assert(engine_poll(fixture->engine, 0, &error), "%s", error.text);
        view_strategies(fixture->engine, look_at_state, &awaited);
        nanosleep(&look, NULL);
    }
    cr_assert(awaited.is_so, "%s was never \"%s\"\n%s", deployment, state, fixture_log(fixture));
}

void fixture_reload(struct fixture *fixture, const char *const *settings) {
    if (settings != NULL)
        set_settings(fixture, settings);
    report_release(&fixture->report);
    report_init(&fixture->report);
    struct config *next = load_config(fixture);
    begin_to_fail(fixture);
    engine_reload(fixture->engine, next, &fixture->report);
    fixture_end_to_fail(fixture);
}

/* As of a client: what was stored before an assignment is forgotten with it. */
static void assign(struct fixture *fixture, struct topic_partition *parts, size_t count) {
    pthread_mutex_lock(&fixture->lock);
    for (size_t i = 0; i < count; i++)
        fixture->stored[parts[i].topic][parts[i].partition] = -1;
    pthread_mutex_unlock(&fixture->lock);
    begin_to_fail(fixture);
    fixture->listener.assigned(fixture->listener.context, parts, count);
    fixture_end_to_fail(fixture);
}

void fixture_assign_topic(struct fixture *fixture, uint32_t topic, int32_t partition,
                          int64_t committed) {
    struct topic_partition part = {topic, partition, committed, false, NULL};
    assign(fixture, &part, 1);
}

void fixture_assign(struct fixture *fixture, int32_t partition, int64_t committed) {
    struct topic_partition parts[TOPICS];
    for (uint32_t topic = 0; topic < TOPICS; topic++)
        parts[topic] = (struct topic_partition){topic, partition, committed, false, NULL};
    assign(fixture, parts, TOPICS);
}

void fixture_assign_new(struct fixture *fixture, uint32_t topic, int32_t partition, int64_t begin) {
    struct topic_partition part = {topic, partition, begin, true, NULL};
    assign(fixture, &part, 1);
}

bool fixture_is_attended(const struct fixture *fixture) {
    return !fixture->is_unattended;
}

void fixture_assign_many(struct fixture *fixture, size_t count, const int64_t *committed) {
    struct topic_partition parts[MAX_PARTITIONS];
    for (size_t i = 0; i < count; i++)
        parts[i] = (struct topic_partition){BAR, (int32_t)i, committed[i], false, NULL};
    assign(fixture, parts, count);
}

void fixture_revoke_topic(struct fixture *fixture, uint32_t topic, int32_t partition) {
    const struct topic_partition part = {topic, partition, SOURCE_NO_OFFSET, false, NULL};
    fixture->listener.revoked(fixture->listener.context, &part, 1, false);
}

void fixture_lose(struct fixture *fixture, int32_t partition) {
    struct topic_partition parts[TOPICS];
    for (uint32_t topic = 0; topic < TOPICS; topic++)
        parts[topic] = (struct topic_partition){topic, partition, SOURCE_NO_OFFSET, false, NULL};
    fixture->listener.revoked(fixture->listener.context, parts, TOPICS, true);
}

void fixture_set_committed(struct fixture *fixture, int64_t offset) {
    fixture->committed = offset;
}

void fixture_revoke(struct fixture *fixture, int32_t partition) {
    struct topic_partition parts[TOPICS];
    for (uint32_t topic = 0; topic < TOPICS; topic++)
        parts[topic] = (struct topic_partition){topic, partition, SOURCE_NO_OFFSET, false, NULL};
    fixture->listener.revoked(fixture->listener.context, parts, TOPICS, false);
}

static void send(struct fixture *fixture, uint32_t topic, int32_t partition, int64_t offset,
                 const char *key, const char *payload) {
    const size_t size = strlen(payload);
    const size_t key_size = key != NULL ? strlen(key) : 0;
    struct queued *queued = malloc(sizeof *queued + size + key_size + 1);
    if (queued == NULL)
        abort();
    memcpy(queued->bytes, payload, size + 1);
    if (key != NULL)
        memcpy(queued->bytes + size, key, key_size);
    queued->next = NULL;
    queued->record = (struct record){
        .payload = queued->bytes,
        .payload_size = size,
        .key = key != NULL ? queued->bytes + size : NULL,
        .key_size = key_size,
        .kafka_time_ms = 1700000000000 + offset * 1000,
        .offset = offset,
        .partition = partition,
        .topic = topic,
    };
    struct queued *copy = malloc(sizeof *copy + size + key_size + 1);
    cr_assert_not_null(copy);
    memcpy(copy, queued, sizeof *copy + size + key_size + 1);
    copy->record.payload = copy->bytes;
    copy->record.key = key != NULL ? copy->bytes + size : NULL;
    copy->next_sent = NULL;
    pthread_mutex_lock(&fixture->lock);
    if (fixture->sent_last != NULL)
        fixture->sent_last->next_sent = copy;
    else
        fixture->sent_first = copy;
    fixture->sent_last = copy;
    const uint32_t lane = lane_of(fixture, partition);
    if (fixture->last[lane] != NULL)
        fixture->last[lane]->next = queued;
    else
        fixture->first[lane] = queued;
    fixture->last[lane] = queued;
    fixture->sent++;
    begin_to_fail(fixture);
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
}

void fixture_send_payload(struct fixture *fixture, uint32_t topic, int32_t partition,
                          int64_t offset, const char *payload) {
    send(fixture, topic, partition, offset, NULL, payload);
}

void fixture_send_keyed(struct fixture *fixture, uint32_t topic, int32_t partition, int64_t offset,
                        const char *key, const char *symbol) {
    char payload[128];
    snprintf(payload, sizeof payload, "{\"symbol\":\"%s\",\"price\":1.5}", symbol);
    send(fixture, topic, partition, offset, key, payload);
}

void fixture_send(struct fixture *fixture, uint32_t topic, int32_t partition, int64_t offset,
                  const char *symbol) {
    fixture_send_keyed(fixture, topic, partition, offset, NULL, symbol);
}

static void wait_for(struct fixture *fixture,
                     bool (*is_so)(struct fixture *fixture, const int64_t *words),
                     const int64_t *words, const char *what) {
    const struct timespec until = in_ns(LIMIT_NS);
    bool did = true;
    pthread_mutex_lock(&fixture->lock);
    while (did && !is_so(fixture, words))
        did = pthread_cond_timedwait(&fixture->changed, &fixture->lock, &until) == 0;
    pthread_mutex_unlock(&fixture->lock);
    cr_assert(did, "waited in vain for %s", what);
}

static bool is_idle(struct fixture *fixture, const int64_t *words) {
    (void)words;
    return fixture->released == fixture->sent;
}

void fixture_wait_idle(struct fixture *fixture) {
    wait_for(fixture, is_idle, NULL, "the lanes to be idle");
}

/* The lane that stops reading tells nobody: its count is looked at. */
void fixture_wait_throttled(struct fixture *fixture) {
    const struct timespec look = {.tv_nsec = 5 * NS_PER_MS};
    const int64_t until_ns = clock_monotonic_ns() + LIMIT_NS;
    struct view_totals totals = {0};
    while (totals.throttled == 0 && clock_monotonic_ns() < until_ns) {
        nanosleep(&look, NULL);
        view_totals(fixture->engine, &totals);
    }
    cr_assert_gt(totals.throttled, 0, "waited in vain for a lane to stop draining");
}

static bool has_deliveries(struct fixture *fixture, const int64_t *words) {
    return fixture->delivery_count >= (size_t)words[0];
}

void fixture_wait_deliveries(struct fixture *fixture, size_t count) {
    const int64_t words[] = {(int64_t)count};
    wait_for(fixture, has_deliveries, words, "deliveries");
}

static bool is_stored(struct fixture *fixture, const int64_t *words) {
    return fixture->stored[words[0]][words[1]] == words[2];
}

void fixture_wait_stored(struct fixture *fixture, uint32_t topic, int32_t partition,
                         int64_t offset) {
    const int64_t words[3] = {topic, partition, offset};
    wait_for(fixture, is_stored, words, "an offset to be stored");
}

void fixture_refuse_stores(struct fixture *fixture, int count) {
    pthread_mutex_lock(&fixture->lock);
    fixture->refused_stores = count;
    pthread_mutex_unlock(&fixture->lock);
}

int64_t fixture_stored(struct fixture *fixture, uint32_t topic, int32_t partition) {
    pthread_mutex_lock(&fixture->lock);
    const int64_t stored = fixture->stored[topic][partition];
    pthread_mutex_unlock(&fixture->lock);
    return stored;
}

uint64_t fixture_read(struct fixture *fixture) {
    pthread_mutex_lock(&fixture->lock);
    const uint64_t read = fixture->read;
    pthread_mutex_unlock(&fixture->lock);
    return read;
}

void fixture_hold(struct fixture *fixture) {
    pthread_mutex_lock(&fixture->lock);
    fixture->does_hold = true;
    pthread_mutex_unlock(&fixture->lock);
}

void fixture_confirm(struct fixture *fixture, size_t index) {
    pthread_mutex_lock(&fixture->lock);
    cr_assert_lt(index, fixture->delivery_count);
    const bool does = !fixture->is_confirmed[index];
    fixture->is_confirmed[index] = true;
    struct delivery *delivery = fixture->deliveries[index];
    pthread_mutex_unlock(&fixture->lock);
    if (does)
        delivery_confirm(delivery);
}

void fixture_confirm_all(struct fixture *fixture) {
    for (size_t i = 0; i < fixture_deliveries(fixture); i++)
        fixture_confirm(fixture, i);
}

void fixture_set_partitions(struct fixture *fixture, int32_t count) {
    fixture->partitions = count;
}

void fixture_set_range(struct fixture *fixture, int64_t low, int64_t high) {
    pthread_mutex_lock(&fixture->lock);
    fixture->low = low;
    fixture->high = high;
    pthread_mutex_unlock(&fixture->lock);
}

size_t fixture_deliveries(struct fixture *fixture) {
    pthread_mutex_lock(&fixture->lock);
    const size_t count = fixture->delivery_count;
    pthread_mutex_unlock(&fixture->lock);
    return count;
}

const char *fixture_delivery(struct fixture *fixture, size_t index) {
    static char text[1024];
    pthread_mutex_lock(&fixture->lock);
    cr_assert_lt(index, fixture->delivery_count);
    struct delivery *delivery = fixture->deliveries[index];
    const struct delivery_text *made = delivery_text(delivery);
    cr_assert_not_null(made);
    snprintf(text, sizeof text, "%.*s", (int)made->value_size, made->value);
    for (size_t i = 0; delivery->kind == DELIVERY_DEAD_LETTER && i < made->header_count; i++) {
        if (strcmp(made->headers[i].name, "__take5.errors.reason") == 0)
            snprintf(text, sizeof text, "dead letter %.*s", (int)made->headers[i].value_size,
                     made->headers[i].value);
    }
    pthread_mutex_unlock(&fixture->lock);
    return text;
}

double fixture_signal_value(struct fixture *fixture, size_t index) {
    const char *value = strstr(fixture_delivery(fixture, index), "\"value\":");
    cr_assert_not_null(value);
    return strtod(value + 8, NULL);
}

const char *fixture_log(struct fixture *fixture) {
    char path[128];
    snprintf(path, sizeof path, "%s/log", fixture->directory);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    free(fixture->log_text);
    fixture->log_text = calloc(1, 1 << 20);
    cr_assert_not_null(fixture->log_text);
    const size_t size = fread(fixture->log_text, 1, (1 << 20) - 1, file);
    fixture->log_text[size] = '\0';
    fclose(file);
    return fixture->log_text;
}

const char *fixture_said(struct fixture *fixture, const char *event) {
    const size_t size = strlen(event);
    (void)fixture_log(fixture);
    for (char *line = fixture->log_text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        const char *named = strstr(line, " event=");
        *end = '\0';
        if (named != NULL && named < end && strncmp(named + 7, event, size) == 0 &&
            strchr(" ", named[7 + size]) != NULL)
            return line;
    }
    return NULL;
}

struct accused {
    const char *deployment;
    char hash[33];
};

static void find_hash(void *context, const struct view_strategy *strategy) {
    struct accused *accused = context;
    if (strcmp(strategy->name, accused->deployment) == 0)
        memcpy(accused->hash, strategy->hash, sizeof accused->hash);
}

void fixture_accuse(struct fixture *fixture, const char *deployment) {
    char path[128];
    const long long now_ns = clock_wall_ns();
    struct accused accused = {.deployment = deployment};
    view_strategies(fixture->engine, find_hash, &accused);
    snprintf(path, sizeof path, "%s/state/crash", fixture->directory);
    cr_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
    snprintf(path, sizeof path, "%s/state/crash/1-1.crash", fixture->directory);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    fprintf(file,
            "take5 crashed\nwhat = SIGSEGV\ntime = %lld.%09lld\ndeployment = %s\nhash = %s\n"
            "callback = on_message\ntopic = bars\npartition = 0\noffset = 3\n",
            now_ns / NS_PER_S, now_ns % NS_PER_S, deployment, accused.hash);
    cr_assert_eq(chmod(path, 0600), 0);
    cr_assert_eq(fclose(file), 0);
}

#include "stage.h"

#include "base/clock.h"
#include "base/text.h"

#include <criterion/criterion.h>
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
    struct queued *next;
    struct record record;
    char bytes[];
};

struct stage_source {
    struct source base;
    struct stage *stage;
};

struct stage_sink {
    struct sink base;
    struct stage *stage;
};

struct stage {
    char directory[64];
    struct log *log;
    struct config *config;
    const char *settings[MAX_SETTINGS];
    struct engine *engine;
    struct report report;
    struct outbox outbox;
    struct stage_source source;
    struct stage_sink signals, letters;
    struct source_listener listener;
    bool is_started;
    bool is_halted, was_clean;
    pthread_mutex_t lock; /* guards all that follows */
    pthread_cond_t changed;
    struct queued *first[LANES], *last[LANES];
    bool is_awake[LANES];
    uint64_t sent, released, read;
    int64_t stored[TOPICS][MAX_PARTITIONS];
    int refused_stores; /* how many are still to be refused */
    int64_t committed;  /* by this host */
    int32_t partitions; /* of each topic in all */
    int64_t low, high;  /* the range; high < 0: not known */
    bool does_hold;
    struct parcel **parcels;
    bool *is_confirmed;
    size_t parcel_count;
    char *log_text;
};

static struct timespec in_ns(int64_t ns) {
    const int64_t at = clock_monotonic_ns() + ns;
    return (struct timespec){.tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S};
}

/* ---- the source ---- */

static struct stage *of(struct source *source) {
    return ((struct stage_source *)source)->stage;
}

static uint32_t lane_of(const struct stage *stage, int32_t partition) {
    return (uint32_t)(partition % (int32_t)stage->config->lanes);
}

static bool source_start(struct source *source, const struct source_listener *listener,
                         struct error *error) {
    (void)error;
    of(source)->listener = *listener;
    return true;
}

static size_t source_read(struct source *source, uint32_t lane, struct record *records, size_t most,
                          int timeout_ms) {
    struct stage *stage = of(source);
    size_t count = 0;
    pthread_mutex_lock(&stage->lock);
    const struct timespec until = in_ns(timeout_ms * NS_PER_MS);
    while (stage->first[lane] == NULL && !stage->is_awake[lane]) {
        if (pthread_cond_timedwait(&stage->changed, &stage->lock, &until) != 0)
            break;
    }
    stage->is_awake[lane] = false;
    for (; stage->first[lane] != NULL && count < most; count++) {
        struct queued *queued = stage->first[lane];
        stage->first[lane] = queued->next;
        if (queued->next == NULL)
            stage->last[lane] = NULL;
        records[count] = queued->record;
        records[count].handle = queued;
    }
    stage->read += count;
    pthread_mutex_unlock(&stage->lock);
    return count;
}

static void source_release(struct source *source, uint32_t lane, struct record *records,
                           size_t count) {
    struct stage *stage = of(source);
    (void)lane;
    for (size_t i = 0; i < count; i++)
        free(records[i].handle);
    pthread_mutex_lock(&stage->lock);
    stage->released += count;
    pthread_cond_broadcast(&stage->changed);
    pthread_mutex_unlock(&stage->lock);
}

static bool source_range(struct source *source, uint32_t topic, int32_t partition, int64_t *low,
                         int64_t *high) {
    struct stage *stage = of(source);
    (void)topic;
    (void)partition;
    pthread_mutex_lock(&stage->lock);
    *low = stage->low;
    *high = stage->high;
    pthread_mutex_unlock(&stage->lock);
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
    struct stage *stage = of(source);
    pthread_mutex_lock(&stage->lock);
    stage->is_awake[lane] = true;
    pthread_cond_broadcast(&stage->changed);
    pthread_mutex_unlock(&stage->lock);
}

static bool source_store(struct source *source, uint32_t topic, int32_t partition, int64_t next) {
    struct stage *stage = of(source);
    pthread_mutex_lock(&stage->lock);
    const bool does_take = stage->refused_stores == 0;
    if (does_take)
        stage->stored[topic][partition] = next;
    else
        stage->refused_stores--;
    pthread_cond_broadcast(&stage->changed);
    pthread_mutex_unlock(&stage->lock);
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
    (void)source;
    (void)lags;
    (void)most;
    return 0;
}

/* All partitions that are held are revoked, as a consumer's close does. */
static bool source_close(struct source *source, int timeout_ms) {
    struct stage *stage = of(source);
    struct source_part parts[TOPICS * MAX_PARTITIONS];
    size_t count = 0;
    (void)timeout_ms;
    for (int32_t partition = 0; partition < MAX_PARTITIONS; partition++) {
        for (uint32_t topic = 0; topic < TOPICS; topic++)
            parts[count++] = (struct source_part){topic, partition, SOURCE_NO_OFFSET};
    }
    stage->listener.revoked(stage->listener.context, parts, count, false);
    return true;
}

static bool source_free(struct source *source) {
    struct stage *stage = of(source);
    for (size_t lane = 0; lane < LANES; lane++) {
        while (stage->first[lane] != NULL) {
            struct queued *next = stage->first[lane]->next;
            free(stage->first[lane]);
            stage->first[lane] = next;
        }
        stage->last[lane] = NULL;
    }
    return true;
}

static const struct source_ops source_ops = {
    .start = source_start,
    .read = source_read,
    .release = source_release,
    .range = source_range,
    .committed = source_committed,
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

static bool sink_push(struct sink *sink, struct parcel *parcel) {
    struct stage *stage = ((struct stage_sink *)sink)->stage;
    parcel_retain(parcel);
    pthread_mutex_lock(&stage->lock);
    stage->parcels = realloc(stage->parcels, (stage->parcel_count + 1) * sizeof(struct parcel *));
    stage->is_confirmed =
        realloc(stage->is_confirmed, (stage->parcel_count + 1) * sizeof *stage->is_confirmed);
    const size_t index = stage->parcel_count++;
    stage->parcels[index] = parcel;
    stage->is_confirmed[index] = !stage->does_hold;
    const bool does_confirm = !stage->does_hold;
    pthread_cond_broadcast(&stage->changed);
    pthread_mutex_unlock(&stage->lock);
    if (does_confirm)
        parcel_confirm(parcel);
    return true;
}

static bool sink_flush(struct sink *sink, int timeout_ms) {
    struct stage *stage = ((struct stage_sink *)sink)->stage;
    bool is_done = true;
    (void)timeout_ms;
    pthread_mutex_lock(&stage->lock);
    for (size_t i = 0; i < stage->parcel_count; i++)
        is_done = is_done && stage->is_confirmed[i];
    pthread_mutex_unlock(&stage->lock);
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
    status->name = "stage";
    status->is_well = true;
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

/* ---- the stage ---- */

static struct config *load_config(struct stage *stage) {
    char texts[8][160];
    struct config_override overrides[8 + MAX_SETTINGS];
    char copies[MAX_SETTINGS][256];
    size_t count = 0;
    struct faults faults = FAULTS_INIT;
    static const char *const directories[] = {"strategy", "cache", "run", "state"};
    static const char *const keys[] = {"strategy_dir", "cache_dir", "run_dir", "state_dir"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(texts[i], sizeof texts[i], "%s/%s", stage->directory, directories[i]);
        overrides[count++] = (struct config_override){"take5", keys[i], texts[i]};
    }
    for (size_t i = 0; i < MAX_SETTINGS && stage->settings[i] != NULL; i++) {
        snprintf(copies[i], sizeof copies[i], "%s", stage->settings[i]);
        char *equals = strchr(copies[i], '=');
        char *dot = strchr(copies[i], '.');
        *equals = *dot = '\0';
        overrides[count++] = (struct config_override){copies[i], dot + 1, equals + 1};
    }
    const struct config_request request = {.overrides = overrides, .override_count = count};
    struct config *config = config_load(&request, &faults);
    for (size_t i = 0; i < faults.count; i++)
        fprintf(stderr, "%s\n", faults.items[i].text);
    cr_assert_not_null(config);
    faults_release(&faults);
    return config;
}

static void set_settings(struct stage *stage, const char *const *settings) {
    memset(stage->settings, 0, sizeof stage->settings);
    for (size_t i = 0; settings != NULL && settings[i] != NULL && i < MAX_SETTINGS - 1; i++)
        stage->settings[i] = settings[i];
}

struct stage *stage_new(const char *const *settings) {
    struct stage *stage = calloc(1, sizeof *stage);
    struct error error;
    char path[128];
    cr_assert_not_null(stage);
    strcpy(stage->directory, "/tmp/take5-stage-XXXXXX");
    cr_assert_not_null(mkdtemp(stage->directory));
    static const char *const directories[] = {"strategy", "cache", "run", "state"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", stage->directory, directories[i]);
        cr_assert_eq(mkdir(path, 0700), 0);
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&stage->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&stage->lock, NULL);
    stage->log = log_new();
    snprintf(path, sizeof path, "%s/log", stage->directory);
    const struct log_options options = {.level = LOG_LEVEL_INFO,
                                        .format = LOG_FORMAT_CONSOLE,
                                        .color = LOG_COLOR_NEVER,
                                        .path = path};
    cr_assert(log_configure(stage->log, &options, &error), "%s", error.text);
    set_settings(stage, settings);
    return stage;
}

void stage_drop(struct stage *stage, const char *plugin, const char *name) {
    struct text command;
    text_init(&command);
    text_printf(&command,
                "cp '%s/tests/plugins/%s.so' '%s/strategy/.%s.new' && mv '%s/strategy/.%s.new' "
                "'%s/strategy/%s.so'",
                TAKE5_BUILD_DIR, plugin, stage->directory, name, stage->directory, name,
                stage->directory, name);
    cr_assert_eq(system(command.data), 0);
    text_release(&command);
}

void stage_withdraw(struct stage *stage, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s/strategy/%s.so", stage->directory, name);
    cr_assert_eq(unlink(path), 0);
}

void stage_start(struct stage *stage) {
    struct error error = {0};
    stage->config = load_config(stage);
    for (size_t topic = 0; topic < TOPICS; topic++) {
        for (size_t partition = 0; partition < MAX_PARTITIONS; partition++)
            stage->stored[topic][partition] = -1;
    }
    stage->low = stage->high = -1;
    stage->committed = SOURCE_NO_OFFSET;
    stage->sent = stage->released = stage->read = 0;
    stage->does_hold = false;
    stage->source = (struct stage_source){{&source_ops}, stage};
    stage->signals = (struct stage_sink){{.ops = &sink_ops}, stage};
    stage->letters = (struct stage_sink){{.ops = &sink_ops}, stage};
    memset(&stage->outbox, 0, sizeof stage->outbox);
    stage->outbox.config = stage->config;
    stage->outbox.log = stage->log;
    stage->outbox.signal_sinks[0] = &stage->signals.base;
    stage->outbox.signal_sink_count = 1;
    stage->outbox.letter_sink = &stage->letters.base;
    const struct engine_options options = {
        .config = stage->config,
        .log = stage->log,
        .source = &stage->source.base,
        .outbox = &stage->outbox,
        .mode = T5_MODE_LIVE,
        .does_rehearse = false,
        .keeps_state = true,
    };
    stage->engine = engine_new(&options, &error);
    cr_assert_not_null(stage->engine, "%s", error.text);
    report_init(&stage->report);
    cr_assert(engine_start(stage->engine, &stage->report, &error), "%s", error.text);
    stage->is_started = true;
}

bool stage_halt(struct stage *stage) {
    stage->was_clean = engine_stop(stage->engine, 20 * NS_PER_S);
    stage->is_halted = true;
    return stage->was_clean;
}

bool stage_stop(struct stage *stage) {
    const bool is_clean = stage->is_halted ? stage->was_clean : stage_halt(stage);
    stage->is_halted = false;
    engine_free(stage->engine);
    source_free(&stage->source.base);
    stage->engine = NULL;
    stage->is_started = false;
    for (size_t i = 0; i < stage->parcel_count; i++)
        parcel_release(stage->parcels[i]);
    free(stage->parcels);
    free(stage->is_confirmed);
    stage->parcels = NULL;
    stage->is_confirmed = NULL;
    stage->parcel_count = 0;
    report_release(&stage->report);
    config_free(stage->config);
    stage->config = NULL;
    return is_clean;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw) {
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

void stage_free(struct stage *stage) {
    if (stage->is_started)
        cr_expect(stage_stop(stage));
    log_free(stage->log);
    nftw(stage->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    pthread_mutex_destroy(&stage->lock);
    pthread_cond_destroy(&stage->changed);
    free(stage->log_text);
    free(stage);
}

struct engine *stage_engine(struct stage *stage) {
    return stage->engine;
}

struct report *stage_report(struct stage *stage) {
    return &stage->report;
}

void stage_reload(struct stage *stage, const char *const *settings) {
    if (settings != NULL)
        set_settings(stage, settings);
    report_release(&stage->report);
    report_init(&stage->report);
    engine_reload(stage->engine, load_config(stage), &stage->report);
}

/* As of a client: what was stored before an assignment is forgotten with it. */
static void assign(struct stage *stage, struct source_part *parts, size_t count) {
    pthread_mutex_lock(&stage->lock);
    for (size_t i = 0; i < count; i++)
        stage->stored[parts[i].topic][parts[i].partition] = -1;
    pthread_mutex_unlock(&stage->lock);
    stage->listener.assigned(stage->listener.context, parts, count);
}

void stage_assign_topic(struct stage *stage, uint32_t topic, int32_t partition, int64_t committed) {
    struct source_part part = {topic, partition, committed};
    assign(stage, &part, 1);
}

void stage_assign(struct stage *stage, int32_t partition, int64_t committed) {
    struct source_part parts[TOPICS];
    for (uint32_t topic = 0; topic < TOPICS; topic++)
        parts[topic] = (struct source_part){topic, partition, committed};
    assign(stage, parts, TOPICS);
}

void stage_assign_many(struct stage *stage, size_t count, const int64_t *committed) {
    struct source_part parts[MAX_PARTITIONS];
    for (size_t i = 0; i < count; i++)
        parts[i] = (struct source_part){BAR, (int32_t)i, committed[i]};
    assign(stage, parts, count);
}

void stage_revoke_topic(struct stage *stage, uint32_t topic, int32_t partition) {
    const struct source_part part = {topic, partition, SOURCE_NO_OFFSET};
    stage->listener.revoked(stage->listener.context, &part, 1, false);
}

void stage_lose(struct stage *stage, int32_t partition) {
    struct source_part parts[TOPICS];
    for (uint32_t topic = 0; topic < TOPICS; topic++)
        parts[topic] = (struct source_part){topic, partition, SOURCE_NO_OFFSET};
    stage->listener.revoked(stage->listener.context, parts, TOPICS, true);
}

void stage_set_committed(struct stage *stage, int64_t offset) {
    stage->committed = offset;
}

void stage_revoke(struct stage *stage, int32_t partition) {
    struct source_part parts[TOPICS];
    for (uint32_t topic = 0; topic < TOPICS; topic++)
        parts[topic] = (struct source_part){topic, partition, SOURCE_NO_OFFSET};
    stage->listener.revoked(stage->listener.context, parts, TOPICS, false);
}

static void send(struct stage *stage, uint32_t topic, int32_t partition, int64_t offset,
                 const char *key, const char *payload) {
    const size_t size = strlen(payload);
    const size_t key_size = key != NULL ? strlen(key) : 0;
    struct queued *queued = malloc(sizeof *queued + size + key_size + 1);
    cr_assert_not_null(queued);
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
    pthread_mutex_lock(&stage->lock);
    const uint32_t lane = lane_of(stage, partition);
    if (stage->last[lane] != NULL)
        stage->last[lane]->next = queued;
    else
        stage->first[lane] = queued;
    stage->last[lane] = queued;
    stage->sent++;
    pthread_cond_broadcast(&stage->changed);
    pthread_mutex_unlock(&stage->lock);
}

void stage_send_payload(struct stage *stage, uint32_t topic, int32_t partition, int64_t offset,
                        const char *payload) {
    send(stage, topic, partition, offset, NULL, payload);
}

void stage_send_keyed(struct stage *stage, uint32_t topic, int32_t partition, int64_t offset,
                      const char *key, const char *symbol) {
    char payload[128];
    snprintf(payload, sizeof payload, "{\"symbol\":\"%s\",\"price\":1.5}", symbol);
    send(stage, topic, partition, offset, key, payload);
}

void stage_send(struct stage *stage, uint32_t topic, int32_t partition, int64_t offset,
                const char *symbol) {
    stage_send_keyed(stage, topic, partition, offset, NULL, symbol);
}

static void wait_for(struct stage *stage, bool (*is_so)(struct stage *stage, const int64_t *words),
                     const int64_t *words, const char *what) {
    const struct timespec until = in_ns(LIMIT_NS);
    bool did = true;
    pthread_mutex_lock(&stage->lock);
    while (did && !is_so(stage, words))
        did = pthread_cond_timedwait(&stage->changed, &stage->lock, &until) == 0;
    pthread_mutex_unlock(&stage->lock);
    cr_assert(did, "waited in vain for %s", what);
}

static bool is_idle(struct stage *stage, const int64_t *words) {
    (void)words;
    return stage->released == stage->sent;
}

void stage_wait_idle(struct stage *stage) {
    wait_for(stage, is_idle, NULL, "the lanes to be idle");
}

static bool has_parcels(struct stage *stage, const int64_t *words) {
    return stage->parcel_count >= (size_t)words[0];
}

void stage_wait_parcels(struct stage *stage, size_t count) {
    const int64_t words[] = {(int64_t)count};
    wait_for(stage, has_parcels, words, "parcels");
}

static bool is_stored(struct stage *stage, const int64_t *words) {
    return stage->stored[words[0]][words[1]] == words[2];
}

void stage_wait_stored(struct stage *stage, uint32_t topic, int32_t partition, int64_t offset) {
    const int64_t words[3] = {topic, partition, offset};
    wait_for(stage, is_stored, words, "an offset to be stored");
}

void stage_refuse_stores(struct stage *stage, int count) {
    pthread_mutex_lock(&stage->lock);
    stage->refused_stores = count;
    pthread_mutex_unlock(&stage->lock);
}

int64_t stage_stored(struct stage *stage, uint32_t topic, int32_t partition) {
    pthread_mutex_lock(&stage->lock);
    const int64_t stored = stage->stored[topic][partition];
    pthread_mutex_unlock(&stage->lock);
    return stored;
}

uint64_t stage_read(struct stage *stage) {
    pthread_mutex_lock(&stage->lock);
    const uint64_t read = stage->read;
    pthread_mutex_unlock(&stage->lock);
    return read;
}

void stage_hold(struct stage *stage) {
    pthread_mutex_lock(&stage->lock);
    stage->does_hold = true;
    pthread_mutex_unlock(&stage->lock);
}

void stage_confirm(struct stage *stage, size_t index) {
    pthread_mutex_lock(&stage->lock);
    cr_assert_lt(index, stage->parcel_count);
    const bool does = !stage->is_confirmed[index];
    stage->is_confirmed[index] = true;
    struct parcel *parcel = stage->parcels[index];
    pthread_mutex_unlock(&stage->lock);
    if (does)
        parcel_confirm(parcel);
}

void stage_confirm_all(struct stage *stage) {
    for (size_t i = 0; i < stage_parcels(stage); i++)
        stage_confirm(stage, i);
}

void stage_set_partitions(struct stage *stage, int32_t count) {
    stage->partitions = count;
}

void stage_set_range(struct stage *stage, int64_t low, int64_t high) {
    pthread_mutex_lock(&stage->lock);
    stage->low = low;
    stage->high = high;
    pthread_mutex_unlock(&stage->lock);
}

size_t stage_parcels(struct stage *stage) {
    pthread_mutex_lock(&stage->lock);
    const size_t count = stage->parcel_count;
    pthread_mutex_unlock(&stage->lock);
    return count;
}

const char *stage_parcel(struct stage *stage, size_t index) {
    static char text[1024];
    pthread_mutex_lock(&stage->lock);
    cr_assert_lt(index, stage->parcel_count);
    const struct parcel *parcel = stage->parcels[index];
    snprintf(text, sizeof text, "%.*s", (int)parcel->value_size, parcel->value);
    for (size_t i = 0; parcel->kind == PARCEL_LETTER && i < parcel->header_count; i++) {
        if (strcmp(parcel->headers[i].name, "__take5.errors.reason") == 0)
            snprintf(text, sizeof text, "letter %.*s", (int)parcel->headers[i].value_size,
                     parcel->headers[i].value);
    }
    pthread_mutex_unlock(&stage->lock);
    return text;
}

double stage_signal_value(struct stage *stage, size_t index) {
    const char *value = strstr(stage_parcel(stage, index), "\"value\":");
    cr_assert_not_null(value);
    return strtod(value + 8, NULL);
}

const char *stage_log(struct stage *stage) {
    char path[128];
    snprintf(path, sizeof path, "%s/log", stage->directory);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    free(stage->log_text);
    stage->log_text = calloc(1, 1 << 20);
    cr_assert_not_null(stage->log_text);
    const size_t size = fread(stage->log_text, 1, (1 << 20) - 1, file);
    stage->log_text[size] = '\0';
    fclose(file);
    return stage->log_text;
}

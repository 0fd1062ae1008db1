#include "replay_harness.h"

#include "base/clock.h"
#include "base/hash.h"
#include "recording/writer.h"
#include "synth/market.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char replay_paths[MAX_FILES][64];
static const char *path_list[MAX_FILES];

static struct config_topic topics[] = {{.role = "bar_trends", .name = "bars"},
                                       {.role = "historic_stats", .name = "historic_stats"},
                                       {.role = "asset_trends", .name = "asset_trends"}};

struct config replay_config = {
    .lanes = 1, .topics = topics, .topic_count = 3, .decode = DECODE_LIMITS_DEFAULT};

void replay_setup(void) {
    for (int i = 0; i < MAX_FILES; i++) {
        strcpy(replay_paths[i], "/tmp/take5-replay-XXXXXX");
        int fd = mkstemp(replay_paths[i]);
        cr_assert_geq(fd, 0);
        close(fd);
        path_list[i] = replay_paths[i];
    }
}

void replay_teardown(void) {
    for (int i = 0; i < MAX_FILES; i++)
        unlink(replay_paths[i]);
}

void replay_write_file(int file, const char *text) {
    FILE *stream = fopen(replay_paths[file], "w");
    cr_assert(stream != NULL && fputs(text, stream) >= 0 && fclose(stream) == 0);
}

static void note_bad(void *context, const char *file, uint64_t line, const char *text) {
    struct replay *replay = context;
    (void)file;
    text_printf(&replay->bad, "%llu %s\n", (unsigned long long)line, text);
}

static void on_assigned(void *context, struct topic_partition *parts, size_t count) {
    struct replay *replay = context;
    cr_assert_lt(replay->assigned_count, 64);
    replay->assigned[replay->assigned_count].partition = parts[0].partition;
    replay->assigned[replay->assigned_count].parts = count;
    replay->assigned[replay->assigned_count++].released = atomic_load(&replay->released);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(parts[i].offset, SOURCE_NO_OFFSET);
        replay->is_assigned[parts[i].partition] = true;
        if (parts[i].partition < 16 && replay->begin[parts[i].topic][parts[i].partition] > 0)
            parts[i].offset = replay->begin[parts[i].topic][parts[i].partition];
    }
}

static void on_revoked(void *context, const struct topic_partition *parts, size_t count,
                       bool is_lost) {
    struct replay *replay = context;
    cr_assert(!is_lost && parts != NULL);
    replay->revoked_parts += count;
}

static void remember(struct lane_thread *lane, const struct record *record) {
    struct seen_list *list = &lane->seen;
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 256 : list->capacity * 2;
        list->items = realloc(list->items, list->capacity * sizeof *list->items);
        cr_assert_not_null(list->items);
    }
    struct seen *seen = &list->items[list->count++];
    const char *file;
    memset(seen, 0, sizeof *seen);
    file_source_place(lane->replay->source, record, &file, &seen->line);
    strcpy(seen->file, file);
    seen->sequence = file_source_sequence(record);
    seen->topic = record->topic;
    seen->partition = record->partition;
    seen->offset = record->offset;
    seen->time_ms = record->kafka_time_ms;
    seen->ahead_ns = file_source_ahead_ns(record);
    seen->payload_size = record->payload_size;
    if (record->payload != NULL) {
        seen->payload_hash = hash_key(record->payload, record->payload_size);
        snprintf(seen->payload, sizeof seen->payload, "%.*s", (int)record->payload_size,
                 record->payload);
    }
    if (record->key != NULL)
        snprintf(seen->key, sizeof seen->key, "%.*s", (int)record->key_size, record->key);
}

static void *lane_main(void *context) {
    struct lane_thread *lane = context;
    struct source *source = lane->replay->source;
    struct record records[300];
    while (!atomic_load(&lane->replay->should_stop)) {
        size_t count = source->ops->read(source, lane->index, records, lane->most, 1000);
        for (size_t i = 0; i < count; i++) {
            cr_assert_eq((uint32_t)records[i].partition % lane->replay->lane_count, lane->index);
            cr_assert(lane->replay->is_assigned[records[i].partition],
                      "a record of partition %d before its assignment", records[i].partition);
            remember(lane, &records[i]);
        }
        /* Before the release: what the source does then shall find it counted. */
        atomic_fetch_add(&lane->replay->released, count);
        source->ops->release(source, lane->index, records, count);
    }
    return NULL;
}

struct replay *replay_new(struct file_source_options options, uint32_t lane_count) {
    return replay_new_warm(options, lane_count, 0);
}

struct replay *replay_new_warm(struct file_source_options options, uint32_t lane_count,
                               int64_t history_ns) {
    struct replay *replay = calloc(1, sizeof *replay);
    struct error error = {0};
    cr_assert_not_null(replay);
    text_init(&replay->bad);
    options.bad_line = note_bad;
    options.context = replay;
    if (options.paths == NULL) {
        options.paths = path_list;
        options.path_count = options.path_count == 0 ? 1 : options.path_count;
    }
    replay_config.lanes = lane_count;
    replay->lane_count = lane_count;
    replay->source = file_source_new(&options, &replay_config, NULL, &error);
    cr_assert_not_null(replay->source, "%s", error.text);
    struct source_listener listener = {replay, on_assigned, on_revoked, history_ns};
    cr_assert(replay->source->ops->start(replay->source, &listener, &error), "%s", error.text);
    for (uint32_t i = 0; i < lane_count; i++) {
        replay->lanes[i].replay = replay;
        replay->lanes[i].index = i;
        replay->lanes[i].most = 1 + (i * 97 + 63) % 300;
        pthread_create(&replay->lanes[i].thread, NULL, lane_main, &replay->lanes[i]);
    }
    return replay;
}

void replay_stop_lanes(struct replay *replay) {
    atomic_store(&replay->should_stop, true);
    for (uint32_t i = 0; i < replay->lane_count; i++) {
        replay->source->ops->wake(replay->source, i);
        pthread_join(replay->lanes[i].thread, NULL);
    }
}

/* Polls until the source has ended. */
bool replay_run(struct replay *replay, struct error *error) {
    while (replay->source->ops->poll(replay->source, 1000, error))
        ;
    replay_stop_lanes(replay);
    return error->code == ERROR_NONE;
}

static int by_sequence(const void *a, const void *b) {
    const struct seen *x = a, *y = b;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* All that the lanes saw, in the order of the input. */
struct seen_list replay_gather(struct replay *replay) {
    struct seen_list all = {0};
    for (uint32_t i = 0; i < replay->lane_count; i++) {
        struct seen_list *list = &replay->lanes[i].seen;
        for (size_t j = 1; j < list->count; j++)
            cr_assert_lt(list->items[j - 1].sequence, list->items[j].sequence);
        all.items = realloc(all.items, (all.count + list->count + 1) * sizeof *all.items);
        if (list->count > 0)
            memcpy(all.items + all.count, list->items, list->count * sizeof *all.items);
        all.count += list->count;
    }
    qsort(all.items, all.count, sizeof *all.items, by_sequence);
    for (size_t i = 0; i < all.count; i++)
        cr_assert_eq(all.items[i].sequence, i, "sequence %zu is missing", i);
    return all;
}

void replay_free(struct replay *replay) {
    cr_assert(replay->source->ops->close(replay->source, 1000));
    cr_assert(replay->source->ops->free(replay->source));
    size_t assigned = 0;
    for (size_t i = 0; i < replay->assigned_count; i++)
        assigned += replay->assigned[i].parts;
    cr_assert_eq(replay->revoked_parts, assigned);
    for (uint32_t i = 0; i < replay->lane_count; i++)
        free(replay->lanes[i].seen.items);
    text_release(&replay->bad);
    free(replay);
}

/* The whole of a replay that is to succeed. */
struct seen_list replay_all(struct file_source_options options, uint32_t lane_count) {
    struct replay *replay = replay_new(options, lane_count);
    struct error error = {0};
    cr_assert(replay_run(replay, &error), "%s", error.text);
    struct seen_list all = replay_gather(replay);
    replay_free(replay);
    return all;
}

/* `count` messages of a market, plain or recorded on 4 partitions. */
void replay_write_market(int file, uint64_t seed, size_t count, bool is_plain, double late_share) {
    struct market_options options = {.seed = seed,
                                     .symbol_count = 40,
                                     .envelope = MARKET_MIXED,
                                     .late_share = late_share,
                                     .start_ms = START_MS};
    struct error error;
    struct market *market = market_new(&options, &error);
    FILE *stream = fopen(replay_paths[file], "w");
    struct text line;
    text_init(&line);
    int64_t offsets[3][4] = {{0}};
    for (size_t i = 0; i < count; i++) {
        struct market_message message;
        market_next(market, &message);
        text_reset(&line);
        if (is_plain) {
            text_append(&line, message.payload, message.payload_size);
            text_putc(&line, '\n');
        } else {
            int32_t partition = (int32_t)(message.symbol % 4);
            struct record record = {.payload = message.payload,
                                    .payload_size = message.payload_size,
                                    .key = message.key,
                                    .key_size = message.key_size,
                                    .kafka_time_ms = message.event_time_ms,
                                    .partition = partition,
                                    .offset = offsets[message.role][partition]++};
            recording_line_write(&line, &record, topics[message.role].name);
        }
        cr_assert_eq(fwrite(line.data, 1, line.size, stream), line.size);
    }
    fclose(stream);
    text_release(&line);
    market_free(market);
}

bool replay_same(const struct seen_list *a, const struct seen_list *b) {
    return a->count == b->count && memcmp(a->items, b->items, a->count * sizeof *a->items) == 0;
}

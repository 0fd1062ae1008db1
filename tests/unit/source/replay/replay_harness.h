/*
 * A replay in which the test plays the engine: lanes that note what they see, and a control thread
 * that polls. Files of the test are made and removed by replay_setup() and replay_teardown().
 */
#ifndef TAKE5_TESTS_REPLAY_HARNESS_H
#define TAKE5_TESTS_REPLAY_HARNESS_H

#include "base/text.h"
#include "source/replay/replay_source.h"

#include <pthread.h>
#include <stdatomic.h>

#define MAX_LANES 4
#define MAX_FILES 4
#define START_MS  1718658900000LL

/* What one record was, as a lane saw it. */
struct seen {
    uint64_t sequence, line;
    char file[64];
    char payload[96];
    char key[16];
    uint64_t payload_hash;
    size_t payload_size;
    uint32_t topic;
    int32_t partition;
    int64_t offset, time_ms, ahead_ns;
};

struct seen_list {
    struct seen *items;
    size_t count, capacity;
};

struct lane_thread {
    struct replay *replay;
    uint32_t index;
    size_t most; /* records a read */
    pthread_t thread;
    struct seen_list seen;
};

/* One replay with its engine's part played by the test. */
struct replay {
    struct source *source;
    struct lane_thread lanes[MAX_LANES];
    uint32_t lane_count;
    atomic_bool should_stop;
    atomic_size_t released; /* by all lanes */
    /* Control thread's. */
    struct {
        int32_t partition;
        size_t parts, released;
    } assigned[64];
    size_t assigned_count, revoked_parts;
    bool is_assigned[65536];
    int64_t begin[3][16]; /* offsets that the listener asks for; 0: none */
    struct text bad;
};

extern char replay_paths[MAX_FILES][64];
extern struct config replay_config;

void replay_setup(void);
void replay_teardown(void);

/* The options with bounds of time and any other members; paths are the first `path_count` files of
 * the test, 1 when 0, unless given. */
#define BOUNDED(from, until, ...)                                                                  \
    (struct file_source_options) {                                                                 \
        .from_ns = (from), .until_ns = (until), __VA_ARGS__                                        \
    }
#define OPTIONS(...) BOUNDED(FILE_SOURCE_NO_FROM, FILE_SOURCE_NO_UNTIL, __VA_ARGS__)

void replay_write_file(int file, const char *text);
/* `count` messages of a market, plain or recorded on 4 partitions. */
void replay_write_market(int file, uint64_t seed, size_t count, bool is_plain, double late_share);

/* Starts the source and the lanes. */
struct replay *replay_new(struct file_source_options options, uint32_t lane_count);
/* With strategies that look back so far. */
struct replay *replay_new_warm(struct file_source_options options, uint32_t lane_count,
                               int64_t history_ns);
/* Polls until the source has ended, and stops the lanes. Whether it ended well. */
bool replay_run(struct replay *replay, struct error *error);
void replay_stop_lanes(struct replay *replay);
/* All that the lanes saw, in the order of the input. Free its items. */
struct seen_list replay_gather(struct replay *replay);
/* Closes the source. */
void replay_free(struct replay *replay);

/* The whole of a replay that is to succeed. */
struct seen_list replay_all(struct file_source_options options, uint32_t lane_count);
bool replay_same(const struct seen_list *a, const struct seen_list *b);

#endif

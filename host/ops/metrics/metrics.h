/*
 * ops/metrics/metrics.h - the host's figures in Prometheus's text form.
 *
 * No label grows with the messages: there are labels by deployment, topic, partition, lane, sink,
 * broker and reason, none by symbol.
 */
#ifndef TAKE5_OPS_METRICS_METRICS_H
#define TAKE5_OPS_METRICS_METRICS_H

#include "base/text.h"
#include "engine/engine.h"
#include "log/log.h"
#include "ops/metrics/dead_letter_backlog.h"
#include "ops/metrics/metrics_memory.h"

struct metrics_source {
    struct engine *engine;
    const struct feed_stats *feed_stats;
    const struct log *log;
    struct metrics_memory *memory;            /* lives from one call to the next */
    struct dead_letter_backlog *dead_letters; /* likewise; NULL: they are in no file */
    bool is_ready;                            /* what /health/ready answers */
    const char *version;
    const char *kafka_statistics; /* librdkafka's JSON; NULL: none */
    uint64_t http_accept_failures, control_accept_failures;
};

void metrics_write(struct text *text, const struct metrics_source *source);

/* Its parts, inside ops. */
void metrics_write_strategies(struct text *text, struct engine *engine,
                              struct metrics_memory *memory);
void metrics_write_checkpoints(struct text *text, struct engine *engine);
/* Nothing unless signals are delivered exactly once. */
void metrics_write_transactions(struct text *text, struct engine *engine);
void metrics_write_kafka(struct text *text, const char *statistics);
/* `started_ns`: when it was, wall clock. */
void metrics_write_process(struct text *text, int64_t started_ns);

/* Of this process; 0: not known. Any thread. */
double metrics_resident_bytes(void);

#endif

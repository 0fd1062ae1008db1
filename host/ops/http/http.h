/*
 * ops/http/http.h - what a running host answers over HTTP: health, metrics, status, results.
 * Read-only.
 *
 * Off the message path: one thread, which reads the engine's view (engine/view.h) and waits for no
 * lane. The answer of /health/live never depends on Kafka.
 */
#ifndef TAKE5_OPS_HTTP_HTTP_H
#define TAKE5_OPS_HTTP_HTTP_H

#include "base/error.h"
#include "config/config.h"
#include "engine/engine.h"
#include "log/log.h"
#include "ops/control/control.h"

#include <stdint.h>

struct http;

struct http_options {
    const struct config *config; /* read during http_new() and http_configure() alone */
    const char *version;
    struct log *log;
    struct engine *engine; /* started; outlives this, as the feed_stats */
    struct feed_stats *feed_stats;
    /* librdkafka's statistics as JSON, to be freed with free(); NULL: none. May be NULL. */
    char *(*kafka_statistics)(void *context);
    void *context;
    const struct control *control; /* whose connections are counted as well; may be NULL */
};

/* Listens at the configured address, and answers until http_stop(). A worker's does not listen:
 * its supervisor asks it with http_answer(). */
struct http *http_new(const struct http_options *options, struct error *error);
/* What a target ("/metrics") is answered: a line "STATUS CONTENT-TYPE", then the body. One thread
 * at a time. */
void http_answer(struct http *http, const char *target, struct text *answer);
/* Its own threads end, which look at `control`: before that goes. http_answer() may still be
 * called. NULL is allowed. */
void http_stop(struct http *http);
/* NULL is allowed. */
void http_free(struct http *http);

/* After a reload, from the control thread: these limits from now on. */
void http_configure(struct http *http, const struct config *config);

#endif

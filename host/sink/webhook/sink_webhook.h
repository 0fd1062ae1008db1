/*
 * sink/webhook/sink_webhook.h - signals, or alerts, posted to an HTTP server.
 *
 * One POST has one of them, or a batch (webhook_body.h has the forms). Any 2xx means that the
 * receiver has them safe. 400, 413, 414 and 422 refuse a record permanently. Anything else, such as
 * 401, 404, 429 or 503, can be repaired, and is retried at growing intervals, but not before
 * Retry-After. Redirects are not followed: the headers may have secrets.
 *
 * Every attempt at a request has the same `Idempotency-Key`, a hash of the ids in it. After a crash
 * of the host a signal may come in another batch: receivers that must not have it twice compare the
 * `id`.
 */
#ifndef TAKE5_SINK_WEBHOOK_SINK_WEBHOOK_H
#define TAKE5_SINK_WEBHOOK_SINK_WEBHOOK_H

#include "base/error.h"
#include "config/config.h"
#include "sink/sink.h"

#include <stddef.h>
#include <stdint.h>

struct sink_webhook_options {
    const char *url; /* a secret: what follows the host is never shown */
    enum config_webhook_format format;
    const char *chat;                   /* Telegram's chat; NULL: none */
    const struct config_items *headers; /* names and values of request headers; NULL: none */
    const char *ca_file;                /* NULL: the system's authorities */
    size_t batch;                       /* deliveries in one request, at most; 1: not as a list */
    int64_t timeout_ns;                 /* of one request */
    int64_t retry_most_ns;
    struct sink *dead_letters; /* as in batch_sink.h; NULL: none */
    struct log *log;
};

/* Copies the options, except for dead_letters and log. */
struct sink *sink_webhook_new(const struct sink_webhook_options *options, struct error *error);

#endif

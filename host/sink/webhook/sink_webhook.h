/*
 * sink/webhook/sink_webhook.h - signals, or alerts, posted to an HTTP server.
 *
 * One POST has one of them, or a batch (webhook_body.h has the forms). Any 2xx is the receiver's
 * word that it has them safe. Refused for good are 400, 413, 414 and 422: this record will never
 * do. All else, such as 401, 404, 429 or 503, somebody can repair, and is tried again at growing
 * intervals, at the earliest when Retry-After says. Redirects are not followed: the headers may
 * have secrets.
 *
 * Every try of a request has the same `Idempotency-Key`, a hash of the ids in it. After a crash of
 * the host a signal may come in another batch: who must not have it twice looks at the `id`.
 */
#ifndef TAKE5_SINK_WEBHOOK_SINK_WEBHOOK_H
#define TAKE5_SINK_WEBHOOK_SINK_WEBHOOK_H

#include "base/error.h"
#include "config/config.h"
#include "sink/sink.h"

#include <stddef.h>
#include <stdint.h>

struct sink_webhook_options {
    const char *url; /* a secret: it is shown without what follows the host */
    enum config_webhook_format format;
    const char *chat;                   /* Telegram's chat; NULL: none */
    const struct config_items *headers; /* names and values of the request's; NULL: none */
    const char *ca_file;                /* NULL: the system's authorities */
    size_t batch;                       /* in one request, at most; 1: not as a list */
    int64_t timeout_ns;                 /* of one request */
    int64_t retry_most_ns;
    struct sink *letters; /* as in batch_sink.h; NULL: none */
    struct log *log;
};

/* All of the options is copied but letters and log. */
struct sink *sink_webhook_new(const struct sink_webhook_options *options, struct error *error);

#endif

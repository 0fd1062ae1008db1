/*
 * sink/webhook/webhook_body.h - the body of a request.
 *
 *   json      the signal's JSON object as other sinks have it; a batch is an array of these
 *   slack     {"text":"LINES"}, with &, < and > escaped as Slack wants it
 *   telegram  {"chat_id":"CHAT","text":"LINES"}
 *
 * LINES are the summaries for people, one per delivery, cut so that a batch of WEBHOOK_CHAT_BATCH
 * is within Telegram's limit (4096 characters).
 */
#ifndef TAKE5_SINK_WEBHOOK_WEBHOOK_BODY_H
#define TAKE5_SINK_WEBHOOK_WEBHOOK_BODY_H

#include "base/hash.h"
#include "base/text.h"
#include "config/config.h"
#include "sink/sink.h"

struct webhook_form {
    enum config_webhook_format format;
    const char *chat; /* Telegram's */
    bool is_list;     /* json: an array, even for one */
};

/* False: out of memory. */
bool webhook_body(const struct webhook_form *form, struct delivery *const *deliveries, size_t count,
                  struct text *body);
/* A hash of the ids, in their order. False: out of memory. */
bool webhook_key(struct delivery *const *deliveries, size_t count, char key[HASH_TEXT_SIZE]);

#endif

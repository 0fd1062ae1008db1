/*
 * sink/webhook/webhook_body.h - the body of a request.
 *
 *   json      the signal's JSON object as other sinks have it; of a batch an array of these
 *   slack     {"text":"LINES"}, with &, < and > escaped as Slack wants it
 *   telegram  {"chat_id":"CHAT","text":"LINES"}
 *
 * LINES are those for people, one each, cut so that a batch of WEBHOOK_CHAT_BATCH is within what
 * Telegram takes (4096 characters).
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
    bool is_list;     /* json: an array, also of one */
};

/* False: no memory. */
bool webhook_body(const struct webhook_form *form, struct delivery *const *deliveries, size_t count,
                  struct text *body);
/* Of the ids, in their order. False: no memory. */
bool webhook_key(struct delivery *const *deliveries, size_t count, char key[HASH_TEXT_SIZE]);

#endif

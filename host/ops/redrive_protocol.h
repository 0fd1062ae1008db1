/*
 * ops/redrive_protocol.h - the control request by which `take5 dlq redrive --through` gives a
 * running host one dead letter:
 *
 *     redrive DEPLOYMENT TOPIC PARTITION OFFSET TIME KEY_SIZE +LENGTH
 *
 * or, with "redrive-dry-run" instead, asks what would come of it as far as that can be known.
 *
 * TIME is the message's Kafka time in milliseconds, KEY_SIZE a number of bytes, "-" for none. The
 * body is key and payload, one behind the other. The answer's first line is a
 * redrive_outcome_name(), the rest is the reason.
 */
#ifndef TAKE5_OPS_REDRIVE_PROTOCOL_H
#define TAKE5_OPS_REDRIVE_PROTOCOL_H

#include "base/text.h"
#include "engine/redrive.h"
#include "ops/control/control.h"

#include <stdbool.h>

/* What a key may have beside the largest payload, [decode] max_bytes. */
#define SERVICE_REDRIVE_KEY_ROOM   ((size_t)64 << 10)
/* How long the host waits for its sinks. */
#define SERVICE_REDRIVE_TIMEOUT_NS (10 * INT64_C(1000000000))

/* The client's side: request line and body of a dead_letter. False: a name does not fit into a
 * line. */
bool service_redrive_write(const struct redrive_request *dead_letter, struct text *line,
                           struct text *body);
/* Whether the word begins such a request. */
bool service_redrive_is_asked(const char *word);
/* The host's: the dead letter's spans are the request's. False: it is no such request. */
bool service_redrive_parse(const struct control_request *request,
                           struct redrive_request *dead_letter);

/* What came of it, as an answer. Gives whether it was given. */
bool service_redrive_answer(const struct redrive *redrive, struct text *answer);
/* Reads an answer: the outcome, and where its text begins. 0: it is none. */
enum redrive_outcome service_redrive_outcome(const struct text *answer, const char **why);

#endif

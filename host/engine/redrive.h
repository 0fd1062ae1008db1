/*
 * engine/redrive.h - one dead letter given once more, to one deployment.
 *
 * The message goes straight to the deployment's instance on the lane that owns its partition
 * number, flagged T5_MESSAGE_REDRIVE, past the filter of what was seen; the deployment's own
 * filters hold. The instance's event clock moves by the ordinary rule. Signals bear the coordinates
 * of the original as their cause, and hold no stored offset back: the dead letter itself is what
 * remains until they are confirmed. A dead letter that is rejected again makes no new one, and
 * neither errors nor rejects of redriven dead letters suspend the deployment: the client that
 * redrives is notified of each.
 *
 * Two steps, because control must not wait for a sink: engine_redrive() on the control thread gives
 * the message, engine_await_redrive() on any thread waits for the sinks.
 */
#ifndef TAKE5_ENGINE_REDRIVE_H
#define TAKE5_ENGINE_REDRIVE_H

#include "engine/core/redrive_outcome.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "given", "unconfirmed", ... */
const char *redrive_outcome_name(enum redrive_outcome outcome);

struct redrive_request {
    const char *deployment;
    const char *topic; /* Kafka's name */
    int32_t partition;
    int64_t offset;
    int64_t kafka_time_ms; /* RECORD_NO_TIME: none */
    const char *key;       /* NULL: none */
    size_t key_size;
    const char *payload; /* NULL: a tombstone */
    size_t payload_size;
    bool is_dry_run; /* goes as far as on_message, and is not given: GIVEN means that it would be */
};

struct redrive {
    enum redrive_outcome outcome;
    char text[512];              /* why, when it is not GIVEN */
    struct in_flight *in_flight; /* NULL: nothing to wait for */
    bool is_dry_run;
};

/* Control thread. Must be followed by engine_await_redrive(), whatever came of it. */
void engine_redrive(struct engine *engine, const struct redrive_request *dead_letter,
                    struct redrive *redrive);

/* Any thread, before engine_free(): waits for the sinks up to the time, or until the engine has
 * stopped, and settles the outcome. */
void engine_await_redrive(struct engine *engine, struct redrive *redrive, int64_t timeout_ns);

#endif

/*
 * sink/batch/refusal.h - the dead letter of a signal that a receiver refuses permanently.
 */
#ifndef TAKE5_SINK_BATCH_REFUSAL_H
#define TAKE5_SINK_BATCH_REFUSAL_H

#include "sink/sink.h"

#define REFUSAL_REASON "sink-refused"

/*
 * The signal's text and headers with the `__take5.errors.*` headers: the receiver's reason,
 * partition and offset of the cause, and as topic "sink:NAME", which cannot be the name of a Kafka
 * topic: the text is not a message that could be redriven to a strategy. To be pushed once. NULL:
 * out of memory.
 */
struct delivery *refusal_new(struct delivery *refused, const char *sink_name, const char *message);

#endif

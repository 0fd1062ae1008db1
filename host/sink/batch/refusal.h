/*
 * sink/batch/refusal.h - the dead letter of a signal that a receiver refuses permanently.
 */
#ifndef TAKE5_SINK_BATCH_REFUSAL_H
#define TAKE5_SINK_BATCH_REFUSAL_H

#include "sink/sink.h"

#define REFUSAL_REASON "sink-refused"

/*
 * The signal's text and headers with the `__take5.errors.*` headers: what the receiver said,
 * partition and offset of the cause, and as topic "sink:NAME", which no topic of Kafka's can be
 * called: the text is no message that a strategy could be given once more. To be pushed once.
 * NULL: no memory.
 */
struct delivery *refusal_new(struct delivery *refused, const char *sink_name, const char *message);

#endif

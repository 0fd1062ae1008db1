/*
 * service/recent.h - the last messages of the topics, for the rehearsals of a start: a strategy
 * that crashes on the first real message does so in a child, also at the very first start.
 */
#ifndef TAKE5_SERVICE_RECENT_H
#define TAKE5_SERVICE_RECENT_H

#include "config/config.h"
#include "message/record.h"

#include <stdbool.h>
#include <stddef.h>

struct recent;

/* Reads them off the brokers, up to [take5] rehearsal_messages, within some seconds, and without a
 * group. What cannot be had (no broker, no such topic, no memory) is left out, and logged for who
 * looks closely. NULL: nothing is there. */
struct recent *recent_read(const struct config *config, struct log *log);
/* NULL is allowed. */
void recent_free(struct recent *recent);

/* In the order of their times; valid while `recent` is. */
const struct record *recent_records(const struct recent *recent, size_t *count);

#endif

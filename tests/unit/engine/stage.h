/*
 * An engine on a stage: a source that gives what the test puts into it, sinks that keep what they
 * get until the test confirms it, real strategies from tests/plugins in a scratch directory.
 *
 * The test's thread is the control thread. Nothing here sleeps for luck: stage_wait_* wait for what
 * they name, with a limit after which the test fails.
 */
#ifndef TAKE5_TESTS_ENGINE_STAGE_H
#define TAKE5_TESTS_ENGINE_STAGE_H

#include "engine/engine.h"
#include "engine/report.h"
#include "engine/view.h"

#include <stdbool.h>
#include <stdint.h>

#define BAR      0u /* indices of the default topics */
#define HISTORIC 1u
#define ASSET    2u

struct stage;

/* A directory and a configuration over it; strategies are dropped before stage_start. Settings are
 * "section.key=value" texts, ended by NULL; may be NULL. */
struct stage *stage_new(const char *const *settings);
/* Puts tests/plugins/`plugin`.so (may have "as_good/" before it) into the drop directory as
 * `name`.so. */
void stage_drop(struct stage *stage, const char *plugin, const char *name);
void stage_withdraw(struct stage *stage, const char *name);
/* Starts an engine over it, also again after stage_stop: files and states stay. */
void stage_start(struct stage *stage);
/* engine_stop and engine_free; gives whether it was clean. Sinks are released with it: what they
 * hold is never confirmed. */
bool stage_stop(struct stage *stage);
/* Its first half: engine_stop alone. */
bool stage_halt(struct stage *stage);
void stage_free(struct stage *stage);

struct engine *stage_engine(struct stage *stage);
struct report *stage_report(struct stage *stage); /* of the start, or the last reload */
/* Reloads with these settings on top (NULL: the same as before). */
void stage_reload(struct stage *stage, const char *const *settings);

/* The group gives, or takes, all three topics of a partition number; committed offsets as given. */
void stage_assign(struct stage *stage, int32_t partition, int64_t committed);
void stage_revoke(struct stage *stage, int32_t partition);
/* Topic bar_trends of partitions 0, 1, ... in one assignment, with these committed offsets. */
void stage_assign_many(struct stage *stage, size_t count, const int64_t *committed);
/* All three topics are lost, as after a session's end. */
void stage_lose(struct stage *stage, int32_t partition);
/* What the source says that this host committed last, of every topic and partition. */
void stage_set_committed(struct stage *stage, int64_t offset);
/* One topic alone. */
void stage_assign_topic(struct stage *stage, uint32_t topic, int32_t partition, int64_t committed);
void stage_revoke_topic(struct stage *stage, uint32_t topic, int32_t partition);

/* Puts a record with that offset into the lane's queue: a good message of the symbol, with a key
 * (NULL: none) or without, or any payload. */
void stage_send(struct stage *stage, uint32_t topic, int32_t partition, int64_t offset,
                const char *symbol);
void stage_send_keyed(struct stage *stage, uint32_t topic, int32_t partition, int64_t offset,
                      const char *key, const char *symbol);
void stage_send_payload(struct stage *stage, uint32_t topic, int32_t partition, int64_t offset,
                        const char *payload);
/* Until the lanes have worked on everything sent. */
void stage_wait_idle(struct stage *stage);

/* Sinks confirm at once (the start) or hold. */
void stage_hold(struct stage *stage);
/* Confirms the parcel number `index` of all that came since the start, or all. */
void stage_confirm(struct stage *stage, size_t index);
void stage_confirm_all(struct stage *stage);
/* How many parcels came (signals and letters), and the text of one: a signal's value, or
 * "letter REASON" for a letter. Static memory. */
size_t stage_parcels(struct stage *stage);
void stage_wait_parcels(struct stage *stage, size_t count);
const char *stage_parcel(struct stage *stage, size_t index);
/* The number in a signal's "value". */
double stage_signal_value(struct stage *stage, size_t index);

/* What the log of every topic and partition has, as the source hears it. */
void stage_set_range(struct stage *stage, int64_t low, int64_t high);

/* How many partitions each topic has; 0 (the start): not known. */
void stage_set_partitions(struct stage *stage, int32_t count);

/* What was stored last for the topic and partition; -1: nothing. */
int64_t stage_stored(struct stage *stage, uint32_t topic, int32_t partition);
/* The source takes none of the next `count`, as a client whose assignment is still under way. */
void stage_refuse_stores(struct stage *stage, int count);
/* Until that is stored; a test failure after a limit. */
void stage_wait_stored(struct stage *stage, uint32_t topic, int32_t partition, int64_t offset);
/* Until so many messages were given up to now by the source's read. */
uint64_t stage_read(struct stage *stage);

/* What was logged so far. */
const char *stage_log(struct stage *stage);

#endif

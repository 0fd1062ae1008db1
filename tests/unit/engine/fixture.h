/*
 * An engine on a fixture: a source that gives what the test puts into it, sinks that keep what they
 * get until the test confirms it, real strategies from tests/plugins in a scratch directory.
 *
 * The test's thread is the control thread. Nothing here sleeps for luck: fixture_wait_* wait for
 * what they name, with a limit after which the test fails.
 */
#ifndef TAKE5_TESTS_ENGINE_FIXTURE_H
#define TAKE5_TESTS_ENGINE_FIXTURE_H

#include "engine/core/report.h"
#include "engine/engine.h"
#include "engine/operator.h"
#include "engine/view.h"

#include <stdbool.h>
#include <stdint.h>

#define BAR      0u /* indices of the default topics */
#define HISTORIC 1u
#define ASSET    2u

struct fixture;

/* A directory and a configuration over it; strategies are dropped before fixture_start. Settings
 * are "section.key=value" texts, ended by NULL; may be NULL. */
struct fixture *fixture_new(const char *const *settings);
/* Puts tests/plugins/`plugin`.so (may have "as_good/" before it) into the drop directory as
 * `name`.so. */
void fixture_drop(struct fixture *fixture, const char *plugin, const char *name);
/* One that has started with good_v1 as "good", and with FIXTURE_EVERY_MESSAGE: a signal for each
 * message, and checkpoints only at a clean stop, whatever time a test takes. */
struct fixture *fixture_good(void);
extern const char *const FIXTURE_EVERY_MESSAGE[];
void fixture_withdraw(struct fixture *fixture, const char *name);
/* Starts an engine over it, also again after fixture_stop: files and states stay. */
void fixture_start(struct fixture *fixture);
/* engine_stop and engine_free; gives whether it was clean. Sinks are released with it: what they
 * hold is never confirmed. */
bool fixture_stop(struct fixture *fixture);
/* Its first half: engine_stop alone. */
bool fixture_halt(struct fixture *fixture);
/* What the stop left behind. */
struct engine_left fixture_left(const struct fixture *fixture);
/* Whether a flush waits for as long as it may; else it gives up at once. */
void fixture_wait_in_flush(struct fixture *fixture, bool does_wait);
void fixture_free(struct fixture *fixture);

struct engine *fixture_engine(struct fixture *fixture);
struct report *fixture_report(struct fixture *fixture); /* of the start, or the last reload */
/* The report's line of a deployment; a test failure when there is none. */
const struct report_line *fixture_line(struct fixture *fixture, const char *deployment);
/* For the next start, in place of those that there are. */
void fixture_set_settings(struct fixture *fixture, const char *const *settings);
/* Reloads with these settings on top (NULL: the same as before). */
void fixture_reload(struct fixture *fixture, const char *const *settings);

/* In the next reload, assignment or resume, and there alone, allocation number `nth` (from 0) of
 * the host fails: once, or with `does_last` it and all later ones. When the next thing is a
 * message: from when it is in its lane's queue, until fixture_end_to_fail(). */
void fixture_fail_allocation(struct fixture *fixture, long nth, bool does_last);
/* Whether the last of these had one that failed. */
bool fixture_did_fail(struct fixture *fixture);
void fixture_end_to_fail(struct fixture *fixture);
/* engine_resume(). */
bool fixture_resume(struct fixture *fixture, const char *deployment, struct error *error);

/* The group gives, or takes, all three topics of a partition number; committed offsets as given. */
void fixture_assign(struct fixture *fixture, int32_t partition, int64_t committed);
void fixture_revoke(struct fixture *fixture, int32_t partition);
/* Topic bar_trends of partitions 0, 1, ... in one assignment, with these committed offsets. */
void fixture_assign_many(struct fixture *fixture, size_t count, const int64_t *committed);
/* All three topics are lost, as after a session's end. */
void fixture_lose(struct fixture *fixture, int32_t partition);
/* What the source says that this host committed last, of every topic and partition. */
void fixture_set_committed(struct fixture *fixture, int64_t offset);
/* One topic alone. */
void fixture_assign_topic(struct fixture *fixture, uint32_t topic, int32_t partition,
                          int64_t committed);
/* One that nobody has committed an offset of: it begins there. */
void fixture_assign_new(struct fixture *fixture, uint32_t topic, int32_t partition, int64_t begin);
/* Whether the source was told last that there is anybody to read for. */
bool fixture_is_attended(const struct fixture *fixture);
void fixture_revoke_topic(struct fixture *fixture, uint32_t topic, int32_t partition);

/* Puts a record with that offset into the lane's queue: a good message of the symbol, with a key
 * (NULL: none) or without, or any payload. */
void fixture_send(struct fixture *fixture, uint32_t topic, int32_t partition, int64_t offset,
                  const char *symbol);
void fixture_send_keyed(struct fixture *fixture, uint32_t topic, int32_t partition, int64_t offset,
                        const char *key, const char *symbol);
void fixture_send_payload(struct fixture *fixture, uint32_t topic, int32_t partition,
                          int64_t offset, const char *payload);
/* From here on the source has a history: all that was ever sent, over restarts too, can be read
 * again. */
void fixture_give_history(struct fixture *fixture);
/* The log loses what lies below. */
void fixture_delete_below(struct fixture *fixture, int64_t offset);
/* Readings give nothing until they are let go. */
void fixture_hold_history(struct fixture *fixture, bool does_hold);
/* The next so many readings cannot be opened. */
void fixture_refuse_history(struct fixture *fixture, int count);
/* Serves the engine until the deployment is as that says: "running", "catching up", ... */
void fixture_wait_state(struct fixture *fixture, const char *deployment, const char *state);
/* What the disk has now is what it has after the next stop, which then is a crash. */
void fixture_freeze_disk(struct fixture *fixture);
/* Takes checkpoints now; gives how many. */
size_t fixture_checkpoint(struct fixture *fixture);

/* Until the lanes have worked on everything sent. */
void fixture_wait_idle(struct fixture *fixture);

/* Until a lane has stopped draining for unconfirmed work. */
void fixture_wait_throttled(struct fixture *fixture);

/* Sinks confirm at once (the start) or hold. */
void fixture_hold(struct fixture *fixture);
/* Confirms the delivery number `index` of all that came since the start, or all. */
void fixture_confirm(struct fixture *fixture, size_t index);
void fixture_confirm_all(struct fixture *fixture);
/* How many deliveries came (signals and dead letters), and the text of one: a signal's value, or
 * "dead letter REASON" for a dead_letter. Static memory. */
size_t fixture_deliveries(struct fixture *fixture);
void fixture_wait_deliveries(struct fixture *fixture, size_t count);
const char *fixture_delivery(struct fixture *fixture, size_t index);
/* The number in a signal's "value". */
double fixture_signal_value(struct fixture *fixture, size_t index);

/* What the log of every topic and partition has, as the source hears it. */
void fixture_set_range(struct fixture *fixture, int64_t low, int64_t high);

/* How many partitions each topic has; 0 (the start): not known. */
void fixture_set_partitions(struct fixture *fixture, int32_t count);

/* What was stored last for the topic and partition; -1: nothing. */
int64_t fixture_stored(struct fixture *fixture, uint32_t topic, int32_t partition);
/* The source takes none of the next `count`, as a client whose assignment is still under way. */
void fixture_refuse_stores(struct fixture *fixture, int count);
/* Until that is stored; a test failure after a limit. */
void fixture_wait_stored(struct fixture *fixture, uint32_t topic, int32_t partition,
                         int64_t offset);
/* Until so many messages were given up to now by the source's read. */
uint64_t fixture_read(struct fixture *fixture);

/* Where the newest checkpoint of a partition number lies (-1: of GLOBAL). */
void fixture_state_path(const struct fixture *fixture, int32_t partition, char path[256]);
/* Between stop and start. What the newest checkpoint has of the deployment is of a strategy
 * "other". Gives its number. */
uint64_t fixture_make_foreign(const struct fixture *fixture, int32_t partition,
                              const char *deployment);
/* What it has of the deployment lies where versions without checkpoints kept it, and there are no
 * checkpoints. */
void fixture_make_old(const struct fixture *fixture, int32_t partition, const char *deployment);

/* Leaves the crash file of an earlier process that ended with this deployment in progress, with the
 * code that runs now. */
void fixture_accuse(struct fixture *fixture, const char *deployment);

/* The source's lags from now on, of as many partitions; -1: not known. They stay the caller's. */
void fixture_lags(struct fixture *fixture, const int64_t *lags, size_t count);

/* What was logged so far. */
const char *fixture_log(struct fixture *fixture);
/* The first line of it with that event; NULL: none. Up to the next call. */
const char *fixture_said(struct fixture *fixture, const char *event);

#endif

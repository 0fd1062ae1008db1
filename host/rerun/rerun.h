/*
 * rerun/rerun.h - what a host did between two positions, as a directory from which it can be done
 * again: states as they were at the beginning, and the order in which messages were handed over
 * since then. `take5 replay --rerun DIRECTORY RECORDING` does it
 * (commands/research/replay/replay.h), for `take5 prove` and `take5 capsule`; the messages
 * themselves are a recording, wherever it is from.
 *
 *   DIRECTORY/0.ini                    what ran at the beginning: topics, limits, deployments
 *   DIRECTORY/1.ini, ...               what ran behind the first reload, the second, ...
 *   DIRECTORY/reloads                  of each reload in a line: how many of the messages come
 *                                      before it
 *   DIRECTORY/strategies/K-NAME.so     the strategies of K.ini
 *   DIRECTORY/checkpoints/P.checkpoint what the instances of partition number P begin with
 *   DIRECTORY/journal                  the order, in the form of [journal] (engine/lane/journal.h)
 *   DIRECTORY/fatal                    of a capsule alone (capsule/capsule.h): how many of the
 *                                      messages come before the fatal one; behind it "save", when
 *                                      what crashes is a save: then all are renewed at that place
 *
 * Who makes one answers for this: the journal of a partition number begins where its checkpoint
 * stands, has all that was handed over from there to its end, and every deployment of 0.ini is
 * level with it. Then its signals are those that the host made, id by id and byte by byte, for
 * strategies whose signals follow from their state and messages. Nothing is wound forward or
 * caught up; a deployment that was behind its partition is a separate directory.
 *
 * The directory has parameters of strategies in it: it is made for this user alone (0700, 0600).
 *
 * One thread.
 */
#ifndef TAKE5_RERUN_RERUN_H
#define TAKE5_RERUN_RERUN_H

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "strategy/plugin/strategy_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- to make one ---- */

/* An empty one; the directory itself may be there, if it is empty. */
bool rerun_make(const char *directory, struct error *error);
/* What ran behind reload number `phase`; 0: at the beginning. */
bool rerun_put_ini(const char *directory, size_t phase, const struct text *ini,
                   struct error *error);
bool rerun_put_strategy(const char *directory, size_t phase, const struct strategy_file *file,
                        struct error *error);
bool rerun_put_checkpoint(const char *directory, const struct checkpoint *checkpoint,
                          struct error *error);
bool rerun_put_journal(const char *directory, const struct text *journal, struct error *error);
/* `before`: by reload, how many messages come before it. */
bool rerun_put_reloads(const char *directory, const uint64_t *before, size_t count,
                       struct error *error);

/* `before`: how many messages come before the fatal one. `does_save`: and there they are to save.
 */
bool rerun_put_fatal(const char *directory, uint64_t before, bool does_save, struct error *error);

/* ---- to do it again ---- */

struct rerun {
    const char *directory; /* borrowed */
    char *journal;         /* path */
    uint64_t *reloads; /* as above; behind them the place of the fatal message, if there is one */
    size_t reload_count;
    bool has_fatal, does_save;
};

bool rerun_open(struct rerun *rerun, const char *directory, struct error *error);
/* Zeroed is released. */
void rerun_close(struct rerun *rerun);
/* Path of the configuration; free() it. NULL: out of memory. */
char *rerun_ini(const struct rerun *rerun, size_t phase);
/* Calls with the path of each strategy of a phase; stops when that gives false. */
bool rerun_each_strategy(const struct rerun *rerun, size_t phase,
                         bool (*take)(void *context, const char *path), void *context,
                         struct error *error);
/* What a partition number begins with; one that has nothing there stays empty. For struct
 * engine_options, with the rerun as its context. */
bool rerun_beginning(void *context, int32_t partition, struct checkpoint *checkpoint,
                     struct error *error);

/* Called where the fatal message is the next one, when all before it have been worked on: what a
 * debugger stops at (`take5 capsule run --gdb`). Does nothing. */
void capsule_fatal_message_follows(void);

#endif

/*
 * strategy/instance/watch.h - what an instance wants and has not met yet: fields, parameters, and
 * the other topics of its symbols. For *why no signal* (engine/findings.h).
 *
 * It looks at the 1st, 8th and 64th message, and then at every WATCH_STEP-th, until there is
 * nothing left to meet: a strategy whose fields all come costs nothing from then on, and one whose
 * fields do not come costs next to nothing.
 *
 * Threads: the instance's owner, but for watch_read() and the paths, which are any thread's once
 * the instance is made.
 */
#ifndef TAKE5_STRATEGY_INSTANCE_WATCH_H
#define TAKE5_STRATEGY_INSTANCE_WATCH_H

#include "base/text.h"

#include <take5/message.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATCH_STEP        64
#define WATCH_SAMPLES     3  /* payloads, each of another topic */
#define WATCH_SYMBOLS     64 /* those of the lowest hashes: the same ones in all instances */
#define WATCH_SYMBOL_SIZE 65
#define WATCH_WRONG       4 /* names of parameters that are none */
#define WATCH_NAME_SIZE   65

struct watch;

/* `does_join`: messages of one symbol on several topics are expected on one partition number. NULL
 * when memory runs out. */
struct watch *watch_new(size_t parameter_count, bool does_join);
/* NULL is allowed. */
void watch_free(struct watch *watch);

/* In create: one more field, in the order of their indices. False: out of memory. */
bool watch_add_field(struct watch *watch, const char *path, size_t size);
/* Any callback: the parameter was asked for; or one that is not declared. */
void watch_parameter(struct watch *watch, size_t index);
void watch_wrong_parameter(struct watch *watch, const char *name, size_t size);
/* A message that the instance was given. Gives how many messages later it wants the next one: 1 the
 * one after it; WATCH_NEVER: there is nothing left to look for, for a long while. */
#define WATCH_NEVER UINT32_MAX
uint32_t watch_message(struct watch *watch, const t5_message *message);

/* ---- any thread ---- */

struct watch_symbol {
    char name[WATCH_SYMBOL_SIZE]; /* cut there */
    uint64_t hash;
    uint32_t topics; /* on which it came: bits by the strategy's index */
};

/* What an instance has met; the paths are the watch's and live as long as it. */
struct watch_view {
    uint64_t looked; /* messages */
    size_t field_count, parameter_count;
    char *const *fields;
    const bool *fields_met, *parameters_read;
    bool is_joined; /* some symbol came on two topics, or it expects none to */
    size_t wrong_count;
    char wrong[WATCH_WRONG][WATCH_NAME_SIZE];
    size_t symbol_count;
    const struct watch_symbol *symbols; /* while it is not joined */
    size_t sample_count;
    const struct text *samples; /* payloads of messages that lacked a field */
};
/* Calls `visit` with what there is, under the watch's lock. */
void watch_read(struct watch *watch, void (*visit)(void *context, const struct watch_view *view),
                void *context);

#endif

/*
 * engine/roster.h - the deployments that are in force, and what each is made of.
 *
 * A roster and its deployments are immutable once built, so lanes read them without locks. A reload
 * builds the next roster beside the running one; a deployment that did not change is shared by
 * both. Deployments are counted: each roster and each instance holds one.
 */
#ifndef TAKE5_ENGINE_ROSTER_H
#define TAKE5_ENGINE_ROSTER_H

#include "base/error.h"
#include "base/faults.h"
#include "config/config.h"
#include "message/projection.h"
#include "strategy/generation.h"
#include "strategy/instance.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOT_WANTED UINT32_MAX

struct deployment {
    _Atomic uint32_t references;
    char *name;
    struct generation *generation;   /* immortal */
    struct description *description; /* owned: with describe()'s answer */
    struct parameters parameters;    /* owned */
    struct blueprint blueprint;      /* points to the members above and below */
    char hash[HASH_TEXT_SIZE];       /* of the generation's file */
    bool allow_split;
    bool global_partial;
    /* Filters. */
    char **symbols; /* sorted, symbol_count; NULL: all */
    size_t symbol_count;
    uint32_t *time_frames; /* 0-terminated; NULL: all */
    /* By index of the configuration's topics: the strategy's index of it, or NOT_WANTED. */
    uint32_t *topics;
    size_t topic_count;
    size_t wanted_count;       /* topics that are wanted */
    struct hash code;          /* generation's file and parameters: same hash, same behaviour */
    struct hash filters;       /* of the filters: may change while the state stays */
    _Atomic bool is_suspended; /* by an operator: instances that are made later start so */
    _Atomic bool is_resumed;   /* by an operator, out of its quarantine */
    char *quarantine;          /* why it starts suspended, or NULL */
    char *differs;             /* why it is not the file on disk that runs, or NULL */
};

/* `config`'s deployment (or, with `section` NULL, a strategy's defaults) over an opened generation.
 * NULL with faults. The description may come from a rehearsal; NULL: the generation's own. */
struct deployment *deployment_new(const struct config *config,
                                  const struct config_deployment *section, const char *name,
                                  struct generation *generation,
                                  const struct description *described, struct faults *faults);
struct deployment *deployment_retain(struct deployment *deployment);
void deployment_release(struct deployment *deployment);
bool deployment_wants_symbol(const struct deployment *deployment, const char *symbol, size_t size);
bool deployment_wants_time_frame(const struct deployment *deployment, uint32_t seconds);
bool deployment_is_global(const struct deployment *deployment);

struct roster {
    _Atomic uint32_t references;
    struct deployment **deployments; /* in order of their names */
    size_t count;
};

/* Takes the references over, sorts. NULL when memory runs out (then nothing is taken). */
struct roster *roster_new(struct deployment **deployments, size_t count);
struct roster *roster_retain(struct roster *roster);
void roster_release(struct roster *roster);
struct deployment *roster_find(const struct roster *roster, const char *name);

#endif

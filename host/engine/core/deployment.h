/*
 * engine/core/deployment.h - the deployments in force, and what each is made of.
 *
 * A deployment_set and its deployments are immutable once built, so lanes read them without locks.
 * A reload builds the next deployment_set beside the running one; a deployment that did not change
 * is shared by both. Deployments are counted: each deployment_set and each instance holds one.
 */
#ifndef TAKE5_ENGINE_CORE_DEPLOYMENT_H
#define TAKE5_ENGINE_CORE_DEPLOYMENT_H

#include "base/error.h"
#include "base/faults.h"
#include "config/config.h"
#include "engine/core/topic_table.h"
#include "message/projection.h"
#include "strategy/instance/instance.h"
#include "strategy/plugin/generation.h"

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
    struct instance_spec spec;       /* points to the members above and below */
    char hash[HASH_TEXT_SIZE];       /* of the generation's file */
    bool allow_split;
    bool global_partial;
    int64_t warm_up_ns;      /* how far back it is fed if it has no state */
    char *shadow_of;         /* the deployment beside which it runs unpublished; NULL: none */
    int64_t shadow_share;    /* percent of its lane's time that a shadow may take; 0: all of it */
    _Atomic bool is_stopped; /* it took more; instances made later start suspended */
    char *promoted_from;     /* the shadow that took its place; NULL: none. Its saved state is
                              * this one's, while there is one */
    /* Filters. */
    char **symbols; /* sorted, symbol_count; NULL: all */
    size_t symbol_count;
    _Atomic bool *symbols_met; /* by the same index: such messages came; any lane sets it */
    uint32_t *time_frames;     /* 0-terminated; NULL: all */
    /* By field of the description, how many of the sampled messages lacked it; then, how many were
     * sampled. Any lane counts. */
    _Atomic uint64_t *absent;
    /* By index of `struct topics`: the strategy's index of it, or NOT_WANTED. */
    uint32_t *topics;
    size_t topic_count;
    size_t wanted_count;       /* number of wanted topics */
    struct hash code;          /* of the generation's file and parameters: same hash, same
                                * behaviour */
    struct hash filters;       /* of the filters: may change while the state stays */
    _Atomic bool is_suspended; /* by an operator: instances made later start so */
    char *differs;             /* why another file than the one on disk runs, or NULL */
};

/* The section's deployment (NULL: a strategy's defaults) over an opened generation. NULL with
 * faults. The description may come from a rehearsal; NULL: the generation's own. */
struct deployment *deployment_new(const struct topics *topics,
                                  const struct config_deployment *section, const char *name,
                                  struct generation *generation,
                                  const struct description *described, struct faults *faults);
struct deployment *deployment_retain(struct deployment *deployment);
void deployment_release(struct deployment *deployment);
bool deployment_wants_symbol(const struct deployment *deployment, const char *symbol, size_t size);
/* Notes that messages of the symbol come: its filter matches something. Any thread. */
void deployment_meet_symbol(struct deployment *deployment, const char *symbol, size_t size);
/* A sampled message, as handed to the deployment's instance. Any thread. */
void deployment_sample(struct deployment *deployment, const t5_message *message);
bool deployment_wants_time_frame(const struct deployment *deployment, uint32_t seconds);
bool deployment_is_global(const struct deployment *deployment);

struct deployment_set {
    _Atomic uint32_t references;
    struct deployment **deployments; /* in order of their names */
    size_t count;
};

/* Empty, with room for this many. NULL: out of memory. */
struct deployment_set *deployment_set_new(size_t capacity);
/* Before the set is shared: retains the deployment and puts it in its place. */
void deployment_set_add(struct deployment_set *deployment_set, struct deployment *deployment);
struct deployment_set *deployment_set_retain(struct deployment_set *deployment_set);
void deployment_set_release(struct deployment_set *deployment_set);
struct deployment *deployment_set_find(const struct deployment_set *deployment_set,
                                       const char *name);

#endif

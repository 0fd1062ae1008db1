/*
 * engine/muster.h - from configuration and drop directory to the next roster.
 *
 * For each deployment that is wanted: find its file, compare it with what runs, and if something
 * changed copy, rehearse in a child, open. Nothing that runs is touched. What cannot be had is
 * `rejected` with the reason, and what ran under that name goes on.
 *
 * Control thread only.
 */
#ifndef TAKE5_ENGINE_MUSTER_H
#define TAKE5_ENGINE_MUSTER_H

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "engine/report.h"
#include "engine/roster.h"
#include "message/record.h"
#include "strategy/generation.h"
#include "strategy/rehearsal.h"

#include <stdbool.h>
#include <stddef.h>

struct muster_item {
    char *name;
    struct deployment *running; /* borrowed from the running roster; NULL: none */
    struct deployment *next;    /* a reference: what shall run; NULL: nothing */
    enum outcome outcome;
    bool is_filter_change; /* KEPT, but with other filters: `next` is another object */
};

struct muster {
    struct muster_item *items;
    size_t count;
};

struct muster_request {
    const struct config *config;
    const struct config *topics;  /* of the start: its topics' order counts. NULL: config */
    const struct roster *running; /* NULL: nothing runs yet */
    struct generations *generations;
    struct log *log;
    const char *program; /* for rehearsals; NULL: /proc/self/exe */
    bool does_rehearse;
    bool does_renew;              /* what did not change is REPLACED all the same */
    const char *good_dir;         /* state directory with last good copies (good.h); NULL: none */
    const struct record *samples; /* for rehearsals */
    size_t sample_count;
    /* The states of a running deployment as they are now, for the rehearsal. The parts' states are
     * the provider's until the muster has ended. NULL: none. */
    bool (*states)(void *context, const char *deployment, struct rehearsal_part **parts,
                   size_t *count);
    /* Whether to stop early. NULL: never. */
    bool (*should_stop)(void *context);
    void *context;
};

/* Fills `muster` and adds to `report` what is already decided (kept, rejected, removed). False:
 * given up, or the drop directory itself cannot be used (a fault in the report); then nothing is in
 * it. */
bool muster_build(const struct muster_request *request, struct muster *muster,
                  struct report *report);
void muster_release(struct muster *muster);

#endif

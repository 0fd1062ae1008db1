/*
 * commands/proof/kept.h - the checkpoints that a state directory keeps, read whole.
 */
#ifndef TAKE5_COMMANDS_PROOF_KEPT_H
#define TAKE5_COMMANDS_PROOF_KEPT_H

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/store.h"

#include <stdbool.h>
#include <stddef.h>

/* Zeroed it is empty. */
struct kept {
    struct checkpoint_file *files; /* checkpoints and journals, by partition and number */
    size_t count;
    struct checkpoint *checkpoints; /* by the same index; empty where the file is a journal, or one
                                     * that went meanwhile */
};

/* Release it in either case. */
bool kept_read(struct kept *kept, const char *state_dir, struct error *error);
void kept_release(struct kept *kept);
/* Whether it is a checkpoint, and of a partition number. */
bool kept_is_candidate(const struct kept *kept, size_t index);

#endif

/*
 * commands/authoring/check_capsule.h - the capsule of a crash that `take5 check` found: what the
 * case fed last, as a recording that crashes the strategy in a replay.
 */
#ifndef TAKE5_COMMANDS_AUTHORING_CHECK_CAPSULE_H
#define TAKE5_COMMANDS_AUTHORING_CHECK_CAPSULE_H

#include "config/config.h"
#include "conformance/conformance.h"
#include "strategy/plugin/strategy_file.h"

#include <stdbool.h>

struct check_capsule {
    const char *directory; /* to be made */
    const struct conformance_tape *tape;
    const struct strategy_file *file;
    const struct config_deployment *deployment; /* settings where the tape has none */
    const struct config *config;
    int64_t timeout_ns;
};

/* Makes it, and does the crash again. False with an error, and nothing was made: a replay of the
 * messages does not crash, as with a damaged state or an event that only check gives. `text`
 * (initialised) gets how the crash reads. */
bool check_capsule_make(const struct check_capsule *wanted, struct text *text, struct error *error);

#endif

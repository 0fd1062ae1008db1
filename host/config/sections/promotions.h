/*
 * config/sections/promotions.h - shadow deployments (`shadow_of`) that were promoted (`take5 ctl
 * promote`).
 *
 * A promotion puts the shadow's plugin and parameters in the place of its original's, while the
 * files say what they said before. So that this survives a restart it is noted in
 * STATE_DIR/promotions: which deployment, which shadow, and a hash of either section. As long as
 * both sections are what they were, the configuration is changed accordingly when it is read; a
 * section of the original with other content is what counts from then on.
 */
#ifndef TAKE5_CONFIG_SECTIONS_PROMOTIONS_H
#define TAKE5_CONFIG_SECTIONS_PROMOTIONS_H

#include "base/error.h"
#include "base/text.h"
#include "config/schema/settings.h"

#include <stdbool.h>

/* Notes that a shadow is in its original's place from now on, durably. `*before` gets what the
 * notes were, for promotions_restore(); free() it. False: it cannot be written. */
bool promotions_note(const struct config *config, const char *shadow, char **before,
                     struct error *error);
/* It came to nothing. */
bool promotions_restore(const struct config *config, const char *before, struct error *error);

/* Changes the configuration as noted. One of which the shadow's section was changed or
 * removed while the original's was not is a fault, unless it is a start (`is_start`): then it is a
 * warning, and the files count. */
void promotions_apply(struct config *config, bool is_start, struct faults *faults);

/* What is to be written into the original's section for good, as lines of an ini file; variables
 * as they are written. */
void promotions_describe(const struct config *config, const char *shadow, struct text *text);

#endif

/*
 * conformance/offline_services.h - strategies looked at outside a running host: copied into a
 * temporary directory, described by a child. For `check` and `list`.
 */
#ifndef TAKE5_CONFORMANCE_OFFLINE_SERVICES_H
#define TAKE5_CONFORMANCE_OFFLINE_SERVICES_H

#include "base/faults.h"
#include "cli/temp_dir.h"
#include "config/config.h"
#include "strategy/plugin/description.h"
#include "strategy/plugin/generation.h"
#include "strategy/plugin/strategy_file.h"

#include <stdbool.h>

struct offline {
    struct temp_dir temp;
    struct generations *generations;
};

bool offline_init(struct offline *offline, struct error *error);
void offline_release(struct offline *offline);

/* What the file says of itself, by a child that loads it and creates nothing; so parameters without
 * a default need no value. NULL with faults; free it. */
struct description *offline_describe(struct offline *offline, const struct config *config,
                                     const struct strategy_file *file, struct faults *faults);

#endif

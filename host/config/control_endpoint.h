/*
 * config/control_endpoint.h - where a running host is found: the little that `take5 ctl` and `take5
 * top` read of a configuration.
 *
 * Somebody who steers a host must be able to do so while its configuration is being edited, and
 * without the right to read its secrets. So only [take5] run_dir and shutdown_timeout and [control]
 * socket of the main file are read and checked; whatever else is wrong in it does no harm.
 */
#ifndef TAKE5_CONFIG_CONTROL_ENDPOINT_H
#define TAKE5_CONFIG_CONTROL_ENDPOINT_H

#include "config/config.h"

struct config_control {
    char *socket; /* absolute */
    int64_t shutdown_timeout_ns;
    bool is_in_part; /* lines of the file could not be understood: the host may be elsewhere */
};

/* False when the file cannot be read, or one of those settings is wrong: see the faults. Of the
 * overrides those of [take5] and [control] are checked, the others are not looked at. */
bool config_control_read(const struct config_request *request, struct config_control *control,
                         struct faults *faults);
void config_control_release(struct config_control *control);

#endif

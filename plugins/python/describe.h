/*
 * describe.h - what a deployment's script says of itself: topics, fields, series, parameters,
 * version.
 */
#ifndef TAKE5_PLUGINS_PYTHON_DESCRIBE_H
#define TAKE5_PLUGINS_PYTHON_DESCRIBE_H

#include <take5/take5.h>

/* The plugin's own, that every script has. */
extern const t5_parameter *const describe_parameters[];

/* The host's callback. A script that imports take5 is run for it, up to where it would wait for
 * messages; any other is compiled only. */
int32_t describe(const t5_describe_args *args, t5_description *description);

#endif

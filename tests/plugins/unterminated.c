/*
 * One of its lists does not end with NULL; which one, the name of the build says.
 */
#include "plugin.h"

static const t5_parameter limit = {.size = sizeof limit,
                                   .type = T5_PARAMETER_NUMBER,
                                   .name = "limit",
                                   .help = "is not read",
                                   .default_value = "1"};

#if TOPICS
static const char *const topics[] = {"bar_trends"};
#else
static const char *const topics[] = {"bar_trends", NULL};
#endif
#if FIELDS
static const char *const fields[] = {"stats.mean", "barData.close"};
#else
static const char *const fields[] = {"stats.mean", "barData.close", NULL};
#endif
#if PARAMETERS
static const t5_parameter *const parameters[] = {&limit};
#else
static const t5_parameter *const parameters[] = {&limit, NULL};
#endif
#if SERIES
static const char *const series[] = {"mean"};
#else
static const char *const series[] = {"mean", NULL};
#endif

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = topics, .fields = fields, .parameters = parameters,
            .series = series, .create = create_nothing, .destroy = destroy_nothing,
            .on_message = accept_message);

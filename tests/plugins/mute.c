/*
 * Says nothing, for every reason that a strategy can have: it wants a field by a name that the feed
 * does not have, asks for a parameter that it has not declared, never reads the one that it has,
 * and waits for two topics of one symbol.
 */
#include "plugin.h"

static const char *const topics[] = {"bar_trends", "historic_stats", NULL};
static const char *const fields[] = {"lastSampleStats.maen", "barData.closs|mean", "barData.wap",
                                     NULL};
static const t5_parameter threshold = {.size = sizeof threshold,
                                       .type = T5_PARAMETER_NUMBER,
                                       .name = "threshold",
                                       .help = "is not read",
                                       .default_value = "1"};
static const t5_parameter *const parameters[] = {&threshold, NULL};

static int32_t create(const t5_create_args *args, void **self) {
    *self = args->host;
    (void)t5_parameter_number(args->host, "thresholds");
    return T5_OK;
}

T5_STRATEGY("mute", "1.0.0", .topics = topics, .fields = fields, .parameters = parameters,
            .create = create, .destroy = destroy_nothing, .on_message = accept_message);

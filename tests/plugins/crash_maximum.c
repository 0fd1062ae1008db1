/*
 * Declares a parameter up to 10 and has room for 9.
 */
#include "plugin.h"

static int32_t create(const t5_create_args *args, void **self) {
    if (t5_parameter_integer(args->host, "depth") == 10)
        crash();
    return create_nothing(args, self);
}

static const t5_parameter depth = {.size = sizeof depth,
                                   .type = T5_PARAMETER_INTEGER,
                                   .name = "depth",
                                   .help = "how deep",
                                   .default_value = "3",
                                   .min = "1",
                                   .max = "10"};
static const t5_parameter width = {.size = sizeof width,
                                   .type = T5_PARAMETER_INTEGER,
                                   .name = "width",
                                   .help = "how wide",
                                   .default_value = "3",
                                   .min = "1",
                                   .max = "10"};
static const t5_parameter *const parameters[] = {&depth, &width, NULL};

T5_STRATEGY("crash_maximum", "1.0.0", .topics = bar_trends, .parameters = parameters,
            .create = create, .destroy = destroy_nothing, .on_message = accept_message);

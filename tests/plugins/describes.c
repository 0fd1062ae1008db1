/*
 * Says by describe() what it is: topics, fields, parameters, version and state version depend on
 * the setting `kind`, as in a bridge to another language. `kind = bad` is refused with a text,
 * `kind = crash` crashes in describe.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "describes"
#endif

static const t5_parameter kind = {.size = sizeof kind,
                                  .type = T5_PARAMETER_TEXT,
                                  .name = "kind",
                                  .help = "which strategy",
                                  .default_value = "plain"};
static const t5_parameter depth = {.size = sizeof depth,
                                   .type = T5_PARAMETER_INTEGER,
                                   .name = "depth",
                                   .help = "how deep",
                                   .default_value = "3",
                                   .min = "1",
                                   .max = "9"};
static const t5_parameter *const parameters[] = {&kind, &depth, NULL};
static const char *const topics[] = {"historic_stats", NULL};
static const char *const fields[] = {"stats.mean", "z_score", NULL};

static int32_t describe(const t5_describe_args *args, t5_description *description) {
    for (uint32_t i = 0; i < args->setting_count; i++) {
        const t5_setting *setting = &args->settings[i];
        if (!t5_str_equal(setting->name, t5_text("kind")))
            continue;
        if (t5_str_equal(setting->text, t5_text("bad"))) {
            description->error = "no strategy of kind bad";
            return T5_ERROR;
        }
        if (t5_str_equal(setting->text, t5_text("crash")))
            crash();
    }
    description->topics = topics;
    description->fields = fields;
    description->parameters = parameters;
    description->version = "7.7.7";
    description->state_version = 5;
    return T5_OK;
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .describe = describe, .create = create_nothing,
            .destroy = destroy_nothing, .on_message = accept_message);

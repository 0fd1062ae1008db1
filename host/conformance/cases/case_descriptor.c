/* The file can be loaded, and its description is one. */
#include "base/clock.h"
#include "base/units.h"
#include "conformance/cases/case_context.h"
#include "conformance/cases/cases.h"

#include <string.h>

/* No limit but that of the case: a figure is no promise. */
static void note_load(struct case_context *context) {
    char took[32];
    format_duration(context->load_ns / NS_PER_US * NS_PER_US, took, sizeof took);
    case_note(context, "loaded in %s", took);
    if ((context->generation->changes & GUARD_FP) != 0)
        case_note(context, "changes the floating-point environment when it is loaded (built with "
                           "-ffast-math?); take5 restores it, but its own results may differ");
}

/* What stands in the way of a check is easily given. */
static void note_required(struct case_context *context, const struct description *description) {
    const struct config_items *given = &context->request.deployment.settings;
    for (size_t i = 0; description != NULL && i < description->parameter_count; i++) {
        const struct description_parameter *parameter = &description->parameters[i];
        bool is_given = parameter->default_value != NULL;
        for (size_t j = 0; j < given->count; j++)
            is_given = is_given || strcmp(given->items[j].name, parameter->name) == 0;
        if (!is_given)
            case_note(context,
                      "to set it for the check: --set %s=VALUE, or -c FILE "
                      "--deployment NAME",
                      parameter->name);
    }
}

static void check_topics(struct case_context *context, const struct description *description) {
    for (size_t i = 0; i < description->topic_count; i++) {
        bool is_known = false;
        for (size_t j = 0; j < context->request.topic_count; j++)
            is_known =
                is_known || strcmp(context->request.topics[j].role, description->topics[i]) == 0;
        if (!is_known)
            case_note(context,
                      "subscribes to topic %s, which is not configured: it will need a "
                      "section [topic:%s]",
                      description->topics[i], description->topics[i]);
    }
}

void conformance_descriptor(struct case_context *context, const char *argument) {
    struct setup setup;
    (void)argument;
    note_load(context);
    if (!setup_plain(&setup, context)) {
        note_required(context, setup.description);
    } else {
        check_topics(context, setup.description);
        context->described = description_copy(setup.description);
        if (context->described == NULL)
            case_fail(context, "out of memory");
    }
    setup_release(&setup);
}

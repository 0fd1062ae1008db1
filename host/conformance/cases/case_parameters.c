/*
 * Case: one declared parameter, at all the values that matter.
 */
#include "conformance/cases/cases.h"
#include "conformance/cases/harness.h"

#include "base/units.h"
#include "strategy/plugin/description.h"
#include "strategy/plugin/parameter.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES   300
#define LONG_VALUE 4096

struct probe {
    struct case_context *context;
    const struct description_parameter *parameter;
    bool is_outside;  /* the value shall be refused by the host */
    bool is_promised; /* the default or a bound: the strategy declares that it takes it */
};

/* ---- one value ---- */

static void work_on(const struct probe *probe, struct harness *harness, const struct setup *setup) {
    struct script script;
    const struct script_options options = {
        .seed = probe->context->seed, .count = MESSAGES, .envelope = MARKET_MIXED};
    struct state state;
    script_init(&script);
    state_init(&state);
    (void)fixture_script(probe->context, setup->description, options, 0, &script);
    harness_activate(harness, true);
    harness_feed_all(harness, &script, 0, script.count);
    harness_judge_signals(harness);
    if (setup->description->has_save && !harness_save(harness, T5_SAVE_RELOAD, &state))
        case_fail(probe->context, "%s", harness->error.text);
    state_release(&state);
    script_release(&script);
}

/* The name of a parameter with its value, cut to be printed. */
static void name_value(const struct probe *probe, const char *value, char *text, size_t size) {
    (void)snprintf(text, size, "%s = %.60s%s", probe->parameter->name, value,
                   strlen(value) > 60 ? "..." : "");
}

/* By create, or by describe. */
static void refused_by_strategy(const struct probe *probe, const char *named, const char *why) {
    if (strstr(why, "it gave no reason") != NULL)
        case_fail(probe->context, "%s: create rejected it without a reason (t5_fail)", named);
    else if (strstr(why, " returned code ") != NULL)
        case_fail(probe->context, "%s: %s", named, why);
    else if (probe->is_promised)
        case_note(probe->context, "%s is valid as declared: %s", named, why);
}

static void try_settings(const struct probe *probe, const struct setup *setup, const char *named) {
    struct harness harness;
    case_step(probe->context, "create with %s", named);
    if (harness_init(&harness, probe->context, setup, 0))
        work_on(probe, &harness, setup);
    else
        refused_by_strategy(probe, named, harness.error.text);
    harness_release(&harness);
}

static void try_value(const struct probe *probe, const char *value) {
    struct setup setup;
    struct faults faults = FAULTS_INIT;
    char named[128];
    const bool has_describe = probe->context->generation->description->has_describe;
    if (case_is_lost(probe->context))
        return;
    name_value(probe, value, named, sizeof named);
    const bool is_taken =
        setup_init(&setup, probe->context, probe->parameter->name, value, &faults);
    if (is_taken && probe->is_outside)
        case_fail(probe->context, "%s is outside of the declared range, but was accepted", named);
    else if (is_taken)
        try_settings(probe, &setup, named);
    else if (setup.description == NULL && has_describe && faults.count > 0)
        refused_by_strategy(probe, named, faults.items[0].text);
    else if (!probe->is_outside && probe->parameter->type != T5_PARAMETER_FILE)
        case_fail(probe->context, "%s: rejected: %s", named,
                  faults.count > 0 ? faults.items[0].text : "no reason given");
    setup_release(&setup);
    faults_release(&faults);
}

static void try_outside(const struct probe *probe, const char *value) {
    struct probe outside = *probe;
    outside.is_outside = true;
    outside.is_promised = false;
    try_value(&outside, value);
}

static void try_promised(const struct probe *probe, const char *value) {
    struct probe promised = *probe;
    promised.is_promised = true;
    if (value != NULL)
        try_value(&promised, value);
}

/* ---- by type ---- */

/* The value next to a bound; false when there is none. */
static bool beside(const struct description_parameter *parameter, const char *bound, int direction,
                   char *text, size_t size) {
    t5_value value;
    if (bound == NULL || !parameter_parse(parameter->type, bound, &value))
        return false;
    if (parameter->type == T5_PARAMETER_NUMBER) {
        const double next = nextafter(value.number, direction * (double)INFINITY);
        (void)snprintf(text, size, "%.17g", next);
        return isfinite(next);
    }
    if (direction < 0 ? value.integer == INT64_MIN : value.integer == INT64_MAX)
        return false;
    const int64_t next = value.integer + direction;
    if (parameter->type == T5_PARAMETER_DURATION)
        (void)snprintf(text, size, "%" PRId64 "ns", next);
    else
        (void)snprintf(text, size, "%" PRId64, next);
    /* There are no durations below 0. */
    return parameter->type != T5_PARAMETER_DURATION || next >= 0;
}

static void try_bounded(const struct probe *probe) {
    const struct description_parameter *parameter = probe->parameter;
    char text[64];
    try_promised(probe, parameter->min);
    try_promised(probe, parameter->max);
    if (beside(parameter, parameter->min, 1, text, sizeof text))
        try_value(probe, text);
    if (beside(parameter, parameter->max, -1, text, sizeof text))
        try_value(probe, text);
    if (beside(parameter, parameter->min, -1, text, sizeof text))
        try_outside(probe, text);
    if (beside(parameter, parameter->max, 1, text, sizeof text))
        try_outside(probe, text);
}

/* Where no bound is declared, the type's own count. */
static void try_unbounded(const struct probe *probe) {
    const struct description_parameter *parameter = probe->parameter;
    const char *least = NULL, *most = NULL;
    if (parameter->type == T5_PARAMETER_INTEGER) {
        least = "-9223372036854775808";
        most = "9223372036854775807";
    } else if (parameter->type == T5_PARAMETER_NUMBER) {
        least = "-1.7976931348623157e308";
        most = "1.7976931348623157e308";
    } else {
        least = "0";
        most = "9223372036854775807ns";
    }
    if (parameter->min == NULL)
        try_value(probe, least);
    if (parameter->max == NULL)
        try_value(probe, most);
    if (parameter->min == NULL && parameter->max == NULL &&
        parameter->type != T5_PARAMETER_DURATION)
        try_value(probe, "0");
}

static void try_texts(const struct probe *probe) {
    char *text = malloc(LONG_VALUE + 1);
    try_value(probe, "");
    try_value(probe, "a b, c=d; \"e\" \xf0\x9f\x93\x88 %s%n");
    if (text != NULL) {
        memset(text, 'x', LONG_VALUE);
        text[LONG_VALUE] = '\0';
        try_value(probe, text);
    }
    free(text);
}

static void try_type(const struct probe *probe) {
    switch (probe->parameter->type) {
    case T5_PARAMETER_INTEGER:
    case T5_PARAMETER_NUMBER:
    case T5_PARAMETER_DURATION:
        try_bounded(probe);
        try_unbounded(probe);
        try_outside(probe, "many");
        break;
    case T5_PARAMETER_BOOLEAN:
        try_promised(probe, "yes");
        try_promised(probe, "no");
        try_outside(probe, "perhaps");
        break;
    case T5_PARAMETER_TEXT:
        try_texts(probe);
        break;
    case T5_PARAMETER_FILE:
        try_value(probe, "/dev/null");
        try_value(probe, "/proc/self/exe");
        try_outside(probe, "/no/such/file");
        break;
    }
}

void conformance_parameter(struct case_context *context, const char *name) {
    struct setup setup;
    if (setup_plain(&setup, context)) {
        const struct probe probe = {.context = context,
                                    .parameter = parameters_find(setup.description, name)};
        if (probe.parameter == NULL) {
            case_fail(context, "it has no parameter %s", name);
        } else {
            try_promised(&probe, probe.parameter->default_value);
            try_type(&probe);
        }
    }
    setup_release(&setup);
}

/*
 * Case: one declared parameter, at all the values that matter.
 */
#include "commands/conformance_bench.h"
#include "commands/conformance_cases.h"

#include "base/units.h"
#include "strategy/parameter.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES   300
#define LONG_VALUE 4096

struct probe {
    struct trial *trial;
    const struct description_parameter *parameter;
    bool is_outside;  /* the value shall be refused by the host */
    bool is_promised; /* the default or a bound: the strategy declares that it takes it */
};

static const struct description_parameter *find(const struct description *description,
                                                const char *name) {
    for (size_t i = 0; i < description->parameter_count; i++)
        if (strcmp(description->parameters[i].name, name) == 0)
            return &description->parameters[i];
    return NULL;
}

/* ---- one value ---- */

static void work_on(const struct probe *probe, struct bench *bench, const struct setup *setup) {
    struct script script;
    const struct script_options options = {.description = setup->description,
                                           .seed = probe->trial->seed,
                                           .count = MESSAGES,
                                           .envelope = MARKET_MIXED};
    struct state state;
    script_init(&script);
    state_init(&state);
    script_market(&script, &options);
    bench_activate(bench, true);
    bench_feed_all(bench, &script, 0, script.count);
    bench_judge_signals(bench);
    if (setup->description->has_save && !bench_save(bench, T5_SAVE_RELOAD, &state))
        trial_fail(probe->trial, "%s", bench->error.text);
    state_release(&state);
    script_release(&script);
}

/* The name of a parameter with its value, cut to be said. */
static void name_value(const struct probe *probe, const char *value, char *text, size_t size) {
    (void)snprintf(text, size, "%s = %.60s%s", probe->parameter->name, value,
                   strlen(value) > 60 ? "..." : "");
}

static void refused_by_create(const struct probe *probe, const char *named, const char *why) {
    if (strstr(why, "it gave no reason") != NULL)
        trial_fail(probe->trial, "%s: create refused it and gave no reason (t5_fail)", named);
    else if (strstr(why, " answered code ") != NULL)
        trial_fail(probe->trial, "%s: %s", named, why);
    else if (probe->is_promised)
        trial_note(probe->trial, "%s is declared to be good: %s", named, why);
}

static void try_settings(const struct probe *probe, const struct setup *setup, const char *named) {
    struct bench bench;
    trial_step(probe->trial, "create with %s", named);
    if (bench_init(&bench, probe->trial, setup, 0))
        work_on(probe, &bench, setup);
    else
        refused_by_create(probe, named, bench.error.text);
    bench_release(&bench);
}

static void try_value(const struct probe *probe, const char *value) {
    struct setup setup;
    struct faults faults = FAULTS_INIT;
    char named[128];
    if (trial_is_lost(probe->trial))
        return;
    name_value(probe, value, named, sizeof named);
    const bool is_taken = setup_init(&setup, probe->trial, probe->parameter->name, value, &faults);
    if (is_taken && probe->is_outside)
        trial_fail(probe->trial, "%s lies outside of what is declared, and was taken", named);
    else if (is_taken)
        try_settings(probe, &setup, named);
    else if (!probe->is_outside && probe->parameter->type != T5_PARAMETER_FILE)
        trial_fail(probe->trial, "%s: refused: %s", named,
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

void conformance_parameter(struct trial *trial, const char *name) {
    struct setup setup;
    if (setup_plain(&setup, trial)) {
        const struct probe probe = {.trial = trial, .parameter = find(setup.description, name)};
        if (probe.parameter == NULL) {
            trial_fail(trial, "it has no parameter %s", name);
        } else {
            try_promised(&probe, probe.parameter->preset);
            try_type(&probe);
        }
    }
    setup_release(&setup);
}

/*
 * A strategy without fault: counts messages a symbol, keeps the counts over a reload, and says
 * every `every`th count as a signal (0: says nothing).
 *
 * -DBUILD_NUMBER=n makes distinct builds of one strategy, -DPLUGIN_VERSION="..." names them.
 */
#include "counts.h"
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "good"
#endif
#ifndef PLUGIN_SCOPE
#define PLUGIN_SCOPE T5_SCOPE_KEYED
#endif
#ifndef BUILD_NUMBER
#define BUILD_NUMBER 1
#endif
#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)
#ifndef PLUGIN_VERSION
#define PLUGIN_VERSION "1.0." TEXT(BUILD_NUMBER)
#endif

struct good {
    t5_host *host;
    int64_t every;
    struct counts counts;
};

static int32_t create(const t5_create_args *args, void **self) {
    struct good *good = calloc(1, sizeof *good);
    if (good == NULL)
        return t5_fail(args->host, "no memory");
    good->host = args->host;
    good->every = t5_parameter_integer(args->host, "every");
    *self = good;
    return T5_OK;
}

static void destroy(void *self) {
    struct good *good = self;
    free(good->counts.by_symbol);
    free(good);
}

static int32_t load(void *self, const t5_load_args *args) {
    struct good *good = self;
    return counts_load(&good->counts, good->host, args);
}

static int32_t save(void *self, const t5_save_args *args) {
    const struct good *good = self;
    (void)args;
    return counts_save(&good->counts, good->host);
}

static int32_t on_message(void *self, const t5_message *message) {
    struct good *good = self;
    uint64_t *count = counts_of(&good->counts, message->symbol_id);
    if (count == NULL)
        return t5_fail(good->host, "no memory");
    ++*count;
    if (good->every > 0 && *count % (uint64_t)good->every == 0) {
        const t5_signal signal = t5_signal_init("count", (double)*count, 1);
        return t5_emit(good->host, &signal);
    }
    return T5_OK;
}

static const t5_parameter every = {
    .size = sizeof every,
    .type = T5_PARAMETER_INTEGER,
    .name = "every",
    .help = "say every so manieth count; 0 says none",
    .default_value = "0",
    .min = "0",
    .max = "1000000",
};
static const t5_parameter *const parameters[] = {&every, NULL};
static const char *const topics[] = {"bar_trends", "historic_stats", "asset_trends", NULL};

T5_STRATEGY(PLUGIN_NAME, PLUGIN_VERSION, .summary = "counts messages a symbol", .topics = topics,
            .scope = PLUGIN_SCOPE, .parameters = parameters, .state_version = COUNTS_STATE_VERSION,
            .create = create, .destroy = destroy, .load = load, .on_message = on_message,
            .save = save);

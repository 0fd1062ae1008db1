/*
 * Refuses the old state on partition `partition` (-1: on every one): then no partition may get the
 * new version. It otherwise counts as good.c does. With `after_check = yes` it refuses only in the
 * host, having passed the rehearsal.
 */
#include "counts.h"
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "refuse_load"
#endif

struct refuser {
    t5_host *host;
    int32_t partition;
    uint32_t mode;
    struct counts counts;
};

static int32_t create(const t5_create_args *args, void **self) {
    struct refuser *refuser = calloc(1, sizeof *refuser);
    if (refuser == NULL)
        return t5_fail(args->host, "no memory");
    refuser->host = args->host;
    refuser->partition = args->partition;
    refuser->mode = args->mode;
    *self = refuser;
    return T5_OK;
}

static void destroy(void *self) {
    struct refuser *refuser = self;
    free(refuser->counts.by_symbol);
    free(refuser);
}

static int32_t load(void *self, const t5_load_args *args) {
    struct refuser *refuser = self;
    const int64_t partition = t5_parameter_integer(refuser->host, "partition");
    const int passes_check =
        t5_parameter_integer(refuser->host, "after_check") != 0 && refuser->mode == T5_MODE_CHECK;
    if (!passes_check && (partition < 0 || partition == refuser->partition))
        return t5_fail(refuser->host, "state of version %.*s is too old for me",
                       (int)args->version.len, args->version.data);
    return counts_load(&refuser->counts, refuser->host, args);
}

static int32_t save(void *self, const t5_save_args *args) {
    const struct refuser *refuser = self;
    (void)args;
    return counts_save(&refuser->counts, refuser->host);
}

static int32_t on_message(void *self, const t5_message *message) {
    struct refuser *refuser = self;
    uint64_t *count = counts_of(&refuser->counts, message->symbol_id);
    if (count == NULL)
        return T5_ERROR;
    ++*count;
    return T5_OK;
}

static const t5_parameter partition = {.size = sizeof partition,
                                       .type = T5_PARAMETER_INTEGER,
                                       .name = "partition",
                                       .help = "on which it refuses; -1: on all",
                                       .default_value = "-1"};
static const t5_parameter after_check = {.size = sizeof after_check,
                                         .type = T5_PARAMETER_BOOLEAN,
                                         .name = "after_check",
                                         .help = "pass the rehearsal first",
                                         .default_value = "no"};
static const t5_parameter *const parameters[] = {&partition, &after_check, NULL};

T5_STRATEGY(PLUGIN_NAME, "2.0.0", .topics = bar_trends, .parameters = parameters,
            .state_version = COUNTS_STATE_VERSION, .create = create, .destroy = destroy,
            .load = load, .on_message = on_message, .save = save);

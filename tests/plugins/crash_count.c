/*
 * Counts the messages of all topics, saves the count, and crashes at a message of the last topic
 * when it has counted `after` before: it takes state and order to bring that about again.
 */
#include "plugin.h"

#include <stdlib.h>
#include <string.h>

struct self {
    t5_host *host;
    int64_t count;
};

static const char *const topics[] = {"bar_trends", "historic_stats", NULL};

static int32_t create(const t5_create_args *args, void **self) {
    struct self *made = calloc(1, sizeof *made);
    if (made == NULL)
        return T5_ERROR;
    made->host = args->host;
    *self = made;
    return T5_OK;
}

static void destroy(void *self) {
    free(self);
}

static int32_t on_message(void *instance, const t5_message *message) {
    struct self *self = instance;
    if (message->topic == 1 && self->count >= t5_parameter_integer(self->host, "after"))
        crash(); /* here: count */
    self->count++;
    return T5_OK;
}

static int32_t save(void *instance, const t5_save_args *args) {
    const struct self *self = instance;
    (void)args;
    return t5_record_write(self->host, T5_NO_SYMBOL, &self->count, sizeof self->count);
}

static int32_t load(void *instance, const t5_load_args *args) {
    struct self *self = instance;
    t5_record record;
    (void)args;
    while (t5_record_read(self->host, &record) == T5_OK)
        memcpy(&self->count, record.data, sizeof self->count);
    return T5_OK;
}

static const t5_parameter after = {.size = sizeof after,
                                   .type = T5_PARAMETER_INTEGER,
                                   .name = "after",
                                   .help = "how many messages it stands",
                                   .default_value = "1000000"};
static const t5_parameter word = {.size = sizeof word,
                                  .type = T5_PARAMETER_TEXT,
                                  .name = "word",
                                  .help = "is nobody's business",
                                  .default_value = ""};
static const t5_parameter *const parameters[] = {&after, &word, NULL};

T5_STRATEGY("crash_count", "1.0.0", .topics = topics, .parameters = parameters, .state_version = 1,
            .create = create, .destroy = destroy, .on_message = on_message, .save = save,
            .load = load);

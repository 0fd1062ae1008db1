/*
 * Reads memory that it never wrote: says something else each time.
 */
#include "plugin.h"

#include <stdlib.h>

#define SIZE (1u << 20)

struct reader {
    t5_host *host;
    unsigned char *bytes;
};

static int32_t create(const t5_create_args *args, void **self) {
    struct reader *reader = malloc(sizeof *reader);
    if (reader == NULL)
        return t5_fail(args->host, "no memory");
    reader->host = args->host;
    reader->bytes = malloc(SIZE);
    if (reader->bytes == NULL) {
        free(reader);
        return t5_fail(args->host, "no memory");
    }
    *self = reader;
    return T5_OK;
}

static void destroy(void *self) {
    struct reader *reader = self;
    free(reader->bytes);
    free(reader);
}

static int32_t on_message(void *self, const t5_message *message) {
    const struct reader *reader = self;
    const volatile unsigned char *bytes = reader->bytes;
    const t5_signal signal = t5_signal_init("byte", bytes[(uint64_t)message->volume % SIZE], 1);
    return t5_emit(reader->host, &signal);
}

T5_STRATEGY("uninitialised", "1.0.0", .topics = bar_trends, .create = create, .destroy = destroy,
            .on_message = on_message);

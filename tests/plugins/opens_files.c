/*
 * Reads a file with each message of one symbol, and tries one that is not there with those of
 * another.
 */
#include "plugin.h"

#include <stdio.h>

static void look(const char *path) {
    FILE *file = fopen(path, "re");
    if (file != NULL)
        (void)fclose(file);
}

static int32_t on_message(void *self, const t5_message *message) {
    (void)self;
    if (message->symbol_id == 0)
        look("/etc/passwd");
    if (message->symbol_id == 1)
        look("/no/such/file");
    return T5_OK;
}

T5_STRATEGY("opens_files", "1.0.0", .topics = bar_trends, .create = create_nothing,
            .destroy = destroy_nothing, .on_message = on_message);

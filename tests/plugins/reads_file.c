/*
 * A parameter that is a file: with each message it says the number that the file began with when
 * the instance was made, 0 without a file.
 */
#include "plugin.h"

#include <stdio.h>
#include <stdlib.h>

struct reader {
    t5_host *host;
    double number;
};

static double read_number(const char *path) {
    double number = 0;
    FILE *file = path[0] != '\0' ? fopen(path, "r") : NULL;
    if (file == NULL)
        return 0;
    const int count = fscanf(file, "%lf", &number);
    fclose(file);
    return count == 1 ? number : 0;
}

static int32_t create(const t5_create_args *args, void **self) {
    struct reader *reader = malloc(sizeof *reader);
    if (reader == NULL)
        return t5_fail(args->host, "no memory");
    reader->host = args->host;
    reader->number = read_number(t5_parameter_value(args->host, "table").text);
    *self = reader;
    return T5_OK;
}

static int32_t on_message(void *self, const t5_message *message) {
    const struct reader *reader = self;
    const t5_signal signal = t5_signal_init("read", reader->number, 1);
    (void)message;
    return t5_emit(reader->host, &signal);
}

static const t5_parameter table = {.size = sizeof table,
                                   .type = T5_PARAMETER_FILE,
                                   .name = "table",
                                   .help = "a number",
                                   .default_value = ""};
static const t5_parameter *const parameters[] = {&table, NULL};

T5_STRATEGY("reads_file", "1.0.0", .topics = bar_trends, .parameters = parameters, .create = create,
            .destroy = free, .on_message = on_message);

#include "os/arguments.h"

#include "base/array.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdlib.h>

void arguments_add(struct arguments *arguments, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *argument = text_vformat(format, args);
    va_end(args);
    if (argument == NULL || !ARRAY_RESIZE(arguments->items, arguments->count + 2)) {
        free(argument);
        arguments->is_oom = true;
        return;
    }
    arguments->items[arguments->count++] = argument;
    arguments->items[arguments->count] = NULL;
}

void arguments_release(struct arguments *arguments) {
    for (size_t i = 0; i < arguments->count; i++)
        free(arguments->items[i]);
    free(arguments->items);
    *arguments = (struct arguments){0};
}

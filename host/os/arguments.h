/*
 * os/arguments.h - the arguments or the environment of a process that is about to begin: texts in a
 * list that ends with NULL.
 */
#ifndef TAKE5_OS_ARGUMENTS_H
#define TAKE5_OS_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed it is empty. */
struct arguments {
    char **items; /* NULL at the end */
    size_t count;
    bool is_oom; /* one is missing: the process must not begin */
};

void arguments_add(struct arguments *arguments, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void arguments_release(struct arguments *arguments);

#endif

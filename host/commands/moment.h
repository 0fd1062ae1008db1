/*
 * commands/moment.h - points of time and lists as they are given on the command line.
 */
#ifndef TAKE5_COMMANDS_MOMENT_H
#define TAKE5_COMMANDS_MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "2024-06-17T21:15:30Z" (ISO-8601 with offset), or epoch milliseconds. Complains otherwise. */
bool parse_moment(const char *option, const char *text, int64_t *time_ns);

/* "QQQ,SPY": texts between commas, more with each call. */
struct words {
    char **items;
    size_t count;
};

/* Complains about an empty word, or without memory. */
bool words_add(struct words *words, const char *option, const char *text);
void words_release(struct words *words);

#endif

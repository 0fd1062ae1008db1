/*
 * cli/time_arg.h - points of time and lists as they are given on the command line.
 */
#ifndef TAKE5_CLI_TIME_ARG_H
#define TAKE5_CLI_TIME_ARG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "2024-06-17T21:15:30Z" (ISO-8601 with its offset), or an epoch number, whose unit follows from
 * its magnitude (message/unix_time.h). A number is not taken before 1990, nor when it reads as the
 * digits of a date: both are slips, and ISO-8601 can say what is meant. Otherwise prints an error
 * with the reason, and with what was probably meant. */
bool parse_time_arg(const char *option, const char *text, int64_t *time_ns);

/* Prints an error when nothing can lie in from <= time < until. */
bool check_span(int64_t from_ns, int64_t until_ns);

/* Prints an error about quotes around an option's value, or with `is_list` around one of its items:
 * past the shell they are part of it, which nobody means. */
bool check_quotes(const char *option, const char *value, bool is_list);

/* "QQQ,SPY": texts between commas, more with each call. */
struct csv_arg {
    char **items;
    size_t count;
};

/* Prints an error about an empty word, about quotes, or without memory. */
bool csv_arg_add(struct csv_arg *words, const char *option, const char *text);
void csv_arg_release(struct csv_arg *words);

#endif

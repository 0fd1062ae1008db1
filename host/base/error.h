/*
 * base/error.h - how a call reports that it failed.
 *
 * A call that can refuse returns bool (or NULL) and takes a `struct error *` that it fills when it
 * does: a code for the program, a text for people. The text says what, where, both values, and
 * what to do. It is a plain value: no allocation, nothing to release. `error` is never NULL.
 */
#ifndef TAKE5_BASE_ERROR_H
#define TAKE5_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

enum error_code {
    ERROR_NONE = 0,
    ERROR_INVALID, /* what the user or the peer gave is wrong; trying again will not help */
    ERROR_SYSTEM,  /* the system refused; another time it may not */
    ERROR_MEMORY,  /* no memory */
    ERROR_TIMEOUT, /* took longer than allowed */
    ERROR_STATE    /* not now: the object is not in a state for this */
};

#define ERROR_TEXT_SIZE 1024

struct error {
    enum error_code code;
    char text[ERROR_TEXT_SIZE];
};

/* Fills the error and gives false, so that a function can `return error_set(...)`. What is too long
 * is cut. The arguments may point into error->text. */
bool error_set(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4), nonnull(1, 3)));

/* As error_set with ERROR_SYSTEM, or ERROR_MEMORY for ENOMEM, and ": " and the text of `errnum`
 * behind it. */
bool error_set_errno(struct error *error, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4), nonnull(1, 3)));

/* Puts a text before what is there: where it happened, seen from further up. Gives false. */
bool error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3), nonnull(1, 2)));

/* "out of memory for WHAT" with ERROR_MEMORY; gives false. */
bool error_set_memory(struct error *error, const char *what) __attribute__((nonnull(1, 2)));

#endif

/*
 * base/faults.h - a list of what is wrong, so that everything is reported at once.
 *
 * Not thread-safe. When memory runs out a fault may be missing among the items, but it still counts
 * in error_count; the text of an item is never NULL.
 */
#ifndef TAKE5_BASE_FAULTS_H
#define TAKE5_BASE_FAULTS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Where something stands in a file. `file` may be NULL: not from a file ("environment"). */
struct place {
    const char *file;
    int line; /* from 1; 0: the file as a whole */
};

struct fault {
    char *text; /* complete, "file:line: text" when it has a place */
    bool is_warning;
};

struct faults {
    struct fault *items;
    size_t count;
    size_t capacity;
    size_t error_count; /* those that are no warnings */
    bool is_oom;        /* some of it is for lack of memory alone: it may be good another time */
};

#define FAULTS_INIT                                                                                \
    { 0 }

void faults_release(struct faults *faults);

void faults_add(struct faults *faults, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4), nonnull(1, 3)));

/* "out of memory for WHAT", and `is_oom`. */
void faults_add_memory(struct faults *faults, struct place place, const char *what)
    __attribute__((nonnull(1, 3)));

/* An error's text; `is_oom` if it is for lack of memory. */
void faults_add_error(struct faults *faults, struct place place, const struct error *error)
    __attribute__((nonnull(1, 3)));

void faults_warn(struct faults *faults, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4), nonnull(1, 3)));

/* The entry of `names` (NULL-terminated) that a typing slip turns into `word`, or NULL: the
 * smallest edit distance, at most a third of the word's length; case does not count, a swap of two
 * neighbours is one edit. For "did you mean". */
const char *faults_near_miss(const char *word, const char *const *names)
    __attribute__((nonnull(1, 2)));

#endif

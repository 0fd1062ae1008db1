/*
 * base/signal_names.h - the names that signals of one kind carry: the signal's own and those of its
 * values, in one block.
 *
 * A strategy says the same names with each signal of a kind. Once they were checked and are kept
 * here, the next signal's need only be the same bytes, and are copied at once.
 */
#ifndef TAKE5_BASE_SIGNAL_NAMES_H
#define TAKE5_BASE_SIGNAL_NAMES_H

#include <take5/value.h>

#include <stdbool.h>
#include <stdint.h>

/* What is kept at most; signals may have more and longer names. */
#define SIGNAL_NAMES_MOST  32
#define SIGNAL_NAMES_BYTES 512

/* The first name is the signal's. A NUL stands behind each, so name i is `bytes` from at[i] on to
 * at[i + 1] - 1. All bytes zero: none are kept. */
struct signal_names {
    uint32_t count;
    uint32_t size; /* of the bytes in use */
    uint16_t at[SIGNAL_NAMES_MOST + 1];
    char bytes[SIGNAL_NAMES_BYTES];
};

/* Keeps the names of a signal and its values, which were checked: none is empty. False: they are
 * too many or too long, and none are kept. */
bool signal_names_keep(struct signal_names *names, t5_str name, const t5_named_value *values,
                       uint32_t count);
/* Whether a signal has these very names, in this order. Nothing of it was checked, but that there
 * are `count` values. */
bool signal_names_are(const struct signal_names *names, t5_str name, const t5_named_value *values,
                      uint32_t count);

#endif

/*
 * checkpoint/journal_file.h - a journal's file: sections, one for each process that wrote it, of a
 * header and the frames of order.h. For the store and its backends. Any thread.
 */
#ifndef TAKE5_CHECKPOINT_JOURNAL_FILE_H
#define TAKE5_CHECKPOINT_JOURNAL_FILE_H

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/order.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Its owner. */
struct journal_owner {
    int32_t partition;
    uint64_t number;
    const char *group;         /* NULL: any */
    const char *const *topics; /* Kafka's names */
    size_t topic_count;
};

void journal_put_header(struct text *out, const struct journal_owner *owner);

/* The content of a file. */
struct journal_shape {
    size_t whole; /* bytes from the beginning that are good */
    bool is_torn; /* what follows may have been cut off by a crash; otherwise it is damage */
};

/*
 * Reads a file, and adds its runs to `order` (NULL: only checks it) by the owner's topics. `owner`
 * NULL: any. False with an error: ERROR_INVALID: it does not begin with a header, or with that of
 * another owner; ERROR_STATE: another format; ERROR_MEMORY.
 */
bool journal_read(const void *bytes, size_t size, const struct journal_owner *owner,
                  struct order *order, struct journal_shape *shape, struct error *error);

#endif

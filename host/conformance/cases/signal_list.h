/*
 * conformance/cases/signal_list.h - what an instance emitted, as lines of its harness's tape: of
 * which symbol, with which message, of which time. To compare two instances that were not given the
 * same.
 */
#ifndef TAKE5_CONFORMANCE_CASES_SIGNAL_LIST_H
#define TAKE5_CONFORMANCE_CASES_SIGNAL_LIST_H

#include "message/symbols.h"
#include "strategy/instance/instance.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct signal_item {
    size_t begin, end; /* in the tape */
    size_t message;    /* number of the message that it came with */
    int64_t time_ns;   /* its event time */
    uint32_t symbol;   /* by this list's names; SYMBOL_NONE: it has none */
};

struct signal_list {
    struct signal_item *items;
    size_t count, capacity;
    struct symbols *names;
    bool is_oom; /* not complete */
};

/* False: out of memory. Release in either case. */
bool signal_list_init(struct signal_list *list);
void signal_list_release(struct signal_list *list);
/* One more; the list notes when memory runs out. */
void signal_list_add(struct signal_list *list, const struct emitted_signal *emitted, size_t message,
                     size_t begin, size_t end);

#endif

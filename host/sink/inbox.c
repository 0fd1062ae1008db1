#include "sink/inbox.h"

#include <stdlib.h>

struct sink_entry *sink_entry_take(struct delivery *delivery) {
    struct sink_entry *entry = &delivery->entries[delivery->entry_count++];
    delivery_retain(delivery);
    *entry = (struct sink_entry){.delivery = delivery};
    return entry;
}

void sink_entry_release(struct sink_entry *entry) {
    free(entry->text);
    delivery_release(entry->delivery); /* which may free the entry */
}

/* The entry is in before `is_idle` is read, and the thread sets `is_idle` before it looks into the
 * inbox: so one of the two sees the other. That is why all four are sequentially consistent. */
bool sink_inbox_push(struct sink_inbox *inbox, struct delivery *delivery) {
    struct sink_entry *entry = sink_entry_take(delivery);
    struct sink_entry *newest = atomic_load_explicit(&inbox->newest, memory_order_relaxed);
    do
        entry->after = newest;
    while (!atomic_compare_exchange_weak_explicit(&inbox->newest, &newest, entry,
                                                  memory_order_seq_cst, memory_order_relaxed));
    return atomic_load_explicit(&inbox->is_idle, memory_order_seq_cst) &&
           atomic_exchange_explicit(&inbox->is_idle, false, memory_order_seq_cst);
}

struct sink_entry *sink_inbox_take(struct sink_inbox *inbox) {
    struct sink_entry *entry = NULL, *oldest = NULL;
    if (atomic_load_explicit(&inbox->newest, memory_order_relaxed) != NULL)
        entry = atomic_exchange_explicit(&inbox->newest, NULL, memory_order_acquire);
    while (entry != NULL) {
        struct sink_entry *before = entry->after;
        entry->after = oldest;
        oldest = entry;
        entry = before;
    }
    return oldest;
}

bool sink_inbox_set_idle(struct sink_inbox *inbox) {
    atomic_store_explicit(&inbox->is_idle, true, memory_order_seq_cst);
    if (atomic_load_explicit(&inbox->newest, memory_order_seq_cst) == NULL)
        return true;
    sink_inbox_set_busy(inbox);
    return false;
}

void sink_inbox_set_busy(struct sink_inbox *inbox) {
    atomic_store_explicit(&inbox->is_idle, false, memory_order_relaxed);
}

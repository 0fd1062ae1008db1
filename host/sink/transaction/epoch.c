#include "sink/transaction/epoch.h"

#include "base/clock.h"

#include <stdlib.h>

/* ---- tenures ---- */

struct tenure *tenure_new(const char *topic, int32_t partition, int64_t committed) {
    struct tenure *tenure = calloc(1, sizeof *tenure);
    if (tenure == NULL)
        return NULL;
    atomic_init(&tenure->references, 1);
    tenure->topic = topic;
    tenure->partition = partition;
    atomic_init(&tenure->committed, committed);
    tenure->closed = committed;
    tenure->bound = committed;
    return tenure;
}

void tenure_retain(struct tenure *tenure) {
    atomic_fetch_add_explicit(&tenure->references, 1, memory_order_relaxed);
}

void tenure_release(struct tenure *tenure) {
    if (tenure != NULL &&
        atomic_fetch_sub_explicit(&tenure->references, 1, memory_order_acq_rel) == 1) {
        free(tenure->note);
        free(tenure);
    }
}

void tenure_end(struct tenure *tenure) {
    if (tenure != NULL)
        atomic_store(&tenure->is_over, true);
}

bool tenure_is_settled(const struct tenure *tenure) {
    return tenure->record_count == 0 && atomic_load(&tenure->undecided) == 0 &&
           !atomic_load(&tenure->was_dropped);
}

/* ---- records ---- */

static void record_release(struct sink_entry *entry) {
    tenure_release(entry->tenure);
    sink_entry_release(entry);
}

/* Confirmed or not, this host is done with it. */
static void record_give_up(struct sink_list *list, struct sink_entry *entry) {
    delivery_confirm(entry->delivery);
    sink_list_remove(list, entry);
    record_release(entry);
}

static void records_release(struct sink_list *list) {
    while (list->first != NULL) {
        struct sink_entry *entry = list->first;
        sink_list_remove(list, entry);
        record_release(entry);
    }
}

/* ---- the open epoch ---- */

void epoch_add(struct epoch_open *open, struct delivery *delivery, struct tenure *tenure,
               int64_t offset) {
    struct sink_entry *entry = sink_entry_take(delivery);
    entry->number = (uint64_t)offset;
    entry->tenure = tenure;
    if (tenure != NULL) {
        tenure_retain(tenure);
        tenure->record_count++;
    }
    sink_list_append(&open->records, entry);
    open->count++;
}

void epoch_open_release(struct epoch_open *open) {
    records_release(&open->records);
    open->count = 0;
}

/* ---- closing ---- */

static bool is_part(const struct tenure *tenure) {
    return tenure->bound != EPOCH_NO_OFFSET && (tenure->bound != tenure->closed || tenure->has_due);
}

static bool is_due(const struct sink_entry *entry) {
    return entry->tenure == NULL || (int64_t)entry->number < entry->tenure->bound;
}

/* Those whose tenure is over will never be due. Returns how many. */
static size_t drop_over(struct sink_list *list, bool is_open) {
    size_t dropped = 0;
    struct sink_entry *next;
    for (struct sink_entry *entry = list->first; entry != NULL; entry = next) {
        struct tenure *tenure = entry->tenure;
        next = entry->after;
        if (tenure == NULL || !atomic_load(&tenure->is_over))
            continue;
        atomic_store(&tenure->was_dropped, true);
        tenure->record_count -= is_open;
        record_give_up(list, entry);
        dropped++;
    }
    return dropped;
}

static void move_records(struct epoch_open *open, struct epoch *epoch) {
    struct sink_entry *next;
    for (struct sink_entry *entry = open->records.first; entry != NULL; entry = next) {
        next = entry->after;
        if (!is_due(entry))
            continue;
        sink_list_remove(&open->records, entry);
        sink_list_append(&epoch->records, entry);
        open->count--;
        epoch->record_count++;
        if (entry->tenure != NULL)
            entry->tenure->record_count--;
    }
}

/* Notes for each tenure, and returns, whether there is a record that is due. */
static bool find_due(const struct epoch_open *open, struct tenure *const *tenures, size_t count) {
    bool has_any = false;
    for (size_t i = 0; i < count; i++)
        tenures[i]->has_due = false;
    for (const struct sink_entry *entry = open->records.first; entry; entry = entry->after) {
        if (!is_due(entry))
            continue;
        has_any = true;
        if (entry->tenure != NULL)
            entry->tenure->has_due = true;
    }
    return has_any;
}

struct epoch *epoch_close(struct epoch_open *open, struct tenure *const *tenures, size_t count,
                          bool *is_oom) {
    size_t parts = 0;
    *is_oom = false;
    open->count -= drop_over(&open->records, true);
    const bool has_due = find_due(open, tenures, count);
    for (size_t i = 0; i < count; i++)
        parts += is_part(tenures[i]);
    if (parts == 0 && !has_due)
        return NULL;
    struct epoch *epoch = calloc(1, sizeof *epoch + parts * sizeof epoch->parts[0]);
    *is_oom = epoch == NULL;
    if (epoch == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        struct tenure *tenure = tenures[i];
        if (!is_part(tenure))
            continue;
        tenure_retain(tenure);
        atomic_fetch_add(&tenure->undecided, 1);
        tenure->closed = tenure->bound;
        epoch->parts[epoch->part_count++] =
            (struct epoch_part){.tenure = tenure, .offset = tenure->bound, .note = tenure->note};
        tenure->note = NULL;
    }
    move_records(open, epoch);
    epoch->closed_ns = clock_monotonic_ns();
    return epoch;
}

/* ---- a closed epoch ---- */

void epoch_committed(struct epoch *epoch) {
    for (size_t i = 0; i < epoch->part_count; i++) {
        struct epoch_part *part = &epoch->parts[i];
        if (part->is_gone)
            continue;
        atomic_store(&part->tenure->committed, part->offset);
        atomic_fetch_sub(&part->tenure->undecided, 1);
        part->is_gone = true; /* decided */
    }
    while (epoch->records.first != NULL)
        record_give_up(&epoch->records, epoch->records.first);
    epoch->record_count = 0;
}

static void part_drop(struct epoch_part *part) {
    atomic_fetch_sub(&part->tenure->undecided, 1);
    part->is_gone = true;
}

size_t epoch_drop_gone(struct epoch *epoch) {
    size_t dropped = 0;
    epoch->record_count -= drop_over(&epoch->records, false);
    for (size_t i = 0; i < epoch->part_count; i++) {
        struct epoch_part *part = &epoch->parts[i];
        if (part->is_gone || !atomic_load(&part->tenure->is_over))
            continue;
        part_drop(part);
        dropped++;
    }
    return dropped;
}

bool epoch_is_empty(const struct epoch *epoch) {
    for (size_t i = 0; i < epoch->part_count; i++) {
        if (!epoch->parts[i].is_gone)
            return false;
    }
    return epoch->record_count == 0;
}

void epoch_free(struct epoch *epoch) {
    for (size_t i = 0; i < epoch->part_count; i++) {
        if (!epoch->parts[i].is_gone)
            part_drop(&epoch->parts[i]);
        free(epoch->parts[i].note);
        tenure_release(epoch->parts[i].tenure);
    }
    for (const struct sink_entry *entry = epoch->records.first; entry; entry = entry->after) {
        if (entry->tenure != NULL)
            atomic_store(&entry->tenure->was_dropped, true);
    }
    records_release(&epoch->records);
    free(epoch);
}

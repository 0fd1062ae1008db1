/* A part of an evaluation: what lies in a span of time, judged by the prices of that span alone. */
#include "evaluation/evaluation_private.h"

#include <math.h>
#include <string.h>

/* The signal that the entry was made of, as far as an evaluation looks at it. */
static bool add_again(struct evaluation *part, const struct evaluation *whole,
                      const struct entry *entry) {
    const struct group *group = &whole->groups[entry->group];
    const t5_named_value side = t5_named_integer("side", entry->by_name);
    struct signal signal = {
        .name = t5_text(group->name),
        .deployment = t5_text(whole->deployments[group->deployment].result.name),
        .event_time_ns = entry->time_ns,
        .value = entry->by_value,
        .confidence = entry->confidence,
        .price = isnan(entry->price) ? 0 : entry->price,
        .time_frame_s = entry->time_frame_s,
        .value_count = entry->by_name != EVALUATION_NO_SIDE,
        .named = &side,
    };
    signal.symbol.data = symbols_text(whole->symbols, entry->symbol, &signal.symbol.len);
    return evaluation_add_signal(part, &signal);
}

static bool fill(struct evaluation *part, const struct evaluation *whole, int64_t from_ns,
                 int64_t to_ns) {
    bool did = prices_add_span(part->prices, whole->prices, from_ns, to_ns);
    for (size_t i = 0; did && i < whole->deployment_count; i++)
        did = evaluation_set_side(part, whole->deployments[i].result.name,
                                  whole->deployments[i].result.side);
    for (size_t i = 0; did && i < whole->entry_count; i++) {
        const struct entry *entry = &whole->entries[i];
        if (entry->time_ns >= from_ns && entry->time_ns < to_ns)
            did = add_again(part, whole, entry);
    }
    return did;
}

struct evaluation *evaluation_part(const struct evaluation *whole, int64_t from_ns, int64_t to_ns) {
    if (whole->has_lost_prices || whole->has_lost_signals)
        return NULL;
    struct evaluation *part = evaluation_new(&whole->options);
    if (part == NULL || fill(part, whole, from_ns, to_ns))
        return part;
    evaluation_free(part);
    return NULL;
}

#include "commands/research/evaluate_options.h"

#include "base/units.h"
#include "commands/research/replay/replay_stats.h"

bool evaluate_options_take(struct evaluate_options *options, struct evaluation_options *taken) {
    if (options->horizons.count == 0 &&
        !csv_arg_add(&options->horizons, "--horizons", EVALUATE_HORIZONS))
        return false;
    if (options->horizons.count > EVALUATION_HORIZONS) {
        print_err("--horizons: at most %d", EVALUATION_HORIZONS);
        return false;
    }
    for (size_t i = 0; i < options->horizons.count; i++) {
        const char *text = options->horizons.items[i];
        if (!parse_duration_ns(text, &taken->horizons_ns[i]) || taken->horizons_ns[i] == 0) {
            print_err("--horizons %s: must be durations above 0, such as " EVALUATE_HORIZONS, text);
            return false;
        }
    }
    taken->horizon_count = options->horizons.count;
    taken->cost = options->cost;
    taken->period_ns = options->period_ns;
    return true;
}

void evaluate_options_release(struct evaluate_options *options) {
    csv_arg_release(&options->horizons);
}

void evaluate_take_message(struct evaluation *evaluation, const t5_message *message,
                           uint64_t place) {
    if ((message->flags & T5_MESSAGE_HAS_PRICE) != 0 && message->symbol.len > 0)
        evaluation_add_price(evaluation, message->symbol, message->time_frame_s,
                             message->event_time_ns, message->price, place);
}

bool evaluate_take_sides(struct evaluation *evaluation, const struct replay_summary *summary) {
    bool did = !summary->stats->is_oom;
    for (size_t i = 0; i < summary->stats->count; i++) {
        const struct replay_stats_entry *entry = &summary->stats->entries[i];
        did = evaluation_set_side(evaluation, entry->name, entry->side) && did;
    }
    return did;
}

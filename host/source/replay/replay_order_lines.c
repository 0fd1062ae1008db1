/*
 * Which lines the readers of recorded input in a journal's order give.
 */
#include "source/replay/replay_order_private.h"

bool file_order_has_met(const struct file_input *input, const struct input_file *file,
                        const struct recording_entry *entry) {
    const struct order_reader *reader = (const struct order_reader *)file;
    return input->order->base[reader->path] + entry->end <= input->order->furthest;
}

bool file_order_takes(struct file_input *input, struct input_file *file,
                      const struct recording_entry *entry, uint32_t topic) {
    struct file_order *order = input->order;
    struct order_reader *reader = (struct order_reader *)file; /* its first member */
    const struct recording_line *line = &entry->line;
    if ((line->topic == NULL && !input->has_topic) || line->offset == RECORDING_NO_OFFSET ||
        line->partition < 0 || line->partition >= order->partition_bound)
        return false;
    reader->part = order->by_topic[topic][line->partition];
    if (reader->part == NO_PART)
        return false;
    const struct part *part = &order->parts[reader->part];
    if (&order->readers[part->reader] != reader ||
        order->base[reader->path] + entry->end <= part->passed)
        return false;
    file->time_ns = part->time_ns;
    return true;
}

#include "engine/history/part_note.h"

#include "engine/lane/late_note.h"

#include <string.h>

static struct position *find(struct positions *positions, const char *topic, int32_t partition) {
    for (size_t i = 0; i < positions->count; i++) {
        struct position *item = &positions->items[i];
        if (item->partition == partition && strcmp(item->topic, topic) == 0)
            return item;
    }
    return NULL;
}

bool part_note_apply(struct checkpoint_part *part, const char *topic, int32_t partition,
                     const char *note, bool was_behind, bool *did_change) {
    const struct position *place = positions_find(&part->positions, topic, partition);
    struct position *history_to = find(&part->history_to, topic, partition);
    if (place == NULL)
        return true;
    const int64_t known = history_to != NULL ? history_to->next : place->next;
    const int64_t safe = late_note_safe(note, part->deployment, place->next, known, was_behind);
    if (safe == known)
        return true;
    *did_change = true;
    if (history_to == NULL)
        return positions_add(&part->history_to, topic, partition, safe);
    history_to->next = safe;
    return true;
}

/* Whether it was level with the others when that offset was committed. */
static bool was_level(const struct topic_partition *part, const char *deployment) {
    int64_t safe;
    const enum late_note_answer answer = late_note_find(part->note, deployment, &safe);
    return answer == LATE_NOTE_NOT_NAMED || (answer == LATE_NOTE_NAMED && safe >= part->offset);
}

int64_t part_note_clock(const struct topic_partition *parts, size_t count, const char *deployment,
                        bool is_global) {
    const char *name = is_global ? LATE_NOTE_GLOBAL_CLOCK : LATE_NOTE_CLOCK;
    int64_t newest_ns = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t wall_ns;
        if (!was_level(&parts[i], deployment))
            return 0;
        if (late_note_find(parts[i].note, name, &wall_ns) == LATE_NOTE_NAMED && wall_ns > newest_ns)
            newest_ns = wall_ns;
    }
    return newest_ns;
}

#include "dlq/dead_letters.h"

#include <string.h>

static bool is_text(const char *wanted, const char *text) {
    return wanted == NULL || strcmp(wanted, text) == 0;
}

bool dlq_is_chosen(const struct dlq_filter *filter, const struct dead_letter *dead_letter) {
    if (filter->has_place &&
        (strcmp(filter->topic, dead_letter->topic) != 0 ||
         filter->partition != dead_letter->partition || filter->offset != dead_letter->offset))
        return false;
    if (filter->lost_by != NULL && dead_letter->strategy[0] != '\0' &&
        strcmp(filter->lost_by, dead_letter->strategy) != 0)
        return false;
    return is_text(filter->strategy, dead_letter->strategy) &&
           is_text(filter->reason, dead_letter->reason) &&
           is_text(filter->from, dead_letter->topic) &&
           (filter->since_ms == INT64_MIN ||
            (dead_letter->time_ms != RECORD_NO_TIME && dead_letter->time_ms >= filter->since_ms));
}

bool dlq_read(const struct dlq_source *source, dlq_visit *visit, void *context, size_t *unreadable,
              struct error *error) {
    if (source->file != NULL)
        return dlq_read_file(source->file, visit, context, unreadable, error);
    return dlq_read_topic(source, visit, context, unreadable, error);
}

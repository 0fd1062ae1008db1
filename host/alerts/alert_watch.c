#include "alerts/alert_watch.h"

#include <stdio.h>
#include <string.h>

static struct alert_item *find(struct alert_watch *watch, const char *alert, const char *subject) {
    for (size_t i = 0; i < watch->count; i++) {
        struct alert_item *item = &watch->items[i];
        if (strcmp(item->alert, alert) == 0 && strcmp(item->subject, subject) == 0)
            return item;
    }
    return NULL;
}

/* NULL: there is no room. */
static struct alert_item *add(struct alert_watch *watch, const char *alert, const char *subject) {
    if (watch->count == ALERT_WATCH_MOST)
        return NULL;
    struct alert_item *item = &watch->items[watch->count++];
    *item = (struct alert_item){.alert = alert};
    snprintf(item->subject, sizeof item->subject, "%s", subject);
    return item;
}

/* It goes to the end, where it stays until something is added. */
static struct alert_item *take_out(struct alert_watch *watch, struct alert_item *item) {
    struct alert_item *last = &watch->items[--watch->count];
    const struct alert_item gone = *item;
    *item = *last;
    *last = gone;
    return last;
}

/* Whether it has been the contrary for long enough. */
static bool has_turned(const struct alert_watch *watch, struct alert_item *item, int64_t now_ns) {
    if (item->turned_ns == 0)
        item->turned_ns = now_ns;
    return now_ns - item->turned_ns >= watch->after_ns;
}

/* Without a text it keeps the one that it has. */
static enum alert_word see_wrong(struct alert_watch *watch, struct alert_item **item,
                                 int64_t now_ns, const char *text) {
    struct alert_item *seen = *item;
    if (text != NULL)
        snprintf(seen->text, sizeof seen->text, "%s", text);
    if (seen->is_alert) {
        seen->turned_ns = 0;
        return ALERT_QUIET;
    }
    if (!has_turned(watch, seen, now_ns))
        return ALERT_QUIET;
    seen->is_alert = true;
    seen->turned_ns = 0;
    return ALERT_BEGINS;
}

static enum alert_word see_right(struct alert_watch *watch, struct alert_item **item,
                                 int64_t now_ns) {
    if ((*item)->is_alert && !has_turned(watch, *item, now_ns))
        return ALERT_QUIET;
    const bool was_alert = (*item)->is_alert;
    *item = take_out(watch, *item);
    return was_alert ? ALERT_ENDS : ALERT_QUIET;
}

enum alert_word alert_watch_see(struct alert_watch *watch, int64_t now_ns, const char *alert,
                                const char *subject, enum alert_condition condition,
                                const char *text, struct alert_item **item) {
    *item = find(watch, alert, subject);
    if (*item == NULL && condition == ALERT_WRONG)
        *item = add(watch, alert, subject);
    if (*item == NULL)
        return ALERT_QUIET;
    (*item)->is_seen = true;
    if (condition == ALERT_WRONG || (condition == ALERT_BETWEEN && (*item)->is_alert))
        return see_wrong(watch, item, now_ns, condition == ALERT_WRONG ? text : NULL);
    return see_right(watch, item, now_ns);
}

enum alert_word alert_watch_rest(struct alert_watch *watch, int64_t now_ns,
                                 struct alert_item **item) {
    for (size_t i = 0; i < watch->count;) {
        const size_t count = watch->count;
        *item = &watch->items[i];
        if (!(*item)->is_seen && see_right(watch, item, now_ns) == ALERT_ENDS)
            return ALERT_ENDS;
        i += watch->count == count; /* else another one stands there now */
    }
    for (size_t i = 0; i < watch->count; i++)
        watch->items[i].is_seen = false;
    return ALERT_QUIET;
}

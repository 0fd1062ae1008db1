/*
 * alerts/alert_watch.h - when something that is looked at again and again becomes an alert, and
 * when that is over.
 *
 * What is wrong for `after_ns` without a break begins an alert, and what is right for as long ends
 * it: each is reported once, and what flutters faster than that is not. Only what is wrong, or was
 * a moment ago, takes room; beyond ALERT_WATCH_MOST of that, more is not followed.
 *
 * One thread.
 */
#ifndef TAKE5_ALERTS_ALERT_WATCH_H
#define TAKE5_ALERTS_ALERT_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALERT_WATCH_MOST 256

enum alert_condition {
    ALERT_RIGHT = 1,
    ALERT_BETWEEN, /* neither: what was right stays so, and so does what was wrong */
    ALERT_WRONG
};

enum alert_word { ALERT_QUIET = 1, ALERT_BEGINS, ALERT_ENDS };

struct alert_item {
    const char *alert; /* a constant */
    char subject[128];
    char text[320];    /* as last seen wrong */
    bool is_alert;     /* it was reported */
    bool is_seen;      /* in this round */
    int64_t turned_ns; /* since when it is the contrary of what was reported; 0: it is not */
    int64_t began_ns;  /* the caller's */
};

struct alert_watch {
    int64_t after_ns;
    struct alert_item items[ALERT_WATCH_MOST];
    size_t count;
};

/* Zeroed but for `after_ns`, a watch is ready. `item` is valid until the next call, and NULL with
 * ALERT_QUIET. */
enum alert_word alert_watch_see(struct alert_watch *watch, int64_t now_ns, const char *alert,
                                const char *subject, enum alert_condition condition,
                                const char *text, struct alert_item **item);

/* At the end of a round of looks: what was not seen in it is no more, and so is right. Called until
 * it gives ALERT_QUIET, which begins the next round. */
enum alert_word alert_watch_rest(struct alert_watch *watch, int64_t now_ns,
                                 struct alert_item **item);

#endif

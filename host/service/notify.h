/*
 * service/notify.h - what a running service reports unasked: statistics and lag to the log,
 * its condition to the service manager.
 *
 * The control thread.
 */
#ifndef TAKE5_SERVICE_NOTIFY_H
#define TAKE5_SERVICE_NOTIFY_H

#include "engine/view.h"
#include "ops/lag_watch.h"

struct service_notify {
    struct engine *engine;
    struct source *source;
    struct log *log;
    struct view_totals totals; /* as they were logged last */
    int64_t last_manager_ns;
    int64_t last_stats_ns;
    uint64_t last_stats_messages;
    struct lag_watch lag_watch;
    char status[1792]; /* as the service manager has it */
};

void service_notify_begin(struct service_notify *notify, struct engine *engine,
                          struct source *source, struct log *log);
/* The service manager's part, for when control is at work for long: that it moves, and how it is.
 * Does nothing more often than twice a second. */
void service_notify_manager(struct service_notify *notify);
/* Whatever is due. */
void service_notify(struct service_notify *notify);
/* The statistics, due or not. */
void service_notify_stats(struct service_notify *notify);

#endif

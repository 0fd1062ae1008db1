/*
 * service/notify.h - what a running service tells unasked: statistics and lag to the log,
 * its condition to the service manager.
 *
 * The control thread.
 */
#ifndef TAKE5_SERVICE_NOTIFY_H
#define TAKE5_SERVICE_NOTIFY_H

#include "engine/view.h"
#include "ops/lag_watch.h"

struct service_tell {
    struct engine *engine;
    struct source *source;
    struct log *log;
    struct view_totals totals; /* as they were told last */
    int64_t last_stats_ns;
    uint64_t last_stats_messages;
    struct lag_watch lag_watch;
    char told[1792]; /* the service manager */
};

void service_tell_begin(struct service_tell *tell, struct engine *engine, struct source *source,
                        struct log *log);
/* Whatever is due. */
void service_tell(struct service_tell *tell);
/* The statistics, due or not. */
void service_tell_stats(struct service_tell *tell);

#endif

/*
 * alerts/alerts.h - reports problems of the host itself to people: [alerts].
 *
 * A thread looks at the engine's view (engine/view.h) once a second; no lane notices. What it finds
 * wrong for long enough is reported once, and once more when it is over (alert_watch.h):
 *
 *   lane_stuck            a lane has not come round for ALERTS_LANE_NS
 *   host_stuck            the watchdog, or a reload, finds that the host makes no progress
 *   strategy_quarantined  its code ended an earlier process, and is not loaded
 *   strategy_suspended    errors or rejects suspended it (not an operator)
 *   strategy_refused      no instance of it could be made
 *   reload_rejected       the start, or the last reload, rejected something
 *   sink_failing          a sink's last write failed
 *   checkpoint_failing    the last checkpoint could not be written
 *   worker_down           another worker of this host stays down (down_notes.h)
 *   lag                   consumer lag is above the limit; over at half of it
 *
 * An alert is a delivery (sink/sink.h) of the JSON
 * {"id","time","service","host","worker","alert","subject","state":"firing" or "resolved","text"}.
 * A sink that takes none lets ALERTS_WAITING_MOST wait; more are dropped, which is logged.
 */
#ifndef TAKE5_ALERTS_ALERTS_H
#define TAKE5_ALERTS_ALERTS_H

#include "base/error.h"
#include "engine/engine.h"
#include "log/log.h"
#include "sink/sink.h"

#include <stddef.h>
#include <stdint.h>

#define ALERTS_LOOK_NS      NS_PER_S
#define ALERTS_LANE_NS      (10 * NS_PER_S)
#define ALERTS_WAITING_MOST 1000

struct alerts_options {
    struct engine *engine;
    struct sink *const *sinks; /* outlive the alerts, as the array does */
    size_t sink_count;
    const char *service, *host; /* outlive them too */
    const char *worker;         /* NULL: none */
    const char *run_dir;        /* the worker's */
    int64_t after_ns;
    int64_t max_lag; /* 0: lag does not count */
    struct log *log;
};

struct alerts;

/* Begins to look. */
struct alerts *alerts_new(const struct alerts_options *options, struct error *error);
/* Ends it; what was reported is still sent. NULL is allowed. */
void alerts_free(struct alerts *alerts);

#endif

/*
 * The time that a stop may take, and what is logged when it is over.
 */
#include "service/service_private.h"

#include "base/clock.h"
#include "engine/crash/crash.h"
#include "os/signals.h"

#include <systemd/sd-daemon.h>

/* systemd waits that much longer than the limit. */
#define SYSTEMD_GRACE_NS (5 * NS_PER_S)
#define LAST_WORDS_NS    NS_PER_S

static void log_end_from_within(struct service *service) {
    struct text names;
    text_init(&names);
    crash_list_current_call(&names);
    log_change_event(
        service->log, LOG_LEVEL_CRITICAL, "engine", "process.self_signalled",
        "this process sent itself the signal to stop, so a strategy did; current calls: %s",
        names.size > 0 ? names.data : "none");
    text_release(&names);
}

void service_wake_control(void *context) {
    struct service *service = context;
    service->source->ops->wake_control(service->source);
}

/* Any thread. */
static void on_stop(void *context, int64_t limit_ns) {
    struct service *service = context;
    const int64_t began_ns = atomic_load(&service->options.signals->stop_ns);
    if (atomic_load(&service->options.signals->is_from_within))
        log_end_from_within(service);
    engine_request_stop(service->engine, began_ns + ENGINE_BY(limit_ns));
    service_wake_control(service);
    sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld",
               (long long)((limit_ns + SYSTEMD_GRACE_NS) / NS_PER_US));
}

static void log_late(struct service *service, int64_t limit_ns, const char *step) {
    log_change_event(
        service->log, LOG_LEVEL_CRITICAL, "engine", "stop.timed_out",
        "stopped, not cleanly: the stop exceeded shutdown_timeout = %.1f s while "
        "waiting for %s; what was not acknowledged, committed and saved by then is not",
        (double)limit_ns / (double)NS_PER_S, step);
    log_flush(service->log, LAST_WORDS_NS);
}

/* The signal thread: the time is over, and the process ends behind this. */
static void on_late(void *context, int64_t limit_ns) {
    struct service *service = context;
    const char *step = engine_stop_step(service->engine);
    log_late(service, limit_ns, step != NULL ? step : "the current step");
}

/* The same behind the engine. */
static void on_very_late(void *context, int64_t limit_ns) {
    struct service *service = context;
    log_late(service, limit_ns, atomic_load(&service->step));
}

void service_limit_stop(struct service *service) {
    const struct signals_stop calls = {.on_stop = on_stop,
                                       .on_request = service_wake_control,
                                       .on_late = on_late,
                                       .context = service};
    service->limit_ns = engine_config(service->engine)->shutdown_timeout_ns;
    signals_on_stop(service->options.signals, &calls, service->limit_ns);
}

void service_begin_step(struct service *service, const char *step) {
    const struct signals_stop calls = {.on_late = on_very_late, .context = service};
    atomic_store(&service->step, step);
    signals_on_stop(service->options.signals, &calls, service->limit_ns);
}

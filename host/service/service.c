#include "service/service_private.h"

#include "alerts/alerts.h"
#include "base/clock.h"
#include "checkpoint/backend.h"
#include "checkpoint/kafka/state_topic.h"
#include "engine/crash/crash.h"
#include "engine/operator.h"
#include "feedstats/feed_stats.h"
#include "ops/control/run_directory.h"
#include "ops/http/http.h"
#include "os/private_file.h"
#include "service/recent.h"
#include "sink/transaction/transactor.h"
#include "source/kafka/consumer.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* How often control looks at what nothing wakes it for: its own condition and its partitions'. */
#define TURN_MS 500

/* ---- parts ---- */

/* A group needs the way to the socket, and only when that leads through this directory. */
static bool make_run_directory(const struct service *service, const struct trust *trust,
                               struct error *error) {
    const struct config *config = service->config;
    const size_t size = strlen(config->run_dir);
    const bool is_inside = strncmp(config->control_socket, config->run_dir, size) == 0 &&
                           config->control_socket[size] == '/';
    return run_directory_make(config->run_dir, is_inside ? config->control_group : NULL, trust,
                              service->log, error);
}

/* They are this host's alone: a user who can write there decides what it does, and two hosts in one
 * state directory would take each other's states, crash files and lines. */
static bool make_directories(struct service *service, struct error *error) {
    static const char *const state_names[] = {".lock", "instances", "good", "crash", NULL};
    static const char *const cache_names[] = {".lock", NULL};
    const struct config *config = service->config;
    const struct trust trust = {.is_off = !config->strict_modes, .group = TRUST_NO_GROUP};
    if (!make_run_directory(service, &trust, error))
        return false;
    if (!private_directory_make(config->state_dir, state_names, &trust, service->log, error))
        return error_prefix(error, "[take5] state_dir: ");
    if (!private_directory_make(config->cache_dir, cache_names, &trust, service->log, error))
        return error_prefix(error, "[take5] cache_dir: ");
    service->state_lock = private_directory_lock(config->state_dir, error);
    return service->state_lock >= 0 || error_prefix(error, "[take5] state_dir: ");
}

/* ---- exactly once ---- */

static rd_kafka_consumer_group_metadata_t *group_metadata(void *context) {
    const struct service *service = context;
    return kafka_source_group_metadata(service->source);
}

static rd_kafka_resp_err_t group_committed(void *context, rd_kafka_topic_partition_list_t *list,
                                           int timeout_ms) {
    const struct service *service = context;
    return kafka_source_committed(service->source, list, timeout_ms);
}

static bool add_transactor(struct service *service, const struct transactor_options *like,
                           struct error *error) {
    const struct config *config = service->config;
    struct publisher *publisher = &service->publisher;
    struct transactor_options options = *like;
    char *id =
        text_format("%s-%s-%zu", config->group_id, config->host_id, publisher->transactor_count);
    options.id = id;
    struct transactor *transactor = id != NULL ? transactor_new(&options, error) : NULL;
    if (id == NULL)
        error_set_memory(error, "a transactor");
    free(id);
    if (transactor != NULL)
        publisher->transactors[publisher->transactor_count++] = transactor;
    return transactor != NULL;
}

/* One a lane. What goes to no topic goes to the sinks beside, which are at least once. */
static bool make_transactors(struct service *service, struct error *error) {
    const struct config *config = service->config;
    struct publisher *publisher = &service->publisher;
    if (config->delivery != DELIVERY_EXACTLY_ONCE)
        return true;
    size_t beside = 0;
    for (size_t i = 0; i < publisher->signal_sink_count; i++)
        service->beside[beside++] = publisher->signal_sinks[i];
    if (publisher->dead_letter_sink != NULL)
        service->beside[beside++] = publisher->dead_letter_sink;
    publisher->has_transactional_dead_letters = config->dead_letters == DEAD_LETTERS_KAFKA;
    const struct transactor_options options = {
        .signal_topic = config->signal_topic,
        .dead_letter_topic =
            publisher->has_transactional_dead_letters ? config->dead_letters_topic : NULL,
        .properties = &config->producer,
        .bootstrap_servers = config->producer_servers,
        .group = {.context = service, .metadata = group_metadata, .committed = group_committed},
        .beside = service->beside,
        .beside_count = beside,
        .log = service->log,
    };
    publisher->transactors = calloc((size_t)config->lanes + 1, sizeof *publisher->transactors);
    if (publisher->transactors == NULL)
        return error_set_memory(error, "the transactors");
    for (int64_t i = 0; i < config->lanes; i++) {
        if (!add_transactor(service, &options, error))
            return false;
    }
    return true;
}

/* ---- http ---- */

static char *kafka_statistics(void *context) {
    const struct service *service = context;
    return kafka_source_statistics(service->source);
}

static bool start_http(struct service *service, struct error *error) {
    const struct http_options options = {
        .config = service->config,
        .version = TAKE5_VERSION,
        .log = service->log,
        .engine = service->engine,
        .feed_stats = service->feed_stats,
        .kafka_statistics = kafka_statistics,
        .context = service,
        .control = service->control,
    };
    if (!service->config->http_enabled)
        return true;
    service->http = http_new(&options, error);
    return service->http != NULL;
}

/* ---- alerts ---- */

static bool start_alerts(struct service *service, struct error *error) {
    const struct config *config = service->config;
    const struct publisher *publisher = &service->publisher;
    const struct alerts_options options = {
        .engine = service->engine,
        .sinks = publisher->alert_sinks,
        .sink_count = publisher->alert_sink_count,
        .service = config->service,
        .host = config->host_id,
        .worker = config->worker,
        .run_dir = config->run_dir,
        .after_ns = config->alerts_after_ns,
        .max_lag = config->alerts_max_lag,
        .log = service->log,
    };
    if (publisher->alert_sink_count == 0)
        return true;
    service->alerts = alerts_new(&options, error);
    return service->alerts != NULL;
}

/* ---- where checkpoints are kept ---- */

/* `*backend` NULL: in the state directory. */
static bool make_checkpoints(const struct service *service, struct store_backend **backend,
                             struct error *error) {
    const struct config *config = service->config;
    *backend = NULL;
    if (config->checkpoint_store != CHECKPOINT_STORE_KAFKA || !config->keep_state)
        return true;
    const struct state_topic_options options = {
        .config = config, .host_id = config->host_id, .log = service->log};
    *backend = state_topic_backend_new(&options, error);
    return *backend != NULL;
}

/* A watchdog of this process must not take a long rehearsal for a hang. */
static void on_wait(void *context) {
    struct service *service = context;
    service_notify_manager(&service->notify);
}

static bool make_engine(struct service *service, struct error *error) {
    struct store_backend *checkpoints;
    if (!make_checkpoints(service, &checkpoints, error))
        return false;
    const struct engine_options options = {
        .config = service->config,
        .log = service->log,
        .source = service->source,
        .publisher = &service->publisher,
        .feed_stats = service->feed_stats,
        .published = service->published,
        .mode = T5_MODE_LIVE,
        .does_rehearse = true,
        .keeps_state = true,
        .checkpoints = checkpoints,
        .on_wait = on_wait,
        .on_wait_context = service,
    };
    service->engine = engine_new(&options, error);
    if (service->engine == NULL && checkpoints != NULL)
        checkpoints->ops->free(checkpoints);
    return service->engine != NULL;
}

/* ---- life ---- */

struct service *service_new(const struct service_options *options, struct error *error) {
    struct service *service = calloc(1, sizeof *service);
    if (service == NULL) {
        error_set_memory(error, "the service");
        return NULL;
    }
    service->options = *options;
    service->log = options->log;
    service->config = options->config;
    service->limit_ns = options->config->shutdown_timeout_ns;
    pthread_mutex_init(&service->lock, NULL);
    pthread_cond_init(&service->changed, NULL);
    service->state_lock = -1;
    const struct crash_options crash = {.does_keep = true};
    if (!make_directories(service, error) || !crash_install(service->config, &crash, error) ||
        !service_make_sinks(service, error))
        goto failed;
    service->source = kafka_source_new(service->config, service->log, error);
    if (service->source == NULL || !make_transactors(service, error))
        goto failed;
    if (service->config->http_enabled) {
        service->feed_stats = feed_stats_new((size_t)service->config->lanes, error);
        service->published = published_new((size_t)service->config->lanes, error);
        if (service->feed_stats == NULL || service->published == NULL)
            goto failed;
    }
    if (!make_engine(service, error))
        goto failed;
    return service;

failed:
    service_free(service);
    return NULL;
}

static void serve_signals(struct service *service) {
    struct signals *signals = service->options.signals;
    struct text answer;
    if (atomic_exchange(&signals->should_reopen, false)) {
        text_init(&answer);
        service_reopen(service, &answer);
        text_release(&answer);
    }
    /* Signals that come during a reload are kept, and followed by one more. */
    if (atomic_exchange(&signals->reloads, 0) > 0) {
        log_change_event(service->log, LOG_LEVEL_INFO, "ops", "reload.begun", "SIGHUP: reloading");
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
                   (long long)(clock_monotonic_ns() / NS_PER_US));
        text_init(&answer);
        service_reload(service, &answer);
        service_reopen(service,
                       &answer); /* harmless for who rotates by SIGHUP, as the old service did */
        text_release(&answer);
        sd_notify(0, "READY=1");
    }
}

/* When it ends by itself. */
struct span {
    int64_t until_ns;
    bool awaits_first; /* message; until then the time is that of patience */
};

static int64_t end_after(int64_t span_ns) {
    return span_ns > 0 ? clock_monotonic_ns() + span_ns : INT64_MAX;
}

static struct span span_begin(const struct service *service) {
    const struct service_options *options = &service->options;
    const bool awaits = options->patience_ns > 0;
    return (struct span){end_after(awaits ? options->patience_ns : options->run_for_ns), awaits};
}

static bool span_is_over(const struct service *service, struct span *span) {
    struct view_totals totals;
    if (span->awaits_first) {
        view_totals(service->engine, &totals);
        if (totals.messages > 0)
            *span = (struct span){end_after(service->options.run_for_ns), false};
    }
    return clock_monotonic_ns() >= span->until_ns;
}

/* Nothing wakes control for the first message. */
static int turn_ms(const struct span *span) {
    const int64_t left_ms = (span->until_ns - clock_monotonic_ns()) / NS_PER_MS + 1;
    const int turn_ms = span->awaits_first ? TURN_MS / 10 : TURN_MS;
    return left_ms < 0 ? 0 : left_ms < turn_ms ? (int)left_ms : turn_ms;
}

static int work(struct service *service) {
    struct error error = {0};
    struct span span = span_begin(service);
    service_notify_begin(&service->notify, service->engine, service->source, service->log);
    while (!atomic_load(&service->options.signals->should_stop) && !span_is_over(service, &span)) {
        if (!engine_poll(service->engine, turn_ms(&span), &error)) {
            log_event(service->log, LOG_LEVEL_CRITICAL, "engine", "engine.failed",
                      "stopping because of an error: %s", error.text);
            /* A restart would meet it again. */
            return error.code == ERROR_INVALID ? EXIT_CONFIG : EXIT_FAILED;
        }
        service_serve_requests(service);
        serve_signals(service);
        service_notify(&service->notify);
    }
    return EXIT_GOOD;
}

/* What a strategy does with real messages shows in its rehearsal, also at the very first start. */
static bool start_engine(struct service *service, struct report *report, struct error *error) {
    struct recent *recent = recent_read(service->config, service->log);
    size_t count;
    const struct record *records = recent_records(recent, &count);
    engine_set_samples(service->engine, records, count);
    const bool did = engine_start(service->engine, report, error);
    recent_free(recent);
    if (did && service->options.is_drained)
        engine_begin_drained(service->engine);
    if (did)
        service_keep_suspended(service);
    return did;
}

/* Says what a stop left behind, in one line; true: nothing. */
static bool is_all_done(const struct service *service, const struct engine_left *left) {
    struct text text;
    if (left->records == 0 && left->states == 0 && !left->is_uncommitted && !left->is_broken)
        return true;
    text_init(&text);
    if (left->records > 0)
        text_printf(&text,
                    "; %" PRIu64 " records that no sink acknowledged (they will be redelivered)",
                    left->records);
    if (left->states > 0)
        text_printf(&text,
                    "; the state of %zu instances (they continue from the last usable checkpoint)",
                    left->states);
    if (left->is_uncommitted)
        text_puts(&text,
                  "; the last offsets (the records since the last commit will be redelivered)");
    if (left->is_broken)
        text_puts(&text,
                  "; the current messages when the engine failed (they will be redelivered)");
    log_change_event(service->log, LOG_LEVEL_ERROR, "engine", "stop.left_behind",
                     "left behind by this stop: %s",
                     text.size > 0 ? text.data + 2 : "not listed, out of memory");
    text_release(&text);
    return false;
}

/* Those that look at the host from outside, and at one another: HTTP's threads at the control
 * socket, whose clients HTTP answers in a worker; alerts at the sinks. */
static void end_watchers(struct service *service) {
    http_stop(service->http);
    control_free(service->control);
    service->control = NULL;
    http_free(service->http);
    service->http = NULL;
    alerts_free(service->alerts);
    service->alerts = NULL;
}

/* Clients are served until here; then the sinks get their time. */
static void close_parts(struct service *service, int64_t by_ns) {
    service_begin_step(service, "its clients to disconnect");
    end_watchers(service);
    service_begin_step(service, "the sinks to close");
    service_close_sinks(service, by_ns);
}

/* False: something was left behind. */
static bool stop(struct service *service) {
    struct signals *signals = service->options.signals;
    const int64_t limit_ns = service->limit_ns;
    struct engine_left left;
    signals_stop(signals); /* if nobody has asked: from here the time runs */
    log_change_event(service->log, LOG_LEVEL_INFO, "engine", "stop.begun", "stopping");
    service_close_requests(service);
    if (atomic_load(&service->should_leave) || engine_config(service->engine)->stop_leaves)
        engine_leave(service->engine);
    const int64_t began_ns = atomic_load(&signals->stop_ns);
    const int64_t least_ns = clock_monotonic_ns() + ENGINE_LEAST(limit_ns);
    const int64_t by_ns = began_ns + ENGINE_BY(limit_ns);
    service->is_stuck = !engine_stop(service->engine, by_ns > least_ns ? by_ns : least_ns, &left);
    service_notify_stats(&service->notify);
    if (!service->is_stuck)
        close_parts(service, began_ns + SINKS_BY(limit_ns));
    const bool did = is_all_done(service, &left) && !service->is_stuck;
    log_change_event(service->log, LOG_LEVEL_INFO, "engine", did ? "stop.ended" : "stop.incomplete",
                     did ? "stopped" : "stopped, not cleanly");
    return did;
}

int service_run(struct service *service, bool (*started)(void *context, struct error *error),
                void *context) {
    struct error error = {0};
    struct report report;
    const struct control_options control = {
        .path = service->config->control_socket,
        .group = service->config->control_group,
        .max_body = service->config->decode.max_bytes + SERVICE_REDRIVE_KEY_ROOM,
        .log = service->log,
        .context = service,
        .handle = service_handle,
    };
    int code = EXIT_FAILED;
    report_init(&report);
    service_notify_begin(&service->notify, service->engine, service->source, service->log);
    service_limit_stop(service);
    if (!start_engine(service, &report, &error)) {
        if (atomic_load(&service->options.signals->should_stop)) {
            log_change(service->log, LOG_LEVEL_INFO, "engine",
                       "stopped before the start was complete");
            code = EXIT_GOOD;
        } else {
            log_event(service->log, LOG_LEVEL_CRITICAL, "engine", "start.failed",
                      "cannot start: %s", error.text);
        }
        goto done; /* some of it may run */
    }
    service->control = control_new(&control, &error);
    if (service->control == NULL || !start_http(service, &error) ||
        !start_alerts(service, &error) || (started != NULL && !started(context, &error))) {
        log_event(service->log, LOG_LEVEL_CRITICAL, "ops", "start.failed", "cannot start: %s",
                  error.text);
    } else {
        sd_notify(0, "READY=1");
        code = work(service);
    }
done:
    if (!stop(service) && code == EXIT_GOOD)
        code = EXIT_FAILED;
    if (atomic_load(&service->options.signals->is_from_within))
        code = EXIT_FAILED;
    report_release(&report);
    return code;
}

const struct view_totals *service_totals(const struct service *service) {
    return &service->notify.totals;
}

const char *service_last_status(const struct service *service) {
    return service->notify.status;
}

bool service_free(struct service *service) {
    if (service == NULL)
        return true;
    if (service->is_stuck)
        return false;
    end_watchers(service);
    service_begin_step(service, "librdkafka to terminate");
    service_close_sinks(service,
                        clock_monotonic_ns()); /* unless it has run, nothing was given to them */
    engine_free(service->engine);
    feed_stats_free(service->feed_stats);
    published_free(service->published);
    if (service->source != NULL && !service->source->ops->free(service->source))
        return false;
    signals_on_stop(service->options.signals, NULL, service->limit_ns);
    if (service->state_lock >= 0)
        close(service->state_lock);
    config_free(service->config);
    pthread_mutex_destroy(&service->lock);
    pthread_cond_destroy(&service->changed);
    free(service);
    return true;
}

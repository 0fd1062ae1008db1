/*
 * The sinks of a configuration: made, and closed.
 */
#include "service/service_private.h"

#include "base/clock.h"
#include "config/schema/items.h"
#include "sink/postgres/sink_postgres.h"
#include "sink/transaction/transactor.h"
#include "sink/webhook/sink_webhook.h"

#include <stdlib.h>
#include <string.h>

/* ---- dead letters ---- */

static bool make_dead_letters(struct service *service, struct error *error) {
    const struct config *config = service->config;
    struct publisher *publisher = &service->publisher;
    const bool is_exactly_once = config->delivery == DELIVERY_EXACTLY_ONCE;
    if (config->dead_letters == DEAD_LETTERS_NONE)
        return true;
    if (config->dead_letters == DEAD_LETTERS_JSONL)
        publisher->dead_letter_sink = sink_jsonl_new(
            config->dead_letters_path, config->dead_letters_fsync, service->log, error);
    else if (!is_exactly_once)
        publisher->dead_letter_sink = sink_kafka_new(config->dead_letters_topic, &config->producer,
                                                     config->producer_servers, service->log, error);
    else if (config->sink_postgres || config->sink_webhook) /* what they refuse is in no epoch */
        publisher->refusal_sink = sink_kafka_new(config->dead_letters_topic, &config->producer,
                                                 config->producer_servers, service->log, error);
    else
        return true;
    return publisher->dead_letter_sink != NULL || publisher->refusal_sink != NULL;
}

static struct sink *dead_letters_of(const struct service *service) {
    const struct publisher *publisher = &service->publisher;
    return publisher->refusal_sink != NULL ? publisher->refusal_sink : publisher->dead_letter_sink;
}

/* ---- databases and HTTP ---- */

static struct sink *make_postgres(const struct service *service, bool has_alerts,
                                  struct error *error) {
    const struct config *config = service->config;
    const struct sink_postgres_options options = {
        .connection = &config->postgres,
        .table = has_alerts ? config->alerts_table : config->postgres_table,
        .has_alerts = has_alerts,
        .batch = (size_t)config->postgres_batch,
        .timeout_ns = config->postgres_timeout_ns,
        .retry_most_ns = config->postgres_retry_ns,
        .dead_letters = has_alerts ? NULL : dead_letters_of(service),
        .log = service->log,
    };
    return sink_postgres_new(&options, error);
}

#define HEADER "header."

/* The headers among the items, by their own names; to be freed, but not what they point to. */
static bool find_headers(const struct config_items *items, struct config_items *headers) {
    *headers = (struct config_items){0};
    headers->items = calloc(items->count + 1, sizeof *headers->items);
    for (size_t i = 0; headers->items != NULL && i < items->count; i++) {
        if (strncmp(items->items[i].name, HEADER, strlen(HEADER)) != 0)
            continue;
        headers->items[headers->count] = items->items[i];
        headers->items[headers->count++].name = items->items[i].name + strlen(HEADER);
    }
    return headers->items != NULL;
}

static struct sink *make_webhook(const struct service *service, bool has_alerts,
                                 struct error *error) {
    const struct config *config = service->config;
    const bool is_own = has_alerts && config_items_find(&config->alerts_items, "url") != NULL;
    const struct config_items *items = is_own ? &config->alerts_items : &config->webhook;
    struct config_items headers;
    if (!find_headers(items, &headers)) {
        error_set_memory(error, "a webhook");
        return NULL;
    }
    const struct sink_webhook_options options = {
        .url = config_items_find(items, "url")->text,
        .format = is_own ? config->alerts_format : config->webhook_format,
        .chat = is_own ? config->alerts_chat : config->webhook_chat,
        .headers = &headers,
        .ca_file = config->webhook_ca_file,
        .batch = has_alerts ? 1 : (size_t)config->webhook_batch,
        .timeout_ns = config->webhook_timeout_ns,
        .retry_most_ns = config->webhook_retry_ns,
        .dead_letters = has_alerts ? NULL : dead_letters_of(service),
        .log = service->log,
    };
    struct sink *sink = sink_webhook_new(&options, error);
    free(headers.items);
    return sink;
}

/* ---- all ---- */

static bool add(struct sink **sinks, size_t *count, struct sink *sink) {
    if (sink == NULL)
        return false;
    sinks[(*count)++] = sink;
    return true;
}

static bool add_signals(struct service *service, struct sink *sink) {
    struct publisher *publisher = &service->publisher;
    return add(publisher->signal_sinks, &publisher->signal_sink_count, sink);
}

static bool add_alerts(struct service *service, struct sink *sink) {
    struct publisher *publisher = &service->publisher;
    return add(publisher->alert_sinks, &publisher->alert_sink_count, sink);
}

static bool make_signal_sinks(struct service *service, struct error *error) {
    const struct config *config = service->config;
    struct log *log = service->log;
    if (config->sink_log && !add_signals(service, sink_log_new(log, error)))
        return false;
    if (config->sink_jsonl &&
        !add_signals(service, sink_jsonl_new(config->jsonl_path, config->jsonl_fsync, log, error)))
        return false;
    if (config->sink_kafka && config->delivery != DELIVERY_EXACTLY_ONCE &&
        !add_signals(service, sink_kafka_new(config->signal_topic, &config->producer,
                                             config->producer_servers, log, error)))
        return false;
    if (config->sink_postgres && !add_signals(service, make_postgres(service, false, error)))
        return false;
    return !config->sink_webhook || add_signals(service, make_webhook(service, false, error));
}

static bool make_alert_sinks(struct service *service, struct error *error) {
    const struct config *config = service->config;
    if (config->alerts_postgres && !add_alerts(service, make_postgres(service, true, error)))
        return false;
    return !config->alerts_webhook || add_alerts(service, make_webhook(service, true, error));
}

static bool make_point_sink(struct service *service, struct error *error) {
    const struct config *config = service->config;
    struct publisher *publisher = &service->publisher;
    if (config->series == SERIES_JSONL)
        publisher->point_sink = sink_jsonl_new(config->series_path, false, service->log, error);
    else if (config->series == SERIES_KAFKA)
        publisher->point_sink = sink_kafka_new(config->series_topic, &config->producer,
                                               config->producer_servers, service->log, error);
    return publisher->point_sink != NULL || config->series == SERIES_NONE;
}

bool service_make_sinks(struct service *service, struct error *error) {
    service->publisher.log = service->log;
    return make_dead_letters(service, error) && make_signal_sinks(service, error) &&
           make_alert_sinks(service, error) && make_point_sink(service, error);
}

static int ms_until(int64_t by_ns) {
    const int64_t left_ms = (by_ns - clock_monotonic_ns()) / NS_PER_MS;
    return left_ms > 0 ? (int)left_ms : 0;
}

static void close_one(struct sink **sink, int64_t by_ns) {
    if (*sink != NULL)
        (*sink)->ops->close(*sink, ms_until(by_ns));
    *sink = NULL;
}

static void close_transactors(struct service *service, int64_t by_ns) {
    struct publisher *publisher = &service->publisher;
    while (publisher->transactor_count > 0) {
        if (!transactor_free(publisher->transactors[--publisher->transactor_count],
                             ms_until(by_ns)))
            service->is_stuck = true;
    }
    free(publisher->transactors);
    publisher->transactors = NULL;
}

/* Nothing is lost with an alert that nobody takes: a stop does not wait for long. */
#define ALERTS_BY_NS (2 * NS_PER_S)

static int64_t alerts_by(int64_t by_ns) {
    const int64_t soon_ns = clock_monotonic_ns() + ALERTS_BY_NS;
    return soon_ns < by_ns ? soon_ns : by_ns;
}

/* Each before those that it waits for. */
void service_close_sinks(struct service *service, int64_t by_ns) {
    struct publisher *publisher = &service->publisher;
    close_transactors(service, by_ns);
    for (size_t i = 0; i < publisher->signal_sink_count; i++)
        close_one(&publisher->signal_sinks[i], by_ns);
    for (size_t i = 0; i < publisher->alert_sink_count; i++)
        close_one(&publisher->alert_sinks[i], alerts_by(by_ns));
    publisher->signal_sink_count = 0;
    publisher->alert_sink_count = 0;
    close_one(&publisher->dead_letter_sink, by_ns);
    close_one(&publisher->refusal_sink, by_ns);
    close_one(&publisher->point_sink, by_ns);
}

#include "commands/service.h"

#include "base/clock.h"
#include "commands/service_redrive.h"
#include "commands/service_tell.h"
#include "engine/crash.h"
#include "ops/control.h"
#include "ops/http.h"
#include "ops/run_directory.h"
#include "source/kafka.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define POLL_MS      50
/* While letters are redriven, one request after the other, control looks for the next one soon. */
#define BUSY_POLL_MS 1
#define BUSY_NS      (100 * NS_PER_MS)

/* What a client asks of the control thread, and waits for. */
struct request {
    struct request *next;
    char *const *words;
    size_t count;
    struct text *answer;
    const struct redrive_letter *letter; /* of a redrive; else NULL */
    struct redrive redrive;
    bool did;
    bool is_done;
};

struct service {
    struct service_options options;
    struct log *log;
    struct config *config;
    struct source *source;
    struct outbox outbox;
    struct engine *engine;
    struct control *control;
    struct http *http;         /* NULL: not enabled */
    struct observer *observer; /* for http; NULL without it */
    struct service_tell tell;
    bool is_stuck;        /* something was left behind */
    pthread_mutex_t lock; /* guards the queue */
    pthread_cond_t changed;
    struct request *queue;
    bool is_closed; /* no more requests are served */
    int64_t busy_until_ns;
};

/* ---- parts ---- */

/* The directory and what leads to it. */
static bool make_directory(const char *path, struct error *error) {
    if (!directory_make(path, error))
        return false;
    struct stat status;
    if (stat(path, &status) != 0 || access(path, W_OK | X_OK) != 0)
        return error_set_errno(error, errno, "cannot write in %s", path);
    if (!S_ISDIR(status.st_mode) || (status.st_uid != geteuid() && status.st_uid != 0))
        return error_set(error, ERROR_INVALID, "%s: not a directory of this user's", path);
    return true;
}

/* A group needs the way to the socket, and only when that leads through this directory. */
static bool make_run_directory(const struct service *service, struct error *error) {
    const struct config *config = service->config;
    const size_t size = strlen(config->run_dir);
    const bool is_inside = strncmp(config->control_socket, config->run_dir, size) == 0 &&
                           config->control_socket[size] == '/';
    return run_directory_make(config->run_dir, is_inside ? config->control_group : NULL,
                              service->log, error);
}

static bool add_signal_sink(struct service *service, struct sink *sink) {
    if (sink == NULL)
        return false;
    service->outbox.signal_sinks[service->outbox.signal_sink_count++] = sink;
    return true;
}

static bool make_sinks(struct service *service, struct error *error) {
    const struct config *config = service->config;
    service->outbox.config = config;
    service->outbox.log = service->log;
    if (config->sink_log && !add_signal_sink(service, sink_log_new(service->log, error)))
        return false;
    if (config->sink_jsonl &&
        !add_signal_sink(
            service, sink_jsonl_new(config->jsonl_path, config->jsonl_fsync, service->log, error)))
        return false;
    if (config->sink_kafka &&
        !add_signal_sink(service, sink_kafka_new(config->signal_topic, &config->producer,
                                                 config->bootstrap_servers, service->log, error)))
        return false;
    if (config->letters == LETTERS_JSONL)
        service->outbox.letter_sink =
            sink_jsonl_new(config->letters_path, config->letters_fsync, service->log, error);
    else if (config->letters == LETTERS_KAFKA)
        service->outbox.letter_sink =
            sink_kafka_new(config->letters_topic, &config->producer, config->bootstrap_servers,
                           service->log, error);
    return config->letters == LETTERS_NONE || service->outbox.letter_sink != NULL;
}

static void close_sinks(struct service *service, int timeout_ms) {
    struct outbox *outbox = &service->outbox;
    for (size_t i = 0; i < outbox->signal_sink_count; i++)
        outbox->signal_sinks[i]->ops->close(outbox->signal_sinks[i], timeout_ms);
    if (outbox->letter_sink != NULL)
        outbox->letter_sink->ops->close(outbox->letter_sink, timeout_ms);
    outbox->signal_sink_count = 0;
    outbox->letter_sink = NULL;
}

static void on_stop(void *context) {
    struct service *service = context;
    engine_request_stop(service->engine);
}

/* ---- http ---- */

#ifndef TAKE5_VERSION
#define TAKE5_VERSION "unknown"
#endif

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
        .observer = service->observer,
        .kafka_statistics = kafka_statistics,
        .context = service,
    };
    if (!service->config->http_enabled)
        return true;
    service->http = http_new(&options, error);
    return service->http != NULL;
}

/* ---- control requests ---- */

static bool has_words(const struct request *request, size_t count, const char *form) {
    if (request->count == count)
        return true;
    text_printf(request->answer, "use: take5 ctl %s", form);
    return false;
}

static bool reload(struct service *service, struct text *answer) {
    struct report report;
    struct error error;
    report_init(&report);
    struct config *next = config_options_read(service->options.config_options, &report.faults);
    if (next == NULL) {
        for (size_t i = 0; i < report.faults.count; i++)
            log_error(service->log, "config", "reload: %s", report.faults.items[i].text);
        log_error(service->log, "config",
                  "reload: nothing was changed: %zu errors in the configuration",
                  report.faults.error_count);
    } else {
        engine_reload(service->engine, next, &report);
    }
    if (!config_apply_log(engine_config(service->engine), service->log, &error))
        log_error(service->log, "config", "reload: the log goes on as it was: %s", error.text);
    if (service->http != NULL)
        http_configure(service->http, engine_config(service->engine));
    report_json(&report, answer);
    const bool did = report_is_good(&report);
    report_release(&report);
    return did;
}

static bool reopen(struct service *service, struct text *answer) {
    struct error error;
    struct outbox *outbox = &service->outbox;
    bool did = log_reopen(service->log, &error);
    if (!did)
        text_printf(answer, "log: %s\n", error.text);
    for (size_t i = 0; i <= outbox->signal_sink_count; i++) {
        struct sink *sink =
            i < outbox->signal_sink_count ? outbox->signal_sinks[i] : outbox->letter_sink;
        if (sink == NULL || sink->ops->reopen(sink, &error))
            continue;
        text_printf(answer, "%s\n", error.text);
        log_error(service->log, "sink", "reopen: %s", error.text);
        did = false;
    }
    if (did)
        text_puts(answer, "files are reopened");
    log_info(service->log, "ops", "files are reopened");
    return did;
}

static bool suspend_or_resume(struct service *service, const struct request *request) {
    struct error error;
    const bool is_suspend = strcmp(request->words[0], "suspend") == 0;
    if (!has_words(request, 2, is_suspend ? "suspend NAME" : "resume NAME"))
        return false;
    const bool did = is_suspend ? engine_suspend(service->engine, request->words[1], &error)
                                : engine_resume(service->engine, request->words[1], &error);
    if (did)
        text_printf(request->answer, "%s: %s", request->words[1],
                    is_suspend ? "suspended; its messages pass by" : "back to work");
    else
        text_puts(request->answer, error.text);
    return did;
}

static bool drain(struct service *service, const struct request *request) {
    struct error error;
    const int64_t timeout_ns = engine_config(service->engine)->revoke_timeout_ns;
    const bool is_off = request->count == 2 && strcmp(request->words[1], "off") == 0;
    if (request->count != 1 && !is_off) {
        text_puts(request->answer, "use: take5 ctl drain [off]");
        return false;
    }
    const bool did = engine_drain(service->engine, !is_off, timeout_ns, &error);
    if (is_off)
        text_puts(request->answer, "reading again");
    else if (did)
        text_puts(request->answer, "drained: nothing more is read, all that was read is confirmed "
                                   "and committed; `drain off` reads again");
    else
        text_printf(request->answer, "draining, nothing more is read; but %s", error.text);
    return did;
}

static bool set_log_level(struct service *service, const struct request *request) {
    enum log_level level;
    const char *room = request->count == 3 ? request->words[1] : NULL;
    if (request->count != 2 && request->count != 3) {
        text_puts(request->answer, "use: take5 ctl log-level [ROOM] LEVEL");
        return false;
    }
    if (!log_parse_level(request->words[request->count - 1], &level) ||
        !log_set_level(service->log, room, level)) {
        text_puts(request->answer, "levels: DEBUG INFO WARNING ERROR CRITICAL; rooms: config "
                                   "strategy source sink engine ops kafka");
        return false;
    }
    text_printf(request->answer, "%s: %s", room != NULL ? room : "all rooms",
                log_level_name(level));
    return true;
}

/* On the control thread. */
static void serve(struct service *service, struct request *request) {
    const char *word = request->words[0];
    if (request->letter != NULL) {
        engine_redrive(service->engine, request->letter, &request->redrive);
        service->busy_until_ns = clock_monotonic_ns() + BUSY_NS;
        request->did = true;
    } else if (strcmp(word, "reload") == 0) {
        request->did = has_words(request, 1, "reload") && reload(service, request->answer);
    } else if (strcmp(word, "reopen") == 0) {
        request->did = has_words(request, 1, "reopen") && reopen(service, request->answer);
    } else if (strcmp(word, "suspend") == 0 || strcmp(word, "resume") == 0) {
        request->did = suspend_or_resume(service, request);
    } else if (strcmp(word, "drain") == 0) {
        request->did = drain(service, request);
    } else {
        text_printf(request->answer,
                    "no request \"%s\"; there are: status, reload, reopen, suspend NAME, resume "
                    "NAME, log-level [ROOM] LEVEL, drain [off], stop",
                    word);
    }
}

static void serve_requests(struct service *service) {
    pthread_mutex_lock(&service->lock);
    while (service->queue != NULL) {
        struct request *request = service->queue;
        service->queue = request->next;
        pthread_mutex_unlock(&service->lock);
        serve(service, request);
        pthread_mutex_lock(&service->lock);
        request->is_done = true;
        pthread_cond_broadcast(&service->changed);
    }
    pthread_mutex_unlock(&service->lock);
}

/* Whoever still waits is told that nothing comes. */
static void close_requests(struct service *service) {
    pthread_mutex_lock(&service->lock);
    service->is_closed = true;
    while (service->queue != NULL) {
        struct request *request = service->queue;
        service->queue = request->next;
        text_puts(request->answer, "the host is stopping");
        request->is_done = true;
    }
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
}

/* On a client's thread: hands the request to control and waits for it. */
static bool ask_control(struct service *service, struct request *request) {
    pthread_mutex_lock(&service->lock);
    if (service->is_closed) {
        text_puts(request->answer, "the host is stopping");
    } else {
        struct request **last = &service->queue;
        while (*last != NULL)
            last = &(*last)->next;
        *last = request;
        while (!request->is_done)
            pthread_cond_wait(&service->changed, &service->lock);
    }
    pthread_mutex_unlock(&service->lock);
    return request->did;
}

/* On a client's thread: control gives the letter, the sinks are waited for here. */
static bool redrive(struct service *service, const struct control_request *asked,
                    struct text *answer) {
    struct redrive_letter letter;
    if (!service_redrive_parse(asked, &letter)) {
        text_puts(answer, "redrive is what `take5 dlq redrive --through NAME` asks, a letter each");
        return false;
    }
    struct request request = {
        .words = asked->words, .count = asked->count, .answer = answer, .letter = &letter};
    if (!ask_control(service, &request))
        return false;
    engine_await_redrive(service->engine, &request.redrive, SERVICE_REDRIVE_TIMEOUT_NS);
    return service_redrive_answer(&request.redrive, answer);
}

/* On a client's thread. */
static bool handle(void *context, const struct control_request *asked, struct text *answer) {
    struct service *service = context;
    const char *word = asked->words[0];
    if (strcmp(word, "status") == 0) {
        view_status(service->engine, answer);
        return true;
    }
    if (strcmp(word, "stop") == 0 && asked->count > 1) {
        text_puts(answer, "use: take5 ctl stop (it ends the host; one deployment: suspend NAME)");
        return false;
    }
    if (strcmp(word, "stop") == 0) {
        atomic_store(&service->options.signals->should_stop, true);
        on_stop(service);
        text_puts(answer, "stopping");
        return true;
    }
    if (strcmp(word, "redrive") == 0)
        return redrive(service, asked, answer);
    struct request request = {.words = asked->words, .count = asked->count, .answer = answer};
    if (strcmp(word, "log-level") == 0)
        return set_log_level(service, &request);
    return ask_control(service, &request);
}

/* ---- life ---- */

struct service *service_new(const struct service_options *options, struct error *error) {
    struct service *service = calloc(1, sizeof *service);
    if (service == NULL) {
        error_set_memory(error, sizeof *service, "the service");
        return NULL;
    }
    service->options = *options;
    service->log = options->log;
    service->config = options->config;
    pthread_mutex_init(&service->lock, NULL);
    pthread_cond_init(&service->changed, NULL);
    if (!make_run_directory(service, error) || !make_directory(service->config->state_dir, error) ||
        !make_directory(service->config->cache_dir, error) ||
        !crash_install(service->config->state_dir, error) || !make_sinks(service, error))
        goto failed;
    service->source = kafka_source_new(service->config, service->log, error);
    if (service->source == NULL)
        goto failed;
    if (service->config->http_enabled) {
        service->observer = observer_new((size_t)service->config->lanes, error);
        if (service->observer == NULL)
            goto failed;
    }
    const struct engine_options engine = {
        .config = service->config,
        .log = service->log,
        .source = service->source,
        .outbox = &service->outbox,
        .observer = service->observer,
        .mode = T5_MODE_LIVE,
        .does_rehearse = true,
        .keeps_state = true,
    };
    service->engine = engine_new(&engine, error);
    if (service->engine == NULL)
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
        reopen(service, &answer);
        text_release(&answer);
    }
    /* Signals that come during a reload are kept, and followed by one more. */
    if (atomic_exchange(&signals->reloads, 0) > 0) {
        log_info(service->log, "ops", "SIGHUP: reloading");
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
                   (long long)(clock_monotonic_ns() / NS_PER_US));
        text_init(&answer);
        reload(service, &answer);
        reopen(service, &answer); /* harmless for who rotates by SIGHUP, as the old service did */
        text_release(&answer);
        sd_notify(0, "READY=1");
    }
}

static int work(struct service *service) {
    struct error error = {0};
    const int64_t until_ns = service->options.run_for_ns > 0
                                 ? clock_monotonic_ns() + service->options.run_for_ns
                                 : INT64_MAX;
    service_tell_begin(&service->tell, service->engine, service->source, service->log);
    while (!atomic_load(&service->options.signals->should_stop) &&
           clock_monotonic_ns() < until_ns) {
        const bool is_busy = clock_monotonic_ns() < service->busy_until_ns;
        if (!engine_poll(service->engine, is_busy ? BUSY_POLL_MS : POLL_MS, &error)) {
            log_write(service->log, LOG_LEVEL_CRITICAL, "engine", "the source has ended: %s",
                      error.text);
            return EXIT_FAILED;
        }
        serve_requests(service);
        serve_signals(service);
        service_tell(&service->tell);
    }
    return EXIT_GOOD;
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
        .handle = handle,
    };
    int code = EXIT_FAILED;
    report_init(&report);
    service_tell_begin(&service->tell, service->engine, service->source, service->log);
    if (!engine_start(service->engine, &report, &error)) {
        log_write(service->log, LOG_LEVEL_CRITICAL, "engine", "cannot start: %s", error.text);
        goto done;
    }
    service->control = control_new(&control, &error);
    if (service->control == NULL || !start_http(service, &error) ||
        (started != NULL && !started(context, &error))) {
        log_write(service->log, LOG_LEVEL_CRITICAL, "ops", "cannot start: %s", error.text);
        goto stop;
    }
    signals_on_stop(service->options.signals, on_stop, service);
    sd_notify(0, "READY=1");
    code = work(service);
    signals_on_stop(service->options.signals, NULL, NULL);
stop:
    sd_notify(0, "STOPPING=1");
    log_info(service->log, "engine", "stopping");
    close_requests(service);
    const int64_t timeout_ns = engine_config(service->engine)->shutdown_timeout_ns;
    if (!engine_stop(service->engine, timeout_ns)) {
        service->is_stuck = true;
        code = EXIT_FAILED;
    }
    service_tell_stats(&service->tell);
    log_info(service->log, "engine", service->is_stuck ? "stopped, not cleanly" : "stopped");
done:
    report_release(&report);
    return code;
}

const struct view_totals *service_totals(const struct service *service) {
    return &service->tell.totals;
}

bool service_free(struct service *service) {
    if (service == NULL)
        return true;
    if (service->is_stuck)
        return false;
    control_free(service->control);
    http_free(service->http);
    close_sinks(service, 5000);
    engine_free(service->engine);
    observer_free(service->observer);
    if (service->source != NULL && !service->source->ops->free(service->source))
        return false;
    config_free(service->config);
    pthread_mutex_destroy(&service->lock);
    pthread_cond_destroy(&service->changed);
    free(service);
    return true;
}

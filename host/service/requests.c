/*
 * What `take5 ctl` asks: answered on the client's thread where anybody may look, by the control
 * thread where something is changed.
 */
#include "service/service_private.h"

#include "base/clock.h"
#include "config/sections/promotions.h"
#include "config/sections/workers.h"
#include "engine/operator.h"
#include "log/log.h"
#include "ops/http/http.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_words(const struct request *request, size_t count, const char *form) {
    if (request->count == count)
        return true;
    text_printf(request->answer, "usage: take5 ctl %s", form);
    return false;
}

/* This process is the only one, and cannot become a supervisor. */
static bool check_workers(const struct config *next, struct faults *faults) {
    const struct config_deployment *first;
    if (next->worker != NULL || !config_has_workers(next, &first))
        return true;
    faults_add(faults, first->place,
               "[strategy:%s] has worker %s: a host that was started without workers must be "
               "restarted to have some",
               first->name, config_worker_of(next, first));
    return false;
}

static struct config *read_next(const struct service *service, struct faults *faults) {
    const struct config_options *options = service->options.config_options;
    struct config *next = config_options_read(options, faults);
    if (next == NULL)
        return NULL;
    const size_t errors = faults->error_count;
    promotions_apply(next, false, faults);
    if (faults->error_count == errors && (options->is_demo || check_workers(next, faults)))
        return next;
    config_free(next);
    return NULL;
}

/* Nothing changes. */
static void log_refused(struct log *log, const struct faults *faults) {
    for (size_t i = 0; i < faults->count; i++) {
        if (faults->items[i].is_warning)
            log_change(log, LOG_LEVEL_WARNING, "config", "reload: %s", faults->items[i].text);
        else
            log_change_event(log, LOG_LEVEL_ERROR, "config", "reload.failed", "reload: %s",
                             faults->items[i].text);
    }
    log_change_event(log, LOG_LEVEL_ERROR, "config", "reload.failed",
                     "reload: nothing changed: %zu error%s in the configuration",
                     faults->error_count, text_plural(faults->error_count));
}

void service_keep_suspended(struct service *service) {
    struct csv_arg *names = &service->options.suspended;
    struct error error;
    size_t left = 0;
    for (size_t i = 0; i < names->count; i++) {
        char *name = names->items[i];
        if (engine_suspend(service->engine, name, &error))
            continue;
        /* It may be another worker's, or rejected as it is now. All stay the caller's. */
        names->items[i] = names->items[left];
        names->items[left++] = name;
    }
    names->count = left;
}

bool service_reload(struct service *service, struct text *answer) {
    struct report report;
    struct error error;
    report_init(&report);
    struct config *next = read_next(service, &report.faults);
    if (next == NULL) {
        log_refused(service->log, &report.faults);
        engine_reload_unread(service->engine, &report);
    } else {
        engine_reload(service->engine, next, &report);
    }
    service_keep_suspended(service);
    if (!config_apply_log(engine_config(service->engine), service->log, &error))
        log_change(service->log, LOG_LEVEL_ERROR, "config", "reload: the log is unchanged: %s",
                   error.text);
    if (service->http != NULL)
        http_configure(service->http, engine_config(service->engine));
    service_limit_stop(service);
    report_json(&report, answer);
    const bool did = report_is_good(&report);
    report_release(&report);
    return did;
}

bool service_reopen(struct service *service, struct text *answer) {
    struct error error;
    struct publisher *publisher = &service->publisher;
    bool did = log_reopen(service->log, &error);
    if (!did)
        text_printf(answer, "log: %s\n", error.text);
    struct sink *sinks[PUBLISHER_MAX_SINKS + 2] = {publisher->dead_letter_sink,
                                                   publisher->point_sink};
    memcpy(sinks + 2, publisher->signal_sinks, sizeof publisher->signal_sinks);
    for (size_t i = 0; i < 2 + publisher->signal_sink_count; i++) {
        struct sink *sink = sinks[i];
        if (sink == NULL || sink->ops->reopen(sink, &error))
            continue;
        text_printf(answer, "%s\n", error.text);
        log_change_event(service->log, LOG_LEVEL_ERROR, "sink", "files.reopen_failed", "reopen: %s",
                         error.text);
        did = false;
    }
    if (did)
        text_puts(answer, "files reopened");
    log_change_event(service->log, LOG_LEVEL_INFO, "ops", "files.reopened", "files reopened");
    return did;
}

static bool suspend_or_resume(struct service *service, const struct request *request) {
    struct error error;
    const bool is_suspend = strcmp(request->words[0], "suspend") == 0;
    const bool does_skip =
        !is_suspend && request->count == 3 && strcmp(request->words[2], "--skip") == 0;
    if (!does_skip && !has_words(request, 2, is_suspend ? "suspend NAME" : "resume NAME [--skip]"))
        return false;
    const bool did = is_suspend
                         ? engine_suspend(service->engine, request->words[1], &error)
                         : engine_resume(service->engine, request->words[1], does_skip, &error);
    if (did)
        text_printf(request->answer, "%s: %s", request->words[1],
                    is_suspend  ? "suspended; resume delivers its messages"
                    : does_skip ? "resumed with the next message"
                                : "resumed");
    else
        text_puts(request->answer, error.text);
    return did;
}

static bool promote(struct service *service, const struct request *request) {
    struct error error = {0};
    if (!has_words(request, 2, "promote NAME"))
        return false;
    const bool did = engine_promote(service->engine, request->words[1], request->answer, &error);
    if (!did)
        text_puts(request->answer, error.text);
    return did;
}

static bool drain(struct service *service, const struct request *request) {
    struct error error;
    const int64_t timeout_ns = engine_config(service->engine)->revoke_timeout_ns;
    const bool is_off = request->count == 2 && strcmp(request->words[1], "off") == 0;
    if (request->count != 1 && !is_off) {
        text_puts(request->answer, "usage: take5 ctl drain [off]");
        return false;
    }
    const bool did = engine_drain(service->engine, !is_off, timeout_ns, &error);
    if (is_off)
        text_puts(request->answer, "reading resumed");
    else if (did)
        text_puts(request->answer, "drained: no messages are read, everything read is acknowledged "
                                   "and committed; `drain off` resumes reading");
    else
        text_printf(request->answer, "draining, no messages are read; but %s", error.text);
    return did;
}

static bool checkpoint(struct service *service, const struct request *request) {
    struct error error;
    size_t taken;
    if (!has_words(request, 1, "checkpoint"))
        return false;
    const bool did = engine_checkpoint(
        service->engine, engine_config(service->engine)->revoke_timeout_ns, &taken, &error);
    if (!did)
        text_puts(request->answer, error.text);
    else if (taken == 0)
        text_puts(request->answer, "no checkpoint was due: nothing was processed since the last "
                                   "one, or strategies are still catching up");
    else
        text_printf(request->answer, "%zu checkpoint%s written", taken, taken == 1 ? "" : "s");
    return did;
}

static bool set_log_level(struct service *service, const struct request *request) {
    enum log_level level;
    const char *room = request->count == 3 ? request->words[1] : NULL;
    if (request->count != 2 && request->count != 3) {
        text_puts(request->answer, "usage: take5 ctl log-level [ROOM] LEVEL");
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
    if (request->dead_letter != NULL) {
        engine_redrive(service->engine, request->dead_letter, &request->redrive);
        request->did = true;
    } else if (strcmp(word, "reload") == 0) {
        request->did = has_words(request, 1, "reload") && service_reload(service, request->answer);
    } else if (strcmp(word, "reopen") == 0) {
        request->did = has_words(request, 1, "reopen") && service_reopen(service, request->answer);
    } else if (strcmp(word, "suspend") == 0 || strcmp(word, "resume") == 0) {
        request->did = suspend_or_resume(service, request);
    } else if (strcmp(word, "promote") == 0) {
        request->did = promote(service, request);
    } else if (strcmp(word, "drain") == 0) {
        request->did = drain(service, request);
    } else if (strcmp(word, "checkpoint") == 0) {
        request->did = checkpoint(service, request);
    } else {
        text_printf(request->answer,
                    "unknown request \"%s\"; known: status, reload, reopen, suspend NAME, resume "
                    "NAME [--skip], promote NAME, checkpoint, log-level [ROOM] LEVEL, drain [off], "
                    "stop [--leave]",
                    word);
    }
}

void service_serve_requests(struct service *service) {
    lock_acquire(&service->lock, service_lock);
    while (service->queue != NULL) {
        struct request *request = service->queue;
        service->queue = request->next;
        lock_release(&service->lock, service_lock);
        serve(service, request);
        lock_acquire(&service->lock, service_lock);
        request->is_done = true;
        pthread_cond_broadcast(&service->changed);
    }
    lock_release(&service->lock, service_lock);
}

/* Notifies those that still wait that nothing comes. */
void service_close_requests(struct service *service) {
    lock_acquire(&service->lock, service_lock);
    service->is_closed = true;
    while (service->queue != NULL) {
        struct request *request = service->queue;
        service->queue = request->next;
        text_puts(request->answer, "the host is stopping");
        request->is_done = true;
    }
    pthread_cond_broadcast(&service->changed);
    lock_release(&service->lock, service_lock);
}

/* On a client's thread: hands the request to control and waits for it. */
static bool ask_control(struct service *service, struct request *request) {
    lock_acquire(&service->lock, service_lock);
    if (service->is_closed) {
        text_puts(request->answer, "the host is stopping");
    } else {
        struct request **last = &service->queue;
        while (*last != NULL)
            last = &(*last)->next;
        *last = request;
        service_wake_control(service);
        while (!request->is_done)
            pthread_cond_wait(&service->changed, &service->lock);
    }
    lock_release(&service->lock, service_lock);
    return request->did;
}

/* On a client's thread: control gives the dead letter, the sinks are waited for here. */
static bool redrive(struct service *service, const struct control_request *asked,
                    struct text *answer) {
    struct redrive_request dead_letter;
    if (!service_redrive_parse(asked, &dead_letter)) {
        text_puts(
            answer,
            "redrive is for `take5 dlq redrive --through NAME`, one request for each dead letter");
        return false;
    }
    struct request request = {.words = asked->words,
                              .count = asked->count,
                              .answer = answer,
                              .dead_letter = &dead_letter};
    if (!ask_control(service, &request))
        return false;
    engine_await_redrive(service->engine, &request.redrive, SERVICE_REDRIVE_TIMEOUT_NS);
    return service_redrive_answer(&request.redrive, answer);
}

/* On a client's thread: what HTTP would answer, for the supervisor. The body is the target. */
static bool get(struct service *service, const struct control_request *asked, struct text *answer) {
    char *target = asked->body != NULL ? text_dup(asked->body, asked->body_size) : NULL;
    if (service->http == NULL || target == NULL)
        text_puts(answer, "no HTTP here, or no target");
    else
        http_answer(service->http, target, answer);
    const bool did = service->http != NULL && target != NULL;
    free(target);
    return did;
}

/* Of a redrive, which is one request for each dead letter, not the coordinates: a repeated line is
 * counted. What comes through a supervisor, that has logged with who asked. */
static void log_asked(const struct service *service, const struct control_request *asked) {
    const bool is_logged =
        engine_config(service->engine)->worker != NULL && asked->process == getppid();
    if (!is_logged)
        control_log_request(service->log, asked,
                            service_redrive_is_asked(asked->words[0]) ? 2 : asked->count);
}

static bool ask_stop(struct service *service, const struct control_request *asked,
                     struct text *answer) {
    const bool leaves = asked->count == 2 && strcmp(asked->words[1], "--leave") == 0;
    if (asked->count != 1 && !leaves) {
        text_puts(answer, "usage: take5 ctl stop [--leave] (stops the host; for one deployment: "
                          "suspend NAME)");
        return false;
    }
    if (leaves)
        atomic_store(&service->should_leave, true);
    signals_stop(service->options.signals);
    text_puts(answer, leaves ? "stopping, and leaving the group" : "stopping");
    return true;
}

/* On a client's thread. */
bool service_handle(void *context, const struct control_request *asked, struct text *answer) {
    struct service *service = context;
    const char *word = asked->words[0];
    if (strcmp(word, "status") == 0) {
        view_status(service->engine, answer);
        return true;
    }
    if (strcmp(word, "get") == 0)
        return get(service, asked, answer);
    log_asked(service, asked);
    if (strcmp(word, "stop") == 0)
        return ask_stop(service, asked, answer);
    if (service_redrive_is_asked(word))
        return redrive(service, asked, answer);
    struct request request = {.words = asked->words, .count = asked->count, .answer = answer};
    if (strcmp(word, "log-level") == 0)
        return set_log_level(service, &request);
    return ask_control(service, &request);
}

/* What `take5 ctl` asks: each worker is asked, or the one whose business it is. */
#include "supervisor/private.h"

#include "base/clock.h"
#include "config/sections/workers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KNOWN                                                                                      \
    "status, reload, reopen, suspend NAME, resume NAME [--skip], promote NAME, checkpoint, "       \
    "log-level [ROOM] "                                                                            \
    "LEVEL, drain [off], restart WORKER, stop; for one worker: @WORKER REQUEST"

/* ---- status ---- */

REQUIRES(supervisor_lock) static cJSON *worker_json(const struct worker *worker, int64_t now_ns) {
    char state[320];
    cJSON *json = cJSON_CreateObject();
    worker_describe(worker, now_ns, state, sizeof state);
    const bool has = worker_has_process(worker);
    if (json != NULL && cJSON_AddStringToObject(json, "name", worker->name) != NULL &&
        cJSON_AddStringToObject(json, "group", worker->group) != NULL &&
        cJSON_AddStringToObject(json, "state", worker_state_name(worker->state)) != NULL &&
        cJSON_AddStringToObject(json, "detail", state) != NULL &&
        cJSON_AddNumberToObject(json, "process", has ? worker->pid : 0) != NULL &&
        cJSON_AddNumberToObject(json, "uptime_s",
                                has ? (double)(now_ns - worker->begun_ns) / NS_PER_S : 0) != NULL &&
        cJSON_AddNumberToObject(json, "starts", (double)worker->starts) != NULL &&
        cJSON_AddNumberToObject(json, "deaths", (double)worker->deaths) != NULL &&
        cJSON_AddNumberToObject(json, "hangs", (double)worker->hangs) != NULL &&
        cJSON_AddStringToObject(json, "last_death", worker->why) != NULL)
        return json;
    cJSON_Delete(json);
    return NULL;
}

static cJSON *workers_json(struct supervisor *supervisor) {
    const int64_t now_ns = clock_monotonic_ns();
    cJSON *list = cJSON_CreateArray();
    bool did = list != NULL;
    lock_acquire(&supervisor->lock, supervisor_lock);
    for (size_t i = 0; did && i < supervisor->count; i++) {
        cJSON *one = worker_json(supervisor->workers[i], now_ns);
        did = one != NULL && cJSON_AddItemToArray(list, one);
    }
    lock_release(&supervisor->lock, supervisor_lock);
    if (did)
        return list;
    cJSON_Delete(list);
    return NULL;
}

/* Ours over the workers'. */
static bool complete(struct supervisor *supervisor, cJSON *status) {
    static const char *const ours[] = {"service", "uptime_s", "stopping", "live"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strcmp(ours[i], "live") != 0 ||
            cJSON_GetObjectItemCaseSensitive(status, "live") == NULL)
            cJSON_DeleteItemFromObjectCaseSensitive(status, ours[i]);
    lock_acquire(&supervisor->lock, supervisor_lock);
    const bool did =
        cJSON_AddStringToObject(status, "service", supervisor->config->service) != NULL &&
        cJSON_AddBoolToObject(status, "stopping", supervisor->is_stopping) != NULL;
    lock_release(&supervisor->lock, supervisor_lock);
    const double uptime_s = (double)(clock_monotonic_ns() - supervisor->begun_ns) / NS_PER_S;
    if (cJSON_GetObjectItemCaseSensitive(status, "live") == NULL &&
        cJSON_AddTrueToObject(status, "live") == NULL)
        return false;
    cJSON *workers = workers_json(supervisor);
    if (workers != NULL && !cJSON_AddItemToObject(status, "workers", workers)) {
        cJSON_Delete(workers);
        workers = NULL;
    }
    return did && workers != NULL && cJSON_AddNumberToObject(status, "uptime_s", uptime_s) != NULL;
}

/* A worker that runs and does not answer, as without memory. */
static bool note_silent(cJSON *status, const struct peers *peers) {
    cJSON *worker;
    bool did = true;
    cJSON_ArrayForEach(worker, cJSON_GetObjectItemCaseSensitive(status, "workers")) {
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(worker, "name");
        for (size_t i = 0; did && i < peers->count; i++) {
            const struct peer *peer = &peers->items[i];
            if (peer->did || strcmp(name->valuestring, peer->name) != 0)
                continue;
            did = cJSON_AddStringToObject(worker, "silent",
                                          peer->has_answer ? peer->answer.data : peer->why) != NULL;
        }
    }
    return did;
}

bool supervisor_status(struct supervisor *supervisor, struct text *answer) {
    struct peers peers;
    cJSON *status = NULL;
    char *printed = NULL;
    if (!peers_list(supervisor, NULL, &peers))
        return false;
    peers_ask(&peers, "status", NULL, SUPERVISOR_ASK_NS);
    struct merge_part *parts = peers_parts(&peers);
    if (parts != NULL)
        status = merge_status(parts, peers.count);
    if (status != NULL && complete(supervisor, status) && note_silent(status, &peers))
        printed = cJSON_PrintUnformatted(status);
    if (printed != NULL)
        text_puts(answer, printed);
    const bool did = printed != NULL;
    free(printed);
    cJSON_Delete(status);
    free(parts);
    peers_release(&peers);
    return did;
}

/* ---- requests for workers ---- */

static void write_request(const struct control_request *asked, size_t from, struct text *line) {
    for (size_t i = from; i < asked->count; i++)
        text_printf(line, "%s%s", i > from ? " " : "", asked->words[i]);
}

/* Each, one after the other; what they say, a line each. */
static bool ask_all(struct supervisor *supervisor, const struct control_request *asked,
                    struct text *answer) {
    struct peers peers;
    struct text line;
    bool did = true;
    text_init(&line);
    write_request(asked, 0, &line);
    if (!peers_list(supervisor, NULL, &peers)) {
        text_puts(answer, "out of memory");
        text_release(&line);
        return false;
    }
    peers_ask(&peers, line.data, NULL, 0);
    for (size_t i = 0; i < peers.count; i++) {
        const struct peer *peer = &peers.items[i];
        did = did && peer->has_answer && peer->did;
        text_printf(answer, "%s%s: %s", i > 0 ? "\n" : "", peer->name,
                    peer->has_answer ? peer->answer.data : peer->why);
    }
    peers_release(&peers);
    text_release(&line);
    return did;
}

/* The request from its word `from` on, to that worker. */
static bool ask_one(struct supervisor *supervisor, const char *worker,
                    const struct control_request *asked, size_t from, struct text *answer) {
    const struct control_body body = {asked->body, asked->body_size};
    struct peers peers;
    struct text line;
    bool did = false;
    if (!peers_list(supervisor, worker, &peers)) {
        text_puts(answer, "out of memory");
        return false;
    }
    text_init(&line);
    write_request(asked, from, &line);
    if (peers.count == 0) {
        text_printf(answer, "there is no worker %s; `take5 ctl status` lists them", worker);
    } else {
        peer_ask(&peers.items[0], line.data, asked->body != NULL ? &body : NULL, 0);
        did = peers.items[0].has_answer && peers.items[0].did;
        if (peers.items[0].has_answer)
            text_append(answer, peers.items[0].answer.data, peers.items[0].answer.size);
        else
            text_printf(answer, "worker %s: %s", worker, peers.items[0].why);
    }
    text_release(&line);
    peers_release(&peers);
    return did;
}

/* The worker of the deployment that the second word names. */
static bool ask_owner(struct supervisor *supervisor, const struct control_request *asked,
                      struct text *answer) {
    lock_acquire(&supervisor->lock, supervisor_lock);
    const char *owner = asked->count > 1
                            ? config_worker_of_name(supervisor->config, asked->words[1])
                            : CONFIG_WORKER_MAIN;
    char *worker = text_dup(owner, strlen(owner));
    lock_release(&supervisor->lock, supervisor_lock);
    if (worker == NULL) {
        text_puts(answer, "out of memory");
        return false;
    }
    const bool did = ask_one(supervisor, worker, asked, 0, answer);
    free(worker);
    return did;
}

/* ---- requests for us ---- */

static bool restart(struct supervisor *supervisor, const struct control_request *asked,
                    struct text *answer) {
    if (asked->count != 2) {
        text_puts(answer, "usage: take5 ctl restart WORKER");
        return false;
    }
    lock_acquire(&supervisor->lock, supervisor_lock);
    struct worker *worker = supervisor_find(supervisor, asked->words[1]);
    const bool did = worker != NULL && worker->is_wanted && !supervisor->is_stopping;
    if (did)
        worker_restart(worker, &supervisor->env, clock_monotonic_ns());
    lock_release(&supervisor->lock, supervisor_lock);
    supervisor_wake(supervisor);
    text_printf(answer, did ? "%s: restarting" : "there is no worker %s to restart",
                asked->words[1]);
    return did;
}

bool supervisor_reopen(struct supervisor *supervisor, struct text *answer) {
    char word[] = "reopen";
    char *const words[] = {word};
    const struct control_request asked = {.words = words, .count = 1};
    struct error error;
    const bool did_log = log_reopen(supervisor->log, &error);
    if (!did_log)
        text_printf(answer, "log: %s\n", error.text);
    return ask_all(supervisor, &asked, answer) && did_log;
}

static bool set_log_level(struct supervisor *supervisor, const struct control_request *asked,
                          struct text *answer) {
    enum log_level level;
    const char *room = asked->count == 3 ? asked->words[1] : NULL;
    if (asked->count >= 2 && log_parse_level(asked->words[asked->count - 1], &level))
        (void)log_set_level(supervisor->log, room, level);
    return ask_all(supervisor, asked, answer); /* they say what is wrong with it */
}

/* With words behind it, each worker gets the request itself before it gets our SIGTERM. */
static bool stop(struct supervisor *supervisor, const struct control_request *asked,
                 struct text *answer) {
    bool did = true;
    if (asked->count > 1) {
        lock_acquire(&supervisor->lock, supervisor_lock);
        for (size_t i = 0; i < supervisor->count; i++)
            worker_await_stop(supervisor->workers[i], &supervisor->env, clock_monotonic_ns());
        lock_release(&supervisor->lock, supervisor_lock);
        did = ask_all(supervisor, asked, answer);
        lock_acquire(&supervisor->lock, supervisor_lock);
        for (size_t i = 0; i < supervisor->count; i++)
            worker_signal(supervisor->workers[i], SIGTERM);
        lock_release(&supervisor->lock, supervisor_lock);
    } else {
        text_puts(answer, "stopping");
    }
    signals_stop(supervisor->options.signals);
    return did;
}

static bool is_one_of(const char *word, const char *const *words) {
    for (; *words != NULL; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

/* Of a redrive without the coordinates, as a worker's own log has it. */
static void log_asked(const struct supervisor *supervisor, const struct control_request *asked) {
    static const char *const quiet[] = {"status", "get", NULL};
    static const char *const redrives[] = {"redrive", "redrive-dry-run", NULL};
    const size_t first = asked->words[0][0] == '@' && asked->count > 1 ? 1 : 0;
    const char *word = asked->words[first];
    if (!is_one_of(word, quiet))
        control_log_request(supervisor->log, asked,
                            is_one_of(word, redrives) ? first + 2 : asked->count);
}

/* Workers that begin from here on read nothing, or do again; those that are beginning, and cannot
 * be asked yet, begin once more. */
static void note_drain(struct supervisor *supervisor, const struct control_request *asked) {
    const bool is_drain = asked->count == 1;
    if (!is_drain && strcmp(asked->words[1], "off") != 0)
        return;
    lock_acquire(&supervisor->lock, supervisor_lock);
    for (size_t i = 0; i < supervisor->count && supervisor->env.is_drained != is_drain; i++)
        if (supervisor->workers[i]->state == WORKER_STARTING && !supervisor->is_stopping)
            worker_restart(supervisor->workers[i], &supervisor->env, clock_monotonic_ns());
    supervisor->env.is_drained = is_drain;
    lock_release(&supervisor->lock, supervisor_lock);
    supervisor_wake(supervisor);
}

/* What the worker did with the deployment counts for the next process of it too. */
static void note_suspension(struct supervisor *supervisor, const char *word,
                            const char *deployment) {
    static const char *const known[] = {"suspend", "resume", "promote", NULL};
    if (!is_one_of(word, known))
        return;
    lock_acquire(&supervisor->lock, supervisor_lock);
    /* What is promoted runs, in the place of its original. */
    const char *original =
        strcmp(word, "promote") == 0 ? supervisor_original_of(supervisor, deployment) : NULL;
    if (original != NULL)
        supervisor_note_suspended(supervisor, original, false);
    supervisor_note_suspended(supervisor, deployment, strcmp(word, "suspend") == 0);
    lock_release(&supervisor->lock, supervisor_lock);
}

bool supervisor_handle(void *context, const struct control_request *asked, struct text *answer) {
    static const char *const for_all[] = {"checkpoint", "drain", NULL};
    static const char *const for_owner[] = {"suspend", "resume",          "promote",
                                            "redrive", "redrive-dry-run", NULL};
    struct supervisor *supervisor = context;
    const char *word = asked->words[0];
    log_asked(supervisor, asked);
    if (word[0] == '@' && asked->count > 1 && strcmp(asked->words[1], "reload") == 0) {
        text_puts(answer, "a reload is of all workers: take5 ctl reload");
        return false;
    }
    if (word[0] == '@' && asked->count > 1) {
        const bool did = ask_one(supervisor, word + 1, asked, 1, answer);
        if (did && asked->count > 2)
            note_suspension(supervisor, asked->words[1], asked->words[2]);
        return did;
    }
    if (strcmp(word, "drain") == 0)
        note_drain(supervisor, asked);
    if (strcmp(word, "status") == 0)
        return supervisor_status(supervisor, answer);
    if (strcmp(word, "stop") == 0)
        return stop(supervisor, asked, answer);
    if (strcmp(word, "restart") == 0)
        return restart(supervisor, asked, answer);
    if (strcmp(word, "reload") == 0 && asked->count == 1)
        return supervisor_reload(supervisor, answer);
    if (strcmp(word, "reopen") == 0 && asked->count == 1)
        return supervisor_reopen(supervisor, answer);
    if (strcmp(word, "log-level") == 0)
        return set_log_level(supervisor, asked, answer);
    if (is_one_of(word, for_all))
        return ask_all(supervisor, asked, answer);
    if (is_one_of(word, for_owner)) {
        const bool did = ask_owner(supervisor, asked, answer);
        if (did && asked->count > 1)
            note_suspension(supervisor, word, asked->words[1]);
        return did;
    }
    text_printf(answer, "unknown request \"%s\"; known: " KNOWN, word);
    return false;
}

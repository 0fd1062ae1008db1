/* Asking workers: their threads answer, and this one waits for them without the lock. */
#include "supervisor/private.h"

#include "base/clock.h"
#include "base/sync/thread.h"
#include "config/sections/workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

REQUIRES(supervisor_lock)
static bool list_one(const struct supervisor *supervisor, const struct worker *worker,
                     struct peers *peers) {
    struct peer *peer = &peers->items[peers->count];
    *peer =
        (struct peer){.name = text_dup(worker->name, strlen(worker->name)),
                      .socket = text_dup(worker->socket, strlen(worker->socket)),
                      .is_idle = config_worker_deployments(supervisor->config, worker->name) == 0};
    text_init(&peer->answer);
    peers->count++;
    const int64_t now_ns = clock_monotonic_ns();
    if (worker->state != WORKER_RUNNING && worker->state != WORKER_STOPPING)
        worker_describe(worker, now_ns, peer->why, sizeof peer->why);
    if (worker->silent_ns > worker->moved_ns)
        peer->still_ns = now_ns - worker->moved_ns;
    return peer->name != NULL && peer->socket != NULL;
}

bool peers_list(struct supervisor *supervisor, const char *only, struct peers *peers) {
    bool did = true;
    lock_acquire(&supervisor->lock, supervisor_lock);
    *peers = (struct peers){.supervisor = supervisor,
                            .items = calloc(supervisor->count + 1, sizeof *peers->items)};
    did = peers->items != NULL;
    for (size_t i = 0; did && i < supervisor->count; i++)
        if ((only == NULL || strcmp(supervisor->workers[i]->name, only) == 0) &&
            /* One that has ended for good is dropped at the main thread's next turn. */
            (supervisor->workers[i]->is_wanted || worker_has_process(supervisor->workers[i])))
            did = list_one(supervisor, supervisor->workers[i], peers);
    lock_release(&supervisor->lock, supervisor_lock);
    if (!did)
        peers_release(peers);
    return did;
}

static void note_silent(struct supervisor *supervisor, const char *name) {
    lock_acquire(&supervisor->lock, supervisor_lock);
    struct worker *worker = supervisor_find(supervisor, name);
    if (worker != NULL)
        worker->silent_ns = clock_monotonic_ns();
    lock_release(&supervisor->lock, supervisor_lock);
}

void peers_release(struct peers *peers) {
    for (size_t i = 0; i < peers->count; i++)
        if (peers->items[i].is_silent)
            note_silent(peers->supervisor, peers->items[i].name);
    for (size_t i = 0; i < peers->count; i++) {
        free(peers->items[i].name);
        free(peers->items[i].socket);
        text_release(&peers->items[i].answer);
    }
    free(peers->items);
    *peers = (struct peers){0};
}

void peer_ask(struct peer *peer, const char *request, const struct control_body *body,
              int64_t timeout_ns) {
    struct error error = {0};
    text_reset(&peer->answer);
    peer->did = peer->has_answer = false;
    if (timeout_ns > 0 && peer->still_ns > 0 && peer->why[0] == '\0')
        (void)snprintf(peer->why, sizeof peer->why, "no answer, and no progress for %.1f s",
                       (double)peer->still_ns / (double)NS_PER_S);
    peer->has_answer = peer->why[0] == '\0' && control_call(peer->socket, request, body, timeout_ns,
                                                            &peer->did, &peer->answer, &error);
    if (!peer->has_answer && peer->why[0] == '\0')
        (void)snprintf(peer->why, sizeof peer->why, "%.300s", error.text);
    peer->is_silent |= error.code == ERROR_TIMEOUT;
}

/* One peer's request, on a thread of its own. */
struct asking {
    pthread_t thread;
    bool is_begun;
    struct peer *peer;
    const char *request;
    const struct control_body *body;
    int64_t timeout_ns;
};

static void *ask_main(void *argument) {
    const struct asking *asking = argument;
    peer_ask(asking->peer, asking->request, asking->body, asking->timeout_ns);
    return NULL;
}

void peers_ask(struct peers *peers, const char *request, const struct control_body *body,
               int64_t timeout_ns) {
    struct asking *askings = calloc(peers->count + 1, sizeof *askings);
    struct error error;
    for (size_t i = 0; askings != NULL && i < peers->count; i++) {
        askings[i] = (struct asking){
            .peer = &peers->items[i], .request = request, .body = body, .timeout_ns = timeout_ns};
        askings[i].is_begun =
            thread_start(&askings[i].thread, "ask", ask_main, &askings[i], &error);
    }
    /* Without memory, one after the other. */
    for (size_t i = 0; i < peers->count; i++) {
        if (askings != NULL && askings[i].is_begun)
            pthread_join(askings[i].thread, NULL);
        else
            peer_ask(&peers->items[i], request, body, timeout_ns);
    }
    free(askings);
}

struct merge_part *peers_parts(const struct peers *peers) {
    struct merge_part *parts = calloc(peers->count + 1, sizeof *parts);
    for (size_t i = 0; parts != NULL && i < peers->count; i++) {
        const struct peer *peer = &peers->items[i];
        parts[i] = (struct merge_part){.worker = peer->name,
                                       .data = peer->has_answer ? peer->answer.data : NULL,
                                       .why = peer->why,
                                       .is_idle = peer->is_idle};
    }
    return parts;
}

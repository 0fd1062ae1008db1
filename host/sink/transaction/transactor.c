#include "sink/transaction/transactor.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/sync/condition.h"
#include "base/sync/thread.h"
#include "sink/transaction/transactor_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Between two attempts to make a producer while there is nothing to commit. */
#define IDLE_PAUSE_NS (500 * NS_PER_MS)
/* How long a thread that is to stop may overrun its time to wind up. */
#define STOP_GRACE_NS ((TRANSACTOR_CALL_MS + 1000) * NS_PER_MS)
/* A call that takes longer is shown in the status. */
#define STEP_LONG_NS  (3 * TRANSACTOR_CALL_MS * NS_PER_MS)

/* ---- the thread ---- */

/* The next epoch; NULL: none yet, or it is time to end. */
static struct epoch *take(struct transactor *self, bool *is_over) {
    lock_acquire(&self->mutex, transactor_lock);
    const int64_t until_ns = clock_monotonic_ns() + IDLE_PAUSE_NS;
    while (self->first == NULL && !self->is_stopping &&
           (self->is_ready || clock_monotonic_ns() < until_ns)) {
        if (self->is_ready)
            pthread_cond_wait(&self->work, &self->mutex);
        else
            (void)condition_wait(&self->work, &self->mutex, until_ns);
    }
    struct epoch *epoch = self->first;
    *is_over = self->is_stopping && epoch == NULL;
    lock_release(&self->mutex, transactor_lock);
    return epoch;
}

/* It is decided: gives it up. */
static void pass(struct transactor *self, struct epoch *epoch) {
    lock_acquire(&self->mutex, transactor_lock);
    self->first = epoch->next;
    if (self->first == NULL)
        self->last = NULL;
    self->counts.queued -= epoch->submitted;
    atomic_fetch_sub(&self->undecided, 1);
    pthread_cond_broadcast(&self->done);
    const bool may_notify = !self->is_abandoned;
    lock_release(&self->mutex, transactor_lock);
    epoch_free(epoch);
    if (may_notify && self->user.decided != NULL)
        self->user.decided(self->user.context);
}

static void free_all(struct transactor *self) {
    lock_alone(transactor_lock);
    while (self->first != NULL) {
        struct epoch *epoch = self->first;
        self->first = epoch->next;
        epoch_free(epoch);
    }
    producer_setup_release(&self->setup);
    pthread_cond_destroy(&self->work);
    pthread_cond_destroy(&self->done);
    pthread_mutex_destroy(&self->mutex);
    free(self->id);
    free(self->signal_topic);
    free(self->dead_letter_topic);
    free(self);
}

/* Ends at once what an earlier process left with this id: others wait for that. */
static void *run(void *argument) {
    struct transactor *self = argument;
    bool is_over = false;
    while (!is_over) {
        if (!self->is_ready && !transactor_must_stop(self)) {
            if (transactor_open(self))
                transactor_recovered(self);
            else
                transactor_failing(self);
        }
        struct epoch *epoch = take(self, &is_over);
        if (epoch == NULL)
            continue;
        is_over = !transactor_decide(self, epoch);
        if (!is_over)
            pass(self, epoch);
    }
    transactor_close_client(self);
    lock_acquire(&self->mutex, transactor_lock);
    self->is_ended = true;
    const bool is_abandoned = self->is_abandoned;
    lock_release(&self->mutex, transactor_lock);
    if (is_abandoned)
        free_all(self);
    return NULL;
}

/* ---- for the thread that closes epochs ---- */

void transactor_bind(struct transactor *self, const struct transactor_user *user) {
    self->user = *user;
}

void transactor_submit(struct transactor *self, struct epoch *epoch) {
    lock_acquire(&self->mutex, transactor_lock);
    epoch->next = NULL;
    epoch->submitted = epoch->record_count;
    self->counts.queued += epoch->submitted;
    *(self->last != NULL ? &self->last->next : &self->first) = epoch;
    self->last = epoch;
    atomic_fetch_add(&self->undecided, 1);
    pthread_cond_signal(&self->work);
    lock_release(&self->mutex, transactor_lock);
}

size_t transactor_undecided(const struct transactor *self) {
    return atomic_load_explicit(&self->undecided, memory_order_acquire);
}

bool transactor_await(struct transactor *self, int64_t until_ns) {
    lock_acquire(&self->mutex, transactor_lock);
    while (self->first != NULL && clock_monotonic_ns() < until_ns)
        (void)condition_wait(&self->done, &self->mutex, until_ns);
    const bool did = self->first == NULL;
    lock_release(&self->mutex, transactor_lock);
    return did;
}

void transactor_get_status(struct transactor *self, struct transactor_status *status) {
    const char *step = atomic_load(&self->step);
    const int64_t step_ns = clock_monotonic_ns() - atomic_load(&self->step_ns);
    lock_acquire(&self->mutex, transactor_lock);
    *status = self->counts;
    status->id = self->id;
    status->is_ok = self->is_ok;
    memcpy(status->detail, self->detail, sizeof status->detail);
    lock_release(&self->mutex, transactor_lock);
    status->undecided = transactor_undecided(self);
    if (step == NULL || step_ns < STEP_LONG_NS)
        return;
    status->is_ok = false;
    if (status->detail[0] == '\0')
        snprintf(status->detail, sizeof status->detail,
                 "librdkafka has been asked to %s for %.0f s", step,
                 (double)step_ns / (double)NS_PER_S);
}

/* ---- life ---- */

static char *copy(const char *text) {
    return text != NULL ? strdup(text) : NULL;
}

/* What can be checked without the brokers: that a client can be made with these settings. */
static bool check_settings(const struct transactor *self, struct error *error) {
    const struct producer_callbacks none = {0};
    rd_kafka_t *client = producer_new(&self->setup, &none, error);
    if (client == NULL)
        return false;
    rd_kafka_destroy(client);
    return true;
}

struct transactor *transactor_new(const struct transactor_options *options, struct error *error) {
    struct transactor *self = calloc(1, sizeof *self);
    if (self == NULL) {
        error_set_memory(error, "a transactor");
        return NULL;
    }
    lock_alone(transactor_lock);
    pthread_mutex_init(&self->mutex, NULL);
    condition_init(&self->work);
    condition_init(&self->done);
    self->group = options->group;
    self->beside = options->beside;
    self->beside_count = options->beside_count;
    self->log = options->log;
    self->is_ok = true;
    self->id = copy(options->id);
    self->signal_topic = copy(options->signal_topic);
    self->dead_letter_topic = copy(options->dead_letter_topic);
    snprintf(self->run, sizeof self->run, "%016" PRIx64, hash_seed());
    if (self->id == NULL || (options->signal_topic != NULL && self->signal_topic == NULL) ||
        (options->dead_letter_topic != NULL && self->dead_letter_topic == NULL) ||
        !producer_setup_init(&self->setup, options->properties, options->bootstrap_servers) ||
        !producer_setup_transactions(&self->setup, options->id, TRANSACTOR_TIMEOUT_MS))
        error_set_memory(error, "a transactor");
    else if (check_settings(self, error) &&
             thread_start(&self->thread, "take5-epochs", run, self, error))
        return self;
    free_all(self);
    return NULL;
}

bool transactor_free(struct transactor *self, int timeout_ms) {
    if (self == NULL)
        return true;
    const int64_t wait_ns = timeout_ms * NS_PER_MS;
    lock_acquire(&self->mutex, transactor_lock);
    self->is_stopping = true;
    self->stop_ns = clock_monotonic_ns() + wait_ns;
    pthread_cond_broadcast(&self->work);
    lock_release(&self->mutex, transactor_lock);
    if (thread_join_within(self->thread, wait_ns + STOP_GRACE_NS)) {
        free_all(self);
        return true;
    }
    const char *step = atomic_load(&self->step);
    log_error(self->log, "sink",
              "transactions of %s: librdkafka did not %s within %.1f s; abandoned", self->id,
              step != NULL ? step : "end", (double)(wait_ns + STOP_GRACE_NS) / (double)NS_PER_S);
    lock_acquire(&self->mutex, transactor_lock);
    const bool is_ended = self->is_ended;
    self->is_abandoned = !is_ended;
    lock_release(&self->mutex, transactor_lock);
    if (is_ended) {
        pthread_join(self->thread, NULL);
        free_all(self);
        return true;
    }
    pthread_detach(self->thread);
    return false;
}

/* Calls from this thread to an owner's thread. */
#include "base/sync/mailbox.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <semaphore.h>

struct owner {
    struct mailbox mailbox;
    pthread_t thread;
    _Atomic int64_t hurry_ns;
    _Atomic int ticks, runs;
    sem_t is_in_call, may_go_on;
};

static void tick(void *owner) {
    atomic_fetch_add(&((struct owner *)owner)->ticks, 1);
}

static void *owner_main(void *argument) {
    struct owner *owner = argument;
    while (!owner->mailbox.should_stop) {
        if (atomic_load(&owner->mailbox.has_mail))
            mailbox_serve(&owner->mailbox, owner, tick);
        else
            mailbox_rest(&owner->mailbox, 60 * NS_PER_S);
    }
    return NULL;
}

static void owner_init(struct owner *owner) {
    atomic_store(&owner->hurry_ns, INT64_MAX);
    atomic_store(&owner->ticks, 0);
    atomic_store(&owner->runs, 0);
    sem_init(&owner->is_in_call, 0, 0);
    sem_init(&owner->may_go_on, 0, 0);
    mailbox_init(&owner->mailbox, &owner->hurry_ns);
}

static void owner_start(struct owner *owner) {
    owner_init(owner);
    cr_assert_eq(pthread_create(&owner->thread, NULL, owner_main, owner), 0);
}

static void owner_end(struct owner *owner) {
    mailbox_stop(&owner->mailbox);
    pthread_join(owner->thread, NULL);
    mailbox_release(&owner->mailbox);
}

static void run(void *owner, void *argument) {
    (void)argument;
    atomic_fetch_add(&((struct owner *)owner)->runs, 1);
}

static void linger(void *context, void *argument) {
    struct owner *owner = context;
    sem_post(&owner->is_in_call);
    sem_wait(&owner->may_go_on);
    run(owner, argument);
}

static void hold(void *owner, void *argument) {
    (void)argument;
    mailbox_hold(&((struct owner *)owner)->mailbox);
}

static void note(void *owner, void *argument) {
    (void)owner;
    *(pthread_t *)argument = pthread_self();
}

static void post(struct owner *owner, struct mailbox_call *call,
                 void (*what)(void *owner, void *argument), void *argument) {
    *call = (struct mailbox_call){.run = what, .argument = argument};
    mailbox_post(&owner->mailbox, call);
}

static bool call(struct owner *owner, void (*what)(void *owner, void *argument), void *argument,
                 int64_t timeout_ns) {
    struct mailbox_call call;
    post(owner, &call, what, argument);
    return mailbox_await(&owner->mailbox, &call, clock_monotonic_ns() + timeout_ns);
}

Test(mailbox, a_call_runs_on_the_owners_thread_and_is_followed_by_a_tick) {
    struct owner owner;
    pthread_t ran = pthread_self();
    owner_start(&owner);
    cr_expect(call(&owner, note, &ran, 60 * NS_PER_S));
    cr_expect(pthread_equal(ran, owner.thread));
    cr_expect_geq(owner.ticks, 1);
    owner_end(&owner);
}

Test(mailbox, a_call_that_the_owner_does_not_get_to_in_time_never_runs) {
    struct owner owner;
    struct mailbox_call first, second;
    owner_start(&owner);
    post(&owner, &first, linger, NULL);
    sem_wait(&owner.is_in_call);
    post(&owner, &second, run, NULL);
    cr_expect_not(mailbox_await(&owner.mailbox, &second, clock_monotonic_ns()));
    sem_post(&owner.may_go_on);
    cr_expect(mailbox_await(&owner.mailbox, &first, clock_monotonic_ns()),
              "one that runs is waited for, however late it is");
    cr_expect(call(&owner, note, &owner.thread, 60 * NS_PER_S));
    cr_expect_eq(owner.runs, 1, "the lingering one alone");
    owner_end(&owner);
}

Test(mailbox, a_hurry_ends_the_wait_for_calls_that_do_not_run_yet) {
    struct owner owner; /* without a thread: nobody serves */
    struct mailbox_call queued;
    owner_init(&owner);
    atomic_store(&owner.hurry_ns, clock_monotonic_ns());
    post(&owner, &queued, run, NULL);
    cr_expect_not(mailbox_await(&owner.mailbox, &queued, clock_monotonic_ns() + 3600 * NS_PER_S));
    mailbox_serve(&owner.mailbox, &owner, tick);
    cr_expect_eq(owner.runs, 0);
    mailbox_release(&owner.mailbox);
}

Test(mailbox, calls_run_in_the_order_in_which_they_came) {
    struct owner owner;
    pthread_t ran[2];
    struct mailbox_call calls[2];
    owner_init(&owner);
    post(&owner, &calls[0], note, &ran[0]);
    post(&owner, &calls[1], hold, NULL);
    cr_expect(atomic_load(&owner.mailbox.has_mail));
    cr_expect_eq(owner.mailbox.calls, &calls[0]);
    mailbox_stop(&owner.mailbox); /* lest it stays held */
    mailbox_serve(&owner.mailbox, &owner, tick);
    cr_expect_eq(owner.ticks, 2);
    cr_expect(atomic_load(&owner.mailbox.has_mail), "the end is mail as well");
    mailbox_release(&owner.mailbox);
}

Test(mailbox, a_held_owner_runs_calls_until_the_end) {
    struct owner owner;
    owner_start(&owner);
    cr_expect(call(&owner, hold, NULL, 60 * NS_PER_S));
    cr_expect(call(&owner, run, NULL, 60 * NS_PER_S));
    cr_expect(owner.mailbox.is_held);
    cr_expect(atomic_load(&owner.mailbox.has_mail), "it is still serving");
    cr_expect(call(&owner, run, NULL, 60 * NS_PER_S));
    cr_expect_eq(owner.runs, 2);
    owner_end(&owner);
}

/* What a plan needs of an engine that runs, and gets. */
#include "engine/reload/states.h"

#include "engine/core/core.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <string.h>

/* Nothing is saved but what the test asks for. */
static const char *const two_lanes[] = {"take5.lanes=2", "checkpoint.interval=0", NULL};

static struct plan_request request_of(struct engine *engine) {
    return (struct plan_request){.config = engine->config,
                                 .topics = engine->topics,
                                 .running = engine->deployment_set,
                                 .generations = engine->generations,
                                 .log = engine->log,
                                 .does_rehearse = true};
}

/* "good" and NAME at work on four partition numbers of two lanes, the last one parked. */
static struct fixture *four_partitions(const char *name) {
    struct fixture *fixture = fixture_new(two_lanes);
    fixture_drop(fixture, "good_v1", "good");
    fixture_drop(fixture, name, name);
    fixture_start(fixture);
    for (int32_t partition = 0; partition < 4; partition++) {
        fixture_assign(fixture, partition, 0);
        fixture_send(fixture, BAR, partition, 0, "A");
        fixture_wait_stored(fixture, BAR, partition, 1);
    }
    fixture_revoke(fixture, 3);
    return fixture;
}

static void list(struct fixture *fixture, struct plan *plan) {
    struct report report;
    report_init(&report);
    const struct plan_request request = request_of(fixture_engine(fixture));
    cr_assert(plan_list(&request, plan, &report));
    report_release(&report);
}

Test(states, of_every_instance_of_what_changed_and_of_nothing_else_are_fetched) {
    struct fixture *fixture = four_partitions("recorder");
    struct plan plan;
    fixture_drop(fixture, "good_v2", "good");
    list(fixture, &plan);
    cr_assert_eq(plan.count, 2);
    const struct plan_item *good = plan_find(&plan, "good"), *other = plan_find(&plan, "recorder");
    cr_expect(good->needs_states);
    cr_expect_not(other->needs_states);
    cr_expect_gt(states_fetch(fixture_engine(fixture), &plan), 0);
    cr_assert_not(good->states.has_failed, "%s", good->states.error.text);
    cr_assert_eq(good->states.part_count, 4);
    for (int32_t i = 0; i < 4; i++) {
        cr_expect_eq(good->states.parts[i].partition, i);
        cr_expect_eq(good->states.parts[i].state->record_count, 1);
    }
    cr_expect_eq(other->states.count, 0);
    plan_release(&plan);
    fixture_free(fixture);
}

Test(states, are_saved_into_room_for_what_was_saved_last) {
    struct fixture *fixture = four_partitions("recorder");
    struct engine *engine = fixture_engine(fixture);
    struct plan plan;
    fixture_drop(fixture, "good_v2", "good");
    for (size_t records = 0; records < 2; records++) {
        const struct task *task = partition_task(engine->partitions[0], "good");
        cr_expect_eq(instance_state_size(task->instance).records, records);
        list(fixture, &plan);
        (void)states_fetch(engine, &plan);
        plan_release(&plan);
    }
    fixture_reload(fixture, NULL);
    const struct task *next = partition_task(engine->partitions[0], "good");
    cr_expect_eq(instance_state_size(next->instance).records, 1);
    fixture_free(fixture);
}

Test(states, that_an_instance_refuses_to_save_fail_its_deployment_alone) {
    struct fixture *fixture = four_partitions("refuse_save");
    struct plan plan;
    fixture_drop(fixture, "good_v2", "good");
    list(fixture, &plan);
    struct plan_item *refuses = (struct plan_item *)plan_find(&plan, "refuse_save");
    refuses->needs_states = true;
    (void)states_fetch(fixture_engine(fixture), &plan);
    cr_expect(refuses->states.has_failed);
    cr_expect_str_eq(refuses->states.error.text,
                     "save refused on partition 0: save failed: in the middle of something");
    cr_expect_not(plan_find(&plan, "good")->states.has_failed);
    cr_expect_eq(plan_find(&plan, "good")->states.part_count, 4);
    plan_release(&plan);
    fixture_free(fixture);
}

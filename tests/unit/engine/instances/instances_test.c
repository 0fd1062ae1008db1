/* Which instances there are, and what each has of its own. */
#include "fixture.h"

#include "engine/core/core.h"
#include "engine/instances/instances.h"

#include <criterion/criterion.h>
#include <string.h>

Test(instances, two_deployments_of_one_strategy_have_states_of_their_own) {
    static const char *const two[] = {"strategy:a.plugin=good", "strategy:a.every=1",
                                      "strategy:b.plugin=good", "strategy:b.every=1",
                                      "strategy:b.symbols=X",   NULL};
    struct fixture *fixture = fixture_new(two);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 0, 1, "X");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_assert_eq(fixture_deliveries(fixture), 3);
    cr_expect_not_null(strstr(fixture_delivery(fixture, 1), "\"id\":\"a/bar_trends/0/1/0\""));
    cr_expect_not_null(strstr(fixture_delivery(fixture, 2), "\"id\":\"b/bar_trends/0/1/0\""));
    fixture_free(fixture);
}

Test(instances, global_deployment_sees_all_partitions_in_one_instance) {
    struct fixture *fixture = fixture_new(NULL);
    fixture_drop(fixture, "global_scope", "global_scope");
    fixture_start(fixture);
    cr_assert_eq(fixture_line(fixture, "global_scope")->outcome, OUTCOME_LOADED);
    fixture_assign(fixture, 0, 0);
    fixture_assign(fixture, 1, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_send(fixture, BAR, 1, 0, "B");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_wait_stored(fixture, BAR, 1, 1);
    struct text text;
    text_init(&text);
    view_status(fixture_engine(fixture), &text);
    cr_expect_not_null(strstr(text.data, "\"instances\":1"));
    cr_expect_not_null(strstr(text.data, "\"scope\":\"global\""));
    text_release(&text);
    fixture_free(fixture);
}

Test(instances, operators_suspension_reaches_instances_that_are_made_later) {
    struct fixture *fixture = fixture_good();
    struct error error;
    cr_assert(engine_suspend(fixture_engine(fixture), "good", &error));
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    cr_expect_eq(fixture_deliveries(fixture), 0);
    cr_assert(engine_resume(fixture_engine(fixture), "good", false, &error));
    fixture_send(fixture, BAR, 0, 1, "A");
    fixture_wait_stored(fixture, BAR, 0, 2);
    cr_expect_eq(fixture_deliveries(fixture), 1);
    fixture_free(fixture);
}

static void copy_view(void *context, const struct view_strategy *strategy) {
    struct view_strategy *found = context;
    if (strcmp(strategy->name, found->name) == 0)
        *found = *strategy;
}

/* The partition goes on without it, and its other deployments with the messages. */
Test(instances, one_that_cannot_be_made_is_missing_there_alone) {
    struct view_strategy few = {.name = "few_create"}, good = {.name = "good"};
    struct view_totals totals;
    struct fixture *fixture = fixture_new(FIXTURE_EVERY_MESSAGE);
    fixture_drop(fixture, "good_v1", "good");
    fixture_drop(fixture, "few_create", "few_create");
    fixture_start(fixture);
    cr_assert_eq(fixture_line(fixture, "few_create")->outcome, OUTCOME_LOADED);
    for (int32_t partition = 0; partition < 3; partition++) {
        fixture_assign(fixture, partition, 0);
        fixture_send(fixture, BAR, partition, 0, "A");
        fixture_wait_stored(fixture, BAR, partition, 1);
    }
    view_strategies(fixture_engine(fixture), copy_view, &few);
    view_strategies(fixture_engine(fixture), copy_view, &good);
    view_totals(fixture_engine(fixture), &totals);
    cr_expect(few.instances == 2 && few.missing == 1, "%zu and %zu", few.instances, few.missing);
    cr_expect_not_null(strstr(few.missing_why, "partition 1 is beyond me"), "%s", few.missing_why);
    cr_expect(good.instances == 3 && good.missing == 0);
    cr_expect_eq(fixture_deliveries(fixture), 3);
    cr_expect_eq(totals.missing, 1);
    cr_expect_not_null(fixture_said(fixture, "strategy.not_running"));
    fixture_free(fixture);
}

Test(instances, every_number_has_one_lane_and_global_the_first) {
    static const char *const lanes[] = {"take5.lanes=2", NULL};
    struct fixture *fixture = fixture_new(lanes);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    const struct engine *engine = fixture_engine(fixture);
    cr_expect_eq(engine_home(engine, 4), engine_home(engine, 0));
    cr_expect_eq(engine_home(engine, 3), engine_home(engine, 1));
    cr_expect_neq(engine_home(engine, 0), engine_home(engine, 1));
    cr_expect_eq(engine_home(engine, PARTITION_GLOBAL), engine_home(engine, 0));
    fixture_free(fixture);
}

Test(instances, partitions_are_found_by_their_numbers_until_they_are_removed) {
    struct fixture *fixture = fixture_good();
    struct engine *engine = fixture_engine(fixture);
    fixture_assign(fixture, 5, 0);
    fixture_assign(fixture, 2, 0);
    struct partition *second = engine_partition(engine, 2);
    cr_assert_not_null(second);
    cr_expect_eq(second->number, 2);
    cr_expect_eq(engine_partition(engine, 5)->number, 5);
    cr_expect_null(engine_partition(engine, 3));
    engine_remove_partition(engine, second);
    cr_expect_null(engine_partition(engine, 2));
    cr_assert(engine_add_partition(engine, second));
    cr_expect_eq(engine_partition(engine, 2), second);
    fixture_free(fixture);
}

/* A slot that a decoder has keeps its number, so that lanes may stay on what they have. */
Test(instances, lanes_get_another_projection_only_for_another_field) {
    struct error error = {0};
    struct lane_projection made[2];
    uint32_t slot;
    static const char *const lanes[] = {"take5.lanes=2", NULL};
    struct fixture *fixture = fixture_new(lanes);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    struct engine *engine = fixture_engine(fixture);
    struct projection *draft = projection_draft(engine);
    const uint32_t slots = projection_slots(draft);
    cr_assert(lane_projections_make(engine, draft, made, &error), "%s", error.text);
    cr_expect(made[0].projection == NULL && made[0].decoder == NULL);
    cr_assert(projection_add(draft, "mine.own", strlen("mine.own"), &slot, &error));
    cr_assert(lane_projections_make(engine, draft, made, &error), "%s", error.text);
    for (size_t i = 0; i < 2; i++) {
        cr_assert(made[i].projection != NULL && made[i].decoder != NULL);
        cr_expect_eq(projection_slots(made[i].projection), slots + 1);
    }
    lane_projections_discard(engine, made);
    cr_expect(made[0].projection == NULL && made[1].decoder == NULL);
    cr_assert(lane_projections_use(engine, draft, &error), "%s", error.text);
    draft = projection_draft(engine);
    cr_expect_eq(projection_slots(draft), slots + 1, "it is the engine's from here on");
    projection_free(draft);
    fixture_assign(fixture, 0, 0);
    fixture_send(fixture, BAR, 0, 0, "A");
    fixture_wait_stored(fixture, BAR, 0, 1);
    fixture_free(fixture);
}

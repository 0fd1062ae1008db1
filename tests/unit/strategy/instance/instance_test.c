#include "strategy/instance/instance.h"

#include "support.h"

#include <criterion/criterion.h>

#include <fenv.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define trace(...) text_printf(&probe.trace, __VA_ARGS__)

/* ---- life ---- */

static int32_t trace_create(const t5_create_args *args) {
    trace("create(mode %u, %.*s, %d) ", args->mode, (int)args->deployment.len,
          args->deployment.data, args->partition);
    return T5_OK;
}

static void trace_activate(const t5_activate_args *args) {
    trace("activate(mode %u) ", args->mode);
}

static void trace_deactivate(void) {
    trace("deactivate ");
}

Test(instance, lives_in_order_and_is_told_who_it_is) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.create = trace_create;
    probe.activate = trace_activate;
    probe.deactivate = trace_deactivate;
    fixture.env.mode = T5_MODE_SHADOW;
    fixture_start(&fixture);
    instance_deactivate(fixture.instance);
    cr_assert_str_eq(probe.trace.data, "create(mode 4, probe-one, 3) activate(mode 4) deactivate ");
    cr_assert_eq(probe.destroyed, 0);
    fixture_release(&fixture);
    cr_assert_eq(probe.destroyed, 1);
}

static int32_t refuse_create(const t5_create_args *args) {
    return t5_fail(args->host, "no model %d\n\x1b[31m", 7);
}

Test(instance, refused_create_gives_its_text_on_one_line_and_no_destroy) {
    struct fixture fixture;
    struct error error;
    fixture_init(&fixture);
    probe.create = refuse_create;
    cr_assert_null(fixture_create(&fixture, &error));
    cr_assert_str_eq(error.text, "create failed: no model 7  [31m");
    cr_assert_eq(error.code, ERROR_INVALID);
    fixture_release(&fixture);
    cr_assert_eq(probe.destroyed, 0);
}

static int32_t answer_zero(const t5_create_args *args) {
    (void)args;
    return 0;
}

Test(instance, answer_of_no_meaning_is_a_refusal) {
    struct fixture fixture;
    struct error error;
    fixture_init(&fixture);
    probe.create = answer_zero;
    cr_assert_null(fixture_create(&fixture, &error));
    cr_assert_str_eq(error.text, "create failed: create returned code 0, expected one of T5_OK "
                                 "(1) or T5_ERROR (2)");
    fixture_release(&fixture);
}

Test(instance, callbacks_that_are_not_there_are_not_missed) {
    struct fixture fixture;
    struct error error;
    struct state state;
    fixture_init(&fixture);
    fixture.descriptor.size = (uint32_t)offsetof(t5_strategy, on_timer);
    fixture.descriptor.load = NULL;
    fixture.descriptor.activate = NULL;
    fixture.descriptor.deactivate = NULL;
    fixture_start(&fixture);
    cr_assert_eq(fixture_give(&fixture, "QQQ", 1), T5_OK);
    instance_event(fixture.instance, &(t5_event){.size = sizeof(t5_event), .kind = 1});
    instance_symbol_expired(fixture.instance, 0, "QQQ", 3);
    state_init(&state);
    cr_assert_not(instance_save(fixture.instance, T5_SAVE_RELOAD, &state, &error));
    cr_assert_eq(error.code, ERROR_STATE);
    cr_assert_str_eq(error.text, "strategy probe has no save function");
    instance_deactivate(fixture.instance);
    fixture_release(&fixture);
}

static int32_t disturb(const t5_create_args *args) {
    (void)args;
    (void)setlocale(LC_ALL, "C.UTF-8");
    (void)fesetround(FE_DOWNWARD);
    return T5_OK;
}

Test(instance, floating_point_and_locale_are_as_before_and_it_is_noted) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.create = disturb;
    fixture_start(&fixture);
    cr_assert_eq(fegetround(), FE_TONEAREST);
    cr_assert_str_eq(setlocale(LC_ALL, NULL), "C");
    cr_assert_eq(instance_changes(fixture.instance), GUARD_FP | GUARD_LOCALE);
    fixture_release(&fixture);
}

#include "strategy/instance/instance.h"

#include "support.h"

#include <criterion/criterion.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define trace(...) text_printf(&probe.trace, __VA_ARGS__)

/* ---- who may call what, and when ---- */

/* One dead letter for each service that is allowed right now. */
static void trace_allowed(const char *where) {
    const t5_services *services = probe.host->services;
    t5_host *host = probe.host;
    t5_signal signal = t5_signal_init("x", 0, 0);
    t5_timer timer = {.size = sizeof timer, .symbol_id = T5_NO_SYMBOL, .key = 1};
    t5_document document = {.size = sizeof document, .child = UINT32_MAX};
    t5_record record = {.size = sizeof record};
    t5_value value;
    t5_str text;
    uint32_t number;
    trace("%s:", where);
    trace("%s", services->log(host, T5_LOG_INFO, "x", 1) != T5_NOT_NOW ? "l" : "");
    trace("%s", services->fail(host, "x", 1) != T5_NOT_NOW ? "f" : "");
    trace("%s", services->emit(host, &signal) != T5_NOT_NOW ? "e" : "");
    trace("%s", services->arm_timer(host, &timer) != T5_NOT_NOW ? "a" : "");
    trace("%s", services->cancel_timer(host, &timer) != T5_NOT_NOW ? "c" : "");
    trace("%s", services->now(host, T5_CLOCK_WALL) != 0 ? "n" : "");
    trace("%s", services->parameter(host, "x", 1, &value) != T5_NOT_NOW ? "p" : "");
    trace("%s", services->declare_field(host, "x", 1, &number) != T5_NOT_NOW ? "d" : "");
    trace("%s", services->document(host, &document) != T5_NOT_NOW ? "j" : "");
    trace("%s", services->symbol_text(host, 0, &text) != T5_NOT_NOW ? "t" : "");
    trace("%s", services->symbol_id(host, "x", 1, &number) != T5_NOT_NOW ? "i" : "");
    trace("%s", services->record_write(host, T5_NO_SYMBOL, "", 0) != T5_NOT_NOW ? "w" : "");
    trace("%s", services->record_read(host, &record) != T5_NOT_NOW ? "r" : "");
    trace(" ");
}

static int32_t try_create(const t5_create_args *args) {
    (void)args;
    trace_allowed("create");
    return T5_OK;
}
static int32_t try_load(const t5_load_args *args) {
    (void)args;
    trace_allowed("load");
    return T5_OK;
}
static void try_activate(const t5_activate_args *args) {
    (void)args;
    trace_allowed("activate");
}
static void try_deactivate(void) {
    trace_allowed("deactivate");
}
static int32_t try_message(const t5_message *message) {
    (void)message;
    trace_allowed("message");
    return t5_arm_timer(probe.host, T5_NO_SYMBOL, 5, 105);
}
static int32_t try_timer(const t5_timer *timer) {
    if (timer->key == 5)
        trace_allowed("timer");
    return T5_OK;
}
static void try_event(const t5_event *event) {
    (void)event;
    trace_allowed("event");
}
static int32_t try_save(const t5_save_args *args) {
    (void)args;
    trace_allowed("save");
    return T5_OK;
}

Test(services, each_callback_may_call_what_the_header_says) {
    struct fixture fixture;
    struct state state;
    struct error error;
    fixture_init(&fixture);
    probe.create = try_create;
    cr_assert_not_null(fixture_create(&fixture, &error));
    cr_assert_str_eq(probe.trace.data, "create:lfnpd ");
    text_reset(&probe.trace);
    state_init(&state);
    probe.save = try_save;
    cr_assert(instance_save(fixture.instance, T5_SAVE_RELOAD, &state, &error));
    cr_assert_str_eq(probe.trace.data, "save:lfnptw ");
    text_reset(&probe.trace);
    probe.load = try_load;
    cr_assert(instance_load(fixture.instance, &state, &error));
    cr_assert_str_eq(probe.trace.data, "load:lfacnptir ");
    text_reset(&probe.trace);
    probe.activate = try_activate;
    instance_activate(fixture.instance);
    cr_assert_str_eq(probe.trace.data, "activate:lacnpti ");
    text_reset(&probe.trace);
    probe.on_message = try_message;
    fixture.ticks = clock_ticks();
    fixture_give(&fixture, "QQQ", 100);
    cr_assert_str_eq(probe.trace.data, "message:lfeacnpjti ");
    text_reset(&probe.trace);
    probe.on_message = NULL;
    probe.on_timer = try_timer;
    fixture_give(&fixture, "QQQ", 110);
    cr_assert_str_eq(probe.trace.data, "timer:lfeacnpti ");
    text_reset(&probe.trace);
    probe.on_event = try_event;
    instance_event(fixture.instance, &(t5_event){.size = sizeof(t5_event), .kind = 1});
    cr_assert_str_eq(probe.trace.data, "event:lacnpti ");
    text_reset(&probe.trace);
    probe.deactivate = try_deactivate;
    instance_deactivate(fixture.instance);
    cr_assert_str_eq(probe.trace.data, "deactivate:lnpti ");
    text_reset(&probe.trace);
    trace_allowed("outside");
    cr_assert_str_eq(probe.trace.data, "outside:l ");
    state_release(&state);
    fixture_release(&fixture);
}

static void *call_from_elsewhere(void *unused) {
    (void)unused;
    trace_allowed("thread");
    return NULL;
}

static int32_t call_by_a_thread(const t5_message *message) {
    pthread_t thread;
    (void)message;
    cr_assert_eq(pthread_create(&thread, NULL, call_from_elsewhere, NULL), 0);
    (void)pthread_join(thread, NULL);
    return T5_OK;
}

Test(services, another_thread_may_log_and_no_more_even_while_a_callback_runs) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.on_message = call_by_a_thread;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    cr_assert_str_eq(probe.trace.data, "thread:l ");
    fixture_release(&fixture);
}

static t5_host *other_host;

static int32_t call_for_another(const t5_message *message) {
    (void)message;
    const t5_signal signal = t5_signal_init("up", 1, 1);
    return t5_emit(other_host, &signal) == T5_NOT_NOW ? T5_OK : T5_ERROR;
}

Test(services, handle_of_another_instance_is_of_no_use) {
    struct fixture fixture;
    struct error error;
    fixture_init(&fixture);
    fixture_start(&fixture);
    struct instance *other =
        instance_create(&fixture.spec, &fixture.env, fixture.projection, NULL, &error);
    cr_assert_not_null(other);
    other_host = probe.host;
    probe.on_message = call_for_another;
    cr_assert_eq(fixture_give(&fixture, "QQQ", 100), T5_OK);
    instance_destroy(other);
    fixture_release(&fixture);
}

/* ---- clocks ---- */

static int32_t trace_clocks(const t5_message *message) {
    const int64_t wall_ns = probe.host->services->now(probe.host, T5_CLOCK_WALL);
    (void)message;
    trace("%lld %s ", (long long)t5_now(probe.host), wall_ns > 1000000 * SECOND ? "wall" : "event");
    return T5_OK;
}

Test(services, wall_clock_is_the_machines_when_live_and_the_datas_in_replay) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.on_message = trace_clocks;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    cr_assert_str_eq(probe.trace.data, "100 wall ");
    fixture_release(&fixture);
    fixture_init(&fixture);
    fixture.env.mode = T5_MODE_REPLAY;
    probe.on_message = trace_clocks;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    cr_assert_str_eq(probe.trace.data, "100 event ");
    fixture_release(&fixture);
}

/* ---- timers ---- */

static int32_t arm_wrongly(const t5_message *message) {
    t5_timer timer = {.size = sizeof timer, .symbol_id = T5_NO_SYMBOL, .key = 1};
    const t5_services *services = probe.host->services;
    trace("%d ", services->cancel_timer(probe.host, &timer)); /* not armed: T5_END */
    timer.clock = 3;
    trace("%d ", services->arm_timer(probe.host, &timer));
    timer.clock = 0; /* counts as event */
    trace("%d ", services->arm_timer(probe.host, &timer));
    trace("%d ", t5_cancel_timer(probe.host, T5_NO_SYMBOL, 1));
    timer.size = 8;
    trace("%d ", services->arm_timer(probe.host, &timer));
    trace("%d ", t5_arm_timer(probe.host, 12345, 1, 1));
    trace("%d ", t5_arm_timer(probe.host, message->symbol_id, 1, 1));
    trace("%d ", t5_arm_timer(probe.host, message->symbol_id, 2, 1));
    trace("%d ", t5_arm_timer(probe.host, message->symbol_id, 3, 1));
    return T5_OK;
}

Test(services, timers_are_checked_before_they_are_armed) {
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.env.max_timers = 2;
    probe.on_message = arm_wrongly;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    cr_assert_str_eq(probe.trace.data, "5 2 1 1 2 2 1 1 2 ");
    fixture_release(&fixture);
}

Test(services, without_on_timer_none_can_be_armed) {
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.descriptor.on_timer = NULL;
    fixture.env.max_timers = 2;
    probe.on_message = arm_wrongly;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    cr_assert_str_eq(probe.trace.data, "5 2 2 5 2 2 2 2 2 ");
    fixture_release(&fixture);
}

/* ---- parameters, fields, symbols ---- */

static const t5_parameter length = {
    .size = sizeof length, .type = T5_PARAMETER_DURATION, .name = "length", .default_value = "2m"};
static const t5_parameter *const parameters[] = {&length, NULL};

static int32_t read_parameters(const t5_create_args *args) {
    trace("%lld ", (long long)t5_parameter_integer(args->host, "length"));
    trace("%d ", t5_parameter_value(args->host, "len").type);
    trace("%d ", t5_parameter_value(args->host, "lengthy").type);
    return T5_OK;
}

Test(services, parameters_are_found_by_their_whole_name) {
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.descriptor.parameters = parameters;
    probe.create = read_parameters;
    fixture_start(&fixture);
    cr_assert_str_eq(probe.trace.data, "120000000000 1 1 ");
    fixture_release(&fixture);
}

static int32_t declare_fields(const t5_create_args *args) {
    static const char *const paths[] = {"a.b", "z_score", "a.b", "stats.mean", "a..b"};
    for (size_t i = 0; i < 5; i++) {
        uint32_t index = 99;
        const int32_t code =
            args->host->services->declare_field(args->host, paths[i], strlen(paths[i]), &index);
        trace("%d:%u ", code, index);
    }
    return T5_OK;
}

static uint32_t fields_handed_over(struct fixture *fixture) {
    t5_message message = fixture_message(fixture, "QQQ", 10);
    cr_assert_eq(instance_message(fixture->instance, &message, 0, &fixture->ticks), T5_OK);
    return message.field_count;
}

Test(services, declared_fields_follow_those_of_the_descriptor) {
    static const char *const fields[] = {"stats.mean", NULL};
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.descriptor.fields = fields;
    probe.create = declare_fields;
    fixture_start(&fixture);
    cr_assert_str_eq(probe.trace.data, "1:1 1:2 1:1 1:0 2:99 ");
    cr_assert_eq(fields_handed_over(&fixture), 3);
    fixture_release(&fixture);
}

static int32_t declare_many(const t5_create_args *args) {
    for (uint32_t i = 0; i < 100; i++) {
        char path[16];
        uint32_t index;
        snprintf(path, sizeof path, "f%u", i);
        cr_assert_eq(args->host->services->declare_field(args->host, path, strlen(path), &index),
                     T5_OK);
        cr_assert_eq(index, i);
    }
    return T5_OK;
}

Test(services, a_hundred_fields_can_be_declared) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.create = declare_many;
    fixture_start(&fixture);
    cr_assert_eq(fields_handed_over(&fixture), 100);
    fixture_release(&fixture);
}

static int32_t refuse_by_field(const t5_create_args *args) {
    uint32_t index;
    return args->host->services->declare_field(args->host, "a..b", 4, &index);
}

Test(services, bad_field_is_the_reason_of_a_create_that_gives_none) {
    struct fixture fixture;
    struct error error;
    fixture_init(&fixture);
    probe.create = refuse_by_field;
    cr_assert_null(fixture_create(&fixture, &error));
    cr_assert_not_null(strstr(error.text, "a..b"), "%s", error.text);
    fixture_release(&fixture);
}

static int32_t ask_symbols(const t5_message *message) {
    const t5_services *services = probe.host->services;
    char long_symbol[65];
    t5_str text;
    uint32_t id = 77;
    memset(long_symbol, 'S', sizeof long_symbol);
    trace("%d ", services->symbol_text(probe.host, message->symbol_id, &text));
    trace("%.*s ", (int)text.len, text.data);
    trace("%d ", services->symbol_text(probe.host, 500, &text));
    trace("%d:", services->symbol_id(probe.host, "QQQ", 3, &id));
    trace("%u ", id);
    trace("%d:", services->symbol_id(probe.host, "NEW", 3, &id));
    trace("%u ", id);
    trace("%d ", services->symbol_id(probe.host, "", 0, &id));
    trace("%d ", services->symbol_id(probe.host, long_symbol, 65, &id));
    trace("%d ", services->symbol_id(probe.host, long_symbol, 64, &id));
    return T5_OK;
}

Test(services, symbols_are_given_and_found) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.on_message = ask_symbols;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 100);
    cr_assert_str_eq(probe.trace.data, "1 QQQ 2 1:0 1:1 2 2 1 ");
    fixture_release(&fixture);
}

/* ---- the document ---- */

static int32_t look_up(const t5_message *message) {
    t5_document query = {.size = sizeof query, .child = UINT32_MAX, .path = t5_text("a.b")};
    (void)message;
    trace("%d:", probe.host->services->document(probe.host, &query));
    trace("%g ", query.value.number);
    query.path = t5_text("a.none");
    trace("%d ", probe.host->services->document(probe.host, &query));
    query.size = 8;
    trace("%d ", probe.host->services->document(probe.host, &query));
    return T5_OK;
}

Test(services, whole_document_can_be_looked_into) {
    struct fixture fixture;
    fixture_init(&fixture);
    probe.on_message = look_up;
    fixture_start(&fixture);
    for (int i = 0; i < 2; i++) {
        t5_message message = fixture_message(&fixture, "QQQ", 100);
        message.payload = t5_text(i == 0 ? "{\"a\":{\"b\":1.5}}" : "{\"a\":{\"b\":2.5}}");
        (void)instance_message(fixture.instance, &message, 0, &fixture.ticks);
    }
    cr_assert_str_eq(probe.trace.data, "1:1.5 5 2 1:2.5 5 2 ");
    fixture_release(&fixture);
}

/* ---- records ---- */

static int32_t read_small(const t5_load_args *args) {
    struct {
        t5_record record;
        uint64_t newer;
    } larger = {.newer = 0x1234};
    (void)args;
    larger.record.size = 8;
    trace("%d ", probe.host->services->record_read(probe.host, &larger.record));
    larger.record.size = sizeof larger;
    trace("%d ", probe.host->services->record_read(probe.host, &larger.record));
    /* The strategy can see that this host fills less. */
    trace("%d %s ", larger.record.size == sizeof(t5_record),
          larger.newer == 0x1234 ? "untouched" : "written");
    return T5_OK;
}

Test(services, record_is_filled_as_far_as_both_sides_know_it) {
    struct fixture fixture;
    struct state state;
    struct error error;
    fixture_init(&fixture);
    probe.load = read_small;
    cr_assert_not_null(fixture_create(&fixture, &error));
    state_init(&state);
    state.strategy = text_dup("probe", 5);
    state.version = text_dup("1.0.0", 5);
    cr_assert(state_add_record(&state, 0, 0, "QQQ", 3, "12345678", 8));
    cr_assert(instance_load(fixture.instance, &state, &error), "%s", error.text);
    cr_assert_str_eq(probe.trace.data, "2 1 1 untouched ");
    state_release(&state);
    fixture_release(&fixture);
}

Test(services, table_tells_its_size_and_minor) {
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_start(&fixture);
    cr_assert_eq(probe.host->services->size, sizeof(t5_services));
    cr_assert_eq(probe.host->services->abi_minor, T5_ABI_MINOR);
    fixture_release(&fixture);
}

/* ---- threads ---- */

struct waker {
    t5_host *host;
    atomic_bool should_end;
};

static void *wake_and_log(void *context) {
    struct waker *waker = context;
    while (!atomic_load(&waker->should_end)) {
        (void)waker->host->services->wake(waker->host);
        (void)waker->host->services->log(waker->host, T5_LOG_DEBUG, "x", 1);
    }
    return NULL;
}

static int32_t emit_one(const t5_message *message) {
    (void)message;
    const t5_signal signal = t5_signal_init("up", 1.5, 0.25);
    return t5_emit(probe.host, &signal);
}

/* For ThreadSanitizer: waking and logging beside messages. */
Test(services, wake_and_log_from_other_threads_do_not_disturb) {
    struct fixture fixture;
    pthread_t threads[2];
    fixture_init(&fixture);
    fixture.env.log = log_new();
    cr_assert_not_null(fixture.env.log);
    probe.on_message = emit_one;
    fixture_start(&fixture);
    struct waker waker = {.host = probe.host};
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, wake_and_log, &waker), 0);
    for (int i = 0; i < 2000; i++) {
        fixture_give(&fixture, "QQQ", i + 1);
        instance_woken(fixture.instance);
    }
    atomic_store(&waker.should_end, true);
    for (int i = 0; i < 2; i++)
        (void)pthread_join(threads[i], NULL);
    instance_deactivate(fixture.instance);
    cr_assert_eq(atomic_load(&instance_counts(fixture.instance)->signals), 2000);
    struct log *log = fixture.env.log;
    fixture_release(&fixture);
    log_free(log);
}

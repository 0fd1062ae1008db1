/*
 * Every call of this room, with each of its allocations failing in turn: it says so, nothing
 * crashes, nothing leaks (the sanitizer looks), and when none fails it works.
 */
#include "failing_memory.h"
#include "support.h"

#include "strategy/instance/timers.h"
#include "strategy/plugin/generation.h"
#include "strategy/rehearsal/protocol.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

/* Runs `attempt` with the n-th allocation failing, for n = 0, 1, ..., until none failed. It gives
 * whether it worked: it must not when an allocation failed, unless `may_do_without`. */
static void starve(bool (*attempt)(void), bool may_do_without) {
    for (long nth = 0;; nth++) {
        memory_fail_from(nth);
        const bool did_work = attempt();
        const bool did_fail = memory_end();
        if (!did_fail) {
            cr_assert(did_work, "it does not work with all the memory it wants");
            cr_assert_gt(nth, 0, "it allocates nothing: nothing was tested");
            return;
        }
        cr_assert(!did_work || may_do_without, "allocation %ld failed unseen", nth);
        cr_assert_lt(nth, 100000);
    }
}

/* Strategies are read and opened before memory runs out. */
static struct strategy_file file;
static struct generations *generations;
static struct generation *generation;

static void prepare(const char *plugin) {
    struct error error;
    struct faults faults = FAULTS_INIT;
    cr_assert(strategy_file_read(plugin_path(plugin), &file, &error), "%s", error.text);
    generations = generations_new(scratch_path("cache"), &trust_strict, &error);
    cr_assert_not_null(generations, "%s", error.text);
    generation = generations_copy(generations, &file, &error);
    cr_assert_not_null(generation);
    cr_assert(generation_open(generation, &faults));
}

static void finish(void) {
    generations_free(generations);
    strategy_file_release(&file);
}

static bool try_read(void) {
    struct strategy_file read;
    struct error error;
    if (!strategy_file_read(plugin_path("good_v1"), &read, &error))
        return false;
    strategy_file_release(&read);
    return true;
}

Test(memory, strategy_file_read) {
    starve(try_read, false);
}

static bool try_scan(void) {
    struct catalog catalog = {0};
    struct faults faults = FAULTS_INIT;
    bool is_good = catalog_scan(scratch_directory(), false, (gid_t)-1, &catalog, &faults);
    is_good = is_good && catalog.count == 2 && faults.error_count == 0;
    catalog_release(&catalog);
    faults_release(&faults);
    return is_good;
}

Test(memory, catalog_scan) {
    static const char *const plugins[] = {"good_v1", "no_save"};
    for (size_t i = 0; i < 2; i++) {
        size_t size;
        char *bytes = read_file(plugin_path(plugins[i]), &size);
        char *name = text_format("%s.so", plugins[i]);
        write_file(scratch_path(name), bytes, size);
        free(bytes);
        free(name);
    }
    starve(try_scan, false);
}

static bool try_copy(void) {
    struct error error;
    struct generations *own = generations_new(scratch_path("other"), &trust_strict, &error);
    if (own == NULL)
        return false;
    const bool did_work = generations_copy(own, &file, &error) != NULL;
    generations_free(own);
    return did_work;
}

Test(memory, generations_copy) {
    prepare("good_v1");
    starve(try_copy, false);
    finish();
}

static bool try_describe(void) {
    struct faults faults = FAULTS_INIT;
    struct description *description =
        description_new(generation->descriptor, "x.so", "good", "1.0.0", &faults);
    const bool has_error = faults.error_count > 0;
    struct description *copy = description != NULL ? description_copy(description) : NULL;
    cr_assert_eq(description == NULL, has_error);
    faults_release(&faults);
    description_free(description);
    description_free(copy);
    return copy != NULL;
}

Test(memory, description_new_and_copy) {
    prepare("good_v1");
    starve(try_describe, false);
    finish();
}

static bool try_describe_by_settings(void) {
    struct faults faults = FAULTS_INIT;
    struct config_item item = {.name = (char *)"kind", .text = (char *)"deep"};
    const struct config_items settings = {&item, 1};
    struct description *description =
        description_describe(generation->description, generation->descriptor, &settings,
                             (struct place){"x.ini", 1}, &faults);
    cr_assert_eq(description == NULL, faults.error_count > 0);
    faults_release(&faults);
    description_free(description);
    return description != NULL;
}

Test(memory, description_describe) {
    prepare("describes");
    starve(try_describe_by_settings, false);
    finish();
}

static bool try_parameters(void) {
    struct faults faults = FAULTS_INIT;
    struct parameters parameters;
    struct config_item item = {.name = (char *)"every", .text = (char *)"5", .place = {"x.ini", 2}};
    const struct config_deployment deployment = {.name = (char *)"x", .settings = {&item, 1}};
    const bool is_good =
        parameters_check(generation->description, &deployment, &parameters, &faults);
    cr_assert_eq(!is_good, faults.error_count > 0);
    parameters_release(&parameters);
    faults_release(&faults);
    return is_good;
}

Test(memory, parameters_check) {
    prepare("good_v1");
    starve(try_parameters, false);
    finish();
}

static struct fixture fixture;

static int32_t write_records(const t5_save_args *args) {
    (void)args;
    for (int i = 0; i < 200; i++)
        (void)t5_record_write(probe.host, 0, "0123456789", 10); /* looks at no answer */
    return T5_OK;
}

static int32_t arm_timers(const t5_message *message) {
    for (uint64_t key = 0; key < 50; key++)
        (void)t5_arm_timer(probe.host, message->symbol_id, key, 1000);
    return T5_OK;
}

static bool try_save(void) {
    struct state state;
    struct error error;
    state_init(&state);
    const bool did_work = instance_save(fixture.instance, T5_SAVE_RELOAD, &state, &error);
    cr_assert(did_work || error.code == ERROR_MEMORY, "%s", error.text);
    state_release(&state);
    return did_work;
}

Test(memory, instance_save) {
    fixture_init(&fixture);
    probe.save = write_records;
    probe.on_message = arm_timers;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 1);
    starve(try_save, false);
    fixture_release(&fixture);
}

static struct state saved;

static bool try_create_and_load(void) {
    struct error error;
    struct instance *instance =
        instance_create(&fixture.spec, &fixture.env, fixture.projection, NULL, &error);
    if (instance == NULL)
        return false;
    const bool did_work = instance_load(instance, &saved, &error);
    instance_destroy(instance);
    return did_work;
}

Test(memory, instance_create_and_load) {
    static const char *const fields[] = {"stats.mean", "z_score", NULL};
    struct error error;
    fixture_init(&fixture);
    fixture.descriptor.fields = fields;
    probe.save = write_records;
    probe.on_message = arm_timers;
    fixture_start(&fixture);
    fixture_give(&fixture, "QQQ", 1);
    state_init(&saved);
    cr_assert(instance_save(fixture.instance, T5_SAVE_RELOAD, &saved, &error));
    starve(try_create_and_load, false);
    state_release(&saved);
    fixture_release(&fixture);
}

static bool try_arm(void) {
    struct timers timers;
    bool is_good = true;
    uint32_t armed = 0;
    timers_init(&timers, 1000, false);
    for (uint64_t key = 0; key < 200; key++) {
        const struct timer_due due = {.clock = T5_CLOCK_EVENT,
                                      .symbol_id = (uint32_t)key % 40,
                                      .key = key,
                                      .due_ns = (int64_t)key};
        const bool did_arm = timers_arm(&timers, &due) == TIMERS_OK;
        armed += did_arm;
        is_good = is_good && did_arm;
    }
    cr_assert_eq(timers.count, armed);
    timers_release(&timers);
    return is_good;
}

Test(memory, timers_arm) {
    starve(try_arm, false);
}

static struct text encoded;

static bool try_decode(void) {
    struct state state;
    struct error error;
    state_init(&state);
    const bool did_work = state_decode(&state, encoded.data, encoded.size, &error);
    state_release(&state);
    return did_work;
}

Test(memory, state_decode) {
    struct state state;
    state_init(&state);
    state.strategy = text_dup("probe", 5);
    state.version = text_dup("1", 1);
    for (uint64_t i = 0; i < 100; i++) {
        const struct state_timer timer = {.clock = T5_CLOCK_EVENT, .key = i, .due_ns = 5};
        cr_assert(state_add_record(&state, 0, 0, "QQQ", 3, "0123456789", 10) &&
                  state_add_timer(&state, &timer, "QQQ", 3));
    }
    text_init(&encoded);
    state_encode(&state, &encoded);
    starve(try_decode, false);
    text_release(&encoded);
    state_release(&state);
}

static bool try_encode(void) {
    struct text out;
    text_init(&out);
    state_encode(&saved, &out);
    const bool did_work = !text_is_oom(&out);
    text_release(&out);
    return did_work;
}

Test(memory, state_encode) {
    state_init(&saved);
    for (int i = 0; i < 100; i++)
        cr_assert(state_add_record(&saved, 0, 0, "QQQ", 3, "0123456789", 10));
    starve(try_encode, false);
    state_release(&saved);
}

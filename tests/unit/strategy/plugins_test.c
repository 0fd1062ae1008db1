/*
 * The strategies of tests/plugins, loaded as the host loads them, do what they say on their tops.
 */
#include "support.h"

#include "strategy/generation.h"

#include <criterion/criterion.h>

#include <fenv.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct scene {
    struct generations *generations;
    struct generation *generation;
    struct config_deployment deployment;
    struct config_item settings[4];
    struct fixture fixture;
};

static void set(struct scene *scene, const char *name, const char *text) {
    const size_t at = scene->deployment.settings.count++;
    scene->deployment.settings.items = scene->settings;
    scene->settings[at] = (struct config_item){.name = (char *)name, .text = (char *)text};
}

static void load_plugin(struct scene *scene, const char *path) {
    struct error error;
    struct strategy_file file;
    struct faults faults = FAULTS_INIT;
    cr_assert(strategy_file_read(path, &file, &error), "%s", error.text);
    cr_assert(strategy_file_judge(&file, &error), "%s", error.text);
    if (scene->generations == NULL)
        scene->generations = generations_new(scratch_path("cache"), &error);
    cr_assert_not_null(scene->generations, "%s", error.text);
    scene->generation = generations_copy(scene->generations, &file, &error);
    cr_assert_not_null(scene->generation, "%s", error.text);
    cr_assert(generation_open(scene->generation, &faults), "%s",
              faults.count > 0 ? faults.items[0].text : "");
    strategy_file_release(&file);
    faults_release(&faults);
}

/* An instance of the plugin with the settings made so far, not activated. */
static struct instance *make_instance(struct scene *scene) {
    struct fixture *fixture = &scene->fixture;
    struct faults faults = FAULTS_INIT;
    struct error error;
    if (fixture->symbols == NULL)
        fixture_init(fixture);
    cr_assert(parameters_check(scene->generation->description, &scene->deployment,
                               &fixture->parameters, &faults),
              "%s", faults.count > 0 ? faults.items[0].text : "");
    fixture->blueprint = (struct blueprint){
        .deployment = scene->generation->name,
        .descriptor = scene->generation->descriptor,
        .description = scene->generation->description,
        .parameters = &fixture->parameters,
        .generation = scene->generation->number,
    };
    fixture->instance = instance_create(&fixture->blueprint, &fixture->wiring, fixture->projection,
                                        &fixture->in_hand, &error);
    cr_assert_not_null(fixture->instance, "%s", error.text);
    fixture->ticks = clock_ticks();
    return fixture->instance;
}

static void play(struct scene *scene, const char *plugin) {
    load_plugin(scene, plugin_path(plugin));
    instance_activate(make_instance(scene));
}

static void leave(struct scene *scene) {
    fixture_release(&scene->fixture);
    generations_free(scene->generations);
}

static uint64_t refused_signals(struct scene *scene) {
    return atomic_load(&instance_counts(scene->fixture.instance)->refused_signals);
}

Test(plugins, good_counts_and_keeps_its_counts_over_versions) {
    struct scene scene = {0};
    struct state state;
    struct error error;
    set(&scene, "every", "2");
    play(&scene, "good_v1");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(fixture_give(&scene.fixture, "QQQ", 10 + i), T5_OK);
    cr_assert_eq(fixture_give(&scene.fixture, "SPY", 20), T5_OK);
    state_init(&state);
    cr_assert(instance_save(scene.fixture.instance, T5_SAVE_RELOAD, &state, &error));
    struct instance *old = scene.fixture.instance;
    parameters_release(&scene.fixture.parameters);
    load_plugin(&scene, plugin_path("good_v2"));
    struct instance *next = make_instance(&scene);
    cr_assert(instance_load(next, &state, &error), "%s", error.text);
    instance_deactivate(old);
    instance_activate(next);
    cr_assert_eq(fixture_give(&scene.fixture, "QQQ", 30), T5_OK);
    cr_assert_eq(fixture_give(&scene.fixture, "SPY", 40), T5_OK);
    cr_assert_str_eq(scene.fixture.emitted.data,
                     "count QQQ 11 2 1 \ncount QQQ 30 4 1 \ncount SPY 40 2 1 \n");
    cr_assert_str_eq(scene.generation->description->version, "2.0.0");
    instance_destroy(old);
    state_release(&state);
    leave(&scene);
}

static char *recorded(void) {
    size_t size;
    char *text = read_file(scratch_path("lines"), &size);
    cr_assert_not_null(text);
    return text;
}

static void give_at(struct scene *scene, const char *symbol, int64_t offset) {
    t5_message message = fixture_message(&scene->fixture, symbol, 10);
    message.offset = offset;
    cr_assert_eq(instance_message(scene->fixture.instance, &message, 0, &scene->fixture.ticks),
                 T5_OK);
}

Test(plugins, recorder_writes_a_line_a_message) {
    struct scene scene = {0};
    set(&scene, "file", scratch_path("lines"));
    play(&scene, "recorder");
    give_at(&scene, "QQQ", 7);
    give_at(&scene, "QQQ", 8);
    give_at(&scene, "SPY", 9);
    char *lines = recorded();
    cr_assert_str_eq(lines, "bar_trends\t3\t7\tQQQ\t1.0.1\t1\n"
                            "bar_trends\t3\t8\tQQQ\t1.0.1\t2\n"
                            "bar_trends\t3\t9\tSPY\t1.0.1\t1\n");
    free(lines);
    instance_deactivate(scene.fixture.instance);
    leave(&scene);
}

Test(plugins, buffered_recorder_writes_when_deactivated) {
    struct scene scene = {0};
    set(&scene, "file", scratch_path("lines"));
    set(&scene, "buffered", "yes");
    play(&scene, "recorder");
    give_at(&scene, "QQQ", 7);
    char *lines = recorded();
    cr_assert_str_eq(lines, "");
    free(lines);
    instance_deactivate(scene.fixture.instance);
    lines = recorded();
    cr_assert_str_eq(lines, "bar_trends\t3\t7\tQQQ\t1.0.1\t1\n");
    free(lines);
    leave(&scene);
}

Test(plugins, recorder_writes_nothing_in_a_check) {
    struct scene scene = {0};
    set(&scene, "file", scratch_path("lines"));
    fixture_init(&scene.fixture);
    scene.fixture.wiring.mode = T5_MODE_CHECK;
    play(&scene, "recorder");
    give_at(&scene, "QQQ", 7);
    instance_deactivate(scene.fixture.instance);
    cr_assert_neq(access(scratch_path("lines"), F_OK), 0);
    leave(&scene);
}

Test(plugins, bad_signals_lets_one_through) {
    struct scene scene = {0};
    play(&scene, "bad_signals");
    cr_assert_eq(fixture_give(&scene.fixture, "QQQ", 10), T5_OK, "%s",
                 instance_complaint(scene.fixture.instance));
    cr_assert_str_eq(scene.fixture.emitted.data, "good QQQ 10 1 0.5 {\"a\": [1, 2]}\n");
    cr_assert_eq(refused_signals(&scene), 10);
    leave(&scene);
}

Test(plugins, flood_is_cut_at_the_limit) {
    struct scene scene = {0};
    play(&scene, "flood_signals");
    cr_assert_eq(fixture_give(&scene.fixture, "QQQ", 10), T5_OK);
    cr_assert_eq(refused_signals(&scene), 900);
    leave(&scene);
}

static void assert_answer(const char *plugin, int32_t answer, const char *complaint) {
    struct scene scene = {0};
    play(&scene, plugin);
    t5_message message = fixture_message(&scene.fixture, "QQQ", 10);
    message.offset = 6;
    cr_assert_eq(instance_message(scene.fixture.instance, &message, 0, &scene.fixture.ticks),
                 answer);
    cr_assert_str_eq(instance_complaint(scene.fixture.instance), complaint);
    leave(&scene);
}

Test(plugins, answers_are_as_they_say) {
    assert_answer("error_message", T5_ERROR, "cannot make anything of QQQ");
    assert_answer("reject_message", T5_REJECT, "not a bar that I know");
    assert_answer("zero_return", T5_ERROR,
                  "on_message answered code 0, which is none of T5_OK (1), T5_ERROR (2) and "
                  "T5_REJECT (3)");
    assert_answer("no_save", T5_OK, "");
    assert_answer("older_minor_small_struct", T5_OK, "");
    assert_answer("writable_statics", T5_OK, "");
}

Test(plugins, as_good_they_bear_its_name) {
    static const char *const names[] = {"crash_create", "refuse_load", "hang_create",
                                        "cpp_strategy", "older_minor_small_struct"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct strategy_file file;
        struct error error;
        char *name = text_format("as_good/%s", names[i]);
        cr_assert(strategy_file_read(plugin_path(name), &file, &error), "%s", error.text);
        cr_assert_str_eq(file.name, "good");
        strategy_file_release(&file);
        free(name);
    }
}

Test(plugins, refuse_load_refuses_on_its_partition_alone) {
    struct scene scene = {0};
    struct state state;
    struct error error;
    const uint64_t count = 5;
    set(&scene, "partition", "4");
    play(&scene, "refuse_load");
    state_init(&state);
    state.strategy = text_dup("refuse_load", 11);
    state.version = text_dup("1.0.0", 5);
    state.state_version = 1;
    cr_assert(state_add_record(&state, 0, 0, "QQQ", 3, &count, sizeof count));
    cr_assert(instance_load(scene.fixture.instance, &state, &error), "%s", error.text);
    instance_destroy(scene.fixture.instance);
    parameters_release(&scene.fixture.parameters);
    scene.fixture.wiring.partition = 4;
    (void)make_instance(&scene);
    cr_assert_not(instance_load(scene.fixture.instance, &state, &error));
    cr_assert_str_eq(error.text, "load refused: state of version 1.0.0 is too old for me");
    state_release(&state);
    leave(&scene);
}

Test(plugins, changed_locale_and_rounding_are_put_back) {
    struct scene scene = {0};
    play(&scene, "changes_locale");
    cr_assert_eq(fegetround(), FE_TONEAREST);
    cr_assert_str_eq(setlocale(LC_ALL, NULL), "C");
    cr_assert_eq(uselocale((locale_t)0), LC_GLOBAL_LOCALE);
    cr_assert(instance_has_changed_fp(scene.fixture.instance));
    leave(&scene);
}

Test(plugins, cpp_strategy_counts) {
    struct scene scene = {0};
    play(&scene, "cpp_strategy");
    fixture_give(&scene.fixture, "QQQ", 1);
    fixture_give(&scene.fixture, "QQQ", 2);
    cr_assert_str_eq(scene.fixture.emitted.data, "seen QQQ 1 1 1 \nseen QQQ 2 2 1 \n");
    leave(&scene);
}

/* Its thread runs code of the generation, which must stay mapped whatever the host lets go of. */
Test(plugins, thread_left_behind_finds_its_code) {
    struct scene scene = {0};
    const struct timespec a_while = {0, 20000000};
    play(&scene, "leaves_thread");
    instance_deactivate(scene.fixture.instance);
    instance_destroy(scene.fixture.instance);
    scene.fixture.instance = NULL;
    leave(&scene);
    (void)nanosleep(&a_while, NULL); /* the thread wakes some times; nothing is waited for */
}

Test(plugins, wakes_come_from_a_thread_of_its_own) {
    struct scene scene = {0};
    play(&scene, "wakes");
    while (__atomic_load_n(&scene.fixture.wakes, __ATOMIC_RELAXED) < 20)
        instance_woken(scene.fixture.instance);
    instance_deactivate(scene.fixture.instance);
    const int wakes = scene.fixture.wakes;
    instance_woken(scene.fixture.instance);
    cr_assert_geq(atomic_load(&instance_counts(scene.fixture.instance)->events), 19);
    cr_assert_eq(scene.fixture.wakes, wakes);
    leave(&scene);
}

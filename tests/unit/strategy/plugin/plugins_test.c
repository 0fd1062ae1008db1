/*
 * The strategies of tests/plugins, loaded as the host loads them, do what they say on their tops.
 */
#include "support.h"

#include "strategy/plugin/generation.h"

#include <criterion/criterion.h>

#include <fenv.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct loaded_plugin {
    struct generations *generations;
    struct generation *generation;
    struct config_deployment deployment;
    struct config_item settings[4];
    struct fixture fixture;
};

static void set(struct loaded_plugin *loaded, const char *name, const char *text) {
    const size_t at = loaded->deployment.settings.count++;
    loaded->deployment.settings.items = loaded->settings;
    loaded->settings[at] = (struct config_item){.name = (char *)name, .text = (char *)text};
}

static void load_plugin(struct loaded_plugin *loaded, const char *path) {
    struct error error;
    struct strategy_file file;
    struct faults faults = FAULTS_INIT;
    cr_assert(strategy_file_read(path, &file, &error), "%s", error.text);
    cr_assert(strategy_file_judge(&file, &error), "%s", error.text);
    if (loaded->generations == NULL)
        loaded->generations = generations_new(scratch_path("cache"), &trust_strict, &error);
    cr_assert_not_null(loaded->generations, "%s", error.text);
    loaded->generation = generations_copy(loaded->generations, &file, &error);
    cr_assert_not_null(loaded->generation, "%s", error.text);
    cr_assert(generation_open(loaded->generation, &faults), "%s",
              faults.count > 0 ? faults.items[0].text : "");
    strategy_file_release(&file);
    faults_release(&faults);
}

/* An instance of the plugin with the settings made so far, not activated. */
static struct instance *make_instance(struct loaded_plugin *loaded) {
    struct fixture *fixture = &loaded->fixture;
    struct faults faults = FAULTS_INIT;
    struct error error;
    if (fixture->symbols == NULL)
        fixture_init(fixture);
    cr_assert(parameters_check(loaded->generation->description, &loaded->deployment,
                               &fixture->parameters, &faults),
              "%s", faults.count > 0 ? faults.items[0].text : "");
    fixture->spec = (struct instance_spec){
        .deployment = loaded->generation->name,
        .descriptor = loaded->generation->descriptor,
        .description = loaded->generation->description,
        .parameters = &fixture->parameters,
        .generation = loaded->generation->number,
    };
    fixture->instance = instance_create(&fixture->spec, &fixture->env, fixture->projection,
                                        &fixture->current_call, &error);
    cr_assert_not_null(fixture->instance, "%s", error.text);
    fixture->ticks = clock_ticks();
    return fixture->instance;
}

static void play(struct loaded_plugin *loaded, const char *plugin) {
    load_plugin(loaded, plugin_path(plugin));
    instance_activate(make_instance(loaded));
}

static void leave(struct loaded_plugin *loaded) {
    fixture_release(&loaded->fixture);
    generations_free(loaded->generations);
}

static uint64_t refused_signals(struct loaded_plugin *loaded) {
    return atomic_load(&instance_counts(loaded->fixture.instance)->refused_signals);
}

Test(plugins, good_counts_and_keeps_its_counts_over_versions) {
    struct loaded_plugin loaded = {0};
    struct state state;
    struct error error;
    set(&loaded, "every", "2");
    play(&loaded, "good_v1");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(fixture_give(&loaded.fixture, "QQQ", 10 + i), T5_OK);
    cr_assert_eq(fixture_give(&loaded.fixture, "SPY", 20), T5_OK);
    state_init(&state);
    cr_assert(instance_save(loaded.fixture.instance, T5_SAVE_RELOAD, &state, &error));
    struct instance *old = loaded.fixture.instance;
    parameters_release(&loaded.fixture.parameters);
    load_plugin(&loaded, plugin_path("good_v2"));
    struct instance *next = make_instance(&loaded);
    cr_assert(instance_load(next, &state, &error), "%s", error.text);
    instance_deactivate(old);
    instance_activate(next);
    cr_assert_eq(fixture_give(&loaded.fixture, "QQQ", 30), T5_OK);
    cr_assert_eq(fixture_give(&loaded.fixture, "SPY", 40), T5_OK);
    cr_assert_str_eq(loaded.fixture.emitted.data,
                     "count QQQ 11 2 1 \ncount QQQ 30 4 1 \ncount SPY 40 2 1 \n");
    cr_assert_str_eq(loaded.generation->description->version, "2.0.0");
    instance_destroy(old);
    state_release(&state);
    leave(&loaded);
}

static char *recorded(void) {
    size_t size;
    char *text = read_file(scratch_path("lines"), &size);
    cr_assert_not_null(text);
    return text;
}

static void give_at(struct loaded_plugin *loaded, const char *symbol, int64_t offset) {
    t5_message message = fixture_message(&loaded->fixture, symbol, 10);
    message.offset = offset;
    cr_assert_eq(instance_message(loaded->fixture.instance, &message, 0, &loaded->fixture.ticks),
                 T5_OK);
}

Test(plugins, recorder_writes_a_line_a_message) {
    struct loaded_plugin loaded = {0};
    set(&loaded, "file", scratch_path("lines"));
    play(&loaded, "recorder");
    give_at(&loaded, "QQQ", 7);
    give_at(&loaded, "QQQ", 8);
    give_at(&loaded, "SPY", 9);
    char *lines = recorded();
    cr_assert_str_eq(lines, "bar_trends\t3\t7\tQQQ\t1.0.1\t1\n"
                            "bar_trends\t3\t8\tQQQ\t1.0.1\t2\n"
                            "bar_trends\t3\t9\tSPY\t1.0.1\t1\n");
    free(lines);
    instance_deactivate(loaded.fixture.instance);
    leave(&loaded);
}

Test(plugins, buffered_recorder_writes_when_deactivated) {
    struct loaded_plugin loaded = {0};
    set(&loaded, "file", scratch_path("lines"));
    set(&loaded, "buffered", "yes");
    play(&loaded, "recorder");
    give_at(&loaded, "QQQ", 7);
    char *lines = recorded();
    cr_assert_str_eq(lines, "");
    free(lines);
    instance_deactivate(loaded.fixture.instance);
    lines = recorded();
    cr_assert_str_eq(lines, "bar_trends\t3\t7\tQQQ\t1.0.1\t1\n");
    free(lines);
    leave(&loaded);
}

Test(plugins, recorder_writes_nothing_in_a_check) {
    struct loaded_plugin loaded = {0};
    set(&loaded, "file", scratch_path("lines"));
    fixture_init(&loaded.fixture);
    loaded.fixture.env.mode = T5_MODE_CHECK;
    play(&loaded, "recorder");
    give_at(&loaded, "QQQ", 7);
    instance_deactivate(loaded.fixture.instance);
    cr_assert_neq(access(scratch_path("lines"), F_OK), 0);
    leave(&loaded);
}

Test(plugins, bad_signals_lets_one_through) {
    struct loaded_plugin loaded = {0};
    play(&loaded, "bad_signals");
    cr_assert_eq(fixture_give(&loaded.fixture, "QQQ", 10), T5_OK, "%s",
                 instance_error(loaded.fixture.instance));
    cr_assert_str_eq(loaded.fixture.emitted.data, "good QQQ 10 1 0.5 {\"a\": [1, 2]}\n");
    cr_assert_eq(refused_signals(&loaded), 10);
    leave(&loaded);
}

Test(plugins, flood_is_cut_at_the_limit) {
    struct loaded_plugin loaded = {0};
    play(&loaded, "flood_signals");
    cr_assert_eq(fixture_give(&loaded.fixture, "QQQ", 10), T5_OK);
    cr_assert_eq(refused_signals(&loaded), 900);
    leave(&loaded);
}

static void assert_answer(const char *plugin, int32_t answer, const char *problem) {
    struct loaded_plugin loaded = {0};
    play(&loaded, plugin);
    t5_message message = fixture_message(&loaded.fixture, "QQQ", 10);
    message.offset = 6;
    cr_assert_eq(instance_message(loaded.fixture.instance, &message, 0, &loaded.fixture.ticks),
                 answer);
    cr_assert_str_eq(instance_error(loaded.fixture.instance), problem);
    leave(&loaded);
}

Test(plugins, answers_are_as_they_say) {
    assert_answer("error_message", T5_ERROR, "cannot make anything of QQQ");
    assert_answer("reject_message", T5_REJECT, "not a bar that I know");
    assert_answer("zero_return", T5_ERROR,
                  "on_message returned code 0, expected one of T5_OK (1), T5_ERROR (2) or "
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
    struct loaded_plugin loaded = {0};
    struct state state;
    struct error error;
    const uint64_t count = 5;
    set(&loaded, "partition", "4");
    play(&loaded, "refuse_load");
    state_init(&state);
    state.strategy = text_dup("refuse_load", 11);
    state.version = text_dup("1.0.0", 5);
    state.state_version = 1;
    cr_assert(state_add_record(&state, 0, 0, "QQQ", 3, &count, sizeof count));
    cr_assert(instance_load(loaded.fixture.instance, &state, &error), "%s", error.text);
    instance_destroy(loaded.fixture.instance);
    parameters_release(&loaded.fixture.parameters);
    loaded.fixture.env.partition = 4;
    (void)make_instance(&loaded);
    cr_assert_not(instance_load(loaded.fixture.instance, &state, &error));
    cr_assert_str_eq(error.text, "load failed: state of version 1.0.0 is too old for me");
    state_release(&state);
    leave(&loaded);
}

Test(plugins, changed_locale_and_rounding_are_put_back) {
    struct loaded_plugin loaded = {0};
    play(&loaded, "changes_locale");
    cr_assert_eq(fegetround(), FE_TONEAREST);
    cr_assert_str_eq(setlocale(LC_ALL, NULL), "C");
    cr_assert_eq(uselocale((locale_t)0), LC_GLOBAL_LOCALE);
    cr_assert_eq(instance_changes(loaded.fixture.instance),
                 GUARD_FP | GUARD_LOCALE | GUARD_THREAD_LOCALE);
    leave(&loaded);
}

/* In any callback: it is put back, named and counted; once is no proof for what the process has one
 * of. */
static void expect_put_back(const char *what, const char *where, unsigned change) {
    struct loaded_plugin loaded = {0};
    set(&loaded, "what", what);
    set(&loaded, "where", where);
    play(&loaded, "meddles");
    const struct instance_counts *counts = instance_counts(loaded.fixture.instance);
    cr_assert_eq(fixture_give(&loaded.fixture, "QQQ", SECOND), T5_OK);
    instance_deactivate(loaded.fixture.instance);
    cr_assert_eq(instance_changes(loaded.fixture.instance), change, "%s in %s", what, where);
    const uint64_t errors = (change & GUARD_PROCESS) == 0;
    cr_assert_eq(atomic_load(&counts->errors), errors, "%s in %s", what, where);
    leave(&loaded);
}

Test(plugins, what_lifecycle_calls_change_is_put_back) {
    static const struct {
        const char *what;
        unsigned change;
    } cases[] = {{"signals", GUARD_SIGNALS}, {"rounding", GUARD_FP},
                 {"locale", GUARD_LOCALE},   {"umask", GUARD_UMASK},
                 {"limits", GUARD_LIMITS},   {"directory", GUARD_DIRECTORY}};
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL); /* as on a lane: there is something to unblock */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_put_back(cases[i].what, "create", cases[i].change);
        expect_put_back(cases[i].what, "activate", cases[i].change);
        expect_put_back(cases[i].what, "deactivate", cases[i].change);
    }
}

Test(plugins, rounding_is_put_back_after_each_message) {
    expect_put_back("rounding", "message", GUARD_FP);
    cr_assert_eq(fegetround(), FE_TONEAREST);
}

Test(plugins, cpp_strategy_counts) {
    struct loaded_plugin loaded = {0};
    play(&loaded, "cpp_strategy");
    fixture_give(&loaded.fixture, "QQQ", 1);
    fixture_give(&loaded.fixture, "QQQ", 2);
    cr_assert_str_eq(loaded.fixture.emitted.data, "seen QQQ 1 1 1 \nseen QQQ 2 2 1 \n");
    leave(&loaded);
}

/* Its thread runs code of the generation, which must stay mapped whatever the host lets go of. */
Test(plugins, thread_left_behind_finds_its_code) {
    struct loaded_plugin loaded = {0};
    const struct timespec a_while = {0, 20000000};
    play(&loaded, "leaves_thread");
    instance_deactivate(loaded.fixture.instance);
    instance_destroy(loaded.fixture.instance);
    loaded.fixture.instance = NULL;
    leave(&loaded);
    (void)nanosleep(&a_while, NULL); /* the thread wakes some times; nothing is waited for */
}

Test(plugins, wakes_come_from_a_thread_of_its_own) {
    struct loaded_plugin loaded = {0};
    play(&loaded, "wakes");
    while (__atomic_load_n(&loaded.fixture.wakes, __ATOMIC_RELAXED) < 20)
        instance_woken(loaded.fixture.instance);
    instance_deactivate(loaded.fixture.instance);
    const int wakes = loaded.fixture.wakes;
    instance_woken(loaded.fixture.instance);
    cr_assert_geq(atomic_load(&instance_counts(loaded.fixture.instance)->events), 19);
    cr_assert_eq(loaded.fixture.wakes, wakes);
    leave(&loaded);
}

/* ---- what the loader would share between versions ---- */

static void copy_file(const char *from, const char *to) {
    size_t size;
    char *bytes = read_file(from, &size);
    cr_assert_not_null(bytes, "%s", from);
    char *beside = text_format("%s.new", to);
    write_file(beside, bytes, size);
    cr_assert_eq(rename(beside, to), 0);
    free(beside);
    free(bytes);
}

/* Puts the libraries of that build into the folder. */
static void drop_libraries(const char *folder, int version) {
    static const char *const names[] = {"libt5helper.so", "libt5deep.so"};
    for (size_t i = 0; i < 2; i++) {
        char *from =
            text_format(TAKE5_BUILD_DIR "/tests/plugins/libraries/v%d/%s", version, names[i]);
        char *to = text_format("%s/%s", folder, names[i]);
        copy_file(from, to);
        free(from);
        free(to);
    }
}

/* Loads the file beside what `before` has loaded (NULL: nothing); gives what it says to one
 * message. */
static double say(struct loaded_plugin *loaded, const struct loaded_plugin *before,
                  const char *path) {
    memset(loaded, 0, sizeof *loaded);
    loaded->generations = before != NULL ? before->generations : NULL;
    load_plugin(loaded, path);
    instance_activate(make_instance(loaded));
    cr_assert_eq(fixture_give(&loaded->fixture, "QQQ", SECOND), T5_OK);
    cr_assert_eq(strncmp(loaded->fixture.emitted.data, "said QQQ ", 9), 0);
    return strtod(strchr(loaded->fixture.emitted.data + 9, ' '), NULL);
}

static double say_again(struct loaded_plugin *loaded) {
    text_reset(&loaded->fixture.emitted);
    cr_assert_eq(fixture_give(&loaded->fixture, "QQQ", SECOND), T5_OK);
    return strtod(strchr(loaded->fixture.emitted.data + 9, ' '), NULL);
}

static void leave_all(struct loaded_plugin *scenes, size_t count) {
    for (size_t i = 0; i < count; i++)
        fixture_release(&scenes[i].fixture);
    generations_free(scenes[0].generations);
}

static void expect_own(const char *path, const char *folder) {
    struct loaded_plugin scenes[3];
    drop_libraries(folder, 1);
    cr_assert_eq(say(&scenes[0], NULL, path), 1101);
    drop_libraries(folder, 2); /* the file itself is the same */
    cr_assert_eq(say(&scenes[1], &scenes[0], path), 2201);
    drop_libraries(folder, 1); /* back: not what is still mapped of it, with its statics */
    cr_assert_eq(say(&scenes[2], &scenes[0], path), 1101);
    cr_assert_eq(say_again(&scenes[0]), 1102);
    cr_assert_eq(say_again(&scenes[1]), 2202);
    cr_assert_not(hash_equal(scenes[0].generation->hash, scenes[1].generation->hash));
    cr_assert(hash_equal(scenes[0].generation->hash, scenes[2].generation->hash));
    leave_all(scenes, 3);
}

static void expect_own_libraries(const char *plugin, const char *folder) {
    const char *path = scratch_path("plugin.so");
    copy_file(plugin_path(plugin), path);
    expect_own(path, folder);
}

/* Writes TEXT over the one that begins with MARK, which the file has more room for. */
static void write_over(const char *path, const char *mark, const char *text) {
    size_t size;
    char *bytes = read_file(path, &size);
    cr_assert_not_null(bytes);
    char *place = memmem(bytes, size, mark, strlen(mark));
    cr_assert_not_null(place, "%s is not in %s", mark, path);
    cr_assert_leq(strlen(text), strlen(place));
    memcpy(place, text, strlen(text) + 1);
    write_file(path, bytes, size);
    free(bytes);
}

/* The folder's libraries, which that search path leads to, are the strategy's own. "@" stands for
 * the strategy's directory. */
static void expect_own_by_path(const char *search, const char *folder) {
    const char *path = scratch_path("plugin.so");
    const char *at = strchr(search, '@');
    char *text = at == NULL ? text_dup(search, strlen(search))
                            : text_format("%.*s%s%s", (int)(at - search), search,
                                          scratch_directory(), at + 1);
    copy_file(plugin_path("needs_library_by_path"), path);
    write_over(path, "/RUNPATH/", text);
    expect_own(path, folder);
    free(text);
}

static const char *make_folder(const char *name) {
    const char *folder = scratch_path(name);
    cr_assert_eq(mkdir(folder, 0755), 0);
    return folder;
}

Test(plugins, libraries_beside_a_strategy_come_anew_with_each_version) {
    expect_own_libraries("needs_library", scratch_directory());
}

Test(plugins, libraries_that_origin_leads_to_come_anew_with_each_version) {
    expect_own_libraries("needs_library_by_origin", make_folder("private"));
}

Test(plugins, a_search_path_to_the_strategys_directory_is_known_however_it_is_written) {
    expect_own_by_path("@/", scratch_directory());
}

Test(plugins, a_search_path_below_the_strategys_directory_leads_to_its_own_libraries) {
    expect_own_by_path("/nowhere:@/lib", make_folder("lib"));
}

Test(plugins, a_search_path_with_dots_leads_to_its_own_libraries) {
    make_folder("other");
    expect_own_by_path("@/other/../lib", make_folder("lib"));
}

Test(plugins, a_search_path_by_a_link_leads_to_its_own_libraries) {
    char *link = text_format("%s.link", scratch_directory());
    char *search = text_format("%s/lib", link);
    const char *folder = make_folder("lib");
    cr_assert_eq(symlink(scratch_directory(), link), 0);
    expect_own_by_path(search, folder);
    cr_assert_eq(unlink(link), 0);
    free(search);
    free(link);
}

Test(plugins, a_relative_search_path_leads_to_its_own_libraries) {
    const char *folder = make_folder("lib");
    cr_assert_eq(chdir(scratch_directory()), 0);
    expect_own_by_path("lib", folder);
}

Test(plugins, an_empty_entry_of_a_search_path_is_the_working_directory) {
    const char *folder = make_folder("lib");
    cr_assert_eq(chdir(folder), 0);
    expect_own_by_path(":/nowhere", folder);
}

Test(plugins, origin_counts_wherever_it_stands_in_a_search_path) {
    expect_own_by_path("/.${ORIGIN}/lib", make_folder("lib"));
}

Test(plugins, a_library_needed_by_its_full_path_is_its_own_below_the_strategys_directory) {
    const char *folder = make_folder("lib"), *path = scratch_path("plugin.so");
    char *name = text_format("%s/libt5helper.so", folder);
    copy_file(plugin_path("needs_library_by_name"), path);
    write_over(path, "/NEEDED/", name);
    expect_own(path, folder);
    free(name);
}

/* A directory whose name only begins as the strategy's does is another one. */
Test(plugins, libraries_outside_the_strategys_directory_are_shared) {
    static const char *const names[] = {"libt5helper.so", "libt5deep.so"};
    char *folder = text_format("%s.other", scratch_directory());
    const char *path = scratch_path("plugin.so");
    struct strategy_file file;
    struct error error;
    cr_assert_eq(mkdir(folder, 0755), 0);
    drop_libraries(folder, 1);
    copy_file(plugin_path("needs_library_by_path"), path);
    write_over(path, "/RUNPATH/", folder);
    cr_assert(strategy_file_read(path, &file, &error), "%s", error.text);
    cr_expect_eq(file.library_count, 0u);
    strategy_file_release(&file);
    for (size_t i = 0; i < 2; i++) {
        char *library = text_format("%s/%s", folder, names[i]);
        cr_expect_eq(unlink(library), 0);
        free(library);
    }
    cr_expect_eq(rmdir(folder), 0);
    free(folder);
}

Test(plugins, copies_of_libraries_go_with_the_generation) {
    struct loaded_plugin loaded = {0};
    const char *path = scratch_path("plugin.so");
    copy_file(plugin_path("needs_library"), path);
    drop_libraries(scratch_directory(), 1);
    cr_assert_eq(say(&loaded, NULL, path), 1101);
    char *directory =
        text_dup(loaded.generation->library_dir, strlen(loaded.generation->library_dir));
    cr_assert_eq(access(directory, F_OK), 0);
    leave(&loaded);
    cr_assert_neq(access(directory, F_OK), 0);
    free(directory);
}

/* FACTOR 1: 1001 calls, 100 of the template, 10 of the thread. */
Test(plugins, unique_statics_are_those_of_their_version) {
    struct loaded_plugin scenes[3];
    cr_assert_eq(say(&scenes[0], NULL, plugin_path("unique_1")), 1111);
    cr_assert_eq(say(&scenes[1], &scenes[0], plugin_path("unique_2")), 2221);
    cr_assert_eq(say_again(&scenes[0]), 1112);
    /* The same file again: a copy of its own, with statics of its own. */
    cr_assert_eq(say(&scenes[2], &scenes[0], plugin_path("unique_2")), 2221);
    cr_assert_eq(say_again(&scenes[1]), 2222);
    leave_all(scenes, 3);
}

Test(plugins, reserve_of_static_tls_runs_out_and_the_way_out_is_told) {
    struct loaded_plugin loaded = {0};
    struct error error;
    char *said = NULL;
    loaded.generations = generations_new(scratch_path("cache"), &trust_strict, &error);
    for (int i = 1; i <= 8 && said == NULL; i++) {
        struct strategy_file file;
        struct faults faults = FAULTS_INIT;
        char *name = text_format("static_tls_%d", i);
        cr_assert(strategy_file_read(plugin_path(name), &file, &error), "%s", error.text);
        cr_assert_eq(file.static_tls, 700);
        struct generation *generation = generations_copy(loaded.generations, &file, &error);
        if (!generation_open(generation, &faults))
            said = take_faults(&faults);
        strategy_file_release(&file);
        faults_release(&faults);
        free(name);
    }
    cr_assert_not_null(said, "it never ran out: the test shows nothing");
    cr_assert_not_null(strstr(said, "restart the host"), "%s", said);
    free(said);
    generations_free(loaded.generations);
}

#include "strategy/rehearsal/rehearsal.h"

#include "support.h"

#include <criterion/criterion.h>

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Enough for the slowest machine under a sanitizer; what hangs is given less. */
#define LIMIT (60 * NS_PER_S)

static struct config_topic topics[] = {
    {.role = (char *)"bar_trends", .name = (char *)"bars"},
    {.role = (char *)"historic_stats", .name = (char *)"stats"},
    {.role = (char *)"asset_trends", .name = (char *)"assets"},
};
static const struct config config = {
    .decode = DECODE_LIMITS_DEFAULT,
    .max_symbols = 1000,
    .max_signals_per_callback = 100,
    .max_timers = 1000,
    .topics = topics,
    .topic_count = 3,
};

struct rehearsal_fixture {
    struct generations *generations;
    struct generation *generation;
    struct rehearsal rehearsal;
    struct config_deployment deployment;
    struct config_item settings[4];
    struct rehearsal_answer answer;
    struct faults faults;
    char *said;
};

static void set_up(struct rehearsal_fixture *fixture, const char *plugin) {
    struct error error;
    struct strategy_file file;
    memset(fixture, 0, sizeof *fixture);
    cr_assert(strategy_file_read(plugin_path(plugin), &file, &error), "%s", error.text);
    fixture->generations = generations_new(scratch_path("cache"), &trust_strict, &error);
    cr_assert_not_null(fixture->generations, "%s", error.text);
    fixture->generation = generations_copy(fixture->generations, &file, &error);
    cr_assert_not_null(fixture->generation, "%s", error.text);
    /* Faults name the source: a short name makes them easy to compare. */
    free(fixture->generation->source_path);
    fixture->generation->source_path = text_format("%s.so", plugin);
    strategy_file_release(&file);
    fixture->rehearsal = (struct rehearsal){
        .program = TAKE5_BUILD_DIR "/tests/plugins/rehearse_helper",
        .generation = fixture->generation,
        .config = &config,
        .timeout_ns = LIMIT,
    };
}

static void set(struct rehearsal_fixture *fixture, const char *name, const char *text) {
    struct config_items *settings = &fixture->deployment.settings;
    fixture->deployment.name = (char *)"mine";
    fixture->deployment.place = (struct place){"mine.ini", 1};
    fixture->rehearsal.deployment = &fixture->deployment;
    settings->items = fixture->settings;
    settings->items[settings->count].name = (char *)name;
    settings->items[settings->count].text = (char *)text;
    settings->items[settings->count].place = (struct place){"mine.ini", 2 + (int)settings->count};
    settings->count++;
}

static bool run(struct rehearsal_fixture *fixture) {
    const bool is_good = rehearsal_run(&fixture->rehearsal, &fixture->answer, &fixture->faults);
    free(fixture->said);
    fixture->said = take_faults(&fixture->faults);
    return is_good;
}

static void tear_down(struct rehearsal_fixture *fixture) {
    description_free(fixture->answer.description);
    generations_free(fixture->generations);
    free(fixture->said);
}

static struct record make_record(int32_t partition, int64_t offset) {
    static const char payload[] =
        "{\"symbol\":\"QQQ\",\"publishTime\":{\"take5Time\":1718658930000},"
        "\"barData\":{\"close\":1.5,\"barTimeFrame\":60}}";
    const struct record record = {.payload = payload,
                                  .payload_size = sizeof payload - 1,
                                  .key = "QQQ",
                                  .key_size = 3,
                                  .kafka_time_ms = 1718658930000,
                                  .offset = offset,
                                  .partition = partition};
    return record;
}

static void assert_refused(const char *plugin, const char *text) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, plugin);
    cr_assert_not(run(&fixture));
    cr_assert_str_eq(fixture.said, text);
    cr_assert_null(fixture.answer.description);
    tear_down(&fixture);
}

Test(rehearsal, good_strategy_passes_and_is_described) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "good_v1");
    cr_assert(run(&fixture), "%s", fixture.said);
    const struct description *description = fixture.answer.description;
    cr_assert_str_eq(fixture.said, "");
    cr_assert_str_eq(description->name, "good");
    cr_assert_str_eq(description->version, "1.0.0");
    cr_assert_str_eq(description->summary, "counts messages a symbol");
    cr_assert_eq(description->topic_count, 3);
    cr_assert_str_eq(description->topics[2], "asset_trends");
    cr_assert_eq(description->parameter_count, 1);
    cr_assert_str_eq(description->parameters[0].name, "every");
    cr_assert_str_eq(description->parameters[0].max, "1000000");
    cr_assert(description->has_save && description->has_load && !description->has_describe);
    cr_assert_eq(fixture.answer.changes, 0);
    tear_down(&fixture);
}

/* A strategy may have made the host's process ignore SIGCHLD: nobody else is stuck for that. */
Test(rehearsal, an_end_that_nobody_can_wait_for_is_judged_by_its_answers) {
    struct rehearsal_fixture fixture;
    (void)signal(SIGCHLD, SIG_IGN);
    set_up(&fixture, "good_v1");
    cr_expect(run(&fixture), "%s", fixture.said);
    tear_down(&fixture);
    set_up(&fixture, "crash_create");
    cr_expect_not(run(&fixture));
    cr_expect_not_null(strstr(fixture.said, "ended the process in create"), "%s", fixture.said);
    tear_down(&fixture);
}

Test(rehearsal, feeds_the_records_of_each_partition_and_counts) {
    struct rehearsal_fixture fixture;
    struct record records[30];
    set_up(&fixture, "good_v1");
    set(&fixture, "every", "2");
    for (int i = 0; i < 30; i++)
        records[i] = make_record(i % 3, i);
    fixture.rehearsal.records = records;
    fixture.rehearsal.record_count = 30;
    cr_assert(run(&fixture), "%s", fixture.said);
    cr_assert_eq(fixture.answer.messages, 30);
    cr_assert_eq(fixture.answer.signals, 15);
    cr_assert_eq(fixture.answer.errors, 0);
    tear_down(&fixture);
}

Test(rehearsal, filters_of_the_deployment_hold) {
    struct rehearsal_fixture fixture;
    struct record records[10];
    char *symbols[] = {(char *)"SPY", NULL};
    set_up(&fixture, "good_v1");
    set(&fixture, "every", "1");
    for (int i = 0; i < 10; i++)
        records[i] = make_record(0, i);
    fixture.rehearsal.records = records;
    fixture.rehearsal.record_count = 10;
    fixture.deployment.symbols = symbols;
    cr_assert(run(&fixture), "%s", fixture.said);
    cr_assert_eq(fixture.answer.messages, 0);
    symbols[0] = (char *)"QQQ";
    description_free(fixture.answer.description);
    cr_assert(run(&fixture), "%s", fixture.said);
    cr_assert_eq(fixture.answer.messages, 10);
    tear_down(&fixture);
}

Test(rehearsal, errors_of_messages_are_counted_and_no_fault) {
    struct rehearsal_fixture fixture;
    struct record record = make_record(0, 5);
    set_up(&fixture, "error_message");
    fixture.rehearsal.records = &record;
    fixture.rehearsal.record_count = 1;
    cr_assert(run(&fixture), "%s", fixture.said);
    cr_assert_eq(fixture.answer.errors, 1);
    tear_down(&fixture);
}

Test(rehearsal, crash_in_a_constructor_names_the_step) {
    assert_refused("crash_constructor", "crash_constructor.so: crashed in open: SIGSEGV\n");
}

Test(rehearsal, crash_in_create_names_the_partition) {
    assert_refused("crash_create", "crash_create.so: crashed in create partition 0: SIGSEGV\n");
}

Test(rehearsal, crash_in_load_comes_with_the_real_state_alone) {
    struct rehearsal_fixture fixture;
    struct state state;
    const uint64_t count = 7;
    set_up(&fixture, "crash_load");
    cr_assert(run(&fixture), "%s", fixture.said);
    description_free(fixture.answer.description);

    state_init(&state);
    state.strategy = text_dup("crash_load", 10);
    state.version = text_dup("1.0.0", 5);
    cr_assert(state_add_record(&state, 0, 0, "QQQ", 3, &count, sizeof count));
    const struct rehearsal_part parts[] = {{.partition = 1, .state = NULL},
                                           {.partition = 2, .state = &state}};
    fixture.rehearsal.parts = parts;
    fixture.rehearsal.part_count = 2;
    cr_assert_not(run(&fixture));
    cr_assert_str_eq(fixture.said, "crash_load.so: crashed in load partition 2: SIGSEGV\n");
    state_release(&state);
    tear_down(&fixture);
}

Test(rehearsal, state_of_another_strategy_is_not_loaded) {
    struct rehearsal_fixture fixture;
    struct state state;
    const uint64_t count = 7;
    set_up(&fixture, "crash_load");
    state_init(&state);
    state.strategy = text_dup("good", 4);
    state.version = text_dup("1.0.0", 5);
    cr_assert(state_add_record(&state, 0, 0, "QQQ", 3, &count, sizeof count));
    const struct rehearsal_part part = {.partition = 2, .state = &state};
    fixture.rehearsal.parts = &part;
    fixture.rehearsal.part_count = 1;
    cr_assert(run(&fixture), "%s", fixture.said);
    state_release(&state);
    tear_down(&fixture);
}

Test(rehearsal, refused_load_comes_with_its_text) {
    struct rehearsal_fixture fixture;
    struct state state;
    set_up(&fixture, "refuse_load");
    set(&fixture, "partition", "2");
    state_init(&state);
    state.strategy = text_dup("refuse_load", 11);
    state.version = text_dup("1.0.0", 5);
    state.state_version = 1;
    const struct rehearsal_part parts[] = {{.partition = 1, .state = &state},
                                           {.partition = 2, .state = &state}};
    fixture.rehearsal.parts = parts;
    fixture.rehearsal.part_count = 2;
    cr_assert_not(run(&fixture));
    cr_assert_str_eq(fixture.said,
                     "refuse_load.so: mine, partition 2: load failed: state of version "
                     "1.0.0 is too old for me\n");
    state_release(&state);
    tear_down(&fixture);
}

Test(rehearsal, refused_create_comes_with_its_text) {
    assert_refused("refuse_create", "refuse_create.so: refuse_create, partition 0: create failed: "
                                    "no model for refuse_create\n");
}

Test(rehearsal, refused_save_comes_with_its_text) {
    assert_refused("refuse_save", "refuse_save.so: refuse_save, partition 0: save failed: in the "
                                  "middle of something\n");
}

Test(rehearsal, abort_comes_with_its_last_words) {
    assert_refused("crash_save", "crash_save.so: crashed in save partition 0: SIGABRT; it printed: "
                                 "the counts do not add up\n");
}

Test(rehearsal, exit_in_create_is_no_success) {
    assert_refused("exit_create", "exit_create.so: ended the process in create partition 0, with "
                                  "exit code 3; it printed: no licence found\n");
}

Test(rehearsal, crash_after_the_end_is_a_crash) {
    assert_refused("crash_exit", "crash_exit.so: crashed in exit: SIGSEGV\n");
}

Test(rehearsal, crash_on_a_message_names_the_message) {
    struct rehearsal_fixture fixture;
    struct record records[3] = {make_record(1, 40), make_record(1, 41), make_record(1, 42)};
    set_up(&fixture, "crash_message");
    set(&fixture, "offset", "41");
    fixture.rehearsal.records = records;
    fixture.rehearsal.record_count = 3;
    cr_assert_not(run(&fixture));
    cr_assert_str_eq(fixture.said, "crash_message.so: crashed in on_message bars/1/41: SIGSEGV\n");
    tear_down(&fixture);
}

Test(rehearsal, crash_in_a_timer_is_not_put_down_to_the_message) {
    struct rehearsal_fixture fixture;
    struct record records[2] = {make_record(1, 40), make_record(1, 41)};
    set_up(&fixture, "crash_timer");
    records[1].payload = "{\"symbol\":\"QQQ\",\"timestamp\":1718658990000}";
    records[1].payload_size = strlen(records[1].payload);
    records[1].kafka_time_ms = 1718658990000;
    fixture.rehearsal.records = records;
    fixture.rehearsal.record_count = 2;
    cr_assert_not(run(&fixture));
    cr_assert_str_eq(fixture.said,
                     "crash_timer.so: crashed in on_timer before bars/1/41: SIGSEGV\n");
    tear_down(&fixture);
}

/* The child is started, reaches create and stays there; that takes far less than the limit. */
Test(rehearsal, hang_in_create_is_ended_and_named) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "hang_create");
    fixture.rehearsal.timeout_ns = 3 * NS_PER_S;
    cr_assert_not(run(&fixture));
    cr_assert_str_eq(fixture.said, "hang_create.so: stuck in create partition 0: the rehearsal did "
                                   "not end within 3s (rehearsal_timeout)\n");
    tear_down(&fixture);
}

Test(rehearsal, no_child_is_left_behind) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "crash_create");
    cr_assert_not(run(&fixture));
    siginfo_t info;
    cr_assert_eq(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), -1, "a child is left");
    tear_down(&fixture);
}

Test(rehearsal, missing_symbol_is_named) {
    assert_refused(
        "missing_symbol",
        "missing_symbol.so: cannot be loaded: undefined symbol: take5_no_such_function\n");
}

Test(rehearsal, unknown_and_bad_parameters_are_named_with_their_lines) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "good_v1");
    set(&fixture, "evry", "3");
    set(&fixture, "every", "1000001");
    cr_assert_not(run(&fixture));
    cr_assert_str_eq(fixture.said,
                     "mine.ini:2: strategy good has no parameter evry; did you mean every?\n"
                     "mine.ini:3: every = 1000001: above the maximum, 1000000\n");
    tear_down(&fixture);
}

Test(rehearsal, topic_that_no_configuration_has_is_a_fault) {
    struct rehearsal_fixture fixture;
    struct config few = config;
    set_up(&fixture, "good_v1");
    few.topic_count = 2;
    fixture.rehearsal.config = &few;
    cr_assert_not(run(&fixture));
    cr_assert_str_eq(fixture.said, "good_v1.so: subscribes to topic asset_trends, which is not "
                                   "configured: add [topic:asset_trends]\n");
    tear_down(&fixture);
}

Test(rehearsal, every_fault_of_a_descriptor_comes_through) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "bad_descriptor");
    cr_assert_not(run(&fixture));
    size_t lines = 0;
    for (const char *c = fixture.said; *c != '\0'; c++)
        lines += *c == '\n';
    cr_assert_geq(lines, 18, "%s", fixture.said);
    tear_down(&fixture);
}

Test(rehearsal, changed_floating_point_is_reported) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "fast_math");
    cr_assert(run(&fixture), "%s", fixture.said);
    cr_assert_eq(fixture.answer.changes, GUARD_FP);
    tear_down(&fixture);
}

Test(rehearsal, what_a_strategy_prints_does_no_harm) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "prints");
    cr_assert(run(&fixture), "%s", fixture.said);
    tear_down(&fixture);
}

Test(rehearsal, spoilt_answers_are_refused) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "prints");
    set(&fixture, "scribble", "yes");
    cr_assert_not(run(&fixture));
    cr_assert_str_eq(fixture.said, "prints.so: wrote to the rehearsal's result channel, in create "
                                   "partition 0; it printed: hello from create\n");
    tear_down(&fixture);
}

Test(rehearsal, thread_left_behind_does_not_hold_it) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "leaves_thread");
    cr_assert(run(&fixture), "%s", fixture.said);
    tear_down(&fixture);
}

/* Processes of the helper's name, wherever they hang: zombies are none. */
static size_t count_helpers(void) {
    size_t count = 0;
    DIR *listing = opendir("/proc");
    cr_assert_not_null(listing);
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        size_t size;
        char *path = text_format("/proc/%s/environ", entry->d_name);
        char *bytes = isdigit((unsigned char)entry->d_name[0]) ? read_file(path, &size) : NULL;
        char *mark = text_format("REHEARSAL_OF=%d", (int)getpid());
        count += bytes != NULL && size > 0 && memmem(bytes, size, mark, strlen(mark) + 1) != NULL;
        free(mark);
        free(bytes);
        free(path);
    }
    (void)closedir(listing);
    return count;
}

/* With a mark in the environment by which its processes are found. */
static bool run_marked(struct rehearsal_fixture *fixture) {
    char *mark = text_format("%d", (int)getpid());
    cr_assert_eq(setenv("REHEARSAL_OF", mark, 1), 0);
    free(mark);
    return run(fixture);
}

Test(rehearsal, what_a_strategy_leaves_running_is_ended_and_told) {
    static const char *const ways[] = {"fork", "setsid"};
    static const char *const places[] = {"create", "destroy"};
    for (size_t i = 0; i < 4; i++) {
        struct rehearsal_fixture fixture;
        set_up(&fixture, "meddles");
        set(&fixture, "what", ways[i % 2]);
        set(&fixture, "where", places[i / 2]);
        cr_assert(run_marked(&fixture), "%s", fixture.said);
        cr_assert_not_null(strstr(fixture.said, "warning: "), "%s in %s", ways[i % 2],
                           places[i / 2]);
        cr_assert_not_null(strstr(fixture.said, "the strategy left running"), "%s", fixture.said);
        cr_assert_eq(count_helpers(), 0, "%s in %s", ways[i % 2], places[i / 2]);
        tear_down(&fixture);
    }
}

Test(rehearsal, what_a_constructor_leaves_running_is_ended) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "meddles_constructor");
    cr_assert(run_marked(&fixture), "%s", fixture.said);
    cr_assert_eq(count_helpers(), 0);
    tear_down(&fixture);
}

Test(rehearsal, a_copy_that_goes_on_in_the_rehearsal_is_ended) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "meddles");
    set(&fixture, "what", "through");
    set(&fixture, "where", "create");
    cr_assert(run_marked(&fixture), "%s", fixture.said);
    cr_assert_eq(count_helpers(), 0);
    tear_down(&fixture);
}

/* Also when its time is over: it is stuck with processes of its own, in and out of the group. */
Test(rehearsal, what_a_stuck_strategy_began_is_ended_with_it) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "meddles_stuck");
    fixture.rehearsal.timeout_ns = 2 * NS_PER_S;
    cr_assert_not(run_marked(&fixture));
    cr_assert_not_null(strstr(fixture.said, "stuck in create"), "%s", fixture.said);
    cr_assert_eq(count_helpers(), 0);
    tear_down(&fixture);
}

Test(rehearsal, changes_of_the_process_are_reported) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "meddles");
    set(&fixture, "what", "umask");
    set(&fixture, "where", "save");
    cr_assert(run(&fixture), "%s", fixture.said);
    cr_assert_eq(fixture.answer.changes, GUARD_UMASK);
    tear_down(&fixture);
}

Test(rehearsal, describe_runs_in_the_child) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "describes");
    set(&fixture, "kind", "deep");
    set(&fixture, "depth", "9");
    cr_assert(run(&fixture), "%s", fixture.said);
    cr_assert_str_eq(fixture.answer.description->topics[0], "historic_stats");
    cr_assert_str_eq(fixture.answer.description->version, "7.7.7");
    cr_assert_eq(fixture.answer.description->state_version, 5);
    cr_assert_eq(fixture.answer.description->field_count, 2);
    cr_assert(fixture.answer.description->is_described);
    tear_down(&fixture);
}

Test(rehearsal, crash_in_describe_is_caught) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "describes");
    set(&fixture, "kind", "crash");
    cr_assert_not(run(&fixture));
    cr_assert_str_eq(fixture.said, "describes.so: crashed in describe: SIGSEGV\n");
    tear_down(&fixture);
}

Test(rehearsal, global_strategy_is_tried_on_all_partitions_at_once) {
    struct rehearsal_fixture fixture;
    struct record records[4] = {make_record(0, 1), make_record(1, 1), make_record(2, 1),
                                make_record(11, 1)};
    set_up(&fixture, "global_scope");
    fixture.rehearsal.records = records;
    fixture.rehearsal.record_count = 4;
    cr_assert(run(&fixture), "%s", fixture.said);
    cr_assert_eq(fixture.answer.messages, 4);
    tear_down(&fixture);
}

Test(rehearsal, smaller_descriptor_and_cpp_strategy_pass) {
    struct rehearsal_fixture fixture;
    struct record record = make_record(0, 1);
    set_up(&fixture, "older_minor_small_struct");
    fixture.rehearsal.records = &record;
    fixture.rehearsal.record_count = 1;
    cr_assert(run(&fixture), "%s", fixture.said);
    tear_down(&fixture);
    set_up(&fixture, "cpp_strategy");
    fixture.rehearsal.records = &record;
    fixture.rehearsal.record_count = 1;
    cr_assert(run(&fixture), "%s", fixture.said);
    cr_assert_eq(fixture.answer.signals, 1);
    tear_down(&fixture);
}

Test(rehearsal, program_that_cannot_be_started_is_named) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "good_v1");
    fixture.rehearsal.program = "/no/such/program";
    cr_assert_not(run(&fixture));
    cr_assert_str_eq(fixture.said,
                     "good_v1.so: cannot start the rehearsal: /no/such/program: No such "
                     "file or directory\n");
    tear_down(&fixture);
}

static int count_open(void) {
    int count = 0;
    DIR *listing = opendir("/proc/self/fd");
    while (readdir(listing) != NULL)
        count++;
    closedir(listing);
    return count;
}

Test(rehearsal, no_descriptor_is_left_open) {
    struct rehearsal_fixture fixture;
    set_up(&fixture, "good_v1");
    const int before = count_open();
    for (int i = 0; i < 5; i++) {
        cr_assert(run(&fixture), "%s", fixture.said);
        description_free(fixture.answer.description);
        fixture.answer.description = NULL;
    }
    cr_assert_eq(count_open(), before);
    tear_down(&fixture);
}

/* More than pipes hold, both ways. */
Test(rehearsal, large_state_and_many_records_fit) {
    enum { SYMBOLS = 900, RECORDS = 2000 };
    static struct record records[RECORDS];
    static char padding[2000];
    struct rehearsal_fixture fixture;
    struct state state;
    set_up(&fixture, "refuse_load");
    set(&fixture, "after_check", "yes");
    state_init(&state);
    state.strategy = text_dup("refuse_load", 11);
    state.version = text_dup("1.0.0", 5);
    state.state_version = 1;
    memset(padding, ' ', sizeof padding);
    for (int i = 0; i < SYMBOLS; i++) {
        char symbol[16];
        const uint64_t count = (uint64_t)i;
        snprintf(symbol, sizeof symbol, "S%d", i);
        cr_assert(
            state_add_record(&state, 0, (uint64_t)i, symbol, strlen(symbol), &count, sizeof count));
    }
    char *payload =
        text_format("{\"symbol\":\"QQQ\",\"timestamp\":1718658930000%.*s}", 2000, padding);
    for (int i = 0; i < RECORDS; i++) {
        records[i] = make_record(4, i);
        records[i].payload = payload;
        records[i].payload_size = strlen(payload);
    }
    const struct rehearsal_part part = {.partition = 4, .state = &state};
    fixture.rehearsal.parts = &part;
    fixture.rehearsal.part_count = 1;
    fixture.rehearsal.records = records;
    fixture.rehearsal.record_count = RECORDS;
    cr_assert(run(&fixture), "%s", fixture.said);
    cr_assert_eq(fixture.answer.messages, RECORDS);
    state_release(&state);
    free(payload);
    tear_down(&fixture);
}

/* How far back strategies want to be fed: take5/strategy.h's reading of durations, and what the
 * bundled ones and a class answer. */
#include <take5/take5.h>
#include <take5/testkit.h>

#include <criterion/criterion.h>

#include <dlfcn.h>

#define SECOND_NS 1000000000LL
#define MINUTE_NS (60 * SECOND_NS)

static int64_t duration(const char *default_value, const char *set) {
    const t5_parameter parameter = {.size = sizeof parameter,
                                    .type = T5_PARAMETER_DURATION,
                                    .name = "window",
                                    .default_value = default_value};
    const t5_setting settings[] = {{t5_text("other"), t5_text("9h")},
                                   {t5_text("window"), t5_text(set)}};
    const t5_describe_args args = {
        .size = sizeof args, .setting_count = set != NULL ? 2 : 1, .settings = settings};
    return t5_setting_duration(&args, &parameter);
}

Test(warm_up, durations_are_read_as_the_host_reads_them) {
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {{"1d", 86400 * SECOND_NS},
                 {"2h", 7200 * SECOND_NS},
                 {"90m", 90 * MINUTE_NS},
                 {"30s", 30 * SECOND_NS},
                 {"250ms", 250000000},
                 {"7us", 7000},
                 {"5ns", 5},
                 {"1.5h", 90 * MINUTE_NS},
                 {"0.25s", 250000000},
                 {"0", 0},
                 {"0s", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(duration("1s", cases[i].text), cases[i].ns, "%s", cases[i].text);
        cr_expect_eq(duration(cases[i].text, NULL), cases[i].ns, "%s", cases[i].text);
    }
}

Test(warm_up, what_is_no_duration_is_left_to_the_host) {
    static const char *const texts[] = {"", "h", "1", "1 h", "-1h", "1x", "1hh", "9999999999999d"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_expect_eq(duration("1s", texts[i]), 0, "\"%s\"", texts[i]);
    cr_expect_eq(duration(NULL, NULL), 0);
}

/* What the strategy in that file answers, with one setting (NULL: none). */
static int64_t warm_up(const char *path, const char *name, const char *value) {
    void *file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    cr_assert_not_null(file, "%s", dlerror());
    const t5_strategy *strategy = dlsym(file, "take5_strategy");
    cr_assert_not_null(strategy);
    const t5_setting setting = {t5_text(name), t5_text(value)};
    const t5_describe_args args = {
        .size = sizeof args, .setting_count = name != NULL, .settings = &setting};
    t5_description description = {.size = sizeof description};
    if (strategy->describe != NULL)
        cr_assert_eq(strategy->describe(&args, &description), T5_OK);
    return description.warm_up_ns != 0 ? description.warm_up_ns : strategy->warm_up_ns;
}

#define BUNDLED(name) TAKE5_BUILD_DIR "/strategies/" name ".so"

Test(warm_up, the_bundled_look_back_as_far_as_their_windows) {
    cr_expect_eq(warm_up(BUNDLED("trend"), NULL, NULL), 120 * MINUTE_NS);
    cr_expect_eq(warm_up(BUNDLED("trend"), "window", "45m"), 45 * MINUTE_NS);
    cr_expect_eq(warm_up(BUNDLED("momentum"), NULL, NULL), 10 * MINUTE_NS);
    cr_expect_eq(warm_up(BUNDLED("momentum"), "window", "1h"), 60 * MINUTE_NS);
    cr_expect_eq(warm_up(BUNDLED("momentum"), "quiet", "20m"), 20 * MINUTE_NS);
    cr_expect_eq(warm_up(BUNDLED("cross"), NULL, NULL), 30 * MINUTE_NS);
    cr_expect_eq(warm_up(BUNDLED("console"), NULL, NULL), 0);
}

Test(warm_up, a_class_makes_it_of_its_durations) {
    cr_expect_eq(warm_up(TAKE5_CLASS_CXX, NULL, NULL), 10 * SECOND_NS);
    cr_expect_eq(warm_up(TAKE5_CLASS_CXX, "wait", "3m"), 6 * MINUTE_NS);
}

Test(warm_up, signals_about_history_are_dropped_and_the_windows_filled) {
    t5_kit *kit = t5_kit_new();
    cr_assert_eq(t5_kit_open(kit, BUNDLED("trend")), T5_OK);
    cr_assert_eq(t5_kit_start(kit), T5_OK);
    for (int i = 0; i < 8; i++) {
        t5_kit_message message = t5_kit_message_init("bar_trends", "QQQ", i * MINUTE_NS);
        message.time_frame_s = 60;
        message.close = 100 + i;
        message.flags = i < 7 ? T5_MESSAGE_HISTORY : 0;
        cr_assert_eq(t5_kit_send(kit, &message), T5_OK);
    }
    cr_assert_eq(t5_kit_signal_count(kit), 1);
    cr_assert_not_null(strstr(t5_kit_signal_at(kit, 0)->data, "\"points\":8"));
    t5_kit_free(kit);
}

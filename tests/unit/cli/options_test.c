#include "cli/options.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum colour { RED = 1, GREEN };

struct target {
    struct config_options config;
    struct csv_arg list;
    const char *text, *name, *names;
    enum colour colour;
    bool flag;
    uint64_t number;
    double positive, share;
    int64_t duration, every, time, time_ms;
    size_t calls;
};

static bool count_call(void *command, const char *value) {
    struct target *target = command;
    target->calls++;
    return strcmp(value, "bad") != 0;
}

static const char *const colours[] = {"red", "green", NULL};

static const struct option_row rows[] = {
    OPTIONS_CONFIG(struct target, config),
    OPTION_HEADING("kinds"),
    OPTION_WORD("word", "[X]", "an operand"),
    {'f', "flag", NULL, OPTION_FLAG(struct target, flag), "a flag"},
    {'o', "output", "FILE", OPTION_TEXT(struct target, text), "a text"},
    {0, "name", "NAME", OPTION_NAME(struct target, name), "a name"},
    {0, "names", "LIST", OPTION_NAMES(struct target, names), "names"},
    {0, "list", "A,B", OPTION_LIST(struct target, list), "a list"},
    {0, "colour", "COLOUR", OPTION_CHOICE(struct target, colour, enum colour, RED, colours), "one"},
    {0, "number", "N", OPTION_INTEGER(struct target, number, uint64_t, 1, 9), "a number"},
    {0, "positive", "N", OPTION_POSITIVE(struct target, positive), "a number"},
    {0, "share", "SHARE", OPTION_SHARE(struct target, share), "a share"},
    {0, "duration", "DURATION", OPTION_DURATION(struct target, duration, 1000000, 0), "so long"},
    {0, "every", "[=DURATION]", OPTION_DURATION(struct target, every, 1, 7), "again"},
    {0, "time", "TIME", OPTION_TIME(struct target, time), "a time"},
    {0, "time-ms", "TIME", OPTION_TIME_MS(struct target, time_ms), "a time"},
    {0, "lanes", "N", OPTION_SETTING(struct target, config, "take5.lanes"), "a setting"},
    {'X', NULL, "VALUE", OPTION_CALL(count_call), "a call"},
    {0, "secret", NULL, OPTION_FLAG(struct target, flag), NULL},
    OPTIONS_END,
};

static const struct command command = {
    .name = "try",
    .usage = "[options] OPERAND\n--other",
    .summary = "for tests",
    .options = rows,
    .min_operands = 1,
    .max_operands = 2,
};

static struct target target;
static int argc, code;
static char **argv;

/* The arguments are the words of the text. */
static bool parse(const char *text) {
    static char *words[64];
    static char copy[512];
    snprintf(copy, sizeof copy, "try %s", text);
    argc = 0;
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        words[argc++] = word;
    words[argc] = NULL;
    argv = words;
    code = -1;
    return options_parse(&command, &target, &argc, &argv, &code);
}

static int said_file;

/* What is said stays in a file of the moment. */
static void begin(void) {
    said_file = memfd_create("said", MFD_CLOEXEC);
    cr_assert_geq(said_file, 0);
    cr_assert_eq(dup2(said_file, STDOUT_FILENO), STDOUT_FILENO);
    cr_assert_eq(dup2(said_file, STDERR_FILENO), STDERR_FILENO);
}

static const char *said(void) {
    static char text[4096];
    fflush(NULL);
    const ssize_t size = pread(said_file, text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = '\0';
    return text;
}

static void end(void) {
    config_options_release(&target.config);
    csv_arg_release(&target.list);
}

TestSuite(options, .init = begin, .fini = end);

Test(options, every_kind_goes_to_its_member) {
    cr_assert(
        parse("-c a.ini -s x.y=z -f -o out --name n --names a,b --list a,b --list c "
              "--colour green --number 9 --positive 0.5 --share 5% --duration 2ms "
              "--time 2024-06-17T21:15:30.5Z --time-ms 1718658930000 --lanes 3 -X 1 -X 2 in"));
    cr_assert_str_eq(target.config.path, "a.ini");
    cr_assert_eq(target.config.override_count, 2);
    cr_assert_str_eq(target.config.overrides[0].value, "z");
    cr_assert_str_eq(target.config.overrides[1].key, "lanes");
    cr_assert(target.flag);
    cr_assert_str_eq(target.text, "out");
    cr_assert_str_eq(target.name, "n");
    cr_assert_str_eq(target.names, "a,b");
    cr_assert_eq(target.list.count, 3);
    cr_assert_eq(target.colour, GREEN);
    cr_assert_eq(target.number, 9);
    cr_assert_eq(target.positive, 0.5);
    cr_assert_eq(target.share, 0.05);
    cr_assert_eq(target.duration, 2000000);
    cr_assert_eq(target.time, INT64_C(1718658930500000000));
    cr_assert_eq(target.time_ms, INT64_C(1718658930000));
    cr_assert_eq(target.calls, 2);
    cr_assert_eq(argc, 1);
    cr_assert_str_eq(argv[0], "in");
}

Test(options, names_may_be_abbreviated_joined_and_mixed_with_operands) {
    cr_assert(parse("one --outp=x two -f"));
    cr_assert_str_eq(target.text, "x");
    cr_assert(target.flag);
    cr_assert_eq(argc, 2);
    cr_assert(parse("-fo- -- -f"));
    cr_assert_str_eq(target.text, "-");
    cr_assert_str_eq(argv[0], "-f");
}

Test(options, a_value_in_brackets_may_be_left_out) {
    cr_assert(parse("--every in"));
    cr_assert_eq(target.every, 7);
    cr_assert(parse("--every=3s in"));
    cr_assert_eq(target.every, INT64_C(3000000000));
}

Test(options, what_is_wrong_ends_the_command) {
    char cases[] = "|a b c|--nope a|--nam n a|--output|--flag=1 a|--colour blue a|--number 0 a|"
                   "--number 10 a|--number 1x a|--share 2 a|--share x a|--positive 0 a|"
                   "--duration 1us a|--duration 5 a|--every= a|--time noon a|--time-ms 5 a|-s x a|"
                   "--list a,,b a|--name 'n' a|--names a,'b' a|-X bad a|word --word a";
    char *next = cases;
    for (const char *item; (item = strsep(&next, "|")) != NULL;) {
        cr_assert_not(parse(item), "%s", item);
        cr_assert_eq(code, EXIT_USAGE, "%s", item);
    }
}

Test(options, an_error_names_option_and_value) {
    cr_assert_not(parse("--colour blue a"));
    cr_assert_str_eq(said(), "take5: --colour blue: must be red or green\n"
                             "usage: take5 try [options] OPERAND\n"
                             "       take5 try --other\n"
                             "See `take5 try --help` and take5(1).\n");
}

Test(options, help_tells_all_but_what_is_for_tests) {
    cr_assert_not(parse("--help"));
    cr_assert_eq(code, EXIT_GOOD);
    cr_assert_not_null(strstr(said(), "\nkinds:\n  word [X]                an operand\n"
                                      "  -f, --flag              a flag\n"
                                      "  -o, --output FILE       a text\n"));
    cr_assert_not_null(strstr(said(), "\n      --every[=DURATION]  again\n"));
    cr_assert_null(strstr(said(), "secret"));
}

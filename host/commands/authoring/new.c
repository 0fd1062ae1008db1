#include "cli/cli.h"
#include "commands/authoring/authoring.h"
#include "commands/authoring/new_folder.h"

#include <stdio.h>

static void print_next_python(const char *name) {
    fprintf(stderr,
            "created %s/ with %s.py, a test, an ini file, a sample of the feed. Next:\n"
            "  cd %s\n"
            "  pytest\n"
            "  take5 check -c %s.ini\n"
            "  take5 replay -c %s.ini sample.jsonl\n",
            name, name, name, name, name);
}

static void print_next(const char *name, enum new_language language) {
    if (language == NEW_PYTHON) {
        print_next_python(name);
        return;
    }
    const char *extension = language == NEW_C ? "c" : "cpp";
    fprintf(stderr,
            "created %s/ with %s.%s, a test, an ini file, a sample of the feed. Next:\n"
            "  cd %s\n"
            "  cmake -B build && cmake --build build && ctest --test-dir build\n"
            "  take5 check build/%s.so\n"
            "  take5 replay -c %s.ini -s take5.strategy_dir=build sample.jsonl\n",
            name, name, extension, name, name, name);
}

struct new {
    enum new_language language;
};

static int run(int argc, char **argv) {
    struct new new = {NEW_C};
    struct error error;
    int code;
    if (!options_parse(&command_new, &new, &argc, &argv, &code))
        return code;
    const char *name = argv[0];
    if (!new_name_check(name, &error))
        return fail(EXIT_USAGE, &error);
    if (!new_folder_write(name, new.language, &error))
        return fail(EXIT_FAILED, &error);
    print_next(name, new.language);
    return EXIT_GOOD;
}

static const char *const languages[] = {"c", "c++", "python", NULL};

static const struct option_row options[] = {
    {0, "lang", "c|c++|python",
     OPTION_CHOICE(struct new, language, enum new_language, NEW_C, languages),
     "the language (default: c)"},
    OPTIONS_END,
};

const struct command command_new = {
    .name = "new",
    .usage = "[--lang c|c++|python] NAME",
    .summary = "create a new strategy with its test, ready to build",
    .description = "Creates the directory NAME with a strategy, its test, its ini file and "
                   "a sample of the feed.",
    .examples = "take5 new alpha                           # a folder with a strategy that builds\n"
                "take5 new --lang c++ alpha\n"
                "take5 new --lang python alpha",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};

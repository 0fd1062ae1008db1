#include "commands/commands.h"
#include "commands/new_folder.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static bool read_language(const char *text, enum new_language *language) {
    if (strcmp(text, "c") == 0)
        *language = NEW_C;
    else if (strcmp(text, "c++") == 0)
        *language = NEW_CXX;
    else {
        complain("--lang %s: must be c or c++", text);
        return false;
    }
    return true;
}

static void print_next(const char *name, enum new_language language) {
    const char *extension = language == NEW_C ? "c" : "cpp";
    fprintf(stderr,
            "%s/ is there: %s.%s, a test, an ini file, a sample of the feed. Next:\n"
            "  cd %s\n"
            "  cmake -B build && cmake --build build && ctest --test-dir build\n"
            "  take5 check build/%s.so\n"
            "  take5 replay -c %s.ini -s take5.strategy_dir=build sample.jsonl\n",
            name, name, extension, name, name, name);
}

int command_new(int argc, char **argv) {
    static const struct option longs[] = {{"lang", required_argument, NULL, 'l'}, {0}};
    enum new_language language = NEW_C;
    struct error error;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;)
        if (c != 'l' || !read_language(optarg, &language))
            return usage("new");
    if (optind + 1 != argc)
        return usage("new");
    const char *name = argv[optind];
    if (!new_name_check(name, &error)) {
        complain("%s", error.text);
        return EXIT_USAGE;
    }
    if (!new_folder_write(name, language, &error)) {
        complain("%s", error.text);
        return EXIT_FAILED;
    }
    print_next(name, language);
    return EXIT_GOOD;
}

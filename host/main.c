/* Picks the subcommand. */
#include "cli/cli.h"
#include "commands/operation/operation.h"
#include "commands/registry.h"
#include "commands/research/research.h"
#include "os/errand.h"

#include <stdio.h>
#include <string.h>

static void print_commands(FILE *file) {
    fputs("usage: take5 COMMAND ...\n\n", file);
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (!commands[i]->is_hidden)
            fprintf(file, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    fputs("\nSee `take5 COMMAND --help`, take5(1) and take5.ini(5).\n", file);
}

static bool is_help(const char *text) {
    return strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0;
}

/* A command whose output is incomplete has failed. */
static int run(const struct command *command, int argc, char **argv) {
    int code = command->run(argc, argv);
    if (code == EXIT_GOOD && was_oom())
        code = EXIT_FAILED;
    const bool has_strategies = command == &command_run || command == &command_replay;
    return has_strategies ? leave_without_strategies(code) : code;
}

int main(int argc, char **argv) {
    errand_allow();
    if (argc < 2) {
        print_commands(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (is_help(name) || strcmp(name, "help") == 0) {
        print_commands(stdout);
        return EXIT_GOOD;
    }
    if (strcmp(name, "--version") == 0)
        name = "version";
    const char *names[64] = {NULL};
    size_t count = 0;
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return run(commands[i], argc - 1, argv + 1);
        if (!commands[i]->is_hidden && count < 63)
            names[count++] = commands[i]->name;
    }
    const char *near = faults_near_miss(name, names);
    print_err("unknown command \"%s\"%s%s%s; see `take5 help`", name,
              near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
              near != NULL ? "\"?" : "");
    return EXIT_USAGE;
}

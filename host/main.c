/* Picks the subcommand. */
#include "commands/commands.h"

#include <stdio.h>
#include <string.h>

static void print_commands(FILE *file) {
    fputs("usage: take5 COMMAND ...\n\n", file);
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (!command->is_hidden)
            fprintf(file, "  %-8s %s\n", command->name, command->summary);
    }
    fputs("\ntake5(1) and take5.ini(5) tell more.\n", file);
}

static bool is_help(const char *text) {
    return strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0;
}

static int run_command(const struct command *command, int argc, char **argv) {
    static char long_help[] = "--help";
    if (argc < 2 || !is_help(argv[1]) || command->is_hidden)
        return command->run(argc, argv);
    if (command->has_help) {
        argv[1] = long_help;
        return command->run(argc, argv);
    }
    printf("usage: take5 %s %s\n\n%s\n", command->name, command->arguments, command->summary);
    return EXIT_GOOD;
}

int main(int argc, char **argv) {
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
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (strcmp(command->name, name) == 0)
            return run_command(command, argc - 1, argv + 1);
        if (!command->is_hidden && count < 63)
            names[count++] = command->name;
    }
    const char *near = faults_near_miss(name, names);
    complain("no command \"%s\"%s%s%s; `take5 help` lists them", name,
             near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
             near != NULL ? "\"?" : "");
    return EXIT_USAGE;
}

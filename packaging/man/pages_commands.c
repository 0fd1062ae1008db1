#include "pages.h"

#include "commands/commands.h"
#include "roff.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#define MAX_COMMANDS 64

static bool is_written[MAX_COMMANDS];

/* One line of a usage: what begins another form of the command comes with "take5" again. */
static void usage_line(FILE *file, const char *name, const char *line, bool is_first) {
    char again[64];
    snprintf(again, sizeof again, "take5 %s", name);
    line += strspn(line, " ");
    const bool is_form = is_first || strncmp(line, again, strlen(again)) == 0;
    if (is_form && !is_first)
        line += strlen(again) + (line[strlen(again)] == ' ' ? 1 : 0);
    fputs(is_form ? "\\fBtake5 " : "\\&    ", file);
    if (is_form) {
        roff_text(file, name);
        fputs("\\fP ", file);
    }
    roff_text(file, line);
    fputc('\n', file);
}

static void usage_of(FILE *file, const struct command *command) {
    const char *at = command->arguments;
    for (bool is_first = true; is_first || *at != '\0'; is_first = false) {
        char line[256];
        const size_t size = strcspn(at, "\n");
        snprintf(line, sizeof line, "%.*s", (int)size, at);
        usage_line(file, command->name, line, is_first);
        at += size + (at[size] == '\n' ? 1 : 0);
    }
}

void pages_synopsis(FILE *file) {
    fputs(".nf\n", file);
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (!command->is_hidden)
            usage_of(file, command);
    }
    fputs(".fi\n", file);
}

bool pages_command(FILE *file, const char *name) {
    for (size_t i = 0; commands[i].name != NULL && i < MAX_COMMANDS; i++) {
        if (commands[i].is_hidden || strcmp(commands[i].name, name) != 0)
            continue;
        is_written[i] = true;
        fputs(".SS take5 ", file);
        roff_line(file, name);
        fputs(".nf\n", file);
        usage_of(file, &commands[i]);
        fputs(".fi\n.PP\n", file);
        roff_line(file, commands[i].summary);
        fputs(".PP\n", file);
        return true;
    }
    return false;
}

/* What a command writes onto stdout; NULL when it cannot be had. */
static FILE *output_of(const struct command *command) {
    char help[] = "--help";
    char *arguments[] = {(char[64]){0}, help, NULL};
    snprintf(arguments[0], 64, "%s", command->name);
    FILE *output = tmpfile();
    fflush(stdout);
    const int before = dup(STDOUT_FILENO);
    if (output == NULL || before < 0 || dup2(fileno(output), STDOUT_FILENO) < 0)
        return NULL;
    optind = 0; /* glibc: getopt begins anew */
    const int code = command->run(2, arguments);
    fflush(stdout);
    dup2(before, STDOUT_FILENO);
    close(before);
    rewind(output);
    if (code == EXIT_GOOD)
        return output;
    fclose(output);
    return NULL;
}

bool pages_help(FILE *file, const char *name) {
    const struct command *command = commands;
    while (command->name != NULL && strcmp(command->name, name) != 0)
        command++;
    FILE *output = command->name != NULL ? output_of(command) : NULL;
    if (output == NULL)
        return false;
    char line[512];
    size_t count = 0;
    fputs(".nf\n", file);
    while (fgets(line, sizeof line, output) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "usage: ", 7) != 0 && (count > 0 || line[0] != '\0')) {
            roff_line(file, line);
            count++;
        }
    }
    fputs(".fi\n", file);
    fclose(output);
    return count > 0;
}

const char *pages_command_left(size_t index) {
    for (size_t i = 0; commands[i].name != NULL && i < MAX_COMMANDS; i++) {
        if (!commands[i].is_hidden && !is_written[i] && index-- == 0)
            return commands[i].name;
    }
    return NULL;
}

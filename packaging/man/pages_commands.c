#include "pages.h"

#include "commands/registry.h"
#include "roff.h"

#include <stdlib.h>
#include <string.h>

static void usage_of(FILE *file, const struct command *command) {
    const char *form = command->usage;
    do {
        char line[256];
        const size_t size = strcspn(form, "\n");
        snprintf(line, sizeof line, " %.*s", (int)size, form);
        fputs("\\fBtake5 ", file);
        roff_text(file, command->name);
        fputs("\\fP", file);
        roff_line(file, line);
        form += size + (form[size] == '\n');
    } while (*form != '\0');
}

void pages_synopsis(FILE *file) {
    fputs(".nf\n", file);
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (!commands[i]->is_hidden)
            usage_of(file, commands[i]);
    }
    fputs(".fi\n", file);
}

/* Its blank lines part paragraphs. */
static void paragraphs(FILE *file, const char *text) {
    char *copy = strdup(text), *rest = copy;
    for (char *at; rest != NULL && (at = strsep(&rest, "\n")) != NULL;) {
        if (*at != '\0') {
            fputs(".PP\n", file);
            roff_line(file, at);
        }
    }
    free(copy);
}

/* Names in bold, then the argument. */
static void option(FILE *file, const struct option_row *row) {
    struct option_row bare = *row;
    struct text whole, names;
    text_init(&whole);
    text_init(&names);
    option_row_text(row, &whole);
    bare.argument = NULL;
    option_row_text(&bare, &names);
    roff_entry(file, names.data, whole.data + names.size);
    roff_line(file, row->help);
    text_release(&whole);
    text_release(&names);
}

static void options_of(FILE *file, const struct option_row *row) {
    for (; row != NULL && row->kind != OPTION_KIND_END; row++) {
        if (row->kind == OPTION_KIND_HEADING)
            fprintf(file, ".PP\n.I %s\n", row->name);
        else if (row->help != NULL)
            option(file, row);
    }
}

static void examples_of(FILE *file, const struct command *command) {
    if (command->examples == NULL)
        return;
    fputs(".PP\n.I examples\n.PP\n.nf\n", file);
    for (const char *at = command->examples; *at != '\0';) {
        char line[256];
        const size_t size = strcspn(at, "\n");
        snprintf(line, sizeof line, "%.*s", (int)size, at);
        roff_line(file, line);
        at += size + (at[size] == '\n');
    }
    fputs(".fi\n", file);
}

void pages_commands(FILE *file) {
    for (size_t i = 0; commands[i] != NULL; i++) {
        const struct command *command = commands[i];
        if (command->is_hidden)
            continue;
        fprintf(file, ".SS take5 %s\n.nf\n", command->name);
        usage_of(file, command);
        fputs(".fi\n", file);
        paragraphs(file, command->summary);
        if (command->description != NULL)
            paragraphs(file, command->description);
        options_of(file, command->options);
        examples_of(file, command);
    }
}

#include "commands/registry.h"

#include <criterion/criterion.h>
#include <string.h>

static void check_row(const struct command *command, const struct option_row *row) {
    cr_assert(row->letter != '\0' || row->name != NULL, "%s", command->name);
    cr_assert(row->letter != 'h' && (row->name == NULL || strcmp(row->name, "help") != 0), "%s",
              command->name);
    cr_assert(row->kind <= OPTION_KIND_WORD ||
                  (row->kind == OPTION_KIND_FLAG) == (row->argument == NULL),
              "%s %s", command->name, row->name);
    for (const struct option_row *other = command->options; other < row; other++) {
        cr_assert(row->letter == '\0' || row->letter != other->letter, "%s -%c twice",
                  command->name, row->letter);
        cr_assert(row->name == NULL || other->name == NULL || strcmp(row->name, other->name) != 0,
                  "%s %s twice", command->name, row->name);
    }
}

Test(registry, every_command_is_a_table_without_contradictions) {
    for (size_t i = 0; commands[i] != NULL; i++) {
        const struct command *command = commands[i];
        size_t count = 0;
        cr_assert_not_null(command->run);
        if (command->is_hidden)
            continue;
        cr_assert_not_null(command->usage, "%s", command->name);
        cr_assert_not_null(command->summary, "%s", command->name);
        cr_assert_leq(command->min_operands, command->max_operands, "%s", command->name);
        for (const struct option_row *row = command->options;
             row != NULL && row->kind != OPTION_KIND_END; row++, count++)
            check_row(command, row);
        cr_assert_leq(count, OPTIONS_MAX, "%s", command->name);
    }
}

static bool has_option(const struct command *command, const char *word) {
    for (const struct option_row *row = command->options;
         row != NULL && row->kind != OPTION_KIND_END; row++) {
        const bool is_long = word[1] == '-';
        if (is_long ? row->name != NULL && strcmp(row->name, word + 2) == 0
                    : row->letter != '\0' && row->letter == word[1])
            return true;
    }
    return false;
}

static const struct command *find_command(const char *name) {
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

/* Each "take5 COMMAND" of the line, its options those of that command; behind "--" they are
 * another program's. */
static void check_example(const struct command *command, char *line) {
    const struct command *current = NULL;
    bool is_named = false;
    char *rest = NULL;
    line[strcspn(line, "#")] = '\0';
    for (char *word = strtok_r(line, " ()|", &rest); word != NULL;
         word = strtok_r(NULL, " ()|", &rest)) {
        if (strcmp(word, "take5") == 0) {
            word = strtok_r(NULL, " ()|", &rest);
            current = word != NULL ? find_command(word) : NULL;
            cr_assert_not_null(current, "%s: %s", command->name, word);
            is_named |= current == command;
        } else if (strcmp(word, "--") == 0) {
            current = NULL;
        } else if (current != NULL && word[0] == '-' && word[1] != '\0') {
            cr_expect(has_option(current, word), "%s: %s", current->name, word);
        }
    }
    cr_expect(is_named, "%s", command->name);
}

Test(registry, every_command_has_examples_that_name_it_and_its_options) {
    for (size_t i = 0; commands[i] != NULL; i++) {
        char text[1024], *rest = NULL;
        if (commands[i]->is_hidden)
            continue;
        cr_assert_not_null(commands[i]->examples, "%s", commands[i]->name);
        cr_assert_lt(strlen(commands[i]->examples), sizeof text);
        strcpy(text, commands[i]->examples);
        for (char *line = strtok_r(text, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest))
            check_example(commands[i], line);
    }
}

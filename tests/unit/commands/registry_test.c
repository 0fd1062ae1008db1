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

#include "cli/options.h"

#include "base/clock.h"
#include "base/units.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HELP_VALUE  (OPTIONS_MAX + 256)
#define HELP_COLUMN 26
#define HELP_WIDTH  79

static const struct option_row end = OPTIONS_END;

static const struct option_row *rows_of(const struct command *command) {
    return command->options != NULL ? command->options : &end;
}

static bool is_option(const struct option_row *row) {
    return row->kind > OPTION_KIND_WORD;
}

static bool is_optional(const struct option_row *row) {
    return row->argument != NULL && row->argument[0] == '[';
}

/* ---- values ---- */

bool parse_integer_arg(const char *option, const char *text, int64_t min, int64_t max,
                       int64_t *number) {
    if (parse_integer(text, number) && *number >= min && *number <= max)
        return true;
    if (max == INT64_MAX)
        print_err("%s %s: must be an integer, %" PRId64 " or above", option, text, min);
    else
        print_err("%s %s: must be an integer from %" PRId64 " to %" PRId64, option, text, min, max);
    return false;
}

static bool parse_choice(const char *option, const char *text, const char *const *names,
                         unsigned *index) {
    struct text list;
    for (*index = 0; names[*index] != NULL; ++*index)
        if (strcmp(text, names[*index]) == 0)
            return true;
    text_init(&list);
    for (size_t i = 0; names[i] != NULL; i++)
        text_printf(&list, "%s%s", i == 0 ? "" : names[i + 1] == NULL ? " or " : ", ", names[i]);
    print_err("%s %s: must be %s", option, text, text_is_oom(&list) ? "another" : list.data);
    text_release(&list);
    return false;
}

static bool parse_positive(const char *option, const char *text, double *number) {
    if (parse_number(text, number) && *number > 0)
        return true;
    print_err("%s %s: must be a number above 0", option, text);
    return false;
}

static bool parse_share(const char *option, const char *text, double *share) {
    char number[32];
    const size_t size = strlen(text);
    const bool is_percent = size > 1 && text[size - 1] == '%';
    if (size < sizeof number) {
        memcpy(number, text, size + 1);
        number[size - is_percent] = '\0';
        if (parse_number(number, share)) {
            *share = is_percent ? *share / 100 : *share;
            if (*share >= 0 && *share <= 1)
                return true;
        }
    }
    print_err("%s %s: must be a share such as 0.01 or 1%%", option, text);
    return false;
}

static bool parse_duration(const char *option, const char *text, int64_t min_ns,
                           int64_t *duration_ns) {
    char least[32];
    if (parse_duration_ns(text, duration_ns) && *duration_ns >= min_ns)
        return true;
    format_duration(min_ns, least, sizeof least);
    if (min_ns > 1)
        print_err("%s %s: must be a duration of at least %s, such as 2s", option, text, least);
    else
        print_err("%s %s: must be a duration such as 10s, 5m or 1h", option, text);
    return false;
}

static bool parse_time_ms(const char *option, const char *text, int64_t *time_ms) {
    int64_t time_ns;
    if (!parse_time_arg(option, text, &time_ns))
        return false;
    *time_ms = time_ns / NS_PER_MS;
    return true;
}

static bool apply(const struct option_row *row, void *target, const char *value) {
    void *const member = (char *)target + row->offset;
    const char letter[] = {row->letter, '\0'};
    char option[64];
    snprintf(option, sizeof option, "-%s%s", row->name != NULL ? "-" : "",
             row->name != NULL ? row->name : letter);
    switch (row->kind) {
    case OPTION_KIND_FLAG:
        return *(bool *)member = true;
    case OPTION_KIND_TEXT:
        *(const char **)member = value;
        return true;
    case OPTION_KIND_NAME:
    case OPTION_KIND_NAMES:
        *(const char **)member = value;
        return check_quotes(option, value, row->kind == OPTION_KIND_NAMES);
    case OPTION_KIND_LIST:
        return csv_arg_add(member, option, value);
    case OPTION_KIND_CHOICE: {
        unsigned index;
        const bool did = parse_choice(option, value, row->names, &index);
        *(unsigned *)member = (unsigned)row->min + index;
        return did;
    }
    case OPTION_KIND_INTEGER:
        return parse_integer_arg(option, value, row->min, row->max, member);
    case OPTION_KIND_POSITIVE:
        return parse_positive(option, value, member);
    case OPTION_KIND_SHARE:
        return parse_share(option, value, member);
    case OPTION_KIND_DURATION:
        if (value != NULL)
            return parse_duration(option, value, row->min, member);
        *(int64_t *)member = row->max;
        return true;
    case OPTION_KIND_TIME:
        return parse_time_arg(option, value, member);
    case OPTION_KIND_TIME_MS:
        return parse_time_ms(option, value, member);
    case OPTION_KIND_SETTING:
        return row->setting != NULL ? config_options_set(member, row->setting, value)
                                    : config_options_add(member, value);
    case OPTION_KIND_CALL:
        return row->apply(target, value);
    case OPTION_KIND_END:
    case OPTION_KIND_HEADING:
    case OPTION_KIND_WORD:
        break;
    }
    return false;
}

/* ---- texts ---- */

static void print_usage(const struct command *command, FILE *file) {
    const char *head = "usage:", *form = command->usage;
    do {
        const int size = (int)strcspn(form, "\n");
        fprintf(file, "%s take5 %s%s%.*s\n", head, command->name, size > 0 ? " " : "", size, form);
        head = "      ";
        form += size + (form[size] == '\n');
    } while (*form != '\0');
}

int usage(const struct command *command) {
    print_usage(command, stderr);
    fprintf(stderr, "See `take5 %s --help` and take5(1).\n", command->name);
    return EXIT_USAGE;
}

void option_row_text(const struct option_row *row, struct text *text) {
    if (row->letter != '\0')
        text_printf(text, "-%c%s", row->letter, row->name != NULL ? ", " : "");
    if (row->name != NULL)
        text_printf(text, "%s%s", is_option(row) ? "--" : "", row->name);
    if (row->argument != NULL)
        text_printf(text, "%s%s", is_option(row) && is_optional(row) ? "" : " ", row->argument);
}

/* Breaks between words; `column` is where the line stands, `indent` where others begin. */
static void print_wrapped(const char *words, size_t column, size_t indent) {
    for (bool is_first = true; *words != '\0'; is_first = false) {
        if (words[0] == '\n' && words[1] == '\n') {
            printf("\n\n%*s", (int)indent, "");
            column = indent;
            is_first = true;
        }
        words += strspn(words, " \n");
        const size_t size = strcspn(words, " \n");
        if (!is_first && column + 1 + size > HELP_WIDTH) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (!is_first && column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)size, words);
        column += size;
        words += size;
    }
    putchar('\n');
}

static void print_row(const struct option_row *row) {
    struct text text;
    text_init(&text);
    if (row->kind == OPTION_KIND_HEADING) {
        text_printf(&text, "\n%s:\n", row->name);
    } else {
        text_puts(&text, is_option(row) && row->letter == '\0' ? "      " : "  ");
        option_row_text(row, &text);
        const bool is_long = text.size + 2 > HELP_COLUMN;
        text_printf(&text, "%s%*s", is_long ? "\n" : "",
                    HELP_COLUMN - (is_long ? 0 : (int)text.size), "");
    }
    (void)print_text(&text);
    text_release(&text);
    if (row->kind != OPTION_KIND_HEADING)
        print_wrapped(row->help, HELP_COLUMN, HELP_COLUMN);
}

static void print_help(const struct command *command) {
    static const struct option_row help = {'h', "help", NULL, OPTION_CALL(NULL), "this text"};
    const struct option_row *row = rows_of(command);
    print_usage(command, stdout);
    putchar('\n');
    print_wrapped(command->summary, 0, 0);
    if (command->description != NULL) {
        putchar('\n');
        print_wrapped(command->description, 0, 0);
    }
    if (row->kind != OPTION_KIND_HEADING)
        putchar('\n');
    for (; row->kind != OPTION_KIND_END; row++)
        if (row->help != NULL)
            print_row(row);
    print_row(&help);
    if (command->examples == NULL)
        return;
    puts("\nexamples:");
    for (const char *at = command->examples; *at != '\0';) {
        const size_t size = strcspn(at, "\n");
        printf("  %.*s\n", (int)size, at);
        at += size + (at[size] == '\n');
    }
}

/* ---- parsing ---- */

/* What getopt_long() wants to know. Values are letters, or 256 + the row. */
struct getopt_tables {
    char letters[3 * OPTIONS_MAX + 2];
    struct option longs[OPTIONS_MAX + 2];
};

static int has_argument(const struct option_row *row) {
    return row->argument == NULL ? no_argument
           : is_optional(row)    ? optional_argument
                                 : required_argument;
}

static void make_tables(const struct option_row *rows, struct getopt_tables *tables) {
    char *letter = tables->letters;
    struct option *next = tables->longs;
    for (int i = 0; rows[i].kind != OPTION_KIND_END && i < OPTIONS_MAX; i++) {
        const struct option_row *row = &rows[i];
        const int has = has_argument(row);
        if (!is_option(row))
            continue;
        if (row->letter != '\0') {
            *letter++ = row->letter;
            for (int colon = 0; colon < has; colon++)
                *letter++ = ':';
        }
        if (row->name != NULL)
            *next++ = (struct option){row->name, has, NULL, 256 + i};
    }
    *letter++ = 'h';
    *letter = '\0';
    *next++ = (struct option){"help", no_argument, NULL, HELP_VALUE};
    *next = (struct option){0};
}

/* NULL: getopt's problem, or help. */
static const struct option_row *find_row(const struct option_row *rows, int value) {
    if (value >= 256)
        return value < HELP_VALUE ? &rows[value - 256] : NULL;
    for (; rows->kind != OPTION_KIND_END; rows++)
        if (is_option(rows) && rows->letter == value)
            return rows;
    return NULL;
}

static bool check_operands(const struct command *command, int count, char *const *operands) {
    if (count > 0 && command->max_operands == 0)
        print_err("%s: not an option", operands[0]);
    return count >= command->min_operands && count <= command->max_operands;
}

bool options_parse(const struct command *command, void *target, int *argc, char ***argv,
                   int *code) {
    const struct option_row *rows = rows_of(command);
    struct getopt_tables tables;
    make_tables(rows, &tables);
    optind = 0; /* glibc: restarts the scan */
    for (int value;
         (value = getopt_long(*argc, *argv, tables.letters, tables.longs, NULL)) != -1;) {
        if (value == 'h' || value == HELP_VALUE) {
            print_help(command);
            *code = EXIT_GOOD;
            return false;
        }
        const struct option_row *row = find_row(rows, value);
        if (row == NULL || !apply(row, target, optarg)) {
            *code = usage(command);
            return false;
        }
    }
    *argc -= optind;
    *argv += optind;
    if (check_operands(command, *argc, *argv))
        return true;
    *code = usage(command);
    return false;
}

/*
 * cli/options.h - a subcommand as a table: from its rows come parsing, errors, usage, --help, and
 * its part of take5(1).
 *
 * Rows name members of one struct of the command's, which must have the defaults before parsing.
 * Every command knows -h and --help besides its rows. Long names may be abbreviated, and options
 * and operands mixed, as getopt_long(3) has it.
 */
#ifndef TAKE5_CLI_OPTIONS_H
#define TAKE5_CLI_OPTIONS_H

#include "base/text.h"
#include "cli/cli.h"
#include "cli/time_arg.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_KIND_END,
    OPTION_KIND_HEADING,  /* of the rows below it; `name` is its text */
    OPTION_KIND_WORD,     /* an operand that --help explains among the options */
    OPTION_KIND_FLAG,     /* bool */
    OPTION_KIND_TEXT,     /* const char *, borrowed from argv */
    OPTION_KIND_NAME,     /* the same; quotes around it are refused */
    OPTION_KIND_NAMES,    /* the same; or around a part between commas */
    OPTION_KIND_LIST,     /* struct csv_arg; adds */
    OPTION_KIND_CHOICE,   /* an enum of unsigned int: min + the index of the name */
    OPTION_KIND_INTEGER,  /* 64 bits, min to max */
    OPTION_KIND_POSITIVE, /* double above 0 */
    OPTION_KIND_SHARE,    /* double from 0 to 1: "0.01" or "1%" */
    OPTION_KIND_DURATION, /* int64_t, nanoseconds, at least min; without a value it is max */
    OPTION_KIND_TIME,     /* int64_t, nanoseconds since 1970 */
    OPTION_KIND_TIME_MS,  /* the same in milliseconds */
    OPTION_KIND_SETTING,  /* struct config_options: sets `setting`, or what the value says */
    OPTION_KIND_CALL,     /* `apply` gets the whole struct */
};

struct option_row {
    char letter;          /* '\0': none */
    const char *name;     /* NULL: a letter alone */
    const char *argument; /* for people; NULL: takes none; in brackets: may be left out */
    enum option_kind kind;
    size_t offset; /* of the member */
    int64_t min, max;
    const char *const *names;                        /* of a choice; NULL at the end */
    const char *setting;                             /* SECTION.KEY; NULL: the value has it too */
    bool (*apply)(void *command, const char *value); /* false: it has printed why */
    const char *help;                                /* NULL: for tests, not shown to people */
};

/* Offset of a member; does not compile unless that is a `type`. */
#define OPTION_OFFSET(command, member, type)                                                       \
    (offsetof(command, member) - 1 +                                                               \
     1 / __builtin_types_compatible_p(__typeof__(((command *)0)->member), type))
#define OPTION_OF(kind, command, member, type)                                                     \
    kind, OPTION_OFFSET(command, member, type), 0, 0, NULL, NULL, NULL

/* The middle of a row, between `argument` and `help`: {'q', "quiet", NULL, OPTION_FLAG(struct x,
 * is_quiet), "no progress"}. */
#define OPTION_FLAG(command, member)  OPTION_OF(OPTION_KIND_FLAG, command, member, bool)
#define OPTION_TEXT(command, member)  OPTION_OF(OPTION_KIND_TEXT, command, member, const char *)
#define OPTION_NAME(command, member)  OPTION_OF(OPTION_KIND_NAME, command, member, const char *)
#define OPTION_NAMES(command, member) OPTION_OF(OPTION_KIND_NAMES, command, member, const char *)
#define OPTION_LIST(command, member)  OPTION_OF(OPTION_KIND_LIST, command, member, struct csv_arg)
#define OPTION_CHOICE(command, member, type, first, list)                                          \
    OPTION_KIND_CHOICE, OPTION_OFFSET(command, member, type), first, 0, list, NULL, NULL
#define OPTION_INTEGER(command, member, type, min, max)                                            \
    OPTION_KIND_INTEGER, OPTION_OFFSET(command, member, type) - 1 + 1 / (sizeof(type) == 8), min,  \
        max, NULL, NULL, NULL
#define OPTION_POSITIVE(command, member) OPTION_OF(OPTION_KIND_POSITIVE, command, member, double)
#define OPTION_SHARE(command, member)    OPTION_OF(OPTION_KIND_SHARE, command, member, double)
#define OPTION_DURATION(command, member, min, without)                                             \
    OPTION_KIND_DURATION, OPTION_OFFSET(command, member, int64_t), min, without, NULL, NULL, NULL
#define OPTION_TIME(command, member)    OPTION_OF(OPTION_KIND_TIME, command, member, int64_t)
#define OPTION_TIME_MS(command, member) OPTION_OF(OPTION_KIND_TIME_MS, command, member, int64_t)
#define OPTION_SETTING(command, member, key)                                                       \
    OPTION_KIND_SETTING, OPTION_OFFSET(command, member, struct config_options), 0, 0, NULL, key,   \
        NULL
#define OPTION_CALL(function) OPTION_KIND_CALL, 0, 0, 0, NULL, NULL, function

/* Whole rows; OPTIONS_CONFIG is -c and -s, into a struct config_options. */
#define OPTION_HEADING(text)              OPTION_WORD_ROW(OPTION_KIND_HEADING, text, NULL, "")
#define OPTION_WORD(word, argument, help) OPTION_WORD_ROW(OPTION_KIND_WORD, word, argument, help)
#define OPTION_WORD_ROW(kind, word, argument, help)                                                \
    { 0, word, argument, kind, 0, 0, 0, NULL, NULL, NULL, help }
#define OPTIONS_END OPTION_WORD_ROW(OPTION_KIND_END, NULL, NULL, NULL)
#define OPTIONS_CONFIG(command, member)                                                            \
    {'c', NULL, "FILE", OPTION_TEXT(command, member.path), "the configuration, see take5.ini(5)"}, \
    {                                                                                              \
        's', NULL, "SECTION.KEY=VALUE", OPTION_SETTING(command, member, NULL),                     \
            "a setting that overrides file and environment; may be given more than once"           \
    }

#define OPERANDS_ANY INT_MAX
#define OPTIONS_MAX  48 /* rows of a table */

struct command {
    const char *name;
    const char *usage;       /* what stands behind "take5 NAME", a form a line */
    const char *summary;     /* a line */
    const char *description; /* paragraphs with a blank line between them; NULL: none */
    const char *examples;    /* command lines, one a line, "# WHAT" behind each; NULL: none */
    const struct option_row *options; /* the last is OPTIONS_END; NULL: none */
    int min_operands, max_operands;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
    bool is_hidden;                    /* not for people: parses by itself */
};

/*
 * Parses into `*target`; afterwards `*argc` and `*argv` are the operands. False: the command is
 * over, with the exit code in `*code`: of a wrong use, which was reported, or after --help.
 */
bool options_parse(const struct command *command, void *target, int *argc, char ***argv, int *code);

/* The usage, and where to find more, on stderr; gives EXIT_USAGE. */
int usage(const struct command *command);

/* The row as people read it, without its help: "-o, --output FILE". */
void option_row_text(const struct option_row *row, struct text *text);

/* A whole number from min to max; otherwise prints why. For callbacks. */
bool parse_integer_arg(const char *option, const char *text, int64_t min, int64_t max,
                       int64_t *number);

#endif

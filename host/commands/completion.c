#include "commands/completion.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

/* What may stand where a value is wanted. */
enum value { VALUE_NONE, VALUE_FILE, VALUE_DIRECTORY, VALUE_CHOICE, VALUE_OTHER };

static enum value value_of(const struct option_row *row) {
    if (row->argument == NULL)
        return VALUE_NONE;
    if (row->kind == OPTION_KIND_CHOICE)
        return VALUE_CHOICE;
    if (strcmp(row->argument, "FILE") == 0 || strcmp(row->argument, "PATH") == 0)
        return VALUE_FILE;
    return strcmp(row->argument, "DIR") == 0 ? VALUE_DIRECTORY : VALUE_OTHER;
}

static bool is_shown(const struct option_row *row) {
    return row->help != NULL && row->kind != OPTION_KIND_HEADING && row->kind != OPTION_KIND_WORD;
}

/* "[=DURATION]": the value is not the next word. */
static bool is_optional(const struct option_row *row) {
    return row->argument != NULL && row->argument[0] == '[';
}

#define FOR_EACH_ROW(row, command)                                                                 \
    for (const struct option_row *row = (command)->options;                                        \
         row != NULL && row->kind != OPTION_KIND_END; row++)

/* The words that a first operand may be: those that the table explains, or the first ones of the
 * forms of use. */
static void add_words(const struct command *command, struct text *words) {
    FOR_EACH_ROW(row, command) {
        if (row->kind == OPTION_KIND_WORD)
            text_printf(words, "%s%s", words->size > 0 ? " " : "", row->name);
    }
    if (words->size > 0)
        return;
    for (const char *form = command->usage; *form != '\0';) {
        const size_t size = strspn(form, "abcdefghijklmnopqrstuvwxyz|");
        if (size > 0 && words->size > 0)
            text_putc(words, ' ');
        for (size_t i = 0; i < size; i++)
            text_putc(words, form[i] == '|' ? ' ' : form[i]);
        form += strcspn(form, "\n");
        form += *form == '\n';
    }
}

static void add_choices(const struct option_row *row, struct text *text) {
    for (size_t i = 0; row->names[i] != NULL; i++)
        text_printf(text, "%s%s", i > 0 ? " " : "", row->names[i]);
}

/* ---- bash ---- */

/* "-o", "--output", or "-o|--output", as a pattern of `case`. */
static void add_pattern(const struct option_row *row, struct text *text) {
    if (row->letter != '\0')
        text_printf(text, "-%c%s", row->letter, row->name != NULL ? "|" : "");
    if (row->name != NULL)
        text_printf(text, "--%s", row->name);
}

static void add_bash_values(const struct command *command, struct text *text) {
    text_puts(text, "        case $previous in\n");
    FOR_EACH_ROW(row, command) {
        const enum value value = is_shown(row) && !is_optional(row) ? value_of(row) : VALUE_NONE;
        if (value == VALUE_NONE)
            continue;
        text_puts(text, "        ");
        add_pattern(row, text);
        if (value == VALUE_CHOICE) {
            text_puts(text, ") words='");
            add_choices(row, text);
            text_puts(text, "' ;;\n");
        } else {
            text_printf(text, ") files=%s ;;\n",
                        value == VALUE_FILE        ? "-f"
                        : value == VALUE_DIRECTORY ? "-d"
                                                   : "no");
        }
    }
    text_puts(text, "        *) is_value= ;;\n        esac\n");
}

static void add_bash(const struct command *command, struct text *text) {
    struct text words;
    text_init(&words);
    add_words(command, &words);
    text_printf(text, "    %s)\n", command->name);
    add_bash_values(command, text);
    text_puts(text, "        options='");
    FOR_EACH_ROW(row, command) {
        if (!is_shown(row))
            continue;
        if (row->letter != '\0')
            text_printf(text, "-%c ", row->letter);
        if (row->name != NULL)
            text_printf(text, "--%s ", row->name);
    }
    text_printf(text, "-h --help'\n        operands='%s'\n        has_files=%s\n        ;;\n",
                words.data, words.size == 0 && command->max_operands > 0 ? "-f" : "");
    text->is_oom |= words.is_oom;
    text_release(&words);
}

static void write_bash(const struct command *const *commands, struct text *text) {
    text_puts(text, "# bash completion of take5, made by `take5 completion bash`\n"
                    "_take5() {\n"
                    "    local current=${COMP_WORDS[COMP_CWORD]} previous= command=\n"
                    "    local is_value=yes files= words= options= operands= has_files=\n"
                    "    COMPREPLY=()\n"
                    "    (( COMP_CWORD > 1 )) && command=${COMP_WORDS[1]} "
                    "previous=${COMP_WORDS[COMP_CWORD-1]}\n"
                    "    case $command in\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (!commands[i]->is_hidden)
            add_bash(commands[i], text);
    }
    text_puts(text, "    '')\n        is_value= operands='");
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (!commands[i]->is_hidden)
            text_printf(text, "%s ", commands[i]->name);
    }
    text_puts(text, "help'\n        options='-h --help --version'\n        ;;\n"
                    "    *) return ;;\n"
                    "    esac\n"
                    "    if [[ $is_value ]]; then\n"
                    "        [[ $files == no ]] && return\n"
                    "        [[ $files ]] && compopt -o filenames 2>/dev/null\n"
                    "        COMPREPLY=($(compgen $files -W \"$words\" -- \"$current\"))\n"
                    "        return\n"
                    "    fi\n"
                    "    if [[ $current == -* ]]; then\n"
                    "        COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
                    "        return\n"
                    "    fi\n"
                    "    [[ $has_files ]] && compopt -o filenames 2>/dev/null\n"
                    "    COMPREPLY=($(compgen $has_files -W \"$operands\" -- \"$current\"))\n"
                    "}\n"
                    "complete -F _take5 take5\n");
}

/* ---- zsh ---- */

/* Within single quotes, in the square brackets of _arguments. */
static void add_zsh_help(const char *help, struct text *text) {
    for (const char *at = help; *at != '\0'; at++) {
        if (*at == '\'')
            text_puts(text, "'\\''");
        else if (strchr("[]:\\", *at) != NULL)
            text_printf(text, "\\%c", *at);
        else
            text_putc(text, *at == '\n' ? ' ' : *at);
    }
}

static void add_zsh_value(const struct option_row *row, struct text *text) {
    const enum value value = value_of(row);
    if (value == VALUE_NONE)
        return;
    text_puts(text, is_optional(row) ? "::" : ":");
    add_zsh_help(is_optional(row) ? "value" : row->argument, text);
    text_puts(text, ":");
    if (value == VALUE_CHOICE) {
        text_putc(text, '(');
        add_choices(row, text);
        text_putc(text, ')');
    } else if (value != VALUE_OTHER) {
        text_puts(text, value == VALUE_FILE ? "_files" : "_files -/");
    }
}

static void add_zsh_option(const struct option_row *row, const char *name, const char *join,
                           struct text *text) {
    text_printf(text, "            '*%s%s[", name, row->argument != NULL ? join : "");
    add_zsh_help(row->help, text);
    text_puts(text, "]");
    add_zsh_value(row, text);
    text_puts(text, "' \\\n");
}

static void add_zsh(const struct command *command, struct text *text) {
    struct text words;
    char name[64];
    text_init(&words);
    add_words(command, &words);
    text_printf(text, "    %s)\n        _arguments -s -S \\\n", command->name);
    FOR_EACH_ROW(row, command) {
        if (is_shown(row) && row->letter != '\0') {
            snprintf(name, sizeof name, "-%c", row->letter);
            add_zsh_option(row, name, "+", text);
        }
        if (is_shown(row) && row->name != NULL) {
            snprintf(name, sizeof name, "--%s", row->name);
            add_zsh_option(row, name, is_optional(row) ? "=-" : "=", text);
        }
    }
    text_puts(text, "            '(- *)'{-h,--help}'[this text]' \\\n");
    if (words.size > 0)
        text_printf(text, "            '1:what:(%s)' '*:: :_default'\n", words.data);
    else
        text_printf(text, "            %s\n", command->max_operands > 0 ? "'*:file:_files'" : "");
    text_puts(text, "        ;;\n");
    text->is_oom |= words.is_oom;
    text_release(&words);
}

static void write_zsh(const struct command *const *commands, struct text *text) {
    text_puts(text, "#compdef take5\n# zsh completion of take5, made by `take5 completion zsh`\n"
                    "_take5() {\n"
                    "    local -a commands=(\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (commands[i]->is_hidden)
            continue;
        text_printf(text, "        '%s:", commands[i]->name);
        add_zsh_help(commands[i]->summary, text);
        text_puts(text, "'\n");
    }
    text_puts(text, "    )\n"
                    "    if (( CURRENT == 2 )); then\n"
                    "        _describe command commands\n"
                    "        return\n"
                    "    fi\n"
                    "    local command=$words[2]\n"
                    "    shift words\n"
                    "    (( CURRENT-- ))\n"
                    "    case $command in\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (!commands[i]->is_hidden)
            add_zsh(commands[i], text);
    }
    text_puts(text, "    esac\n}\n"
                    "if [[ $funcstack[1] == _take5 ]]; then\n    _take5 \"$@\"\n"
                    "else\n    compdef _take5 take5\nfi\n");
}

bool completion_write(const struct command *const *commands, const char *shell, struct text *text) {
    if (strcmp(shell, "bash") == 0)
        write_bash(commands, text);
    else if (strcmp(shell, "zsh") == 0)
        write_zsh(commands, text);
    else
        return false;
    return true;
}

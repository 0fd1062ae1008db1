#include "roff.h"

#include <stdbool.h>

void roff_text(FILE *file, const char *text) {
    bool is_bold = false;
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '\\':
            fputs("\\e", file);
            break;
        case '-': /* an option or a path, never a hyphen to break at */
            fputs("\\-", file);
            break;
        case '"':
            fputs("\\(dq", file);
            break;
        case '~':
            fputs("\\(ti", file);
            break;
        case '^':
            fputs("\\(ha", file);
            break;
        case '\'':
            fputs("\\(aq", file);
            break;
        case '`':
            is_bold = !is_bold;
            fputs(is_bold ? "\\fB" : "\\fP", file);
            break;
        default:
            fputc(*text, file);
        }
    }
}

void roff_line(FILE *file, const char *text) {
    /* A point or a quote at the beginning of a line is a request. */
    if (*text == '.' || *text == '\'')
        fputs("\\&", file);
    roff_text(file, text);
    fputc('\n', file);
}

void roff_entry(FILE *file, const char *name, const char *rest) {
    fputs(".TP\n\\fB", file);
    roff_text(file, name);
    fputs("\\fP", file);
    roff_text(file, rest);
    fputc('\n', file);
}

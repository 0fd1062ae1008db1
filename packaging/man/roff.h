/*
 * roff.h - texts into the source of a man page.
 */
#ifndef TAKE5_PACKAGING_ROFF_H
#define TAKE5_PACKAGING_ROFF_H

#include <stdio.h>

/* A text within a line: what roff would take for its own is escaped, `...` becomes bold. */
void roff_text(FILE *file, const char *text);
/* As a line of its own, with its line break. */
void roff_line(FILE *file, const char *text);
/* The beginning of an entry of a list: NAME in bold, what follows it as it is. */
void roff_entry(FILE *file, const char *name, const char *rest);

#endif

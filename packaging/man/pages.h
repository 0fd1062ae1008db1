/*
 * pages.h - the parts of the man pages that come from the program's own tables.
 */
#ifndef TAKE5_PACKAGING_PAGES_H
#define TAKE5_PACKAGING_PAGES_H

#include <stdio.h>

/* The usage of every command that people use. */
void pages_synopsis(FILE *file);
/* All of these commands: how each is used, what it is, its options. */
void pages_commands(FILE *file);
/* The variables of the environment. */
void pages_environment(FILE *file);
/* Every section of take5.ini with its keys and defaults. */
void pages_sections(FILE *file);

#endif

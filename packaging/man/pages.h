/*
 * pages.h - the parts of the man pages that come from the program's own tables.
 */
#ifndef TAKE5_PACKAGING_PAGES_H
#define TAKE5_PACKAGING_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The usage of every command that people use. */
void pages_synopsis(FILE *file);
/* The head of a command's part: how it is used, and what it is. False: no such command. */
bool pages_command(FILE *file, const char *name);
/* What the command itself says for --help, as it is. False: it says nothing. */
bool pages_help(FILE *file, const char *name);
/* Names of the commands for which pages_command() was not called; NULL at the end. */
const char *pages_command_left(size_t index);
/* The variables of the environment. */
void pages_environment(FILE *file);
/* Every section of take5.ini with its keys and presets. */
void pages_sections(FILE *file);

#endif

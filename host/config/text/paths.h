/*
 * config/text/paths.h - absolute paths, and where things lie when nothing is configured. Texts
 * that are given are the caller's, free() them; NULL: no memory.
 */
#ifndef TAKE5_CONFIG_TEXT_PATHS_H
#define TAKE5_CONFIG_TEXT_PATHS_H

#include <stdbool.h>

/* The path seen from a directory (NULL: the working directory), without "//" and "/./". A ".." is
 * left alone: what it means depends on links. */
char *path_absolute(const char *directory, const char *path);
/* The directory part: "." for a bare name. */
char *path_directory(const char *path);
char *path_join(const char *directory, const char *name);

/* Value of a variable out of an environment (may be NULL), or NULL. An empty one counts as unset,
 * as compose files pass variables that nobody gave. */
const char *environment_value(const char *const *environment, const char *name);

enum path_home { PATH_HOME_RUN = 1, PATH_HOME_STATE, PATH_HOME_CACHE };

/* Where a service keeps such files, or, when `is_private`, a user without root. */
char *path_home(enum path_home home, bool is_private, const char *const *environment);

#endif

/*
 * commands/authoring/new_files.h - what `take5 new` writes, as it stands in sdk/template/new: part
 * of this program, so that it is there wherever the program is.
 *
 * In a text @NAME@ stands for the strategy's name, @LANGUAGE@ for CMake's word for its language,
 * @STANDARD@ for the year of its standard, @EXTENSION@ for the ending of its sources.
 */
#ifndef TAKE5_COMMANDS_AUTHORING_NEW_FILES_H
#define TAKE5_COMMANDS_AUTHORING_NEW_FILES_H

#include <stddef.h>

enum new_language { NEW_C = 1, NEW_CXX, NEW_PYTHON };

struct new_file {
    const char *name;       /* with the same placeholders; relative to the new folder */
    unsigned languages;     /* bits 1 << enum new_language */
    const char *text, *end; /* not NUL-terminated */
};

/* NULL-named at the end. */
extern const struct new_file new_files[];

#endif

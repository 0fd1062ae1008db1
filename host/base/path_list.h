/*
 * base/path_list.h - several paths in one text, "/a, /b", as a setting has them.
 */
#ifndef TAKE5_BASE_PATH_LIST_H
#define TAKE5_BASE_PATH_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Takes the first path off `*rest`, without the blanks around it; it points into the text. False:
 * there is none left. Empty ones are passed over. */
bool path_list_next(const char **rest, const char **path, size_t *size);

#endif

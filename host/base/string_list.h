/*
 * base/string_list.h - lists of strings that end with NULL; the list and its strings are the
 * heap's.
 */
#ifndef TAKE5_BASE_STRING_LIST_H
#define TAKE5_BASE_STRING_LIST_H

#include <stddef.h>

/* Of NULL: 0. */
size_t string_list_count(char *const *list);
/* A copy of the list and its strings; of NULL: an empty list. NULL: no memory. */
char **string_list_copy(char *const *list);
/* NULL is allowed. */
void string_list_free(char **list);

#endif

#include "base/string_list.h"

#include <stdlib.h>
#include <string.h>

size_t string_list_count(char *const *list) {
    size_t count = 0;
    while (list != NULL && list[count] != NULL)
        count++;
    return count;
}

char **string_list_copy(char *const *list) {
    const size_t count = string_list_count(list);
    char **copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = strdup(list[i]);
        if (copy[i] == NULL) {
            string_list_free(copy);
            return NULL;
        }
    }
    return copy;
}

void string_list_free(char **list) {
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        free(list[i]);
    free(list);
}

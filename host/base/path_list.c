#include "base/path_list.h"

#include <string.h>

bool path_list_next(const char **rest, const char **path, size_t *size) {
    while (**rest != '\0') {
        const char *begin = *rest + strspn(*rest, " \t");
        const char *comma = begin + strcspn(begin, ",");
        const char *end = comma;
        while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        *rest = *comma == ',' ? comma + 1 : comma;
        *path = begin;
        *size = (size_t)(end - begin);
        if (*size > 0)
            return true;
    }
    return false;
}

#include "conformance/heap.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#else
#define HAS_SANITIZER 0
#endif

#define LIBRARY "libc_malloc_debug.so.0"
/* Ask the same of glibc before and after 2.34; abort at the first finding, with a line. */
#define ASK_OLD "MALLOC_CHECK_=3"
#define ASK_NEW "GLIBC_TUNABLES=glibc.malloc.check=3"

/* Beside the libc that this process has; the path's size, 0 when it is not there. */
static size_t find_library(char *path, size_t size) {
    Dl_info libc;
    if (dladdr((const void *)gnu_get_libc_version, &libc) == 0 || libc.dli_fname == NULL)
        return 0;
    const char *slash = strrchr(libc.dli_fname, '/');
    if (slash == NULL)
        return 0;
    const int written =
        snprintf(path, size, "%.*s/" LIBRARY, (int)(slash - libc.dli_fname), libc.dli_fname);
    if (written < 0 || (size_t)written >= size || access(path, R_OK) != 0)
        return 0;
    return (size_t)written;
}

static bool is_named(const char *variable, const char *name) {
    const size_t size = strlen(name);
    return strncmp(variable, name, size) == 0 && variable[size] == '=';
}

/* How many variables; SIZE_MAX when one of them wants a say in the allocator itself. */
static size_t count_variables(char **environment) {
    size_t count = 0;
    for (; environment[count] != NULL; count++)
        if (is_named(environment[count], "LD_PRELOAD") ||
            is_named(environment[count], "GLIBC_TUNABLES") ||
            is_named(environment[count], "MALLOC_CHECK_"))
            return SIZE_MAX;
    return count;
}

char **conformance_heap_environment(char **environment) {
    char path[4096];
    const size_t path_size = find_library(path, sizeof path);
    const size_t count = count_variables(environment);
    if (HAS_SANITIZER || path_size == 0 || count == SIZE_MAX)
        return NULL;
    /* One block: the list, and behind it the text that is made here. */
    const size_t text_size = strlen("LD_PRELOAD=") + path_size + 1;
    char **list = malloc((count + 4) * sizeof *list + text_size);
    if (list == NULL)
        return NULL;
    char *preload = (char *)(list + count + 4);
    (void)snprintf(preload, text_size, "LD_PRELOAD=%s", path);
    memcpy(list, environment, count * sizeof *list);
    list[count] = preload;
    list[count + 1] = (char *)ASK_OLD;
    list[count + 2] = (char *)ASK_NEW;
    list[count + 3] = NULL;
    return list;
}

/*
 * Case: libraries that a reload does not renew, for they are the process's and not the strategy's.
 */
#include "conformance/cases/cases.h"
#include "conformance/cases/harness.h"

#include <link.h>
#include <string.h>

#define MESSAGES 60

struct listing {
    struct case_context *context;
    const struct generation *generation;
    size_t number;
};

/* What the system has is everybody's, and renewed by a restart as a rule. */
static bool is_of_the_system(const char *path) {
    static const char *const places[] = {"/lib/",       "/lib64/",       "/usr/lib/",
                                         "/usr/lib64/", "/usr/libexec/", "/usr/local/lib/"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strncmp(path, places[i], strlen(places[i])) == 0)
            return true;
    return false;
}

/* The copy of the file, and its own libraries' beside it. */
static bool is_of_the_generation(const char *path, const struct generation *generation) {
    const char *slash = strrchr(generation->cache_path, '/');
    const size_t size = slash != NULL ? (size_t)(slash + 1 - generation->cache_path) : 0;
    return size > 0 && strncmp(path, generation->cache_path, size) == 0;
}

static int look(struct dl_phdr_info *info, size_t size, void *context) {
    struct listing *listing = context;
    (void)size;
    if (listing->number++ < listing->context->libraries_before || info->dlpi_name[0] != '/' ||
        is_of_the_system(info->dlpi_name) ||
        is_of_the_generation(info->dlpi_name, listing->generation))
        return 0;
    case_note(listing->context,
              "uses %s, which does not lie beside it: all strategies share it, and a reload does "
              "not renew it; put it next to the strategy's file, or link it statically",
              info->dlpi_name);
    return 0;
}

static int count(struct dl_phdr_info *info, size_t size, void *context) {
    (void)info;
    (void)size;
    ++*(size_t *)context;
    return 0;
}

size_t case_libraries_loaded(void) {
    size_t loaded = 0;
    (void)dl_iterate_phdr(count, &loaded);
    return loaded;
}

/* Some are opened only when they are needed. */
void conformance_libraries(struct case_context *context, const char *argument) {
    struct fixture fixture;
    struct listing listing = {.context = context, .generation = context->generation};
    (void)argument;
    if (fixture_init_mixed(&fixture, context, MESSAGES)) {
        struct harness harness;
        if (harness_open(&harness, context, &fixture.setup, 0)) {
            harness_activate(&harness, true);
            harness_feed_all(&harness, &fixture.script, 0, fixture.script.count);
            (void)dl_iterate_phdr(look, &listing);
        }
        harness_release(&harness);
    }
    fixture_release(&fixture);
}

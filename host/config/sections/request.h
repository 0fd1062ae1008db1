/*
 * config/sections/request.h - what a configuration is to be made from.
 */
#ifndef TAKE5_CONFIG_SECTIONS_REQUEST_H
#define TAKE5_CONFIG_SECTIONS_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

/* The file of places that are on the command line. */
#define CONFIG_COMMAND_LINE "command line"

/* One of the command line's `-s SECTION.KEY=VALUE`. */
struct config_override {
    const char *section;
    const char *key;
    const char *value;
    /* The file of its place, which paths of FILE parameters are seen from; it outlives the
     * configuration. NULL: CONFIG_COMMAND_LINE. */
    const char *origin;
};

struct config_request {
    /* The main file. Every .ini in the strategies.d beside it is read after it, in order of their
     * names; those may hold nothing but [strategy:NAME]. Then every .ini in take5.d, which may hold
     * anything, and replaces key by key what was read before. In their values, variables of the
     * environment are replaced (config/text/interpolation.h). NULL: no file, defaults and
     * environment alone. */
    const char *path;
    const char *const *environment; /* like environ; NULL: none */
    const struct config_override *overrides;
    size_t override_count;
    /* Directories that nobody set are the user's own, as they are without root and without a file,
     * so that a demo never meets a service's files. */
    bool is_demo;
    /* What the worker of that name sees of it (config/sections/workers.h); NULL: the whole. */
    const char *worker;
    /* A file of config/in_force.h, which stands for the ini files: they were judged, also whether
     * others could have written them, when it was written. NULL: they are read. */
    const char *in_force;
    /* Files that others could have written are errors (os/trust.h), unless [take5] strict_modes
     * is no: for a caller that is about to carry them out. */
    bool is_trusting_nobody;
    /* For config_control_read(): a file that may not be read is passed over. */
    bool is_path_optional;
};

#endif

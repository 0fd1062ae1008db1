/*
 * strategy/plugin/description.h - what a strategy declares, checked and copied into host
 * memory.
 */
#ifndef TAKE5_STRATEGY_PLUGIN_DESCRIPTION_H
#define TAKE5_STRATEGY_PLUGIN_DESCRIPTION_H

#include "base/error.h"
#include "base/faults.h"
#include "base/hash.h"
#include "config/config.h"

#include <take5/strategy.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct description_parameter {
    enum t5_parameter_type type;
    char *name, *help;
    char *default_value, *min, *max; /* NULL: none */
};

struct description {
    char *name, *version, *summary;
    enum t5_scope scope;
    uint32_t state_version;
    char **topics; /* roles */
    size_t topic_count;
    char **fields; /* well-formed paths */
    size_t field_count;
    struct description_parameter *parameters;
    size_t parameter_count;
    char **series; /* names */
    size_t series_count;
    int64_t warm_up_ns;
    enum t5_side side;
    bool has_describe;
    bool has_save, has_load;
    bool is_described; /* the members above already include describe()'s answer */
};

/*
 * Checks the descriptor in full (sizes first: it may be an older minor's) and copies it. All faults
 * are listed, each with the path as its place. `name` and `version` must agree with the note's.
 * NULL when there is a fault.
 */
struct description *description_new(const t5_strategy *descriptor, const char *path,
                                    const char *note_name, const char *note_version,
                                    struct faults *faults);

/* For a strategy with describe(): calls it with the settings, of the section at `place`, and gives
 * the description that they lead to. Runs the strategy's code. NULL with faults. */
struct description *description_describe(const struct description *description,
                                         const t5_strategy *descriptor,
                                         const struct config_items *settings, struct place place,
                                         struct faults *faults);

/* A deep copy. NULL when memory runs out. */
struct description *description_copy(const struct description *description);
void description_free(struct description *description);

/* NULL: the description declares none of that name. */
const struct description_parameter *parameters_find(const struct description *description,
                                                    const char *name);

/* A path of a FILE parameter as seen from the folder of the ini file that names it (NULL: from the
 * working directory); free() it. NULL when memory runs out. */
char *parameters_absolute_path(const char *path, const char *ini);

/* A deployment's parameters, checked against the declaration. */
struct parameter_value {
    char *name;
    char *text;     /* as written, or the default */
    t5_value value; /* text in it points to `text`, or for FILE to the absolute path */
    char content[HASH_TEXT_SIZE]; /* hash of the file's content; "": it is none */
};

struct parameters {
    struct parameter_value *items; /* in the order of the declaration */
    size_t count;
    struct hash hash; /* of all names and values, and of the content of files */
};

/* Unknown names (with the near miss), bad values, values out of bounds and required ones that are
 * missing are faults at their file and line. False when there is one. */
bool parameters_check(const struct description *description,
                      const struct config_deployment *deployment, struct parameters *parameters,
                      struct faults *faults);
void parameters_release(struct parameters *parameters);

#endif

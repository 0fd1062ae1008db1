/*
 * A folder of files, an environment and a command line, and what config_load() makes of them.
 */
#ifndef TAKE5_TESTS_CONFIG_SCENE_H
#define TAKE5_TESTS_CONFIG_SCENE_H

#include "base/faults.h"
#include "base/text.h"
#include "config/config.h"

struct scene {
    char directory[64];
    char path[128]; /* take5.ini in it */
    struct faults faults;
    struct config *config;
    char *all; /* every fault, one a line, "warning: " before those that are; the folder cut off */
};

/* Makes the folder, empty. */
void scene_open(struct scene *scene);
void scene_close(struct scene *scene);

/* Writes a file; the name may have folders. */
void scene_write(struct scene *scene, const char *name, const char *content);
/* The file's path; in static memory. */
const char *scene_path(const struct scene *scene, const char *name);

/* Loads take5.ini. `environment` and `overrides` ("section.key=value", where the key begins after
 * the section's last dot that is given as '|': "kafka|client.id=x") end with NULL; may be NULL. */
struct config *scene_load(struct scene *scene, const char *const *environment,
                          const char *const *overrides);
/* As scene_load with this content of take5.ini and nothing else. */
struct config *scene_load_text(struct scene *scene, const char *content);

/* Loads this content, demands failure, and that the faults are exactly these lines, in order. */
void scene_refuse(struct scene *scene, const char *content, const char *faults);

/* What config_print() says; free() it. */
char *scene_print(const struct config *config);
/* The value of a line of it, "section.key"; static memory; "" with a failed test when it is not
 * there. With its origin. */
const char *scene_setting(const struct config *config, const char *name);

#endif

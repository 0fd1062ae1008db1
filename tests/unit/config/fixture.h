/*
 * A folder of files, an environment and a command line, and what config_load() makes of them.
 */
#ifndef TAKE5_TESTS_CONFIG_FIXTURE_H
#define TAKE5_TESTS_CONFIG_FIXTURE_H

#include "base/faults.h"
#include "base/text.h"
#include "config/config.h"

struct fixture {
    char directory[64];
    char path[128]; /* take5.ini in it */
    struct faults faults;
    struct config *config;
    char *all; /* every fault, one a line, "warning: " before those that are; the folder cut off */
};

/* Makes the folder, empty. */
void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);

/* Writes a file; the name may have folders. */
void fixture_write(struct fixture *fixture, const char *name, const char *content);
/* The file's path; in static memory. */
const char *fixture_path(const struct fixture *fixture, const char *name);

/* Loads take5.ini. `environment` and `overrides` ("section.key=value", where the key begins after
 * the section's last dot that is given as '|': "kafka|client.id=x") end with NULL; may be NULL. */
struct config *fixture_load(struct fixture *fixture, const char *const *environment,
                            const char *const *overrides);
/* As fixture_load with this content of take5.ini and nothing else. */
struct config *fixture_load_text(struct fixture *fixture, const char *content);

/* Loads this content, demands failure, and that the faults are exactly these lines, in order. */
void fixture_refuse(struct fixture *fixture, const char *content, const char *faults);

/* What config_print() says; free() it. */
char *fixture_print(const struct config *config);
/* The value of a line of it, "section.key"; static memory; "" with a failed test when it is not
 * there. With its origin. */
const char *fixture_setting(const struct config *config, const char *name);
/* The deployment of this name; a failed test when there is none. */
const struct config_deployment *fixture_deployment(const struct fixture *fixture, const char *name);
/* Neither the faults nor what config_print() prints contain the secret. */
void fixture_expect_hidden(const struct fixture *fixture, const char *secret);

#endif

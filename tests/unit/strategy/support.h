/*
 * What the tests of this room share: files in a scratch directory, faults as one text, and a probe
 * strategy of which each callback is the test's to set.
 */
#ifndef TAKE5_TESTS_STRATEGY_SUPPORT_H
#define TAKE5_TESTS_STRATEGY_SUPPORT_H

#include "base/clock.h"
#include "base/faults.h"
#include "base/text.h"
#include "message/projection.h"
#include "message/symbols.h"
#include "strategy/instance/instance.h"
#include "strategy/instance/state.h"
#include "strategy/plugin/description.h"

#include <take5/take5.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECOND NS_PER_S

/* The path of a strategy under tests/plugins, in the build. Valid until the next call but seven. */
const char *plugin_path(const char *name);

/* A directory of this test, made at the first call and removed, with what is in it, at exit. */
const char *scratch_directory(void);
/* A path in it. Valid until the next call but seven. */
const char *scratch_path(const char *name);
void write_file(const char *path, const void *bytes, size_t size);
/* NULL when it cannot be read; free with free(). */
char *read_file(const char *path, size_t *size);

/* All faults, one a line, "warning: " before warnings. Releases them. Free with free(). */
char *take_faults(struct faults *faults);

/* The one probe of a test. What is NULL answers T5_OK. Texts that callbacks put into `trace` are
 * compared at the end. */
struct probe {
    t5_host *host;
    struct text trace;
    int32_t (*create)(const t5_create_args *args);
    int32_t (*load)(const t5_load_args *args);
    void (*activate)(const t5_activate_args *args);
    void (*deactivate)(void);
    int32_t (*on_message)(const t5_message *message);
    int32_t (*on_timer)(const t5_timer *timer);
    void (*on_event)(const t5_event *event);
    int32_t (*save)(const t5_save_args *args);
    int destroyed;
};
extern struct probe probe;

/* A deployment of the probe, on partition 3 in mode LIVE, and what it is wired to. */
struct fixture {
    t5_strategy descriptor;
    struct description *description;
    struct parameters parameters;
    struct instance_spec spec;
    struct instance_env env;
    struct symbols *symbols;
    struct projection *projection;
    struct current_call current_call;
    struct instance *instance;
    struct text emitted; /* "name symbol time value confidence data" a line */
    int wakes;
    uint64_t ticks;
};

/* Everything but the instance: change descriptor, env or settings before the next call. */
void fixture_init(struct fixture *fixture);
/* Describes and creates; NULL with the error when create refuses. */
struct instance *fixture_create(struct fixture *fixture, struct error *error);
/* Both, and activate. */
void fixture_start(struct fixture *fixture);
void fixture_release(struct fixture *fixture);

/* A message of the symbol at that event time, with more set through `message`. */
t5_message fixture_message(struct fixture *fixture, const char *symbol, int64_t event_time_ns);
/* Gives it one. */
int32_t fixture_give(struct fixture *fixture, const char *symbol, int64_t event_time_ns);

#endif

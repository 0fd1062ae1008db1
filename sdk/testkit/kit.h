/*
 * The test kit inside: one strategy, at most one instance, and what it emitted, published, logged.
 *
 * The instance is the host's own (strategy/instance/instance.h). Between it and the strategy stand
 * two thin layers of the kit: a copy of the descriptor whose callbacks note what the real ones
 * answer (callbacks.c), and a copy of the services' table whose functions count, fail on demand and
 * pass on (services.c). allocations.c lets allocations of the strategy's file fail.
 */
#ifndef TAKE5_TESTKIT_KIT_H
#define TAKE5_TESTKIT_KIT_H

#include "base/text.h"
#include "log/log.h"
#include "message/decode.h"
#include "message/symbols.h"
#include "strategy/instance/instance.h"
#include "strategy/instance/state.h"
#include "strategy/plugin/description.h"

#include <take5/testkit.h>

#include <pthread.h>
#include <stdbool.h>

/* An instance with what decodes for it. */
struct running {
    struct instance *instance; /* NULL: none */
    struct projection *projection;
    struct decoder *decoder;
    t5_value *slots; /* of a typed message */
};

/* Pointers to structs of one kind, each allocated by itself: addresses hold. */
struct kit_list {
    void **items;
    size_t count, capacity;
};

/* The services as the strategy sees them; first, so that a handle leads to its kit. */
struct kit_services {
    t5_services table;
    t5_kit *kit;
};

struct t5_kit {
    struct kit_services services;
    const t5_services *host_services; /* where they pass on to */

    /* The strategy. */
    const t5_strategy *original;
    t5_strategy real;                /* the descriptor as far as it goes; the rest NULL */
    t5_strategy wrapped;             /* what the instance gets */
    struct description *descriptor;  /* as the file has it */
    struct description *description; /* as the settings make it; may be `descriptor` */
    char *path;

    /* How to start it. */
    uint32_t mode;
    int32_t partition;
    char *deployment_name;
    struct config_deployment deployment;
    size_t setting_capacity;
    struct state made_up;
    bool has_made_up;
    struct parameters parameters;
    bool has_parameters;
    struct instance_spec spec;

    /* The instance at work. */
    struct running now;
    struct symbols *symbols;
    int64_t *offsets; /* next one by topic of the description */
    int64_t wall_ns;
    bool is_tick; /* the current message is the kit's own, to move the clock */
    bool is_timer;
    int64_t offset_current_call;
    _Atomic bool is_wake_wanted;
    struct state saved; /* by the last save */

    /* What it emitted, published, logged. The lock is of `lines`: its threads log too. */
    struct kit_list signals, points, lines, errors;
    pthread_mutex_t lock;
    struct log *log; /* what the host says, into a file of memory */
    int log_file;
    char host_line[1024]; /* the last */
    char reason[1024];    /* given by fail() in the current callback */
    char problem[2048];

    /* Faults. */
    _Atomic uint64_t service_calls[T5_KIT_SERVICES]; /* log and wake come from any thread */
    _Atomic uint64_t service_fails_at[T5_KIT_SERVICES];
    uint64_t allocations;
    uint64_t allocation_fails_at;
    bool is_hooked;
    int callbacks; /* depth: in the strategy's code */
    int services_current_call;
};

/* The kit whose call runs on this thread. */
extern _Thread_local t5_kit *kit_current;

/* Sets the problem and gives the code. */
int32_t kit_problem(t5_kit *kit, int32_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int32_t kit_problem_of(t5_kit *kit, int32_t code, const struct error *error);
int32_t kit_problem_faults(t5_kit *kit, int32_t code, struct faults *faults);

/* Marks the begin and the end of a call of the kit that runs the strategy. */
void kit_enter(t5_kit *kit);
void kit_leave(t5_kit *kit);

/* callbacks.c */
void kit_wrap(t5_kit *kit);

/* services.c */
void kit_services_init(t5_kit *kit);

/* results.c */
void kit_add_line(t5_kit *kit, int32_t level, bool is_host, const char *text, size_t size);
void kit_add_error(t5_kit *kit, int32_t code, const char *callback);
bool kit_add_signal(void *context, struct instance *instance, const struct emitted_signal *emitted);
bool kit_add_point(void *context, struct instance *instance, const struct published_point *point);
/* Takes over what the host logged. True when there was something. */
bool kit_drain_log(t5_kit *kit);
bool kit_results_init(t5_kit *kit);
void kit_results_release(t5_kit *kit);

/* running.c */
bool kit_running_make(t5_kit *kit, struct running *running, struct error *error);
void kit_running_free(t5_kit *kit, struct running *running);
int32_t kit_begin(t5_kit *kit, const struct state *state);

/* allocations.c */
bool kit_hook_allocations(const void *code_address);

#endif

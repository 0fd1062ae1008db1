/*
 * take5/strategy.h - the descriptor: everything that the host knows of a strategy, as data.
 *
 * The life of an instance, always in this order, never two calls at once for one instance:
 *
 *   create -> [load] -> activate -> (on_message | on_timer | on_event | save)* -> deactivate
 *          -> destroy
 *
 * `create` and `load` may refuse and have no effect outside the instance; an instance may be
 * destroyed without ever being activated. `activate` cannot fail and is where threads and sockets
 * begin; `deactivate` is where they end: a strategy joins its own threads there.
 * create and destroy run on a loader thread, everything else on the instance's lane: what one call
 * wrote the next one sees, but thread-local storage is not kept. Instances may run on several lanes
 * at once, so a strategy has no writable statics.
 * No exception and no longjmp may leave a callback.
 */
#ifndef TAKE5_STRATEGY_H
#define TAKE5_STRATEGY_H

#include "codes.h"
#include "event.h"
#include "host.h"
#include "message.h"
#include "parameter.h"
#include "state.h"
#include "timer.h"
#include "version.h"

#ifdef __cplusplus
extern "C" {
#endif

enum t5_scope {
    T5_SCOPE_KEYED = 1, /* relates messages of one symbol only: an instance for each partition
                           number, spread over lanes and hosts */
    T5_SCOPE_GLOBAL = 2 /* must see everything: one instance; needs a host with one lane */
};

/* How the signals of a strategy are read as positions, by what judges them (take5 evaluate). */
enum t5_side {
    T5_SIDE_NONE = 1,  /* they are none; 0 in the descriptor counts as this */
    T5_SIDE_VALUE = 2, /* by the sign of `value`: long above 0, short below, flat at 0 */
    T5_SIDE_NAMED = 3  /* by the number that is called "side" among what the signal carries */
};

/* What create gets. Valid until create returns, but for `host`. */
typedef struct t5_create_args {
    uint32_t size;
    uint32_t mode;     /* enum t5_mode */
    t5_host *host;     /* this instance's handle: keep it */
    t5_str deployment; /* NAME of its [strategy:NAME] section */
    int32_t partition; /* partition number, or -1 for GLOBAL */
    uint32_t reserved;
} t5_create_args;

typedef struct t5_activate_args {
    uint32_t size;
    uint32_t mode; /* enum t5_mode */
} t5_activate_args;

/* A parameter as the deployment set it. Frozen: it lies in arrays. */
typedef struct t5_setting {
    t5_str name;
    t5_str text;
} t5_setting;

typedef struct t5_describe_args {
    uint32_t size;
    uint32_t setting_count;
    const t5_setting *settings; /* what the ini section holds, unchecked; of a FILE parameter that
                                   the descriptor declares, the absolute path */
    const t5_str *folders; /* absolute directories that relative paths are seen from: one a setting,
                              where it stands, and behind these one for default values */
} t5_describe_args;

/* For describe: what the settings make of a parameter of type DURATION, its default without one;
 * ns. 0 when that is no duration: the host refuses it, and reports where it is set. */
static inline int64_t t5_setting_duration(const t5_describe_args *args,
                                          const t5_parameter *parameter) {
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"d", 86400e9}, {"h", 3600e9}, {"m", 60e9}, {"s", 1e9},
                 {"ms", 1e6},    {"us", 1e3},   {"ns", 1}};
    t5_str text = t5_text(parameter->default_value);
    double number = 0, place = 0;
    size_t at = 0;
    for (uint32_t i = 0; i < args->setting_count; i++)
        if (t5_str_equal(args->settings[i].name, t5_text(parameter->name)))
            text = args->settings[i].text;
    for (; at < text.len &&
           ((text.data[at] >= '0' && text.data[at] <= '9') || (text.data[at] == '.' && place == 0));
         at++) {
        if (text.data[at] == '.') {
            place = 1;
            continue;
        }
        number = 10 * number + (text.data[at] - '0');
        place *= 10;
    }
    text.data += at;
    text.len -= at;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        const double ns = place > 0 ? number * units[i].ns / place : number * units[i].ns;
        if (at > 0 && ns < 9e18 && t5_str_equal(text, t5_text(units[i].name)))
            return (int64_t)ns;
    }
    return 0;
}

/* The answer of describe; NULL and 0 leave what the descriptor says. All of it must stay valid
 * until the next describe. */
typedef struct t5_description {
    uint32_t size;
    uint32_t scope;
    const char *version;
    const char *const *topics;
    const char *const *fields;
    const t5_parameter *const *parameters;
    uint32_t state_version;
    uint32_t side;     /* enum t5_side */
    const char *error; /* with T5_ERROR: why these settings will not do */
    int64_t warm_up_ns;
    const char *const *series;
} t5_description;

/*
 * The descriptor. Lists end with NULL; a NULL list is empty. Callbacks that are not needed stay
 * NULL, but for create, destroy and on_message.
 */
typedef struct t5_strategy {
    uint32_t size;
    uint32_t flags;      /* none yet: 0 */
    const char *name;    /* [a-z][a-z0-9_-]*, at most 63 bytes: what ini sections call `plugin` */
    const char *version; /* at most 31 bytes, such as "1.2.0" */
    const char *summary; /* one line for `take5 list` */

    const char *const *topics; /* roles wanted: "bar_trends", "historic_stats", "asset_trends", or
                                  the NAME of a [topic:NAME] section; at least one */
    uint32_t scope;            /* enum t5_scope; 0 counts as KEYED */
    uint32_t state_version;    /* of the records that save writes; 0 when it saves nothing */

    /* Paths into the message: steps divided by dots; `a.b|c.d` takes the first that is there; a
     * backslash takes the sign after it as it is; digits are an index in an array and a name in an
     * object. */
    const char *const *fields;
    const t5_parameter *const *parameters;

    /* How much history an instance without state wants before its work begins, by the time of the
     * Kafka records; 0: none. What its windows look back, and no more. With windows that parameters
     * set, describe answers it (t5_setting_duration()). The deployment's `warm_up` goes before it.
     * These messages carry T5_MESSAGE_HISTORY; signals about them are accepted and dropped. */
    int64_t warm_up_ns;

    /* Names of the series that it publishes: as a signal's name. */
    const char *const *series;
    uint32_t side; /* enum t5_side; 0: its signals are no positions */
    uint32_t reserved;

    /* Optional: what depends on the settings: warm-up, and in bridges to other languages topics,
     * scope, fields and parameters. No instance exists; the loader thread calls it. */
    int32_t (*describe)(const t5_describe_args *args, t5_description *description);

    /* Makes an instance and puts it into `*self`, which every later call gets. T5_ERROR with
     * t5_fail() refuses: nothing is left behind, destroy is not called. Loader thread. */
    int32_t (*create)(const t5_create_args *args, void **self);

    /* Frees the instance. Loader thread. */
    void (*destroy)(void *self);

    /* Takes over saved state by t5_record_read(). Called at most once, before activate; without
     * state to take over it is not called. T5_ERROR refuses: the instance is destroyed and the
     * version that runs goes on. Without load, saved state is dropped, and the log says so. Lane.
     */
    int32_t (*load)(void *self, const t5_load_args *args);

    /* The instance goes to work. Lane. */
    void (*activate)(void *self, const t5_activate_args *args);

    /* Its work ends; no call but destroy follows. Lane. */
    void (*deactivate)(void *self);

    /* One message of a topic wanted. T5_OK; T5_ERROR is counted and logged; T5_REJECT puts the
     * message into the dead letters. Lane. */
    int32_t (*on_message)(void *self, const t5_message *message);

    /* A timer that is due. T5_OK or T5_ERROR. Lane. */
    int32_t (*on_timer)(void *self, const t5_timer *timer);

    /* Something happened to the instance. Lane. */
    void (*on_event)(void *self, const t5_event *event);

    /* Writes the state by t5_record_write() and changes nothing. May come between any two other
     * calls. T5_ERROR: the reload is given up. Lane. */
    int32_t (*save)(void *self, const t5_save_args *args);
} t5_strategy;

#ifdef __cplusplus
}
#endif

#endif

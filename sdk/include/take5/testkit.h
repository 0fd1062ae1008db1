/*
 * take5/testkit.h - a host for tests: one strategy, one instance, in the test's own process.
 *
 * Link with libtake5-testkit.a (pkg-config: take5-testkit; CMake: find_package(take5-testkit), then
 * take5::testkit). Use any test framework, or none:
 *
 *   t5_kit *kit = t5_kit_new();
 *   assert(t5_kit_open(kit, "build/spread.so") == T5_OK);   // or t5_kit_use(kit, &take5_strategy)
 *   t5_kit_set(kit, "threshold", "0.5");                    // as an ini file would
 *   assert(t5_kit_start(kit) == T5_OK);                     // create, activate
 *   t5_kit_json(kit, "bar_trends", "{\"symbol\":\"QQQ\",\"timestamp\":\"2024-06-17T21:15:30Z\","
 *                                  "\"price\":485.23}");
 *   assert(t5_kit_signal_count(kit) == 1);
 *   assert(t5_kit_signal_at(kit, 0)->value > 0);
 *   t5_kit_free(kit);                                       // deactivate, destroy
 *
 * It is not an imitation: the file is checked, messages are decoded, timers fire and signals are
 * judged by the host's own code.
 *
 * Calls answer enum t5_code, or enum t5_kit_code where it says so; t5_kit_problem() says in words
 * what was wrong. NULL for a kit is not allowed but in t5_kit_free(). One thread a kit, all its
 * life; kits of several threads do not disturb one another. Texts and structs that are handed out
 * live until the next t5_kit_clear() or t5_kit_free().
 */
#ifndef TAKE5_TESTKIT_H
#define TAKE5_TESTKIT_H

#include "take5.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct t5_kit t5_kit;

/* What else than enum t5_code the giving of a message can come to. */
enum t5_kit_code {
    T5_KIT_BAD_MESSAGE = 101, /* the host would put it into the dead letters, unseen */
    T5_KIT_NOT_WANTED = 102,  /* the strategy does not want this topic */
    T5_KIT_MISUSE = 103       /* not in this state of the kit, or an argument is wrong */
};

/* ---- a kit and its strategy ---- */

/* NULL when memory runs out. */
t5_kit *t5_kit_new(void);
/* Stops the instance if there is one. */
void t5_kit_free(t5_kit *kit);

/* Takes the strategy of a file: checks it as the host would (ELF, note, ABI, descriptor), and loads
 * it. The file stays mapped. */
int32_t t5_kit_open(t5_kit *kit, const char *path);
/* Takes a strategy that is linked into the test, checked likewise. `strategy` outlives the kit. */
int32_t t5_kit_use(t5_kit *kit, const t5_strategy *strategy);

/* What was wrong with the last call that did not answer T5_OK; empty when there was none. */
const char *t5_kit_problem(const t5_kit *kit);

/* ---- before it starts ---- */

/* Sets a parameter, text as in an ini file. Names and values are checked when it starts. */
int32_t t5_kit_set(t5_kit *kit, const char *name, const char *text);
/* Defaults: T5_MODE_REPLAY, partition 0, the strategy's name. */
int32_t t5_kit_set_mode(t5_kit *kit, uint32_t mode);
int32_t t5_kit_set_partition(t5_kit *kit, int32_t partition);
int32_t t5_kit_set_deployment(t5_kit *kit, const char *name);
/* A record of a made-up state: the instance starts by loading all that were added, in the order of
 * their coming. `symbol` NULL: none. `state_version`: of the strategy that shall have written it.
 */
int32_t t5_kit_add_record(t5_kit *kit, uint32_t state_version, const char *symbol, const void *data,
                          size_t size);

/* create, [load], activate. T5_ERROR: bad parameters, or create or load refused. */
int32_t t5_kit_start(t5_kit *kit);
/* create, load of what t5_kit_save() gave (of this or another version of the strategy), activate.
 */
int32_t t5_kit_start_from(t5_kit *kit, const void *state, size_t size);
/* deactivate, destroy. It can be started again; what it emitted is kept, symbols and clock are not.
 */
int32_t t5_kit_stop(t5_kit *kit);

/* ---- messages ---- */

/*
 * One message by its payload. `topic` is a role, as in the descriptor; NULL: by the shape of the
 * payload. Gives what on_message answered, or enum t5_kit_code.
 */
int32_t t5_kit_json(t5_kit *kit, const char *topic, const char *json);

/* A record with all that Kafka would give with it. Begin with t5_kit_record_init(). */
typedef struct t5_kit_record {
    uint32_t size;
    int32_t partition;
    int64_t offset;        /* -1: one more than the topic's last */
    int64_t kafka_time_ns; /* 0: none */
    const char *topic;     /* role, or NULL: by the shape of the payload */
    t5_str key;            /* data NULL: none */
    t5_str payload;
} t5_kit_record;

static inline t5_kit_record t5_kit_record_init(const char *topic, const char *json) {
    t5_kit_record record;
    memset(&record, 0, sizeof record);
    record.size = (uint32_t)sizeof record;
    record.offset = -1;
    record.topic = topic;
    record.payload = t5_text(json);
    return record;
}

int32_t t5_kit_feed(t5_kit *kit, const t5_kit_record *record);

/* A field of a typed message. `path` as the strategy declares it; one that it does not want is
 * T5_KIT_MISUSE, so that a slip of the pen shows. */
typedef struct t5_kit_field {
    const char *path;
    t5_value value;
} t5_kit_field;

static inline t5_kit_field t5_kit_number(const char *path, double number) {
    t5_kit_field field;
    memset(&field, 0, sizeof field);
    field.path = path;
    field.value.type = T5_VALUE_NUMBER;
    field.value.number = number;
    return field;
}

static inline t5_kit_field t5_kit_integer(const char *path, int64_t integer) {
    t5_kit_field field = t5_kit_number(path, (double)integer);
    field.value.type = T5_VALUE_INTEGER;
    field.value.integer = integer;
    return field;
}

static inline t5_kit_field t5_kit_text(const char *path, const char *text) {
    t5_kit_field field = t5_kit_number(path, (double)NAN);
    field.value.type = T5_VALUE_TEXT;
    field.value.text = text;
    field.value.length = (uint32_t)strlen(text);
    return field;
}

/* A message by its members, without JSON. Begin with t5_kit_message_init(). */
typedef struct t5_kit_message {
    uint32_t size;
    uint32_t
        flags; /* enum t5_message_flag: SUSPECT and above; the HAS flags follow from the rest */
    const char *topic;  /* role; NULL: the first that the strategy wants */
    const char *symbol; /* not empty */
    int64_t event_time_ns;
    uint32_t time_frame_s; /* 0: absent */
    uint32_t field_count;
    double price; /* NaN: absent, here and below; an absent price is the close, as in JSON */
    double volume, open, high, low, close;
    const t5_kit_field *fields;
} t5_kit_message;

static inline t5_kit_message t5_kit_message_init(const char *topic, const char *symbol,
                                                 int64_t event_time_ns) {
    t5_kit_message message;
    memset(&message, 0, sizeof message);
    message.size = (uint32_t)sizeof message;
    message.topic = topic;
    message.symbol = symbol;
    message.event_time_ns = event_time_ns;
    message.price = message.volume = message.open = (double)NAN;
    message.high = message.low = message.close = (double)NAN;
    return message;
}

/* As t5_kit_json(). Payload and key are empty: there is no whole document to look into. */
int32_t t5_kit_send(t5_kit *kit, const t5_kit_message *message);

/* ---- time and events ---- */

/* Moves the event clock without a message (and, in T5_MODE_LIVE, the wall clock), firing what falls
 * due. A time before the clock does nothing. */
int32_t t5_kit_advance(t5_kit *kit, int64_t time_ns);
/* The event clock; 0 while it has not moved. */
int64_t t5_kit_now(const t5_kit *kit);

/* Something happens to the instance. `event->size` 0 is taken for the whole. A wake that the
 * strategy asked for is served by the next call of any kind, or by kind T5_EVENT_WOKEN here. */
int32_t t5_kit_event(t5_kit *kit, const t5_event *event);
/* The symbol expires: its timers go, the strategy is notified, the id may be reused. T5_END:
 * unknown.
 */
int32_t t5_kit_expire(t5_kit *kit, const char *symbol);
/* The id of a symbol; T5_NO_SYMBOL when it was never seen. */
uint32_t t5_kit_symbol_id(const t5_kit *kit, const char *symbol);

/* ---- state ---- */

/* Saves; `*state` is the caller's to free(). The bytes hold clock and timers as well. */
int32_t t5_kit_save(t5_kit *kit, void **state, size_t *size);
/* How many records the last save wrote, and one of them: `data` lives until the next save. */
size_t t5_kit_saved_count(const t5_kit *kit);
t5_record t5_kit_saved_at(const t5_kit *kit, size_t index);
/*
 * As a reload in the host: saves, makes a new instance, loads into it, saves that again,
 * deactivates the old one and activates the new. Both saves must be the same, byte for byte. When
 * it is not T5_OK, the old instance goes on.
 */
int32_t t5_kit_reload(t5_kit *kit);

/* ---- what it emitted ---- */

typedef struct t5_kit_signal {
    uint32_t size;
    uint32_t is_timer; /* emitted in on_timer; else in on_message */
    const char *name;
    const char
        *symbol; /* that of message or timer, unless the strategy set another; may be empty */
    int64_t event_time_ns; /* likewise */
    double value;
    double confidence;
    const char *data; /* one JSON object of its data and its values, or empty */
    int64_t offset;   /* of the current message, or -1 */
} t5_kit_signal;

size_t t5_kit_signal_count(const t5_kit *kit);
const t5_kit_signal *t5_kit_signal_at(const t5_kit *kit, size_t index); /* NULL beyond the last */
/* The last signal of that name, NULL without one. */
const t5_kit_signal *t5_kit_signal_last(const t5_kit *kit, const char *name);

/* A point of a series that it published. */
typedef struct t5_kit_point {
    uint32_t size;
    uint32_t time_frame_s; /* 0: none */
    const char *series;
    const char *symbol; /* that of message or timer, unless the strategy set another */
    int64_t event_time_ns;
    double value;
} t5_kit_point;

size_t t5_kit_point_count(const t5_kit *kit);
const t5_kit_point *t5_kit_point_at(const t5_kit *kit, size_t index); /* NULL beyond the last */
/* The last point of that series, NULL without one. */
const t5_kit_point *t5_kit_point_last(const t5_kit *kit, const char *series);

typedef struct t5_kit_line {
    uint32_t size;
    int32_t level;    /* enum t5_level */
    uint32_t is_host; /* the host logged it: a signal or timer that it refused, and why */
    const char *text;
} t5_kit_line;

size_t t5_kit_line_count(const t5_kit *kit);
const t5_kit_line *t5_kit_line_at(const t5_kit *kit, size_t index);

typedef struct t5_kit_error {
    uint32_t size;
    int32_t code; /* what the callback answered: T5_ERROR, T5_REJECT, or what is no answer */
    const char *callback; /* "create", "on_message" and so on */
    const char *text;     /* the reason that it gave, or empty */
} t5_kit_error;

size_t t5_kit_error_count(const t5_kit *kit);
const t5_kit_error *t5_kit_error_at(const t5_kit *kit, size_t index);

/* Forgets signals, points, lines and errors. */
void t5_kit_clear(t5_kit *kit);

/* ---- what goes wrong ---- */

/* The services, to be counted and to fail. */
enum t5_kit_service {
    T5_KIT_ANY_SERVICE = 1, /* but log and fail */
    T5_KIT_LOG,
    T5_KIT_FAIL,
    T5_KIT_EMIT,
    T5_KIT_ARM_TIMER,
    T5_KIT_CANCEL_TIMER,
    T5_KIT_NOW,
    T5_KIT_PARAMETER,
    T5_KIT_DECLARE_FIELD,
    T5_KIT_DOCUMENT,
    T5_KIT_SYMBOL_TEXT,
    T5_KIT_SYMBOL_ID,
    T5_KIT_RECORD_WRITE,
    T5_KIT_RECORD_READ,
    T5_KIT_WAKE,
    T5_KIT_PUBLISH,
    T5_KIT_SERVICES /* how many */
};

/* The `nth` call of the service from now on (1: the next) does nothing and answers T5_ERROR; now()
 * answers 0. Once. 0: none fails. */
int32_t t5_kit_fail_service(t5_kit *kit, uint32_t service, uint64_t nth);
/* Calls since the kit was made. */
uint64_t t5_kit_service_calls(const t5_kit *kit, uint32_t service);

/*
 * The `nth` allocation of the strategy's callbacks from now on (1: the next) fails, with ENOMEM or
 * std::bad_alloc. Once. 0: none fails. Counted are malloc, calloc, realloc, reallocarray,
 * aligned_alloc, posix_memalign, strdup, strndup and operator new, called by the file that holds
 * the strategy, inside a callback, on its thread; not what the host allocates in a service.
 * T5_ERROR: this build cannot (the strategy is linked in and its allocations are bound for good: a
 * static program, or a sanitizer's runtime that is linked in).
 *
 * Works by the file's relocations, so the strategy is tested as it is. To try every one:
 *
 *   for (uint64_t n = 1;; n++) {
 *       const uint64_t before = t5_kit_allocations(kit);
 *       t5_kit_fail_allocation(kit, n);
 *       ... what it does, which must not crash ...
 *       if (t5_kit_allocations(kit) - before < n)
 *           break;
 *   }
 */
int32_t t5_kit_fail_allocation(t5_kit *kit, uint64_t nth);
/* Allocations since the first t5_kit_fail_allocation() of this kit. */
uint64_t t5_kit_allocations(const t5_kit *kit);

#ifdef __cplusplus
}
#endif

#endif

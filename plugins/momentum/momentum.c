/*
 * momentum: says when a symbol's price leaves its own recent average, and when a symbol falls
 * silent. An example to start from: a parameter of each kind that one needs, state by symbol, a
 * timer, signals, and a state that survives reload and restart.
 *
 * For each symbol, over all its time frames, it keeps an exponential average of the price. Time
 * frames are not mixed by that, as they would be in an average over bars (take5/frames.h is for
 * those): `price` is what the symbol costs now, whichever bar it comes with, and weighs by the time
 * that has passed. Time frames that report the same instant one after the other pass no time, and
 * add nothing. An average over irregular times forgets by time and not by count: a price that comes
 * `dt` after the one before it weighs
 *
 *     dt / (window + dt)
 *
 * The momentum is how far the price lies from that average, in percent. Above `threshold` it is
 * "momentum_up", below -`threshold` it is "momentum_down"; said once when it begins, and not again
 * before the momentum has come back below half the threshold. A symbol without messages for `quiet`
 * is "momentum_quiet".
 *
 * Deterministic: the same messages in the same order give the same signals, live and in replay,
 * since nothing here looks at a clock but the messages' own.
 */
#include <take5/take5.h>

#include <stdlib.h>

/* Of the records that save() writes. Raise it with every change of struct symbol, and let load()
 * understand the older ones. */
#define STATE_VERSION 1

/* Times beyond it (the year 2116, and its like before 1970) are no times of a feed. Within it the
 * difference of two fits into 64 bits. */
#define TIME_LIMIT_NS (INT64_MAX / 2)

enum direction { DIRECTION_DOWN = -1, DIRECTION_NONE = 0, DIRECTION_UP = 1 };

/* What we know of one symbol. It is written to the state as it stands: fixed-width members, no
 * pointers, no padding. */
struct symbol {
    double average;
    double price;      /* the newest */
    int64_t first_ns;  /* event time of its first message */
    int64_t last_ns;   /* event time of its newest message */
    uint64_t messages; /* 0: never seen */
    int32_t direction; /* enum direction: what we said last */
    int32_t is_timed;  /* its silence timer is armed */
};

/* One instance: the host makes one for each partition number, and never calls one of them from two
 * threads at once. So no lock and no atomic is needed, and nothing is static. */
struct momentum {
    t5_host *host;
    double window_ns;
    double threshold; /* percent */
    int64_t quiet_ns;
    struct symbol *symbols; /* by symbol id, which the host hands out densely from 0 */
    size_t symbol_capacity;
};

/* The state of a symbol, made on its first sight. NULL when there is no memory. */
static struct symbol *symbol_at(struct momentum *m, uint32_t id) {
    if (id >= m->symbol_capacity) {
        size_t capacity = m->symbol_capacity > 0 ? m->symbol_capacity : 64;
        while (capacity <= id)
            capacity *= 2;
        struct symbol *symbols = realloc(m->symbols, capacity * sizeof *symbols);
        if (symbols == NULL)
            return NULL;
        memset(symbols + m->symbol_capacity, 0, (capacity - m->symbol_capacity) * sizeof *symbols);
        m->symbols = symbols;
        m->symbol_capacity = capacity;
    }
    return &m->symbols[id];
}

/* ---- the life of an instance ---- */

/* Parameters are checked by the host before this is called: they have the declared type and lie
 * within the declared bounds. What is left to refuse is what only we can know. */
static int32_t create(const t5_create_args *args, void **self) {
    struct momentum *m = calloc(1, sizeof *m);
    if (m == NULL)
        return t5_fail(args->host, "out of memory");
    m->host = args->host;
    m->window_ns = (double)t5_parameter_integer(args->host, "window");
    m->threshold = t5_parameter_number(args->host, "threshold");
    m->quiet_ns = t5_parameter_integer(args->host, "quiet");
    *self = m;
    return T5_OK;
}

static void destroy(void *self) {
    struct momentum *m = self;
    free(m->symbols);
    free(m);
}

/* ---- messages ---- */

static int is_time(int64_t time_ns) {
    return time_ns > -TIME_LIMIT_NS && time_ns < TIME_LIMIT_NS;
}

/* The window has been filled once: before that the average is mostly the first price. */
static int is_warm(const struct momentum *m, const struct symbol *s) {
    return (double)(s->last_ns - s->first_ns) >= m->window_ns;
}

static void emit_direction(struct momentum *m, const struct symbol *s, double percent) {
    const double strength = (percent < 0 ? -percent : percent) / (2 * m->threshold);
    const t5_signal signal =
        t5_signal_init(s->direction == DIRECTION_UP ? "momentum_up" : "momentum_down", percent,
                       strength < 1 ? strength : 1);
    /* Symbol and event time are those of the current message unless we say others. What else there
     * is to say goes as values: they are copied, and become text away from the lane. */
    const t5_named_value values[] = {t5_named_number("price", s->price),
                                     t5_named_number("average", s->average)};
    (void)t5_emit_values(m->host, signal, values, 2); /* a refusal is counted and logged */
}

static void judge(struct momentum *m, struct symbol *s) {
    if (!is_warm(m, s) || s->average == 0)
        return;
    const double percent = (s->price / s->average - 1) * 100;
    if (!isfinite(percent))
        return; /* prices that no market has: a signal must be a number */
    const double size = percent < 0 ? -percent : percent;
    const int32_t direction = percent > 0 ? DIRECTION_UP : DIRECTION_DOWN;

    if (size >= m->threshold && s->direction != direction) {
        s->direction = direction;
        emit_direction(m, s, percent);
    } else if (size < m->threshold / 2) {
        s->direction = DIRECTION_NONE;
    }
}

static int32_t on_message(void *self, const t5_message *message) {
    struct momentum *m = self;
    /* An absent price is NaN and flagged; it is no zero. A time that cannot be right must not enter
     * an average over time. */
    if (!isfinite(message->price) || (message->flags & T5_MESSAGE_TIME_SUSPECT) ||
        !is_time(message->event_time_ns))
        return T5_OK;

    struct symbol *s = symbol_at(m, message->symbol_id);
    if (s == NULL)
        return t5_fail(m->host, "out of memory");

    if (s->messages == 0) {
        s->average = message->price;
        s->first_ns = message->event_time_ns;
    } else if (message->event_time_ns < s->last_ns) {
        return T5_OK; /* late: the average has gone on without it */
    } else {
        const double dt = (double)(message->event_time_ns - s->last_ns);
        s->average += (message->price - s->average) * (dt / (m->window_ns + dt));
        if (!isfinite(s->average))
            s->average = message->price; /* beyond a double: it begins anew */
    }
    s->price = message->price;
    s->last_ns = message->event_time_ns;
    s->messages++;

    /* Arming a timer anew with each message would work as well. One that looks, when it is due,
     * whether there was silence, and is armed again if not, is cheaper. */
    if (!s->is_timed &&
        t5_arm_timer(m->host, message->symbol_id, 0, s->last_ns + m->quiet_ns) == T5_OK)
        s->is_timed = 1;

    judge(m, s);
    return T5_OK;
}

/* ---- time ---- */

/* Event time: fires when a message of any symbol moves this instance's clock past `due_ns`. */
static int32_t on_timer(void *self, const t5_timer *timer) {
    struct momentum *m = self;
    struct symbol *s = symbol_at(m, timer->symbol_id);
    if (s == NULL)
        return t5_fail(m->host, "out of memory");
    s->is_timed = 0;

    const int64_t silent_from_ns = s->last_ns + m->quiet_ns;
    if (timer->due_ns < silent_from_ns) {
        if (t5_arm_timer(m->host, timer->symbol_id, 0, silent_from_ns) == T5_OK)
            s->is_timed = 1;
        return T5_OK;
    }

    s->direction = DIRECTION_NONE;
    t5_signal signal =
        t5_signal_init("momentum_quiet", (double)(timer->due_ns - s->last_ns) / 1e9, 1);
    signal.event_time_ns = timer->due_ns;
    const t5_named_value values[] = {t5_named_number("price", s->price),
                                     t5_named_integer("messages", (int64_t)s->messages)};
    (void)t5_emit_values(m->host, signal, values, 2);
    return T5_OK;
}

/* ---- what happens to us ---- */

static void on_event(void *self, const t5_event *event) {
    struct momentum *m = self;
    /* The id may be given to another symbol after this, which must not inherit anything. Its timer
     * would fire for that other one: away with it. */
    if (event->kind == T5_EVENT_SYMBOL_EXPIRED && event->symbol_id < m->symbol_capacity) {
        (void)t5_cancel_timer(m->host, event->symbol_id, 0);
        memset(&m->symbols[event->symbol_id], 0, sizeof *m->symbols);
    }
}

/* ---- state ---- */

/* One record a symbol. Ids mean nothing to the next instance: the host writes the symbol's text
 * and gives us the new id in load(). It also keeps our clock and our timers. */
static int32_t save(void *self, const t5_save_args *args) {
    struct momentum *m = self;
    (void)args;
    for (size_t id = 0; id < m->symbol_capacity; id++) {
        const struct symbol *s = &m->symbols[id];
        if (s->messages == 0)
            continue;
        if (t5_record_write(m->host, (uint32_t)id, s, sizeof *s) != T5_OK)
            return t5_fail(m->host, "cannot write the state of symbol number %zu", id);
    }
    return T5_OK;
}

static int32_t load(void *self, const t5_load_args *args) {
    struct momentum *m = self;
    if (args->state_version != STATE_VERSION)
        return t5_fail(m->host, "state of version %u, this momentum reads %d", args->state_version,
                       STATE_VERSION);

    t5_record record;
    int32_t code;
    while ((code = t5_record_read(m->host, &record)) == T5_OK) {
        if (record.symbol_id == T5_NO_SYMBOL || record.data_size != sizeof(struct symbol))
            return t5_fail(m->host, "state record of %zu bytes for symbol '%.*s', expected %zu",
                           record.data_size, (int)record.symbol.len, record.symbol.data,
                           sizeof(struct symbol));
        struct symbol *s = symbol_at(m, record.symbol_id);
        if (s == NULL)
            return t5_fail(m->host, "out of memory");
        memcpy(s, record.data, sizeof *s);
        if (!is_time(s->first_ns) || !is_time(s->last_ns))
            return t5_fail(m->host, "state record for symbol '%.*s': its times are none",
                           (int)record.symbol.len, record.symbol.data);
    }
    return code == T5_END ? T5_OK : t5_fail(m->host, "the state could not be read to its end");
}

/* ---- what the host knows of us before it runs a line of this ---- */

static const char *const topics[] = {"bar_trends", NULL};

static const t5_parameter window = {
    .size = sizeof window,
    .type = T5_PARAMETER_DURATION,
    .name = "window",
    .help = "time over which the average forgets",
    .default_value = "5m",
    .min = "1s",
    .max = "1d",
};
static const t5_parameter threshold = {
    .size = sizeof threshold,
    .type = T5_PARAMETER_NUMBER,
    .name = "threshold",
    .help = "distance from the average, in percent, that is a momentum",
    .default_value = "0.25",
    .min = "0.0001",
    .max = "100",
};
static const t5_parameter quiet = {
    .size = sizeof quiet,
    .type = T5_PARAMETER_DURATION,
    .name = "quiet",
    .help = "time without messages after which a symbol is quiet",
    .default_value = "10m",
    .min = "1s",
    .max = "7d",
};
static const t5_parameter *const parameters[] = {&window, &threshold, &quiet, NULL};

/* An instance that begins without a state is fed as much as it looks back: the window, to be warm,
 * and symbols that are silent but not yet quiet. */
static int32_t describe(const t5_describe_args *args, t5_description *description) {
    const int64_t window_ns = t5_setting_duration(args, &window);
    const int64_t quiet_ns = t5_setting_duration(args, &quiet);
    description->warm_up_ns = window_ns > quiet_ns ? window_ns : quiet_ns;
    return T5_OK;
}

T5_STRATEGY("momentum", "1.0.0",
            .summary = "says when a price leaves its recent average, and when a symbol is quiet",
            .topics = topics, .scope = T5_SCOPE_KEYED, .state_version = STATE_VERSION,
            .parameters = parameters, .describe = describe, .create = create, .destroy = destroy,
            .load = load, .on_message = on_message, .on_timer = on_timer, .on_event = on_event,
            .save = save);

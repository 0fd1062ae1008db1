/*
 * @NAME@: says when the price of a symbol leaves its average. Change it into what you want to say.
 *
 * For each symbol and time frame it keeps an exponential average of the prices: with a new price p,
 * the average a becomes a + weight (p - a). The lead is how far p lies from a, in percent; beyond
 * `threshold` it is the signal "@NAME@_up" or "@NAME@_down", said once until the price comes back
 * or goes to the other side.
 */
#include <take5/frames.h>
#include <take5/take5.h>

/* Raise it when `struct memory` changes, and let load() know what older ones looked like. */
#define STATE_VERSION 1

/* What an instance without a state is fed before its work begins: as far back as a price still
 * weighs in the average. */
#define WARM_UP_NS (30 * 60 * 1000000000LL)

/* What is remembered of a symbol in one time frame. Saved as it stands: flat, without pointers or
 * padding. */
struct memory {
    double average;
    int64_t count; /* prices so far */
    int64_t side;  /* what was said last: 1 up, -1 down, 0 neither */
};

/* One instance. The host makes one for each partition and never calls it from two threads at once,
 * so it needs no lock. Nothing is static. */
struct strategy {
    t5_host *host;
    double weight;
    double threshold;
    int64_t least;
    t5_frames memories; /* a struct memory for each symbol and time frame */
};

static int32_t create(const t5_create_args *args, void **self) {
    struct strategy *s = calloc(1, sizeof *s);
    if (s == NULL)
        return t5_fail(args->host, "out of memory");
    s->host = args->host;
    s->weight = t5_parameter_number(args->host, "weight");
    s->threshold = t5_parameter_number(args->host, "threshold");
    s->least = t5_parameter_integer(args->host, "least");
    t5_frames_init(&s->memories, sizeof(struct memory), NULL);
    *self = s;
    return T5_OK;
}

static void destroy(void *self) {
    struct strategy *s = self;
    t5_frames_release(&s->memories);
    free(s);
}

static void emit_lead(struct strategy *s, const struct memory *m, double lead) {
    const double confidence = fabs(lead) / (2 * s->threshold);
    const t5_signal signal = t5_signal_init(m->side > 0 ? "@NAME@_up" : "@NAME@_down", lead,
                                            confidence < 1 ? confidence : 1);
    const t5_named_value values[] = {t5_named_number("average", m->average)};
    /* Copied: the stack will do. A refusal is counted and logged by the host. */
    (void)t5_emit_values(s->host, signal, values, sizeof values / sizeof *values);
}

static int32_t on_message(void *self, const t5_message *message) {
    struct strategy *s = self;
    if (!isfinite(message->price)) /* absent is NaN, never 0 */
        return T5_OK;
    struct memory *m = t5_frames_get(&s->memories, message->symbol_id, message->time_frame_s);
    if (m == NULL)
        return t5_fail(s->host, "out of memory");

    const double lead = 100 * (message->price / m->average - 1);
    const int is_warm = m->count >= s->least && m->count > 0;
    if (is_warm && isfinite(lead)) {
        const int64_t side = lead > s->threshold ? 1 : lead < -s->threshold ? -1 : 0;
        const int is_news = side != 0 && side != m->side;
        m->side = side;
        if (is_news)
            emit_lead(s, m, lead);
    }
    m->average += s->weight * (message->price - m->average);
    if (m->count == 0 || !isfinite(m->average))
        m->average = message->price;
    m->count++;
    return T5_OK;
}

/* An id may be given to another symbol once its own has expired. */
static void on_event(void *self, const t5_event *event) {
    struct strategy *s = self;
    if (event->kind == T5_EVENT_SYMBOL_EXPIRED)
        t5_frames_drop(&s->memories, event->symbol_id);
}

/* What is remembered survives a reload and a restart. */
static int32_t save(void *self, const t5_save_args *args) {
    struct strategy *s = self;
    (void)args;
    return t5_frames_save(&s->memories, s->host);
}

static int32_t load(void *self, const t5_load_args *args) {
    struct strategy *s = self;
    if (args->state_version != STATE_VERSION)
        return t5_fail(s->host, "state of version %u, this one reads %d", args->state_version,
                       STATE_VERSION);
    return t5_frames_load(&s->memories, s->host);
}

/* What the host knows before a line of the above runs. Parameters are checked by it. */
static const char *const topics[] = {"bar_trends", NULL};

static const t5_parameter weight = {
    .size = sizeof weight,
    .type = T5_PARAMETER_NUMBER,
    .name = "weight",
    .help = "of a new price in the average",
    .default_value = "0.1",
    .min = "0.0001",
    .max = "1",
};
static const t5_parameter threshold = {
    .size = sizeof threshold,
    .type = T5_PARAMETER_NUMBER,
    .name = "threshold",
    .help = "distance from the average that emits a signal, percent",
    .default_value = "0.25",
    .min = "0.0001",
    .max = "100",
};
static const t5_parameter least = {
    .size = sizeof least,
    .type = T5_PARAMETER_INTEGER,
    .name = "least",
    .help = "prices of a symbol and time frame before a signal is emitted",
    .default_value = "10",
    .min = "0",
    .max = "1000000",
};
static const t5_parameter *const parameters[] = {&weight, &threshold, &least, NULL};

T5_STRATEGY("@NAME@", "0.1.0", .summary = "says when a price leaves its average", .topics = topics,
            .scope = T5_SCOPE_KEYED, .parameters = parameters, .state_version = STATE_VERSION,
            .warm_up_ns = WARM_UP_NS, .side = T5_SIDE_VALUE, .create = create, .destroy = destroy,
            .on_message = on_message, .on_event = on_event, .save = save, .load = load);

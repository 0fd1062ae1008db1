#include "synth/market.h"

#include "synth/market_bad.h"
#include "synth/market_price.h"
#include "synth/market_random.h"
#include "synth/market_text.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SYMBOLS       1000000
#define DEFAULT_STEP_MS   60000
#define HELD_SLOTS        256
#define HOLD_MIN_MS       (2 * 60000)
#define HOLD_MAX_MS       (10 * 60000)
/* The symbols of a round publish one after the other within this span. */
#define PUBLISH_SPREAD_MS 500

static const uint32_t default_frames[] = {60, 180, 300, 420, 720, 1560};

/* A good message that is held back to come late. */
struct held {
    struct market_message message; /* payload points to `payload` */
    int64_t due_ms;                /* in the market's time */
    char *payload;                 /* MARKET_MESSAGE_SIZE bytes; NULL: the slot was never used */
    bool is_used;
};

struct market {
    struct market_path *paths;
    struct market_series *series; /* frame_count for each symbol */
    uint32_t symbol_count, frame_count;
    uint32_t frames_s[MARKET_MAX_FRAMES];
    enum market_envelope envelope;
    double bad_share, late_share;
    int64_t step_ms;

    struct market_random prices, forms, faults; /* apart, so that shares change no price */
    int64_t now_ms;                             /* the end of the round's base bars */
    struct market_factor factor;

    uint32_t due[MARKET_MAX_FRAMES]; /* frames whose bars end with this round */
    uint32_t due_count;
    uint32_t symbol, due_at, role; /* what comes next */
    struct market_facts facts;     /* of (symbol, due_at) */

    struct held *held;
    uint32_t held_count, held_at; /* slots in use; where the search for due ones stands */
    bool has_good;
    struct market_message good; /* the next good one, made but not yet given */
    char buffer[MARKET_MESSAGE_SIZE];
    char bad_buffer[MARKET_MESSAGE_SIZE];
};

const char *market_role_name(uint32_t role) {
    static const char *const names[MARKET_ROLES] = {"bar_trends", "historic_stats", "asset_trends"};
    return role < MARKET_ROLES ? names[role] : "";
}

const char *market_symbol(const struct market *market, uint32_t index) {
    return index < market->symbol_count ? market->paths[index].text : "";
}

/* Options. */

static bool symbol_is_plain(const char *text) {
    size_t size = strlen(text);
    if (size == 0 || size > MARKET_MAX_SYMBOL)
        return false;
    for (size_t i = 0; i < size; i++)
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
            return false;
    return true;
}

static bool check_shares(const struct market_options *options, struct error *error) {
    if (!(options->bad_share >= 0 && options->bad_share <= 1))
        return error_set(error, ERROR_INVALID, "share of bad messages is %g: must be 0 to 1",
                         options->bad_share);
    if (!(options->late_share >= 0 && options->late_share <= 1))
        return error_set(error, ERROR_INVALID, "share of late messages is %g: must be 0 to 1",
                         options->late_share);
    return true;
}

static bool check_symbols(const struct market_options *options, struct error *error) {
    if (options->symbol_count < 1 || options->symbol_count > MAX_SYMBOLS)
        return error_set(error, ERROR_INVALID, "%zu symbols: must be 1 to %d",
                         options->symbol_count, MAX_SYMBOLS);
    for (size_t i = 0; options->symbols != NULL && i < options->symbol_count; i++)
        if (!symbol_is_plain(options->symbols[i]))
            return error_set(error, ERROR_INVALID,
                             "symbol \"%.80s\": must be 1 to %d printable ASCII characters without "
                             "space, quote and backslash",
                             options->symbols[i], MARKET_MAX_SYMBOL);
    return true;
}

static bool take_frames(struct market *market, const struct market_options *options,
                        struct error *error) {
    const uint32_t *frames = options->time_frames_s;
    size_t count = options->time_frame_count;
    if (frames == NULL) {
        frames = default_frames;
        count = sizeof default_frames / sizeof *default_frames;
    }
    if (count < 1 || count > MARKET_MAX_FRAMES)
        return error_set(error, ERROR_INVALID, "%zu time frames: must be 1 to %d", count,
                         MARKET_MAX_FRAMES);
    for (size_t i = 0; i < count; i++) {
        if (frames[i] == 0 || frames[i] * 1000LL % market->step_ms != 0)
            return error_set(error, ERROR_INVALID,
                             "time frame of %u s: must be a multiple of the step, %.3f s",
                             frames[i], (double)market->step_ms / 1000);
        market->frames_s[i] = frames[i];
    }
    market->frame_count = (uint32_t)count;
    return true;
}

static void market_begin_prices(struct market *market, const struct market_options *options) {
    for (uint32_t i = 0; i < market->symbol_count; i++) {
        struct market_path *path = &market->paths[i];
        market_path_init(path, options->symbols == NULL ? NULL : options->symbols[i], i,
                         &market->prices);
        for (uint32_t f = 0; f < market->frame_count; f++)
            market_series_begin_bar(&market->series[i * market->frame_count + f], path->price);
    }
}

struct market *market_new(const struct market_options *options, struct error *error) {
    if (!check_shares(options, error) || !check_symbols(options, error))
        return NULL;
    int64_t step_ms = options->step_ms == 0 ? DEFAULT_STEP_MS : options->step_ms;
    if (step_ms < 1 || step_ms > 86400000) {
        error_set(error, ERROR_INVALID, "step of %lld ms: must be 1 ms to 1 day",
                  (long long)step_ms);
        return NULL;
    }
    struct market *market = calloc(1, sizeof *market);
    if (market == NULL) {
        error_set_memory(error, "the synthetic market");
        return NULL;
    }
    market->step_ms = step_ms;
    if (!take_frames(market, options, error))
        goto failed;
    market->symbol_count = (uint32_t)options->symbol_count;
    size_t series_count = options->symbol_count * market->frame_count;
    market->paths = calloc(options->symbol_count, sizeof *market->paths);
    market->series = calloc(series_count, sizeof *market->series);
    market->held = calloc(HELD_SLOTS, sizeof *market->held);
    if (market->paths == NULL || market->series == NULL || market->held == NULL) {
        error_set_memory(error, "the synthetic market");
        goto failed;
    }
    market->envelope = options->envelope;
    market->bad_share = options->bad_share;
    market->late_share = options->late_share;
    market_factor_init(&market->factor, step_ms);
    uint64_t seed = options->seed;
    market_random_init(&market->prices, market_random_mix(&seed));
    market_random_init(&market->forms, market_random_mix(&seed));
    market_random_init(&market->faults, market_random_mix(&seed));
    int64_t behind = options->start_ms % step_ms;
    market->now_ms = options->start_ms - (behind < 0 ? behind + step_ms : behind);
    market->symbol = market->symbol_count; /* so that the first call begins a round */
    market_begin_prices(market, options);
    return market;
failed:
    market_free(market);
    return NULL;
}

void market_free(struct market *market) {
    if (market == NULL)
        return;
    for (uint32_t i = 0; market->held != NULL && i < HELD_SLOTS; i++)
        free(market->held[i].payload);
    free(market->held);
    free(market->series);
    free(market->paths);
    free(market);
}

/* The order of messages. */

static void market_begin_round(struct market *market) {
    market->now_ms += market->step_ms;
    market_factor_step(&market->factor, &market->prices);
    market->due_count = 0;
    for (uint32_t f = 0; f < market->frame_count; f++)
        if (market->now_ms % (market->frames_s[f] * 1000LL) == 0)
            market->due[market->due_count++] = f;
    market->symbol = 0;
}

static void market_step_symbol(struct market *market) {
    struct market_bar base =
        market_path_step(&market->paths[market->symbol], &market->factor, &market->prices);
    struct market_series *series = &market->series[market->symbol * market->frame_count];
    for (uint32_t f = 0; f < market->frame_count; f++)
        market_series_add(&series[f], &base);
    market->due_at = 0;
    market->role = 0;
}

/* What the three messages of (symbol, due_at) tell. Ends the frame's bar and begins the next. */
static void market_gather_facts(struct market *market) {
    uint32_t frame = market->due[market->due_at];
    struct market_path *path = &market->paths[market->symbol];
    struct market_series *series = &market->series[market->symbol * market->frame_count + frame];
    struct market_facts *facts = &market->facts;
    int64_t spread = PUBLISH_SPREAD_MS < market->step_ms ? PUBLISH_SPREAD_MS : market->step_ms;
    market_series_end_bar(series);
    facts->symbol = path->text;
    facts->symbol_size = path->text_size;
    facts->event_time_ms = market->now_ms + market->symbol * spread / market->symbol_count;
    facts->time_frame_s = market->frames_s[frame];
    facts->bar_start_ms = market->now_ms - facts->time_frame_s * 1000LL;
    facts->bar = series->bar;
    market_series_fit(series, facts->time_frame_s, &facts->fit);
    market_series_begin_bar(series, series->bar.close);
}

/* Moves to the next (symbol, frame, role). */
static void market_advance(struct market *market) {
    if (market->symbol < market->symbol_count && market->due_count > 0) {
        if (++market->role < MARKET_ROLES)
            return;
        market->role = 0;
        if (++market->due_at < market->due_count) {
            market_gather_facts(market);
            return;
        }
        market->symbol++;
    }
    while (market->symbol >= market->symbol_count) {
        market_begin_round(market);
        if (market->due_count > 0)
            break;
        for (; market->symbol < market->symbol_count; market->symbol++)
            market_step_symbol(market);
    }
    market_step_symbol(market);
    market_gather_facts(market);
}

static struct market_variant market_choose_variant(struct market *market) {
    struct market_variant variant = {.has_production = market->envelope != MARKET_DOCUMENTED,
                                     .has_documented = market->envelope == MARKET_DOCUMENTED,
                                     .is_old_producer = market->symbol % 8 == 5,
                                     .is_nested = market->symbol % 4 == 3};
    if (market->envelope == MARKET_MIXED) {
        uint32_t tenth = market_random_below(&market->forms, 10);
        variant.has_production = tenth < 8;
        variant.has_documented = tenth >= 7;
    }
    return variant;
}

static void market_make(struct market *market, struct market_message *message, char *buffer) {
    market_advance(market);
    struct market_variant variant = market_choose_variant(market);
    const struct market_facts *facts = &market->facts;
    *message = (struct market_message){.role = market->role,
                                       .key = facts->symbol,
                                       .key_size = facts->symbol_size,
                                       .payload = buffer,
                                       .event_time_ms = facts->event_time_ms,
                                       .symbol = market->symbol,
                                       .time_frame_s = facts->time_frame_s};
    message->payload_size =
        market_text_write(buffer, (enum market_role)market->role, facts, &variant);
}

/* Late ones. */

/* Gives a held message that is due, in the order of the slots. */
static bool market_take_due(struct market *market, struct market_message *message) {
    while (market->held_at < HELD_SLOTS && market->held_count > 0) {
        struct held *held = &market->held[market->held_at++];
        if (!held->is_used || held->due_ms > market->now_ms)
            continue;
        held->is_used = false;
        market->held_count--;
        *message = held->message;
        return true;
    }
    return false;
}

/* False when there is no room: then it goes out in time. */
static bool market_hold(struct market *market, const struct market_message *message) {
    for (uint32_t i = 0; market->held_count < HELD_SLOTS && i < HELD_SLOTS; i++) {
        struct held *held = &market->held[i];
        if (held->is_used)
            continue;
        if (held->payload == NULL && (held->payload = malloc(MARKET_MESSAGE_SIZE)) == NULL)
            return false;
        memcpy(held->payload, message->payload, message->payload_size);
        held->message = *message;
        held->message.payload = held->payload;
        held->message.is_late = true;
        held->due_ms = message->event_time_ms + HOLD_MIN_MS +
                       market_random_below(&market->faults, HOLD_MAX_MS - HOLD_MIN_MS);
        held->is_used = true;
        market->held_count++;
        return true;
    }
    return false;
}

static void market_make_good(struct market *market) {
    if (market_take_due(market, &market->good))
        return;
    for (;;) {
        int64_t before_ms = market->now_ms;
        market_make(market, &market->good, market->buffer);
        if (market->now_ms != before_ms)
            market->held_at = 0; /* time has moved: look through all of them again */
        if (market->late_share > 0 && market_random_unit(&market->faults) < market->late_share &&
            market_hold(market, &market->good))
            continue;
        return;
    }
}

void market_next(struct market *market, struct market_message *message) {
    if (!market->has_good)
        market_make_good(market);
    *message = market->good;
    if (market->bad_share > 0 && market_random_unit(&market->faults) < market->bad_share) {
        market->has_good = true; /* it comes after the bad one */
        message->is_bad = true;
        market_bad_make(
            (enum market_bad_kind)market_random_below(&market->faults, MARKET_BAD_KINDS),
            &market->faults, market->bad_buffer, message);
        return;
    }
    market->has_good = false;
}

/*
 * Cases: states that no save of this version has written. Each is taken or refused with a reason;
 * after it is taken the instance works.
 */
#include "conformance/cases/cases.h"
#include "conformance/cases/harness.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES      600 /* before a real state is saved */
#define MESSAGES_THEN 60  /* after a state was taken */
#define RANDOM_ROUNDS 300
#define RANDOM_SIZE   3000
#define RANDOM_LARGE  (70u << 10)
#define RECORDS_TRIED 6
#define LENGTHS_TRIED 40
#define FLIPS_TRIED   40

struct corruption {
    struct case_context *context;
    const struct fixture *fixture;
    size_t taken, refused;
};

/* ---- states made up ---- */

static bool state_begin(struct state *state, const struct setup *setup, uint32_t state_version,
                        const char *version) {
    state_init(state);
    state->strategy = strdup(setup->description->name);
    state->version = strdup(version);
    state->state_version = state_version;
    return state->strategy != NULL && state->version != NULL;
}

static bool add(struct state *state, t5_str symbol, const void *data, size_t size) {
    return state_add_record(state, T5_NO_SYMBOL, state->record_count,
                            symbol.len > 0 ? symbol.data : NULL, symbol.len, data, size);
}

static t5_str symbol_of(const struct state *state, const struct state_record *record) {
    return (t5_str){state->bytes.data + record->symbol_at, record->symbol_size};
}

/* ---- one of them ---- */

static void work_on(struct corruption *corruption, struct harness *harness, const char *what) {
    struct state state;
    state_init(&state);
    harness_activate(harness, false);
    harness_feed_all(harness, &corruption->fixture->script, MESSAGES, MESSAGES + MESSAGES_THEN);
    harness_judge_signals(harness);
    if (!harness_save(harness, T5_SAVE_RELOAD, &state))
        case_fail(corruption->context, "%s was loaded, but cannot be saved: %s", what,
                  harness->error.text);
    state_release(&state);
}

__attribute__((format(printf, 3, 4))) static void
try_state(struct corruption *corruption, const struct state *state, const char *format, ...) {
    char what[160];
    struct harness harness;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (case_is_lost(corruption->context))
        return;
    corruption->context->where = what;
    if (harness_open(&harness, corruption->context, &corruption->fixture->setup, 0)) {
        if (harness_load(&harness, state)) {
            corruption->taken++;
            work_on(corruption, &harness, what);
        } else {
            corruption->refused++;
            if (strstr(harness.error.text, "it gave no reason") != NULL ||
                strstr(harness.error.text, " returned code ") != NULL)
                case_fail(corruption->context, "%s: %s", what, harness.error.text);
        }
    }
    harness_release(&harness);
    corruption->context->where = NULL;
}

/* ---- around a case ---- */

static bool begin(struct corruption *corruption, struct fixture *fixture,
                  struct case_context *context) {
    memset(corruption, 0, sizeof *corruption);
    corruption->context = context;
    corruption->fixture = fixture;
    (void)mallopt(M_PERTURB, 0xA5); /* what is read before it is written shall not be 0 */
    return fixture_init_mixed(fixture, context, MESSAGES + MESSAGES_THEN);
}

static void end(struct corruption *corruption, struct fixture *fixture) {
    if (corruption->taken + corruption->refused > 0)
        case_note(corruption->context, "%zu were loaded, %zu rejected", corruption->taken,
                  corruption->refused);
    fixture_release(fixture);
}

/* A state that it wrote itself. */
static bool real_state(struct corruption *corruption, struct state *state) {
    struct harness harness;
    bool is_good = harness_open(&harness, corruption->context, &corruption->fixture->setup, 0);
    state_init(state);
    if (is_good) {
        harness_activate(&harness, true);
        harness_feed_all(&harness, &corruption->fixture->script, 0, MESSAGES);
        is_good = harness_save(&harness, T5_SAVE_RELOAD, state) ||
                  case_fail(corruption->context, "%s", harness.error.text);
    }
    harness_release(&harness);
    return is_good;
}

/* ---- empty ---- */

void conformance_empty(struct case_context *context, const char *argument) {
    static const char *const symbols[] = {NULL, "QQQ", "NEW"};
    struct corruption corruption;
    struct fixture fixture;
    struct state state;
    (void)argument;
    if (begin(&corruption, &fixture, context)) {
        const uint32_t version = fixture.setup.description->state_version;
        if (state_begin(&state, &fixture.setup, version, "1.0.0"))
            try_state(&corruption, &state, "a state without a record");
        state_release(&state);
        for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
            if (state_begin(&state, &fixture.setup, version, "1.0.0") &&
                add(&state, t5_text(symbols[i]), "", 0))
                try_state(&corruption, &state, "a state of one empty record %s",
                          symbols[i] != NULL ? "with a symbol" : "without a symbol");
            state_release(&state);
        }
    }
    end(&corruption, &fixture);
}

/* ---- random ---- */

/* Bytes of several kinds: any, small numbers, all the same. */
static void fill(struct market_random *random, unsigned char *bytes, size_t size) {
    const uint32_t kind = market_random_below(random, 4);
    const unsigned char same = (unsigned char)market_random_next(random);
    for (size_t i = 0; i < size; i++) {
        if (kind == 0)
            bytes[i] = same;
        else if (kind == 1)
            bytes[i] = i % 8 == 0 ? (unsigned char)market_random_below(random, 8) : 0;
        else
            bytes[i] = (unsigned char)market_random_next(random);
    }
}

static size_t choose_size(struct market_random *random, size_t round) {
    if (round < 70)
        return round; /* all that are short */
    return market_random_below(random,
                               market_random_below(random, 20) == 0 ? RANDOM_LARGE : RANDOM_SIZE);
}

static bool random_state(struct case_context *context, struct state *state, size_t round) {
    static const char *const symbols[] = {"QQQ", "SPY", "NEW"};
    const uint32_t count = 1 + market_random_below(&context->random, round < 70 ? 1 : 4);
    bool is_good = true;
    for (uint32_t i = 0; i < count && is_good; i++) {
        const size_t size = choose_size(&context->random, round);
        unsigned char *bytes = malloc(size + 1);
        const uint32_t symbol = market_random_below(&context->random, 4);
        is_good = bytes != NULL;
        if (is_good) {
            fill(&context->random, bytes, size);
            is_good = add(state, t5_text(symbol < 3 ? symbols[symbol] : NULL), bytes, size);
        }
        free(bytes);
    }
    return is_good;
}

void conformance_random(struct case_context *context, const char *argument) {
    struct corruption corruption;
    struct fixture fixture;
    struct state state;
    (void)argument;
    if (begin(&corruption, &fixture, context)) {
        for (size_t round = 0; round < RANDOM_ROUNDS; round++) {
            if (state_begin(&state, &fixture.setup, fixture.setup.description->state_version,
                            "1.0.0") &&
                random_state(context, &state, round))
                try_state(&corruption, &state, "random state %zu, of %zu records", round,
                          state.record_count);
            state_release(&state);
        }
    }
    end(&corruption, &fixture);
}

/* ---- truncated ---- */

/* The real state, with one record's bytes exchanged. */
static bool with_record(const struct corruption *corruption, const struct state *real,
                        struct state *state, size_t changed, const void *data, size_t size) {
    bool is_good =
        state_begin(state, &corruption->fixture->setup, real->state_version, real->version);
    for (size_t i = 0; i < real->record_count && is_good; i++) {
        const struct state_record *record = &real->records[i];
        const bool is_changed = i == changed;
        is_good = add(state, symbol_of(real, record),
                      is_changed ? data : real->bytes.data + record->data_at,
                      is_changed ? size : record->data_size);
    }
    return is_good;
}

/* `size` bytes of the record; what lies beyond it is made up. */
static void try_length(struct corruption *corruption, const struct state *real, size_t at,
                       size_t size) {
    const struct state_record *record = &real->records[at];
    struct state state;
    unsigned char *bytes = malloc(size + 1);
    if (bytes == NULL)
        return;
    fill(&corruption->context->random, bytes, size);
    memcpy(bytes, real->bytes.data + record->data_at,
           size < record->data_size ? size : record->data_size);
    if (with_record(corruption, real, &state, at, bytes, size))
        try_state(corruption, &state, "its own state with record %zu at %zu of %zu bytes", at, size,
                  record->data_size);
    state_release(&state);
    free(bytes);
}

static void try_lengths(struct corruption *corruption, const struct state *real, size_t at) {
    const size_t size = real->records[at].data_size;
    for (size_t i = 0; i < LENGTHS_TRIED && i < size; i++)
        try_length(corruption, real, at,
                   size <= LENGTHS_TRIED || i % 2 == 0
                       ? i
                       : market_random_below(&corruption->context->random, (uint32_t)size));
    if (size > 0)
        try_length(corruption, real, at, size - 1);
    for (size_t more = 1; more <= 16; more *= 2)
        try_length(corruption, real, at, size + more);
}

static void try_flips(struct corruption *corruption, const struct state *real, size_t at) {
    const struct state_record *record = &real->records[at];
    for (size_t i = 0; i < FLIPS_TRIED && record->data_size > 0; i++) {
        struct state state;
        char *bytes = text_dup(real->bytes.data + record->data_at, record->data_size);
        if (bytes == NULL)
            return;
        const uint32_t place =
            market_random_below(&corruption->context->random, (uint32_t)record->data_size);
        const uint32_t bit = market_random_below(&corruption->context->random, 8);
        bytes[place] = (char)(bytes[place] ^ (1 << bit));
        if (with_record(corruption, real, &state, at, bytes, record->data_size))
            try_state(corruption, &state,
                      "its own state with bit %" PRIu32 " of byte %" PRIu32
                      " of record %zu flipped",
                      bit, place, at);
        state_release(&state);
        free(bytes);
    }
}

/* The record twice, without its symbol, or with another's. */
static void try_symbols(struct corruption *corruption, const struct state *real, size_t at) {
    const struct state_record *record = &real->records[at];
    const t5_str symbols[] = {symbol_of(real, record), {NULL, 0}, t5_text("NEW")};
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        struct state state;
        if (with_record(corruption, real, &state, SIZE_MAX, NULL, 0) &&
            add(&state, symbols[i], real->bytes.data + record->data_at, record->data_size)) {
            state_sort_records(&state);
            try_state(corruption, &state, "its own state with record %zu duplicated%s", at,
                      i == 0   ? ""
                      : i == 1 ? ", without a symbol"
                               : ", for another symbol");
        }
        state_release(&state);
    }
}

void conformance_truncated(struct case_context *context, const char *argument) {
    struct corruption corruption;
    struct fixture fixture;
    struct state real;
    (void)argument;
    if (begin(&corruption, &fixture, context)) {
        if (real_state(&corruption, &real)) {
            if (real.record_count == 0)
                case_note(context, "it saved no record: nothing to corrupt");
            for (size_t i = 0; i < real.record_count && i < RECORDS_TRIED; i++) {
                try_lengths(&corruption, &real, i);
                try_flips(&corruption, &real, i);
                try_symbols(&corruption, &real, i);
            }
        }
        state_release(&real);
    }
    end(&corruption, &fixture);
}

/* ---- older ---- */

static void try_version(struct corruption *corruption, const struct state *real,
                        uint32_t state_version, const char *version) {
    struct state state;
    bool is_good = state_begin(&state, &corruption->fixture->setup, state_version, version);
    for (size_t i = 0; i < real->record_count && is_good; i++)
        is_good = add(&state, symbol_of(real, &real->records[i]),
                      real->bytes.data + real->records[i].data_at, real->records[i].data_size);
    if (is_good)
        try_state(corruption, &state, "a state of state version %" PRIu32 " by version \"%s\"",
                  state_version, version);
    state_release(&state);
}

void conformance_older(struct case_context *context, const char *argument) {
    struct corruption corruption;
    struct fixture fixture;
    struct state real;
    (void)argument;
    if (begin(&corruption, &fixture, context)) {
        const uint32_t ours = fixture.setup.description->state_version;
        if (real_state(&corruption, &real)) {
            for (uint32_t back = 1; back <= 5 && back <= ours; back++)
                try_version(&corruption, &real, ours - back, "0.0.1");
            try_version(&corruption, &real, ours + 1, "99.0.0");
            try_version(&corruption, &real, UINT32_MAX, "99.0.0");
            try_version(&corruption, &real, ours, "0.0.1");
            try_version(&corruption, &real, ours, "");
            try_version(&corruption, &real, ours, "a-version-of-thirty-one-letters");
        }
        state_release(&real);
    }
    end(&corruption, &fixture);
}

/*
 * Case: what grows when instances come and go.
 *
 * A cycle that leaves something leaves it each time. So after a warm-up, in which allocator and
 * libraries take what they keep, several equal stretches of cycles are looked at: what grows in
 * each of them, by more than a share of a small block each cycle, is left behind. In one or two of
 * them the C library may take what it keeps for good: the stack of a thread that met another one,
 * or an arena for it, 8 and 64 MB of addresses.
 */
#include "conformance/cases/case_leaks.h"
#include "conformance/cases/cases.h"
#include "conformance/cases/harness.h"

#include "base/clock.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGES      40
#define WARM_UP       50
#define STRETCHES     5
#define STRETCH       200 /* cycles */
#define LEAST         24  /* cycles of a stretch that is cut short */
/* Below what one block of malloc takes; above what an allocator may move about. */
#define BYTES_A_CYCLE 16
#define PAGES_A_CYCLE 0.25
#define BUDGET_NS     (8 * NS_PER_S) /* of one kind of cycle */

/* With AddressSanitizer malloc_info knows nothing, and this does. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

struct reading {
    size_t bytes; /* of malloc, in use */
    size_t pages; /* of address space */
};

static struct reading read_memory(void) {
    struct reading reading = {0};
    if (__sanitizer_get_current_allocated_bytes != NULL) {
        reading.bytes = __sanitizer_get_current_allocated_bytes();
    } else {
        const struct mallinfo2 info = mallinfo2();
        reading.bytes = info.uordblks + info.hblkhd;
    }
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        if (fscanf(file, "%zu", &reading.pages) != 1)
            reading.pages = 0;
        (void)fclose(file);
    }
    return reading;
}

/* ---- kinds of cycles ---- */

struct cycles {
    struct case_context *context;
    const struct fixture *fixture;
    struct state state;     /* its own, of the cycle before; empty: none */
    struct state corrupted; /* one that it may refuse */
};

static void cycle_idle(struct cycles *cycles) {
    struct harness harness;
    (void)harness_open(&harness, cycles->context, &cycles->fixture->setup, 0);
    harness_release(&harness);
}

static void cycle_refusal(struct cycles *cycles) {
    struct harness harness;
    if (harness_open(&harness, cycles->context, &cycles->fixture->setup, 0))
        (void)harness_load(&harness, &cycles->corrupted);
    harness_release(&harness);
}

static void cycle_work(struct cycles *cycles) {
    const struct description *description = cycles->fixture->setup.description;
    struct harness harness;
    if (harness_open(&harness, cycles->context, &cycles->fixture->setup, 0)) {
        bool has_state = cycles->state.strategy != NULL && description->has_load;
        if (has_state && !harness_load(&harness, &cycles->state)) {
            case_fail(cycles->context, "its own state: %s", harness.error.text);
            has_state = false;
        }
        harness_activate(&harness, !has_state);
        harness_feed_all(&harness, &cycles->fixture->script, 0, cycles->fixture->script.count);
        /* The first state is kept for all, so that a state that grows does not look like a leak. */
        if (description->has_save && cycles->state.strategy == NULL &&
            !harness_save(&harness, T5_SAVE_RELOAD, &cycles->state))
            case_fail(cycles->context, "%s", harness.error.text);
        else if (description->has_save) {
            struct state state;
            state_init(&state);
            (void)harness_save(&harness, T5_SAVE_RELOAD, &state);
            state_release(&state);
        }
    }
    harness_release(&harness);
}

/* ---- counting ---- */

/* Runs `count` cycles, or fewer when time is short; gives how many. */
static size_t run_cycles(struct cycles *cycles, void (*cycle)(struct cycles *cycles), size_t count,
                         int64_t deadline_ns) {
    size_t done = 0;
    while (done < count && !case_is_lost(cycles->context) &&
           (done < LEAST || clock_monotonic_ns() < deadline_ns)) {
        cycle(cycles);
        done++;
    }
    return done;
}

/* `growth`: of each stretch, of cycles[i] cycles. Gives it per cycle, or 0 unless each shows it. */
static double leak_per_cycle(const double growth[STRETCHES], const size_t cycles[STRETCHES],
                             double least) {
    double whole = 0;
    size_t count = 0;
    for (size_t i = 0; i < STRETCHES; i++) {
        if (growth[i] < least * (double)cycles[i])
            return 0;
        whole += growth[i];
        count += cycles[i];
    }
    return whole / (double)count;
}

static void judge(struct cycles *cycles, void (*cycle)(struct cycles *cycles), const char *what) {
    struct case_context *context = cycles->context;
    case_step(context, "cycles of %s", what);
    context->is_quiet = true;
    const size_t threads = leaks_threads();
    (void)run_cycles(cycles, cycle, WARM_UP, INT64_MAX);
    if (leaks_threads() > threads + WARM_UP / 2) {
        context->is_quiet = false;
        case_fail(context, "%s leaks threads, and with them their stacks", what);
        return;
    }
    size_t counts[STRETCHES];
    size_t count = 0;
    double bytes[STRETCHES];
    double pages[STRETCHES];
    struct reading before = read_memory();
    for (size_t i = 0; i < STRETCHES; i++) {
        counts[i] =
            run_cycles(cycles, cycle, STRETCH, clock_monotonic_ns() + BUDGET_NS / STRETCHES);
        count += counts[i];
        const struct reading after = read_memory();
        bytes[i] = (double)after.bytes - (double)before.bytes;
        pages[i] = (double)after.pages - (double)before.pages;
        before = after;
    }
    context->is_quiet = false;
    if (case_is_lost(context))
        return;
    const double leaked_bytes = leak_per_cycle(bytes, counts, BYTES_A_CYCLE);
    const double leaked_pages = leak_per_cycle(pages, counts, PAGES_A_CYCLE);
    if (leaked_bytes > 0)
        case_fail(context, "%s leaks %.0f bytes, measured over %zu cycles", what, leaked_bytes,
                  count);
    else if (leaked_pages > 0)
        case_fail(context, "%s leaks %.2f pages of address space, measured over %zu cycles", what,
                  leaked_pages, count);
}

/* The last record of its state, cut in half, with all before it whole. */
static bool corrupt_state(struct cycles *cycles) {
    const struct state *state = &cycles->state;
    struct state *corrupted = &cycles->corrupted;
    if (state->strategy == NULL || state->record_count == 0)
        return false;
    corrupted->strategy = strdup(state->strategy);
    corrupted->version = strdup(state->version);
    corrupted->state_version = state->state_version;
    bool is_good = corrupted->strategy != NULL && corrupted->version != NULL;
    for (size_t i = 0; i < state->record_count && is_good; i++) {
        const struct state_record *record = &state->records[i];
        const size_t size = i + 1 < state->record_count ? record->data_size : record->data_size / 2;
        is_good =
            state_add_record(corrupted, T5_NO_SYMBOL, i,
                             record->symbol_size > 0 ? state->bytes.data + record->symbol_at : NULL,
                             record->symbol_size, state->bytes.data + record->data_at, size);
    }
    return is_good;
}

void conformance_memory(struct case_context *context, const char *argument) {
    struct fixture fixture;
    struct cycles cycles = {.context = context, .fixture = &fixture};
    (void)argument;
    state_init(&cycles.state);
    state_init(&cycles.corrupted);
    if (fixture_init_mixed(&fixture, context, MESSAGES)) {
        judge(&cycles, cycle_idle, "create and destroy");
        judge(&cycles, cycle_work, "a full life cycle");
        if (fixture.setup.description->has_load && corrupt_state(&cycles))
            judge(&cycles, cycle_refusal, "loading a corrupt state");
    }
    state_release(&cycles.corrupted);
    state_release(&cycles.state);
    fixture_release(&fixture);
}

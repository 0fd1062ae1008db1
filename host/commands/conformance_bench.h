/*
 * commands/conformance_bench.h - one instance of the strategy under test, on its own: created, fed,
 * saved, with all that it says written down.
 */
#ifndef TAKE5_COMMANDS_CONFORMANCE_BENCH_H
#define TAKE5_COMMANDS_CONFORMANCE_BENCH_H

#include "base/symbols.h"
#include "base/text.h"
#include "commands/conformance_script.h"
#include "commands/conformance_trial.h"
#include "message/decode.h"
#include "strategy/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The strategy with its settings, and messages for it: what most cases begin with. */
struct scene {
    struct setup setup;
    struct script script;
};

/* `options` without a description; `spoil` 0: well-formed messages. False with a fault of the
 * trial. Release in either case. */
bool scene_init(struct scene *scene, struct trial *trial, struct script_options options,
                enum script_spoil spoil);
void scene_release(struct scene *scene);

struct bench {
    struct trial *trial;
    const struct setup *setup;
    struct symbols *symbols;
    struct projection *projection;
    struct decoder *decoder;
    struct instance *instance; /* NULL: none, or create refused */
    bool is_active;
    _Atomic bool is_woken; /* any thread */
    /* What it said: a JSON line a signal, so that two runs can be compared. */
    struct text tape;
    const struct script_message *in_hand;
    /* So far. */
    size_t messages;     /* that it was given */
    size_t unusable;     /* that the host would put into the dead letters unseen */
    size_t errors;       /* T5_ERROR, in on_timer as well */
    size_t rejects;      /* T5_REJECT */
    size_t signals;      /* accepted */
    size_t refused;      /* signals that the host refused */
    char complaint[512]; /* reason of the last error or reject */
    struct error error;  /* why the last call did not work */
};

/* Calls create. False: it refused, or the host could not; bench->error says why. Release in either
 * case. `partition` counts for KEYED strategies. */
bool bench_init(struct bench *bench, struct trial *trial, const struct setup *setup,
                int32_t partition);
/* The same with settings that were good before: a refusal is a fault of the trial. */
bool bench_open(struct bench *bench, struct trial *trial, const struct setup *setup,
                int32_t partition);
/* deactivate if it is active, destroy. */
void bench_release(struct bench *bench);

/* Gives symbol ids to made-up names, so that ids differ from those of another bench. */
bool bench_shift_symbols(struct bench *bench, uint32_t count);
/* load. The symbols of the state's records get their ids in the records' order. */
bool bench_load(struct bench *bench, const struct state *state);
/* activate, and the event FRESH when nothing was loaded. */
void bench_activate(struct bench *bench, bool is_fresh);
/* One message, as the host would give it. T5_OK, T5_ERROR, T5_REJECT as on_message answered, or 0:
 * the host did not give it. What breaks the ABI whatever the message is (a code that is none) is a
 * fault of the trial. */
int32_t bench_feed(struct bench *bench, const struct script_message *message);
/* From `begin` to before `end`. */
void bench_feed_all(struct bench *bench, const struct script *script, size_t begin, size_t end);
/* save, into an initialised, empty state. */
bool bench_save(struct bench *bench, enum t5_save_reason reason, struct state *state);
void bench_event(struct bench *bench, const t5_event *event);
/* deactivate, if it is active. */
void bench_deactivate(struct bench *bench);

/* Signals that the host refused are a fault of the trial. */
void bench_judge_signals(struct bench *bench);
/* That they said different things is a fault of the trial. `what` says in which circumstances; the
 * names go behind what each of them said. */
void bench_compare(struct trial *trial, const char *what, const struct bench *a, const char *a_name,
                   const struct bench *b, const char *b_name);

#endif

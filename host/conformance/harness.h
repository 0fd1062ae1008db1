/*
 * conformance/harness.h - one instance of the strategy under test, on its own: created, fed,
 * saved, with all that it says written down.
 */
#ifndef TAKE5_CONFORMANCE_HARNESS_H
#define TAKE5_CONFORMANCE_HARNESS_H

#include "base/symbols.h"
#include "base/text.h"
#include "conformance/case_context.h"
#include "conformance/messages_script.h"
#include "message/decode.h"
#include "strategy/instance/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The strategy with its settings, and messages for it: what most cases begin with. */
struct fixture {
    struct setup setup;
    struct script script;
};

/* `options` without a description; `mutation` 0: well-formed messages. False with a fault of the
 * context. Release in either case. */
bool fixture_init(struct fixture *fixture, struct case_context *context,
                  struct script_options options, enum script_mutation mutation);
void fixture_release(struct fixture *fixture);

struct harness {
    struct case_context *context;
    const struct setup *setup;
    struct symbols *symbols;
    struct projection *projection;
    struct decoder *decoder;
    struct instance *instance; /* NULL: none, or create refused */
    bool is_active;
    _Atomic bool is_woken; /* any thread */
    /* What it said: a JSON line a signal, so that two runs can be compared. */
    struct text tape;
    const struct script_message *current_call;
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

/* Calls create. False: it refused, or the host could not; harness->error says why. Release in
 * either case. `partition` counts for KEYED strategies. */
bool harness_init(struct harness *harness, struct case_context *context, const struct setup *setup,
                  int32_t partition);
/* The same with settings that were good before: a refusal is a fault of the context. */
bool harness_open(struct harness *harness, struct case_context *context, const struct setup *setup,
                  int32_t partition);
/* deactivate if it is active, destroy. */
void harness_release(struct harness *harness);

/* Gives symbol ids to made-up names, so that ids differ from those of another harness. */
bool harness_shift_symbols(struct harness *harness, uint32_t count);
/* load. The symbols of the state's records get their ids in the records' order. */
bool harness_load(struct harness *harness, const struct state *state);
/* activate, and the event FRESH when nothing was loaded. */
void harness_activate(struct harness *harness, bool is_fresh);
/* One message, as the host would give it. T5_OK, T5_ERROR, T5_REJECT as on_message answered, or 0:
 * the host did not give it. What breaks the ABI whatever the message is (a code that is none) is a
 * fault of the context. */
int32_t harness_feed(struct harness *harness, const struct script_message *message);
/* From `begin` to before `end`. */
void harness_feed_all(struct harness *harness, const struct script *script, size_t begin,
                      size_t end);
/* save, into an initialised, empty state. */
bool harness_save(struct harness *harness, enum t5_save_reason reason, struct state *state);
void harness_event(struct harness *harness, const t5_event *event);
/* deactivate, if it is active. */
void harness_deactivate(struct harness *harness);

/* Signals that the host refused are a fault of the context. */
void harness_judge_signals(struct harness *harness);
/* That they said different things is a fault of the context. `what` says in which circumstances;
 * the names go behind what each of them said. */
void harness_compare(struct case_context *context, const char *what, const struct harness *a,
                     const char *a_name, const struct harness *b, const char *b_name);

#endif

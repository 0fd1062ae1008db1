/*
 * conformance/cases/harness.h - one instance of the strategy under test, on its own: created, fed,
 * saved, with all that it emits written down.
 */
#ifndef TAKE5_CONFORMANCE_CASES_HARNESS_H
#define TAKE5_CONFORMANCE_CASES_HARNESS_H

#include "base/text.h"
#include "conformance/cases/case_context.h"
#include "conformance/cases/signal_list.h"
#include "conformance/script/messages_script.h"
#include "message/decode.h"
#include "message/symbols.h"
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
/* The same with `count` messages of all roles and both forms of the envelope. */
bool fixture_init_mixed(struct fixture *fixture, struct case_context *context, size_t count);
void fixture_release(struct fixture *fixture);
/* Other messages for it, into an initialised script: the recording's where the case's are. False
 * with a fault of the context. */
bool fixture_script(struct case_context *context, const struct description *description,
                    struct script_options options, enum script_mutation mutation,
                    struct script *script);

struct harness {
    struct case_context *context;
    const struct setup *setup;
    struct symbols *symbols;
    struct projection *projection;
    struct decoder *decoder;
    struct instance *instance; /* NULL: none, or create refused */
    uint32_t number;           /* on the case's tape */
    int32_t partition;
    bool is_active;
    _Atomic bool is_woken; /* any thread */
    /* What it emitted: a JSON line a signal, so that two runs can be compared. */
    struct text tape;
    /* The same by symbol, message and time, when it is set; released with the harness. NULL: none.
     */
    struct signal_list *list;
    bool is_history;    /* what it is fed now is history: flagged, and what it emits is dropped */
    size_t call_number; /* of the current message, where its feeder counts */
    const struct script_message *current_call;
    /* So far. */
    size_t messages;    /* that it was given */
    size_t unusable;    /* that the host would put into the dead letters unseen */
    size_t errors;      /* T5_ERROR, in on_timer as well */
    size_t rejects;     /* T5_REJECT */
    size_t signals;     /* accepted */
    size_t refused;     /* signals that the host refused */
    char problem[512];  /* reason of the last error or reject */
    struct error error; /* why the last call did not work */
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
/* From `begin` to before `end`, counting. */
void harness_feed_all(struct harness *harness, const struct script *script, size_t begin,
                      size_t end);
/* save, into an initialised, empty state. */
bool harness_save(struct harness *harness, enum t5_save_reason reason, struct state *state);
void harness_event(struct harness *harness, const t5_event *event);

/* From now on what it emits is also in harness->list. False: out of memory. */
bool harness_list_signals(struct harness *harness);

/* Signals that the host refused are a fault of the context. */
void harness_judge_signals(struct harness *harness);
/* Whether they emitted the same. */
bool harness_do_agree(const struct harness *a, const struct harness *b);
/* Whether instances emit the same for the fixture's messages each time. If not, a difference
 * between two of them may have any cause, which is noted: the case `repeatable` finds that. */
bool harness_is_repeatable(struct case_context *context, const struct fixture *fixture);
/* That they emitted different signals is a fault of the context. `what` says in which
 * circumstances; the names go behind what each of them emitted. */
void harness_compare(struct case_context *context, const char *what, const struct harness *a,
                     const char *a_name, const struct harness *b, const char *b_name);
/* The same, where it is only worth a note. */
void harness_note_difference(struct case_context *context, const char *what,
                             const struct harness *a, const char *a_name, const struct harness *b,
                             const char *b_name);

#endif

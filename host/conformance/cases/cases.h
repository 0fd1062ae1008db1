/*
 * conformance/cases/cases.h - the cases of the conformance check.
 *
 * Both sides know the list: the parent to plan, the child to run.
 */
#ifndef TAKE5_CONFORMANCE_CASES_CASES_H
#define TAKE5_CONFORMANCE_CASES_CASES_H

#include <stdbool.h>
#include <stddef.h>

struct case_context;

/* What a case is run once for; the name of it follows the case's name after a slash. */
enum case_range { CASE_ONCE = 1, CASE_PARAMETERS, CASE_TOPICS };

/* Where a case does not apply it is skipped, which is reported. */
enum case_need {
    CASE_NEEDS_STATE = 1 << 0, /* save and load */
    CASE_NEEDS_INPUT = 1 << 1, /* the author's own messages; not even listed without */
    CASE_NEEDS_KEYED = 1 << 2,
    CASE_NEEDS_SHARE = 1 << 3, /* the process with other strategies: no T5_NOTE_OWN_PROCESS */
    CASE_WATCHES_HEAP = 1 << 4 /* writes beyond a block shall be noticed: see heap.h */
};

struct conformance_case {
    const char *name;
    enum case_range range;
    unsigned needs;      /* a set of enum case_need */
    const char *summary; /* one line, what must hold */
    void (*run)(struct case_context *context, const char *argument);
};

/* NULL-named at the end. The first one is CASE_DESCRIPTOR. */
extern const struct conformance_case conformance_cases[];
#define CASE_DESCRIPTOR "descriptor"

/* The case that a full name belongs to and the argument in it (empty: none); NULL: there is none.
 */
const struct conformance_case *conformance_case_find(const char *full_name, const char **argument);

/* The cases, by file. */
void conformance_descriptor(struct case_context *context, const char *argument);
void conformance_life(struct case_context *context, const char *argument);
void conformance_events(struct case_context *context, const char *argument);
void conformance_parameter(struct case_context *context, const char *name);
void conformance_production(struct case_context *context, const char *role);
void conformance_documented(struct case_context *context, const char *role);
void conformance_recorded(struct case_context *context, const char *role);
void conformance_missing(struct case_context *context, const char *role);
void conformance_extreme(struct case_context *context, const char *role);
void conformance_text(struct case_context *context, const char *role);
void conformance_signals(struct case_context *context, const char *argument);
void conformance_repeatable(struct case_context *context, const char *argument);
void conformance_apart(struct case_context *context, const char *argument);
void conformance_partitions(struct case_context *context, const char *argument);
void conformance_lookahead(struct case_context *context, const char *argument);
void conformance_expired(struct case_context *context, const char *argument);
void conformance_opens(struct case_context *context, const char *argument);
void conformance_libraries(struct case_context *context, const char *argument);
void conformance_saved(struct case_context *context, const char *argument);
void conformance_warm_up(struct case_context *context, const char *argument);
void conformance_wants(struct case_context *context, const char *argument);
void conformance_round_trip(struct case_context *context, const char *argument);
void conformance_goes_on(struct case_context *context, const char *argument);
void conformance_empty(struct case_context *context, const char *argument);
void conformance_random(struct case_context *context, const char *argument);
void conformance_truncated(struct case_context *context, const char *argument);
void conformance_older(struct case_context *context, const char *argument);
void conformance_threads(struct case_context *context, const char *argument);
void conformance_files(struct case_context *context, const char *argument);
void conformance_memory(struct case_context *context, const char *argument);
void conformance_process_kept(struct case_context *context, const char *argument);

/* What is reported of a strategy that does not save what it remembers. */
#define CASE_NOT_SAVED                                                                             \
    "remembers messages and saves nothing: after a reload, a stop or a crash its signals differ; " \
    "give it save and load"

/* case_libraries.c: how many objects are loaded now, this program among them. */
size_t case_libraries_loaded(void);

#endif

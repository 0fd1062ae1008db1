/*
 * commands/operation/status.h - a running host's status, as `ctl` and `top` read it.
 */
#ifndef TAKE5_COMMANDS_OPERATION_STATUS_H
#define TAKE5_COMMANDS_OPERATION_STATUS_H

#include "base/error.h"
#include "base/text.h"
#include "cli/host_locator.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The host's answer as text, or that of one of its workers; false when none comes, or it is no
 * JSON. `tree` (may be NULL) gets it parsed, as status_parse() does: cJSON_Delete() it. */
bool status_ask(const struct host_locator *host, struct text *answer, cJSON **tree,
                struct error *error);

/* A host's answer, for people: strings are as text_visible() shows them. NULL: no JSON. */
cJSON *status_parse(const char *data, size_t size);

/* Members, with "", 0, false and NULL for what is not there; nor is anything in NULL. */
const char *status_text(const cJSON *object, const char *name);
double status_number(const cJSON *object, const char *name);
bool status_is(const cJSON *object, const char *name);
const cJSON *status_member(const cJSON *object, const char *name);
/* "[NAME] ", the worker of an item where there are several; "" elsewhere. */
void status_format_worker(const cJSON *item, char *text, size_t size);
/* How many lanes the process of the item has. */
int status_lanes(const cJSON *status, const cJSON *item);

/* What a strategy, a lane, or the totals of a status continue in an earlier one (may be NULL).
 * NULL: there is nothing: the item is new, or another process has counted it, as a worker was
 * restarted or the strategy has moved; the totals, too, if a worker answered once only. */
const cJSON *status_strategy_before(const cJSON *status, const cJSON *strategy,
                                    const cJSON *before);
const cJSON *status_lane_before(const cJSON *status, const cJSON *lane, const cJSON *before);
const cJSON *status_totals_before(const cJSON *status, const cJSON *before);
/* How much a number that only grows grew in a second. 0 without an earlier one, or if it is less
 * now, as its instances or its host went. */
double status_rate(const cJSON *now, const cJSON *before, const char *name, double seconds);

/* What the host does, in a word or two: "running", "draining", "STUCK: ...". */
void status_condition(const cJSON *status, char *text, size_t size);
/* "1,234,567", "12.3M" when it is wider than `width`. */
void status_format_count(double count, size_t width, char *text, size_t size);
/* "850 ns", "1.2 us", "35 ms", "2.1 s". */
void status_format_ns(double ns, char *text, size_t size);
/* "4 s", "12 min 3 s", "3 h 12 min", "2 d 3 h". */
void status_format_span(double seconds, char *text, size_t size);

/* The table for people. `before` (NULL: none) is an earlier status, `seconds` before this one, for
 * rates. */
void status_print(const cJSON *status, const cJSON *before, double seconds);

/* Its shadows: how their signals differ from their originals', and the last differences. */
void status_print_shadows(const cJSON *status);
/* The same as an array of objects. */
void status_print_shadows_json(const cJSON *status);

#endif

/*
 * engine/findings.h - *why no signal*: what a deployment wants and did not get, in words.
 *
 * Of every deployment: names of parameters that it asked for and that are none. Of those that have
 * emitted no signal yet, also: topics that never came, filters that let nothing pass, fields that
 * no message had (with what is there instead), parameters that it never read, symbols that never
 * meet themselves since their topics lie on different partition numbers, and how far on_message
 * got. Any thread; not for every second: it parses messages.
 */
#ifndef TAKE5_ENGINE_FINDINGS_H
#define TAKE5_ENGINE_FINDINGS_H

#include "base/format/json_writer.h"

#include <stdbool.h>
#include <stddef.h>

struct engine;

struct finding {
    char *deployment;
    /* A literal: topic_absent, filtered, field_absent, parameter_unread, parameter_unknown,
     * join_apart, silent. */
    const char *kind;
    char *text;
};

/* Zeroed it is empty. */
struct findings {
    struct finding *items; /* by deployment; what to look at first stands first */
    size_t count, capacity;
    bool is_oom; /* some are missing */
};

/* Adds those of all deployments. */
void findings_gather(struct findings *findings, struct engine *engine);
void findings_release(struct findings *findings);
/* As the member `findings` of an object: [{"deployment", "kind", "text"}]. */
void findings_json(const struct findings *findings, struct json_writer *json);

#endif

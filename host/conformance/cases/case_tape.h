/*
 * conformance/cases/case_tape.h - what a case feeds, as files: for `take5 check --capsule`, which
 * does a crash again from them. The child writes, the parent reads when the child has crashed.
 *
 *   DIRECTORY/messages.jsonl  a recording (recording/writer.h); the topic is the role
 *   DIRECTORY/instances       "INSTANCE PARTITION" a message: which it was handed to, counted as
 * they are created; "+INSTANCE PARTITION" where one is created DIRECTORY/settings        "PARAMETER
 * = VALUE": those that the case chose last
 *
 * One thread.
 */
#ifndef TAKE5_CONFORMANCE_CASE_TAPE_H
#define TAKE5_CONFORMANCE_CASE_TAPE_H

#include "message/record.h"
#include "strategy/plugin/description.h"

#include <stdbool.h>
#include <stdint.h>

struct case_tape {
    const char *directory; /* NULL: nobody wants one */
    int messages, lines;   /* files */
    uint32_t instances;    /* so far */
};

/* Creates the files again. False: they cannot be written. `directory` NULL: writes nothing. */
bool case_tape_open(struct case_tape *tape, const char *directory);
void case_tape_close(struct case_tape *tape);

/* An instance is created now; gives its number. */
uint32_t case_tape_instance(struct case_tape *tape, int32_t partition);
/* What cannot be written is left out: the capsule then does not reproduce, and says so. */
void case_tape_settings(struct case_tape *tape, const struct parameters *parameters);
void case_tape_message(struct case_tape *tape, uint32_t instance, int32_t partition,
                       const struct record *record, const char *role);

#endif

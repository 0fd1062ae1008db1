/* Letters straight through a deployment of the running host. */
#include "dlq/dead_letters.h"

#include "base/text.h"
#include "cli/progress_line.h"
#include "dlq/ledger.h"
#include "ops/redrive_protocol.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct giver {
    struct dlq_through *through;
    const struct dlq_filter *filter;
    const struct config *config;
    struct dlq_ledger ledger;
    struct progress_line progress;
    struct text line;                  /* of the ledger */
    struct text request, body, answer; /* kept from dead letter to dead letter */
    struct error *error;
    bool has_failed;
};

/* ---- one dead letter to the host ---- */

static void note_refusal(struct giver *giver, const struct dead_letter *dead_letter,
                         enum redrive_outcome outcome, const char *why) {
    struct dlq_refusal *refusal = &giver->through->refusals[outcome];
    if (refusal->count++ == 0)
        snprintf(refusal->first, sizeof refusal->first, "%s/%" PRId32 "/%" PRId64 ": %s",
                 dead_letter->topic, dead_letter->partition, dead_letter->offset, why);
}

/* The host's outcome and its reason. 0: there is none, and the error says why. */
static enum redrive_outcome ask(struct giver *giver, const struct dead_letter *dead_letter,
                                const char **why) {
    const struct redrive_request asked = {.deployment = giver->through->deployment,
                                          .topic = dead_letter->topic,
                                          .partition = dead_letter->partition,
                                          .offset = dead_letter->offset,
                                          .kafka_time_ms = dead_letter->time_ms,
                                          .key = dead_letter->key,
                                          .key_size = dead_letter->key_size,
                                          .payload = dead_letter->payload,
                                          .payload_size = dead_letter->payload_size,
                                          .is_dry_run = giver->through->is_dry_run};
    const size_t largest = giver->config->decode.max_bytes + SERVICE_REDRIVE_KEY_ROOM;
    bool did;
    if (!service_redrive_write(&asked, &giver->request, &giver->body)) {
        *why = "its topic's name is none of Kafka's";
        return REDRIVE_ELSEWHERE;
    }
    if (giver->body.size > largest) {
        *why = "it is larger than [decode] max_bytes";
        return REDRIVE_UNUSABLE;
    }
    text_reset(&giver->answer);
    if (!control_send(giver->through->socket, giver->request.data, giver->body.data,
                      giver->body.size, &did, &giver->answer, giver->error))
        return (enum redrive_outcome)0;
    const enum redrive_outcome outcome = service_redrive_outcome(&giver->answer, why);
    if ((int)outcome == 0)
        error_set(giver->error, ERROR_STATE, "the host responded: %s", *why);
    return outcome;
}

/* Whether the next dead letter would fare no better. */
static bool is_hopeless(enum redrive_outcome outcome) {
    return outcome == REDRIVE_UNKNOWN || outcome == REDRIVE_UNCONFIRMED || outcome == REDRIVE_BUSY;
}

static bool note_given(struct giver *giver) {
    text_putc(&giver->line, '\n');
    if (text_is_oom(&giver->line))
        return error_set_memory(giver->error, "a line of the ledger");
    giver->through->given++;
    return giver->through->is_dry_run ||
           dlq_ledger_write(&giver->ledger, &giver->line, giver->error);
}

static bool give_new(struct giver *giver, const struct dead_letter *dead_letter) {
    const char *why = "";
    const enum redrive_outcome outcome = ask(giver, dead_letter, &why);
    if ((int)outcome == 0)
        return false;
    if (outcome == REDRIVE_GIVEN)
        return (dlq_ledger_add(&giver->ledger, &giver->line) ||
                error_set_memory(giver->error, "what was given")) &&
               note_given(giver);
    note_refusal(giver, dead_letter, outcome, why);
    return !is_hopeless(outcome) ||
           error_set(giver->error, ERROR_STATE, "stopped there: the next ones would fail too");
}

static bool give(void *context, const struct dead_letter *dead_letter) {
    struct giver *giver = context;
    if (!dlq_is_chosen(giver->filter, dead_letter))
        return true;
    dlq_ledger_line(&giver->line, dead_letter, "through", giver->through->deployment);
    if (dlq_ledger_has(&giver->ledger, &giver->line))
        giver->through->skipped++;
    else if (!give_new(giver, dead_letter))
        giver->has_failed = true;
    if (progress_line_is_due(&giver->progress))
        progress_line_show(&giver->progress, "redriven", "dead letters", giver->through->given, -1);
    return !giver->has_failed;
}

bool dlq_through(struct dlq_through *through, const struct dlq_source *source,
                 const struct dlq_filter *filter, size_t *unreadable, struct error *error) {
    struct giver giver = {
        .through = through, .filter = filter, .config = source->config, .error = error};
    text_init(&giver.line);
    text_init(&giver.request);
    text_init(&giver.body);
    text_init(&giver.answer);
    progress_line_init(&giver.progress);
    const bool did =
        dlq_ledger_open(&giver.ledger, through->ledger_path, through->is_dry_run, error) &&
        dlq_read(source, give, &giver, unreadable, error) && !giver.has_failed;
    progress_line_clear(&giver.progress);
    dlq_ledger_close(&giver.ledger);
    text_release(&giver.line);
    text_release(&giver.request);
    text_release(&giver.body);
    text_release(&giver.answer);
    return did;
}

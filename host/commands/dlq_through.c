/* Letters straight through a deployment of the running host. */
#include "commands/dlq.h"

#include "base/text.h"
#include "commands/dlq_ledger.h"
#include "commands/progress.h"
#include "commands/service_redrive.h"

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
    struct text request, body, answer; /* kept from letter to letter */
    struct error *error;
    bool has_failed;
};

/* ---- one letter to the host ---- */

static void note_refusal(struct giver *giver, const struct dlq_letter *letter,
                         enum redrive_outcome outcome, const char *why) {
    struct dlq_refusal *refusal = &giver->through->refusals[outcome];
    if (refusal->count++ == 0)
        snprintf(refusal->first, sizeof refusal->first, "%s/%" PRId32 "/%" PRId64 ": %s",
                 letter->topic, letter->partition, letter->offset, why);
}

/* The host's outcome and its reason. 0: there is none, and the error says why. */
static enum redrive_outcome ask(struct giver *giver, const struct dlq_letter *letter,
                                const char **why) {
    const struct redrive_letter asked = {.deployment = giver->through->deployment,
                                         .topic = letter->topic,
                                         .partition = letter->partition,
                                         .offset = letter->offset,
                                         .kafka_time_ms = letter->time_ms,
                                         .key = letter->key,
                                         .key_size = letter->key_size,
                                         .payload = letter->payload,
                                         .payload_size = letter->payload_size};
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
        error_set(giver->error, ERROR_STATE, "the host says: %s", *why);
    return outcome;
}

/* Whether the next letter would fare no better. */
static bool is_hopeless(enum redrive_outcome outcome) {
    return outcome == REDRIVE_UNKNOWN || outcome == REDRIVE_UNCONFIRMED || outcome == REDRIVE_BUSY;
}

static bool note_given(struct giver *giver) {
    text_putc(&giver->line, '\n');
    if (text_is_short(&giver->line))
        return error_set_memory(giver->error, giver->line.size, "a line of the ledger");
    giver->through->given++;
    return dlq_ledger_write(&giver->ledger, &giver->line, giver->error);
}

static bool give_new(struct giver *giver, const struct dlq_letter *letter) {
    const char *why = "";
    if (giver->through->is_trial) {
        giver->through->given++;
        return dlq_ledger_add(&giver->ledger, &giver->line) ||
               error_set_memory(giver->error, sizeof(uint64_t), "what was given");
    }
    const enum redrive_outcome outcome = ask(giver, letter, &why);
    if ((int)outcome == 0)
        return false;
    if (outcome == REDRIVE_GIVEN)
        return (dlq_ledger_add(&giver->ledger, &giver->line) ||
                error_set_memory(giver->error, sizeof(uint64_t), "what was given")) &&
               note_given(giver);
    note_refusal(giver, letter, outcome, why);
    return !is_hopeless(outcome) ||
           error_set(giver->error, ERROR_STATE, "ended there: the next ones would fare no better");
}

static bool give(void *context, const struct dlq_letter *letter) {
    struct giver *giver = context;
    if (!dlq_is_chosen(giver->filter, letter))
        return true;
    dlq_ledger_line(&giver->line, letter, "through", giver->through->deployment);
    if (dlq_ledger_has(&giver->ledger, &giver->line))
        giver->through->skipped++;
    else if (!give_new(giver, letter))
        giver->has_failed = true;
    if (progress_line_is_due(&giver->progress))
        progress_line_show(&giver->progress, "given", "letters", giver->through->given, -1);
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
        dlq_ledger_open(&giver.ledger, through->ledger_path, through->is_trial, error) &&
        dlq_read(source, give, &giver, unreadable, error) && !giver.has_failed;
    progress_line_clear(&giver.progress);
    dlq_ledger_close(&giver.ledger);
    text_release(&giver.line);
    text_release(&giver.request);
    text_release(&giver.body);
    text_release(&giver.answer);
    return did;
}

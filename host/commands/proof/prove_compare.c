/* The signals of a rerun against those of the live host: by id, then byte by byte. */
#include "commands/proof/prove_private.h"

#include "log/log.h"
#include "source/kafka/range_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 100

/* ---- what counts ---- */

static const struct stream *stream_of(const struct proof *proof, const struct signal_line *line) {
    for (uint32_t topic = 0; topic < proof->config->topic_count; topic++) {
        if (strcmp(proof->topics[topic], line->topic) == 0)
            return messages_stream(&proof->messages, topic, line->partition);
    }
    return NULL;
}

static bool is_rerun(const struct proof *proof, const char *deployment, int32_t partition) {
    for (size_t i = 0; i < proof->run_count; i++) {
        const struct proof_run *run = &proof->runs[i];
        for (size_t name = 0; name < run->name_count; name++) {
            if (strcmp(run->names[name], deployment) != 0)
                continue;
            for (size_t part = 0; part < proof->part_count; part++) {
                if (proof->parts[part].partition == partition &&
                    proof->parts[part].base == run->base)
                    return true;
            }
        }
    }
    return false;
}

/* Whether its message is in the window, as far as the host has processed that. */
static bool is_in_window(const struct proof *proof, const struct signal_line *line) {
    const struct stream *stream = stream_of(proof, line);
    return stream != NULL && line->offset >= stream->begin && line->offset < stream->end &&
           is_rerun(proof, line->deployment, line->partition);
}

/* ---- divergences ---- */

static void note_first(struct proof *proof, const struct signal_line *at, const char *live,
                       const char *again) {
    const struct message_at *message = stream_at_offset(stream_of(proof, at), at->offset);
    const struct message_at none = {.offset = at->offset, .place = UINT64_MAX};
    if (message == NULL)
        message = &none;
    if (proof->has_first && message->place >= proof->first.place)
        return;
    free(proof->first_live);
    free(proof->first_again);
    proof->first_live = live != NULL ? strdup(live) : NULL;
    proof->first_again = again != NULL ? strdup(again) : NULL;
    proof->is_oom |= (live != NULL && proof->first_live == NULL) ||
                     (again != NULL && proof->first_again == NULL);
    proof->first = *message;
    proof->has_first = true;
}

/* What it knew at the checkpoint is not known, if it knew anything: a divergence shows nothing. */
static bool is_stateless(const struct proof *proof, const struct signal_line *line) {
    for (size_t i = 0; i < proof->part_count; i++) {
        const struct checkpoint_part *part =
            proof->parts[i].partition == line->partition
                ? checkpoint_part(&proof->parts[i].checkpoint, line->deployment)
                : NULL;
        if (part != NULL)
            return !part->has_state;
    }
    return false;
}

/* `at` is one of the two. */
static void diverge(struct proof *proof, const struct signal_line *at, const char *live,
                    const char *again) {
    if (is_stateless(proof, at)) {
        if (!prove_is_doubted(proof, at->deployment))
            prove_doubt(proof, at->deployment,
                        "its signals differ, and it saves no state, so its state at the "
                        "checkpoint is not known");
        return;
    }
    if (live == NULL)
        proof->only_again++;
    else if (again == NULL)
        proof->only_live++;
    else
        proof->changed++;
    note_first(proof, at, live, again);
}

static void compare_one(struct proof *proof, const struct signal_line *again) {
    struct signal_line *live = live_find(&proof->live, again->id);
    if (live != NULL)
        live->is_met = true;
    if (live != NULL && strcmp(live->text, again->text) == 0 && !live->is_changed)
        proof->same++;
    else
        diverge(proof, again, live != NULL ? live->text : NULL, again->text);
}

bool compare_signals(struct proof *proof, FILE *signals, struct error *error) {
    char *text = NULL;
    size_t capacity = 0;
    ssize_t size;
    bool did = true;
    uint64_t count = 0;
    while (did && (size = getline(&text, &capacity, signals)) > 0) {
        if (!proof->is_quiet && (++count & 0xff) == 0 && progress_line_is_due(&proof->progress))
            progress_line_show(&proof->progress, "comparing", "signals", count, -1);
        struct signal_line line;
        bool is_oom;
        if (text[size - 1] == '\n')
            size--;
        if (!signal_line_parse(&line, text, (size_t)size, &is_oom)) {
            did = is_oom ? error_set_memory(error, "a signal")
                         : error_set(error, ERROR_STATE, "the rerun's signals are cut off");
            break;
        }
        if (is_in_window(proof, &line))
            compare_one(proof, &line);
        signal_line_release(&line);
    }
    progress_line_clear(&proof->progress);
    if (did && ferror(signals))
        did = error_set_errno(error, errno, "cannot read the signals of the rerun");
    free(text);
    return did;
}

void compare_end(struct proof *proof) {
    for (size_t i = 0; i < proof->live.count; i++) {
        const struct signal_line *line = &proof->live.items[i];
        if (!line->is_met)
            diverge(proof, line, line->text, NULL);
    }
    proof->repeated = proof->live.repeated;
}

/* ---- the live host's ---- */

static bool take_line(struct proof *proof, const char *text, size_t size, struct error *error) {
    struct signal_line line;
    bool is_oom;
    if (!signal_line_parse(&line, text, size, &is_oom))
        return !is_oom || error_set_memory(error, "a signal");
    if (is_in_window(proof, &line))
        return live_add(&proof->live, &line) || error_set_memory(error, "a signal");
    signal_line_release(&line);
    return true;
}

static bool read_file(struct proof *proof, const char *path, struct error *error) {
    char *text = NULL;
    size_t capacity = 0;
    ssize_t size;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return error_set_errno(error, errno, "cannot open %s", path);
    bool did = true;
    while (did && (size = getline(&text, &capacity, file)) > 0)
        did = take_line(proof, text, (size_t)(text[size - 1] == '\n' ? size - 1 : size), error);
    if (did && ferror(file))
        did = error_set_errno(error, errno, "cannot read %s", path);
    free(text);
    fclose(file);
    return did;
}

/* All of it: its records have the times of their events. */
static bool read_topic(struct proof *proof, const char *topic, struct error *error) {
    const struct kafka_reader_options options = {.topics = &topic,
                                                 .topic_count = 1,
                                                 .from_ms = KAFKA_READER_NO_TIME,
                                                 .until_ms = KAFKA_READER_NO_TIME};
    struct kafka_reader *reader = kafka_reader_new(&options, proof->config, proof->log, error);
    struct record record;
    const char *name;
    bool did = reader != NULL, is_over = false;
    while (did && !is_over) {
        switch (kafka_reader_next(reader, WAIT_MS, &record, &name, error)) {
        case KAFKA_READER_RECORD:
            did = record.payload == NULL ||
                  take_line(proof, record.payload, record.payload_size, error);
            break;
        case KAFKA_READER_WAIT:
            break;
        case KAFKA_READER_END:
            is_over = true;
            break;
        case KAFKA_READER_FAILED:
            did = false;
            break;
        }
    }
    kafka_reader_free(reader);
    return did;
}

bool compare_read_live(struct proof *proof, struct error *error) {
    const struct config *config = proof->config;
    bool did;
    if (proof->signals != NULL)
        did = read_file(proof, proof->signals, error);
    else if (config->sink_jsonl)
        did = read_file(proof, config->jsonl_path, error);
    else if (config->sink_kafka)
        did = read_topic(proof, config->signal_topic, error);
    else
        did = error_set(error, ERROR_INVALID,
                        "[signals] sinks has neither jsonl nor kafka: --signals names a file of "
                        "the host's signals");
    live_sort(&proof->live);
    return did;
}

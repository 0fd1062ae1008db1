/* The capsule of a crash of a live host. */
#include "commands/proof/prove_private.h"

#include "capsule/capsule.h"
#include "message/record.h"
#include "recording/reader.h"
#include "recording/writer.h"
#include "rerun/rerun.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- whose, and where ---- */

static bool find_topic(const struct proof *proof, struct proof_crash *crash, struct error *error) {
    const struct crash_record *record = crash->record;
    if (strcmp(record->topic, "none") == 0)
        return true;
    for (uint32_t i = 0; i < proof->config->topic_count; i++) {
        if (strcmp(proof->topics[i], record->topic) == 0)
            crash->topic = i;
    }
    return crash->topic != UINT32_MAX ||
           error_set(error, ERROR_INVALID,
                     "the crash was at a message of %s, which no [topic:ROLE] section of the "
                     "configuration names",
                     record->topic);
}

static bool find_crash(const struct proof *proof, const struct crash_record *record,
                       struct proof_crash *crash, struct error *error) {
    *crash = (struct proof_crash){
        .record = record, .partition = (int32_t)record->partition, .topic = UINT32_MAX};
    if (record->partition < 0 || record->partition > INT32_MAX)
        return error_set(error, ERROR_STATE,
                         "%s in %s of %s: no call was on a partition, so there are no messages to "
                         "reproduce it with",
                         record->what, record->callback, record->deployment);
    return find_topic(proof, crash, error);
}

static bool add_run(struct proof *proof, const struct crash_record *record, struct error *error) {
    char *name = strdup(record->deployment);
    proof->names = calloc(1, sizeof *proof->names);
    proof->runs = calloc(1, sizeof *proof->runs);
    if (proof->runs != NULL)
        proof->runs[0].names = calloc(2, sizeof *proof->runs[0].names);
    proof->run_count = proof->runs != NULL;
    if (name == NULL || proof->names == NULL || proof->runs == NULL ||
        proof->runs[0].names == NULL) {
        free(name);
        return error_set_memory(error, "a run");
    }
    proof->names[proof->name_count++] = name;
    proof->runs[0].names[proof->runs[0].name_count++] = name;
    proof->runs[0].is_own = true;
    return true;
}

/* ---- builds ---- */

/* Gives the hash of what ran from that note on. NULL with an error. */
static const char *check_build(struct proof *proof, size_t index, const char *name,
                               struct error *error) {
    const cJSON *ran = note_deployment(proof->notes.items[index].json, name);
    const char *hash = note_hash(ran);
    plan_check_contents(proof, index, name);
    if (ran == NULL || prove_file(proof, hash) != NULL)
        return hash;
    error_set(error, ERROR_STATE,
              "a build of %s that ran has the hash %s and is gone: --strategies names a directory "
              "that has it",
              name, hash);
    return NULL;
}

/* All since the checkpoint; the last of them is the one that crashed. */
static bool check_builds(struct proof *proof, const struct crash_record *record,
                         struct error *error) {
    const size_t base = proof->runs[0].base;
    const char *hash = check_build(proof, base, record->deployment, error);
    for (size_t index = base + 1; hash != NULL && plan_next_reload(proof, base, &index); index++)
        hash = check_build(proof, index, record->deployment, error);
    return hash != NULL &&
           (strcmp(hash, record->hash) == 0 ||
            error_set(error, ERROR_STATE,
                      "the build of %s that crashed has the hash %s, and what is noted to have run "
                      "at that message has %s: it crashed before it was noted to run",
                      record->deployment, record->hash, hash));
}

/* ---- messages ---- */

static void mark_fed(struct proof *proof) {
    struct proof_part *part = &proof->parts[0];
    const char *name = proof->runs[0].names[0];
    for (uint64_t i = order_begin(&part->order); i < part->end; i++) {
        const struct order_run *run = order_at(&part->order, i);
        const int64_t begin = window_begin(proof, part, name, run->stream);
        struct stream *stream = messages_stream(&proof->messages, run->stream, part->partition);
        proof->places = stream_set_places(stream, run->from > begin ? run->from : begin,
                                          window_run_end(part, i), proof->places);
    }
}

/* Once each. */
static bool is_wanted(const struct proof *proof, const struct recording_line *line) {
    const int32_t partition = proof->parts[0].partition;
    if (line->partition != partition || line->topic == NULL)
        return false;
    for (uint32_t i = 0; i < proof->config->topic_count; i++) {
        if (strlen(proof->topics[i]) != line->topic_size ||
            memcmp(proof->topics[i], line->topic, line->topic_size) != 0)
            continue;
        struct message_at *item = (struct message_at *)stream_at_offset(
            messages_stream(&proof->messages, i, partition), line->offset);
        if (item == NULL || item->place == 0)
            return false;
        item->place = 0;
        return true;
    }
    return false;
}

struct copying {
    const struct proof *proof;
    FILE *file;
};

static bool copy_message(void *context, const struct recording_entry *entry, struct error *error) {
    const struct copying *copying = context;
    return !is_wanted(copying->proof, &entry->line) ||
           (fwrite(entry->text, 1, entry->text_size, copying->file) == entry->text_size &&
            putc('\n', copying->file) != EOF) ||
           error_set_errno(error, errno, "cannot write the messages");
}

/* In the place of messages, where none was handed over: with it instances are made. */
static bool put_nothing(const struct proof *proof, FILE *file, struct error *error) {
    const struct proof_part *part = &proof->parts[0];
    const struct order_run *run = order_at(&part->order, order_begin(&part->order));
    const struct record record = {.payload = "{}",
                                  .payload_size = 2,
                                  .kafka_time_ms = RECORD_NO_TIME,
                                  .offset = run->from,
                                  .partition = part->partition,
                                  .topic = run->stream};
    struct text line;
    text_init(&line);
    recording_line_write(&line, &record, proof->topics[run->stream]);
    const bool did = !text_is_oom(&line) && fwrite(line.data, 1, line.size, file) == line.size;
    text_release(&line);
    return did || error_set_errno(error, errno, "cannot write the messages");
}

static bool put_messages(struct proof *proof, const char *directory, struct error *error) {
    const int fd = capsule_open_messages(directory, error);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL) {
        if (fd >= 0)
            close(fd);
        return fd >= 0 ? error_set_memory(error, "the messages") : false;
    }
    mark_fed(proof);
    struct copying copying = {proof, file};
    bool did = proof->fed > 0 || put_nothing(proof, file, error);
    for (size_t i = 0; did && i < proof->recording_count; i++)
        did = recording_read_all(proof->recording_paths[i], copy_message, &copying, error);
    if (fclose(file) != 0 && did)
        did = error_set_errno(error, errno, "cannot write the messages");
    return did;
}

/* ---- the capsule ---- */

static bool put_fatal(const struct proof *proof, const struct proof_crash *crash,
                      const char *directory, struct error *error) {
    const char *callback = crash->record->callback;
    const bool is_begin = strcmp(callback, "create") == 0 || strcmp(callback, "load") == 0 ||
                          strcmp(callback, "activate") == 0;
    const uint64_t before = crash->topic != UINT32_MAX ? proof->fed - 1 : is_begin ? 0 : proof->fed;
    return rerun_put_fatal(directory, before, strcmp(callback, "save") == 0, error);
}

static bool fill(struct proof *proof, const struct proof_crash *crash, const char *crash_file,
                 const char *directory, struct error *error) {
    return rerun_make_run(proof, &proof->runs[0], directory, error) &&
           put_messages(proof, directory, error) && put_fatal(proof, crash, directory, error) &&
           capsule_put_crash(directory, crash_file, error) && capsule_seal(directory, error);
}

bool crash_capsule_make(struct proof *proof, const char *crash_file, const char *directory,
                        struct error *error) {
    struct crash_record record;
    struct proof_crash crash;
    proof->is_veiled = true;
    if (!capsule_read_crash(crash_file, &record, error) ||
        !find_crash(proof, &record, &crash, error) || !add_run(proof, &record, error) ||
        !notes_read(&proof->notes, proof->config->state_dir, error) ||
        !prove_find_files(proof, error) || !crash_window_find(proof, &crash, error))
        return false;
    proof->runs[0].base = proof->parts[0].base;
    if (!check_builds(proof, &record, error) || !capsule_make(directory, error))
        return false;
    const bool did = fill(proof, &crash, crash_file, directory, error) &&
                     (!proof->is_oom || error_set_memory(error, "what stands against it"));
    if (!did)
        capsule_discard(directory);
    return did;
}

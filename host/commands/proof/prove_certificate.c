/* What was found, and the hashes of all that it was found with: who has the same files gets the
 * same. */
#include "commands/proof/prove_private.h"

#include "base/clock.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORM 1

const char *certificate_verdict(const struct proof *proof) {
    if (proof->changed + proof->only_live + proof->only_again > 0)
        return "refuted";
    return proof->doubt_count > 0 ? "undecided" : "proven";
}

void certificate_put_result(const struct proof *proof, struct json_writer *json) {
    json_text(json, "verdict", certificate_verdict(proof));
    json_begin_array(json, "reasons");
    for (size_t i = 0; i < proof->doubt_count; i++) {
        json_begin_object(json, NULL);
        json_text(json, "deployment", proof->doubts[i].deployment);
        json_text(json, "reason", proof->doubts[i].text);
        json_end_object(json);
    }
    json_end_array(json);
    json_unsigned(json, "messages", proof->fed);
    json_unsigned(json, "same", proof->same);
    json_unsigned(json, "changed", proof->changed);
    json_unsigned(json, "only_live", proof->only_live);
    json_unsigned(json, "only_rerun", proof->only_again);
    json_unsigned(json, "repeated", proof->repeated);
    if (!proof->has_first)
        return;
    json_begin_object(json, "first");
    json_text(json, "live", proof->first_live); /* byte by byte, whatever it is */
    json_text(json, "rerun", proof->first_again);
    json_end_object(json);
}

/* ---- hashes ---- */

static void put_hash(struct json_writer *json, struct hash hash) {
    char text[HASH_TEXT_SIZE];
    hash_text(hash, text);
    json_text(json, "hash", text);
}

static void put_file(struct json_writer *json, const char *name, const char *path) {
    struct hash hash;
    struct error error;
    json_begin_object(json, name);
    json_text(json, "file", path);
    if (path != NULL && hash_file(path, &hash, &error))
        put_hash(json, hash);
    else
        json_text(json, "hash", NULL);
    json_end_object(json);
}

static void put_checkpoints(const struct proof *proof, struct json_writer *json) {
    json_begin_array(json, "checkpoints");
    for (size_t i = 0; i < proof->part_count; i++) {
        const struct proof_part *part = &proof->parts[i];
        struct text bytes;
        text_init(&bytes);
        checkpoint_encode(&part->checkpoint, &bytes);
        json_begin_object(json, NULL);
        json_integer(json, "partition", part->partition);
        json_unsigned(json, "number", part->checkpoint.number);
        json_integer(json, "taken_ms", part->checkpoint.taken_ms);
        put_hash(json, hash_bytes(bytes.data, bytes.size));
        json_begin_object(json, "positions");
        for (size_t p = 0; p < part->checkpoint.positions.count; p++)
            json_integer(json, part->checkpoint.positions.items[p].topic,
                         part->checkpoint.positions.items[p].next);
        json_end_object(json);
        json_end_object(json);
        json->text->is_oom |= text_is_oom(&bytes);
        text_release(&bytes);
    }
    json_end_array(json);
}

/* What the settings are is nobody's business who is shown a certificate; whether they are the same
 * is. */
static void put_deployment(struct json_writer *json, const cJSON *deployment) {
    char *settings =
        cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(deployment, "settings"));
    char text[HASH_TEXT_SIZE] = "";
    const cJSON *item;
    json_begin_object(json, NULL);
    json_text(json, "deployment", note_text(deployment, "name"));
    json_text(json, "strategy", note_text(deployment, "strategy"));
    json_text(json, "version", note_text(deployment, "version"));
    json_text(json, "hash", note_hash(deployment));
    if (settings != NULL)
        hash_text(hash_bytes(settings, strlen(settings)), text);
    json_text(json, "settings_hash", text);
    json_begin_object(json, "files");
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(deployment, "files")) {
        if (cJSON_IsString(item))
            json_text(json, item->string, item->valuestring);
    }
    json_end_object(json);
    json_end_object(json);
    free(settings);
}

static void put_note(struct json_writer *json, const struct note *note) {
    const cJSON *deployment;
    json_begin_object(json, NULL);
    json_integer(json, "time_ms", note->time_ms);
    json_begin_array(json, "deployments");
    cJSON_ArrayForEach(deployment, cJSON_GetObjectItemCaseSensitive(note->json, "deployments"))
        put_deployment(json, deployment);
    json_end_array(json);
    json_end_object(json);
}

static void put_strategies(const struct proof *proof, struct json_writer *json) {
    size_t first = proof->last;
    for (size_t i = 0; i < proof->part_count; i++) {
        if (proof->parts[i].base < first)
            first = proof->parts[i].base;
    }
    json_begin_array(json, "strategies");
    for (size_t i = first; i <= proof->last && i < proof->notes.count; i++)
        put_note(json, &proof->notes.items[i]);
    json_end_array(json);
}

static void put_time(struct json_writer *json, const char *name, int64_t time_ms) {
    if (time_ms == NO_TIME_MS)
        json_text(json, name, NULL);
    else
        json_integer(json, name, time_ms);
}

static void put_live(const struct proof *proof, struct json_writer *json) {
    struct text all;
    text_init(&all);
    for (size_t i = 0; i < proof->live.count; i++)
        text_printf(&all, "%s\n", proof->live.items[i].text);
    json_begin_object(json, "signals");
    json_unsigned(json, "count", proof->live.count);
    put_hash(json, hash_bytes(all.data, all.size));
    json_end_object(json);
    json->text->is_oom |= text_is_oom(&all);
    text_release(&all);
}

static void put_all(const struct proof *proof, struct text *out) {
    struct json_writer json = json_writer_of(out);
    json_begin_object(&json, NULL);
    json_integer(&json, "form", FORM);
    json_text(&json, "take5", TAKE5_VERSION);
    json_integer(&json, "made_ms", clock_wall_ns() / NS_PER_MS);
    put_time(&json, "from_ms", proof->from_ms);
    put_time(&json, "to_ms", proof->to_ms);
    certificate_put_result(proof, &json);
    put_file(&json, "configuration", proof->config->path);
    put_strategies(proof, &json);
    put_checkpoints(proof, &json);
    text_printf(json_value(&json, "journals"), "[%s]",
                proof->journals.data != NULL ? proof->journals.data : "");
    json_begin_array(&json, "messages");
    for (size_t i = 0; i < proof->recording_count; i++)
        put_file(&json, NULL, proof->recording_paths[i]);
    json_end_array(&json);
    put_live(proof, &json);
    json_end_object(&json);
    text_putc(out, '\n');
}

bool certificate_write(const struct proof *proof, struct error *error) {
    struct text text;
    text_init(&text);
    put_all(proof, &text);
    const int file = open(proof->certificate, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool did = !text_is_oom(&text) || error_set_memory(error, "the certificate");
    if (did && (file < 0 || !io_write_all(file, text.data, text.size)))
        did = error_set_errno(error, errno, "cannot write %s", proof->certificate);
    if (file >= 0)
        close(file);
    text_release(&text);
    return did;
}

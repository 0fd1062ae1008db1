/* One run: its directory, and the child that does it again. */
#include "commands/proof/prove_private.h"

#include "base/faults.h"
#include "cli/cli.h"
#include "commands/research/replay/replay_arguments.h"
#include "config/schema/items.h"
#include "config/schema/veil.h"
#include "config/sections/promotions.h"
#include "config/text/ini_write.h"
#include "os/output_child.h"
#include "rerun/rerun.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- configurations ---- */

/* "decode.max_depth": all keys of one section. */
static void put_section(struct text *ini, const cJSON *host, const char *section) {
    const size_t size = strlen(section);
    const cJSON *item;
    text_printf(ini, "[%s]\n", section);
    cJSON_ArrayForEach(item, host) {
        if (strncmp(item->string, section, size) == 0 && item->string[size] == '.' &&
            cJSON_IsString(item))
            ini_put_setting(ini, item->string + size + 1, item->valuestring);
    }
}

/* How the configuration at hand writes a value that is of a variable, and shall not be shown; NULL:
 * it is of none. */
static const char *find_written(const struct proof *proof, const cJSON *deployment,
                                const cJSON *setting) {
    const struct config_deployment *section =
        config_deployment_find(proof->config, note_text(deployment, "name"));
    const struct config_item *item =
        section != NULL ? config_items_find(&section->settings, setting->string) : NULL;
    return item != NULL ? veil_find(proof->config, item->place) : NULL;
}

static void put_deployment(const struct proof *proof, struct text *ini, const cJSON *deployment) {
    const cJSON *item;
    text_printf(ini, "[strategy:%s]\n", note_text(deployment, "name"));
    ini_put_setting(ini, "plugin", note_text(deployment, "strategy"));
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(deployment, "settings")) {
        const char *written = proof->is_veiled ? find_written(proof, deployment, item) : NULL;
        if (written != NULL)
            text_printf(ini, "%s = %s\n", item->string, written);
        else if (cJSON_IsString(item))
            ini_put_setting(ini, item->string, item->valuestring);
    }
}

static void put_ini(const struct proof *proof, const struct proof_run *run, const cJSON *note,
                    struct text *ini) {
    const cJSON *host = cJSON_GetObjectItemCaseSensitive(note, "host");
    put_section(ini, host, "take5");
    put_section(ini, host, "decode");
    for (size_t i = 0; i < proof->config->topic_count; i++) {
        text_printf(ini, "[topic:%s]\n", proof->config->topics[i].role);
        ini_put_setting(ini, "topic", proof->config->topics[i].name);
    }
    for (size_t i = 0; i < run->name_count; i++) {
        const cJSON *deployment = note_deployment(note, run->names[i]);
        if (deployment != NULL)
            put_deployment(proof, ini, deployment);
    }
}

static bool put_strategies(const struct proof *proof, const struct proof_run *run,
                           const cJSON *note, const char *directory, size_t phase,
                           struct error *error) {
    for (size_t i = 0; i < run->name_count; i++) {
        const cJSON *deployment = note_deployment(note, run->names[i]);
        const struct strategy_file *file =
            deployment != NULL ? prove_file(proof, note_hash(deployment)) : NULL;
        if (file != NULL && !rerun_put_strategy(directory, phase, file, error))
            return false;
    }
    return true;
}

static bool put_phase(const struct proof *proof, const struct proof_run *run, size_t note,
                      const char *directory, size_t phase, struct error *error) {
    const cJSON *json = proof->notes.items[note].json;
    struct text ini;
    text_init(&ini);
    put_ini(proof, run, json, &ini);
    const bool did = rerun_put_ini(directory, phase, &ini, error) &&
                     put_strategies(proof, run, json, directory, phase, error);
    text_release(&ini);
    return did;
}

/* ---- checkpoints ---- */

static bool is_in(const struct proof_run *run, const char *deployment) {
    for (size_t i = 0; i < run->name_count; i++) {
        if (strcmp(run->names[i], deployment) == 0)
            return true;
    }
    return false;
}

/* The run's deployments alone, which all begin where it says. */
static bool put_checkpoint(const struct proof_part *part, const struct proof_run *run,
                           const char *directory, struct error *error) {
    struct checkpoint copy;
    checkpoint_init(&copy);
    copy.number = part->checkpoint.number;
    copy.partition = part->partition;
    copy.taken_ms = part->checkpoint.taken_ms;
    copy.group = part->checkpoint.group;
    bool did = positions_add_all(&copy.positions, &part->checkpoint.positions);
    for (size_t i = 0; did && i < part->checkpoint.part_count; i++) {
        const struct checkpoint_part *from = &part->checkpoint.parts[i];
        if (!is_in(run, from->deployment))
            continue;
        struct checkpoint_part *to = checkpoint_add_part(&copy, from->deployment);
        did = to != NULL && (!from->has_state || state_copy(&to->state, &from->state));
        if (did)
            to->has_state = from->has_state;
    }
    if (!did)
        error_set_memory(error, "a checkpoint");
    else
        did = rerun_put_checkpoint(directory, &copy, error);
    copy.group = NULL; /* the part's */
    checkpoint_release(&copy);
    return did;
}

/* ---- the order ---- */

/* What lies below which offset belongs to a phase. */
struct bounds {
    int64_t *from, *to; /* by topic */
};

static void set_bounds(const struct proof *proof, const struct proof_part *part,
                       const struct proof_run *run, const struct note *reload,
                       struct bounds *bounds) {
    for (uint32_t topic = 0; topic < proof->config->topic_count; topic++) {
        int64_t next = INT64_MAX;
        if (reload != NULL &&
            !note_position(reload, part->partition, run->is_own ? run->names[0] : NULL,
                           proof->topics[topic], &next))
            next = INT64_MAX;
        bounds->to[topic] = next;
    }
}

/* Gives how many messages that are. */
static uint64_t put_runs(const struct proof *proof, const struct proof_part *part,
                         const struct bounds *bounds, struct text *journal) {
    uint64_t count = 0;
    for (uint64_t i = order_begin(&part->order); i < part->end; i++) {
        const struct order_run *run = order_at(&part->order, i);
        const int64_t end = window_run_end(part, i);
        const int64_t from =
            run->from > bounds->from[run->stream] ? run->from : bounds->from[run->stream];
        const int64_t to = end < bounds->to[run->stream] ? end : bounds->to[run->stream];
        if (from >= to)
            continue;
        text_printf(journal, "%s %" PRId32 " %" PRId64 " %" PRId64 "\n", proof->topics[run->stream],
                    part->partition, from, to - from);
        count +=
            stream_count(messages_stream(&proof->messages, run->stream, part->partition), from, to);
    }
    return count;
}

struct feeding {
    const struct proof *proof;
    const struct proof_run *run;
    struct bounds *bounds; /* by part; in `offsets` */
    int64_t *offsets;
    struct text journal;
    uint64_t count;
};

static void feed_to(struct feeding *feeding, const struct note *reload) {
    const struct proof *proof = feeding->proof;
    for (size_t i = 0; i < proof->part_count; i++) {
        const struct proof_part *part = &proof->parts[i];
        struct bounds *bounds = &feeding->bounds[i];
        if (part->base != feeding->run->base)
            continue;
        set_bounds(proof, part, feeding->run, reload, bounds);
        feeding->count += put_runs(proof, part, bounds, &feeding->journal);
        for (uint32_t topic = 0; topic < proof->config->topic_count; topic++) {
            if (bounds->to[topic] > bounds->from[topic])
                bounds->from[topic] = bounds->to[topic];
        }
    }
}

static bool begin_feeding(struct feeding *feeding, struct error *error) {
    const struct proof *proof = feeding->proof;
    const size_t topics = proof->config->topic_count;
    feeding->bounds = calloc(proof->part_count + 1, sizeof *feeding->bounds);
    feeding->offsets = calloc(2 * topics * proof->part_count + 1, sizeof *feeding->offsets);
    if (feeding->bounds == NULL || feeding->offsets == NULL)
        return error_set_memory(error, "an order");
    for (size_t i = 0; i < proof->part_count; i++) {
        struct bounds *bounds = &feeding->bounds[i];
        bounds->from = feeding->offsets + 2 * topics * i;
        bounds->to = bounds->from + topics;
        for (uint32_t topic = 0; topic < topics; topic++)
            bounds->from[topic] =
                window_begin(proof, &proof->parts[i],
                             feeding->run->is_own ? feeding->run->names[0] : NULL, topic);
    }
    return true;
}

static void end_feeding(struct feeding *feeding) {
    free(feeding->bounds);
    free(feeding->offsets);
    text_release(&feeding->journal);
}

/* ---- the directory ---- */

static bool put_order_and_phases(struct proof *proof, struct feeding *feeding,
                                 const char *directory, struct error *error) {
    const struct proof_run *run = feeding->run;
    uint64_t *before = calloc(proof->notes.count + 1, sizeof *before);
    size_t reloads = 0;
    if (before == NULL)
        return error_set_memory(error, "reloads");
    bool did = put_phase(proof, run, run->base, directory, 0, error);
    for (size_t index = run->base + 1; did && plan_next_reload(proof, run->base, &index); index++) {
        feed_to(feeding, &proof->notes.items[index]);
        before[reloads++] = feeding->count;
        did = put_phase(proof, run, index, directory, reloads, error);
    }
    feed_to(feeding, NULL);
    did = did && rerun_put_reloads(directory, before, reloads, error) &&
          rerun_put_journal(directory, &feeding->journal, error);
    free(before);
    return did;
}

bool rerun_make_run(struct proof *proof, const struct proof_run *run, const char *directory,
                    struct error *error) {
    struct feeding feeding = {.proof = proof, .run = run};
    text_init(&feeding.journal);
    bool did = rerun_make(directory, error) && begin_feeding(&feeding, error) &&
               put_order_and_phases(proof, &feeding, directory, error);
    for (size_t i = 0; did && i < proof->part_count; i++)
        did = proof->parts[i].base != run->base || proof->parts[i].checkpoint.number == 0 ||
              put_checkpoint(&proof->parts[i], run, directory, error);
    if (did) {
        char hash[HASH_TEXT_SIZE];
        hash_text(hash_bytes(feeding.journal.data, feeding.journal.size), hash);
        text_printf(&proof->journals, "%s\"%s\"", proof->journals.size > 0 ? "," : "", hash);
        proof->fed += feeding.count;
    }
    end_feeding(&feeding);
    return did;
}

/* ---- the child ---- */

static bool begin(const struct proof *proof, const char *directory, struct output_child *child,
                  struct error *error) {
    struct arguments arguments = {0};
    arguments_add(&arguments, "take5");
    arguments_add(&arguments, "replay");
    arguments_add(&arguments, "-q");
    arguments_add(&arguments, "--rerun=%s", directory);
    arguments_add(&arguments, "--");
    for (size_t i = 0; i < proof->recording_count; i++)
        arguments_add(&arguments, "%s", proof->recording_paths[i]);
    const bool did = !arguments.is_oom ? output_child_begin(child, arguments.items, error)
                                       : error_set_memory(error, "the arguments of a replay");
    arguments_release(&arguments);
    return did;
}

static bool run_child(struct proof *proof, const char *directory, struct error *error) {
    struct output_child child = OUTPUT_CHILD_INIT;
    if (!begin(proof, directory, &child, error))
        return false;
    const bool did = compare_signals(proof, child.output, error);
    const int code = output_child_end(&child);
    if (did && code != 0)
        return error_set(error, ERROR_STATE, "the rerun failed (%s %d)",
                         code > 128 ? "signal" : "exit code", code > 128 ? code - 128 : code);
    return did;
}

bool rerun_and_compare(struct proof *proof, size_t index, struct error *error) {
    const uint64_t fed = proof->fed;
    char *directory = text_format("%s/%zu", proof->temp.directory, index);
    if (directory == NULL)
        return error_set_memory(error, "a path");
    bool did = rerun_make_run(proof, &proof->runs[index], directory, error);
    if (did && proof->fed > fed)
        did = run_child(proof, directory, error);
    free(directory);
    return did;
}

/* ---- what is at hand ---- */

static void add_options(struct arguments *arguments, const struct config_options *options) {
    if (options->path != NULL)
        arguments_add(arguments, "-c%s", options->path);
    for (size_t i = 0; i < options->override_count; i++) {
        const struct config_override *override = &options->overrides[i];
        arguments_add(arguments, "-s%s.%s=%s", override->section, override->key, override->value);
    }
}

/* What was promoted runs in its original's place, whatever the files say
 * (config/sections/promotions.h). */
static bool take_promotions(struct proof *proof, struct error *error) {
    struct faults faults = FAULTS_INIT;
    promotions_apply(proof->config, true, &faults);
    for (size_t i = 0; i < faults.count; i++) {
        if (!faults.items[i].is_warning)
            prove_doubt(proof, NULL, "%s", faults.items[i].text);
    }
    faults_release(&faults);
    bool did = true;
    for (size_t i = 0; did && i < proof->config->deployment_count; i++) {
        const struct config_deployment *section = &proof->config->deployments[i];
        did = section->promoted_from == NULL ||
              note_promote(proof->at_hand, section->promoted_from, section->name);
    }
    return did || error_set_memory(error, "what is at hand");
}

bool rerun_look_at_hand(struct proof *proof, struct error *error) {
    struct arguments arguments = {0};
    struct output_child child = OUTPUT_CHILD_INIT;
    char *path = text_format("%s/deployed.json", proof->temp.directory);
    arguments_add(&arguments, "take5");
    arguments_add(&arguments, "replay");
    arguments_add(&arguments, "-q");
    arguments_add(&arguments, "--deployed=%s", path != NULL ? path : "");
    add_options(&arguments, &proof->options);
    arguments_add(&arguments, "-");
    bool did = (path != NULL && !arguments.is_oom) || error_set_memory(error, "arguments");
    did = did && output_child_begin(&child, arguments.items, error);
    if (did) {
        (void)output_child_end(&child); /* it has reported what is wrong */
        proof->at_hand = notes_read_deployed(path, error);
        if (proof->at_hand == NULL)
            prove_doubt(proof, NULL, "the configuration at hand cannot be run");
        else
            did = take_promotions(proof, error);
    }
    arguments_release(&arguments);
    free(path);
    return did;
}

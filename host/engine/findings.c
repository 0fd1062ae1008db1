#include "engine/findings.h"

#include "base/array.h"
#include "base/faults.h"
#include "base/sync/counter.h"
#include "engine/core/core.h"
#include "message/payload_paths.h"
#include "strategy/instance/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A symbol of one instance. */
struct sighting {
    struct watch_symbol symbol;
    int32_t partition;
};

/* What all instances of a deployment have met. */
struct sum {
    struct deployment *deployment; /* a reference */
    uint64_t messages, signals, refused, errors, rejects;
    uint64_t *came; /* by topic of the configuration: messages of any partition */
    uint64_t looked;
    char **fields;
    bool *fields_met;
    size_t field_count;
    bool *parameters_read;
    bool is_joined;
    size_t wrong_count;
    char wrong[WATCH_WRONG][WATCH_NAME_SIZE];
    struct sighting *sightings;
    size_t sighting_count, sighting_capacity;
    struct paths paths; /* of samples */
    int32_t partition;  /* of the instance that is read */
    bool is_oom;
};

/* ---- adding up, with the status lock held ---- */

static void take_fields(struct sum *sum, const struct watch_view *view) {
    if (sum->fields == NULL) {
        sum->fields = calloc(view->field_count + 1, sizeof *sum->fields);
        sum->fields_met = calloc(view->field_count + 1, sizeof *sum->fields_met);
        sum->field_count = sum->fields != NULL && sum->fields_met != NULL ? view->field_count : 0;
        sum->is_oom |= sum->field_count < view->field_count;
    }
    for (size_t i = 0; i < sum->field_count && i < view->field_count; i++) {
        if (sum->fields[i] == NULL)
            sum->fields[i] = text_dup(view->fields[i], strlen(view->fields[i]));
        sum->fields_met[i] |= view->fields_met[i];
    }
}

static void take_parameters(struct sum *sum, const struct watch_view *view) {
    if (sum->parameters_read == NULL)
        sum->parameters_read = calloc(view->parameter_count + 1, sizeof *sum->parameters_read);
    for (size_t i = 0; sum->parameters_read != NULL && i < view->parameter_count; i++)
        sum->parameters_read[i] |= view->parameters_read[i];
    if (sum->wrong_count == 0) {
        memcpy(sum->wrong, view->wrong, sizeof sum->wrong);
        sum->wrong_count = view->wrong_count;
    }
}

static void take_symbols(struct sum *sum, const struct watch_view *view) {
    sum->is_joined |= view->is_joined;
    for (size_t i = 0; !sum->is_joined && i < view->symbol_count; i++) {
        if (!ARRAY_GROW(sum->sightings, sum->sighting_count, sum->sighting_capacity)) {
            sum->is_oom = true;
            return;
        }
        sum->sightings[sum->sighting_count++] = (struct sighting){view->symbols[i], sum->partition};
    }
}

static void take_watch(void *context, const struct watch_view *view) {
    struct sum *sum = context;
    const bool is_first = sum->paths.count == 0;
    sum->looked += view->looked;
    take_fields(sum, view);
    take_parameters(sum, view);
    take_symbols(sum, view);
    for (size_t i = 0; is_first && i < view->sample_count; i++)
        sum->is_oom |= !paths_add(&sum->paths, view->samples[i].data, view->samples[i].size);
}

REQUIRES(status_lock)
static void take_partition(struct sum *sum, const struct partition *partition) {
    struct task *task = partition_task(partition, sum->deployment->name);
    for (size_t i = 0; sum->came != NULL && i < partition->topic_count; i++)
        sum->came[i] += counter_read(&partition->topics[i].messages);
    if (task == NULL || task->instance == NULL)
        return;
    const struct instance_counts *counts = instance_counts(task->instance);
    sum->messages += counter_read(&counts->messages);
    sum->signals += counter_read(&counts->signals);
    sum->refused += counter_read(&counts->refused_signals);
    sum->errors += counter_read(&counts->errors);
    sum->rejects += counter_read(&counts->rejects);
    sum->partition = partition->number;
    watch_read(instance_watch(task->instance), take_watch, sum);
}

static void sum_release(struct sum *sum) {
    for (size_t i = 0; i < sum->field_count; i++)
        free(sum->fields[i]);
    free(sum->fields);
    free(sum->fields_met);
    free(sum->parameters_read);
    free(sum->sightings);
    free(sum->came);
    paths_release(&sum->paths);
    if (sum->deployment != NULL)
        deployment_release(sum->deployment);
}

/* False: there is no deployment of that number. */
static bool sum_up(struct engine *engine, size_t number, struct sum *sum) {
    lock_acquire(&engine->status_lock, status_lock);
    const struct deployment_set *set = engine->deployment_set;
    const bool is_there = set != NULL && number < set->count;
    if (is_there) {
        sum->deployment = deployment_retain(set->deployments[number]);
        sum->came = calloc(engine->topics->count + 1, sizeof *sum->came);
        sum->is_oom = sum->came == NULL;
    }
    for (size_t i = 0; is_there && i < engine->partition_count; i++)
        take_partition(sum, engine->partitions[i]);
    lock_release(&engine->status_lock, status_lock);
    return is_there;
}

/* ---- in words ---- */

__attribute__((format(printf, 4, 5))) static void
add(struct findings *findings, const struct sum *sum, const char *kind, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = text_vformat(format, args);
    va_end(args);
    const char *name = sum->deployment->name;
    struct finding finding = {text_dup(name, strlen(name)), kind, text};
    if (finding.deployment != NULL && finding.text != NULL &&
        ARRAY_GROW(findings->items, findings->count, findings->capacity)) {
        findings->items[findings->count++] = finding;
        return;
    }
    free(finding.deployment);
    free(finding.text);
    findings->is_oom = true;
}

static void report_wrong_parameters(struct findings *findings, const struct sum *sum) {
    const struct description *description = sum->deployment->description;
    const char **names = calloc(description->parameter_count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < description->parameter_count; i++)
        names[i] = description->parameters[i].name;
    for (size_t i = 0; i < sum->wrong_count; i++) {
        const char *near = names != NULL ? faults_near_miss(sum->wrong[i], names) : NULL;
        add(findings, sum, "parameter_unknown",
            "asks for the parameter \"%s\", which it does not declare%s%s%s", sum->wrong[i],
            near != NULL ? "; it declares \"" : "", near != NULL ? near : "",
            near != NULL ? "\"" : "");
    }
    free(names);
}

/* Gives how many messages came on the topics that it wants. */
static uint64_t report_topics(struct findings *findings, const struct sum *sum,
                              const struct engine *engine) {
    uint64_t came = 0;
    for (size_t i = 0; sum->came != NULL && i < sum->deployment->topic_count; i++) {
        const uint32_t wanted = sum->deployment->topics[i];
        if (wanted == NOT_WANTED)
            continue;
        came += sum->came[i];
        if (sum->came[i] == 0)
            add(findings, sum, "topic_absent", "no message of the topic %s came",
                topics_name(engine->topics, (uint32_t)i));
    }
    return came;
}

static void report_filters(struct findings *findings, const struct sum *sum, uint64_t came) {
    const struct deployment *deployment = sum->deployment;
    const bool by_symbol = deployment->symbols != NULL, by_frame = deployment->time_frames != NULL;
    if (came > 0 && sum->messages == 0 && (by_symbol || by_frame))
        add(findings, sum, "filtered", "%s%s%s let none of %" PRIu64 " message%s pass",
            by_symbol ? "symbols" : "", by_symbol && by_frame ? " and " : "",
            by_frame ? "time_frames" : "", came, text_plural(came));
}

static void report_fields(struct findings *findings, const struct sum *sum) {
    for (size_t i = 0; sum->looked > 0 && i < sum->field_count; i++) {
        if (sum->fields_met[i] || sum->fields[i] == NULL)
            continue;
        const char *near = paths_nearest(&sum->paths, sum->fields[i]);
        add(findings, sum, "field_absent",
            "the field \"%s\" was in none of %" PRIu64 " message%s that were looked at%s%s%s",
            sum->fields[i], sum->looked, text_plural(sum->looked),
            near != NULL ? "; the nearest that was there is \"" : "", near != NULL ? near : "",
            near != NULL ? "\"" : "");
    }
}

static void report_parameters(struct findings *findings, const struct sum *sum) {
    const struct parameters *parameters = &sum->deployment->parameters;
    for (size_t i = 0; sum->parameters_read != NULL && i < parameters->count; i++) {
        if (!sum->parameters_read[i])
            add(findings, sum, "parameter_unread", "never reads its parameter \"%s\"",
                parameters->items[i].name);
    }
}

static int compare_sightings(const void *a, const void *b) {
    const struct sighting *left = a, *right = b;
    if (left->symbol.hash != right->symbol.hash)
        return left->symbol.hash < right->symbol.hash ? -1 : 1;
    return (left->partition > right->partition) - (left->partition < right->partition);
}

static const char *topic_of(const struct sum *sum, uint32_t topics) {
    const int bit = __builtin_ctz(topics | UINT32_C(1) << 31);
    const struct description *description = sum->deployment->description;
    return (size_t)bit < description->topic_count ? description->topics[bit] : "another topic";
}

/* The same symbol on two partition numbers, each with a topic of its own. */
static void report_joins(struct findings *findings, struct sum *sum) {
    if (sum->is_joined || sum->sighting_count < 2)
        return;
    qsort(sum->sightings, sum->sighting_count, sizeof *sum->sightings, compare_sightings);
    for (size_t i = 1; i < sum->sighting_count; i++) {
        const struct sighting *one = &sum->sightings[i - 1], *other = &sum->sightings[i];
        if (one->symbol.hash != other->symbol.hash || one->symbol.topics == other->symbol.topics)
            continue;
        add(findings, sum, "join_apart",
            "is KEYED and sees one partition number at a time, and no symbol came on two of its "
            "topics there: %s is on partition %" PRId32 " of %s and on partition %" PRId32
            " of %s. Give the topics the same keys and numbers of partitions, or declare the scope "
            "GLOBAL",
            one->symbol.name, one->partition, topic_of(sum, one->symbol.topics), other->partition,
            topic_of(sum, other->symbol.topics));
        return;
    }
}

static void report_silence(struct findings *findings, const struct sum *sum) {
    if (sum->messages > 0)
        add(findings, sum, "silent",
            "on_message was given %" PRIu64 " message%s and emitted none (%" PRIu64
            " error%s, %" PRIu64 " rejected, %" PRIu64 " signal%s refused)",
            sum->messages, text_plural(sum->messages), sum->errors, text_plural(sum->errors),
            sum->rejects, sum->refused, text_plural(sum->refused));
}

static void report(struct findings *findings, struct sum *sum, const struct engine *engine) {
    report_wrong_parameters(findings, sum);
    if (sum->signals > 0)
        return;
    const uint64_t came = report_topics(findings, sum, engine);
    report_filters(findings, sum, came);
    report_fields(findings, sum);
    report_joins(findings, sum);
    report_parameters(findings, sum);
    report_silence(findings, sum);
}

void findings_gather(struct findings *findings, struct engine *engine) {
    bool is_more = true;
    for (size_t i = 0; is_more; i++) {
        struct sum sum = {0};
        is_more = sum_up(engine, i, &sum);
        if (is_more)
            report(findings, &sum, engine);
        findings->is_oom |= sum.is_oom;
        sum_release(&sum);
    }
}

void findings_release(struct findings *findings) {
    for (size_t i = 0; i < findings->count; i++) {
        free(findings->items[i].deployment);
        free(findings->items[i].text);
    }
    free(findings->items);
    *findings = (struct findings){0};
}

void findings_json(const struct findings *findings, struct json_writer *json) {
    json_begin_array(json, "findings");
    for (size_t i = 0; i < findings->count; i++) {
        json_begin_object(json, NULL);
        json_text(json, "deployment", findings->items[i].deployment);
        json_text(json, "kind", findings->items[i].kind);
        json_text(json, "text", findings->items[i].text);
        json_end_object(json);
    }
    json_end_array(json);
}

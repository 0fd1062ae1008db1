#include "commands/research/replay/replay_stats.h"

#include "base/array.h"
#include "base/format/json_writer.h"
#include "cli/cli.h"
#include "cli/progress_line.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct replay_stats_entry *find(struct replay_stats *stats,
                                       const struct view_strategy *strategy) {
    for (size_t i = 0; i < stats->count; i++) {
        if (strcmp(stats->entries[i].name, strategy->name) == 0)
            return &stats->entries[i];
    }
    if (!ARRAY_RESIZE(stats->entries, stats->count + 1)) {
        stats->is_oom = true;
        return NULL;
    }
    struct replay_stats_entry *entry = &stats->entries[stats->count++];
    memset(entry, 0, sizeof *entry);
    snprintf(entry->name, sizeof entry->name, "%s", strategy->name);
    snprintf(entry->strategy, sizeof entry->strategy, "%s", strategy->strategy);
    snprintf(entry->version, sizeof entry->version, "%s", strategy->version);
    entry->side = strategy->side;
    return entry;
}

static void add_one(void *context, const struct view_strategy *strategy) {
    struct replay_stats_entry *entry = find(context, strategy);
    if (entry == NULL)
        return;
    entry->messages += strategy->messages;
    entry->signals += strategy->signals;
    entry->errors += strategy->errors;
    entry->rejects += strategy->rejects;
    entry->timers += strategy->timers_fired;
    entry->busy_ns += strategy->busy_ns;
    entry->symbols = strategy->symbols;
    if (strategy->symbols_met > entry->symbols_met)
        entry->symbols_met = strategy->symbols_met;
    memcpy(entry->symbols_unmet, strategy->symbols_unmet, sizeof entry->symbols_unmet);
}

void replay_stats_print_unmet(const struct replay_stats *stats) {
    for (size_t i = 0; i < stats->count; i++) {
        const struct replay_stats_entry *entry = &stats->entries[i];
        if (entry->symbols > 0 && entry->symbols_met == 0)
            print_err("[strategy:%s] symbols: no message of the %zu listed: %s", entry->name,
                      entry->symbols, entry->symbols_unmet);
    }
}

void replay_stats_add(struct replay_stats *stats, struct engine *engine) {
    view_strategies(engine, add_one, stats);
}

void replay_stats_release(struct replay_stats *stats) {
    free(stats->entries);
    *stats = (struct replay_stats){0};
}

static double rate(const struct replay_summary *summary) {
    return summary->wall_ns > 0 ? (double)summary->messages * 1e9 / (double)summary->wall_ns : 0;
}

static void print_findings(const struct findings *findings, FILE *file) {
    for (size_t i = 0; i < findings->count; i++)
        fprintf(file, "  %s: %s\n", findings->items[i].deployment, findings->items[i].text);
}

void summary_print(const struct replay_summary *summary, FILE *file) {
    char messages[40], per_second[40], signals[40];
    format_count(summary->messages, messages, sizeof messages);
    format_count((uint64_t)rate(summary), per_second, sizeof per_second);
    format_count(summary->signals, signals, sizeof signals);
    fprintf(file,
            "replayed %s message%s in %.2f s (%s/s): %s signal%s, %" PRIu64 " bad, %" PRIu64
            " skipped\n",
            messages, text_plural(summary->messages), (double)summary->wall_ns / 1e9, per_second,
            signals, text_plural(summary->signals), summary->bad, summary->filtered);
    if (summary->warm_up > 0) {
        format_count(summary->warm_up, messages, sizeof messages);
        fprintf(file, "  warm-up: %s message%s before --from, without signals\n", messages,
                text_plural(summary->warm_up));
    }
    if (summary->unreadable_time > 0 || summary->suspect_time > 0)
        fprintf(file,
                "  event times: %" PRIu64 " unreadable, %" PRIu64
                " too far from the Kafka timestamp\n",
                summary->unreadable_time, summary->suspect_time);
    if (summary->stats->count == 0)
        return;
    fprintf(file, "  %-20s %-10s %12s %10s %8s %10s %10s\n", "strategy", "version", "messages",
            "signals", "errors", "time", "a message");
    for (size_t i = 0; i < summary->stats->count; i++) {
        const struct replay_stats_entry *entry = &summary->stats->entries[i];
        const double busy_ns = (double)entry->busy_ns;
        fprintf(file, "  %-20s %-10s %12" PRIu64 " %10" PRIu64 " %8" PRIu64 " %8.2f s %7.0f ns\n",
                entry->name, entry->version, entry->messages, entry->signals,
                entry->errors + entry->rejects, busy_ns / 1e9,
                entry->messages > 0 ? busy_ns / (double)entry->messages : 0.0);
    }
    if (summary->findings != NULL)
        print_findings(summary->findings, file);
}

static void put_entry(struct json_writer *json, const struct replay_stats_entry *entry) {
    json_begin_object(json, NULL);
    json_text(json, "name", entry->name);
    json_text(json, "strategy", entry->strategy);
    json_text(json, "version", entry->version);
    json_unsigned(json, "messages", entry->messages);
    json_unsigned(json, "signals", entry->signals);
    json_unsigned(json, "errors", entry->errors);
    json_unsigned(json, "rejects", entry->rejects);
    json_unsigned(json, "timers", entry->timers);
    if (entry->symbols > 0) {
        json_unsigned(json, "symbols", entry->symbols);
        json_unsigned(json, "symbols_met", entry->symbols_met);
    }
    json_number(json, "busy_s", (double)entry->busy_ns / 1e9);
    json_end_object(json);
}

void summary_print_json(const struct replay_summary *summary, FILE *file) {
    struct text text;
    struct json_writer json = json_writer_of(&text);
    text_init(&text);
    json_begin_object(&json, NULL);
    json_unsigned(&json, "lines", summary->lines);
    json_unsigned(&json, "messages", summary->messages);
    json_unsigned(&json, "warm_up_messages", summary->warm_up);
    json_unsigned(&json, "bad", summary->bad);
    json_unsigned(&json, "left_out", summary->filtered);
    json_unsigned(&json, "signals", summary->signals);
    json_unsigned(&json, "reloads", summary->reloads);
    json_unsigned(&json, "unreadable_time", summary->unreadable_time);
    json_unsigned(&json, "suspect_time", summary->suspect_time);
    json_number(&json, "wall_s", (double)summary->wall_ns / 1e9);
    json_fixed(&json, "messages_per_s", rate(summary), 0);
    json_begin_array(&json, "strategies");
    for (size_t i = 0; i < summary->stats->count; i++)
        put_entry(&json, &summary->stats->entries[i]);
    json_end_array(&json);
    if (summary->findings != NULL)
        findings_json(summary->findings, &json);
    json_end_object(&json);
    if (text_is_oom(&text))
        fputs("out of memory for the summary\n", stderr);
    else
        fprintf(file, "%s\n", text.data);
    text_release(&text);
}

#include "commands/tally.h"

#include "base/text.h"
#include "commands/progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct tally_entry *find(struct tally *tally, const struct view_strategy *strategy) {
    for (size_t i = 0; i < tally->count; i++) {
        if (strcmp(tally->entries[i].name, strategy->name) == 0)
            return &tally->entries[i];
    }
    struct tally_entry *entries =
        reallocarray(tally->entries, tally->count + 1, sizeof *tally->entries);
    if (entries == NULL) {
        tally->is_short = true;
        return NULL;
    }
    tally->entries = entries;
    struct tally_entry *entry = &entries[tally->count++];
    memset(entry, 0, sizeof *entry);
    snprintf(entry->name, sizeof entry->name, "%s", strategy->name);
    snprintf(entry->strategy, sizeof entry->strategy, "%s", strategy->strategy);
    snprintf(entry->version, sizeof entry->version, "%s", strategy->version);
    return entry;
}

static void add_one(void *context, const struct view_strategy *strategy) {
    struct tally_entry *entry = find(context, strategy);
    if (entry == NULL)
        return;
    entry->messages += strategy->messages;
    entry->signals += strategy->signals;
    entry->errors += strategy->errors;
    entry->rejects += strategy->rejects;
    entry->timers += strategy->timers_fired;
    entry->busy_ns += strategy->busy_ns;
}

void tally_add(struct tally *tally, struct engine *engine) {
    view_strategies(engine, add_one, tally);
}

void tally_release(struct tally *tally) {
    free(tally->entries);
    *tally = (struct tally){0};
}

static double rate(const struct replay_summary *summary) {
    return summary->wall_ns > 0 ? (double)summary->messages * 1e9 / (double)summary->wall_ns : 0;
}

void summary_print(const struct replay_summary *summary, FILE *file) {
    char messages[40], per_second[40], signals[40];
    format_count(summary->messages, messages, sizeof messages);
    format_count((uint64_t)rate(summary), per_second, sizeof per_second);
    format_count(summary->signals, signals, sizeof signals);
    fprintf(file,
            "replayed %s messages in %.2f s (%s/s): %s signals, %" PRIu64 " bad, %" PRIu64
            " left out\n",
            messages, (double)summary->wall_ns / 1e9, per_second, signals, summary->bad,
            summary->filtered);
    if (summary->tally->count == 0)
        return;
    fprintf(file, "  %-20s %-10s %12s %10s %8s %10s %10s\n", "strategy", "version", "messages",
            "signals", "errors", "time", "a message");
    for (size_t i = 0; i < summary->tally->count; i++) {
        const struct tally_entry *entry = &summary->tally->entries[i];
        const double busy_ns = (double)entry->busy_ns;
        fprintf(file, "  %-20s %-10s %12" PRIu64 " %10" PRIu64 " %8" PRIu64 " %8.2f s %7.0f ns\n",
                entry->name, entry->version, entry->messages, entry->signals,
                entry->errors + entry->rejects, busy_ns / 1e9,
                entry->messages > 0 ? busy_ns / (double)entry->messages : 0.0);
    }
}

static void put_text(struct text *text, const char *name, const char *value) {
    text_printf(text, "\"%s\":", name);
    text_json_string(text, value, strlen(value));
}

static void put_seconds(struct text *text, const char *name, int64_t ns) {
    text_printf(text, ",\"%s\":", name);
    text_json_number(text, (double)ns / 1e9);
}

static void put_entry(struct text *text, const struct tally_entry *entry) {
    text_putc(text, '{');
    put_text(text, "name", entry->name);
    text_putc(text, ',');
    put_text(text, "strategy", entry->strategy);
    text_putc(text, ',');
    put_text(text, "version", entry->version);
    text_printf(text,
                ",\"messages\":%" PRIu64 ",\"signals\":%" PRIu64 ",\"errors\":%" PRIu64
                ",\"rejects\":%" PRIu64 ",\"timers\":%" PRIu64,
                entry->messages, entry->signals, entry->errors, entry->rejects, entry->timers);
    put_seconds(text, "busy_s", entry->busy_ns);
    text_putc(text, '}');
}

void summary_print_json(const struct replay_summary *summary, FILE *file) {
    struct text text;
    text_init(&text);
    text_printf(&text,
                "{\"lines\":%" PRIu64 ",\"messages\":%" PRIu64 ",\"bad\":%" PRIu64
                ",\"left_out\":%" PRIu64 ",\"signals\":%" PRIu64 ",\"reloads\":%" PRIu64,
                summary->lines, summary->messages, summary->bad, summary->filtered,
                summary->signals, summary->reloads);
    put_seconds(&text, "wall_s", summary->wall_ns);
    text_printf(&text, ",\"messages_per_s\":%.0f,\"strategies\":[", rate(summary));
    for (size_t i = 0; i < summary->tally->count; i++) {
        if (i > 0)
            text_putc(&text, ',');
        put_entry(&text, &summary->tally->entries[i]);
    }
    text_puts(&text, "]}");
    if (text_is_short(&text))
        fputs("out of memory for the summary\n", stderr);
    else
        fprintf(file, "%s\n", text.data);
    text_release(&text);
}

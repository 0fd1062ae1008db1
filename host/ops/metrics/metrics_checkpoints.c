/* Checkpoints, and the catch-ups behind them. */
#include "ops/metrics/metrics.h"

#include "base/clock.h"
#include "engine/view.h"
#include "ops/metrics/metrics_text.h"

#include <stdio.h>

static void one_counter(struct text *text, const char *name, const char *help, uint64_t value) {
    metrics_family(text, name, "counter", help);
    metrics_count(text, name, value, NULL);
}

enum checkpoint_figure { CHECKPOINT_AGE, CHECKPOINT_BYTES, CHECKPOINT_WRITE };

struct checkpoint_writer {
    struct text *text;
    const char *name;
    enum checkpoint_figure figure;
};

static void write_checkpoint(void *context, const struct view_checkpoint *checkpoint) {
    const struct checkpoint_writer *writer = context;
    const double value =
        writer->figure == CHECKPOINT_AGE     ? (double)checkpoint->age_ns / (double)NS_PER_S
        : writer->figure == CHECKPOINT_BYTES ? (double)checkpoint->size
                                             : (double)checkpoint->write_ns / (double)NS_PER_S;
    char partition[16] = "global";
    if (checkpoint->partition >= 0)
        snprintf(partition, sizeof partition, "%d", (int)checkpoint->partition);
    metrics_gauge(writer->text, writer->name, value, "partition", partition, NULL);
}

static void write_each_checkpoint(struct text *text, struct engine *engine) {
    static const struct {
        const char *name, *help;
        enum checkpoint_figure figure;
    } families[] = {
        {"take5_checkpoint_age_seconds",
         "Age of the newest checkpoint of a partition number that this host works on; it grows "
         "while there is nothing to process.",
         CHECKPOINT_AGE},
        {"take5_checkpoint_bytes", "Size of the newest checkpoint.", CHECKPOINT_BYTES},
        {"take5_checkpoint_write_seconds",
         "Duration of writing the newest checkpoint, fsync included; beside the stream.",
         CHECKPOINT_WRITE},
    };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        struct checkpoint_writer writer = {text, families[i].name, families[i].figure};
        metrics_family(text, families[i].name, "gauge", families[i].help);
        view_each_checkpoint(engine, write_checkpoint, &writer);
    }
}

static void write_pauses(struct text *text, struct engine *engine) {
    static const struct {
        const char *name, *help;
        bool is_longest;
    } families[] = {
        {"take5_checkpoint_pause_seconds", "Pause of the lane for its last checkpoint.", false},
        {"take5_checkpoint_longest_pause_seconds",
         "Longest pause of the lane for a checkpoint since the start.", true},
    };
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        metrics_family(text, families[f].name, "gauge", families[f].help);
        for (size_t i = 0; i < view_lane_count(engine); i++) {
            struct view_lane lane;
            char index[24];
            view_lane(engine, i, &lane);
            snprintf(index, sizeof index, "%zu", i);
            metrics_gauge(text, families[f].name,
                          (double)(families[f].is_longest ? lane.longest_pause_ns : lane.pause_ns) /
                              (double)NS_PER_S,
                          "lane", index, NULL);
        }
    }
}

static void write_catch_ups(struct text *text, const struct view_checkpoints *view) {
    static const char name[] = "take5_catch_ups_total";
    metrics_family(
        text, name, "counter",
        "Times that strategies began to process what they had missed: recovery, after "
        "an assignment, with offsets held back; behind, after a suspension or the like.");
    metrics_count(text, name, view->recoveries, "kind", "recovery", NULL);
    metrics_count(text, name, view->catch_ups, "kind", "behind", NULL);
}

void metrics_write_checkpoints(struct text *text, struct engine *engine) {
    struct view_checkpoints view;
    view_checkpoints(engine, &view);
    write_catch_ups(text, &view);
    if (!view.is_kept)
        return;
    metrics_family(text, "take5_checkpoint_up", "gauge",
                   "1 while the last attempts to write checkpoints and journals succeeded.");
    metrics_gauge(text, "take5_checkpoint_up", view.is_ok, NULL);
    one_counter(text, "take5_checkpoints_written_total", "Checkpoints written.", view.written);
    one_counter(text, "take5_checkpoints_failed_total", "Checkpoints that could not be written.",
                view.failed);
    one_counter(text, "take5_checkpoint_written_bytes_total", "Bytes of checkpoints written.",
                view.bytes);
    one_counter(text, "take5_checkpoint_journal_bytes_total",
                "Bytes written to the journals of the order in which messages were processed.",
                view.journal_bytes);
    write_each_checkpoint(text, engine);
    write_pauses(text, engine);
}

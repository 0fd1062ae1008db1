/*
 * One replay: the recorded file as source, the engine as in a live host, and a sink that puts the
 * signals into the order of the input. Nothing that is configured for a live host is opened.
 */
#include "commands/research/replay/replay.h"

#include "base/clock.h"
#include "cli/progress_line.h"
#include "commands/research/replay/bad_lines.h"
#include "commands/research/replay/replay_stats.h"
#include "engine/deployed.h"
#include "engine/engine.h"
#include "engine/lane/publisher.h"
#include "engine/view.h"
#include "sink/sink_ordered.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define POLL_MS    50
#define MOST_SHOWN 100

struct replay {
    struct replay_options *options;
    struct config *config;
    struct log *log;
    struct signals *signals;
    struct source *source;
    struct publisher publisher;
    struct sink *sink;
    struct sink *points; /* NULL: nobody looks at series */
    struct engine *engine;
    int output, series; /* series < 0: no file */
    struct bad_lines bad_lines;
    pthread_mutex_t listening; /* lanes tell the listener one after the other */
    struct replay_stats stats;
    struct progress_line progress;
    struct findings findings; /* gathered while the strategies are there */
    size_t phase;             /* of a rerun */
    bool has_failed;          /* a renewal did not go well */
    bool is_stuck;
    int64_t began_ns, ended_ns;
};

/* ---- what others tell ---- */

/* Reading thread. */
static void on_bad_line(void *context, const char *file, uint64_t line, const char *text) {
    struct replay *replay = context;
    char line_text[512];
    snprintf(line_text, sizeof line_text, "line %s", text);
    /* A strict source ends with this very text as its error. */
    if (!replay->options->source.is_strict)
        bad_lines_report(&replay->bad_lines, file, line, line_text);
}

/* What was caused from that place on is dropped. */
static void end_at(struct replay *replay, uint64_t place) {
    sink_ordered_end(replay->sink, place);
    if (replay->points != NULL)
        sink_ordered_end(replay->points, place);
}

/* A lane. */
static void on_unusable(void *context, const struct record *record, const char *reason,
                        const char *message, const char *deployment) {
    struct replay *replay = context;
    const char *file;
    uint64_t line;
    char line_text[512];
    file_source_place(replay->source, record, &file, &line);
    if (deployment != NULL)
        snprintf(line_text, sizeof line_text, "rejected by %s: %s", deployment, message);
    else
        snprintf(line_text, sizeof line_text, "bad message (%s): %s", reason, message);
    if (deployment != NULL || !replay->options->source.is_strict) {
        bad_lines_report(&replay->bad_lines, file, line, line_text);
        return;
    }
    const uint64_t place = file_source_sequence(record);
    if (bad_lines_note_first(&replay->bad_lines, place, file, line, line_text))
        end_at(replay, place);
}

/* The sink's thread. */
static bool on_signal(void *context, const struct delivery *delivery) {
    const struct replay_listener *listener = ((struct replay *)context)->options->listener;
    return listener->signal(listener->context, delivery);
}

/* The thread of the points' sink. */
static bool on_point(void *context, const struct delivery *delivery) {
    const struct replay_listener *listener = ((struct replay *)context)->options->listener;
    return listener->point(listener->context, delivery);
}

/* A lane. */
static void on_message(void *context, const struct record *record, const t5_message *message) {
    struct replay *replay = context;
    const struct replay_listener *listener = replay->options->listener;
    pthread_mutex_lock(&replay->listening);
    listener->message(listener->context, message, file_source_sequence(record));
    pthread_mutex_unlock(&replay->listening);
}

bool replay_choose_strategy(void *choice, const char *path) {
    return choice_add(choice, path);
}

/* What runs in this phase. */
static struct config *load_phase(struct replay *replay) {
    struct replay_options *options = replay->options;
    struct choice choice = {0};
    struct error error;
    struct config *next = NULL;
    if (rerun_each_strategy(&options->rerun, replay->phase, replay_choose_strategy, &choice,
                            &error)) {
        free(options->rerun_ini);
        options->rerun_ini = rerun_ini(&options->rerun, replay->phase);
        options->config.path = options->rerun_ini;
        next = options->rerun_ini != NULL ? choice_load(&choice, &options->config) : NULL;
    } else {
        print_err("%s", error.text);
    }
    choice_release(&choice);
    return next;
}

static void reload(struct replay *replay, struct config *next) {
    struct report report;
    if (next == NULL) {
        replay->has_failed = true;
        return;
    }
    replay_stats_add(&replay->stats, replay->engine);
    report_init(&report);
    engine_reload(replay->engine, next, &report);
    if (!report_is_good(&report)) {
        struct text text;
        text_init(&text);
        report_json(&report, &text);
        print_err("cannot reload the strategies: %s", text.data);
        text_release(&text);
        replay->has_failed = true;
    }
    report_release(&report);
}

/* For a debugger, which then sees the fatal message come. */
static void halt(void) {
    const int pid = (int)getpid();
    (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    print_err(
        "process %d is stopped, and the fatal message comes next: `gdb -p %d` attaches to it, "
        "`kill -CONT %d` (or fg) continues",
        pid, pid, pid);
    (void)raise(SIGSTOP);
}

/* The strategies are renewed there when it is a save that crashes. */
static void meet_fatal(struct replay *replay) {
    if (replay->options->does_halt)
        halt();
    capsule_fatal_message_follows();
    if (replay->options->rerun.does_save)
        reload(replay, load_phase(replay));
}

static void reload_next_phase(struct replay *replay) {
    replay->phase++;
    reload(replay, load_phase(replay));
}

/* Control thread, between two messages. */
static void on_pause(void *context) {
    struct replay *replay = context;
    struct replay_options *options = replay->options;
    if (options->rerun_directory == NULL)
        reload(replay, choice_load(&options->choice, &options->config));
    else if (replay->phase < options->rerun.reload_count)
        reload_next_phase(replay);
    else
        meet_fatal(replay);
}

static uint64_t done(void *context) {
    struct replay *replay = context;
    return file_source_done(replay->source);
}

/* ---- parts ---- */

/* What is in it stays until there is something to put there: nobody knows yet that this replay
 * comes to anything. */
static bool open_output(struct replay *replay, struct error *error) {
    const char *path = replay->options->output;
    if (path == NULL || replay->options->listener != NULL)
        return true;
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0)
        return error_set_errno(error, errno, "cannot open %s for writing", path);
    replay->output = file;
    return true;
}

/* Points of series go where the signals go, beside them: in the order of the input. */
static bool make_points(struct replay *replay, struct error *error) {
    const struct replay_listener *listener = replay->options->listener;
    const bool has_taker = listener != NULL && listener->point != NULL;
    const char *path = replay->options->series;
    if (!has_taker && path == NULL)
        return true;
    if (!has_taker) {
        replay->series = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (replay->series < 0)
            return error_set_errno(error, errno, "cannot open %s for writing", path);
    }
    const struct sink_ordered_options options = {.take = has_taker ? on_point : NULL,
                                                 .file = replay->series,
                                                 .does_replace = !has_taker,
                                                 .done = done,
                                                 .context = replay,
                                                 .stop = &replay->signals->should_stop};
    replay->points = sink_ordered_new(&options, error);
    return replay->points != NULL;
}

static bool make_parts(struct replay *replay, struct error *error) {
    struct file_source_options source = replay->options->source;
    source.bad_line = on_bad_line;
    source.paused = on_pause;
    source.pause_every = replay->options->renew_every;
    source.context = replay;
    const struct replay_listener *listener = replay->options->listener;
    replay->source = file_source_new(&source, replay->config, replay->log, error);
    if (replay->source == NULL || !open_output(replay, error))
        return false;
    const struct sink_ordered_options ordered = {.take = listener != NULL ? on_signal : NULL,
                                                 .file = replay->output,
                                                 .has_places = replay->options->has_places,
                                                 .does_replace = listener == NULL &&
                                                                 replay->options->output != NULL,
                                                 .done = done,
                                                 .context = replay,
                                                 .stop = &replay->signals->should_stop};
    replay->sink = sink_ordered_new(&ordered, error);
    if (replay->sink == NULL || !make_points(replay, error))
        return false;
    replay->publisher = (struct publisher){.log = replay->log,
                                           .signal_sinks = {replay->sink},
                                           .signal_sink_count = 1,
                                           .point_sink = replay->points,
                                           .holds_points = true};
    const struct engine_options engine = {
        .config = replay->config,
        .log = replay->log,
        .source = replay->source,
        .publisher = &replay->publisher,
        .mode = T5_MODE_REPLAY,
        .sequence = file_source_sequence,
        .ahead_ns = source.from_ns != FILE_SOURCE_NO_FROM ? file_source_ahead_ns : NULL,
        .unusable = on_unusable,
        .unusable_context = replay,
        .usable = listener != NULL && listener->message != NULL ? on_message : NULL,
        .usable_context = replay,
        .does_renew = replay->options->renew_every > 0 || replay->options->rerun.does_save,
        .beginning = replay->options->rerun_directory != NULL ? rerun_beginning : NULL,
        .beginning_context = &replay->options->rerun,
    };
    replay->engine = engine_new(&engine, error);
    return replay->engine != NULL;
}

static void release_parts(struct replay *replay) {
    if (replay->sink != NULL)
        replay->sink->ops->close(replay->sink, 0);
    if (replay->points != NULL)
        replay->points->ops->close(replay->points, 0);
    engine_free(replay->engine);
    if (replay->source != NULL)
        replay->source->ops->free(replay->source);
    if (replay->output != STDOUT_FILENO)
        close(replay->output);
    if (replay->series >= 0)
        close(replay->series);
    replay_stats_release(&replay->stats);
    findings_release(&replay->findings);
    bad_lines_release(&replay->bad_lines);
}

/* ---- the run ---- */

static void show_progress(struct replay *replay) {
    struct file_source_progress progress;
    if (replay->options->is_quiet || !progress_line_is_due(&replay->progress))
        return;
    file_source_progress(replay->source, &progress);
    const double share =
        progress.bytes_total > 0 ? (double)progress.bytes / (double)progress.bytes_total : -1;
    progress_line_show(&replay->progress, "replaying", "messages", file_source_done(replay->source),
                       share);
}

/* What is said of a replay must come from all strategies. */
static bool is_missing_some(struct replay *replay) {
    struct view_totals totals;
    view_totals(replay->engine, &totals);
    return totals.missing > 0;
}

static bool are_sinks_ok(const struct replay *replay) {
    struct error error;
    return sink_ordered_is_ok(replay->sink, NULL, &error) &&
           (replay->points == NULL || sink_ordered_is_ok(replay->points, NULL, &error));
}

static bool is_over(struct replay *replay) {
    return atomic_load(&replay->signals->should_stop) || replay->has_failed ||
           is_missing_some(replay) || !are_sinks_ok(replay) ||
           bad_lines_has_first_below(&replay->bad_lines, file_source_done(replay->source));
}

/* What was not worked on yet gives no signals; those before it are all written. */
static void cut_off(struct replay *replay) {
    end_at(replay, file_source_done(replay->source));
}

/* A slow reader of the signals is waited for, as long as it takes. */
static bool flush_sinks(struct replay *replay) {
    return replay->sink->ops->flush(replay->sink, POLL_MS) &&
           (replay->points == NULL || replay->points->ops->flush(replay->points, POLL_MS));
}

/* To the end of the input, or until it is over before that. False with an error that the source
 * gave. */
static bool work(struct replay *replay, struct error *error) {
    bool goes_on = true;
    while (goes_on && !is_over(replay)) {
        goes_on = engine_poll(replay->engine, POLL_MS, error);
        show_progress(replay);
    }
    while (!goes_on && error->code == ERROR_NONE && !is_over(replay) && !flush_sinks(replay))
        show_progress(replay);
    cut_off(replay);
    replay->ended_ns = clock_monotonic_ns();
    progress_line_clear(&replay->progress);
    return goes_on || error->code == ERROR_NONE;
}

static void summarise(struct replay *replay, bool is_good) {
    struct view_totals totals;
    struct file_source_progress progress;
    view_totals(replay->engine, &totals);
    file_source_progress(replay->source, &progress);
    const struct replay_summary summary = {
        .lines = progress.lines,
        .messages = totals.messages,
        .warm_up = totals.late,
        .bad = progress.bad_lines + totals.bad,
        .filtered = progress.filtered,
        .signals = sink_ordered_lines(replay->sink),
        .reloads = totals.reloads,
        .unreadable_time = totals.unreadable_time,
        .suspect_time = totals.suspect_time,
        .wall_ns = replay->ended_ns - replay->began_ns,
        .stats = &replay->stats,
        .findings = &replay->findings,
    };
    if (totals.messages > 0)
        replay_stats_print_unmet(&replay->stats);
    if (replay->options->listener != NULL) {
        if (is_good)
            replay->options->listener->end(replay->options->listener->context, &summary);
    } else if (replay->options->is_json)
        summary_print_json(&summary, replay->options->output != NULL ? stdout : stderr);
    else if (!replay->options->is_quiet)
        summary_print(&summary, stderr);
}

/* Options that leave out all that there is are worth a word. */
static void print_nothing_passed(const struct replay *replay, uint64_t filtered) {
    const struct file_source_options *source = &replay->options->source;
    const bool has_from = source->from_ns != FILE_SOURCE_NO_FROM;
    const bool has_until = source->until_ns != FILE_SOURCE_NO_UNTIL;
    const bool has_span = has_from || has_until;
    print_err("nothing was replayed: %s%s%s%s%s excluded every message, %" PRIu64 " in all",
              has_from ? "--from" : "", has_from && has_until ? " and " : "",
              has_until ? "--until" : "", has_span && source->symbol_count > 0 ? " with " : "",
              source->symbol_count > 0 ? "--symbols" : "", filtered);
}

/* Symbols that were asked for, and that the recording has not. */
static void print_unmet(struct replay *replay) {
    struct file_source_progress progress;
    file_source_progress(replay->source, &progress);
    if (progress.symbols_unmet > 0 && progress.lines > 0)
        print_err("--symbols: no message of %" PRIu32 " of the %" PRIu32 " that %s given: %s",
                  progress.symbols_unmet, progress.symbols, progress.symbols == 1 ? "is" : "are",
                  progress.symbols_unmet_names);
}

/* There was something to replay, nobody asked for less, and no message came of it. */
static bool is_useless(struct replay *replay) {
    struct view_totals totals;
    struct file_source_progress progress;
    view_totals(replay->engine, &totals);
    file_source_progress(replay->source, &progress);
    if (progress.is_foreign_journal) {
        print_err("nothing was replayed: the recording has none of the messages of the journal");
        return true;
    }
    if (totals.messages == 0 && progress.filtered + totals.late > progress.foreign)
        print_nothing_passed(replay, progress.filtered + totals.late - progress.foreign);
    if (totals.decoded > 0 || progress.filtered + totals.late > progress.foreign)
        return false;
    if (totals.bad > 0)
        print_err("nothing could be replayed: of %" PRIu64 " message%s none is valid", totals.bad,
                  text_plural(totals.bad));
    else if (progress.foreign > 0)
        print_err("nothing was replayed: %" PRIu64 " line%s of topics that are not configured; "
                  "add [topic:ROLE] sections",
                  progress.foreign, text_plural(progress.foreign));
    return totals.bad > 0 || progress.foreign > 0;
}

static bool empty_file(struct sink *sink, const char *path) {
    const int errnum = sink_ordered_empty(sink);
    if (errnum != 0)
        print_err("cannot truncate %s: %s", path, strerror(errnum));
    return errnum == 0;
}

/* Also no signal is a result, and no point. */
static bool empty_files(struct replay *replay) {
    return empty_file(replay->sink, replay->options->output) &&
           (replay->points == NULL || empty_file(replay->points, replay->options->series));
}

/* Why it ended, and the exit code. */
static int judge(struct replay *replay, bool is_good, const struct error *source_error) {
    struct error error;
    int errnum;
    bad_lines_end(&replay->bad_lines);
    if (bad_lines_has_first_below(&replay->bad_lines, UINT64_MAX)) {
        print_err("stopped there (--strict)");
        return EXIT_FAILED;
    }
    if (!is_good) {
        print_err("%s", source_error->text);
        return EXIT_FAILED;
    }
    if (!sink_ordered_is_ok(replay->sink, &errnum, &error)) {
        if (errnum == EPIPE) /* its reader has enough, as `head` has */
            return EXIT_GOOD;
        if (errnum == ECANCELED)
            print_err("interrupted");
        else if (replay->options->listener != NULL)
            print_err("out of memory for the signals");
        else
            print_err("%s: %s",
                      replay->options->output != NULL ? replay->options->output : "stdout",
                      error.text);
        return EXIT_FAILED;
    }
    if (replay->points != NULL && !sink_ordered_is_ok(replay->points, &errnum, &error)) {
        if (errnum == ECANCELED)
            print_err("interrupted");
        else
            print_err("%s: %s",
                      replay->options->series != NULL ? replay->options->series : "series",
                      error.text);
        return EXIT_FAILED;
    }
    if (atomic_load(&replay->signals->should_stop)) {
        print_err("interrupted");
        return EXIT_FAILED;
    }
    if (is_missing_some(replay)) {
        print_err("stopped: a strategy rejected a partition, so the signals of the others are "
                  "incomplete");
        return EXIT_FAILED;
    }
    print_unmet(replay);
    if (replay->has_failed || is_useless(replay))
        return EXIT_FAILED;
    return empty_files(replay) ? EXIT_GOOD : EXIT_FAILED;
}

static bool write_deployed(struct replay *replay, struct error *error) {
    const char *path = replay->options->deployed;
    struct text text;
    text_init(&text);
    engine_put_deployed(replay->engine, &text);
    FILE *file = fopen(path, "we");
    bool did =
        file != NULL && !text_is_oom(&text) && fwrite(text.data, 1, text.size, file) == text.size;
    did = file != NULL && fclose(file) == 0 && did;
    text_release(&text);
    return did || error_set_errno(error, errno, "cannot write %s", path);
}

/* One that cannot run ends it. */
static bool start(struct replay *replay, struct error *error) {
    struct report report;
    report_init(&report);
    bool did = engine_start(replay->engine, &report, error);
    const size_t rejected = report_outcomes(&report, OUTCOME_REJECTED);
    if (did && rejected > 0)
        did = error_set(error, ERROR_INVALID, "nothing was replayed: %zu strateg%s cannot run",
                        rejected, rejected == 1 ? "y" : "ies");
    else if (did && report.faults.error_count > 0)
        did = error_set(error, ERROR_MEMORY, "nothing was replayed: out of memory");
    else if (did && report.count == 0)
        did = error_set(error, ERROR_INVALID, "nothing was replayed: no strategies in %s",
                        replay->config->strategy_dir);
    report_release(&report);
    return did && (replay->options->deployed == NULL || write_deployed(replay, error));
}

/* What only the strategies know, before they stop. */
static void look(struct replay *replay) {
    const struct replay_options *options = replay->options;
    const struct replay_listener *listener = options->listener;
    const bool does_look = listener != NULL && listener->look != NULL;
    if (!options->is_quiet || options->is_json || does_look)
        findings_gather(&replay->findings, replay->engine);
    if (does_look)
        listener->look(listener->context, replay->engine, replay->config);
}

int replay_run(struct replay_options *options, struct config *config, struct log *log,
               struct signals *signals, bool *is_stuck) {
    struct error error = {0};
    struct replay replay = {
        .options = options,
        .config = config,
        .log = log,
        .signals = signals,
        .output = STDOUT_FILENO,
        .series = -1,
        .listening = PTHREAD_MUTEX_INITIALIZER,
    };
    struct engine_left left;
    int code = EXIT_FAILED;
    bad_lines_init(&replay.bad_lines, options->is_verbose ? UINT64_MAX : MOST_SHOWN);
    if (!make_parts(&replay, &error)) {
        print_err("%s", error.text);
        goto done;
    }
    const bool did_start = start(&replay, &error);
    if (did_start) {
        progress_line_init(&replay.progress);
        replay.began_ns = clock_monotonic_ns();
        const bool is_good = work(&replay, &error);
        replay_stats_add(&replay.stats, replay.engine);
        look(&replay);
        code = judge(&replay, is_good, &error);
    } else {
        print_err("%s", error.text);
    }
    if (!engine_stop(replay.engine, clock_monotonic_ns() + config->shutdown_timeout_ns, &left)) {
        print_err("a strategy does not return; abandoning it");
        replay.is_stuck = true;
        code = EXIT_FAILED;
    } else if (left.is_broken && code == EXIT_GOOD) {
        print_err("stopped: out of memory for a signal, so the signals are incomplete");
        code = EXIT_FAILED;
    }
    if (did_start)
        summarise(&replay, code == EXIT_GOOD);
done:
    fflush(stdout);
    *is_stuck = replay.is_stuck;
    if (!replay.is_stuck)
        release_parts(&replay);
    return code;
}

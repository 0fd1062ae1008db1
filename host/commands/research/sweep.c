/*
 * Each point is a deployment, and many of them are replayed in one pass: a process for each core
 * evaluates its share of them.
 */
#include "base/text.h"
#include "cli/progress_line.h"
#include "commands/research/replay/replay.h"
#include "commands/research/replay/replay_arguments.h"
#include "commands/research/research.h"
#include "commands/research/sweep/sweep_grid.h"
#include "commands/research/sweep/sweep_print.h"
#include "commands/research/sweep/sweep_result.h"
#include "os/output_child.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Points of one pass: what they hold in memory stays bounded. */
#define MOST_IN_A_PASS 250
#define MOST_JOBS      256
#define MOST_STEPS     100
#define PROGRESS_MS    100

struct sweep {
    struct replay_options replay;
    struct sweep_grid grid;
    uint64_t random; /* points to draw; 0: all */
    uint64_t seed;
    uint64_t jobs; /* 0: as many as there are cores */
    double split;  /* 0: none */
    uint64_t walk_forward;
    const char *horizons;
    double cost;
    int64_t period_ns; /* 0: evaluate's */
    unsigned best;     /* enum sweep_figure; 0: by what there is */
    bool is_json, is_csv;

    struct config *config;
    const struct config_deployment *base; /* NULL: the strategy's defaults */
    char *prefix;                         /* of the points' deployments */
    char **operands;                      /* strategies and recordings */
    int operand_count;
    enum sweep_mode mode;
    struct sweep_results results;
    struct progress_line progress;
};

/* ---- a pass: the arguments of `take5 evaluate` ---- */

static void add_shares(struct arguments *arguments, const struct sweep *sweep) {
    if (sweep->mode == SWEEP_SPLIT)
        arguments_add(arguments, "--parts=%.17g", sweep->split);
    for (uint64_t i = 1; sweep->mode == SWEEP_WALK_FORWARD && i <= sweep->walk_forward; i++)
        arguments_add(arguments, "--parts=%.17g", (double)i / (double)(sweep->walk_forward + 1));
}

static void add_options(struct arguments *arguments, const struct sweep *sweep) {
    arguments_add(arguments, "take5");
    arguments_add(arguments, "evaluate");
    arguments_add(arguments, "-q");
    arguments_add(arguments, "--json");
    arguments_add(arguments, "--swept");
    arguments_add_replay(arguments, &sweep->replay);
    add_shares(arguments, sweep);
    if (sweep->horizons != NULL)
        arguments_add(arguments, "--horizons=%s", sweep->horizons);
    if (sweep->cost > 0)
        arguments_add(arguments, "--cost=%.17g", sweep->cost);
    if (sweep->period_ns > 0)
        arguments_add(arguments, "--period=%" PRId64 "ms", sweep->period_ns / 1000000);
}

static void add_words(struct arguments *arguments, const char *name, const char *key,
                      char *const *words) {
    struct text text;
    if (words == NULL)
        return;
    text_init(&text);
    for (size_t i = 0; words[i] != NULL; i++)
        text_printf(&text, "%s%s", i > 0 ? "," : "", words[i]);
    if (text_is_oom(&text))
        arguments->is_oom = true;
    else
        arguments_add(arguments, "-sstrategy:%s.%s=%s", name, key, text.data);
    text_release(&text);
}

static void add_time_frames(struct arguments *arguments, const char *name,
                            const uint32_t *time_frames) {
    struct text text;
    if (time_frames == NULL)
        return;
    text_init(&text);
    for (size_t i = 0; time_frames[i] != 0; i++)
        text_printf(&text, "%s%" PRIu32, i > 0 ? "," : "", time_frames[i]);
    if (text_is_oom(&text))
        arguments->is_oom = true;
    else
        arguments_add(arguments, "-sstrategy:%s.time_frames=%s", name, text.data);
    text_release(&text);
}

static bool is_swept(const struct sweep_grid *grid, const char *parameter) {
    for (size_t i = 0; i < grid->axis_count; i++) {
        if (strcmp(grid->axes[i].name, parameter) == 0)
            return true;
    }
    return false;
}

/* A path among the settings that follow is seen from this file. */
static void add_origin(struct arguments *arguments, const char *file, const char **last) {
    if (strcmp(file, *last) != 0)
        arguments_add(arguments, "--origin=%s", file);
    *last = file;
}

/* What the deployment has in the configuration, but for what is swept. */
static void add_base(struct arguments *arguments, const struct sweep *sweep, const char *name) {
    const struct config_deployment *base = sweep->base;
    const char *origin = CONFIG_COMMAND_LINE;
    if (base != NULL) /* default values too, which are seen from the section */
        add_origin(arguments, base->place.file, &origin);
    arguments_add(arguments, "-sstrategy:%s.plugin=%s", name,
                  base != NULL ? base->plugin : sweep->grid.deployment);
    if (base == NULL)
        return;
    for (size_t i = 0; i < base->settings.count; i++) {
        const struct config_item *item = &base->settings.items[i];
        if (is_swept(&sweep->grid, item->name))
            continue;
        add_origin(arguments, item->place.file, &origin);
        arguments_add(arguments, "-sstrategy:%s.%s=%s", name, item->name, item->text);
    }
    add_origin(arguments, CONFIG_COMMAND_LINE, &origin);
    add_words(arguments, name, "symbols", base->symbols);
    add_words(arguments, name, "topics", base->topics);
    add_time_frames(arguments, name, base->time_frames);
}

static void add_point(struct arguments *arguments, const struct sweep *sweep, size_t point) {
    char name[80];
    snprintf(name, sizeof name, "%s%zu", sweep->prefix, point);
    add_base(arguments, sweep, name);
    for (size_t i = 0; i < sweep->grid.axis_count; i++)
        arguments_add(arguments, "-sstrategy:%s.%s=%s", name, sweep->grid.axes[i].name,
                      sweep_grid_value(&sweep->grid, point, i));
}

/* The points alone run. */
static void add_others(struct arguments *arguments, const struct sweep *sweep) {
    for (size_t i = 0; i < sweep->config->deployment_count; i++)
        arguments_add(arguments, "-sstrategy:%s.enabled=no", sweep->config->deployments[i].name);
}

struct pass {
    struct output_child child;
    size_t first, end; /* points */
};

static bool pass_begin(struct pass *pass, const struct sweep *sweep, struct error *error) {
    struct arguments arguments = {0};
    add_options(&arguments, sweep);
    add_others(&arguments, sweep);
    for (size_t i = pass->first; i < pass->end; i++)
        add_point(&arguments, sweep, i);
    arguments_add(&arguments, "--");
    for (int i = 0; i < sweep->operand_count; i++)
        arguments_add(&arguments, "%s", sweep->operands[i]);
    const bool did = !arguments.is_oom ? output_child_begin(&pass->child, arguments.items, error)
                                       : error_set_memory(error, "the arguments of an evaluation");
    arguments_release(&arguments);
    return did;
}

static void show_progress(struct sweep *sweep, size_t done) {
    if (!sweep->replay.is_quiet && progress_line_is_due(&sweep->progress))
        progress_line_show(&sweep->progress, "sweeping", "points", done,
                           (double)done / (double)sweep->grid.point_count);
}

/* Until there is something to read, or the end. */
static void await(struct sweep *sweep, const struct pass *pass) {
    struct pollfd output = {.fd = fileno(pass->child.output), .events = POLLIN};
    do
        show_progress(sweep, pass->first);
    while (poll(&output, 1, PROGRESS_MS) == 0);
}

static bool read_all(struct sweep *sweep, const struct pass *pass, struct text *text) {
    char buffer[65536];
    ssize_t size;
    do {
        await(sweep, pass);
        size = read(fileno(pass->child.output), buffer, sizeof buffer);
        if (size > 0)
            text_append(text, buffer, (size_t)size);
    } while (size > 0 || (size < 0 && errno == EINTR));
    return size == 0 && !text_is_oom(text) && text->size > 0;
}

/* Waits for it, and takes what it found. */
static bool pass_end(struct pass *pass, struct sweep *sweep, struct error *error) {
    struct text text;
    text_init(&text);
    const bool did_read = pass->child.output != NULL && read_all(sweep, pass, &text);
    const int code = output_child_end(&pass->child);
    pass->child = (struct output_child)OUTPUT_CHILD_INIT;
    bool did = code == 0;
    if (code != 0)
        error_set(error, ERROR_STATE, "an evaluation failed (%s %d)",
                  code > 128 ? "signal" : "exit code", code > 128 ? code - 128 : code);
    else
        did = did_read ? sweep_results_parse(&sweep->results, text.data, sweep->prefix, pass->first,
                                             pass->end, error)
                       : error_set(error, ERROR_STATE, "an evaluation has no result");
    text_release(&text);
    return did;
}

/* ---- all passes ---- */

/* Those that this process may use. */
static size_t count_cores(void) {
    cpu_set_t set;
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (size_t)CPU_COUNT(&set);
    return online > 0 ? (size_t)online : 1; /* more than a set has room for */
}

static size_t count_jobs(const struct sweep *sweep) {
    const size_t jobs = sweep->jobs > 0 ? (size_t)sweep->jobs : count_cores();
    return jobs < sweep->grid.point_count ? jobs : sweep->grid.point_count;
}

/* Points of a pass: as many passes for each job, of about the same size. */
static size_t pass_size(size_t points, size_t jobs) {
    const size_t each = (points + jobs - 1) / jobs;
    const size_t rounds = (each + MOST_IN_A_PASS - 1) / MOST_IN_A_PASS;
    return (each + rounds - 1) / rounds;
}

/* The oldest is waited for, and the next one takes its place. */
static bool run_passes(struct sweep *sweep, struct pass *passes, size_t jobs, struct error *error) {
    const size_t points = sweep->grid.point_count, size = pass_size(points, jobs);
    size_t begun = 0, ended = 0;
    bool did = true;
    while (did && ended < points) {
        struct pass *oldest = &passes[ended / size % jobs];
        while (did && begun < points && begun < ended + jobs * size) {
            struct pass *pass = &passes[begun / size % jobs];
            *pass = (struct pass){OUTPUT_CHILD_INIT, begun,
                                  begun + size < points ? begun + size : points};
            did = pass_begin(pass, sweep, error);
            begun = pass->end;
        }
        did = did && pass_end(oldest, sweep, error);
        ended = oldest->end;
    }
    return did;
}

static bool run_all(struct sweep *sweep, struct error *error) {
    const size_t jobs = count_jobs(sweep);
    struct pass *passes = calloc(jobs, sizeof *passes);
    if (passes == NULL)
        return error_set_memory(error, "the passes");
    for (size_t i = 0; i < jobs; i++)
        passes[i].child = (struct output_child)OUTPUT_CHILD_INIT;
    progress_line_init(&sweep->progress);
    const bool did = run_passes(sweep, passes, jobs, error);
    progress_line_clear(&sweep->progress);
    for (size_t i = 0; i < jobs; i++) {
        if (passes[i].child.pid > 0 && !did)
            kill(passes[i].child.pid, SIGTERM);
        output_child_end(&passes[i].child);
    }
    free(passes);
    return did;
}

/* ---- the command ---- */

/* The points are made of what the configuration has of the deployment. */
static bool load_base(struct sweep *sweep) {
    struct replay_options *replay = &sweep->replay;
    if (!config_options_has_file(&replay->config))
        replay->config.is_bare = true;
    sweep->config = config_options_load(&replay->config);
    if (sweep->config == NULL)
        return false;
    sweep->base = config_deployment_find(sweep->config, sweep->grid.deployment);
    sweep->prefix = text_format("%s--", sweep->grid.deployment);
    return sweep->prefix != NULL;
}

static int print(const struct sweep *sweep) {
    const enum sweep_figure figure =
        sweep->best > 0 ? (enum sweep_figure)sweep->best : sweep_figure_default(&sweep->results);
    const bool did =
        sweep->is_json  ? sweep_print_json(&sweep->grid, &sweep->results, sweep->mode, figure)
        : sweep->is_csv ? sweep_print_csv(&sweep->grid, &sweep->results)
                        : sweep_print(&sweep->grid, &sweep->results, sweep->mode, figure);
    if (!did)
        print_err("out of memory for the results");
    return did ? EXIT_GOOD : EXIT_FAILED;
}

static int sweep_points(struct sweep *sweep) {
    const size_t parts = sweep->mode == SWEEP_WHOLE   ? 1
                         : sweep->mode == SWEEP_SPLIT ? 2
                                                      : (size_t)sweep->walk_forward + 1;
    struct error error = {0};
    if (!load_base(sweep))
        return EXIT_CONFIG;
    if (!sweep_results_init(&sweep->results, sweep->grid.point_count, parts, &error) ||
        !run_all(sweep, &error)) {
        print_err("%s", error.text);
        return EXIT_FAILED;
    }
    return print(sweep);
}

static bool check(struct sweep *sweep, int argc, char **argv) {
    struct error error = {0};
    bool has_recording = false;
    for (int i = 0; i < argc; i++)
        has_recording |= !choice_is_strategy(argv[i]);
    if (sweep->grid.axis_count == 0)
        print_err("nothing to sweep: -p DEPLOYMENT.PARAMETER=VALUES");
    else if (sweep->split > 0 && sweep->walk_forward > 0)
        print_err("--split and --walk-forward: give one of them");
    else if (sweep->split >= 1)
        print_err("--split: must be below 1");
    else if (!has_recording)
        print_err("no file to replay: give one or more");
    else if (sweep->random > 0
                 ? !sweep_grid_draw(&sweep->grid, (size_t)sweep->random, sweep->seed, &error)
                 : !sweep_grid_fill(&sweep->grid, &error))
        print_err("-p: %s", error.text);
    else {
        sweep->operands = argv;
        sweep->operand_count = argc;
        sweep->mode = sweep->split > 0          ? SWEEP_SPLIT
                      : sweep->walk_forward > 0 ? SWEEP_WALK_FORWARD
                                                : SWEEP_WHOLE;
        return true;
    }
    return false;
}

/* Each pass reads the recording, so it cannot be a pipe. */
static bool check_files(int argc, char **argv) {
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "-") == 0) {
            print_err("-: each process reads the recording, so the standard input cannot be one");
            return false;
        }
    }
    return true;
}

static int run(int argc, char **argv) {
    struct sweep sweep = {.replay = REPLAY_OPTIONS_INIT};
    int code = EXIT_FAILED;
    signal(SIGPIPE, SIG_IGN);
    if (options_parse(&command_sweep, &sweep, &argc, &argv, &code))
        code = check(&sweep, argc, argv) && check_files(argc, argv) ? sweep_points(&sweep)
                                                                    : usage(&command_sweep);
    sweep_results_release(&sweep.results);
    sweep_grid_release(&sweep.grid);
    config_free(sweep.config);
    free(sweep.prefix);
    replay_options_release(&sweep.replay);
    return code == EXIT_CONFIG ? EXIT_USAGE : code;
}

static bool add_axis(void *command, const char *value) {
    struct sweep *sweep = command;
    struct error error = {0};
    if (sweep_grid_add(&sweep->grid, value, &error))
        return true;
    print_err("-p %s: %s", value, error.text);
    return false;
}

static const struct option_row options[] = {
    {'p', NULL, "NAME.PARAMETER=VALUES", OPTION_CALL(add_axis),
     "values of a parameter of the deployment NAME: 10,20,50, or FROM:TO:STEP, or FROM:TO with "
     "--random. May be given more than once: all combinations"},
    {0, "random", "N", OPTION_INTEGER(struct sweep, random, uint64_t, 1, SWEEP_MAX_POINTS),
     "draw N points instead"},
    {0, "seed", "N", OPTION_INTEGER(struct sweep, seed, uint64_t, 0, INT64_MAX),
     "of --random: the same one draws the same points (default: 0)"},
    {0, "best", "FIGURE",
     OPTION_CHOICE(struct sweep, best, unsigned, SWEEP_SHARPE, sweep_figure_names),
     "sharpe, profit, drawdown, mean or hit_rate (default: sharpe, without positions mean)"},
    {0, "split", "SHARE", OPTION_SHARE(struct sweep, split),
     "choose on the first SHARE of the time, show on the rest: 0.7 or 70%"},
    {0, "walk-forward", "N", OPTION_INTEGER(struct sweep, walk_forward, uint64_t, 1, MOST_STEPS),
     "N steps: the time in N + 1 equal parts, chosen on each and shown on the next"},
    {0, "horizons", "D,D", OPTION_TEXT(struct sweep, horizons),
     "as for evaluate; mean and hit_rate are those of the first"},
    {0, "cost", "SHARE", OPTION_SHARE(struct sweep, cost),
     "what trading one unit costs, of its value: 0.0005 or 0.05% (default: 0)"},
    {0, "period", "D", OPTION_DURATION(struct sweep, period_ns, 1000000000, 0),
     "the Sharpe ratio is of returns over this time (default: 1h)"},
    {'j', "jobs", "N", OPTION_INTEGER(struct sweep, jobs, uint64_t, 1, MOST_JOBS),
     "processes at a time (default: as many as there are cores)"},
    {0, "csv", NULL, OPTION_FLAG(struct sweep, is_csv),
     "print CSV, a line for each point and part"},
    {0, "json", NULL, OPTION_FLAG(struct sweep, is_json), "print JSON"},
    OPTIONS_REPLAY(struct sweep, replay),
    OPTIONS_END,
};

const struct command command_sweep = {
    .name = "sweep",
    .usage = "[options] -p NAME.PARAMETER=VALUES... [STRATEGY.so... | DIRECTORY] FILE...",
    .summary = "what the signals are worth for many values of parameters",
    .description =
        "Replays recordings with a deployment for each point, many of them in one pass and in as "
        "many processes as there are cores, evaluates each as `take5 evaluate` does, and "
        "reports which is best. What was chosen on a recording looks better there than it is: "
        "--split and "
        "--walk-forward choose on one part of the time, and show the same point on another.",
    .examples =
        "take5 sweep -p alpha.threshold=0.1:0.5:0.1 -p alpha.least=5,10,20 --split 0.7 ./alpha.so "
        "day.jsonl",
    .options = options,
    .max_operands = OPERANDS_ANY,
    .run = run,
};

#include "commands/replay.h"

#include "base/clock.h"
#include "base/units.h"
#include "commands/scratch.h"
#include "engine/crash.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Messages of a lane whose signals wait for their turn: enough for it to run ahead of the others,
 * little enough to keep memory flat. */
#define MAX_UNCONFIRMED 8000
#define UNREMARKED_NS   (3600 * NS_PER_S)

enum {
    OPTION_TOPIC = 256,
    OPTION_JOURNAL,
    OPTION_FROM,
    OPTION_UNTIL,
    OPTION_SYMBOLS,
    OPTION_SPEED,
    OPTION_LANES,
    OPTION_STRICT,
    OPTION_JSON,
    OPTION_RENEW
};

static const char help[] =
    "usage: take5 replay [options] FILE... | -\n"
    "\n"
    "Recorded messages through the strategies; their signals as JSON lines on stdout, in the\n"
    "order of the input. Reads what `take5 record` and `kcat -J` write, and plain JSON lines.\n"
    "Several files are merged by event time.\n"
    "\n"
    "  -c FILE               the configuration: strategies and their parameters\n"
    "  -s SECTION.KEY=VALUE  a setting over it, such as strategy:trend.interval=30s\n"
    "  -o FILE               signals go there\n"
    "  --topic ROLE          of lines that name none (default: what their shape tells)\n"
    "  --from TIME           event time, 2024-06-17T21:15:30Z or epoch milliseconds\n"
    "  --until TIME          up to there, not included\n"
    "  --symbols A,B         only those\n"
    "  --journal FILE        in the order of a live host's journal; strategies that join topics\n"
    "                        need it to give the signals of that run\n"
    "  --speed N             N times as fast as the event times (default: as fast as it goes)\n"
    "  --strict              end at the first bad line\n"
    "  --lanes N             threads; the signals are the same\n"
    "  --json                the summary as JSON: on stderr, with -o on stdout\n"
    "  -q                    no summary and no progress\n"
    "  -v                    strategies' logs, and every bad line\n";

static bool set_number(const char *option, const char *text, double *number) {
    if (parse_number(text, number) && *number > 0)
        return true;
    complain("%s %s: must be a number above 0", option, text);
    return false;
}

static bool set_lanes(struct replay_options *options, const char *text) {
    char *setting = text_format("take5.lanes=%s", text);
    const bool did = setting != NULL && config_options_add(&options->config, setting);
    free(setting);
    return did;
}

static bool set_renewal(struct replay_options *options, const char *text) {
    int64_t every;
    if (!parse_integer(text, &every) || every < 1) {
        complain("--reload-every %s: must be a number of messages", text);
        return false;
    }
    options->renew_every = (uint64_t)every;
    return true;
}

static bool set_option(struct replay_options *options, int option, const char *value) {
    switch (option) {
    case 'c':
        options->config.path = value;
        return true;
    case 's':
        return config_options_add(&options->config, value);
    case 'o':
        options->output = value;
        return true;
    case 'q':
        return options->is_quiet = true;
    case 'v':
        return options->is_verbose = true;
    case OPTION_TOPIC:
        options->source.topic = value;
        return true;
    case OPTION_JOURNAL:
        options->source.journal = value;
        return true;
    case OPTION_FROM:
        return parse_moment("--from", value, &options->source.from_ns);
    case OPTION_UNTIL:
        return parse_moment("--until", value, &options->source.until_ns);
    case OPTION_SYMBOLS:
        return words_add(&options->symbols, "--symbols", value);
    case OPTION_SPEED:
        return set_number("--speed", value, &options->source.speed);
    case OPTION_LANES:
        return set_lanes(options, value);
    case OPTION_STRICT:
        return options->source.is_strict = true;
    case OPTION_JSON:
        return options->is_json = true;
    case OPTION_RENEW:
        return set_renewal(options, value);
    default:
        return false;
    }
}

/* True with `*is_help` when that was all that is wanted. */
static bool parse(struct replay_options *options, int argc, char **argv, bool *is_help) {
    static const struct option longs[] = {
        {"topic", required_argument, NULL, OPTION_TOPIC},
        {"journal", required_argument, NULL, OPTION_JOURNAL},
        {"from", required_argument, NULL, OPTION_FROM},
        {"until", required_argument, NULL, OPTION_UNTIL},
        {"symbols", required_argument, NULL, OPTION_SYMBOLS},
        {"speed", required_argument, NULL, OPTION_SPEED},
        {"lanes", required_argument, NULL, OPTION_LANES},
        {"strict", no_argument, NULL, OPTION_STRICT},
        {"json", no_argument, NULL, OPTION_JSON},
        {"quiet", no_argument, NULL, 'q'},
        {"verbose", no_argument, NULL, 'v'},
        {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        /* For tests: all strategies go through save and load after so many messages. */
        {"reload-every", required_argument, NULL, OPTION_RENEW},
        {0}};
    for (int c; (c = getopt_long(argc, argv, "c:s:o:qvh", longs, NULL)) != -1;) {
        if (c == 'h')
            return *is_help = true;
        if (!set_option(options, c, optarg))
            return false;
    }
    if (optind == argc) {
        complain("no file to replay: name one or more, or - for the standard input");
        return false;
    }
    options->source.paths = (const char *const *)argv + optind;
    options->source.path_count = (size_t)(argc - optind);
    options->source.symbols = (const char *const *)options->symbols.items;
    options->source.symbol_count = options->symbols.count;
    return true;
}

/* What a live host does that a replay must not. */
static void restrain(const struct replay_options *options, struct config *config) {
    config->on_stuck = ON_STUCK_REPORT; /* a debugger may hold a callback for long */
    if (config->max_unconfirmed > MAX_UNCONFIRMED)
        config->max_unconfirmed = MAX_UNCONFIRMED;
    if (!options->is_verbose)
        config->slow_callback_ns = UNREMARKED_NS; /* no stream waits, and the summary has times */
}

static bool set_log(const struct replay_options *options, const struct config *config,
                    struct log *log, struct error *error) {
    struct config ours = *config;
    ours.log.path = NULL; /* it is the service's */
    if (!config_apply_log(&ours, log, error))
        return false;
    if (!options->is_verbose)
        log_set_level(log, NULL, LOG_LEVEL_WARNING);
    return true;
}

/* A crash is put down to its strategy and message; unless a sanitizer is there to tell more. */
static bool watch_crashes(const struct config *config, struct error *error) {
    struct sigaction present;
    if (sigaction(SIGSEGV, NULL, &present) == 0 && present.sa_handler != SIG_DFL)
        return true;
    return mkdir(config->state_dir, 0700) == 0 || errno == EEXIST
               ? crash_install(config->state_dir, error)
               : error_set_errno(error, errno, "cannot make %s", config->state_dir);
}

static int replay(struct replay_options *options, struct signals *signals) {
    struct scratch scratch = {0};
    struct error error = {0};
    struct config *config = NULL;
    struct log *log = log_new();
    int code = EXIT_FAILED;
    if (log == NULL) {
        complain("out of memory");
        return EXIT_FAILED;
    }
    if (!scratch_init(&scratch, &error)) {
        complain("%s", error.text);
        goto done;
    }
    if (!scratch_set_directories(&scratch, &options->config) ||
        (!config_options_has_file(&options->config) && !scratch_set_strategies(&options->config)))
        goto done;
    config = config_options_load(&options->config);
    if (config == NULL) {
        code = EXIT_CONFIG;
        goto done;
    }
    restrain(options, config);
    if (!set_log(options, config, log, &error)) {
        complain("%s", error.text);
        code = EXIT_CONFIG;
        goto done;
    }
    if (!watch_crashes(config, &error)) {
        complain("%s", error.text);
        goto done;
    }
    code = replay_run(options, config, log, signals);
done:
    config_free(config);
    log_free(log);
    scratch_release(&scratch);
    return code;
}

int command_replay(int argc, char **argv) {
    /* The signal thread may outlive this function. */
    static struct signals signals;
    struct replay_options options = {.source = FILE_SOURCE_OPTIONS_INIT};
    struct error error = {0};
    bool is_help = false;
    int code = EXIT_USAGE;
    if (!parse(&options, argc, argv, &is_help)) {
        usage("replay");
    } else if (is_help) {
        fputs(help, stdout);
        code = EXIT_GOOD;
    } else if (!signals_start(&signals, &error)) {
        complain("%s", error.text);
        code = EXIT_FAILED;
    } else {
        code = replay(&options, &signals);
    }
    words_release(&options.symbols);
    config_options_release(&options.config);
    return code;
}

#include "cli/cli.h"
#include "commands/operation/operation.h"

#include "base/clock.h"
#include "base/units.h"
#include "cli/uses.h"
#include "commands/operation/run_hold.h"
#include "commands/operation/run_worker.h"
#include "config/sections/promotions.h"
#include "config/sections/workers.h"
#include "engine/crash/crash.h"
#include "log/output.h"
#include "os/signals.h"
#include "service/demo.h"
#include "service/service.h"
#include "supervisor/supervisor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A demo's first message comes after a few seconds. */
#define DEMO_PATIENCE_NS (60 * NS_PER_S)

/* Of a stop that is asked for before the configuration is read. */
#define EARLY_LIMIT_NS (30 * NS_PER_S)

struct run {
    struct config_options options;
    bool is_demo;
    int64_t run_for_ns;
    bool waits_for_config;
    bool is_drained; /* see struct service_options */
    struct csv_arg suspended;
    int64_t log_format; /* of a worker, until it has its configuration */
    int64_t parent;     /* of a worker: the supervisor's process; 0: it is none */
    struct demo *demo;
    struct log *log;
    struct config *config; /* borrowed, until the service ends */
};

/* As the old service's operators know it. */
static void banner(struct log *log, const struct config *config) {
    struct text topics;
    text_init(&topics);
    for (size_t i = 0; i < config->topic_count; i++)
        text_printf(&topics, "%s'%s'", i > 0 ? ", " : "", config->topics[i].name);
    log_event(log, LOG_LEVEL_INFO, "engine", "start.begun", "🚀 %s %s listening to topics: [%s]",
              config->service, TAKE5_VERSION, topics.data);
    log_info(log, "engine", "📡 Bootstrap servers: %s", config->bootstrap_servers);
    log_info(log, "engine", "🏃 Run mode: %s, group %s, %" PRId64 " lane%s", config->run_mode,
             config->group_id, config->lanes, config->lanes == 1 ? "" : "s");
    text_release(&topics);
}

/* A demo shows something or says why it does not. */
static int judge_demo(const struct run *run, const struct service *service, int code) {
    if (code != EXIT_GOOD || service_totals(service)->messages > 0)
        return code;
    print_err("demo: no message received: %s; the broker has %" PRIu64 " messages of the feed",
              service_last_status(service), demo_fed(run->demo));
    return EXIT_FAILED;
}

static bool start_feed(void *context, struct error *error) {
    struct run *run = context;
    return run->demo == NULL || demo_start(run->demo, run->config, run->log, error);
}

static void summary(const struct view_totals *totals, int64_t took_ns) {
    const double seconds = (double)took_ns / 1e9;
    char text[256];
    const int size =
        snprintf(text, sizeof text,
                 "take5: %.1f s: %" PRIu64 " message%s in, %" PRIu64 " decoded, %" PRIu64
                 " bad, %" PRIu64 " signal%s, %.0f messages/s\n",
                 seconds, totals->messages, text_plural(totals->messages), totals->decoded,
                 totals->bad, totals->signals, text_plural(totals->signals),
                 seconds > 0 ? (double)totals->messages / seconds : 0.0);
    const atomic_bool is_impatient = true; /* nobody may read it */
    (void)output_write(STDERR_FILENO, text, (size_t)size, NULL, &is_impatient);
}

/* What was promoted goes on; the log has what of it cannot. */
static void apply_promotions(const struct run *run) {
    struct faults faults = FAULTS_INIT;
    promotions_apply(run->config, true, &faults);
    for (size_t i = 0; i < faults.count; i++)
        log_event(run->log, LOG_LEVEL_WARNING, "config", "shadow.promotion_over", "%s",
                  faults.items[i].text);
    faults_release(&faults);
}

/* Everything behind the configuration. */
static int serve(struct run *run, struct signals *signals) {
    struct error error = {0};
    const int64_t began_ns = clock_monotonic_ns();
    banner(run->log, run->config);
    apply_promotions(run);
    const struct service_options options = {
        .config_options = &run->options,
        .config = run->config,
        .log = run->log,
        .signals = signals,
        .run_for_ns = run->run_for_ns,
        .patience_ns = run->demo != NULL ? DEMO_PATIENCE_NS : 0,
        .is_drained = run->is_drained,
        .suspended = run->suspended,
    };
    struct service *service = service_new(&options, &error);
    if (service == NULL) {
        log_event(run->log, LOG_LEVEL_CRITICAL, "engine", "start.failed", "cannot start: %s",
                  error.text);
        return EXIT_FAILED;
    }
    int code = service_run(service, start_feed, run);
    if (run->demo != NULL) {
        code = judge_demo(run, service, code);
        demo_stop(run->demo);
    }
    log_flush(run->log, LOG_END_NS); /* it stands before the summary */
    if (run->run_for_ns > 0 || run->demo != NULL)
        summary(service_totals(service), clock_monotonic_ns() - began_ns);
    if (!service_free(service)) {
        if (code == EXIT_GOOD)
            log_event(
                run->log, LOG_LEVEL_CRITICAL, "engine", "stop.client_abandoned",
                "stopped, and all completed work is committed, but a part of the host did not "
                "terminate: it was abandoned, and the exit code is %d",
                EXIT_FAILED);
        code = code == EXIT_GOOD ? EXIT_FAILED : code;
        log_flush(run->log, LOG_END_NS);
        _exit(code); /* a thread hangs: nothing of it may be freed under it */
    }
    return code;
}

static struct config *read_again(void *context, struct faults *faults) {
    const struct run *run = context;
    return config_options_read(&run->options, faults);
}

/* Everything behind the configuration, of a host with workers. */
static int supervise(struct run *run, struct signals *signals) {
    struct error error = {0};
    char **arguments = run_worker_arguments(&run->options, run->config, log_has_color(run->log));
    const struct supervisor_options options = {
        .config = run->config,
        .read = read_again,
        .context = run,
        .arguments = arguments,
        .log = run->log,
        .signals = signals,
        .run_for_ns = run->run_for_ns,
    };
    bool did = false;
    banner(run->log, run->config);
    if (arguments == NULL) {
        error_set_memory(&error, "the workers' options");
        config_free(run->config);
    }
    struct supervisor *supervisor = arguments != NULL ? supervisor_new(&options, &error) : NULL;
    if (supervisor == NULL)
        log_event(run->log, LOG_LEVEL_CRITICAL, "ops", "start.failed", "cannot start: %s",
                  error.text);
    else
        did = supervisor_run(supervisor);
    log_flush(run->log, LOG_END_NS);
    supervisor_free(supervisor);
    run_worker_arguments_free(arguments);
    return did ? EXIT_GOOD : EXIT_FAILED;
}

/* What the user's file says counts, and what of it does not is said; so it is read once before. */
static bool settle_demo(struct run *run) {
    struct faults faults = FAULTS_INIT;
    struct config *config = config_options_read(&run->options, &faults);
    const bool did = demo_settle(run->demo, &run->options, config);
    faults_release(&faults); /* what is wrong is reported when it is loaded */
    config_free(config);
    return did;
}

/* What a refused configuration ends in. */
static int hold(int code, struct signals *signals, char **argv) {
    print_err("the configuration was refused: waiting; correct it and send SIGHUP to try again");
    if (run_hold(signals)) {
        run_again(argv);
        print_err("cannot start again");
    }
    return code;
}

/* A worker's go to the log of all, with its name. */
static void say(const struct run *run, const char *text) {
    if (run->options.worker != NULL)
        log_error(run->log, "config", "%s", text);
    else
        print_err("%s", text);
}

/* NULL: it is refused, which was said. */
static struct config *load(const struct run *run) {
    struct error error;
    const struct log_options log = {.level = LOG_LEVEL_INFO,
                                    .format = (enum log_format)run->log_format,
                                    .color = LOG_COLOR_NEVER,
                                    .worker = run->options.worker};
    if (run->options.worker == NULL)
        return config_options_load(&run->options);
    if (!log_configure(run->log, &log, &error))
        log_error(run->log, "ops", "%s", error.text);
    return run_worker_load(&run->options, run->log);
}

static int run_host(int argc, char **argv) {
    /* The signal thread may outlive this function. */
    static struct signals signals;
    struct run run = {0};
    char **whole = argv;
    struct error error = {0};
    int code = EXIT_FAILED;
    if (!options_parse(&command_run, &run, &argc, &argv, &code))
        goto done;
    run.options.is_trusting_nobody = true;
    if (run.options.worker != NULL && !run_worker_begin(run.parent))
        goto done;
    if (!signals_start(&signals, &error)) {
        print_err("%s", error.text);
        goto done;
    }
    signals_on_stop(&signals, NULL, EARLY_LIMIT_NS);
    run.log = log_for_command();
    if (run.log == NULL)
        goto done;
    if (run.is_demo) {
        run.demo = demo_new(&run.options, &error);
        if (run.demo == NULL) {
            print_err("%s", error.text);
            goto done;
        }
    }
    if (run.demo != NULL && !settle_demo(&run))
        goto done;
    run.config = load(&run);
    if (run.config == NULL) {
        code = EXIT_CONFIG;
        goto done;
    }
    if (run.config->worker != NULL && !run_worker_confine(run.config, &error)) {
        say(&run, error.text);
        config_free(run.config);
        goto done;
    }
    if (!uses_judge_service(run.config, &error)) {
        say(&run, error.text);
        config_free(run.config);
        code = EXIT_USAGE;
        goto done;
    }
    if (run.config->log.path != NULL) /* who looks only here must not take silence for a hang */
        print_err("the log is written to %s ([log] path)", run.config->log.path);
    if (!config_apply_log(run.config, run.log, &error)) {
        say(&run, error.text);
        config_free(run.config);
        code = EXIT_CONFIG;
        goto done;
    }
    if (run.demo != NULL)
        demo_announce(run.demo, run.config);
    /* From here threads live for which nothing may stop. */
    if (!log_start(run.log, &error)) {
        say(&run, error.text);
        config_free(run.config);
        goto done;
    }
    if (run.options.worker == NULL && run.demo == NULL && config_has_workers(run.config, NULL)) {
        code = supervise(&run, &signals);
        goto done;
    }
    crash_settle(run.log);
    code = serve(&run, &signals);
    crash_settle(NULL);
done:
    demo_free(run.demo);
    csv_arg_release(&run.suspended);
    config_options_release(&run.options);
    log_free(run.log);
    return code == EXIT_CONFIG && run.waits_for_config ? hold(code, &signals, whole) : code;
}

static const struct option_row options[] = {
    OPTIONS_CONFIG(struct run, options),
    {0, "demo", NULL, OPTION_FLAG(struct run, is_demo),
     "run with a built-in broker and feed, in this process"},
    {0, "for", "DURATION", OPTION_DURATION(struct run, run_for_ns, 1, 0),
     "end after this time, such as 10s; a demo counts from the first message"},
    {0, "wait-for-config", NULL, OPTION_FLAG(struct run, waits_for_config),
     "with a configuration that is refused, wait for SIGHUP and try again, instead of ending with "
     "exit code 78; for containers, which would be started again and again"},
    {0, "worker", "NAME", OPTION_TEXT(struct run, options.worker), NULL},
    {0, "in-force", "FILE", OPTION_TEXT(struct run, options.in_force), NULL},
    {0, "drained", NULL, OPTION_FLAG(struct run, is_drained), NULL},
    {0, "suspended", "NAMES", OPTION_LIST(struct run, suspended), NULL},
    {0, "log-format", "NUMBER",
     OPTION_INTEGER(struct run, log_format, int64_t, LOG_FORMAT_CONSOLE, LOG_FORMAT_JOURNALD),
     NULL},
    {0, "parent", "PROCESS", OPTION_INTEGER(struct run, parent, int64_t, 1, INT32_MAX), NULL},
    OPTIONS_END,
};

const struct command command_run = {
    .name = "run",
    .usage = "[options]",
    .summary = "run the host; --demo adds a built-in broker and feed",
    .description =
        "Runs the host. It stops on SIGTERM or SIGINT: the current message is finished, signals "
        "are acknowledged, offsets committed, and the state of strategies is saved."
        "\n\n"
        "If a deployment names a worker ([strategy:NAME] worker, [take5] isolate), this process "
        "supervises: it starts one process for each worker, restarts those that die or hang, and "
        "answers for all of them. A demo runs everything in one process."
        "\n\n"
        "A demo without -c does not touch an installed service. With -c the file's strategies, "
        "directories, sinks and keep_state apply, but its broker and consumer group do not; "
        "settings that the demo replaces are listed at the start. Defaults of a demo: "
        "directories are temporary, state is not saved, and there are no dead letters; the live "
        "page "
        "is at http://127.0.0.1:8080/, or on a port that is free if that one is taken; the bundled "
        "strategies run if the file sets no strategy_dir and the "
        "default one does not exist. The demo prints the page's address, reports what is "
        "temporary, and prints the `take5 "
        "ctl` "
        "command for this host. A demo that receives no message within a minute reports why and "
        "fails.",
    .examples = "take5 run -c take5.ini                    # until SIGTERM\n"
                "take5 run --demo --for 10s                # with a broker and a feed of its own\n"
                "take5 run -c take5.ini -s log.level=DEBUG",
    .options = options,
    .run = run_host,
};

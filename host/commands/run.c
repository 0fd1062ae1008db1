#include "commands/commands.h"

#include "base/clock.h"
#include "base/units.h"
#include "commands/demo.h"
#include "commands/service.h"
#include "commands/signals.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef TAKE5_VERSION
#define TAKE5_VERSION "unknown"
#endif

struct run {
    struct config_options options;
    bool is_demo;
    int64_t run_for_ns;
    struct demo *demo;
    struct log *log;
    struct config *config; /* borrowed, until the service ends */
};

static bool parse(struct run *run, int argc, char **argv) {
    static const struct option longs[] = {
        {"demo", no_argument, NULL, 'd'}, {"for", required_argument, NULL, 'f'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "c:s:", longs, NULL)) != -1;) {
        if (c == 'c') {
            run->options.path = optarg;
        } else if (c == 'd') {
            run->is_demo = true;
        } else if (c == 'f') {
            if (!parse_duration_ns(optarg, &run->run_for_ns) || run->run_for_ns == 0) {
                complain("--for %s: must be a duration such as 10s, 5m or 1h", optarg);
                return false;
            }
        } else if (c != 's' || !config_options_add(&run->options, optarg)) {
            return false;
        }
    }
    if (optind < argc)
        complain("%s: not an option", argv[optind]);
    return optind == argc;
}

/* As the old service's operators know it. */
static void banner(struct log *log, const struct config *config) {
    struct text topics;
    text_init(&topics);
    for (size_t i = 0; i < config->topic_count; i++)
        text_printf(&topics, "%s'%s'", i > 0 ? ", " : "", config->topics[i].name);
    log_info(log, "engine", "🚀 %s %s listening to topics: [%s]", config->service, TAKE5_VERSION,
             topics.data);
    log_info(log, "engine", "📡 Bootstrap servers: %s", config->bootstrap_servers);
    log_info(log, "engine", "🏃 Run mode: %s, group %s, %" PRId64 " lane%s", config->run_mode,
             config->group_id, config->lanes, config->lanes == 1 ? "" : "s");
    text_release(&topics);
}

static bool start_feed(void *context, struct error *error) {
    struct run *run = context;
    return run->demo == NULL || demo_start(run->demo, run->config, run->log, error);
}

static void summary(const struct view_totals *totals, int64_t took_ns) {
    const double seconds = (double)took_ns / 1e9;
    fprintf(stderr,
            "take5: %.1f s: %" PRIu64 " messages in, %" PRIu64 " decoded, %" PRIu64 " bad, %" PRIu64
            " signals, %.0f messages/s\n",
            seconds, totals->messages, totals->decoded, totals->bad, totals->signals,
            seconds > 0 ? (double)totals->messages / seconds : 0.0);
}

/* Everything behind the configuration. */
static int serve(struct run *run, struct signals *signals) {
    struct error error = {0};
    const int64_t began_ns = clock_monotonic_ns();
    banner(run->log, run->config);
    const struct service_options options = {
        .config_options = &run->options,
        .config = run->config,
        .log = run->log,
        .signals = signals,
        .run_for_ns = run->run_for_ns,
    };
    struct service *service = service_new(&options, &error);
    if (service == NULL) {
        log_write(run->log, LOG_LEVEL_CRITICAL, "engine", "cannot start: %s", error.text);
        return EXIT_FAILED;
    }
    const int code = service_run(service, start_feed, run);
    if (run->demo != NULL)
        demo_stop(run->demo);
    if (run->run_for_ns > 0 || run->demo != NULL)
        summary(service_totals(service), clock_monotonic_ns() - began_ns);
    if (!service_free(service))
        _exit(code); /* a thread hangs: nothing of it may be freed under it */
    return code;
}

int command_run(int argc, char **argv) {
    /* The signal thread may outlive this function. */
    static struct signals signals;
    struct run run = {0};
    struct error error = {0};
    int code = EXIT_FAILED;
    if (!parse(&run, argc, argv))
        return usage("run");
    if (!signals_start(&signals, &error)) {
        complain("%s", error.text);
        return EXIT_FAILED;
    }
    run.log = log_new();
    if (run.log == NULL) {
        complain("out of memory");
        return EXIT_FAILED;
    }
    if (run.is_demo) {
        run.demo = demo_new(&run.options, &error);
        if (run.demo == NULL) {
            complain("%s", error.text);
            goto done;
        }
    }
    run.config = config_options_load(&run.options);
    if (run.demo != NULL && run.config != NULL && demo_lacks_strategies(&run.options, run.config)) {
        config_free(run.config);
        run.config = config_options_load(&run.options);
    }
    if (run.config == NULL) {
        code = EXIT_CONFIG;
        goto done;
    }
    if (!config_apply_log(run.config, run.log, &error)) {
        complain("%s", error.text);
        config_free(run.config);
        code = EXIT_CONFIG;
        goto done;
    }
    code = serve(&run, &signals);
done:
    demo_free(run.demo);
    config_options_release(&run.options);
    log_free(run.log);
    return code;
}

#include "commands/commands.h"

#include "ops/control.h"

#include <cjson/cJSON.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static double number_of(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static bool is_true(const cJSON *object, const char *name) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* The status for people: what is not well first. */
static void print_status(const cJSON *status) {
    const cJSON *totals = cJSON_GetObjectItemCaseSensitive(status, "totals");
    const cJSON *source = cJSON_GetObjectItemCaseSensitive(status, "source");
    const cJSON *item;
    printf("%s  up %.0f s  %s%s\n", text_of(status, "service"), number_of(status, "uptime_s"),
           is_true(status, "live") ? "live" : "STUCK: ",
           is_true(status, "live") ? "" : text_of(status, "stuck"));
    printf("source     %s  %d (topic, partition)s  lag %.0f  %s\n",
           is_true(source, "connected") ? "connected" : "NOT CONNECTED",
           cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(status, "assignment")),
           number_of(totals, "lag"), text_of(source, "detail"));
    printf("messages   %.0f  bad %.0f  signals %.0f  dead letters %.0f  unconfirmed %.0f\n",
           number_of(totals, "messages"), number_of(totals, "bad"), number_of(totals, "signals"),
           number_of(totals, "dead_letters"), number_of(totals, "unconfirmed"));
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(status, "sinks")) {
        printf("sink       %-8s %-12s %s  queued %.0f  %s\n", text_of(item, "name"),
               text_of(item, "for"), is_true(item, "well") ? "well" : "NOT WELL",
               number_of(item, "queued"), text_of(item, "detail"));
    }
    printf("\n%-20s %-10s %4s  %-10s %12s %10s %8s %9s  %s\n", "STRATEGY", "VERSION", "GEN",
           "STATE", "MESSAGES", "SIGNALS", "ERRORS", "BUSY ms", "");
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(status, "strategies")) {
        printf("%-20s %-10s %4.0f  %-10s %12.0f %10.0f %8.0f %9.0f  %s\n", text_of(item, "name"),
               text_of(item, "version"), number_of(item, "generation"), text_of(item, "state"),
               number_of(item, "messages"), number_of(item, "signals"), number_of(item, "errors"),
               number_of(item, "busy_ms"),
               text_of(item, "quarantine")[0] != '\0' ? text_of(item, "quarantine")
                                                      : text_of(item, "last_error"));
    }
}

static void print_reload(const cJSON *report) {
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(report, "faults")) {
        printf("%s\n", cJSON_IsString(item) ? item->valuestring : "");
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(report, "deployments")) {
        const bool is_rejected = strcmp(text_of(item, "outcome"), "rejected") == 0;
        printf("%s: %s%s%s\n", text_of(item, "name"), text_of(item, "outcome"),
               is_rejected ? ": " : " ", text_of(item, "detail"));
    }
    printf("pause %.3f ms, took %.0f ms\n", number_of(report, "pause_ms"),
           number_of(report, "took_ms"));
}

static void print_answer(const char *request, const struct text *answer, bool is_json) {
    cJSON *tree = is_json ? NULL : cJSON_ParseWithLength(answer->data, answer->size);
    if (tree != NULL && strcmp(request, "status") == 0)
        print_status(tree);
    else if (tree != NULL && strcmp(request, "reload") == 0)
        print_reload(tree);
    else if (answer->size > 0)
        printf("%s%s", answer->data, answer->data[answer->size - 1] == '\n' ? "" : "\n");
    cJSON_Delete(tree);
}

static int ask(const struct config *config, int argc, char **argv, bool is_json) {
    struct text request, answer;
    struct error error;
    bool did = false;
    int code = EXIT_FAILED;
    text_init(&request);
    text_init(&answer);
    for (int i = 0; i < argc; i++)
        text_printf(&request, "%s%s", i > 0 ? " " : "", argv[i]);
    if (!control_ask(config->control_socket, request.data, &did, &answer, &error)) {
        complain("%s", error.text);
    } else {
        print_answer(argv[0], &answer, is_json);
        code = did ? EXIT_GOOD : EXIT_FAILED;
    }
    text_release(&request);
    text_release(&answer);
    return code;
}

int command_ctl(int argc, char **argv) {
    static const struct option longs[] = {{"json", no_argument, NULL, 'j'}, {0}};
    struct config_options options = {0};
    bool is_json = false;
    for (int c; (c = getopt_long(argc, argv, "c:s:", longs, NULL)) != -1;) {
        if (c == 'c')
            options.path = optarg;
        else if (c == 'j')
            is_json = true;
        else if (c != 's' || !config_options_add(&options, optarg))
            return usage("ctl");
    }
    if (optind == argc)
        return usage("ctl");
    struct config *config = config_options_load(&options);
    config_options_release(&options);
    if (config == NULL)
        return EXIT_CONFIG;
    const int code = ask(config, argc - optind, argv + optind, is_json);
    config_free(config);
    return code;
}

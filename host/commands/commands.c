#include "commands/commands.h"

#include "config/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef TAKE5_CONFIG_FILE
#define TAKE5_CONFIG_FILE "/etc/take5/take5.ini"
#endif

extern char **environ;

const struct command commands[] = {
    {"run", "[-c FILE] [-s SECTION.KEY=VALUE]... [--demo] [--for DURATION]",
     "the host; --demo brings its own broker and feed", command_run, false, false},
    {"check",
     "[-c FILE] [-s SECTION.KEY=VALUE]... [--json]\n"
     "       take5 check [-c FILE [--deployment NAME]] [--set PARAMETER=VALUE]... [--json]\n"
     "                   [--seed N] [--case PATTERN] [--timeout DURATION] X.so ...\n"
     "       take5 check --cases",
     "is this configuration, are these strategies, fit to run?", command_check, false, false},
    {"list", "[-c FILE] [--json]", "strategies found: version, ABI, topics, fields, parameters",
     command_list, false, false},
    {"inspect", "X.so ...", "what a file says of itself, without running it", command_inspect,
     false, false},
    {"new", "NAME [--lang c|c++]", "a strategy that builds, with its test, in a folder",
     command_new, false, false},
    {"record", "-o FILE [options]    (--help tells them)",
     "the topics into a file of JSON lines (kcat -J form)", command_record, false, true},
    {"replay", "[options] FILE... | -    (--help tells them)",
     "recorded messages through the same strategies, as fast as they go", command_replay, false,
     true},
    {"feed", "[options]    (--help tells them)",
     "a synthetic feed onto stdout or into Kafka, for trying and for load", command_feed, false,
     true},
    {"ctl",
     "[-c FILE | --run-dir DIR | --socket PATH] [--json] REQUEST\n"
     "       status [--watch[=DURATION]] | reload | reopen | suspend NAME | resume NAME |\n"
     "       log-level [ROOM] LEVEL | drain [off] | stop",
     "talk to a running host", command_ctl, false, false},
    {"top", "[-c FILE | --run-dir DIR | --socket PATH] [--interval DURATION]",
     "a running host's lanes and strategies, live", command_top, false, false},
    {"dlq", "list | show TOPIC/PARTITION/OFFSET | redrive [options]    (--help tells them)",
     "dead letters: look at them, send them once more", command_dlq, false, true},
    {"version", "", "the version, and those of the libraries", command_version, false, false},
    {"rehearse", "", "", command_rehearse, true, false},
    {"conformance", "", "", command_conformance, true, false},
    {NULL, NULL, NULL, NULL, false, false},
};

void complain(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("take5: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

int usage(const char *name) {
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (strcmp(command->name, name) == 0)
            fprintf(stderr, "usage: take5 %s %s\n", command->name, command->arguments);
    }
    return EXIT_USAGE;
}

void print_faults(const struct faults *faults) {
    for (size_t i = 0; i < faults->count; i++)
        fprintf(stderr, "%s%s\n", faults->items[i].is_warning ? "warning: " : "",
                faults->items[i].text != NULL ? faults->items[i].text : "out of memory");
}

bool config_options_add(struct config_options *options, const char *argument) {
    const char *equals = strchr(argument, '=');
    const char *dot = strchr(argument, '.');
    if (equals == NULL || dot == NULL || dot > equals || dot == argument || dot + 1 == equals) {
        complain("-s %s: must be SECTION.KEY=VALUE", argument);
        return false;
    }
    if (options->override_count == MAX_OVERRIDES) {
        complain("-s: at most %d of them", MAX_OVERRIDES);
        return false;
    }
    char *text = strdup(argument);
    if (text == NULL) {
        complain("out of memory");
        return false;
    }
    text[dot - argument] = '\0';
    text[equals - argument] = '\0';
    options->texts[options->override_count] = text;
    options->overrides[options->override_count++] =
        (struct config_override){text, text + (dot - argument) + 1, text + (equals - argument) + 1};
    return true;
}

void config_options_release(struct config_options *options) {
    for (size_t i = 0; i < options->override_count; i++)
        free(options->texts[i]);
    options->override_count = 0;
}

bool config_options_has_file(const struct config_options *options) {
    if (options->path != NULL || options->is_demo)
        return options->path != NULL;
    /* One behind a directory that this user may not enter is there, and is to be told of. */
    return access(TAKE5_CONFIG_FILE, F_OK) == 0 || errno == EACCES;
}

static struct config_request request_of(const struct config_options *options) {
    const char *path = options->path;
    if (path == NULL && config_options_has_file(options))
        path = TAKE5_CONFIG_FILE;
    return (struct config_request){
        .path = path,
        .environment = (const char *const *)environ,
        .overrides = options->overrides,
        .override_count = options->override_count,
        .is_demo = options->is_demo,
    };
}

struct config *config_options_read(const struct config_options *options, struct faults *faults) {
    const struct config_request request = request_of(options);
    return config_load(&request, faults);
}

bool config_options_read_control(const struct config_options *options,
                                 struct config_control *control, struct faults *faults) {
    struct config_request request = request_of(options);
    request.is_path_optional = options->path == NULL;
    return config_control_read(&request, control, faults);
}

struct config *config_options_load(const struct config_options *options) {
    struct faults faults = FAULTS_INIT;
    struct config *config = config_options_read(options, &faults);
    print_faults(&faults);
    faults_release(&faults);
    return config;
}

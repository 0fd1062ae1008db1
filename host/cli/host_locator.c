#include "cli/host_locator.h"

#include "base/clock.h"
#include "ops/control/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHUTDOWN_TIMEOUT_NS (30 * NS_PER_S) /* when no file says */

/* An option names the place, whatever stands in a file. */
static bool is_named(const struct host_locator *locator) {
    return locator->socket_option != NULL || locator->run_dir_option != NULL;
}

static bool name_it(struct host_locator *locator) {
    struct text path;
    text_init(&path);
    if (locator->socket_option != NULL)
        text_puts(&path, locator->socket_option);
    else
        text_printf(&path, "%s/control.sock", locator->run_dir_option);
    free(locator->place.socket);
    locator->place.socket = path.data != NULL ? strdup(path.data) : NULL;
    text_release(&path);
    if (locator->place.socket == NULL)
        print_err("out of memory");
    return locator->place.socket != NULL;
}

static bool find_host(struct host_locator *locator) {
    struct faults faults = FAULTS_INIT;
    const bool did = config_options_read_control(&locator->options, &locator->place, &faults);
    if (is_named(locator)) {
        faults_release(&faults);
        if (!did)
            locator->place.shutdown_timeout_ns = SHUTDOWN_TIMEOUT_NS;
        locator->place.is_in_part = false;
        return name_it(locator);
    }
    print_faults(&faults);
    if (!did)
        print_err("--socket PATH or --run-dir DIR locates the host without a configuration");
    else if (locator->place.is_in_part)
        print_err("warning: the configuration has errors (see `take5 check`); looking for "
                  "the host at %s",
                  locator->place.socket);
    faults_release(&faults);
    return did;
}

bool host_locator_parse(const struct command *command, void *target, struct host_locator *locator,
                        int *argc, char ***argv, int *code) {
    if (!options_parse(command, target, argc, argv, code))
        return false;
    if (locator->socket_option != NULL && locator->run_dir_option != NULL) {
        print_err("--socket and --run-dir: give only one of them");
        *code = usage(command);
        return false;
    }
    *code = EXIT_CONFIG;
    return find_host(locator);
}

void host_locator_release(struct host_locator *locator) {
    config_options_release(&locator->options);
    config_control_release(&locator->place);
}

void host_locator_request(const struct host_locator *locator, const char *words,
                          struct text *request) {
    if (locator->worker != NULL)
        text_printf(request, "@%s ", locator->worker);
    text_puts(request, words);
}

const char *host_locator_advice(const struct host_locator *locator, char *text, size_t size) {
    const char *path = locator->place.socket;
    struct error error;
    struct stat status;
    pid_t pid;
    if (control_find(path, &pid, &error)) {
        text[0] = '\0';
    } else if (stat(path, &status) == 0 ? access(path, W_OK) != 0 : errno == EACCES) {
        snprintf(text, size,
                 "This user has no access: be root or the host's user, or a member of the "
                 "group in [control] group (a new member must log in again first).");
    } else if (stat(path, &status) == 0) {
        snprintf(text, size,
                 "The host ended without cleaning up, after a crash or a kill: see its "
                 "log. Start it: systemctl start take5, or take5 run -c FILE.");
    } else {
        snprintf(text, size,
                 "It is not running, or running elsewhere. Start it: systemctl start take5, or "
                 "take5 run -c FILE. Or locate it with -c FILE, --run-dir DIR or --socket PATH.");
    }
    return text;
}

void host_locator_print_error(const struct host_locator *locator, const struct error *error) {
    char advice[256];
    print_err("%s", error->text);
    if (host_locator_advice(locator, advice, sizeof advice)[0] != '\0')
        fprintf(stderr, "%s\n", advice);
}

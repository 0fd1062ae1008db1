#include "commands/running.h"

#include "base/clock.h"
#include "ops/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHUTDOWN_TIMEOUT_NS (30 * NS_PER_S) /* when no file says */

bool running_take(struct running *running, int option, char *argument) {
    if (option == 'c')
        running->options.path = argument;
    else if (option == 'S')
        running->socket_option = argument;
    else if (option == 'R')
        running->run_dir_option = argument;
    else
        return option == 's' && config_options_add(&running->options, argument);
    if (running->socket_option == NULL || running->run_dir_option == NULL)
        return true;
    complain("--socket and --run-dir: one of them is enough");
    return false;
}

/* An option names the place, whatever stands in a file. */
static bool is_named(const struct running *running) {
    return running->socket_option != NULL || running->run_dir_option != NULL;
}

static bool name_it(struct running *running) {
    struct text path;
    text_init(&path);
    if (running->socket_option != NULL)
        text_puts(&path, running->socket_option);
    else
        text_printf(&path, "%s/control.sock", running->run_dir_option);
    free(running->place.socket);
    running->place.socket = path.data != NULL ? strdup(path.data) : NULL;
    text_release(&path);
    if (running->place.socket == NULL)
        complain("out of memory");
    return running->place.socket != NULL;
}

bool running_find(struct running *running) {
    struct faults faults = FAULTS_INIT;
    const bool did = config_options_read_control(&running->options, &running->place, &faults);
    if (is_named(running)) {
        faults_release(&faults);
        if (!did)
            running->place.shutdown_timeout_ns = SHUTDOWN_TIMEOUT_NS;
        running->place.is_in_part = false;
        return name_it(running);
    }
    print_faults(&faults);
    if (!did)
        complain("--socket PATH or --run-dir DIR says without a configuration where the host is");
    else if (running->place.is_in_part)
        complain("warning: the configuration can be understood in part only (`take5 check` tells "
                 "more); the host is looked for at %s",
                 running->place.socket);
    faults_release(&faults);
    return did;
}

void running_release(struct running *running) {
    config_options_release(&running->options);
    config_control_release(&running->place);
}

const char *running_advice(const struct running *running, char *text, size_t size) {
    const char *path = running->place.socket;
    struct error error;
    struct stat status;
    pid_t pid;
    if (control_find(path, &pid, &error)) {
        text[0] = '\0';
    } else if (stat(path, &status) == 0 ? access(path, W_OK) != 0 : errno == EACCES) {
        snprintf(
            text, size,
            "This user may not speak to it: be root or the host's own user, or a member of the "
            "group that [control] group names (a new member logs in anew first).");
    } else if (stat(path, &status) == 0) {
        snprintf(text, size,
                 "The host that was there ended without cleaning up, by a crash or a kill: its log "
                 "says more. Start it: systemctl start take5, or take5 run -c FILE.");
    } else {
        snprintf(text, size,
                 "It does not run, or it runs elsewhere. Start it: systemctl start take5, or "
                 "take5 run -c FILE. Or say where it is: -c FILE, --run-dir DIR or --socket PATH.");
    }
    return text;
}

void running_complain(const struct running *running, const struct error *error) {
    char advice[256];
    complain("%s", error->text);
    if (running_advice(running, advice, sizeof advice)[0] != '\0')
        fprintf(stderr, "%s\n", advice);
}

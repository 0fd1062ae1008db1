#include "preflight/preflight.h"

#include "base/text.h"
#include "config/schema/schema.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct place origin(const struct config *config, const char *key) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    return config->origins[schema_find("control", key) - keys];
}

/* The directory of a socket that does not lie in run_dir: nobody makes it. */
static void check_socket(const struct config *config, struct faults *faults) {
    const char *slash = strrchr(config->control_socket, '/');
    char *directory =
        slash != NULL ? text_dup(config->control_socket, (size_t)(slash - config->control_socket))
                      : NULL;
    if (directory != NULL && directory[0] != '\0' && strcmp(directory, config->run_dir) != 0 &&
        access(directory, W_OK | X_OK) != 0)
        faults_add(faults, origin(config, "socket"), "[control] socket = %s: %s: %s",
                   config->control_socket, directory, strerror(errno));
    free(directory);
}

void preflight_control(const struct config *config, struct faults *faults) {
    if (config->control_group != NULL && getgrnam(config->control_group) == NULL)
        faults_add(
            faults, origin(config, "group"),
            "[control] group = %s: no such group: groupadd it, and make the service's user a "
            "member",
            config->control_group);
    check_socket(config, faults);
}

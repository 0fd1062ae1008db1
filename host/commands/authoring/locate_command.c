#include "backtrace/locate_serve.h"
#include "cli/cli.h"
#include "commands/authoring/authoring.h"
#include "os/errand.h"

#include <stdlib.h>
#include <unistd.h>

static int run(int argc, char **argv) {
    (void)argc;
    (void)argv;
    (void)unsetenv("DEBUGINFOD_URLS"); /* no debug information from a network */
    return locate_serve(STDIN_FILENO, STDOUT_FILENO, ERRAND_ATTACHED) ? EXIT_GOOD : EXIT_FAILED;
}

const struct command command_locate = {.name = LOCATE_COMMAND, .run = run, .is_hidden = true};

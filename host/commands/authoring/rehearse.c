#include "cli/cli.h"
#include "commands/authoring/authoring.h"
#include "os/child.h"
#include "strategy/rehearsal/rehearsal.h"

static int run(int argc, char **argv) {
    (void)argc;
    (void)argv;
    return rehearsal_serve(CHILD_INPUT, CHILD_OUTPUT);
}

const struct command command_rehearse = {.name = "rehearse", .run = run, .is_hidden = true};

/* The child's command, not for people: take5 conformance CASE SEED [TAPE]. */
#include "cli/cli.h"
#include "commands/authoring/authoring.h"
#include "conformance/conformance.h"
#include "os/child.h"

#include <stdlib.h>

static int run(int argc, char **argv) {
    if (argc < 3 || argc > 4)
        return EXIT_USAGE;
    return conformance_serve(CHILD_INPUT, CHILD_OUTPUT, argv[1], strtoull(argv[2], NULL, 10),
                             argc == 4 ? argv[3] : NULL);
}

const struct command command_conformance = {.name = "conformance", .run = run, .is_hidden = true};

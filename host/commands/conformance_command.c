/* The child's command, not for people: take5 conformance CASE SEED. */
#include "commands/commands.h"
#include "commands/conformance.h"

#include <stdlib.h>

int command_conformance(int argc, char **argv) {
    if (argc != 3)
        return EXIT_USAGE;
    return conformance_serve(CONFORMANCE_INPUT, CONFORMANCE_OUTPUT, argv[1],
                             strtoull(argv[2], NULL, 10));
}

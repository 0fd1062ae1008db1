#include "commands/commands.h"
#include "strategy/rehearsal.h"

int command_rehearse(int argc, char **argv) {
    (void)argc;
    (void)argv;
    return rehearsal_serve(REHEARSAL_INPUT, REHEARSAL_OUTPUT);
}

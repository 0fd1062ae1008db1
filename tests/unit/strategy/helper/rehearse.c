/*
 * What the tests of the rehearsal spawn in place of the host's program.
 */
#include "strategy/rehearsal.h"

#include <string.h>

int main(int count, char **arguments) {
    if (count != 2 || strcmp(arguments[1], REHEARSAL_COMMAND) != 0)
        return 2;
    return rehearsal_serve(REHEARSAL_INPUT, REHEARSAL_OUTPUT);
}

/*
 * What the tests of the rehearsal spawn in place of the host's program.
 */
#include "os/child.h"
#include "strategy/rehearsal/rehearsal.h"

#include <string.h>

int main(int count, char **arguments) {
    if (count != 2 || strcmp(arguments[1], REHEARSAL_COMMAND) != 0)
        return 2;
    return rehearsal_serve(CHILD_INPUT, CHILD_OUTPUT);
}

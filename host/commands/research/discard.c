#include "base/io.h"
#include "cli/cli.h"
#include "cli/temp_dir.h"
#include "commands/research/research.h"

#include <limits.h>
#include <unistd.h>

/* For a replay that crashes (engine/crash/crash.h). */
static int run(int argc, char **argv) {
    char directory[PATH_MAX];
    (void)argc;
    (void)argv;
    const ssize_t size = io_read_all(STDIN_FILENO, directory, sizeof directory - 1);
    if (size <= 0)
        return EXIT_FAILED;
    directory[size] = '\0';
    return temp_dir_discard(directory) ? EXIT_GOOD : EXIT_FAILED;
}

const struct command command_discard = {.name = "discard", .run = run, .is_hidden = true};

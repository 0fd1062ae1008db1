#include "cli/cli.h"
#include "commands/authoring/authoring.h"

#include "strategy/plugin/strategy_file.h"

#include <inttypes.h>
#include <stdio.h>

/* What the loader would share between two versions, and the host does not. */
static void inspect_private(const struct strategy_file *file) {
    for (size_t i = 0; i < file->library_count; i++)
        printf("  library   %s: %s, %zu bytes; each version gets its own copy\n",
               file->libraries[i].name, file->libraries[i].path, file->libraries[i].size);
    if (file->unique_count > 0)
        printf("  unique    %zu statics of which g++ makes one per process (STB_GNU_UNIQUE); each "
               "version gets its own\n",
               file->unique_count);
    if (file->static_tls > 0)
        printf("  tls       %" PRIu64 " bytes of the loader's reserve, used by each loaded version "
               "until the host ends\n",
               file->static_tls);
}

static bool inspect(const char *path) {
    struct strategy_file file;
    struct error error;
    char hash[HASH_TEXT_SIZE];
    if (!strategy_file_read(path, &file, &error)) {
        print_err("%s", error.text);
        return false;
    }
    hash_text(file.hash, hash);
    print_out("%s\n  strategy  %s %s\n  abi       built with %" PRIu32 ".%" PRIu32
              ", requires %" PRIu32 ".%" PRIu32 "\n  hash      %s\n  size      %zu bytes\n"
              "  statics   .data %" PRIu64 ", .bss %" PRIu64 " bytes\n",
              path, file.name, file.version, file.abi_major, file.abi_minor_built, file.abi_major,
              file.abi_minor_required, hash, file.size, file.data_size, file.bss_size);
    inspect_private(&file);
    const bool can_load = strategy_file_judge(&file, &error);
    if (!can_load)
        print_err("%s", error.text);
    strategy_file_release(&file);
    return can_load;
}

static int run(int argc, char **argv) {
    int code = EXIT_GOOD;
    if (!options_parse(&command_inspect, NULL, &argc, &argv, &code))
        return code;
    for (int i = 0; i < argc; i++) {
        if (!inspect(argv[i]))
            code = EXIT_FAILED;
    }
    return code;
}

const struct command command_inspect = {
    .name = "inspect",
    .usage = "X.so ...",
    .summary = "show what a strategy file declares, without running it",
    .description =
        "Shows the file's note and sizes, and what the loader would share between two versions of "
        "it: its own libraries, statics that exist once per process, and static thread-local "
        "storage. None of its code runs.",
    .examples = "take5 inspect alpha.so                    # without running any of its code",
    .min_operands = 1,
    .max_operands = OPERANDS_ANY,
    .run = run,
};

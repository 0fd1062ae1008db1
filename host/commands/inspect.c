#include "commands/commands.h"

#include "strategy/strategy_file.h"

#include <inttypes.h>
#include <stdio.h>

static bool inspect(const char *path) {
    struct strategy_file file;
    struct error error;
    char hash[HASH_TEXT_SIZE];
    if (!strategy_file_read(path, &file, &error)) {
        complain("%s", error.text);
        return false;
    }
    hash_text(file.hash, hash);
    printf("%s\n  strategy  %s %s\n  abi       built with %" PRIu32 ".%" PRIu32
           ", requires %" PRIu32 ".%" PRIu32 "\n  hash      %s\n  size      %zu bytes\n"
           "  statics   .data %" PRIu64 ", .bss %" PRIu64 " bytes\n",
           path, file.name, file.version, file.abi_major, file.abi_minor_built, file.abi_major,
           file.abi_minor_required, hash, file.size, file.data_size, file.bss_size);
    const bool can_load = strategy_file_judge(&file, &error);
    if (!can_load)
        complain("%s", error.text);
    strategy_file_release(&file);
    return can_load;
}

int command_inspect(int argc, char **argv) {
    int code = EXIT_GOOD;
    if (argc < 2)
        return usage("inspect");
    for (int i = 1; i < argc; i++) {
        if (!inspect(argv[i]))
            code = EXIT_FAILED;
    }
    return code;
}

#include "cli/cli.h"
#include "commands/registry.h"

#include <take5/version.h>

#include <cjson/cJSON.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>

static int run(int argc, char **argv) {
    int code;
    if (!options_parse(&command_version, NULL, &argc, &argv, &code))
        return code;
    printf("take5 %s (strategy ABI %d.%d, librdkafka %s, cJSON %s)\n", TAKE5_VERSION, T5_ABI_MAJOR,
           T5_ABI_MINOR, rd_kafka_version_str(), cJSON_Version());
    return EXIT_GOOD;
}

const struct command command_version = {
    .name = "version",
    .usage = "",
    .summary = "show the versions of take5 and its libraries, for bug reports",
    .examples = "take5 version",
    .run = run,
};

#include "commands/commands.h"

#include <take5/version.h>

#include <cjson/cJSON.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>

#ifndef TAKE5_VERSION
#define TAKE5_VERSION "unknown"
#endif

int command_version(int argc, char **argv) {
    (void)argv;
    if (argc > 1)
        return usage("version");
    printf("take5 %s (strategy ABI %d.%d, librdkafka %s, cJSON %s)\n", TAKE5_VERSION, T5_ABI_MAJOR,
           T5_ABI_MINOR, rd_kafka_version_str(), cJSON_Version());
    return EXIT_GOOD;
}

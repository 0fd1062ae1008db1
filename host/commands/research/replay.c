#include "commands/research/replay/replay.h"
#include "commands/research/research.h"

struct replay_command {
    struct replay_options replay;
};

static int run(int argc, char **argv) {
    /* The signal thread may outlive this function. */
    static struct signals signals;
    struct replay_command command = {.replay = REPLAY_OPTIONS_INIT};
    struct error error = {0};
    int code = EXIT_FAILED;
    if (replay_parse(&command_replay, &command, &command.replay, argc, argv, &code))
        code = signals_start(&signals, &error) ? replay(&command.replay, &signals)
                                               : fail(EXIT_FAILED, &error);
    replay_options_release(&command.replay);
    return code;
}

static const struct option_row options[] = {
    {'o', "output", "FILE", OPTION_TEXT(struct replay_command, replay.output),
     "write signals there; existing content stays until the first signal"},
    {0, "series", "FILE", OPTION_TEXT(struct replay_command, replay.series),
     "write the points of published series there"},
    OPTIONS_REPLAY(struct replay_command, replay),
    {0, "speed", "N", OPTION_POSITIVE(struct replay_command, replay.source.speed),
     "N times as fast as the event times (default: as fast as possible)"},
    {0, "json", NULL, OPTION_FLAG(struct replay_command, replay.is_json),
     "print the summary as JSON: on stderr, with -o on stdout"},
    /* For `take5 diff`. */
    {0, "places", NULL, OPTION_FLAG(struct replay_command, replay.has_places), NULL},
    /* For tests: all strategies go through save and load after so many messages. */
    {0, "reload-every", "N",
     OPTION_INTEGER(struct replay_command, replay.renew_every, uint64_t, 1, INT64_MAX), NULL},
    /* For `take5 capsule`. */
    {0, "halt", NULL, OPTION_FLAG(struct replay_command, replay.does_halt), NULL},
    /* For `take5 prove`. */
    {0, "rerun", "DIRECTORY", OPTION_TEXT(struct replay_command, replay.rerun_directory), NULL},
    {0, "deployed", "FILE", OPTION_TEXT(struct replay_command, replay.deployed), NULL},
    OPTIONS_END,
};

const struct command command_replay = {
    .name = "replay",
    .usage = "[options] [STRATEGY.so... | DIRECTORY] FILE... | -",
    .summary = "run recorded messages through the same strategies, as fast as possible",
    .description =
        "Runs the strategies on recorded messages, and writes their signals as JSON lines to "
        "stdout, in the order of the input. Strategies that are given, or a directory of them, run "
        "alone; otherwise those of the configuration run. Reads what `take5 record` and `kcat -J` "
        "write, and plain JSON lines, uncompressed or compressed with gzip or zstd, and CSV with "
        "--map. Several "
        "files are merged by event time.",
    .examples = "take5 replay ./alpha.so day.jsonl         # its signals on standard output\n"
                "take5 record -c take5.ini -o - | take5 replay ./alpha.so -",
    .options = options,
    .max_operands = OPERANDS_ANY,
    .run = run,
};

/*
 * commands/research/replay/replay.h - recorded messages through the strategies, for the commands
 * that replay: what the command line said, and the run.
 *
 *   replay_setup.c  the command line's part, configuration and log
 *   replay_run.c    source, engine and sink, from the first message to the last
 */
#ifndef TAKE5_COMMANDS_RESEARCH_REPLAY_REPLAY_H
#define TAKE5_COMMANDS_RESEARCH_REPLAY_REPLAY_H

#include "cli/choice.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/time_arg.h"
#include "log/log.h"
#include "os/signals.h"
#include "rerun/rerun.h"
#include "sink/sink.h"
#include "source/replay/replay_source.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct replay_summary;

/* Who takes the signals of a replay instead of a file. */
struct replay_listener {
    void *context;
    /* In the order of the input, from one thread. False: memory ran out, which ends the replay. */
    bool (*signal)(void *context, const struct delivery *delivery);
    /* The same of points of published series; from another thread. May be NULL. */
    bool (*point)(void *context, const struct delivery *delivery);
    /* Each message that can be decoded, before a strategy gets it. From a lane, one call at a time,
     * but not in the order of the input, which `place` tells. `message` is valid during the call.
     * May be NULL. */
    void (*message)(void *context, const t5_message *message, uint64_t place);
    /* At its end, while the strategies are still there; also of a replay that did not go well. May
     * be NULL. */
    void (*look)(void *context, struct engine *engine, const struct config *config);
    /* Once, when all of it is over and went well. */
    void (*end)(void *context, const struct replay_summary *summary);
};

struct replay_options {
    struct config_options config; /* read again when strategies are renewed */
    struct choice choice;
    struct csv_arg symbols, mappings;
    struct file_source_options source;      /* filters, speed, strictness; paths are the caller's */
    const char *output;                     /* NULL: stdout; with a listener, of what it writes */
    const char *series;                     /* file for points of published series; NULL: none */
    const struct replay_listener *listener; /* NULL: signals are written to `output` */
    bool is_json;                           /* the summary */
    bool is_quiet;                          /* no summary, no progress */
    bool is_verbose;                        /* all bad lines, the log as configured */
    bool has_places;      /* the place of its cause stands before each signal: for `take5 diff` */
    uint64_t renew_every; /* messages between two reloads; 0: none */
    const char *rerun_directory; /* what is done again (rerun/rerun.h); NULL: messages alone */
    struct rerun rerun;
    bool does_halt;       /* before its fatal message, by SIGSTOP */
    char *rerun_ini;      /* of its phase */
    const char *deployed; /* file for what runs at the beginning (engine/deployed.h); NULL: none */
};

/* Options that every command which replays has, as rows of its table; `member` is its struct
 * replay_options. */
#define OPTIONS_REPLAY(command, member)                                                            \
    OPTIONS_CONFIG(command, member.config),                                                        \
        {0, "topic", "ROLE", OPTION_TEXT(command, member.source.topic),                            \
         "topic of lines that have none (default: by their shape)"},                               \
        {0, "map", "PATH=COLUMN", OPTION_LIST(command, member.mappings),                           \
         "take CSV with a header: price=close puts the column close at price, symbol:QQQ the "     \
         "text QQQ in every row; columns that are not named keep their names. Several, with "      \
         "commas between"},                                                                        \
        {0, "from", "TIME", OPTION_TIME(command, member.source.from_ns),                           \
         "start at this event time: 2024-06-17T21:15:30Z or an epoch number; strategies are "      \
         "first fed what came within their warm_up before it"},                                    \
        {0, "cold", NULL, OPTION_FLAG(command, member.source.is_cold),                             \
         "no warm-up before --from: start with empty windows"},                                    \
        {0, "until", "TIME", OPTION_TIME(command, member.source.until_ns),                         \
         "end before this event time"},                                                            \
        {0, "symbols", "A,B", OPTION_LIST(command, member.symbols), "only these symbols"},         \
        {0, "journal", "FILE", OPTION_TEXT(command, member.source.journal),                        \
         "use the order of a live host's journal; strategies that join topics need it to give "    \
         "the signals of that run"},                                                               \
        {0, "strict", NULL, OPTION_FLAG(command, member.source.is_strict),                         \
         "stop at the first bad line"},                                                            \
        {0, "lanes", "N", OPTION_SETTING(command, member.config, "take5.lanes"),                   \
         "number of threads; does not change the signals"},                                        \
        {'q', "quiet", NULL, OPTION_FLAG(command, member.is_quiet), "no progress, no summary"}, {  \
        'v', "verbose", NULL, OPTION_FLAG(command, member.is_verbose),                             \
            "show the logs of strategies, and every bad line"                                      \
    }

#define REPLAY_OPTIONS_INIT                                                                        \
    { .source = FILE_SOURCE_OPTIONS_INIT }

/* Parses the command line into `target`, of which `options` is a part: options, then strategies and
 * recordings. As options_parse(). */
bool replay_parse(const struct command *command, void *target, struct replay_options *options,
                  int argc, char **argv, int *code);
/* Loads the configuration, and replays. Gives the exit code. */
int replay(struct replay_options *options, struct signals *signals);
void replay_options_release(struct replay_options *options);

/* A strategy of a rerun; `choice` is a struct choice. As choice_add(). */
bool replay_choose_strategy(void *choice, const char *path);
/* For replay(). Gives the exit code. `config` is in force, with what a replay changes in it already
 * changed. `is_stuck`: a strategy did not return, so that the process must be left by _exit(). */
int replay_run(struct replay_options *options, struct config *config, struct log *log,
               struct signals *signals, bool *is_stuck);

#endif

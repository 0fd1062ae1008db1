/*
 * commands/proof/prove_private.h - what the files of `take5 prove` share, and `take5 capsule make`
 * with them:
 *
 *   prove.c              the command: options, its steps, the verdict for people and as JSON
 *   prove_setup.c        configuration, builds, and the end
 *   prove_doubts.c       why something cannot be decided
 *   prove_window.c       per partition number: which checkpoint, which order, which messages
 *   prove_plan.c         which deployments are done again together, and through which reloads
 *   prove_rerun.c        one of these: its directory (rerun/rerun.h), and the child that does it
 *   prove_compare.c      its signals against those of the live host
 *   prove_certificate.c  what was found, with the hashes of all that it was found with
 *
 *   capsule_window.c     of a crash: the checkpoint, order and messages up to the fatal one
 *   capsule_make.c       its capsule
 *
 * For these two alone. One thread.
 */
#ifndef TAKE5_COMMANDS_PROOF_PROVE_PRIVATE_H
#define TAKE5_COMMANDS_PROOF_PROVE_PRIVATE_H

#include "base/format/json_writer.h"
#include "base/hash.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/order.h"
#include "cli/progress_line.h"
#include "cli/temp_dir.h"
#include "cli/time_arg.h"
#include "commands/proof/kept.h"
#include "commands/proof/live.h"
#include "commands/proof/messages.h"
#include "commands/proof/notes.h"
#include "engine/crash/crash_file.h"
#include "strategy/plugin/strategy_file.h"

#include <stdio.h>

#define NO_TIME_MS      INT64_MIN
#define PROVE_UNDECIDED EXIT_USAGE

/* Why something cannot be decided. */
struct doubt {
    char *deployment; /* NULL: of all */
    char *text;
    /* What is at hand is not what ran: it is done again all the same, and a divergence refutes it.
     * Without one nothing is proven. */
    bool is_of_hand;
};

/* A partition number. */
struct proof_part {
    int32_t partition;
    char *path; /* of the checkpoint */
    struct checkpoint checkpoint;
    struct order order;  /* behind it */
    uint64_t end;        /* runs below that index are fed, */
    int64_t last_offset; /* of the last one up to this one */
    size_t base;         /* index of the note of what ran at the checkpoint */
};

/* Deployments that are done again together. */
struct proof_run {
    size_t base;
    const char **names; /* the proof's */
    size_t name_count;
    bool is_own; /* one alone, from where it was itself */
};

struct proof {
    /* From the command line. */
    struct config_options options;
    int64_t from_ms, to_ms; /* NO_TIME_MS: as far as can be decided */
    struct csv_arg recordings, strategies;
    const char *signals, *certificate;
    bool is_as_given, is_json, is_quiet;
    bool is_veiled; /* what variables hold is not put into a configuration: the variable is */
    struct progress_line progress;

    struct config *config;
    const char **topics; /* names, config->topic_count */
    struct log *log;
    struct temp_dir temp;
    struct messages messages;
    const char **recording_paths; /* what the messages were read from */
    size_t recording_count;
    char *spool; /* among them, when they are from the topics */
    struct notes notes;
    cJSON *at_hand; /* what the configuration would run now; NULL: nothing */
    struct proof_part *parts;
    size_t part_count;
    uint64_t places;             /* the next one of struct message_at */
    size_t last;                 /* index of the newest note that reaches into the window */
    struct strategy_file *files; /* all that were found */
    size_t file_count, file_capacity;
    char **names; /* of deployments */
    size_t name_count, name_capacity;
    struct proof_run *runs;
    size_t run_count, run_capacity;
    struct live live;

    /* What came of it. */
    struct doubt *doubts;
    size_t doubt_count, doubt_capacity;
    uint64_t fed; /* messages, over all runs */
    uint64_t same, changed, only_live, only_again, repeated;
    struct message_at first;        /* the message of the first divergence */
    char *first_live, *first_again; /* NULL: there is none */
    bool has_first;
    struct text journals; /* JSON: hashes of what was fed, a run each */
    bool is_oom;
};

/* Something cannot be decided, and why. */
void prove_doubt(struct proof *proof, const char *deployment, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What is at hand of it is not what ran (is_of_hand). */
void prove_differ(struct proof *proof, const char *deployment, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Its signals cannot be compared, or a divergence of theirs shows nothing. */
bool prove_is_doubted(const struct proof *proof, const char *deployment);
/* "2024-06-17T21:15:30.123Z". */
const char *prove_time(int64_t time_ms, char text[40]);

/* ---- prove_setup.c ---- */

/* Loads what the options name. False, with what is wrong on stderr and the exit code in `*code`. */
bool prove_load(struct proof *proof, int *code, struct error *error);
/* Finds builds, wherever one that ran may still be: by its hash it is known again. */
bool prove_find_files(struct proof *proof, struct error *error);
/* NULL: it was not found. */
const struct strategy_file *prove_file(const struct proof *proof, const char *hash);
void prove_release(struct proof *proof);

/* ---- prove_window.c ---- */

/* Finds checkpoints, journals and messages. False with an error: it cannot be gone on; doubts may
 * have come instead. */
bool window_find(struct proof *proof, struct error *error);
/* The stream's first offset behind the checkpoint, of a deployment (NULL: of the partition). */
int64_t window_begin(const struct proof *proof, const struct proof_part *part,
                     const char *deployment, uint32_t topic);
/* What of a run is fed: up to which offset; 0: nothing. */
int64_t window_run_end(const struct proof_part *part, uint64_t index);
/* 0: there is none of that topic. */
int64_t window_position(const struct positions *positions, const char *topic, int32_t partition);
/* Reads what was handed over behind that checkpoint. What is missing of it is doubted. */
bool window_read_order(struct proof *proof, struct proof_part *part, const struct checkpoint *from,
                       struct error *error);
/* Finds the note of what ran at the checkpoint. False: there is none. */
bool window_find_base(const struct proof *proof, struct proof_part *part);
void window_release(struct proof *proof);

/* ---- capsule_window.c ---- */

/* A crash, and where it lies in what the deployment was handed. */
struct proof_crash {
    const struct crash_record *record;
    int32_t partition;
    uint32_t topic; /* index into the configuration's; UINT32_MAX: there was no message */
};

/* Fills the one part of the proof: what the deployment began with, and was handed from there to the
 * fatal message, which is the last one. The messages are in proof->messages. False with an error.
 */
bool crash_window_find(struct proof *proof, const struct proof_crash *crash, struct error *error);

/* ---- prove_plan.c ---- */

/* Lists the runs. What cannot be done again is doubted. */
bool plan_runs(struct proof *proof, struct error *error);
/* Doubts what files among the deployment's settings, as that note has them, have no more. */
void plan_check_contents(struct proof *proof, size_t index, const char *name);
/* The reloads of a run, by the indices of their notes, from `*index` on: false: no more. */
bool plan_next_reload(const struct proof *proof, size_t base, size_t *index);

/* ---- prove_rerun.c ---- */

/* Does a run again, and compares its signals. False with an error. */
bool rerun_and_compare(struct proof *proof, size_t index, struct error *error);
/* Makes the directory of a run, with all but the messages. Adds to proof->fed. */
bool rerun_make_run(struct proof *proof, const struct proof_run *run, const char *directory,
                    struct error *error);
/* What the configuration would run now, into `at_hand`. */
bool rerun_look_at_hand(struct proof *proof, struct error *error);

/* ---- prove_compare.c ---- */

/* Reads the signals that the live host gave. */
bool compare_read_live(struct proof *proof, struct error *error);
/* The signals of a run, to their end. */
bool compare_signals(struct proof *proof, FILE *signals, struct error *error);
/* Those that no run has given. */
void compare_end(struct proof *proof);

/* ---- prove_certificate.c ---- */

/* "proven", "refuted", "undecided". */
const char *certificate_verdict(const struct proof *proof);
bool certificate_write(const struct proof *proof, struct error *error);
/* What both it and --json have. */
void certificate_put_result(const struct proof *proof, struct json_writer *json);

/* ---- capsule_make.c ---- */

/* Makes a capsule of a crash file, with the loaded configuration: proof->doubts say what may keep
 * the crash from coming again. False with an error, and nothing was made. */
bool crash_capsule_make(struct proof *proof, const char *crash_file, const char *directory,
                        struct error *error);

#endif

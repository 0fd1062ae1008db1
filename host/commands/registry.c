#include "commands/registry.h"

#include "cli/cli.h"
#include "commands/authoring/authoring.h"
#include "commands/completion.h"
#include "commands/operation/operation.h"
#include "commands/proof/proof.h"
#include "commands/research/research.h"

#include <stdio.h>

const struct command *const commands[] = {
    &command_run,
    &command_check,
    &command_list,
    &command_inspect,
    &command_new,
    &command_record,
    &command_replay,
    &command_evaluate,
    &command_sweep,
    &command_diff,
    &command_report,
    &command_prove,
    &command_capsule,
    &command_feed,
    &command_ctl,
    &command_top,
    &command_dlq,
    &command_checkpoint,
    &command_completion,
    &command_version,
    &command_rehearse,
    &command_conformance,
    &command_locate,
    &command_discard,
    NULL,
};

static int run_completion(int argc, char **argv) {
    int code = EXIT_FAILED;
    struct text text;
    char none;
    if (!options_parse(&command_completion, &none, &argc, &argv, &code))
        return code;
    text_init(&text);
    if (!completion_write(commands, argv[0], &text))
        code = usage(&command_completion);
    if (text_is_oom(&text))
        note_oom();
    else if (text.size > 0)
        code = fputs(text.data, stdout) >= 0 && fflush(stdout) == 0 ? EXIT_GOOD : EXIT_FAILED;
    text_release(&text);
    return code;
}

const struct command command_completion = {
    .name = "completion",
    .usage = "bash|zsh",
    .summary = "print a completion script for a shell",
    .description =
        "The packages install both. Without them: source the output in ~/.bashrc, or put "
        "it into a file _take5 of zsh's fpath.",
    .examples = "source <(take5 completion bash)",
    .min_operands = 1,
    .max_operands = 1,
    .run = run_completion,
};

#include "commands/registry.h"

#include "commands/authoring/authoring.h"
#include "commands/operation/operation.h"
#include "commands/research/research.h"

const struct command *const commands[] = {
    &command_run,     &command_check,      &command_list,
    &command_inspect, &command_new,        &command_record,
    &command_replay,  &command_evaluate,   &command_diff,
    &command_feed,    &command_ctl,        &command_top,
    &command_dlq,     &command_checkpoint, &command_completion,
    &command_version, &command_rehearse,   &command_conformance,
    &command_locate,  &command_discard,    NULL,
};

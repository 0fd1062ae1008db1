/*
 * commands/proof/proof.h - what replays a live host. A command's file ends with its table
 * (cli/options.h).
 */
#ifndef TAKE5_COMMANDS_PROOF_PROOF_H
#define TAKE5_COMMANDS_PROOF_PROOF_H

#include "cli/options.h"

extern const struct command command_prove, command_capsule;

#endif

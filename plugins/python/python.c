/*
 * python: runs a script. The handlers of the service that take5 replaces run as they are; new ones
 * are written with the module take5 (sdk/python.md).
 *
 * CPython can be begun once in a process, so the note says that this strategy has its process to
 * itself: a change of the script begins the process anew. GLOBAL: a script has all messages in one
 * thread with one module's state.
 */
#define T5_NOTE_FLAGS T5_NOTE_OWN_PROCESS

#include "describe.h"
#include "script.h"

T5_STRATEGY("python", "1.0.0", .summary = "runs a Python script", .scope = T5_SCOPE_GLOBAL,
            .state_version = 1, .parameters = describe_parameters, .describe = describe,
            .create = script_create, .destroy = script_destroy, .load = script_load,
            .activate = script_activate, .deactivate = script_deactivate,
            .on_message = script_message, .on_timer = script_timer, .on_event = script_event,
            .save = script_save);

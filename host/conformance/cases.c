#include "conformance/cases.h"

#include <string.h>

const struct conformance_case conformance_cases[] = {
    {CASE_DESCRIPTOR, CASE_ONCE, false, false,
     "it loads in time, note and descriptor match, the settings fit the declared parameters",
     conformance_descriptor},
    {"life", CASE_ONCE, false, false, "it is created and destroyed, with and without having worked",
     conformance_life},
    {"events", CASE_ONCE, false, true, "it handles every kind of event, also unknown ones",
     conformance_events},
    {"parameter", CASE_PARAMETERS, false, true,
     "it works with the default, the bounds and values in between; no value outside is accepted",
     conformance_parameter},
    {"messages/production", CASE_TOPICS, false, true, "it handles what the services send",
     conformance_production},
    {"messages/documented", CASE_TOPICS, false, true, "it handles the documented envelope",
     conformance_documented},
    {"messages/missing", CASE_TOPICS, false, true,
     "members that are missing, null or of another type", conformance_missing},
    {"messages/extreme", CASE_TOPICS, false, true, "extreme numbers and times",
     conformance_extreme},
    {"messages/text", CASE_TOPICS, false, true, "empty, long and odd text; deep and large messages",
     conformance_text},
    {"signals", CASE_ONCE, false, true, "every signal is well formed, NaN in none",
     conformance_signals},
    {"wants", CASE_ONCE, false, false,
     "it asks for no parameter that it has not declared, and for fields that the feed has",
     conformance_wants},
    {"repeatable", CASE_ONCE, false, false, "the same messages give the same signals",
     conformance_repeatable},
    {"apart", CASE_ONCE, false, false, "two instances do not share state", conformance_apart},
    {"warm-up", CASE_ONCE, false, false,
     "one that looks back declares its warm-up, so that it does not begin with empty windows",
     conformance_warm_up},
    {"state/round-trip", CASE_ONCE, true, true, "saved, loaded and saved again is byte-identical",
     conformance_round_trip},
    {"state/goes-on", CASE_ONCE, true, false,
     "saving at any point and continuing elsewhere gives the same signals as not stopping",
     conformance_goes_on},
    {"state/empty", CASE_ONCE, true, true, "no records and empty ones are loaded or rejected",
     conformance_empty},
    {"state/random", CASE_ONCE, true, true, "random bytes are loaded or rejected",
     conformance_random},
    {"state/truncated", CASE_ONCE, true, true, "a corrupt state is loaded or rejected",
     conformance_truncated},
    {"state/older", CASE_ONCE, true, true, "the state of another version is loaded or rejected",
     conformance_older},
    {"leaves/threads", CASE_ONCE, false, false, "no thread is left behind", conformance_threads},
    {"leaves/files", CASE_ONCE, false, false, "no file descriptor is left behind",
     conformance_files},
    {"leaves/memory", CASE_ONCE, false, false, "no memory is left behind", conformance_memory},
    {"leaves/process", CASE_ONCE, false, false,
     "signal handlers, directory, file mode mask, locale and floating-point mode are unchanged",
     conformance_process_kept},
    {NULL, CASE_ONCE, false, false, NULL, NULL},
};

const struct conformance_case *conformance_case_find(const char *full_name, const char **argument) {
    for (const struct conformance_case *at = conformance_cases; at->name != NULL; at++) {
        const size_t size = strlen(at->name);
        if (strncmp(full_name, at->name, size) != 0)
            continue;
        *argument = full_name + size;
        if (at->range == CASE_ONCE && **argument == '\0')
            return at;
        if (at->range != CASE_ONCE && **argument == '/') {
            ++*argument;
            return at;
        }
    }
    return NULL;
}

#include "commands/conformance_cases.h"

#include <string.h>

const struct conformance_case conformance_cases[] = {
    {CASE_DESCRIPTOR, CASE_ONCE, false, false,
     "it loads in time, note and descriptor agree, the settings fit the declared parameters",
     conformance_descriptor},
    {"life", CASE_ONCE, false, false, "it is created and destroyed, with and without having worked",
     conformance_life},
    {"events", CASE_ONCE, false, true, "it takes every kind of event, unknown ones too",
     conformance_events},
    {"parameter", CASE_PARAMETERS, false, true,
     "it works with the default, the bounds and what lies within; no value outside is taken",
     conformance_parameter},
    {"messages/production", CASE_TOPICS, false, true, "it takes what the services send",
     conformance_production},
    {"messages/documented", CASE_TOPICS, false, true, "it takes the documented envelope",
     conformance_documented},
    {"messages/missing", CASE_TOPICS, false, true,
     "members that are missing, null or of another type", conformance_missing},
    {"messages/extreme", CASE_TOPICS, false, true, "numbers and times beyond the usual",
     conformance_extreme},
    {"messages/text", CASE_TOPICS, false, true, "empty, long and odd text; deep and large messages",
     conformance_text},
    {"signals", CASE_ONCE, false, true, "every signal is well formed, NaN in none",
     conformance_signals},
    {"repeatable", CASE_ONCE, false, false, "the same messages give the same signals",
     conformance_repeatable},
    {"apart", CASE_ONCE, false, false, "two instances do not share state", conformance_apart},
    {"state/round-trip", CASE_ONCE, true, true, "saved, loaded and saved again is byte-identical",
     conformance_round_trip},
    {"state/goes-on", CASE_ONCE, true, false,
     "saving at any point and going on elsewhere gives the signals of not stopping",
     conformance_goes_on},
    {"state/empty", CASE_ONCE, true, true, "no records and empty ones are taken or refused",
     conformance_empty},
    {"state/random", CASE_ONCE, true, true, "random bytes are taken or refused",
     conformance_random},
    {"state/truncated", CASE_ONCE, true, true, "a damaged state is taken or refused",
     conformance_truncated},
    {"state/older", CASE_ONCE, true, true, "another version's state is taken or refused",
     conformance_older},
    {"leaves/threads", CASE_ONCE, false, false, "no thread is left behind", conformance_threads},
    {"leaves/files", CASE_ONCE, false, false, "no file descriptor is left behind",
     conformance_files},
    {"leaves/memory", CASE_ONCE, false, false, "no memory is left behind", conformance_memory},
    {"leaves/process", CASE_ONCE, false, false,
     "signal handlers, folder, file mask, locale and floating point stay as they were",
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

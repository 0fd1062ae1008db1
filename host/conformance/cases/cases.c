#include "conformance/cases/cases.h"

#include <string.h>

const struct conformance_case conformance_cases[] = {
    {CASE_DESCRIPTOR, CASE_ONCE, 0,
     "it loads in time, note and descriptor match, the settings fit the declared parameters",
     conformance_descriptor},
    {"life", CASE_ONCE, 0, "it is created and destroyed, with and without having worked",
     conformance_life},
    {"events", CASE_ONCE, CASE_WATCHES_HEAP, "it handles every kind of event, also unknown ones",
     conformance_events},
    {"parameter", CASE_PARAMETERS, CASE_WATCHES_HEAP,
     "it works with the default, the bounds and values in between; no value outside is accepted",
     conformance_parameter},
    {"messages/production", CASE_TOPICS, CASE_WATCHES_HEAP, "it handles what the services send",
     conformance_production},
    {"messages/documented", CASE_TOPICS, CASE_WATCHES_HEAP, "it handles the documented envelope",
     conformance_documented},
    {"messages/recorded", CASE_TOPICS, CASE_NEEDS_INPUT | CASE_WATCHES_HEAP,
     "it handles the messages of --input", conformance_recorded},
    {"messages/missing", CASE_TOPICS, CASE_WATCHES_HEAP,
     "members that are missing, null or of another type", conformance_missing},
    {"messages/extreme", CASE_TOPICS, CASE_WATCHES_HEAP, "extreme numbers and times",
     conformance_extreme},
    {"messages/text", CASE_TOPICS, CASE_WATCHES_HEAP,
     "empty, long and odd text; deep and large messages", conformance_text},
    {"signals", CASE_ONCE, CASE_WATCHES_HEAP, "every signal is well formed, NaN in none",
     conformance_signals},
    {"wants", CASE_ONCE, 0,
     "it asks for no parameter that it has not declared, and for fields that the feed has",
     conformance_wants},
    {"repeatable", CASE_ONCE, 0, "the same messages give the same signals", conformance_repeatable},
    {"apart", CASE_ONCE, 0, "two instances do not share state", conformance_apart},
    {"partitions", CASE_ONCE, CASE_NEEDS_KEYED,
     "a KEYED strategy emits the same signals of a symbol with 1 and with 4 partitions",
     conformance_partitions},
    {"lookahead", CASE_ONCE, 0, "signals up to a time do not depend on messages after that time",
     conformance_lookahead},
    {"expired", CASE_ONCE, 0,
     "it forgets a symbol at SYMBOL_EXPIRED, before another one gets its id", conformance_expired},
    {"warm-up", CASE_ONCE, 0,
     "one that looks back declares its warm-up, so that it does not begin with empty windows",
     conformance_warm_up},
    {"state/saved", CASE_ONCE, 0, "what it remembers over messages is saved and loaded",
     conformance_saved},
    {"state/round-trip", CASE_ONCE, CASE_NEEDS_STATE | CASE_WATCHES_HEAP,
     "saved, loaded and saved again is byte-identical", conformance_round_trip},
    {"state/goes-on", CASE_ONCE, CASE_NEEDS_STATE,
     "saving at any point and continuing elsewhere gives the same signals as not stopping",
     conformance_goes_on},
    {"state/empty", CASE_ONCE, CASE_NEEDS_STATE | CASE_WATCHES_HEAP,
     "no records and empty ones are loaded or rejected", conformance_empty},
    {"state/random", CASE_ONCE, CASE_NEEDS_STATE | CASE_WATCHES_HEAP,
     "random bytes are loaded or rejected", conformance_random},
    {"state/truncated", CASE_ONCE, CASE_NEEDS_STATE | CASE_WATCHES_HEAP,
     "a corrupt state is loaded or rejected", conformance_truncated},
    {"state/older", CASE_ONCE, CASE_NEEDS_STATE | CASE_WATCHES_HEAP,
     "the state of another version is loaded or rejected", conformance_older},
    {"libraries", CASE_ONCE, CASE_NEEDS_SHARE, "a reload renews the libraries that it uses",
     conformance_libraries},
    {"opens", CASE_ONCE, 0, "no file is opened in a callback that a lane waits for",
     conformance_opens},
    {"leaves/threads", CASE_ONCE, 0, "no thread is left behind", conformance_threads},
    {"leaves/files", CASE_ONCE, 0, "no file descriptor is left behind", conformance_files},
    {"leaves/memory", CASE_ONCE, 0, "no memory is left behind", conformance_memory},
    {"leaves/process", CASE_ONCE, 0,
     "signal handlers, directory, file mode mask, locale and floating-point mode are unchanged",
     conformance_process_kept},
    {NULL, CASE_ONCE, 0, NULL, NULL},
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

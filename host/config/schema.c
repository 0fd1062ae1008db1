#include "config/schema.h"

#include "base/clock.h"
#include "config/config.h"

#include <string.h>

#define NONE   SCHEMA_NO_BOUND
#define SECOND NS_PER_S
#define MINUTE (60 * NS_PER_S)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define CONFIG(member)     .offset = offsetof(struct config, member)
#define TOPIC(member)      .offset = offsetof(struct config_topic, member)
#define DEPLOYMENT(member) .offset = offsetof(struct config_deployment, member)

static const struct schema_choice run_modes[] = {{"local", 1}, {"docker", 2}, {NULL, 0}};
static const struct schema_choice on_stuck[] = {
    {"exit", ON_STUCK_EXIT}, {"report", ON_STUCK_REPORT}, {NULL, 0}};
static const struct schema_choice on_crash[] = {
    {"quarantine", ON_CRASH_QUARANTINE}, {"run", ON_CRASH_RUN}, {NULL, 0}};
static const struct schema_choice levels[] = {
    {"DEBUG", LOG_LEVEL_DEBUG}, {"INFO", LOG_LEVEL_INFO},         {"WARNING", LOG_LEVEL_WARNING},
    {"ERROR", LOG_LEVEL_ERROR}, {"CRITICAL", LOG_LEVEL_CRITICAL}, {NULL, 0}};
static const struct schema_choice formats[] = {{"console", LOG_FORMAT_CONSOLE},
                                               {"json", LOG_FORMAT_JSON},
                                               {"journald", LOG_FORMAT_JOURNALD},
                                               {NULL, 0}};
static const struct schema_choice colors[] = {
    {"auto", LOG_COLOR_AUTO}, {"never", LOG_COLOR_NEVER}, {"always", LOG_COLOR_ALWAYS}, {NULL, 0}};
static const struct schema_choice non_finite[] = {
    {"absent", DECODE_NON_FINITE_ABSENT}, {"reject", DECODE_NON_FINITE_REJECT}, {NULL, 0}};
static const struct schema_choice sinks[] = {{"log", offsetof(struct config, sink_log)},
                                             {"jsonl", offsetof(struct config, sink_jsonl)},
                                             {"kafka", offsetof(struct config, sink_kafka)},
                                             {NULL, 0}};
static const struct schema_choice letters[] = {
    {"none", LETTERS_NONE}, {"jsonl", LETTERS_JSONL}, {"kafka", LETTERS_KAFKA}, {NULL, 0}};
static const struct schema_choice partial[] = {{"suspend", 0}, {"ok", 1}, {NULL, 0}};

static const struct schema_section sections[] = {
    {"take5", NULL, "The host itself."},
    {"log",
     "level.ROOM = LEVEL: the level of one room (config, strategy, source, sink, engine, "
     "ops, kafka)",
     "What the program says, and where."},
    {"decode", NULL,
     "Limits of what counts as a message. What is beyond them goes to the dead "
     "letters."},
    {"control", NULL, "The socket that `take5 ctl` speaks to."},
    {"kafka",
     "any librdkafka property; PROPERTY.file = PATH and PROPERTY.env = VARIABLE take the "
     "value from there, for secrets",
     "The consumer."},
    {"topic:ROLE", NULL,
     "A topic to consume. ROLE is what strategies call it. The roles "
     "bar_trends, historic_stats and asset_trends are there without a "
     "section; further ones may be added."},
    {"signals", NULL, "Where the strategies' signals go."},
    {"sink:jsonl", NULL, "Signals as JSON lines in a file."},
    {"sink:kafka",
     "any librdkafka producer property, over those of [kafka] that a producer "
     "knows; .file and .env as there",
     "Signals into a Kafka topic."},
    {"dead_letters", NULL, "Where messages go that cannot be used, with the reason."},
    {"journal", NULL,
     "The order in which messages were delivered. `take5 replay --journal FILE` follows it, so "
     "that "
     "strategies that join topics give the signals of the live run."},
    {"http", NULL, "Health, metrics and results, read-only."},
    {"strategy:NAME", "the strategy's own parameters (`take5 list` shows them)",
     "A deployment: a strategy with one set of parameters. NAME is its name in signals, log and "
     "status. A strategy file without a section runs with its defaults."},
};
#define SECTION_COUNT (sizeof sections / sizeof sections[0])

static const struct schema_key keys[] = {
    {"take5", "service", SCHEMA_TEXT, "take5", NULL, 0, 0, NULL, CONFIG(service), false,
     "Name of this service in the banner and in /health."},
    {"take5", "run_mode", SCHEMA_WORD, "local", NULL, 0, 0, run_modes, CONFIG(run_mode), true,
     "Where the broker is when nothing names one: local is 127.0.0.1:29092, docker is "
     "broker_1:9092."},
    {"take5", "lanes", SCHEMA_INTEGER, "1", NULL, 1, 64, NULL, CONFIG(lanes), true,
     "Threads that run strategies. A partition number belongs to one of them."},
    {"take5", "strategy_dir", SCHEMA_PATH, NULL, "the directory that was built in", 0, 0, NULL,
     CONFIG(strategy_dir), true, "Where strategies (.so files) are dropped."},
    {"take5", "cache_dir", SCHEMA_PATH, NULL,
     "/var/cache/take5; without root and without a file $XDG_CACHE_HOME/take5 or ~/.cache/take5", 0,
     0, NULL, CONFIG(cache_dir), true,
     "Copies of strategies, which is what is loaded. Must not be mounted noexec."},
    {"take5", "run_dir", SCHEMA_PATH, NULL,
     "/run/take5; without root and without a file $XDG_RUNTIME_DIR/take5 or /tmp/take5-UID", 0, 0,
     NULL, CONFIG(run_dir), true,
     "The control socket. A directory of its own, kept private: mode 0700, and 0710 for the group "
     "of "
     "[control]."},
    {"take5", "state_dir", SCHEMA_PATH, NULL,
     "/var/lib/take5; without root and without a file $XDG_STATE_HOME/take5 or "
     "~/.local/state/take5",
     0, 0, NULL, CONFIG(state_dir), true,
     "What lasts: state of strategies over a clean stop, their last good copies, crash files (in "
     "crash), dead letters, signals."},
    {"take5", "strict_modes", SCHEMA_BOOLEAN, "yes", NULL, 0, 0, NULL, CONFIG(strict_modes), false,
     "Refuse strategies that others may write to."},
    {"take5", "keep_state", SCHEMA_BOOLEAN, "yes", NULL, 0, 0, NULL, CONFIG(keep_state), false,
     "Save every strategy's state at a clean stop, and go on with it at the next start."},
    {"take5", "on_stuck", SCHEMA_CHOICE, "exit", NULL, 0, 0, on_stuck, CONFIG(on_stuck), false,
     "What to do when a callback does not return within stuck_ms: exit with a crash file, or only "
     "report this host as dead."},
    {"take5", "on_crash", SCHEMA_CHOICE, "quarantine", NULL, 0, 0, on_crash, CONFIG(on_crash),
     false,
     "What to do at start with a strategy that crashed or hung lately: keep it suspended, or run "
     "it."},
    {"take5", "stuck_ms", SCHEMA_MILLISECONDS, "60000", NULL, 10 * NS_PER_MS, DAY, NULL,
     CONFIG(stuck_ns), false, "A callback that takes longer is stuck. Milliseconds."},
    {"take5", "slow_callback_ms", SCHEMA_MILLISECONDS, "100", NULL, 1 * NS_PER_MS, HOUR, NULL,
     CONFIG(slow_callback_ns), false,
     "A callback that takes longer is named in the log and counted. Milliseconds."},
    {"take5", "quarantine_minutes", SCHEMA_MINUTES, "60", NULL, 0, 365 * DAY, NULL,
     CONFIG(quarantine_ns), false, "How long a crash is remembered. Minutes."},
    {"take5", "error_run", SCHEMA_INTEGER, "100", NULL, 1, NONE, NULL, CONFIG(error_run), false,
     "Errors in a row after which an instance is suspended."},
    {"take5", "suspend", SCHEMA_DURATION, "10s", NULL, NS_PER_MS, DAY, NULL, CONFIG(suspend_ns),
     false, "The first suspension. Each one that follows is twice as long."},
    {"take5", "suspend_max", SCHEMA_DURATION, "10m", NULL, NS_PER_MS, 7 * DAY, NULL,
     CONFIG(suspend_max_ns), false, "The longest suspension."},
    {"take5", "reject_rate", SCHEMA_RATE, "1000/min", NULL, 0, NONE, NULL, CONFIG(reject_rate),
     false,
     "Messages that a strategy may reject to the dead letters before it is suspended. A minute."},
    {"take5", "max_signals_per_callback", SCHEMA_INTEGER, "1000", NULL, 1, 1000000, NULL,
     CONFIG(max_signals_per_callback), false, "More are refused."},
    {"take5", "max_timers", SCHEMA_INTEGER, "1000000", NULL, 0, 100000000, NULL, CONFIG(max_timers),
     false, "Armed timers of one instance. More are refused."},
    {"take5", "stats_interval", SCHEMA_DURATION, "10s", NULL, 0, DAY, NULL,
     CONFIG(stats_interval_ns), false,
     "How often the log says messages, rate, bad, signals and lag. 0: never."},
    {"take5", "reload_timeout", SCHEMA_DURATION, "60s", NULL, NS_PER_MS, DAY, NULL,
     CONFIG(reload_timeout_ns), false,
     "A reload that takes longer is given up, and the old strategies go on."},
    {"take5", "rehearsal_timeout", SCHEMA_DURATION, "20s", NULL, NS_PER_MS, DAY, NULL,
     CONFIG(rehearsal_timeout_ns), false,
     "A new strategy that takes longer in its trial process is rejected."},
    {"take5", "rehearsal_messages", SCHEMA_INTEGER, "1000", NULL, 0, 1000000, NULL,
     CONFIG(rehearsal_messages), false, "How many of the last real messages the trial is fed."},
    {"take5", "shutdown_timeout", SCHEMA_DURATION, "30s", NULL, NS_PER_MS, DAY, NULL,
     CONFIG(shutdown_timeout_ns), false, "A stop that takes longer is forced."},
    {"take5", "revoke_timeout", SCHEMA_DURATION, "10s", NULL, NS_PER_MS, DAY, NULL,
     CONFIG(revoke_timeout_ns), false,
     "How long the sinks may take to confirm when partitions are given back."},
    {"take5", "park_max_age", SCHEMA_DURATION, "10m", NULL, 0, 365 * DAY, NULL,
     CONFIG(park_max_age_ns), false,
     "How long an instance is kept alive for a partition that went to another host."},
    {"take5", "park_max_count", SCHEMA_INTEGER, "256", NULL, 0, 1000000, NULL,
     CONFIG(park_max_count), false, "How many such instances are kept."},
    {"take5", "max_unconfirmed", SCHEMA_INTEGER, "100000", NULL, 1, 100000000, NULL,
     CONFIG(max_unconfirmed), false,
     "Messages of a lane whose signals are not safe yet. At this number the lane waits."},

    {"log", "level", SCHEMA_CHOICE, "INFO", NULL, 0, 0, levels, CONFIG(log.level), false,
     "The least level that is written."},
    {"log", "format", SCHEMA_CHOICE, "console", NULL, 0, 0, formats, CONFIG(log.format), false,
     "console for people, json for one object a line, journald for priorities that systemd "
     "reads."},
    {"log", "color", SCHEMA_CHOICE, "auto", NULL, 0, 0, colors, CONFIG(log.color), false,
     "auto: on a terminal. Only in console format."},
    {"log", "path", SCHEMA_PATH, NULL, "standard error", 0, 0, NULL, CONFIG(log.path), false,
     "A file to append to. SIGUSR1 and `take5 ctl reopen` open it anew, for rotation."},

    {"decode", "max_bytes", SCHEMA_SIZE_32, "1MiB", NULL, 64, 1 << 30, NULL,
     CONFIG(decode.max_bytes), true, "The largest message."},
    {"decode", "max_depth", SCHEMA_INTEGER_32, "64", NULL, 1, 10000, NULL, CONFIG(decode.max_depth),
     true, "The deepest nesting of objects and arrays."},
    {"decode", "max_symbol", SCHEMA_SIZE_32, "64", NULL, 1, 65535, NULL, CONFIG(decode.max_symbol),
     true, "The longest symbol, in bytes."},
    {"decode", "non_finite", SCHEMA_CHOICE, "absent", NULL, 0, 0, non_finite,
     CONFIG(decode.non_finite), true,
     "A bare NaN or Infinity: take the value as absent, or reject the message."},
    {"decode", "max_event_lead", SCHEMA_DURATION, "1h", NULL, 0, 3650 * DAY, NULL,
     CONFIG(decode.max_event_lead_ns), true,
     "An event time further ahead of Kafka's moves no clock."},
    {"decode", "max_symbols", SCHEMA_INTEGER, "1000000", NULL, 1, 4000000000, NULL,
     CONFIG(max_symbols), true, "Symbols of one partition number."},
    {"decode", "symbol_idle", SCHEMA_DURATION, "7d", NULL, 0, 3650 * DAY, NULL,
     CONFIG(symbol_idle_ns), true, "A symbol that is not seen for so long is forgotten. 0: never."},

    {"control", "group", SCHEMA_TEXT, NULL, "only root and the service's own user", 0, 0, NULL,
     CONFIG(control_group), true,
     "A group whose members may steer the host and write strategies. The service's user must be a "
     "member too."},
    {"control", "socket", SCHEMA_PATH, NULL, "RUN_DIR/control.sock", 0, 0, NULL,
     CONFIG(control_socket), true, "Where `take5 ctl` finds the host."},

    {"topic:ROLE", "topic", SCHEMA_OPTIONAL, NULL, "ROLE", 0, 0, NULL, TOPIC(name), true,
     "The Kafka topic. Empty: this role is not consumed."},

    {"signals", "sinks", SCHEMA_SET, "log", NULL, 0, 0, sinks, CONFIG(sink_log), true,
     "Where signals go: any of log, jsonl, kafka, with commas between them."},
    {"sink:jsonl", "path", SCHEMA_PATH, NULL, "STATE_DIR/signals.jsonl", 0, 0, NULL,
     CONFIG(jsonl_path), true, "The file. Opened anew as the log is."},
    {"sink:jsonl", "fsync", SCHEMA_BOOLEAN, "no", NULL, 0, 0, NULL, CONFIG(jsonl_fsync), true,
     "Whether a signal counts as safe only when the disk has it."},
    {"sink:kafka", "topic", SCHEMA_TEXT, "algo_signals", NULL, 0, 0, NULL, CONFIG(signal_topic),
     true, "The topic. Key is the symbol."},

    {"dead_letters", "to", SCHEMA_CHOICE, "jsonl", NULL, 0, 0, letters, CONFIG(letters), true,
     "none drops them, jsonl is a file, kafka a topic."},
    {"dead_letters", "path", SCHEMA_PATH, NULL, "STATE_DIR/dead_letters.jsonl", 0, 0, NULL,
     CONFIG(letters_path), true, "The file."},
    {"dead_letters", "topic", SCHEMA_TEXT, "take5_dead_letters", NULL, 0, 0, NULL,
     CONFIG(letters_topic), true, "The topic."},
    {"dead_letters", "fsync", SCHEMA_BOOLEAN, "no", NULL, 0, 0, NULL, CONFIG(letters_fsync), true,
     "Whether a letter counts as safe only when the disk has it."},

    {"journal", "enabled", SCHEMA_BOOLEAN, "no", NULL, 0, 0, NULL, CONFIG(journal_enabled), true,
     "Whether to keep one."},
    {"journal", "path", SCHEMA_PATH, NULL, "STATE_DIR/journal", 0, 0, NULL, CONFIG(journal_path),
     true, "The file. Some 40 bytes a run of messages of one topic; a restart appends."},

    {"http", "enabled", SCHEMA_BOOLEAN, "yes", NULL, 0, 0, NULL, CONFIG(http_enabled), true,
     "Whether to listen."},
    {"http", "address", SCHEMA_TEXT, "127.0.0.1", NULL, 0, 0, NULL, CONFIG(http_address), true,
     "The address to listen on. 0.0.0.0 in a container."},
    {"http", "port", SCHEMA_INTEGER, "8080", NULL, 0, 65535, NULL, CONFIG(http_port), true,
     "The port. 0: any that is free."},
    {"http", "ready_max_lag", SCHEMA_INTEGER, "0", NULL, 0, NONE, NULL, CONFIG(ready_max_lag),
     false, "With more lag than this the host does not call itself ready. 0: lag does not count."},

    {"strategy:NAME", "plugin", SCHEMA_TEXT, NULL, "NAME", 0, 0, NULL, DEPLOYMENT(plugin), false,
     "The strategy. Two sections may use the same one."},
    {"strategy:NAME", "enabled", SCHEMA_BOOLEAN, "yes", NULL, 0, 0, NULL, DEPLOYMENT(is_enabled),
     false, "no: it is not run."},
    {"strategy:NAME", "symbols", SCHEMA_LIST, NULL, "all", 0, 0, NULL, DEPLOYMENT(symbols), false,
     "Only messages of these symbols."},
    {"strategy:NAME", "topics", SCHEMA_LIST, NULL, "all that the strategy wants", 0, 0, NULL,
     DEPLOYMENT(topics), false, "Only messages of these topics, by role."},
    {"strategy:NAME", "time_frames", SCHEMA_TIME_FRAMES, NULL, "all", 0, 0, NULL,
     DEPLOYMENT(time_frames), false,
     "Only messages of these time frames: seconds, or durations (60, 5m)."},
    {"strategy:NAME", "allow_split", SCHEMA_BOOLEAN, "no", NULL, 0, 0, NULL,
     DEPLOYMENT(allow_split), false,
     "Run also under an assignor that may give this host only some topics of a partition number."},
    {"strategy:NAME", "global_partial", SCHEMA_FLAG, "suspend", NULL, 0, 0, partial,
     DEPLOYMENT(global_partial), false,
     "A strategy that must see everything, while other hosts hold partitions: suspend it, or ok "
     "to let it run on its part."},
};
#define KEY_COUNT (sizeof keys / sizeof keys[0])

static const char *const reserved[] = {"plugin",      "enabled",     "symbols",        "topics",
                                       "time_frames", "allow_split", "global_partial", NULL};

const struct schema_key *schema_keys(size_t *count) {
    *count = KEY_COUNT;
    return keys;
}

const struct schema_section *schema_sections(size_t *count) {
    *count = SECTION_COUNT;
    return sections;
}

const struct schema_key *schema_find(const char *section, const char *key) {
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].key, key) == 0)
            return &keys[i];
    return NULL;
}

const struct schema_section *schema_section_of(const char *section, const char **name) {
    if (name != NULL)
        *name = NULL;
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        const char *known = sections[i].name;
        const char *colon = strchr(known, ':');
        bool is_pattern = colon != NULL && colon[1] >= 'A' && colon[1] <= 'Z';
        if (!is_pattern) {
            if (strcmp(known, section) == 0)
                return &sections[i];
            continue;
        }
        size_t prefix = (size_t)(colon - known) + 1;
        if (strncmp(known, section, prefix) != 0)
            continue;
        if (name != NULL)
            *name = section + prefix;
        return &sections[i];
    }
    return NULL;
}

const char *const *schema_reserved_names(void) {
    return reserved;
}

const char *schema_type_text(enum schema_type type) {
    switch (type) {
    case SCHEMA_BOOLEAN:
        return "yes or no";
    case SCHEMA_INTEGER:
    case SCHEMA_INTEGER_32:
        return "a whole number";
    case SCHEMA_DURATION:
        return "a duration (250ms, 30s, 5m, 2h, 1d)";
    case SCHEMA_MILLISECONDS:
        return "a whole number of milliseconds";
    case SCHEMA_MINUTES:
        return "a whole number of minutes";
    case SCHEMA_RATE:
        return "a number a minute (1000/min)";
    case SCHEMA_SIZE_32:
        return "a size (1048576, 64KiB, 1MiB)";
    case SCHEMA_TEXT:
        return "a text";
    case SCHEMA_OPTIONAL:
        return "a text, or nothing";
    case SCHEMA_PATH:
        return "a path";
    case SCHEMA_WORD:
    case SCHEMA_CHOICE:
    case SCHEMA_FLAG:
        return "one of the choices";
    case SCHEMA_SET:
        return "some of the choices, with commas between them";
    case SCHEMA_LIST:
        return "a list with commas";
    case SCHEMA_TIME_FRAMES:
        return "a list of seconds or durations (60, 5m)";
    }
    return "";
}

#include "config/schema/schema.h"

#include "base/clock.h"
#include "config/schema/settings.h"
#include "config/value/value.h"

#include <string.h>

#define NONE   SCHEMA_NO_BOUND
#define SECOND NS_PER_S
#define MINUTE (60 * NS_PER_S)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define CONFIG(member)     .offset = offsetof(struct config, member)
#define TOPIC(member)      .offset = offsetof(struct config_topic, member)
#define DEPLOYMENT(member) .offset = offsetof(struct config_deployment, member)
#define WORKER(member)     .offset = offsetof(struct config_worker, member)

static const struct schema_choice run_modes[] = {{"local", 1}, {"docker", 2}, {NULL, 0}};
static const struct schema_choice on_stop[] = {
    {"auto", ON_STOP_AUTO}, {"stay", ON_STOP_STAY}, {"leave", ON_STOP_LEAVE}, {NULL, 0}};
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
                                             {"postgres", offsetof(struct config, sink_postgres)},
                                             {"webhook", offsetof(struct config, sink_webhook)},
                                             {NULL, 0}};
static const struct schema_choice alerts[] = {
    {"postgres", offsetof(struct config, alerts_postgres)},
    {"webhook", offsetof(struct config, alerts_webhook)},
    {NULL, 0}};
static const struct schema_choice webhook_formats[] = {
    {"json", WEBHOOK_JSON}, {"slack", WEBHOOK_SLACK}, {"telegram", WEBHOOK_TELEGRAM}, {NULL, 0}};
static const struct schema_choice deliveries[] = {
    {"at_least_once", DELIVERY_AT_LEAST_ONCE}, {"exactly_once", DELIVERY_EXACTLY_ONCE}, {NULL, 0}};
static const struct schema_choice dead_letters[] = {{"none", DEAD_LETTERS_NONE},
                                                    {"jsonl", DEAD_LETTERS_JSONL},
                                                    {"kafka", DEAD_LETTERS_KAFKA},
                                                    {NULL, 0}};
static const struct schema_choice series[] = {
    {"none", SERIES_NONE}, {"jsonl", SERIES_JSONL}, {"kafka", SERIES_KAFKA}, {NULL, 0}};
static const struct schema_choice isolate[] = {{"none", 0}, {"each", 1}, {NULL, 0}};
static const struct schema_choice checkpoint_stores[] = {
    {"directory", CHECKPOINT_STORE_DIRECTORY}, {"kafka", CHECKPOINT_STORE_KAFKA}, {NULL, 0}};
static const struct schema_choice partial[] = {{"suspend", 0}, {"ok", 1}, {NULL, 0}};

static const struct schema_section sections[] = {
    {"take5", NULL, "The host itself."},
    {"log",
     "level.ROOM = LEVEL: the level of one room (config, strategy, source, sink, engine, "
     "ops, kafka)",
     "The level and destination of the log."},
    {"decode", NULL, "Limits of a valid message. Messages beyond them go to the dead letters."},
    {"control", NULL, "The socket for `take5 ctl`."},
    {"kafka",
     "any librdkafka property; PROPERTY.file = PATH and PROPERTY.env = VARIABLE take the "
     "value from there, for secrets (a value with literal quotes can only come from a file)",
     "The consumer."},
    {"topic:ROLE", NULL,
     "A topic to consume. ROLE is what strategies call it. The roles "
     "bar_trends, historic_stats and asset_trends exist without a section; more can be added."},
    {"signals", NULL, "Where the strategies' signals go."},
    {"sink:jsonl", NULL, "Signals as JSON lines in a file."},
    {"sink:kafka",
     "any librdkafka producer property; overrides those of [kafka] that a producer has; .file and "
     ".env as there",
     "Signals into a Kafka topic."},
    {"series", NULL,
     "Where the points of the series that strategies publish go. The host shows the newest ones in "
     "any case. No offset waits for points: those that this sink does not take in time are "
     "dropped."},
    {"sink:postgres",
     "any connection parameter of libpq: host, port, dbname, user, passfile, sslmode, sslrootcert "
     "and others; .file and .env as in [kafka]",
     "Signals as rows of a PostgreSQL table. Their id is the primary key, so it has each "
     "signal once."},
    {"sink:webhook",
     "url, and header.NAME for a header of each request; .file and .env as in [kafka], for secrets",
     "Signals by HTTP, as JSON or as messages of a chat."},
    {"alerts", "url and header.NAME, as in [sink:webhook], whose own are taken without a url",
     "What is wrong with the host itself, reported once when it begins and once when it is over: a "
     "lane that does not move, a quarantine or suspension, a failing sink, lag."},
    {"dead_letters", NULL, "Where invalid messages go, with the reason."},
    {"checkpoint", NULL,
     "States of strategies while the stream runs (take5 checkpoint shows them)."},
    {"journal", NULL,
     "The order in which messages were delivered. `take5 replay --journal FILE` follows it, so "
     "that "
     "strategies that join topics give the signals of the live run."},
    {"http", NULL, "The live page, health, metrics and results, read-only."},
    {"strategy:NAME", "the parameters of the strategy (`take5 list` shows them)",
     "A deployment: a strategy with one set of parameters. NAME is its name in signals, log and "
     "status. A strategy file without a section runs with its defaults, in the main worker."},
    {"worker:NAME", NULL,
     "A separate process for the deployments that name it, with its own consumer group "
     "(GROUP.NAME): their failures do not affect the others. The section is optional."},
};
#define SECTION_COUNT (sizeof sections / sizeof sections[0])

static const struct schema_key keys[] = {
    {"take5", "service", SCHEMA_TEXT, "take5", NULL, 0, 0, NULL, CONFIG(service), true,
     "Name of this service in the banner, in /health and in the default of host_id."},
    {"take5", "host_id", SCHEMA_TEXT, NULL,
     "in Kubernetes the name of the pod, where it ends with an ordinal (StatefulSet); else made of "
     "service, state_dir and the machine id, or in a container its host name",
     0, 0, NULL, CONFIG(host_id), true,
     "Who this host is in its consumer group, which keeps its partitions for it over a restart. It "
     "must stay the same over a restart, and no other host of the group may have it."},
    {"take5", "run_mode", SCHEMA_WORD, "local", NULL, 0, 0, run_modes, CONFIG(run_mode), true,
     "The broker, if nothing else sets one: local is 127.0.0.1:29092, docker is broker_1:9092."},
    {"take5", "lanes", SCHEMA_INTEGER, "1", NULL, 1, 64, NULL, CONFIG(lanes), true,
     "Threads that run strategies. A partition number belongs to one of them."},
    {"take5", "strategy_dir", SCHEMA_PATHS, NULL, "LIBDIR/take5/strategies in the program's prefix",
     0, 0, NULL, CONFIG(strategy_dir), true,
     "The directory for strategies (.so files), or several, separated by commas: a strategy "
     "that is in more than one of them is taken from the first."},
    {"take5", "bundled_strategies", SCHEMA_BOOLEAN, "no", NULL, 0, 0, NULL, CONFIG(has_bundled),
     true,
     "Besides, with another strategy_dir, the strategies of the package, LIBDIR/take5/strategies. "
     "One that strategy_dir has too is taken from there."},
    {"take5", "cache_dir", SCHEMA_PATH, NULL,
     "/var/cache/take5; without root and without a file $XDG_CACHE_HOME/take5 or ~/.cache/take5", 0,
     0, NULL, CONFIG(cache_dir), true,
     "Copies of strategies, which the host loads. Must not be mounted noexec."},
    {"take5", "run_dir", SCHEMA_PATH, NULL,
     "/run/take5; without root and without a file $XDG_RUNTIME_DIR/take5 or /tmp/take5-UID", 0, 0,
     NULL, CONFIG(run_dir), true,
     "The directory of the control socket. Kept private: mode 0700, and 0710 for the group of "
     "[control]."},
    {"take5", "state_dir", SCHEMA_PATH, NULL,
     "/var/lib/take5; without root and without a file $XDG_STATE_HOME/take5 or "
     "~/.local/state/take5",
     0, 0, NULL, CONFIG(state_dir), true,
     "Persistent data: strategy state, last good copies, crash files (in crash), dead letters, "
     "signals."},
    {"take5", "strict_modes", SCHEMA_BOOLEAN, "yes", NULL, 0, 0, NULL, CONFIG(strict_modes), false,
     "Refuse files that others could have written: strategies, configuration, state, cache, and "
     "every directory on the path to them. `no` does not apply to this file itself; for that set "
     "it on the command line."},
    {"take5", "keep_state", SCHEMA_BOOLEAN, "yes", NULL, 0, 0, NULL, CONFIG(keep_state), false,
     "Save every strategy's state, while the stream runs ([checkpoint]) and at a clean stop, and "
     "load it at the next start."},
    {"take5", "on_stop", SCHEMA_CHOICE, "auto", NULL, 0, 0, on_stop, CONFIG(on_stop), false,
     "What a stop does with the partitions: stay keeps them for this host's next start, for at "
     "most "
     "[kafka] session.timeout.ms; leave gives them to the other hosts at once, as `take5 ctl stop "
     "--leave` does. auto: leave if the default of host_id is made of a container's host name, "
     "which the next container does not have; else stay."},
    {"take5", "isolate", SCHEMA_FLAG, "none", NULL, 0, 0, isolate, CONFIG(isolates_each), false,
     "each: every [strategy:NAME] that names no worker gets a separate one with its name. none: "
     "they share the main worker."},
    {"take5", "on_stuck", SCHEMA_CHOICE, "exit", NULL, 0, 0, on_stuck, CONFIG(on_stuck), false,
     "What to do when a callback does not return within stuck_ms: exit with a crash file, or only "
     "report this host as dead, as it does while a debugger is attached."},
    {"take5", "on_crash", SCHEMA_CHOICE, "quarantine", NULL, 0, 0, on_crash, CONFIG(on_crash),
     false,
     "What to do at a start with a strategy that recently crashed or hung: do not load it until "
     "`take5 ctl resume NAME` or a changed file, or run it."},
    {"take5", "stuck_ms", SCHEMA_MILLISECONDS, "60000", NULL, 10 * NS_PER_MS, DAY, NULL,
     CONFIG(stuck_ns), false, "A callback that takes longer is stuck. Milliseconds."},
    {"take5", "slow_callback_ms", SCHEMA_MILLISECONDS, "100", NULL, 1 * NS_PER_MS, HOUR, NULL,
     CONFIG(slow_callback_ns), false,
     "A callback that takes longer is logged and counted. Milliseconds."},
    {"take5", "quarantine_minutes", SCHEMA_MINUTES, "60", NULL, 0, 365 * DAY, NULL,
     CONFIG(quarantine_ns), false, "How long a crash is remembered. Minutes."},
    {"take5", "error_run", SCHEMA_INTEGER, "100", NULL, 1, NONE, NULL, CONFIG(error_run), false,
     "Errors in a row after which an instance is suspended."},
    {"take5", "suspend", SCHEMA_DURATION, "10s", NULL, NS_PER_MS, DAY, NULL, CONFIG(suspend_ns),
     false, "The first suspension. Each further one is twice as long."},
    {"take5", "suspend_max", SCHEMA_DURATION, "10m", NULL, NS_PER_MS, 7 * DAY, NULL,
     CONFIG(suspend_max_ns), false, "The longest suspension."},
    {"take5", "reject_rate", SCHEMA_RATE, "1000/min", NULL, 0, NONE, NULL, CONFIG(reject_rate),
     false,
     "Messages that a strategy may reject to the dead letters before it is suspended. A minute."},
    {"take5", "max_signals_per_callback", SCHEMA_INTEGER, "1000", NULL, 1, 1000000, NULL,
     CONFIG(max_signals_per_callback), false, "Signals per callback; more are rejected."},
    {"take5", "max_timers", SCHEMA_INTEGER, "1000000", NULL, 0, 100000000, NULL, CONFIG(max_timers),
     false, "Armed timers of one instance; more are rejected."},
    {"take5", "stats_interval", SCHEMA_DURATION, "10s", NULL, 0, DAY, NULL,
     CONFIG(stats_interval_ns), false,
     "How often messages, rate, bad, signals and lag are logged. 0: never."},
    {"take5", "reload_timeout", SCHEMA_DURATION, "60s", NULL, NS_PER_MS, DAY, NULL,
     CONFIG(reload_timeout_ns), false,
     "A reload that takes longer is aborted; the old strategies keep running."},
    {"take5", "rehearsal_timeout", SCHEMA_DURATION, "20s", NULL, NS_PER_MS, DAY, NULL,
     CONFIG(rehearsal_timeout_ns), false,
     "A new strategy whose rehearsal takes longer is rejected."},
    {"take5", "rehearsal_messages", SCHEMA_INTEGER, "1000", NULL, 0, 1000000, NULL,
     CONFIG(rehearsal_messages), false, "How many recent messages a rehearsal processes."},
    {"take5", "shutdown_timeout", SCHEMA_DURATION, "30s", NULL, NS_PER_MS, DAY, NULL,
     CONFIG(shutdown_timeout_ns), false,
     "The time limit of a stop; work that is not acknowledged, committed and saved by then is left "
     "behind, and the exit code is 1."},
    {"take5", "revoke_timeout", SCHEMA_DURATION, "10s", NULL, NS_PER_MS, DAY, NULL,
     CONFIG(revoke_timeout_ns), false,
     "How long the sinks may take to acknowledge when partitions are revoked."},
    {"take5", "park_max_age", SCHEMA_DURATION, "10m", NULL, 0, 365 * DAY, NULL,
     CONFIG(park_max_age_ns), false,
     "How long the instances of a revoked partition are kept in memory."},
    {"take5", "park_max_count", SCHEMA_INTEGER, "256", NULL, 0, 1000000, NULL,
     CONFIG(park_max_count), false, "How many such instances are kept."},
    {"take5", "max_unconfirmed", SCHEMA_INTEGER, "100000", NULL, 1, 100000000, NULL,
     CONFIG(max_unconfirmed), false,
     "Messages of a lane whose signals are not acknowledged yet. At this number the lane pauses."},
    {"take5", "max_unconfirmed_bytes", SCHEMA_SIZE, "32MiB", NULL, 1, NONE, NULL,
     CONFIG(max_unconfirmed_bytes), false,
     "The memory that these signals take. At this size the lane pauses, too. Signals of a catch-up "
     "are limited by their number alone."},

    {"log", "level", SCHEMA_CHOICE, "INFO", NULL, 0, 0, levels, CONFIG(log.level), false,
     "The lowest level that is logged."},
    {"log", "format", SCHEMA_CHOICE, "console", NULL, 0, 0, formats, CONFIG(log.format), false,
     "console for humans, json for one object per line, journald for priorities that systemd "
     "reads."},
    {"log", "color", SCHEMA_CHOICE, "auto", NULL, 0, 0, colors, CONFIG(log.color), false,
     "auto: only on a terminal. Console format only."},
    {"log", "path", SCHEMA_PATH, NULL, "standard error", 0, 0, NULL, CONFIG(log.path), false,
     "A file to append to. SIGUSR1 and `take5 ctl reopen` reopen it, for rotation."},

    {"decode", "max_bytes", SCHEMA_SIZE_32, "1MiB", NULL, 64, 1 << 30, NULL,
     CONFIG(decode.max_bytes), true, "The largest message."},
    {"decode", "max_depth", SCHEMA_INTEGER_32, "64", NULL, 1, 10000, NULL, CONFIG(decode.max_depth),
     true, "The deepest nesting of objects and arrays."},
    {"decode", "max_symbol", SCHEMA_SIZE_32, "64", NULL, 1, 65535, NULL, CONFIG(decode.max_symbol),
     true, "The longest symbol, in bytes."},
    {"decode", "non_finite", SCHEMA_CHOICE, "absent", NULL, 0, 0, non_finite,
     CONFIG(decode.non_finite), true,
     "An unquoted NaN or Infinity, or a number out of the range of a double: treat the value as "
     "absent, or reject the message."},
    {"decode", "max_event_lead", SCHEMA_DURATION, "1h", NULL, 0, 3650 * DAY, NULL,
     CONFIG(decode.max_event_lead_ns), true,
     "An event time further ahead of Kafka's does not move the clock."},
    {"decode", "max_event_lag", SCHEMA_DURATION, "3650d", NULL, MINUTE, 36500 * DAY, NULL,
     CONFIG(decode.max_event_lag_ns), true,
     "An event time further behind Kafka's does not move the clock either."},
    {"decode", "time_zone", SCHEMA_ZONE, "none", NULL, 0, 0, NULL, CONFIG(decode.zone), true,
     "The zone of ISO 8601 event times without one: UTC, or an offset such as +05:30. none: such "
     "times are unreadable, counted and logged."},
    {"decode", "max_symbols", SCHEMA_INTEGER, "1000000", NULL, 1, 4000000000, NULL,
     CONFIG(max_symbols), true, "Maximum number of symbols per partition number."},
    {"decode", "symbol_idle", SCHEMA_DURATION, "7d", NULL, 0, 3650 * DAY, NULL,
     CONFIG(symbol_idle_ns), true,
     "A symbol without messages for this time is forgotten. 0: never."},

    {"control", "group", SCHEMA_TEXT, NULL, "only root and the service's own user", 0, 0, NULL,
     CONFIG(control_group), true,
     "A group whose members may control the host and write strategies. The service user must be a "
     "member too."},
    {"control", "socket", SCHEMA_PATH, NULL, "RUN_DIR/control.sock", 0, 0, NULL,
     CONFIG(control_socket), true, "Where `take5 ctl` finds the host."},

    {"topic:ROLE", "topic", SCHEMA_OPTIONAL, NULL, "ROLE", 0, 0, NULL, TOPIC(name), true,
     "The Kafka topic. Empty: this role is not consumed."},

    {"signals", "sinks", SCHEMA_SET, "log", NULL, 0, 0, sinks, CONFIG(sink_log), true,
     "Where signals go: any of log, jsonl, kafka, postgres, webhook, separated by commas."},
    {"signals", "delivery", SCHEMA_CHOICE, "at_least_once", NULL, 0, 0, deliveries,
     CONFIG(delivery), true,
     "exactly_once: signals and dead letters that go to Kafka become visible to readers with "
     "isolation.level=read_committed once, together with the offsets behind them. The other "
     "sinks beside stay at_least_once; with postgres that still is one row for each signal."},
    {"signals", "commit_interval", SCHEMA_DURATION, "100ms", NULL, NS_PER_MS, MINUTE, NULL,
     CONFIG(commit_interval_ns), false,
     "exactly_once: how often a lane's signals and offsets are committed. Signals become visible "
     "that much later."},
    {"sink:jsonl", "path", SCHEMA_PATH, NULL, "STATE_DIR/signals.jsonl", 0, 0, NULL,
     CONFIG(jsonl_path), true, "The file. Reopened together with the log."},
    {"sink:jsonl", "fsync", SCHEMA_BOOLEAN, "no", NULL, 0, 0, NULL, CONFIG(jsonl_fsync), true,
     "Whether a signal counts as written only after fsync."},
    {"sink:kafka", "topic", SCHEMA_TEXT, "algo_signals", NULL, 0, 0, NULL, CONFIG(signal_topic),
     true, "The topic. Key is the symbol."},

    {"series", "to", SCHEMA_CHOICE, "none", NULL, 0, 0, series, CONFIG(series), true,
     "none, jsonl for a file, kafka for a topic."},
    {"series", "path", SCHEMA_PATH, NULL, "STATE_DIR/series.jsonl", 0, 0, NULL, CONFIG(series_path),
     true, "The file. Reopened together with the log."},
    {"series", "topic", SCHEMA_TEXT, "take5_series", NULL, 0, 0, NULL, CONFIG(series_topic), true,
     "The topic. Key is the symbol."},

    {"sink:postgres", "table", SCHEMA_TEXT, "take5_signals", NULL, 0, 0, NULL,
     CONFIG(postgres_table), true,
     "NAME or SCHEMA.NAME. It is created if it is missing, and the user may."},
    {"sink:postgres", "batch", SCHEMA_INTEGER, "1000", NULL, 1, 10000, NULL, CONFIG(postgres_batch),
     true, "The most rows in one INSERT. It does not wait until there are so many."},
    {"sink:postgres", "timeout", SCHEMA_DURATION, "30s", NULL, 10 * NS_PER_MS, HOUR, NULL,
     CONFIG(postgres_timeout_ns), true,
     "How long connecting, and a statement, may take before the connection is reopened."},
    {"sink:postgres", "retry_max", SCHEMA_DURATION, "30s", NULL, 10 * NS_PER_MS, HOUR, NULL,
     CONFIG(postgres_retry_ns), true,
     "The longest interval between two tries while the database is away."},
    {"sink:webhook", "format", SCHEMA_CHOICE, "json", NULL, 0, 0, webhook_formats,
     CONFIG(webhook_format), true,
     "json: the signal as in the other sinks. slack, telegram: a line of text for each, as these "
     "take it."},
    {"sink:webhook", "chat", SCHEMA_TEXT, NULL, "none", 0, 0, NULL, CONFIG(webhook_chat), true,
     "telegram: the chat's id, or @CHANNEL."},
    {"sink:webhook", "batch", SCHEMA_INTEGER, "1", NULL, 1, 1000, NULL, CONFIG(webhook_batch), true,
     "Signals in one request, at most; above 1 json is an array. slack and telegram: up to 10."},
    {"sink:webhook", "ca_file", SCHEMA_PATH, NULL, "the system's authorities", 0, 0, NULL,
     CONFIG(webhook_ca_file), true, "Certificates of the authorities that the server may have."},
    {"sink:webhook", "timeout", SCHEMA_DURATION, "10s", NULL, 10 * NS_PER_MS, HOUR, NULL,
     CONFIG(webhook_timeout_ns), true, "How long a request may take before it is retried."},
    {"sink:webhook", "retry_max", SCHEMA_DURATION, "30s", NULL, 10 * NS_PER_MS, HOUR, NULL,
     CONFIG(webhook_retry_ns), true,
     "The longest interval between two tries; Retry-After may ask for more."},

    {"alerts", "to", SCHEMA_SET, NULL, "nowhere", 0, 0, alerts, CONFIG(alerts_postgres), true,
     "postgres, webhook or both: the server is that of the sink, which need not be among [signals] "
     "sinks."},
    {"alerts", "format", SCHEMA_CHOICE, "json", NULL, 0, 0, webhook_formats, CONFIG(alerts_format),
     true, "As in [sink:webhook]; for a url here."},
    {"alerts", "chat", SCHEMA_TEXT, NULL, "none", 0, 0, NULL, CONFIG(alerts_chat), true,
     "As in [sink:webhook]; for a url here."},
    {"alerts", "table", SCHEMA_TEXT, "take5_alerts", NULL, 0, 0, NULL, CONFIG(alerts_table), true,
     "PostgreSQL's table for alerts."},
    {"alerts", "after", SCHEMA_DURATION, "10s", NULL, 0, DAY, NULL, CONFIG(alerts_after_ns), true,
     "How long a problem must last before it is an alert, and be gone before the alert is over."},
    {"alerts", "max_lag", SCHEMA_INTEGER, "100000", NULL, 0, NONE, NULL, CONFIG(alerts_max_lag),
     true, "Consumer lag above this is an alert, which is over at half of it. 0: lag is ignored."},

    {"dead_letters", "to", SCHEMA_CHOICE, "jsonl", NULL, 0, 0, dead_letters, CONFIG(dead_letters),
     true, "none drops them, jsonl is a file, kafka a topic."},
    {"dead_letters", "path", SCHEMA_PATH, NULL, "STATE_DIR/dead_letters.jsonl", 0, 0, NULL,
     CONFIG(dead_letters_path), true, "The file."},
    {"dead_letters", "topic", SCHEMA_TEXT, "take5_dead_letters", NULL, 0, 0, NULL,
     CONFIG(dead_letters_topic), true, "The topic."},
    {"dead_letters", "fsync", SCHEMA_BOOLEAN, "no", NULL, 0, 0, NULL, CONFIG(dead_letters_fsync),
     true, "Whether a dead letter counts as written only after fsync."},

    {"checkpoint", "store", SCHEMA_CHOICE, "directory", NULL, 0, 0, checkpoint_stores,
     CONFIG(checkpoint_store), true,
     "Where they are kept. directory: STATE_DIR/checkpoints, which needs no broker. kafka: a "
     "compacted topic, so that a strategy's state is there for any host of the group, and on a new "
     "machine with an empty disk."},
    {"checkpoint", "topic", SCHEMA_TEXT, "take5_state", NULL, 0, 0, NULL, CONFIG(checkpoint_topic),
     true,
     "The topic, with store = kafka. If it is missing, it is created with as many partitions as "
     "the topics that are read; hosts of different groups may share it."},
    {"checkpoint", "interval", SCHEMA_DURATION, "10s", NULL, 0, DAY, NULL,
     CONFIG(checkpoint_interval_ns), false,
     "How often the states of strategies are saved while the stream runs; after a crash only the "
     "messages since then are processed again. 0: only at a clean stop."},
    {"checkpoint", "max_catch_up", SCHEMA_INTEGER, "10000000", NULL, 0, NONE, NULL,
     CONFIG(max_catch_up), false,
     "A strategy that was suspended or did not run still gets the messages that it missed if there "
     "are at most so many of a partition number; if there are more, it gets a GAP event and its "
     "warm-up instead. Messages that it processes again after a crash or for a warm-up do not "
     "count. 0: no limit."},

    {"journal", "enabled", SCHEMA_BOOLEAN, "no", NULL, 0, 0, NULL, CONFIG(journal_enabled), true,
     "Whether to write one."},
    {"journal", "path", SCHEMA_PATH, NULL, "STATE_DIR/journal", 0, 0, NULL, CONFIG(journal_path),
     true, "The file. About 40 bytes per run of messages of one topic; a restart appends."},

    {"http", "enabled", SCHEMA_BOOLEAN, "yes", NULL, 0, 0, NULL, CONFIG(http_enabled), true,
     "Whether to listen."},
    {"http", "address", SCHEMA_TEXT, "127.0.0.1", NULL, 0, 0, NULL, CONFIG(http_address), true,
     "The address to listen on. 0.0.0.0 in a container."},
    {"http", "port", SCHEMA_INTEGER, "8080", NULL, 0, 65535, NULL, CONFIG(http_port), true,
     "The port. 0: any free port."},
    {"http", "allowed_hosts", SCHEMA_LIST, NULL, "none", 0, 0, NULL, CONFIG(http_allowed_hosts),
     false,
     "Host names allowed besides addresses and localhost: what a client writes between http:// and "
     "the port. Any other Host header gets 421."},
    {"http", "token_file", SCHEMA_PATH, NULL, "none", 0, 0, NULL, CONFIG(http_token_file), false,
     "A file whose first line is a token: anything but health requires it, as a bearer token or "
     "by logging in on the page. Read again at a reload."},
    {"http", "ready_max_lag", SCHEMA_INTEGER, "0", NULL, 0, NONE, NULL, CONFIG(ready_max_lag),
     false, "With more consumer lag than this the host is not ready. 0: lag is ignored."},

    {"strategy:NAME", "plugin", SCHEMA_TEXT, NULL, "NAME", 0, 0, NULL, DEPLOYMENT(plugin), false,
     "The strategy. Several sections may use the same one."},
    {"strategy:NAME", "worker", SCHEMA_TEXT, NULL,
     "main; NAME with [take5] isolate = each, and for plugin = python", 0, 0, NULL,
     DEPLOYMENT(worker), false,
     "The worker that runs it, a separate process. If no section names another one than main, "
     "there is one process."},
    {"strategy:NAME", "enabled", SCHEMA_BOOLEAN, "yes", NULL, 0, 0, NULL, DEPLOYMENT(is_enabled),
     false, "no: do not run it."},
    {"strategy:NAME", "symbols", SCHEMA_LIST, NULL, "all", 0, 0, NULL, DEPLOYMENT(symbols), false,
     "Only messages of these symbols."},
    {"strategy:NAME", "topics", SCHEMA_LIST, NULL, "all that the strategy subscribes to", 0, 0,
     NULL, DEPLOYMENT(topics), false, "Only messages of these topics, by role."},
    {"strategy:NAME", "time_frames", SCHEMA_TIME_FRAMES, NULL, "all", 0, 0, NULL,
     DEPLOYMENT(time_frames), false,
     "Only messages of these time frames: seconds, or durations (60, 5m)."},
    {"strategy:NAME", "warm_up", SCHEMA_DURATION, NULL, "what the strategy declares", 0, NONE, NULL,
     DEPLOYMENT(warm_up_ns), false,
     "How far back messages are read for it when it has no state to continue with, so that its "
     "windows are filled: its signals about them are dropped. 0: it starts with the next message."},
    {"strategy:NAME", "shadow_of", SCHEMA_TEXT, NULL, "none", 0, 0, NULL, DEPLOYMENT(shadow_of),
     false,
     "The deployment beside which this one runs as a shadow: from the same state, on the same "
     "messages, with its worker and filters. Its signals are not published; they are compared "
     "(`take5 ctl shadow`) until it is promoted (`take5 ctl promote NAME`) or removed."},
    {"strategy:NAME", "shadow_share", SCHEMA_INTEGER, "25", NULL, 0, 100, NULL,
     DEPLOYMENT(shadow_share), false,
     "Percent of its lane's time that a shadow may take. One that takes more, and more than twice "
     "what its original takes, is stopped until `take5 ctl resume`. 0: it is never stopped."},
    {"strategy:NAME", "allow_split", SCHEMA_BOOLEAN, "no", NULL, 0, 0, NULL,
     DEPLOYMENT(allow_split), false,
     "Run even with an assignor that may give this host only some topics of a partition number."},
    {"strategy:NAME", "global_partial", SCHEMA_FLAG, "suspend", NULL, 0, 0, partial,
     DEPLOYMENT(global_partial), false,
     "For a GLOBAL strategy while other hosts hold partitions: suspend it, or ok to let it run on "
     "what this host has."},

    {"worker:NAME", "lanes", SCHEMA_INTEGER, NULL, "[take5] lanes", 1, 64, NULL, WORKER(lanes),
     false, "Its threads that run strategies. With nothing but Python scripts: 1."},
    {"worker:NAME", "memory_max", SCHEMA_SIZE, NULL, "no limit", 208 << 20, NONE, NULL,
     WORKER(memory_max), false,
     "The address space of the process; beyond it allocations fail. Threads, libraries and what "
     "the allocator reserves count: before any strategy 192MiB and 16MiB for each lane, 64MiB with "
     "exactly once, and 64MiB with [checkpoint] store = kafka."},
    {"worker:NAME", "cpus", SCHEMA_TEXT, NULL, "any", 0, 0, NULL, WORKER(cpus), false,
     "The processors that it may run on: numbers and ranges, such as 0,2-3."},
    {"worker:NAME", "nice", SCHEMA_INTEGER, "0", NULL, 0, 19, NULL, WORKER(nice), false,
     "Its nice value: the higher it is, the lower its priority, see nice(1)."},
};
#define KEY_COUNT (sizeof keys / sizeof keys[0])

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

bool schema_set_defaults(void *base, const char *section) {
    size_t count;
    const struct schema_key *rows = schema_keys(&count);
    struct error error;
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].section, section) == 0 && rows[i].default_value != NULL &&
            !value_set(base, &rows[i], rows[i].default_value, NULL, &error))
            return false;
    return true;
}

void schema_release(void *base, const char *section) {
    size_t count;
    const struct schema_key *rows = schema_keys(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].section, section) == 0)
            value_release(base, &rows[i]);
}

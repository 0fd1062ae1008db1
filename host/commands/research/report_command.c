#include "base/hash.h"
#include "base/io.h"
#include "commands/research/evaluate_options.h"
#include "commands/research/replay/replay.h"
#include "commands/research/replay/replay_stats.h"
#include "commands/research/research.h"
#include "engine/view.h"
#include "tearsheet/tearsheet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_OUTPUT "report.html"
#define DEFAULT_CARDS  24

struct report_command {
    struct replay_options replay;
    struct evaluate_options arguments;
    struct csv_arg symbols; /* to show */
    uint64_t cards;
    struct evaluation_options options;
    struct evaluation *evaluation;
    struct tearsheet *tearsheet;
    /* The page's data, as it is gathered: members of one object. */
    struct text data;
    struct json_writer json;
    struct tearsheet_shown shown;
    uint64_t messages, signals;
    bool is_oom;
};

/* ---- while it replays ---- */

static bool on_signal(void *context, const struct delivery *delivery) {
    struct report_command *command = context;
    return delivery->signal == NULL ||
           (evaluation_add_signal(command->evaluation, delivery->signal) &&
            tearsheet_add_signal(command->tearsheet, delivery->signal));
}

static bool on_point(void *context, const struct delivery *delivery) {
    struct report_command *command = context;
    return delivery->signal == NULL || tearsheet_add_point(command->tearsheet, delivery->signal);
}

static void on_message(void *context, const t5_message *message, uint64_t place) {
    struct report_command *command = context;
    evaluate_take_message(command->evaluation, message, place);
}

/* ---- files ---- */

static void put_file(struct report_command *command, const char *what, const char *path) {
    struct json_writer *json = &command->json;
    struct stat status;
    struct hash hash;
    struct error error;
    char text[HASH_TEXT_SIZE];
    const bool is_file = stat(path, &status) == 0 && S_ISREG(status.st_mode);
    const bool has_hash = is_file && hash_file(path, &hash, &error);
    json_begin_object(json, NULL);
    json_text(json, "what", what);
    json_text(json, "path", path);
    if (is_file)
        json_integer(json, "bytes", status.st_size);
    if (has_hash) {
        hash_text(hash, text);
        json_text(json, "hash", text);
    } else {
        command->is_oom |= is_file && error.code == ERROR_MEMORY;
        json_text(json, "why", is_file ? error.text : "none: it was read once, as a stream");
    }
    json_end_object(json);
}

static void put_files(struct report_command *command, const struct config *config) {
    const struct file_source_options *source = &command->replay.source;
    json_begin_array(&command->json, "files");
    for (size_t i = 0; i < source->path_count; i++)
        put_file(command, "recording", source->paths[i]);
    if (source->journal != NULL)
        put_file(command, "journal", source->journal);
    if (config->path != NULL)
        put_file(command, "configuration", config->path);
    for (size_t i = 0; i < config->source_count; i++)
        put_file(command, "configuration", config->sources[i]);
    json_end_array(&command->json);
}

/* ---- at its end ---- */

static void look(void *context, struct engine *engine, const struct config *config) {
    struct report_command *command = context;
    struct text setup;
    struct json_writer json = json_writer_of(&setup);
    text_init(&setup);
    view_setup(engine, &json);
    text_append(json_value(&command->json, "strategies"), setup.data, setup.size);
    command->is_oom |= text_is_oom(&setup);
    text_release(&setup);
    put_files(command, config);
}

static void on_end(void *context, const struct replay_summary *summary) {
    struct report_command *command = context;
    command->is_oom |=
        !evaluate_take_sides(command->evaluation, summary) || summary->findings->is_oom;
    command->messages = summary->messages;
    command->signals = summary->signals;
    json_begin_object(&command->json, "replay");
    json_unsigned(&command->json, "messages", summary->messages);
    json_unsigned(&command->json, "bad", summary->bad);
    json_unsigned(&command->json, "filtered", summary->filtered);
    json_unsigned(&command->json, "signals", summary->signals);
    json_end_object(&command->json);
    findings_json(summary->findings, &command->json);
}

/* ---- the page ---- */

/* Beside it first, so that there is the old page or the new one. */
static bool replace_file(const char *path, const struct text *page) {
    char *beside = text_format("%s.%ld.new", path, (long)getpid());
    const int file =
        beside != NULL ? open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666) : -1;
    bool did = file >= 0 && io_write_all(file, page->data, page->size);
    if (file >= 0)
        did = close(file) == 0 && did && rename(beside, path) == 0;
    if (!did)
        print_err("cannot write %s: %s", path, strerror(errno));
    if (!did && file >= 0)
        unlink(beside);
    free(beside);
    return did;
}

/* What is no file of its own, such as /dev/stdout or a FIFO, is written as it is. */
static bool write_as_it_is(const char *path, const struct text *page) {
    const int file = path != NULL ? open(path, O_WRONLY | O_CLOEXEC) : STDOUT_FILENO;
    const bool did = file >= 0 && io_write_all(file, page->data, page->size);
    if (!did)
        print_err("cannot write %s: %s", path != NULL ? path : "stdout", strerror(errno));
    if (file >= 0 && path != NULL)
        close(file);
    return did;
}

static bool write_page(const struct report_command *command, const struct text *page) {
    const char *path = command->replay.output;
    struct stat status;
    const bool is_special = path == NULL || (lstat(path, &status) == 0 && !S_ISREG(status.st_mode));
    return is_special ? write_as_it_is(path, page) : replace_file(path, page);
}

static void print_json(const struct report_command *command, size_t size) {
    struct text text;
    struct json_writer json = json_writer_of(&text);
    text_init(&text);
    json_begin_object(&json, NULL);
    json_text(&json, "file", command->replay.output);
    json_unsigned(&json, "bytes", size);
    json_unsigned(&json, "messages", command->messages);
    json_unsigned(&json, "signals", command->signals);
    json_unsigned(&json, "cards", command->shown.cards);
    json_unsigned(&json, "all_cards", command->shown.all_cards);
    json_unsigned(&json, "published_left", command->shown.published_left);
    json_bool(&json, "thinned", command->shown.is_thinned);
    json_end_object(&json);
    text_putc(&text, '\n');
    (void)print_text(&text);
    text_release(&text);
}

static void print_summary(const struct report_command *command, size_t size) {
    const struct tearsheet_shown *shown = &command->shown;
    if (command->replay.is_json)
        print_json(command, size);
    else if (!command->replay.is_quiet && command->replay.output != NULL)
        print_err("%s: %.1f MB, %zu of %zu symbols and time frames%s", command->replay.output,
                  (double)size / 1e6, shown->cards, shown->all_cards,
                  shown->is_thinned ? "; curves and signals are thinned, as the page notes" : "");
}

static int make_page(struct report_command *command) {
    struct text page;
    int code = EXIT_FAILED;
    text_init(&page);
    text_reserve(&page, 2 * command->data.size);
    if (!tearsheet_write_page(&page, &command->data))
        print_err("out of memory for the report");
    else if (write_page(command, &page)) {
        print_summary(command, page.size);
        code = EXIT_GOOD;
    }
    text_release(&page);
    return code;
}

static int finish(struct report_command *command) {
    json_text(&command->json, "version", TAKE5_VERSION);
    evaluation_follow_equity(command->evaluation, tearsheet_add_equity, command->tearsheet);
    if (command->is_oom || !evaluation_finish(command->evaluation) ||
        !tearsheet_put(command->tearsheet, command->evaluation, &command->json, &command->shown)) {
        print_err("out of memory for the report");
        return EXIT_FAILED;
    }
    if (command->shown.all_cards == 0) {
        print_err("nothing to report: neither a price nor a signal nor a point of a series came%s",
                  command->symbols.count > 0 ? " of the symbols of --show" : "");
        return EXIT_FAILED;
    }
    json_end_object(&command->json);
    return make_page(command);
}

/* ---- the command ---- */

static int report(struct report_command *command, struct signals *signals) {
    const struct replay_listener listener = {.context = command,
                                             .signal = on_signal,
                                             .point = on_point,
                                             .message = on_message,
                                             .look = look,
                                             .end = on_end};
    const struct tearsheet_options options = {
        .cards = command->cards,
        .symbols = (const char *const *)command->symbols.items,
        .symbol_count = command->symbols.count,
    };
    command->evaluation = evaluation_new(&command->options);
    command->tearsheet = tearsheet_new(&options);
    if (command->evaluation == NULL || command->tearsheet == NULL) {
        print_err("out of memory for the report");
        return EXIT_FAILED;
    }
    command->json = json_writer_of(&command->data);
    json_begin_object(&command->json, NULL);
    command->replay.listener = &listener;
    const int code = replay(&command->replay, signals);
    return code == EXIT_GOOD ? finish(command) : code;
}

static bool check(struct report_command *command) {
    if (command->replay.is_json && command->replay.output == NULL) {
        print_err("--json and -o -: both go to the standard output");
        return false;
    }
    return evaluate_options_take(&command->arguments, &command->options);
}

static int run(int argc, char **argv) {
    /* The signal thread may outlive this function. */
    static struct signals signals;
    struct report_command command = {
        .replay = REPLAY_OPTIONS_INIT, .arguments = EVALUATE_OPTIONS_INIT, .cards = DEFAULT_CARDS};
    struct error error = {0};
    int code = EXIT_FAILED;
    text_init(&command.data);
    command.replay.output = DEFAULT_OUTPUT;
    if (replay_parse(&command_report, &command, &command.replay, argc, argv, &code)) {
        if (!check(&command))
            code = usage(&command_report);
        else
            code = signals_start(&signals, &error) ? report(&command, &signals)
                                                   : fail(EXIT_FAILED, &error);
    }
    tearsheet_free(command.tearsheet);
    evaluation_free(command.evaluation);
    text_release(&command.data);
    csv_arg_release(&command.symbols);
    evaluate_options_release(&command.arguments);
    replay_options_release(&command.replay);
    return code;
}

static const struct option_row options[] = {
    {'o', "output", "FILE", OPTION_TEXT(struct report_command, replay.output),
     "where the page goes; - is stdout (default: " DEFAULT_OUTPUT ")"},
    {0, "show", "A,B", OPTION_LIST(struct report_command, symbols),
     "the symbols that the page shows (default: those with the most signals)"},
    {0, "most", "N",
     OPTION_INTEGER(struct report_command, cards, uint64_t, 1, TEARSHEET_MOST_CARDS),
     "how many symbols and time frames it shows at most (default: 24)"},
    OPTIONS_EVALUATE(struct report_command, arguments),
    {0, "json", NULL, OPTION_FLAG(struct report_command, replay.is_json),
     "print what was written, as JSON"},
    OPTIONS_REPLAY(struct report_command, replay),
    OPTIONS_END,
};

const struct command command_report = {
    .name = "report",
    .usage = "[options] [STRATEGY.so... | DIRECTORY] FILE... | -",
    .summary = "a page about a replay: prices, signals, series, equity, figures",
    .description =
        "Replays recordings as `take5 replay` does, and writes one HTML file that a browser opens "
        "from the disk and can print: the prices of each symbol and time frame with the signals on "
        "them, the series that strategies publish, equity, the tables of `take5 "
        "evaluate`, parameters, versions, and hashes of recordings, strategies and configuration. "
        "It fetches nothing. Its size is bounded: curves and signals of long recordings are "
        "thinned for drawing, and marked as such; the figures are computed from everything.",
    .examples = "take5 report ./alpha.so day.jsonl -o alpha.html\n"
                "take5 report -c take5.ini --show QQQ,SPY day.jsonl.zst",
    .options = options,
    .max_operands = OPERANDS_ANY,
    .run = run,
};

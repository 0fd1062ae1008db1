/* Letters through a deployment, with a host whose answers the test gives. */
#include "dlq/dead_letters.h"
#include "ops/redrive_protocol.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST 32

/* What the host was asked, and what it answers by offset (0: GIVEN). */
struct host {
    struct control *control;
    struct log *log;
    size_t count, dry_runs;
    char asked[MOST][256]; /* "TOPIC/PARTITION/OFFSET time key payload" */
    enum redrive_outcome outcomes[MOST];
    const char *refusal; /* a text that is no outcome; NULL: none */
};

static char directory[32], dead_letters[64], ledger[64], socket_path[64];
static struct config config = {.decode = DECODE_LIMITS_DEFAULT};

static bool handle(void *context, const struct control_request *request, struct text *answer) {
    struct host *host = context;
    struct redrive_request dead_letter;
    cr_assert(service_redrive_parse(request, &dead_letter));
    cr_assert_lt(host->count, MOST);
    host->dry_runs += dead_letter.is_dry_run;
    snprintf(host->asked[host->count++], sizeof *host->asked,
             "%s %s/%" PRId32 "/%" PRId64 " %" PRId64 " %.*s %.*s", dead_letter.deployment,
             dead_letter.topic, dead_letter.partition, dead_letter.offset,
             dead_letter.kafka_time_ms, dead_letter.key != NULL ? (int)dead_letter.key_size : 1,
             dead_letter.key != NULL ? dead_letter.key : "-", (int)dead_letter.payload_size,
             dead_letter.payload);
    if (host->refusal != NULL) {
        text_puts(answer, host->refusal);
        return false;
    }
    struct redrive redrive = {.outcome = host->outcomes[dead_letter.offset % MOST],
                              .text = "so it is"};
    if ((int)redrive.outcome == 0)
        redrive.outcome = REDRIVE_GIVEN;
    return service_redrive_answer(&redrive, answer);
}

static void set_up(void) {
    strcpy(directory, "/tmp/take5-through-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(dead_letters, sizeof dead_letters, "%s/dead_letters", directory);
    snprintf(ledger, sizeof ledger, "%s/dead_letters.redriven", directory);
    snprintf(socket_path, sizeof socket_path, "%s/socket", directory);
}

static void tear_down(void) {
    unlink(dead_letters);
    unlink(ledger);
    cr_expect_eq(rmdir(directory), 0);
}

TestSuite(dlq_through, .init = set_up, .fini = tear_down);

static void open_host(struct host *host) {
    struct error error;
    host->log = log_new();
    const struct control_options options = {
        .path = socket_path, .max_body = 4096, .log = host->log, .context = host, .handle = handle};
    host->control = control_new(&options, &error);
    cr_assert_not_null(host->control, "%s", error.text);
}

static void close_host(struct host *host) {
    control_free(host->control);
    log_free(host->log);
}

static void add_dead_letter(int64_t offset, const char *rest) {
    FILE *file = fopen(dead_letters, "a");
    cr_assert_not_null(file);
    fprintf(file,
            "{\"topic\":\"t\",\"partition\":1,\"offset\":%" PRId64 ",\"ts\":5,\"key\":\"K\","
            "\"payload\":\"p%" PRId64 "\",\"headers\":[],%s}\n",
            offset, offset, rest);
    fclose(file);
}

#define REJECTED_BY(name) "\"reason\":\"rejected\",\"message\":\"m\",\"strategy\":\"" name "\""
#define UNUSABLE          "\"reason\":\"not-json\",\"message\":\"m\",\"strategy\":null"

static struct dlq_through run(bool *did, struct error *error, bool is_dry_run) {
    struct dlq_through through = {.deployment = "good",
                                  .socket = socket_path,
                                  .ledger_path = ledger,
                                  .is_dry_run = is_dry_run};
    const struct dlq_source source = {.file = dead_letters, .config = &config};
    const struct dlq_filter filter = {.lost_by = "good", .since_ms = INT64_MIN};
    size_t unreadable = 0;
    error->text[0] = '\0';
    *did = dlq_through(&through, &source, &filter, &unreadable, error);
    cr_expect_eq(unreadable, 0);
    return through;
}

Test(dlq_through, dead_letters_go_as_they_came_and_never_twice) {
    struct host host = {0};
    struct error error;
    bool did;
    open_host(&host);
    add_dead_letter(3, REJECTED_BY("good"));
    add_dead_letter(4, REJECTED_BY("other")); /* good has seen that one */
    add_dead_letter(5, UNUSABLE);
    add_dead_letter(3, REJECTED_BY("good")); /* written twice, as after a crash */
    struct dlq_through through = run(&did, &error, false);
    cr_expect(did, "%s", error.text);
    cr_expect_eq(through.given, 2);
    cr_expect_eq(through.skipped, 1);
    cr_assert_eq(host.count, 2);
    cr_expect_str_eq(host.asked[0], "good t/1/3 5 K p3");
    cr_expect_str_eq(host.asked[1], "good t/1/5 5 K p5");
    through = run(&did, &error, false);
    cr_expect(did);
    cr_expect_eq(through.given, 0);
    cr_expect_eq(through.skipped, 3);
    cr_expect_eq(host.count, 2);
    close_host(&host);
}

Test(dlq_through, what_is_refused_is_not_noted_and_goes_again) {
    struct host host = {.outcomes = {[3] = REDRIVE_REJECTED,
                                     [4] = REDRIVE_ELSEWHERE,
                                     [5] = REDRIVE_SUSPENDED,
                                     [6] = REDRIVE_UNWANTED}};
    struct error error;
    bool did;
    open_host(&host);
    for (int64_t offset = 3; offset < 8; offset++)
        add_dead_letter(offset, REJECTED_BY("good"));
    struct dlq_through through = run(&did, &error, false);
    cr_expect(did, "%s", error.text);
    cr_expect_eq(through.given, 1);
    cr_expect_eq(through.refusals[REDRIVE_REJECTED].count, 1);
    cr_expect_str_eq(through.refusals[REDRIVE_REJECTED].first, "t/1/3: so it is");
    cr_expect_eq(through.refusals[REDRIVE_ELSEWHERE].count, 1);
    cr_expect_eq(through.refusals[REDRIVE_SUSPENDED].count, 1);
    cr_expect_eq(through.refusals[REDRIVE_UNWANTED].count, 1);
    memset(host.outcomes, 0, sizeof host.outcomes);
    through = run(&did, &error, false);
    cr_expect_eq(through.given, 4);
    cr_expect_eq(through.skipped, 1);
    close_host(&host);
}

Test(dlq_through, hopeless_refusal_ends_it) {
    static const enum redrive_outcome hopeless[] = {REDRIVE_UNKNOWN, REDRIVE_UNCONFIRMED,
                                                    REDRIVE_BUSY};
    for (int64_t offset = 3; offset < 6; offset++)
        add_dead_letter(offset, REJECTED_BY("good"));
    for (size_t i = 0; i < sizeof hopeless / sizeof *hopeless; i++) {
        struct host host = {.outcomes = {[3] = hopeless[i]}};
        struct error error;
        bool did;
        open_host(&host);
        const struct dlq_through through = run(&did, &error, false);
        cr_expect_not(did);
        cr_expect_eq(host.count, 1);
        cr_expect_eq(through.refusals[hopeless[i]].count, 1);
        cr_expect_eq(through.given, 0);
        close_host(&host);
    }
}

Test(dlq_through, answer_that_is_no_outcome_is_told_in_the_hosts_words) {
    struct host host = {.refusal = "the host is stopping"};
    struct error error;
    bool did;
    open_host(&host);
    add_dead_letter(3, REJECTED_BY("good"));
    run(&did, &error, false);
    cr_expect_not(did);
    cr_expect_str_eq(error.text, "the host responded: the host is stopping");
    close_host(&host);
}

Test(dlq_through, without_a_host_it_says_where_it_looked) {
    struct error error;
    bool did;
    add_dead_letter(3, REJECTED_BY("good"));
    run(&did, &error, false);
    cr_expect_not(did);
    cr_expect_not_null(strstr(error.text, socket_path), "%s", error.text);
}

Test(dlq_through, trial_promises_what_the_host_would_do_and_notes_nothing) {
    struct host host = {.outcomes = {[5] = REDRIVE_UNWANTED, [6] = REDRIVE_SUSPENDED}};
    struct error error;
    bool did;
    open_host(&host);
    add_dead_letter(3, REJECTED_BY("good"));
    add_dead_letter(3, REJECTED_BY("good"));
    for (int64_t offset = 4; offset < 7; offset++)
        add_dead_letter(offset, UNUSABLE);
    const struct dlq_through through = run(&did, &error, true);
    cr_expect(did, "%s", error.text);
    cr_expect_eq(through.given, 2);
    cr_expect_eq(through.skipped, 1);
    cr_expect_eq(through.refusals[REDRIVE_UNWANTED].count, 1);
    cr_expect_eq(through.refusals[REDRIVE_SUSPENDED].count, 1);
    cr_expect_neq(access(ledger, F_OK), 0);
    cr_expect_eq(host.count, 4);
    cr_expect_eq(host.dry_runs, host.count, "the host was asked to give one");
    close_host(&host);
}

Test(dlq_through, trial_without_a_host_promises_nothing) {
    struct error error;
    bool did;
    add_dead_letter(3, REJECTED_BY("good"));
    const struct dlq_through through = run(&did, &error, true);
    cr_expect_not(did);
    cr_expect_eq(through.given, 0);
}

Test(dlq_through, dead_letter_beyond_the_limit_or_of_an_odd_topic_is_not_sent) {
    struct host host = {0};
    struct error error;
    bool did;
    open_host(&host);
    FILE *file = fopen(dead_letters, "w");
    cr_assert_not_null(file);
    fprintf(file, "{\"topic\":\"t t\",\"partition\":1,\"offset\":3,\"ts\":5,\"key\":null,"
                  "\"payload\":\"p\",\"headers\":[]," UNUSABLE "}\n");
    fprintf(file, "{\"topic\":\"t\",\"partition\":1,\"offset\":4,\"ts\":5,\"key\":null,"
                  "\"payload\":\"");
    for (size_t i = 0; i < config.decode.max_bytes + SERVICE_REDRIVE_KEY_ROOM + 1; i++)
        fputc('x', file);
    fprintf(file, "\",\"headers\":[]," UNUSABLE "}\n");
    fclose(file);
    const struct dlq_through through = run(&did, &error, false);
    cr_expect(did, "%s", error.text);
    cr_expect_eq(through.refusals[REDRIVE_ELSEWHERE].count, 1);
    cr_expect_eq(through.refusals[REDRIVE_UNUSABLE].count, 1);
    cr_expect_eq(host.count, 0);
    close_host(&host);
}

/* ---- the request ---- */

Test(dlq_through, request_survives_the_way_there) {
    static const struct redrive_request cases[] = {
        {"good", "a.b-c_d", 0, 0, RECORD_NO_TIME, NULL, 0, "{}", 2, false},
        {"good", "t", INT32_MAX, INT64_MAX, -1, "", 0, "", 0, true},
        {"good", "t", 1, 2, INT64_MAX, "k\n\0+9", 5, "\0\n ", 3, false},
    };
    struct text line, body;
    text_init(&line);
    text_init(&body);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *words[CONTROL_MAX_WORDS], *rest = NULL;
        struct control_request request = {.words = words};
        struct redrive_request got;
        cr_assert(service_redrive_write(&cases[i], &line, &body));
        for (char *word = strtok_r(line.data, " ", &rest); word != NULL;
             word = strtok_r(NULL, " ", &rest))
            words[request.count++] = word;
        request.body = body.data;
        request.body_size = body.size;
        cr_assert(service_redrive_parse(&request, &got));
        cr_expect(service_redrive_is_asked(words[0]));
        cr_expect_eq(got.is_dry_run, cases[i].is_dry_run);
        cr_expect_str_eq(got.topic, cases[i].topic);
        cr_expect_eq(got.partition, cases[i].partition);
        cr_expect_eq(got.offset, cases[i].offset);
        cr_expect_eq(got.kafka_time_ms, cases[i].kafka_time_ms);
        cr_expect_eq(got.key == NULL, cases[i].key == NULL);
        cr_assert_eq(got.key_size, cases[i].key_size);
        cr_assert_eq(got.payload_size, cases[i].payload_size);
        cr_expect_eq(memcmp(got.payload, cases[i].payload, got.payload_size), 0);
    }
    text_release(&line);
    text_release(&body);
}

Test(dlq_through, request_that_is_none_is_refused) {
    static char *const cases[][7] = {
        {"redrive", "good", "t", "-1", "0", "-", "-"},
        {"redrive", "good", "t", "2147483648", "0", "-", "-"},
        {"redrive", "good", "t", "0", "-1", "-", "-"},
        {"redrive", "good", "t", "0", "x", "-", "-"},
        {"redrive", "good", "t", "0", "0", "now", "-"},
        {"redrive", "good", "t", "0", "0", "-", "4"}, /* longer than the body */
        {"redrive", "good", "t", "0", "0", "-", "-5"},
        {"redrive", "good", "t", "0", "0", "-", "9223372036854775807"},
    };
    struct redrive_request dead_letter;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct control_request request = {
            .words = cases[i], .count = 7, .body = "abc", .body_size = 3};
        cr_expect_not(service_redrive_parse(&request, &dead_letter), "case %zu", i);
    }
    static char *const good[] = {"redrive", "good", "t", "0", "0", "-", "3"};
    cr_expect_not(
        service_redrive_parse(&(struct control_request){.words = good, .count = 7}, &dead_letter),
        "no body");
    cr_expect_not(service_redrive_parse(
        &(struct control_request){.words = good, .count = 6, .body = "abc", .body_size = 3},
        &dead_letter));
    cr_expect(service_redrive_parse(
        &(struct control_request){.words = good, .count = 7, .body = "abc", .body_size = 3},
        &dead_letter));
}

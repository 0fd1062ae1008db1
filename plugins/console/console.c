/*
 * console: prints each message, as the service that take5 replaces did, for whoever knows that
 * sight:
 *
 *     📊 [BAR_TRENDS] Received message:
 *        Key: QQQ
 *        Timestamp: 2024-06-17T21:15:30.000Z
 *        Partition: 0
 *        Offset: 42
 *        Value: {
 *          "symbol": "QQQ",
 *          ...
 *        }
 *
 * and every 100 messages of a partition a line of counts. It prints in live mode alone: a rehearsal
 * must have no effect outside, and a replay's standard output is its signals.
 */
#include <take5/take5.h>

#include <stdlib.h>
#include <time.h>

#define STATE_VERSION 1
#define NS_PER_SECOND 1000000000LL
#define NS_PER_MS     1000000LL

struct role {
    const char *label;
    const char *sign;
};

/* In the order of `topics`, below. */
static const struct role roles[] = {
    {"BAR_TRENDS", "📊"},
    {"HISTORIC_STATS", "📈"},
    {"ASSET_TRENDS", "🔮"},
};
static const char *const topics[] = {"bar_trends", "historic_stats", "asset_trends", NULL};

/* Written to the state as it stands. */
struct counts {
    uint64_t messages;
    uint64_t processed;
    uint64_t errors; /* messages that could not be printed */
};

/* Text that grows; whoever finds `is_oom` set ran out of memory. */
struct page {
    char *data;
    size_t len;
    size_t capacity;
    int is_oom;
};

struct console {
    t5_host *host;
    int32_t partition;
    int is_printing;
    uint64_t every;         /* print each n-th message */
    uint64_t summary_every; /* 0: never */
    int shows_value;
    struct counts counts;
    struct page page; /* one message is one write, so that lanes do not mix theirs */
};

/* ---- text ---- */

static void page_add(struct page *page, const char *data, size_t len) {
    if (len > page->capacity - page->len) {
        size_t capacity = page->capacity > 0 ? page->capacity : 4096;
        while (capacity - page->len < len)
            capacity *= 2;
        char *grown = realloc(page->data, capacity);
        if (grown == NULL) {
            page->is_oom = 1;
            return;
        }
        page->data = grown;
        page->capacity = capacity;
    }
    memcpy(page->data + page->len, data, len);
    page->len += len;
}

static void page_add_text(struct page *page, const char *text) {
    page_add(page, text, strlen(text));
}

/* How many bytes of what a terminal would obey begin at `i`: a control character, in one byte or in
 * UTF-8's two (C1), or a mark that turns the direction of writing; 0: none. */
static size_t steering_size(t5_str text, size_t i) {
    const unsigned char *at = (const unsigned char *)text.data + i;
    const size_t left = text.len - i;
    if (at[0] < 0x20 || at[0] == 0x7f)
        return 1;
    if (left > 1 && at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
        return 2;
    if (left > 2 && at[0] == 0xe2 && at[1] == 0x80 &&
        (at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xa8 && at[2] <= 0xae)))
        return 3;
    if (left > 2 && at[0] == 0xe2 && at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9)
        return 3;
    return 0;
}

/* A key may be any bytes; a terminal must not obey them. */
static void page_add_printable(struct page *page, t5_str text) {
    for (size_t i = 0; i < text.len;) {
        const size_t steering = steering_size(text, i);
        page_add(page, steering > 0 ? "?" : &text.data[i], 1);
        i += steering > 0 ? steering : 1;
    }
}

static void page_add_integer(struct page *page, long long value) {
    char text[32];
    snprintf(text, sizeof text, "%lld", value);
    page_add_text(page, text);
}

static void page_add_time(struct page *page, int64_t time_ns) {
    const time_t seconds = (time_t)(time_ns / NS_PER_SECOND);
    const int ms = (int)(time_ns % NS_PER_SECOND / NS_PER_MS);
    struct tm utc;
    char text[64];
    if (time_ns < 0 || gmtime_r(&seconds, &utc) == NULL) {
        page_add_integer(page, time_ns / NS_PER_MS);
        return;
    }
    const size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + len, sizeof text - len, ".%03dZ", ms);
    page_add_text(page, text);
}

/* ---- JSON ---- */

/* Where every line of a value begins: under its label. */
#define MARGIN 3

static void page_add_line_break(struct page *page, size_t depth) {
    page_add(page, "\n", 1);
    for (size_t i = 0; i < MARGIN + 2 * depth; i++)
        page_add(page, " ", 1);
}

static int is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Where the string that begins at `i` ends: behind its closing quote. */
static size_t string_end(t5_str json, size_t i) {
    for (i++; i < json.len && json.data[i] != '"'; i++) {
        if (json.data[i] == '\\')
            i++;
    }
    return i < json.len ? i + 1 : json.len;
}

/* Whether nothing but space stands between the bracket before `i` and its closing one; then `*end`
 * is behind that. */
static int is_empty_inside(t5_str json, size_t i, size_t *end) {
    while (i < json.len && is_space(json.data[i]))
        i++;
    if (i == json.len || (json.data[i] != '}' && json.data[i] != ']'))
        return 0;
    *end = i + 1;
    return 1;
}

/* Lays the document out with two spaces a level, numbers and strings as they came. The host has
 * checked that it is JSON; a text that is none would come out ugly, not wrong. */
static void page_add_json(struct page *page, t5_str json) {
    size_t depth = 0;
    for (size_t i = 0; i < json.len;) {
        const char c = json.data[i];
        size_t end = i + 1;
        if (is_space(c)) {
            i = end;
            continue;
        }
        if (c == '"') {
            end = string_end(json, i);
            page_add_printable(page, (t5_str){json.data + i, end - i});
        } else if ((c == '{' || c == '[') && is_empty_inside(json, end, &end)) {
            page_add(page, c == '{' ? "{}" : "[]", 2);
        } else if (c == '{' || c == '[') {
            page_add(page, &c, 1);
            page_add_line_break(page, ++depth);
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
            page_add_line_break(page, depth);
            page_add(page, &c, 1);
        } else if (c == ',') {
            page_add(page, ",", 1);
            page_add_line_break(page, depth);
        } else if (c == ':') {
            page_add(page, ": ", 2);
        } else {
            page_add(page, &c, 1);
        }
        i = end;
    }
}

/* ---- what is printed ---- */

static void page_add_message(struct page *page, const t5_message *message, int with_value) {
    const struct role *role = &roles[message->topic];
    page_add_text(page, role->sign);
    page_add_text(page, " [");
    page_add_text(page, role->label);
    page_add_text(page, "] Received message:\n   Key: ");
    if (message->flags & T5_MESSAGE_HAS_KEY)
        page_add_printable(page, message->key);
    else
        page_add_text(page, "None");
    page_add_text(page, "\n   Timestamp: ");
    page_add_time(page, message->flags & T5_MESSAGE_HAS_KAFKA_TIME ? message->kafka_time_ns
                                                                   : message->event_time_ns);
    page_add_text(page, "\n   Partition: ");
    page_add_integer(page, message->partition);
    page_add_text(page, "\n   Offset: ");
    page_add_integer(page, message->offset);
    if (with_value) {
        page_add_text(page, "\n   Value: ");
        page_add_json(page, message->payload);
    }
    page_add_text(page, "\n");
}

static void page_add_counts(struct page *page, int32_t partition, const struct counts *counts) {
    page_add_text(page, "📊 Partition ");
    page_add_integer(page, partition);
    page_add_text(page, ": messages ");
    page_add_integer(page, (long long)counts->messages);
    page_add_text(page, ", processed ");
    page_add_integer(page, (long long)counts->processed);
    page_add_text(page, ", errors ");
    page_add_integer(page, (long long)counts->errors);
    page_add_text(page, "\n");
}

/* One write, under stdio's own lock. False when memory was short or the terminal is gone. */
static int page_print(struct page *page) {
    const int is_whole = !page->is_oom && fwrite(page->data, 1, page->len, stdout) == page->len &&
                         fflush(stdout) == 0;
    page->len = 0;
    page->is_oom = 0;
    return is_whole;
}

static int32_t on_message(void *self, const t5_message *message) {
    struct console *c = self;
    c->counts.messages++;
    const int is_shown = c->is_printing && c->counts.messages % c->every == 0 &&
                         message->topic < sizeof roles / sizeof roles[0];
    if (is_shown)
        page_add_message(&c->page, message, c->shows_value);

    int is_printed = 1;
    if (c->page.len > 0 || c->page.is_oom)
        is_printed = page_print(&c->page);
    if (is_printed)
        c->counts.processed++;
    else
        c->counts.errors++;

    if (c->is_printing && c->summary_every > 0 && c->counts.messages % c->summary_every == 0) {
        page_add_counts(&c->page, c->partition, &c->counts);
        (void)page_print(&c->page);
    }
    return is_printed ? T5_OK : t5_fail(c->host, "cannot write to standard output");
}

/* ---- life ---- */

static int32_t create(const t5_create_args *args, void **self) {
    struct console *c = calloc(1, sizeof *c);
    if (c == NULL)
        return t5_fail(args->host, "out of memory");
    c->host = args->host;
    c->partition = args->partition;
    c->every = (uint64_t)t5_parameter_integer(args->host, "every");
    c->summary_every = (uint64_t)t5_parameter_integer(args->host, "summary_every");
    c->shows_value = t5_parameter_integer(args->host, "value") != 0;
    *self = c;
    return T5_OK;
}

static void activate(void *self, const t5_activate_args *args) {
    struct console *c = self;
    c->is_printing = args->mode == T5_MODE_LIVE;
}

static void destroy(void *self) {
    struct console *c = self;
    free(c->page.data);
    free(c);
}

static int32_t save(void *self, const t5_save_args *args) {
    struct console *c = self;
    (void)args;
    return t5_record_write(c->host, T5_NO_SYMBOL, &c->counts, sizeof c->counts);
}

static int32_t load(void *self, const t5_load_args *args) {
    struct console *c = self;
    t5_record record;
    if (args->state_version != STATE_VERSION)
        return t5_fail(c->host, "state of version %u, this console reads %d", args->state_version,
                       STATE_VERSION);
    if (t5_record_read(c->host, &record) != T5_OK || record.data_size != sizeof c->counts)
        return t5_fail(c->host, "the state is not one record of %zu bytes", sizeof c->counts);
    memcpy(&c->counts, record.data, sizeof c->counts);
    return T5_OK;
}

static const t5_parameter every = {
    .size = sizeof every,
    .type = T5_PARAMETER_INTEGER,
    .name = "every",
    .help = "prints one message of so many",
    .default_value = "1",
    .min = "1",
    .max = "1000000000",
};
static const t5_parameter summary_every = {
    .size = sizeof summary_every,
    .type = T5_PARAMETER_INTEGER,
    .name = "summary_every",
    .help = "messages of a partition between two lines of counts; 0: none",
    .default_value = "100",
    .min = "0",
    .max = "1000000000",
};
static const t5_parameter value = {
    .size = sizeof value,
    .type = T5_PARAMETER_BOOLEAN,
    .name = "value",
    .help = "prints the message's value, as indented JSON",
    .default_value = "yes",
};
static const t5_parameter *const parameters[] = {&every, &summary_every, &value, NULL};

T5_STRATEGY("console", "1.0.0", .summary = "prints each message", .topics = topics,
            .scope = T5_SCOPE_KEYED, .state_version = STATE_VERSION, .parameters = parameters,
            .create = create, .destroy = destroy, .load = load, .activate = activate,
            .on_message = on_message, .save = save);

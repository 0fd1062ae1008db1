#include "engine/crash/crash_text.h"

#include "base/clock.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>

struct writer {
    char *text;
    size_t size, length;
};

static void put(struct writer *writer, const char *text) {
    while (*text != '\0' && writer->length + 1 < writer->size)
        writer->text[writer->length++] = *text++;
}

/* A value that another line could hide in stays one line. */
static void put_value(struct writer *writer, const char *text) {
    for (; *text != '\0' && writer->length + 1 < writer->size; text++)
        writer->text[writer->length++] = (unsigned char)*text < ' ' ? '?' : *text;
}

char *crash_digits(int64_t number, char buffer[24]) {
    char *at = buffer + 23;
    uint64_t rest = number < 0 ? (uint64_t)0 - (uint64_t)number : (uint64_t)number;
    *at = '\0';
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        *--at = '-';
    return at;
}

static void put_hex(struct writer *writer, uint64_t number) {
    char buffer[24];
    char *at = buffer + 23;
    *at = '\0';
    do {
        *--at = "0123456789abcdef"[number % 16];
        number /= 16;
    } while (number > 0);
    put(writer, "0x");
    put(writer, at);
}

static void put_line(struct writer *writer, const char *key, const char *value) {
    put(writer, key);
    put(writer, " = ");
    put_value(writer, value);
    put(writer, "\n");
}

static void put_number(struct writer *writer, const char *key, int64_t number) {
    char buffer[24];
    put_line(writer, key, crash_digits(number, buffer));
}

/* Seconds with nine digits behind the point. */
static void put_time(struct writer *writer, int64_t time_ns) {
    char seconds[24], rest[24];
    put(writer, "time = ");
    put(writer, crash_digits(time_ns / NS_PER_S, seconds));
    put(writer, ".");
    put(writer, crash_digits(NS_PER_S + time_ns % NS_PER_S, rest) + 1);
    put(writer, "\n");
}

const char *crash_what_name(int32_t what) {
    static const struct {
        int32_t what;
        const char *name;
    } names[] = {{CALL_TABLE_HANG, "hang"},
                 {CALL_TABLE_EXIT, "exit"},
                 {CALL_TABLE_THREAD_END, "thread ended"},
                 {CALL_TABLE_KILL, "kill"},
                 {SIGTERM, "SIGTERM"},
                 {SIGINT, "SIGINT"},
                 {SIGHUP, "SIGHUP"},
                 {SIGUSR1, "SIGUSR1"},
                 {SIGCHLD, "SIGCHLD"},
                 {SIGPIPE, "SIGPIPE"},
                 {SIGSEGV, "SIGSEGV"},
                 {SIGBUS, "SIGBUS"},
                 {SIGFPE, "SIGFPE"},
                 {SIGILL, "SIGILL"},
                 {SIGABRT, "SIGABRT"},
                 {SIGTRAP, "SIGTRAP"},
                 {SIGSYS, "SIGSYS"},
                 {SIGXCPU, "SIGXCPU"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].what == what)
            return names[i].name;
    }
    return "unexplained";
}

static void put_who(struct writer *writer, const struct call_table_trace *trace) {
    if (!trace->is_named) {
        put_line(writer, "current_call", "no strategy");
        return;
    }
    put_line(writer, "deployment", trace->name.deployment);
    put_line(writer, "strategy", trace->name.strategy);
    put_line(writer, "version", trace->name.version);
    put_number(writer, "generation", trace->name.generation);
    put_line(writer, "hash", trace->name.hash);
    put_line(writer, "callback", callback_name((enum callback)trace->callback));
    put_line(writer, "topic", trace->topic[0] != '\0' ? trace->topic : "none");
    put_number(writer, "partition", trace->partition);
    put_number(writer, "offset", trace->offset);
}

static void put_frames(struct writer *writer, const struct call_table_trace *trace) {
    if (trace->frame_count > 0)
        put(writer, "frames:\n");
    for (uint32_t i = 0; i < trace->frame_count; i++) {
        const uint64_t frame = trace->frames[i];
        const bool is_its =
            trace->is_named && frame >= trace->name.code_from && frame < trace->name.code_to;
        put(writer, "  ");
        if (is_its) { /* as `addr2line -e FILE` takes it */
            put_value(writer, trace->name.deployment);
            put(writer, "+");
        }
        put_hex(writer, is_its ? frame - trace->name.code_from : frame);
        put(writer, "\n");
    }
}

size_t crash_text(const struct call_table_trace *trace, char *text, size_t size) {
    struct writer writer = {.text = text, .size = size};
    put(&writer, "take5 crashed\n");
    put_line(&writer, "what", crash_what_name(trace->what));
    put_line(&writer, "certain", trace->is_certain ? "yes" : "no");
    put_time(&writer, trace->time_ns);
    put_number(&writer, "process", trace->pid);
    put_who(&writer, trace);
    if (trace->address != 0) {
        put(&writer, "address = ");
        put_hex(&writer, trace->address);
        put(&writer, "\n");
    }
    if (trace->at[0] != '\0')
        put_line(&writer, "at", trace->at);
    put_frames(&writer, trace);
    text[writer.length] = '\0';
    return writer.length;
}

/* A line for each of the lines that follow the first one. */
static void put_stack(struct writer *writer, const char *lines) {
    if (*lines != '\0')
        put(writer, "stack:\n");
    for (bool is_begin = true; *lines != '\0' && writer->length + 1 < writer->size; lines++) {
        if (is_begin)
            put(writer, "  ");
        is_begin = *lines == '\n';
        put(writer, (char[]){*lines, '\0'});
    }
}

size_t crash_place_text(const char *located, char *text, size_t size) {
    struct writer writer = {.text = text, .size = size};
    const char *end = strchrnul(located, '\n');
    if (end > located) {
        put(&writer, "at = ");
        for (const char *at = located; at < end; at++)
            put(&writer, (char[]){*at, '\0'});
        put(&writer, "\n");
    }
    put_stack(&writer, *end == '\n' ? end + 1 : end);
    text[writer.length] = '\0';
    return writer.length;
}

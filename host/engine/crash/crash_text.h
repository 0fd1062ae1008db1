/*
 * engine/crash/crash_text.h - a trace (call_table.h) as the lines of a crash file.
 * Async-signal-safe.
 */
#ifndef TAKE5_ENGINE_CRASH_CRASH_TEXT_H
#define TAKE5_ENGINE_CRASH_CRASH_TEXT_H

#include "engine/crash/call_table.h"

#include <stddef.h>
#include <stdint.h>

#define CRASH_TEXT_SIZE 4096

/* "SIGSEGV", "hang", "exit", "thread ended" or "unexplained". */
const char *crash_what_name(int32_t what);

/* Gives the length. What does not fit is cut. */
size_t crash_text(const struct call_table_trace *trace, char *text, size_t size);

/* What locate() answered, as lines of a crash file that follow those of its trace: the place in the
 * strategy and the stack. Gives the length. */
size_t crash_place_text(const char *located, char *text, size_t size);

/* The number in decimal digits; gives where they begin in the buffer. */
char *crash_digits(int64_t number, char buffer[24]);

#endif

/*
 * engine/crash/crash_report.h - what a dying process reports: the note, the crash file, stderr,
 * then the function and the line. Inside this room.
 *
 * It holds what crash_install() found: the table of what is under way, and where files go. But for
 * crash_report_open() and crash_report_hang() everything is async-signal-safe.
 */
#ifndef TAKE5_ENGINE_CRASH_CRASH_REPORT_H
#define TAKE5_ENGINE_CRASH_CRASH_REPORT_H

#include "engine/crash/crash.h"

#include <signal.h>

/* Makes STATE_DIR/crash and opens the table; `former` gets what an earlier process left. Main
 * thread, before any handler is installed. */
bool crash_report_open(const struct config *config, const struct crash_options *options,
                       struct call_table_former *former, struct error *error);
/* NULL: not opened. */
struct call_table *crash_report_table(void);
/* False in a child that a strategy forked. */
bool crash_report_is_host(void);

/* From now on the process ends within some seconds, whatever hangs. */
void crash_report_limit_time(void);
/* Notes and reports how the process ends. `what` is a signal or of enum call_table_what, `address`
 * what a fault was about, `at` where the fault was (NULL: this thread called, and did not fault).
 */
void crash_report(int32_t what, bool is_certain, const struct current_call *current_call,
                  uint64_t address, void *at);

/* The same of a callback that hangs, by another thread, which asks the one that hangs for its
 * stack by a signal: */
void crash_report_hang(const struct current_call *current_call);
/* whether this signal is that question, to this thread; */
bool crash_report_is_asked(int number, const siginfo_t *info);
/* and its answer, `at` being where the thread was. */
void crash_report_show_stack(void *at);

#endif

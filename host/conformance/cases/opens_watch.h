/*
 * conformance/cases/opens_watch.h - which files a thread opens while it is looked at.
 *
 * By a seccomp filter that turns open, openat, openat2 and creat into SIGSYS, whose handler notes
 * the path and makes the call itself. Once begun it stays for the life of the process: for a
 * process that tries one thing and ends.
 */
#ifndef TAKE5_CONFORMANCE_CASES_OPENS_WATCH_H
#define TAKE5_CONFORMANCE_CASES_OPENS_WATCH_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define OPENS_MOST      8 /* different paths that are reported */
#define OPENS_PATH_SIZE 256

struct opened_file {
    char path[OPENS_PATH_SIZE]; /* cut there */
    size_t times;
};

struct opens {
    struct opened_file files[OPENS_MOST];
    size_t file_count;
    size_t others; /* opened besides */
};

/* Only of this thread, into `opens`, which must live as long as the process. Nothing is noted yet.
 * False: this kernel or machine cannot. */
bool opens_watch_begin(struct opens *opens, struct error *error);
/* Whether what is opened from now on is noted. */
void opens_watch_note(bool does_note);

#endif

/*
 * os/locate.h - the function and the line of source that a crashing process stands in.
 *
 * Debug information is read by another process (os/errand.h: `take5 locate`, host/backtrace), which
 * is given the addresses and where files are mapped. What it does, and however damaged a file is,
 * costs this process only time.
 */
#ifndef TAKE5_OS_LOCATE_H
#define TAKE5_OS_LOCATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCATE_COMMAND   "locate"
#define LOCATE_FRAMES    32
#define LOCATE_DIRECTORY 1024
#define LOCATE_ANSWER    4096
#define LOCATE_PLACE     200 /* bytes of a place at most, with its NUL */

/* Plain values: what goes through the pipe. */
struct locate_request {
    char directory[LOCATE_DIRECTORY]; /* below it lie the files that the place is looked for in,
                                         as the kernel names them (realpath) */
    uint64_t frames[LOCATE_FRAMES];   /* of a stack, innermost first */
    uint32_t count;
    uint32_t is_exact; /* the first one is the instruction that failed: else a return address */
};

/* Takes the frames of a stack as backtrace() gives them. `at`: the instruction that failed, which
 * comes first; what a handler put before it is left out. NULL: there is none. */
void locate_set_frames(struct locate_request *request, const void *at, void *const *frames,
                       size_t count);

/*
 * "on_message (alpha.c:42)", or, as far as the file has no debug information, "on_message+0x14
 * (alpha.so)" or "alpha.so+0x1139"; a line feed, then the whole stack, a line each. Gives the size,
 * 0 when it cannot be found. The first line is empty when no frame lies in such a file.
 * Async-signal-safe; takes some seconds at most.
 */
size_t locate(const struct locate_request *request, char answer[LOCATE_ANSWER]);

#endif

/*
 * backtrace/locate_serve.h - answers what a crashing process asks (os/locate.h).
 */
#ifndef TAKE5_BACKTRACE_LOCATE_SERVE_H
#define TAKE5_BACKTRACE_LOCATE_SERVE_H

#include "base/text.h"
#include "os/locate.h"

#include <stdbool.h>

/* Reads a request from `input` and writes its answer to `output`; `maps` is the other's
 * /proc/PID/maps. False: it was no request, or the answer could not be written. */
bool locate_serve(int input, int output, int maps);

/* "alpha.so" for the path of a private copy (strategy/plugin/generation.h), and for that of a
 * library "libx.so". */
void locate_file_name(const char *path, char *name, size_t size);

#endif

/*
 * conformance/script/feed_paths.h - which paths the feed's documentation knows
 * (host/doc/messages.md).
 */
#ifndef TAKE5_CONFORMANCE_SCRIPT_FEED_PATHS_H
#define TAKE5_CONFORMANCE_SCRIPT_FEED_PATHS_H

#include <stdbool.h>

/* Whether it names one of the field path's alternatives. What lies below a member whose own members
 * it does not list is not known. */
bool feed_path_is_documented(const char *path);

/* A number above 0 for the quantities of a trend line, which stand at one of several places: the
 * same one for paths that are alternatives of each other. 0: any other path. */
int feed_path_quantity(const char *path);

#endif

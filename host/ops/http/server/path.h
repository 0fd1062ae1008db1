/*
 * ops/http/server/path.h - paths, forms and Host headers as text.
 *
 * A path is split at its slashes first and decoded then: "BTC%2FUSDT" is one part, as "%00" and
 * "%2e%2e" are nothing but bytes of theirs.
 */
#ifndef TAKE5_OPS_HTTP_SERVER_PATH_H
#define TAKE5_OPS_HTTP_SERVER_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes %XX; a percent sign without two hexadecimal digits stays. Gives the size of what is
 * written, or `room` + 1 when it does not fit. What is written may hold NUL and is not terminated.
 */
size_t http_decode(const char *raw, size_t raw_size, char *to, size_t room);

/* Whether the path, as it came, is the pattern: "/a/b", or "/a/{b}", whose braces stand for one
 * part that is not empty. Each part is compared whole, decoded. That of the braces goes into
 * `parameter`, whose room is `*size`, and sets it; too long for it is no match. */
bool http_path_is(const char *pattern, const char *raw, char *parameter, size_t *size);

/* Whether a Host header, with or without a port, is an address, localhost, or one of the names
 * (NULL: none; ends with NULL) in any case. A page of the web that lets its own name lead here (DNS
 * rebinding) is neither. */
bool http_host_is_known(const char *host, char *const *names);

#endif

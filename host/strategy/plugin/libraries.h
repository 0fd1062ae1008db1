/*
 * strategy/plugin/libraries.h - the libraries that belong to a strategy: what it needs, directly or
 * through another one, and finds beside itself.
 *
 * Beside itself means: by an entry with $ORIGIN of the file's own search path, wherever that leads;
 * by another entry, or by a needed name that is a path, in the strategy's directory or below it,
 * however that is written; or in the directory of the file that needs it, or of the strategy.
 * Everything else is the system's (also what LD_LIBRARY_PATH or the loader's cache finds), shared
 * by all and as it was when it was loaded first; so are the C and C++ runtimes, wherever they lie,
 * of which a process can have but one. What a strategy opens by dlopen() itself is not seen here.
 */
#ifndef TAKE5_STRATEGY_PLUGIN_LIBRARIES_H
#define TAKE5_STRATEGY_PLUGIN_LIBRARIES_H

#include "os/trust.h"
#include "strategy/plugin/strategy_bytes.h"

/* Fills libraries, unique_count and static_tls of a file whose bytes are there. Each library is
 * opened as `trust` says. With `kept` they are looked for in that directory alone, which is private
 * (os/private_file.h). On failure the error says which library is no good. */
bool libraries_read(struct strategy_file *file, const struct trust *trust, const char *kept,
                    struct error *error);
void libraries_release(struct strategy_file *file);

/* Of all bytes together; of the file's alone when it has no library. */
struct hash libraries_hash(const struct strategy_file *file);

#endif

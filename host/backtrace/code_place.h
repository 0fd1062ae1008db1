/*
 * backtrace/code_place.h - the function and the line of source at an address in a file: from its
 * debug information, else from its symbols. Nothing is fetched from elsewhere.
 *
 * Files are anybody's, and the library that reads them (elfutils) may not bear all that they can
 * hold: for a separate process (os/locate.h).
 */
#ifndef TAKE5_BACKTRACE_CODE_PLACE_H
#define TAKE5_BACKTRACE_CODE_PLACE_H

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

struct code_file;

/* NULL: it is no ELF file, or cannot be read. */
struct code_file *code_file_open(const char *path);
void code_file_close(struct code_file *file);

/* The address at which the byte at `offset` of the file is mapped, as its program headers say.
 * False: it is not. */
bool code_file_address(const struct code_file *file, uint64_t offset, uint64_t *address);

/*
 * Adds "on_message (alpha.c:42)"; without debug information "on_message+0x14 (NAME)"; without a
 * symbol "NAME+0x1139". Of inlined code it is the function as written. `is_return`: the address is
 * that behind a call, and the call is meant. `file` NULL: as of a file without anything.
 */
void code_place_add(struct code_file *file, const char *name, uint64_t address, bool is_return,
                    struct text *text);

#endif

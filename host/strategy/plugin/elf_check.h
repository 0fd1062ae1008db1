/*
 * strategy/plugin/elf_check.h - what the bytes of a strategy's file say, by libelf, without running
 * them.
 */
#ifndef TAKE5_STRATEGY_PLUGIN_ELF_CHECK_H
#define TAKE5_STRATEGY_PLUGIN_ELF_CHECK_H

#include "strategy/plugin/strategy_bytes.h"

/* Checks `bytes` and `size` of the file and fills everything from the note on. The error's text
 * does not name the file. */
bool elf_check(struct strategy_file *file, struct error *error);

/* The same of a library that a strategy needs: a shared object of this machine, complete. Fills
 * nothing. */
bool elf_check_library(struct strategy_file *file, struct error *error);

#endif

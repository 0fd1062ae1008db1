/*
 * conformance/heap.h - an environment in which glibc notices writes beyond a block.
 *
 * glibc's debugging allocator (libc_malloc_debug, from 2.34 on) puts a mark behind every block and
 * looks at it when the block is freed: a strategy that writes a byte too much aborts there, and the
 * case fails, instead of working by luck. It is loaded by the dynamic linker, so it is asked for in
 * the environment of a child.
 */
#ifndef TAKE5_CONFORMANCE_HEAP_H
#define TAKE5_CONFORMANCE_HEAP_H

#include <stdbool.h>

/*
 * `environment` (like environ) and the checks; release with free(): the texts belong to it or to
 * `environment`. NULL when it cannot be: no such library, another library is loaded already by
 * LD_PRELOAD, this program has a sanitizer's allocator, or no memory. Then `environment` itself
 * will do.
 */
char **conformance_heap_environment(char **environment);

#endif

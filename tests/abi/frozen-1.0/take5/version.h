/*
 * take5/version.h - the version of the ABI, and how symbols cross the border.
 *
 * The rule: a host loads a strategy when the ABI major is the same and the minor that the strategy
 * *requires* is not above the host's. Structs only grow at their end, so a strategy built against
 * an older minor keeps loading, and one built against a newer minor loads as long as it does not
 * require what this host lacks.
 *
 * History
 *   1.0  the first.
 */
#ifndef TAKE5_VERSION_H
#define TAKE5_VERSION_H

#define T5_ABI_MAJOR 1
#define T5_ABI_MINOR 0

/*
 * The lowest minor that this strategy can work with. The default is the safe one: the minor it is
 * built with. Define it before the first include to something lower when every newer member is
 * guarded by T5_HAS(), so that older hosts can load the strategy too.
 */
#ifndef T5_ABI_MINOR_REQUIRED
#define T5_ABI_MINOR_REQUIRED T5_ABI_MINOR
#endif

/* Says whether the struct that `ptr` points to, as the other side filled it, has `member`. */
#define T5_HAS(type, ptr, member)                                                                  \
    ((size_t)(ptr)->size >= offsetof(type, member) + sizeof(((type *)0)->member))

#if defined(__cplusplus)
#define T5_EXTERN_C extern "C"
#else
#define T5_EXTERN_C
#endif

/* The one symbol of a strategy that must be visible when it is built with hidden visibility. */
#define T5_EXPORT __attribute__((visibility("default")))

#endif

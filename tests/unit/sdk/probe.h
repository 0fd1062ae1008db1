/*
 * A strategy that does what its messages say: for tests of the kit itself.
 *
 * Field "do" of a message names a deed; "n" is its number, "text" its text. It counts the messages
 * of each symbol and saves the counts.
 */
#ifndef TESTS_SDK_PROBE_H
#define TESTS_SDK_PROBE_H

#include <take5/take5.h>

/* Static: linked into the test, as an author would do it with his own source. */
extern const t5_strategy probe_strategy;

#endif

/*
 * base/secret.h - removes a secret from a text that quotes it, and leaves the rest readable.
 */
#ifndef TAKE5_BASE_SECRET_H
#define TAKE5_BASE_SECRET_H

#include <stddef.h>

/*
 * Puts *** in place of the secret wherever `text` quotes it. A secret that cannot be distinguished
 * from other words (shorter than 4 bytes), and one that is quoted in part, take the whole text with
 * them. `size` is that of the text's memory, at least 4.
 */
void secret_hide(char *text, size_t size, const char *secret);

#endif

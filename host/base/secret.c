#include "base/secret.h"

#include <stdio.h>
#include <string.h>

#define SHORTEST 4 /* that is not found in other words by chance */
#define MASK     "***"

/* Whether the text may quote a part of it: its beginning, as a text that was cut off has it. */
static int quotes_part(const char *text, const char *secret) {
    char head[SHORTEST + 1];
    snprintf(head, sizeof head, "%s", secret);
    return strstr(text, head) != NULL;
}

void secret_hide(char *text, size_t size, const char *secret) {
    const size_t length = strlen(secret);
    for (char *found; length >= SHORTEST && (found = strstr(text, secret)) != NULL;) {
        memcpy(found, MASK, strlen(MASK));
        memmove(found + strlen(MASK), found + length, strlen(found + length) + 1);
    }
    if (length > 0 && quotes_part(text, secret))
        snprintf(text, size, MASK);
}

/* Why something cannot be decided. */
#include "commands/proof/prove_private.h"

#include "base/array.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 4, 0))) static void add(struct proof *proof, const char *deployment,
                                                      bool is_of_hand, const char *format,
                                                      va_list args) {
    struct text text;
    text_init(&text);
    text_vprintf(&text, format, args);
    struct doubt doubt = {.deployment = deployment != NULL ? strdup(deployment) : NULL,
                          .text = text_take(&text),
                          .is_of_hand = is_of_hand};
    if ((deployment != NULL && doubt.deployment == NULL) || doubt.text == NULL ||
        !ARRAY_GROW(proof->doubts, proof->doubt_count, proof->doubt_capacity)) {
        free(doubt.deployment);
        free(doubt.text);
        proof->is_oom = true;
        return;
    }
    proof->doubts[proof->doubt_count++] = doubt;
}

void prove_doubt(struct proof *proof, const char *deployment, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add(proof, deployment, false, format, args);
    va_end(args);
}

void prove_differ(struct proof *proof, const char *deployment, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add(proof, deployment, true, format, args);
    va_end(args);
}

bool prove_is_doubted(const struct proof *proof, const char *deployment) {
    for (size_t i = 0; i < proof->doubt_count; i++) {
        const struct doubt *doubt = &proof->doubts[i];
        if (doubt->deployment != NULL && !doubt->is_of_hand &&
            strcmp(doubt->deployment, deployment) == 0)
            return true;
    }
    return false;
}

const char *prove_time(int64_t time_ms, char text[40]) {
    struct text time;
    text_init(&time);
    text_time_ns(&time, time_ms * NS_PER_MS);
    snprintf(text, 40, "%s", time.data != NULL ? time.data : "?");
    text_release(&time);
    return text;
}

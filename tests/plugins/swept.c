/*
 * Says a side by the cents of the price and two parameters, so that a test can tell what each value
 * of them has to give.
 */
#include "plugin.h"

#include <math.h>
#include <stdlib.h>

static const t5_parameter modulus = {.size = sizeof modulus,
                                     .type = T5_PARAMETER_INTEGER,
                                     .name = "modulus",
                                     .help = "cents are taken modulo this",
                                     .default_value = "5",
                                     .min = "2",
                                     .max = "1000"};
static const t5_parameter weight = {.size = sizeof weight,
                                    .type = T5_PARAMETER_NUMBER,
                                    .name = "weight",
                                    .help = "of the value",
                                    .default_value = "1",
                                    .min = "-10",
                                    .max = "10"};
static const t5_parameter *const parameters[] = {&modulus, &weight, NULL};

struct swept {
    t5_host *host;
    int64_t modulus;
    double weight;
};

static int32_t create(const t5_create_args *args, void **self) {
    struct swept *s = calloc(1, sizeof *s);
    if (s == NULL)
        return t5_fail(args->host, "out of memory");
    s->host = args->host;
    s->modulus = t5_parameter_integer(args->host, "modulus");
    s->weight = t5_parameter_number(args->host, "weight");
    *self = s;
    return T5_OK;
}

static void destroy(void *self) {
    free(self);
}

static int32_t on_message(void *self, const t5_message *message) {
    const struct swept *s = self;
    if ((message->flags & T5_MESSAGE_HAS_PRICE) == 0)
        return T5_OK;
    const long long rest = llround(message->price * 100) % s->modulus;
    if (rest > 1)
        return T5_OK;
    const t5_signal signal = t5_signal_init("rest", s->weight * (rest == 0 ? 1 : -1), 0.5);
    return t5_emit(s->host, &signal);
}

T5_STRATEGY("swept", "1.0.0", .topics = bar_trends, .parameters = parameters, .side = T5_SIDE_VALUE,
            .create = create, .destroy = destroy, .on_message = on_message);

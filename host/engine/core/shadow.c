#include "engine/core/shadow.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/sync/counter.h"
#include "comparison/comparison.h"

#include <stdlib.h>

struct shadow *shadow_new(void) {
    struct shadow *shadow = calloc(1, sizeof *shadow);
    if (shadow == NULL)
        return NULL;
    pthread_mutex_init(&shadow->lock, NULL);
    shadow->began_ns = clock_wall_ns();
    return shadow;
}

/* ---- a side ---- */

static void forget_side(struct shadow_side *side) {
    for (size_t i = 0; i < side->count; i++)
        delivery_release(side->deliveries[i]);
    side->count = 0;
}

static void release_side(struct shadow_side *side) {
    forget_side(side);
    free(side->deliveries);
    free(side->signals);
}

static void forget_place(struct shadow *shadow) {
    forget_side(&shadow->sides[SHADOW_ORIGINAL]);
    forget_side(&shadow->sides[SHADOW_ITSELF]);
    shadow->is_incomplete = false;
}

void shadow_free(struct shadow *shadow) {
    if (shadow == NULL)
        return;
    lock_alone(shadow_lock);
    release_side(&shadow->sides[SHADOW_ORIGINAL]);
    release_side(&shadow->sides[SHADOW_ITSELF]);
    for (size_t i = 0; i < SHADOW_SAMPLES; i++)
        shadow_sample_release(&shadow->samples[i]);
    pthread_mutex_destroy(&shadow->lock);
    free(shadow);
}

void shadow_gather(struct shadow *shadow, enum shadow_role role, struct delivery *delivery) {
    struct shadow_side *side = &shadow->sides[role];
    if (!ARRAY_GROW(side->deliveries, side->count, side->delivery_capacity) ||
        !ARRAY_GROW(side->signals, side->count, side->signal_capacity)) {
        shadow->is_incomplete = true;
        return;
    }
    delivery_retain(delivery);
    side->deliveries[side->count] = delivery;
    side->signals[side->count++] = delivery->signal;
}

/* ---- differences ---- */

void shadow_sample_release(struct shadow_sample *sample) {
    if (sample->original != NULL)
        delivery_release(sample->original);
    if (sample->shadow != NULL)
        delivery_release(sample->shadow);
    *sample = (struct shadow_sample){0};
}

static struct delivery *share(struct delivery *delivery) {
    if (delivery != NULL)
        delivery_retain(delivery);
    return delivery;
}

REQUIRES(shadow_lock)
static void put_sample(struct shadow *shadow, struct delivery *original, struct delivery *itself) {
    struct shadow_sample *sample = &shadow->samples[shadow->next_sample];
    shadow->next_sample = (shadow->next_sample + 1) % SHADOW_SAMPLES;
    shadow_sample_release(sample);
    *sample = (struct shadow_sample){share(original), share(itself), clock_wall_ns()};
}

/* While the samples are being read this one is left out: the lane does not wait. */
static void note_difference(struct shadow *shadow, struct delivery *original,
                            struct delivery *itself) {
    if (!lock_try(&shadow->lock, shadow_lock))
        return;
    put_sample(shadow, original, itself);
    lock_release(&shadow->lock, shadow_lock);
}

size_t shadow_copy_samples(struct shadow *shadow, struct shadow_sample samples[SHADOW_SAMPLES]) {
    size_t count = 0;
    lock_acquire(&shadow->lock, shadow_lock);
    for (size_t i = 1; i <= SHADOW_SAMPLES; i++) {
        const size_t at = (shadow->next_sample + SHADOW_SAMPLES - i) % SHADOW_SAMPLES;
        const struct shadow_sample *sample = &shadow->samples[at];
        if (sample->time_ns != 0)
            samples[count++] = (struct shadow_sample){share(sample->original),
                                                      share(sample->shadow), sample->time_ns};
    }
    lock_release(&shadow->lock, shadow_lock);
    return count;
}

/* ---- one message ---- */

static void count_changes(struct shadow_counts *counts, unsigned changes) {
    counter_add(&counts->changed, 1);
    counter_add(&counts->value_changes, (changes & COMPARISON_VALUE) != 0);
    counter_add(&counts->confidence_changes, (changes & COMPARISON_CONFIDENCE) != 0);
    counter_add(&counts->data_changes, (changes & COMPARISON_DATA) != 0);
}

static bool visit(void *context, size_t original, size_t itself, unsigned changes) {
    struct shadow *shadow = context;
    struct shadow_counts *counts = &shadow->counts;
    const bool has_original = original != COMPARISON_NONE, has_shadow = itself != COMPARISON_NONE;
    if (has_original && has_shadow && changes == 0) {
        counter_add(&counts->same, 1);
        return true;
    }
    if (has_original && has_shadow)
        count_changes(counts, changes);
    else
        counter_add(has_original ? &counts->only_original : &counts->only_shadow, 1);
    note_difference(shadow,
                    has_original ? shadow->sides[SHADOW_ORIGINAL].deliveries[original] : NULL,
                    has_shadow ? shadow->sides[SHADOW_ITSELF].deliveries[itself] : NULL);
    return true;
}

#define FEW 64

static bool compare_sides(struct shadow *shadow) {
    static const struct comparison exact = {0};
    const struct shadow_side *original = &shadow->sides[SHADOW_ORIGINAL];
    const struct shadow_side *itself = &shadow->sides[SHADOW_ITSELF];
    bool few[FEW];
    bool *paired = itself->count <= FEW ? few : calloc(itself->count, sizeof *paired);
    const bool did =
        paired != NULL &&
        comparison_place(&exact, (struct comparison_side){original->signals, original->count},
                         (struct comparison_side){itself->signals, itself->count}, paired, visit,
                         shadow);
    if (paired != few)
        free(paired);
    return did;
}

void shadow_compare(struct shadow *shadow) {
    if (shadow->is_incomplete || !compare_sides(shadow))
        counter_add(&shadow->counts.uncompared, shadow->sides[SHADOW_ITSELF].count);
    forget_place(shadow);
}

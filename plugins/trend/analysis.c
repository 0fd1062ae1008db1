#include "analysis.h"

#include <math.h>

const char *direction_name(enum direction direction) {
    switch (direction) {
    case DIRECTION_FLAT:
        return "FLAT";
    case DIRECTION_UP:
        return "UP";
    case DIRECTION_DOWN:
        return "DOWN";
    case DIRECTION_VOLATILE:
        return "VOLATILE";
    }
    return "?";
}

/* Steps, their extremes, and how long the whole way is. */
static double walk(const double *prices, size_t count, struct analysis *result) {
    double sum = 0, way = 0;
    result->positive_steps = result->negative_steps = 0;
    result->min_price = result->max_price = prices[0];
    for (size_t i = 1; i < count; i++) {
        const double step = prices[i] - prices[i - 1];
        sum += step;
        way += fabs(step);
        result->positive_steps += step > 0;
        result->negative_steps += step < 0;
        result->min_price = prices[i] < result->min_price ? prices[i] : result->min_price;
        result->max_price = prices[i] > result->max_price ? prices[i] : result->max_price;
    }
    result->mean_step = sum / (double)(count - 1);
    return way;
}

/*
 * The formulas divide by the first price p0 and do not say what holds at 0. There a change is of
 * full strength, and no change is FLAT, for it is neither UP nor DOWN.
 */
static void judge_change(double first, const struct rules *rules, struct analysis *result) {
    const double total = result->total_change;
    if (total == 0 || fabs(total) < rules->flat_share * first) {
        result->direction = DIRECTION_FLAT;
        result->strength = rules->flat_strength;
        return;
    }
    result->direction = total > 0 ? DIRECTION_UP : DIRECTION_DOWN;
    result->strength = 1;
    if (first != 0) {
        const double strength = fabs(total) / first * rules->strength_scale;
        result->strength = strength < 1 ? strength : 1;
    }
}

int analyse(const double *prices, size_t count, const struct rules *rules,
            struct analysis *result) {
    const size_t steps = count - 1;
    const double way = walk(prices, count, result);
    result->first_price = prices[0];
    result->last_price = prices[count - 1];
    result->total_change = result->last_price - result->first_price;
    judge_change(prices[0], rules, result);

    size_t along = 0; /* steps with the sign of the total */
    if (result->total_change > 0)
        along = result->positive_steps;
    else if (result->total_change < 0)
        along = result->negative_steps;
    result->confidence = (double)along / (double)steps;

    if (result->positive_steps > 0 && result->negative_steps > 0 &&
        way > rules->volatile_ratio * fabs(result->total_change)) {
        result->direction = DIRECTION_VOLATILE;
        result->confidence *= rules->volatile_factor;
    }
    return isfinite(result->total_change) && isfinite(result->mean_step) &&
           isfinite(result->strength);
}

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

int analyse(const struct course *course, const struct rules *rules, struct analysis *result) {
    const size_t steps = course->prices - 1;
    result->total_change = course->last - course->first;
    result->mean_step = course->sum / (double)steps;
    judge_change(course->first, rules, result);

    size_t along = 0; /* steps with the sign of the total */
    if (result->total_change > 0)
        along = course->positive_steps;
    else if (result->total_change < 0)
        along = course->negative_steps;
    result->confidence = (double)along / (double)steps;

    if (course->positive_steps > 0 && course->negative_steps > 0 &&
        course->way > rules->volatile_ratio * fabs(result->total_change)) {
        result->direction = DIRECTION_VOLATILE;
        result->confidence *= rules->volatile_factor;
    }
    return isfinite(result->total_change) && isfinite(result->mean_step) &&
           isfinite(result->strength);
}

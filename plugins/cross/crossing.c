#include "crossing.h"

#include <math.h>
#include <stddef.h>

double outcome_value(enum outcome outcome) {
    if (outcome == OUTCOME_GOLDEN)
        return 1;
    return outcome == OUTCOME_DEATH ? -1 : 0;
}

const char *outcome_type(enum outcome outcome) {
    if (outcome == OUTCOME_GOLDEN)
        return "golden";
    return outcome == OUTCOME_DEATH ? "death" : "none";
}

const char *outcome_reason(enum outcome outcome) {
    switch (outcome) {
    case OUTCOME_GOLDEN:
    case OUTCOME_DEATH:
        return NULL;
    case OUTCOME_NOT_SAME_TIME:
        return "not_same_time";
    case OUTCOME_NOT_SIGNIFICANT:
        return "not_significant";
    case OUTCOME_PARALLEL:
        return "parallel";
    case OUTCOME_PAST:
        return "past";
    case OUTCOME_TOO_FAR:
        return "too_far";
    case OUTCOME_SHALLOW:
        return "shallow";
    case OUTCOME_OVERFLOW:
        return "overflow";
    }
    return NULL;
}

struct line line_init(double slope, double intercept, double std_err) {
    struct line line = {.slope = slope, .intercept = intercept, .std_err = std_err};
    if (!isnan(std_err) && std_err != 0)
        line.t = fabs(slope / std_err);
    return line;
}

/* The tests in their order; each is the reason of those after it. */
static enum outcome judge(const struct line *a, const struct line *b, const struct rules *rules,
                          struct crossing *c) {
    if (c->t_a < rules->min_t || c->t_b < rules->min_t)
        return OUTCOME_NOT_SIGNIFICANT;
    const double difference = a->slope - b->slope;
    if (fabs(difference) < rules->parallel)
        return OUTCOME_PARALLEL;
    c->x_s = (b->intercept - a->intercept) / difference;
    if (isnan(c->x_s)) /* both differences are infinite, or both are 0 */
        return OUTCOME_OVERFLOW;
    if (c->x_s <= 0)
        return OUTCOME_PAST;
    if (c->x_s > rules->max_ahead_s)
        return OUTCOME_TOO_FAR;
    c->angle = fabs(atan(difference));
    if (c->angle < rules->min_angle)
        return OUTCOME_SHALLOW;
    /* To the letter of host/doc/messages.md. That x > 0 means that the line with the larger slope
     * has the smaller intercept, so both branches come to golden; the sign of the crossing is left
     * to whoever changes that page. */
    if (a->slope > b->slope)
        return a->intercept < b->intercept ? OUTCOME_GOLDEN : OUTCOME_DEATH;
    return a->intercept < b->intercept ? OUTCOME_DEATH : OUTCOME_GOLDEN;
}

struct crossing crossing_of(const struct line *a, const struct line *b, const struct rules *rules) {
    struct crossing c = {.t_a = a->t, .t_b = b->t, .x_s = (double)NAN, .angle = (double)NAN};
    c.outcome = judge(a, b, rules, &c);
    if (c.outcome == OUTCOME_GOLDEN || c.outcome == OUTCOME_DEATH) {
        const double confidence = (c.t_a + c.t_b) / rules->confidence_scale;
        c.predicted_s = trunc(c.x_s);
        c.confidence = confidence < 1 ? confidence : 1;
    }
    return c;
}

#include "commands/research/sweep/sweep_grid.h"

#include "base/array.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of a range: so that 0.1 + 2 * 0.1 still meets 0.3. */
#define STEP_SLACK 1e-9

static bool no_memory(struct error *error) {
    return error_set_memory(error, "the points");
}

/* ---- values ---- */

static bool add_value(struct sweep_axis *axis, const char *text, size_t size, struct error *error) {
    char *copy = text_dup(text, size);
    if (copy == NULL || !ARRAY_RESIZE(axis->values, axis->count + 1)) {
        free(copy);
        return no_memory(error);
    }
    axis->values[axis->count++] = copy;
    return true;
}

static bool add_list(struct sweep_axis *axis, const char *text, struct error *error) {
    while (true) {
        const size_t size = strcspn(text, ",");
        if (size == 0)
            return error_set(error, ERROR_INVALID, "a value is empty");
        if (!add_value(axis, text, size, error))
            return false;
        if (text[size] == '\0')
            return true;
        text += size + 1;
    }
}

/* Exact for whole numbers; else the shortest of twelve digits. */
static char *number_text(const struct sweep_axis *axis, double number) {
    return axis->is_whole ? text_format("%.0f%s", number, axis->unit)
                          : text_format("%.12g%s", number, axis->unit);
}

/* A number of a range and what stands behind it, which all of them must have in common. */
static bool take_number(struct sweep_axis *axis, const char *text, size_t size, double *number,
                        struct error *error) {
    char copy[64], *end;
    if (size == 0 || size >= sizeof copy)
        return error_set(error, ERROR_INVALID, "a number of the range is missing or too long");
    memcpy(copy, text, size);
    copy[size] = '\0';
    *number = strtod(copy, &end);
    if (end == copy || !isfinite(*number) || strlen(end) >= sizeof axis->unit)
        return error_set(error, ERROR_INVALID, "\"%s\" is not a number", copy);
    if (memchr(copy, '.', (size_t)(end - copy)) != NULL || *number != rint(*number))
        axis->is_whole = false;
    if (axis->unit[0] == '\0' && axis->count == 0)
        strcpy(axis->unit, end);
    if (strcmp(axis->unit, end) != 0)
        return error_set(error, ERROR_INVALID,
                         "the numbers of the range have different units (\"%s\", \"%s\")",
                         axis->unit, end);
    return true;
}

static bool add_steps(struct sweep_axis *axis, double step, struct error *error) {
    const double count = floor((axis->to - axis->from) / step + STEP_SLACK) + 1;
    if (!(step > 0) || !(count >= 1) || count > SWEEP_MAX_POINTS)
        return error_set(error, ERROR_INVALID,
                         "the range needs a step above 0, an end at or above its beginning, and at "
                         "most %d values",
                         SWEEP_MAX_POINTS);
    for (size_t i = 0; i < (size_t)count; i++) {
        char *text = number_text(axis, axis->from + (double)i * step);
        const bool did =
            text != NULL ? add_value(axis, text, strlen(text), error) : no_memory(error);
        free(text);
        if (!did)
            return false;
    }
    return true;
}

static bool add_range(struct sweep_axis *axis, const char *text, struct error *error) {
    const size_t from = strcspn(text, ":"), to = strcspn(text + from + 1, ":");
    const char *step = text + from + 1 + to;
    double by = 0;
    axis->is_whole = true;
    if (!take_number(axis, text, from, &axis->from, error) ||
        !take_number(axis, text + from + 1, to, &axis->to, error) ||
        (*step == ':' && !take_number(axis, step + 1, strlen(step + 1), &by, error)))
        return false;
    axis->is_drawn = *step == '\0';
    if (axis->is_drawn && !(axis->to >= axis->from))
        return error_set(error, ERROR_INVALID, "the range ends before it begins");
    return axis->is_drawn || add_steps(axis, by, error);
}

/* ---- axes ---- */

static void release_axis(struct sweep_axis *axis) {
    for (size_t i = 0; i < axis->count; i++)
        free(axis->values[i]);
    free(axis->values);
    free(axis->name);
}

static bool take_deployment(struct sweep_grid *grid, const char *text, size_t size,
                            struct error *error) {
    if (grid->deployment == NULL) {
        grid->deployment = text_dup(text, size);
        return grid->deployment != NULL || no_memory(error);
    }
    return (strlen(grid->deployment) == size && memcmp(grid->deployment, text, size) == 0) ||
           error_set(error, ERROR_INVALID,
                     "one sweep is of one deployment, and this names %s and "
                     "%.*s",
                     grid->deployment, (int)size, text);
}

bool sweep_grid_add(struct sweep_grid *grid, const char *text, struct error *error) {
    const char *dot = strchr(text, '.'), *equals = strchr(text, '=');
    struct sweep_axis axis = {0};
    if (dot == NULL || equals == NULL || dot == text || equals <= dot + 1)
        return error_set(error, ERROR_INVALID,
                         "must be DEPLOYMENT.PARAMETER=VALUES, such as alpha.window=10,20,50 or "
                         "alpha.k=0.5:3:0.5");
    if (!take_deployment(grid, text, (size_t)(dot - text), error))
        return false;
    axis.name = text_dup(dot + 1, (size_t)(equals - dot - 1));
    const bool is_range = strchr(equals, ':') != NULL && strchr(equals, ',') == NULL;
    const bool did = axis.name == NULL ? no_memory(error)
                     : is_range        ? add_range(&axis, equals + 1, error)
                                       : add_list(&axis, equals + 1, error);
    if (did && ARRAY_RESIZE(grid->axes, grid->axis_count + 1)) {
        grid->axes[grid->axis_count++] = axis;
        return true;
    }
    release_axis(&axis);
    return did ? no_memory(error) : false;
}

/* ---- points ---- */

static bool reserve(struct sweep_grid *grid, size_t count, struct error *error) {
    if (count > SWEEP_MAX_POINTS)
        return error_set(error, ERROR_INVALID, "more than %d points; --random N draws some of them",
                         SWEEP_MAX_POINTS);
    grid->texts = calloc(count * grid->axis_count + 1, sizeof *grid->texts);
    grid->point_count = grid->texts != NULL ? count : 0;
    return grid->texts != NULL || no_memory(error);
}

bool sweep_grid_fill(struct sweep_grid *grid, struct error *error) {
    size_t count = 1;
    for (size_t i = 0; i < grid->axis_count; i++) {
        if (grid->axes[i].is_drawn)
            return error_set(error, ERROR_INVALID,
                             "%s: a range without a step is for --random; give FROM:TO:STEP",
                             grid->axes[i].name);
        count = count <= SWEEP_MAX_POINTS ? count * grid->axes[i].count : count;
    }
    if (!reserve(grid, count, error))
        return false;
    for (size_t point = 0; point < count; point++) {
        size_t rest = point;
        for (size_t i = grid->axis_count; i-- > 0; rest /= grid->axes[i].count) {
            const char *value = grid->axes[i].values[rest % grid->axes[i].count];
            char **text = &grid->texts[point * grid->axis_count + i];
            *text = text_dup(value, strlen(value));
            if (*text == NULL)
                return no_memory(error);
        }
    }
    return true;
}

/* SplitMix64: the same numbers everywhere. */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* From 0 to below 1. */
static double next_share(uint64_t *state) {
    return (double)(next_random(state) >> 11) * 0x1p-53;
}

static char *draw_value(const struct sweep_axis *axis, uint64_t *state) {
    const double share = next_share(state);
    if (!axis->is_drawn) {
        const char *value = axis->values[(size_t)(share * (double)axis->count)];
        return text_dup(value, strlen(value));
    }
    const double span = axis->to - axis->from;
    return number_text(axis, axis->is_whole ? axis->from + floor(share * (span + 1))
                                            : axis->from + share * span);
}

bool sweep_grid_draw(struct sweep_grid *grid, size_t count, uint64_t seed, struct error *error) {
    if (!reserve(grid, count, error))
        return false;
    for (size_t i = 0; i < count * grid->axis_count; i++) {
        grid->texts[i] = draw_value(&grid->axes[i % grid->axis_count], &seed);
        if (grid->texts[i] == NULL)
            return no_memory(error);
    }
    return true;
}

void sweep_grid_release(struct sweep_grid *grid) {
    for (size_t i = 0; i < grid->point_count * grid->axis_count; i++)
        free(grid->texts[i]);
    for (size_t i = 0; i < grid->axis_count; i++)
        release_axis(&grid->axes[i]);
    free(grid->texts);
    free(grid->axes);
    free(grid->deployment);
    *grid = (struct sweep_grid){0};
}

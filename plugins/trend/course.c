#include "course.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a course ---- */

static void course_begin(struct course *course, double price) {
    memset(course, 0, sizeof *course);
    course->prices = 1;
    course->first = course->last = course->min = course->max = price;
}

static void course_step(struct course *course, double price) {
    const double step = price - course->last;
    course->prices++;
    course->last = price;
    course->sum += step;
    course->way += fabs(step);
    course->positive_steps += step > 0;
    course->negative_steps += step < 0;
}

struct course course_of(const double *points, size_t count) {
    struct course course = {.prices = 0};
    size_t i = 0;
    while (i < count && isnan(points[i]))
        i++;
    if (i == count)
        return course;
    course_begin(&course, points[i]);
    for (i++; i < count; i++) {
        if (isnan(points[i]))
            continue;
        course_step(&course, points[i]);
        course.min = points[i] < course.min ? points[i] : course.min;
        course.max = points[i] > course.max ? points[i] : course.max;
    }
    return course;
}

int course_is_exact(const struct course *course) {
    const double smallest = course->min > 0 ? course->min : -course->max;
    return smallest > 0 && course->way <= smallest;
}

/* ---- extremes ---- */

static uint64_t *ladder_rung(const struct ladder *ladder, size_t index) {
    return &ladder->rungs[(ladder->first + index) & (ladder->capacity - 1)];
}

static uint64_t ladder_front(const struct ladder *ladder) {
    return *ladder_rung(ladder, 0);
}

static uint64_t ladder_back(const struct ladder *ladder) {
    return *ladder_rung(ladder, ladder->count - 1);
}

/* 0: no memory. */
static int ladder_add(struct ladder *ladder, uint64_t number) {
    if (ladder->count == ladder->capacity) {
        const size_t capacity = ladder->capacity > 0 ? 2 * ladder->capacity : 16;
        uint64_t *rungs = malloc(capacity * sizeof *rungs);
        if (rungs == NULL)
            return 0;
        for (size_t i = 0; i < ladder->count; i++)
            rungs[i] = *ladder_rung(ladder, i);
        free(ladder->rungs);
        ladder->rungs = rungs;
        ladder->first = 0;
        ladder->capacity = capacity;
    }
    *ladder_rung(ladder, ladder->count++) = number;
    return 1;
}

/* The points before `begin` have left. */
static void ladder_leave(struct ladder *ladder, uint64_t begin) {
    while (ladder->count > 0 && ladder_front(ladder) < begin) {
        ladder->first++;
        ladder->count--;
    }
}

/* ---- a course that is kept up ---- */

void running_reset(struct running *running) {
    running->begin = running->end = 0;
}

void running_release(struct running *running) {
    free(running->lows.rungs);
    free(running->highs.rungs);
    memset(running, 0, sizeof *running);
}

/* 0: no memory. */
static int add_extremes(struct running *running, const double *points, uint64_t base,
                        uint64_t number) {
    const double price = points[number - base];
    struct ladder *lows = &running->lows, *highs = &running->highs;
    while (lows->count > 0 && points[ladder_back(lows) - base] >= price)
        lows->count--;
    while (highs->count > 0 && points[ladder_back(highs) - base] <= price)
        highs->count--;
    return ladder_add(lows, number) && ladder_add(highs, number);
}

/* Takes the first price off, and the step to the next. */
static void take_price(struct running *running, const double *points, uint64_t base) {
    struct course *course = &running->course;
    if (--course->prices == 0)
        return;
    do
        running->at++;
    while (isnan(points[running->at - base]));
    const double price = points[running->at - base];
    const double step = price - course->first;
    course->first = price;
    course->way -= fabs(step);
    course->positive_steps -= step > 0;
    course->negative_steps -= step < 0;
}

/* 0: no memory. */
static int add_price(struct running *running, const double *points, uint64_t base,
                     uint64_t number) {
    const double price = points[number - base];
    if (running->course.prices > 0) {
        course_step(&running->course, price);
    } else {
        course_begin(&running->course, price);
        running->at = number;
    }
    return add_extremes(running, points, base, number);
}

/* First what leaves: what stays has exact sums, and the new ones begin with them. 0: no memory. */
static int move(struct running *running, const double *points, uint64_t base, uint64_t begin,
                uint64_t end) {
    struct course *course = &running->course;
    while (course->prices > 0 && running->at < begin)
        take_price(running, points, base);
    ladder_leave(&running->lows, begin);
    ladder_leave(&running->highs, begin);
    for (uint64_t i = running->end; i < end; i++)
        if (!isnan(points[i - base]) && !add_price(running, points, base, i))
            return 0;
    running->begin = begin;
    running->end = end;
    if (course->prices > 0) {
        course->sum = course->last - course->first;
        course->min = points[ladder_front(&running->lows) - base];
        course->max = points[ladder_front(&running->highs) - base];
    }
    return 1;
}

/* By a walk; it is the beginning of what is kept up when its sums are exact. */
static struct course begin_anew(struct running *running, const double *points, uint64_t base,
                                uint64_t begin, uint64_t end) {
    const struct course course = course_of(points + (begin - base), (size_t)(end - begin));
    running_reset(running);
    running->lows.count = running->highs.count = 0;
    if (course.prices == 0 || !course_is_exact(&course))
        return course;
    running->at = begin;
    while (isnan(points[running->at - base]))
        running->at++;
    for (uint64_t i = running->at; i < end; i++)
        if (!isnan(points[i - base]) && !add_extremes(running, points, base, i))
            return course;
    running->begin = begin;
    running->end = end;
    running->course = course;
    return course;
}

struct course running_course(struct running *running, const double *points, uint64_t base,
                             uint64_t begin, uint64_t end) {
    const int is_kept = running->begin >= base && running->begin <= begin && begin < running->end &&
                        running->end <= end;
    if (is_kept && move(running, points, base, begin, end) && course_is_exact(&running->course))
        return running->course;
    return begin_anew(running, points, base, begin, end);
}

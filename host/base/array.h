/*
 * base/array.h - growing arrays. True when there is room; false, and nothing changed, without
 * memory. `items`, `count` and `capacity` are evaluated several times.
 */
#ifndef TAKE5_BASE_ARRAY_H
#define TAKE5_BASE_ARRAY_H

#include <stdlib.h>
#include <string.h>

/* Room for so many, exactly: for what is small, or grows seldom. */
#define ARRAY_RESIZE(items, count)                                                                 \
    ({                                                                                             \
        __typeof__(items) resized_ = reallocarray((items), (count), sizeof *(items));              \
        if (resized_ != NULL)                                                                      \
            (items) = resized_;                                                                    \
        resized_ != NULL;                                                                          \
    })

/* Room for one more: doubles the capacity, from 16 on, when `count` has reached it. */
#define ARRAY_GROW(items, count, capacity)                                                         \
    ((count) < (capacity) || ({                                                                    \
         const size_t larger_ = (capacity) > 0 ? 2 * (size_t)(capacity) : 16;                      \
         const _Bool did_grow_ = ARRAY_RESIZE((items), larger_);                                   \
         if (did_grow_)                                                                            \
             (capacity) = (__typeof__(capacity))larger_;                                           \
         did_grow_;                                                                                \
     }))

/* Room for the element `index`: doubles the capacity, from 16 on, until it is there. What is new is
 * zeroed. */
#define ARRAY_REACH(items, index, capacity)                                                        \
    ((index) < (capacity) || ({                                                                    \
         const size_t from_ = (size_t)(capacity);                                                  \
         size_t to_ = from_ > 0 ? from_ : 16;                                                      \
         while (to_ <= (size_t)(index))                                                            \
             to_ *= 2;                                                                             \
         const _Bool did_reach_ = ARRAY_RESIZE((items), to_);                                      \
         if (did_reach_) {                                                                         \
             memset((items) + from_, 0, (to_ - from_) * sizeof *(items));                          \
             (capacity) = (__typeof__(capacity))to_;                                               \
         }                                                                                         \
         did_reach_;                                                                               \
     }))

#endif

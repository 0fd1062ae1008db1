#include "strategy/instance/timers.h"

#include "base/array.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define NO_NODE        UINT32_MAX
#define FIRST_CAPACITY 16u
#define CAPACITY_MOST  (1u << 31)
/* How often one timer may fire in one jump: because it was due, and once more when armed again. */
#define FIRES_A_JUMP   2u

enum node_state {
    NODE_FREE,
    NODE_ARMED, /* in its heap */
    NODE_HELD,  /* armed, but not to fire before this jump ends */
    NODE_SPENT  /* fired or disarmed in this jump; kept until its end for the count of its fires */
};

struct timer_node {
    struct timer_due timer;
    uint64_t arming;
    enum node_state state;
    uint32_t fires; /* in this jump */
    uint32_t heap_at;
    uint32_t next; /* in its bucket, or among the free */
    uint32_t next_fired;
    uint32_t symbol_previous, symbol_next;
};

void timers_init(struct timers *timers, uint32_t max_count, bool is_one_clock) {
    memset(timers, 0, sizeof *timers);
    timers->max_count = max_count;
    timers->is_one_clock = is_one_clock;
    timers->seed = hash_seed();
    timers->event.next_due_ns = TIMERS_NEVER;
    timers->wall.next_due_ns = TIMERS_NEVER;
    timers->free_node = NO_NODE;
    timers->fired_node = NO_NODE;
}

void timers_release(struct timers *timers) {
    free(timers->event.nodes);
    free(timers->wall.nodes);
    free(timers->nodes);
    free(timers->buckets);
    free(timers->by_symbol);
    timers_init(timers, timers->max_count, timers->is_one_clock);
}

static struct timer_heap *heap_of(struct timers *timers, uint32_t clock) {
    return clock == T5_CLOCK_WALL && !timers->is_one_clock ? &timers->wall : &timers->event;
}

/* ---- the heap ---- */

static bool fires_before(const struct timer_node *a, const struct timer_node *b) {
    if (a->timer.due_ns != b->timer.due_ns)
        return a->timer.due_ns < b->timer.due_ns;
    return a->arming < b->arming;
}

static void heap_put(struct timers *timers, struct timer_heap *heap, uint32_t at, uint32_t node) {
    heap->nodes[at] = node;
    timers->nodes[node].heap_at = at;
}

static void heap_rise(struct timers *timers, struct timer_heap *heap, uint32_t at) {
    const uint32_t node = heap->nodes[at];
    while (at > 0) {
        const uint32_t above = (at - 1) / 2;
        if (!fires_before(&timers->nodes[node], &timers->nodes[heap->nodes[above]]))
            break;
        heap_put(timers, heap, at, heap->nodes[above]);
        at = above;
    }
    heap_put(timers, heap, at, node);
}

static void heap_sink(struct timers *timers, struct timer_heap *heap, uint32_t at) {
    const uint32_t node = heap->nodes[at];
    for (;;) {
        uint32_t below = 2 * at + 1;
        if (below >= heap->count)
            break;
        if (below + 1 < heap->count && fires_before(&timers->nodes[heap->nodes[below + 1]],
                                                    &timers->nodes[heap->nodes[below]]))
            below++;
        if (!fires_before(&timers->nodes[heap->nodes[below]], &timers->nodes[node]))
            break;
        heap_put(timers, heap, at, heap->nodes[below]);
        at = below;
    }
    heap_put(timers, heap, at, node);
}

static void heap_note_next(struct timers *timers, struct timer_heap *heap) {
    heap->next_due_ns = heap->count > 0 ? timers->nodes[heap->nodes[0]].timer.due_ns : TIMERS_NEVER;
}

static void heap_insert(struct timers *timers, struct timer_heap *heap, uint32_t node) {
    heap_put(timers, heap, heap->count, node);
    heap->count++;
    heap_rise(timers, heap, heap->count - 1);
    heap_note_next(timers, heap);
}

static void heap_remove(struct timers *timers, struct timer_heap *heap, uint32_t at) {
    const uint32_t last = heap->nodes[--heap->count];
    if (at < heap->count) {
        heap_put(timers, heap, at, last);
        heap_rise(timers, heap, at);
        heap_sink(timers, heap, timers->nodes[last].heap_at);
    }
    heap_note_next(timers, heap);
}

/* ---- nodes: found by what they are called, and by their symbol ---- */

static uint32_t bucket_of(const struct timers *timers, const struct timer_due *timer) {
    const uint64_t owner = (uint64_t)timer->symbol_id << 1 | (timer->clock == T5_CLOCK_WALL);
    const uint64_t hash = hash_number(timer->key ^ hash_number(owner, timers->seed), timers->seed);
    return (uint32_t)hash & (timers->capacity - 1);
}

static bool is_same(const struct timer_due *a, const struct timer_due *b) {
    return a->key == b->key && a->symbol_id == b->symbol_id && a->clock == b->clock;
}

static uint32_t find_node(const struct timers *timers, const struct timer_due *timer) {
    if (timers->capacity == 0)
        return NO_NODE;
    uint32_t node = timers->buckets[bucket_of(timers, timer)];
    while (node != NO_NODE && !is_same(&timers->nodes[node].timer, timer))
        node = timers->nodes[node].next;
    return node;
}

static void hang_into_bucket(struct timers *timers, uint32_t node) {
    uint32_t *bucket = &timers->buckets[bucket_of(timers, &timers->nodes[node].timer)];
    timers->nodes[node].next = *bucket;
    *bucket = node;
}

/* Grows everything that is sized by the number of nodes, to a power of two. Nothing changes when
 * memory is short. */
static bool grow_nodes(struct timers *timers, uint32_t larger) {
    const uint32_t old = timers->capacity;
    uint32_t *buckets = malloc(larger * sizeof *buckets);
    if (buckets == NULL || !ARRAY_RESIZE(timers->nodes, larger) ||
        !ARRAY_RESIZE(timers->event.nodes, larger) || !ARRAY_RESIZE(timers->wall.nodes, larger)) {
        free(buckets);
        return false;
    }
    struct timer_node *nodes = timers->nodes;
    free(timers->buckets);
    timers->buckets = buckets;
    timers->capacity = larger;
    for (uint32_t i = 0; i < larger; i++)
        buckets[i] = NO_NODE;
    for (uint32_t i = 0; i < old; i++)
        if (nodes[i].state != NODE_FREE)
            hang_into_bucket(timers, i);
    for (uint32_t i = larger; i-- > old;) {
        nodes[i].state = NODE_FREE;
        nodes[i].next = timers->free_node;
        timers->free_node = i;
    }
    return true;
}

void timers_reserve(struct timers *timers, size_t count) {
    uint32_t capacity = FIRST_CAPACITY;
    if (count > timers->max_count)
        count = timers->max_count;
    while (capacity < count && capacity < CAPACITY_MOST)
        capacity *= 2;
    if (count > 0 && capacity > timers->capacity)
        (void)grow_nodes(timers, capacity);
}

static bool grow_symbols(struct timers *timers, uint32_t symbol_id) {
    if (symbol_id < timers->symbol_capacity)
        return true;
    uint64_t larger = timers->symbol_capacity > 0 ? timers->symbol_capacity : FIRST_CAPACITY;
    while (larger <= symbol_id)
        larger *= 2;
    if (larger > UINT32_MAX)
        larger = UINT32_MAX;
    if (!ARRAY_RESIZE(timers->by_symbol, (size_t)larger))
        return false;
    for (uint64_t i = timers->symbol_capacity; i < larger; i++)
        timers->by_symbol[i] = NO_NODE;
    timers->symbol_capacity = (uint32_t)larger;
    return true;
}

/* A node for a timer that has none; NO_NODE when memory is short. */
static uint32_t new_node(struct timers *timers, const struct timer_due *timer) {
    if (timer->symbol_id != T5_NO_SYMBOL && !grow_symbols(timers, timer->symbol_id))
        return NO_NODE;
    const uint32_t capacity = timers->capacity;
    if (timers->free_node == NO_NODE &&
        (capacity > CAPACITY_MOST / 2 ||
         !grow_nodes(timers, capacity > 0 ? capacity * 2 : FIRST_CAPACITY)))
        return NO_NODE;
    const uint32_t at = timers->free_node;
    struct timer_node *node = &timers->nodes[at];
    timers->free_node = node->next;
    memset(node, 0, sizeof *node);
    node->timer = *timer;
    node->state = NODE_SPENT;
    node->symbol_previous = node->symbol_next = NO_NODE;
    hang_into_bucket(timers, at);
    if (timer->symbol_id != T5_NO_SYMBOL) {
        uint32_t *first = &timers->by_symbol[timer->symbol_id];
        node->symbol_next = *first;
        if (*first != NO_NODE)
            timers->nodes[*first].symbol_previous = at;
        *first = at;
    }
    return at;
}

static void free_node(struct timers *timers, uint32_t at) {
    struct timer_node *node = &timers->nodes[at];
    uint32_t *link = &timers->buckets[bucket_of(timers, &node->timer)];
    while (*link != at)
        link = &timers->nodes[*link].next;
    *link = node->next;
    if (node->symbol_next != NO_NODE)
        timers->nodes[node->symbol_next].symbol_previous = node->symbol_previous;
    if (node->symbol_previous != NO_NODE)
        timers->nodes[node->symbol_previous].symbol_next = node->symbol_next;
    else if (node->timer.symbol_id != T5_NO_SYMBOL)
        timers->by_symbol[node->timer.symbol_id] = node->symbol_next;
    node->state = NODE_FREE;
    node->next = timers->free_node;
    timers->free_node = at;
}

/* Takes an armed node out of the heap, or out of those that are held. */
static void disarm(struct timers *timers, uint32_t at) {
    struct timer_node *node = &timers->nodes[at];
    if (node->state == NODE_ARMED)
        heap_remove(timers, heap_of(timers, node->timer.clock), node->heap_at);
    if (node->state != NODE_SPENT)
        timers->count--;
    node->state = NODE_SPENT;
}

static enum timers_outcome arm(struct timers *timers, const struct timer_due *timer,
                               uint64_t place) {
    uint32_t at = find_node(timers, timer);
    const bool is_armed = at != NO_NODE && timers->nodes[at].state != NODE_SPENT;
    if (!is_armed && timers->count >= timers->max_count)
        return TIMERS_FULL;
    if (at == NO_NODE)
        at = new_node(timers, timer);
    else
        disarm(timers, at);
    if (at == NO_NODE)
        return TIMERS_MEMORY;
    struct timer_node *node = &timers->nodes[at];
    node->timer.due_ns = timer->due_ns;
    node->arming = place;
    if (place >= timers->armings)
        timers->armings = place + 1;
    timers->count++;
    if (node->fires >= FIRES_A_JUMP) {
        node->state = NODE_HELD;
        return TIMERS_OK;
    }
    node->state = NODE_ARMED;
    heap_insert(timers, heap_of(timers, timer->clock), at);
    return TIMERS_OK;
}

enum timers_outcome timers_arm(struct timers *timers, const struct timer_due *timer) {
    return arm(timers, timer, timers->armings);
}

enum timers_outcome timers_restore(struct timers *timers, const struct timer_due *timer,
                                   uint64_t place) {
    return arm(timers, timer, place);
}

bool timers_cancel(struct timers *timers, const struct timer_due *timer) {
    const uint32_t at = find_node(timers, timer);
    if (at == NO_NODE || timers->nodes[at].state == NODE_SPENT)
        return false;
    disarm(timers, at);
    if (timers->nodes[at].fires == 0)
        free_node(timers, at);
    return true;
}

void timers_drop_symbol(struct timers *timers, uint32_t symbol_id) {
    if (symbol_id >= timers->symbol_capacity)
        return;
    uint32_t at = timers->by_symbol[symbol_id];
    while (at != NO_NODE) {
        const uint32_t next = timers->nodes[at].symbol_next;
        disarm(timers, at);
        if (timers->nodes[at].fires == 0)
            free_node(timers, at);
        at = next;
    }
}

/* ---- jumps ---- */

void timers_jump_begin(struct timers *timers) {
    /* Each timer may fire twice; a chain of ever new keys is cut after as many as may be armed. */
    timers->jump_budget = (uint64_t)timers->count * FIRES_A_JUMP + timers->max_count;
}

bool timers_jump_next(struct timers *timers, enum t5_clock clock, int64_t now_ns,
                      struct timer_due *due) {
    struct timer_heap *heap = heap_of(timers, clock);
    if (heap->next_due_ns > now_ns || heap->count == 0 || timers->jump_budget == 0)
        return false;
    timers->jump_budget--;
    const uint32_t at = heap->nodes[0];
    struct timer_node *node = &timers->nodes[at];
    disarm(timers, at);
    if (node->fires++ == 0) {
        node->next_fired = timers->fired_node;
        timers->fired_node = at;
    }
    *due = node->timer;
    return true;
}

void timers_jump_end(struct timers *timers) {
    uint32_t at = timers->fired_node;
    while (at != NO_NODE) {
        struct timer_node *node = &timers->nodes[at];
        const uint32_t next = node->next_fired;
        node->fires = 0;
        if (node->state == NODE_SPENT) {
            free_node(timers, at);
        } else if (node->state == NODE_HELD) {
            node->state = NODE_ARMED;
            heap_insert(timers, heap_of(timers, node->timer.clock), at);
        }
        at = next;
    }
    timers->fired_node = NO_NODE;
}

/* ---- all of them ---- */

bool timers_next_armed(const struct timers *timers, uint32_t *at, struct timer_due *timer,
                       uint64_t *place) {
    while (*at < timers->capacity) {
        const struct timer_node *node = &timers->nodes[(*at)++];
        if (node->state != NODE_ARMED && node->state != NODE_HELD)
            continue;
        *timer = node->timer;
        *place = node->arming;
        return true;
    }
    return false;
}

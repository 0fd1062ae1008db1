#include "checkpoint/order.h"

#include "base/array.h"
#include "base/format/wire.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/*
 * A frame: size of its items (u32), the low half of their XXH3 (u32), and the items. An item begins
 * with its kind, and its stream above that. Numbers have seven bits per byte, the lowest first;
 * signed ones are folded, so that small ones of either sign are short.
 *   run: begin, relative to where the stream's previous run in this frame ended; span
 *   cut: offset
 *   break: nothing
 *   clock: time; its stream is 0
 */
enum item { ITEM_RUN, ITEM_CUT, ITEM_BREAK, ITEM_CLOCK };
#define ITEM_BITS  2
/* Frames are split at about this many bytes. */
#define FRAME_MOST (1u << 20)

/* Where the runs of this frame ended: a ring, indexed by the stream's number. */
#define ENDS 64
struct ends {
    uint64_t at[ENDS];
};

bool order_init(struct order *order, uint64_t number) {
    memset(order, 0, sizeof *order);
    text_init(&order->cuts);
    return order_begin_segment(order, number);
}

void order_release(struct order *order) {
    free(order->runs);
    free(order->segments);
    text_release(&order->cuts);
    memset(order, 0, sizeof *order);
    text_init(&order->cuts);
}

struct order *order_new(void) {
    struct order *order = calloc(1, sizeof *order);
    if (order == NULL || !order_init(order, 0)) {
        free(order);
        return NULL;
    }
    order->keeps_clocks = true;
    return order;
}

void order_free(struct order *order) {
    if (order != NULL)
        order_release(order);
    free(order);
}

/* ---- noting ---- */

static uint64_t newest_segment(const struct order *order) {
    return order->segment_count > 0 ? order->segments[order->segment_count - 1].number : 0;
}

void order_break(struct order *order) {
    const uint64_t number = newest_segment(order);
    order->is_break_due |= !order->is_broken || order->broken_in != number;
    order->is_broken = true;
    order->broken_in = number;
}

static bool add_run(struct order *order, struct order_run run) {
    if (order->count >= ORDER_MOST_RUNS ||
        !ARRAY_GROW(order->runs, order->count, order->capacity)) {
        order_break(order);
        return false;
    }
    order->runs[order->count++] = run;
    return true;
}

void order_begin_run(struct order *order, uint32_t stream, int64_t offset) {
    if (!order->is_broken || order->broken_in != newest_segment(order))
        add_run(order, (struct order_run){.from = offset, .span = 1, .stream = stream});
}

bool order_begin_segment(struct order *order, uint64_t number) {
    if (!ARRAY_GROW(order->segments, order->segment_count, order->segment_capacity)) {
        order_break(order);
        return false;
    }
    order->segments[order->segment_count++] =
        (struct order_segment){.number = number, .begin = order_end(order)};
    order->closed = order_end(order);
    return true;
}

void order_drop_before(struct order *order, uint64_t number) {
    size_t gone = 0;
    while (gone + 1 < order->segment_count && order->segments[gone].number < number)
        gone++;
    if (gone == 0)
        return;
    order->segment_count -= gone;
    memmove(order->segments, order->segments + gone,
            order->segment_count * sizeof *order->segments);
    const uint64_t begin = order->segments[0].begin;
    const size_t runs = (size_t)(begin - order->dropped);
    order->count -= runs;
    if (runs > 0)
        memmove(order->runs, order->runs + runs, order->count * sizeof *order->runs);
    order->dropped = begin;
    order->taken = order->taken > begin ? order->taken : begin;
    order->closed = order->closed > begin ? order->closed : begin;
    if (order->is_broken && order->broken_in < order->segments[0].number)
        order->is_broken = order->is_break_due = false;
}

/* ---- cutting ---- */

/* What is left of a run; span 0: nothing. */
static struct order_run cut_run(struct order_run run, uint32_t stream, int64_t offset) {
    if (run.stream != stream || offset - run.from >= (int64_t)run.span)
        return run;
    run.span = offset > run.from ? (uint32_t)(offset - run.from) : 0;
    return run;
}

/* Whether a run was cut that had been taken. */
static bool cut_runs(struct order *order, uint32_t stream, int64_t offset) {
    bool is_known = false;
    size_t kept = 0, segment = 0;
    uint64_t taken = order->dropped, closed = order->dropped;
    for (size_t i = 0; i < order->count; i++) {
        const uint64_t index = order->dropped + i;
        for (; segment < order->segment_count && order->segments[segment].begin <= index; segment++)
            order->segments[segment].begin = order->dropped + kept;
        const struct order_run left = cut_run(order->runs[i], stream, offset);
        is_known |= index < order->taken && left.span != order->runs[i].span;
        if (left.span > 0)
            order->runs[kept++] = left;
        taken = index < order->taken ? order->dropped + kept : taken;
        closed = index < order->closed ? order->dropped + kept : closed;
    }
    for (; segment < order->segment_count; segment++)
        order->segments[segment].begin = order->dropped + kept;
    order->count = kept;
    order->taken = taken;
    order->closed = closed;
    return is_known;
}

static void put_number(struct text *out, uint64_t number) {
    unsigned char bytes[10];
    size_t size = 0;
    for (; number >= 0x80; number >>= 7)
        bytes[size++] = (unsigned char)(number | 0x80);
    bytes[size++] = (unsigned char)number;
    text_append(out, bytes, size);
}

static void put_signed(struct text *out, uint64_t number) {
    put_number(out, number << 1 ^ (number >> 63 != 0 ? UINT64_MAX : 0));
}

static void put_item(struct text *out, enum item kind, uint32_t stream) {
    put_number(out, (uint64_t)stream << ITEM_BITS | kind);
}

void order_cut(struct order *order, uint32_t stream, int64_t offset) {
    if (offset < 0)
        offset = 0;
    if (!cut_runs(order, stream, offset))
        return;
    const size_t before = order->cuts.size;
    put_item(&order->cuts, ITEM_CUT, stream);
    put_signed(&order->cuts, (uint64_t)offset);
    if (!text_is_oom(&order->cuts))
        return;
    order->cuts.size = before; /* no half of one */
    order->cuts.is_oom = false;
    order_break(order);
}

/* ---- encoding ---- */

static void put_run(struct text *out, struct ends *ends, const struct order_run *run) {
    if (run->stream == ORDER_CLOCK) {
        put_item(out, ITEM_CLOCK, 0);
        put_signed(out, (uint64_t)run->from);
        return;
    }
    uint64_t *end = &ends->at[run->stream % ENDS];
    put_item(out, ITEM_RUN, run->stream);
    put_signed(out, (uint64_t)run->from - *end);
    put_number(out, run->span);
    *end = (uint64_t)run->from + run->span;
}

static void put_frame(struct text *out, const struct text *items) {
    if (text_is_oom(items)) {
        out->is_oom = true;
        return;
    }
    struct text frame;
    text_init(&frame);
    wire_put_u32(&frame, (uint32_t)items->size);
    wire_put_u32(&frame, (uint32_t)hash_key(items->data, items->size));
    text_append(&frame, items->data, items->size);
    if (text_is_oom(&frame))
        out->is_oom = true;
    else
        text_append(out, frame.data, frame.size); /* all of it, or nothing */
    text_release(&frame);
}

void order_put_break(struct text *out) {
    struct text items;
    text_init(&items);
    put_item(&items, ITEM_BREAK, 0);
    put_frame(out, &items);
    text_release(&items);
}

/* The segment of the first run that was not taken, or where the break has to be reported. */
static size_t segment_to_take(const struct order *order) {
    size_t at = order->segment_count - 1;
    if (order->taken < order_end(order)) {
        while (at > 0 && order->segments[at].begin > order->taken)
            at--;
    }
    while (order->is_break_due && at > 0 && order->segments[at].number > order->broken_in)
        at--;
    return at;
}

bool order_put_frames(struct order *order, uint64_t *number, struct text *out) {
    const bool has_cuts = order->cuts.size > 0;
    if (order->segment_count == 0 ||
        (order->taken == order_end(order) && !has_cuts && !order->is_break_due))
        return false;
    const size_t at = segment_to_take(order);
    const uint64_t end =
        at + 1 < order->segment_count ? order->segments[at + 1].begin : order_end(order);
    const bool is_break = order->is_break_due && order->segments[at].number == order->broken_in;
    uint64_t taken = order->taken;
    struct ends ends = {{0}};
    struct text items;
    text_init(&items);
    if (has_cuts)
        text_append(&items, order->cuts.data, order->cuts.size);
    if (is_break)
        put_item(&items, ITEM_BREAK, 0);
    for (; taken < end && items.size < FRAME_MOST && !text_is_oom(&items); taken++)
        put_run(&items, &ends, order_at(order, taken));
    const size_t before = out->size;
    put_frame(out, &items);
    text_release(&items);
    if (out->size == before) /* out of memory: the next call finds all of it again */
        return false;
    text_release(&order->cuts);
    order->is_break_due &= !is_break;
    order->taken = taken;
    order->closed = order->closed > taken ? order->closed : taken;
    *number = order->segments[at].number;
    return true;
}

/* ---- decoding ---- */

/* The items of the frame at the reader, which advances past it. False: it is incomplete. */
static bool next_frame(struct wire_reader *reader, struct wire_reader *items) {
    const uint32_t size = wire_u32(reader);
    const uint32_t check = wire_u32(reader);
    if (reader->is_bad || size == 0 || size > wire_left(reader) ||
        check != (uint32_t)hash_key(reader->at, size))
        return false;
    wire_open(items, reader->at, size);
    reader->at += size;
    return true;
}

/* Cut off, or with a length that was never filled in: what a system that goes down leaves of a
 * frame. */
static bool is_torn_frame(const unsigned char *bytes, size_t size) {
    struct wire_reader reader;
    wire_open(&reader, bytes, size);
    const uint32_t length = wire_u32(&reader);
    wire_u32(&reader);
    size_t zeros = 0;
    while (zeros < size && bytes[zeros] == 0)
        zeros++;
    return reader.is_bad || length >= wire_left(&reader) || zeros == size;
}

size_t order_whole_size(const void *bytes, size_t size, bool *is_torn) {
    struct wire_reader reader, items;
    size_t whole = 0;
    wire_open(&reader, bytes, size);
    while (next_frame(&reader, &items))
        whole = size - (size_t)(reader.end - reader.at);
    if (is_torn != NULL)
        *is_torn = is_torn_frame((const unsigned char *)bytes + whole, size - whole);
    return whole;
}

static uint64_t get_number(struct wire_reader *reader) {
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (wire_left(reader) == 0)
            break;
        const uint64_t byte = *reader->at++;
        if (shift == 63 && byte > 1)
            break;
        number |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return number;
    }
    reader->is_bad = true;
    return 0;
}

static uint64_t get_signed(struct wire_reader *reader) {
    const uint64_t number = get_number(reader);
    return number >> 1 ^ ((number & 1) != 0 ? UINT64_MAX : 0);
}

struct streams {
    const uint32_t *items;
    uint32_t count, stride;
};

/* UINT32_MAX: none here. */
static uint32_t stream_here(const struct streams *streams, uint32_t stream) {
    const uint32_t first =
        streams->count > 0 ? streams->items[stream % streams->count] : UINT32_MAX;
    if (first == UINT32_MAX)
        return UINT32_MAX;
    const uint64_t here = first + (uint64_t)(stream / streams->count) * streams->stride;
    return here < UINT32_MAX ? (uint32_t)here : UINT32_MAX;
}

/* False: out of memory, or of room. */
static bool read_run(struct order *order, struct wire_reader *items, const struct streams *streams,
                     uint32_t stream, struct ends *ends) {
    uint64_t *end = &ends->at[stream % ENDS];
    const uint64_t from = get_signed(items) + *end;
    const uint64_t span = get_number(items);
    if (span == 0 || span > UINT32_MAX || from > (uint64_t)INT64_MAX - span)
        items->is_bad = true;
    if (items->is_bad)
        return true;
    *end = from + span;
    const uint32_t here = stream_here(streams, stream);
    return here == UINT32_MAX ||
           add_run(order, (struct order_run){
                              .from = (int64_t)from, .span = (uint32_t)span, .stream = here});
}

static bool read_items(struct order *order, struct wire_reader *items,
                       const struct streams *streams) {
    struct ends ends = {{0}};
    while (wire_left(items) > 0) {
        const uint64_t item = get_number(items);
        const uint32_t stream = (uint32_t)(item >> ITEM_BITS);
        const unsigned kind = item & ((1u << ITEM_BITS) - 1);
        if (kind == ITEM_RUN) {
            if (!read_run(order, items, streams, stream, &ends))
                return false;
        } else if (kind == ITEM_CUT) {
            const int64_t offset = (int64_t)get_signed(items);
            const uint32_t here = stream_here(streams, stream);
            if (!items->is_bad && here != UINT32_MAX)
                cut_runs(order, here, offset > 0 ? offset : 0);
        } else if (kind == ITEM_BREAK) {
            order_break(order);
        } else {
            const int64_t wall_ns = (int64_t)get_signed(items);
            const struct order_run clock = {.from = wall_ns, .span = 1, .stream = ORDER_CLOCK};
            if (!items->is_bad && order->keeps_clocks && !add_run(order, clock))
                return false;
        }
    }
    return true;
}

bool order_read(struct order *order, const void *bytes, size_t size, const uint32_t *streams,
                uint32_t stream_count, uint32_t stride) {
    const struct streams map = {.items = streams, .count = stream_count, .stride = stride};
    struct wire_reader reader, items;
    bool did = true;
    wire_open(&reader, bytes, size);
    while (did && next_frame(&reader, &items)) {
        did = read_items(order, &items, &map);
        if (items.is_bad) { /* its hash is right, but no host wrote this */
            order_break(order);
            break;
        }
    }
    order->taken = order->closed = order_end(order);
    order->is_break_due &= !did;
    return did || order->count >= ORDER_MOST_RUNS;
}

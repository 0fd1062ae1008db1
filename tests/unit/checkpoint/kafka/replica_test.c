/* What is written of checkpoints, and what readers make of it: a log of records in memory. */
#include "support.h"

#include "checkpoint/journal_file.h"
#include "checkpoint/kafka/changes.h"
#include "checkpoint/kafka/replica.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A host's term, and the log that all write to. */
struct writer {
    struct stored_term term;
    struct text prefix;
    struct changes changes;
    uint64_t sequence;
};

static struct batch topic;

static void setup(void) {
    batch_init(&topic);
}

static void teardown(void) {
    batch_release(&topic);
}

TestSuite(replica, .init = setup, .fini = teardown);

static void writer_init(struct writer *writer, uint64_t term, uint64_t id, uint64_t base,
                        uint64_t sequence) {
    *writer = (struct writer){.term = {term, id, base}, .sequence = sequence};
    text_init(&writer->prefix);
    stored_put_prefix(&writer->prefix, "group", 3, writer->term);
    changes_init(&writer->changes);
}

static void writer_release(struct writer *writer) {
    text_release(&writer->prefix);
    changes_release(&writer->changes);
}

static t5_str prefix_of(const struct writer *writer) {
    return (t5_str){.data = writer->prefix.data, .len = writer->prefix.size};
}

static void begin(const struct writer *writer) {
    cr_assert(batch_begin(&topic, 3));
    text_append(&topic.bytes, writer->prefix.data, writer->prefix.size);
}

static void put_states(struct writer *writer, const struct checkpoint *checkpoint) {
    cr_assert(changes_collect(&writer->changes, checkpoint, prefix_of(writer), &topic));
    changes_keep(&writer->changes);
}

static void put_header(struct writer *writer, const struct checkpoint *checkpoint) {
    struct stored_header header = {.sequence = writer->sequence,
                                   .count = writer->changes.count,
                                   .sum = writer->changes.sum,
                                   .checkpoint = *checkpoint};
    struct checkpoint_part *parts = calloc(checkpoint->part_count + 1, sizeof *parts);
    for (size_t i = 0; i < checkpoint->part_count; i++) {
        parts[i] = checkpoint->parts[i];
        parts[i].has_state = false;
    }
    header.checkpoint.parts = parts;
    begin(writer);
    stored_put_header_key(&topic.bytes);
    batch_end_key(&topic);
    stored_put_header(&topic.bytes, &header);
    batch_end(&topic);
    free(parts);
}

static void put_frames(struct writer *writer, uint64_t number, uint32_t index) {
    const struct stored_frames frames = {
        .number = number, .sequence = writer->sequence++, .section = t5_text("section")};
    begin(writer);
    stored_put_journal_key(&topic.bytes, index);
    batch_end_key(&topic);
    stored_put_frames(&topic.bytes, &frames);
    batch_end(&topic);
}

/* A checkpoint with records of `count` symbols, of which those from `changed` on have the value of
 * this number, and the others that of none. */
static void make(struct checkpoint *checkpoint, uint64_t number, size_t count, size_t changed) {
    checkpoint_init(checkpoint);
    checkpoint->number = number;
    checkpoint->partition = 3;
    checkpoint->taken_ms = 1700000000000 + (int64_t)number;
    checkpoint->group = strdup("group");
    make_positions(&checkpoint->positions, (int64_t)number * 100);
    struct checkpoint_part *part = checkpoint_add_part(checkpoint, "alpha");
    part->has_state = true;
    part->state.strategy = strdup("momentum");
    part->state.version = strdup("1");
    for (size_t i = 0; i < count; i++) {
        char symbol[16], data[32];
        const int size = snprintf(symbol, sizeof symbol, "S%zu", i);
        snprintf(data, sizeof data, "%" PRIu64, i >= changed ? number : 0);
        cr_assert(state_add_record(&part->state, (uint32_t)i, i, symbol, (size_t)size, data,
                                   strlen(data)));
    }
}

static void write_one(struct writer *writer, uint64_t number, size_t count, size_t changed) {
    struct checkpoint checkpoint;
    make(&checkpoint, number, count, changed);
    put_states(writer, &checkpoint);
    put_header(writer, &checkpoint);
    checkpoint_release(&checkpoint);
}

static void feed(struct replica *replica, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct batch_record *record = &topic.records[i];
        cr_assert(replica_add(replica, topic.bytes.data + record->key_at, record->key_size,
                              record->is_tombstone ? NULL : topic.bytes.data + record->value_at,
                              record->value_size));
    }
}

/* Reads the whole log, as often as needed. */
static void read_all(struct replica *replica, const struct positions *committed) {
    replica_init(replica, "group", 3, committed);
    feed(replica, topic.count);
    for (int i = 0; replica->must_rewind; i++) {
        cr_assert_lt(i, 5);
        replica_rewind(replica);
        feed(replica, topic.count);
    }
}

/* The number that is read for offsets committed at `next`; 0: none. */
static uint64_t number_at(int64_t next) {
    struct replica replica;
    struct positions committed;
    make_positions(&committed, next);
    read_all(&replica, &committed);
    const uint64_t number = replica.best.checkpoint.number;
    replica_release(&replica);
    positions_release(&committed);
    return number;
}

static void expect_read(const struct checkpoint *expected) {
    struct replica replica;
    struct checkpoint read;
    struct error error;
    read_all(&replica, NULL);
    checkpoint_init(&read);
    cr_assert(replica_get(&replica, &read, &error), "%s", error.text);
    expect_same(expected, &read);
    checkpoint_release(&read);
    replica_release(&replica);
}

/* ---- what is written is read ---- */

Test(replica, what_was_written_is_read) {
    struct writer writer;
    struct checkpoint checkpoint;
    writer_init(&writer, 1, 7, 0, 0);
    make_checkpoint(&checkpoint, 1, 1000, 64);
    put_states(&writer, &checkpoint);
    put_header(&writer, &checkpoint);
    expect_read(&checkpoint);
    checkpoint_release(&checkpoint);
    writer_release(&writer);
}

Test(replica, a_large_record_goes_in_pieces) {
    struct writer writer;
    struct checkpoint checkpoint;
    writer_init(&writer, 1, 7, 0, 0);
    make_checkpoint(&checkpoint, 1, 1000, 2 * STORED_CHUNK + 5);
    put_states(&writer, &checkpoint);
    put_header(&writer, &checkpoint);
    for (size_t i = 0; i < topic.count; i++)
        cr_expect_leq(topic.records[i].value_size, STORED_CHUNK + 64);
    expect_read(&checkpoint);
    checkpoint_release(&checkpoint);
    writer_release(&writer);
}

Test(replica, records_come_in_the_order_of_the_state) {
    struct writer writer;
    struct checkpoint checkpoint;
    writer_init(&writer, 1, 7, 0, 0);
    make(&checkpoint, 1, 0, 0);
    struct state *state = &checkpoint.parts[0].state;
    cr_assert(state_add_record(state, T5_NO_SYMBOL, 0, NULL, 0, "all", 3));
    cr_assert(state_add_record(state, T5_NO_SYMBOL, 0, NULL, 0, "", 0));
    cr_assert(state_add_record(state, 0, 3, "Z", 1, "first", 5));
    cr_assert(state_add_record(state, 0, 3, "Z", 1, "second", 6));
    cr_assert(state_add_record(state, 1, 9, "A", 1, "later", 5));
    put_states(&writer, &checkpoint);
    put_header(&writer, &checkpoint);
    expect_read(&checkpoint);
    checkpoint_release(&checkpoint);
    writer_release(&writer);
}

Test(replica, only_what_has_changed_is_written) {
    struct writer writer;
    writer_init(&writer, 1, 7, 0, 0);
    write_one(&writer, 1, 100, 0);
    cr_expect_eq(topic.count, 102, "%zu", topic.count);
    write_one(&writer, 2, 100, 100);
    const size_t before = topic.count;
    write_one(&writer, 3, 100, 95);
    cr_expect_eq(topic.count - before, 6, "five records and the header");
    struct checkpoint expected;
    make(&expected, 3, 100, 95);
    expect_read(&expected);
    checkpoint_release(&expected);
    writer_release(&writer);
}

Test(replica, what_is_gone_is_removed) {
    struct writer writer;
    writer_init(&writer, 1, 7, 0, 0);
    write_one(&writer, 1, 10, 10);
    const size_t before = topic.count;
    write_one(&writer, 2, 7, 10);
    size_t tombstones = 0;
    for (size_t i = before; i < topic.count; i++)
        tombstones += topic.records[i].is_tombstone;
    cr_expect_eq(tombstones, 3);
    struct checkpoint expected;
    make(&expected, 2, 7, 10);
    expect_read(&expected);
    checkpoint_release(&expected);
    writer_release(&writer);
}

Test(replica, a_part_that_is_as_before_is_not_written_and_is_there) {
    struct writer writer;
    struct checkpoint checkpoint;
    writer_init(&writer, 1, 7, 0, 0);
    write_one(&writer, 1, 10, 0);
    const size_t before = topic.count;
    make(&checkpoint, 2, 0, 0);
    state_release(&checkpoint.parts[0].state);
    state_init(&checkpoint.parts[0].state);
    checkpoint.parts[0].same_as = 1;
    put_states(&writer, &checkpoint);
    put_header(&writer, &checkpoint);
    cr_expect_eq(topic.count - before, 1, "the header alone");
    cr_expect_eq(number_at(200), 2);
    checkpoint_release(&checkpoint);
    make(&checkpoint, 2, 10, 10);
    for (size_t i = 0; i < 10; i++) /* as number 1 wrote them */
        checkpoint.parts[0].state.bytes.data[checkpoint.parts[0].state.records[i].data_at] = '1';
    expect_read(&checkpoint);
    checkpoint_release(&checkpoint);
    writer_release(&writer);
}

Test(replica, what_was_not_written_is_collected_again) {
    struct writer writer;
    struct checkpoint checkpoint;
    struct batch lost;
    batch_init(&lost);
    writer_init(&writer, 1, 7, 0, 0);
    write_one(&writer, 1, 5, 5);
    make(&checkpoint, 2, 8, 4); /* one changes, three are new */
    cr_assert(changes_collect(&writer.changes, &checkpoint, prefix_of(&writer), &lost));
    cr_expect_eq(lost.count, 4);
    changes_discard(&writer.changes);
    const size_t before = topic.count;
    put_states(&writer, &checkpoint);
    put_header(&writer, &checkpoint);
    cr_expect_eq(topic.count - before, 5);
    expect_read(&checkpoint);
    checkpoint_release(&checkpoint);
    batch_release(&lost);
    writer_release(&writer);
}

/* ---- which one is taken ---- */

Test(replica, the_newest_usable_one_is_taken) {
    struct writer writer;
    writer_init(&writer, 1, 7, 0, 0);
    for (uint64_t i = 1; i <= 4; i++)
        write_one(&writer, i, 10, 5);
    cr_expect_eq(number_at(1000), 4);
    cr_expect_eq(number_at(399), 3);
    cr_expect_eq(number_at(200), 2);
    cr_expect_eq(number_at(10), 0);
    struct replica replica;
    struct positions committed;
    make_positions(&committed, 250);
    read_all(&replica, &committed);
    cr_expect_not_null(strstr(replica.why.data, "checkpoint 4"), "%s", replica.why.data);
    cr_expect_not_null(strstr(replica.why.data, "400, above the committed 250"), "%s",
                       replica.why.data);
    cr_expect_eq(replica.highest_number, 4);
    struct checkpoint expected, read;
    struct error error;
    make(&expected, 2, 10, 5);
    checkpoint_init(&read);
    cr_assert(replica_get(&replica, &read, &error), "%s", error.text);
    expect_same(&expected, &read);
    checkpoint_release(&read);
    checkpoint_release(&expected);
    replica_release(&replica);
    positions_release(&committed);
    writer_release(&writer);
}

Test(replica, one_that_was_cut_off_is_as_if_it_had_never_been) {
    struct writer writer;
    struct checkpoint checkpoint;
    writer_init(&writer, 1, 7, 0, 0);
    write_one(&writer, 1, 10, 0);
    make(&checkpoint, 2, 10, 3);
    put_states(&writer, &checkpoint); /* and no header */
    checkpoint_release(&checkpoint);
    make(&checkpoint, 1, 10, 0);
    expect_read(&checkpoint);
    checkpoint_release(&checkpoint);
    writer_release(&writer);
}

Test(replica, a_damaged_one_is_refused_and_the_one_before_is_taken) {
    struct writer writer;
    writer_init(&writer, 1, 7, 0, 0);
    write_one(&writer, 1, 10, 0);
    const size_t begin = topic.count;
    write_one(&writer, 2, 10, 5);
    for (size_t i = begin; i < topic.count; i++) {
        const struct batch_record *record = &topic.records[i];
        for (size_t k = 0; k < record->value_size; k += 3) {
            char *byte = &topic.bytes.data[record->value_at + k];
            struct replica replica;
            *byte ^= 0x20;
            read_all(&replica, NULL);
            cr_expect_eq(replica.best.checkpoint.number, 1, "record %zu, byte %zu", i, k);
            cr_expect_eq(replica.damaged_number, 2, "record %zu, byte %zu", i, k);
            replica_release(&replica);
            *byte ^= 0x20;
        }
    }
    cr_expect_eq(number_at(1000), 2);
    writer_release(&writer);
}

Test(replica, one_with_a_record_missing_is_refused) {
    struct writer writer;
    writer_init(&writer, 1, 7, 0, 0);
    write_one(&writer, 1, 10, 0);
    write_one(&writer, 2, 10, 5);
    memmove(&topic.records[14], &topic.records[15], (--topic.count - 14) * sizeof *topic.records);
    struct replica replica;
    read_all(&replica, NULL);
    cr_expect_eq(replica.best.checkpoint.number, 1);
    cr_expect_eq(replica.damaged_number, 2);
    replica_release(&replica);
    writer_release(&writer);
}

/* ---- terms ---- */

Test(replica, a_later_term_takes_over) {
    struct writer first, second;
    writer_init(&first, 1, 7, 0, 0);
    writer_init(&second, 2, 8, 1, 0);
    write_one(&first, 1, 10, 0);
    write_one(&second, 2, 4, 0);
    struct checkpoint expected;
    make(&expected, 2, 4, 0);
    expect_read(&expected);
    checkpoint_release(&expected);
    cr_expect_eq(number_at(150), 1, "what was before is there as well");
    writer_release(&first);
    writer_release(&second);
}

Test(replica, who_has_lost_the_partition_is_passed_over) {
    struct writer first, second;
    writer_init(&first, 1, 7, 0, 0);
    writer_init(&second, 2, 8, 1, 0);
    write_one(&first, 1, 10, 0);
    write_one(&second, 2, 10, 0);
    write_one(&first, 3, 10, 0); /* it does not know it yet */
    write_one(&second, 4, 10, 9);
    cr_expect_eq(number_at(1000), 4);
    cr_expect_eq(number_at(350), 2, "not the number 3 of who had lost it");
    writer_release(&first);
    writer_release(&second);
}

Test(replica, of_two_that_take_the_same_term_the_first_counts) {
    struct writer first, second;
    writer_init(&first, 1, 7, 0, 0);
    writer_init(&second, 1, 8, 0, 0);
    write_one(&first, 1, 10, 0);
    write_one(&second, 2, 10, 0);
    cr_expect_eq(number_at(1000), 1);
    writer_release(&first);
    writer_release(&second);
}

Test(replica, what_a_later_term_did_not_go_on_with_is_not_taken_any_more) {
    struct writer first, second;
    writer_init(&first, 1, 7, 0, 0);
    writer_init(&second, 2, 8, 2, 1);
    write_one(&first, 1, 10, 0);
    write_one(&first, 2, 10, 0);
    write_one(&first, 3, 10, 0); /* above what was committed when the host died */
    put_frames(&second, 2, 0);   /* so the next one went on with number 2 */
    cr_expect_eq(number_at(1000), 2);
    struct replica replica;
    read_all(&replica, NULL);
    cr_expect_eq(replica.highest_number, 3, "and the number is not used again");
    cr_expect_eq(replica.highest_term, 2);
    replica_release(&replica);
    write_one(&second, 4, 10, 0);
    cr_expect_eq(number_at(1000), 4);
    writer_release(&first);
    writer_release(&second);
}

Test(replica, keys_of_others_are_passed_over) {
    struct writer writer;
    writer_init(&writer, 1, 7, 0, 0);
    write_one(&writer, 1, 3, 0);
    struct replica replica;
    read_all(&replica, NULL);
    cr_assert(replica_add(&replica, "something else", 14, "x", 1));
    cr_assert(replica_add(&replica, NULL, 0, "x", 1));
    cr_assert(replica_add(&replica, "group\0003\0zz", 10, "x", 1));
    cr_assert(replica_add(&replica, "others\0003\0zz", 11, "x", 1));
    cr_assert(replica_add(&replica, "group\0004\0zz", 10, "x", 1));
    cr_expect_eq(replica.malformed, 3);
    cr_expect_eq(replica.best.checkpoint.number, 1);
    replica_release(&replica);
    writer_release(&writer);
}

/* The state of the number, whatever the rest of what was read says. */
static void expect_number(const struct replica *replica, uint64_t number, size_t byte, int bit) {
    struct checkpoint expected, read;
    struct error error;
    make(&expected, number, 3, 0);
    checkpoint_init(&read);
    cr_assert(replica_get(replica, &read, &error), "byte %zu, bit %d: %s", byte, bit, error.text);
    cr_assert_eq(read.number, number, "byte %zu, bit %d: number %" PRIu64, byte, bit, read.number);
    expect_same(&expected, &read);
    checkpoint_release(&read);
    checkpoint_release(&expected);
}

/* Between two checkpoints of one term. A record more than there are is found by the next header; no
 * bit begins another term, or is taken for a state. */
Test(replica, a_bit_of_a_key_is_another_one) {
    struct writer writer;
    writer_init(&writer, 1, 7, 0, 0);
    write_one(&writer, 1, 3, 0);
    const size_t first = topic.count;
    put_frames(&writer, 1, 0);
    write_one(&writer, 2, 3, 0);
    const size_t prefix = writer.prefix.size;
    size_t rejected = 0;
    for (size_t record = 0; record <= first; record++) {
        const struct batch_record *at = &topic.records[record];
        for (size_t bit = 0; bit < 8 * at->key_size; bit++) {
            char key[128];
            struct replica replica;
            cr_assert_lt(at->key_size, sizeof key);
            memcpy(key, topic.bytes.data + at->key_at, at->key_size);
            key[bit / 8] ^= (char)(1 << bit % 8);
            replica_init(&replica, "group", 3, NULL);
            feed(&replica, first);
            cr_assert(replica_add(&replica, key, at->key_size, topic.bytes.data + at->value_at,
                                  at->value_size));
            cr_expect_eq(replica.highest_term, 1);
            cr_expect_not(replica.must_rewind);
            for (size_t i = first; i < topic.count; i++) {
                const struct batch_record *next = &topic.records[i];
                cr_assert(replica_add(&replica, topic.bytes.data + next->key_at, next->key_size,
                                      topic.bytes.data + next->value_at, next->value_size));
            }
            const bool is_rejected = replica.damaged_number == 2;
            cr_expect(bit / 8 >= prefix || !is_rejected, "byte %zu", bit / 8);
            expect_number(&replica, is_rejected ? 1 : 2, bit / 8, (int)(bit % 8));
            rejected += is_rejected;
            replica_release(&replica);
        }
    }
    cr_expect_gt(rejected, 0, "no bit made a record");
    writer_release(&writer);
}

static bool count_key(void *context, t5_str key) {
    (void)key;
    ++*(size_t *)context;
    return true;
}

Test(replica, knows_all_keys_that_are_to_be_removed) {
    struct writer first, second;
    size_t count = 0;
    writer_init(&first, 2, 7, 0, 0);
    writer_init(&second, 1, 8, 0, 0);
    write_one(&first, 1, 10, 0);  /* 12 */
    put_frames(&first, 1, 0);     /* 1 */
    write_one(&second, 2, 10, 0); /* 12, and passed over */
    write_one(&first, 3, 7, 0);   /* 3 less */
    struct replica replica;
    read_all(&replica, NULL);
    cr_assert(replica_each_key(&replica, count_key, &count));
    cr_expect_eq(count, 22);
    replica_release(&replica);
    writer_release(&first);
    writer_release(&second);
}

/* ---- the journal ---- */

static void expect_frames(const struct replica *replica, const char *expected) {
    char text[256] = "";
    for (size_t i = 0; i < replica->frame_count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%" PRIu64 "%s",
                 i > 0 ? " " : "", replica->frames[i].frames.number,
                 replica->frames[i].is_behind_gap ? "!" : "");
    cr_expect_str_eq(text, expected);
}

Test(replica, the_journal_is_what_lies_behind_the_checkpoint) {
    struct writer writer;
    struct replica replica;
    writer_init(&writer, 1, 7, 0, 0);
    put_frames(&writer, 0, 0);
    write_one(&writer, 1, 3, 0);
    put_frames(&writer, 1, 0);
    put_frames(&writer, 1, 1);
    write_one(&writer, 2, 3, 0);
    put_frames(&writer, 2, 0);
    read_all(&replica, NULL);
    expect_frames(&replica, "2");
    cr_expect_eq(replica.next_sequence, 4);
    replica_release(&replica);
    struct positions committed;
    make_positions(&committed, 150);
    read_all(&replica, &committed);
    expect_frames(&replica, "1 1 2");
    replica_release(&replica);
    positions_release(&committed);
    writer_release(&writer);
}

Test(replica, frames_that_are_missing_leave_a_gap) {
    struct writer writer;
    struct replica replica;
    writer_init(&writer, 1, 7, 0, 0);
    write_one(&writer, 1, 3, 0);
    put_frames(&writer, 1, 0);
    writer.sequence++;
    put_frames(&writer, 1, 2);
    put_frames(&writer, 1, 3);
    read_all(&replica, NULL);
    expect_frames(&replica, "1 1! 1");
    replica_release(&replica);
    write_one(&writer, 2, 3, 0);
    writer.sequence++;
    put_frames(&writer, 2, 1);
    read_all(&replica, NULL);
    expect_frames(&replica, "2!");
    replica_release(&replica);
    writer_release(&writer);
}

Test(replica, the_next_term_goes_on_with_the_journal) {
    struct writer first, second;
    struct replica replica;
    writer_init(&first, 1, 7, 0, 0);
    write_one(&first, 1, 3, 0);
    put_frames(&first, 1, 0);
    writer_init(&second, 2, 8, 1, first.sequence);
    put_frames(&second, 1, 0);
    put_frames(&first, 1, 1); /* it has lost the partition */
    put_frames(&second, 1, 1);
    read_all(&replica, NULL);
    expect_frames(&replica, "1 1 1");
    replica_release(&replica);
    writer_release(&first);
    writer_release(&second);
}

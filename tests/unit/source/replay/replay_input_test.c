#include "source/replay/replay_input.h"

#include "base/clock.h"
#include "base/hash.h"
#include "replay_harness.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(file_input, .init = replay_setup, .fini = replay_teardown);

Test(file_input, recorded_lines_keep_what_they_say) {
    replay_write_file(
        0, "{\"topic\":\"bars\",\"partition\":2,\"offset\":7,\"tstype\":\"create\",\"ts\":5,"
           "\"key\":\"K\",\"payload\":\"x\\n\"}\n"
           "{\"topic\":\"asset_trends\",\"partition\":0,\"offset\":0,\"payload\":null}\n");
    struct seen_list all = replay_all(OPTIONS(), 1);
    cr_assert_eq(all.count, 2);
    struct seen *seen = &all.items[0];
    cr_assert(seen->topic == 0 && seen->partition == 2 && seen->offset == 7 && seen->time_ms == 5);
    cr_assert(strcmp(seen->key, "K") == 0 && strcmp(seen->payload, "x\n") == 0);
    cr_assert(strcmp(seen->file, replay_paths[0]) == 0 && seen->line == 1);
    cr_assert(all.items[1].topic == 2 && all.items[1].payload_size == 0 &&
              all.items[1].time_ms == RECORD_NO_TIME && all.items[1].line == 2);
    free(all.items);
}

Test(file_input, roles_name_topics_too_and_foreign_topics_are_left_out) {
    replay_write_file(0,
                      "{\"topic\":\"bar_trends\",\"partition\":0,\"offset\":0,\"payload\":\"a\"}\n"
                      "{\"topic\":\"other\",\"partition\":0,\"offset\":0,\"payload\":\"b\"}\n"
                      "{\"topic\":\"bars\",\"partition\":0,\"offset\":1,\"payload\":\"c\"}\n");
    struct replay *replay = replay_new(OPTIONS(), 1);
    struct error error;
    cr_assert(replay_run(replay, &error));
    struct seen_list all = replay_gather(replay);
    cr_assert_eq(all.count, 2);
    cr_assert(all.items[0].topic == 0 && all.items[1].topic == 0 && all.items[1].offset == 1);
    struct file_source_progress progress;
    file_source_progress(replay->source, &progress);
    cr_assert(progress.filtered == 1 && progress.records == 2 && progress.lines == 3);
    free(all.items);
    replay_free(replay);
}

Test(file_input, plain_lines_find_their_topic_partition_and_offset) {
    replay_write_file(0, "{\"symbol\":\"A\",\"trendData\":{}}\n"
                         "{\"symbol\":\"A\",\"lastSampleStats\":{}}\n"
                         "{\"symbol\":\"A\",\"trendData\":{\"x\":1}}\n"
                         "{\"symbol\":\"B\",\"statistics\":{}}\n"
                         "{\"statistics\":{}}\n");
    struct seen_list all = replay_all(OPTIONS(), 2);
    cr_assert_eq(all.count, 5);
    int32_t partition = (int32_t)(hash_key("A", 1) % 16);
    cr_assert(all.items[0].topic == 2 && all.items[1].topic == 0 && all.items[2].topic == 2 &&
              all.items[3].topic == 1);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(all.items[i].partition, partition);
    cr_assert(all.items[0].offset == 0 && all.items[1].offset == 0 && all.items[2].offset == 1);
    cr_assert_eq(all.items[3].partition, (int32_t)(hash_key("B", 1) % 16));
    cr_assert_eq(all.items[4].partition, 0);
    free(all.items);
}

Test(file_input, a_topic_may_be_named_for_lines_that_name_none) {
    replay_write_file(0, "{\"symbol\":\"A\",\"trendData\":{}}\n{\"symbol\":\"A\"}\n"
                         "{\"topic\":\"bars\",\"partition\":0,\"offset\":3,\"payload\":\"x\"}\n");
    struct seen_list all = replay_all(OPTIONS(.topic = "historic_stats"), 1);
    cr_assert(all.count == 3 && all.items[0].topic == 1 && all.items[1].topic == 1 &&
              all.items[1].offset == 1 && all.items[2].topic == 0);
    free(all.items);
}

Test(file_input, bad_lines_are_told_counted_and_passed) {
    replay_write_file(
        0, "{\"symbol\":\"A\",\"trendData\":{}}\nnonsense\n{\"symbol\":\"A\"}\n"
           "{\"a\":[}\n{\"topic\":\"bars\",\"partition\":65536,\"offset\":0,\"payload\":\"\"}\n"
           "{\"symbol\":\"A\",\"trendData\":{}}\n");
    struct replay *replay = replay_new(OPTIONS(), 1);
    struct error error;
    cr_assert(replay_run(replay, &error));
    cr_assert_str_eq(replay->bad.data,
                     "2 is not a JSON object\n"
                     "3 matches no configured topic by its members: name one with --topic\n"
                     "4 is not a complete JSON object\n"
                     "5 has a partition number above 65535\n");
    struct seen_list all = replay_gather(replay);
    cr_assert(all.count == 2 && all.items[1].line == 6 && all.items[1].offset == 1);
    struct file_source_progress progress;
    file_source_progress(replay->source, &progress);
    cr_assert(progress.bad_lines == 4 && progress.lines == 6);
    cr_assert_eq((int64_t)progress.bytes, progress.bytes_total);
    free(all.items);
    replay_free(replay);
}

Test(file_input, strict_delivers_what_came_before_and_fails_with_the_place) {
    replay_write_file(0, "{\"symbol\":\"A\",\"trendData\":{}}\n{\"symbol\":\"A\"}\n"
                         "{\"symbol\":\"A\",\"trendData\":{}}\n");
    struct replay *replay = replay_new(OPTIONS(.is_strict = true), 1);
    struct error error = {0};
    cr_assert(!replay_run(replay, &error));
    char place[100];
    snprintf(place, sizeof place, "%s:2: line matches no configured topic", replay_paths[0]);
    cr_assert(error.code == ERROR_INVALID && strncmp(error.text, place, strlen(place)) == 0, "%s",
              error.text);
    struct seen_list all = replay_gather(replay);
    cr_assert_eq(all.count, 1);
    free(all.items);
    replay_free(replay);
}

static void put_timed(struct text *text, const char *name, int64_t second) {
    text_printf(text,
                "{\"symbol\":\"A\",\"trendData\":{},\"name\":\"%s\",\"publishTime\":{"
                "\"take5Time\":%lld}}\n",
                name, (long long)(START_MS + second * 1000));
}

static void write_timed(int file, const char *names, const int *seconds) {
    struct text text;
    text_init(&text);
    for (size_t i = 0; names[i] != '\0'; i++)
        put_timed(&text, (char[]){names[i], '\0'}, seconds[i]);
    replay_write_file(file, text.data);
    text_release(&text);
}

static void expect_names(const struct seen_list *all, const char *names) {
    char got[64] = "";
    cr_assert_lt(all->count, sizeof got);
    for (size_t i = 0; i < all->count; i++)
        got[i] = strstr(all->items[i].payload, "\"name\":\"")[8];
    cr_assert_str_eq(got, names);
}

Test(file_input, files_are_merged_by_event_time_ties_by_their_order) {
    /* c is late in its file: it comes where it stands, not where its time is. */
    write_timed(0, "abcd", (int[]){10, 30, 5, 40});
    write_timed(1, "ABCD", (int[]){10, 20, 35, 40});
    write_timed(2, "xyz", (int[]){1, 10, 50});
    struct seen_list all = replay_all(OPTIONS(.path_count = 3), 1);
    expect_names(&all, "xaAyBbcCdDz");
    for (size_t i = 0; i < all.count; i++)
        cr_assert_eq(all.items[i].offset, (int64_t)i);
    struct seen_list again = replay_all(OPTIONS(.path_count = 3), 2);
    cr_assert(replay_same(&all, &again));
    free(all.items);
    free(again.items);
}

Test(file_input, what_has_no_time_of_its_own_stays_beside_its_neighbours) {
    write_timed(0, "ab", (int[]){10, 30});
    struct text text;
    text_init(&text);
    put_timed(&text, "x", 20);
    text_puts(&text, "{\"symbol\":\"A\",\"trendData\":{},\"name\":\"y\"}\n");
    put_timed(&text, "z", 40);
    replay_write_file(1, text.data);
    text_release(&text);
    struct seen_list all = replay_all(OPTIONS(.path_count = 2), 1);
    expect_names(&all, "axybz");
    free(all.items);
}

Test(file_input, bounds_of_time_leave_out_but_do_not_renumber) {
    write_timed(0, "abcde", (int[]){10, 20, 30, 40, 15});
    struct seen_list all = replay_all(
        BOUNDED((START_MS + 20000) * NS_PER_MS, (START_MS + 40000) * NS_PER_MS, .path_count = 1),
        1);
    expect_names(&all, "bc");
    cr_assert(all.items[0].offset == 1 && all.items[1].offset == 2 && all.items[1].sequence == 1);
    free(all.items);
}

Test(file_input, only_the_symbols_that_are_asked_for_come) {
    replay_write_file(
        0, "{\"symbol\":\"A\",\"trendData\":{},\"publishTime\":{\"take5Time\":1718658930001}}\n"
           "{\"symbol\":\"B\",\"trendData\":{},\"publishTime\":{\"take5Time\":1718658930002}}\n"
           "{\"symbol\":\"AB\",\"trendData\":{},\"publishTime\":{\"take5Time\":1718658930003}}\n"
           "{\"topic\":\"bars\",\"partition\":0,\"offset\":0,\"ts\":4,\"key\":\"B\","
           "\"payload\":\"broken\"}\n");
    struct seen_list all =
        replay_all(OPTIONS(.symbols = (const char *const[]){"B", "C"}, .symbol_count = 2), 1);
    cr_assert(all.count == 2 && all.items[0].line == 2 && all.items[1].line == 4);
    free(all.items);
}

Test(file_input, paced_replay_is_not_faster_than_its_speed) {
    write_timed(0, "abcd", (int[]){0, 10, 5, 20});
    int64_t begin_ns = clock_monotonic_ns();
    struct seen_list all = replay_all(OPTIONS(.speed = 100), 1);
    cr_assert_geq(clock_monotonic_ns() - begin_ns, 200 * NS_PER_MS);
    expect_names(&all, "abcd");
    free(all.items);
}

/* Nothing of a spoiled file is lost without a word: each line is a record, told as bad, or empty.
 */
Test(file_input, every_line_of_a_spoiled_file_is_accounted_for) {
    uint64_t state = 88172645463325252ULL;
    replay_write_market(0, 8, 2000, false, 0);
    replay_write_market(1, 9, 2000, true, 0);
    for (int file = 0; file < 2; file++) {
        FILE *stream = fopen(replay_paths[file], "r+");
        cr_assert(stream != NULL && fseek(stream, 0, SEEK_END) == 0);
        long size = ftell(stream);
        for (int i = 0; i < 3000; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            fseek(stream, (long)(state % (uint64_t)size), SEEK_SET);
            fputc("\"\\{}[]:,\n\r \xff\x01"
                  "0un"[(state >> 40) % 16],
                  stream);
        }
        cr_assert_eq(fclose(stream), 0);
    }
    struct replay *replay = replay_new(OPTIONS(.path_count = 2), 2);
    struct error error = {0};
    cr_assert(replay_run(replay, &error), "%s", error.text);
    struct file_source_progress progress;
    file_source_progress(replay->source, &progress);
    struct seen_list all = replay_gather(replay);
    uint64_t told = 0;
    for (size_t i = 0; i < replay->bad.size; i++)
        told += replay->bad.data[i] == '\n';
    cr_assert(progress.bad_lines == told && told > 500, "%llu bad lines", (unsigned long long)told);
    cr_assert(all.count == progress.records && all.count > 500);
    uint64_t empty = progress.lines - progress.records - progress.bad_lines - progress.filtered;
    cr_assert_lt(empty, 30, "%llu lines are not accounted for", (unsigned long long)empty);
    free(all.items);
    replay_free(replay);
}

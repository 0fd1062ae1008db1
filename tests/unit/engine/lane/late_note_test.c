#include "engine/lane/late_note.h"

#include <criterion/criterion.h>
#include <stdio.h>

static void expect(const char *note, const char *deployment, enum late_note_answer answer,
                   int64_t offset) {
    int64_t found = -1;
    cr_expect_eq(late_note_find(note, deployment, &found), answer, "%s in %s", deployment, note);
    cr_expect_eq(found, offset);
}

Test(late_note, says_how_far_each_one_has_come) {
    struct text note;
    text_init(&note);
    late_note_add(&note, "trend", 12);
    late_note_add(&note, "trend.fast", INT64_MAX);
    expect(note.data, "trend", LATE_NOTE_NAMED, 12);
    expect(note.data, "trend.fast", LATE_NOTE_NAMED, INT64_MAX);
    expect(note.data, "tren", LATE_NOTE_NOT_NAMED, -1);
    expect(note.data, "fast", LATE_NOTE_NOT_NAMED, -1);
    text_release(&note);
}

Test(late_note, stands_behind_other_words) {
    expect("take5 00ab 7 trend=3", "trend", LATE_NOTE_NAMED, 3);
    expect("take5 00ab 7", "trend", LATE_NOTE_NOT_NAMED, -1);
    expect("", "trend", LATE_NOTE_NOT_NAMED, -1);
    expect(NULL, "trend", LATE_NOTE_NOT_NAMED, -1);
}

Test(late_note, says_when_there_was_no_room_for_all) {
    struct text note;
    char name[32];
    text_init(&note);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "deployment_%d", i);
        late_note_add(&note, name, i);
    }
    cr_expect_leq(note.size, LATE_NOTE_MOST + 2);
    expect(note.data, "deployment_5", LATE_NOTE_NAMED, 5);
    expect(note.data, "deployment_999", LATE_NOTE_UNKNOWN, -1);
    text_release(&note);
}

Test(late_note, what_is_safe_is_what_the_note_says_but_of_who_was_behind_no_less) {
    cr_expect_eq(late_note_safe(" trend=7", "trend", 3, 9, false), 7);
    cr_expect_eq(late_note_safe(" trend=7", "trend", 3, 9, true), 9);
    cr_expect_eq(late_note_safe(" trend=12", "trend", 3, 9, true), 12);
    cr_expect_eq(late_note_safe(" alpha=7", "trend", 3, 9, false), 9);
    cr_expect_eq(late_note_safe(NULL, "trend", 3, 9, true), 9);
}

Test(late_note, a_note_that_lacks_some_makes_nothing_safe_but_what_the_checkpoint_had) {
    cr_expect_eq(late_note_safe(" alpha=7 *", "trend", 3, 9, false), 3);
    cr_expect_eq(late_note_safe(" alpha=7 *", "trend", 3, 9, true), 9);
}

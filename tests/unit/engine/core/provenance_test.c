/* What a live host notes of files among the settings: their content, not only their names. */
#include "engine/core/provenance.h"

#include "base/hash.h"
#include "engine/deployed.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Beside the state, so that it goes with the fixture. Valid until the next call but three. */
static const char *state_path(struct fixture *fixture, const char *name) {
    static char paths[4][256];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", fixture_engine(fixture)->config->state_dir, name);
    return path;
}

static void write_text(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert(fputs(text, file) >= 0);
    cr_assert_eq(fclose(file), 0);
}

/* Reloads with a deployment of reads_file for each of these files ("": none). */
static void deploy(struct fixture *fixture, const char *const *names, const char *const *files,
                   size_t count) {
    static char texts[8][256];
    const char *settings[9] = {NULL};
    cr_assert_leq(2 * count, 8);
    for (size_t i = 0; i < count; i++) {
        snprintf(texts[2 * i], sizeof texts[0], "strategy:%s.plugin=reads_file", names[i]);
        snprintf(texts[2 * i + 1], sizeof texts[0], "strategy:%s.table=%s", names[i], files[i]);
        settings[2 * i] = texts[2 * i];
        settings[2 * i + 1] = texts[2 * i + 1];
    }
    fixture_reload(fixture, settings);
}

static struct fixture *begin(void) {
    struct fixture *fixture = fixture_new(NULL);
    fixture_drop(fixture, "good_v1", "good");
    fixture_start(fixture);
    fixture_drop(fixture, "reads_file", "reads_file");
    return fixture;
}

static void outcome_is(struct fixture *fixture, const char *deployment, enum outcome outcome) {
    const struct report_line *line = fixture_line(fixture, deployment);
    cr_assert_eq(line->outcome, outcome, "%s: %d, %s", deployment, (int)line->outcome,
                 line->detail);
}

/* Of that deployment in {"deployments":[...]}: its object, up to the member `name`. */
static const char *find_member(const char *json, const char *deployment, const char *name) {
    char text[64];
    snprintf(text, sizeof text, "{\"name\":\"%s\"", deployment);
    const char *at = strstr(json, text);
    cr_assert_not_null(at, "no %s in %s", deployment, json);
    snprintf(text, sizeof text, "\"%s\":{", name);
    at = strstr(at, text);
    cr_assert_not_null(at, "no %s in %s", name, json);
    return at + strlen(text);
}

/* The hash of the file `table` that it is said to run with; "": it has none. */
static void content_in(const char *json, const char *deployment, char content[HASH_TEXT_SIZE]) {
    const char *files = find_member(json, deployment, "files");
    content[0] = '\0';
    if (*files != '}')
        cr_assert_eq(sscanf(files, "\"table\":\"%32[0-9a-f]\"}", content), 1, "%s", files);
}

static void content_of(struct fixture *fixture, const char *deployment,
                       char content[HASH_TEXT_SIZE]) {
    struct text text;
    text_init(&text);
    engine_put_deployed(fixture_engine(fixture), &text);
    cr_assert_not(text_is_oom(&text));
    content_in(text.data, deployment, content);
    text_release(&text);
}

static void hash_now(const char *path, char content[HASH_TEXT_SIZE]) {
    struct hash hash;
    struct error error;
    cr_assert(hash_file(path, &hash, &error), "%s", error.text);
    hash_text(hash, content);
}

/* The last line of provenance.jsonl, and how many there are. Free with free(). */
static char *last_note(struct fixture *fixture, size_t *count) {
    char *line = NULL, *last = NULL;
    size_t capacity = 0;
    FILE *file = fopen(state_path(fixture, PROVENANCE_FILE), "r");
    cr_assert_not_null(file);
    for (*count = 0; getline(&line, &capacity, file) > 0; (*count)++) {
        free(last);
        last = strdup(line);
    }
    free(line);
    fclose(file);
    cr_assert_not_null(last);
    return last;
}

Test(provenance, files_of_one_name_are_told_apart_by_content) {
    struct fixture *fixture = begin();
    char one[HASH_TEXT_SIZE], two[HASH_TEXT_SIZE], three[HASH_TEXT_SIZE], none[HASH_TEXT_SIZE];
    const char *names[] = {"one", "two", "three", "none"}, *files[4] = {NULL, NULL, NULL, ""};
    const char *contents[] = {"1\n", "2\n", "1\n"};
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(mkdir(state_path(fixture, names[i]), 0700), 0);
        char path[64];
        snprintf(path, sizeof path, "%s/table", names[i]);
        files[i] = state_path(fixture, path);
        write_text(files[i], contents[i]);
        files[i] = strdup(files[i]);
    }
    deploy(fixture, names, files, 4);
    outcome_is(fixture, "one", OUTCOME_LOADED);
    content_of(fixture, "one", one);
    content_of(fixture, "two", two);
    content_of(fixture, "three", three);
    content_of(fixture, "none", none);
    cr_expect_str_neq(one, two);
    cr_expect_str_eq(one, three, "the same content");
    cr_expect_str_eq(none, "");
    char now[HASH_TEXT_SIZE];
    hash_now(files[1], now);
    cr_expect_str_eq(two, now);
    for (size_t i = 0; i < 3; i++)
        free((char *)files[i]);
    fixture_free(fixture);
}

Test(provenance, a_file_that_changed_between_two_loads_is_noted_as_another) {
    struct fixture *fixture = begin();
    const char *names[] = {"one"}, *files[] = {state_path(fixture, "table")};
    char first[HASH_TEXT_SIZE], second[HASH_TEXT_SIZE], now[HASH_TEXT_SIZE];
    size_t count;
    write_text(files[0], "1\n");
    deploy(fixture, names, files, 1);
    char *note = last_note(fixture, &count);
    content_in(note, "one", first);
    free(note);
    write_text(files[0], "2\n");
    content_of(fixture, "one", now);
    cr_expect_str_eq(now, first, "what runs was loaded with the first content");
    deploy(fixture, names, files, 1);
    outcome_is(fixture, "one", OUTCOME_REPLACED);
    const size_t before = count;
    note = last_note(fixture, &count);
    cr_expect_eq(count, before + 1);
    content_in(note, "one", second);
    free(note);
    hash_now(files[0], now);
    cr_expect_str_neq(second, first);
    cr_expect_str_eq(second, now);
    deploy(fixture, names, files, 1);
    outcome_is(fixture, "one", OUTCOME_KEPT);
    fixture_free(fixture);
}

Test(provenance, of_a_file_that_is_gone_the_content_that_runs_stays_noted) {
    struct fixture *fixture = begin();
    const char *names[] = {"one"}, *files[] = {state_path(fixture, "table")};
    char first[HASH_TEXT_SIZE], now[HASH_TEXT_SIZE];
    write_text(files[0], "1\n");
    deploy(fixture, names, files, 1);
    content_of(fixture, "one", first);
    cr_assert_str_neq(first, "");
    cr_assert_eq(remove(files[0]), 0);
    deploy(fixture, names, files, 1);
    outcome_is(fixture, "one", OUTCOME_REJECTED);
    cr_expect_not_null(strstr(fixture_line(fixture, "one")->detail, "No such file"));
    content_of(fixture, "one", now);
    cr_expect_str_eq(now, first);
    fixture_free(fixture);
}

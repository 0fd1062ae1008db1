/* `shadow_of`: what may be said of shadows, and promotions that are noted. */
#include "fixture.h"

#include "config/sections/promotions.h"
#include "config/sections/workers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fixture;

static void begin(void) {
    fixture_open(&fixture);
}

static void end(void) {
    fixture_close(&fixture);
}

TestSuite(shadows, .init = begin, .fini = end);

Test(shadows, what_they_cannot_be_beside_is_refused_with_its_place) {
    fixture_refuse(&fixture,
                   "[strategy:alpha]\n"
                   "[strategy:a]\nshadow_of = alhpa\n"
                   "[strategy:b]\nshadow_of = something_else\n"
                   "[strategy:c]\nshadow_of = c\n"
                   "[strategy:d]\nshadow_of = e\n"
                   "[strategy:e]\nshadow_of = alpha\n"
                   "[strategy:off]\nenabled = no\n"
                   "[strategy:f]\nshadow_of = off\n",
                   "take5.ini:3: [strategy:a] shadow_of: there is no [strategy:alhpa]; did you "
                   "mean alpha?\n"
                   "take5.ini:5: [strategy:b] shadow_of: there is no [strategy:something_else]; a "
                   "strategy that has a shadow needs a section\n"
                   "take5.ini:7: [strategy:c] shadow_of = c: a deployment cannot be its own "
                   "shadow; name the one beside which it is to run\n"
                   "take5.ini:9: [strategy:d] shadow_of = e: [strategy:e] is a shadow itself; name "
                   "its original, alpha\n"
                   "take5.ini:15: [strategy:f] shadow_of = off: [strategy:off] has enabled = no "
                   "(take5.ini:13); enable both, or disable both\n");
}

Test(shadows, worker_and_filters_are_the_original_s) {
    fixture_refuse(&fixture,
                   "[strategy:alpha]\nworker = risky\n"
                   "[strategy:twin]\nshadow_of = alpha\nworker = other\nsymbols = QQQ\n"
                   "topics = bar_trends\n",
                   "take5.ini:6: [strategy:twin] symbols: a shadow is given the messages of its "
                   "original; remove symbols here, [strategy:alpha] sets it for both\n"
                   "take5.ini:7: [strategy:twin] topics: a shadow is given the messages of its "
                   "original; remove topics here, [strategy:alpha] sets it for both\n"
                   "take5.ini:5: [strategy:twin] worker = other: a shadow runs in the worker of "
                   "its original; [strategy:alpha] has risky\n");
    cr_assert_not_null(fixture_load_text(&fixture,
                                         "[take5]\nisolate = each\n"
                                         "[strategy:alpha]\nsymbols = QQQ, SPY\n"
                                         "time_frames = 60\nallow_split = yes\n"
                                         "[strategy:twin]\nplugin = alpha\nshadow_of = alpha\n"),
                       "%s", fixture.all);
    const struct config_deployment *twin = config_deployment_find(fixture.config, "twin");
    cr_assert_str_eq(config_worker_of(fixture.config, twin), "alpha");
    cr_assert_str_eq(twin->symbols[1], "SPY");
    cr_assert_null(twin->symbols[2]);
    cr_assert_eq(twin->time_frames[0], 60);
    cr_assert_null(twin->topics);
    cr_assert(twin->allow_split);
    cr_assert_eq(twin->shadow_share, 25);
}

Test(shadows, a_share_without_a_shadow_is_a_warning) {
    cr_assert_not_null(fixture_load_text(&fixture, "[strategy:alpha]\nshadow_share = 10\n"));
    cr_assert_str_eq(fixture.all,
                     "warning: take5.ini:2: [strategy:alpha] shadow_share has no effect: "
                     "it is not a shadow (shadow_of)\n");
}

/* ---- promotions ---- */

#define FILES "[strategy:alpha]\nplugin = old\nk = 1\n"
#define TWIN  "[strategy:twin]\nplugin = new\nk = 2\nshadow_of = alpha\n"

static void load(const char *text) {
    char whole[1024];
    snprintf(whole, sizeof whole, "[take5]\nstate_dir = %s\n%s", fixture.directory, text);
    cr_assert_not_null(fixture_load_text(&fixture, whole), "%s", fixture.all);
}

static void note(const char *shadow) {
    struct error error = {0};
    char *before = NULL;
    cr_assert(promotions_note(fixture.config, shadow, &before, &error), "%s", error.text);
    free(before);
}

static const struct config_deployment *alpha(void) {
    return config_deployment_find(fixture.config, "alpha");
}

static void apply(bool is_start, size_t errors, size_t faults) {
    struct faults said = FAULTS_INIT;
    promotions_apply(fixture.config, is_start, &said);
    cr_assert_eq(said.error_count, errors, "%s", said.count > 0 ? said.items[0].text : "none");
    cr_assert_eq(said.count, faults);
    faults_release(&said);
}

Test(shadows, without_a_note_the_files_count) {
    load(FILES TWIN);
    apply(false, 0, 0);
    cr_assert_str_eq(alpha()->plugin, "old");
    cr_assert_null(alpha()->promoted_from);
}

Test(shadows, a_promotion_goes_on_while_both_sections_are_what_they_were) {
    load(FILES TWIN);
    note("twin");
    load("[strategy:other]\n" FILES TWIN);
    apply(false, 0, 0);
    cr_assert_str_eq(alpha()->plugin, "new");
    cr_assert_str_eq(alpha()->settings.items[0].text, "2");
    cr_assert_str_eq(alpha()->promoted_from, "twin");
    cr_assert_not(config_deployment_find(fixture.config, "twin")->is_enabled);
}

Test(shadows, what_the_original_s_section_says_anew_counts) {
    load(FILES TWIN);
    note("twin");
    load("[strategy:alpha]\nplugin = new\nk = 2\n");
    apply(false, 0, 0);
    cr_assert_str_eq(alpha()->plugin, "new");
    cr_assert_null(alpha()->promoted_from);
}

Test(shadows, a_shadow_s_section_that_went_alone_is_a_fault_of_a_reload_and_a_warning_of_a_start) {
    load(FILES TWIN);
    note("twin");
    load(FILES);
    apply(false, 1, 1);
    apply(true, 0, 1);
    cr_assert_str_eq(alpha()->plugin, "old");
}

Test(shadows, a_promotion_over_a_promotion_knows_what_the_file_says) {
    load(FILES TWIN);
    note("twin");
    load(FILES TWIN "[strategy:third]\nplugin = newest\nk = 3\nshadow_of = alpha\n");
    apply(false, 0, 0);
    note("third");
    load(FILES TWIN "[strategy:third]\nplugin = newest\nk = 3\nshadow_of = alpha\n");
    apply(false, 0, 0);
    cr_assert_str_eq(alpha()->plugin, "newest");
    cr_assert_str_eq(alpha()->promoted_from, "third");
}

Test(shadows, one_that_came_to_nothing_is_taken_back) {
    struct error error = {0};
    char *before = NULL;
    load(FILES TWIN);
    cr_assert(promotions_note(fixture.config, "twin", &before, &error));
    cr_assert(promotions_restore(fixture.config, before, &error));
    free(before);
    apply(false, 0, 0);
    cr_assert_str_eq(alpha()->plugin, "old");
}

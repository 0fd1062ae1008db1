#include "strategy/plugin/generation.h"

#include "support.h"

#include <criterion/criterion.h>

#include <float.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static struct generations *make_generations(void) {
    struct error error;
    struct generations *generations = generations_new(scratch_path("cache"), &trust_strict, &error);
    cr_assert_not_null(generations, "%s", error.text);
    return generations;
}

static struct generation *copy(struct generations *generations, const char *plugin) {
    struct strategy_file file;
    struct error error;
    cr_assert(strategy_file_read(plugin_path(plugin), &file, &error), "%s", error.text);
    struct generation *generation = generations_copy(generations, &file, &error);
    cr_assert_not_null(generation, "%s", error.text);
    strategy_file_release(&file);
    return generation;
}

static void open_copy(struct generation *generation) {
    struct faults faults = FAULTS_INIT;
    const bool is_good = generation_open(generation, &faults);
    char *said = take_faults(&faults);
    cr_assert(is_good, "%s", said);
    free(said);
}

Test(generation, copy_is_named_by_name_hash_and_number_and_is_read_only) {
    struct generations *generations = make_generations();
    struct generation *generation = copy(generations, "good_v1");
    struct stat status;
    char hash[HASH_TEXT_SIZE];
    size_t wanted_size, found_size;
    hash_text(generation->hash, hash);
    char *name = text_format("%s/good-%s-1.so", scratch_path("cache"), hash);
    cr_assert_str_eq(generation->cache_path, name);
    cr_assert_eq(generation->number, 1);
    cr_assert_eq(stat(name, &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0444);
    char *wanted = read_file(plugin_path("good_v1"), &wanted_size);
    char *found = read_file(name, &found_size);
    cr_assert_eq(found_size, wanted_size);
    cr_assert_arr_eq(found, wanted, wanted_size);
    cr_assert_eq(stat(scratch_path("cache"), &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0700);
    free(wanted);
    free(found);
    free(name);
    generations_free(generations);
}

Test(generation, going_back_to_an_older_file_gives_a_mapping_of_its_own) {
    struct generations *generations = make_generations();
    struct generation *first = copy(generations, "writable_statics");
    struct generation *second = copy(generations, "writable_statics");
    cr_assert_eq(second->number, 2);
    cr_assert(hash_equal(first->hash, second->hash));
    open_copy(first);
    open_copy(second);
    cr_assert_neq(first->descriptor, second->descriptor);
    cr_assert_neq(first->descriptor->on_message, second->descriptor->on_message);
    cr_assert_eq(generations_count(generations), 2);
    generations_free(generations);
}

Test(generation, stays_mapped_when_its_copy_is_gone) {
    struct generations *generations = make_generations();
    struct generation *generation = copy(generations, "good_v1");
    open_copy(generation);
    const t5_strategy *descriptor = generation->descriptor;
    generations_free(generations);
    cr_assert_str_eq(descriptor->name, "good");
    cr_assert_eq(descriptor->on_message != NULL, 1);
}

Test(generation, discarded_copy_is_removed_and_not_counted) {
    struct generations *generations = make_generations();
    struct generation *kept = copy(generations, "good_v1");
    struct generation *refused = copy(generations, "good_v2");
    char *path = text_dup(refused->cache_path, strlen(refused->cache_path));
    open_copy(kept);
    cr_assert_eq(access(path, F_OK), 0);
    generations_discard(generations, refused);
    cr_assert_neq(access(path, F_OK), 0);
    cr_assert_eq(access(kept->cache_path, F_OK), 0);
    cr_assert_eq(generations_count(generations), 1);
    free(path);
    generations_free(generations);
}

Test(generation, discarded_when_mapped_it_still_counts) {
    struct generations *generations = make_generations();
    struct generation *generation = copy(generations, "bad_descriptor");
    struct faults faults = FAULTS_INIT;
    cr_assert_not(generation_open(generation, &faults));
    cr_assert_null(generation->descriptor);
    cr_assert_gt(faults.error_count, 10);
    faults_release(&faults);
    generations_discard(generations, generation);
    cr_assert_eq(generations_count(generations), 1);
    generations_free(generations);
}

Test(generation, missing_symbol_is_named_with_the_source) {
    struct generations *generations = make_generations();
    struct generation *generation = copy(generations, "missing_symbol");
    struct faults faults = FAULTS_INIT;
    cr_assert_not(generation_open(generation, &faults));
    char *said = take_faults(&faults);
    char *text = text_format("%s: cannot be loaded: undefined symbol: take5_no_such_function\n",
                             plugin_path("missing_symbol"));
    cr_assert_str_eq(said, text);
    cr_assert_eq(generations_count(generations), 0);
    free(text);
    free(said);
    generations_free(generations);
}

#if defined(__x86_64__)
Test(generation, floating_point_of_a_constructor_is_undone_and_noted) {
    struct generations *generations = make_generations();
    struct generation *generation = copy(generations, "fast_math");
    volatile double tiny = DBL_MIN, half = 0.5;
    open_copy(generation);
    cr_assert_eq(generation->changes, GUARD_FP);
    cr_assert_gt(tiny * half, 0.0);
    struct generation *harmless = copy(generations, "good_v1");
    open_copy(harmless);
    cr_assert_eq(harmless->changes, 0);
    generations_free(generations);
}
#endif

Test(generation, copies_of_earlier_processes_are_removed_and_nothing_else) {
    const char *cache = scratch_path("cache");
    cr_assert_eq(mkdir(cache, 0755), 0);
    const char *stale = scratch_path("cache/alpha-0123456789abcdef0123456789abcdef-17.so");
    const char *dashed = scratch_path("cache/a-b-c-0123456789abcdef0123456789abcdef-1.so");
    const char *mine[] = {scratch_path("cache/alpha.so"), scratch_path("cache/notes-1.so"),
                          scratch_path("cache/-0123456789abcdef0123456789abcdef-1.so")};
    write_file(stale, "x", 1);
    write_file(dashed, "x", 1);
    for (size_t i = 0; i < 3; i++)
        write_file(mine[i], "x", 1);
    struct generations *generations = make_generations();
    cr_assert_neq(access(stale, F_OK), 0);
    cr_assert_neq(access(dashed, F_OK), 0);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(access(mine[i], F_OK), 0, "%s", mine[i]);
    generations_free(generations);
}

Test(generation, two_users_of_one_cache_do_not_disturb_one_another) {
    struct generations *one = make_generations();
    struct generation *first = copy(one, "good_v1");
    struct generations *two = make_generations();
    cr_assert_eq(access(first->cache_path, F_OK), 0);
    struct generation *second = copy(two, "good_v1");
    cr_assert_str_neq(first->cache_path, second->cache_path);
    open_copy(first);
    open_copy(second);
    generations_free(two);
    cr_assert_eq(access(first->cache_path, F_OK), 0);
    generations_free(one);
    cr_assert_eq(access(scratch_path("cache"), F_OK), 0);
}

static void assert_refused(const char *cache, const char *text) {
    struct error error;
    cr_assert_null(generations_new(cache, &trust_strict, &error));
    cr_assert_not_null(strstr(error.text, text), "%s", error.text);
}

Test(generation, cache_that_cannot_serve_is_refused) {
    write_file(scratch_path("file"), "x", 1);
    assert_refused(scratch_path("file"), "not a directory");
    assert_refused(scratch_path("no/such"), "cannot create cache directory");
    cr_assert_eq(mkdir(scratch_path("open"), 0755), 0);
    cr_assert_eq(chmod(scratch_path("open"), 0777), 0);
    assert_refused(scratch_path("open"), "mode 0777 lets everyone write code to it");
    struct error error;
    struct generations *generations = generations_new(scratch_path("open"), &trust_any, &error);
    cr_assert_not_null(generations, "%s", error.text);
    generations_free(generations);
}

/* Mounted in a namespace of this test's own, which ends with its process. */
static bool mount_noexec(const char *path) {
    cr_assert_eq(mkdir(path, 0700), 0);
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", path, "tmpfs", MS_NOEXEC, "size=1m,mode=0700") == 0;
}

Test(generation, cache_on_a_noexec_file_system_is_refused) {
    const char *path = scratch_path("noexec");
    if (!mount_noexec(path))
        cr_skip_test("mounting is not allowed here");
    assert_refused(path, "is mounted noexec, so no strategy can be loaded from it");
    (void)umount(path);
}

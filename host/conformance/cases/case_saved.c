/*
 * Case: whether what is remembered over messages is saved.
 *
 * With both of save and load the cases state/... look further. With one of them something was
 * forgotten. With neither, an instance that begins in the middle, as after a reload, must say what
 * one says that was there from the beginning; fed its warm-up first, where it declares one.
 */
#include "conformance/cases/cases.h"
#include "conformance/cases/harness.h"

#define MESSAGES 6000
#define FIRST    (MESSAGES / 6) /* the cut; at most a sixth of what there is */

/* The number of the first message that a warm-up before `cut` has. */
static size_t begin_of_warm_up(const struct script *script, size_t cut, int64_t warm_up_ns) {
    size_t at = cut;
    if (warm_up_ns == 0)
        return cut;
    while (at > 0 &&
           (!script->items[at - 1].is_usable ||
            script->items[at - 1].event_time_ns >= script->items[cut].event_time_ns - warm_up_ns))
        at--;
    return at;
}

static void compare(struct case_context *context, const struct fixture *fixture, size_t cut) {
    const struct script *script = &fixture->script;
    const struct description *description = fixture->setup.description;
    struct harness whole, fresh;
    const bool is_open = harness_open(&whole, context, &fixture->setup, 0);
    if (harness_open(&fresh, context, &fixture->setup, 0) && is_open) {
        harness_activate(&whole, true);
        harness_feed_all(&whole, script, 0, cut);
        text_reset(&whole.tape);
        harness_feed_all(&whole, script, cut, script->count);
        harness_activate(&fresh, true);
        fresh.is_history = true;
        harness_feed_all(&fresh, script, begin_of_warm_up(script, cut, description->warm_up_ns),
                         cut);
        fresh.is_history = false;
        harness_feed_all(&fresh, script, cut, script->count);
        if (!harness_do_agree(&whole, &fresh) && harness_is_repeatable(context, fixture))
            harness_note_difference(context, CASE_NOT_SAVED, &whole, "without stopping", &fresh,
                                    "from a new instance");
    }
    harness_release(&fresh);
    harness_release(&whole);
}

static void judge(struct case_context *context, const struct fixture *fixture) {
    const struct script *script = &fixture->script;
    size_t cut = script->count / 6 < FIRST ? script->count / 6 : FIRST;
    while (cut < script->count && !script->items[cut].is_usable)
        cut++;
    if (cut < script->count)
        compare(context, fixture, cut);
}

void conformance_saved(struct case_context *context, const char *argument) {
    struct fixture fixture;
    (void)argument;
    if (fixture_init_mixed(&fixture, context, MESSAGES)) {
        const struct description *description = fixture.setup.description;
        if (description->has_save && !description->has_load)
            case_fail(context, "has save, but no load: what it saves is lost at every reload; give "
                               "it a load");
        else if (description->has_load && !description->has_save)
            case_fail(context, "has load, but no save: load is never called; give it a save");
        else if (!description->has_save)
            judge(context, &fixture);
    }
    fixture_release(&fixture);
}

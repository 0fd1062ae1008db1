#include "engine/lane/meddling.h"

#include "base/clock.h"
#include "base/text.h"
#include "engine/crash/crash.h"

#include <inttypes.h>

/* How often what the process has only one of is checked; after a finding, how many of the next
 * callbacks are checked, and how many deployments are named. */
#define GUARD_NS  (100 * NS_PER_MS)
#define SUSPICION 1000
#define SUSPECTS  16

/* The deployments of its partitions, each once, "alpha, beta"; `*first` is a task of the first, the
 * only one if there is one. Returns how many. */
static size_t list_deployments(const struct lane *lane, struct text *names, struct task **first) {
    const struct instance_spec *seen[SUSPECTS] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i <= lane->partition_capacity; i++) {
        const struct partition *partition =
            i < lane->partition_capacity ? lane->partitions[i] : lane->global;
        for (size_t j = 0; partition != NULL && j < partition->task_count; j++) {
            const struct instance_spec *spec = instance_get_spec(partition->tasks[j]->instance);
            size_t at = 0;
            while (at < count && seen[at] != spec)
                at++;
            if (at < count || count == SUSPECTS)
                continue;
            if (count == 0)
                *first = partition->tasks[j];
            seen[count++] = spec;
            text_printf(names, "%s%s", names->size > 0 ? ", " : "", spec->deployment);
        }
    }
    return count;
}

void lane_watch_handlers(struct lane *lane) {
    char what[256], culprit[128];
    struct text names;
    struct task *first = NULL;
    if (!crash_look(what, sizeof what, culprit, sizeof culprit))
        return;
    text_init(&names);
    if (culprit[0] != '\0')
        text_puts(&names, culprit);
    else
        list_deployments(lane, &names, &first);
    log_event(lane->options.log, LOG_LEVEL_ERROR, "strategy", "handler.restored",
              "%s changed %s of lane %" PRIu32 ", which crash reports need; it was restored",
              names.size > 0 ? names.data : "a strategy", what, lane->options.index);
    text_release(&names);
}

/* Any thread of the process may have done it, or an operator: no deployment is accused. */
static void suspect_all(struct lane *lane, unsigned changes, const char *names) {
    char words[GUARD_WORDS_SIZE];
    if (changes == 0)
        return;
    guard_words(changes, words);
    lane->current_call->suspicion = SUSPICION;
    log_event(lane->options.log, LOG_LEVEL_WARNING, "engine", "strategy.meddled",
              "lane %" PRIu32 ": %s changed, by %s, another thread or an operator; %s, and "
              "each of the next %d callbacks is checked",
              lane->options.index, words, names[0] != '\0' ? names : "a strategy",
              changes == GUARD_LIMITS         ? "the change was kept"
              : (changes & GUARD_LIMITS) != 0 ? "it was restored except for the limits"
                                              : "it was restored",
              SUSPICION);
}

/* Something was changed since the last check, and it is not known by whom, unless it is the
 * thread's and there is only one deployment. If it happens again, the culprit is seen. */
static void suspect(struct lane *lane, unsigned all_changes) {
    const unsigned changes = all_changes & ~(unsigned)GUARD_PROCESS;
    struct text names;
    struct task *first = NULL;
    char words[GUARD_WORDS_SIZE];
    text_init(&names);
    const size_t suspects = list_deployments(lane, &names, &first);
    suspect_all(lane, all_changes & GUARD_PROCESS, names.data);
    guard_words(changes, words);
    if (changes == 0) {
        /* all of it belongs to the process */
    } else if (suspects == 1) {
        instance_meddled(first->instance, changes);
    } else if (words[0] == '\0') {
        log_event(lane->options.log, LOG_LEVEL_WARNING, "engine", "strategy.meddled",
                  "lane %" PRIu32 ": one of %s forked", lane->options.index, names.data);
    } else {
        lane->current_call->suspicion = SUSPICION;
        log_event(lane->options.log, LOG_LEVEL_WARNING, "engine", "strategy.meddled",
                  "lane %" PRIu32 ": %s changed, by one of %s; it was restored, and each "
                  "of the next %d callbacks is checked",
                  lane->options.index, words, suspects > 0 ? names.data : "the strategies",
                  SUSPICION);
    }
    text_release(&names);
}

void lane_watch_strategies(struct lane *lane, bool is_now) {
    const int64_t now_ns = clock_coarse_ns();
    const bool is_whole = is_now || now_ns >= lane->guarded_ns;
    const unsigned changes = guard_look(&lane->guard) | (is_whole ? guard_settle(&lane->guard) : 0);
    if (changes != 0)
        suspect(lane, changes);
    if (!is_whole)
        return;
    lane->guarded_ns = now_ns + GUARD_NS;
    lane_watch_handlers(lane);
}

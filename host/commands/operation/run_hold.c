#include "commands/operation/run_hold.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

static void wake_on_stop(void *context, int64_t limit_ns) {
    (void)limit_ns;
    sem_post(context);
}

static void wake_on_request(void *context) {
    sem_post(context);
}

static void wait_for(sem_t *woken) {
    while (sem_wait(woken) != 0 && errno == EINTR)
        continue;
}

bool run_hold(struct signals *signals) {
    sem_t woken;
    if (sem_init(&woken, 0, 0) != 0)
        return false;
    const struct signals_stop calls = {
        .on_stop = wake_on_stop, .on_request = wake_on_request, .context = &woken};
    signals_on_stop(signals, &calls, SIGNALS_NO_LIMIT);
    /* What was asked for before the calls were set counts too. */
    while (!atomic_load(&signals->should_stop) && atomic_load(&signals->reloads) == 0)
        wait_for(&woken);
    signals_on_stop(signals, NULL, SIGNALS_NO_LIMIT);
    sem_destroy(&woken);
    return !atomic_load(&signals->should_stop);
}

void run_again(char *const *argv) {
    size_t count = 0;
    while (argv[count] != NULL)
        count++;
    char **whole = calloc(count + 2, sizeof *whole);
    if (whole == NULL)
        return;
    whole[0] = "take5";
    for (size_t i = 0; i < count; i++)
        whole[i + 1] = argv[i];
    execv("/proc/self/exe", whole);
    free(whole);
}

/*
 * A library whose thread ends the process some time after it was begun, when nothing is in
 * progress: by a crash, or by _exit.
 */
#include <pthread.h>
#include <unistd.h>

void t5ends_in_thread(void);

static void *end(void *nothing) {
    (void)usleep(300000);
#ifdef WAY_CRASH
    *(volatile int *)nothing = 1;
#else
    _exit(0);
#endif
    return nothing;
}

void t5ends_in_thread(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, end, NULL) == 0)
        (void)pthread_detach(thread);
}

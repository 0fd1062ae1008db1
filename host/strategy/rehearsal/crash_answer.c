#include "strategy/rehearsal/crash_answer.h"

#include "base/io.h"
#include "os/locate.h"
#include "strategy/rehearsal/protocol.h"

#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK_SIZE   (64 * 1024)
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};

/* The handler's own; set before it is installed. */
static int answer_fd;
static pid_t worker_pid; /* a copy that the strategy forks answers nothing */
static struct locate_request request;

static const void *program_counter(const void *context) {
#if defined(__x86_64__)
    return (const void *)(uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (const void *)(uintptr_t)((const ucontext_t *)context)->uc_mcontext.pc;
#else
    (void)context;
    return NULL;
#endif
}

/* The first line is all that a fault has room for. */
static void send_place(const void *at) {
    void *frames[LOCATE_FRAMES];
    char answer[LOCATE_ANSWER], head[ANSWER_HEAD_SIZE];
    const int count = backtrace(frames, LOCATE_FRAMES);
    locate_set_frames(&request, at, frames, (size_t)(count > 0 ? count : 0));
    if (locate(&request, answer) == 0)
        return;
    const size_t size = strcspn(answer, "\n");
    answer_head(head, ANSWER_PLACE, size);
    if (size > 0 && io_write_all(answer_fd, head, sizeof head))
        (void)io_write_all(answer_fd, answer, size);
}

/* A second one, in here or by another thread, kills at once. */
static void give_up_handlers(void) {
    for (size_t i = 0; i < COUNT(deadly); i++)
        (void)signal(deadly[i], SIG_DFL);
}

static void on_crash(int number, siginfo_t *info, void *context) {
    (void)info;
    give_up_handlers();
    if (getpid() == worker_pid)
        send_place(program_counter(context));
    (void)raise(number); /* taken when this returns */
}

void crash_answer_begin(int output, const char *copy) {
    static char memory[STACK_SIZE];
    const stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
    const char *slash = strrchr(copy, '/');
    char *resolved = realpath(copy, NULL);
    void *frame[1];
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    char *end = resolved != NULL ? strrchr(resolved, '/') : NULL;
    if (slash == NULL || end == NULL || sigaltstack(&stack, NULL) != 0) {
        free(resolved);
        return;
    }
    *end = '\0';
    (void)snprintf(request.directory, sizeof request.directory, "%s", resolved);
    free(resolved);
    answer_fd = output;
    worker_pid = getpid();
    (void)backtrace(frame, 1); /* the first call loads libgcc, which a handler must not */
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < COUNT(deadly); i++)
        (void)sigaction(deadly[i], &action, NULL);
}

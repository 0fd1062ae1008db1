#include "engine/crash/crash_handlers.h"

#include "engine/crash/crash_ends.h"
#include "engine/crash/crash_report.h"
#include "engine/crash/crash_text.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define ALT_STACK_SIZE (64 * 1024)

/* What a fault raises, on the thread that did it; and a limit that somebody has set. */
static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGXCPU};
/* Timers and limits that a strategy may have set; without a word the process would die of them. A
 * write beyond the limit fails then, which the writer reports. */
static const int harmless[] = {SIGALRM, SIGVTALRM, SIGPROF, SIGXFSZ};
/* Others that the host relies on, as they are when the handlers are installed. */
static const int kept[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct sigaction kept_actions[COUNT(kept)];
static __thread void *thread_stack;

static void set_handler(int number) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = crash_ends_on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

static void set_handlers(void) {
    for (size_t i = 0; i < COUNT(deadly); i++)
        set_handler(deadly[i]);
    for (size_t i = 0; i < COUNT(harmless); i++)
        (void)signal(harmless[i], SIG_IGN);
}

static void keep_actions(void) {
    for (size_t i = 0; i < COUNT(kept); i++)
        (void)sigaction(kept[i], NULL, &kept_actions[i]);
}

static bool set_stack(void *memory) {
    const stack_t stack = {.ss_sp = memory, .ss_size = ALT_STACK_SIZE};
    return sigaltstack(&stack, NULL) == 0;
}

bool crash_handlers_add_stack(void) {
    void *memory =
        mmap(NULL, ALT_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    if (!set_stack(memory)) {
        munmap(memory, ALT_STACK_SIZE);
        return false;
    }
    thread_stack = memory;
    return true;
}

void crash_handlers_drop_stack(void) {
    const stack_t none = {.ss_flags = SS_DISABLE};
    if (thread_stack == NULL)
        return;
    sigaltstack(&none, NULL);
    munmap(thread_stack, ALT_STACK_SIZE);
    thread_stack = NULL;
}

void crash_handlers_install(void) {
    set_handlers();
    keep_actions();
}

/* ---- whether somebody changed them ---- */

struct finding {
    char *what, *culprit;
    size_t what_size, culprit_size;
    bool is_there;
};

static void find(struct finding *finding, const char *what) {
    const size_t length = strlen(finding->what);
    snprintf(finding->what + length, finding->what_size - length, "%s%s", length > 0 ? ", " : "",
             what);
    finding->is_there = true;
}

static void find_handler(struct finding *finding, int number, const struct sigaction *now) {
    const uint32_t mark =
        call_table_find_code(crash_report_table(), (uint64_t)(uintptr_t)now->sa_sigaction);
    char text[64];
    snprintf(text, sizeof text, "the handler of %s", crash_what_name(number));
    find(finding, text);
    if (mark != 0)
        snprintf(finding->culprit, finding->culprit_size, "%s",
                 call_table_name(crash_report_table(), mark)->deployment);
}

static void look_at_handler(struct finding *finding, int number) {
    struct sigaction now;
    if (sigaction(number, NULL, &now) != 0 || now.sa_sigaction == crash_ends_on_signal)
        return;
    find_handler(finding, number, &now);
    set_handler(number);
}

static void look_at_kept(struct finding *finding, size_t i) {
    const struct sigaction *wanted = &kept_actions[i];
    const int flags = (int)((unsigned)SA_NOCLDWAIT | (unsigned)SA_RESETHAND | SA_SIGINFO);
    struct sigaction now;
    if (sigaction(kept[i], NULL, &now) != 0 || (now.sa_sigaction == wanted->sa_sigaction &&
                                                ((now.sa_flags ^ wanted->sa_flags) & flags) == 0))
        return;
    find_handler(finding, kept[i], &now);
    (void)sigaction(kept[i], wanted, NULL);
}

bool crash_look(char *what, size_t what_size, char *culprit, size_t culprit_size) {
    struct finding finding = {
        .what = what, .culprit = culprit, .what_size = what_size, .culprit_size = culprit_size};
    stack_t stack;
    what[0] = culprit[0] = '\0';
    if (crash_report_table() == NULL || thread_stack == NULL)
        return false;
    for (size_t i = 0; i < COUNT(deadly); i++)
        look_at_handler(&finding, deadly[i]);
    for (size_t i = 0; i < COUNT(kept); i++)
        look_at_kept(&finding, i);
    if (sigaltstack(NULL, &stack) == 0 && stack.ss_sp != thread_stack && set_stack(thread_stack))
        find(&finding, "the alternate signal stack");
    return finding.is_there;
}

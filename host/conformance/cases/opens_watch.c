#include "conformance/cases/opens_watch.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* In the sixth argument, which none of these calls has: the handler's own call, let through. */
#define PASS_LOW  0x74356f70u
#define PASS_HIGH 0x656e7331u

/* ---- registers ---- */

/* A sanitizer opens files from threads of its own, which have no handler. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#elif defined __x86_64__
#define MACHINE AUDIT_ARCH_X86_64
static long argument(const ucontext_t *at, int number) {
    static const int registers[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10};
    return at->uc_mcontext.gregs[registers[number]];
}
static void give(ucontext_t *at, long result) {
    at->uc_mcontext.gregs[REG_RAX] = result;
}
#elif defined __aarch64__
#define MACHINE AUDIT_ARCH_AARCH64
static long argument(const ucontext_t *at, int number) {
    return (long)at->uc_mcontext.regs[number];
}
static void give(ucontext_t *at, long result) {
    at->uc_mcontext.regs[0] = (unsigned long long)result;
}
#endif

#ifdef MACHINE

/* For the handler: of the one thread that is looked at. */
static struct opens *noted_in;
static _Thread_local volatile sig_atomic_t is_noting;

/* ---- what is opened ---- */

static void note(const char *path) {
    struct opens *opens = noted_in;
    char cut[OPENS_PATH_SIZE];
    size_t size = 0;
    while (size < sizeof cut - 1 && path[size] != '\0') {
        cut[size] = path[size];
        size++;
    }
    cut[size] = '\0';
    for (size_t i = 0; i < opens->file_count; i++)
        if (strcmp(opens->files[i].path, cut) == 0) {
            opens->files[i].times++;
            return;
        }
    if (opens->file_count == OPENS_MOST) {
        opens->others++;
        return;
    }
    memcpy(opens->files[opens->file_count].path, cut, size + 1);
    opens->files[opens->file_count++].times = 1;
}

static bool has_directory(long number) {
    return number == SYS_openat || number == SYS_openat2;
}

/* A bad path is the kernel's to find, and not to be read then. */
static void on_open(int signal_number, siginfo_t *info, void *context) {
    const int saved = errno;
    ucontext_t *at = context;
    const long number = info->si_syscall;
    const long pass = (long)((uint64_t)PASS_HIGH << 32 | PASS_LOW);
    (void)signal_number;
    long result = syscall(number, argument(at, 0), argument(at, 1), argument(at, 2),
                          argument(at, 3), 0L, pass);
    if (result < 0)
        result = -errno;
    if (is_noting && result != -EFAULT)
        note((const char *)argument(at, has_directory(number) ? 1 : 0));
    give(at, result);
    errno = saved;
}

/* ---- the filter ---- */

#define LOAD(member)        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skip))
#define IF(value, skip)     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (skip), 0)
#define ANSWER(action)      BPF_STMT(BPF_RET | BPF_K, (action))

static bool set_filter(void) {
    static struct sock_filter steps[] = {
        LOAD(arch),
        UNLESS(MACHINE, 9),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
        UNLESS(PASS_LOW, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5]) + 4),
        IF(PASS_HIGH, 5),
        LOAD(nr),
        IF(SYS_openat, 4),
        IF(SYS_openat2, 3),
#ifdef SYS_open
        IF(SYS_open, 2),
        IF(SYS_creat, 1),
#else
        IF(SYS_openat, 2),
        IF(SYS_openat, 1),
#endif
        ANSWER(SECCOMP_RET_ALLOW),
        ANSWER(SECCOMP_RET_TRAP),
    };
    const struct sock_fprog filter = {sizeof steps / sizeof *steps, steps};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

bool opens_watch_begin(struct opens *opens, struct error *error) {
    struct sigaction action = {.sa_sigaction = on_open,
                               .sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART};
    memset(opens, 0, sizeof *opens);
    noted_in = opens;
    if (sigaction(SIGSYS, &action, NULL) != 0 || !set_filter())
        return error_set_errno(error, errno, "seccomp");
    return true;
}

void opens_watch_note(bool does_note) {
    is_noting = does_note;
}

#else

bool opens_watch_begin(struct opens *opens, struct error *error) {
    memset(opens, 0, sizeof *opens);
    return error_set(error, ERROR_INVALID, "not known how on this machine, or under a sanitizer");
}

void opens_watch_note(bool does_note) {
    (void)does_note;
}

#endif

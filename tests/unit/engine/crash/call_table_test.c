/* What is in progress when a process ends, as the next one finds it. The ends are those of
 * children. */
#include "engine/crash/call_table.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64];
static const char *const topics[] = {"bars", "stats"};

static void open_directory(void) {
    strcpy(directory, "/tmp/take5-hands-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
}

static void close_directory(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(table, .init = open_directory, .fini = close_directory);

static struct call_table *open_call_table(struct call_table_former *former, struct error *error) {
    const struct call_table_options options = {
        .state_dir = directory, .lanes = 2, .topics = topics, .topic_count = 2};
    *former = (struct call_table_former){0};
    return call_table_open(&options, former, error);
}

static void path_of(char path[128]) {
    snprintf(path, 128, "%s/current_call", directory);
}

static uint32_t add_name(struct call_table *table, const char *deployment, const void *code) {
    const struct instance_spec spec = {
        .deployment = deployment, .generation = 7, .hash = "0123456789abcdef0123456789abcdef"};
    return call_table_add_name(table, &spec, code);
}

static void take_current_call(struct call_table *table, size_t slot, uint32_t mark) {
    struct current_call *current_call = call_table_slot(table, slot);
    atomic_store(&current_call->mark, mark);
    atomic_store(&current_call->topic, topics[1]);
    atomic_store(&current_call->partition, 4);
    atomic_store(&current_call->offset, 42);
    atomic_store(&current_call->callback, (uint32_t)CALLBACK_MESSAGE);
}

/* Runs it in a child with the file open; gives how the child ended. */
static int in_child(void (*run)(struct call_table *table)) {
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        struct call_table_former former;
        struct error error;
        struct call_table *table = open_call_table(&former, &error);
        if (table == NULL)
            _exit(99);
        run(table);
        _exit(0);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static struct call_table_former reopen(void) {
    struct call_table_former former;
    struct error error;
    struct call_table *table = open_call_table(&former, &error);
    cr_assert_not_null(table, "%s", error.text);
    call_table_close(table);
    return former;
}

static void be_killed(struct call_table *table) {
    take_current_call(table, 1, add_name(table, "alpha", NULL));
    raise(SIGKILL);
}

Test(table, a_kill_leaves_what_was_current_call) {
    const int status = in_child(be_killed);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    struct call_table_former former = reopen();
    cr_assert_eq(former.count, 1);
    const struct call_table_trace *trace = &former.traces[0];
    cr_expect_eq(trace->what, CALL_TABLE_UNEXPLAINED);
    cr_expect_not(trace->is_certain);
    cr_expect_not(former.is_other_boot);
    cr_expect_str_eq(trace->name.deployment, "alpha");
    cr_expect_str_eq(trace->name.hash, "0123456789abcdef0123456789abcdef");
    cr_expect_eq(trace->name.generation, 7);
    cr_expect_eq(trace->callback, CALLBACK_MESSAGE);
    cr_expect_str_eq(trace->topic, "stats");
    cr_expect_eq(trace->partition, 4);
    cr_expect_eq(trace->offset, 42);
    call_table_former_release(&former);
    former = reopen(); /* it is said once */
    cr_expect_eq(former.count, 0);
    call_table_former_release(&former);
}

static void be_clean(struct call_table *table) {
    take_current_call(table, 0, add_name(table, "alpha", NULL));
    atomic_store(&call_table_slot(table, 0)->callback, (uint32_t)CALLBACK_NONE);
}

static bool keep_not(void *context, const struct call_table_former *former, struct error *error) {
    *(size_t *)context = former->count;
    return error_set(error, ERROR_SYSTEM, "the disk is full");
}

/* Else a full disk at the next start would lose whom the crash was put down to. */
Test(table, what_cannot_be_kept_is_not_overwritten) {
    size_t count = 0;
    struct call_table_former former = {0};
    struct error error;
    in_child(be_killed);
    const struct call_table_options options = {
        .state_dir = directory, .lanes = 2, .keep = keep_not, .context = &count};
    cr_expect_null(call_table_open(&options, &former, &error));
    cr_expect_eq(count, 1);
    call_table_former_release(&former);
    former = reopen();
    cr_expect_eq(former.count, 1);
    call_table_former_release(&former);
}

Test(table, a_clean_end_leaves_nothing) {
    cr_assert_eq(in_child(be_clean), 0);
    struct call_table_former former = reopen();
    cr_expect_eq(former.count, 0);
    call_table_former_release(&former);
}

static void be_silent(struct call_table *table) {
    add_name(table, "alpha", NULL);
    add_name(table, "beta", NULL);
    call_table_drop_name(table, add_name(table, "gone", NULL));
}

static void end_cleanly(struct call_table *table) {
    be_silent(table);
    call_table_end_cleanly(table);
}

Test(table, an_end_without_a_trace_tells_what_was_loaded_and_accuses_nobody) {
    cr_assert_eq(in_child(be_silent), 0);
    struct call_table_former former = reopen();
    cr_expect_eq(former.count, 0);
    cr_expect(former.is_silent);
    cr_expect_gt(former.pid, 0);
    cr_expect_str_eq(former.loaded.data, "alpha, beta");
    call_table_former_release(&former);
    cr_assert_eq(in_child(end_cleanly), 0);
    former = reopen();
    cr_expect_not(former.is_silent);
    call_table_former_release(&former);
    in_child(be_killed);
    former = reopen();
    cr_expect_not(former.is_silent);
    call_table_former_release(&former);
}

static void file_nobody(struct call_table *table) {
    call_table_set_filed(table, call_table_note(table, SIGBUS, true, NULL, 0));
}

Test(table, what_names_nobody_is_told_though_it_is_filed) {
    cr_assert_eq(in_child(file_nobody), 0);
    struct call_table_former former = reopen();
    cr_assert_eq(former.count, 1);
    cr_expect(former.traces[0].is_filed);
    cr_expect_not(former.traces[0].is_named);
    cr_expect_eq(former.traces[0].partition, -1);
    call_table_former_release(&former);
}

static void crash_beside_another(struct call_table *table) {
    take_current_call(table, 0, add_name(table, "innocent", NULL));
    take_current_call(table, 1, add_name(table, "culprit", NULL));
    call_table_note(table, SIGSEGV, true, call_table_slot(table, 1), 16);
}

Test(table, who_was_noted_clears_the_others) {
    cr_assert_eq(in_child(crash_beside_another), 0);
    struct call_table_former former = reopen();
    cr_assert_eq(former.count, 1);
    cr_expect_str_eq(former.traces[0].name.deployment, "culprit");
    cr_expect(former.traces[0].is_certain);
    cr_expect_eq(former.traces[0].what, SIGSEGV);
    cr_expect_eq(former.traces[0].address, 16);
    call_table_former_release(&former);
}

static void be_signalled(struct call_table *table) {
    take_current_call(table, 0, add_name(table, "alpha", NULL));
    take_current_call(table, 1, add_name(table, "beta", NULL));
    call_table_note(table, SIGXCPU, false, NULL, 0);
}

Test(table, an_end_that_names_nobody_makes_all_suspects) {
    cr_assert_eq(in_child(be_signalled), 0);
    struct call_table_former former = reopen();
    cr_assert_eq(former.count, 3);
    cr_expect_not(former.traces[0].is_named);
    cr_expect_str_eq(former.traces[1].name.deployment, "alpha");
    cr_expect_str_eq(former.traces[2].name.deployment, "beta");
    call_table_former_release(&former);
}

static void file_it(struct call_table *table) {
    take_current_call(table, 0, add_name(table, "alpha", NULL));
    call_table_set_filed(table, call_table_note(table, SIGBUS, true, call_table_slot(table, 0), 0));
}

Test(table, what_stands_in_a_crash_file_is_not_told_again) {
    cr_assert_eq(in_child(file_it), 0);
    struct call_table_former former = reopen();
    cr_expect_eq(former.count, 0);
    call_table_former_release(&former);
}

static void be_located(struct call_table *table) {
    take_current_call(table, 0, add_name(table, "alpha", NULL));
    const int note = call_table_note(table, SIGSEGV, true, call_table_slot(table, 0), 0);
    call_table_set_place(table, note, "average (alpha.c:42)\nthe stack\n");
    call_table_set_place(table, -1, "nowhere\n");
}

Test(table, the_place_in_the_source_outlives_the_process) {
    cr_assert_eq(in_child(be_located), 0);
    struct call_table_former former = reopen();
    cr_assert_eq(former.count, 1);
    cr_expect_str_eq(former.traces[0].at, "average (alpha.c:42)");
    call_table_former_release(&former);
}

Test(table, a_thread_without_a_hand_is_known_by_its_code) {
    struct call_table_former former;
    struct call_table_trace trace;
    struct error error;
    struct call_table *table = open_call_table(&former, &error);
    cr_assert_not_null(table, "%s", error.text);
    void *const frames[] = {(void *)8, (void *)&open_directory};
    add_name(table, "elsewhere", &topics);
    const uint32_t mark = call_table_find_code(table, (uint64_t)(uintptr_t)&open_directory);
    cr_assert_neq(mark, 0);
    const int note = call_table_note(table, SIGSEGV, true, NULL, 0);
    call_table_add_frames(table, note, frames, 1);
    cr_assert(call_table_read_note(table, note, &trace));
    cr_expect_not(trace.is_named);
    call_table_add_frames(table, note, frames, 2);
    cr_assert(call_table_read_note(table, note, &trace));
    cr_expect(trace.is_named);
    cr_expect_eq(trace.callback, CALLBACK_THREAD);
    cr_expect_eq(trace.frame_count, 2);
    call_table_close(table);
}

Test(table, one_process_has_it) {
    struct call_table_former former;
    struct error error;
    int pipes[2];
    cr_assert_eq(pipe(pipes), 0);
    const pid_t child = fork();
    if (child == 0) {
        char byte = open_call_table(&former, &error) != NULL ? 'y' : 'n';
        if (write(pipes[1], &byte, 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    char byte = 0;
    cr_assert_eq(read(pipes[0], &byte, 1), 1);
    cr_assert_eq(byte, 'y');
    cr_expect_null(open_call_table(&former, &error));
    cr_expect_eq(error.code, ERROR_STATE);
    char pid[32];
    snprintf(pid, sizeof pid, "process %d ", (int)child);
    cr_expect_not_null(strstr(error.text, pid), "%s", error.text);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    call_table_former_release(&former);
}

/* Nothing that lies there stops a start, or makes it wait. */
Test(table, damage_is_no_trace) {
    char path[128];
    path_of(path);
    in_child(be_killed);
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    static char bytes[1 << 20];
    cr_assert_lt(status.st_size, (off_t)sizeof bytes);
    FILE *file = fopen(path, "r");
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t at = 0; at < size; at += at < 1024 ? 3 : 997) {
        const char was = bytes[at];
        bytes[at] = (char)0xFF;
        file = fopen(path, "w");
        cr_assert_eq(fwrite(bytes, 1, size, file), size);
        fclose(file);
        bytes[at] = was;
        struct call_table_former former = reopen();
        call_table_former_release(&former);
    }
    for (size_t length = 0; length < size; length += size / 7) {
        cr_assert_eq(truncate(path, (off_t)length), 0);
        struct call_table_former former = reopen();
        cr_expect_eq(former.count, 0);
        call_table_former_release(&former);
    }
}

Test(table, a_fifo_and_a_link_are_refused_at_once) {
    char path[128];
    struct call_table_former former;
    struct error error;
    path_of(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_null(open_call_table(&former, &error));
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(symlink("/etc/passwd", path), 0);
    cr_expect_null(open_call_table(&former, &error));
    cr_assert_eq(unlink(path), 0);
}

static void limit_and_open(void) {
    struct call_table_former former;
    struct error error;
    const struct rlimit limit = {4096, 4096};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    _exit(open_call_table(&former, &error) == NULL && strstr(error.text, "no room") != NULL ? 0
                                                                                            : 1);
}

Test(table, no_room_is_noticed_at_the_start) {
    const pid_t child = fork();
    int status;
    if (child == 0)
        limit_and_open();
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
}

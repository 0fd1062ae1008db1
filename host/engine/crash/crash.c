#include "engine/crash/crash.h"

#include "engine/crash/crash_ends.h"
#include "engine/crash/crash_handlers.h"
#include "engine/crash/crash_report.h"

#include <execinfo.h>
#include <pthread.h>
#include <unistd.h>

static struct call_table_former former;

bool crash_install(const struct config *config, const struct crash_options *options,
                   struct error *error) {
    if (!crash_report_open(config, options, &former, error) || !crash_ends_hook(error))
        return false;
    /* The first call loads libgcc, which a signal handler must not. */
    void *frame[1];
    (void)backtrace(frame, 1);
    crash_handlers_install();
    return true;
}

/* ---- threads ---- */

bool crash_enter_thread(struct current_call *current_call) {
    if (current_call != NULL)
        atomic_store(&current_call->thread, gettid());
    crash_ends_set_call(current_call);
    if (!crash_handlers_add_stack())
        return false;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    return true;
}

void crash_leave_thread(void) {
    struct current_call *current_call = crash_ends_call();
    if (current_call != NULL)
        atomic_store(&current_call->thread, 0);
    crash_ends_set_call(NULL);
    crash_handlers_drop_stack();
}

void crash_write_hang(const struct current_call *current_call) {
    if (crash_report_table() != NULL)
        crash_report_hang(current_call);
}

/* ---- what is under way ---- */

void crash_list_current_call(struct text *names) {
    struct call_table_trace trace;
    for (size_t i = 0;
         crash_report_table() != NULL && i < call_table_slot_count(crash_report_table()); i++) {
        if (call_table_read_slot(crash_report_table(), i, &trace))
            text_printf(names, "%s%s in %s", names->size > 0 ? ", " : "", trace.name.deployment,
                        callback_name((enum callback)trace.callback));
    }
}

const struct call_table_former *crash_former(void) {
    return &former;
}

struct current_call *crash_call(size_t slot) {
    return crash_report_table() != NULL ? call_table_slot(crash_report_table(), slot) : NULL;
}

uint32_t crash_add_name(const struct instance_spec *spec, const void *code) {
    return crash_report_table() != NULL ? call_table_add_name(crash_report_table(), spec, code) : 0;
}

uint32_t crash_begin_open(const struct instance_spec *spec) {
    struct current_call *current_call = crash_ends_call();
    if (crash_report_table() == NULL || current_call == NULL)
        return 0;
    const uint32_t mark = call_table_add_name(crash_report_table(), spec, NULL);
    atomic_store(&current_call->instance, NULL);
    atomic_store(&current_call->topic, NULL);
    atomic_store(&current_call->partition, -1);
    atomic_store(&current_call->offset, -1);
    atomic_store(&current_call->mark, mark);
    atomic_store(&current_call->sequence, atomic_load(&current_call->sequence) + 1);
    atomic_store(&current_call->callback, (uint32_t)CALLBACK_OPEN);
    return mark;
}

void crash_end_open(uint32_t mark) {
    struct current_call *current_call = crash_ends_call();
    if (crash_report_table() == NULL || current_call == NULL)
        return;
    atomic_store(&current_call->callback, (uint32_t)CALLBACK_NONE);
    call_table_drop_name(crash_report_table(), mark);
}

void crash_drop_name(uint32_t mark) {
    if (crash_report_table() != NULL)
        call_table_drop_name(crash_report_table(), mark);
}

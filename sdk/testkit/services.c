/*
 * The services as the strategy sees them: each is counted, fails when it is its turn, and else goes
 * on to the host's own. What the host allocates meanwhile is not the strategy's.
 */
#include "kit.h"

#include <string.h>

static t5_kit *kit_of(t5_host *host) {
    return ((const struct kit_services *)(const void *)host->services)->kit;
}

static bool is_turn(t5_kit *kit, enum t5_kit_service service) {
    const uint64_t calls = ++kit->service_calls[service];
    return kit->service_fails_at[service] != 0 && calls == kit->service_fails_at[service];
}

/* Counts the call. True when it shall fail. log and fail are no part of ANY: a test that lets
 * services fail wants to read what is logged about it. */
static bool fails(t5_kit *kit, enum t5_kit_service service) {
    bool is_failing = is_turn(kit, service);
    if (service != T5_KIT_LOG && service != T5_KIT_FAIL && is_turn(kit, T5_KIT_ANY_SERVICE))
        is_failing = true;
    return is_failing;
}

/* Around a call of the host's own; `any thread` services do not need it. */
static const t5_services *pass_on(t5_kit *kit) {
    kit->services_current_call++;
    return kit->host_services;
}

static int32_t back(t5_kit *kit, int32_t code) {
    kit->services_current_call--;
    return code;
}

static int32_t service_log(t5_host *host, int32_t level, const char *text, size_t len) {
    t5_kit *kit = kit_of(host);
    if (fails(kit, T5_KIT_LOG) || (text == NULL && len > 0))
        return T5_ERROR;
    /* On the strategy's own thread kit_current is NULL: nothing is counted there anyway. */
    const bool is_own_thread = kit_current == kit;
    if (is_own_thread)
        kit->services_current_call++;
    kit_add_line(kit, level, false, text, len);
    if (is_own_thread)
        kit->services_current_call--;
    return T5_OK;
}

static int32_t service_fail(t5_host *host, const char *text, size_t len) {
    t5_kit *kit = kit_of(host);
    if (fails(kit, T5_KIT_FAIL))
        return T5_ERROR;
    const int32_t code = back(kit, pass_on(kit)->fail(host, text, len));
    if (code == T5_OK) {
        const size_t size = len < sizeof kit->reason ? len : sizeof kit->reason - 1;
        if (size > 0)
            memcpy(kit->reason, text, size);
        kit->reason[size] = '\0';
    }
    return code;
}

/* The host logs why it refused; a repeat of the same it only counts, so it is logged here. */
static void log_refusal(t5_kit *kit) {
    kit->services_current_call++;
    if (!kit_drain_log(kit))
        kit_add_line(kit, T5_LOG_WARNING, true, kit->host_line, strlen(kit->host_line));
    kit->services_current_call--;
}

static int32_t service_emit(t5_host *host, const t5_signal *signal) {
    t5_kit *kit = kit_of(host);
    if (fails(kit, T5_KIT_EMIT))
        return T5_ERROR;
    const int32_t code = back(kit, pass_on(kit)->emit(host, signal));
    if (code == T5_ERROR)
        log_refusal(kit);
    return code;
}

static int32_t service_arm_timer(t5_host *host, const t5_timer *timer) {
    t5_kit *kit = kit_of(host);
    if (fails(kit, T5_KIT_ARM_TIMER))
        return T5_ERROR;
    return back(kit, pass_on(kit)->arm_timer(host, timer));
}

static int32_t service_cancel_timer(t5_host *host, const t5_timer *timer) {
    t5_kit *kit = kit_of(host);
    if (fails(kit, T5_KIT_CANCEL_TIMER))
        return T5_ERROR;
    return back(kit, pass_on(kit)->cancel_timer(host, timer));
}

/* The wall clock is the test's, where it is not the event clock. */
static int64_t service_now(t5_host *host, int32_t clock) {
    t5_kit *kit = kit_of(host);
    if (fails(kit, T5_KIT_NOW))
        return 0;
    if (clock == T5_CLOCK_WALL && kit->mode != T5_MODE_REPLAY && kit->mode != T5_MODE_CHECK)
        return kit->wall_ns;
    return kit->host_services->now(host, clock);
}

static int32_t service_parameter(t5_host *host, const char *name, size_t len, t5_value *value) {
    t5_kit *kit = kit_of(host);
    if (fails(kit, T5_KIT_PARAMETER))
        return T5_ERROR;
    return back(kit, pass_on(kit)->parameter(host, name, len, value));
}

static int32_t service_declare_field(t5_host *host, const char *path, size_t len, uint32_t *index) {
    t5_kit *kit = kit_of(host);
    if (fails(kit, T5_KIT_DECLARE_FIELD))
        return T5_ERROR;
    return back(kit, pass_on(kit)->declare_field(host, path, len, index));
}

static int32_t service_document(t5_host *host, t5_document *document) {
    t5_kit *kit = kit_of(host);
    if (fails(kit, T5_KIT_DOCUMENT))
        return T5_ERROR;
    return back(kit, pass_on(kit)->document(host, document));
}

static int32_t service_symbol_text(t5_host *host, uint32_t symbol_id, t5_str *text) {
    t5_kit *kit = kit_of(host);
    if (fails(kit, T5_KIT_SYMBOL_TEXT))
        return T5_ERROR;
    return back(kit, pass_on(kit)->symbol_text(host, symbol_id, text));
}

static int32_t service_symbol_id(t5_host *host, const char *text, size_t len, uint32_t *symbol_id) {
    t5_kit *kit = kit_of(host);
    if (fails(kit, T5_KIT_SYMBOL_ID))
        return T5_ERROR;
    return back(kit, pass_on(kit)->symbol_id(host, text, len, symbol_id));
}

static int32_t service_record_write(t5_host *host, uint32_t symbol_id, const void *data,
                                    size_t size) {
    t5_kit *kit = kit_of(host);
    if (fails(kit, T5_KIT_RECORD_WRITE))
        return T5_ERROR;
    return back(kit, pass_on(kit)->record_write(host, symbol_id, data, size));
}

static int32_t service_record_read(t5_host *host, t5_record *record) {
    t5_kit *kit = kit_of(host);
    if (fails(kit, T5_KIT_RECORD_READ))
        return T5_ERROR;
    return back(kit, pass_on(kit)->record_read(host, record));
}

static int32_t service_wake(t5_host *host) {
    t5_kit *kit = kit_of(host);
    if (fails(kit, T5_KIT_WAKE))
        return T5_ERROR;
    return kit->host_services->wake(host);
}

static int32_t service_publish(t5_host *host, const t5_point *point) {
    t5_kit *kit = kit_of(host);
    if (fails(kit, T5_KIT_PUBLISH))
        return T5_ERROR;
    const int32_t code = back(kit, pass_on(kit)->publish(host, point));
    if (code == T5_ERROR)
        log_refusal(kit);
    return code;
}

void kit_services_init(t5_kit *kit) {
    kit->services.kit = kit;
    kit->services.table = (t5_services){
        .size = (uint32_t)sizeof(t5_services),
        .abi_minor = T5_ABI_MINOR,
        .log = service_log,
        .fail = service_fail,
        .emit = service_emit,
        .arm_timer = service_arm_timer,
        .cancel_timer = service_cancel_timer,
        .now = service_now,
        .parameter = service_parameter,
        .declare_field = service_declare_field,
        .document = service_document,
        .symbol_text = service_symbol_text,
        .symbol_id = service_symbol_id,
        .record_write = service_record_write,
        .record_read = service_record_read,
        .wake = service_wake,
        .publish = service_publish,
    };
}

int32_t t5_kit_fail_service(t5_kit *kit, uint32_t service, uint64_t nth) {
    if (service < T5_KIT_ANY_SERVICE || service >= T5_KIT_SERVICES)
        return kit_problem(kit, T5_KIT_MISUSE, "%u is no service", service);
    kit->service_fails_at[service] = nth > 0 ? kit->service_calls[service] + nth : 0;
    return T5_OK;
}

uint64_t t5_kit_service_calls(const t5_kit *kit, uint32_t service) {
    return service < T5_KIT_SERVICES ? kit->service_calls[service] : 0;
}

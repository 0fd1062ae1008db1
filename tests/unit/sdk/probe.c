#include "probe.h"

#include <take5/symbols.h>

#include <pthread.h>

struct probe {
    t5_host *host;
    t5_symbols counts; /* uint64_t */
    double factor;
    uint32_t declared; /* field index */
    int is_save_unsteady;
    uint64_t saves;
};

static const char *const topics[] = {"bar_trends", "asset_trends", NULL};
static const char *const fields[] = {"do", "n", "text", "deep.path|other", NULL};
enum { FIELD_DO, FIELD_N, FIELD_TEXT, FIELD_PATH };

static const t5_parameter factor = {.size = sizeof factor,
                                    .type = T5_PARAMETER_NUMBER,
                                    .name = "factor",
                                    .default_value = "1",
                                    .min = "0",
                                    .max = "10"};
static const t5_parameter refuse = {.size = sizeof refuse,
                                    .type = T5_PARAMETER_TEXT,
                                    .name = "refuse",
                                    .help = "create refuses with this",
                                    .default_value = ""};
static const t5_parameter unsteady = {.size = sizeof unsteady,
                                      .type = T5_PARAMETER_BOOLEAN,
                                      .name = "unsteady",
                                      .help = "no two saves are the same",
                                      .default_value = "no"};
static const t5_parameter *const parameters[] = {&factor, &refuse, &unsteady, NULL};

static int32_t create(const t5_create_args *args, void **self) {
    t5_host *host = args->host;
    const t5_str reason = t5_parameter_text(host, "refuse");
    if (reason.len > 0)
        return t5_fail(host, "%.*s", (int)reason.len, reason.data);
    struct probe *p = calloc(1, sizeof *p);
    if (p == NULL)
        return t5_fail(host, "out of memory in create");
    p->host = host;
    p->factor = t5_parameter_number(host, "factor");
    p->is_save_unsteady = (int)t5_parameter_integer(host, "unsteady");
    t5_symbols_init(&p->counts, sizeof(uint64_t), NULL);
    if (t5_publish(host, 0, 1) != T5_NOT_NOW) { /* the table has it, whatever the host */
        free(p);
        return t5_fail(host, "publish is allowed in create");
    }
    if (host->services->declare_field(host, "late.field", 10, &p->declared) != T5_OK) {
        free(p);
        return t5_fail(host, "declare_field did not work");
    }
    t5_log(host, T5_LOG_INFO, "created %.*s partition %d mode %u", (int)args->deployment.len,
           args->deployment.data, args->partition, args->mode);
    *self = p;
    return T5_OK;
}

static void destroy(void *self) {
    struct probe *p = self;
    t5_symbols_release(&p->counts);
    free(p);
}

static void activate(void *self, const t5_activate_args *args) {
    t5_log(((struct probe *)self)->host, T5_LOG_DEBUG, "activated in mode %u", args->mode);
}

static void deactivate(void *self) {
    t5_log(((struct probe *)self)->host, T5_LOG_DEBUG, "deactivated");
}

static int is(t5_str deed, const char *name) {
    return t5_str_equal(deed, t5_text(name));
}

static int32_t emit(struct probe *p, const char *name, double value, t5_str data) {
    t5_signal signal = t5_signal_init(name, value * p->factor, 0.5);
    signal.data = data;
    return t5_emit(p->host, &signal);
}

static void *log_and_wake(void *self) {
    struct probe *p = self;
    t5_log(p->host, T5_LOG_WARNING, "from another thread");
    (void)p->host->services->wake(p->host);
    return NULL;
}

static int32_t other_thread(struct probe *p) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, log_and_wake, p) != 0)
        return t5_fail(p->host, "no thread");
    pthread_join(thread, NULL);
    return T5_OK;
}

static int32_t look(struct probe *p, t5_str path) {
    t5_document query = {.size = sizeof query, .child = UINT32_MAX, .path = path};
    if (p->host->services->document(p->host, &query) != T5_OK)
        return t5_fail(p->host, "no document");
    return emit(p, "looked", query.value.number, t5_text(NULL));
}

static int32_t allocate(struct probe *p, const char *text) {
    char *a = malloc(10), *b = strdup(text), *c = realloc(NULL, 20);
    const int all = a != NULL && b != NULL && c != NULL;
    free(a);
    free(b);
    free(c);
    return all ? T5_OK
               : t5_fail(p->host, "out of memory: %s%s%s", a == NULL ? "malloc" : "",
                         b == NULL ? "strdup" : "", c == NULL ? "realloc" : "");
}

static int32_t on_message(void *self, const t5_message *message) {
    struct probe *p = self;
    uint64_t *count = t5_symbols_get(&p->counts, message->symbol_id);
    if (count == NULL)
        return t5_fail(p->host, "out of memory in on_message");
    ++*count;
    const t5_str deed = t5_value_text(t5_field(message, FIELD_DO));
    const t5_str text = t5_value_text(t5_field(message, FIELD_TEXT));
    const double n = t5_field_number(message, FIELD_N);
    if (is(deed, "emit"))
        (void)emit(p, "said", n, text);
    else if (is(deed, "count"))
        (void)emit(p, "count", (double)*count, text);
    else if (is(deed, "price"))
        (void)emit(p, "price", message->price, text);
    else if (is(deed, "path"))
        (void)emit(p, "path", t5_field_number(message, FIELD_PATH), text);
    else if (is(deed, "declared"))
        (void)emit(p, "declared", t5_field_number(message, p->declared), text);
    else if (is(deed, "flags"))
        (void)emit(p, "flags", (double)message->flags, text);
    else if (is(deed, "now"))
        (void)emit(p, "now", (double)p->host->services->now(p->host, T5_CLOCK_WALL), text);
    else if (is(deed, "arm"))
        return t5_arm_timer(p->host, message->symbol_id, 7, message->event_time_ns + (int64_t)n);
    else if (is(deed, "arm_wall")) {
        const t5_timer timer = {.size = sizeof timer,
                                .clock = T5_CLOCK_WALL,
                                .symbol_id = T5_NO_SYMBOL,
                                .key = 8,
                                .due_ns = (int64_t)n};
        return p->host->services->arm_timer(p->host, &timer);
    } else if (is(deed, "fail"))
        return t5_fail(p->host, "%.*s", (int)text.len, text.data);
    else if (is(deed, "reject")) {
        (void)t5_fail(p->host, "not for us");
        return T5_REJECT;
    } else if (is(deed, "nonsense"))
        return 77;
    else if (is(deed, "allocate"))
        return allocate(p, "a text");
    else if (is(deed, "document"))
        return look(p, text);
    else if (is(deed, "thread"))
        return other_thread(p);
    return T5_OK;
}

static int32_t on_timer(void *self, const t5_timer *timer) {
    struct probe *p = self;
    if (timer->key == 8)
        (void)emit(p, "wall", (double)timer->now_ns, t5_text(NULL));
    else
        (void)emit(p, "due", (double)timer->due_ns, t5_text(NULL));
    return T5_OK;
}

static void on_event(void *self, const t5_event *event) {
    struct probe *p = self;
    t5_log(p->host, T5_LOG_INFO, "event %u %.*s", event->kind, (int)event->symbol.len,
           event->symbol.len > 0 ? event->symbol.data : "");
    if (event->kind == T5_EVENT_SYMBOL_EXPIRED)
        t5_symbols_drop(&p->counts, event->symbol_id);
}

static int32_t save(void *self, const t5_save_args *args) {
    struct probe *p = self;
    (void)args;
    p->saves++;
    if (p->is_save_unsteady && t5_record_write(p->host, T5_NO_SYMBOL, &p, sizeof p) != T5_OK)
        return T5_ERROR;
    return t5_symbols_save(&p->counts, p->host);
}

static int32_t load(void *self, const t5_load_args *args) {
    struct probe *p = self;
    t5_record record;
    int32_t code;
    if (args->state_version != 3)
        return t5_fail(p->host, "state version %u, I read 3", args->state_version);
    while ((code = t5_record_read(p->host, &record)) == T5_OK)
        if (record.symbol_id != T5_NO_SYMBOL &&
            t5_symbols_load_record(&p->counts, p->host, &record) != T5_OK)
            return T5_ERROR;
    return code == T5_END ? T5_OK : t5_fail(p->host, "no more records, code %d", code);
}

const t5_strategy probe_strategy = {
    .size = sizeof probe_strategy,
    .name = "probe",
    .version = "3.1",
    .topics = topics,
    .fields = fields,
    .parameters = parameters,
    .state_version = 3,
    .create = create,
    .destroy = destroy,
    .activate = activate,
    .deactivate = deactivate,
    .on_message = on_message,
    .on_timer = on_timer,
    .on_event = on_event,
    .save = save,
    .load = load,
};

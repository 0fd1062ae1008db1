#include "support.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATHS 8

/* ---- files ---- */

static const char *next_path(const char *folder, const char *name, const char *suffix) {
    static char paths[PATHS][4096];
    static int at;
    char *path = paths[at++ % PATHS];
    snprintf(path, sizeof paths[0], "%s/%s%s", folder, name, suffix);
    return path;
}

const char *plugin_path(const char *name) {
    return next_path(TAKE5_BUILD_DIR "/tests/plugins", name, ".so");
}

static char scratch[64];
static pid_t scratch_owner;

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw) {
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_scratch(void) {
    if (getpid() == scratch_owner)
        (void)nftw(scratch, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_directory(void) {
    if (scratch[0] == '\0') {
        strcpy(scratch, "/tmp/take5-strategy-XXXXXX");
        cr_assert_not_null(mkdtemp(scratch));
        scratch_owner = getpid();
        atexit(remove_scratch);
    }
    return scratch;
}

const char *scratch_path(const char *name) {
    return next_path(scratch_directory(), name, "");
}

void write_file(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(path, 0644), 0);
}

char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return NULL;
    struct stat status;
    cr_assert_eq(fstat(fileno(file), &status), 0);
    char *bytes = malloc((size_t)status.st_size + 1);
    cr_assert_not_null(bytes);
    *size = fread(bytes, 1, (size_t)status.st_size, file);
    bytes[*size] = '\0';
    fclose(file);
    return bytes;
}

char *take_faults(struct faults *faults) {
    struct text text;
    text_init(&text);
    for (size_t i = 0; i < faults->count; i++)
        text_printf(&text, "%s%s\n", faults->items[i].is_warning ? "warning: " : "",
                    faults->items[i].text);
    faults_release(faults);
    return text_take(&text);
}

/* ---- the probe ---- */

struct probe probe;

static int32_t probe_create(const t5_create_args *args, void **self) {
    probe.host = args->host;
    *self = &probe;
    return probe.create != NULL ? probe.create(args) : T5_OK;
}

static void probe_destroy(void *self) {
    cr_assert_eq(self, &probe);
    probe.destroyed++;
}

static int32_t probe_load(void *self, const t5_load_args *args) {
    cr_assert_eq(self, &probe);
    return probe.load != NULL ? probe.load(args) : T5_OK;
}

static void probe_activate(void *self, const t5_activate_args *args) {
    cr_assert_eq(self, &probe);
    if (probe.activate != NULL)
        probe.activate(args);
}

static void probe_deactivate(void *self) {
    cr_assert_eq(self, &probe);
    if (probe.deactivate != NULL)
        probe.deactivate();
}

static int32_t probe_on_message(void *self, const t5_message *message) {
    cr_assert_eq(self, &probe);
    return probe.on_message != NULL ? probe.on_message(message) : T5_OK;
}

static int32_t probe_on_timer(void *self, const t5_timer *timer) {
    cr_assert_eq(self, &probe);
    return probe.on_timer != NULL ? probe.on_timer(timer) : T5_OK;
}

static void probe_on_event(void *self, const t5_event *event) {
    cr_assert_eq(self, &probe);
    if (probe.on_event != NULL)
        probe.on_event(event);
}

static int32_t probe_save(void *self, const t5_save_args *args) {
    cr_assert_eq(self, &probe);
    return probe.save != NULL ? probe.save(args) : T5_OK;
}

/* ---- the fixture ---- */

static bool take_signal(void *context, struct instance *instance,
                        const struct emitted_signal *emitted) {
    struct fixture *fixture = context;
    cr_assert_eq(instance, fixture->instance);
    text_printf(&fixture->emitted, "%.*s %.*s %lld %g %g %.*s\n", (int)emitted->name.len,
                emitted->name.data, (int)emitted->symbol.len,
                emitted->symbol.len > 0 ? emitted->symbol.data : "",
                (long long)emitted->event_time_ns, emitted->value, emitted->confidence,
                (int)emitted->data.len, emitted->data.len > 0 ? emitted->data.data : "");
    return true;
}

static void take_wake(void *context, struct instance *instance) {
    struct fixture *fixture = context;
    (void)instance;
    __atomic_add_fetch(&fixture->wakes, 1, __ATOMIC_RELAXED);
}

void fixture_init(struct fixture *fixture) {
    static const char *const topics[] = {"bar_trends", NULL};
    memset(fixture, 0, sizeof *fixture);
    memset(&probe, 0, sizeof probe);
    text_init(&probe.trace);
    text_init(&fixture->emitted);
    fixture->descriptor = (t5_strategy){
        .size = (uint32_t)sizeof(t5_strategy),
        .name = "probe",
        .version = "1.0.0",
        .topics = topics,
        .state_version = 4,
        .create = probe_create,
        .destroy = probe_destroy,
        .load = probe_load,
        .activate = probe_activate,
        .deactivate = probe_deactivate,
        .on_message = probe_on_message,
        .on_timer = probe_on_timer,
        .on_event = probe_on_event,
        .save = probe_save,
    };
    fixture->symbols = symbols_new(1000);
    fixture->projection = projection_new();
    cr_assert_not_null(fixture->symbols);
    cr_assert_not_null(fixture->projection);
    fixture->env = (struct instance_env){
        .mode = T5_MODE_LIVE,
        .partition = 3,
        .symbols = fixture->symbols,
        .max_signals_per_callback = 100,
        .max_timers = 100,
        .context = fixture,
        .emit = take_signal,
        .wake = take_wake,
    };
}

struct instance *fixture_create(struct fixture *fixture, struct error *error) {
    struct faults faults = FAULTS_INIT;
    fixture->description =
        description_new(&fixture->descriptor, "probe.so", "probe", "1.0.0", &faults);
    char *said = take_faults(&faults);
    cr_assert_not_null(fixture->description, "%s", said);
    cr_assert(parameters_check(fixture->description, NULL, &fixture->parameters, &faults));
    free(said);
    fixture->spec = (struct instance_spec){
        .deployment = "probe-one",
        .descriptor = &fixture->descriptor,
        .description = fixture->description,
        .parameters = &fixture->parameters,
        .generation = 1,
    };
    fixture->instance = instance_create(&fixture->spec, &fixture->env, fixture->projection,
                                        &fixture->current_call, error);
    return fixture->instance;
}

void fixture_start(struct fixture *fixture) {
    struct error error;
    cr_assert_not_null(fixture_create(fixture, &error), "%s", error.text);
    instance_activate(fixture->instance);
    fixture->ticks = clock_ticks();
}

void fixture_release(struct fixture *fixture) {
    instance_destroy(fixture->instance);
    parameters_release(&fixture->parameters);
    description_free(fixture->description);
    projection_free(fixture->projection);
    symbols_free(fixture->symbols);
    text_release(&fixture->emitted);
    text_release(&probe.trace);
}

t5_message fixture_message(struct fixture *fixture, const char *symbol, int64_t event_time_ns) {
    static int64_t offset;
    const t5_message message = {
        .size = (uint32_t)sizeof message,
        .flags = T5_MESSAGE_HAS_EVENT_TIME,
        .topic = UINT32_MAX,
        .partition = fixture->env.partition,
        .offset = offset++,
        .symbol = t5_text(symbol),
        .symbol_id = symbols_intern(fixture->symbols, symbol, strlen(symbol), NULL),
        .event_time_ns = event_time_ns,
        .payload = t5_text("{\"symbol\":\"QQQ\"}"),
        .topic_name = t5_text("bar_trends"),
    };
    return message;
}

int32_t fixture_give(struct fixture *fixture, const char *symbol, int64_t event_time_ns) {
    t5_message message = fixture_message(fixture, symbol, event_time_ns);
    return instance_message(fixture->instance, &message, 0, &fixture->ticks);
}

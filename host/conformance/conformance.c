/*
 * The parent's side: which cases apply, and what each of them came to.
 */
#include "conformance/conformance.h"

#include "base/clock.h"
#include "conformance/case_process.h"
#include "conformance/cases/cases.h"
#include "conformance/heap.h"
#include "strategy/rehearsal/protocol.h"

#include <take5/note.h>

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Not among the cases: says what the descriptor says, whatever the settings are. */
#define DESCRIBE_CASE   "describe"
#define STATICS_UNASKED 256

struct run {
    const struct conformance *conformance;
    struct text request;
    const struct description *description;
    struct conformance_counts *counts;
    struct place place; /* of faults; a case's name says enough, then it is empty */
};

/* Symbols in place of the deployment's filters, which do not count. */
static bool encode_request(const struct conformance *conformance, struct text *request) {
    struct config_deployment deployment = {0};
    if (conformance->deployment != NULL)
        deployment = *conformance->deployment;
    deployment.symbols = conformance->symbols;
    const struct rehearsal rehearsal = {
        .generation = conformance->generation,
        .deployment = conformance->deployment != NULL ? &deployment : NULL,
        .config = conformance->config,
        .records = conformance->records,
        .record_count = conformance->record_count,
    };
    text_init(request);
    request_encode(&rehearsal, request);
    return !text_is_oom(request);
}

static void report_case(struct run *run, struct conformance_result *result) {
    switch (result->verdict) {
    case CONFORMANCE_OK:
        run->counts->ok++;
        break;
    case CONFORMANCE_FAILED:
        run->counts->failed++;
        break;
    case CONFORMANCE_SKIPPED:
        run->counts->skipped++;
        break;
    }
    run->conformance->on_result(run->conformance->context, result);
    faults_release(&result->faults);
}

static bool is_wanted(const struct run *run, const char *name) {
    return run->conformance->only == NULL || fnmatch(run->conformance->only, name, 0) == 0;
}

static bool call(const struct run *run, const char *name, char **environment,
                 struct description **description, struct faults *faults) {
    struct conformance_tape *tape = run->conformance->tape;
    const bool is_taped = tape != NULL && tape->crashed[0] == '\0';
    bool did_crash = false;
    const struct conformance_call call = {
        .program = run->conformance->program,
        .case_name = name,
        .seed = run->conformance->seed,
        .request = &run->request,
        .timeout_ns = run->conformance->timeout_ns,
        .environment = environment,
        .place = run->place,
        .tape = is_taped ? tape->directory : NULL,
        .did_crash = &did_crash,
    };
    const bool is_good = conformance_process_run(&call, description, faults);
    if (is_taped && did_crash)
        (void)snprintf(tape->crashed, sizeof tape->crashed, "%s", name);
    return is_good;
}

static void run_case(struct run *run, const struct conformance_case *item, const char *name) {
    struct conformance_result result = {.name = name};
    if (!is_wanted(run, name))
        return;
    char **environment =
        (item->needs & CASE_WATCHES_HEAP) != 0 ? conformance_heap_environment(environ) : NULL;
    const int64_t start_ns = clock_monotonic_ns();
    result.verdict =
        call(run, name, environment, NULL, &result.faults) ? CONFORMANCE_OK : CONFORMANCE_FAILED;
    result.took_ns = clock_monotonic_ns() - start_ns;
    free(environment);
    report_case(run, &result);
}

static void skip_case(struct run *run, const char *name, const char *why) {
    struct conformance_result result = {.name = name, .verdict = CONFORMANCE_SKIPPED};
    if (!is_wanted(run, name))
        return;
    faults_warn(&result.faults, (struct place){NULL, 0}, "%s", why);
    report_case(run, &result);
}

static void run_range(struct run *run, const struct conformance_case *item, size_t count,
                      const char *(*name_of)(const struct description *, size_t)) {
    for (size_t i = 0; i < count; i++) {
        char *name = text_format("%s/%s", item->name, name_of(run->description, i));
        if (name != NULL)
            run_case(run, item, name);
        else
            skip_case(run, item->name, "out of memory");
        free(name);
    }
}

static const char *parameter_name(const struct description *description, size_t i) {
    return description->parameters[i].name;
}

static const char *topic_role(const struct description *description, size_t i) {
    return description->topics[i];
}

static const char *why_no_state(const struct description *description) {
    return description->has_save   ? "it has save but no load: what it saves is lost"
           : description->has_load ? "it has load but no save: load is never called"
                                   : "it has neither save nor load: it keeps no state";
}

/* Why the case does not apply; NULL: it does. */
static const char *why_not(const struct run *run, const struct conformance_case *item) {
    const struct description *description = run->description;
    const struct strategy_file *file = run->conformance->file;
    if ((item->needs & CASE_NEEDS_STATE) != 0 && !(description->has_save && description->has_load))
        return why_no_state(description);
    if ((item->needs & CASE_NEEDS_KEYED) != 0 && description->scope == T5_SCOPE_GLOBAL)
        return "it is GLOBAL: one instance is given all partitions";
    if ((item->needs & CASE_NEEDS_SHARE) != 0 && file != NULL &&
        (file->flags & T5_NOTE_OWN_PROCESS) != 0)
        return "it has a process of its own: a reload begins a new one";
    return NULL;
}

static void run_item(struct run *run, const struct conformance_case *item) {
    const struct description *description = run->description;
    const char *why = why_not(run, item);
    if ((item->needs & CASE_NEEDS_INPUT) != 0 && run->conformance->record_count == 0)
        return;
    if (why != NULL) {
        skip_case(run, item->name, why);
        return;
    }
    switch (item->range) {
    case CASE_ONCE:
        run_case(run, item, item->name);
        break;
    case CASE_PARAMETERS:
        run_range(run, item, description->parameter_count, parameter_name);
        break;
    case CASE_TOPICS:
        run_range(run, item, description->topic_count, topic_role);
        break;
    }
}

/* What versions or instances would share. */
static void note_file(const struct run *run, struct faults *faults) {
    const struct strategy_file *file = run->conformance->file;
    const struct place nowhere = {NULL, 0};
    if (file == NULL)
        return;
    /* What a compiler, a C++ runtime or a stack protector lays out by itself is less. */
    if (file->data_size + file->bss_size > STATICS_UNASKED &&
        (file->flags & T5_NOTE_OWN_PROCESS) == 0)
        faults_warn(faults, nowhere,
                    "has %" PRIu64 " bytes of writable static data, shared by all its instances on "
                    "several threads",
                    file->data_size + file->bss_size);
    for (size_t i = 0; i < file->library_count; i++)
        faults_warn(faults, nowhere,
                    "needs %s, which is next to it (%s): it belongs to the strategy, and each "
                    "version gets its own copy",
                    file->libraries[i].name, file->libraries[i].path);
    if (file->unique_count > 0)
        faults_warn(faults, nowhere,
                    "has %zu statics of which g++ makes one per process (STB_GNU_UNIQUE): each "
                    "version gets its own, as with -fno-gnu-unique",
                    file->unique_count);
    if (file->static_tls > 0)
        faults_warn(faults, nowhere,
                    "uses %" PRIu64 " bytes of the loader's reserve for thread-local storage with "
                    "each version that is loaded: after some reloads it is exhausted until the "
                    "host is restarted; build it without -ftls-model=initial-exec",
                    file->static_tls);
}

/* The first case gives the description that the others are planned by; it always runs. */
static bool run_descriptor(struct run *run, struct description **description) {
    struct conformance_result result = {.name = CASE_DESCRIPTOR};
    const int64_t start_ns = clock_monotonic_ns();
    const bool is_good = call(run, CASE_DESCRIPTOR, NULL, description, &result.faults);
    result.verdict = is_good && *description != NULL ? CONFORMANCE_OK : CONFORMANCE_FAILED;
    note_file(run, &result.faults);
    result.took_ns = clock_monotonic_ns() - start_ns;
    const bool did_pass = result.verdict == CONFORMANCE_OK;
    if (is_wanted(run, CASE_DESCRIPTOR) || !did_pass)
        report_case(run, &result);
    else
        faults_release(&result.faults);
    return did_pass;
}

bool conformance_run(const struct conformance *conformance, struct conformance_counts *counts) {
    struct run run = {.conformance = conformance, .counts = counts};
    struct description *description = NULL;
    memset(counts, 0, sizeof *counts);
    if (!encode_request(conformance, &run.request)) {
        struct conformance_result result = {.name = CASE_DESCRIPTOR, .verdict = CONFORMANCE_FAILED};
        faults_add(&result.faults, (struct place){NULL, 0}, "out of memory");
        report_case(&run, &result);
    } else if (run_descriptor(&run, &description)) {
        run.description = description;
        for (const struct conformance_case *item = conformance_cases + 1; item->name != NULL;
             item++)
            run_item(&run, item);
    }
    description_free(description);
    text_release(&run.request);
    return counts->failed == 0 && counts->ok > 0;
}

struct description *conformance_describe(const struct conformance *conformance,
                                         struct faults *faults) {
    struct run run = {.conformance = conformance,
                      .place = {conformance->generation->source_path, 0}};
    struct description *description = NULL;
    if (!encode_request(conformance, &run.request)) {
        faults_add(faults, (struct place){NULL, 0}, "out of memory");
    } else if (!call(&run, DESCRIBE_CASE, NULL, &description, faults)) {
        description_free(description);
        description = NULL;
    }
    text_release(&run.request);
    return description;
}

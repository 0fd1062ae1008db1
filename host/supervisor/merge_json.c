#include "supervisor/merge.h"

#include <stdlib.h>
#include <string.h>

static cJSON *member(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static double number(const cJSON *object, const char *name) {
    const cJSON *item = member(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* Sets a member, in the place of what was there. */
static bool put(cJSON *object, const char *name, cJSON *value) {
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    if (value != NULL && cJSON_AddItemToObject(object, name, value))
        return true;
    cJSON_Delete(value);
    return false;
}

/* A sentence that another worker has too: of the configuration, which is the same for all. */
static bool has_text(const cJSON *list, const cJSON *item) {
    const cJSON *other;
    cJSON_ArrayForEach(other, list) {
        if (cJSON_IsString(item) && cJSON_Compare(other, item, true))
            return true;
    }
    return false;
}

/* Puts the items of a list behind those of another, each with its worker. They are taken. */
static bool join(cJSON *into, const char *name, cJSON *from, const char *worker) {
    cJSON *list = member(into, name), *more = member(from, name);
    if (more == NULL || !cJSON_IsArray(more))
        return true;
    if (list == NULL)
        list = cJSON_AddArrayToObject(into, name);
    if (list == NULL)
        return false;
    for (cJSON *item; (item = cJSON_DetachItemFromArray(more, 0)) != NULL;) {
        if (has_text(list, item)) {
            cJSON_Delete(item);
            continue;
        }
        const bool did = !cJSON_IsObject(item) || member(item, "worker") != NULL ||
                         cJSON_AddStringToObject(item, "worker", worker) != NULL;
        if (!did || !cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(item);
            return false;
        }
    }
    return true;
}

/* Adds the numbers of an object, and of those in it, to another one of the same form. */
static bool add_up(cJSON *into, const cJSON *from) {
    const cJSON *item;
    cJSON_ArrayForEach(item, from) {
        cJSON *known = member(into, item->string);
        if (known == NULL) {
            if (!put(into, item->string, cJSON_Duplicate(item, true)))
                return false;
        } else if (cJSON_IsObject(item)) {
            if (!add_up(known, item))
                return false;
        } else if (cJSON_IsNumber(item)) {
            cJSON_SetNumberHelper(known, known->valuedouble + item->valuedouble);
        }
    }
    return true;
}

/* The object of that name in both; made in the first if it has none. NULL: no memory. */
static cJSON *object_in(cJSON *into, const char *name) {
    cJSON *object = member(into, name);
    return object != NULL ? object : cJSON_AddObjectToObject(into, name);
}

/* ---- status ---- */

static bool keep_truth(cJSON *into, const cJSON *from, const char *name, bool is_any) {
    const cJSON *known = member(into, name);
    const bool now = cJSON_IsTrue(member(from, name));
    const bool before = known == NULL ? now : cJSON_IsTrue(known);
    return put(into, name, cJSON_CreateBool(is_any ? now || before : now && before));
}

/* The first text that says something. */
static bool keep_text(cJSON *into, const cJSON *from, const char *name) {
    const cJSON *known = member(into, name), *item = member(from, name);
    if (!cJSON_IsString(item) || (cJSON_IsString(known) && known->valuestring[0] != '\0'))
        return true;
    return put(into, name, cJSON_CreateString(item->valuestring));
}

/* The lag is known when it is for all that read. */
static bool merge_totals(cJSON *into, const cJSON *from, bool reads) {
    cJSON *totals = object_in(into, "totals");
    const cJSON *more = member(from, "totals");
    if (totals == NULL)
        return false;
    const cJSON *lag = member(totals, "lag");
    const double before = lag == NULL ? 0 : lag->valuedouble;
    const double now = reads ? number(more, "lag") : 0;
    const double sum = before < 0 || now < 0 ? -1 : before + now;
    return add_up(totals, more) && put(totals, "lag", cJSON_CreateNumber(sum));
}

static bool merge_source(cJSON *into, const cJSON *from) {
    const cJSON *more = member(from, "source");
    cJSON *source = object_in(into, "source");
    if (source == NULL)
        return false;
    return keep_truth(source, more, "connected", false) &&
           keep_truth(source, more, "assigned", false) && keep_text(source, more, "detail") &&
           keep_text(source, more, "missing_topics") && keep_text(source, more, "standing");
}

static bool keep_extreme(cJSON *into, const cJSON *from, const char *name, bool is_least) {
    const double now = number(from, name);
    const bool is_new = member(into, name) == NULL || number(into, name) < 0;
    const double before = is_new ? now : number(into, name);
    const bool is_better = now >= 0 && (is_least ? now < before : now > before);
    return put(into, name, cJSON_CreateNumber(is_better ? now : before));
}

static bool merge_checkpoints(cJSON *into, const cJSON *from, const char *worker) {
    cJSON *more = member(from, "checkpoints");
    if (more == NULL)
        return true;
    cJSON *kept = object_in(into, "checkpoints");
    static const char *const counts[] = {"bytes",         "written",    "failed",
                                         "bytes_written", "recoveries", "journal_bytes_written",
                                         "late_messages", "catch_ups"};
    bool did = kept != NULL && keep_truth(kept, more, "kept", true) &&
               keep_truth(kept, more, "ok", false) && keep_text(kept, more, "detail") &&
               keep_extreme(kept, more, "newest_s", true) &&
               keep_extreme(kept, more, "oldest_s", false) &&
               keep_extreme(kept, more, "pause_ms", false) &&
               keep_extreme(kept, more, "longest_pause_ms", false) &&
               keep_extreme(kept, more, "write_ms", false);
    for (size_t i = 0; did && i < sizeof counts / sizeof *counts; i++)
        did = put(kept, counts[i],
                  cJSON_CreateNumber(number(kept, counts[i]) + number(more, counts[i])));
    return did && join(kept, "partitions", more, worker);
}

static bool merge_one_report(cJSON *into, cJSON *from, const char *worker);

/* A worker without deployments reads nothing, and is nobody's trouble, `unless` all are so. */
static bool counts(const cJSON *from, bool unless) {
    return unless || !cJSON_IsFalse(member(from, "attended"));
}

static bool merge_one(cJSON *into, cJSON *from, const char *worker, bool is_unattended) {
    static const char *const lists[] = {"assignment", "lanes",      "lag",
                                        "sinks",      "strategies", "findings"};
    const bool reads = counts(from, is_unattended);
    bool did =
        keep_text(into, from, "service") && keep_truth(into, from, "live", false) &&
        keep_text(into, from, "stuck") && keep_truth(into, from, "stopping", true) &&
        keep_truth(into, from, "draining", true) && keep_truth(into, from, "attended", true) &&
        (!reads || merge_source(into, from)) && merge_totals(into, from, reads) &&
        put(into, "parked", cJSON_CreateNumber(number(into, "parked") + number(from, "parked")));
    for (size_t i = 0; did && i < sizeof lists / sizeof *lists; i++)
        did = join(into, lists[i], from, worker);
    cJSON *reload = did ? object_in(into, "last_reload") : NULL;
    return reload != NULL && merge_checkpoints(into, from, worker) &&
           merge_one_report(reload, member(from, "last_reload"), worker);
}

/* Of a host none of whose workers answers. */
static const char nothing[] =
    "{\"service\":\"\",\"live\":true,\"stuck\":\"\",\"stopping\":false,\"draining\":false,"
    "\"attended\":"
    "false,\"source\":{\"connected\":false,\"assigned\":false,\"detail\":\"no worker answers\","
    "\"missing_topics\":\"\",\"standing\":\"\"},\"totals\":{\"messages\":0,\"bad\":0,\"signals\":0,"
    "\"dead_letters\":0,\"unconfirmed\":0,\"lag\":-1},\"parked\":0,\"assignment\":[],\"lanes\":[],"
    "\"lag\":[],"
    "\"checkpoints\":{\"kept\":true,\"ok\":true,\"detail\":\"\",\"newest_s\":-1,\"oldest_s\":-1,"
    "\"partitions\":[]},\"sinks\":[],\"strategies\":[],\"findings\":[],\"last_reload\":{\"ok\":"
    "true,\"changed\":"
    "false,"
    "\"given_up\":false,\"deployments\":[],\"faults\":[],\"warnings\":[]}}";

cJSON *merge_status(const struct merge_part *parts, size_t count) {
    cJSON *all = cJSON_CreateObject();
    cJSON **each = calloc(count + 1, sizeof *each);
    bool did = all != NULL && each != NULL, is_unattended = true, has_any = false;
    for (size_t i = 0; did && i < count; i++) {
        each[i] = parts[i].data != NULL ? cJSON_Parse(parts[i].data) : NULL;
        is_unattended = is_unattended && (each[i] == NULL || !counts(each[i], false));
        has_any = has_any || each[i] != NULL;
    }
    if (did && !has_any) {
        each[count] = cJSON_Parse(nothing); /* there is room for it */
        did = each[count] != NULL && merge_one(all, each[count], "", true);
    }
    for (size_t i = 0; did && i < count; i++)
        did = each[i] == NULL || merge_one(all, each[i], parts[i].worker, is_unattended);
    for (size_t i = 0; each != NULL && i <= count; i++)
        cJSON_Delete(each[i]);
    free(each);
    if (did)
        return all;
    cJSON_Delete(all);
    return NULL;
}

/* ---- reports ---- */

static bool merge_one_report(cJSON *into, cJSON *from, const char *worker) {
    if (from == NULL || !cJSON_IsObject(from))
        return true;
    return keep_truth(into, from, "ok", false) && keep_truth(into, from, "changed", true) &&
           keep_truth(into, from, "new_process", true) &&
           keep_truth(into, from, "given_up", true) &&
           keep_extreme(into, from, "pause_ms", false) &&
           keep_extreme(into, from, "save_ms", false) &&
           keep_extreme(into, from, "took_ms", false) && join(into, "deployments", from, worker) &&
           join(into, "faults", from, worker) && join(into, "warnings", from, worker);
}

static bool add_fault(cJSON *into, const struct merge_part *part) {
    cJSON *faults = member(into, "faults");
    struct text text;
    text_init(&text);
    text_printf(&text, "worker %s: %s", part->worker, part->why != NULL ? part->why : "no answer");
    if (faults == NULL)
        faults = cJSON_AddArrayToObject(into, "faults");
    cJSON *item = cJSON_CreateString(text.data);
    const bool did = faults != NULL && !text_is_oom(&text) && cJSON_AddItemToArray(faults, item);
    if (!did)
        cJSON_Delete(item);
    text_release(&text);
    return did && put(into, "ok", cJSON_CreateFalse());
}

cJSON *merge_reports(const struct merge_part *parts, size_t count) {
    cJSON *all = cJSON_CreateObject();
    bool did = all != NULL;
    for (size_t i = 0; did && i < count; i++) {
        cJSON *one = parts[i].data != NULL ? cJSON_Parse(parts[i].data) : NULL;
        struct merge_part bad = parts[i];
        if (parts[i].data != NULL && one == NULL)
            bad.why = parts[i].data; /* it refused in words */
        did = one != NULL ? merge_one_report(all, one, parts[i].worker) : add_fault(all, &bad);
        cJSON_Delete(one);
    }
    if (did)
        return all;
    cJSON_Delete(all);
    return NULL;
}

/* ---- checks ---- */

static bool has_failed(const cJSON *check) {
    const cJSON *status = member(check, "status");
    return cJSON_IsString(status) && strcmp(status->valuestring, "fail") == 0;
}

static bool add_check(cJSON *list, const char *worker, const char *status, const char *detail) {
    cJSON *check = cJSON_CreateObject();
    if (check != NULL && cJSON_AddStringToObject(check, "name", "worker") != NULL &&
        cJSON_AddStringToObject(check, "status", status) != NULL &&
        cJSON_AddStringToObject(check, "detail", detail) != NULL &&
        cJSON_AddStringToObject(check, "worker", worker) != NULL &&
        cJSON_AddItemToArray(list, check))
        return true;
    cJSON_Delete(check);
    return false;
}

static bool merge_one_check(cJSON *all, const struct merge_part *part, bool *is_ready) {
    cJSON *one = part->data != NULL ? cJSON_Parse(part->data) : NULL;
    if (one == NULL) {
        *is_ready = false;
        return add_check(member(all, "checks"), part->worker, "fail",
                         part->why != NULL ? part->why : "its answer is not JSON");
    }
    bool did = add_check(member(all, "checks"), part->worker, "ok",
                         part->is_idle ? "it has no deployment" : "");
    const cJSON *check;
    cJSON_ArrayForEach(check, member(one, "checks")) {
        if (!part->is_idle && has_failed(check))
            *is_ready = false;
    }
    if (did && !part->is_idle)
        did = join(all, "checks", one, part->worker);
    cJSON_Delete(one);
    return did;
}

cJSON *merge_checks(const struct merge_part *parts, size_t count, bool *is_ready) {
    cJSON *all = cJSON_CreateObject();
    bool did = all != NULL && cJSON_AddArrayToObject(all, "checks") != NULL;
    for (size_t i = 0; did && i < count; i++)
        did = merge_one_check(all, &parts[i], is_ready);
    cJSON *checks = did ? cJSON_DetachItemFromObjectCaseSensitive(all, "checks") : NULL;
    cJSON_Delete(all);
    return checks;
}

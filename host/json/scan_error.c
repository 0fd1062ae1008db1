#include "json/scan_error.h"

#include "base/text.h"

const char *scan_fail(struct scan *scan, const char *at, enum decode_reason reason,
                      const char *what) {
    scan->reason = reason;
    scan->at = at;
    scan->what = what;
    return NULL;
}

const char *scan_fail_grammar(struct scan *scan, const char *at, const char *what) {
    if (at < scan->end && text_utf8_length(at, (size_t)(scan->end - at)) == 0)
        return scan_fail(scan, at, DECODE_BAD_UTF8, "a byte that is not UTF-8");
    return scan_fail(scan, at, DECODE_NOT_JSON, what);
}

const char *scan_non_finite(struct scan *scan, const char *p, const char *behind,
                            const char *what) {
    scan->has_non_finite = true;
    return scan->refuses_non_finite ? scan_fail(scan, p, DECODE_NON_FINITE, what) : behind;
}

const char *scan_beyond_range(struct scan *scan, const char *p, const char *behind) {
    return scan_non_finite(scan, p, behind, "a number out of the range of a double");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/orca.c - reads load reports, in all forms by the same rules. */
#include "grpc/orca.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "grpc/pb.h"
#include "grpc/proto/orca_part.pb-c.h"

typedef Outrigger__OrcaPart__Report pb_report;
typedef Outrigger__OrcaPart__Report__NamedMetricsEntry pb_named;
typedef Outrigger__OrcaPart__Report__UtilizationEntry pb_utilization;

enum { NUMBER_TEXT_MAX = 64 };

/* What a report said so far. */
struct orca_reader {
    const struct orca_names *names;
    double qps, eps, application, cpu;
    double named; /* largest of the wanted metrics */
};

static bool
name_is(const char *name, struct slice group, struct slice key)
{
    return strlen(name) == group.n + key.n &&
           (group.n == 0 || memcmp(name, group.p, group.n) == 0) &&
           (key.n == 0 || memcmp(name + group.n, key.p, key.n) == 0);
}

/* One metric: its group ("", "named_metrics.", "utilization.") and its name in it. */
static void
orca_see(struct orca_reader *r, struct slice group, struct slice key, double value)
{
    bool bounded = slice_eq_str(group, "utilization.") ||
                   (group.n == 0 && slice_eq_str(key, "mem_utilization"));

    if (!isfinite(value) || value <= 0 || (bounded && value > 1))
        return;
    for (size_t i = 0; i < r->names->n; i++) {
        if (name_is(r->names->v[i], group, key))
            r->named = fmax(r->named, value);
    }
    if (group.n)
        return;
    if (slice_eq_str(key, "rps_fractional"))
        r->qps = value;
    else if (slice_eq_str(key, "eps"))
        r->eps = value;
    else if (slice_eq_str(key, "application_utilization"))
        r->application = value;
    else if (slice_eq_str(key, "cpu_utilization"))
        r->cpu = value;
}

static void
orca_choose(const struct orca_reader *r, struct orca_load *ret)
{
    double utilization = r->application > 0 ? r->application : r->cpu;

    *ret = (struct orca_load){ .qps = r->qps,
                               .eps = r->eps,
                               .utilization = r->named > 0 ? r->named : utilization };
}

int
orca_read_message(struct slice message, const struct orca_names *names,
                  struct orca_load *ret)
{
    struct orca_reader r = { .names = names };
    const struct slice none = { 0 };
    pb_report *m;

    if (message.n > ORCA_REPORT_MAX)
        return ERR_SYNTAX;
    m = outrigger__orca_part__report__unpack(NULL, message.n, message.p);
    if (!m)
        return ERR_SYNTAX;
    orca_see(&r, none, slice_of("cpu_utilization"), m->cpu_utilization);
    orca_see(&r, none, slice_of("mem_utilization"), m->mem_utilization);
    orca_see(&r, none, slice_of("rps_fractional"), m->rps_fractional);
    orca_see(&r, none, slice_of("eps"), m->eps);
    orca_see(&r, none, slice_of("application_utilization"), m->application_utilization);
    for (size_t i = 0; i < m->n_named_metrics && names->n; i++) {
        const pb_named *e = m->named_metrics[i];

        orca_see(&r, slice_of("named_metrics."), slice_of(e->key), e->value);
    }
    for (size_t i = 0; i < m->n_utilization && names->n; i++) {
        const pb_utilization *e = m->utilization[i];

        orca_see(&r, slice_of("utilization."), slice_of(e->key), e->value);
    }
    outrigger__orca_part__report__free_unpacked(m, NULL);
    orca_choose(&r, ret);
    return ERR_OK;
}

/* --- base64 ------------------------------------------------------------------- */

int
orca_read_base64(struct slice value, const struct orca_names *names,
                 struct orca_load *ret)
{
    UNINITIALIZED uint8_t bytes[ORCA_REPORT_MAX];
    long n;

    if (value.n / 4 * 3 + 3 > sizeof(bytes))
        return ERR_SYNTAX;
    n = base64_decode(value, bytes);
    return n < 0 ? ERR_SYNTAX
                 : orca_read_message(slice_make(bytes, (size_t)n), names, ret);
}

/* --- text --------------------------------------------------------------------- */

/* "0.5", "1e3"; strtod alone would also take "inf", "0x1" and leading space. */
static bool
number_read(struct slice text, double *ret)
{
    char copy[NUMBER_TEXT_MAX + 1], *end;

    if (text.n == 0 || text.n > NUMBER_TEXT_MAX)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (strspn(copy, "0123456789.eE+-") != text.n)
        return false;
    *ret = strtod(copy, &end);
    return *end == '\0' && end != copy;
}

/* "named_metrics.queue=0.7" */
static bool
orca_read_pair(struct orca_reader *r, struct slice pair)
{
    static const char *const groups[] = { "named_metrics.", "utilization." };
    const uint8_t *equal = pair.n ? memchr(pair.p, '=', pair.n) : NULL;
    struct slice key, group = { 0 };
    double value;

    if (!equal || equal == pair.p)
        return false;
    key = slice_make(pair.p, (size_t)(equal - pair.p));
    if (!number_read(slice_make(equal + 1, pair.n - key.n - 1), &value))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (slice_starts(key, groups[i])) {
            group = slice_of(groups[i]);
            key = slice_make(key.p + group.n, key.n - group.n);
            break;
        }
    }
    orca_see(r, group, key, value);
    return true;
}

static struct slice
slice_trim(struct slice s)
{
    while (s.n && s.p[0] == ' ')
        s = slice_make(s.p + 1, s.n - 1);
    while (s.n && s.p[s.n - 1] == ' ')
        s.n--;
    return s;
}

int
orca_read_text(struct slice value, const struct orca_names *names, struct orca_load *ret)
{
    struct orca_reader r = { .names = names };
    struct slice rest;

    if (value.n > ORCA_REPORT_MAX)
        return ERR_SYNTAX;
    if (slice_starts(value, "BIN "))
        return orca_read_base64(slice_make(value.p + 4, value.n - 4), names, ret);
    if (!slice_starts(value, "TEXT "))
        return ERR_SYNTAX;
    rest = slice_make(value.p + 5, value.n - 5);
    for (;;) {
        const uint8_t *comma = rest.n ? memchr(rest.p, ',', rest.n) : NULL;
        size_t n = comma ? (size_t)(comma - rest.p) : rest.n;

        if (!orca_read_pair(&r, slice_trim(slice_make(rest.p, n))))
            return ERR_SYNTAX;
        if (!comma)
            break;
        rest = slice_make(comma + 1, rest.n - n - 1);
    }
    orca_choose(&r, ret);
    return ERR_OK;
}

/* --- request -------------------------------------------------------------------- */

void
orca_request_encode(int64_t interval_ms, struct strbuf *out)
{
    Outrigger__OrcaPart__Request m = OUTRIGGER__ORCA_PART__REQUEST__INIT;
    Outrigger__OrcaPart__Interval interval = OUTRIGGER__ORCA_PART__INTERVAL__INIT;

    interval.seconds = interval_ms / 1000;
    interval.nanos = (int32_t)(interval_ms % 1000 * 1000000);
    m.report_interval = &interval;
    pb_write(&m.base, out);
}

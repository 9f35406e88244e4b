/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_store_print.c - the certificates of the process as metrics, JSON and a table. A file
 * that several listeners and pools use is one row; when they have it from different times, the
 * row says what ends first. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/jsontext.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "net/tls_store_int.h"
#include "obs/prom.h"

static size_t
store_count(const struct tls_store *s)
{
    const struct tls_expiry *e;
    size_t n = 0;

    for (struct list *at = s->units.next; at != &s->units; at = at->next) {
        const struct tls_unit *u = CONTAINER_OF(at, struct tls_unit, link);

        n += u->ctx ? tls_ctx_expiry(u->ctx, &e) : 0;
    }
    return n;
}

static void
rows_add(struct tls_expiry *rows, size_t *n, const struct tls_expiry *e)
{
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(rows[i].file, e->file) != 0)
            continue;
        if (e->not_after_s < rows[i].not_after_s)
            rows[i] = *e;
        return;
    }
    rows[(*n)++] = *e;
}

/* To be freed with xfree; strings are those of the contexts. */
static struct tls_expiry *
store_rows(const struct tls_store *s, size_t *ret_n)
{
    struct tls_expiry *rows = xcalloc(store_count(s) + 1, sizeof(*rows));
    const struct tls_expiry *e;

    *ret_n = 0;
    for (struct list *at = s->units.next; at != &s->units; at = at->next) {
        const struct tls_unit *u = CONTAINER_OF(at, struct tls_unit, link);
        size_t n = u->ctx ? tls_ctx_expiry(u->ctx, &e) : 0;

        for (size_t i = 0; i < n; i++)
            rows_add(rows, ret_n, &e[i]);
    }
    return rows;
}

static bool
unit_has_file(const struct tls_unit *u, const char *file)
{
    const struct tls_expiry *e;
    size_t n = u->ctx ? tls_ctx_expiry(u->ctx, &e) : 0;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(e[i].file, file) == 0)
            return true;
    }
    return false;
}

/* Who uses a unit; unit NULL: who uses a file. */
static void
print_users(const struct tls_store *s, const char *file, const struct tls_unit *unit,
            bool json, struct strbuf *out)
{
    const char *comma = "";

    for (struct list *at = s->keyrings.next; at != &s->keyrings; at = at->next) {
        const struct tls_keyring *k = CONTAINER_OF(at, struct tls_keyring, link);

        if (unit ? k->unit != unit : !unit_has_file(k->unit, file))
            continue;
        strbuf_puts(out, comma);
        comma = json ? "," : ", ";
        if (json)
            json_text_add(out, k->name);
        else
            strbuf_puts(out, k->name);
    }
}

static void
print_time(int64_t s, char out[32])
{
    time_t t = (time_t)s;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(out, 32, "?");
}

/* --- metrics ---------------------------------------------------------------------------- */

void
tls_store_metrics(void *store, struct prom *p)
{
    size_t n;
    struct tls_expiry *rows = store_rows(store, &n);

    if (n)
        prom_family(p, "outrigger_tls_certificate_not_after_timestamp_seconds",
                    PROM_GAUGE,
                    "When a certificate of ours expires, seconds since 1970.");
    for (size_t i = 0; i < n; i++) {
        prom_begin(p);
        prom_label_text(p, "file", rows[i].file);
        prom_label_text(p, "name", rows[i].name);
        prom_value(p, rows[i].not_after_s);
    }
    xfree(rows);
}

/* --- JSON ------------------------------------------------------------------------------- */

static void
json_failures(const struct tls_store *s, struct strbuf *out)
{
    const char *comma = "\n";

    for (struct list *at = s->units.next; at != &s->units; at = at->next) {
        const struct tls_unit *u = CONTAINER_OF(at, struct tls_unit, link);

        if (!u->why[0])
            continue;
        strbuf_printf(out, "%s{\"why\":", comma);
        json_text_add(out, u->why);
        strbuf_printf(out, ",\"oldOnesUsed\":%s,\"usedBy\":[", u->ctx ? "true" : "false");
        print_users(s, NULL, u, true, out);
        strbuf_puts(out, "]}");
        comma = ",\n";
    }
}

void
tls_store_json_rows(struct tls_store *s, struct strbuf *out)
{
    int64_t now_s = clock_wall_us() / 1000000;
    size_t n;
    struct tls_expiry *rows = store_rows(s, &n);
    char when[32];

    strbuf_puts(out, "[");
    for (size_t i = 0; i < n; i++) {
        strbuf_puts(out, i ? ",\n{\"file\":" : "\n{\"file\":");
        json_text_add(out, rows[i].file);
        strbuf_puts(out, ",\"name\":");
        json_text_add(out, rows[i].name);
        print_time(rows[i].not_after_s, when);
        strbuf_printf(out, ",\"notAfter\":\"%s\",\"daysLeft\":%" PRId64 ",\"usedBy\":[",
                      when, tls_days_left(rows[i].not_after_s, now_s));
        print_users(s, rows[i].file, NULL, true, out);
        strbuf_puts(out, "]}");
    }
    strbuf_puts(out, "]");
    xfree(rows);
}

void
tls_store_json(struct tls_store *s, struct strbuf *out)
{
    strbuf_puts(out, "{\"version\":1,\"certificates\":");
    tls_store_json_rows(s, out);
    strbuf_puts(out, ",\"failures\":[");
    json_failures(s, out);
    strbuf_puts(out, "]}\n");
}

/* --- table ------------------------------------------------------------------------------ */

static void
table_failures(const struct tls_store *s, struct strbuf *out)
{
    for (struct list *at = s->units.next; at != &s->units; at = at->next) {
        const struct tls_unit *u = CONTAINER_OF(at, struct tls_unit, link);

        if (!u->why[0])
            continue;
        strbuf_puts(out, u->ctx ? "the files changed and are not good, the old ones are "
                                  "used; of "
                                : "the files are not good, there is no TLS; of ");
        print_users(s, NULL, u, false, out);
        strbuf_printf(out, ": %s\n", u->why);
    }
}

void
tls_store_table(struct tls_store *s, struct strbuf *out)
{
    int64_t now_s = clock_wall_us() / 1000000;
    size_t n;
    struct tls_expiry *rows = store_rows(s, &n);
    char when[32];

    if (n == 0)
        strbuf_puts(out, "no certificates are used\n");
    else
        strbuf_puts(out, "DAYS LEFT  NOT AFTER             CERTIFICATE\n");
    for (size_t i = 0; i < n; i++) {
        int64_t days = tls_days_left(rows[i].not_after_s, now_s);

        print_time(rows[i].not_after_s, when);
        strbuf_printf(out, "%9" PRId64 "  %-20s  %s%s\n", days, when, rows[i].name,
                      days < 0 ? "  EXPIRED" : "");
        strbuf_printf(out, "%33s%s\n%33sused by ", "", rows[i].file, "");
        print_users(s, rows[i].file, NULL, false, out);
        strbuf_puts(out, "\n");
    }
    table_failures(s, out);
    xfree(rows);
}

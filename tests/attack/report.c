/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdio.h>

struct totals {
    uint64_t frames, bytes_out, bytes_in, streams, resets, refused, responses,
        last_write_us;
    unsigned attacked, closed;
    double closed_ms_max, closed_ms_min;
    unsigned goaway[16]; /* by error code; above 14 in the last */
    unsigned goaways;
};

static struct totals
totals_sum(const struct attack *a)
{
    struct totals t = { .closed_ms_max = -1, .closed_ms_min = -1 };
    for (unsigned i = 0; i < a->conn_count; i++) {
        const struct attack_conn *c = a->conns[i];
        t.frames += c->out.frames;
        t.bytes_out += c->bytes_out;
        t.bytes_in += c->bytes_in;
        t.streams += c->streams;
        t.resets += c->resets;
        t.refused += c->refused;
        t.responses += c->responses;
        t.attacked += c->first_us != 0;
        if (c->last_write_us > t.last_write_us)
            t.last_write_us = c->last_write_us;
        if (c->goaway_code >= 0) {
            t.goaway[c->goaway_code > 14 ? 15 : c->goaway_code]++;
            t.goaways++;
        }
        if (c->state != CONN_CLOSED || !c->first_us)
            continue;
        double ms = (double)(c->closed_us - c->first_us) / 1000;
        t.closed_ms_min = t.closed == 0 || ms < t.closed_ms_min ? ms : t.closed_ms_min;
        t.closed_ms_max = ms > t.closed_ms_max ? ms : t.closed_ms_max;
        t.closed++;
    }
    return t;
}

static void
report_print_json(const struct attack *a, const struct totals *t)
{
    printf("{\"row\":\"%s\",\"connections\":%u,\"attacked\":%u,\"connect_failed\":%u,",
           a->row->name, a->conn_count, t->attacked, a->connect_failed);
    printf("\"frames\":%llu,\"bytes_out\":%llu,\"bytes_in\":%llu,\"streams\":%llu,",
           (unsigned long long)t->frames, (unsigned long long)t->bytes_out,
           (unsigned long long)t->bytes_in, (unsigned long long)t->streams);
    printf("\"resets\":%llu,\"refused\":%llu,\"responses\":%llu,",
           (unsigned long long)t->resets, (unsigned long long)t->refused,
           (unsigned long long)t->responses);
    printf("\"closed\":%u,\"closed_ms_min\":%.1f,\"closed_ms_max\":%.1f,", t->closed,
           t->closed_ms_min, t->closed_ms_max);
    printf("\"first_us\":%llu,\"last_write_us\":%llu,\"stop_us\":%llu,\"goaway\":{",
           (unsigned long long)a->first_us, (unsigned long long)t->last_write_us,
           (unsigned long long)a->stop_us);
    for (unsigned i = 0, any = 0; i < 16; i++) {
        if (t->goaway[i])
            printf("%s\"%u\":%u", any++ ? "," : "", i, t->goaway[i]);
    }
    printf("},\"closed_ports\":[");
    for (unsigned i = 0, any = 0; i < a->conn_count; i++) {
        if (a->conns[i]->state == CONN_CLOSED)
            printf("%s%u", any++ ? "," : "", a->conns[i]->port);
    }
    printf("]}\n");
}

static void
report_print_text(const struct attack *a, const struct totals *t)
{
    printf("%s: %u connections, %llu streams, %llu frames, %.2f MB sent; answers %llu, "
           "resets %llu "
           "(refused %llu), GOAWAY",
           a->row->name, a->conn_count, (unsigned long long)t->streams,
           (unsigned long long)t->frames, (double)t->bytes_out / 1e6,
           (unsigned long long)t->responses, (unsigned long long)t->resets,
           (unsigned long long)t->refused);
    for (unsigned i = 0; i < 16; i++) {
        if (t->goaway[i])
            printf(" %u x code %u", t->goaway[i], i);
    }
    printf("%s; ", t->goaways ? "" : " none");
    if (t->closed)
        printf("%u closed after %.0f-%.0f ms\n", t->closed, t->closed_ms_min,
               t->closed_ms_max);
    else
        printf("none closed in %.1f s\n", (double)(a->stop_us - a->start_us) / 1e6);
}

bool
report_print(const struct attack *a)
{
    struct totals t = totals_sum(a);
    if (a->json)
        report_print_json(a, &t);
    else
        report_print_text(a, &t);
    return t.attacked > 0;
}

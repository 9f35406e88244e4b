/* SPDX-License-Identifier: Apache-2.0 */
/* filter/doomed_call.c - the filter "doomedCall": a call that has less time left than calls of its method take is refused at once, so that no backend works for an answer that nobody
 * waits for any more. What calls take is learned per method, from unary calls that ended well. Methods that are not known well enough pass, and so does a small
 * share of the doomed, which shows when a method has become faster. Only fast calls beat short deadlines, so what is learned is rather too short than too long. */
#include "base/rand.h"
#include "conf/check.h"
#include "filter/kinds.h"
#include "filter/latency_table.h"
#include "grpc/status.h"
#include "loop/loop.h"
#include "obs/stats.h"

enum { US_PER_MS = 1000, MILLION = 1000000, MEDIAN = 50 };

#define REASON_DOOMED_CALL "DOOMED_CALL"

struct doomed_call_conf {
    double share, probe; /* percent */
    uint32_t min_samples, max_methods;
};

struct doomed_call {
    struct filter filter;
    struct latency_table *table;
};

struct began {
    struct sip_hash method;
    int64_t us;
};

static const struct conf_field fields[] = {
    { .key = "share",
      .type = CONF_PERCENT,
      .at = offsetof(struct doomed_call_conf, share),
      .def = "100%",
      .min = 1,
      .max = 1000,
      .example = "\"50%\"",
      .help =
          "A call is refused when less than this share of its method's median is left "
          "until its deadline." },
    { .key = "minSamples",
      .type = CONF_UINT,
      .at = offsetof(struct doomed_call_conf, min_samples),
      .def = "100",
      .min = 1,
      .max = LATENCY_TABLE_KEEP / 2,
      .example = "50",
      .help = "So many calls of a method must have ended well before any is refused." },
    { .key = "probe",
      .type = CONF_PERCENT,
      .at = offsetof(struct doomed_call_conf, probe),
      .def = "1%",
      .min = 0,
      .max = 100,
      .example = "\"5%\"",
      .help =
          "Share of the calls that would be refused that goes on, to keep learning." },
    { .key = "maxMethods",
      .type = CONF_UINT,
      .at = offsetof(struct doomed_call_conf, max_methods),
      .def = "500",
      .min = 1,
      .max = 10000,
      .example = "100",
      .help = "So many methods are learned, of about 2 KiB each. Calls of others pass." },
    { .key = NULL },
};

const struct conf_struct doomed_call_conf_struct = {
    .name = "doomedCall filter",
    .size = sizeof(struct doomed_call_conf),
    .fields = fields,
};

static void
doomed_open(struct filter *f, const struct filter_env *env)
{
    const struct doomed_call_conf *conf = f->conf;

    (void)env;
    ((struct doomed_call *)f)->table = latency_table_new(conf->max_methods);
}

static void
doomed_close(struct filter *f)
{
    latency_table_free(((struct doomed_call *)f)->table);
}

static enum filter_verdict
refuse(struct filter_call *fc, int64_t left_us, int64_t median_us)
{
    static const struct filter_refusal why = { .code = GRPC_DEADLINE_EXCEEDED,
                                               .reason = REASON_DOOMED_CALL };

    stat_inc(fc->stats, STAT_DOOMED_REFUSED);
    stat_add(fc->stats, STAT_DOOMED_SAVED_MS, left_us / US_PER_MS);
    return filter_refuse(fc, &why,
                         "not started: %lld ms are left, and half of the calls of this "
                         "method take longer than %lld ms",
                         (long long)(left_us / US_PER_MS),
                         (long long)(median_us / US_PER_MS));
}

static enum filter_verdict
on_request(struct filter_call *fc, void *state)
{
    const struct doomed_call *d = (const struct doomed_call *)filter_self(fc);
    const struct doomed_call_conf *conf = d->filter.conf;
    int64_t now_us = loop_now_us(fc->loop), left_us = fc->deadline_us - now_us, median_us;
    struct began *began = state;
    const struct latency *l;

    *began =
        (struct began){ .method = latency_table_key(d->table, fc->path), .us = now_us };
    if (fc->deadline_us == 0)
        return FILTER_NEXT;
    l = latency_table_find(d->table, began->method);
    if (!l || latency_count(l) < conf->min_samples)
        return FILTER_NEXT;
    median_us = latency_quantile(l, MEDIAN);
    if ((double)left_us >= conf->share / 100 * (double)median_us)
        return FILTER_NEXT;
    if ((double)rng_below(fc->rng, MILLION) < conf->probe / 100 * MILLION) {
        stat_inc(fc->stats, STAT_DOOMED_PROBES);
        return FILTER_NEXT;
    }
    return refuse(fc, left_us < 0 ? 0 : left_us, median_us);
}

static void
on_end(struct filter_call *fc, void *state, const struct filter_result *r)
{
    const struct doomed_call *d = (const struct doomed_call *)filter_self(fc);
    const struct began *began = state;

    if (r->code == GRPC_OK && !r->local && !r->cancelled && r->messages_in <= 1 &&
        r->messages_out <= 1)
        latency_table_tell(d->table, began->method, r->end_us - began->us);
}

const struct filter_kind filter_doomed_call = {
    .name = "doomedCall",
    .conf = &doomed_call_conf_struct,
    .size = sizeof(struct doomed_call),
    .call_size = sizeof(struct began),
    .open = doomed_open,
    .close = doomed_close,
    .on_request = on_request,
    .on_end = on_end,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* filter/services.c - the parts, and the settings that are everybody's. */
#include "filter/services.h"

#include "base/clock.h"
#include "base/xalloc.h"
#include "conf/copy.h"
#include "filter/access_conf.h"
#include "filter/access_writer.h"
#include "filter/tail.h"
#include "filter/trace_export.h"
#include "filter/tracing_conf.h"
#include "grpc/status.h"
#include "loop/loop.h"
#include "obs/failed_log.h"
#include "obs/limit_counts.h"
#include "obs/rpc_metrics.h"

struct filter_services *
services_new(const struct services_args *args)
{
    struct filter_services *s = xcalloc(1, sizeof(*s));

    s->args = *args;
    s->metrics = rpc_metrics_new(args->workers, args->max_methods,
                                 (enum histogram_kind)args->histogram);
    s->access = access_writer_new(args->writer_loop, args->workers);
    s->failed = failed_log_new(args->workers);
    s->limits = limit_counts_new();
    s->tail = tail_new(args->workers);
    list_init(&s->exporters);
    s->since_us = clock_wall_us();
    return s;
}

void
services_free(struct filter_services *s)
{
    if (!s)
        return;
    services_push_last(s, false);
    trace_exporters_end(s);
    while (s->pushes_ending > 0) /* each has a timer, or a post, that ends it */
        loop_turn(s->args.loop, true);
    access_writer_free(s->access);
    rpc_metrics_free(s->metrics);
    failed_log_free(s->failed);
    limit_counts_free(s->limits);
    tail_free(s->tail);
    conf_copy_drop(s->access_conf);
    conf_copy_drop(s->tracing_conf);
    xfree(s);
}

/* True: it is another one now. */
static bool
configure(struct conf_copy **was, const struct conf_struct *type, const void *conf)
{
    struct conf_copy *old = *was;

    if (old && conf_equal(type, conf_copy_root(old), conf) &&
        *((const bool *)conf_copy_root(old) + type->on_at) ==
            *((const bool *)conf + type->on_at))
        return false;
    *was = conf_copy_new(type, conf);
    conf_copy_drop(old);
    return true;
}

bool
services_configure(struct filter_services *s, const struct access_conf *access,
                   const struct tracing_conf *tracing)
{
    bool changed = configure(&s->access_conf, &access_root_struct, access);

    return configure(&s->tracing_conf, &tracing_root_struct, tracing) || changed;
}

const struct access_conf *
services_access(const struct filter_services *s)
{
    return s && s->access_conf ? conf_copy_root(s->access_conf) : NULL;
}

const struct tracing_conf *
services_tracing(const struct filter_services *s)
{
    return s && s->tracing_conf ? conf_copy_root(s->tracing_conf) : NULL;
}

static void
services_on_push_gone(void *arg)
{
    ((struct filter_services *)arg)->pushes_ending--;
}

void
services_push_last(struct filter_services *s, bool page)
{
    if (!s->push)
        return;
    s->pushes_ending++;
    metrics_push_end(s->push, page, services_on_push_gone, s);
    s->push = NULL;
}

void
services_push(struct filter_services *s, const struct metrics_push_conf *conf,
              metrics_text_fn *text, void *arg)
{
    if (s->push && conf->on &&
        conf_equal(&metrics_push_conf_struct, metrics_push_conf_of(s->push), conf))
        return;
    services_push_last(s, false); /* sums are cumulative: the new one sends all of it */
    if (conf->on)
        s->push = metrics_push_new(&s->args, conf, text, arg, s->since_us);
}

void
services_reopen(struct filter_services *s)
{
    access_writer_reopen(s->access);
}

void
services_print(const struct filter_services *s, struct prom *p)
{
    rpc_metrics_print(s->metrics, grpc_code_label, p);
    failed_log_print(s->failed, p);
    limit_counts_print(s->limits, p);
}

struct services_memory
services_memory(const struct filter_services *s)
{
    return (struct services_memory){
        .access_log = access_writer_bytes(s->access),
        .spans = trace_exporters_bytes(s),
        .tail = tail_bytes(s->tail),
        .failed_calls = failed_log_bytes(s->failed),
        .metrics_push = s->push ? metrics_push_bytes(s->push) : 0,
    };
}

const struct stats *
services_stats(const struct filter_services *s)
{
    return access_writer_stats(s->access);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* resolve_probe - runs one resolver on a real loop and prints what it tells, one JSON object per line:
 *     resolve_probe [--conf FILE] [--resolv-conf FILE] [--hosts FILE] TARGET
 *     {"ms": 12, "list": [["10.0.0.1:80", weight, priority], ...], "valid_ms": 1000}
 *     {"ms": 30, "error": "NXDOMAIN for app.example"}
 * An endpoint of which the source says more has a fourth item, {"zone": "a", "hashKey": "x", label: value, ...}.
 * FILE of --conf has the keys "dns" and "k8s" of a pool. A line "again" on stdin asks again; the end of
 * stdin ends it. Status 1: the target or the file is refused, the reason is on stderr. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/jsontext.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "conf/field.h"
#include "conf/snapshot.h"
#include "h2/conn.h"
#include "loop/fdwatch.h"
#include "loop/loop.h"
#include "obs/stats.h"
#include "resolve/dns_file.h"
#include "resolve/resolve_conf.h"
#include "resolve/resolver.h"

enum { LINE_MAX_BYTES = 16 << 20 };

struct probe {
    struct loop *loop;
    struct resolver *r;
    struct fdwatch *in;
    int64_t start_us;
    struct strbuf line; /* from line_begin to line_end */
};

static const struct conf_field conf_fields[] = {
    { .key = "dns",
      .type = CONF_OBJECT,
      .at = offsetof(struct resolve_conf, dns),
      .sub = &dns_conf_struct,
      .help = "As in a pool." },
    { .key = "k8s",
      .type = CONF_OBJECT,
      .at = offsetof(struct resolve_conf, k8s),
      .sub = &k8s_conf_struct,
      .help = "As in a pool." },
    { .key = NULL },
};

static const struct conf_struct conf_struct = {
    .name = "probe",
    .size = sizeof(struct resolve_conf),
    .fields = conf_fields,
};

static struct stats stats;

static void
line_begin(struct probe *p)
{
    long long ms = (loop_now_us(p->loop) - p->start_us) / 1000;

    strbuf_init(&p->line, LINE_MAX_BYTES);
    strbuf_printf(&p->line, "{\"ms\": %lld, ", ms);
}

static void
line_end(struct probe *p)
{
    strbuf_puts(&p->line, "}\n");
    fputs(p->line.s, stdout);
    fflush(stdout);
    strbuf_done(&p->line);
}

/* ", {" before the first pair, ", " before others. */
static void
put_pair(struct strbuf *out, size_t *n, const char *key, const char *value)
{
    strbuf_puts(out, (*n)++ ? ", " : ", {");
    json_text_add(out, key);
    strbuf_puts(out, ": ");
    json_text_add(out, value);
}

static void
put_endpoint(struct strbuf *out, const struct resolved *e)
{
    char text[ADDR_TEXT_MAX];
    size_t n = 0;

    strbuf_puts(out, "[");
    json_text_add(out, addr_print(&e->addr, text));
    strbuf_printf(out, ", %u, %u", e->weight, e->priority);
    if (e->zone[0] != '\0')
        put_pair(out, &n, "zone", e->zone);
    if (e->hash_key)
        put_pair(out, &n, "hashKey", e->hash_key);
    for (size_t i = 0; i < e->label_count; i++)
        put_pair(out, &n, e->labels[i].key, e->labels[i].value);
    strbuf_puts(out, n ? "}]" : "]");
}

static void
on_list(void *arg, const struct resolved *v, size_t n, int64_t valid_ms)
{
    struct probe *p = arg;

    line_begin(p);
    strbuf_puts(&p->line, "\"list\": [");
    for (size_t i = 0; i < n; i++) {
        strbuf_puts(&p->line, i ? ", " : "");
        put_endpoint(&p->line, &v[i]);
    }
    strbuf_printf(&p->line, "], \"valid_ms\": %lld", (long long)valid_ms);
    line_end(p);
}

static void
on_error(void *arg, const char *why)
{
    struct probe *p = arg;

    line_begin(p);
    strbuf_puts(&p->line, "\"error\": ");
    json_text_add(&p->line, why);
    line_end(p);
}

static const struct resolver_ops ops = { on_list, on_error };

static void
on_stdin(void *arg, int what)
{
    struct probe *p = arg;
    char text[256];
    ssize_t n = read(0, text, sizeof(text) - 1);

    (void)what;
    if (n <= 0) {
        fdwatch_close(p->in);
        resolver_stop(p->r);
        loop_stop(p->loop);
        return;
    }
    text[n] = '\0';
    if (strstr(text, "again"))
        resolver_again(p->r);
}

static int
fail(const char *why)
{
    fprintf(stderr, "resolve_probe: %s\n", why);
    return 1;
}

/* Until stdin ends. */
static void
probe_run(const char *target, const struct resolve_conf *conf)
{
    struct probe p = { .loop = loop_new(NULL) };
    struct buf_pool *bufs = buf_pool_new(1 << 20);
    struct slab *slab = slab_new();
    struct rng rng;
    struct resolver_args args = {
        .loop = p.loop,
        .h2 = h2_worker_new(p.loop, slab, bufs, &stats),
        .rng = &rng,
        .target = target,
        .conf = conf,
        .ops = &ops,
        .arg = &p,
    };

    rng_seed_system(&rng);
    p.start_us = loop_now_us(p.loop);
    p.r = resolver_start(&args);
    p.in = fdwatch_open(p.loop, 0, on_stdin, &p);
    fdwatch_want(p.in, true, false);
    loop_run(p.loop);
    loop_turn(p.loop, false); /* the reaper frees what was stopped */
    loop_turn(p.loop, false);
    h2_worker_free(args.h2);
    loop_free(p.loop);
    slab_free(slab);
    buf_pool_free(bufs);
}

int
main(int argc, char **argv)
{
    const char *conf_file = NULL, *resolv = NULL, *hosts = NULL, *target = NULL, *why;
    struct conf_snapshot *snap = NULL;
    struct strbuf problems;
    int rv;

    for (int i = 1; i < argc; i++) {
        const char **to = strcmp(argv[i], "--conf") == 0          ? &conf_file
                          : strcmp(argv[i], "--resolv-conf") == 0 ? &resolv
                          : strcmp(argv[i], "--hosts") == 0       ? &hosts
                                                                  : NULL;
        if (!to)
            target = argv[i];
        else if (++i < argc)
            *to = argv[i];
    }
    if (!target)
        return fail("a target is missing");
    if (resolver_check(target, &why) != ERR_OK)
        return fail(why);
    strbuf_init(&problems, 65536);
    rv = conf_file ? conf_load_file(&conf_struct, conf_file, &problems, &snap)
                   : conf_load_text(&conf_struct, "defaults", "{}", 2, &problems, &snap);
    if (rv != ERR_OK)
        return fail(problems.s);
    log_setup(LOG_DEBUG, LOG_TEXT);
    dns_file_use(resolv, hosts);
    probe_run(target, conf_root(snap));
    conf_drop(snap);
    strbuf_done(&problems);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* resolve_probe - runs one resolver and prints what it tells, one JSON object per line:
 *     resolve_probe [--conf FILE] [--resolv-conf FILE] [--hosts FILE] TARGET
 *     {"ms": 12, "list": [["10.0.0.1:80", weight, priority], ...], "valid_ms": 1000}
 *     {"ms": 30, "error": "NXDOMAIN for app.example"}
 * FILE of --conf is what a pool has as "dns". A line "again" on stdin asks again; the end of
 * stdin ends it. Status 1: the target or the file is refused, the reason is on stderr. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "loop/fdwatch.h"
#include "loop/loop.h"
#include "resolve/dns_file.h"
#include "resolve/resolve_conf.h"
#include "resolve/resolver.h"

struct probe {
    struct loop *loop;
    struct resolver *r;
    struct fdwatch *in;
    int64_t start_us;
};

static int64_t
age_ms(const struct probe *p)
{
    return (loop_now_us(p->loop) - p->start_us) / 1000;
}

static void
on_list(void *arg, const struct resolved *v, size_t n, int64_t valid_ms)
{
    struct probe *p = arg;
    char text[ADDR_TEXT_MAX];

    printf("{\"ms\": %lld, \"list\": [", (long long)age_ms(p));
    for (size_t i = 0; i < n; i++)
        printf("%s[\"%s\", %u, %u]", i ? ", " : "", addr_print(&v[i].addr, text),
               v[i].weight, v[i].priority);
    printf("], \"valid_ms\": %lld}\n", (long long)valid_ms);
    fflush(stdout);
}

static void
on_error(void *arg, const char *why)
{
    printf("{\"ms\": %lld, \"error\": \"", (long long)age_ms(arg));
    for (; *why; why++)
        printf(*why == '"' || *why == '\\' ? "\\%c" : "%c", *why);
    printf("\"}\n");
    fflush(stdout);
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

int
main(int argc, char **argv)
{
    const char *conf_file = NULL, *resolv = NULL, *hosts = NULL, *target = NULL, *why;
    struct resolve_conf conf = { 0 };
    struct conf_snapshot *snap = NULL;
    struct resolver_args args = { .ops = &ops, .conf = &conf };
    struct probe p = { 0 };
    struct strbuf problems;
    struct rng rng;

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
    field_defaults(&dns_conf_struct, &conf.dns);
    strbuf_init(&problems, 65536);
    if (conf_file) {
        if (conf_load_file(&dns_conf_struct, conf_file, &problems, &snap) != ERR_OK)
            return fail(problems.s);
        conf.dns = *(const struct dns_conf *)conf_root(snap);
    }
    log_setup(LOG_DEBUG, LOG_TEXT);
    dns_file_use(resolv, hosts);
    rng_seed_system(&rng);
    p.loop = loop_new(NULL);
    p.start_us = loop_now_us(p.loop);
    args.loop = p.loop;
    args.rng = &rng;
    args.target = target;
    args.arg = &p;
    p.r = resolver_start(&args);
    p.in = fdwatch_open(p.loop, 0, on_stdin, &p);
    fdwatch_want(p.in, true, false);
    loop_run(p.loop);
    loop_free(p.loop);
    if (snap)
        conf_drop(snap);
    strbuf_done(&problems);
    return 0;
}

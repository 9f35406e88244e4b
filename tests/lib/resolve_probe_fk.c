/* SPDX-License-Identifier: Apache-2.0 */
/* resolve_probe_fk TARGET [KEY=VALUE]... - runs one resolver on a real loop and prints a line
 * for each thing that it tells:
 *     list 127.0.0.1:1 weight=2 priority=0 zone=a key=value 127.0.0.1:2 ...
 *     error why
 * KEY=VALUE: a key of the object "k8s". Ends at the end of its standard input. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/rand.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "conf/field.h"
#include "h2/conn.h"
#include "loop/fdwatch.h"
#include "loop/loop.h"
#include "obs/stats.h"
#include "resolve/resolve_conf.h"
#include "resolve/resolver.h"

static struct stats stats;

static void
on_list(void *arg, const struct resolved *v, size_t n, int64_t valid_ms)
{
    char text[ADDR_TEXT_MAX];

    (void)arg, (void)valid_ms;
    printf("list");
    for (size_t i = 0; i < n; i++) {
        printf(" %s", addr_print(&v[i].addr, text));
        if (v[i].weight != 1)
            printf(" weight=%u", v[i].weight);
        if (v[i].priority != 0)
            printf(" priority=%u", v[i].priority);
        if (v[i].zone[0] != '\0')
            printf(" zone=%s", v[i].zone);
        if (v[i].hash_key)
            printf(" hashKey=%s", v[i].hash_key);
        for (size_t k = 0; k < v[i].label_count; k++)
            printf(" %s=%s", v[i].labels[k].key, v[i].labels[k].value);
    }
    printf("\n");
    fflush(stdout);
}

static void
on_error(void *arg, const char *why)
{
    (void)arg;
    printf("error %s\n", why);
    fflush(stdout);
}

static void
on_input(void *arg, int what)
{
    char room[256];

    (void)what;
    if (read(0, room, sizeof(room)) <= 0)
        loop_stop(arg);
}

static void
set_conf(struct k8s_conf *conf, char *pair)
{
    char *value = strchr(pair, '=');
    const struct conf_field *f;
    const char *code;
    struct strbuf why;

    strbuf_init(&why, 1024);
    if (value)
        *value++ = '\0';
    f = field_find(&k8s_conf_struct, pair);
    if (!value || !f || !field_parse(f, value, conf, &why, &code)) {
        fprintf(stderr, "%s: %s\n", pair, why.s ? why.s : "no such key");
        exit(2);
    }
    strbuf_done(&why);
}

int
main(int argc, char **argv)
{
    static const struct resolver_ops ops = { on_list, on_error };
    struct resolve_conf conf = { 0 };
    struct resolver_args args = { .ops = &ops, .conf = &conf };
    struct buf_pool *bufs = buf_pool_new(1 << 20);
    struct slab *slab = slab_new();
    struct fdwatch *input;
    struct resolver *r;
    struct rng rng;
    const char *why;

    if (argc < 2 || resolver_check(argv[1], &why) != 0) {
        fprintf(stderr, "%s\n",
                argc < 2 ? "resolve_probe_fk TARGET [KEY=VALUE]..." : why);
        return 2;
    }
    field_defaults(&k8s_conf_struct, &conf.k8s);
    for (int i = 2; i < argc; i++)
        set_conf(&conf.k8s, argv[i]);
    rng_seed_system(&rng);
    args.target = argv[1];
    args.rng = &rng;
    args.loop = loop_new(NULL);
    args.h2 = h2_worker_new(args.loop, slab, bufs, &stats);
    input = fdwatch_open(args.loop, 0, on_input, args.loop);
    fdwatch_want(input, true, false);
    r = resolver_start(&args);
    loop_run(args.loop);
    resolver_stop(r);
    fdwatch_close(input);
    loop_turn(args.loop, false);
    loop_turn(args.loop, false);
    h2_worker_free(args.h2);
    loop_free(args.loop);
    slab_free(slab);
    buf_pool_free(bufs);
    return 0;
}

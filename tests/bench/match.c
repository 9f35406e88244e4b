/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to find the route of a call: nanoseconds per search, by what the routes differ in
 * and how many there are. Each call goes to a route by chance, so its lines of memory are cold
 * when there are many.
 * Usage: bench_match [SEARCHES]. Each figure is the median of several runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rand.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "matchrig.h"

enum { RUNS = 9, CALLS = 4096, TEXT_MAX = 80, JSON_MAX = 4 * 1024 * 1024 };

struct shape {
    const char *name;
    size_t routes;
    /* With the number of a route for each %zu. */
    const char *match, *path, *host, *user;
};

static const struct shape shapes[] = {
    { "service and method", 1, "\"service\": \"shop.S%1$zu\", \"method\": \"Get\"",
      "/shop.S%1$zu/Get", NULL, NULL },
    { "service and method", 100, "\"service\": \"shop.S%1$zu\", \"method\": \"Get\"",
      "/shop.S%1$zu/Get", NULL, NULL },
    { "service and method", 10000, "\"service\": \"shop.S%1$zu\", \"method\": \"Get\"",
      "/shop.S%1$zu/Get", NULL, NULL },
    { "service", 10000, "\"service\": \"shop.S%1$zu\"", "/shop.S%1$zu/Get", NULL, NULL },
    { "host", 1, "\"hosts\": \"h%1$zu.example.com\"", "/shop.S/Get",
      "h%1$zu.example.com:443", NULL },
    { "host", 10000, "\"hosts\": \"h%1$zu.example.com\"", "/shop.S/Get",
      "h%1$zu.example.com:443", NULL },
    { "header of one service", 1,
      "\"service\": \"shop.S\", \"headers\": { \"x-user\": \"u%1$zu\" }", "/shop.S/Get",
      "h", "u%1$zu" },
    { "header of one service", 10000,
      "\"service\": \"shop.S\", \"headers\": { \"x-user\": \"u%1$zu\" }", "/shop.S/Get",
      "h", "u%1$zu" },
    { "one of two headers", 10000,
      "\"headers\": { \"x-user\": { \"oneOf\": [\"u%1$zu\", \"w%1$zu\"] } }",
      "/shop.S/Get", "h", "w%1$zu" },
    { "header, regex", 1, "\"headers\": { \"x-user\": { \"regex\": \"u[0-9]+\" } }",
      "/shop.S/Get", "h", "u%1$zu" },
    { "path prefix (no index)", 100, "\"path\": { \"prefix\": \"/shop%1$zu.\" }",
      "/shop%1$zu.S/Get", NULL, NULL },
    { "path prefix (no index)", 10000, "\"path\": { \"prefix\": \"/shop%1$zu.\" }",
      "/shop%1$zu.S/Get", NULL, NULL },
};

struct bench {
    struct rig rig;
    struct rig_call *calls;
    char (*texts)[3][TEXT_MAX];
};

#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the texts above */

static void
bench_open(struct bench *b, const struct shape *s)
{
    struct strbuf json, problems;
    struct rng rng;

    strbuf_init(&json, JSON_MAX);
    strbuf_init(&problems, JSON_MAX);
    for (size_t i = 0; i < s->routes; i++) {
        char match[256];

        snprintf(match, sizeof match, s->match, i);
        strbuf_printf(&json, "%s{ %s }", i ? ", " : "[", match);
    }
    strbuf_puts(&json, "]");
    if (!rig_open(&b->rig, json.s, &problems)) {
        fprintf(stderr, "%s\n", problems.s);
        exit(1);
    }
    strbuf_done(&json);
    strbuf_done(&problems);
    b->calls = xcalloc(CALLS, sizeof *b->calls);
    b->texts = xcalloc(CALLS, sizeof *b->texts);
    rng_seed(&rng, 1);
    for (size_t i = 0; i < CALLS; i++) {
        static const char *const others[] = { "te", "content-type", "user-agent",
                                              "grpc-accept-encoding", "x-request-id" };
        size_t route = rng_below(&rng, s->routes);

        snprintf(b->texts[i][0], TEXT_MAX, s->path, route);
        snprintf(b->texts[i][1], TEXT_MAX, s->host ? s->host : "h", route);
        snprintf(b->texts[i][2], TEXT_MAX, s->user ? s->user : "u", route);
        rig_call_set(&b->calls[i], b->texts[i][1], b->texts[i][0]);
        for (size_t k = 0; k < ARRAY_LEN(others); k++)
            rig_call_add(&b->calls[i], others[k], slice_of("value"));
        rig_call_add(&b->calls[i], "x-user", slice_of(b->texts[i][2]));
    }
}

static void
bench_close(struct bench *b)
{
    rig_close(&b->rig);
    xfree(b->calls);
    xfree(b->texts);
}

static int
compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double
bench_run(struct bench *b, size_t searches)
{
    double ns[RUNS];
    size_t missed = 0;

    for (size_t run = 0; run < RUNS; run++) {
        int64_t start = clock_real.now_us(NULL);

        for (size_t i = 0; i < searches; i++)
            missed += matcher_find(b->rig.matcher, &b->calls[i % CALLS].in) < 0;
        ns[run] = (double)(clock_real.now_us(NULL) - start) * 1000 / (double)searches;
    }
    if (missed) {
        fprintf(stderr, "%zu searches found nothing\n", missed);
        exit(1);
    }
    qsort(ns, RUNS, sizeof ns[0], compare);
    return ns[RUNS / 2];
}

int
main(int argc, char **argv)
{
    size_t searches = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;

    printf("%-24s %7s %10s\n", "routes differ in", "routes", "ns/search");
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        bool slow = shapes[i].routes > 1000 && strstr(shapes[i].name, "no index");
        struct bench b = { 0 };

        bench_open(&b, &shapes[i]);
        printf("%-24s %7zu %10.1f\n", shapes[i].name, shapes[i].routes,
               bench_run(&b, slow ? searches / 100 : searches));
        bench_close(&b);
    }
    return 0;
}

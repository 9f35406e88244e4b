/* SPDX-License-Identifier: Apache-2.0 */
/* What the filter "jwt" costs per call: CPU nanoseconds of a call through a chain with nothing but it, less those of the same call through an empty
 * chain. hit: the token was verified before. miss: it never was, so each call checks its signature. OpenSSL: what one
 * EVP_DigestVerify of the same signature costs with everything set up again, as a program does that calls it once per token. The rest of a miss (base64, JSON,
 * claims, the choice of a key) is miss less OpenSSL.
 * Usage: bench_jwt [HITS [MISSES]]. Each figure is the median of several runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/arena.h"
#include "base/rand.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/snapshot.h"
#include "filter/chain.h"
#include "filter/instance.h"
#include "filter/kinds.h"
#include "h2/edit.h"
#include "jwtmake.h"
#include "loop/loop.h"
#include "obs/stats.h"

enum { RUNS = 9, ARENA_FIRST = 4096, STATE_MAX = 512, TOKENS_MAX = 100000 };

static const char claims[] =
    "{\"iss\":\"https://"
    "id.corp.example\",\"aud\":\"orders\",\"sub\":\"7f3c-joe\",\"exp\":"
    "4102444800,\"iat\":1700000000,\"nbf\":1700000000,\"jti\":\"%zu\",\"azp\":\"web\","
    "\"scope\":\"orders.read "
    "orders.write\",\"realm_access\":{\"roles\":[\"user\",\"admin\"]}}";

struct bench {
    struct loop *loop;
    struct slab *slab;
    struct stats stats;
    struct filter_store store;
    struct rng rng;
    struct chain *chain, *empty;
    struct jwtkey *key;
    char **tokens; /* with "Bearer " */
    char first[ARENA_FIRST] __attribute__((aligned(16)));
    char state[STATE_MAX] __attribute__((aligned(16)));
};

static int64_t
cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct filter *
open_filter(struct bench *b, size_t cache)
{
    char *set = jwtkeys_set(&b->key, 1), *quoted;
    struct strbuf json, problems;
    struct conf_snapshot *s;
    struct filter *f;

    strbuf_init(&json, 1 << 20);
    strbuf_init(&problems, 1 << 20);
    quoted = xcalloc(2, strlen(set) + 1);
    for (char *from = set, *to = quoted; *from; from++) {
        if (*from == '"')
            *to++ = '\\';
        *to++ = *from;
    }
    strbuf_printf(
        &json,
        "{ \"issuer\": \"https://id.corp.example\", \"audiences\": [\"orders\"], "
        "\"jwks\": \"%s\", \"algorithms\": [\"%s\"], \"cacheTokens\": %zu }",
        quoted, sig_alg_names[b->key->alg], cache);
    if (conf_load_text(filter_jwt.conf, "bench", json.s, json.len, &problems, &s) != 0) {
        fprintf(stderr, "%s\n", problems.s);
        exit(1);
    }
    f = filter_get(&b->store, &filter_jwt, "bench", "jwt", conf_root(s));
    conf_drop(s);
    strbuf_done(&json);
    strbuf_done(&problems);
    xfree(set);
    xfree(quoted);
    return f;
}

static void
bench_open(struct bench *b, enum sig_alg alg, size_t tokens, size_t cache)
{
    struct filter *f;

    b->loop = loop_new(NULL);
    b->slab = slab_new();
    rng_seed(&b->rng, 1);
    filter_store_init(&b->store, b->loop, &b->stats, 1);
    b->key = jwtkey_new(alg, "key-2026-11", 0);
    f = open_filter(b, cache);
    b->chain = chain_new(&f, 1);
    b->empty = chain_new(NULL, 0);
    b->tokens = xcalloc(tokens, sizeof(*b->tokens));
    for (size_t i = 0; i < tokens; i++) {
        char payload[1024];
        struct strbuf text;
        char *token;

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(payload, sizeof(payload), claims, i);
        token = jwt_make(b->key, payload);
        strbuf_init(&text, 1 << 16);
        strbuf_printf(&text, "Bearer %s", token);
        b->tokens[i] = strbuf_steal(&text);
        xfree(token);
    }
}

static void
bench_close(struct bench *b, size_t tokens)
{
    chain_free(b->chain);
    chain_free(b->empty);
    loop_turn(b->loop, false);
    filter_store_done(&b->store);
    slab_free(b->slab);
    loop_free(b->loop);
    for (size_t i = 0; i < tokens; i++)
        xfree(b->tokens[i]);
    xfree(b->tokens);
    jwtkey_free(b->key);
}

/* One call from its headers to its end. */
static bool
one_call(struct bench *b, const struct chain *chain, const char *token)
{
    static const char *const fields[][2] = {
        { "content-type", "application/grpc" },
        { "te", "trailers" },
        { "user-agent", "grpc-python/1.51.1" },
        { "grpc-accept-encoding", "gzip" },
        { "grpc-timeout", "10S" },
    };
    struct h2_headers h = { 0 };
    struct arena arena;
    const struct filter_result result = { 0 };
    struct filter_call fc = {
        .arena = &arena,
        .slab = b->slab,
        .loop = b->loop,
        .stats = &b->stats,
        .rng = &b->rng,
        .request = &h,
        .path = slice_of("/shop.Stock/Get"),
        .service = slice_of("shop.Stock"),
        .method = slice_of("Get"),
    };
    bool good;

    arena_init(&arena, b->slab, b->first, sizeof(b->first), 65536);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (h2_headers_add(&h, b->slab, slice_of(fields[i][0]), slice_of(fields[i][1]),
                           0) != 0)
            return false;
    if (h2_headers_add(&h, b->slab, slice_of("authorization"), slice_of(token), 0) != 0)
        return false;
    memset(b->state, 0, sizeof(b->state));
    chain_begin(&fc, chain, b->state);
    good = chain_request(&fc) == FILTER_NEXT;
    chain_end(&fc, &result);
    h2_headers_done(&h, b->slab);
    arena_reset(&arena);
    reap_run(loop_reaper(b->loop));
    return good;
}

static double
median(double *v)
{
    for (size_t i = 1; i < RUNS; i++)
        for (size_t k = i; k > 0 && v[k] < v[k - 1]; k--) {
            double swap = v[k];

            v[k] = v[k - 1];
            v[k - 1] = swap;
        }
    return v[RUNS / 2];
}

static double
run_calls(struct bench *b, const struct chain *chain, size_t calls, size_t tokens)
{
    double ns[RUNS];
    size_t refused = 0;

    for (size_t run = 0; run < RUNS; run++) {
        int64_t start = cpu_ns();

        for (size_t i = 0; i < calls; i++)
            refused += !one_call(b, chain, b->tokens[i % tokens]);
        ns[run] = (double)(cpu_ns() - start) / (double)calls;
    }
    if (refused) {
        fprintf(stderr, "%zu calls were refused\n", refused);
        exit(1);
    }
    return median(ns);
}

/* The signature alone, as OpenSSL takes it (ES: as DER). */
static double
run_openssl(struct bench *b, size_t checks)
{
    enum sig_alg alg = b->key->alg;
    const char *token = b->tokens[0] + 7;
    struct slice input = { (const uint8_t *)token,
                           (size_t)(strrchr(token, '.') - token) };
    const EVP_MD *md = alg == SIG_EDDSA ? NULL : EVP_sha256();
    uint8_t sig[SIG_LEN_MAX];
    size_t n = sizeof(sig), bad = 0;
    double ns[RUNS];
    EVP_PKEY_CTX *p;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool pss = alg == SIG_PS256;

    if (EVP_DigestSignInit(c, &p, md, NULL, b->key->pkey) != 1)
        exit(1);
    if (pss)
        EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING);
    EVP_DigestSign(c, sig, &n, input.p, input.n);
    EVP_MD_CTX_free(c);
    for (size_t run = 0; run < RUNS; run++) {
        int64_t start = cpu_ns();

        for (size_t i = 0; i < checks; i++) {
            c = EVP_MD_CTX_new();
            bad += EVP_DigestVerifyInit(c, &p, md, NULL, b->key->pkey) != 1;
            if (pss)
                EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING);
            bad += EVP_DigestVerify(c, sig, n, input.p, input.n) != 1;
            EVP_MD_CTX_free(c);
        }
        ns[run] = (double)(cpu_ns() - start) / (double)checks;
    }
    if (bad)
        exit(1);
    return median(ns);
}

int
main(int argc, char **argv)
{
    static const enum sig_alg algs[] = { SIG_HS256, SIG_RS256, SIG_PS256, SIG_ES256,
                                         SIG_EDDSA };
    size_t hits = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;
    size_t misses = argc > 2 ? strtoul(argv[2], NULL, 10) : 2000;

    printf("%-8s %8s %10s %10s %12s %10s\n", "token", "bytes", "hit ns", "miss ns",
           "OpenSSL ns", "rest ns");
    for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
        static struct bench b;
        size_t bytes;
        double hit, miss, empty, openssl = 0;

        memset(&b, 0, sizeof(b));
        bench_open(&b, algs[i], 500, 1000);
        bytes = strlen(b.tokens[0]) - 7;
        empty = run_calls(&b, b.empty, hits, 500);
        hit = run_calls(&b, b.chain, hits, 500) - empty;
        if (b.key->pkey)
            openssl = run_openssl(&b, misses);
        bench_close(&b, 500);
        memset(&b, 0, sizeof(b));
        bench_open(&b, algs[i], 100, 0);
        miss = run_calls(&b, b.chain, misses, 100) - empty;
        if (b.key->pkey)
            openssl = run_openssl(&b, misses);
        bench_close(&b, 100);
        printf("%-8s %8zu %10.0f %10.0f %12.0f %10.0f\n", sig_alg_names[algs[i]], bytes,
               hit, miss, openssl, openssl > 0 ? miss - openssl : miss);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "filterrig.h"

#include <string.h>

#include "base/err.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "filter/services.h"
#include "grpc/path.h"
#include "h2/edit.h"
#include "loop/loop.h"
#include "obs/histogram.h"
#include "vclock.h"

enum { ARENA_CAP = 512 * 1024 };

static struct vclock now;
static struct rng rng;
static struct chain *chain;
static struct strbuf problems;
struct loop *rig_loop;
struct stats rig_stats;
struct slab *rig_slab;
struct filter_store rig_store;

void
rig_open(void)
{
    rig_loop = loop_new(vclock_init(&now));
    rig_slab = slab_new();
    memset(&rig_stats, 0, sizeof(rig_stats));
    rng_seed(&rng, 42);
    filter_store_init(&rig_store, rig_loop, &rig_stats, 1);
    chain = NULL;
}

void
rig_close(void)
{
    chain_unuse(chain, 0);
    chain_free(chain);
    loop_turn(rig_loop, false);
    filter_store_done(&rig_store);
    assert_int_equal(slab_bytes_live(rig_slab), 0);
    slab_free(rig_slab);
    loop_free(rig_loop);
    strbuf_done(&problems);
}

int
rig_setup(void **state)
{
    (void)state;
    rig_open();
    return 0;
}

int
rig_teardown(void **state)
{
    (void)state;
    rig_close();
    return 0;
}

struct filter_services *
rig_watch(uint32_t max_methods)
{
    struct services_args args = { .workers = 1,
                                  .max_methods = max_methods,
                                  .histogram = HISTOGRAM_COARSE,
                                  .stats = &rig_stats };

    rig_open();
    args.loop = args.writer_loop = rig_loop;
    return rig_store.env.services = services_new(&args);
}

int
rig_watch_end(struct filter_services *services, int64_t late_ms)
{
    rig_chain(NULL, 0);
    if (late_ms > 0)
        rig_advance_ms(late_ms);
    services_free(services);
    rig_close();
    return 0;
}

/* --- filters ------------------------------------------------------------------------ */

static const char *
rig_said(void)
{
    return problems.s ? problems.s : "";
}

static struct conf_snapshot *
rig_load(const struct filter_kind *kind, const char *json)
{
    struct conf_snapshot *s = NULL;

    strbuf_done(&problems);
    strbuf_init(&problems, SIZE_MAX);
    if (conf_load_text(kind->conf, "filter.json", json, strlen(json), &problems, &s) !=
        ERR_OK)
        return NULL;
    return s;
}

struct filter *
rig_filter(const struct filter_kind *kind, const char *json)
{
    struct conf_snapshot *s = rig_load(kind, json);
    struct filter *f;

    if (!s)
        fail_msg("%s", rig_said());
    f = filter_get(&rig_store, kind, "listener test", kind->name, conf_root(s));
    conf_drop(s);
    return f;
}

const char *
rig_problems(const struct filter_kind *kind, const char *json)
{
    conf_drop(rig_load(kind, json));
    return rig_said();
}

void
rig_chain(struct filter *const *filters, size_t n)
{
    chain_unuse(chain, 0);
    chain_free(chain);
    chain = chain_new(filters, n);
    chain_use(chain, 0, rig_loop, &rig_stats);
}

struct filter *
rig_only(const struct filter_kind *kind, const char *json)
{
    struct filter *f = rig_filter(kind, json);

    rig_chain(&f, 1);
    return f;
}

/* --- calls -------------------------------------------------------------------------- */

static struct rigcall *
rig_of(const struct filter_call *fc)
{
    return CONTAINER_OF(fc, struct rigcall, fc);
}

static void
rig_resume(struct filter_call *fc, enum filter_verdict verdict)
{
    struct rigcall *c = rig_of(fc);

    c->resumed++;
    fc->waiting = false;
    c->verdict = verdict == FILTER_NEXT ? chain_go_on(fc, NULL, false) : verdict;
}

static const struct tls_peer *
rig_peer(const struct filter_call *fc)
{
    return rig_of(fc)->peer;
}

static const char *
rig_identity(const struct filter_call *fc)
{
    return rig_of(fc)->identity;
}

static struct pool *
rig_pool(const struct filter_call *fc, const struct filter *f)
{
    (void)f;
    return rig_of(fc)->pool;
}

static void
rig_set_deadline(struct filter_call *fc, int64_t deadline_us)
{
    if (fc->deadline_us == 0 || deadline_us < fc->deadline_us)
        fc->deadline_us = deadline_us;
}

/* Tests write the whole result. */
static void
rig_tell(const struct filter_call *fc, struct filter_result *r)
{
    (void)fc;
    assert_ptr_equal(r->rest, r);
    r->rest = NULL;
}

static void
rig_progress(const struct filter_call *fc, struct filter_result *ret)
{
    const struct rigcall *c = rig_of(fc);

    *ret = (struct filter_result){
        .code = -1,
        .reason = "",
        .pool = fc->pool ? fc->pool : "",
        .backend = "192.0.2.9:50051",
        .attempts = 2,
        .messages_in = c->messages_in,
        .bytes_in = 700,
        .bytes_out = 9,
        .end_us = loop_now_us(fc->loop),
        .blocked_up_us = 1500,
    };
}

static const struct addr *
rig_local(const struct filter_call *fc)
{
    return rig_of(fc)->local;
}

static uint64_t
rig_connection(const struct filter_call *fc)
{
    return rig_of(fc)->connection;
}

static uint64_t
rig_messages_in(const struct filter_call *fc)
{
    return rig_of(fc)->messages_in;
}

static const struct filter_host host = {
    .progress = rig_progress,
    .resume = rig_resume,
    .peer = rig_peer,
    .identity = rig_identity,
    .pool = rig_pool,
    .local = rig_local,
    .connection = rig_connection,
    .messages_in = rig_messages_in,
    .set_deadline = rig_set_deadline,
    .tell = rig_tell,
};

/* Pseudo headers can only come from the wire: they are put in by hand. */
static void
rig_pseudo(struct rigcall *c, const char *name, const char *value)
{
    struct h2_headers *h = &c->request;
    struct h2_entry *e;

    assert_int_equal(h2_headers_add(h, rig_slab, slice_of("x"), slice_of(value), 0),
                     ERR_OK);
    e = &h->v[h->n - 1];
    e->f.name = (uint8_t *)name;
    e->f.namelen = strlen(name);
    e->token = (uint8_t)h2_token_find(e->f.name, e->f.namelen);
    h->first[e->token] = h->n;
}

struct rigcall *
rig_call(const char *service_method)
{
    struct rigcall *c = calloc(1, sizeof(*c));
    struct filter_call *fc = &c->fc;
    const char *why;

    arena_init(&c->arena, rig_slab, NULL, 0, ARENA_CAP);
    snprintf(c->path, sizeof(c->path), "/%s", service_method);
    rig_pseudo(c, ":method", "POST");
    rig_pseudo(c, ":scheme", "http");
    rig_pseudo(c, ":path", c->path);
    rig_pseudo(c, ":authority", "test.example");
    rig_header(c, "content-type", "application/grpc");
    rig_header(c, "te", "trailers");
    assert_int_equal(addr_parse("192.0.2.7:4711", false, &c->address, &why), ERR_OK);
    fc->host = &host;
    fc->arena = &c->arena;
    fc->slab = rig_slab;
    fc->loop = rig_loop;
    fc->stats = &rig_stats;
    fc->rng = &rng;
    fc->listener = "test";
    fc->route = "routes[0]";
    fc->address = &c->address;
    fc->request = &c->request;
    fc->path = slice_of(c->path);
    assert_int_equal(path_split(fc->path, &fc->service, &fc->method), ERR_OK);
    fc->begun_us = loop_now_us(rig_loop);
    c->state = calloc(1, chain_state_size(chain) + 1);
    chain_begin(fc, chain, c->state);
    c->result.first_byte_us = 0;
    return c;
}

void
rig_header(struct rigcall *c, const char *name, const char *value)
{
    assert_int_equal(
        h2_headers_add(&c->request, rig_slab, slice_of(name), slice_of(value), 0),
        ERR_OK);
}

static const char *
rig_text(struct slice s)
{
    static char text[4][9000];
    static unsigned turn;
    char *to = text[turn++ % 4];

    snprintf(to, sizeof(text[0]), "%.*s", (int)s.n, (const char *)s.p);
    return to;
}

const char *
rig_request_header(const struct rigcall *c, const char *name)
{
    struct slice s = filter_header(&c->fc, slice_of(name));

    return s.p ? rig_text(s) : NULL;
}

const char *
rig_answer_header(const struct rigcall *c, const char *name)
{
    for (const struct filter_field *a = c->fc.answer; a; a = a->next) {
        if (slice_eq_str(a->name, name))
            return rig_text(a->value);
    }
    return NULL;
}

enum filter_verdict
rig_request(struct rigcall *c)
{
    c->verdict = chain_request(&c->fc);
    return c->verdict;
}

void
rig_end(struct rigcall *c, int code)
{
    c->result.code = code;
    c->result.end_us = loop_now_us(rig_loop);
    if (!c->result.reason)
        c->result.reason = c->fc.refused ? c->fc.refusal.reason : "";
    if (!c->result.pool)
        c->result.pool = "";
    if (!c->result.backend)
        c->result.backend = "";
    c->result.rest = &c->result;
    chain_end(&c->fc, &c->result);
    h2_headers_done(&c->request, rig_slab);
    h2_headers_done(&c->response, rig_slab);
    h2_headers_done(&c->trailers, rig_slab);
    arena_reset(&c->arena);
    free(c->state);
    free(c);
}

int
rig_pass(const char *service_method)
{
    struct rigcall *c = rig_call(service_method);
    int code = rig_request(c) == FILTER_DONE ? c->fc.refusal.code : GRPC_OK;

    assert_int_not_equal(c->verdict, FILTER_WAIT);
    rig_end(c, code);
    return code;
}

void
rig_advance_ms(int64_t ms)
{
    vclock_advance_ms(&now, ms);
    loop_turn(rig_loop, false);
    loop_turn(rig_loop, false);
}

int64_t
rig_counted(enum stat_id id)
{
    return stat_get(&rig_stats, id);
}

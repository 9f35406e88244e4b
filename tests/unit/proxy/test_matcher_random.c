/* SPDX-License-Identifier: Apache-2.0 */
/* Random matches and calls: the matcher with its index finds what a naive one finds, and what is
 * said to be hidden is never found. The words are few, so that much is equal. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/snapshot.h"
#include "naive_match.h"
#include "proxy/route_conf.h"

enum { ROUTES_MAX = 40, CALLS = 100, ROUNDS = 1000, PART_MAX = 3 };

static const char *const services[] = { "a.A", "a.B", "b.A" };
static const char *const methods[] = { "X", "Y", "XY" };
static const char *const paths[] = { "/a.A/X", "/a.B/XY", "/b.A/Y" };
static const char *const prefixes[] = { "/", "/a.", "/a.A/", "/a.A/X", "/b" };
static const char *const path_regexes[] = { "/a.*", ".*/X", "/(a|b)\\.A/[XY]" };
static const char *const hosts[] = { "h", "H.g", "*.g", "h.*", "*", "*.h.g", "x.h.g" };
static const char *const authorities[] = { "h",       "h:1", "h.g", "h.g.",
                                           "X.h.g:2", "h.x", "g",   "" };
static const char *const names[] = { "x", "y", "z-bin" };
static const char *const values[] = { "", "a", "b", "ab", "A", "1", "-2", "a,b", "12" };
static const char *const parts[] = { "a", "b", ",", "B", "1" };
static const char *const regexes[] = { "a*", "[ab],?b?", ".*1.*", "A" };
static const char *const binaries[] = { "AQ", "YQ==", "YWI", "YWIB" };

#define PICK(r, list) ((list)[rng_below((r), ARRAY_LEN(list))])

static bool
chance(struct rng *r, unsigned percent)
{
    return rng_below(r, 100) < percent;
}

/* A match and the room that its lists need. */
struct random_match {
    struct match_conf conf;
    struct match_text hosts[PART_MAX];
    struct header_match_conf headers[PART_MAX];
    struct match_text one_of[PART_MAX][PART_MAX];
};

static void
make_header(struct rng *r, struct header_match_conf *h, struct match_text *one_of)
{
    bool bin = strcmp(h->name, "z-bin") == 0;
    unsigned kind = (unsigned)rng_below(r, bin ? 6 : 8);

    h->invert = chance(r, 20);
    h->missing_is_empty = kind != 5 && chance(r, 15);
    h->ignore_case = !bin && kind < 5 && chance(r, 20);
    switch (kind) {
    case 0:
        h->exact = bin ? PICK(r, binaries) : PICK(r, values);
        break;
    case 1:
        h->prefix = bin ? PICK(r, binaries) : PICK(r, parts);
        break;
    case 2:
        h->suffix = bin ? PICK(r, binaries) : PICK(r, parts);
        break;
    case 3:
        h->contains = bin ? PICK(r, binaries) : PICK(r, parts);
        break;
    case 4:
        h->one_of.n = 1 + rng_below(r, PART_MAX);
        h->one_of.items = one_of;
        for (size_t i = 0; i < h->one_of.n; i++)
            one_of[i].text = bin ? PICK(r, binaries) : PICK(r, values);
        break;
    case 5:
        h->present = chance(r, 50) ? CONF_TRUE : CONF_FALSE;
        break;
    case 6:
        h->range.on = true;
        h->range.from = (int64_t)rng_below(r, 20) - 5;
        h->range.to = h->range.from + 1 + (int64_t)rng_below(r, 10);
        break;
    default:
        h->regex = PICK(r, regexes);
    }
}

static void
make_match(struct rng *r, struct random_match *m)
{
    struct match_conf *c = &m->conf;
    size_t first_name = rng_below(r, ARRAY_LEN(names));

    memset(m, 0, sizeof *m);
    c->service = chance(r, 30) ? PICK(r, services) : NULL;
    c->method = chance(r, 20) ? PICK(r, methods) : NULL;
    c->path.on = chance(r, 30);
    if (c->path.on) {
        unsigned kind = (unsigned)rng_below(r, 3);

        c->path.exact = kind == 0 ? PICK(r, paths) : NULL;
        c->path.prefix = kind == 1 ? PICK(r, prefixes) : NULL;
        c->path.regex = kind == 2 ? PICK(r, path_regexes) : NULL;
    }
    c->hosts.items = m->hosts;
    c->hosts.n = chance(r, 30) ? 1 + rng_below(r, PART_MAX) : 0;
    for (size_t i = 0; i < c->hosts.n; i++)
        m->hosts[i].text = PICK(r, hosts);
    c->headers.items = m->headers;
    c->headers.n = chance(r, 50) ? 1 + rng_below(r, PART_MAX) : 0;
    for (size_t i = 0; i < c->headers.n; i++) {
        m->headers[i].name = names[(first_name + i) % ARRAY_LEN(names)];
        make_header(r, &m->headers[i], m->one_of[i]);
    }
}

static void
make_call(struct rng *r, struct rig_call *c, char path[64])
{
    size_t n = rng_below(r, 5);

    snprintf(path, 64, "/%s/%s", PICK(r, services), PICK(r, methods));
    rig_call_set(c, chance(r, 80) ? PICK(r, authorities) : NULL, path);
    for (size_t i = 0; i < n; i++) {
        const char *name = PICK(r, names);
        bool bin = strcmp(name, "z-bin") == 0 && chance(r, 85);

        rig_call_add(c, name, slice_of(bin ? PICK(r, binaries) : PICK(r, values)));
    }
}

struct world {
    struct random_match made[ROUTES_MAX];
    const struct match_conf *matches[ROUTES_MAX];
    size_t n;
    struct matcher *matcher;
};

static int
naive_find(const struct world *w, const struct rig_call *c)
{
    for (size_t i = 0; i < w->n; i++) {
        if (naive_fits(w->matches[i], c))
            return (int)i;
    }
    return -1;
}

static void
check_call(const struct world *w, struct rig_call *c, size_t hits[ROUTES_MAX + 1])
{
    int want = naive_find(w, c), got = matcher_find(w->matcher, &c->in);

    if (want != got)
        fail_msg("%.*s: match %d, not %d", (int)c->in.path.n, c->in.path.p, got, want);
    hits[want + 1]++;
    for (size_t i = 0; i < w->n; i++) {
        struct strbuf why;

        strbuf_init(&why, 4096);
        if (matcher_why_not(w->matcher, i, &c->in, &why) == naive_fits(w->matches[i], c))
            fail_msg("why not %zu: %s", i, why.s ? why.s : "-");
        strbuf_done(&why);
        if (i == 3)
            break; /* the sentences cost more than the search */
    }
}

static void
the_index_finds_what_a_naive_search_finds(void **state)
{
    struct world *w = xcalloc(1, sizeof *w);
    size_t hits[ROUTES_MAX + 1] = { 0 }, late = 0;
    struct rng r;

    (void)state;
    unit_seed(&r);
    for (size_t round = 0; round < ROUNDS; round++) {
        w->n = 1 + rng_below(&r, ROUTES_MAX);
        for (size_t i = 0; i < w->n; i++) {
            make_match(&r, &w->made[i]);
            w->matches[i] = &w->made[i].conf;
        }
        w->matcher = matcher_new(w->matches, w->n);
        for (size_t i = 0; i < CALLS; i++) {
            struct rig_call c;
            char path[64];

            make_call(&r, &c, path);
            check_call(w, &c, hits);
        }
        matcher_free(w->matcher);
    }
    for (size_t i = 6; i <= ROUTES_MAX; i++)
        late += hits[i];
    print_message(
        "%zu calls without a match, %zu with one of the first, %zu with one behind\n",
        hits[0], (size_t)ROUNDS * CALLS - hits[0] - late, late);
    assert_true(hits[0] > 1000 && late > 1000);
    xfree(w);
}

/* --- hidden routes ---------------------------------------------------------------- */

struct routes_conf {
    struct conf_list routes;
};

static struct conf_list *hidden_routes;

static void
hidden_check(void *obj, struct conf_place *place)
{
    (void)obj;
    routes_check_hidden(hidden_routes, place);
}

/* Numbers of the routes that a warning names. */
static void
hidden_find(struct conf_list *list, bool *hidden)
{
    static const struct conf_field none[] = { { .key = NULL } };
    static const struct conf_struct type = {
        .name = "x", .size = 1, .fields = none, .check = hidden_check
    };
    static char json[ROUTES_MAX * 8 + 64];
    struct conf_snapshot *s = NULL;
    struct strbuf out;
    size_t n = (size_t)snprintf(json, sizeof json, "{ \"x-a\": 1 }");

    hidden_routes = list;
    strbuf_init(&out, 1 << 20);
    assert_int_equal(conf_load_text(&type, "h", json, n, &out, &s), 0);
    hidden[0] = conf_warnings(s) > 0;
    strbuf_done(&out);
    conf_drop(s);
}

/* Makes a like b but for one thing, so that it often covers b. Shares b's lists. */
static void
make_alike(struct rng *r, struct random_match *a, const struct random_match *b)
{
    struct match_conf own = a->conf;

    a->conf = b->conf;
    switch (rng_below(r, 6)) {
    case 0:
        a->conf.path = own.path;
        break;
    case 1:
        a->conf.hosts = own.hosts;
        break;
    case 2:
        a->conf.service = NULL;
        break;
    case 3:
        a->conf.method = NULL;
        break;
    default:
        /* One header of the same name, compared in another way. */
        if (b->conf.headers.n == 0)
            break;
        memset(&a->headers[0], 0, sizeof a->headers[0]);
        a->headers[0].name = b->headers[0].name;
        make_header(r, &a->headers[0], a->one_of[0]);
        a->conf.headers = (struct conf_list){ a->headers, 1 };
    }
}

/* Two routes: is the second said to be hidden? Then no call may reach it. */
static void
what_is_hidden_is_never_found(void **state)
{
    struct world *w = xcalloc(1, sizeof *w);
    struct route_conf *routes = xcalloc(3, sizeof *routes);
    size_t said = 0;
    struct rng r;

    (void)state;
    unit_seed(&r);
    for (size_t round = 0; round < 30000; round++) {
        struct conf_list list = { routes, 2 };
        bool hidden[1];

        for (size_t i = 0; i < 2; i++) {
            make_match(&r, &w->made[i]);
        }
        if (chance(&r, 70))
            make_alike(&r, &w->made[0], &w->made[1]);
        for (size_t i = 0; i < 2; i++) {
            routes[i].match = w->made[i].conf;
            w->matches[i] = &routes[i].match;
        }
        hidden_find(&list, hidden);
        said += hidden[0];
        for (size_t i = 0; hidden[0] && i < CALLS; i++) {
            struct rig_call c;
            char path[64];

            make_call(&r, &c, path);
            if (naive_fits(w->matches[1], &c) && !naive_fits(w->matches[0], &c))
                fail_msg("%s reaches a hidden route", path);
        }
    }
    print_message("%zu of 30000 pairs are hidden\n", said);
    assert_true(said > 500);
    xfree(routes);
    xfree(w);
}

/* Chance finds these too seldom: the first route wants an empty value, the second takes a missing header, too, and calls without it reach it. */
static void
a_route_for_missing_headers_is_not_hidden(void **state)
{
    static struct match_text two[] = { { .text = "" }, { .text = "1" } };
    static const struct conf_list empty_or_1 = { two, 2 };
    static const struct {
        struct header_match_conf first, second;
        bool hidden;
    } rows[] = {
        { { .exact = "" }, { .exact = "" }, true },
        { { .exact = "" }, { .exact = "", .missing_is_empty = true }, false },
        { { .one_of = empty_or_1 }, { .exact = "", .missing_is_empty = true }, false },
        { { .one_of = empty_or_1 },
          { .one_of = empty_or_1, .missing_is_empty = true },
          false },
        { { .exact = "", .missing_is_empty = true },
          { .exact = "", .missing_is_empty = true },
          true },
        { { .present = CONF_TRUE }, { .exact = "", .missing_is_empty = true }, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct header_match_conf headers[2] = { rows[i].first, rows[i].second };
        struct route_conf routes[2] = { 0 };
        struct conf_list list = { routes, 2 };
        bool hidden[1];

        for (size_t k = 0; k < 2; k++) {
            headers[k].name = "x";
            routes[k].match.headers = (struct conf_list){ &headers[k], 1 };
        }
        hidden_find(&list, hidden);
        if (hidden[0] != rows[i].hidden)
            fail_msg("row %zu: hidden %d", i, hidden[0]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_index_finds_what_a_naive_search_finds),
        cmocka_unit_test(what_is_hidden_is_never_found),
        cmocka_unit_test(a_route_for_missing_headers_is_not_hidden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

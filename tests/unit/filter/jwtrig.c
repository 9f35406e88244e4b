/* SPDX-License-Identifier: Apache-2.0 */
#include "jwtrig.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/xalloc.h"
#include "filter/jwks_source.h"
#include "filter/kinds.h"

char dir[] = "/tmp/jwt-XXXXXX";
struct jwtkey *key_a, *key_b;
char *set_a, *set_b, *set_ab;
static char text[8][4096]; /* of calls of printed() */

/* ---- fetches by hand ---- */

struct jwt_fetch net;

static void *
start(const struct fetch_args *args, fetch_fn *fn, void *arg)
{
    (void)args;
    net.started++;
    net.open = true;
    net.fn = fn;
    net.arg = arg;
    return &net;
}

static void
cancel(void *fetch)
{
    (void)fetch;
    net.open = false;
}

static const struct jwks_fetch_ops ops = { start, cancel };

void
answer(const char *why, const char *set)
{
    assert_true(net.open);
    net.open = false;
    net.fn(net.arg, why, slice_of(set));
}

const char *
printed(const char *fmt, ...)
{
    static unsigned turn;
    char *to = text[turn++ % 8];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(to, sizeof(text[0]), fmt, ap);
    va_end(ap);
    return to;
}

void
put(const char *name, const char *set)
{
    FILE *f = fopen(printed("%s/%s", dir, name), "w");

    assert_non_null(f);
    fputs(set, f);
    fclose(f);
}

int
jwt_begin(void **state)
{
    struct jwtkey *both[2];

    (void)state;
    key_a = both[0] = jwtkey_new(SIG_EDDSA, "a", 0);
    key_b = both[1] = jwtkey_new(SIG_EDDSA, "b", 0);
    set_a = jwtkeys_set(&key_a, 1);
    set_b = jwtkeys_set(&key_b, 1);
    set_ab = jwtkeys_set(both, 2);
    if (!mkdtemp(dir))
        return -1;
    put("a.json", set_a);
    put("b.json", set_b);
    put("bad.json", "{\"keys\": [");
    put("weak.json", "{\"keys\": [{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}");
    return 0;
}

int
jwt_end(void **state)
{
    static const char *const files[] = { "a.json", "b.json", "bad.json", "weak.json" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        unlink(printed("%s/%s", dir, files[i]));
    rmdir(dir);
    xfree(set_a);
    xfree(set_b);
    xfree(set_ab);
    jwtkey_free(key_a);
    jwtkey_free(key_b);
    return 0;
}

int
jwt_setup(void **state)
{
    memset(&net, 0, sizeof(net));
    jwks_source_use(&ops);
    return rig_setup(state);
}

int
jwt_teardown(void **state)
{
    rig_teardown(state);
    jwks_source_use(NULL);
    return 0;
}

/* The keys of one issuer, and more. */
const char *
one(const char *more)
{
    return printed("{ \"issuer\": \"me\", \"audiences\": [\"orders\"], "
                   "\"jwks\": \"file:%s/a.json\"%s }",
                   dir, more);
}

const char *
one_by_url(const char *more)
{
    return printed("{ \"issuer\": \"me\", \"audiences\": [\"orders\"], "
                   "\"jwks\": \"" URL "\"%s }",
                   more);
}

/* A token that is good for 100 s, with more claims. */
const char *
token(const struct jwtkey *k, const char *iss, const char *aud, const char *more)
{
    char *made = jwt_make(k, printed("{\"iss\":\"%s\",\"aud\":\"%s\",\"exp\":%lld%s}",
                                     iss, aud, (long long)time(NULL) + 100, more));
    const char *kept = printed("%s", made);

    xfree(made);
    return kept;
}

const char *
good(void)
{
    return token(key_a, "me", "orders",
                 ",\"sub\":\"joe\",\"r\":{\"roles\":[\"x\",\"y\"]}");
}

const char *
bearer(const char *t)
{
    return printed("Bearer %s", t);
}

struct rigcall *
call_with(const char *name, const char *value)
{
    struct rigcall *c = rig_call("shop.Stock/Get");

    if (name)
        rig_header(c, name, value);
    return c;
}

/* A call with one header, from begin to end. reason NULL: it goes on. */
void
expect_header(const char *name, const char *value, const char *reason)
{
    struct rigcall *c = call_with(name, value);
    enum filter_verdict v = rig_request(c);

    if (!reason) {
        if (v != FILTER_NEXT)
            fail_msg("%s: %s", value, c->fc.refusal.reason);
    } else {
        if (v != FILTER_DONE)
            fail_msg("%s: passed, not %s", value, reason);
        assert_string_equal(c->fc.refusal.reason, reason);
        assert_int_equal(c->fc.refusal.code, strcmp(reason, "JWT_WRONG_AUDIENCE") == 0
                                                 ? GRPC_PERMISSION_DENIED
                                                 : GRPC_UNAUTHENTICATED);
    }
    rig_end(c, v == FILTER_NEXT ? GRPC_OK : c->fc.refusal.code);
}

void
expect(const char *value, const char *reason)
{
    expect_header("authorization", value, reason);
}

int64_t
counted(enum jwt_result r)
{
    return rig_counted((enum stat_id)(STAT_JWT_0 + r));
}

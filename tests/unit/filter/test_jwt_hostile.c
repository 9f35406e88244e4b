/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile tokens (reliability.md J1 to J7; RFC 8725): several hundred, each sent twice through the whole filter, and none may pass; in between a good one must. The
 * attacker knows all that is public: the issuer's keys as JWK, PEM and DER, its names, and many tokens; has keys of his own; and for the last part the issuer itself
 * signs nonsense. */
#include "hostile.h"

#include <string.h>
#include <time.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "filter/kinds.h"
#include "filterrig.h"

enum { TOKENS_MAX = 2000, KEYS = 6 };

static struct {
    char *token;
    const char *reason; /* NULL: whichever */
    const char *what;
} rows[TOKENS_MAX];
static size_t n_rows;

struct jwtkey *rsa, *es256, *es384, *es512, *ed, *hs;
struct jwtkey *mine[5];
char now[32];
char *payload;

void
hostile_add(const char *what, const char *reason, char *token)
{
    assert_true(n_rows < TOKENS_MAX);
    for (size_t i = 0; i < n_rows; i++)
        if (strcmp(rows[i].token, token) == 0) { /* counted once */
            xfree(token);
            return;
        }
    rows[n_rows].token = token;
    rows[n_rows].reason = reason;
    rows[n_rows++].what = what;
}

const char *
printed(const char *fmt, ...)
{
    static char text[8][8192];
    static unsigned turn;
    char *to = text[turn++ % 8];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(to, sizeof(text[0]), fmt, ap);
    va_end(ap);
    return to;
}

char *
signed_with(const struct jwtkey *k, enum sig_alg alg, const char *header)
{
    return jwt_make_with(k, alg, header, payload);
}

static int
begin(void **state)
{
    (void)state;
    rsa = jwtkey_new(SIG_RS256, "r", 0);
    es256 = jwtkey_new(SIG_ES256, "e", 0);
    es384 = jwtkey_new(SIG_ES384, "e3", 0);
    es512 = jwtkey_new(SIG_ES512, "e5", 0);
    ed = jwtkey_new(SIG_EDDSA, "d", 0);
    hs = jwtkey_new(SIG_HS256, "h", 0);
    mine[0] = jwtkey_new(SIG_RS256, "r", 0);
    mine[1] = jwtkey_new(SIG_ES256, "e", 0);
    mine[2] = jwtkey_new(SIG_ES384, "e3", 0);
    mine[3] = jwtkey_new(SIG_ES512, "e5", 0);
    mine[4] = jwtkey_new(SIG_EDDSA, "d", 0);
    snprintf(now, sizeof(now), "\"exp\":%lld", (long long)time(NULL) + 1000);
    payload =
        xstrdup(printed("{\"iss\":\"me\",\"aud\":\"orders\",%s,\"sub\":\"joe\"}", now));
    return 0;
}

static int
end(void **state)
{
    struct jwtkey *keys[] = { rsa, es256, es384, es512, ed, hs };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        jwtkey_free(keys[i]);
    for (size_t i = 0; i < ARRAY_LEN(mine); i++)
        jwtkey_free(mine[i]);
    for (size_t i = 0; i < n_rows; i++)
        xfree(rows[i].token);
    xfree(payload);
    return 0;
}

static void
open_filter(void)
{
    struct jwtkey *keys[KEYS] = { rsa, es256, es384, es512, ed, hs };
    char *set = jwtkeys_set(keys, KEYS);
    struct strbuf json;

    strbuf_init(&json, 65536);
    strbuf_puts(&json, "{ \"issuer\": \"me\", \"audiences\": \"orders\", \"jwks\": \"");
    for (const char *c = set; *c; c++)
        strbuf_printf(&json, "%s%c", *c == '"' ? "\\" : "", *c);
    strbuf_puts(&json, "\" }");
    rig_only(&filter_jwt, json.s);
    strbuf_done(&json);
    xfree(set);
}

/* NULL: it passed. */
static const char *
send_token(const char *token)
{
    struct rigcall *c = rig_call("shop.Stock/Get");
    const char *reason = NULL;
    struct strbuf value;

    strbuf_init(&value, 65536);
    strbuf_printf(&value, "Bearer %s", token);
    rig_header(c, "authorization", value.s);
    if (rig_request(c) != FILTER_NEXT) {
        reason = c->fc.refusal.reason;
        /* Nothing of the token is told. */
        assert_null(strstr(c->fc.text, token));
        assert_null(c->fc.claims);
    }
    rig_end(c, GRPC_OK);
    strbuf_done(&value);
    return reason;
}

static void
good_tokens_of_each_key_pass(void **state)
{
    struct jwtkey *keys[] = { rsa, es256, es384, es512, ed };

    (void)state;
    open_filter();
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        for (int alg = SIG_RS256; alg < SIG_ALGS; alg++) {
            char *token;

            if (keys[i]->alg != (enum sig_alg)alg &&
                !(i == 0 && (SIG_BIT(alg) & SIG_SET_RSA)))
                continue;
            for (unsigned kid = 0; kid < 2; kid++) {
                token =
                    signed_with(keys[i], (enum sig_alg)alg,
                                kid ? printed("{\"alg\":\"%s\",\"kid\":\"%s\"}",
                                              sig_alg_names[alg], keys[i]->kid)
                                    : printed("{\"alg\":\"%s\"}", sig_alg_names[alg]));
                assert_null(send_token(token));
                assert_null(send_token(token)); /* from the cache */
                xfree(token);
            }
        }
}

static void
hostile_tokens_never_pass(void **state)
{
    char *good = jwt_make(es256, payload);
    size_t passed = 0, wrong = 0;

    (void)state;
    hostile_none();
    hostile_secrets();
    hostile_headers();
    hostile_other_keys();
    hostile_mangled(es256, "{\"alg\":\"ES256\",\"kid\":\"e\"}");
    hostile_mangled(es384, "{\"alg\":\"ES384\"}");
    hostile_mangled(es512, "{\"alg\":\"ES512\"}");
    hostile_mangled(rsa, "{\"alg\":\"RS256\",\"kid\":\"r\"}");
    hostile_mangled(ed, "{\"alg\":\"EdDSA\",\"kid\":\"d\"}");
    hostile_encodings();
    hostile_mixed();
    hostile_payloads();
    hostile_claims();
    hostile_bytes();
    open_filter();
    for (size_t i = 0; i < n_rows; i++) {
        for (unsigned again = 0; again < 2; again++) {
            const char *reason = send_token(rows[i].token);

            passed += reason == NULL;
            if (!reason || (rows[i].reason && strcmp(reason, rows[i].reason) != 0)) {
                print_message("%s: %s, not %s\n    %s\n", rows[i].what,
                              reason ? reason : "passed", rows[i].reason, rows[i].token);
                wrong++;
            }
        }
        assert_null(send_token(good));
    }
    print_message("%zu hostile tokens, %zu passed, %zu with another reason\n", n_rows,
                  passed, wrong);
    assert_true(n_rows >= 300);
    assert_int_equal(passed, 0);
    assert_int_equal(wrong, 0);
    xfree(good);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(good_tokens_of_each_key_pass),
        FILTER_TEST(hostile_tokens_never_pass),
    };

    return cmocka_run_group_tests(tests, begin, end);
}

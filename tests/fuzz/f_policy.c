/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: any bytes as the file of an authorization policy. What is taken decides a few calls, and must decide them as the plain reading of gRFC A43 below. */
#include <string.h>

#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "filter/pattern.h"
#include "filter/rbac_rules.h"
#include "fuzz.h"
#include "h2/headers.h"
#include "net/tls.h"
#include "net/tls_conf.h"

static const struct tls_san sans[] = { { TLS_SAN_DNS, 5, "a.b.c" },
                                       { TLS_SAN_URI, 12, "spiffe://a/b" },
                                       { TLS_SAN_EMAIL, 3, "a@b" } };
static const struct tls_peer web = {
    .has_cert = true, .verified = true, .subject = "CN=a", .sans = sans, .n_sans = 3
};
static const struct tls_peer nobody = { .subject = "" };

#define FIELD(n, v)         \
    {                       \
        .f = H2_FIELD(n, v) \
    }
static struct h2_entry fields[] = { FIELD("x-a", "1"), FIELD("x-b", ""),
                                    FIELD("x-c", "abc") };
static const struct h2_headers headers = { .v = fields, .n = 3 };

/* --- the plain reading -------------------------------------------------------------- */

static int
text_fits(const char *pattern, const char *s)
{
    size_t n = strlen(pattern), len = strlen(s);

    if (strcmp(pattern, "*") == 0)
        return len > 0;
    if (n && pattern[n - 1] == '*')
        return len >= n - 1 && memcmp(s, pattern, n - 1) == 0;
    if (n && pattern[0] == '*')
        return len >= n - 1 && strcmp(s + len - (n - 1), pattern + 1) == 0;
    return strcmp(pattern, s) == 0;
}

static int
one_fits(const struct conf_list *list, const char *s)
{
    const struct pattern_conf *p = list->items;

    for (size_t i = 0; i < list->n; i++) {
        if (text_fits(p[i].text, s))
            return 1;
    }
    return 0;
}

static int
who_fits(const struct conf_list *list, const struct tls_peer *peer)
{
    if (list->n == 0)
        return 1;
    if (!peer)
        return 0;
    if (!peer->has_cert)
        return one_fits(list, "");
    return one_fits(list, "a.b.c") || one_fits(list, "spiffe://a/b") ||
           one_fits(list, "CN=a");
}

static int
headers_fit(const struct conf_list *list)
{
    const struct policy_header_conf *c = list->items;

    for (size_t i = 0; i < list->n; i++) {
        const char *value = strcmp(c[i].key, "x-a") == 0   ? "1"
                            : strcmp(c[i].key, "x-b") == 0 ? ""
                            : strcmp(c[i].key, "x-c") == 0 ? "abc"
                                                           : NULL;

        if (!value || !one_fits(&c[i].values, value))
            return 0;
    }
    return 1;
}

static int
some_rule_fits(const struct conf_list *rules, const char *path,
               const struct tls_peer *peer)
{
    const struct policy_rule_conf *r = rules->items;

    for (size_t i = 0; i < rules->n; i++) {
        const struct conf_list *paths = &r[i].request.paths;

        if (who_fits(&r[i].source.principals, peer) &&
            (paths->n == 0 || one_fits(paths, path)) &&
            headers_fit(&r[i].request.headers))
            return 1;
    }
    return 0;
}

/* --- the target --------------------------------------------------------------------- */

static void
check_call(const struct rbac_rules *rules, const struct policy_conf *p, const char *path,
           const struct tls_peer *peer)
{
    const struct rbac_facts facts = { .path = slice_of(path),
                                      .headers = &headers,
                                      .peer = peer };
    struct rbac_decision d;
    int allowed = !some_rule_fits(&p->deny_rules, path, peer) &&
                  some_rule_fits(&p->allow_rules, path, peer);

    rbac_decide(rules, &facts, &d);
    FUZZ_CHECK(d.allowed == allowed);
    FUZZ_CHECK(!d.allowed || d.rule);
    FUZZ_CHECK(!d.twice && d.n_logged == 0);
}

static void
check_all(const struct rbac_rules *rules, const struct policy_conf *p)
{
    static const char *const paths[] = { "/a.B/C", "/shop.Cart/Get" };
    static const struct tls_peer *const peers[] = { NULL, &nobody, &web };

    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < 3; k++)
            check_call(rules, p, paths[i], peers[k]);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const struct rbac_conf conf; /* multi: refuse */
    struct strbuf why, said;
    struct conf_snapshot *s;
    char *text = malloc(n + 1);
    struct rbac_rules *rules;

    if (!text)
        return 0;
    memcpy(text, bytes, n);
    text[n] = '\0';
    strbuf_init(&why, 4096);
    strbuf_init(&said, 1 << 20);
    rules = rbac_file.read("policy", text, n, &conf, &why);
    FUZZ_CHECK((rules == NULL) == (why.len > 0));
    FUZZ_CHECK(!why.s || !strchr(why.s, '\n'));
    if (rules) {
        FUZZ_CHECK(conf_load_text(&policy_conf_struct, "policy", text, n, &said, &s) ==
                   0);
        check_all(rules, conf_root(s));
        FUZZ_CHECK(rbac_file.count(rules) > 0);
        conf_drop(s);
        rbac_file.free(rules);
    }
    strbuf_done(&why);
    strbuf_done(&said);
    free(text);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Names in certificates, byte by byte, and what a ClientHello says of names and protocols. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "net/tls_conf.h"
#include "net/tls_hello.h"
#include "net/tls_san.h"
#include "tlscert.h"

#define BYTES(text) text, sizeof(text) - 1

struct odd {
    int type;
    const char *bytes;
    size_t n;
    const char *rule; /* a rule of any kind with this exact text must not match */
    bool bad;         /* the whole certificate is refused */
};

static const struct odd odds[] = {
    { GEN_DNS, BYTES("a.example\0.evil.test"), "a.example", true },
    { GEN_DNS, BYTES("a.example\0"), "a.example", true },
    { GEN_DNS, BYTES("\0a.example"), "a.example", true },
    { GEN_DNS, BYTES("\0"), "", true },
    { GEN_DNS, BYTES(""), "", true },
    { GEN_DNS, BYTES("a.example "), "a.example", true },
    { GEN_DNS, BYTES(" a.example"), "a.example", true },
    { GEN_DNS, BYTES("a.example\n"), "a.example", true },
    { GEN_DNS, BYTES("a.\texample"), "a.example", true },
    { GEN_DNS, BYTES("a.ex\xc3\xa4mple"), "a.example", true },
    { GEN_DNS, BYTES("a.example\x7f"), "a.example", true },
    { GEN_DNS, BYTES("a.example."), "a.example", false },
    { GEN_DNS, BYTES("*.example"), "a.example", false },
    { GEN_DNS, BYTES("*"), "a.example", false },
    { GEN_DNS, BYTES("a.*"), "a.example", false },
    { GEN_DNS, BYTES("a*.example"), "a.example", false },
    { GEN_DNS, BYTES("xa.example"), "a.example", false },
    { GEN_DNS, BYTES("a.example.evil.test"), "a.example", false },
    { GEN_DNS, BYTES("a.exampl"), "a.example", false },
    { GEN_DNS, BYTES("10.0.0.10"), "10.0.0.1", false },
    { GEN_URI, BYTES("spiffe://td/web\0/x"), "spiffe://td/web", true },
    { GEN_URI, BYTES("spiffe://td/web/"), "spiffe://td/web", true },
    { GEN_URI, BYTES("spiffe://td//web"), "spiffe://td/web", true },
    { GEN_URI, BYTES("spiffe://td/./web"), "spiffe://td/web", true },
    { GEN_URI, BYTES("spiffe://td/a/../web"), "spiffe://td/web", true },
    { GEN_URI, BYTES("spiffe://TD/web"), "spiffe://td/web", true },
    { GEN_URI, BYTES("Spiffe://td/web"), "spiffe://td/web", true },
    { GEN_URI, BYTES("spiffe://td:80/web"), "spiffe://td/web", true },
    { GEN_URI, BYTES("spiffe://me@td/web"), "spiffe://td/web", true },
    { GEN_URI, BYTES("spiffe://td/web?x"), "spiffe://td/web", true },
    { GEN_URI, BYTES("spiffe://td/web#x"), "spiffe://td/web", true },
    { GEN_URI, BYTES("spiffe://td/%77eb"), "spiffe://td/web", true },
    { GEN_URI, BYTES("spiffe://"), "spiffe://td/web", true },
    { GEN_URI, BYTES("spiffe:///web"), "spiffe://td/web", true },
    { GEN_URI, BYTES("https://td/web"), "spiffe://td/web", false },
    { GEN_URI, BYTES("HTTPS://td/web"), "https://td/web", false },
    { GEN_DNS, BYTES("spiffe://td/web"), "spiffe://td/", true },
    { GEN_EMAIL, BYTES("SPIFFE://td/web"), "spiffe://td/", true },
    { GEN_EMAIL, BYTES("me@a.example\0@evil.test"), "me@a.example", true },
    { GEN_EMAIL, BYTES("ME@a.example"), "me@a.example", false },
    { GEN_IPADD, BYTES("\12\0\0"), "10.0.0", true },
    { GEN_IPADD, BYTES("\12\0\0\1\xff\xff\xff\0"), "10.0.0.1", true },
    { GEN_IPADD, BYTES("10.0.0.1"), "10.0.0.1", true },
    { GEN_IPADD, BYTES("\12\0\0\2"), "10.0.0.1", false },
    { GEN_IPADD, BYTES("\0\0\0\0\0\0\0\0\0\0\xff\xff\12\0\0\1"), "10.0.0.1", false },
};

static void
odd_names_are_never_taken_for_others(void **state)
{
    struct tlsid ca;

    (void)state;
    tlsid_make(&ca, NULL, NULL, -1, 1);
    for (size_t i = 0; i < ARRAY_LEN(odds); i++) {
        struct tlsname raw = { odds[i].type, odds[i].bytes, odds[i].n };
        struct tlscert c = {
            .raw = &raw, .n_raw = 1, .by = &ca, .from_day = -1, .to_day = 1
        };
        struct tls_san_conf rule = { .exact = odds[i].rule };
        struct tlsid id;
        GENERAL_NAMES *all;

        tlsid_make_as(&id, &c);
        all = X509_get_ext_d2i(id.cert, NID_subject_alt_name, NULL, NULL);
        assert_non_null(all);
        if ((san_fault(all) != NULL) != odds[i].bad)
            fail_msg("%zu: fault %s", i, san_fault(all));
        if (san_any_matches(all, &rule, 1))
            fail_msg("%zu matches %s", i, odds[i].rule);
        GENERAL_NAMES_free(all);
        tlsid_done(&id);
    }
    tlsid_done(&ca);
}

static void
rules_fit_the_names_they_mean(void **state)
{
    static const struct {
        uint32_t kind;
        const char *name;
        struct tls_san_conf rule;
        bool fits;
    } rows[] = {
        { TLS_SAN_DNS, "A.Example", { .exact = "a.example" }, true },
        { TLS_SAN_DNS, "*.example", { .exact = "*.example" }, true },
        { TLS_SAN_DNS, "a.example", { .prefix = "A." }, true },
        { TLS_SAN_DNS, "a.example", { .suffix = ".EXAMPLE" }, true },
        { TLS_SAN_DNS, "a.example", { .suffix = "a.example" }, true },
        { TLS_SAN_DNS, "a.example", { .suffix = "aa.example" }, false },
        { TLS_SAN_DNS, "a.example", { .prefix = "a.example.b" }, false },
        { TLS_SAN_DNS, "a.example", { .exact = "" }, false },
        { TLS_SAN_DNS, "a.example", { 0 }, false },
        { TLS_SAN_DNS,
          "a.example",
          { .exact = "a.example", .kind = TLS_SAN_URI },
          false },
        { TLS_SAN_DNS, "a.example", { .exact = "a.example", .kind = TLS_SAN_DNS }, true },
        { TLS_SAN_URI, "spiffe://td/Web", { .exact = "spiffe://td/web" }, false },
        { TLS_SAN_URI, "spiffe://td/web", { .prefix = "spiffe://td/" }, true },
        { TLS_SAN_EMAIL, "me@a.example", { .suffix = "@a.example" }, true },
        { TLS_SAN_EMAIL, "me@a.example", { .suffix = "@A.example" }, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct san_view v;

        assert_int_equal(san_from_bytes(rows[i].kind, (const uint8_t *)rows[i].name,
                                        strlen(rows[i].name), &v),
                         SAN_GOOD);
        if (san_matches(&v, &rows[i].rule) != rows[i].fits)
            fail_msg("row %zu", i);
    }
}

static void
spiffe_ids_are_read_by_their_rules(void **state)
{
    static const char *const good[] = { "spiffe://td", "spiffe://td/a",
                                        "spiffe://a-b.c_d.9/ns/Shop/sa/x.y_z-0",
                                        "spiffe://td/..." };
    static const char *const bad[] = { "",
                                       "spiffe",
                                       "spiffe://",
                                       "spiffe://td/",
                                       "spiffe://td/a/",
                                       "spiffe://td/.",
                                       "spiffe://td/a/..",
                                       "spiffe://t d/a",
                                       "spiffe://td\\a",
                                       "spifFe://td/a" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(san_is_spiffe_id(good[i], strlen(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (san_is_spiffe_id(bad[i], strlen(bad[i])))
            fail_msg("%s", bad[i]);
}

static void
wildcards_of_ours_stand_for_one_label(void **state)
{
    static const char *const good[] = { "*.a.b", "*.shop.example" };
    static const char *const bad[] = { "*",     "*.",     "*.a",  "*.*.a",
                                       "a.*.b", "*a.b.c", "*..b", "a.b.c" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(san_wildcard_is_good(good[i], strlen(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (san_wildcard_is_good(bad[i], strlen(bad[i])))
            fail_msg("%s", bad[i]);
}

static void
the_name_in_a_hello_is_read_exactly(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *name; /* NULL: none */
    } rows[] = {
        { BYTES("\0\4\0\0\1a"), "a" },
        { BYTES("\0\14\0\0\11a.Example"), "a.example" },
        { BYTES("\0\5\0\0\2a."), "a" },
        { BYTES("\0\4\0\0\1."), NULL },
        { BYTES("\0\4\1\0\1a"), NULL },    /* another kind of name */
        { BYTES("\0\5\0\0\1a"), NULL },    /* list longer than the bytes */
        { BYTES("\0\3\0\0\1a"), NULL },    /* and shorter */
        { BYTES("\0\4\0\0\2a"), NULL },    /* name longer than the list */
        { BYTES("\0\5\0\0\1ab"), NULL },   /* something behind it */
        { BYTES("\0\3\0\0\0"), NULL },     /* empty */
        { BYTES("\0\6\0\0\3a\0b"), NULL }, /* a NUL */
        { BYTES("\0\6\0\0\3a b"), NULL },
        { BYTES("\0\6\0\0\3a\xff"
                "b"),
          NULL },
        { BYTES("\0\6\0\0\3*.a"), NULL },
        { BYTES("\0"), NULL },
        { BYTES(""), NULL },
    };
    uint8_t most[TLS_NAME_MAX + 6];
    char name[TLS_NAME_MAX + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool read = hello_sni((const uint8_t *)rows[i].bytes, rows[i].n, name);

        if (read != (rows[i].name != NULL) || (read && strcmp(name, rows[i].name) != 0))
            fail_msg("row %zu", i);
    }
    for (size_t n = TLS_NAME_MAX; n <= TLS_NAME_MAX + 1; n++) {
        memset(most, 'a', sizeof(most));
        memcpy(most, "\1\0\0\0", 4);
        most[1] = (uint8_t)(n + 3);
        most[0] = (uint8_t)((n + 3) >> 8);
        most[3] = (uint8_t)(n >> 8);
        most[4] = (uint8_t)n;
        assert_int_equal(hello_sni(most, n + 5, name), n == TLS_NAME_MAX);
    }
}

static void
the_protocols_in_a_hello_are_read_exactly(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        enum hello_alpn is;
        const char *others;
    } rows[] = {
        { BYTES("\0\3\2h2"), HELLO_ALPN_H2, "h2" },
        { BYTES("\0\14\10http/1.1\2h2"), HELLO_ALPN_H2, "http/1.1, h2" },
        { BYTES("\0\11\10http/1.1"), HELLO_ALPN_OTHERS, "http/1.1" },
        { BYTES("\0\3\2h\n"), HELLO_ALPN_OTHERS, "h?" },
        { BYTES("\0\4\3h2c"), HELLO_ALPN_OTHERS, "h2c" },
        { BYTES("\0\3\3h2"), HELLO_ALPN_BAD, "" },
        { BYTES("\0\4\2h2\0"), HELLO_ALPN_BAD, "h2" },
        { BYTES("\0\4\2h2\5"), HELLO_ALPN_BAD, "h2" },
        { BYTES("\0\2\2h2"), HELLO_ALPN_BAD, "" },
        { BYTES("\0\0"), HELLO_ALPN_BAD, "" },
        { BYTES(""), HELLO_ALPN_BAD, "" },
    };
    uint8_t most[4 + 256] = { 1, 0, 254 };
    char others[80];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (hello_alpn((const uint8_t *)rows[i].bytes, rows[i].n, others) != rows[i].is)
            fail_msg("row %zu", i);
        assert_string_equal(others, rows[i].others);
    }
    most[0] = 0, most[1] = 255; /* one name that does not fit into the sentence */
    assert_int_equal(hello_alpn(most, 257, others), HELLO_ALPN_OTHERS);
    assert_string_equal(others, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_names_are_never_taken_for_others),
        cmocka_unit_test(rules_fit_the_names_they_mean),
        cmocka_unit_test(spiffe_ids_are_read_by_their_rules),
        cmocka_unit_test(wildcards_of_ours_stand_for_one_label),
        cmocka_unit_test(the_name_in_a_hello_is_read_exactly),
        cmocka_unit_test(the_protocols_in_a_hello_are_read_exactly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

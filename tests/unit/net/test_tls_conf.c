/* SPDX-License-Identifier: Apache-2.0 */
/* The "tls" of a config: what is an error, what a warning, and where it is shown. */
#include "unit.h"

#include <string.h>
#include <sys/stat.h>

#include <openssl/pem.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "conf/explain.h"
#include "conf/snapshot.h"
#include "tlsrig.h"

struct both {
    struct tls_server_conf in;
    struct tls_client_conf out;
};

static const struct conf_field both_fields[] = {
    { .key = "in",
      .type = CONF_OBJECT,
      .at = offsetof(struct both, in),
      .sub = &tls_server_conf_struct,
      .help = "As in a listener." },
    { .key = "out",
      .type = CONF_OBJECT,
      .at = offsetof(struct both, out),
      .sub = &tls_client_conf_struct,
      .help = "As in a pool." },
    { .key = NULL },
};

static const struct conf_struct both_struct = {
    .name = "both",
    .size = sizeof(struct both),
    .fields = both_fields,
};

static char loaded[4096]; /* the text of the last load */

/* "$" in the text stands for the directory of the files. */
static struct conf_snapshot *
load(const char *text, struct strbuf *problems)
{
    struct conf_snapshot *s = NULL;
    struct strbuf full;
    int rv;

    strbuf_init(&full, 65536);
    for (const char *p = text; *p; p++) {
        if (*p == '$')
            strbuf_printf(&full, "%s", tlsrig_path(""));
        else
            strbuf_add(&full, p, 1);
    }
    strbuf_init(problems, 65536);
    strbuf_puts(problems, "");
    rv = conf_load_text(&both_struct, "f", full.s, full.len, problems, &s);
    assert_int_equal(rv == 0, s != NULL);
    snprintf(loaded, sizeof(loaded), "%s", full.s);
    strbuf_done(&full);
    return s;
}

static const struct row {
    const char *text, *code, *at, *says; /* code NULL: nothing to say */
} rows[] = {
    { "{}", NULL, NULL, NULL },
    { "{ \"out\": {} }", NULL, NULL, NULL },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$good.key\" } }", NULL, NULL,
      NULL },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$good.key\", \"clientCa\": "
      "\"$ca.crt\", \"allowSan\": [\"a\", { \"prefix\": \"spiffe://td/\", \"type\": "
      "\"uri\" }, { \"exact\": \"::1\", \"type\": \"ip\" }], \"crl\": \"$good.crl\", "
      "\"minVersion\": \"1.3\", \"sessionTickets\": false } }",
      NULL, NULL, NULL },
    { "{ \"in\": { \"certificates\": [{ \"cert\": \"$good.crt\", \"key\": \"$good.key\" "
      "}] } }",
      NULL, NULL, NULL },
    { "{ \"out\": { \"ca\": \"$ca.crt\", \"cert\": \"$good.crt\", \"key\": "
      "\"$good.key\", \"serverName\": \"a.example\", \"matchSan\": [\"a\"], \"pins\": "
      "[\"X3pGTSOuJeEVw989IJ/cEtXUEmy52zs1TZQrU06KUKg=\"] } }",
      NULL, NULL, NULL },
    /* files */
    { "{ \"in\": { \"cert\": \"$none.crt\", \"key\": \"$good.key\" } }", "E0250",
      "in.cert", "none.crt cannot be read: No such file" },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$none.key\" } }", "E0250",
      "in.key", "none.key cannot be read: No such file" },
    { "{ \"in\": { \"cert\": \"$\", \"key\": \"$good.key\" } }", "E0250", "in.cert",
      "is not a regular file" },
    { "{ \"in\": { \"cert\": \"/dev/zero\", \"key\": \"$good.key\" } }", "E0250",
      "in.cert", "is not a regular file" },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$pipe\" } }", "E0250", "in.key",
      "is not a regular file" },
    { "{ \"in\": { \"cert\": \"$text\", \"key\": \"$good.key\" } }", "E0251", "in.cert",
      "has no certificate in PEM form" },
    { "{ \"in\": { \"cert\": \"$empty\", \"key\": \"$good.key\" } }", "E0251", "in.cert",
      "has no certificate in PEM form" },
    { "{ \"in\": { \"cert\": \"$cut.crt\", \"key\": \"$good.key\" } }", "E0251",
      "in.cert", "certificate 1 in" },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$good.crt\" } }", "E0251",
      "in.key", "has no private key in PEM form" },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$locked.key\" } }", "E0251",
      "in.key", "is locked with a password" },
    { "{ \"in\": { \"cert\": \"-----BEGIN CERTIFICATE-----\", \"key\": \"$good.key\" } }",
      "E0251", "in.cert", "are read from files only" },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$ca.key\" } }", "E0252", "in.key",
      "is not the key of the first certificate in" },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$good.key\", \"certificates\": "
      "[{ \"cert\": \"$ca.crt\", \"key\": \"$good.key\" }] } }",
      "E0252", "in.certificates[0].key", "is not the key of" },
    { "{ \"in\": { \"cert\": \"$weak.crt\", \"key\": \"$weak.key\" } }", "E0256",
      "in.cert", "cannot be used: ee key too small" },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$good.key\", \"clientCa\": "
      "\"$empty\" } }",
      "E0251", "in.clientCa", "has no certificate" },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$good.key\", \"clientCa\": "
      "\"$ca.crt\", \"crl\": \"$ca.crt\" } }",
      "E0251", "in.crl", "no list of revoked certificates" },
    { "{ \"out\": { \"ca\": \"$empty\" } }", "E0251", "out.ca", "has no certificate" },
    /* keys together */
    { "{ \"in\": {} }", "E0253", "in", "needs a certificate" },
    { "{ \"in\": { \"cert\": \"$good.crt\" } }", "E0253", "in.cert", "add \"key\"" },
    { "{ \"in\": { \"key\": \"$good.key\" } }", "E0253", "in.key", "add \"cert\"" },
    { "{ \"out\": { \"cert\": \"$good.crt\" } }", "E0253", "out.cert", "add \"key\"" },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$good.key\", \"clientCert\": "
      "\"require\" } }",
      "E0253", "in.clientCert", "add \"clientCa\"" },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$good.key\", \"clientCa\": "
      "\"$ca.crt\", \"clientCert\": \"off\" } }",
      "E0253", "in.clientCert", "but clientCert is \"off\"" },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$good.key\", \"allowSan\": "
      "[\"a\"] } }",
      "E0253", "in.allowSan", "add \"clientCa\"" },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$good.key\", \"crl\": "
      "\"$good.crl\" } }",
      "E0253", "in.crl", "add \"clientCa\"" },
    { "{ \"out\": { \"insecureSkipVerify\": true, \"ca\": \"$ca.crt\" } }", "E0253",
      "out.ca", "is not looked at with insecureSkipVerify" },
    /* values */
    { "{ \"out\": { \"pins\": [\"abc\"] } }", "E0254", "out.pins[0]", "a pin is the" },
    { "{ \"out\": { \"pins\": [\"X3pGTSOuJeEVw989IJ/cEtXUEmy52zs1TZQrU06KUK!=\"] } }",
      "E0254", "out.pins[0]", "a pin is the" },
    { "{ \"out\": { \"pins\": [\"X3pGTSOuJeEVw989IJ/cEtXUEmy52zs1TZQrU06KUA==\"] } }",
      "E0254", "out.pins[0]", "a pin is the" },
    { "{ \"out\": { \"matchSan\": [{ \"exact\": \"a\", \"prefix\": \"b\" }] } }", "E0255",
      "out.matchSan[0]", "not several" },
    { "{ \"out\": { \"matchSan\": [{ \"type\": \"uri\" }] } }", "E0255",
      "out.matchSan[0]", "write the name" },
    { "{ \"out\": { \"matchSan\": [\"\"] } }", "E0255", "out.matchSan[0]",
      "fits nothing" },
    { "{ \"out\": { \"matchSan\": [{ \"prefix\": \"10.\", \"type\": \"ip\" }] } }",
      "E0255", "out.matchSan[0]", "knows exact only" },
    { "{ \"out\": { \"matchSan\": [{ \"exact\": \"a.b\", \"type\": \"ip\" }] } }",
      "E0255", "out.matchSan[0].exact", "is not an IP address" },
    { "{ \"out\": { \"matchSan\": [] } }", "E0116", "out.matchSan", "" },
    { "{ \"out\": { \"serverName\": \"a:443\" } }", "E0115", "out.serverName",
      "without a port" },
    { "{ \"out\": { \"serverName\": \"*.a\" } }", "E0115", "out.serverName",
      "without a port" },
    /* warnings */
    { "{ \"in\": { \"cert\": \"$old.crt\", \"key\": \"$old.key\" } }", "W0310", "in.cert",
      "expired 3 days ago, at 20" },
    { "{ \"in\": { \"cert\": \"$new.crt\", \"key\": \"$new.key\" } }", "W0311", "in.cert",
      "is not valid before 20" },
    { "{ \"in\": { \"cert\": \"$soon.crt\", \"key\": \"$soon.key\" } }", "W0312",
      "in.cert", "expires in 1" },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$public.key\" } }", "W0313",
      "in.key", "every user of this host can read" },
    { "{ \"out\": { \"insecureSkipVerify\": true } }", "W0314", "out.insecureSkipVerify",
      "anybody on the way" },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$good.key\", \"clientCa\": "
      "\"$ca.crt\", \"crl\": \"$old.crl\" } }",
      "W0315", "in.crl", "older than its CA allows" },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$good.key\", \"clientCa\": "
      "\"$ca.crt\", \"clientCert\": \"optional\", \"allowSan\": [\"a\"] } }",
      "W0316", "in.allowSan", "all who show none come in" },
    { "{ \"in\": { \"cert\": \"$good.crt\", \"key\": \"$good.key\", \"clientCa\": "
      "\"$ca.crt\", \"clientCert\": \"optional\" } }",
      NULL, NULL, NULL },
};

/* The caret stands at this key or right behind it, where its value begins. */
static bool
stands_at(const char *problems, const char *at)
{
    const char *dot = strrchr(at, '.');
    char key[64];
    unsigned long column = 0;
    const char *spot, *found;

    at = dot ? dot + 1 : at;
    snprintf(key, sizeof(key), "\"%.*s\"", (int)strcspn(at, "["), at);
    if (sscanf(problems, "f:1:%lu", &column) != 1)
        return false;
    spot = loaded + column - 1;
    for (found = strstr(loaded, key); found && found <= spot;
         found = strstr(found + 1, key))
        if (found == spot ||
            strspn(found + strlen(key), " :[{") >= (size_t)(spot - found) - strlen(key))
            return true;
    return false;
}

static bool
code_is_explained(const char *code)
{
    size_t i = 0;

    while (explain_code_at(i) && strcmp(explain_code_at(i)->code, code) != 0)
        i++;
    return explain_code_at(i) != NULL;
}

static void
each_fault_is_shown_where_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct strbuf problems;
        struct conf_snapshot *s = load(row->text, &problems);
        bool good = !row->code || row->code[0] == 'W';

        if ((s != NULL) != good || (!row->code && problems.len > 0))
            fail_msg("row %zu: %s", i, problems.s);
        if (row->code &&
            (!strstr(problems.s, row->code) || !strstr(problems.s, row->says) ||
             !strstr(problems.s, "\n1 ") || !stands_at(problems.s, row->at)))
            fail_msg("row %zu wants %s %s: %s", i, row->code, row->says, problems.s);
        if (row->code && !code_is_explained(row->code))
            fail_msg("%s is not explained", row->code);
        conf_drop(s);
        strbuf_done(&problems);
    }
}

static void
a_client_ca_means_that_clients_need_a_certificate(void **state)
{
    struct strbuf problems;
    struct conf_snapshot *s = load("{ \"in\": { \"cert\": \"$good.crt\", \"key\": "
                                   "\"$good.key\", \"clientCa\": \"$ca.crt\" } }",
                                   &problems);
    const struct both *b = conf_root(s);
    const char *files[4];

    (void)state;
    assert_true(b->in.on);
    assert_false(b->out.on);
    assert_int_equal(b->in.client_cert, TLS_CLIENT_CERT_REQUIRE);
    assert_true(b->in.session_tickets);
    assert_int_equal(tls_server_conf_files(&b->in, files, 2), 3);
    assert_string_equal(files[1], b->in.key);
    assert_int_equal(tls_client_conf_files(&b->out, files, 4), 0);
    conf_drop(s);
    strbuf_done(&problems);
}

/* What the config check takes a context takes too, and the other way round. */
static void
contexts_refuse_what_the_check_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct strbuf problems;
        struct conf_snapshot *s = load(rows[i].text, &problems);
        char why[TLS_WHY_MAX] = "";
        const struct both *b;

        strbuf_done(&problems);
        if (!s)
            continue;
        b = conf_root(s);
        if (b->in.on) {
            struct tls_ctx *ctx = tls_ctx_new_server(&b->in, NULL, "in", why);

            if (!ctx)
                fail_msg("row %zu: %s", i, why);
            tls_ctx_drop(ctx);
        }
        if (b->out.on) {
            struct tls_ctx *ctx = tls_ctx_new_client(&b->out, why);

            if (!ctx)
                fail_msg("row %zu: %s", i, why);
            tls_ctx_drop(ctx);
        }
        conf_drop(s);
    }
}

static void
contexts_name_the_file_at_fault(void **state)
{
    static const struct {
        const char *cert, *key, *ca, *says;
    } bad[] = {
        { "none.crt", "good.key", NULL, "none.crt cannot be read" },
        { "good.crt", "ca.key", NULL, "ca.key is not the key of" },
        { "good.crt", "text", NULL, "text has no private key" },
        { "weak.crt", "weak.key", NULL, "weak.crt cannot be used: ee key too small" },
        { "good.crt", "good.key", "empty", "empty has no certificate in PEM form" },
        { "good.crt", "good.key", "none.crt", "the CA file /tmp/" },
    };
    char why[TLS_WHY_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct tls_server_conf in = {
            .cert = tlsrig_path(bad[i].cert),
            .key = tlsrig_path(bad[i].key),
            .client_ca = bad[i].ca ? tlsrig_path(bad[i].ca) : NULL,
            .client_cert = bad[i].ca ? TLS_CLIENT_CERT_REQUIRE : TLS_CLIENT_CERT_OFF,
        };
        struct tls_client_conf out = { .ca = in.client_ca ? in.client_ca
                                                          : tlsrig_path("ca.crt"),
                                       .cert = in.cert,
                                       .key = in.key };

        assert_null(tls_ctx_new_server(&in, NULL, "in", why));
        if (!strstr(why, bad[i].says))
            fail_msg("row %zu: %s", i, why);
        assert_null(tls_ctx_new_client(&out, why));
        if (!strstr(why, bad[i].says))
            fail_msg("row %zu: %s", i, why);
    }
    assert_null(tls_ctx_new_server(&(struct tls_server_conf){ 0 }, NULL, "in", why));
    assert_string_equal(why, "a listener with TLS needs a certificate");
}

/* ---- group ---- */

static void
save_as(const char *name, const struct tlsid *by, int from, int to, int rsa_bits)
{
    struct tlscert c = { .san = "DNS:a.example",
                         .by = by,
                         .from_day = from,
                         .to_day = to,
                         .rsa_bits = rsa_bits };
    struct tlsid id;

    tlsid_make_as(&id, &c);
    tlsrig_save(&id, name);
    tlsid_done(&id);
}

static void
save_special_keys(const struct tlsid *good)
{
    FILE *f = fopen(tlsrig_path("locked.key"), "w");
    char line[256], text[512];

    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, good->key, EVP_aes_128_cbc(),
                                          (const unsigned char *)"secret", 6, NULL, NULL),
                     1);
    fclose(f);
    tlsid_save_key(good, tlsrig_path("public.key"));
    assert_int_equal(chmod(tlsrig_path("public.key"), 0644), 0);
    assert_int_equal(mkfifo(tlsrig_path("pipe"), 0600), 0);
    /* a certificate whose middle is missing */
    f = fopen(tlsrig_path("good.crt"), "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof(line), f));
    fclose(f);
    snprintf(text, sizeof(text), "%sMIIB\n-----END CERTIFICATE-----\n", line);
    tlsrig_write("cut.crt", text);
}

static int
make_all(void **state)
{
    struct tlsid ca, good;

    if (tlsrig_make_dir(state) != 0)
        return -1;
    tlsid_make(&ca, NULL, NULL, -1, 30);
    tlsid_make(&good, "DNS:a.example", &ca, -1, 30);
    tlsrig_save(&ca, "ca");
    tlsrig_save(&good, "good");
    save_as("old", &ca, -9, -3, 0);
    save_as("new", &ca, 2, 9, 0);
    save_as("soon", &ca, -1, 13, 0);
    save_as("weak", &ca, -1, 30, 1024);
    tlscrl_save(&ca, NULL, -1, 9, tlsrig_path("good.crl"));
    tlscrl_save(&ca, NULL, -9, -1, tlsrig_path("old.crl"));
    tlsrig_write("text", "hello\n");
    tlsrig_write("empty", "");
    save_special_keys(&good);
    tlsid_done(&ca);
    tlsid_done(&good);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_is_shown_where_it_is),
        cmocka_unit_test(a_client_ca_means_that_clients_need_a_certificate),
        cmocka_unit_test(contexts_refuse_what_the_check_refuses),
        cmocka_unit_test(contexts_name_the_file_at_fault),
    };

    return cmocka_run_group_tests(tests, make_all, tlsrig_drop_dir);
}

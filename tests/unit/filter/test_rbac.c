/* SPDX-License-Identifier: Apache-2.0 */
/* rbac: which calls rules of each kind fit, what decides, and what is told to whom. */
#include "filterrig.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "filter/claims.h"
#include "filter/kinds.h"
#include "filter/rbac_conf.h"
#include "net/tls.h"
#include "net/tls_conf.h"

/* --- calls -------------------------------------------------------------------------- */

static const struct tls_san sans[] = {
    { TLS_SAN_DNS, 16, "Web.shop.example" },
    { TLS_SAN_URI, 30, "spiffe://shop.example/ns/a/web" },
    { TLS_SAN_EMAIL, 16, "web@shop.example" },
    { TLS_SAN_IP, 8, "10.0.0.9" },
};
static const struct tls_peer with_cert = { .has_cert = true,
                                           .verified = true,
                                           .subject = "CN=web,O=shop",
                                           .sans = sans,
                                           .n_sans = ARRAY_LEN(sans) };
static const struct tls_peer unverified = {
    .has_cert = true, .subject = "CN=web,O=shop", .sans = sans, .n_sans = ARRAY_LEN(sans)
};
static const struct tls_peer without_cert = { .subject = "" };

#define TEXT(s)                                       \
    {                                                 \
        .p = (const uint8_t *)(s), .n = sizeof(s) - 1 \
    }

static const struct claim claim_list[] = {
    { TEXT("role"), TEXT("reader") },
    { TEXT("role"), TEXT("admin") },
    { TEXT("sub"), TEXT("ann") },
    { TEXT("note"), TEXT("") },
};
static const struct claims token = { ARRAY_LEN(claim_list), claim_list };

/* What a call is like; all but the path may be NULL. */
struct sample {
    const char *path, *header, *value, *second, *from, *client;
    const struct tls_peer *peer;
    const struct claims *claims;
};

static int
decide(const struct sample *s)
{
    struct rigcall *c = rig_call(s->path ? s->path : "shop.Cart/Get");
    const char *why;
    int code;

    if (s->header)
        rig_header(c, s->header, s->value);
    if (s->second)
        rig_header(c, s->header, s->second);
    if (s->from)
        assert_int_equal(addr_parse(s->from, false, &c->address, &why), 0);
    c->peer = s->peer;
    c->fc.claims = s->claims;
    if (s->client)
        c->fc.client = slice_of(s->client);
    code = rig_request(c) == FILTER_DONE ? c->fc.refusal.code : GRPC_OK;
    if (code == GRPC_PERMISSION_DENIED)
        assert_string_equal(c->fc.refusal.reason, "RBAC_DENIED");
    if (code == GRPC_INVALID_ARGUMENT)
        assert_string_equal(c->fc.refusal.reason, "HEADER_TWICE");
    if (code) /* neither rule nor policy nor an address */
        assert_null(strstr(c->fc.text, "rule"));
    rig_end(c, code);
    return code;
}

static bool
allowed(const struct sample *s)
{
    int code = decide(s);

    assert_true(code == GRPC_OK || code == GRPC_PERMISSION_DENIED);
    return code == GRPC_OK;
}

/* One rule that allows; all else is denied. */
static void
use_rule(const char *when)
{
    char json[2000];

    snprintf(json, sizeof(json),
             "{ \"audit\": \"none\", \"rules\": [{ \"name\": \"r\", \"action\": "
             "\"allow\"%s%s }] }",
             *when ? ", " : "", when);
    rig_only(&filter_rbac, json);
}

static void
want(const char *when, const struct sample *s, bool fits)
{
    use_rule(when);
    if (allowed(s) != fits)
        fail_msg("%s: %s", when, fits ? "does not fit" : "fits");
}

#define FITS(when, ...)  want(when, &(const struct sample){ __VA_ARGS__ }, true)
#define FAILS(when, ...) want(when, &(const struct sample){ __VA_ARGS__ }, false)

/* --- kinds -------------------------------------------------------------------------- */

static void
methods(void **state)
{
    (void)state;
    FITS("\"paths\": \"shop.Cart/Get\"", .path = "shop.Cart/Get");
    FITS("\"paths\": [\"a.B/C\", \"/shop.Cart/*\"]", .path = "shop.Cart/Get");
    FITS("\"paths\": \"*/Get\"", .path = "shop.Cart/Get");
    FAILS("\"paths\": \"shop.Cart/Get\"", .path = "shop.Cart/GetAll");
    FAILS("\"paths\": \"shop.Cart/*\"", .path = "shop.CartX/Get");
    FAILS("\"paths\": \"shop.cart/*\"", .path = "shop.Cart/Get");
    FITS("", .path = "shop.Cart/Get");
}

/* reliability.md B12: absent, empty and a value are three states. */
static void
headers_in_three_states(void **state)
{
    static const struct {
        const char *rule;
        bool absent, empty, value; /* fits */
    } rows[] = {
        { "\"headers\": { \"x\": \"v\" }", false, false, true },
        { "\"headers\": { \"x\": \"\" }", false, true, false },
        { "\"headers\": { \"x\": { \"prefix\": \"v\" } }", false, false, true },
        { "\"headers\": { \"x\": { \"suffix\": \"v\" } }", false, false, true },
        { "\"headers\": { \"x\": { \"oneOf\": [\"w\", \"v\"] } }", false, false, true },
        { "\"headers\": { \"x\": { \"oneOf\": [\"w\", \"\"] } }", false, true, false },
        { "\"headers\": { \"x\": { \"present\": true } }", false, true, true },
        { "\"headers\": { \"x\": { \"present\": false } }", true, false, false },
        { "\"headers\": { \"x\": \"*\" }", false, false, false }, /* a star is a star */
        { "\"not\": { \"headers\": { \"x\": \"v\" } }", true, true, false },
        { "\"not\": { \"headers\": { \"x\": \"\" } }", true, false, true },
        { "\"not\": { \"headers\": { \"x\": { \"present\": true } } }", true, false,
          false },
        { "\"not\": { \"headers\": { \"x\": { \"present\": false } } }", false, true,
          true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        want(rows[i].rule, &(const struct sample){ 0 }, rows[i].absent);
        want(rows[i].rule, &(const struct sample){ .header = "x", .value = "" },
             rows[i].empty);
        want(rows[i].rule, &(const struct sample){ .header = "x", .value = "v" },
             rows[i].value);
    }
    FAILS("\"headers\": { \"x\": \"v\" }", .header = "x", .value = "V");
    FAILS("\"headers\": { \"x-a\": \"v\" }", .header = "x_a", .value = "v");
    FAILS("\"headers\": { \"x\": \"v\", \"y\": \"v\" }", .header = "x", .value = "v");
}

static void
addresses(void **state)
{
    static const char net[] = "\"source\": [\"10.0.0.0/8\", \"fd00::/8\"]";

    (void)state;
    FITS(net, .from = "10.1.2.3:4");
    FITS(net, .from = "[::ffff:10.1.2.3]:4");
    FITS(net, .from = "[fd00::1]:4");
    FAILS(net, .from = "11.1.2.3:4");
    FAILS(net, .from = "[::1]:4");
    FAILS("\"source\": [\"0.0.0.0/0\", \"::/0\"]", .from = "unix:/tmp/x");
    FITS("\"not\": { \"source\": \"10.0.0.0/8\" }", .from = "11.1.2.3:4");
    FAILS("\"not\": { \"source\": \"10.0.0.0/8\" }", .from = "[::ffff:10.1.2.3]:4");
}

static void
names_of_certificates(void **state)
{
    static const struct {
        const char *rule;
        bool fits;
    } rows[] = {
        { "\"san\": \"spiffe://shop.example/ns/a/web\"", true },
        { "\"san\": { \"prefix\": \"spiffe://shop.example/\" }", true },
        { "\"san\": { \"prefix\": \"spiffe://shop.example/\", \"type\": \"dns\" }",
          false },
        { "\"san\": { \"suffix\": \".SHOP.example\", \"type\": \"dns\" }", true },
        { "\"san\": [\"x\", \"web@shop.example\"]", true },
        { "\"san\": { \"exact\": \"10.0.0.9\", \"type\": \"ip\" }", true },
        { "\"san\": \"spiffe://shop.example/ns/a\"", false },
        { "\"san\": \"CN=web,O=shop\"", false },
        { "\"certificate\": true", true },
        { "\"certificate\": false", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool no_cert = strcmp(rows[i].rule, "\"certificate\": false") == 0;

        want(rows[i].rule, &(const struct sample){ .peer = &with_cert }, rows[i].fits);
        want(rows[i].rule, &(const struct sample){ .peer = &unverified }, no_cert);
        want(rows[i].rule, &(const struct sample){ .peer = &without_cert }, no_cert);
        want(rows[i].rule, &(const struct sample){ 0 }, no_cert);
    }
}

static void
claims_of_tokens(void **state)
{
    static const struct {
        const char *rule;
        bool fits, without; /* with the token, without any */
    } rows[] = {
        { "\"claims\": { \"role\": \"admin\" }", true, false },
        { "\"claims\": { \"role\": \"reader\", \"sub\": \"ann\" }", true, false },
        { "\"claims\": { \"role\": \"owner\" }", false, false },
        { "\"claims\": { \"role\": \"admin\", \"sub\": \"bob\" }", false, false },
        { "\"claims\": { \"sub\": { \"prefix\": \"an\" } }", true, false },
        { "\"claims\": { \"note\": \"\" }", true, false },
        { "\"claims\": { \"note\": { \"present\": true } }", true, false },
        { "\"claims\": { \"email\": { \"present\": false } }", true, true },
        { "\"not\": { \"claims\": { \"role\": \"admin\" } }", false, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        want(rows[i].rule, &(const struct sample){ .claims = &token }, rows[i].fits);
        want(rows[i].rule, &(const struct sample){ 0 }, rows[i].without);
    }
}

static void
clients_of_api_keys(void **state)
{
    (void)state;
    FITS("\"clients\": [\"batch\", \"mobile-*\"]", .client = "mobile-2");
    FAILS("\"clients\": [\"batch\", \"mobile-*\"]", .client = "mobil");
    FAILS("\"clients\": \"*\"", .client = NULL);
    FITS("\"not\": { \"clients\": \"batch\" }", .client = NULL);
}

static void
all_kinds_must_fit_and_none_of_not_may(void **state)
{
    static const char rule[] =
        "\"paths\": \"shop.*\", \"source\": \"10.0.0.0/8\", \"not\": { \"paths\": "
        "\"shop.Admin/*\", \"clients\": \"batch\" }";

    (void)state;
    FITS(rule, .from = "10.0.0.1:1");
    FAILS(rule, .from = "11.0.0.1:1");
    FAILS(rule, .path = "x.Cart/Get", .from = "10.0.0.1:1");
    FAILS(rule, .path = "shop.Admin/Get", .from = "10.0.0.1:1");
    FAILS(rule, .from = "10.0.0.1:1", .client = "batch");
    FITS(rule, .from = "10.0.0.1:1", .client = "mobile");
}

/* --- the order ---------------------------------------------------------------------- */

static void
the_first_rule_that_fits_decides(void **state)
{
    (void)state;
    rig_only(&filter_rbac,
             "{ \"audit\": \"none\", \"rules\": ["
             "{ \"name\": \"see\", \"action\": \"log\" },"
             "{ \"name\": \"no-admin\", \"action\": \"deny\", \"paths\": \"a.Admin/*\" },"
             "{ \"name\": \"net\", \"action\": \"allow\", \"source\": \"10.0.0.0/8\" },"
             "{ \"name\": \"late\", \"action\": \"deny\", \"source\": \"10.0.0.0/8\" }"
             "] }");
    assert_true(allowed(&(struct sample){ .from = "10.0.0.1:1" }));
    assert_false(allowed(&(struct sample){ .from = "11.0.0.1:1" }));
    assert_false(allowed(&(struct sample){ .path = "a.Admin/X", .from = "10.0.0.1:1" }));
    assert_int_equal(rig_counted(STAT_RBAC_ALLOWED), 1);
    assert_int_equal(rig_counted(STAT_RBAC_DENIED), 2);
}

static void
what_no_rule_decides(void **state)
{
    static const struct {
        const char *json;
        bool allowed;
    } rows[] = {
        { "[{ \"name\": \"a\", \"action\": \"deny\", \"paths\": \"x.Y/Z\" }]", true },
        { "[{ \"name\": \"a\", \"action\": \"log\" }]", true },
        { "[{ \"name\": \"a\", \"action\": \"allow\", \"paths\": \"x.Y/Z\" }]", false },
        { "[{ \"name\": \"a\", \"action\": \"deny\", \"paths\": \"x.Y/Z\" }, "
          "{ \"name\": \"b\", \"action\": \"allow\", \"paths\": \"x.Y/W\" }]",
          false },
        { "[{ \"name\": \"a\", \"action\": \"deny\", \"paths\": \"x.Y/Z\" }], "
          "\"default\": \"deny\"",
          false },
        { "[{ \"name\": \"a\", \"action\": \"allow\", \"paths\": \"x.Y/Z\" }], "
          "\"default\": \"allow\"",
          true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char json[500];

        snprintf(json, sizeof(json), "{ \"audit\": \"none\", \"rules\": %s }",
                 rows[i].json);
        rig_only(&filter_rbac, json);
        if (allowed(&(struct sample){ 0 }) != rows[i].allowed)
            fail_msg("%s", json);
    }
}

/* --- a header that comes twice ------------------------------------------------------ */

static int
decide_twice(const char *multi, const char *action, const char *first, const char *second)
{
    char json[500];

    snprintf(
        json, sizeof(json),
        "{ \"audit\": \"none\", \"multi\": \"%s\", \"rules\": [{ \"name\": \"early\", "
        "\"action\": \"allow\", \"paths\": \"x.Y/Z\" }, { \"name\": \"r\", "
        "\"action\": \"%s\", \"headers\": { \"x\": \"v\" } }] }",
        multi, action);
    rig_only(&filter_rbac, json);
    return decide(&(struct sample){ .header = "x", .value = first, .second = second });
}

static void
a_header_of_a_rule_that_comes_twice(void **state)
{
    (void)state;
    assert_int_equal(decide_twice("refuse", "allow", "v", "v"), GRPC_INVALID_ARGUMENT);
    assert_int_equal(decide_twice("refuse", "deny", "w", "v"), GRPC_INVALID_ARGUMENT);
    /* Also when an earlier rule would not have looked at it. */
    assert_int_equal(decide(&(struct sample){
                         .path = "x.Y/Z", .header = "x", .value = "v", .second = "v" }),
                     GRPC_INVALID_ARGUMENT);
    assert_int_equal(decide(&(struct sample){
                         .path = "x.Y/Z", .header = "y", .value = "v", .second = "v" }),
                     GRPC_OK);
    assert_int_equal(decide_twice("first", "allow", "v", "w"), GRPC_OK);
    assert_int_equal(decide_twice("first", "allow", "w", "v"), GRPC_PERMISSION_DENIED);
    assert_int_equal(decide_twice("any", "allow", "w", "v"), GRPC_OK);
    assert_int_equal(decide_twice("any", "deny", "w", "v"), GRPC_PERMISSION_DENIED);
    assert_int_equal(decide_twice("any", "allow", "w", "x"), GRPC_PERMISSION_DENIED);
}

/* --- audit and shadow --------------------------------------------------------------- */

static char log_path[64];
static int log_fd;

static int
log_setup_file(void **state)
{
    snprintf(log_path, sizeof(log_path), "/tmp/outrigger-audit-XXXXXX");
    log_fd = mkstemp(log_path);
    assert_true(log_fd >= 0);
    log_set_fd(log_fd);
    return rig_setup(state);
}

static int
log_teardown_file(void **state)
{
    int rv = rig_teardown(state);

    log_set_fd(2);
    close(log_fd);
    unlink(log_path);
    return rv;
}

/* Lines with this part since the last look. */
static unsigned
lines_with(const char *part)
{
    static char text[256 * 1024];
    ssize_t n = pread(log_fd, text, sizeof(text) - 1, 0);
    unsigned count = 0;

    assert_true(n >= 0);
    text[n] = '\0';
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
        count++;
    return count;
}

static void
lines_forget(void)
{
    assert_int_equal(ftruncate(log_fd, 0), 0);
    assert_int_equal(lseek(log_fd, 0, SEEK_SET), 0);
}

static void
an_audit_line_tells_who_what_and_which_rule(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_rbac,
             "{ \"rules\": [{ \"name\": \"no-admin\", \"action\": \"deny\", "
             "\"paths\": \"shop.Admin/*\" }] }");
    c = rig_call("shop.Admin/Drop");
    c->identity = "spiffe://shop.example/web";
    c->fc.client = slice_of("mobile");
    assert_int_equal(rig_request(c), FILTER_DONE);
    rig_end(c, GRPC_PERMISSION_DENIED);
    assert_int_equal(
        lines_with(" info rbac result=denied method=/shop.Admin/Drop "
                   "principal=spiffe://shop.example/web client=mobile "
                   "peer=192.0.2.7:4711 policy=\"\" rule=no-admin twice=\"\" "
                   "filter=rbac listener=test route=routes[0] worker=0\n"),
        1);
    assert_true(allowed(&(struct sample){ 0 })); /* onDeny: no line */
    assert_int_equal(lines_with("info rbac"), 1);
}

static unsigned
lines_for(const char *audit, const char *path)
{
    char json[300];

    lines_forget();
    snprintf(json, sizeof(json),
             "{ \"audit\": \"%s\", \"rules\": [{ \"name\": \"no\", \"action\": \"deny\", "
             "\"paths\": \"a.B/No\" }] }",
             audit);
    rig_only(&filter_rbac, json);
    decide(&(struct sample){ .path = path });
    return lines_with("info rbac");
}

static void
audit_says_which_calls_have_a_line(void **state)
{
    (void)state;
    assert_int_equal(lines_for("none", "a.B/No"), 0);
    assert_int_equal(lines_for("none", "a.B/Yes"), 0);
    assert_int_equal(lines_for("onDeny", "a.B/No"), 1);
    assert_int_equal(lines_for("onDeny", "a.B/Yes"), 0);
    assert_int_equal(lines_for("onAllow", "a.B/No"), 0);
    assert_int_equal(lines_for("onAllow", "a.B/Yes"), 1);
    assert_int_equal(lines_for("both", "a.B/No"), 1);
    assert_int_equal(lines_for("both", "a.B/Yes"), 1);
}

static void
a_log_rule_writes_a_line_and_goes_on(void **state)
{
    (void)state;
    rig_only(&filter_rbac,
             "{ \"audit\": \"none\", \"rules\": ["
             "{ \"name\": \"see\", \"action\": \"log\", \"paths\": \"shop.*\" },"
             "{ \"name\": \"all\", \"action\": \"allow\" }] }");
    assert_true(allowed(&(struct sample){ 0 }));
    assert_int_equal(lines_with("result=matched"), 1);
    assert_int_equal(lines_with("rule=see"), 1);
    assert_true(allowed(&(struct sample){ .path = "x.Y/Z" }));
    assert_int_equal(lines_with("result="), 1);
}

static void
audit_lines_have_a_limit_per_second(void **state)
{
    (void)state;
    rig_only(&filter_rbac, "{ \"auditPerSecond\": 3, \"rules\": [{ \"name\": \"no\", "
                           "\"action\": \"deny\" }] }");
    for (unsigned i = 0; i < 10; i++)
        decide(&(struct sample){ 0 });
    assert_int_equal(lines_with("result=denied"), 3);
    assert_int_equal(rig_counted(STAT_RBAC_LINES_DROPPED), 7);
    rig_advance_ms(1000);
    decide(&(struct sample){ 0 });
    assert_int_equal(lines_with("result=denied"), 4);
    assert_int_equal(lines_with("lines=7"), 1);
}

static void
shadow_counts_and_tells_but_denies_nothing(void **state)
{
    (void)state;
    rig_only(&filter_rbac,
             "{ \"shadow\": true, \"rules\": [{ \"name\": \"no\", \"action\": "
             "\"deny\", \"headers\": { \"x\": \"v\" } }] }");
    assert_true(allowed(&(struct sample){ .header = "x", .value = "v" }));
    assert_int_equal(lines_with("result=\"would be denied\""), 1);
    assert_true(allowed(&(struct sample){ .header = "x", .value = "w", .second = "w" }));
    assert_int_equal(lines_with("twice=x"), 1);
    assert_true(allowed(&(struct sample){ 0 }));
    assert_int_equal(rig_counted(STAT_RBAC_SHADOW_DENIED), 2);
    assert_int_equal(rig_counted(STAT_RBAC_DENIED), 0);
    assert_int_equal(rig_counted(STAT_RBAC_ALLOWED), 1);
}

/* --- policies of gRPC --------------------------------------------------------------- */

#define POLICY                                                                           \
    "{ \"name\": \"shop\","                                                              \
    "  \"deny_rules\": [{ \"name\": \"debug\", \"request\": { \"paths\": "               \
    "[\"/shop.Debug/*\"], \"headers\": [{ \"key\": \"x-force\", \"values\": [\"*\"] }] " \
    "} }],"                                                                              \
    "  \"allow_rules\": [{ \"name\": \"web\", \"source\": { \"principals\": "            \
    "[\"spiffe://shop.example/*\", \"old.shop.example\"] } },"                           \
    "    { \"name\": \"all-health\", \"request\": { \"paths\": "                         \
    "[\"/grpc.health.v1.Health/*\"] } }] }"

static void
a_policy_of_grpc_decides_as_there(void **state)
{
    static const struct {
        struct sample call;
        bool allowed;
    } rows[] = {
        { { .peer = &with_cert }, true },
        { { .path = "shop.Debug/X", .peer = &with_cert }, true },
        { { .path = "shop.Debug/X",
            .header = "x-force",
            .value = "1",
            .peer = &with_cert },
          false },
        { { .path = "shop.Debug/X",
            .header = "x-force",
            .value = "",
            .peer = &with_cert },
          true }, /* "*" is not for the empty value */
        { { .peer = &without_cert }, false },
        { { .path = "grpc.health.v1.Health/Check" }, true },
        { { .path = "shop.Cart/Get" }, false },
    };

    (void)state;
    rig_only(&filter_rbac, "{ \"audit\": \"none\", \"policy\": " POLICY " }");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (allowed(&rows[i].call) != rows[i].allowed)
            fail_msg("row %zu", i);
    }
}

/* grpc-spec 16.2. */
static void
principals_of_a_policy(void **state)
{
    static const struct tls_peer only_subject = { .has_cert = true,
                                                  .verified = true,
                                                  .subject = "CN=web,O=shop" };
    static const struct tls_peer nameless = { .has_cert = true,
                                              .verified = true,
                                              .subject = "" };
    static const struct {
        const char *principal;
        bool cert, subject, empty, no_cert, no_tls;
    } rows[] = {
        { "spiffe://shop.example/ns/a/web", true, false, false, false, false },
        { "spiffe://shop.example/*", true, false, false, false, false },
        { "Web.shop.example", true, false, false, false, false },
        { "web@shop.example", false, false, false, false, false }, /* no e-mail there */
        { "CN=web,O=shop", true, true, false, false, false },
        { "*", true, true, false, false, false },
        { "", false, false, false, true, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct tls_peer *peers[] = { &with_cert, &only_subject, &nameless,
                                           &without_cert, NULL };
        const bool fits[] = { rows[i].cert, rows[i].subject, rows[i].empty,
                              rows[i].no_cert, rows[i].no_tls };
        char json[400];

        snprintf(
            json, sizeof(json),
            "{ \"audit\": \"none\", \"policy\": { \"name\": \"p\", \"allow_rules\": [{ "
            "\"name\": \"r\", \"source\": { \"principals\": [\"%s\"] } }] } }",
            rows[i].principal);
        rig_only(&filter_rbac, json);
        for (size_t k = 0; k < ARRAY_LEN(peers); k++) {
            if (allowed(&(struct sample){ .peer = peers[k] }) != fits[k])
                fail_msg("\"%s\", peer %zu", rows[i].principal, k);
        }
    }
}

static void
audit_of_a_policy_goes_before_that_of_the_filter(void **state)
{
    (void)state;
    rig_only(
        &filter_rbac,
        "{ \"audit\": \"none\", \"policy\": { \"name\": \"p\", \"allow_rules\": [{ "
        "\"name\": \"all\" }], \"audit_logging_options\": { \"audit_condition\": "
        "\"ON_ALLOW\", \"audit_loggers\": [{ \"name\": \"stdout_logger\", \"config\": "
        "{}, \"is_optional\": false }, { \"name\": \"other\", \"is_optional\": true }] "
        "} } }");
    assert_true(allowed(&(struct sample){ 0 }));
    assert_int_equal(lines_with("result=allowed"), 1);
    assert_int_equal(lines_with("policy=p rule=all"), 1);
}

/* --- the file of a policy ----------------------------------------------------------- */

static char path[64];

static void
say(const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void
wait_a_second(void)
{
    for (unsigned i = 0; i < 20; i++)
        rig_advance_ms(50);
}

static void
a_policy_file_is_watched_and_a_bad_one_changes_nothing(void **state)
{
    char json[200];
    int fd;

    (void)state;
    snprintf(path, sizeof(path), "/tmp/outrigger-policy-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    snprintf(json, sizeof(json), "{ \"audit\": \"none\", \"policyFile\": \"%s\" }", path);
    say("{ \"name\": \"p\", \"allow_rules\": [] }");
    assert_non_null(strstr(rig_problems(&filter_rbac, json), "allow_rules"));
    say("{ \"name\": \"p\", \"allow_rules\": [{ \"name\": \"all\" }], \"x\": 1 }");
    assert_non_null(strstr(rig_problems(&filter_rbac, json), "line 1, column 52: "));
    say(POLICY);
    rig_only(&filter_rbac, json);
    assert_true(allowed(&(struct sample){ .peer = &with_cert }));

    say("{ \"name\": \"p\", \"allow_rules\": [{ \"name\": \"all\" }] }");
    wait_a_second();
    assert_true(allowed(&(struct sample){ 0 }));

    say("{ \"name\": \"p\", \"allow_rules\": [{ \"name\": \"all\", \"requst\": {} }] }");
    wait_a_second();
    assert_true(allowed(&(struct sample){ 0 }));
    assert_int_equal(lines_with("what it said before stays"), 1);
    assert_int_equal(lines_with("requst"), 1);
    unlink(path);
}

static void
without_any_good_policy_nothing_is_allowed(void **state)
{
    const struct rbac_conf conf = { .policy_file = "/nowhere/policy",
                                    .audit_per_second = 1 };
    const struct rbac_conf shadow = { .policy_file = "/nowhere/policy",
                                      .audit_per_second = 1,
                                      .shadow = true };
    struct filter *f;

    (void)state;
    f = filter_get(&rig_store, &filter_rbac, "listener test", "rbac", &conf);
    rig_chain(&f, 1);
    assert_false(allowed(&(struct sample){ .peer = &with_cert }));
    f = filter_get(&rig_store, &filter_rbac, "listener test", "rbac", &shadow);
    rig_chain(&f, 1);
    assert_true(allowed(&(struct sample){ .peer = &with_cert }));
}

/* --- settings ----------------------------------------------------------------------- */

#define RULE(rest) "{ \"rules\": [{ \"name\": \"r\", \"action\": \"allow\", " rest " }] }"
#define ALLOW(rest)                                                               \
    "{ \"policy\": { \"name\": \"p\", \"allow_rules\": [{ \"name\": \"r\", " rest \
    " }] } }"

static void
settings_say_what_is_wrong(void **state)
{
    static const struct {
        const char *json, *part;
    } bad[] = {
        { "{ }", "there are no rules" },
        { "{ \"rules\": [] }", "there are no rules" },
        { "{ \"policyFile\": \"/x\", \"policy\": " POLICY " }", "keep one of them" },
        { "{ \"policyFile\": \"/nowhere/p\" }", "/nowhere/p: No such file" },
        { "{ \"default\": \"deny\", \"policy\": " POLICY " }", "remove \"default\"" },
        { "{ \"rules\": [{ \"name\": \"r\" }] }", "action" },
        { "{ \"rules\": [{ \"name\": \"r\", \"action\": \"log\" }, { \"name\": \"r\", "
          "\"action\": \"log\" }] }",
          "rules[0] has it already" },
        { RULE("\"paths\": []"), "at least one" },
        { RULE("\"paths\": [\"shop.Cart\"]"), "package.Service/*" },
        { RULE("\"headers\": { \":path\": \"x\" }"), "pseudo header" },
        { RULE("\"headers\": { \"X-A\": \"x\" }"), "lower case" },
        { RULE("\"headers\": { \"grpc-timeout\": \"x\" }"), "belong to gRPC" },
        { RULE("\"headers\": { \"te\": \"x\" }"), "belongs to the connection" },
        { RULE("\"headers\": { \"host\": \"x\" }"), ":authority" },
        { RULE("\"headers\": { \"x-bin\": \"x\" }"), "more than one way" },
        { RULE("\"not\": { \"headers\": { \"te\": \"x\" } }"),
          "belongs to the connection" },
        { RULE("\"headers\": { \"x\": { } }"), "exactly one of" },
        { RULE("\"headers\": { \"x\": { \"exact\": \"a\", \"prefix\": \"b\" } }"),
          "exactly one of" },
        { RULE("\"headers\": { \"x\": { \"prefix\": \"\" } }"), "\"present\": true" },
        { RULE("\"source\": [\"10.0.0.1/8\"]"), "bits set behind the prefix" },
        { RULE("\"san\": { \"prefix\": \"a\", \"suffix\": \"b\" }"), "one of exact" },
        { RULE("\"clients\": [\"a*b\"]"), "at the start" },
        { RULE("\"sources\": [\"10.0.0.0/8\"]"), "source" },
        { ALLOW("\"request\": { \"paths\": [\"shop.Cart/*\"] }"), "begins with a slash" },
        { ALLOW("\"request\": { \"headers\": [{ \"key\": \"x\" }] }"), "values" },
        { ALLOW("\"request\": { \"headers\": [{ \"key\": \"grpc-x\", \"values\": [\"a\"] "
                "}] }"),
          "belong to gRPC" },
        { ALLOW("\"requests\": {}"), "request" },
        { "{ \"policy\": { \"name\": \"p\" } }", "allow_rules" },
        { "{ \"policy\": { \"name\": \"p\", \"allow_rules\": [{ \"name\": \"r\" }], "
          "\"audit_logging_options\": { \"audit_loggers\": [{ \"name\": \"other\" }] } } "
          "}",
          "is_optional" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *said = rig_problems(&filter_rbac, bad[i].json);

        if (!strstr(said, bad[i].part))
            fail_msg("%s\n%s", bad[i].json, said);
    }
}

int
main(void)
{
#define LOG_TEST(fn) \
    cmocka_unit_test_setup_teardown(fn, log_setup_file, log_teardown_file)
    const struct CMUnitTest tests[] = {
        FILTER_TEST(methods),
        FILTER_TEST(headers_in_three_states),
        FILTER_TEST(addresses),
        FILTER_TEST(names_of_certificates),
        FILTER_TEST(claims_of_tokens),
        FILTER_TEST(clients_of_api_keys),
        FILTER_TEST(all_kinds_must_fit_and_none_of_not_may),
        FILTER_TEST(the_first_rule_that_fits_decides),
        FILTER_TEST(what_no_rule_decides),
        FILTER_TEST(a_header_of_a_rule_that_comes_twice),
        LOG_TEST(an_audit_line_tells_who_what_and_which_rule),
        LOG_TEST(audit_says_which_calls_have_a_line),
        LOG_TEST(a_log_rule_writes_a_line_and_goes_on),
        LOG_TEST(audit_lines_have_a_limit_per_second),
        LOG_TEST(shadow_counts_and_tells_but_denies_nothing),
        FILTER_TEST(a_policy_of_grpc_decides_as_there),
        FILTER_TEST(principals_of_a_policy),
        LOG_TEST(audit_of_a_policy_goes_before_that_of_the_filter),
        LOG_TEST(a_policy_file_is_watched_and_a_bad_one_changes_nothing),
        LOG_TEST(without_any_good_policy_nothing_is_allowed),
        FILTER_TEST(settings_say_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

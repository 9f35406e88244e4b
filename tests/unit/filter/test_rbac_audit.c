/* SPDX-License-Identifier: Apache-2.0 */
/* rbac: audit lines, shadow mode, and policies of gRPC, also from a file. */
#include "rbacrig.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "filter/rbac_conf.h"

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

#define LOG_TEST(fn) \
    cmocka_unit_test_setup_teardown(fn, log_setup_file, log_teardown_file)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(an_audit_line_tells_who_what_and_which_rule),
        LOG_TEST(audit_says_which_calls_have_a_line),
        LOG_TEST(a_log_rule_writes_a_line_and_goes_on),
        LOG_TEST(audit_lines_have_a_limit_per_second),
        LOG_TEST(shadow_counts_and_tells_but_denies_nothing),
        LOG_TEST(a_policy_of_grpc_decides_as_there),
        LOG_TEST(principals_of_a_policy),
        LOG_TEST(audit_of_a_policy_goes_before_that_of_the_filter),
        LOG_TEST(a_policy_file_is_watched_and_a_bad_one_changes_nothing),
        LOG_TEST(without_any_good_policy_nothing_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of IP addresses. */
#include "base/err.h"
#include "net/addr.h"
#include "net/cidr.h"
#include "unit.h"

static struct ip
ip(const char *text)
{
    struct cidr c;
    const char *why;

    assert_int_equal(cidr_parse(text, &c, &why), ERR_OK);
    return c.ip;
}

static void
ranges(void **state)
{
    static const struct {
        const char *range, *address;
        bool in;
    } cases[] = {
        { "10.0.0.0/8", "10.255.0.1", true },
        { "10.0.0.0/8", "11.0.0.0", false },
        { "10.1.2.3", "10.1.2.3", true },
        { "10.1.2.2/31", "10.1.2.3", true },
        { "10.1.2.2/31", "10.1.2.4", false },
        { "0.0.0.0/0", "169.254.169.254", true },
        { "0.0.0.0/0", "fd00::1", false },
        { "fd00::/8", "fdff::1", true },
        { "fd00::/8", "fe00::1", false },
        { "10.0.0.0/8", "::ffff:10.1.1.1", true },
        { "::/0", "::ffff:127.0.0.1", false }, /* it connects to 127.0.0.1 */
        { "::ffff:10.0.0.0/104", "10.9.8.7", true },
        { "::ffff:10.0.0.0/104", "::ffff:10.9.8.7", true },
        { "::ffff:10.0.0.0/104", "11.9.8.7", false },
        { "::ffff:10.0.0.1", "10.0.0.1", true },
        { "::ffff:10.0.0.1", "10.0.0.2", false },
    };
    static const char *const bad[] = {
        "",          "10.0.0.0/33", "10.0.0.1/8", "x/8",
        "10.0.0.0/", "fd00::/129",  "10.0.0/8",   "::/-1"
    };
    static const char *const useless[] = { "0.0.0.0", "0.1.2.3",         "224.0.0.1",
                                           "::",      "255.255.255.255", "ff02::1",
                                           "fe80::1", "::ffff:0.0.0.0" };
    struct cidr c;
    const char *why;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip a = ip(cases[i].address);

        assert_int_equal(cidr_parse(cases[i].range, &c, &why), ERR_OK);
        if (cidr_has(&c, &a) != cases[i].in)
            fail_msg("%s in %s", cases[i].address, cases[i].range);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (cidr_parse(bad[i], &c, &why) != ERR_SYNTAX)
            fail_msg("%s is taken", bad[i]);
    for (size_t i = 0; i < ARRAY_LEN(useless); i++) {
        struct ip a = ip(useless[i]);

        if (ip_usable(&a))
            fail_msg("%s is usable", useless[i]);
    }
    struct ip a = ip("127.0.0.1"), b = ip("::1");
    assert_true(ip_usable(&a) && ip_usable(&b));
}

static void
an_address_is_held_without_its_port(void **state)
{
    static const struct {
        const char *text, *range;
        bool has, in;
    } cases[] = {
        { "10.1.2.3:80", "10.1.0.0/16", true, true },
        { "10.2.2.3:80", "10.1.0.0/16", true, false },
        { "[fd00::1]:80", "fd00::/8", true, true },
        { "[::ffff:10.1.2.3]:80", "10.1.0.0/16", true, true },
        { "unix:/tmp/x", "0.0.0.0/0", false, false },
    };
    const char *why;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct addr a;
        struct cidr c;
        struct ip got;

        assert_int_equal(addr_parse(cases[i].text, false, &a, &why), ERR_OK);
        assert_int_equal(cidr_parse(cases[i].range, &c, &why), ERR_OK);
        assert_int_equal(ip_of_addr(&a, &got), cases[i].has);
        if (cases[i].has && cidr_has(&c, &got) != cases[i].in)
            fail_msg("%s in %s", cases[i].text, cases[i].range);
    }
    assert_false(ip_of_addr(&(struct addr){ 0 }, &(struct ip){ 0 }));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges),
        cmocka_unit_test(an_address_is_held_without_its_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile tokens that the issuer itself signed, and that are still no good (J4 to J6). */
#include "hostile.h"

#include <string.h>
#include <time.h>

#include "base/xalloc.h"

static void
add_payload(const char *reason, const char *json)
{
    hostile_add(json, reason, jwt_make(es256, json));
}

void
hostile_payloads(void)
{
    static const char *const json[] = {
        "",     "{",    "[]",     "7",       "null",  "\"x\"",
        "{}{}", "{} x", "//\n{}", "{'a':1}", "{a:1}", "\xef\xbb\xbf{}",
    };
    static const char *const members[] = {
        "\"aud\":\"orders\"",
        "\"iss\":\"me\"",
        "\"sub\":\"a\",\"sub\":\"b\"",
        "\"a\":{\"b\":1,\"b\":2}",
        "\"\\u0061ud\":\"orders\"",
        "\"a\":99999999999999999999",
        "\"a\":1e400",
        "\"a\":-1e400",
        "\"a\":\"\\u0000\"",
        "\"a\":\"\xff\"",
        "\"a\":\"\\ud800\"",
        "\"a\":01",
        "\"a\":.5",
        "\"a\":NaN",
        "\"a\":Infinity",
        "\"a\":'b'",
        "\"a\":0x10",
        "\"a\":1,",
        "\"a\"",
        "\"a\":",
        ":1",
        "\"a\":tru",
        "\"a\":[1,]",
        "\"a\":[1 2]",
        "\"a\":{\"b\"}",
        "\"a\":\"\x01\"",
        "\"a\":\"\\x\"",
        "\"a\":[[[[[[[[[[1]]]]]]]]]]",
        "\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}",
    };

    for (size_t i = 0; i < ARRAY_LEN(json); i++)
        add_payload("JWT_MALFORMED", json[i]);
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        add_payload("JWT_MALFORMED", printed("{\"iss\":\"me\",\"aud\":\"orders\",%s,%s}",
                                             now, members[i]));
}

void
hostile_claims(void)
{
    static const char *const dates[] = {
        "\"exp\":\"9999999999\"",
        "\"exp\":9999999999.5",
        "\"exp\":null",
        "\"exp\":true",
        "\"exp\":[9999999999]",
        "\"exp\":{}",
        "\"exp\":99999999999999999999",
        "\"exp\":1e400",
        "\"exp\":9999999999,\"nbf\":\"0\"",
        "\"exp\":9999999999,\"iat\":\"0\"",
        "\"exp\":9999999999,\"nbf\":null",
        "\"exp\":9999999999,\"iat\":[]",
        "\"exp\":9999999999,\"exp\":9999999999",
    };
    static const char *const past[] = { "0", "1", "-1", "-9223372036854775808",
                                        "1700000000" };
    static const char *const issuers[] = { "\"Me\"",   "\"me/\"", "\"\"",       "null",
                                           "[\"me\"]", "7",       "{\"me\":1}", "\"you\"",
                                           "\"me \"",  "true" };
    static const char *const audiences[] = {
        "\"Orders\"",
        "\"orders/\"",
        "\"\"",
        "null",
        "[]",
        "[\"x\"]",
        "7",
        "{\"orders\":1}",
        "[[\"orders\"]]",
        "\"orders stock\"",
        "\"order\"",
        "true",
        "[null]",
        "[{\"a\":\"orders\"}]",
    };
    time_t t = time(NULL);

    for (size_t i = 0; i < ARRAY_LEN(dates); i++)
        add_payload("JWT_MALFORMED",
                    printed("{\"iss\":\"me\",\"aud\":\"orders\",%s}", dates[i]));
    for (size_t i = 0; i < ARRAY_LEN(past); i++)
        add_payload("JWT_EXPIRED",
                    printed("{\"iss\":\"me\",\"aud\":\"orders\",\"exp\":%s}", past[i]));
    add_payload("JWT_EXPIRED", printed("{\"iss\":\"me\",\"aud\":\"orders\",\"exp\":%lld}",
                                       (long long)t - 61));
    add_payload("JWT_NOT_YET_VALID",
                printed("{\"iss\":\"me\",\"aud\":\"orders\",%s,\"nbf\":%lld}", now,
                        (long long)t + 90));
    add_payload("JWT_NOT_YET_VALID",
                printed("{\"iss\":\"me\",\"aud\":\"orders\",%s,\"iat\":%lld}", now,
                        (long long)t + 90));
    add_payload("JWT_NOT_YET_VALID",
                printed("{\"iss\":\"me\",\"aud\":\"orders\",%s,\"nbf\":1e300}", now));
    add_payload("JWT_NO_EXPIRY", "{\"iss\":\"me\",\"aud\":\"orders\"}");
    add_payload("JWT_NO_EXPIRY",
                "{\"iss\":\"me\",\"aud\":\"orders\",\"EXP\":9999999999}");
    for (size_t i = 0; i < ARRAY_LEN(issuers); i++)
        add_payload("JWT_UNKNOWN_ISSUER",
                    printed("{\"iss\":%s,\"aud\":\"orders\",%s}", issuers[i], now));
    add_payload("JWT_UNKNOWN_ISSUER", printed("{\"aud\":\"orders\",%s}", now));
    for (size_t i = 0; i < ARRAY_LEN(audiences); i++)
        add_payload("JWT_WRONG_AUDIENCE",
                    printed("{\"iss\":\"me\",\"aud\":%s,%s}", audiences[i], now));
    add_payload("JWT_WRONG_AUDIENCE", printed("{\"iss\":\"me\",%s}", now));
}

/* NUL bytes and other raw bytes, and headers that are no JSON. */
void
hostile_bytes(void)
{
    static const char header[] = "{\"alg\":\"ES256\",\"kid\":\"e\"}";

    for (size_t i = 0; i <= strlen(payload); i += 3) {
        char *raw = xmalloc(strlen(payload) + 1);

        memcpy(raw, payload, i);
        raw[i] = '\0';
        memcpy(raw + i + 1, payload + i, strlen(payload) - i);
        hostile_add("a NUL in the payload", NULL,
                    jwt_make_raw(es256, SIG_ES256, slice_of(header),
                                 slice_make(raw, strlen(payload) + 1)));
        xfree(raw);
    }
    for (size_t i = 0; i <= sizeof(header) - 1; i++) {
        char raw[sizeof(header)];

        memcpy(raw, header, i);
        raw[i] = '\0';
        memcpy(raw + i + 1, header + i, sizeof(header) - 1 - i);
        hostile_add("a NUL in the header", NULL,
                    jwt_make_raw(es256, SIG_ES256, slice_make(raw, sizeof(raw)),
                                 slice_of(payload)));
    }
    for (size_t cut = 0; cut < sizeof(header) - 1; cut++)
        hostile_add(
            "a cut header", NULL,
            jwt_make_raw(es256, SIG_ES256, slice_make(header, cut), slice_of(payload)));
}

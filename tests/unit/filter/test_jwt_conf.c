/* SPDX-License-Identifier: Apache-2.0 */
/* What the settings of the filter jwt may say, and the sentences about those that may not be. */
#include "jwtrig.h"

#include <string.h>

#include "base/strbuf.h"

#define JWKS_A "\"jwks\": \"file:DIR/a.json\""
static const struct {
    const char *json, *problem; /* DIR: where the files are; problem "": it is good */
} settings[] = {
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A " }", "" },
    { "{ \"audiences\": \"x\", " JWKS_A " }", "write the \"issuer\"" },
    { "{ \"issuer\": \"\", \"audiences\": \"x\", " JWKS_A " }", "write the \"issuer\"" },
    { "{ \"issuer\": \"me\", " JWKS_A " }", "write the \"audiences\"" },
    { "{ \"issuer\": \"me\", \"audiences\": \"\", " JWKS_A " }",
      "an audience has a name" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\" }", "write \"jwks\"" },
    { "{}", "write the \"issuer\"" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"/etc/x\" }",
      "write \"file:/path\"" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"file:x\" }",
      "write \"file:/path\"" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"https:///x\" }",
      "the URL has no host" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"file:DIR/none.json\" "
      "}",
      "none.json cannot be read: No such file" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"file:DIR\" }",
      "cannot be read: it is not a regular file" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"file:DIR/bad.json\" }",
      "the set of keys cannot be read, line 1" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"file:DIR/weak.json\" "
      "}",
      "less than 2048 bits" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"{\\\"keys\\\": []}\" "
      "}",
      "has no key that can check a signature" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A
      ", \"algorithms\": [\"RS256\"] }",
      "no key of the set can make a signature" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A
      ", \"algorithms\": [\"none\"] }",
      "none" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": { \"from\": "
      "\"file:DIR/a.json\", \"refresh\": \"5m\" } }",
      "refresh is only for keys that come from a URL" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": { \"from\": "
      "\"https://x/\", \"refresh\": \"2h\" } }",
      "maxStale is 1h; it must be at least refresh" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": { \"from\": "
      "\"https://x/\", \"ca\": \"/nonexistent\" } }",
      "/nonexistent cannot be read" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"http://x/\" }",
      "keys that come over plain http can be changed" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", \"jwks\": \"http://127.0.0.1/\" }",
      "" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A
      ", \"claimToHeaders\": { \"X-User\": \"sub\" } }",
      "lower case" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A
      ", \"claimToHeaders\": { \"te\": \"sub\" } }",
      "it belongs to the connection" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A
      ", \"claimToHeaders\": { \"x-user\": \"\" } }",
      "write the name of the claim" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A
      ", \"claimToHeaders\": { \"x-user\": \"sub\" }, \"payloadHeader\": \"x-user\" "
      "}",
      "a header has one meaning" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A
      ", \"payloadHeader\": \"x-p-bin\" }",
      "carry bytes" },
    { "{ \"issuer\": \"me\", \"audiences\": \"x\", " JWKS_A
      ", \"payloadHeader\": \"authorization\" }",
      "has the token" },
    { "{ \"issuer\": \"me\", \"providers\": [{ \"issuer\": \"me\", \"audiences\": "
      "\"x\", " JWKS_A " }] }",
      "issuer belongs to one issuer" },
    { "{ \"providers\": [{ \"issuer\": \"me\", " JWKS_A " }] }",
      "write the \"audiences\"" },
    { "{ \"providers\": [] }", "providers" },
    { "{ \"require\": \"all\", \"providers\": [{ \"issuer\": \"a\", \"audiences\": "
      "\"x\", " JWKS_A " }, { \"issuer\": \"b\", \"audiences\": \"x\", " JWKS_A " }] }",
      "each provider's token comes in a header of its own" },
    { "{ \"require\": \"all\", \"providers\": [{ \"issuer\": \"a\", \"audiences\": "
      "\"x\", " JWKS_A ", \"fromHeaders\": \"x-a\" }, { \"issuer\": \"b\", "
      "\"audiences\": \"x\", " JWKS_A " }] }",
      "" },
};

static void
settings_say_whom_to_trust(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        char json[1024];
        const char *from = settings[i].json, *told;
        size_t n = 0;

        while (*from) {
            if (strncmp(from, "DIR", 3) == 0) {
                n += (size_t)snprintf(json + n, sizeof(json) - n, "%s", dir);
                from += 3;
            } else {
                json[n++] = *from++;
            }
        }
        json[n] = '\0';
        told = rig_problems(&filter_jwt, json);
        if (settings[i].problem[0] ? !strstr(told, settings[i].problem) : told[0] != '\0')
            fail_msg("%s: %s", json, told);
    }
}

static void
a_set_may_stand_in_the_config(void **state)
{
    struct strbuf json;

    (void)state;
    strbuf_init(&json, 4096);
    strbuf_puts(&json, "{ \"issuer\": \"me\", \"audiences\": \"orders\", \"jwks\": \"");
    for (const char *c = set_a; *c; c++)
        strbuf_printf(&json, "%s%c", *c == '"' ? "\\" : "", *c);
    strbuf_puts(&json, "\" }");
    rig_only(&filter_jwt, json.s);
    expect(bearer(good()), NULL);
    strbuf_done(&json);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        JWT_TEST(settings_say_whom_to_trust),
        JWT_TEST(a_set_may_stand_in_the_config),
    };

    return cmocka_run_group_tests(tests, jwt_begin, jwt_end);
}

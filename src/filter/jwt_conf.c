/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jwt_conf.c - the rows of the filter "jwt". */
#include "filter/jwt_conf.h"

#include <string.h>

#include "filter/pattern.h"
#include "net/sigkey.h"

enum { AUDIENCES_MAX = 64, METHODS_MAX = 1000, MAP_MAX = 32, CACHE_MAX = 100000 };

/* ---- parts ---- */

static const struct conf_field audience_fields[] = {
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct jwt_audience_conf, name),
      .required = true,
      .hide = CONF_SHOW,
      .example = "\"orders\"",
      .help = "The whole name. A bare string means the same." },
    { .key = NULL },
};

static const struct conf_struct audience_struct = {
    .name = "audience",
    .size = sizeof(struct jwt_audience_conf),
    .fields = audience_fields,
    .short_key = "name",
};

static const struct conf_field alg_fields[] = {
    { .key = "name",
      .type = CONF_ENUM,
      .at = offsetof(struct jwt_alg_conf, alg),
      .words = sig_alg_names,
      .required = true,
      .example = "\"ES256\"",
      .help = "Its name in RFC 7518 or RFC 8037. A bare string means the same." },
    { .key = NULL },
};

static const struct conf_struct alg_struct = {
    .name = "algorithm",
    .size = sizeof(struct jwt_alg_conf),
    .fields = alg_fields,
    .short_key = "name",
};

static const struct conf_field place_fields[] = {
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct jwt_place_conf, name),
      .required = true,
      .valid = jwt_header_valid,
      .code = "E0280",
      .example = "\"x-token\"",
      .help = "Request header, in lower case. A bare string means the same." },
    { .key = "prefix",
      .type = CONF_STRING,
      .at = offsetof(struct jwt_place_conf, prefix),
      .hide = CONF_SHOW,
      .example = "\"Bearer \"",
      .help = "What stands before the token, in upper or lower case; a value without it "
              "is no token. Without this key it is \"Bearer \" in authorization and "
              "nothing in other headers." },
    { .key = NULL },
};

static const struct conf_struct place_struct = {
    .name = "token header",
    .size = sizeof(struct jwt_place_conf),
    .fields = place_fields,
    .short_key = "name",
};

static const struct conf_field jwks_fields[] = {
    { .key = "from",
      .type = CONF_STRING,
      .at = offsetof(struct jwks_conf, from),
      .required = true,
      .valid = jwt_from_valid,
      .code = "E0341",
      .hide = CONF_HIDE_URL,
      .example = "\"https://id.corp.example/jwks.json\"",
      .help = "\"file:/path\": a file, read again when it changes. \"https://...\": a "
              "URL (needs the library libcurl); redirects are not followed, proxies of "
              "the environment are not used. Or the set itself, as text that begins "
              "with {. A bare string means the same." },
    { .key = "ca",
      .type = CONF_STRING,
      .at = offsetof(struct jwks_conf, ca),
      .hide = CONF_SHOW,
      .example = "\"/etc/outrigger/ca.crt\"",
      .help = "Of a URL: file (PEM) with the CAs that sign the server's certificate. "
              "Without it those of the system." },
    { .key = "refresh",
      .type = CONF_DURATION,
      .at = offsetof(struct jwks_conf, refresh_ms),
      .def = "10m",
      .min = 1000,
      .max = 24 * 3600 * 1000,
      .example = "\"5m\"",
      .help = "Of a URL: how often it is asked. After a failure it is asked again after "
              "1s, 2s, 4s and so on, at most after 30s; when a token names an unknown "
              "key, at once, but for that reason once in 30s." },
    { .key = "timeout",
      .type = CONF_DURATION,
      .at = offsetof(struct jwks_conf, timeout_ms),
      .def = "5s",
      .min = 10,
      .max = 60 * 1000,
      .example = "\"2s\"",
      .help = "Of a URL: time for one whole answer. At most 256 KiB are read." },
    { .key = "maxStale",
      .type = CONF_DURATION,
      .at = offsetof(struct jwks_conf, max_stale_ms),
      .def = "1h",
      .min = 1000,
      .max = INT64_C(30) * 24 * 3600 * 1000,
      .example = "\"12h\"",
      .help = "Of a URL: how long the last good answer is good when all later ones fail. "
              "Then calls are refused until one is good again." },
    { .key = NULL },
};

const struct conf_struct jwks_conf_struct = {
    .name = "jwks",
    .size = sizeof(struct jwks_conf),
    .fields = jwks_fields,
    .short_key = "from",
    .optional = true,
    .on_at = offsetof(struct jwks_conf, on),
    .check = jwks_conf_check,
};

/* ---- one issuer ---- */

#define ROW(k, t, field) \
    .key = k, .type = t, .at = offsetof(struct jwt_provider_conf, field)

/* Of a provider and, for one issuer, of the filter. */
#define PROVIDER_ROWS                                                                    \
    { ROW("issuer", CONF_STRING, issuer), .hide = CONF_SHOW,                             \
      .example = "\"https://id.corp.example\"",                                          \
      .help =                                                                            \
          "Who makes the tokens: what their claim iss must be, letter for letter." },    \
        { ROW("audiences", CONF_LIST, audiences),                                        \
          .sub = &audience_struct,                                                       \
          .min = 1,                                                                      \
          .max = AUDIENCES_MAX,                                                          \
          .one_ok = true,                                                                \
          .example = "[\"orders\"]",                                                     \
          .help = "Whom the tokens must be for: one of these must be in their claim "    \
                  "aud. Else a token for another service could be used here." },         \
        { ROW("jwks", CONF_OBJECT, jwks), .sub = &jwks_conf_struct,                      \
          .example = "\"file:/etc/outrigger/jwks.json\"",                                \
          .help = "The issuer's public keys, a JSON Web Key Set (RFC 7517) of at most "  \
                  "64 keys." },                                                          \
        { ROW("algorithms", CONF_LIST, algorithms),                                      \
          .sub = &alg_struct,                                                            \
          .min = 1,                                                                      \
          .max = SIG_ALGS,                                                               \
          .one_ok = true,                                                                \
          .example = "[\"ES256\", \"RS256\"]",                                           \
          .help = "Signatures that are taken. Without this key all with public keys: "   \
                  "RS, PS and ES with 256, 384 and 512 bits, EdDSA. HS256, HS384 and "   \
                  "HS512, whose key can make tokens too, must be named here." },         \
        { ROW("fromHeaders", CONF_LIST, places),                                         \
          .sub = &place_struct,                                                          \
          .min = 1,                                                                      \
          .max = JWT_PLACES_MAX,                                                         \
          .one_ok = true,                                                                \
          .example = "[{ \"name\": \"x-token\" }]",                                      \
          .help = "Request headers that may have the token. Without this key "           \
                  "\"authorization: Bearer TOKEN\"." },                                  \
        { ROW("forward", CONF_BOOL, forward), .def = "false", .example = "true",         \
          .help = "Backends get the token too. Else it is taken out of the request." },  \
        { ROW("claimToHeaders", CONF_MAP, claim_headers), .max = MAP_MAX,                \
          .hide = CONF_SHOW,                                                             \
          .example = "{ \"x-user\": \"sub\", \"x-roles\": \"realm_access.roles\" }",     \
          .help = "Request headers for backends: header and the claim that it gets; "    \
                  "members of objects have dotted names, lists become text with "        \
                  "commas. What a client sends in these headers is always taken out. A " \
                  "claim that no header can hold leaves its header out." },              \
        { ROW("payloadHeader", CONF_STRING, payload_header), .valid = jwt_header_valid,  \
          .code = "E0280", .example = "\"x-jwt-payload\"",                               \
          .help = "Request header for backends that gets all claims: the payload in "    \
                  "base64url. What a client sends in it is always taken out." },         \
        { ROW("requiredClaims", CONF_MAP, required), .max = MAP_MAX,                     \
          .hide = CONF_HIDE_NAMED, .example = "{ \"scope\": \"orders.write\" }",         \
          .help = "Claims that the token must have with exactly this value. Of a list "  \
                  "one element must have it; numbers and true and false are written "    \
                  "as text." },                                                          \
        { ROW("clockSkew", CONF_DURATION, skew_ms), .def = "1m", .max = 3600 * 1000,     \
          .example = "\"10s\"",                                                          \
          .help = "How far the issuer's clock and ours may be apart, for exp, nbf and "  \
                  "iat." },                                                              \
    {                                                                                    \
        ROW("requireExp", CONF_BOOL, require_exp),                                       \
            .def = "true", .example = "false",                                           \
            .help = "Refuses tokens that do not say when they end."                      \
    }

static const struct conf_field provider_fields[] = {
    PROVIDER_ROWS,
    { .key = NULL },
};

static const struct conf_struct provider_struct = {
    .name = "provider",
    .size = sizeof(struct jwt_provider_conf),
    .fields = provider_fields,
    .check = jwt_check_provider,
};

/* ---- the filter ---- */

static const char *const require_words[] = { "any", "all", "optional", NULL };

static const struct conf_field fields[] = {
    PROVIDER_ROWS,
    { .key = "providers",
      .type = CONF_LIST,
      .at = offsetof(struct jwt_conf, providers),
      .sub = &provider_struct,
      .min = 1,
      .max = JWT_PROVIDERS_MAX,
      .example = "[{ \"issuer\": \"https://id.corp.example\", \"audiences\": "
                 "[\"orders\"], \"jwks\": \"file:/etc/outrigger/jwks.json\" }]",
      .help = "Several issuers, instead of the keys of one. The claim iss of a token "
              "says whose it is." },
    { .key = "require",
      .type = CONF_ENUM,
      .at = offsetof(struct jwt_conf, require),
      .def = "any",
      .words = require_words,
      .example = "\"optional\"",
      .help = "any: a token of one of the providers. all: one of each, in headers of "
              "their own. optional: calls without a token go on, too. Whatever it is, a "
              "token that is sent and is not good refuses the call." },
    { .key = "exceptMethods",
      .type = CONF_LIST,
      .at = offsetof(struct jwt_conf, except),
      .sub = &pattern_method_struct,
      .max = METHODS_MAX,
      .one_ok = true,
      .example = "[\"grpc.health.v1.Health/*\"]",
      .help = "Methods that need no token; theirs is not looked at and stays in the "
              "request." },
    { .key = "cacheTokens",
      .type = CONF_UINT,
      .at = offsetof(struct jwt_conf, cache_tokens),
      .def = "1000",
      .max = CACHE_MAX,
      .example = "5000",
      .help = "How many verified tokens each worker remembers, so that their signature "
              "is checked once. They are forgotten when they expire, when the keys "
              "change, and when others need the room. 0: each call is checked." },
    { .key = "cacheBytes",
      .type = CONF_SIZE,
      .at = offsetof(struct jwt_conf, cache_bytes),
      .def = "4MiB",
      .min = 64 * 1024,
      .max = INT64_C(1) << 30,
      .example = "\"16MiB\"",
      .help = "Most memory of them, for each worker." },
    { .key = NULL },
};

const struct conf_struct jwt_conf_struct = {
    .name = "jwt filter",
    .size = sizeof(struct jwt_conf),
    .fields = fields,
    .check = jwt_check,
};

/* ---- what it means ---- */

const char *
jwt_place_prefix(const struct jwt_place_conf *p)
{
    if (p->prefix)
        return p->prefix;
    return strcmp(p->name, "authorization") == 0 ? "Bearer " : "";
}

unsigned
jwt_provider_algs(const struct jwt_provider_conf *p)
{
    const struct jwt_alg_conf *v = p->algorithms.items;
    unsigned algs = 0;

    for (size_t i = 0; i < p->algorithms.n; i++)
        algs |= SIG_BIT(v[i].alg);
    return algs ? algs : SIG_SET_PUBLIC;
}

const struct jwt_provider_conf *
jwt_conf_providers(const struct jwt_conf *c, size_t *ret_n)
{
    *ret_n = c->providers.n ? c->providers.n : 1;
    return c->providers.n ? c->providers.items : &c->one;
}

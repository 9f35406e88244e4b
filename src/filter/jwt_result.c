/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jwt_result.c */
#include "filter/jwt_result.h"

#include "grpc/reason.h"

static const struct {
    const char *reason, *text;
} rows[JWT_RESULTS] = {
    [JWT_OK] = { "", "" },
    [JWT_CACHED] = { "", "" },
    [JWT_EXCEPTED] = { "", "" },
    [JWT_NONE] = { "", "" },
    [JWT_MISSING] = { "JWT_MISSING", "this call needs a token" },
    [JWT_TWICE] = { "JWT_TWICE", "there is more than one token; send one" },
    [JWT_TOO_LARGE] = { "JWT_TOO_LARGE", "the token is larger than 8 KiB" },
    [JWT_MALFORMED] = { "JWT_MALFORMED", "the token is no JWT in compact form" },
    [JWT_ALGORITHM] = { "JWT_BAD_ALGORITHM",
                        "the token is signed with an algorithm that is not allowed" },
    [JWT_EXTENSION] = { "JWT_UNKNOWN_EXTENSION",
                        "the token needs an extension that is not known (crit or b64)" },
    [JWT_ISSUER] = { "JWT_UNKNOWN_ISSUER",
                     "the token is from an issuer that is not trusted" },
    [JWT_UNKNOWN_KEY] = { "JWT_UNKNOWN_KEY",
                          "the token is signed with a key that its issuer does not "
                          "publish" },
    [JWT_SIGNATURE] = { "JWT_BAD_SIGNATURE", "the signature of the token is wrong" },
    [JWT_NO_EXPIRY] = { "JWT_NO_EXPIRY", "the token does not say when it expires (exp)" },
    [JWT_EXPIRED] = { "JWT_EXPIRED", "the token has expired; get a new one" },
    [JWT_NOT_YET] = { "JWT_NOT_YET_VALID", "the token is not valid yet (nbf or iat)" },
    [JWT_AUDIENCE] = { "JWT_WRONG_AUDIENCE", "the token is for another audience" },
    [JWT_CLAIM] = { "JWT_CLAIM_MISSING",
                    "the token lacks a claim that is required here" },
    [JWT_NO_KEYS] = { "JWT_NO_KEYS", "the keys of the token's issuer are not known now" },
    [JWT_OLD_KEYS] = { "JWT_OLD_KEYS",
                       "the keys of the token's issuer could not be read for too long" },
    [JWT_NO_MEMORY] = { REASON_NO_MEMORY, "no memory for the token" },
};

const char *
jwt_result_reason(enum jwt_result r)
{
    return rows[r].reason;
}

const char *
jwt_result_text(enum jwt_result r)
{
    return rows[r].text;
}

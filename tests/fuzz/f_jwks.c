/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: any bytes as a set of keys. A set is good with a key, or there is a sentence why not; a key that was made never takes a wrong signature. */
#include <string.h>

#include "base/strbuf.h"
#include "filter/jwks.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const uint8_t signature[SIG_LEN_MAX];
    const struct slice input = slice_of("a.b");
    struct strbuf why;
    struct jwks *k;

    strbuf_init(&why, 512);
    k = jwks_parse((const char *)bytes, n, &why);
    FUZZ_CHECK(k || why.len > 0);
    FUZZ_CHECK(!k || (jwks_count(k) > 0 && jwks_count(k) <= JWKS_KEYS_MAX));
    for (int alg = 0; k && alg < SIG_ALGS; alg++) {
        const struct sigkey *key;
        size_t at = 0, found = 0;

        while ((key = jwks_find(k, (enum sig_alg)alg, (struct slice){ 0 }, &at))) {
            static const size_t lengths[] = {
                0, 32, 48, 64, 96, 132, 256, 384, 512, 1024
            };

            FUZZ_CHECK(sigkey_algs(key) & SIG_BIT(alg));
            for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
                FUZZ_CHECK(!sigkey_verify(key, (enum sig_alg)alg, input,
                                          slice_make(signature, lengths[i])));
            found++;
        }
        FUZZ_CHECK(found <= jwks_count(k));
    }
    jwks_drop(k);
    strbuf_done(&why);
    return 0;
}

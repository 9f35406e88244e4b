/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/main/certs.c - see certs.h. */
#include "certs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compat.h"
#include "tlscert.h"

/* The public key of RFC 7515 A.3. */
static void
put_keys(const char *path)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
          "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus"
          "9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}",
          f);
    fclose(f);
}

void
certs_make(char dir[64])
{
    struct tlsid ca, own;
    char path[96];

    snprintf(dir, 64, "/tmp/outrigger-conf-XXXXXX");
    assert_non_null(mkdtemp(dir));
    tlsid_make(&ca, NULL, NULL, -1, 100);
    tlsid_make(&own, "DNS:app.shop.example", &ca, -1, 90);
    snprintf(path, sizeof(path), "%s/ca.crt", dir);
    tlsid_save(&ca, path);
    snprintf(path, sizeof(path), "%s/tls.crt", dir);
    tlsid_save(&own, path);
    snprintf(path, sizeof(path), "%s/tls.key", dir);
    tlsid_save_key(&own, path);
    assert_int_equal(chmod(path, 0600), 0);
    snprintf(path, sizeof(path), "%s/jwks.json", dir);
    put_keys(path);
    assert_int_equal(setenv("CERTS", dir, 1), 0);
    assert_int_equal(setenv("KEYS", dir, 1), 0);
    tlsid_done(&ca);
    tlsid_done(&own);
}

void
certs_remove(const char *dir)
{
    static const char *const names[] = { "ca.crt", "tls.crt", "tls.key", "jwks.json" };
    char path[96];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(dir), 0);
    unsetenv("CERTS");
    unsetenv("KEYS");
}

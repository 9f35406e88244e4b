/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/main/certs.h - the files that conf/mtls.json and conf/jwt-ratelimit.json name by the variables CERTS and KEYS: made for a test, removed after it. */
#ifndef OUTRIGGER_TESTS_CERTS_H
#define OUTRIGGER_TESTS_CERTS_H

/* ca.crt, tls.crt, tls.key and jwks.json in a new directory, which CERTS and KEYS name from now on. */
void certs_make(char dir[64]);
void certs_remove(const char *dir);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/main/certs.h - the files that conf/mtls.json names by the variable CERTS: made for a test, removed after it. */
#ifndef OUTRIGGER_TESTS_CERTS_H
#define OUTRIGGER_TESTS_CERTS_H

/* ca.crt, tls.crt and tls.key in a new directory, which CERTS names from now on. */
void certs_make(char dir[64]);
void certs_remove(const char *dir);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* net/digest.h - SHA-256 (FIPS 180-4), and a comparison whose time says nothing about the bytes (reliability.md J10). A digest is for one thread at a time and is used
 * again and again: looking the algorithm up and allocating cost more than a short text. */
#ifndef OUTRIGGER_NET_DIGEST_H
#define OUTRIGGER_NET_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

enum { SHA256_LEN = 32 };

struct digest;

/* Aborts when the library has no SHA-256: nothing that relies on it could work. */
struct digest *digest_new(void);
void digest_free(struct digest *d); /* NULL is fine */
/* False: the library failed (no memory); out is zero then. */
bool
digest_sha256(struct digest *d, struct slice text, uint8_t out[SHA256_LEN]) MUST_CHECK;

/* The time depends on n alone. */
bool secret_equal(const void *a, const void *b, size_t n);
/* Writes zeroes over a secret; the compiler does not leave it out. */
void secret_wipe(void *p, size_t n);

#endif

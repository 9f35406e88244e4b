/* SPDX-License-Identifier: Apache-2.0 */
/* secure.h - TLS 1.3 for the benchmark backend, with one cipher, so that all proxies pay the
 * same. */
#ifndef OUTRIGGER_TESTS_BENCH_SECURE_H
#define OUTRIGGER_TESTS_BENCH_SECURE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* One file with the certificate and the key. Ends the program when it cannot be used. */
SSL_CTX *secure_init(const char *file);
SSL *secure_open(SSL_CTX *tls, int fd);
void secure_close(SSL *ssl); /* NULL: nothing to do; the fd stays */
/* As send() and recv(): -1 with EAGAIN means later, also in the middle of a handshake. */
ssize_t secure_send(SSL *ssl, const void *from, size_t n);
/* As many records as there are and fit. */
ssize_t secure_recv(SSL *ssl, void *to, size_t room);
/* Something came that secure_recv did not hand out, so the fd may stay silent. */
bool secure_pending(SSL *ssl);

#endif

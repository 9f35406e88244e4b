/* SPDX-License-Identifier: Apache-2.0 */
/* listen.h - the socket on which the benchmark backend accepts. */
#ifndef OUTRIGGER_TESTS_BENCH_LISTEN_H
#define OUTRIGGER_TESTS_BENCH_LISTEN_H

#include <stdint.h>

/* On loopback, port 0: any free one; or at unix_path when that is not NULL. Prints "port N" or "unix PATH". Ends the
 * program when it cannot listen. */
int listen_open(uint16_t port, const char *unix_path);

#endif

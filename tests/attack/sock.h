/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loopback sockets, the clock and number parsing of the attack tools.  One thread; no state.
 */
#ifndef ATTACK_SOCK_H
#define ATTACK_SOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in microseconds: the same clock in every process of one run, so the stamps
 * of attacker, backend and honest client can be compared. */
uint64_t clock_now_us(void);

/* Prints the sentence and leaves with code 2 (wrong use or a broken machine, not a failed gate). */
__attribute__((noreturn, format(printf, 1, 2))) void tool_die(const char *fmt, ...);

/* A whole number from min to max, or the program ends with a sentence that names the option. */
uint64_t number_parse(const char *text, const char *option, uint64_t min, uint64_t max);

/* Starts a non-blocking connect to 127.0.0.1:port.  rcvbuf > 0 sets a small receive buffer first.
 * Returns the fd, or -1 with errno. */
int socket_connect_loopback(unsigned port, int rcvbuf);

/* A non-blocking listener on 127.0.0.1; *port 0 picks a free one and is filled in. -1 on error. */
int socket_listen_loopback(unsigned *port);

/* Small frames leave at once. */
void socket_set_nodelay(int fd);

/* The local port of a socket, 0 when it has none. */
unsigned socket_get_port(int fd);

#endif

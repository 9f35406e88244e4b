/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_plain.h - what somebody at an address said, for a terminal: any program may answer there, and quote what others sent. Pure; any thread. */
#ifndef OUTRIGGER_MAIN_CTL_PLAIN_H
#define OUTRIGGER_MAIN_CTL_PLAIN_H

#include <stddef.h>

struct strbuf;

enum { CTL_PLAIN_MAX = 16 * 1024 };

/* Adds the text with '?' for each control character but line ends and tabs (C0, DEL, C1), for what turns the direction of writing, and for each byte that is no UTF-8, so that it
 * can move no cursor and hide nothing. Behind CTL_PLAIN_MAX bytes it says that there is more. The last line is ended; of nothing comes an empty line. */
void ctl_plain_add(struct strbuf *out, const char *text, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_ask.h - what the commands of outriggerctl share when they ask the admin port: the
 * address, and the sentences on stderr when there is no answer. Main thread. */
#ifndef OUTRIGGER_MAIN_CTL_ASK_H
#define OUTRIGGER_MAIN_CTL_ASK_H

#include <stdio.h>

#include "base/compat.h"

struct addr;
struct ctl_args;
struct strbuf;

/* EXIT_SUCCESS, or CTL_BAD_USAGE when the address is none; that was told. */
int ctl_ask_address(const struct ctl_args *a, struct addr *ret) MUST_CHECK;
/* Tells why the admin port gave no answer: what a function of ctl_http.h returned. Returns
 * EXIT_FAILURE. */
int ctl_ask_failed(const struct ctl_args *a, int err, const char *why);
/* Adds the page to body. EXIT_SUCCESS, or the exit code; the reason was told. */
int
ctl_ask_page(const struct ctl_args *a, const char *path, struct strbuf *body) MUST_CHECK;
/* Writes the text. EXIT_SUCCESS, or EXIT_FAILURE when it could not be written, which was
 * told. */
int ctl_ask_print(const struct strbuf *text, FILE *to);

#endif

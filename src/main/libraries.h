/* SPDX-License-Identifier: Apache-2.0 */
/* main/libraries.h - the libraries of the program: the version that it was built with, and the one that runs. Each room answers for its own. Any thread. */
#ifndef OUTRIGGER_MAIN_LIBRARIES_H
#define OUTRIGGER_MAIN_LIBRARIES_H

#include <stddef.h>

#include "base/slice.h"

struct prom;
struct strbuf;

/* The number in the text that a library says of itself: "3.0.17" of "OpenSSL 3.0.17 1 Jul 2025". A text without digits is all of it. Pure. */
struct slice library_number(const char *text);
/* A line for each, for -VV. */
void libraries_print(struct strbuf *out);
/* outrigger_build_info and outrigger_library_info. A prom_fn; arg is not used. */
void libraries_metrics(void *arg, struct prom *p);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* admin/page_plain.h - what /stats.json says as HTML tables without a script, for text browsers and whoever lets none run: "/?plain". It is made from that JSON, so both
 * say the same. Pure; any thread. */
#ifndef OUTRIGGER_ADMIN_PAGE_PLAIN_H
#define OUTRIGGER_ADMIN_PAGE_PLAIN_H

#include <stddef.h>

struct strbuf;

/* Adds a whole HTML document to out. json[0..n): the object of /stats.json, with or without "metrics". css: for its style element, trusted. NULL: there is too much of it, and the page says where else it is. What is missing in the object is a dash, and what is
 * no object gives a page that says so. */
void plain_print(const char *json, size_t n, const char *css, size_t css_n,
                 struct strbuf *out);

#endif

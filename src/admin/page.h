/* SPDX-License-Identifier: Apache-2.0 */
/* admin/page.h - the live page at "/": one HTML file inside the binary, made from the files of admin/page by build.sh. It asks nobody but this admin port
 * (/events, else /stats.json), and its Content-Security-Policy lets the browser run and style only what was built in. Main thread; the bytes are constant. */
#ifndef OUTRIGGER_ADMIN_PAGE_H
#define OUTRIGGER_ADMIN_PAGE_H

#include "base/slice.h"

struct admin;
struct evhttp_request;

/* Made by build.sh: the page, what stands between its style tags, and "sha256-" with base64 of that and of its script. */
extern const struct slice page_html, page_style;
extern const char page_style_hash[], page_script_hash[];

/* GET / into the output buffer of req, with the headers that guard it; "/?plain" is tables without a script (page_plain.h). Returns the content type. */
const char *page_answer(const struct admin *a, struct evhttp_request *req);

#endif

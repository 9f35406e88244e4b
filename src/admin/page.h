/* SPDX-License-Identifier: Apache-2.0 */
/* admin/page.h - the live page at "/": one HTML file inside the binary, made from the files of admin/page by build.sh. It asks nobody but this admin port
 * (/events, else /stats.json), and its Content-Security-Policy lets the browser run and style only what was built in. Main thread; the bytes are constant. */
#ifndef OUTRIGGER_ADMIN_PAGE_H
#define OUTRIGGER_ADMIN_PAGE_H

#include "base/slice.h"

struct evhttp_request;

/* Made by build.sh. The hashes are "sha256-" and base64, over what stands between the tags. */
extern const struct slice page_html;
extern const char page_style_hash[], page_script_hash[];

/* Puts the page into the output buffer of req, and the headers that guard it. Returns the content type. */
const char *page_answer(struct evhttp_request *req);
/* Headers for HTML without a script (page_plain.h). Returns the content type. */
const char *page_guard_plain(struct evhttp_request *req);

#endif

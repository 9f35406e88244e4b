/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_http.h - one GET or POST to the admin port of a running outrigger, for
 * outriggerctl. It returns when the answer is there, or after 5 s (a POST: 30 s). */
#ifndef OUTRIGGER_MAIN_CTL_HTTP_H
#define OUTRIGGER_MAIN_CTL_HTTP_H

#include <stdint.h>

#include "base/compat.h"

struct addr;
struct strbuf;

/* Adds the body of the answer. ERR_CONNECT, ERR_CONN_LOST, ERR_DEADLINE, ERR_AGAIN (503: it has too
 * much to do), ERR_SYNTAX (no HTTP answer, or not 200) with what went wrong in *ret_why (valid until the next call). */
int ctl_http_get(const struct addr *to, const char *path, struct strbuf *body,
                 const char **ret_why) MUST_CHECK;

/* The same for a page that answers a question: also 400 to 422 is an answer, a sentence for
 * people; *ret_status says which. */
int ctl_http_ask(const struct addr *to, const char *path, int *ret_status,
                 struct strbuf *body, const char **ret_why) MUST_CHECK;

/* A POST without a body. Adds the text of the answer, whatever its status is: 200, 422 (it
 * cannot be done, the text says why), 503 (not now) or 403. Other errors as above. */
int ctl_http_post(const struct addr *to, const char *path, int *ret_status,
                  struct strbuf *body, const char **ret_why) MUST_CHECK;
/* Before asking again. */
void ctl_http_wait(int64_t us);

/* The sentence for an answer that did not come in time. */
const char *ctl_http_late(int64_t limit_us);

#endif

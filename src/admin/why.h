/* SPDX-License-Identifier: Apache-2.0 */
/* admin/why.h - why calls failed, in plain words: the sentence of one call, the pages /why and /why.json, and the list `failed` of /stats.json. The sentence is what the client was
 * told, plus what only an operator may see: addresses. Main thread; why_sentence and why_advice are pure. */
#ifndef OUTRIGGER_ADMIN_WHY_H
#define OUTRIGGER_ADMIN_WHY_H

struct admin;
struct failed_call;
struct failed_log;
struct strbuf;

enum { WHY_SHOWN = 20, WHY_SHOWN_MAX = 1000 };

/* GET /why and /why.json. log outlives the admin port. a NULL is fine. */
void why_open(struct admin *a, const struct failed_log *log);

/* The JSON array of the last WHY_SHOWN kinds of failed calls, newest first, as /stats.json has it:
 * [{"time":…,"ageMs":…,"count":…,"firstAgeMs":…,"method":…,"code":…,"reason":…,"why":…,"pool":…,"endpoint":…,"ms":…,"traceId":…},…] */
void why_print_failed(const struct failed_log *log, struct strbuf *out);

/* One sentence without its full stop (why_sentence.c). A backend's bytes in it are as they came: who prints it escapes. */
void why_sentence(const struct failed_call *c, struct strbuf *out);
/* What to do about a reason (why_advice.c): a sentence; NULL: there is no such word. */
const char *why_advice(const char *reason);

#endif

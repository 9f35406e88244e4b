/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_ask.h - what the commands of outriggerctl share when they ask the admin port: the
 * address, and the sentences on stderr when there is no answer. Main thread. */
#ifndef OUTRIGGER_MAIN_CTL_ASK_H
#define OUTRIGGER_MAIN_CTL_ASK_H

#include <stdbool.h>
#include <stdio.h>

#include "base/compat.h"

struct addr;
struct ctl_args;
struct json_t;
struct strbuf;

/* EXIT_SUCCESS, or CTL_BAD_USAGE when the address is none; that was told. */
int ctl_ask_address(const struct ctl_args *a, struct addr *ret) MUST_CHECK;
/* Tells why the admin port gave no answer: what a function of ctl_http.h returned. Returns
 * EXIT_FAILURE. */
int ctl_ask_failed(const struct ctl_args *a, int err, const char *why);
/* Adds the page to body. EXIT_SUCCESS, or the exit code; the reason was told. */
int
ctl_ask_page(const struct ctl_args *a, const char *path, struct strbuf *body) MUST_CHECK;
/* Reads /stats.json of the version that we know into *ret, to be given to jtree_free; as
 * above. */
int ctl_ask_stats(const struct ctl_args *a, struct json_t **ret) MUST_CHECK;
/* The same for the text of an answer. NULL with the reason in *ret_why. */
struct json_t *ctl_ask_read_stats(const struct strbuf *body, const char **ret_why);
/* Writes the text. EXIT_SUCCESS, or EXIT_FAILURE when it could not be written, which was
 * told. */
int ctl_ask_print(const struct strbuf *text, FILE *to);

/* Adds ?key=value, or &key=value, encoded. */
void ctl_ask_word(struct strbuf *path, const char *key, const char *value);
/* Begins *ret_path, which is the caller's to end: the page with all options that were given as words of its query, but for --json and --admin. False: it is too long. */
bool ctl_ask_words(const struct ctl_args *a, const char *page,
                   struct strbuf *ret_path) MUST_CHECK;
/* Asks a page, or with post an action, and prints what it says. Returns the exit code; refused: it said no, the sentence is on stderr. */
int ctl_ask_say(const struct ctl_args *a, const char *path, bool post, int refused);
/* The same for a page that answers a question; a bad one is wrong use. */
int ctl_ask_question(const struct ctl_args *a, const char *path);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* main/channelz_answer.h - bytes of channelz answers from what is known here and what workers found. Main thread. */
#ifndef OUTRIGGER_MAIN_CHANNELZ_ANSWER_H
#define OUTRIGGER_MAIN_CHANNELZ_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "main/channelz_look.h"

struct backend;
struct channelz_ask;
struct hub;
struct process;
struct server;
struct strbuf;

void channelz_answer_channel(const struct process *p, const struct hub *hub,
                             struct strbuf *out);
/* A listening socket. */
void channelz_answer_listen(const struct process *p, const struct server *s,
                            struct strbuf *out);
/* found: of n workers, all there is. */
void channelz_answer_found(const struct process *p, const struct channelz_ask *ask,
                           const struct look *q, const struct look_found *found, size_t n,
                           struct strbuf *out);
/* In a list of the current config's pools; NULL: it is in none. */
struct backend *channelz_answer_backend(const struct process *p, uint64_t number);

#endif

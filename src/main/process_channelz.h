/* SPDX-License-Identifier: Apache-2.0 */
/* main/process_channelz.h - answers grpc.channelz.v1 (admin/channelz_service.h) for this process:
 *   channel     a pool of the config in force; a reload that makes a pool anew gives it another id
 *   subchannel  an endpoint of the pool's list; it keeps its id while it is in the list
 *   server      a listener, also one that was taken out of the config while it has clients
 *   socket      a connection of a client or to a backend that speaks HTTP/2, or a listening socket
 * What hubs and backends know is read here and now; what connections know is asked of the workers (channelz_round.h), and UNAVAILABLE when one does not answer within a second. An
 * answer is at most CHANNELZ_ANSWER_MAX bytes: a page ends early before that, a channel shows its first CHANNELZ_REFS_MAX subchannels. Main thread. */
#ifndef OUTRIGGER_MAIN_PROCESS_CHANNELZ_H
#define OUTRIGGER_MAIN_PROCESS_CHANNELZ_H

struct process;
struct process_channelz;

enum { CHANNELZ_ANSWER_MAX = 3 << 20, CHANNELZ_REFS_MAX = 10000 };

/* Mounts it on the admin port, which is open. */
struct process_channelz *process_channelz_open(struct process *p);
/* Before the admin port and the workers end. NULL is fine, as with the next. */
void process_channelz_close(struct process_channelz *z);
/* After the workers, what they posted here, and the main thread's HTTP/2. */
void process_channelz_free(struct process_channelz *z);

#endif

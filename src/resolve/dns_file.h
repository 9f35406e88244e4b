/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_file.h - the two files of the system that matter for names: did resolv.conf
 * change, and what does the hosts file say. Both are small and local, so they are read in
 * place. Main thread only; dns_hosts_find is pure. */
#ifndef OUTRIGGER_RESOLVE_DNS_FILE_H
#define OUTRIGGER_RESOLVE_DNS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resolve/dns_answer.h"

#define DNS_RESOLV_CONF "/etc/resolv.conf"
#define DNS_HOSTS       "/etc/hosts"

enum { DNS_FILE_MAX = 1 << 20 };

struct dns_file_id { /* changes with the file; all 0: there was none */
    uint64_t device, inode;
    int64_t size, changed_s, changed_ns;
};

struct dns_file {
    struct dns_file_id id;
    char *text; /* NULL: there was none, or it was too big */
    size_t n;
};

/* Remembers what the file is now. */
void dns_file_note(struct dns_file *f, const char *path);
/* True when its bytes are other ones than noted. One stat when nothing happened; a file that
 * was only touched is not changed. Call dns_file_note after true. */
bool dns_file_changed(struct dns_file *f, const char *path);
void dns_file_done(struct dns_file *f);

/* For tests: other files, for channels and questions from now on; NULL: the system's. The
 * texts are not copied. */
void dns_file_use(const char *resolv_conf, const char *hosts);
const char *dns_file_resolv_conf(void); /* NULL: the system's */
/* What the hosts file says now; as dns_hosts_find. 0 without such a file. */
size_t dns_hosts_read(const char *name, unsigned family, struct ip *v, size_t max);

/* All addresses of `name` in the text of a hosts file, in its order; names there have any case.
 * family: 4, 6, 0 for both. Returns how many were written to v (room for max). */
size_t dns_hosts_find(const char *text, size_t n, const char *name, unsigned family,
                      struct ip *v, size_t max);

#endif

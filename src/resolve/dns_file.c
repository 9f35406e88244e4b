/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_file.c - resolv.conf is only compared; c-ares reads it. */
#include "resolve/dns_file.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/xalloc.h"

static const char *used_resolv_conf, *used_hosts;

static char *
read_file(const char *path, size_t *ret_n, struct stat *ret_st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *text = NULL;
    size_t n = 0;
    ssize_t got = 0;

    memset(ret_st, 0, sizeof(*ret_st));
    *ret_n = 0;
    if (fd < 0)
        return NULL;
    if (fstat(fd, ret_st) == 0 && S_ISREG(ret_st->st_mode) &&
        ret_st->st_size <= DNS_FILE_MAX) {
        text = xmalloc((size_t)ret_st->st_size + 1);
        while (n < (size_t)ret_st->st_size &&
               (got = read(fd, text + n, (size_t)ret_st->st_size - n)) > 0)
            n += (size_t)got;
        text[n] = '\0';
    }
    close(fd);
    *ret_n = n;
    return text;
}

void
dns_file_note(struct dns_file *f, const char *path)
{
    dns_file_done(f);
    f->text = read_file(path, &f->n, &f->st);
}

static bool
stat_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool
dns_file_changed(struct dns_file *f, const char *path)
{
    struct dns_file now = { 0 };
    bool same;

    if (stat(path, &now.st) != 0)
        memset(&now.st, 0, sizeof(now.st));
    if (stat_same(&now.st, &f->st))
        return false;
    dns_file_note(&now, path);
    /* Gone for a moment while somebody writes a new one: what we know stays. */
    same =
        !now.text || (f->text && f->n == now.n && memcmp(f->text, now.text, now.n) == 0);
    if (same && now.text)
        f->st = now.st;
    dns_file_done(&now);
    return !same;
}

void
dns_file_done(struct dns_file *f)
{
    xfree(f->text);
    *f = (struct dns_file){ 0 };
}

/* --- hosts -------------------------------------------------------------------------- */

struct line {
    const char *at, *end;
};

/* The next word of the line; n 0: no more. */
static size_t
word_next(struct line *l, const char **ret)
{
    const char *start;

    while (l->at < l->end && (*l->at == ' ' || *l->at == '\t' || *l->at == '\r'))
        l->at++;
    start = *ret = l->at;
    while (l->at < l->end && *l->at != ' ' && *l->at != '\t' && *l->at != '\r')
        l->at++;
    return (size_t)(l->at - start);
}

static bool
line_names(struct line l, const char *name)
{
    const char *word;
    size_t n, want = strlen(name);

    while ((n = word_next(&l, &word)) > 0) {
        if (word[n - 1] == '.')
            n--;
        if (n == want && strncasecmp(word, name, n) == 0)
            return true;
    }
    return false;
}

static bool
ip_read(const char *word, size_t n, unsigned family, struct dns_ip *ret)
{
    char text[INET6_ADDRSTRLEN];

    if (n == 0 || n >= sizeof(text))
        return false;
    memcpy(text, word, n);
    text[n] = '\0';
    *ret = (struct dns_ip){ .family = 4 };
    if (family != 6 && inet_pton(AF_INET, text, ret->b) == 1)
        return true;
    *ret = (struct dns_ip){ .family = 6 };
    return family != 4 && inet_pton(AF_INET6, text, ret->b) == 1;
}

size_t
dns_hosts_find(const char *text, size_t n, const char *name, unsigned family,
               struct dns_ip *v, size_t max)
{
    const char *end = text + n;
    size_t found = 0;

    while (text < end && found < max) {
        const char *eol = memchr(text, '\n', (size_t)(end - text));
        struct line l = { text, eol ? eol : end };
        const char *hash = memchr(text, '#', (size_t)(l.end - text)), *word;
        size_t len;

        text = eol ? eol + 1 : end;
        if (hash)
            l.end = hash;
        len = word_next(&l, &word);
        if (ip_read(word, len, family, &v[found]) && line_names(l, name))
            found++;
    }
    return found;
}

size_t
dns_hosts_read(const char *name, unsigned family, struct dns_ip *v, size_t max)
{
    struct stat st;
    size_t n, found;
    char *text = read_file(used_hosts ? used_hosts : DNS_HOSTS, &n, &st);

    found = text ? dns_hosts_find(text, n, name, family, v, max) : 0;
    xfree(text);
    return found;
}

void
dns_file_use(const char *resolv_conf, const char *hosts)
{
    used_resolv_conf = resolv_conf;
    used_hosts = hosts;
}

const char *
dns_file_resolv_conf(void)
{
    return used_resolv_conf;
}

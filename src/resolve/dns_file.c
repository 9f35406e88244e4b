/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_file.c - resolv.conf is only compared; c-ares reads it. */
#include "resolve/dns_file.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"

static const char *used_resolv_conf, *used_hosts;

static struct dns_file_id
id_of(const struct stat *st)
{
    return (struct dns_file_id){
        .device = st->st_dev,
        .inode = st->st_ino,
        .size = st->st_size,
        .changed_s = st->st_mtim.tv_sec,
        .changed_ns = st->st_mtim.tv_nsec,
    };
}

static bool
id_same(const struct dns_file_id *a, const struct dns_file_id *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed_s == b->changed_s && a->changed_ns == b->changed_ns;
}

static char *
read_file(const char *path, size_t *ret_n, struct dns_file_id *ret_id)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st = { 0 };
    char *text = NULL;
    size_t n = 0;
    ssize_t got = 0;

    *ret_id = (struct dns_file_id){ 0 };
    *ret_n = 0;
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= DNS_FILE_MAX) {
        text = xmalloc((size_t)st.st_size + 1);
        while (n < (size_t)st.st_size &&
               (got = read(fd, text + n, (size_t)st.st_size - n)) > 0)
            n += (size_t)got;
        text[n] = '\0';
    }
    *ret_id = id_of(&st);
    close(fd);
    *ret_n = n;
    return text;
}

void
dns_file_note(struct dns_file *f, const char *path)
{
    dns_file_done(f);
    f->text = read_file(path, &f->n, &f->id);
}

bool
dns_file_changed(struct dns_file *f, const char *path)
{
    struct dns_file now = { 0 };
    struct stat st;
    bool same;

    if (stat(path, &st) == 0)
        now.id = id_of(&st);
    if (id_same(&now.id, &f->id))
        return false;
    dns_file_note(&now, path);
    /* Gone for a moment while somebody writes a new one: what we know stays. */
    same =
        !now.text || (f->text && f->n == now.n && memcmp(f->text, now.text, now.n) == 0);
    if (same && now.text)
        f->id = now.id;
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
ip_read(const char *word, size_t n, unsigned family, struct ip *ret)
{
    char text[INET6_ADDRSTRLEN];

    if (n == 0 || n >= sizeof(text))
        return false;
    memcpy(text, word, n);
    text[n] = '\0';
    *ret = (struct ip){ .family = 4 };
    if (family != 6 && inet_pton(AF_INET, text, ret->b) == 1)
        return true;
    *ret = (struct ip){ .family = 6 };
    return family != 4 && inet_pton(AF_INET6, text, ret->b) == 1;
}

size_t
dns_hosts_find(const char *text, size_t n, const char *name, unsigned family,
               struct ip *v, size_t max)
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
dns_hosts_read(const char *name, unsigned family, struct ip *v, size_t max)
{
    struct dns_file_id id;
    size_t n, found;
    char *text = read_file(used_hosts ? used_hosts : DNS_HOSTS, &n, &id);

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

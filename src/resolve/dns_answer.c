/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_answer.c - one pass for the chain of CNAMEs, one for the records at its end. */
#include "resolve/dns_answer.h"

#include <string.h>

#include "base/xalloc.h"

enum {
    HEADER = 12,
    CLASS_IN = 1,
    RCODE_NXDOMAIN = 3,
    CNAMES_MAX =
        64, /* in one answer; a chain may be in any order (RFC 1034 3.6.2 shows it in order) */
    WIRE_NAME_MAX = 255,
};

struct msg {
    const uint8_t *p;
    size_t n;
};

struct record {
    char owner[DNS_NAME_ROOM];
    unsigned type, class;
    uint32_t ttl;
    size_t data, data_len; /* inside the message */
};

static unsigned
get16(const struct msg *m, size_t at)
{
    return (unsigned)m->p[at] << 8 | m->p[at + 1];
}

static uint32_t
get32(const struct msg *m, size_t at)
{
    return (uint32_t)get16(m, at) << 16 | get16(m, at + 2);
}

/* --- names ------------------------------------------------------------------- */

static char
to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool
is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static size_t
label_write(char *out, const uint8_t *label, size_t n)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        char c = to_lower((char)label[i]);

        if (is_plain(c)) {
            out[len++] = c;
            continue;
        }
        /* Escaped, so that a dot inside a label never looks like one between labels. */
        out[len++] = '\\';
        out[len++] = (char)('0' + label[i] / 100);
        out[len++] = (char)('0' + label[i] / 10 % 10);
        out[len++] = (char)('0' + label[i] % 10);
    }
    return len;
}

/* Reads a name at *at and moves *at behind it. Each pointer must go further back than
 * everything read so far, so this ends. The root is "". */
static bool
name_read(const struct msg *m, size_t *at, char out[DNS_NAME_ROOM])
{
    size_t pos = *at, lowest = *at, wire = 1, len = 0;
    bool jumped = false;

    for (;;) {
        unsigned n;

        if (pos >= m->n)
            return false;
        n = m->p[pos];
        if (n >= 0xc0) {
            if (pos + 2 > m->n)
                return false;
            if (!jumped)
                *at = pos + 2;
            jumped = true;
            pos = get16(m, pos) & 0x3fff;
            if (pos >= lowest || pos < HEADER)
                return false;
            lowest = pos;
            continue;
        }
        if (n == 0)
            break;
        wire += n + 1;
        if (n > 63 || pos + 1 + n > m->n || wire > WIRE_NAME_MAX)
            return false;
        if (len > 0)
            out[len++] = '.';
        len += label_write(out + len, m->p + pos + 1, n);
        pos += n + 1;
    }
    out[len] = '\0';
    if (!jumped)
        *at = pos + 1;
    return true;
}

const char *
dns_name_why_bad(const char *name, size_t n)
{
    size_t label = 0;

    if (n > 0 && name[n - 1] == '.')
        n--;
    if (n == 0)
        return "the name is empty";
    if (n > 253)
        return "a name has 253 bytes at most";
    for (size_t i = 0; i <= n; i++) {
        if (i == n || name[i] == '.') {
            if (label == 0)
                return "a part of the name is empty; leave out one of the dots";
            if (label > 63)
                return "a part of a name has 63 bytes at most";
            label = 0;
            continue;
        }
        if ((unsigned char)name[i] >= 0x80)
            return "a name with other than ASCII letters is written in its xn-- form";
        if (!is_plain(to_lower(name[i])))
            return "a name has letters, digits, '-', '_' and dots only";
        label++;
    }
    return NULL;
}

void
dns_name_copy(char *out, const char *name, size_t n)
{
    if (n > 0 && name[n - 1] == '.')
        n--;
    for (size_t i = 0; i < n; i++)
        out[i] = to_lower(name[i]);
    out[n] = '\0';
}

/* --- records ------------------------------------------------------------------ */

static bool
record_read(const struct msg *m, size_t *at, struct record *r)
{
    if (!name_read(m, at, r->owner) || m->n - *at < 10)
        return false;
    r->type = get16(m, *at);
    r->class = get16(m, *at + 2);
    r->ttl = get32(m, *at + 4);
    if (r->ttl > INT32_MAX)
        r->ttl = 0; /* RFC 2181 8 */
    r->data_len = get16(m, *at + 8);
    *at += 10;
    if (m->n - *at < r->data_len)
        return false;
    r->data = *at;
    *at += r->data_len;
    return true;
}

struct cname {
    char *owner, *target;
    uint32_t ttl;
};

struct chain {
    struct cname v[CNAMES_MAX];
    size_t n;
    char end[DNS_NAME_ROOM]; /* the name that has the records */
    uint32_t ttl;
};

static void
chain_done(struct chain *c)
{
    for (size_t i = 0; i < c->n; i++) {
        xfree(c->v[i].owner);
        xfree(c->v[i].target);
    }
}

/* Reads all CNAMEs of the answer. NULL, or what is wrong. */
static const char *
chain_read(struct chain *c, const struct msg *m, size_t at, unsigned count)
{
    struct record r;
    char target[DNS_NAME_ROOM];

    for (unsigned i = 0; i < count; i++) {
        size_t data;

        if (!record_read(m, &at, &r))
            return "the answer is malformed";
        if (r.type != DNS_TYPE_CNAME || r.class != CLASS_IN)
            continue;
        data = r.data;
        if (!name_read(m, &data, target) || data != r.data + r.data_len)
            return "the answer is malformed";
        if (c->n == CNAMES_MAX)
            return "the answer has too many CNAMEs";
        c->v[c->n++] = (struct cname){ xstrdup(r.owner), xstrdup(target), r.ttl };
    }
    return NULL;
}

static const char *
chain_follow(struct chain *c, const char *name)
{
    memcpy(c->end, name, strlen(name) + 1);
    c->ttl = UINT32_MAX;
    for (unsigned hop = 0;; hop++) {
        size_t i = 0;

        while (i < c->n && strcmp(c->v[i].owner, c->end) != 0)
            i++;
        if (i == c->n)
            return NULL;
        if (hop == DNS_CHAIN_MAX)
            return "its CNAMEs go in a circle or are too many";
        if (c->v[i].ttl < c->ttl)
            c->ttl = c->v[i].ttl;
        memcpy(c->end, c->v[i].target, strlen(c->v[i].target) + 1);
    }
}

static bool
take_ip(struct dns_answer *a, const struct msg *m, const struct record *r, size_t size)
{
    struct ip *ip = &a->ips[a->n_ips];

    if (r->data_len != size)
        return false;
    *ip = (struct ip){ .family = size == 4 ? 4 : 6 };
    memcpy(ip->b, m->p + r->data, size);
    a->n_ips++;
    return true;
}

static bool
take_srv(struct dns_answer *a, const struct msg *m, const struct record *r)
{
    struct dns_srv *srv = &a->srvs[a->n_srvs];
    char target[DNS_NAME_ROOM];
    size_t at = r->data + 6;

    if (r->data_len < 7 || !name_read(m, &at, target) || at != r->data + r->data_len)
        return false;
    srv->priority = (uint16_t)get16(m, r->data);
    srv->weight = (uint16_t)get16(m, r->data + 2);
    srv->port = (uint16_t)get16(m, r->data + 4);
    if (target[0] == '\0') {
        a->no_service = true;
        return true;
    }
    if (srv->port == 0 || a->n_srvs == DNS_SRV_MAX ||
        dns_name_why_bad(target, strlen(target))) {
        a->skipped++;
        return true;
    }
    srv->target = xstrdup(target);
    a->n_srvs++;
    return true;
}

static bool
take(struct dns_answer *a, const struct msg *m, const struct record *r)
{
    return r->type == DNS_TYPE_A      ? take_ip(a, m, r, 4)
           : r->type == DNS_TYPE_AAAA ? take_ip(a, m, r, 16)
                                      : take_srv(a, m, r);
}

static const char *
records_read(struct dns_answer *a, const struct msg *m, size_t at, unsigned count,
             const struct chain *c, unsigned type)
{
    struct record r;

    /* The smallest record has 11 bytes, so the message bounds what is allocated. */
    if (count > (m->n - at) / 11)
        return "the answer is malformed";
    if (type == DNS_TYPE_SRV)
        a->srvs = xcalloc(DNS_SRV_MAX + 1, sizeof(*a->srvs));
    else
        a->ips = xcalloc(count + 1, sizeof(*a->ips));
    a->ttl_s = c->ttl;
    for (unsigned i = 0; i < count; i++) {
        if (!record_read(m, &at, &r))
            return "the answer is malformed";
        if (r.type != type || r.class != CLASS_IN || strcmp(r.owner, c->end) != 0)
            continue;
        if (!take(a, m, &r))
            return "the answer is malformed";
        if (r.ttl < a->ttl_s)
            a->ttl_s = r.ttl;
    }
    return NULL;
}

static const char *
answer_read(struct dns_answer *a, const struct msg *m, size_t at, const char *name,
            unsigned type)
{
    struct chain *c = xcalloc(1, sizeof(*c));
    unsigned count = get16(m, 6);
    const char *why = chain_read(c, m, at, count);

    if (!why)
        why = chain_follow(c, name);
    if (!why)
        why = records_read(a, m, at, count, c, type);
    chain_done(c);
    xfree(c);
    return why;
}

static const char *
rcode_word(unsigned rcode)
{
    static const char *const words[] = { "NOERROR",  "FORMERR", "SERVFAIL",
                                         "NXDOMAIN", "NOTIMP",  "REFUSED" };

    return rcode < sizeof(words) / sizeof(words[0]) ? words[rcode]
                                                    : "an unknown error code";
}

/* Header and question; *ret_at: where the answers begin. */
static const char *
question_read(const struct msg *m, const char *name, unsigned type, size_t *ret_at)
{
    char asked[DNS_NAME_ROOM];
    size_t at = HEADER;

    if (m->n < HEADER || !(m->p[2] & 0x80) || (m->p[2] & 0x78))
        return "the answer is malformed";
    if (get16(m, 4) != 1 || !name_read(m, &at, asked) || m->n - at < 4)
        return "the answer is malformed";
    if (strcmp(asked, name) != 0 || get16(m, at) != type || get16(m, at + 2) != CLASS_IN)
        return "the answer is for another question";
    if (m->p[2] & 2)
        return "the answer is cut short";
    *ret_at = at + 4;
    return NULL;
}

void
dns_answer_fail(struct dns_answer *a, const char *why)
{
    *a = (struct dns_answer){ .outcome = DNS_FAILED, .why = why };
}

void
dns_answer_parse(const uint8_t *p, size_t n, const char *name, unsigned type,
                 struct dns_answer *ret)
{
    struct msg m = { p, n };
    size_t at = 0;
    const char *why = question_read(&m, name, type, &at);
    unsigned rcode = why ? 0 : m.p[3] & 0xf;

    *ret = (struct dns_answer){ .outcome = DNS_NXDOMAIN };
    if (rcode == RCODE_NXDOMAIN)
        return;
    if (!why)
        why = rcode ? rcode_word(rcode) : answer_read(ret, &m, at, name, type);
    if (why) {
        dns_answer_done(ret);
        dns_answer_fail(ret, why);
        return;
    }
    ret->outcome = ret->n_ips + ret->n_srvs > 0 ? DNS_GOOD : DNS_NODATA;
}

void
dns_answer_done(struct dns_answer *a)
{
    for (size_t i = 0; i < a->n_srvs; i++)
        xfree(a->srvs[i].target);
    xfree(a->srvs);
    xfree(a->ips);
    *a = (struct dns_answer){ .outcome = DNS_FAILED, .why = "no answer" };
}

/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/matcher_int.h - the parts of a matcher. For matcher*.c only. */
#ifndef OUTRIGGER_PROXY_MATCHER_INT_H
#define OUTRIGGER_PROXY_MATCHER_INT_H

#include "base/compat.h"
#include "proxy/match_conf.h"
#include "proxy/match_index.h"
#include "proxy/matcher.h"
#include "proxy/regex.h"

enum {
    MATCH_NAMES_MAX = 32,   /* header names whose place is remembered during one search */
    MATCH_GIVE_UPS_MAX = 4, /* in one search; further regular expressions do not match */
};

enum header_kind {
    HEADER_PRESENT,
    HEADER_EXACT,
    HEADER_ONE_OF,
    HEADER_PREFIX,
    HEADER_SUFFIX,
    HEADER_CONTAINS,
    HEADER_RANGE,
    HEADER_REGEX /* the dearest is last: they are tried in this order */
};

struct header_rule {
    struct slice name;
    uint8_t kind;     /* enum header_kind */
    uint8_t number;   /* of the name; MATCH_NAMES_MAX: not remembered */
    bool bin;         /* the name ends in -bin: bytes are compared */
    bool want;        /* what the compare must give: false for inverted ones */
    bool fold, empty; /* ignoreCase; treatMissingAsEmpty */
    struct slice text;
    struct slice *one_of; /* sorted */
    size_t one_of_count;
    int64_t from, to;
    const struct regex *regex;
    const struct header_match_conf *conf;
};

enum host_kind { HOST_EXACT, HOST_BELOW, HOST_BEGINS };

struct host_rule {
    enum host_kind kind;
    struct slice text; /* "a.b", ".a.b" or "a." */
};

struct match_rule {
    struct slice service, method, path, path_prefix; /* p NULL: any */
    const struct regex *path_regex;
    struct host_rule *hosts;
    size_t host_count; /* 0: any */
    struct header_rule *headers;
    size_t header_count;
    const struct san_match_conf *sans;
    size_t san_count; /* 0: any */
    const struct match_conf *conf;
};

struct pattern {
    const char *text;
    struct regex *regex;
};

struct matcher {
    struct match_rule *rules;
    size_t count;
    struct match_index index;
    bool need_host, need_peer;
    char *texts; /* lower-cased and decoded values */
    size_t texts_used;
    struct host_rule *hosts;
    struct header_rule *headers;
    struct slice *one_of;
    struct pattern *patterns; /* each once, sorted */
    size_t pattern_count;
};

/* What is known about one call. */
struct match_search {
    struct match_input *in;
    struct slice host; /* normal form; p NULL: none */
    char host_room[MATCH_HOST_MAX];
    uint8_t seen[MATCH_NAMES_MAX]; /* enum header_seen */
    struct slice values[MATCH_NAMES_MAX];
    struct slice joined_name, joined; /* of header_join; name.p NULL: nothing yet */
    int joined_rc;
    uint8_t joined_room[REGEX_TEXT_MAX];
};

enum header_seen { HEADER_UNKNOWN, HEADER_MISSING, HEADER_ONE, HEADER_SEVERAL };

static inline bool
slice_begins(struct slice s, struct slice with)
{
    return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

static inline bool
slice_ends(struct slice s, struct slice with)
{
    return s.n >= with.n && memcmp(s.p + s.n - with.n, with.p, with.n) == 0;
}

/* matcher_build.c. slice_compare: by length, then by bytes; for qsort and bsearch. */
int slice_compare(const void *a, const void *b);
void matcher_build(struct matcher *m, const struct match_conf *const *matches);
void matcher_unbuild(struct matcher *m);

/* matcher_header.c. ret gets the value when there is exactly one field of this name. */
enum header_seen
header_see(struct match_search *s, struct slice name, uint8_t number, struct slice *ret);
/* All values of the name with commas between them, in room (REGEX_TEXT_MAX bytes); with bin
 * each is decoded before. ERR_LIMIT: too long; ERR_SYNTAX: not base64. */
int header_join(const struct h2_headers *h, struct slice name, bool bin, uint8_t *room,
                struct slice *ret) MUST_CHECK;
bool header_fits(struct match_search *s, const struct header_rule *r);

/* matcher.c */
bool host_fits(struct slice host, const struct host_rule *r);
bool san_fits(const struct tls_peer *peer, const struct san_match_conf *r);
bool path_regex_fits(struct match_search *s, const struct match_rule *r);
void search_init(struct match_search *s, const struct matcher *m, struct match_input *in);

#endif

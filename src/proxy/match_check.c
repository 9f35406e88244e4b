/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/match_check.c - what is wrong with a match: a rule that can never fit is a mistake,
 * and is better told while loading. */
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "conf/check.h"
#include "grpc/path.h"
#include "proxy/match_conf.h"
#include "proxy/regex.h"

enum { PART_MAX = 1024, VALUE_MAX = 4096, HOST_MAX = 253, WHY_MAX = 512 };

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

/* --- single values ----------------------------------------------------------- */

/* One part of the path /service/method; gRPC allows more than protobuf names, but never
 * a slash. */
static int
path_part_valid(const char *text, const char *slash_why, const char **ret_why)
{
    if (strcmp(text, "*") == 0)
        *ret_why = "leave the key out to match all";
    else if (strchr(text, '/'))
        *ret_why = slash_why;
    else if (text[0] == '\0' || strlen(text) > PART_MAX)
        *ret_why = "it must have 1 to 1024 characters; leave the key out to match all";
    else if (strspn(text, LETTERS DIGITS "_.-") != strlen(text))
        *ret_why =
            "it must be made of letters, digits, _ . and -, as in the .proto "
            "file; for a pattern use the key \"path\" with \"prefix\" or \"regex\"";
    else
        return 0;
    return ERR_SYNTAX;
}

int
match_service_valid(const char *text, const char **ret_why)
{
    size_t n = strlen(text);
    int rc = path_part_valid(text,
                             "write the full name without slashes, like \"pkg.Service\"; "
                             "the method has its own key",
                             ret_why);

    if (rc == 0 && (text[0] == '.' || text[n - 1] == '.' || strstr(text, ".."))) {
        *ret_why = "a dot stands between two names, like \"pkg.Service\"";
        return ERR_SYNTAX;
    }
    return rc;
}

int
match_method_valid(const char *text, const char **ret_why)
{
    if (strchr(text, '.') && !strchr(text, '/')) {
        *ret_why = "a method has no dots; the package and the service belong to the key "
                   "\"service\"";
        return ERR_SYNTAX;
    }
    return path_part_valid(
        text, "write only the method, like \"SayHello\"; the service has its own key",
        ret_why);
}

int
match_host_valid(const char *text, const char **ret_why)
{
    size_t n = strlen(text);
    const char *name = text, *end = text + n;

    if (n >= 2 && strcmp(end - 2, ".*") == 0)
        end -= 2;
    else if (n >= 2 && strncmp(text, "*.", 2) == 0)
        name += 2;
    if (n > HOST_MAX)
        *ret_why = "a host name has at most 253 characters";
    else if (strcmp(text, "*") == 0)
        return 0;
    else if (strstr(text, "://"))
        *ret_why = "a host is no URL; write only the name, like \"shop.example.com\"";
    else if (text[0] == '[' && text[n - 1] == ']' &&
             strspn(text + 1, "0123456789abcdefABCDEF:.%") == n - 2)
        return 0;
    else if (memchr(name, '*', (size_t)(end - name)))
        *ret_why =
            "a * stands for all names (\"*\"), at the start (\"*.example.com\") or "
            "at the end (\"shop.*\")";
    else if (strchr(text, ':'))
        *ret_why = "write it without the port, which is not looked at; an IPv6 address "
                   "stands in brackets, like \"[::1]\"";
    else if (end == name || (end == name + 1 && *name == '.'))
        *ret_why = "it is empty; leave the key out to match all hosts";
    else if (strspn(name, LETTERS DIGITS "_.-~%") < (size_t)(end - name))
        *ret_why = "a host name is made of letters, digits, - and dots";
    else
        return 0;
    return ERR_SYNTAX;
}

int
match_path_valid(const char *text, const char **ret_why)
{
    struct slice service, method;

    *ret_why =
        "a path is \"/package.Service/Method\"; for all methods of a service use the "
        "key \"service\", for more \"prefix\" or \"regex\"";
    return strlen(text) <= VALUE_MAX ? path_split(slice_of(text), &service, &method)
                                     : ERR_SYNTAX;
}

int
match_path_prefix_valid(const char *text, const char **ret_why)
{
    size_t slashes = 0;

    for (const char *c = text; *c; c++)
        slashes += *c == '/';
    if (text[0] != '/')
        *ret_why = "a path begins with a slash, like \"/package.\"";
    else if (strlen(text) > PART_MAX)
        *ret_why = "it has more than 1024 characters";
    else if (strspn(text, LETTERS DIGITS "_.-/") != strlen(text))
        *ret_why =
            "a path has only letters, digits, _ . - and slashes; no * is needed at "
            "the end of a prefix";
    else if (slashes > 2 || strncmp(text, "//", 2) == 0)
        *ret_why = "a path is /service/method, so this prefix can never match";
    else
        return 0;
    return ERR_SYNTAX;
}

int
match_value_valid(const char *text, const char **ret_why)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        *ret_why = "a header never has control characters";
        if (c < 0x20 || c == 0x7f)
            return ERR_SYNTAX;
    }
    *ret_why = "it has more than 4096 bytes";
    if (n > VALUE_MAX)
        return ERR_SYNTAX;
    *ret_why = "a header has no spaces at its ends";
    return n > 0 && (text[0] == ' ' || text[n - 1] == ' ') ? ERR_SYNTAX : 0;
}

int
match_part_valid(const char *text, const char **ret_why)
{
    *ret_why = "it is empty, so it would match all; leave the key out, or ask with "
               "\"present\": true whether a header is there";
    if (text[0] == '\0')
        return ERR_SYNTAX;
    *ret_why = "it has more than 1024 bytes";
    if (strlen(text) > PART_MAX)
        return ERR_SYNTAX;
    for (const char *c = text; *c; c++) {
        *ret_why = "it has a control character, which never comes";
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return ERR_SYNTAX;
    }
    return 0;
}

/* --- several values ----------------------------------------------------------- */

static void
check_regex(struct conf_place *place, const char *pattern)
{
    struct strbuf why;

    if (!pattern)
        return;
    strbuf_init(&why, WHY_MAX);
    if (regex_check(pattern, &why) != 0)
        conf_problem(place, "regex", "E0273", "this is no regular expression: %s", why.s);
    strbuf_done(&why);
}

/* False: reported. given: how many kinds the object has. */
static bool
check_one_kind(struct conf_place *place, unsigned given, const char *kinds)
{
    if (given == 1)
        return true;
    if (conf_place_clean(place))
        conf_problem(place, NULL, "E0271",
                     given ? "several kinds of match stand here; keep one of %s"
                           : "nothing says what matches; write one of %s",
                     kinds);
    return false;
}

void
match_path_check(void *obj, struct conf_place *place)
{
    const struct path_match_conf *p = obj;

    check_one_kind(place, !!p->exact + !!p->prefix + !!p->regex,
                   "exact, prefix and regex");
    check_regex(place, p->regex);
}

void
match_range_check(void *obj, struct conf_place *place)
{
    const struct range_conf *r = obj;

    if (conf_place_clean(place) && r->from >= r->to)
        conf_problem(place, "to", "E0278",
                     "no number is at least %lld and less than %lld; \"to\" is the first "
                     "number that no longer matches",
                     (long long)r->from, (long long)r->to);
}

void
match_san_check(void *obj, struct conf_place *place)
{
    const struct san_match_conf *s = obj;

    check_one_kind(place, !!s->exact + !!s->prefix + !!s->suffix,
                   "exact, prefix and suffix");
}

/* Names that no route should look at, and what to use instead. */
static const char *
header_name_why(const char *name)
{
    static const char *const hop[] = {
        "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
        "te",         NULL
    };

    if (strcmp(name, ":authority") == 0 || strcmp(name, "host") == 0)
        return "the host has its own key: \"hosts\"";
    if (strcmp(name, ":path") == 0)
        return "the path has its own keys: \"service\", \"method\" and \"path\"";
    if (name[0] == ':')
        return "it belongs to HTTP/2 and says nothing about the call";
    if (strncmp(name, "grpc-", 5) == 0)
        return "headers that begin with grpc- belong to the protocol; use \"service\", "
               "\"method\" or a header of your own";
    for (size_t i = 0; hop[i]; i++) {
        if (strcmp(name, hop[i]) == 0)
            return "it is about the connection and not about the call";
    }
    if (name[0] == '\0' || strlen(name) > PART_MAX)
        return "a name has 1 to 1024 characters";
    if (name[strcspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
        return "names are in lower case in HTTP/2; write it so";
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz" DIGITS "_.-!#$%&'*+^`|~") !=
        strlen(name))
        return "a name is made of letters, digits, - _ and .";
    return NULL;
}

static void
check_base64(struct conf_place *place, const char *key, const char *text)
{
    uint8_t bytes[VALUE_MAX];

    if (text && strlen(text) <= VALUE_MAX && base64_decode(slice_of(text), bytes) < 0)
        conf_problem(
            place, key, "E0276",
            "the value of a header that ends in -bin stands here as base64, which "
            "\"%.80s\" is not",
            text);
}

static void
check_binary(const struct header_match_conf *h, struct conf_place *place)
{
    const struct match_text *v = h->one_of.items;

    if (h->regex || h->range.on || h->ignore_case) {
        conf_problem(place,
                     h->regex      ? "regex"
                     : h->range.on ? "range"
                                   : "ignoreCase",
                     "E0277",
                     "%s holds bytes and no text (-bin); use exact, prefix, suffix, "
                     "contains, oneOf or present",
                     h->name);
        return;
    }
    check_base64(place, "exact", h->exact);
    check_base64(place, "prefix", h->prefix);
    check_base64(place, "suffix", h->suffix);
    check_base64(place, "contains", h->contains);
    for (size_t i = 0; i < h->one_of.n; i++) {
        char key[32];

        snprintf(key, sizeof(key), "oneOf[%zu]", i);
        check_base64(place, key, v[i].text);
    }
}

void
match_header_check(void *obj, struct conf_place *place)
{
    const struct header_match_conf *h = obj;
    const char *why = header_name_why(h->name);
    size_t n = strlen(h->name);
    unsigned given = !!h->exact + !!h->prefix + !!h->suffix + !!h->contains + !!h->regex +
                     (h->one_of.n > 0) + h->range.on + (h->present != CONF_UNSET);

    if (why)
        conf_problem(place, NULL, "E0270", "no route can look at a header \"%.80s\": %s",
                     h->name, why);
    if (!check_one_kind(
            place, given,
            "exact, prefix, suffix, contains, present, oneOf, range and regex"))
        return;
    if (h->present != CONF_UNSET && h->missing_is_empty)
        conf_problem(
            place, "treatMissingAsEmpty", "E0277",
            "with treatMissingAsEmpty no header is ever missing, but present asks "
            "for just that");
    if (h->ignore_case && (h->regex || h->range.on || h->present != CONF_UNSET))
        conf_problem(place, "ignoreCase", "E0277",
                     h->regex
                         ? "a regex does not know ignoreCase; write (?i) at its start"
                         : "ignoreCase does nothing here; leave it out");
    check_regex(place, h->regex);
    if (n >= 4 && strcmp(h->name + n - 4, "-bin") == 0)
        check_binary(h, place);
}

/* The path that service and method make, with what is open left out: "/a.B/" */
static void
check_path_fits(const struct match_conf *m, struct conf_place *place)
{
    struct slice service, method;
    char known[2 * PART_MAX + 4];
    size_t n, prefix_n = m->path.prefix ? strlen(m->path.prefix) : 0;
    bool fits = true;

    if (m->path.exact && path_split(slice_of(m->path.exact), &service, &method) == 0)
        fits = (!m->service || slice_eq_str(service, m->service)) &&
               (!m->method || slice_eq_str(method, m->method));
    if (m->path.prefix && m->service) {
        snprintf(known, sizeof(known), "/%s/%s", m->service, m->method ? m->method : "");
        n = strlen(known);
        fits = strncmp(known, m->path.prefix, n < prefix_n ? n : prefix_n) == 0 &&
               (!m->method || prefix_n <= n);
    }
    if (!fits)
        conf_problem(place, "path", "E0274",
                     "path contradicts service or method: no call fits both");
}

void
match_check(void *obj, struct conf_place *place)
{
    struct match_conf *m = obj;
    const struct match_text *hosts = m->hosts.items;

    m->refused = !conf_place_clean(place);
    if (m->path.on && (m->service || m->method))
        check_path_fits(m, place);
    for (size_t i = 0; m->hosts.n > 1 && i < m->hosts.n; i++) {
        if (hosts[i].text && strcmp(hosts[i].text, "*") == 0)
            conf_warning_item(place, "hosts", i, NULL, "W0320",
                              "\"*\" is for all hosts, so the others in this list do "
                              "nothing");
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_ask.c - one page, or one sentence. */
#include "main/ctl_ask.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "conf/json.h"
#include "main/ctl_args.h"
#include "main/ctl_http.h"
#include "main/ctl_plain.h"
#include "net/addr.h"

enum { STATS_VERSION = 1, PATH_MAX_BYTES = 8000 };

int
ctl_ask_address(const struct ctl_args *a, struct addr *ret)
{
    const char *why = "";

    if (addr_parse(a->address, false, ret, &why) == ERR_OK)
        return EXIT_SUCCESS;
    fprintf(stderr, "outriggerctl: the address \"%.100s\": %s\n", a->address, why);
    return CTL_BAD_USAGE;
}

int
ctl_ask_failed(const struct ctl_args *a, int err, const char *why)
{
    /* A socket with a mode of its own; "is it running" would mislead. */
    if (err == ERR_CONNECT && strcmp(why, strerror(EACCES)) == 0)
        fprintf(
            stderr,
            "outriggerctl: the admin port at %s: %s. Ask as root, or as the user that "
            "outrigger runs as\n",
            a->address, why);
    else if (err == ERR_CONNECT)
        fprintf(stderr,
                "outriggerctl: cannot reach the admin port at %s: %s. Is outrigger "
                "running? Its \"admin\": { \"listen\": ... } says where; give that with "
                "-a\n",
                a->address, why);
    else
        fprintf(stderr, "outriggerctl: the admin port at %s: %s\n", a->address, why);
    return EXIT_FAILURE;
}

int
ctl_ask_page(const struct ctl_args *a, const char *path, struct strbuf *body)
{
    const char *why = "";
    struct addr to;
    int rv = ctl_ask_address(a, &to);

    if (rv != EXIT_SUCCESS)
        return rv;
    rv = ctl_http_get(&to, path, body, &why);
    return rv == ERR_OK ? EXIT_SUCCESS : ctl_ask_failed(a, rv, why);
}

struct json_t *
ctl_ask_read_stats(const struct strbuf *body, const char **ret_why)
{
    struct jtree_fault fault;
    struct json_t *stats = jtree_read(body->s ? body->s : "", body->len, &fault);
    int64_t version = 0;

    *ret_why = "what it says is no JSON; is this the admin port of an outrigger?";
    if (!stats)
        return NULL;
    if (jtree_int(jtree_get(stats, "version"), &version) && version == STATS_VERSION &&
        jtree_is_object(jtree_get(stats, "process")))
        return stats;
    *ret_why = "its /stats.json has another form; is outriggerctl as new as outrigger?";
    jtree_free(stats);
    return NULL;
}

int
ctl_ask_stats(const struct ctl_args *a, struct json_t **ret)
{
    const char *why = "";
    struct strbuf body;
    int rv;

    strbuf_init(&body, CTL_TEXT_MAX);
    rv = ctl_ask_page(a, "/stats.json", &body);
    if (rv == EXIT_SUCCESS) {
        *ret = ctl_ask_read_stats(&body, &why);
        if (!*ret)
            rv = ctl_ask_failed(a, ERR_SYNTAX, why);
    }
    strbuf_done(&body);
    return rv;
}

int
ctl_ask_print(const struct strbuf *text, FILE *to)
{
    fputs(text->s ? text->s : "", to);
    if (fflush(to) == 0 && !ferror(to))
        return EXIT_SUCCESS;
    fputs("outriggerctl: the output could not be written\n", stderr);
    return EXIT_FAILURE;
}

void
ctl_ask_word(struct strbuf *path, const char *key, const char *value)
{
    strbuf_printf(path, "%c%s=", strchr(path->s, '?') ? '&' : '?', key);
    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        if (isalnum(*p) || strchr("-._", *p))
            strbuf_printf(path, "%c", *p);
        else
            strbuf_printf(path, "%%%02X", *p);
    }
}

bool
ctl_ask_words(const struct ctl_args *a, const char *page, struct strbuf *ret_path)
{
    strbuf_init(ret_path, PATH_MAX_BYTES);
    strbuf_puts(ret_path, page);
    for (size_t i = 0; i < a->n_given; i++) {
        const char *name = a->given[i].option->name;

        if (strcmp(name, "json") != 0 && strcmp(name, "admin") != 0)
            ctl_ask_word(ret_path, strcmp(name, "lines") == 0 ? "n" : name,
                         a->given[i].value);
    }
    return !ret_path->cut;
}

int
ctl_ask_say(const struct ctl_args *a, const char *path, bool post, int refused)
{
    const char *why = "";
    struct strbuf body, said;
    struct addr to;
    int status = 0, rv = ctl_ask_address(a, &to);

    if (rv != EXIT_SUCCESS)
        return rv;
    strbuf_init(&body, CTL_TEXT_MAX);
    rv = (post ? ctl_http_post : ctl_http_ask)(&to, path, &status, &body, &why);
    if (rv != ERR_OK) {
        rv = ctl_ask_failed(a, rv, why);
    } else if (status != 200) {
        strbuf_init(&said, 2 * CTL_PLAIN_MAX);
        ctl_plain_add(&said, body.s ? body.s : "", body.len);
        fprintf(stderr, "outriggerctl %s: %s", a->command->name, said.s);
        strbuf_done(&said);
        rv = status == 403 || status == 503 ? EXIT_FAILURE : refused;
    } else {
        rv = ctl_ask_print(&body, stdout);
    }
    strbuf_done(&body);
    return rv;
}

int
ctl_ask_question(const struct ctl_args *a, const char *path)
{
    return ctl_ask_say(a, path, false, CTL_BAD_USAGE);
}

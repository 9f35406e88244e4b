/* SPDX-License-Identifier: Apache-2.0 */
/* What the config says to people: words of other proxies lead to ours, codes are explained by examples that are true. */
#include "configtest.h"

#include <stdio.h>

#include "base/err.h"
#include "conf/alias_words.h"
#include "conf/explain.h"

/* --- words of other proxies ------------------------------------------------------ */

/* True when the row can be of use somewhere below `type`. */
static bool
alias_is_alive(const struct conf_struct *type, const struct alias *a)
{
    if ((!a->level || strcmp(a->level, type->name) == 0) &&
        (!a->path || field_find_path(type, a->path)))
        return true;
    for (const struct conf_field *f = type->fields; f->key; f++) {
        if (f->sub && alias_is_alive(f->sub, a))
            return true;
    }
    for (const struct conf_variant *v = conf_variants(type); v->tag; v++) {
        if (alias_is_alive(v->type, a))
            return true;
    }
    return false;
}

/* Rows for keys whose rows come with another part of this version. */
static bool
alias_waits(const struct alias *a)
{
    static const struct {
        const char *missing, *path;
    } waiting[] = {
        { "listeners.tls", "tls" },
        { "listeners.tls", "certificates" },
        { "listeners.tls", "cert" },
        { "listeners.tls", "key" },
        { "listeners.tls", "clientCa" },
        { "listeners.tls", "clientCert" },
        { "listeners.tls", "allowSan" },
        { "listeners.tls", "pins" },
        { "listeners.tls", "crl" },
        { "listeners.tls", "minVersion" },
        { "listeners.tls", "sessionTickets" },
        { "pools.tls", "ca" },
        { "pools.tls", "matchSan" },
        { "pools.tls", "serverName" },
        { "pools.tls", "insecureSkipVerify" },
        { "listeners.direction", "direction" },
        { "drain.spread", "spread" },
    };

    for (size_t i = 0; a->path && i < ARRAY_LEN(waiting); i++) {
        size_t n = strcspn(a->path, ".");

        if (n == strlen(waiting[i].path) && strncmp(a->path, waiting[i].path, n) == 0)
            return !field_find_path(&config_struct, waiting[i].missing);
    }
    return false;
}

static void
every_word_of_other_proxies_leads_somewhere(void **state)
{
    size_t dead = 0;

    (void)state;
    for (const struct alias *a = alias_words; a->word; a++) {
        if (alias_waits(a) || alias_is_alive(&config_struct, a))
            continue;
        print_message("no %s%s%s for %s\n", a->level ? a->level : "", a->level ? "." : "",
                      a->path ? a->path : "such object", a->word);
        dead++;
    }
    assert_int_equal(dead, 0);
}

/* --- codes ---------------------------------------------------------------------- */

/* A whole file from the keys of an example. */
static void
put_file(struct strbuf *out, const char *keys)
{
    strbuf_puts(out, "{\n\"version\": 1,\n");
    strbuf_puts(out, keys);
    if (!strstr(keys, "\"listeners\""))
        strbuf_puts(out, ",\n\"listeners\": [{ \"listen\": \":8080\", \"routes\": [{ "
                         "\"to\": \"app\" }] }]");
    if (!strstr(keys, "\"pools\""))
        strbuf_puts(out, ",\n\"pools\": [{ \"name\": \"app\", \"endpoints\": "
                         "[\"127.0.0.1:50051\"] }]");
    strbuf_puts(out, "\n}\n");
}

/* Loads the example; true when the code is among what is printed. */
static bool
example_has_code(const char *keys, const char *code, int *ret_rv)
{
    struct conf_snapshot *s = NULL;
    struct strbuf text, problems;
    char mark[16];
    bool has;

    strbuf_init(&text, 8192);
    strbuf_init(&problems, 65536);
    put_file(&text, keys);
    *ret_rv = conf_load_text(&config_struct, "example", text.s, text.len, &problems, &s);
    snprintf(mark, sizeof mark, "[%s]", code);
    has = problems.s && strstr(problems.s, mark);
    if (*ret_rv == 0 && problems.len > 0 && !has)
        fail_msg("%s: %s", code, problems.s);
    conf_drop(s);
    strbuf_done(&text);
    strbuf_done(&problems);
    return has;
}

static void
the_examples_of_each_code_are_true(void **state)
{
    const struct explain_code *c, *before = NULL;

    (void)state;
    for (size_t i = 0; (c = explain_code_at(i)); before = c, i++) {
        int rv;

        assert_non_null(c->title);
        assert_true(strlen(c->text) > 20);
        assert_true(!before || strcmp(before->code, c->code) < 0);
        if (!c->bad)
            continue;
        if (!example_has_code(c->bad, c->code, &rv))
            fail_msg("%s: the bad example does not show it", c->code);
        assert_int_equal(rv == 0, c->code[0] == 'W');
        if (example_has_code(c->good, c->code, &rv) || rv != 0)
            fail_msg("%s: the good example is not good", c->code);
    }
}

static void
keys_and_codes_are_explained(void **state)
{
    static const struct {
        const char *what, *part;
        int rv;
    } rows[] = {
        { "E0107", "E0107: unknown key\n", 0 },
        { "e0107", "E0107: unknown key\n", 0 },
        { "pools.connections.connectTimeout", "duration, from 1ms to 10m; default \"1s\"",
          0 },
        { "pools[0].connections.connectTimeout", "pools.connections.connectTimeout\n",
          0 },
        { "pools[].connections.connectTimeout", "pools.connections.connectTimeout\n", 0 },
        { "connectTimeout", "pools.connections.connectTimeout\n", 0 },
        { "connect_timeout", "pools.connections.connectTimeout\n", 0 },
        { "streamWindow",
          "  listeners.limits.streamWindow\n  pools.connections.streamWindow\n", 0 },
        { "log", "  keys:\n  level", 0 },
        { "version", "only 1; required", 0 },
        { "conectTimeout", "did you mean \"connectTimeout\"?", ERR_SYNTAX },
        { "pools.connection", "did you mean \"pools.connections\"?", ERR_SYNTAX },
        { "E0999", "there is no code E0999; the codes are E0101", ERR_SYNTAX },
        { "fruit",
          "there is no key \"fruit\"; at the top of the file are: ", ERR_SYNTAX },
        { "", "there is no key \"\"", ERR_SYNTAX },
        { "pools[", "pools\n", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct strbuf out;

        strbuf_init(&out, 65536);
        assert_int_equal(conf_explain(&config_struct, rows[i].what, &out), rows[i].rv);
        if (!strstr(out.s, rows[i].part))
            fail_msg("%s: %s", rows[i].what, out.s);
        strbuf_done(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_of_other_proxies_leads_somewhere),
        cmocka_unit_test(the_examples_of_each_code_are_true),
        cmocka_unit_test(keys_and_codes_are_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

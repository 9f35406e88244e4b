/* SPDX-License-Identifier: Apache-2.0 */
/* main/options.c - reads the command line. A new option is one row of options_rows.c and one
 * case in option_take. */
#include "main/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "conf/env.h"
#include "conf/near.h"
#include "conf/print.h"
#include "conf/snapshot.h"
#include "conf/values.h"
#include "main/config.h"
#include "main/options_rows.h"

enum { LONG_FIRST = 256, WHY_MAX = 2048, SETS_MAX = 3 };

static int PRINTF_LIKE(2, 3) usage_fail(struct strbuf *problems, const char *fmt, ...)
{
    va_list ap;

    strbuf_puts(problems, "outrigger: ");
    va_start(ap, fmt);
    strbuf_vprintf(problems, fmt, ap);
    va_end(ap);
    strbuf_puts(problems, "\n");
    return ERR_SYNTAX;
}

/* The values that win over the file. Returns how many there are. */
static size_t
options_sets(const struct options *o, struct conf_set sets[SETS_MAX])
{
    size_t n = 0;

    if (o->workers)
        sets[n++] = (struct conf_set){ .key = "workers", .value = o->workers };
    if (o->admin)
        sets[n++] = (struct conf_set){ .key = "admin.listen", .value = o->admin };
    if (o->log_level)
        sets[n++] = (struct conf_set){ .key = "log.level", .value = o->log_level };
    return n;
}

/* --- reading ---------------------------------------------------------------- */

static const struct option_row *
row_of_value(int value)
{
    for (size_t i = 0; i < OPTION_N_ROWS; i++) {
        if (value == LONG_FIRST + (int)option_rows[i].id ||
            (option_rows[i].letter && value == option_rows[i].letter))
            return &option_rows[i];
    }
    return NULL;
}

static int
row_has_arg(const struct option_row *row)
{
    if (!row->arg)
        return no_argument;
    return row->arg[0] == '[' ? optional_argument : required_argument;
}

/* Keeps a value that has a key in the file; a bad one is told at once. */
static int
option_set(const char **at, const char *key, const char *name, const char *value,
           struct strbuf *problems)
{
    const struct conf_set set = { .key = key, .value = value };
    struct strbuf why;
    int rv;

    strbuf_init(&why, WHY_MAX);
    rv = conf_set_check(&config_struct, &set, &why);
    if (rv != 0)
        usage_fail(problems, "--%s %s", name, why.s ? why.s : "cannot be used");
    strbuf_done(&why);
    *at = value;
    return rv;
}

static int
option_for(struct options *o, const char *value, struct strbuf *problems)
{
    struct value_note note;

    if (duration_parse(value, &o->demo_for_ms, &note) == 0)
        return o->demo_for_ms > 0
                   ? 0
                   : usage_fail(problems, "--for needs some time, as 30s; without it the "
                                          "demo runs on");
    return usage_fail(problems, "--for %s%s%s", note.why,
                      note.meant[0] ? "; did you mean " : "", note.meant);
}

/* One of the modes that only print; the last one named wins, but --help always does. */
static int
option_mode(struct options *o, enum options_mode mode)
{
    if (o->mode != OPTIONS_HELP)
        o->mode = mode;
    return 0;
}

static int
option_take(struct options *o, enum option_id id, const char *value,
            struct strbuf *problems)
{
    switch (id) {
    case OPTION_CONFIG:
        if (o->config_file)
            return usage_fail(problems,
                              "-c is given twice; one file holds the whole config");
        o->config_file = value;
        return 0;
    case OPTION_LISTEN:
        if (o->listen)
            return usage_fail(problems,
                              "--listen is given twice; several listeners need a "
                              "config file (start with --print-config)");
        o->listen = value;
        return 0;
    case OPTION_BACKEND:
        if (o->n_backends == OPTIONS_BACKENDS_MAX)
            return usage_fail(problems, "more than %d backends need a config file",
                              OPTIONS_BACKENDS_MAX);
        o->backends[o->n_backends++] = value;
        return 0;
    case OPTION_WORKERS:
        return option_set(&o->workers, "workers", "workers", value, problems);
    case OPTION_ADMIN:
        return option_set(&o->admin, "admin.listen", "admin", value, problems);
    case OPTION_LOG_LEVEL:
        return option_set(&o->log_level, "log.level", "log-level", value, problems);
    case OPTION_FOR:
        return option_for(o, value, problems);
    case OPTION_CHECK:
        if (value && strcmp(value, "strict") != 0)
            return usage_fail(problems,
                              "--check=%s is not known; there is --check=strict", value);
        o->strict = o->strict || value;
        return option_mode(o, OPTIONS_CHECK);
    case OPTION_FORMAT:
        if (strcmp(value, "json") != 0 && strcmp(value, "text") != 0)
            return usage_fail(problems, "--format is text or json, not %s", value);
        o->format = value;
        return 0;
    case OPTION_DEMO:
        o->demo = true;
        return o->mode == OPTIONS_PRINT_CONFIG || o->mode == OPTIONS_CHECK
                   ? 0
                   : option_mode(o, OPTIONS_DEMO);
    case OPTION_PRINT_CONFIG:
        return option_mode(o, OPTIONS_PRINT_CONFIG);
    case OPTION_PRINT_SCHEMA:
        return option_mode(o, OPTIONS_PRINT_SCHEMA);
    case OPTION_PRINT_MAN:
        return option_mode(o, OPTIONS_PRINT_MAN);
    case OPTION_EXPLAIN:
        o->explain = value;
        return option_mode(o, OPTIONS_EXPLAIN);
    case OPTION_VERSION:
        return option_mode(o, o->mode == OPTIONS_VERSION ? OPTIONS_VERSIONS
                                                         : OPTIONS_VERSION);
    case OPTION_HELP:
        o->mode = OPTIONS_HELP;
        return 0;
    case OPTION_N_ROWS:
        break;
    }
    return 0;
}

/* getopt does not know the option, or (missing) its value is not there. */
static int
explain_option(int argc, char **argv, bool missing, struct strbuf *problems)
{
    const struct option_row *row = row_of_value(optopt);
    const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";
    const char *names[OPTION_N_ROWS], *near;
    char bare[64];

    if (missing && row)
        return usage_fail(problems, "%s%s needs a value: %s", row->letter ? "-" : "--",
                          row->letter ? (const char[]){ row->letter, '\0' } : row->name,
                          row->arg);
    if (row)
        return usage_fail(problems, "--%s takes no value", row->name);
    if (optopt) /* a letter, maybe one of several in a word */
        return usage_fail(problems, "unknown option -%c; outrigger --help lists all",
                          optopt);
    for (size_t i = 0; i < OPTION_N_ROWS; i++)
        names[i] = option_rows[i].help ? option_rows[i].name : NULL;
    snprintf(bare, sizeof bare, "%.*s", (int)strcspn(word + strspn(word, "-"), "="),
             word + strspn(word, "-"));
    near = near_find(bare, names, OPTION_N_ROWS);
    if (near)
        return usage_fail(problems, "unknown option --%s; did you mean --%s?", bare,
                          near);
    return usage_fail(problems, "unknown option --%s; outrigger --help lists all", bare);
}

/* Options that only make sense together, or not together. */
static int
options_check(const struct options *o, struct strbuf *problems)
{
    bool direct = o->listen || o->n_backends > 0;
    bool needs_config = o->mode == OPTIONS_RUN || o->mode == OPTIONS_CHECK;

    bool demo = o->demo && (o->mode == OPTIONS_DEMO || o->mode == OPTIONS_PRINT_CONFIG);

    if (o->demo && o->mode == OPTIONS_CHECK)
        return usage_fail(problems, "-t checks a file; --demo brings its own config, "
                                    "which outrigger --demo --print-config shows");
    if (demo && (o->config_file || o->n_backends > 0))
        return usage_fail(problems,
                          "--demo brings its own listener and backends; leave out %s",
                          o->config_file ? "-c" : "--backend");
    if (demo)
        return 0;
    if (o->demo_for_ms > 0 && o->mode != OPTIONS_DEMO && needs_config)
        return usage_fail(problems, "--for belongs to --demo");
    if (o->config_file && direct)
        return usage_fail(problems,
                          "-c and --listen or --backend are two ways to say the same; "
                          "use one of them");
    if (o->listen && o->n_backends == 0)
        return usage_fail(problems, "--listen needs a --backend, for example --backend "
                                    "127.0.0.1:50051");
    if (o->n_backends > 0 && !o->listen)
        return usage_fail(problems,
                          "--backend needs --listen, for example --listen :8080");
    if (o->format && o->mode != OPTIONS_CHECK)
        return usage_fail(problems, "--format belongs to --check");
    if (!needs_config || o->config_file || direct)
        return 0;
    if (o->mode == OPTIONS_CHECK)
        return usage_fail(problems, "-t needs a file to check: outrigger -t -c FILE");
    return usage_fail(problems, "nothing to do; try one of\n"
                                "  outrigger --demo\n"
                                "  outrigger --listen :8080 --backend 127.0.0.1:50051\n"
                                "  outrigger -c FILE\n"
                                "  outrigger --help");
}

int
options_parse(struct options *o, int argc, char **argv, struct strbuf *problems)
{
    struct option longs[OPTION_N_ROWS + 1] = { 0 };
    char letters[2 * OPTION_N_ROWS + 2] = ":";
    size_t n_letters = 1;
    int value, index = 0, rv = 0;

    *o = (struct options){ .mode = OPTIONS_RUN };
    for (size_t i = 0; i < OPTION_N_ROWS; i++) {
        longs[i] = (struct option){ .name = option_rows[i].name,
                                    .has_arg = row_has_arg(&option_rows[i]),
                                    .val = LONG_FIRST + (int)option_rows[i].id };
        if (option_rows[i].letter)
            letters[n_letters++] = option_rows[i].letter;
        if (option_rows[i].letter && row_has_arg(&option_rows[i]) == required_argument)
            letters[n_letters++] = ':';
    }
    opterr = 0;
    optind = 0; /* glibc: start anew, also when called before */
    while ((value = getopt_long(argc, argv, letters, longs, &index)) != -1) {
        const struct option_row *row = row_of_value(value);
        int one = value == '?' || value == ':' || !row
                      ? explain_option(argc, argv, value == ':', problems)
                      : option_take(o, row->id, optarg, problems);

        rv = rv ? rv : one;
    }
    if (o->mode == OPTIONS_HELP)
        return 0;
    if (rv == 0 && optind < argc)
        rv = usage_fail(problems,
                        "\"%s\" is not an option; a config file is given as -c %s",
                        argv[optind], argv[optind]);
    return rv ? rv : options_check(o, problems);
}

/* --- what they stand for ------------------------------------------------------ */

/* A JSON string without variables: what the shell gave is taken as it is. */
static void
put_argument(struct strbuf *out, const char *text)
{
    struct strbuf plain;

    strbuf_init(&plain, CONF_FILE_MAX);
    env_escape(text, &plain);
    conf_put_string(out, plain.s ? plain.s : "");
    strbuf_done(&plain);
}

void
options_config_text(const struct options *o, struct strbuf *out)
{
    strbuf_puts(out, "{\n  \"version\": 1,\n  \"listeners\": [{ \"listen\": ");
    put_argument(out, o->listen);
    strbuf_puts(out, ", \"routes\": [{ \"to\": \"backend\" }] }],\n"
                     "  \"pools\": [{ \"name\": \"backend\", \"endpoints\": [");
    for (size_t i = 0; i < o->n_backends; i++) {
        strbuf_puts(out, i ? ",\n    " : "\n    ");
        put_argument(out, o->backends[i]);
    }
    strbuf_puts(out, "\n  ] }]\n}\n");
}

bool
options_want_json(const struct options *o)
{
    return o->format && strcmp(o->format, "json") == 0;
}

/* text NULL: the file. */
static int
load_with(const struct options *o, const char *name, const char *text, size_t n,
          struct strbuf *problems, struct conf_snapshot **ret_snapshot)
{
    struct conf_set sets[SETS_MAX];
    const struct conf_load load = { .root = &config_struct,
                                    .name = name,
                                    .text = text,
                                    .n = n,
                                    .sets = sets,
                                    .n_sets = options_sets(o, sets),
                                    .strict = o->strict,
                                    .json = options_want_json(o) };

    return conf_load(&load, problems, ret_snapshot);
}

int
options_load_text(const struct options *o, const char *name, const char *text, size_t n,
                  struct strbuf *problems, struct conf_snapshot **ret_snapshot)
{
    return load_with(o, name, text, n, problems, ret_snapshot);
}

int
options_load(const struct options *o, struct strbuf *problems,
             struct conf_snapshot **ret_snapshot)
{
    struct strbuf text;
    int rv;

    if (o->config_file)
        return load_with(o, o->config_file, NULL, 0, problems, ret_snapshot);
    strbuf_init(&text, CONF_FILE_MAX);
    options_config_text(o, &text);
    rv = load_with(o, "<options>", text.s, text.len, problems, ret_snapshot);
    strbuf_done(&text);
    return rv;
}

/* --- help -------------------------------------------------------------------- */

void
options_help(struct strbuf *out)
{
    strbuf_puts(out, "outrigger - a gRPC proxy and load balancer\n\n"
                     "  outrigger -c FILE\n"
                     "  outrigger -t -c FILE\n"
                     "  outrigger --listen ADDR --backend TARGET [--backend TARGET ...]\n"
                     "  outrigger --demo\n\n");
    for (size_t i = 0; i < OPTION_N_ROWS; i++) {
        if (option_rows[i].help)
            option_row_help(&option_rows[i], out);
    }
    strbuf_puts(out,
                "\nTERM, INT and QUIT end the program when running calls are done; a "
                "second one ends it now.\n"
                "Manual: man outrigger, man outrigger.json\n");
}

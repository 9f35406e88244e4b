/* SPDX-License-Identifier: Apache-2.0 */
/* main/options_rows.c - the rows, and how a row is shown. After a change run `make
 * update-golden` for the manual and the completions. */
#include "main/options_rows.h"

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "conf/print.h"

enum { HELP_COLUMN = 22, HELP_WIDTH = 92 };

const struct option_row option_rows[OPTION_N_ROWS] = {
    { OPTION_CONFIG, 'c', "config", "FILE",
      "run with this config file; - is standard input" },
    { OPTION_CHECK, 't', "check", "[=strict]",
      "check the config and exit: 0 good, 1 bad, 2 wrong use of options; with "
      "--check=strict a warning is bad too" },
    { OPTION_FORMAT, 0, "format", "text|json",
      "with --check: how problems are told; json is for editors and CI jobs" },
    { OPTION_LISTEN, 0, "listen", "ADDR",
      "without a file: accept clients here, as 127.0.0.1:8080, :8080 or unix:/path" },
    { OPTION_BACKEND, 0, "backend", "TARGET",
      "without a file: send calls there, as 127.0.0.1:50051; may be repeated" },
    { OPTION_WORKERS, 0, "workers", "N",
      "threads that carry calls, in place of the file's workers" },
    { OPTION_ADMIN, 0, "admin", "ADDR",
      "where metrics are served, or off, in place of the file's admin.listen" },
    { OPTION_LOG_LEVEL, 0, "log-level", "LEVEL",
      "error, warn, info or debug, in place of the file's log.level" },
    { OPTION_DEMO, 0, "demo", NULL,
      "backends, proxy and load in one process, on loopback only" },
    { OPTION_FOR, 0, "for", "TIME", "end the demo after this time, as 30s" },
    { OPTION_PRINT_CONFIG, 0, "print-config", NULL,
      "with -c or --demo: print the config with all defaults and its secrets; alone: a "
      "commented file to start from" },
    { OPTION_PRINT_SCHEMA, 0, "print-schema", NULL,
      "print the JSON Schema of the config, for editors" },
    { OPTION_PRINT_MAN, 0, "print-man", NULL, NULL },
    { OPTION_EXPLAIN, 0, "explain", "KEY",
      "explain a config key, as pools.connections.connectTimeout, or an error code, as "
      "E0107" },
    { OPTION_VERSION, 'V', "version", NULL,
      "print the version; -VV also of the libraries" },
    { OPTION_HELP, 'h', "help", NULL, "print this text" },
};

void
option_row_help(const struct option_row *row, struct strbuf *out)
{
    struct strbuf left;
    char prefix[HELP_COLUMN + 4];
    struct strbuf text;

    strbuf_init(&left, 128);
    strbuf_init(&text, 4096);
    if (row->letter)
        strbuf_printf(&left, "  -%c, --%s", row->letter, row->name);
    else
        strbuf_printf(&left, "      --%s", row->name);
    if (row->arg)
        strbuf_printf(&left, "%s%s", row->arg[0] == '[' ? "" : " ", row->arg);
    snprintf(prefix, sizeof prefix, "%*s", HELP_COLUMN + 2, "");
    conf_put_wrapped(&text, prefix, HELP_WIDTH, row->help);
    if (left.len <= HELP_COLUMN)
        strbuf_printf(out, "%-*s  %s", HELP_COLUMN, left.s, text.s + HELP_COLUMN + 2);
    else
        strbuf_printf(out, "%s\n%s", left.s, text.s);
    strbuf_done(&left);
    strbuf_done(&text);
}

/* Text that is no macro, whatever it holds. */
static void
man_text(struct strbuf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '-')
            strbuf_puts(out, "\\-");
        else if (*text == '\\')
            strbuf_puts(out, "\\e");
        else
            strbuf_add(out, text, 1);
    }
}

/* A value: mdoc needs the marks between words on their own. */
static void
man_value(struct strbuf *out, const char *arg)
{
    bool may = arg[0] == '[';

    strbuf_puts(out, may ? " Ns Op = Ns Ar " : " Ar ");
    for (arg += may ? 2 : 0; *arg && *arg != ']'; arg++)
        strbuf_printf(out, *arg == '|' ? " %c " : "%c", *arg);
}

void
option_rows_man(struct strbuf *out)
{
    for (size_t i = 0; i < OPTION_N_ROWS; i++) {
        const struct option_row *row = &option_rows[i];

        if (!row->help)
            continue;
        strbuf_puts(out, ".It ");
        if (row->letter)
            strbuf_printf(out, "Fl %c , ", row->letter);
        strbuf_printf(out, "Fl -%s", row->name);
        if (row->arg)
            man_value(out, row->arg);
        strbuf_puts(out, "\n");
        man_text(out, row->help);
        strbuf_puts(out, ".\n");
    }
}

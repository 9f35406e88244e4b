/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_text.c - help for one screen, the help of one command, the manual. */
#include "main/ctl_text.h"

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "conf/print.h"
#include "main/ctl_table.h"
#include "main/options_rows.h"

enum { WIDTH = 92, NAME_WIDTH = 14, USAGE_MAX = 4096 };

static void
put_option(const struct ctl_option *o, struct strbuf *out)
{
    const struct option_row row = {
        .letter = o->letter, .name = o->name, .arg = o->arg, .help = o->help
    };

    option_row_help(&row, out);
}

/* "outriggerctl explain-call [options]" */
static void
put_usage(const struct ctl_command *c, struct strbuf *out)
{
    strbuf_printf(out, "outriggerctl %s%s%s%s", c->name,
                  c->options || c->asks ? " [options]" : "", c->operands ? " " : "",
                  c->operands ? c->operands : "");
}

static void
put_command(const struct ctl_command *c, struct strbuf *out)
{
    char prefix[NAME_WIDTH + 4];
    struct strbuf text;

    snprintf(prefix, sizeof prefix, "%*s", NAME_WIDTH + 2, "");
    strbuf_init(&text, USAGE_MAX);
    conf_put_wrapped(&text, prefix, WIDTH, c->help);
    strbuf_printf(out, "  %-*s%s", NAME_WIDTH, c->name, text.s + NAME_WIDTH + 2);
    strbuf_done(&text);
}

void
ctl_text_help(struct strbuf *out)
{
    strbuf_puts(out, "usage: outriggerctl COMMAND [options]\n\ncommands:\n");
    for (size_t i = 0; i < ctl_n_commands; i++)
        put_command(&ctl_commands[i], out);
    strbuf_puts(out, "\noptions of all commands that ask a running outrigger:\n");
    for (const struct ctl_option *o = ctl_common_options; o->name; o++)
        put_option(o, out);
    strbuf_puts(out,
                "\noutriggerctl COMMAND --help says more. Manual: man outriggerctl\n");
}

void
ctl_text_command(const struct ctl_command *c, struct strbuf *out)
{
    strbuf_puts(out, "usage: ");
    put_usage(c, out);
    strbuf_puts(out, "\n\n");
    conf_put_wrapped(out, "", WIDTH, c->help);
    for (const char *at = c->about; at && *at;) {
        size_t n = strcspn(at, "\n");
        struct strbuf one;

        strbuf_init(&one, USAGE_MAX);
        strbuf_add(&one, at, n);
        strbuf_puts(out, "\n");
        conf_put_wrapped(out, "", WIDTH, one.s);
        strbuf_done(&one);
        at += n + (at[n] == '\n');
    }
    strbuf_puts(out, "\noptions:\n");
    for (const struct ctl_option *o = c->options; o && o->name; o++)
        put_option(o, out);
    for (const struct ctl_option *o = ctl_common_options + !c->asks; o->name; o++)
        put_option(o, out);
}

/* --- the manual --------------------------------------------------------------- */

static const char man_head[] =
    ".\\\" SPDX-License-Identifier: Apache-2.0\n"
    ".\\\" Made from the rows of src/main/ctl_table.c by make update-golden; change "
    "those.\n"
    ".TH OUTRIGGERCTL 1 2026-11-30 \"outrigger\" \"User commands\"\n"
    ".SH NAME\n"
    "outriggerctl \\- look into a running outrigger, and tell it what to do\n"
    ".SH SYNOPSIS\n"
    ".B outriggerctl\n"
    ".I COMMAND\n"
    "[options]\n"
    ".SH DESCRIPTION\n"
    ".B outriggerctl\n"
    "asks the admin port of a running\n"
    ".BR outrigger (8)\n"
    "and prints what it says, or tells it what to do.\n"
    "Each command has\n"
    ".BR \\-\\-help .\n"
    ".SH COMMANDS\n";

static const char man_tail[] =
    ".SH STATES OF AN ENDPOINT\n"
    ".TP\n"
    ".B ready\n"
    "It gets calls and has connections.\n"
    ".TP\n"
    ".B idle\n"
    "It would get calls; there is no connection yet.\n"
    ".TP\n"
    ".B unchecked\n"
    "It waits for its first health check.\n"
    ".TP\n"
    ".B disabled\n"
    "An operator took it out with outriggerctl endpoint.\n"
    ".TP\n"
    ".B unhealthy\n"
    "Its health checks fail, or it says that it does not serve.\n"
    ".TP\n"
    ".B ejected\n"
    "Outlier detection took it out for a while.\n"
    ".TP\n"
    ".B tripped\n"
    "Its breaker waits before it tries one call.\n"
    ".TP\n"
    ".B on trial\n"
    "The next call tries it.\n"
    ".PP\n"
    "An endpoint that its target does not name any more is not shown by pools, also "
    "while\n"
    "its open calls end;\n"
    ".B explain\\-call\n"
    "shows it as draining.\n"
    ".SH EXIT STATUS\n"
    "0: done. 1: the admin port cannot be reached, or did not answer, or refused; the\n"
    "config is bad. 2: bad usage, or a question of explain\\-call that has no answer.\n"
    "A command with other codes says so above.\n"
    ".SH SEE ALSO\n"
    ".BR outrigger (8),\n"
    ".BR outrigger.json (5)\n";

/* One paragraph of text: no macro, whatever it holds; each sentence on a line of its own. */
static void
man_text(struct strbuf *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '-')
            strbuf_puts(out, "\\-");
        else if (text[i] == '\\')
            strbuf_puts(out, "\\e");
        else if (i > 0 && text[i] == ' ' && text[i - 1] == '.')
            strbuf_puts(out, "\n");
        else
            strbuf_add(out, text + i, 1);
    }
    strbuf_puts(out, "\n");
}

static void
man_option(struct strbuf *out, const struct ctl_option *o)
{
    strbuf_puts(out, ".TP\n\\fB");
    if (o->letter)
        strbuf_printf(out, "\\-%c\\fR, \\fB", o->letter);
    strbuf_puts(out, "\\-\\-");
    man_text(out, o->name, strlen(o->name));
    out->len--; /* the value goes on the same line */
    strbuf_printf(out, "\\fR%s%s%s\n", o->arg ? " \\fI" : "", o->arg ? o->arg : "",
                  o->arg ? "\\fR" : "");
    man_text(out, o->help, strlen(o->help));
}

static void
man_command(struct strbuf *out, const struct ctl_command *c)
{
    strbuf_puts(out, ".SS ");
    man_text(out, c->name, strlen(c->name));
    if (c->operands) {
        out->len--;
        strbuf_printf(out, " %s\n", c->operands);
    }
    strbuf_printf(out, "%c",
                  c->help[0] - ('a' <= c->help[0] && c->help[0] <= 'z' ? 32 : 0));
    man_text(out, c->help + 1, strlen(c->help + 1));
    out->len--;
    strbuf_puts(out, ".\n");
    for (const char *at = c->about; at && *at;) {
        size_t n = strcspn(at, "\n");

        if (at != c->about)
            strbuf_puts(out, ".PP\n");
        man_text(out, at, n);
        at += n + (at[n] == '\n');
    }
    for (const struct ctl_option *o = c->options; o && o->name; o++)
        man_option(out, o);
}

void
ctl_text_man(struct strbuf *out)
{
    strbuf_puts(out, man_head);
    for (size_t i = 0; i < ctl_n_commands; i++)
        man_command(out, &ctl_commands[i]);
    strbuf_puts(out, ".SH OPTIONS\nOf all commands (\\-\\-admin: of those that ask):\n");
    for (const struct ctl_option *o = ctl_common_options; o->name; o++)
        man_option(out, o);
    strbuf_puts(out, man_tail);
}

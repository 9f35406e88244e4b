/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_complete.c - one script per shell for both programs. Options of outrigger are
 * brought into the form of ours first: one that may have a value ("--check[=strict]") is
 * two words. */
#include "main/ctl_complete.h"

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "main/ctl_ask.h"
#include "main/ctl_table.h"
#include "main/options_rows.h"

enum { NAME_MAX_BYTES = 48, OUTRIGGER_MAX = 2 * OPTION_N_ROWS };

struct outrigger_options {
    struct ctl_option rows[OUTRIGGER_MAX + 1]; /* ends like those of a command */
    char names[OUTRIGGER_MAX][NAME_MAX_BYTES];
};

static void
outrigger_options(struct outrigger_options *o)
{
    size_t n = 0;

    memset(o, 0, sizeof *o);
    for (size_t i = 0; i < OPTION_N_ROWS; i++) {
        const struct option_row *row = &option_rows[i];
        bool may = row->arg && row->arg[0] == '[';

        if (!row->help)
            continue;
        o->rows[n++] = (struct ctl_option){ .name = row->name,
                                            .letter = row->letter,
                                            .arg = may ? NULL : row->arg,
                                            .help = row->help };
        if (!may)
            continue;
        snprintf(o->names[n], NAME_MAX_BYTES, "%s%.*s", row->name,
                 (int)strlen(row->arg) - 2, row->arg + 1);
        o->rows[n] = (struct ctl_option){ .name = o->names[n], .help = row->help };
        n++;
    }
}

/* What may stand for the word in the usage line. */
static bool
is_file(const char *arg)
{
    return arg && strncmp(arg, "FILE", 4) == 0;
}

/* "a|b": the words with blanks between them; false: it is a name for something else. */
static bool
put_words(struct strbuf *out, const char *arg)
{
    if (!arg || !strchr(arg, '|'))
        return false;
    for (; *arg && *arg != ' '; arg++)
        strbuf_printf(out, "%c", *arg == '|' ? ' ' : *arg);
    return true;
}

/* --- bash ----------------------------------------------------------------------- */

static void
bash_names(struct strbuf *out, const struct ctl_option *o)
{
    for (; o && o->name; o++)
        strbuf_printf(out, "--%s ", o->name);
}

/* Cases for the values of options: of `command`, or of all when it is "*". */
static void
bash_values(struct strbuf *out, const char *command, const struct ctl_option *o)
{
    for (; o && o->name; o++) {
        if (!o->arg)
            continue;
        strbuf_puts(out, "    ");
        if (o->letter)
            strbuf_printf(out, "%s,-%c|", command, o->letter);
        strbuf_printf(out, "%s,--%s)", command, o->name);
        if (is_file(o->arg)) {
            strbuf_puts(out, " files=1 words= ;;\n");
            continue;
        }
        strbuf_puts(out, " words=\"");
        put_words(out, o->arg);
        strbuf_puts(out, "\" files= ;;\n");
    }
}

static void
bash_command(struct strbuf *out, const struct ctl_command *c)
{
    strbuf_printf(out, "    %s) words=\"", c->name);
    if (put_words(out, c->operands))
        strbuf_puts(out, " ");
    bash_names(out, c->options);
    bash_names(out, ctl_common_options + !c->asks);
    out->len--;
    strbuf_printf(out, "\"%s ;;\n", is_file(c->operands) ? " files=1" : "");
}

/* Options whose value is the next word, so that it is not taken for the command. */
static void
bash_with_value(struct strbuf *out)
{
    const char *before = "";

    for (size_t i = 0; i <= ctl_n_commands; i++) {
        const struct ctl_option *o =
            i < ctl_n_commands ? ctl_commands[i].options : ctl_common_options;

        for (; o && o->name; o++) {
            if (!o->arg)
                continue;
            if (o->letter)
                strbuf_printf(out, "%s-%c", before, o->letter);
            strbuf_printf(out, "%s--%s", o->letter ? "|" : before, o->name);
            before = "|";
        }
    }
}

static const char bash_end[] =
    "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
    "    if [ -n \"$files\" ] && [ \"${word#-}\" = \"$word\" ]; then\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
    "    fi\n"
    "}\n";

static void
script_bash(struct strbuf *out, const struct outrigger_options *other)
{
    strbuf_puts(out, "# shellcheck shell=bash\n"
                     "_outriggerctl()\n{\n"
                     "    local word=${COMP_WORDS[COMP_CWORD]} "
                     "before=${COMP_WORDS[COMP_CWORD-1]}\n"
                     "    local command='' words='' files='' i\n"
                     "    COMPREPLY=()\n"
                     "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                     "        case ${COMP_WORDS[i]} in\n        ");
    bash_with_value(out);
    strbuf_puts(out, ") ((i++)) ;;\n"
                     "        -*) ;;\n"
                     "        *) command=${COMP_WORDS[i]}; break ;;\n"
                     "        esac\n"
                     "    done\n"
                     "    case $command in\n    '') words=\"");
    for (size_t i = 0; i < ctl_n_commands; i++)
        strbuf_printf(out, "%s ", ctl_commands[i].name);
    bash_names(out, ctl_common_options);
    out->len--;
    strbuf_puts(out, "\" ;;\n");
    for (size_t i = 0; i < ctl_n_commands; i++)
        bash_command(out, &ctl_commands[i]);
    strbuf_puts(out, "    esac\n    case $command,$before in\n");
    for (size_t i = 0; i < ctl_n_commands; i++)
        bash_values(out, ctl_commands[i].name, ctl_commands[i].options);
    bash_values(out, "*", ctl_common_options);
    strbuf_puts(out, "    esac\n");
    strbuf_puts(out, bash_end);
    strbuf_puts(out, "_outrigger()\n{\n"
                     "    local word=${COMP_WORDS[COMP_CWORD]} "
                     "before=${COMP_WORDS[COMP_CWORD-1]}\n"
                     "    local files='' words=\"");
    bash_names(out, other->rows);
    out->len--;
    strbuf_puts(out, "\"\n    COMPREPLY=()\n    case ,$before in\n");
    bash_values(out, "", other->rows);
    strbuf_puts(out, "    esac\n");
    strbuf_puts(out, bash_end);
    strbuf_puts(out, "complete -F _outriggerctl outriggerctl\n"
                     "complete -F _outrigger outrigger\n");
}

/* --- zsh ------------------------------------------------------------------------ */

/* Inside '...' of the shell; `special` are marks of _arguments too. */
static void
quoted(struct strbuf *out, const char *text, const char *special)
{
    for (; *text; text++) {
        if (*text == '\'')
            strbuf_puts(out, "'\\''");
        else
            strbuf_printf(out, strchr(special, *text) ? "\\%c" : "%c", *text);
    }
}

static void
zsh_value(struct strbuf *out, const char *arg)
{
    strbuf_puts(out, ":");
    quoted(out, arg, ":\\");
    strbuf_puts(out, ":");
    if (is_file(arg)) {
        strbuf_puts(out, "_files");
    } else if (strchr(arg, '|')) {
        strbuf_puts(out, "(");
        put_words(out, arg);
        strbuf_puts(out, ")");
    } else {
        strbuf_puts(out, " ");
    }
}

static void
zsh_options(struct strbuf *out, const struct ctl_option *o)
{
    for (; o && o->name; o++) {
        strbuf_puts(out, " \\\n            ");
        if (o->letter)
            strbuf_printf(out, "'(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name,
                          o->letter, o->arg ? "+" : "", o->name, o->arg ? "=" : "");
        else
            strbuf_printf(out, "'%s--%s%s[", o->many ? "*" : "", o->name,
                          o->arg ? "=" : "");
        quoted(out, o->help, "[]:\\");
        strbuf_puts(out, "]");
        if (o->arg)
            zsh_value(out, o->arg);
        strbuf_puts(out, "'");
    }
}

static void
zsh_command(struct strbuf *out, const struct ctl_command *c)
{
    strbuf_printf(out, "        %s) _arguments", c->name);
    zsh_options(out, c->options);
    zsh_options(out, ctl_common_options + !c->asks);
    if (c->operands) {
        strbuf_puts(out, " \\\n            '");
        strbuf_printf(out, "%s", c->max_operands > 1 ? "*" : "1");
        zsh_value(out, c->operands);
        strbuf_puts(out, "'");
    }
    strbuf_puts(out, " ;;\n");
}

static void
script_zsh(struct strbuf *out, const struct outrigger_options *other)
{
    strbuf_puts(out, "_outrigger()\n{\n        _arguments");
    zsh_options(out, other->rows);
    strbuf_puts(out, "\n}\n"
                     "_outriggerctl()\n{\n"
                     "    local curcontext=$curcontext state line\n"
                     "    local -a commands\n"
                     "    if [[ $service == outrigger ]]; then\n"
                     "        _outrigger\n"
                     "        return\n"
                     "    fi\n"
                     "    commands=(\n");
    for (size_t i = 0; i < ctl_n_commands; i++) {
        strbuf_printf(out, "        '%s:", ctl_commands[i].name);
        quoted(out, ctl_commands[i].help, ":\\");
        strbuf_puts(out, "'\n");
    }
    strbuf_puts(out, "    )\n    _arguments -C");
    zsh_options(out, ctl_common_options);
    strbuf_puts(out, " \\\n            '1: :->command' '*:: :->rest' && return\n"
                     "    case $state in\n"
                     "    command) _describe -t commands command commands ;;\n"
                     "    rest)\n"
                     "        case $words[1] in\n");
    for (size_t i = 0; i < ctl_n_commands; i++)
        zsh_command(out, &ctl_commands[i]);
    strbuf_puts(out, "        esac ;;\n    esac\n}\n"
                     "# Loaded by the shell when it is needed, or by \"source\".\n"
                     "if [[ $funcstack[1] == _outriggerctl ]]; then\n"
                     "    _outriggerctl \"$@\"\n"
                     "else\n"
                     "    compdef _outriggerctl outriggerctl\n"
                     "    compdef _outrigger outrigger\n"
                     "fi\n");
}

/* --- fish ----------------------------------------------------------------------- */

/* when: a condition with its quotes, or "". */
static void
fish_options(struct strbuf *out, const char *program, const char *when,
             const struct ctl_option *o)
{
    for (; o && o->name; o++) {
        strbuf_printf(out, "complete -c %s%s", program, when);
        if (o->letter)
            strbuf_printf(out, " -s %c", o->letter);
        if (strchr(o->name, '='))
            strbuf_printf(out, " -a --%s", o->name);
        else
            strbuf_printf(out, " -l %s", o->name);
        if (is_file(o->arg)) {
            strbuf_puts(out, " -r -F");
        } else if (o->arg) {
            strbuf_puts(out, " -x -a '");
            put_words(out, o->arg);
            strbuf_puts(out, "'");
        }
        strbuf_puts(out, " -d '");
        quoted(out, o->help, "");
        strbuf_puts(out, "'\n");
    }
}

static void
fish_command(struct strbuf *out, const struct ctl_command *c)
{
    struct strbuf when;

    strbuf_printf(out, "complete -c outriggerctl -n __fish_use_subcommand -a %s -d '",
                  c->name);
    quoted(out, c->help, "");
    strbuf_puts(out, "'\n");
    strbuf_init(&when, 256);
    strbuf_printf(&when, " -n '__fish_seen_subcommand_from %s'", c->name);
    fish_options(out, "outriggerctl", when.s, c->options);
    if (is_file(c->operands)) {
        strbuf_printf(out, "complete -c outriggerctl%s -F\n", when.s);
    } else if (c->operands && strchr(c->operands, '|')) {
        strbuf_printf(out, "complete -c outriggerctl%s -a '", when.s);
        put_words(out, c->operands);
        strbuf_puts(out, "'\n");
    }
    strbuf_done(&when);
}

static void
script_fish(struct strbuf *out, const struct outrigger_options *other)
{
    strbuf_puts(out, "complete -c outriggerctl -e\n"
                     "complete -c outriggerctl -f\n");
    fish_options(out, "outriggerctl", "", ctl_common_options);
    for (size_t i = 0; i < ctl_n_commands; i++)
        fish_command(out, &ctl_commands[i]);
    strbuf_puts(out, "complete -c outrigger -e\n"
                     "complete -c outrigger -f\n");
    fish_options(out, "outrigger", "", other->rows);
}

bool
ctl_complete_script(const char *shell, struct strbuf *out)
{
    static const struct {
        const char *shell, *first;
        void (*put)(struct strbuf *out, const struct outrigger_options *other);
    } scripts[] = {
        { "bash", "", script_bash },
        { "zsh", "#compdef outriggerctl outrigger\n", script_zsh },
        { "fish", "", script_fish },
    };
    struct outrigger_options other;

    outrigger_options(&other);
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        if (strcmp(shell, scripts[i].shell) != 0)
            continue;
        strbuf_printf(out,
                      "%s# SPDX-License-Identifier: Apache-2.0\n"
                      "# Made by \"outriggerctl completion %s\" from the tables of the "
                      "programs; do not edit.\n",
                      scripts[i].first, shell);
        scripts[i].put(out, &other);
        return true;
    }
    return false;
}

int
ctl_complete(const struct ctl_args *a)
{
    struct strbuf text;
    int rv;

    strbuf_init(&text, CTL_TEXT_MAX);
    if (ctl_complete_script(a->operands[0], &text))
        rv = ctl_ask_print(&text, stdout);
    else
        rv = ctl_usage(a,
                       "there are completions for bash, zsh and fish, not for \"%.40s\"",
                       a->operands[0]);
    strbuf_done(&text);
    return rv;
}

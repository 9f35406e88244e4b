/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_args.c - finds the command, then reads the options that it has.
 * Options may stand before the command too ("-a :9902 pools"), so the command is the first
 * word that is neither an option nor the value of one. */
#include "main/ctl_args.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "conf/near.h"
#include "main/ctl_table.h"
#include "main/ctl_text.h"

enum { OPTIONS_MAX = 32, LONG_FIRST = 256, NAMES_MAX = 64, SENTENCE_MAX = 4096 };

/* A command's options and the common ones, in one list. */
struct known {
    const struct ctl_option *rows[OPTIONS_MAX];
    size_t n;
};

int
ctl_usage(const struct ctl_args *a, const char *fmt, ...)
{
    struct strbuf text;
    va_list ap;

    strbuf_init(&text, SENTENCE_MAX);
    va_start(ap, fmt);
    strbuf_vprintf(&text, fmt, ap);
    va_end(ap);
    fprintf(stderr, "outriggerctl%s%s: %s", a->command ? " " : "",
            a->command ? a->command->name : "", text.s);
    if (text.s[text.len - 1] == '?') /* it says already what to do */
        fputs("\n", stderr);
    else
        fprintf(stderr, "; run \"outriggerctl%s%s --help\"\n", a->command ? " " : "",
                a->command ? a->command->name : "");
    strbuf_done(&text);
    return CTL_BAD_USAGE;
}

bool
ctl_has(const struct ctl_args *a, const char *name)
{
    for (size_t i = 0; i < a->n_given; i++) {
        if (strcmp(a->given[i].option->name, name) == 0)
            return true;
    }
    return false;
}

const char *
ctl_value(const struct ctl_args *a, const char *name, const char *other)
{
    for (size_t i = a->n_given; i > 0; i--) {
        if (strcmp(a->given[i - 1].option->name, name) == 0)
            return a->given[i - 1].value;
    }
    return other;
}

static void
known_add(struct known *k, const struct ctl_option *rows)
{
    for (; rows && rows->name && k->n < OPTIONS_MAX; rows++)
        k->rows[k->n++] = rows;
}

/* command NULL: what may stand alone. */
static struct known
known_of(const struct ctl_command *command)
{
    struct known k = { .n = 0 };

    known_add(&k, command ? command->options : NULL);
    known_add(&k, ctl_common_options + (command && !command->asks));
    return k;
}

/* The word is an option of some command whose value is the next word. */
static bool
word_takes_next(const char *word)
{
    const char *name = word + strspn(word, "-");

    if (name == word || strchr(word, '='))
        return false;
    for (size_t i = 0; i <= ctl_n_commands; i++) {
        struct known k = known_of(i < ctl_n_commands ? &ctl_commands[i] : NULL);

        for (size_t j = 0; j < k.n; j++) {
            const struct ctl_option *row = k.rows[j];
            bool same = strcmp(name, row->name) == 0 ||
                        (row->letter && name[0] == row->letter && !name[1]);

            if (same)
                return row->arg != NULL;
        }
    }
    return false;
}

/* Where the command stands; 0: nowhere. */
static int
command_place(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' || argv[i][1] == '\0')
            return i;
        if (word_takes_next(argv[i]))
            i++;
    }
    return 0;
}

static int
command_unknown(const struct ctl_args *a, const char *word)
{
    const char *names[NAMES_MAX], *near;
    struct strbuf all;
    int rv;

    strbuf_init(&all, SENTENCE_MAX);
    for (size_t i = 0; i < ctl_n_commands; i++) {
        names[i] = ctl_commands[i].name;
        strbuf_printf(&all, "%s%s", i ? ", " : "", names[i]);
    }
    near = near_find(word, names, ctl_n_commands);
    if (near)
        rv = ctl_usage(a, "unknown command \"%.60s\"; did you mean \"%s\"?", word, near);
    else
        rv = ctl_usage(a, "unknown command \"%.60s\"; there is: %s", word, all.s);
    strbuf_done(&all);
    return rv;
}

/* Which option getopt complains about: `word` is the one that it read last. */
static int
option_bad(const struct ctl_args *a, const struct known *k, const char *word,
           bool missing)
{
    const char *names[OPTIONS_MAX], *near;
    char bare[64];

    snprintf(bare, sizeof bare, "%.*s", (int)strcspn(word + strspn(word, "-"), "="),
             word + strspn(word, "-"));
    if (missing)
        return ctl_usage(a, "a value is missing after %.60s", word);
    for (size_t i = 0; i < k->n; i++) {
        names[i] = k->rows[i]->name;
        if (strcmp(bare, names[i]) == 0 && !k->rows[i]->arg)
            return ctl_usage(a, "--%s takes no value", bare);
    }
    near = near_find(bare, names, k->n);
    return ctl_usage(a, "unknown option %.60s%s%s%s", word,
                     near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
}

static int
option_take(struct ctl_args *a, const struct ctl_option *row, const char *value)
{
    if (a->n_given == CTL_GIVEN_MAX)
        return ctl_usage(a, "too much for one command: over %d options", CTL_GIVEN_MAX);
    if (!row->many && ctl_has(a, row->name))
        return ctl_usage(a, "--%s is given twice", row->name);
    a->given[a->n_given].option = row;
    a->given[a->n_given++].value = value;
    if (strcmp(row->name, "admin") == 0)
        a->address = value;
    return -1;
}

/* Reads all options; what is none stays at optind. */
static int
options_take(struct ctl_args *a, int argc, char **argv)
{
    struct known k = known_of(a->command);
    struct option longs[OPTIONS_MAX + 1] = { 0 };
    char letters[2 * OPTIONS_MAX + 2] = ":";
    size_t n_letters = 1;
    int opt, rv = -1;

    for (size_t i = 0; i < k.n; i++) {
        longs[i] =
            (struct option){ .name = k.rows[i]->name,
                             .has_arg = k.rows[i]->arg ? required_argument : no_argument,
                             .val = LONG_FIRST + (int)i };
        if (k.rows[i]->letter)
            letters[n_letters++] = k.rows[i]->letter;
        if (k.rows[i]->letter && k.rows[i]->arg)
            letters[n_letters++] = ':';
    }
    opterr = 0;
    optind = 0; /* glibc: start anew, also when called before */
    for (;;) {
        const struct ctl_option *row = NULL;

        opt = getopt_long(argc, argv, letters, longs, NULL);
        if (opt == -1)
            return rv;
        for (size_t i = 0; i < k.n && !row; i++) {
            if (opt == LONG_FIRST + (int)i || (opt && opt == k.rows[i]->letter))
                row = k.rows[i];
        }
        if (rv < 0)
            rv = row ? option_take(a, row, optarg)
                     : option_bad(a, &k, argv[optind - 1], opt == ':');
    }
}

static int
operands_take(struct ctl_args *a, int n, char **words)
{
    const struct ctl_command *c = a->command;

    if (n > (int)c->max_operands && c->max_operands == 0)
        return ctl_usage(a, "it takes no word; what is \"%.60s\"?", words[0]);
    if (n > (int)c->max_operands)
        return ctl_usage(a, "that is too much; what is \"%.60s\"?",
                         words[c->max_operands]);
    if (n < (int)c->min_operands)
        return ctl_usage(a, "something is missing: outriggerctl %s %s", c->name,
                         c->operands);
    for (int i = 0; i < n; i++)
        a->operands[a->n_operands++] = words[i];
    return -1;
}

/* --help wins over all mistakes. */
static bool
wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
        if (word_takes_next(argv[i]))
            i++;
    }
    return false;
}

static void
help_print(const struct ctl_command *command)
{
    struct strbuf text;

    strbuf_init(&text, CTL_TEXT_MAX);
    if (command)
        ctl_text_command(command, &text);
    else
        ctl_text_help(&text);
    fputs(text.s, stdout);
    strbuf_done(&text);
}

int
ctl_args_read(struct ctl_args *a, int argc, char **argv)
{
    int at = command_place(argc, argv), rv;

    *a = (struct ctl_args){ .address = CTL_DEFAULT_ADDRESS };
    if (at)
        a->command = ctl_command_find(argv[at]);
    if (wants_help(argc, argv) && (a->command || !at)) {
        help_print(a->command);
        return EXIT_SUCCESS;
    }
    if (at && !a->command)
        return command_unknown(a, argv[at]);
    if (a->command && a->command->run_words)
        return a->command->run_words(argc - at, argv + at);
    for (int i = at; at && i + 1 < argc; i++) /* the command is none of its operands */
        argv[i] = argv[i + 1];
    argc -= at > 0;
    rv = options_take(a, argc, argv);
    if (rv >= 0)
        return rv;
    if (ctl_has(a, "version")) {
        puts("outriggerctl " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    }
    if (!a->command)
        return ctl_usage(a, "a command is missing");
    return operands_take(a, argc - optind, argv + optind);
}

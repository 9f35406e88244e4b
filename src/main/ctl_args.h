/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_args.h - the command line of outriggerctl, read by the rows of ctl_table.c.
 * A command is one row; the parser, --help, outriggerctl(1) and the completions of shells
 * come from it. Strings point into argv or are constant. Main thread. */
#ifndef OUTRIGGER_MAIN_CTL_ARGS_H
#define OUTRIGGER_MAIN_CTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"

enum { CTL_BAD_USAGE = 2, CTL_GIVEN_MAX = 512, CTL_OPERANDS_MAX = 8 };
enum { CTL_TEXT_MAX = 128 << 20 }; /* of an answer of the admin port */

#define CTL_DEFAULT_ADDRESS "127.0.0.1:9901"

struct ctl_args;

struct ctl_option {
    const char *name; /* long form, without the dashes */
    char letter;      /* 0: none */
    const char *arg; /* what the value is called; "a|b": one of these; NULL: takes none */
    const char *help; /* one sentence without a full stop */
    bool many;        /* may be given often */
};

struct ctl_command {
    const char *name;
    const char *help;  /* what it does, one line of --help */
    const char *about; /* more, for its own --help and the manual: paragraphs, each ends
                          with \n; NULL: no more */
    const struct ctl_option *options; /* its own, up to one without a name; NULL: none */
    const char *operands; /* as the usage line has them: "FILE"; "a|b": one of these */
    size_t min_operands, max_operands;
    bool asks;                            /* the admin port, so it has --admin too */
    int (*run)(const struct ctl_args *a); /* returns the exit code */
    /* Instead of run: reads its words itself (argv[0] is the command), since its flags and exit
     * codes are those of another program. Its options are for help, manual and completions. */
    int (*run_words)(int argc, char **argv);
    /* For ctl_page_run: pages of the admin port. */
    const char *page, *json_page, *print_page;
    bool post; /* page is an action */
    bool wait; /* for the drain that it began */
};

struct ctl_args {
    const struct ctl_command *command;
    const char *address; /* of the admin port */
    struct {
        const struct ctl_option *option;
        const char *value;  /* NULL: takes none */
    } given[CTL_GIVEN_MAX]; /* in the order of the command line */
    size_t n_given;
    const char *operands[CTL_OPERANDS_MAX];
    size_t n_operands;
};

/* --admin, which the commands that ask have, and --help and --version of all. */
extern const struct ctl_option ctl_common_options[];

/* -1: run a->command. Else the exit code: --help or --version was printed, what is wrong
 * was told on stderr, or the command has run (run_words). Changes the order of argv. */
int ctl_args_read(struct ctl_args *a, int argc, char **argv) MUST_CHECK;

/* An option with that name was given. */
bool ctl_has(const struct ctl_args *a, const char *name);
/* The value that was given last; other: none was. */
const char *ctl_value(const struct ctl_args *a, const char *name, const char *other);
/* Tells on stderr what is wrong with the use of the command. Returns CTL_BAD_USAGE. */
int PRINTF_LIKE(2, 3) ctl_usage(const struct ctl_args *a, const char *fmt, ...);

#endif

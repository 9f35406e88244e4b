/* SPDX-License-Identifier: Apache-2.0 */
/* main/options.h - the command line: one table makes the parser, --help and the hints.
 * Main thread, before anything else runs. Strings point into argv. */
#ifndef OUTRIGGER_MAIN_OPTIONS_H
#define OUTRIGGER_MAIN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"

struct conf_snapshot;
struct strbuf;

enum options_mode {
    OPTIONS_RUN,
    OPTIONS_DEMO, /* --demo */
    OPTIONS_CHECK,
    OPTIONS_PRINT_CONFIG,
    OPTIONS_PRINT_SCHEMA,
    OPTIONS_PRINT_MAN,
    OPTIONS_EXPLAIN,
    OPTIONS_VERSION,
    OPTIONS_VERSIONS, /* -VV: also of the libraries */
    OPTIONS_HELP,
};

enum { OPTIONS_BACKENDS_MAX = 256 };

/* Exit codes of the program (a contract with scripts). */
enum { EXIT_GOOD = 0, EXIT_BAD_CONFIG = 1, EXIT_BAD_USAGE = 2 };

struct options {
    enum options_mode mode;
    const char *config_file; /* -c; "-" is stdin; NULL: none */
    const char *listen;      /* --listen without a file; NULL: none */
    const char *backends[OPTIONS_BACKENDS_MAX];
    size_t n_backends;
    /* Win over the file; NULL: not given. Checked while the command line is read. */
    const char *workers, *admin, *log_level;
    bool strict;         /* --check=strict */
    const char *format;  /* --format: "text" or "json"; NULL: not given */
    const char *explain; /* what to explain */
    bool demo;           /* --demo, also beside --print-config */
    int64_t demo_for_ms; /* --for: end the demo after this; 0: run on */
};

/* 0, or ERR_SYNTAX with sentences for the user in problems (the program then exits with
 * EXIT_BAD_USAGE). Changes the order of argv, as getopt does. */
int options_parse(struct options *o, int argc, char **argv,
                  struct strbuf *problems) MUST_CHECK;

/* Answers what needs no running proxy (-t, --print-..., --explain, -V, --help) on stdout,
 * problems on stderr. Returns the exit code, or -1 when the program shall start. */
int options_run_query(const struct options *o) MUST_CHECK;

/* --format=json */
bool options_want_json(const struct options *o);
/* Loads the config that the options name: the file, or the text of options_config_text,
 * with --workers, --admin and --log-level in place of what it says. problems gets errors
 * and warnings. 0, ERR_SYNTAX or ERR_SYS, as conf_load_file. */
int options_load(const struct options *o, struct strbuf *problems,
                 struct conf_snapshot **ret_snapshot) MUST_CHECK;
/* The same with a text in place of the file: for --demo. */
int options_load_text(const struct options *o, const char *name, const char *text,
                      size_t n, struct strbuf *problems,
                      struct conf_snapshot **ret_snapshot) MUST_CHECK;

/* The config file that --listen and --backend stand for. */
void options_config_text(const struct options *o, struct strbuf *out);
/* The text of --help. */
void options_help(struct strbuf *out);

#endif

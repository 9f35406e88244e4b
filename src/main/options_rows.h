/* SPDX-License-Identifier: Apache-2.0 */
/* main/options_rows.h - the options of outrigger as rows: the parser, --help, the list of
 * outrigger(8) and the completions that outriggerctl prints come from them. Constant. */
#ifndef OUTRIGGER_MAIN_OPTIONS_ROWS_H
#define OUTRIGGER_MAIN_OPTIONS_ROWS_H

struct strbuf;

enum option_id {
    OPTION_CONFIG,
    OPTION_CHECK,
    OPTION_FORMAT,
    OPTION_DEMO,
    OPTION_FOR,
    OPTION_LISTEN,
    OPTION_BACKEND,
    OPTION_WORKERS,
    OPTION_ADMIN,
    OPTION_LOG_LEVEL,
    OPTION_PRINT_CONFIG,
    OPTION_PRINT_SCHEMA,
    OPTION_PRINT_MAN,
    OPTION_EXPLAIN,
    OPTION_VERSION,
    OPTION_HELP,
    OPTION_N_ROWS,
};

struct option_row {
    enum option_id id;
    char letter;      /* 0: none */
    const char *name; /* long form */
    const char
        *arg; /* what the value is called; NULL: takes none; "[=X]": may have one */
    const char *help; /* NULL: not shown */
};

extern const struct option_row option_rows[OPTION_N_ROWS];

/* Adds the row as --help has it: names on the left, the help wrapped beside them or below. */
void option_row_help(const struct option_row *row, struct strbuf *out);
/* Adds the rows as items of a list of mdoc, for outrigger(8). */
void option_rows_man(struct strbuf *out);

#endif

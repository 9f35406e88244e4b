/* SPDX-License-Identifier: Apache-2.0 */
/* main/handover_line.h - the lines of a binary upgrade (handover.h). Pure values; any thread.
 * Each message is one line of at most HANDOVER_LINE_MAX bytes:
 *     outrigger-upgrade 1 hello                     the new process begins
 *     outrigger-upgrade 1 sockets 3                 so many can be had
 *     outrigger-upgrade 1 ask 0                     the new process asks for one ...
 *     outrigger-upgrade 1 socket 0 own unix:/run/a  ... and gets it, with the descriptor
 *     outrigger-upgrade 1 go 4711                   its pid; it serves: the old one leaves
 *     outrigger-upgrade 1 bye 4242                  the old one's pid; it does
 *     outrigger-upgrade 1 no the process is ending  instead of an answer
 * One of them is under way at a time. "own": who ends last removes the unix socket's file. */
#ifndef OUTRIGGER_MAIN_HANDOVER_LINE_H
#define OUTRIGGER_MAIN_HANDOVER_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"

enum {
    HANDOVER_LINE_MAX = 512,
    HANDOVER_TEXT_MAX = 256,
    HANDOVER_NUMBER_MAX = 1 << 30,
};

enum handover_word {
    HANDOVER_HELLO,
    HANDOVER_SOCKETS, /* number */
    HANDOVER_ASK,     /* number */
    HANDOVER_SOCKET,  /* number, owns_file, text */
    HANDOVER_GO,      /* number */
    HANDOVER_BYE,     /* number */
    HANDOVER_NO,      /* text */
};

struct handover_line {
    enum handover_word word;
    uint32_t number;
    bool owns_file;
    char text[HANDOVER_TEXT_MAX]; /* printable ASCII, not empty where there is one */
};

/* With the line end. Returns the length. A text that the format cannot carry is cut at its first such byte. */
size_t handover_line_format(const struct handover_line *m, char out[HANDOVER_LINE_MAX]);
/* n bytes without the line end. ERR_SYNTAX: it is no such line; also of another version. Whatever is read would be written the same. */
int handover_line_parse(const char *line, size_t n, struct handover_line *ret) MUST_CHECK;

#endif

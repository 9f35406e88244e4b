/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_term.c - termios and a few sequences that every terminal since the VT100, or
 * xterm for the alternate screen, knows. */
#include "main/ctl_term.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "base/strbuf.h"

enum { SIZE_MAX_CELLS = 1000, SCREEN_MAX = 1 << 20 };

#define ENTER "\033[?1049h\033[?25l\033[2J" /* alternate screen, no cursor */
#define LEAVE "\033[0m\033[?25h\033[?1049l"

static const int crashes[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL };
static struct termios saved;
static volatile sig_atomic_t entered;

bool
term_is_there(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static size_t
size_from(const char *variable, size_t other)
{
    const char *text = getenv(variable);
    long n = text ? strtol(text, NULL, 10) : 0;

    return n > 0 && n <= SIZE_MAX_CELLS ? (size_t)n : other;
}

void
term_size(size_t *ret_columns, size_t *ret_lines)
{
    struct winsize w = { 0 };

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0)
        w = (struct winsize){ 0 };
    *ret_columns =
        w.ws_col && w.ws_col <= SIZE_MAX_CELLS ? w.ws_col : size_from("COLUMNS", 80);
    *ret_lines =
        w.ws_row && w.ws_row <= SIZE_MAX_CELLS ? w.ws_row : size_from("LINES", 24);
}

bool
term_has_utf8(void)
{
    static const char *const variables[] = { "LC_ALL", "LC_CTYPE", "LANG" };

    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        const char *text = getenv(variables[i]);

        if (text && text[0]) /* the first that is set decides, as in setlocale */
            return strcasestr(text, "utf-8") || strcasestr(text, "utf8");
    }
    return false;
}

bool
term_wants_colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return !(no && no[0]) && isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
}

/* Also called by a signal: only what is safe there. */
static void
term_say(const char *text, size_t n)
{
    while (n > 0) {
        ssize_t done = write(STDOUT_FILENO, text, n);

        if (done <= 0)
            return;
        text += done;
        n -= (size_t)done;
    }
}

void
term_leave(void)
{
    if (!entered)
        return;
    entered = 0;
    term_say(LEAVE, sizeof LEAVE - 1);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
}

static void
on_crash(int signum)
{
    term_leave();
    raise(signum); /* SA_RESETHAND: now it does what it always does */
}

int
term_enter(void)
{
    struct sigaction action = { .sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND };
    struct termios raw;

    if (entered)
        return ERR_OK;
    if (tcgetattr(STDIN_FILENO, &saved) != 0)
        return ERR_SYS;
    raw = saved;
    raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
    raw.c_iflag &= ~(tcflag_t)IXON;
    raw.c_cc[VMIN] = 0; /* a read never waits */
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) != 0)
        return ERR_SYS;
    entered = 1;
    for (size_t i = 0; i < ARRAY_LEN(crashes); i++)
        sigaction(crashes[i], &action, NULL);
    term_say(ENTER, sizeof ENTER - 1);
    return ERR_OK;
}

/* Over the old screen, without clearing it first: no flicker. */
void
term_draw(const struct strbuf *text)
{
    struct strbuf out;
    const char *at = text->s ? text->s : "";

    strbuf_init(&out, SCREEN_MAX);
    strbuf_puts(&out, "\033[H");
    while (*at) {
        size_t n = strcspn(at, "\n");

        strbuf_add(&out, at, n);
        strbuf_puts(&out, "\033[K");
        at += n + (at[n] == '\n');
        if (*at)
            strbuf_puts(&out, "\r\n");
    }
    strbuf_puts(&out, "\033[J");
    term_say(out.s, out.len);
    strbuf_done(&out);
}

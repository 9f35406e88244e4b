/* SPDX-License-Identifier: Apache-2.0 */
/* late.c - LD_PRELOAD: the threads of a loop are late. After each wake-up and after each write to a socket, a pipe or an eventfd (which wakes another thread) a thread sleeps with a
 * chance of LATE_PERCENT (15) for up to LATE_MS (40), as one does on a machine that has other work. So what a test asks at once and another
 * thread does a moment later fails often, and not once in a thousand runs.
 * LATE_THREAD: worker (all but the main one; the default) or main. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The function of this name that the program would have had. */
#define REAL(name, ...) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))(__VA_ARGS__)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static unsigned percent, most_ms;
static bool late_main;

static unsigned
setting(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);

    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void
read_settings(void)
{
    const char *thread = getenv("LATE_THREAD");

    percent = setting("LATE_PERCENT", 15);
    most_ms = setting("LATE_MS", 40);
    late_main = thread && strcmp(thread, "main") == 0;
}

static void
sleep_now_and_then(void)
{
    int err = errno;
    uint32_t random[2];

    pthread_once(&once, read_settings);
    if ((gettid() == getpid()) == late_main &&
        getrandom(random, sizeof(random), 0) == sizeof(random) &&
        random[0] % 100 < percent) {
        struct timespec t = { 0, (long)(random[1] % (most_ms + 1)) * 1000000 };

        nanosleep(&t, NULL);
    }
    errno = err;
}

/* A file is nobody's news. */
static void
sleep_after(int fd, ssize_t sent)
{
    int err = errno;
    struct stat st;

    if (sent > 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
        sleep_now_and_then();
    errno = err;
}

int
epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
    int got = REAL(epoll_wait, fd, events, n, timeout);

    if (got > 0)
        sleep_now_and_then();
    return got;
}

ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
    ssize_t sent = REAL(sendmsg, fd, m, flags);

    sleep_after(fd, sent);
    return sent;
}

ssize_t
send(int fd, const void *p, size_t n, int flags)
{
    ssize_t sent = REAL(send, fd, p, n, flags);

    sleep_after(fd, sent);
    return sent;
}

ssize_t
write(int fd, const void *p, size_t n)
{
    ssize_t sent = REAL(write, fd, p, n);

    sleep_after(fd, sent);
    return sent;
}

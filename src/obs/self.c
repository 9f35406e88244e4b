/* SPDX-License-Identifier: Apache-2.0 */
/* obs/self.c - /proc/self, read. */
#include "obs/self.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "obs/prom.h"

enum { STAT_TEXT_MAX = 1024, US_PER_S = 1000000 };

/* Fields of /proc/self/stat, by their numbers in proc(5). */
enum { FIELD_THREADS = 20, FIELD_START = 22, FIELD_VSIZE = 23, FIELD_RSS = 24 };

/* Returns how many bytes; text ends with a NUL. 0: it cannot be read. */
static size_t
read_file(const char *path, char text[STAT_TEXT_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, STAT_TEXT_MAX - 1);

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static int64_t
cpu_us(void)
{
    struct rusage r;

    if (getrusage(RUSAGE_SELF, &r) != 0)
        return -1;
    return (int64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * US_PER_S +
           r.ru_utime.tv_usec + r.ru_stime.tv_usec;
}

/* The kernel tells the start in ticks since it booted itself. */
static int64_t
start_us(int64_t start_ticks)
{
    int64_t ticks = sysconf(_SC_CLK_TCK);
    char uptime[STAT_TEXT_MAX];

    if (ticks <= 0 || read_file("/proc/uptime", uptime) == 0)
        return -1;
    return clock_wall_us() - (int64_t)(strtod(uptime, NULL) * US_PER_S) +
           start_ticks * US_PER_S / ticks;
}

static void
read_field(struct self_usage *u, int field, int64_t v)
{
    int64_t page = sysconf(_SC_PAGESIZE);

    if (field == FIELD_THREADS)
        u->threads = v;
    else if (field == FIELD_START)
        u->start_us = start_us(v);
    else if (field == FIELD_VSIZE)
        u->virtual_bytes = v;
    else if (field == FIELD_RSS && page > 0)
        u->resident_bytes = v * page;
}

/* The name of the program stands in brackets and may hold anything, so fields count from behind the last one; the next is number 3. */
static void
read_stat(struct self_usage *u, char *text)
{
    char *at = strrchr(text, ')'), *save = NULL;
    int field = 2;

    if (!at)
        return;
    for (char *word = strtok_r(at + 1, " ", &save); word && field < FIELD_RSS;
         word = strtok_r(NULL, " ", &save))
        read_field(u, ++field, strtoll(word, NULL, 10));
}

/* Linux 6.2 tells the number as the size of the folder; before that they must be counted, which takes milliseconds when there are many. */
static int64_t
count_fds(void)
{
    struct stat st;
    int64_t n = 0;
    DIR *d;

    if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
        return st.st_size;
    d = opendir("/proc/self/fd");
    if (!d)
        return -1;
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n - 1; /* the folder's own */
}

void
self_usage_read(struct self_usage *ret)
{
    static _Atomic int64_t first_start_us; /* it stays, whatever becomes of the clock */
    struct self_usage u = { -1, -1, -1, -1, -1, -1, -1 };
    struct rlimit files;
    char text[STAT_TEXT_MAX];

    u.cpu_us = cpu_us();
    u.open_fds = count_fds();
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY)
        u.max_fds = (int64_t)files.rlim_cur;
    if (read_file("/proc/self/stat", text) > 0)
        read_stat(&u, text);
    if (first_start_us == 0 && u.start_us > 0)
        first_start_us = u.start_us;
    else if (first_start_us > 0)
        u.start_us = first_start_us;
    *ret = u;
}

static void
gauge(struct prom *p, const char *name, const char *help, int64_t v)
{
    if (v >= 0)
        prom_one(p, name, PROM_GAUGE, help, v);
}

static void
seconds(struct prom *p, const char *name, enum prom_kind kind, const char *help,
        int64_t us)
{
    if (us < 0)
        return;
    prom_family(p, name, kind, help);
    prom_begin(p);
    prom_seconds(p, us);
}

void
self_metrics(void *arg, struct prom *p)
{
    struct self_usage u;

    (void)arg;
    self_usage_read(&u);
    seconds(p, "process_cpu_seconds_total", PROM_COUNTER,
            "Processor time of all threads, of the program and of the system for it.",
            u.cpu_us);
    seconds(p, "process_start_time_seconds", PROM_GAUGE,
            "When the process began, seconds since 1970.", u.start_us);
    gauge(p, "process_resident_memory_bytes", "Memory that is in use now.",
          u.resident_bytes);
    gauge(p, "process_virtual_memory_bytes", "Address space.", u.virtual_bytes);
    gauge(p, "process_open_fds", "Open file descriptors.", u.open_fds);
    gauge(p, "process_max_fds", "How many there may be (RLIMIT_NOFILE).", u.max_fds);
    gauge(p, "process_threads", "Threads of the process.", u.threads);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz/driver.c - a main() for fuzz targets where the compiler has no libFuzzer (gcc).
 * It takes the same few flags: -max_total_time=SECONDS, -seed=N, and files or folders with examples. First every
 * example runs once, then random changes of them. It does not see coverage, so it finds less than libFuzzer; what
 * it finds it writes to crash-<program>, and the same seed finds it again. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

enum { INPUT_MAX = 8192, EXAMPLES_MAX = 512 };

/* The sanitizers' runtimes have this; without them the signal handler does the same. */
extern void __sanitizer_set_death_callback(void (*)(void)) __attribute__((weak));

struct example {
    uint8_t *bytes;
    size_t n;
};

static struct example examples[EXAMPLES_MAX];
static size_t n_examples;
static uint8_t input[INPUT_MAX];
static size_t input_len;
static char crash_name[256] = "crash-fuzz";
static uint64_t state = 1;

static uint64_t
random_next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static size_t
random_below(size_t n)
{
    return n ? (size_t)(random_next() % n) : 0;
}

/* Only system calls here: the heap may be broken. */
static void
crash_save(void)
{
    int fd = open(crash_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return;
    if (write(fd, input, input_len) == (ssize_t)input_len) {
        static const char text[] = "fuzz: the input is in ";

        if (write(2, text, sizeof(text) - 1) < 0 ||
            write(2, crash_name, strlen(crash_name)) < 0 || write(2, "\n", 1) < 0)
            _exit(99);
    }
    close(fd);
}

static void
crash_on_signal(int signum)
{
    crash_save();
    signal(signum, SIG_DFL);
    raise(signum);
}

static void
input_run(void)
{
    /* A copy of the exact size, so that the sanitizer sees a read behind the end. */
    uint8_t *copy = malloc(input_len ? input_len : 1);

    if (!copy)
        exit(3);
    memcpy(copy, input, input_len);
    LLVMFuzzerTestOneInput(copy, input_len);
    free(copy);
}

static void
example_add(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(INPUT_MAX);

    if (!f || !bytes) {
        fprintf(stderr, "fuzz: cannot take %s\n", path);
        exit(2);
    }
    examples[n_examples].n = fread(bytes, 1, INPUT_MAX, f);
    examples[n_examples++].bytes = bytes;
    fclose(f);
}

static void
examples_add(const char *path)
{
    struct stat st;
    DIR *dir;
    struct dirent *entry;

    if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
        example_add(path);
        return;
    }
    dir = opendir(path);
    if (!dir) {
        fprintf(stderr, "fuzz: no such file or folder: %s\n", path);
        exit(2);
    }
    while ((entry = readdir(dir))) {
        char name[4096];

        if (entry->d_name[0] == '.' || n_examples == EXAMPLES_MAX)
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        example_add(name);
    }
    closedir(dir);
}

/* Puts bytes of another example, a run of one byte, or random bytes at a random place. */
static void
input_insert(void)
{
    const struct example *from = &examples[random_below(n_examples)];
    size_t at = random_below(input_len + 1), n = 1 + random_below(32);
    uint8_t byte = (uint8_t)random_next();
    unsigned how = (unsigned)random_below(3);
    size_t off = random_below(from->n);

    if (how == 0 && from->n - off < n)
        n = from->n - off;
    if (input_len + n > INPUT_MAX)
        return;
    memmove(input + at + n, input + at, input_len - at);
    for (size_t i = 0; i < n; i++)
        input[at + i] = how == 0   ? from->bytes[off + i]
                        : how == 1 ? byte
                                   : (uint8_t)random_next();
    input_len += n;
}

static void
input_change(void)
{
    static const char special[] = "\0\1\177\200\377 09azAZ/%:\"{}[],";
    size_t at = random_below(input_len), n;

    switch (random_below(6)) {
    case 0: /* flip a bit */
        if (input_len)
            input[at] ^= (uint8_t)(1u << random_below(8));
        break;
    case 1: /* a value that is often special */
        if (input_len)
            input[at] = (uint8_t)special[random_below(sizeof(special) - 1)];
        break;
    case 2: /* cut out */
        n = random_below(input_len - at + 1);
        memmove(input + at, input + at + n, input_len - at - n);
        input_len -= n;
        break;
    case 3: /* cut off */
        input_len = at;
        break;
    default:
        input_insert();
    }
}

int
main(int argc, char **argv)
{
    long seconds = 5;
    unsigned long runs = 0;
    time_t end;
    const char *base = strrchr(argv[0], '/');

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-max_total_time=", 16) == 0)
            seconds = strtol(argv[i] + 16, NULL, 10);
        else if (strncmp(argv[i], "-seed=", 6) == 0)
            state = strtoull(argv[i] + 6, NULL, 10) * 2 + 1;
        else if (argv[i][0] != '-')
            examples_add(argv[i]);
    }
    snprintf(crash_name, sizeof(crash_name), "crash-%s", base ? base + 1 : argv[0]);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(crash_save);
    signal(SIGABRT, crash_on_signal);
    signal(SIGSEGV, crash_on_signal);

    for (size_t i = 0; i < n_examples; i++, runs++) {
        memcpy(input, examples[i].bytes, examples[i].n);
        input_len = examples[i].n;
        input_run();
    }
    if (n_examples == 0)
        examples[n_examples++].bytes = calloc(1, 1);
    end = time(NULL) + seconds;
    do {
        for (unsigned turn = 0; turn < 100; turn++, runs++) {
            const struct example *e = &examples[random_below(n_examples)];

            memcpy(input, e->bytes, e->n);
            input_len = e->n;
            for (size_t n = 1 + random_below(8); n > 0; n--)
                input_change();
            input_run();
        }
    } while (time(NULL) < end);
    printf("fuzz: %lu runs, %zu examples, no crash\n", runs, n_examples);
    for (size_t i = 0; i < n_examples; i++)
        free(examples[i].bytes);
    return 0;
}

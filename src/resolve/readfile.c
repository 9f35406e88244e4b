/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/readfile.c */
#include "resolve/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xalloc.h"

static int
read_fd(int fd, size_t cap, char **ret_text, size_t *ret_n, const char **ret_why)
{
    struct stat st;
    size_t room, n = 0;
    char *text;
    ssize_t got;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        *ret_why = "it is not a regular file";
        return ERR_SYS;
    }
    /* One byte more than the size tells the end, or that it grows while it is read. */
    room = (st.st_size < 0 || (size_t)st.st_size > cap ? cap : (size_t)st.st_size) + 4096;
    text = xmalloc(room + 1);
    while (n < room && (got = read(fd, text + n, room - n)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            *ret_why = strerror(errno);
            xfree(text);
            return ERR_SYS;
        }
        n += (size_t)got;
    }
    if (n == room || n > cap) {
        *ret_why = n > cap ? "it is larger than allowed" : "it grows while it is read";
        xfree(text);
        return ERR_LIMIT;
    }
    text[n] = '\0';
    *ret_text = text;
    *ret_n = n;
    return ERR_OK;
}

int
file_read(const char *path, size_t cap, char **ret_text, size_t *ret_n,
          const char **ret_why)
{
    /* Without O_NONBLOCK the open of a pipe waits for its writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int rv;

    if (fd < 0) {
        *ret_why = strerror(errno);
        return ERR_SYS;
    }
    rv = read_fd(fd, cap, ret_text, ret_n, ret_why);
    close(fd);
    return rv;
}

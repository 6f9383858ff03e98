/*
 * What is said on stderr, caught: from the first input on. An engine keeps a stderr of its own
 * (-close_fd_mask=2 of libFuzzer).
 */
#ifndef KITH_FUZZ_SAID_H
#define KITH_FUZZ_SAID_H

#include <unistd.h>

#include "base/log.h"
#include "fuzz.h"

static char said[8192];
static size_t said_len;

/* Begin to catch, and forget what was said. */
static inline void said_nothing(void)
{
    static FILE *file;

    if (file == NULL) {
        file = tmpfile();
        demand(file != NULL && dup2(fileno(file), STDERR_FILENO) == STDERR_FILENO);
    }
    demand(ftruncate(STDERR_FILENO, 0) == 0 && lseek(STDERR_FILENO, 0, SEEK_SET) == 0);
}

/* Take it; returns how many lines it has, each of them whole and printable ASCII. */
static inline size_t said_lines(void)
{
    ssize_t n = pread(STDERR_FILENO, said, sizeof(said) - 1, 0);
    size_t lines = 0;

    demand(n >= 0 && (size_t)n < sizeof(said) - 1);
    said_len = (size_t)n;
    said[said_len] = '\0';
    for (size_t i = 0; i < said_len; i++) {
        demand(said[i] == '\n' || (said[i] >= 0x20 && said[i] <= 0x7e));
        lines += said[i] == '\n';
    }
    demand(said_len == 0 || said[said_len - 1] == '\n');
    return lines;
}

/* Take the next text, up to a NUL, which is the caller's to free. */
static inline char *take_text(struct input *input)
{
    const uint8_t *nul = memchr(input->at, '\0', input->left);
    size_t len = nul != NULL ? (size_t)(nul - input->at) : input->left;
    char *text = malloc(len + 1);

    demand(text != NULL);
    (void)take(input, text, len);
    text[len] = '\0';
    if (nul != NULL)
        (void)take_byte(input);
    return text;
}

#endif

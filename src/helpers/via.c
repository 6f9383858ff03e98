/*
 * Owns the way of an address into a command line of a shell. Must never let it be more there than
 * one word: it may come from a file, or from a process that somebody else has taken over.
 */
#include "helpers/via.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define WORD "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define PLAIN_IN_VIA WORD ":%"
#define PROGRAM WORD "/+"

static const char exec[] = "exec ";

bool via_is_command(const char *command)
{
    for (const char *at = strchr(command, '%'); at != NULL; at = strchr(at + 2, '%')) {
        if (at[1] != 'h' && at[1] != 'p' && at[1] != '%')
            return false;
    }
    return true;
}

bool via_is_plain(const char *text)
{
    return text[0] != '\0' && text[0] != '-' && text[strspn(text, PLAIN_IN_VIA)] == '\0';
}

/* What stands in the place of a % and the letter after it. */
static const char *replacement(char letter, const char *host, const char *port)
{
    return letter == 'h' ? host : letter == 'p' ? port : "%";
}

/* Write it, or with NULL only count. Returns its length. */
static size_t expand(char *out, const char *command, const char *host, const char *port)
{
    size_t len = 0;

    for (const char *at = command; *at != '\0'; at++) {
        const char *piece = *at == '%' ? replacement(*++at, host, port) : at;
        size_t size = piece == at ? 1 : strlen(piece);

        if (out != NULL)
            memcpy(out + len, piece, size);
        len += size;
    }
    return len;
}

/*
 * Whether it runs one program and is done: that can take the shell's place, which else has the ends
 * of the channel as well, so that nobody sees the program close them.
 */
static bool is_simple(const char *command)
{
    static const char *const shells_own[] = {"exec",   ".",     "eval", "exit",    "return", "set",
                                             "export", "unset", "trap", "command", "time"};
    size_t len = strspn(command, PROGRAM);

    for (size_t i = 0; i < sizeof(shells_own) / sizeof(shells_own[0]); i++) {
        if (len == strlen(shells_own[i]) && strncmp(command, shells_own[i], len) == 0)
            return false;
    }
    return len > 0 && (command[len] == ' ' || command[len] == '\0') &&
           strpbrk(command, ";&|()`\n") == NULL;
}

char *via_expand(const char *command, const char *host, const char *port)
{
    size_t before = is_simple(command) ? strlen(exec) : 0;
    char *expanded = NULL;

    errno = EINVAL;
    if (via_is_command(command) && via_is_plain(host) && via_is_plain(port))
        expanded = calloc(1, before + expand(NULL, command, host, port) + 1);
    if (expanded == NULL)
        return NULL;
    memcpy(expanded, exec, before);
    (void)expand(expanded + before, command, host, port);
    return expanded;
}

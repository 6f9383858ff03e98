/*
 * The command line of --via, from a host, a port, and a CMD, with a newline after the first two:
 * what becomes of it is CMD, word for word, with the two in their places, and neither has a byte
 * there that a shell reads. What is refused is so for one of the three; only a single program takes
 * the shell's place.
 *
 * Targets: helpers/via.
 */
#include <errno.h>

#include "fuzz.h"
#include "helpers/via.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* A shell may read anything but these as more than a part of a word. */
static bool is_harmless(const char *text)
{
    return strspn(text, LETTERS "0123456789._:%-") == strlen(text) && *text != '\0' && *text != '-';
}

/* What a % stands for, or NULL. */
static const char *meaning(char letter, const char *host, const char *port)
{
    switch (letter) {
    case 'h':
        return host;
    case 'p':
        return port;
    case '%':
        return "%";
    default:
        return NULL;
    }
}

/* Whether a line is CMD with the two in their places; with NULL, whether CMD could be one. */
static bool is_filled(const char *command, const char *host, const char *port, const char *line)
{
    while (*command != '\0') {
        const char *piece = *command == '%' ? meaning(command[1], host, port) : NULL;
        size_t len = piece != NULL ? strlen(piece) : 1;

        if (*command == '%' && piece == NULL)
            return false;
        if (line != NULL && strncmp(line, piece != NULL ? piece : command, len) != 0)
            return false;
        if (line != NULL)
            line += len;
        command += piece != NULL ? 2 : 1;
    }
    return line == NULL || *line == '\0';
}

/* The shell is not needed any more: it has no more than one program to start, and that is none of
 * its own words. */
static void check_alone(const char *command)
{
    size_t word = strcspn(command, " ");

    demand(strpbrk(command, ";&|()`\n") == NULL);
    demand(word > 0 && strcspn(command, "\"'$\\*?[]{}<>~#!=%\t") >= word);
    demand(strncmp(command, "exec ", 5) != 0 && strncmp(command, ". ", 2) != 0);
}

static void try_command(const char *command, const char *host, const char *port)
{
    char *line = via_expand(command, host, port);
    size_t len = strlen(command);

    demand(via_is_plain(host) == is_harmless(host));
    demand(via_is_command(command) == is_filled(command, "", "", NULL));
    if (line == NULL) {
        demand(errno == EINVAL);
        demand(!is_harmless(host) || !is_harmless(port) || !via_is_command(command));
        return;
    }
    demand(is_harmless(host) && is_harmless(port));
    if (!is_filled(command, host, port, line)) {
        demand(len > 0 && strncmp(line, "exec ", 5) == 0);
        demand(is_filled(command, host, port, line + 5));
        check_alone(command);
    }
    free(line);
}

/* The part before a newline, or all that is left; the text goes on after it. */
static char *next_part(char **text)
{
    char *part = *text;

    *text += strcspn(part, "\n");
    if (**text == '\n')
        *(*text)++ = '\0';
    return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *rest = text;
    const char *host, *port;

    demand(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    host = next_part(&rest);
    port = next_part(&rest);
    try_command(rest, host, port);
    free(text);
    return 0;
}

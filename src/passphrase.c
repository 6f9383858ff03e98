/*
 * Owns the terminal while a passphrase is typed. Must never show it, keep a copy of it, or leave
 * the terminal without its echo.
 */
#include "passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "crypto.h"
#include "key_file.h"
#include "log.h"

static const int held_signals[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP};
#define HELD (sizeof(held_signals) / sizeof(held_signals[0]))

static volatile sig_atomic_t came;

static void hold(int number)
{
    came = number;
}

/* One line from the terminal; -1 if it ends or fails before, or a signal comes. */
static int read_line(int fd, char *out, int size)
{
    int len = 0;

    for (;;) {
        char c;
        ssize_t n = read(fd, &c, 1);

        if (n < 0 && errno == EINTR && came == 0)
            continue;
        if (n <= 0)
            return -1;
        if (c == '\n' || c == '\r')
            return len;
        if (len < size)
            out[len++] = c;
    }
}

static void show(int fd, const char *text)
{
    ssize_t n = write(fd, text, strlen(text));

    (void)n; /* a terminal that takes no prompt may still give the answer */
}

/* With echo off, and back on before a signal that came meanwhile has its way. */
static int ask_on(int fd, char *out, int size, const char *prompt)
{
    struct sigaction holding = {.sa_handler = hold}, old[HELD];
    struct termios before, silent;
    int len;

    if (tcgetattr(fd, &before) != 0)
        return -1;
    for (size_t i = 0; i < HELD; i++)
        (void)sigaction(held_signals[i], &holding, &old[i]);
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(fd, TCSAFLUSH, &silent);
    show(fd, "passphrase for "); /* who answers at once is heard: nothing is flushed from here on */
    show(fd, prompt);
    show(fd, ": ");
    len = read_line(fd, out, size);
    (void)tcsetattr(fd, TCSAFLUSH, &before);
    show(fd, "\n");
    for (size_t i = 0; i < HELD; i++)
        (void)sigaction(held_signals[i], &old[i], NULL);
    if (came != 0)
        (void)raise(came);
    return len;
}

static int from_file(char *out, int size, const char *path)
{
    struct key_file file = {0};
    enum kith_error error = key_file_read(&file, path, KEY_FILE_MAX, KEY_FILE_SECRET);
    size_t len = error == OK ? strcspn(file.text, "\r\n") : 0;

    if (error == OK && len == 0)
        error = ERR_FILE_EMPTY;
    if (error != OK) {
        log_event(LOG_ERROR, "passphrase", path,
                  error == ERR_SYSTEM ? strerror(errno) : error_text(error), error_hint(error));
        return -1;
    }
    if (len > (size_t)size)
        len = (size_t)size;
    memcpy(out, file.text, len);
    key_file_wipe(&file);
    return (int)len;
}

int passphrase_ask(char *out, int size, void *source)
{
    struct passphrase_source *from = source;
    int fd, len;

    if (from->file != NULL) {
        len = from_file(out, size, from->file);
        from->failed = len < 0;
        return len;
    }
    fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    len = ask_on(fd, out, size, from->prompt);
    (void)close(fd);
    return len;
}

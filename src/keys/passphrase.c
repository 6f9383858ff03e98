/*
 * Owns the terminal while a passphrase is typed. Must never show it, keep a copy of it, or leave
 * the terminal without its echo.
 */
#include "keys/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/log.h"
#include "keys/key_file.h"

#define SHOWN_SIZE 1024 /* of what the passphrase is for */

/*
 * What ends or stops us; SIGIO, the keeper's way to learn that its parent is gone
 * (helpers/keeper.c); and SIGCONT, since what stopped us may have been nothing that can be held,
 * and whatever had the terminal meanwhile has set it up for itself.
 */
static const int held_signals[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP, SIGIO, SIGCONT};
#define HELD_SIGNALS (sizeof(held_signals) / sizeof(held_signals[0]))

/* What the handler needs, which is all there before it can be called. */
static struct {
    int fd;
    struct termios before, silent;
    char prompt[SHOWN_SIZE];
    struct sigaction usual[HELD_SIGNALS];
    volatile sig_atomic_t over; /* the answer is here */
} asking;

static void show_text(const char *text)
{
    ssize_t n = write(asking.fd, text, strlen(text));

    (void)n; /* a terminal that takes no prompt may still give the answer */
}

/* An answer that comes at once is heard: nothing is flushed once the prompt is there. */
static void begin_asking(void)
{
    (void)tcsetattr(asking.fd, TCSAFLUSH, &asking.silent);
    show_text("passphrase for ");
    show_text(asking.prompt);
    show_text(": ");
}

/* Whether the terminal is still as we have set it up. */
static bool is_silent(void)
{
    struct termios now;

    return tcgetattr(asking.fd, &now) == 0 && now.c_lflag == asking.silent.c_lflag &&
           now.c_iflag == asking.silent.c_iflag &&
           memcmp(now.c_cc, asking.silent.c_cc, sizeof(now.c_cc)) == 0;
}

/*
 * In the background the terminal is another program's, which may have set it up for itself; but not
 * every shell does, and it may have been faster than we are: to set it then would stop us, but for
 * the mask.
 */
static void finish_asking(void)
{
    bool front = tcgetpgrp(asking.fd) == getpgrp();
    sigset_t only, before;

    (void)sigemptyset(&only);
    (void)sigaddset(&only, SIGTTOU);
    (void)pthread_sigmask(SIG_BLOCK, &only, &before);
    if (front || is_silent())
        (void)tcsetattr(asking.fd, front ? TCSAFLUSH : TCSANOW, &asking.before);
    if (front)
        show_text("\n");
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void give_way(int number);

/* Take the signals, but for those that are ignored, or give them back to whoever had them. */
static void hold_signals(bool ours)
{
    const struct sigaction holding = {.sa_handler = give_way, .sa_flags = SA_RESTART};

    for (size_t i = 0; i < HELD_SIGNALS; i++) {
        if (asking.usual[i].sa_handler != SIG_IGN)
            (void)sigaction(held_signals[i], ours ? &holding : &asking.usual[i], NULL);
    }
}

/*
 * Let a signal have its usual effect, with the terminal as it was. If we are still there, it has
 * stopped us, and somebody has had us go on: ask again. The SIGCONT for that is let through as
 * well, in case a handler runs with all signals held (a sanitizer's do): it would come once more
 * later, and cost what is typed by then. All of it may be called in a handler, so that no signal
 * comes too soon or too late to be seen.
 */
static void give_way(int number)
{
    int saved_errno = errno;
    sigset_t only, before;

    finish_asking();
    hold_signals(false);
    (void)sigemptyset(&only);
    (void)sigaddset(&only, number);
    (void)sigaddset(&only, SIGCONT);
    (void)pthread_sigmask(SIG_UNBLOCK, &only, &before);
    (void)raise(number);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    hold_signals(true);
    if (!asking.over)
        begin_asking();
    errno = saved_errno;
}

/* One line from the terminal; -1 if it ends or fails before, or is longer than size. */
static int read_line(char *out, int size, enum kith_error *error)
{
    struct pollfd ready = {.fd = asking.fd, .events = POLLIN};
    int len = 0;

    for (;;) {
        char c;
        ssize_t n = -1;

        if (poll(&ready, 1, -1) >= 0)
            n = read(asking.fd, &c, 1);
        if (n < 0 && errno == EINTR) {
            len = 0; /* it was asked again, mostly */
            continue;
        }
        *error = n <= 0 ? ERR_PASSPHRASE_ENDED : ERR_PASSPHRASE_LONG;
        if (n <= 0)
            return -1;
        if (c == '\n' || c == '\r')
            return len <= size ? len : -1;
        if (len < size)
            out[len] = c;
        if (len <= size)
            len++;
    }
}

static int from_terminal(char *out, int size, const char *prompt, enum kith_error *error)
{
    int len = -1;

    *error = ERR_KEY_NO_PASSPHRASE;
    asking.fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (asking.fd < 0)
        return -1;
    if (tcgetattr(asking.fd, &asking.before) == 0) {
        asking.silent = asking.before;
        asking.silent.c_lflag &= ~(tcflag_t)ECHO;
        (void)escape_text(asking.prompt, sizeof(asking.prompt), prompt, strlen(prompt));
        asking.over = 0;
        for (size_t i = 0; i < HELD_SIGNALS; i++)
            (void)sigaction(held_signals[i], NULL, &asking.usual[i]);
        hold_signals(true);
        begin_asking();
        len = read_line(out, size, error);
        asking.over = 1;
        finish_asking();
        hold_signals(false);
    }
    (void)close(asking.fd);
    return len;
}

/* The first line of a file. A part of it would be another passphrase, and is never taken. */
static int from_file(char *out, int size, const char *path)
{
    struct key_file file = {0};
    enum kith_error error = key_file_read(&file, path, KEY_FILE_MAX, KEY_FILE_SECRET);
    size_t len = error == OK ? strcspn(file.text, "\r\n") : 0;

    if (error == OK && memchr(file.text, '\0', file.len) != NULL)
        error = ERR_FILE_NUL;
    else if (error == OK && len == 0)
        error = ERR_FILE_EMPTY;
    else if (error == OK && len > (size_t)size)
        error = ERR_PASSPHRASE_LONG;
    if (error == OK)
        memcpy(out, file.text, len);
    else
        (void)log_failure(LOG_ERROR, "passphrase", path, error, NULL, NULL);
    key_file_wipe(&file);
    return error == OK ? (int)len : -1;
}

int passphrase_ask(char *out, int size, void *source)
{
    struct passphrase_source *from = source;

    if (from->file == NULL)
        return from_terminal(out, size, from->prompt, &from->error);
    from->error = ERR_PASSPHRASE_FILE;
    if (key_file_is_same_descriptor(from->file, from->prompt)) {
        (void)log_failure(LOG_ERROR, "passphrase", from->file, ERR_PASSPHRASE_SOURCE, NULL, NULL);
        return -1;
    }
    return from_file(out, size, from->file);
}

int passphrase_refuse(char *out, int size, void *nothing)
{
    (void)out;
    (void)size;
    (void)nothing;
    return -1;
}

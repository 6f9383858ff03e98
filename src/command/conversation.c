/*
 * Owns the terminal that a command asks at. Must never wait for it without a deadline, nor take for
 * an answer what was typed before the question.
 */
#include "command/conversation.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/text.h"

#define SAID_SIZE 4096
#define SAY_MS 5000 /* for a terminal to take what is said */

enum kith_error conversation_open(struct conversation *conversation)
{
    *conversation = CONVERSATION_NONE;
    conversation->fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    return conversation->fd >= 0 ? OK : ERR_TERMINAL;
}

__attribute__((format(printf, 2, 0))) static void say(const struct conversation *conversation,
                                                      const char *format, va_list parts)
{
    char text[SAID_SIZE];
    int len = vsnprintf(text, sizeof(text), format, parts);

    if (len > 0) /* one that takes nothing may still give an answer */
        (void)descriptor_write_by(conversation->fd, text, strlen(text), clock_deadline_ms(SAY_MS));
}

void conversation_say(const struct conversation *conversation, const char *format, ...)
{
    va_list parts;

    va_start(parts, format);
    say(conversation, format, parts);
    va_end(parts);
}

/* Take the blanks around what was typed away. */
static void tidy(struct conversation *conversation)
{
    char *typed = conversation->typed;
    size_t blanks = 0;

    while (conversation->len > 0 && is_blank(typed[conversation->len - 1]))
        conversation->len--;
    while (blanks < conversation->len && is_blank(typed[blanks]))
        blanks++;
    memmove(typed, typed + blanks, conversation->len - blanks);
    typed[conversation->len - blanks] = '\0';
    conversation->len = 0;
}

enum typed conversation_take(struct conversation *conversation)
{
    for (;;) {
        char c;
        ssize_t n = read(conversation->fd, &c, 1);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && descriptor_would_wait(errno))
            return TYPED_LATER;
        if (n <= 0)
            return TYPED_END;
        if (c == '\n' || c == '\r') {
            tidy(conversation);
            return TYPED_LINE;
        }
        if (conversation->len < sizeof(conversation->typed) - 1)
            conversation->typed[conversation->len++] = c;
    }
}

/* A line that is not ended yet is in the terminal's hands, and read by nobody. */
void conversation_forget(struct conversation *conversation)
{
    (void)tcflush(conversation->fd, TCIFLUSH);
    conversation->len = 0;
}

enum kith_error conversation_ask(struct conversation *conversation, int64_t deadline_ms,
                                 const char *format, ...)
{
    enum typed typed = TYPED_LATER;
    va_list parts;

    conversation_forget(conversation);
    va_start(parts, format);
    say(conversation, format, parts);
    va_end(parts);
    while (typed == TYPED_LATER) {
        if (clock_now_ms() >= deadline_ms)
            return ERR_MEETING_TIMEOUT;
        if (!descriptor_await(conversation->fd, POLLIN, deadline_ms) && errno != ETIMEDOUT)
            return ERR_ANSWER_END;
        typed = conversation_take(conversation);
    }
    if (typed == TYPED_LINE)
        return OK;
    conversation_say(conversation, "\n");
    return ERR_ANSWER_END;
}

void conversation_close(struct conversation *conversation)
{
    descriptor_close(&conversation->fd);
}

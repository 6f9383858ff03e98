/*
 * Talking with whoever sits at our terminal, while the network is waited for as well.
 */
#ifndef KITH_CONVERSATION_H
#define KITH_CONVERSATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define CONVERSATION_LINE 256 /* bytes of a line, its NUL included; a longer one is cut */

struct conversation {
    int fd; /* to poll; -1 if there is none */
    char typed[CONVERSATION_LINE];
    size_t len;
};

#define CONVERSATION_NONE ((struct conversation){.fd = -1})

/* Have the terminal of this process, whatever stdin is. ERR_TERMINAL. Before it is confined. */
must_check enum kith_error conversation_open(struct conversation *conversation);

/* Show a text, as for printf, of what is fit for a terminal. */
void conversation_say(const struct conversation *conversation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What was typed before counts for nothing: it is no answer to what is asked now. */
void conversation_forget(struct conversation *conversation);

enum typed { TYPED_LATER, TYPED_LINE, TYPED_END };

/*
 * Take a line, if one is here: without the blanks around it, at typed. TYPED_END: the terminal is
 * gone, or its end was typed.
 */
enum typed conversation_take(struct conversation *conversation);

/* Ask, and wait for a line until the deadline. ERR_ANSWER_END, ERR_MEETING_TIMEOUT. */
must_check enum kith_error conversation_ask(struct conversation *conversation, int64_t deadline_ms,
                                            const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Fine twice. */
void conversation_close(struct conversation *conversation);

#endif

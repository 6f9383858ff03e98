/*
 * A channel that is kept (kith-protocol(7), "Kept channels"), at either side, and one stream of it.
 */
#ifndef KITH_KEPT_H
#define KITH_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "keys/public_key.h"
#include "keys/secret_namespace.h"
#include "net/endpoint.h"
#include "stream/link.h"

struct kept {
    struct kept *next; /* in the list that it is in */
    struct link link;
    uint8_t key[KEY_SIZE];      /* the peer's */
    struct namespace_mark mark; /* of its own namespace; zeroes from kept_make on */
    struct endpoint *from;      /* where it has called us from, on the heap; or NULL */
    int64_t made_ms;
    bool was_used;           /* by a stream: where we open them, by one that was whole */
    bool is_probed;          /* often, by the system, whether the way there is still there */
    int64_t ends_ms;         /* by its age */
    int64_t idle_since_ms;   /* with nothing to do, where we open streams */
    int64_t parked_since_ms; /* without a thread, where we accept them */
    int64_t closed_ms;       /* when we have said CLOSE */
    int64_t pinged_ms;       /* when it was asked whether it is there, or was heard last */
    size_t at;               /* in a poll set */
    _Atomic size_t *among;   /* of how many it is one, or NULL */
};

/*
 * Make a channel of what a handshake has left: the transport is taken, and the keys are wiped.
 * NULL: ERR_MEMORY, and the transport is still the caller's.
 */
struct kept *kept_make(struct transport *transport, struct session_keys *keys,
                       size_t max_message_size, enum side side, const uint8_t key[static KEY_SIZE]);

/* The peer has called us from there. ERR_MEMORY. */
must_check enum kith_error kept_note_from(struct kept *kept, const struct endpoint *from);

/* It is one more of those that are counted there, until it is dropped. */
void kept_count(struct kept *kept, _Atomic size_t *among);

/* Say our last word, and no more. False if it is not our turn, or the transport does not take it.
 */
bool kept_say_close(struct kept *kept);

/* Free it, and close its transport. NULL is fine. */
void kept_drop(struct kept *kept);

/* Say our last word, and drop it: what it was asked for is not begun. NULL is fine. */
void kept_give_up(struct kept *kept);

/*
 * Ask one that has nothing to do for a target, by its name or "", and before that whether it is
 * there, unless that is asked already. ERR_LINK_LOST: it is of no more use.
 */
must_check enum kith_error kept_ask(struct kept *kept, const char *target, bool pings);

/* It has accepted: our stream begins. ERR_LINK_LOST. */
must_check enum kith_error kept_begin(struct kept *kept);

/*
 * What the acceptor has answered to our OPEN by a deadline, in front of which PONGs may come: OK,
 * ERR_REFUSED_TARGET and the other two; ERR_LINK_LOST if another channel may be asked instead;
 * ERR_NO_ANSWER, and the answer may still come; or how the peer has broken the rules.
 */
must_check enum kith_error kept_await_answer(struct kept *kept, int64_t deadline_ms);

/* Whether one that was asked has said nothing at all since, going by what came of waiting for it.
 */
bool kept_is_silent(const struct kept *kept, enum kith_error answer);

/* When another is asked beside one that is silent till then. */
int64_t kept_silent_ms(const struct kept *kept);

/* The reason that is said of one of those refusals; NOT_REFUSED of any other error. */
enum record_reason kept_refusal(enum kith_error error);

#endif

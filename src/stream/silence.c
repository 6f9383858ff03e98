/*
 * Owns when the system is asked whether a peer is still there. Must never take one for gone that
 * owes us nothing, which may be silent for as long as it likes.
 */
#include "stream/silence.h"

#include "base/clock.h"
#include "net/transport.h"

#define LOOK_MS 5000 /* between two looks at a peer that takes nothing */

/*
 * Whether the peer has anything to take or to acknowledge, as far as is known. What the system has
 * taken of us keeps it from asking by keepalive whether the peer is there.
 */
static bool owes(const struct silence *silence, const struct sender *sender)
{
    return sender_wants_transport(sender) || silence->acknowledged != sender->carried;
}

struct silence silence_begin(void)
{
    return (struct silence){.look_ms = clock_deadline_ms(LOOK_MS)};
}

int64_t silence_due_ms(struct silence *silence, const struct sender *sender)
{
    if (owes(silence, sender))
        return silence->look_ms;
    silence->look_ms = clock_deadline_ms(LOOK_MS);
    return NEVER_MS;
}

bool silence_is_too_long(struct silence *silence, const struct sender *sender, int64_t now_ms)
{
    const struct transport *transport = &sender->link->transport;

    if (!owes(silence, sender) || now_ms < silence->look_ms)
        return false;
    silence->look_ms = clock_deadline_ms(LOOK_MS);
    if (transport_queued(transport) <= 0)
        silence->acknowledged = sender->carried;
    return transport_is_silent(transport);
}

/*
 * Owns what is said of a handshake that failed. Must never claim to know what only the other side
 * can.
 */
#include "calls/explain.h"

#include <stdio.h>

#include "base/clock.h"

/* By how much the clocks disagree, as of when the other side's time came. */
static void tell_skew(struct explanation *explanation, const struct handshake_io *io)
{
    uint64_t then_ms = io->answered_wall_ms;
    char skew[64];

    clock_format_skew(skew, sizeof(skew), io->handshake.peer_timestamp_ms,
                      then_ms != 0 ? then_ms : clock_wall_ms());
    (void)snprintf(explanation->text, sizeof(explanation->text), "its clock is %s ours", skew);
    explanation->detail = explanation->text;
}

void explain_handshake(struct explanation *explanation, const struct handshake_io *io,
                       enum kith_error error)
{
    bool called = io->role == HANDSHAKE_IO_LISTENS;

    *explanation = (struct explanation){.error = error};
    if (error == ERR_CLOCK_AHEAD || error == ERR_CLOCK_BEHIND)
        tell_skew(explanation, io);
    if (error == ERR_KIND && io->kind == KIND_KEPT)
        explanation->hint = "it asks for a target by its name, or keeps its channels: on its side "
                            "no :NAME, or --plain";
    if (error == ERR_NOT_FOR_US && !called)
        explanation->hint = "something between the two sides mixes up their connections";
    if (error == ERR_HANDSHAKE_CUT && called && io->message == 3)
        explanation->error = ERR_LEFT;
    else if (error == ERR_HANDSHAKE_CUT && called)
        explanation->hint = ""; /* the usual one is for the side that calls */
    else if (error == ERR_HANDSHAKE_CUT && io->kind != KIND_PLAIN)
        explanation->error = ERR_KEPT_CUT;
}

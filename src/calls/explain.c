/*
 * Owns what is said of a handshake that failed. Must never claim to know what only the other side
 * can.
 */
#include "calls/explain.h"

#include "base/clock.h"
#include "protocol/meeting.h"

/* By how much the clocks disagree, as of when the other side's time came. */
static void tell_skew(struct explanation *explanation, const struct handshake_io *io)
{
    uint64_t then_ms = io->answered_wall_ms;
    char skew[64];

    clock_format_skew(skew, sizeof(skew), io->handshake.peer_timestamp_ms,
                      then_ms != 0 ? then_ms : clock_wall_ms());
    (void)problem_say(&explanation->problem, "its clock is %s ours", skew);
}

/* A kind of channel that is not taken here: which of the two sides is not what the other wants. */
static const char *hint_of_kind(const struct handshake_io *io)
{
    if (io->kind == KIND_KEPT_BACK)
        return "it is a kith serve --call, and needs a kith forward --accept here";
    if ((io->rules->listens & KIND_SET(KIND_KEPT_BACK)) != 0)
        return "only kith serve --call calls a forward --accept; there --call is missing";
    if (io->kind == KIND_KEPT)
        return "it asks for a target by its name, or keeps its channels: there, leave out :NAME, "
               "or give --plain";
    return NULL;
}

/* What is as long as the first message of a meeting, and no hello. */
static bool may_be_meeting(const struct handshake_io *io)
{
    return io->message == 1 && io->frame_len == MEETING_COMMIT_FRAME_SIZE;
}

void explain_handshake(struct explanation *explanation, const struct handshake_io *io,
                       enum kith_error error)
{
    bool called = io->role == HANDSHAKE_IO_LISTENS;

    *explanation = (struct explanation){.error = error};
    if (error == ERR_CLOCK_AHEAD || error == ERR_CLOCK_BEHIND)
        tell_skew(explanation, io);
    if (error == ERR_KIND)
        explanation->problem.hint = hint_of_kind(io);
    if (error == ERR_CONNECT_REFUSED && io->kind == KIND_KEPT_BACK)
        explanation->problem.hint = "does kith forward --accept run there, at that port?";
    if ((error == ERR_FRAME_TOO_LONG || error == ERR_FRAME_EMPTY) && !called)
        explanation->problem.hint = "it is not kith that answers there: is it the right port?";
    if (error == ERR_HELLO_MALFORMED && called && may_be_meeting(io))
        explanation->problem.hint =
            "is it a kith meet that calls? To wait for one, run here: kith meet --listen";
    if (error == ERR_NOT_FOR_US && !called)
        explanation->problem.hint = "something between the two sides mixes up their connections";
    if (error == ERR_HANDSHAKE_CUT && called && io->message == 3)
        explanation->error = ERR_LEFT;
    else if (error == ERR_HANDSHAKE_CUT && called)
        explanation->problem.hint = ""; /* the usual one is for the side that calls */
    else if (error == ERR_HANDSHAKE_CUT && io->kind != KIND_PLAIN)
        explanation->error = io->kind == KIND_KEPT ? ERR_KEPT_CUT : ERR_BACK_CUT;
}

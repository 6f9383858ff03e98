/*
 * Owns the words for callers that were turned away. Must never say that a peer was there: that it
 * was is what it has not proven.
 */
#include "refusal.h"

#include <stdio.h>

#include "clock.h"
#include "log.h"
#include "who.h"

void refusal_log(const char *what, const struct greeting *greeting, const char *name,
                 const char *detail)
{
    char who[WHO_TEXT_SIZE], which[WHO_TEXT_SIZE + ADDRESS_TEXT_SIZE + 24], why[256], skew[64];
    bool claims = greeting->handshake.peer_timestamp_ms != 0;
    enum kith_error error = greeting->error;
    const char *hint = error == ERR_HANDSHAKE_CUT ? NULL : error_hint(error);

    who_format(who, name, greeting->handshake.peer);
    (void)snprintf(which, sizeof(which), "%s%s%s", claims ? who : "", claims ? " at " : "",
                   greeting->peer.text);
    if (error == ERR_CLOCK_AHEAD || error == ERR_CLOCK_BEHIND) {
        clock_format_skew(skew, sizeof(skew), greeting->handshake.peer_timestamp_ms,
                          clock_wall_ms());
        (void)snprintf(why, sizeof(why), "refused: the clocks disagree: its clock is %s ours",
                       skew);
    } else if (error == ERR_HANDSHAKE_CUT && greeting->message == 3) {
        (void)snprintf(why, sizeof(why), "left once it had our answer");
        hint = "a check does that, and who refuses the answer, for its clock, say: see what it "
               "says there";
    } else {
        (void)snprintf(why, sizeof(why), "refused: %s%s%s", error_text(error),
                       detail != NULL ? ": " : "", detail != NULL ? detail : "");
    }
    /* Who says nothing at all is mostly a balancer that looks whether we are there. */
    log_event(greeting->message == 1 && greeting->frame_len == 0 && error == ERR_HANDSHAKE_CUT
                  ? LOG_SUMMARY
                  : LOG_NOTE,
              what, which, why, hint);
}

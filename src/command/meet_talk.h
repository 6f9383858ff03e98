/*
 * What is said at the terminal in a meeting: who the other side says it is, the code, whether that
 * is the same there, and how we call the other.
 */
#ifndef KITH_MEET_TALK_H
#define KITH_MEET_TALK_H

#include <stdint.h>

#include "base/error.h"
#include "command/conversation.h"
#include "net/transport.h"
#include "peers/directory.h"
#include "protocol/meeting.h"

struct meet_talk {
    struct conversation at;
    enum meeting_role role;
    const uint8_t *own_key;
    char own_name[NAME_SIZE];
    const struct directory *directory; /* who is known already */
    int64_t deadline_ms;               /* for the question that is open */
};

/* All but the terminal, which the caller opens. */
void meet_talk_begin(struct meet_talk *talk, enum meeting_role role, const uint8_t *own_key,
                     const char *own_name, const struct directory *directory);

/*
 * The waiter: say what the other side has to type, to come to where we listen. host is what this
 * machine calls itself.
 */
void meet_talk_invite(const struct meet_talk *talk, const char *listening,
                      const struct address *there, const char *host);

/* The name that the other's key has in the peers file, or NULL: it is new to us. */
const char *meet_talk_known(const struct meet_talk *talk, const struct meeting *meeting);

/*
 * Show the code, and wait until both users have said yes, ours at the terminal. Any end of the
 * connection is an end. ERR_MEETING_NO, ERR_MEETING_CUT, ERR_MEETING_MALFORMED,
 * ERR_MEETING_TIMEOUT, ERR_ANSWER_END.
 */
must_check enum kith_error meet_talk_agree(struct meet_talk *talk, struct meeting *meeting,
                                           const struct transport *transport);

/*
 * Ask how the other is to be called, from meet_talk_begin_naming on as long as a question may take:
 * a name that is good, and new as far as is known. ERR_ANSWER_END, ERR_MEETING_TIMEOUT.
 */
void meet_talk_begin_naming(struct meet_talk *talk);
must_check enum kith_error meet_talk_name(struct meet_talk *talk, const struct meeting *meeting,
                                          char name[static NAME_SIZE]);

/* That one was taken meanwhile. */
void meet_talk_refuse_name(const struct meet_talk *talk, const char *name);

#endif

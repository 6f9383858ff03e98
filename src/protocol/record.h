/*
 * Kept channels (kith-protocol(7), "Kept channels"): the records that stand between the streams of
 * a channel, and whose turn it is to say one. Pure.
 */
#ifndef KITH_RECORD_H
#define KITH_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define RECORD_NAME_MAX 64               /* bytes of a target's name */
#define RECORD_MAX (1 + RECORD_NAME_MAX) /* bytes of a record */

enum record_type {
    RECORD_NONE, /* nothing that counts any more */
    RECORD_OPEN,
    RECORD_ACCEPT,
    RECORD_REFUSE,
    RECORD_BEGIN,
    RECORD_CLOSE,
    RECORD_PING,
    RECORD_PONG
};

/*
 * There is no room where an acceptor has a limit on connections of its own. Ours has none: what is
 * too much for us ends channels, not what is asked for on them, and is REFUSED_ROOM from others.
 */
enum record_reason { NOT_REFUSED, REFUSED_TARGET, REFUSED_UNREACHED, REFUSED_ROOM };

struct record {
    enum record_type type;
    char name[RECORD_NAME_MAX + 1]; /* of an OPEN: of the target, empty for the unnamed one */
    enum record_reason reason;      /* of a REFUSE */
};

/* Whether a target may have this name: up to 64 of A-Z a-z 0-9 . _ -, not digits alone; or none. */
bool record_name_is_good(const char *name, size_t len);

/* Write a record that is well formed; returns its bytes. */
size_t record_write(uint8_t out[static RECORD_MAX], const struct record *record);

/* Read one that is len bytes and nothing but it. ERR_RECORD. */
must_check enum kith_error record_read(struct record *record, const uint8_t *bytes, size_t len);

/* The opener has the local program, the acceptor has the targets. */
enum side { SIDE_OPENS, SIDE_ACCEPTS };

enum turn_state {
    TURN_IDLE,
    TURN_ASKED,    /* an OPEN without its answer */
    TURN_ACCEPTED, /* an ACCEPT, and no BEGIN yet */
    TURN_STREAM,   /* until turn_end_stream */
    TURN_LEAVING,  /* we have said CLOSE, and what comes is of no interest but for the peer's */
    TURN_LEFT      /* the peer has said CLOSE; ours may follow, and nothing else */
};

/* Whose turn it is between two streams of one channel, as one side of it sees that. */
struct turn {
    enum side side;
    enum turn_state state;
    bool pinged;   /* a PING without its PONG */
    bool speaking; /* our direction is in a stream */
    bool closing;  /* we have said CLOSE */
};

/*
 * We are about to say this one: ERR_OUT_OF_ORDER if it is not our turn to. After ACCEPT and BEGIN
 * our direction is that of a stream.
 */
must_check enum kith_error turn_say(struct turn *turn, enum record_type type);

/*
 * Read what the peer has said between two streams: ERR_RECORD if it is no record,
 * ERR_RECORD_TURN if it is one that must not stand there. Once we leave, all but a CLOSE is none.
 * After an ACCEPT or BEGIN the peer's direction is that of a stream. ERR_OUT_OF_ORDER: we owe an
 * answer, before which nothing more is to be read.
 */
must_check enum kith_error turn_hear(struct turn *turn, struct record *record, const uint8_t *bytes,
                                     size_t len);

/* The stream is whole, so that the next may be opened. */
void turn_end_stream(struct turn *turn);

/* Whether we are the acceptor, and it is our turn to answer. */
bool turn_owes_answer(const struct turn *turn);

#endif

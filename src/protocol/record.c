/*
 * Owns the records of a kept channel and their order. Must never take data of a stream for a
 * record, nor let one stream begin before the one before it is whole.
 */
#include "protocol/record.h"

#include <string.h>

#include "protocol/wire.h"

bool record_name_is_good(const char *name, size_t len)
{
    bool digits = len > 0;

    if (len > RECORD_NAME_MAX || !wire_is_plain(name, len))
        return false;
    for (size_t i = 0; i < len; i++)
        digits = digits && name[i] >= '0' && name[i] <= '9';
    return !digits;
}

size_t record_write(uint8_t out[static RECORD_MAX], const struct record *record)
{
    size_t len = 0;

    out[0] = (uint8_t)record->type;
    if (record->type == RECORD_REFUSE) {
        out[1] = (uint8_t)record->reason;
        len = 1;
    } else if (record->type == RECORD_OPEN) {
        len = strlen(record->name);
        memcpy(out + 1, record->name, len);
    }
    return 1 + len;
}

static bool read_name(struct record *record, const uint8_t *bytes, size_t len)
{
    if (!record_name_is_good((const char *)bytes, len))
        return false;
    memcpy(record->name, bytes, len);
    return true;
}

static bool read_reason(struct record *record, const uint8_t *bytes, size_t len)
{
    if (len != 1 || bytes[0] < REFUSED_TARGET || bytes[0] > REFUSED_ROOM)
        return false;
    record->reason = (enum record_reason)bytes[0];
    return true;
}

enum kith_error record_read(struct record *record, const uint8_t *bytes, size_t len)
{
    bool good;

    *record = (struct record){.type = RECORD_NONE};
    if (len == 0 || bytes[0] < RECORD_OPEN || bytes[0] > RECORD_PONG)
        return ERR_RECORD;
    switch (bytes[0]) {
    case RECORD_OPEN:
        good = read_name(record, bytes + 1, len - 1);
        break;
    case RECORD_REFUSE:
        good = read_reason(record, bytes + 1, len - 1);
        break;
    default:
        good = len == 1;
    }
    if (good)
        record->type = (enum record_type)bytes[0];
    return good ? OK : ERR_RECORD;
}

/*
 * What may be said, by whom, and what that leads to; both sides see it alike. CLOSE is not among
 * them: it stands wherever its direction is in no stream.
 */
static const struct rule {
    enum side speaker;
    enum record_type type;
    enum turn_state from;
    enum turn_state to;
    bool pinged; /* whether a PING without its PONG has to stand before it */
    bool either; /* or may */
} rules[] = {
    {SIDE_OPENS, RECORD_PING, TURN_IDLE, TURN_IDLE, false, false},
    {SIDE_OPENS, RECORD_OPEN, TURN_IDLE, TURN_ASKED, false, true},
    {SIDE_ACCEPTS, RECORD_PONG, TURN_IDLE, TURN_IDLE, true, false},
    {SIDE_ACCEPTS, RECORD_PONG, TURN_ASKED, TURN_ASKED, true, false},
    {SIDE_ACCEPTS, RECORD_ACCEPT, TURN_ASKED, TURN_ACCEPTED, false, false},
    {SIDE_ACCEPTS, RECORD_REFUSE, TURN_ASKED, TURN_IDLE, false, false},
    {SIDE_OPENS, RECORD_BEGIN, TURN_ACCEPTED, TURN_STREAM, false, false},
};

/* One side says a record other than CLOSE: false if that must not be. */
static bool step_turn(struct turn *turn, enum side speaker, enum record_type type)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const struct rule *rule = &rules[i];

        if (rule->speaker != speaker || rule->type != type || rule->from != turn->state ||
            (!rule->either && rule->pinged != turn->pinged))
            continue;
        turn->state = rule->to;
        if (type == RECORD_PING || type == RECORD_PONG)
            turn->pinged = type == RECORD_PING;
        return true;
    }
    return false;
}

/* Whether a CLOSE may be said: our direction is in no stream, and has not been closed. */
static bool may_close(const struct turn *turn)
{
    return !turn->closing && !turn->speaking;
}

enum kith_error turn_say(struct turn *turn, enum record_type type)
{
    if (type == RECORD_CLOSE) {
        if (!may_close(turn))
            return ERR_OUT_OF_ORDER;
        turn->closing = true;
        if (turn->state != TURN_LEFT)
            turn->state = TURN_LEAVING;
        return OK;
    }
    if (!step_turn(turn, turn->side, type))
        return ERR_OUT_OF_ORDER;
    turn->speaking = turn->speaking || type == RECORD_ACCEPT || type == RECORD_BEGIN;
    return OK;
}

/* Whether what the peer says is the data of a stream. */
static bool peer_streams(const struct turn *turn)
{
    return turn->state == TURN_STREAM || (turn->state == TURN_ACCEPTED && turn->side == SIDE_OPENS);
}

enum kith_error turn_hear(struct turn *turn, struct record *record, const uint8_t *bytes,
                          size_t len)
{
    enum kith_error error;

    if (peer_streams(turn) || turn_owes_answer(turn))
        return ERR_OUT_OF_ORDER;
    error = record_read(record, bytes, len);
    if (turn->state == TURN_LEAVING) {
        if (record->type != RECORD_CLOSE)
            *record = (struct record){.type = RECORD_NONE};
        error = OK;
    }
    if (error != OK)
        return error;
    if (turn->state == TURN_LEFT)
        return ERR_RECORD_TURN;
    if (record->type == RECORD_CLOSE)
        turn->state = TURN_LEFT;
    else if (record->type != RECORD_NONE &&
             !step_turn(turn, turn->side == SIDE_OPENS ? SIDE_ACCEPTS : SIDE_OPENS, record->type))
        return ERR_RECORD_TURN;
    return OK;
}

void turn_end_stream(struct turn *turn)
{
    turn->state = TURN_IDLE;
    turn->speaking = false;
}

bool turn_owes_answer(const struct turn *turn)
{
    return turn->side == SIDE_ACCEPTS &&
           (turn->state == TURN_ASKED || (turn->state == TURN_IDLE && turn->pinged));
}

/*
 * Owns the rules of a meeting and their order. Must never show a code of values that were not
 * committed to, nor let our values be known to a caller that has not committed to its own.
 */
#include "protocol/meeting.h"

#include <string.h>

static const char namespace_prefix[] = "kith/meet/1"; /* with its NUL, as the next two */
static const char commit_prefix[] = "kith/meet/1/commit";
static const char code_prefix[] = "kith/meet/1/code";

#define NAME_AT (KEY_SIZE + MEETING_NONCE_SIZE)
#define YES 1
#define CODES 100000000 /* eight digits */

_Static_assert(sizeof(namespace_prefix) + HASH_SIZE == MEETING_NAMESPACE_SIZE, "as it is said");

bool meeting_name_is_good(const char *name, size_t len)
{
    return len >= 1 && len <= MEETING_NAME_MAX && wire_is_plain(name, len);
}

size_t meeting_body_limit(const struct meeting *meeting)
{
    if (meeting->state == MEETING_OPEN)
        return 1;
    return meeting->state == MEETING_BEGUN ? HASH_SIZE : MEETING_VALUES_MAX;
}

/* What went wrong ends it. */
static enum kith_error conclude(struct meeting *meeting, enum kith_error error,
                                enum meeting_state next)
{
    meeting->state = error == OK ? next : MEETING_OVER;
    return error;
}

static bool is_at(const struct meeting *meeting, enum meeting_role role, enum meeting_state state)
{
    return meeting->role == role && meeting->state == state;
}

enum kith_error meeting_begin(struct meeting *meeting, enum meeting_role role,
                              const uint8_t own_key[static KEY_SIZE], const char *name)
{
    size_t len = strlen(name);

    if (meeting->state != MEETING_NONE)
        return conclude(meeting, ERR_OUT_OF_ORDER, MEETING_OVER);
    if (!meeting_name_is_good(name, len))
        return conclude(meeting, ERR_USAGE, MEETING_OVER);
    meeting->role = role;
    memcpy(meeting->own, own_key, KEY_SIZE);
    memcpy(meeting->own + NAME_AT, name, len);
    meeting->own_len = NAME_AT + len;
    return conclude(meeting, OK, MEETING_BEGUN);
}

/* What binds a caller to its values. */
static enum kith_error hash_commit(uint8_t out[static HASH_SIZE], const uint8_t *values, size_t len)
{
    const struct piece pieces[] = {{commit_prefix, sizeof(commit_prefix)}, {values, len}};

    return crypto_sha256(out, pieces, sizeof(pieces) / sizeof(pieces[0]));
}

/* Our values as a frame. */
static size_t put_values(const struct meeting *meeting,
                         uint8_t frame[static MEETING_VALUES_FRAME_MAX])
{
    store_u32be(frame, (uint32_t)meeting->own_len);
    memcpy(frame + FRAME_HEADER_SIZE, meeting->own, meeting->own_len);
    return FRAME_HEADER_SIZE + meeting->own_len;
}

enum kith_error meeting_commit(struct meeting *meeting,
                               const uint8_t nonce[static MEETING_NONCE_SIZE],
                               uint8_t frame[static MEETING_COMMIT_FRAME_SIZE])
{
    enum kith_error error;

    if (!is_at(meeting, MEETING_CALLS, MEETING_BEGUN))
        return conclude(meeting, ERR_OUT_OF_ORDER, MEETING_OVER);
    memcpy(meeting->own + KEY_SIZE, nonce, MEETING_NONCE_SIZE);
    error = hash_commit(meeting->commit, meeting->own, meeting->own_len);
    store_u32be(frame, HASH_SIZE);
    memcpy(frame + FRAME_HEADER_SIZE, meeting->commit, HASH_SIZE);
    return conclude(meeting, error, MEETING_COMMITTED);
}

enum kith_error meeting_take_commit(struct meeting *meeting, const uint8_t *body, size_t len,
                                    const uint8_t nonce[static MEETING_NONCE_SIZE],
                                    uint8_t frame[static MEETING_VALUES_FRAME_MAX],
                                    size_t *frame_len)
{
    *frame_len = 0;
    if (!is_at(meeting, MEETING_WAITS, MEETING_BEGUN))
        return conclude(meeting, ERR_OUT_OF_ORDER, MEETING_OVER);
    if (len != HASH_SIZE)
        return ERR_MEETING_MALFORMED;
    memcpy(meeting->commit, body, HASH_SIZE);
    memcpy(meeting->own + KEY_SIZE, nonce, MEETING_NONCE_SIZE);
    *frame_len = put_values(meeting, frame);
    return conclude(meeting, OK, MEETING_ANSWERED);
}

/* Check the other side's values, and take its key and its name. */
static enum kith_error take_values(struct meeting *meeting, const uint8_t *values, size_t len)
{
    const char *name = (const char *)values + NAME_AT;
    enum kith_error error;

    if (len <= NAME_AT || !meeting_name_is_good(name, len - NAME_AT))
        return ERR_MEETING_MALFORMED;
    if (memcmp(values, meeting->own, KEY_SIZE) == 0)
        return ERR_OWN_KEY;
    error = crypto_ed25519_check_point(values);
    if (error != OK)
        return error;
    memcpy(meeting->peer, values, KEY_SIZE);
    memcpy(meeting->peer_name, name, len - NAME_AT);
    return OK;
}

/* All that both sides have sent. */
static enum kith_error hash_code(struct meeting *meeting, const uint8_t *answer, size_t answer_len,
                                 const uint8_t *open, size_t open_len)
{
    uint8_t length[4];
    const struct piece pieces[] = {{code_prefix, sizeof(code_prefix)},
                                   {meeting->commit, HASH_SIZE},
                                   {length, sizeof(length)},
                                   {answer, answer_len},
                                   {open, open_len}};

    store_u32be(length, (uint32_t)answer_len);
    return crypto_sha256(meeting->digest, pieces, sizeof(pieces) / sizeof(pieces[0]));
}

enum kith_error meeting_take_answer(struct meeting *meeting, const uint8_t *body, size_t len,
                                    uint8_t frame[static MEETING_VALUES_FRAME_MAX],
                                    size_t *frame_len)
{
    enum kith_error error;

    *frame_len = 0;
    if (!is_at(meeting, MEETING_CALLS, MEETING_COMMITTED))
        return conclude(meeting, ERR_OUT_OF_ORDER, MEETING_OVER);
    error = take_values(meeting, body, len);
    if (error == OK)
        error = hash_code(meeting, body, len, meeting->own, meeting->own_len);
    if (error == OK)
        *frame_len = put_values(meeting, frame);
    return conclude(meeting, error, MEETING_OPEN);
}

enum kith_error meeting_take_open(struct meeting *meeting, const uint8_t *body, size_t len)
{
    uint8_t commit[HASH_SIZE];
    enum kith_error error;

    if (!is_at(meeting, MEETING_WAITS, MEETING_ANSWERED))
        return conclude(meeting, ERR_OUT_OF_ORDER, MEETING_OVER);
    error = hash_commit(commit, body, len);
    if (error == OK && memcmp(commit, meeting->commit, HASH_SIZE) != 0)
        error = ERR_MEETING_COMMIT;
    if (error == OK)
        error = take_values(meeting, body, len);
    if (error == OK)
        error = hash_code(meeting, meeting->own, meeting->own_len, body, len);
    return conclude(meeting, error, MEETING_OPEN);
}

void meeting_code(const struct meeting *meeting, char code[static MEETING_CODE_SIZE])
{
    uint64_t number = (uint64_t)load_u32be(meeting->digest) << 32 | load_u32be(meeting->digest + 4);

    number %= CODES;
    for (size_t i = MEETING_CODE_SIZE - 1; i-- > 0;) {
        code[i] = ' ';
        if (i == 4)
            continue;
        code[i] = (char)('0' + number % 10);
        number /= 10;
    }
    code[MEETING_CODE_SIZE - 1] = '\0';
}

enum kith_error meeting_yes(struct meeting *meeting, uint8_t frame[static MEETING_YES_FRAME_SIZE])
{
    if (meeting->state != MEETING_OPEN || meeting->said_yes)
        return conclude(meeting, ERR_OUT_OF_ORDER, MEETING_OVER);
    store_u32be(frame, 1);
    frame[FRAME_HEADER_SIZE] = YES;
    meeting->said_yes = true;
    return OK;
}

enum kith_error meeting_take_yes(struct meeting *meeting, const uint8_t *body, size_t len)
{
    if (meeting->state != MEETING_OPEN || meeting->heard_yes)
        return conclude(meeting, ERR_OUT_OF_ORDER, MEETING_OVER);
    if (len != 1 || body[0] != YES)
        return conclude(meeting, ERR_MEETING_MALFORMED, MEETING_OVER);
    meeting->heard_yes = true;
    return OK;
}

bool meeting_is_agreed(const struct meeting *meeting)
{
    return meeting->state == MEETING_OPEN && meeting->said_yes && meeting->heard_yes;
}

void meeting_namespace(uint8_t out[static MEETING_NAMESPACE_SIZE],
                       const uint8_t digest[static HASH_SIZE])
{
    memcpy(out, namespace_prefix, sizeof(namespace_prefix));
    memcpy(out + sizeof(namespace_prefix), digest, HASH_SIZE);
}

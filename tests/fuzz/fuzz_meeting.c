/*
 * A meeting in which one side is hostile: a caller that commits to one thing and opens what the
 * input makes of it, and a waiter that answers anything. What is shown was committed to; a key is
 * one, and not ours; a name can be one; there is no code out of turn, and no second try.
 *
 * The first byte is the role of ours, then what the other side says.
 *
 * Targets: protocol/meeting.
 */
#include "fuzz.h"
#include "protocol/meeting.h"

static const char *const keys[] = {
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return crypto_start_keys() == OK && crypto_start() == OK ? 0 : 1;
}

/* Values as an honest side has them, until the input changes them: of any length. */
static size_t make_values(struct input *input, uint8_t values[static UINT8_MAX])
{
    size_t len = KEY_SIZE + MEETING_NONCE_SIZE + take_byte(input) % 70;

    memset(values, 'n', UINT8_MAX);
    (void)hex_decode(values, KEY_SIZE, keys[1]);
    (void)change(input, values, len);
    return len;
}

/* What holds of any meeting that has come to its code. */
static void check_open(struct meeting *meeting, const uint8_t *values, size_t len)
{
    char code[MEETING_CODE_SIZE];
    uint8_t frame[MEETING_YES_FRAME_SIZE];
    size_t name_len = strlen(meeting->peer_name);

    demand(meeting->state == MEETING_OPEN && !meeting_is_agreed(meeting));
    demand(memcmp(meeting->peer, values, KEY_SIZE) == 0);
    demand(memcmp(meeting->peer, meeting->own, KEY_SIZE) != 0);
    demand(crypto_ed25519_check_point(meeting->peer) == OK);
    demand(name_len == len - KEY_SIZE - MEETING_NONCE_SIZE);
    demand(meeting_name_is_good(meeting->peer_name, name_len));
    meeting_code(meeting, code);
    demand(strlen(code) == MEETING_CODE_SIZE - 1 && code[4] == ' ');
    demand(strspn(code, "0123456789 ") == MEETING_CODE_SIZE - 1);
    demand(meeting_yes(meeting, frame) == OK && !meeting_is_agreed(meeting));
    demand(meeting_take_yes(meeting, frame + FRAME_HEADER_SIZE, 1) == OK);
    demand(meeting_is_agreed(meeting));
}

/* It commits to values, and opens others, or the same. */
static void be_called(struct meeting *meeting, struct input *input)
{
    static const char prefix[] = "kith/meet/1/commit";
    uint8_t values[UINT8_MAX], commit[HASH_SIZE], frame[MEETING_VALUES_FRAME_MAX];
    uint8_t nonce[MEETING_NONCE_SIZE] = {1};
    size_t len = make_values(input, values), frame_len;
    const struct piece pieces[] = {{prefix, sizeof(prefix)}, {values, len}};
    bool changed;
    enum kith_error error;

    demand(crypto_sha256(commit, pieces, 2) == OK);
    demand(meeting_take_commit(meeting, commit, HASH_SIZE, nonce, frame, &frame_len) == OK);
    changed = change(input, values, len);
    error = meeting_take_open(meeting, values, len);
    demand(!changed || error == ERR_MEETING_COMMIT);
    if (error == OK)
        check_open(meeting, values, len);
    else
        demand(meeting_take_open(meeting, values, len) == ERR_OUT_OF_ORDER);
}

static void call(struct meeting *meeting, struct input *input)
{
    uint8_t values[UINT8_MAX], frame[MEETING_VALUES_FRAME_MAX];
    uint8_t nonce[MEETING_NONCE_SIZE] = {2};
    size_t len = make_values(input, values), frame_len;
    enum kith_error error;

    demand(meeting_commit(meeting, nonce, frame) == OK);
    error = meeting_take_answer(meeting, values, len, frame, &frame_len);
    demand((error == OK) == (frame_len > 0));
    if (error == OK)
        check_open(meeting, values, len);
    else
        demand(meeting->state == MEETING_OVER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct meeting meeting = {.state = MEETING_NONE};
    bool waits = take_byte(&input) % 2 != 0;
    uint8_t key[KEY_SIZE];

    (void)hex_decode(key, KEY_SIZE, keys[0]);
    demand(meeting_begin(&meeting, waits ? MEETING_WAITS : MEETING_CALLS, key, "me") == OK);
    if (waits)
        be_called(&meeting, &input);
    else
        call(&meeting, &input);
    return 0;
}

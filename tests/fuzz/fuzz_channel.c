/*
 * Two ends of a channel that say whatever the input has them say, in and out of order, and lose or
 * change a message on its way. A model of the stream's rules says what has to come of each step.
 *
 * A step is two bytes: what is done (act below) and by whom, and a number that goes with it.
 *
 * Targets: protocol/channel.
 */

#include "fuzz.h"
#include "protocol/channel.h"

#define MAX_SIZE 200

enum act { ACT_DATA, ACT_END, ACT_RECEIPT, ACT_FORCE_DATA, ACT_FORCE_EMPTY, ACT_TAMPER, ACT_LOSE };
#define ACTS 7

struct end {
    struct channel channel;
    enum stream_state said; /* as the model has it */
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    demand(crypto_start() == OK);
    return 0;
}

/* Seal what the act says, whether or not the rules allow it; only the allowed may succeed. */
static enum kith_error seal(struct end *from, const struct end *to, enum act act, size_t len,
                            uint8_t *frame)
{
    uint8_t *plaintext = frame + FRAME_HEADER_SIZE;
    enum kith_error error;
    bool allowed;

    memset(plaintext, 'x', len);
    if (act == ACT_END) {
        allowed = from->said == STREAM_OPEN;
        error = channel_seal_end(&from->channel, frame);
    } else if (act == ACT_RECEIPT) {
        allowed = from->said == STREAM_ENDED && to->said != STREAM_OPEN;
        error = channel_seal_receipt(&from->channel, frame);
    } else {
        allowed = from->said == STREAM_OPEN && len > 0 && len <= MAX_SIZE;
        error = channel_seal(&from->channel, plaintext, len, frame);
    }
    demand(error == (allowed ? OK : ERR_OUT_OF_ORDER));
    return error;
}

/* Seal it though the rules forbid it, as a peer that does not keep them would. */
static void force(struct end *from, enum act act, size_t len, uint8_t *frame)
{
    struct direction *sending = &from->channel.sending;
    enum stream_state state = sending->state;

    memset(frame + FRAME_HEADER_SIZE, 'x', len);
    sending->state = STREAM_OPEN;
    demand((act == ACT_FORCE_EMPTY
                ? channel_seal_end(&from->channel, frame)
                : channel_seal(&from->channel, frame + FRAME_HEADER_SIZE, len, frame)) == OK);
    sending->state = state;
}

/* What a receiver has to say to this message, given what went before; takes the model a step on. */
static enum kith_error expected(struct end *from, const struct end *to, bool empty,
                                enum channel_event *event)
{
    if (from->said == STREAM_RECEIPTED)
        return ERR_AFTER_RECEIPT;
    *event = empty ? CHANNEL_END : CHANNEL_DATA;
    if (!empty)
        return from->said == STREAM_OPEN ? OK : ERR_AFTER_END;
    if (from->said == STREAM_OPEN) {
        from->said = STREAM_ENDED;
        return OK;
    }
    if (to->said == STREAM_OPEN)
        return ERR_EARLY_RECEIPT;
    from->said = STREAM_RECEIPTED;
    *event = CHANNEL_RECEIPT;
    return OK;
}

static enum kith_error deliver(struct end *to, uint8_t *frame, size_t *len,
                               enum channel_event *event)
{
    enum kith_error error = channel_frame_length(&to->channel, frame, len);

    return error == OK ? channel_open(&to->channel, frame + FRAME_HEADER_SIZE, *len, event) : error;
}

/* One step; false when it broke the channel, as it then had to. */
static bool step(struct end *from, struct end *to, enum act act, uint8_t number)
{
    uint8_t frame[UINT8_MAX + FRAME_OVERHEAD] = {0};
    enum channel_event event = CHANNEL_DATA, expected_event = CHANNEL_DATA;
    size_t len = act == ACT_END || act == ACT_RECEIPT || act == ACT_FORCE_EMPTY ? 0 : number;
    enum kith_error error, expected_error;
    size_t body_len;

    if (act == ACT_FORCE_DATA || act == ACT_FORCE_EMPTY)
        force(from, act, len = act == ACT_FORCE_DATA ? 1 + len % MAX_SIZE : 0, frame);
    else if (seal(from, to, act, len, frame) != OK)
        return true;

    if (act == ACT_LOSE)
        demand(channel_seal(&from->channel, frame + FRAME_HEADER_SIZE, len, frame) == OK);
    if (act == ACT_TAMPER)
        frame[number % (len + FRAME_OVERHEAD)] ^= (uint8_t)(1 << (number % 8));
    error = deliver(to, frame, &body_len, &event);
    if (act == ACT_TAMPER || act == ACT_LOSE) {
        demand(error != OK);
        return false;
    }
    expected_error = expected(from, to, len == 0, &expected_event);
    demand(error == expected_error);
    if (error != OK)
        return false;
    demand(event == expected_event && body_len == len + TAG_SIZE);
    for (size_t i = 0; i < len; i++)
        demand(frame[FRAME_HEADER_SIZE + i] == 'x');
    from->channel.sending.state = from->said;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct session_keys keys = {.send = {1}, .receive = {2}},
                              mirrored = {.send = {2}, .receive = {1}};
    struct end ends[2] = {0};
    bool whole;

    demand(channel_start(&ends[0].channel, &keys, MAX_SIZE) == OK);
    demand(channel_start(&ends[1].channel, &mirrored, MAX_SIZE) == OK);
    for (size_t i = 0; i + 1 < size; i += 2) {
        size_t from = data[i] & 1;

        if (!step(&ends[from], &ends[1 - from], (enum act)((data[i] >> 1) % ACTS), data[i + 1]))
            break;
        whole = ends[0].said == STREAM_RECEIPTED && ends[1].said == STREAM_RECEIPTED;
        demand(channel_whole(&ends[0].channel) == whole);
        demand(channel_whole(&ends[1].channel) == whole);
    }
    channel_wipe(&ends[0].channel);
    channel_wipe(&ends[1].channel);
    return 0;
}

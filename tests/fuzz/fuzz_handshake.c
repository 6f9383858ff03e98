/*
 * Any bytes as message 1, 2 or 3 of a handshake that is good so far. Nothing but the one right
 * message may be accepted, and a refusal must end the handshake.
 *
 * The first byte says which message (modulo 3) and, by its top bit, what follows: the message
 * itself, or changes to the right one: a length, then offsets and bytes to add there by xor.
 *
 * Targets: protocol/handshake.
 */

#include "../unit/party.h"
#include "fuzz.h"

#define NOW 1757500000000u
#define CHANGES 0x80

static const uint8_t namespace[] = "kith";
static struct party dialer, listener;
static struct handshake called, answered; /* before message 2, and before message 3 */
static struct {
    uint8_t frame[MESSAGE_2_FRAME_MAX];
    size_t frame_len;
} right[3];

static void start_party(struct party *party, uint8_t number)
{
    uint8_t seed[KEY_SIZE], secret[KEY_SIZE];

    memset(seed, number, KEY_SIZE);
    memset(secret, number + 100, KEY_SIZE);
    demand(party_start(party, seed, secret, namespace, sizeof(namespace) - 1) == OK);
}

static enum kith_error hear(struct handshake *handshake, const uint8_t *message, size_t len)
{
    enum kith_error error =
        listener_hear(handshake, &listener.params, listener.public_key, message, len, NOW);

    return error == OK ? listener_verify(handshake, &listener.namespace, 1, NULL) : error;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct handshake confirmed;
    struct session_keys keys;

    (void)argc, (void)argv;
    demand(crypto_start() == OK);
    start_party(&dialer, 1);
    start_party(&listener, 2);
    demand(party_call(&dialer, &called, listener.public_key, NOW, right[0].frame,
                      &right[0].frame_len) == OK);
    demand(hear(&answered, right[0].frame + FRAME_HEADER_SIZE,
                right[0].frame_len - FRAME_HEADER_SIZE) == OK);
    demand(party_answer(&listener, &answered, NOW, right[1].frame, &right[1].frame_len) == OK);
    confirmed = called;
    demand(dialer_confirm(&confirmed, right[1].frame + FRAME_HEADER_SIZE,
                          right[1].frame_len - FRAME_HEADER_SIZE, NOW, right[2].frame,
                          &keys) == OK);
    right[2].frame_len = MESSAGE_3_FRAME_SIZE;
    return 0;
}

/* Change the right message as data says; returns the length of what is in out then. */
static size_t change_message(uint8_t out[static UINT8_MAX], const uint8_t *right_message,
                             size_t right_len, const uint8_t *data, size_t size)
{
    size_t len = size > 0 ? data[0] : right_len;

    memset(out, 0, UINT8_MAX);
    memcpy(out, right_message, right_len);
    for (size_t i = 1; i + 1 < size; i += 2)
        out[data[i] % UINT8_MAX] ^= data[i + 1];
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t changed[UINT8_MAX], frame[MESSAGE_2_FRAME_MAX];
    const uint8_t *message = data + 1, *right_message;
    struct handshake handshake = {0};
    struct session_keys keys;
    enum kith_error error;
    size_t len, right_len;
    int number;

    if (size == 0)
        return 0;
    number = (data[0] & ~CHANGES) % 3;
    right_message = right[number].frame + FRAME_HEADER_SIZE;
    right_len = right[number].frame_len - FRAME_HEADER_SIZE;
    len = size - 1;
    if ((data[0] & CHANGES) != 0) {
        len = change_message(changed, right_message, right_len, message, len);
        message = changed;
    }

    if (number == 0) {
        error = hear(&handshake, message, len);
    } else if (number == 1) {
        handshake = called;
        error = dialer_confirm(&handshake, message, len, NOW, frame, &keys);
    } else {
        handshake = answered;
        error = listener_finish(&handshake, message, len, &keys);
    }
    demand((error == OK) == (len == right_len && memcmp(message, right_message, len) == 0));
    demand(error == OK || handshake.state == HANDSHAKE_OVER);
    handshake_wipe(&handshake);
    return 0;
}

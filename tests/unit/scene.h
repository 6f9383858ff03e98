/*
 * A dialer, a listener and a stranger, and one side of a handshake at a time: each attempt starts
 * afresh, so that what it is given is all that differs. One scene a program.
 */
#ifndef KITH_TEST_SCENE_H
#define KITH_TEST_SCENE_H

#include "party.h"
#include "protocol/handshake.h"

#define NOW 1757500000000u
#define HEADER FRAME_HEADER_SIZE

static const uint8_t namespace[] = "test";

/* Two that know each other and one that they do not mean, and a whole handshake of the two. */
static struct party dialer, listener, stranger;
static struct handshake calling, hearing; /* of the latest attempt */
static uint8_t frame1[MESSAGE_1_FRAME_MAX], frame2[MESSAGE_2_FRAME_MAX];
static uint8_t frame3[MESSAGE_3_FRAME_SIZE];
static size_t len1, len2; /* of messages 1 and 2, without their headers */

/* Keys that nobody has written to. */
static const struct session_keys untouched = {.send = {0xa5}, .receive = {0x5a}, .id = {0x99}};

/* Whether a handshake that failed has kept nothing secret, and given no keys out. */
static inline bool is_clean(const struct handshake *handshake, const struct session_keys *keys)
{
    static const uint8_t zero[KEY_SIZE];

    return memcmp(handshake->ephemeral_secret, zero, KEY_SIZE) == 0 &&
           memcmp(handshake->key_d2l, zero, KEY_SIZE) == 0 &&
           memcmp(handshake->key_l2d, zero, KEY_SIZE) == 0 &&
           memcmp(handshake->key_d2l_confirmation, zero, KEY_SIZE) == 0 &&
           memcmp(handshake->key_l2d_confirmation, zero, KEY_SIZE) == 0 &&
           handshake->state == HANDSHAKE_OVER && memcmp(keys, &untouched, sizeof(*keys)) == 0;
}

/* An attempt's outcome; ERR_COUNT if it failed and left something behind. */
static inline enum kith_error outcome(enum kith_error error, const struct handshake *handshake,
                                      const struct session_keys *keys)
{
    return error == OK || is_clean(handshake, keys) ? error : ERR_COUNT;
}

/* A listener that takes this as message 1, at this time. */
static inline enum kith_error hear_at(const uint8_t *message, size_t len, uint64_t now_ms)
{
    enum kith_error error;

    hearing = (struct handshake){0};
    error = listener_hear(&hearing, &listener.params, listener.public_key, message, len, now_ms);
    if (error == OK)
        error = listener_verify(&hearing, &listener.namespace, 1, NULL);
    return outcome(error, &hearing, &untouched);
}

static inline enum kith_error hear(const uint8_t *message, size_t len)
{
    return hear_at(message, len, NOW);
}

/* A dialer that has sent message 1 and takes this as message 2, at this time. */
static inline enum kith_error confirm_at(const uint8_t *message, size_t len, uint64_t now_ms)
{
    struct session_keys keys = untouched;
    enum kith_error error;
    size_t frame_len;

    calling = (struct handshake){0};
    error = party_call(&dialer, &calling, listener.public_key, NOW, frame1, &frame_len);
    len1 = frame_len - HEADER;
    if (error == OK)
        error = dialer_confirm(&calling, message, len, now_ms, frame3, &keys);
    return outcome(error, &calling, &keys);
}

static inline enum kith_error confirm(const uint8_t *message, size_t len)
{
    return confirm_at(message, len, NOW);
}

/* The listener's answer to the message 1 at hand. */
static inline enum kith_error answer(void)
{
    enum kith_error error = hear(frame1 + HEADER, len1);
    size_t frame_len;

    if (error == OK)
        error = party_answer(&listener, &hearing, NOW, frame2, &frame_len);
    if (error == OK)
        len2 = frame_len - HEADER;
    return outcome(error, &hearing, &untouched);
}

/* A listener that has answered and takes this as message 3. */
static inline enum kith_error finish(const uint8_t *message, size_t len)
{
    struct session_keys keys = untouched;
    enum kith_error error = answer();

    if (error == OK)
        error = listener_finish(&hearing, message, len, &keys);
    return outcome(error, &hearing, &keys);
}

static inline bool start_party(struct party *party, uint8_t number)
{
    uint8_t seed[KEY_SIZE], secret[KEY_SIZE];

    memset(seed, number, KEY_SIZE);
    memset(secret, number + 100, KEY_SIZE);
    return party_start(party, seed, secret, namespace, sizeof(namespace) - 1) == OK;
}

/* The parties, and the three messages as they should be. */
static inline bool start_scene(void)
{
    struct session_keys keys;
    size_t frame_len;

    if (!start_party(&dialer, 1) || !start_party(&listener, 2) || !start_party(&stranger, 3))
        return false;
    calling = (struct handshake){0};
    if (party_call(&dialer, &calling, listener.public_key, NOW, frame1, &frame_len) != OK)
        return false;
    len1 = frame_len - HEADER;
    return answer() == OK &&
           dialer_confirm(&calling, frame2 + HEADER, len2, NOW, frame3, &keys) == OK;
}

/* A hello for recipient, as good as it gets: from here on, each field can be spoiled. */
static inline struct info info_for(const struct party *recipient, const struct party *sender)
{
    struct info info = {.timestamp_ms = NOW};

    memcpy(info.recipient, recipient->public_key, KEY_SIZE);
    if (crypto_x25519_public(info.ephemeral, sender->secret) != OK)
        memset(&info, 0, sizeof(info));
    return info;
}

/* How a listener takes message 1 of this Info; bad: with a spoilt signature. */
static inline enum kith_error hear_info(struct party *signer, const struct info *info, bool bad)
{
    uint8_t message[MESSAGE_1_MAX];
    size_t len;

    if (party_hello(signer, info, message, &len) != OK)
        return ERR_COUNT;
    message[len - 1] ^= bad;
    return hear(message, len);
}

/* The same for a dialer and message 2; there is a confirmation of zeros behind it. */
static inline enum kith_error confirm_info(struct party *signer, const struct info *info, bool bad)
{
    uint8_t message[MESSAGE_2_MAX] = {0};
    size_t len;

    if (party_hello(signer, info, message, &len) != OK)
        return ERR_COUNT;
    message[len - 1] ^= bad;
    return confirm(message, len + TAG_SIZE);
}

#endif

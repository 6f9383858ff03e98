/*
 * Owns the handshake's rules and their order. Must never do I/O, read a clock or make a random
 * number, and must never give out a key or a message before everything that came is verified.
 */
#include "protocol/handshake.h"

#include <stdbool.h>
#include <string.h>

static const char kdf_prefix[] = "commonware-stream/KDF/v1/";

/* What is left is public: it names the peer and its clock in a log. */
void handshake_wipe(struct handshake *handshake)
{
    crypto_wipe(handshake->ephemeral_secret, KEY_SIZE);
    crypto_wipe(handshake->key_d2l, KEY_SIZE);
    crypto_wipe(handshake->key_l2d, KEY_SIZE);
    crypto_wipe(handshake->key_d2l_confirmation, KEY_SIZE);
    crypto_wipe(handshake->key_l2d_confirmation, KEY_SIZE);
    crypto_wipe(handshake->namespace, sizeof(handshake->namespace)); /* it may be a secret */
    handshake->state = HANDSHAKE_OVER;
}

void session_keys_wipe(struct session_keys *keys)
{
    crypto_wipe(keys, sizeof(*keys));
}

size_t handshake_signed_bytes(uint8_t out[static SIGNED_MAX], const struct namespace *namespace,
                              const uint8_t *info, size_t info_len)
{
    size_t len = wire_put_varint(out, namespace->len);

    memcpy(out + len, namespace->bytes, namespace->len);
    memcpy(out + len + namespace->len, info, info_len);
    return len + namespace->len + info_len;
}

static enum kith_error take_namespace(struct handshake *handshake,
                                      const struct namespace *namespace)
{
    if (namespace->len > NAMESPACE_MAX)
        return ERR_USAGE;
    memcpy(handshake->namespace, namespace->bytes, namespace->len);
    handshake->namespace_len = namespace->len;
    return OK;
}

/*
 * The timestamp's two limits. Timestamps go up to 2^64 - 1, so differences are taken, never sums.
 */
static enum kith_error check_timestamp(const struct handshake_params *params, uint64_t timestamp_ms,
                                       uint64_t now_ms)
{
    if (now_ms > timestamp_ms && now_ms - timestamp_ms > params->max_handshake_age_ms)
        return ERR_CLOCK_BEHIND;
    if (timestamp_ms > now_ms && timestamp_ms - now_ms > params->synchrony_bound_ms)
        return ERR_CLOCK_AHEAD;
    return OK;
}

/* The checks of a Hello before its signature, in the protocol's order. */
static enum kith_error check_hello(const struct handshake *handshake, uint64_t now_ms)
{
    const struct hello *hello = &handshake->heard;
    const uint8_t *own_key = handshake->own_key;

    if (!crypto_equal(hello->info.recipient, own_key, KEY_SIZE))
        return ERR_NOT_FOR_US;
    if (crypto_equal(hello->signer, own_key, KEY_SIZE))
        return ERR_OWN_KEY;
    return check_timestamp(handshake->params, hello->info.timestamp_ms, now_ms);
}

static enum kith_error check_signature(const struct handshake *handshake, const uint8_t *info,
                                       size_t info_len)
{
    const struct namespace namespace = {handshake->namespace, handshake->namespace_len};
    uint8_t message[SIGNED_MAX];
    size_t len = handshake_signed_bytes(message, &namespace, info, info_len);
    enum kith_error error =
        crypto_ed25519_verify(handshake->heard.signature, handshake->heard.signer, message, len);

    crypto_wipe(message, len); /* a namespace may be a secret */
    return error;
}

/* Where our own hello stands, until it is a part of the transcript: right after it. */
static uint8_t *own_hello(struct handshake *handshake)
{
    return handshake->transcript + handshake->transcript_len;
}

/* Begin our own hello, up to what has to be signed, which is copied to out. */
static enum kith_error begin_hello(struct handshake *handshake, const uint8_t *tag, uint64_t now_ms,
                                   uint8_t out[static INFO_MAX], size_t *len)
{
    struct info info = {.timestamp_ms = now_ms, .has_tag = tag != NULL};
    enum kith_error error;

    memcpy(info.recipient, handshake->peer, KEY_SIZE);
    if (tag != NULL)
        memcpy(info.tag, tag, HASH_SIZE);
    error = crypto_x25519_public(info.ephemeral, handshake->ephemeral_secret);
    if (error != OK)
        return error;
    *len = wire_put_info(out, &info);
    memcpy(own_hello(handshake), out, *len);
    handshake->info_len = *len;
    return OK;
}

/* End it with its signature, and copy it to out. It is the next part of the transcript. */
static size_t end_hello(struct handshake *handshake, const uint8_t signature[static SIGNATURE_SIZE],
                        uint8_t out[static HELLO_MAX])
{
    uint8_t *hello = own_hello(handshake);
    size_t len = handshake->info_len;

    memcpy(hello + len, handshake->own_key, KEY_SIZE);
    memcpy(hello + len + KEY_SIZE, signature, SIGNATURE_SIZE);
    len += KEY_SIZE + SIGNATURE_SIZE;
    memcpy(out, hello, len);
    handshake->transcript_len += len;
    return len;
}

/* What the transcript has so far is hello_d. */
static enum kith_error note_hello_d(struct handshake *handshake)
{
    struct piece piece = {handshake->transcript, handshake->transcript_len};

    handshake->hello_d_len = handshake->transcript_len;
    return crypto_sha256(handshake->hello_digest, &piece, 1);
}

static void append_transcript(struct handshake *handshake, const uint8_t *bytes, size_t len)
{
    memcpy(handshake->transcript + handshake->transcript_len, bytes, len);
    handshake->transcript_len += len;
}

/* The four keys, from the shared secret and the transcript of both hellos. */
static enum kith_error derive_keys(struct handshake *handshake)
{
    const struct derived_key keys[] = {
        {"d2l/traffic", handshake->key_d2l},
        {"l2d/traffic", handshake->key_l2d},
        {"d2l/confirmation", handshake->key_d2l_confirmation},
        {"l2d/confirmation", handshake->key_l2d_confirmation},
    };
    const struct piece salted[] = {
        {kdf_prefix, sizeof(kdf_prefix) - 1},
        {handshake->namespace, handshake->namespace_len},
        {handshake->transcript, handshake->transcript_len},
    };
    uint8_t shared[KEY_SIZE], salt[HASH_SIZE];
    enum kith_error error;

    error = crypto_x25519(shared, handshake->ephemeral_secret, handshake->heard.info.ephemeral);
    if (error == OK)
        error = crypto_sha256(salt, salted, sizeof(salted) / sizeof(salted[0]));
    if (error == OK)
        error = crypto_hkdf(keys, sizeof(keys) / sizeof(keys[0]), salt, sizeof(salt), shared,
                            sizeof(shared));
    crypto_wipe(shared, sizeof(shared));
    crypto_wipe(salt, sizeof(salt));
    return error;
}

/* What is left of it, once the listener's confirmation ends the transcript. */
static void give_keys(const struct handshake *handshake, struct session_keys *keys,
                      const uint8_t send[static KEY_SIZE], const uint8_t receive[static KEY_SIZE])
{
    memcpy(keys->send, send, KEY_SIZE);
    memcpy(keys->receive, receive, KEY_SIZE);
    memcpy(keys->id, handshake->transcript + handshake->transcript_len - TAG_SIZE, SESSION_ID_SIZE);
}

/* The proof that its sender has the key: a tag over the transcript so far, and no text. */
static enum kith_error make_confirmation(const struct handshake *handshake,
                                         const uint8_t key[static KEY_SIZE],
                                         uint8_t tag[static TAG_SIZE])
{
    static const uint8_t nonce[NONCE_SIZE];
    struct crypto_aead *aead = crypto_aead_new(key, true);
    uint8_t nothing[1] = {0};
    enum kith_error error;

    if (aead == NULL)
        return ERR_MEMORY;
    error = crypto_seal(aead, nonce, handshake->transcript, handshake->transcript_len, nothing, 0,
                        nothing, tag);
    crypto_aead_free(aead);
    return error;
}

static enum kith_error check_confirmation(const struct handshake *handshake,
                                          const uint8_t key[static KEY_SIZE],
                                          const uint8_t tag[static TAG_SIZE])
{
    uint8_t expected[TAG_SIZE];
    enum kith_error error = make_confirmation(handshake, key, expected);

    if (error == OK && !crypto_equal(expected, tag, TAG_SIZE))
        error = ERR_CONFIRMATION;
    crypto_wipe(expected, sizeof(expected));
    return error;
}

/* Every function below ends here: an error or the end leaves no secret, and nothing follows it. */
static enum kith_error conclude(struct handshake *handshake, enum kith_error error,
                                enum handshake_state next)
{
    if (error != OK || next == HANDSHAKE_OVER)
        handshake_wipe(handshake);
    handshake->state = error == OK ? next : HANDSHAKE_OVER;
    return error;
}

enum kith_error dialer_hello(struct handshake *handshake, const struct handshake_params *params,
                             const struct namespace *namespace,
                             const uint8_t own_key[static KEY_SIZE],
                             const uint8_t peer[static KEY_SIZE],
                             const uint8_t ephemeral_secret[static KEY_SIZE], uint64_t now_ms,
                             uint8_t info[static INFO_MAX], size_t *info_len)
{
    enum kith_error error;

    *info_len = 0;
    if (handshake->state != HANDSHAKE_FRESH)
        return conclude(handshake, ERR_OUT_OF_ORDER, HANDSHAKE_OVER);
    if (crypto_equal(peer, own_key, KEY_SIZE))
        return conclude(handshake, ERR_OWN_KEY, HANDSHAKE_OVER);
    handshake->params = params;
    memcpy(handshake->own_key, own_key, KEY_SIZE);
    memcpy(handshake->peer, peer, KEY_SIZE);
    memcpy(handshake->ephemeral_secret, ephemeral_secret, KEY_SIZE);
    error = take_namespace(handshake, namespace);
    if (error == OK)
        error = begin_hello(handshake, NULL, now_ms, info, info_len);
    return conclude(handshake, error, HANDSHAKE_CALLING);
}

enum kith_error dialer_signed(struct handshake *handshake,
                              const uint8_t signature[static SIGNATURE_SIZE],
                              uint8_t frame[static MESSAGE_1_FRAME_MAX], size_t *frame_len)
{
    enum kith_error error;
    size_t len;

    *frame_len = 0;
    if (handshake->state != HANDSHAKE_CALLING)
        return conclude(handshake, ERR_OUT_OF_ORDER, HANDSHAKE_OVER);
    len = end_hello(handshake, signature, frame + FRAME_HEADER_SIZE);
    error = note_hello_d(handshake);
    if (error == OK) {
        store_u32be(frame, (uint32_t)len);
        *frame_len = FRAME_HEADER_SIZE + len;
    }
    return conclude(handshake, error, HANDSHAKE_CALLED);
}

/* The checks of message 2 up to its confirmation. */
static enum kith_error check_answer(struct handshake *handshake, const uint8_t *message, size_t len,
                                    uint64_t now_ms)
{
    struct hello *hello = &handshake->heard;
    size_t info_len, hello_len;
    enum kith_error error = wire_get_hello(hello, &info_len, &hello_len, message, len);

    if (error != OK)
        return error;
    if (len - hello_len != TAG_SIZE)
        return ERR_HELLO_MALFORMED;
    handshake->peer_timestamp_ms = hello->info.timestamp_ms;
    error = check_hello(handshake, now_ms);
    if (error == OK)
        error = check_signature(handshake, message, info_len);
    if (error != OK)
        return error;
    if (!hello->info.has_tag || !crypto_equal(hello->info.tag, handshake->hello_digest, HASH_SIZE))
        return ERR_TAG;
    if (!crypto_equal(hello->signer, handshake->peer, KEY_SIZE))
        return ERR_WRONG_PEER;
    append_transcript(handshake, message, hello_len);
    return OK;
}

enum kith_error dialer_confirm(struct handshake *handshake, const uint8_t *message, size_t len,
                               uint64_t now_ms, uint8_t frame[static MESSAGE_3_FRAME_SIZE],
                               struct session_keys *keys)
{
    const uint8_t *confirmation_l = message;
    enum kith_error error;

    if (handshake->state != HANDSHAKE_CALLED)
        return conclude(handshake, ERR_OUT_OF_ORDER, HANDSHAKE_OVER);
    error = check_answer(handshake, message, len, now_ms);
    if (error == OK) {
        confirmation_l = message + len - TAG_SIZE;
        error = derive_keys(handshake);
    }
    if (error == OK)
        error = check_confirmation(handshake, handshake->key_l2d_confirmation, confirmation_l);
    if (error == OK) {
        append_transcript(handshake, confirmation_l, TAG_SIZE);
        store_u32be(frame, MESSAGE_3_SIZE);
        error = make_confirmation(handshake, handshake->key_d2l_confirmation,
                                  frame + FRAME_HEADER_SIZE);
    }
    if (error == OK)
        give_keys(handshake, keys, handshake->key_d2l, handshake->key_l2d);
    return conclude(handshake, error, HANDSHAKE_OVER);
}

enum kith_error listener_hear(struct handshake *handshake, const struct handshake_params *params,
                              const uint8_t own_key[static KEY_SIZE], const uint8_t *message,
                              size_t len, uint64_t now_ms)
{
    size_t info_len, hello_len;
    enum kith_error error;

    if (handshake->state != HANDSHAKE_FRESH)
        return conclude(handshake, ERR_OUT_OF_ORDER, HANDSHAKE_OVER);
    handshake->params = params;
    memcpy(handshake->own_key, own_key, KEY_SIZE);
    error = wire_get_hello(&handshake->heard, &info_len, &hello_len, message, len);
    if (error == OK && hello_len != len)
        error = ERR_HELLO_MALFORMED;
    if (error == OK) {
        memcpy(handshake->peer, handshake->heard.signer, KEY_SIZE);
        handshake->peer_timestamp_ms = handshake->heard.info.timestamp_ms;
        error = check_hello(handshake, now_ms);
    }
    if (error == OK) {
        append_transcript(handshake, message, len);
        error = note_hello_d(handshake);
    }
    return conclude(handshake, error, HANDSHAKE_HEARD);
}

enum kith_error listener_verify(struct handshake *handshake, const struct namespace *namespaces,
                                size_t count, size_t *fits)
{
    const size_t info_len = handshake->hello_d_len - KEY_SIZE - SIGNATURE_SIZE;
    enum kith_error error = ERR_OUT_OF_ORDER;

    for (size_t i = 0; i < count && handshake->state == HANDSHAKE_HEARD; i++) {
        error = take_namespace(handshake, &namespaces[i]);
        if (error == OK)
            error = check_signature(handshake, handshake->transcript, info_len);
        if (fits != NULL)
            *fits = i;
        if (error != ERR_SIGNATURE)
            break;
    }
    return conclude(handshake, error, HANDSHAKE_VERIFIED);
}

enum kith_error listener_answer(struct handshake *handshake,
                                const uint8_t ephemeral_secret[static KEY_SIZE], uint64_t now_ms,
                                uint8_t info[static INFO_MAX], size_t *info_len)
{
    enum kith_error error;

    *info_len = 0;
    if (handshake->state != HANDSHAKE_VERIFIED)
        return conclude(handshake, ERR_OUT_OF_ORDER, HANDSHAKE_OVER);
    memcpy(handshake->ephemeral_secret, ephemeral_secret, KEY_SIZE);
    error = begin_hello(handshake, handshake->hello_digest, now_ms, info, info_len);
    return conclude(handshake, error, HANDSHAKE_ANSWERING);
}

enum kith_error listener_signed(struct handshake *handshake,
                                const uint8_t signature[static SIGNATURE_SIZE],
                                uint8_t frame[static MESSAGE_2_FRAME_MAX], size_t *frame_len)
{
    uint8_t *hello_l = frame + FRAME_HEADER_SIZE;
    enum kith_error error;
    size_t len;

    *frame_len = 0;
    if (handshake->state != HANDSHAKE_ANSWERING)
        return conclude(handshake, ERR_OUT_OF_ORDER, HANDSHAKE_OVER);
    len = end_hello(handshake, signature, hello_l);
    error = derive_keys(handshake);
    if (error == OK)
        error = make_confirmation(handshake, handshake->key_l2d_confirmation, hello_l + len);
    if (error == OK) {
        append_transcript(handshake, hello_l + len, TAG_SIZE);
        store_u32be(frame, (uint32_t)(len + TAG_SIZE));
        *frame_len = FRAME_HEADER_SIZE + len + TAG_SIZE;
    }
    crypto_wipe(handshake->ephemeral_secret, KEY_SIZE);
    return conclude(handshake, error, HANDSHAKE_ANSWERED);
}

enum kith_error listener_finish(struct handshake *handshake, const uint8_t *message, size_t len,
                                struct session_keys *keys)
{
    enum kith_error error = OK;

    if (handshake->state != HANDSHAKE_ANSWERED)
        error = ERR_OUT_OF_ORDER;
    else if (len != MESSAGE_3_SIZE)
        error = ERR_HELLO_MALFORMED;
    else
        error = check_confirmation(handshake, handshake->key_d2l_confirmation, message);
    if (error == OK)
        give_keys(handshake, keys, handshake->key_l2d, handshake->key_d2l);
    return conclude(handshake, error, HANDSHAKE_OVER);
}

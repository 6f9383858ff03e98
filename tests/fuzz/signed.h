/*
 * A hello that the input makes and that is signed after that, so that what stands behind the
 * signature is reached; and what has to be said of it, by an account of our own.
 */
#ifndef KITH_FUZZ_SIGNED_H
#define KITH_FUZZ_SIGNED_H

#include "../unit/scene.h"
#include "fuzz.h"

enum choice {
    SIGNED_BY_STRANGER = 1,
    SIGNED_BY_RECIPIENT = 2,
    OTHER_TAG = 4, /* none where there should be one, and one where none is needed */
    SPOILT_SIGNATURE = 8,
    ONE_MORE_BYTE = 16,
    OTHER_EPHEMERAL = 32,
    OTHER_CONFIRMATION = 64
};

struct signed_hello {
    uint8_t choices;
    uint64_t now_ms; /* when it arrives */
    uint8_t bytes[MESSAGE_2_MAX + 1];
    size_t info_len; /* of what was signed */
    size_t len;
    const struct party *signer;
};

static inline void sign_bytes(struct signed_hello *hello)
{
    uint8_t *after = hello->bytes + hello->info_len;

    memcpy(after, hello->signer->public_key, KEY_SIZE);
    demand(party_sign(hello->signer, after + KEY_SIZE, hello->bytes, hello->info_len) == OK);
    after[KEY_SIZE] ^= (hello->choices & SPOILT_SIGNATURE) != 0;
    hello->len = hello->info_len + KEY_SIZE + SIGNATURE_SIZE;
}

/*
 * Make it: choices, two times as what is added to NOW, then a key if there is to be another
 * ephemeral one, then what is changed in the encoded Info. A tag of NULL is for a message 1.
 */
static inline void make_signed(struct signed_hello *hello, struct input *input,
                               const struct party *sender, const struct party *recipient,
                               const uint8_t *tag)
{
    static const uint8_t any_tag[HASH_SIZE] = {1};
    struct info info = info_for(recipient, sender);

    memset(hello, 0, sizeof(*hello));
    hello->choices = take_byte(input);
    hello->now_ms = NOW + take_u64(input);
    info.timestamp_ms = NOW + take_u64(input);
    info.has_tag = (tag != NULL) != ((hello->choices & OTHER_TAG) != 0);
    memcpy(info.tag, tag != NULL ? tag : any_tag, HASH_SIZE);
    if ((hello->choices & OTHER_EPHEMERAL) != 0)
        (void)take(input, info.ephemeral, KEY_SIZE);
    hello->info_len = wire_put_info(hello->bytes, &info);
    (void)change(input, hello->bytes, hello->info_len);
    hello->signer = (hello->choices & SIGNED_BY_STRANGER) != 0    ? &stranger
                    : (hello->choices & SIGNED_BY_RECIPIENT) != 0 ? recipient
                                                                  : sender;
    sign_bytes(hello);
}

/* What has to be said up to the signature, by the protocol's order; rest bytes follow the hello. */
static inline enum kith_error judge(const struct signed_hello *made, struct hello *hello,
                                    const struct party *own, size_t rest)
{
    uint64_t now = made->now_ms, then;
    size_t info_len, hello_len;

    if (wire_get_hello(hello, &info_len, &hello_len, made->bytes, made->len) != OK ||
        made->len - hello_len != rest)
        return ERR_HELLO_MALFORMED;
    if (memcmp(hello->info.recipient, own->public_key, KEY_SIZE) != 0)
        return ERR_NOT_FOR_US;
    if (memcmp(hello->signer, own->public_key, KEY_SIZE) == 0)
        return ERR_OWN_KEY;
    then = hello->info.timestamp_ms;
    if (then < now && (now < 10000 ? false : then < now - 10000))
        return ERR_CLOCK_BEHIND;
    if (then > now && (now > UINT64_MAX - 5000 ? false : then > now + 5000))
        return ERR_CLOCK_AHEAD;
    if ((made->choices & SPOILT_SIGNATURE) != 0 || info_len != made->info_len)
        return ERR_SIGNATURE;
    return OK;
}

#endif

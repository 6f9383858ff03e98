/*
 * Message 2, signed and confirmed after it was changed: whatever its Info says, the dialer has to
 * say the first thing that is wrong with it, and if nothing is, come to the keys that this listener
 * has come to, by an account of our own.
 *
 * Targets: protocol/handshake, protocol/wire.
 */
#include "signed.h"

static struct handshake called; /* before message 2 */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    size_t len;

    (void)argc, (void)argv;
    demand(crypto_start() == OK && start_scene());
    demand(party_call(&dialer, &called, listener.public_key, NOW, frame1, &len) == OK);
    return 0;
}

/* The keys of a listener who has said this hello; false if its ephemeral key is of low order. */
static bool derive(struct session_keys *traffic, uint8_t confirmation[static KEY_SIZE],
                   const struct signed_hello *made, const struct hello *hello)
{
    static const char prefix[] = "commonware-stream/KDF/v1/";
    const struct piece salted[] = {{prefix, sizeof(prefix) - 1},
                                   {namespace, sizeof(namespace) - 1},
                                   {frame1 + HEADER, len1},
                                   {made->bytes, made->len}};
    const struct derived_key keys[] = {{"d2l/traffic", traffic->receive},
                                       {"l2d/traffic", traffic->send},
                                       {"l2d/confirmation", confirmation}};
    uint8_t shared[KEY_SIZE], salt[HASH_SIZE];

    if (crypto_x25519(shared, dialer.secret, hello->info.ephemeral) != OK)
        return false;
    demand(crypto_sha256(salt, salted, 4) == OK);
    demand(crypto_hkdf(keys, 3, salt, sizeof(salt), shared, sizeof(shared)) == OK);
    return true;
}

/* The confirmation, behind the hello. */
static void put_confirmation(struct signed_hello *made, const uint8_t key[static KEY_SIZE])
{
    static const uint8_t nonce[NONCE_SIZE];
    uint8_t transcript[2 * HELLO_MAX], nothing[1] = {0};
    struct crypto_aead *aead = crypto_aead_new(key, true);

    demand(aead != NULL);
    memcpy(transcript, frame1 + HEADER, len1);
    memcpy(transcript + len1, made->bytes, made->len);
    demand(crypto_seal(aead, nonce, transcript, len1 + made->len, nothing, 0, nothing,
                       made->bytes + made->len) == OK);
    crypto_aead_free(aead);
}

/* What is to be said, once all before the tag is well. */
static enum kith_error judge_answer(const struct signed_hello *made, const struct hello *hello,
                                    bool agreed)
{
    if (!hello->info.has_tag || memcmp(hello->info.tag, called.hello_digest, HASH_SIZE) != 0)
        return ERR_TAG;
    if (memcmp(hello->signer, listener.public_key, KEY_SIZE) != 0)
        return ERR_WRONG_PEER;
    if (!agreed)
        return ERR_LOW_ORDER;
    return (made->choices & OTHER_CONFIRMATION) != 0 ? ERR_CONFIRMATION : OK;
}

/* Finish message 2; returns what the dialer has to say. */
static enum kith_error finish_answer(struct signed_hello *made, struct session_keys *keys)
{
    uint8_t confirmation[KEY_SIZE] = {0};
    struct hello hello = {0};
    enum kith_error expected;
    bool agreed;

    if (wire_get_hello(&hello, &(size_t){0}, &(size_t){0}, made->bytes, made->len) != OK)
        hello = (struct hello){.signer = {0}};
    agreed = derive(keys, confirmation, made, &hello);
    if (agreed)
        put_confirmation(made, confirmation);
    made->len += TAG_SIZE;
    made->bytes[made->len - 1] ^= (made->choices & OTHER_CONFIRMATION) != 0;
    made->len += (made->choices & ONE_MORE_BYTE) != 0;
    expected = judge(made, &hello, &dialer, TAG_SIZE);
    return expected == OK ? judge_answer(made, &hello, agreed) : expected;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct session_keys keys = untouched, listeners = {{0}, {0}};
    struct handshake handshake = called;
    struct signed_hello made;
    enum kith_error expected, error;

    make_signed(&made, &input, &listener, &dialer, called.hello_digest);
    expected = finish_answer(&made, &listeners);
    error = dialer_confirm(&handshake, made.bytes, made.len, made.now_ms, frame3, &keys);
    demand(outcome(error, &handshake, &keys) == expected);
    if (expected != OK)
        return 0;
    demand(memcmp(keys.send, listeners.receive, KEY_SIZE) == 0);
    demand(memcmp(keys.receive, listeners.send, KEY_SIZE) == 0);
    return 0;
}

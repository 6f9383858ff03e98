/*
 * Message 2, signed and confirmed after it was changed: whatever its Info says, the dialer has to
 * say the first thing that is wrong with it, and if nothing is, come to the keys that this listener
 * has come to, by an account of our own.
 *
 * Targets: protocol/handshake, protocol/wire.
 */
#include "account.h"

static struct handshake called; /* before message 2 */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    size_t len;

    (void)argc, (void)argv;
    demand(crypto_start() == OK && start_scene());
    demand(party_call(&dialer, &called, listener.public_key, NOW, frame1, &len) == OK);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct called call = {.hello = frame1 + HEADER, .len = len1, .secret = dialer.secret};
    struct input input = {data, size};
    struct session_keys keys = untouched;
    struct handshake handshake = called;
    struct signed_hello made;
    struct account account;
    enum kith_error expected, error;
    bool agreed;

    memcpy(call.digest, called.hello_digest, HASH_SIZE);
    make_signed(&made, &input, &listener, &dialer, call.digest);
    agreed = end_answer(&made, &call, &account);
    expected = judge_answer(&made, &call, agreed);
    error = dialer_confirm(&handshake, made.bytes, made.len, made.now_ms, frame3, &keys);
    demand(outcome(error, &handshake, &keys) == expected);
    if (expected != OK)
        return 0;
    demand(memcmp(&keys, &account.dialers, sizeof(keys)) == 0);
    demand(memcmp(frame3 + HEADER, account.by_dialer, TAG_SIZE) == 0);
    return 0;
}

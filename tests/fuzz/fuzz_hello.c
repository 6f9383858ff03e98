/*
 * Message 1, signed after it was changed: whatever its Info says, the listener has to say the first
 * thing that is wrong with it, and take it if nothing is.
 *
 * Targets: protocol/handshake, protocol/wire.
 */
#include "signed.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    demand(crypto_start() == OK && start_scene());
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct signed_hello made;
    struct hello hello = {0};
    enum kith_error expected;

    make_signed(&made, &input, &dialer, &listener, NULL);
    made.len += (made.choices & ONE_MORE_BYTE) != 0;
    expected = judge(&made, &hello, &listener, 0);
    demand(hear_at(made.bytes, made.len, made.now_ms) == expected);
    if (expected != OK)
        return 0;
    demand(memcmp(hearing.peer, made.signer->public_key, KEY_SIZE) == 0);
    demand(hearing.peer_timestamp_ms == hello.info.timestamp_ms);
    handshake_wipe(&hearing);
    return 0;
}

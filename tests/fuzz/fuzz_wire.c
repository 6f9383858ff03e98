/*
 * Any bytes as a hello, a varint and a frame's header. What is accepted has one form only: it
 * encodes to the same bytes again.
 *
 * Targets: protocol/wire.
 */

#include "fuzz.h"
#include "protocol/wire.h"

static void try_hello(const uint8_t *data, size_t size)
{
    struct hello hello;
    uint8_t again[HELLO_MAX];
    size_t info_len, hello_len;

    if (wire_get_hello(&hello, &info_len, &hello_len, data, size) != OK)
        return;
    demand(info_len <= INFO_MAX && hello_len <= size);
    demand(wire_put_info(again, &hello.info) == info_len);
    memcpy(again + info_len, hello.signer, KEY_SIZE);
    memcpy(again + info_len + KEY_SIZE, hello.signature, SIGNATURE_SIZE);
    demand(info_len + KEY_SIZE + SIGNATURE_SIZE == hello_len);
    demand(memcmp(again, data, hello_len) == 0);
}

static void try_varint(const uint8_t *data, size_t size)
{
    uint8_t again[VARINT_MAX];
    uint64_t value;
    size_t len = wire_get_varint(data, size, &value);

    demand(len <= size && len <= VARINT_MAX);
    if (len > 0)
        demand(wire_put_varint(again, value) == len && memcmp(again, data, len) == 0);
}

static void try_header(const uint8_t *data, size_t size)
{
    size_t limit = size, len;

    if (size < FRAME_HEADER_SIZE)
        return;
    if (wire_frame_length(data, limit, &len) == OK)
        demand(len > 0 && len <= limit && len == load_u32be(data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_hello(data, size);
    try_varint(data, size);
    try_header(data, size);
    return 0;
}

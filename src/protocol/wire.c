/*
 * Owns the encodings of the handshake. Must never read beyond what it is given, and accepts one
 * form only of each value, so that what was decoded encodes to the same bytes again.
 */
#include "protocol/wire.h"

#include <string.h>

#define OPTION_ABSENT 0
#define OPTION_PRESENT 1

enum kith_error wire_frame_length(const uint8_t header[static FRAME_HEADER_SIZE], size_t limit,
                                  size_t *len)
{
    uint32_t n = load_u32be(header);

    if (n == 0)
        return ERR_FRAME_EMPTY;
    if (n > limit)
        return ERR_FRAME_TOO_LONG;
    *len = n;
    return OK;
}

size_t wire_put_varint(uint8_t out[static VARINT_MAX], uint64_t value)
{
    size_t len = 0;

    while (value > 0x7f) {
        out[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[len++] = (uint8_t)value;
    return len;
}

size_t wire_get_varint(const uint8_t *in, size_t len, uint64_t *value)
{
    uint64_t result = 0;

    for (size_t i = 0; i < len && i < VARINT_MAX; i++) {
        result |= (uint64_t)(in[i] & 0x7f) << (7 * i);
        if ((in[i] & 0x80) != 0)
            continue;
        if (in[i] == 0 && i > 0)
            return 0; /* not the shortest form */
        if (i == VARINT_MAX - 1 && in[i] > 1)
            return 0; /* bits above bit 63 */
        *value = result;
        return i + 1;
    }
    return 0;
}

size_t wire_put_info(uint8_t out[static INFO_MAX], const struct info *info)
{
    uint8_t *at = out;

    memcpy(at, info->recipient, KEY_SIZE);
    at += KEY_SIZE;
    memcpy(at, info->ephemeral, KEY_SIZE);
    at += KEY_SIZE;
    at += wire_put_varint(at, info->timestamp_ms);
    *at++ = info->has_tag ? OPTION_PRESENT : OPTION_ABSENT;
    if (info->has_tag) {
        memcpy(at, info->tag, HASH_SIZE);
        at += HASH_SIZE;
    }
    return (size_t)(at - out);
}

/* What is left to decode. */
struct cursor {
    const uint8_t *at;
    size_t left;
};

static bool cursor_take(struct cursor *cursor, void *out, size_t len)
{
    if (cursor->left < len)
        return false;
    memcpy(out, cursor->at, len);
    cursor->at += len;
    cursor->left -= len;
    return true;
}

static bool take_info(struct cursor *cursor, struct info *info)
{
    uint8_t option;
    size_t used;

    if (!cursor_take(cursor, info->recipient, KEY_SIZE) ||
        !cursor_take(cursor, info->ephemeral, KEY_SIZE))
        return false;
    used = wire_get_varint(cursor->at, cursor->left, &info->timestamp_ms);
    if (used == 0)
        return false;
    cursor->at += used;
    cursor->left -= used;
    if (!cursor_take(cursor, &option, 1) || option > OPTION_PRESENT)
        return false;
    info->has_tag = option == OPTION_PRESENT;
    return !info->has_tag || cursor_take(cursor, info->tag, HASH_SIZE);
}

bool wire_get_info(struct info *info, const uint8_t *in, size_t len)
{
    struct cursor cursor = {in, len};

    return take_info(&cursor, info) && cursor.left == 0;
}

enum kith_error wire_get_hello(struct hello *hello, size_t *info_len, size_t *hello_len,
                               const uint8_t *in, size_t len)
{
    struct cursor cursor = {in, len};

    if (!take_info(&cursor, &hello->info))
        return ERR_HELLO_MALFORMED;
    *info_len = len - cursor.left;
    if (!cursor_take(&cursor, hello->signer, KEY_SIZE) ||
        !cursor_take(&cursor, hello->signature, SIGNATURE_SIZE))
        return ERR_HELLO_MALFORMED;
    *hello_len = len - cursor.left;
    return OK;
}

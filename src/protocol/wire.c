/*
 * Owns the encodings of the handshake. Must never read beyond what it is given, and accepts one
 * form only of each value, so that what was decoded encodes to the same bytes again.
 */
#include "protocol/wire.h"

#include <string.h>

#define OPTION_ABSENT 0
#define OPTION_PRESENT 1

bool wire_is_plain(const char *text, size_t len)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    for (size_t i = 0; i < len; i++) {
        if (memchr(allowed, text[i], sizeof(allowed) - 1) == NULL)
            return false;
    }
    return true;
}

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

enum kith_error wire_frame_size(const uint8_t *frame, size_t have_len, size_t limit, size_t *size)
{
    size_t body = 0;
    enum kith_error error = OK;

    if (have_len >= FRAME_HEADER_SIZE)
        error = wire_frame_length(frame, limit, &body);
    *size = FRAME_HEADER_SIZE + body;
    return error;
}

size_t wire_put_varint(uint8_t out[static VARINT_MAX], uint64_t value)
{
    size_t len = 0;

    /*@ loop invariant len <= 9 && value < varint_room(len) && (len > 0 ==> value > 0);
        loop invariant all_continue(out, len);
        loop invariant varint_value(out, len) + group(value, len) == \at(value, Pre);
        loop assigns len, value, out[0 .. 8];
        loop variant value; */
    while (value >= 128) {
        out[len++] = (uint8_t)(128 + value % 128);
        value /= 128;
    }
    out[len++] = (uint8_t)value;
    return len;
}

size_t wire_get_varint(const uint8_t *in, size_t len, uint64_t *value)
{
    size_t last = 0; /* where the last byte is */
    uint64_t result = 0;

    /*@ loop invariant last <= len && last <= 10 && all_continue(in, last);
        loop assigns last;
        loop variant len - last; */
    while (last < len && last < VARINT_MAX && in[last] >= 128)
        last++;
    if (last == len || last == VARINT_MAX)
        return 0; /* cut short, or too long */
    if (in[last] == 0 && last > 0)
        return 0; /* not the shortest form */
    if (in[last] > 1 && last == VARINT_MAX - 1)
        return 0; /* bits above bit 63 */
    /*@ loop invariant i <= last + 1 && result < varint_room(i);
        loop invariant nonlinear:
            varint_value(in, i) + group(result, i) == varint_value(in, last + 1);
        loop assigns i, result;
        loop variant i; */
    for (size_t i = last + 1; i > 0; i--) {
        /*@ assert nonlinear: group(128 * result + in[i - 1] % 128, i - 1) ==
                   group(result, i) + group(in[i - 1] % 128, i - 1); */
        result = 128 * result + in[i - 1] % 128;
    }
    *value = result;
    return last + 1;
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

/* What is decoded, from at on. */
struct cursor {
    const uint8_t *in;
    size_t len;
    size_t at;
};

/*@ requires \valid(cursor) && \valid_read(cursor->in + (0 .. cursor->len - 1));
    requires cursor->at <= cursor->len && \valid(out + (0 .. len - 1));
    requires \separated(cursor, cursor->in + (0 .. cursor->len - 1), out + (0 .. len - 1));
    assigns cursor->at, out[0 .. len - 1];
    ensures \result <==> len <= cursor->len - \old(cursor->at);
    ensures cursor->at == \old(cursor->at) + (\result ? len : 0);
    ensures \result ==> same(out, cursor->in + \old(cursor->at), len); */
static bool cursor_take(struct cursor *cursor, uint8_t *out, size_t len)
{
    if (cursor->len - cursor->at < len)
        return false;
    memcpy(out, cursor->in + cursor->at, len);
    cursor->at += len;
    return true;
}

/*@ requires \valid(cursor) && \valid_read(cursor->in + (0 .. cursor->len - 1));
    requires cursor->at == 0 && \valid(info);
    requires \separated(cursor, cursor->in + (0 .. cursor->len - 1), info);
    assigns cursor->at, *info;
    ensures cursor->at <= cursor->len;
    ensures \result ==> is_info_size(info, cursor->at); */
static bool take_info(struct cursor *cursor, struct info *info)
{
    uint8_t option;
    size_t used;

    if (!cursor_take(cursor, info->recipient, KEY_SIZE) ||
        !cursor_take(cursor, info->ephemeral, KEY_SIZE))
        return false;
    used = wire_get_varint(cursor->in + cursor->at, cursor->len - cursor->at, &info->timestamp_ms);
    cursor->at += used;
    if (used == 0 || !cursor_take(cursor, &option, 1) || option > OPTION_PRESENT)
        return false;
    info->has_tag = option == OPTION_PRESENT;
    return !info->has_tag || cursor_take(cursor, info->tag, HASH_SIZE);
}

bool wire_get_info(struct info *info, const uint8_t *in, size_t len)
{
    struct cursor cursor = {in, len, 0};

    return take_info(&cursor, info) && cursor.at == len;
}

enum kith_error wire_get_hello(struct hello *hello, size_t *info_len, size_t *hello_len,
                               const uint8_t *in, size_t len)
{
    struct cursor cursor = {in, len, 0};

    if (!take_info(&cursor, &hello->info))
        return ERR_HELLO_MALFORMED;
    *info_len = cursor.at;
    if (!cursor_take(&cursor, hello->signer, KEY_SIZE) ||
        !cursor_take(&cursor, hello->signature, SIGNATURE_SIZE))
        return ERR_HELLO_MALFORMED;
    *hello_len = cursor.at;
    return OK;
}

/*
 * The encodings: what they make, and that they take nothing else.
 */
#include <string.h>

#include "protocol/wire.h"
#include "tap.h"

static void check_varint(uint64_t value, const char *encoded, size_t len)
{
    uint8_t out[VARINT_MAX];
    uint64_t back = ~value;

    CHECK(wire_put_varint(out, value) == len && memcmp(out, encoded, len) == 0,
          "varint %llu takes %zu bytes", (unsigned long long)value, len);
    CHECK(wire_get_varint((const uint8_t *)encoded, len, &back) == len && back == value,
          "and comes back");
    for (size_t shorter = 0; shorter < len; shorter++) {
        CHECK(wire_get_varint((const uint8_t *)encoded, shorter, &back) == 0,
              "but not from %zu bytes", shorter);
    }
}

static void check_no_varint(const char *encoded, size_t len, const char *why)
{
    uint64_t value;

    CHECK(wire_get_varint((const uint8_t *)encoded, len, &value) == 0, "no varint: %s", why);
}

static void test_varints(void)
{
    uint8_t out[VARINT_MAX];
    uint64_t back;
    bool good = true;

    check_varint(0, "\x00", 1);
    check_varint(1, "\x01", 1);
    check_varint(127, "\x7f", 1);
    check_varint(128, "\x80\x01", 2);
    check_varint(300, "\xac\x02", 2);
    check_varint(16383, "\xff\x7f", 2);
    check_varint(16384, "\x80\x80\x01", 3);
    check_varint((uint64_t)1 << 63, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10);
    check_varint(UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);

    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t value = (uint64_t)1 << bit;
        size_t len = wire_put_varint(out, value);

        good = good && len == bit / 7 + 1 && wire_get_varint(out, len, &back) == len &&
               back == value && wire_put_varint(out, value - 1) <= len;
    }
    CHECK(good, "every power of two has the shortest form, and comes back");

    check_no_varint("", 0, "nothing");
    check_no_varint("\x80", 1, "no last byte");
    check_no_varint("\x80\x00", 2, "zero in two bytes");
    check_no_varint("\xff\x00", 2, "127 in two bytes");
    check_no_varint("\x80\x80\x00", 3, "zero in three bytes");
    check_no_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00", 10, "63 bits in ten bytes");
    check_no_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, "a bit above bit 63");
    check_no_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x03", 10, "65 bits");
    check_no_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10, "70 bits");
    check_no_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11, "eleven bytes");
    check_no_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "77 bits");
    CHECK(wire_get_varint((const uint8_t *)"\x05\xff", 2, &back) == 1 && back == 5,
          "what follows a varint is not looked at");
}

static void check_frame(uint32_t n, size_t limit, enum kith_error expected)
{
    uint8_t header[FRAME_HEADER_SIZE];
    size_t len = 77;

    store_u32be(header, n);
    CHECK(wire_frame_length(header, limit, &len) == expected, "frame of %u, limit %zu", n, limit);
    CHECK(len == (expected == OK ? n : 77), "its length is told only if it is good");
    CHECK(wire_frame_size(header, sizeof(header) - 1, limit, &len) == OK && len == sizeof(header),
          "before its header is here nothing is said of it but that");
    CHECK(wire_frame_size(header, sizeof(header), limit, &len) == expected &&
              (expected != OK || len == sizeof(header) + (size_t)n),
          "and then how long it is with it");
}

static void test_frames(void)
{
    check_frame(0, 16, ERR_FRAME_EMPTY);
    check_frame(0, 0, ERR_FRAME_EMPTY);
    check_frame(1, 16, OK);
    check_frame(16, 16, OK);
    check_frame(17, 16, ERR_FRAME_TOO_LONG);
    check_frame(UINT32_MAX, 16, ERR_FRAME_TOO_LONG);
    check_frame(0x10000, 0x10000, OK);
    check_frame(0x01000000, 0x10000, ERR_FRAME_TOO_LONG);
}

/* Some hello, encoded; its bytes mean nothing. Returns its length. */
static size_t some_hello(uint8_t out[static HELLO_MAX], uint64_t timestamp_ms, bool has_tag)
{
    struct info info = {.timestamp_ms = timestamp_ms, .has_tag = has_tag};
    size_t len;

    memset(info.recipient, 0x11, KEY_SIZE);
    memset(info.ephemeral, 0x22, KEY_SIZE);
    memset(info.tag, 0x33, HASH_SIZE);
    len = wire_put_info(out, &info);
    memset(out + len, 0x44, KEY_SIZE);
    memset(out + len + KEY_SIZE, 0x55, SIGNATURE_SIZE);
    return len + KEY_SIZE + SIGNATURE_SIZE;
}

static bool all(const uint8_t *bytes, size_t len, uint8_t value)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != value)
            return false;
    }
    return true;
}

static void check_hello(uint64_t timestamp_ms, bool has_tag, size_t expected_len)
{
    uint8_t encoded[HELLO_MAX + 1] = {0};
    size_t len = some_hello(encoded, timestamp_ms, has_tag), info_len = 0, hello_len = 0;
    bool refused = true;
    struct hello hello;

    CHECK(len == expected_len, "a hello of %zu bytes", expected_len);
    CHECK(wire_get_hello(&hello, &info_len, &hello_len, encoded, sizeof(encoded)) == OK &&
              hello_len == len && info_len == len - KEY_SIZE - SIGNATURE_SIZE,
          "it is decoded from a longer text, which tells its length");
    CHECK(all(hello.info.recipient, KEY_SIZE, 0x11) && all(hello.info.ephemeral, KEY_SIZE, 0x22) &&
              hello.info.timestamp_ms == timestamp_ms && hello.info.has_tag == has_tag &&
              (!has_tag || all(hello.info.tag, HASH_SIZE, 0x33)) &&
              all(hello.signer, KEY_SIZE, 0x44) && all(hello.signature, SIGNATURE_SIZE, 0x55),
          "each field comes back");
    for (size_t shorter = 0; shorter < len; shorter++) {
        refused = refused && wire_get_hello(&hello, &info_len, &hello_len, encoded, shorter) ==
                                 ERR_HELLO_MALFORMED;
    }
    CHECK(refused, "and it is refused at every shorter length");
}

static void test_hellos(void)
{
    uint8_t encoded[HELLO_MAX];
    size_t len, info_len, hello_len;
    bool refused = true;
    struct hello hello;

    check_hello(0, false, 162);
    check_hello(1757500000000, false, 167);
    check_hello(UINT64_MAX, false, 171);
    check_hello(0, true, 194);
    check_hello(1757500000000, true, 199);
    check_hello(UINT64_MAX, true, HELLO_MAX);
    CHECK(MESSAGE_1_MAX == 203 && MESSAGE_2_MAX == 219 && MESSAGE_3_SIZE == 16,
          "the largest messages are as the protocol says");

    len = some_hello(encoded, 5, true);
    for (unsigned option = 2; option < 256; option++) {
        encoded[KEY_SIZE + KEY_SIZE + 1] = (uint8_t)option;
        refused = refused && wire_get_hello(&hello, &info_len, &hello_len, encoded, len) ==
                                 ERR_HELLO_MALFORMED;
    }
    CHECK(refused, "an option is 0 or 1 and nothing else");

    len = some_hello(encoded, 0x80, false);
    encoded[KEY_SIZE + KEY_SIZE + 1] = 0;
    CHECK(wire_get_hello(&hello, &info_len, &hello_len, encoded, len) == ERR_HELLO_MALFORMED,
          "a timestamp that is not in the shortest form is refused");
}

int main(void)
{
    test_varints();
    test_frames();
    test_hellos();
    return tap_done();
}

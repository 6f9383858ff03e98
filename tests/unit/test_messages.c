/*
 * The three messages of the handshake: not one bit of them, not one length and not one session can
 * be another.
 */
#include "low_order.h"
#include "scene.h"
#include "tap.h"

typedef enum kith_error attempt_at(const uint8_t *message, size_t len);

/* Which part of a hello a byte is in, and what a listener or dialer has to say when it is wrong. */
static bool expected_for(size_t offset, size_t info_len, bool has_tag, enum kith_error error)
{
    size_t option = info_len - 1 - (has_tag ? HASH_SIZE : 0);

    if (offset < KEY_SIZE)
        return error == ERR_NOT_FOR_US;
    if (offset < 2 * KEY_SIZE)
        return error == ERR_SIGNATURE;
    if (offset < option) {
        return error == ERR_SIGNATURE || error == ERR_CLOCK_AHEAD || error == ERR_CLOCK_BEHIND ||
               error == ERR_HELLO_MALFORMED;
    }
    if (offset == option)
        return error == ERR_HELLO_MALFORMED;
    return error == ERR_SIGNATURE;
}

/* Turn every bit of a message over, one at a time; returns how many were not refused as expected.
 */
static size_t flip_bits(const uint8_t *message, size_t len, size_t info_len, bool has_tag,
                        enum kith_error (*attempt)(const uint8_t *, size_t))
{
    uint8_t flipped[MESSAGE_2_MAX];
    size_t wrong = 0;

    for (size_t bit = 0; bit < 8 * len; bit++) {
        enum kith_error error;

        memcpy(flipped, message, len);
        flipped[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        error = attempt(flipped, len);
        if (bit / 8 >= info_len + KEY_SIZE + SIGNATURE_SIZE)
            wrong += error != ERR_CONFIRMATION;
        else
            wrong += !expected_for(bit / 8, info_len, has_tag, error);
    }
    return wrong;
}

/* The lengths of a timestamp of now and of both Infos. */
#define NOW_SIZE 6
#define INFO_1_SIZE (2 * KEY_SIZE + NOW_SIZE + 1)
#define INFO_2_SIZE (INFO_1_SIZE + HASH_SIZE)

static void test_bits(void)
{
    uint8_t message[MESSAGE_2_MAX], flipped[MESSAGE_3_SIZE];
    size_t wrong = 0;

    CHECK(len1 == INFO_1_SIZE + KEY_SIZE + SIGNATURE_SIZE, "message 1 has %zu bytes", len1);
    CHECK(len2 == INFO_2_SIZE + KEY_SIZE + SIGNATURE_SIZE + TAG_SIZE, "message 2 has %zu", len2);
    memcpy(message, frame1 + HEADER, len1);
    CHECK(flip_bits(message, len1, INFO_1_SIZE, false, hear) == 0,
          "every single bit of message 1 is refused for what it is");
    memcpy(message, frame2 + HEADER, len2);
    CHECK(flip_bits(message, len2, INFO_2_SIZE, true, confirm) == 0,
          "every single bit of message 2 is refused for what it is");

    CHECK(confirm(frame2 + HEADER, len2) == OK, "message 3 as it was");
    for (size_t bit = 0; bit < 8 * MESSAGE_3_SIZE; bit++) {
        memcpy(flipped, frame3 + HEADER, MESSAGE_3_SIZE);
        flipped[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        wrong += finish(flipped, MESSAGE_3_SIZE) != ERR_CONFIRMATION;
    }
    CHECK(wrong == 0, "every single bit of message 3 is refused");
    CHECK(finish(frame3 + HEADER, MESSAGE_3_SIZE) == OK, "which is fine as it was");
}

/* A message is refused at every length from 0 to max but its own. */
static bool refused_at_other_lengths(const uint8_t *message, size_t len, size_t max,
                                     enum kith_error (*attempt)(const uint8_t *, size_t))
{
    uint8_t longer[2 * MESSAGE_2_MAX] = {0};

    memcpy(longer, message, len);
    for (size_t other = 0; other <= max; other++) {
        if (attempt(longer, other) != (other == len ? OK : ERR_HELLO_MALFORMED))
            return false;
    }
    return true;
}

static void test_lengths(void)
{
    uint8_t message[MESSAGE_2_MAX];

    memcpy(message, frame1 + HEADER, len1);
    CHECK(refused_at_other_lengths(message, len1, MESSAGE_1_MAX + 20, hear),
          "message 1 at every other length");
    memcpy(message, frame2 + HEADER, len2);
    CHECK(refused_at_other_lengths(message, len2, MESSAGE_2_MAX + 20, confirm),
          "message 2 at every other length");
    CHECK(confirm(message, len2) == OK, "message 3 as it was");
    memcpy(message, frame3 + HEADER, MESSAGE_3_SIZE);
    CHECK(refused_at_other_lengths(message, MESSAGE_3_SIZE, 64, finish),
          "message 3 at every other length");
}

/* What has to be said of a message of so many bytes for Info, two bytes of which from there on are
   swapped; with no Info, of a confirmation alone. */
static bool expected_for_swap(size_t at, size_t info_len, bool has_tag, enum kith_error error)
{
    if (at >= info_len + (info_len > 0 ? KEY_SIZE + SIGNATURE_SIZE : 0))
        return error == ERR_CONFIRMATION;
    return expected_for(at, info_len, has_tag, error) ||
           expected_for(at + 1, info_len, has_tag, error);
}

/* The same of one that has a byte more or less there. Before the option what is missing or too much
   may be made up for by the timestamp, whose length is its own affair. */
static bool expected_for_length(size_t at, size_t info_len, bool has_tag, enum kith_error error)
{
    if (error == ERR_HELLO_MALFORMED)
        return true;
    if (at + 1 + (has_tag ? HASH_SIZE : 0) >= info_len)
        return false;
    return expected_for(at < KEY_SIZE || at > 2 * KEY_SIZE ? at : 2 * KEY_SIZE, info_len, has_tag,
                        error);
}

/* Put a byte in, take one out, swap two that differ, at every place: how many were not refused as
   expected. */
static size_t edit_bytes(const uint8_t *message, size_t len, size_t info_len, bool has_tag,
                         attempt_at *attempt)
{
    uint8_t edited[MESSAGE_2_MAX + 1];
    size_t wrong = 0;

    for (size_t at = 0; at < len; at++) {
        memcpy(edited, message, at);
        edited[at] = message[at];
        memcpy(edited + at + 1, message + at, len - at);
        wrong += !expected_for_length(at, info_len, has_tag, attempt(edited, len + 1));
        edited[at] = 0;
        wrong += !expected_for_length(at, info_len, has_tag, attempt(edited, len + 1));
        memcpy(edited + at, message + at + 1, len - at - 1);
        wrong += !expected_for_length(at, info_len, has_tag, attempt(edited, len - 1));
        if (at + 1 == len || message[at] == message[at + 1])
            continue;
        memcpy(edited, message, len);
        edited[at] = message[at + 1];
        edited[at + 1] = message[at];
        wrong += !expected_for_swap(at, info_len, has_tag, attempt(edited, len));
    }
    return wrong;
}

static void test_edits(void)
{
    uint8_t message[MESSAGE_2_MAX];

    memcpy(message, frame1 + HEADER, len1);
    CHECK(edit_bytes(message, len1, INFO_1_SIZE, false, hear) == 0,
          "message 1 with a byte more, less or moved");
    memcpy(message, frame2 + HEADER, len2);
    CHECK(edit_bytes(message, len2, INFO_2_SIZE, true, confirm) == 0,
          "message 2 with a byte more, less or moved");
    CHECK(confirm(message, len2) == OK, "message 3 as it was");
    memcpy(message, frame3 + HEADER, MESSAGE_3_SIZE);
    CHECK(edit_bytes(message, MESSAGE_3_SIZE, 0, false, finish) == 0,
          "message 3 with a byte more, less or moved");
}

/* Two messages with a point in the place of an ephemeral key. */
static void try_low_order(const uint8_t point[static KEY_SIZE])
{
    struct info info = info_for(&listener, &dialer);
    size_t len;

    memcpy(info.ephemeral, point, KEY_SIZE);
    CHECK(hear_info(&dialer, &info, false) == OK, "a low order point is well signed");
    CHECK(outcome(party_answer(&listener, &hearing, NOW, frame2, &len), &hearing, &untouched) ==
              ERR_LOW_ORDER,
          "a listener does not answer to it: %02x...%02x", point[0], point[KEY_SIZE - 1]);

    info = info_for(&dialer, &listener);
    memcpy(info.ephemeral, point, KEY_SIZE);
    info.has_tag = true;
    memcpy(info.tag, calling.hello_digest, HASH_SIZE);
    CHECK(confirm_info(&listener, &info, false) == ERR_LOW_ORDER, "nor does a dialer confirm");
}

static void test_low_order(void)
{
    uint8_t point[KEY_SIZE];

    for (size_t i = 0; i < LOW_ORDER_POINTS; i++) {
        hex_decode(point, KEY_SIZE, low_order_points[i]);
        try_low_order(point);
        point[KEY_SIZE - 1] |= 0x80;
        try_low_order(point);
    }
    CHECK(answer() == OK, "message 2 as it was");
}

/* u + p is u, and so it is with the unused bit set (RFC 7748, 5): nothing comes of it but that. */
static void test_spellings(void)
{
    static const char *const pairs[][2] = {
        {"0900000000000000000000000000000000000000000000000000000000000000",
         "f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
        {"0200000000000000000000000000000000000000000000000000000000000000",
         "efffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
        {"1200000000000000000000000000000000000000000000000000000000000000",
         "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
    };
    uint8_t point[KEY_SIZE], one[KEY_SIZE], other[KEY_SIZE];

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        hex_decode(point, KEY_SIZE, pairs[i][0]);
        CHECK(crypto_x25519(one, dialer.secret, point) == OK, "a point: %.4s", pairs[i][0]);
        hex_decode(point, KEY_SIZE, pairs[i][1]);
        CHECK(crypto_x25519(other, dialer.secret, point) == OK && memcmp(one, other, KEY_SIZE) == 0,
              "its other spelling is the same: %.4s", pairs[i][1]);
    }
}

static void test_other_sessions(void)
{
    uint8_t old2[MESSAGE_2_MAX], old3[MESSAGE_3_SIZE];

    CHECK(confirm(frame2 + HEADER, len2) == OK, "a session");
    memcpy(old2, frame2 + HEADER, len2);
    memcpy(old3, frame3 + HEADER, MESSAGE_3_SIZE);

    dialer.secret[0] ^= 8;
    CHECK(confirm(old2, len2) == ERR_TAG, "its answer is none to another hello");
    CHECK(finish(old3, MESSAGE_3_SIZE) == ERR_CONFIRMATION, "its confirmation is none either");
    dialer.secret[0] ^= 8;
    CHECK(confirm(old2, len2) == OK, "the session again");
    listener.secret[0] ^= 8;
    CHECK(finish(old3, MESSAGE_3_SIZE) == ERR_CONFIRMATION,
          "nor for the same hello with another answer");
    listener.secret[0] ^= 8;
    CHECK(confirm(old2, len2) == OK && finish(old2 + len2 - TAG_SIZE, TAG_SIZE) == ERR_CONFIRMATION,
          "the listener's own confirmation is not the dialer's");
}

int main(void)
{
    CHECK(crypto_start() == OK, "libcrypto is there");
    CHECK(start_scene(), "three parties, and a handshake of two");
    test_bits();
    test_lengths();
    test_edits();
    test_low_order();
    test_spellings();
    test_other_sessions();
    return tap_done();
}

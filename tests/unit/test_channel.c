/*
 * The channel: the order of its messages, the end of its nonces, and the stream's rules. That it
 * seals to the right bytes is test_vectors.c's.
 */
#include "protocol/channel.h"

#include <string.h>

#include "tap.h"

#define MAX_SIZE 64
#define HEADER FRAME_HEADER_SIZE

static struct channel alice, bob;
static uint8_t frame[MAX_SIZE + FRAME_OVERHEAD]; /* the latest that was sealed */

/* Two ends of a channel on which nothing has been said. */
static void start(void)
{
    struct session_keys keys = {.send = {1}, .receive = {2}},
                        mirrored = {.send = {2}, .receive = {1}};

    channel_wipe(&alice);
    channel_wipe(&bob);
    CHECK(channel_start(&alice, &keys, MAX_SIZE) == OK &&
              channel_start(&bob, &mirrored, MAX_SIZE) == OK,
          "a channel");
}

/* Seal len bytes, or an empty message, whatever the stream's rules say to it. */
static enum kith_error say(struct channel *channel, const char *text)
{
    enum stream_state state = channel->sending.state;
    enum kith_error error;

    channel->sending.state = STREAM_OPEN;
    error = *text == '\0' ? channel_seal_end(channel, frame)
                          : channel_seal(channel, (const uint8_t *)text, strlen(text), frame);
    channel->sending.state = state;
    return error;
}

/* Open the latest frame. */
static enum kith_error hear(struct channel *channel, enum channel_event *event)
{
    enum kith_error error;
    size_t len;

    error = channel_frame_length(channel, frame, &len);
    if (error != OK)
        return error;
    return channel_open(channel, frame + HEADER, len, event);
}

/* Say it at one end, hear it at the other. */
static enum kith_error carry(struct channel *from, struct channel *to, const char *text,
                             enum channel_event *event)
{
    enum kith_error error = say(from, text);

    return error == OK ? hear(to, event) : error;
}

static void test_messages(void)
{
    enum channel_event event = CHANNEL_RECEIPT;
    uint8_t largest[MAX_SIZE + 1];

    start();
    CHECK(carry(&alice, &bob, "first", &event) == OK && event == CHANNEL_DATA &&
              memcmp(frame + HEADER, "first", 5) == 0,
          "a message arrives");
    CHECK(carry(&alice, &bob, "second", &event) == OK && memcmp(frame + HEADER, "second", 6) == 0,
          "and the next one");
    CHECK(carry(&bob, &alice, "third", &event) == OK && memcmp(frame + HEADER, "third", 5) == 0,
          "and one the other way");

    memset(largest, 7, sizeof(largest));
    CHECK(channel_seal(&alice, largest, MAX_SIZE, frame) == OK && hear(&bob, &event) == OK &&
              memcmp(frame + HEADER, largest, MAX_SIZE) == 0,
          "the largest arrives");
    CHECK(channel_seal(&alice, largest, MAX_SIZE + 1, frame) == ERR_OUT_OF_ORDER,
          "a larger one is not sealed");
    CHECK(channel_seal(&alice, largest, 0, frame) == ERR_OUT_OF_ORDER,
          "nor is an empty one by accident");
    memcpy(frame + HEADER, "in place", 8);
    CHECK(channel_seal(&alice, frame + HEADER, 8, frame) == OK && hear(&bob, &event) == OK &&
              memcmp(frame + HEADER, "in place", 8) == 0,
          "a message is sealed where it lies");
}

static void test_lengths(void)
{
    static const struct {
        uint32_t len;
        enum kith_error expected;
    } cases[] = {
        {0, ERR_FRAME_SHORT},
        {1, ERR_FRAME_SHORT},
        {TAG_SIZE - 1, ERR_FRAME_SHORT},
        {TAG_SIZE, OK},
        {MAX_SIZE + TAG_SIZE, OK},
        {MAX_SIZE + TAG_SIZE + 1, ERR_MESSAGE_TOO_LONG},
        {UINT32_MAX, ERR_MESSAGE_TOO_LONG},
    };
    enum channel_event event;

    start();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t header[HEADER];
        size_t len = 0;

        store_u32be(header, cases[i].len);
        CHECK(channel_frame_length(&bob, header, &len) == cases[i].expected &&
                  (cases[i].expected != OK || len == cases[i].len),
              "a frame of %u bytes", cases[i].len);
    }
    CHECK(say(&alice, "text") == OK, "a message");
    for (size_t len = 0; len < TAG_SIZE + 4; len++) {
        enum kith_error expected = len < TAG_SIZE ? ERR_FRAME_SHORT : ERR_TAMPERED;

        start();
        CHECK(say(&alice, "text") == OK, "a message of 4 bytes");
        CHECK(channel_open(&bob, frame + HEADER, len, &event) == expected, "cut to %zu", len);
    }
}

static void test_tampering(void)
{
    const size_t len = 4 + TAG_SIZE;
    enum channel_event event;
    size_t opened = 0;

    for (size_t bit = 0; bit < 8 * len; bit++) {
        struct session_keys keys = {.send = {1}, .receive = {2}},
                            mirrored = {.send = {2}, .receive = {1}};

        channel_wipe(&alice);
        channel_wipe(&bob);
        if (channel_start(&alice, &keys, MAX_SIZE) != OK ||
            channel_start(&bob, &mirrored, MAX_SIZE) != OK || say(&alice, "text") != OK)
            opened++;
        frame[HEADER + bit / 8] ^= (uint8_t)(1 << (bit % 8));
        opened += channel_open(&bob, frame + HEADER, len, &event) != ERR_TAMPERED;
    }
    CHECK(opened == 0, "not one bit of a message can be another");

    start();
    CHECK(say(&alice, "") == OK, "an end");
    frame[HEADER] ^= 1;
    CHECK(hear(&bob, &event) == ERR_TAMPERED && bob.receiving.state == STREAM_OPEN,
          "an end that does not open ends nothing");
    frame[HEADER] ^= 1;
    CHECK(hear(&bob, &event) == ERR_OUT_OF_ORDER, "after one that does not open none opens");
}

static void test_order(void)
{
    uint8_t kept[sizeof(frame)];
    enum channel_event event;

    start();
    CHECK(say(&alice, "one") == OK, "a message");
    memcpy(kept, frame, sizeof(frame));
    CHECK(hear(&bob, &event) == OK, "that arrives");
    memcpy(frame, kept, sizeof(frame));
    CHECK(hear(&bob, &event) == ERR_TAMPERED, "does not arrive twice");

    start();
    CHECK(say(&alice, "one") == OK && carry(&alice, &bob, "two", &event) == ERR_TAMPERED,
          "none can be left out");

    start();
    CHECK(say(&alice, "one") == OK && hear(&alice, &event) == ERR_TAMPERED,
          "none can be sent back to whom it is from");
}

static bool nonce_is(const struct direction *direction, const char *hex)
{
    char text[2 * NONCE_SIZE + 1];

    hex_encode(text, direction->nonce, NONCE_SIZE);
    return strcmp(text, hex) == 0;
}

/* Put both ends of alice's direction at this nonce. */
static void set_nonce(const char *hex)
{
    start();
    hex_decode(alice.sending.nonce, NONCE_SIZE, hex);
    hex_decode(bob.receiving.nonce, NONCE_SIZE, hex);
}

static void check_step(const char *from, const char *to)
{
    enum channel_event event;

    set_nonce(from);
    CHECK(carry(&alice, &bob, "text", &event) == OK && nonce_is(&alice.sending, to) &&
              nonce_is(&bob.receiving, to),
          "nonce %s follows %s", to, from);
}

static void test_nonces(void)
{
    static const uint8_t key[KEY_SIZE] = {1}, nonce[NONCE_SIZE] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    struct crypto_aead *aead = crypto_aead_new(key, true);
    uint8_t sealed[4], tag[TAG_SIZE];
    enum channel_event event;

    set_nonce("000000000000000000000100");
    CHECK(aead != NULL &&
              crypto_seal(aead, nonce, NULL, 0, (const uint8_t *)"text", 4, sealed, tag) == OK &&
              say(&alice, "text") == OK && memcmp(frame + HEADER, sealed, 4) == 0 &&
              memcmp(frame + HEADER + 4, tag, TAG_SIZE) == 0,
          "the counter is the nonce, most significant byte first");
    crypto_aead_free(aead);

    check_step("000000000000000000000000", "000000000000000000000001");
    check_step("0000000000000000000000ff", "000000000000000000000100");
    check_step("00000000ffffffffffffffff", "000000010000000000000000");
    check_step("fffffffffffffffffffffffe", "ffffffffffffffffffffffff");

    set_nonce("ffffffffffffffffffffffff");
    CHECK(carry(&alice, &bob, "text", &event) == OK && bob.receiving.nonces_used_up,
          "the last nonce is good");
    CHECK(say(&alice, "text") == ERR_NONCES_USED_UP && say(&alice, "text") == ERR_NONCES_USED_UP,
          "after it nothing is sealed");
    CHECK(say(&alice, "") == ERR_NONCES_USED_UP, "not even an end");
    start();
    CHECK(say(&alice, "text") == OK, "the first message");
    bob.receiving.nonces_used_up = true;
    CHECK(hear(&bob, &event) == ERR_NONCES_USED_UP, "and nothing is opened with the first again");
}

/* ---- The stream ---- */

static void test_sending(void)
{
    enum channel_event event;

    start();
    CHECK(channel_seal_receipt(&alice, frame) == ERR_OUT_OF_ORDER, "no receipt before both ends");
    CHECK(channel_seal_end(&alice, frame) == OK, "our end");
    CHECK(channel_seal_end(&alice, frame) == ERR_OUT_OF_ORDER, "comes once");
    CHECK(channel_seal(&alice, (const uint8_t *)"text", 4, frame) == ERR_OUT_OF_ORDER,
          "and nothing after it");
    CHECK(channel_seal_receipt(&alice, frame) == ERR_OUT_OF_ORDER,
          "no receipt for what has not come");
    CHECK(carry(&bob, &alice, "", &event) == OK && event == CHANNEL_END, "the peer's end");
    CHECK(channel_seal_receipt(&alice, frame) == OK, "then the receipt");
    CHECK(channel_seal_receipt(&alice, frame) == ERR_OUT_OF_ORDER, "which comes once");
    CHECK(channel_seal_end(&alice, frame) == ERR_OUT_OF_ORDER &&
              channel_seal(&alice, (const uint8_t *)"text", 4, frame) == ERR_OUT_OF_ORDER,
          "and nothing after it");

    start();
    CHECK(carry(&bob, &alice, "", &event) == OK, "the peer's end first");
    CHECK(channel_seal_receipt(&alice, frame) == ERR_OUT_OF_ORDER, "no receipt before our end");
    CHECK(channel_seal(&alice, (const uint8_t *)"text", 4, frame) == OK,
          "after the peer's end we may go on");
}

static void test_receiving(void)
{
    enum channel_event event;

    start();
    CHECK(carry(&alice, &bob, "text", &event) == OK && event == CHANNEL_DATA, "data");
    CHECK(carry(&alice, &bob, "", &event) == OK && event == CHANNEL_END, "the end");
    CHECK(carry(&alice, &bob, "text", &event) == ERR_AFTER_END, "no data after the end");

    start();
    CHECK(carry(&alice, &bob, "", &event) == OK && event == CHANNEL_END, "an end at once");
    CHECK(carry(&alice, &bob, "", &event) == ERR_EARLY_RECEIPT,
          "no receipt for an end that has not been sent");

    start();
    CHECK(channel_seal_end(&bob, frame) == OK, "our end");
    CHECK(carry(&alice, &bob, "", &event) == OK && event == CHANNEL_END, "the peer's");
    CHECK(carry(&alice, &bob, "", &event) == OK && event == CHANNEL_RECEIPT, "its receipt");
    CHECK(carry(&alice, &bob, "text", &event) == ERR_AFTER_RECEIPT, "no data after it");

    start();
    CHECK(channel_seal_end(&bob, frame) == OK, "our end");
    CHECK(carry(&alice, &bob, "", &event) == OK && carry(&alice, &bob, "", &event) == OK,
          "the peer's, and its receipt");
    CHECK(carry(&alice, &bob, "", &event) == ERR_AFTER_RECEIPT, "and no third empty message");
}

static void test_whole(void)
{
    enum channel_event event;

    start();
    CHECK(channel_seal_end(&alice, frame) == OK && hear(&bob, &event) == OK, "alice ends");
    CHECK(!channel_whole(&alice) && !channel_whole(&bob), "that is not the whole");
    CHECK(channel_seal_end(&bob, frame) == OK && hear(&alice, &event) == OK, "bob ends");
    CHECK(channel_seal_receipt(&bob, frame) == OK && hear(&alice, &event) == OK &&
              event == CHANNEL_RECEIPT,
          "bob's receipt");
    CHECK(!channel_whole(&alice) && !channel_whole(&bob), "one receipt is not the whole");
    CHECK(channel_seal_receipt(&alice, frame) == OK && channel_whole(&alice),
          "alice has all of it when she has sent hers");
    CHECK(!channel_whole(&bob), "bob has not");
    CHECK(hear(&bob, &event) == OK && channel_whole(&bob), "until it comes");
}

int main(void)
{
    CHECK(crypto_start() == OK, "libcrypto is there");
    test_messages();
    test_lengths();
    test_tampering();
    test_order();
    test_nonces();
    test_sending();
    test_receiving();
    test_whole();
    channel_wipe(&alice);
    channel_wipe(&alice);
    CHECK(alice.sending.aead == NULL && alice.receiving.aead == NULL, "wiped twice is wiped");
    channel_wipe(&bob);
    return tap_done();
}

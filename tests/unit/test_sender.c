/*
 * The sender: what one read takes, and how it is cut into messages. That what it sends arrives is
 * for tests/pipe.bats.
 */
#include "stream/sender.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

#define MANY ((size_t)600 << 10) /* bytes, more than a buffer holds */

static uint8_t content[MANY];
static struct link alice;
static struct channel bob;
static struct inlet inlet;
static struct sender sender;

/* A sender that has nowhere to send to, reading from in. */
static void start(int in, size_t max_message_size)
{
    struct session_keys keys = {.send = {1}, .receive = {2}},
                        mirrored = {.send = {2}, .receive = {1}};

    inlet = inlet_program(in);
    CHECK(link_start(&alice, TRANSPORT_NONE, &keys, max_message_size) == OK &&
              channel_start(&bob, &mirrored, max_message_size) == OK &&
              sender_start(&sender, &alice, &inlet, 0) == OK,
          "a sender of messages of up to %zu bytes", max_message_size);
}

static void finish(void)
{
    sender_free(&sender);
    link_close(&alice);
    channel_wipe(&bob);
}

/* Open what waits to be sent: whether it is the content, in how many messages. */
static bool holds(size_t len, size_t *messages)
{
    uint8_t *at = sender.sealed.bytes + sender.sealed.start;
    size_t taken = 0;

    *messages = 0;
    while (at < sender.sealed.bytes + sender.sealed.end) {
        enum channel_event event;
        size_t body_len;

        if (channel_frame_length(&bob, at, &body_len) != OK ||
            channel_open(&bob, at + FRAME_HEADER_SIZE, body_len, &event) != OK ||
            memcmp(at + FRAME_HEADER_SIZE, content + taken, body_len - TAG_SIZE) != 0)
            return false;
        taken += body_len - TAG_SIZE;
        at += FRAME_HEADER_SIZE + body_len;
        ++*messages;
    }
    return taken == len;
}

/* A file of len bytes, to be read from the start; -1 if there is none to be had. */
static int file_of(size_t len)
{
    FILE *file = tmpfile();
    int in = -1;

    if (file == NULL)
        return -1;
    if (fwrite(content, 1, len, file) == len && fflush(file) == 0)
        in = dup(fileno(file));
    (void)fclose(file);
    return lseek(in, 0, SEEK_SET) == 0 ? in : -1;
}

/* One read from a file of len bytes: takes so many of them, in so many messages. */
static void test_read(size_t len, size_t max_message_size, size_t taken, size_t messages)
{
    int in = file_of(len);
    size_t counted;

    CHECK(in >= 0, "a file of %zu bytes", len);
    start(in, max_message_size);
    CHECK(sender_read(&sender) == OK && sender.total == taken, "%zu of them are read at once",
          taken);
    CHECK(holds(taken, &counted) && counted == messages, "they are %zu messages", messages);
    finish();
    (void)close(in);
}

/* What is there is sent, however little it is. */
static void test_little(void)
{
    int ends[2];
    size_t messages;

    CHECK(pipe(ends) == 0 && write(ends[1], content, 3) == 3, "three bytes in a pipe");
    start(ends[0], 65536);
    CHECK(sender_read(&sender) == OK && holds(3, &messages) && messages == 1,
          "are a message at once");
    CHECK(inlet.fd == ends[0], "the pipe is still open");
    (void)close(ends[1]);
    CHECK(sender_read(&sender) == OK && inlet.fd == -1, "until it ends");
    finish();
    (void)close(ends[0]);
}

/* What was read and cannot be sealed any more. */
static void test_not_sealed(void)
{
    int in = file_of(3000);
    size_t messages, left = 0;

    start(in, 1000);
    memset(alice.channel.sending.nonce, 0xff, NONCE_SIZE);
    memset(bob.receiving.nonce, 0xff, NONCE_SIZE);
    CHECK(sender_read(&sender) == ERR_NONCES_USED_UP && sender.total == 1000,
          "one nonce is good for one of three messages");
    CHECK(holds(1000, &messages) && messages == 1, "which is there");
    for (size_t i = sender.sealed.end; i < sender.sealed.size; i++)
        left += sender.sealed.bytes[i] != 0;
    CHECK(left == 0, "and nothing of the others");
    finish();
    (void)close(in);
}

/* On a kept channel. */
static void test_opening(void)
{
    int in = file_of(3);
    uint8_t *first;
    size_t body_len, messages;
    enum channel_event event;

    start(in, 65536);
    sender_free(&sender);
    link_keep(&alice, SIDE_OPENS);
    channel_carry_records(&bob);
    CHECK(link_begin(&alice) == ERR_OUT_OF_ORDER, "what was not accepted is not begun");
    alice.turn.state = TURN_ACCEPTED;
    CHECK(link_begin(&alice) == OK && sender_start(&sender, &alice, &inlet, 0) == OK &&
              sender_wants_transport(&sender),
          "that a stream begins is to be sent, with or without its first bytes");
    CHECK(sender_read(&sender) == OK, "which it has");
    first = sender.sealed.bytes + sender.sealed.start;
    CHECK(channel_frame_length(&bob, first, &body_len) == OK && body_len == 1 + TAG_SIZE &&
              channel_open(&bob, first + FRAME_HEADER_SIZE, body_len, &event) == OK &&
              first[FRAME_HEADER_SIZE] == RECORD_BEGIN,
          "it stands in front of them");
    sender.sealed.start += FRAME_HEADER_SIZE + body_len;
    direction_begin(&bob.receiving);
    CHECK(holds(3, &messages) && messages == 1, "and they follow");
    CHECK((uintptr_t)(sender.sealed.bytes + sender.sealed.start + FRAME_HEADER_SIZE) % 64 == 0,
          "where they are copied to fast");
    sender_free(&sender);
    CHECK(sender_start(&sender, &alice, &inlet, 0) == OK && !sender_wants_transport(&sender),
          "it is said once");
    finish();
    (void)close(in);
}

int main(void)
{
    for (size_t i = 0; i < MANY; i++)
        content[i] = (uint8_t)(1 + i % 251);
    CHECK(crypto_start() == OK, "libcrypto");
    test_read(1000, 65536, 1000, 1);
    test_read(65537, 65536, 65537, 2);
    test_read(MANY, 65536, 524288, 8);
    test_read(MANY, 262144, 524288, 2);
    test_read(MANY, 1000, 32000, 32);
    test_little();
    test_not_sealed();
    test_opening();
    return tap_done();
}

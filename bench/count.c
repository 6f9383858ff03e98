/*
 * What bench/count has valgrind count: kith's core does one thing a given number of times, and
 * nothing else.
 *
 *     count seal|open|handshake TIMES [BYTES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "party.h"
#include "protocol/channel.h"

#define NOW 1700000000000
#define BYTES_MAX ((size_t)64 << 10)

static struct party dialer, listener;
static struct session_keys dialed, accepted;

static void must(enum kith_error error)
{
    if (error != OK) {
        fprintf(stderr, "count: %s\n", error_text(error));
        exit(1);
    }
}

/* Both sides, all three messages. */
static void shake_hands(void)
{
    struct handshake calling = {0}, hearing = {0};
    uint8_t frame1[MESSAGE_1_FRAME_MAX], frame2[MESSAGE_2_FRAME_MAX], frame3[MESSAGE_3_FRAME_SIZE];
    size_t len1, len2;

    must(party_call(&dialer, &calling, listener.public_key, NOW, frame1, &len1));
    must(listener_hear(&hearing, &listener.params, listener.public_key, frame1 + FRAME_HEADER_SIZE,
                       len1 - FRAME_HEADER_SIZE, NOW));
    must(listener_verify(&hearing, &listener.namespace, 1, NULL));
    must(party_answer(&listener, &hearing, NOW, frame2, &len2));
    must(dialer_confirm(&calling, frame2 + FRAME_HEADER_SIZE, len2 - FRAME_HEADER_SIZE, NOW, frame3,
                        &dialed));
    must(listener_finish(&hearing, frame3 + FRAME_HEADER_SIZE, MESSAGE_3_SIZE, &accepted));
}

static void start_parties(void)
{
    static const uint8_t seeds[4][KEY_SIZE] = {{1}, {2}, {3}, {4}};
    static const uint8_t namespace[] = "kith";

    must(crypto_start());
    must(party_start(&dialer, seeds[0], seeds[1], namespace, sizeof(namespace) - 1));
    must(party_start(&listener, seeds[2], seeds[3], namespace, sizeof(namespace) - 1));
}

/* Messages through one channel; also opened, if that is what is counted. */
static void pass_messages(long times, size_t len, bool open)
{
    static uint8_t frame[BYTES_MAX + FRAME_OVERHEAD];
    struct channel sender, receiver;
    enum channel_event event;

    shake_hands();
    must(channel_start(&sender, &dialed, BYTES_MAX));
    must(channel_start(&receiver, &accepted, BYTES_MAX));
    for (long i = 0; i < times; i++) {
        must(channel_seal(&sender, frame + FRAME_HEADER_SIZE, len, frame));
        if (open)
            must(channel_open(&receiver, frame + FRAME_HEADER_SIZE, len + TAG_SIZE, &event));
    }
    channel_wipe(&sender);
    channel_wipe(&receiver);
}

int main(int count, char **arguments)
{
    const char *what = count > 2 ? arguments[1] : "";
    long times = count > 2 ? strtol(arguments[2], NULL, 10) : 0;
    size_t len = count > 3 ? strtoul(arguments[3], NULL, 10) : 0;

    start_parties();
    if (strcmp(what, "handshake") == 0) {
        for (long i = 0; i < times; i++)
            shake_hands();
        return 0;
    }
    if (len < 1 || len > BYTES_MAX)
        return 2;
    pass_messages(times, len, strcmp(what, "open") == 0);
    return 0;
}

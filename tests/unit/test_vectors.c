/*
 * The handshake and the channel, byte for byte: every value of tests/vectors/handshake.json (an
 * independent implementation's), of recorded.json (the Rust crate's) and of kept.json (that of
 * tests/tools/speaker.py) is made again. Must never take a value under test from the vector itself.
 */
#include "party.h"
#include "protocol/channel.h"
#include "tap.h"
#include "vectors.h"

#define MAX_MESSAGE_SIZE 4096

static const char *name; /* of the vector at hand */
static bool complete;    /* whether it has every value, or what is seen from outside only */

static bool same(const void *made, size_t len, const char *value)
{
    struct bytes expected = json_bytes(value);

    return len == expected.len && memcmp(made, expected.at, len) == 0;
}

/* Check against a member of the vector. */
static void check_member(const void *made, size_t len, const char *object, const char *member)
{
    const char *value = json_find(object, member);

    if (value != NULL || complete)
        CHECK(value != NULL && same(made, len, value), "%s: %s", name, member);
}

static void check_side(struct party *party, const char *side, const struct bytes *namespace)
{
    struct bytes seed = json_bytes(json_member(side, "seed"));
    struct bytes secret = json_bytes(json_member(side, "ephemeral_secret"));
    uint8_t ephemeral[KEY_SIZE];
    enum kith_error error = party_start(party, seed.at, secret.at, namespace->at, namespace->len);

    CHECK(error == OK && crypto_x25519_public(ephemeral, secret.at) == OK, "%s: keys", name);
    check_member(party->public_key, KEY_SIZE, side, "public");
    check_member(ephemeral, KEY_SIZE, side, "ephemeral_public");
}

/* The Info of one side's hello, and what its signature covers (if the vectors have it). */
static void check_info(const char *vector, const struct info *info, const struct bytes *namespace,
                       const char *info_member, const char *signed_member)
{
    uint8_t encoded[INFO_MAX], message[SIGNED_MAX];
    size_t encoded_len = wire_put_info(encoded, info);
    size_t len = handshake_signed_bytes(message, &(struct namespace){namespace->at, namespace->len},
                                        encoded, encoded_len);

    check_member(encoded, encoded_len, vector, info_member);
    if (signed_member != NULL)
        check_member(message, len, vector, signed_member);
}

static void check_infos(const char *vector, const struct party *dialer,
                        const struct party *listener, const struct bytes *namespace,
                        const uint8_t tag[static HASH_SIZE])
{
    struct info info = {0};

    memcpy(info.recipient, listener->public_key, KEY_SIZE);
    CHECK(crypto_x25519_public(info.ephemeral, dialer->secret) == OK, "%s: ephemeral", name);
    info.timestamp_ms = json_number(json_member(json_member(vector, "dialer"), "timestamp_ms"));
    check_info(vector, &info, namespace, "dialer_info", "dialer_signed");

    memcpy(info.recipient, dialer->public_key, KEY_SIZE);
    CHECK(crypto_x25519_public(info.ephemeral, listener->secret) == OK, "%s: ephemeral", name);
    info.timestamp_ms = json_number(json_member(json_member(vector, "listener"), "timestamp_ms"));
    info.has_tag = true;
    memcpy(info.tag, tag, HASH_SIZE);
    check_info(vector, &info, namespace, "listener_info", NULL);
}

/* The shared secret from both ends, and the salt, as the protocol's page puts them. */
static void check_secret(const char *vector, const struct party *dialer,
                         const struct party *listener, const struct handshake *answered)
{
    static const char prefix[] = "commonware-stream/KDF/v1/";
    const struct piece pieces[] = {
        {prefix, strlen(prefix)},
        {dialer->namespace.bytes, dialer->namespace.len},
        {answered->transcript, answered->transcript_len - TAG_SIZE},
    };
    uint8_t public_d[KEY_SIZE], public_l[KEY_SIZE], shared_d[KEY_SIZE], shared_l[KEY_SIZE];
    uint8_t salt[HASH_SIZE];

    CHECK(crypto_x25519_public(public_d, dialer->secret) == OK &&
              crypto_x25519_public(public_l, listener->secret) == OK &&
              crypto_x25519(shared_d, dialer->secret, public_l) == OK &&
              crypto_x25519(shared_l, listener->secret, public_d) == OK &&
              crypto_sha256(salt, pieces, 3) == OK,
          "%s: both ends compute", name);
    check_member(shared_d, KEY_SIZE, vector, "shared_secret");
    check_member(shared_l, KEY_SIZE, vector, "shared_secret");
    check_member(salt, HASH_SIZE, vector, "kdf_salt");
}

static void check_keys(const char *vector, const struct handshake *answered)
{
    const char *keys;

    if (!complete)
        return;
    keys = json_member(vector, "keys");
    check_member(answered->key_d2l, KEY_SIZE, keys, "d2l/traffic");
    check_member(answered->key_l2d, KEY_SIZE, keys, "l2d/traffic");
    check_member(answered->key_d2l_confirmation, KEY_SIZE, keys, "d2l/confirmation");
    check_member(answered->key_l2d_confirmation, KEY_SIZE, keys, "l2d/confirmation");
}

/* A frame that was made against frames_handshake, and without its header against its message. */
static void check_frame(const uint8_t *frame, size_t len, const char *vector, size_t number)
{
    static const char *const messages[] = {"message1", "message2", "message3"};
    const char *frames = json_member(vector, "frames_handshake");

    CHECK(same(frame, len, json_element(frames, number)), "%s: frame %zu", name, number + 1);
    check_member(frame + FRAME_HEADER_SIZE, len - FRAME_HEADER_SIZE, vector, messages[number]);
}

/* Both sides of the handshake; the keys of each. */
static void check_handshake(const char *vector, struct session_keys *dialed,
                            struct session_keys *accepted)
{
    struct bytes namespace = json_bytes(json_member(vector, "namespace"));
    uint64_t dialer_ms = json_number(json_member(json_member(vector, "dialer"), "timestamp_ms"));
    uint64_t listener_ms =
        json_number(json_member(json_member(vector, "listener"), "timestamp_ms"));
    struct party dialer, listener;
    struct handshake d = {0}, l = {0};
    uint8_t frame1[MESSAGE_1_FRAME_MAX], frame2[MESSAGE_2_FRAME_MAX], frame3[MESSAGE_3_FRAME_SIZE];
    size_t len1, len2;
    enum kith_error error;

    check_side(&dialer, json_member(vector, "dialer"), &namespace);
    check_side(&listener, json_member(vector, "listener"), &namespace);

    error = party_call(&dialer, &d, listener.public_key, dialer_ms, frame1, &len1);
    CHECK(error == OK, "%s: the dialer calls", name);
    check_frame(frame1, len1, vector, 0);
    check_member(d.hello_digest, HASH_SIZE, vector, "continuation_tag");
    check_infos(vector, &dialer, &listener, &namespace, d.hello_digest);

    /* Each looks at its clock at the moment at which the other did: the vectors may be far apart.
     */
    error = listener_hear(&l, &listener.params, listener.public_key, frame1 + FRAME_HEADER_SIZE,
                          len1 - FRAME_HEADER_SIZE, dialer_ms);
    CHECK(error == OK && listener_verify(&l, &listener.namespace, 1, NULL) == OK,
          "%s: the listener accepts it", name);
    CHECK(memcmp(l.peer, dialer.public_key, KEY_SIZE) == 0, "%s: its name", name);
    CHECK(l.peer_timestamp_ms == dialer_ms, "%s: its time", name);
    error = party_answer(&listener, &l, listener_ms, frame2, &len2);
    CHECK(error == OK, "%s: the listener answers", name);
    check_frame(frame2, len2, vector, 1);
    check_member(frame2 + FRAME_HEADER_SIZE, len2 - FRAME_HEADER_SIZE - TAG_SIZE, vector,
                 "listener_hello");
    check_secret(vector, &dialer, &listener, &l);
    check_keys(vector, &l);

    error = dialer_confirm(&d, frame2 + FRAME_HEADER_SIZE, len2 - FRAME_HEADER_SIZE, listener_ms,
                           frame3, dialed);
    CHECK(error == OK, "%s: the dialer confirms", name);
    check_frame(frame3, sizeof(frame3), vector, 2);
    error = listener_finish(&l, frame3 + FRAME_HEADER_SIZE, MESSAGE_3_SIZE, accepted);
    CHECK(error == OK, "%s: the listener is done", name);
    CHECK(memcmp(dialed->id, frame2 + len2 - TAG_SIZE, SESSION_ID_SIZE) == 0 &&
              memcmp(accepted->id, dialed->id, SESSION_ID_SIZE) == 0,
          "%s: both call the session by the same bytes of message 2", name);
    party_end(&dialer);
    party_end(&listener);
}

/*
 * One message from sender to receiver against the vector. A vector is of messages, and knows no
 * stream: each is sealed and opened as if nothing had come to an end before.
 */
static void check_message(struct channel *sender, struct channel *receiver, const char *plaintext,
                          const char *sealed)
{
    struct bytes plain = json_bytes(plaintext);
    uint8_t frame[MAX_MESSAGE_SIZE + FRAME_OVERHEAD];
    enum channel_event event = CHANNEL_RECEIPT;
    enum kith_error error;
    size_t len = 0;

    sender->sending.state = STREAM_OPEN;
    receiver->receiving.state = STREAM_OPEN;
    error = plain.len == 0 ? channel_seal_end(sender, frame)
                           : channel_seal(sender, plain.at, plain.len, frame);
    CHECK(error == OK && same(frame + FRAME_HEADER_SIZE, plain.len + TAG_SIZE, sealed),
          "%s: %zu bytes sealed", name, plain.len);

    CHECK(channel_frame_length(receiver, frame, &len) == OK && len == plain.len + TAG_SIZE,
          "%s: the length of their frame", name);
    error = channel_open(receiver, frame + FRAME_HEADER_SIZE, len, &event);
    CHECK(error == OK && event == (plain.len == 0 ? CHANNEL_END : CHANNEL_DATA) &&
              memcmp(frame + FRAME_HEADER_SIZE, plain.at, plain.len) == 0,
          "%s: %zu bytes opened", name, plain.len);
}

static void check_messages(struct channel *sender, struct channel *receiver, const char *plaintexts,
                           const char *sealed)
{
    for (size_t i = 0; json_element(plaintexts, i) != NULL; i++)
        check_message(sender, receiver, json_element(plaintexts, i), json_element(sealed, i));
}

static void check_vector(const char *vector)
{
    struct session_keys dialed = {0}, accepted = {0};
    struct channel dialer, listener;

    check_handshake(vector, &dialed, &accepted);
    CHECK(channel_start(&dialer, &dialed, MAX_MESSAGE_SIZE) == OK, "%s: dialer's channel", name);
    CHECK(channel_start(&listener, &accepted, MAX_MESSAGE_SIZE) == OK, "%s: listener's", name);
    check_messages(&dialer, &listener, json_member(vector, "plaintext_d2l"),
                   json_member(vector, "sealed_d2l"));
    check_messages(&listener, &dialer, json_member(vector, "plaintext_l2d"),
                   json_member(vector, "sealed_l2d"));
    channel_wipe(&dialer);
    channel_wipe(&listener);
}

static void check_file(const char *path, size_t at_least)
{
    char *text = vectors_read(path);
    const char *vectors = json_member(json_blank(text), "vectors"), *vector;
    size_t count = 0;

    while ((vector = json_element(vectors, count)) != NULL) {
        char label[8] = "";

        strncat(label, json_member(vector, "name") + 1, 3);
        name = label;
        check_vector(vector);
        count++;
    }
    CHECK(count >= at_least, "%s: %zu vectors", path, count);
    free(text);
}

int main(void)
{
    CHECK(crypto_start() == OK, "libcrypto is there");
    complete = true;
    check_file("tests/vectors/handshake.json", 12);
    complete = false;
    check_file("tests/vectors/recorded.json", 8);
    check_file("tests/vectors/kept.json", 3);
    return tap_done();
}

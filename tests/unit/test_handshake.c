/*
 * What the handshake refuses, each with its own error and in the protocol's order, and that a
 * refusal leaves neither a secret nor a way on. That it makes the right bytes is test_vectors.c's.
 */
#include "scene.h"
#include "tap.h"

static void test_whole(void)
{
    struct session_keys dialed = untouched, accepted = untouched;
    size_t frame_len;

    calling = (struct handshake){0};
    CHECK(party_call(&dialer, &calling, listener.public_key, NOW, frame1, &frame_len) == OK,
          "the dialer calls");
    CHECK(answer() == OK, "the listener answers");
    CHECK(dialer_confirm(&calling, frame2 + HEADER, len2, NOW, frame3, &dialed) == OK,
          "the dialer confirms");
    CHECK(listener_finish(&hearing, frame3 + HEADER, MESSAGE_3_SIZE, &accepted) == OK,
          "the listener is done");
    CHECK(memcmp(dialed.send, accepted.receive, KEY_SIZE) == 0 &&
              memcmp(dialed.receive, accepted.send, KEY_SIZE) == 0 &&
              memcmp(dialed.send, dialed.receive, KEY_SIZE) != 0,
          "what one sends with the other receives with, and the directions differ");
    CHECK(is_clean(&calling, &untouched) && is_clean(&hearing, &untouched),
          "when it is done, neither keeps a secret");
    session_keys_wipe(&dialed);
    CHECK(memcmp(&dialed, &(struct session_keys){0}, sizeof(dialed)) == 0, "keys can be wiped");
}

static void test_order_of_listener(void)
{
    struct info info = info_for(&listener, &dialer);

    CHECK(hear_info(&dialer, &info, false) == OK, "message 1 made by hand is taken");
    CHECK(hear_info(&dialer, &info, true) == ERR_SIGNATURE, "not with another signature");
    info.has_tag = true;
    CHECK(hear_info(&dialer, &info, false) == OK, "a tag in message 1 means nothing");

    info.timestamp_ms = NOW - 10001;
    CHECK(hear_info(&dialer, &info, true) == ERR_CLOCK_BEHIND, "the clock is before the signature");
    info.timestamp_ms = NOW + 5001;
    CHECK(hear_info(&dialer, &info, true) == ERR_CLOCK_AHEAD, "in both directions");
    CHECK(hear_info(&listener, &info, true) == ERR_OWN_KEY, "our own key is before the clock");
    memcpy(info.recipient, stranger.public_key, KEY_SIZE);
    CHECK(hear_info(&listener, &info, true) == ERR_NOT_FOR_US, "the recipient is before our key");
}

static void test_order_of_dialer(void)
{
    static const uint8_t low_order[KEY_SIZE];
    struct info info = info_for(&dialer, &listener);

    info.has_tag = true;
    memcpy(info.tag, calling.hello_digest, HASH_SIZE);
    CHECK(confirm_info(&listener, &info, false) == ERR_CONFIRMATION,
          "message 2 made by hand lacks but the confirmation");
    memcpy(info.ephemeral, low_order, KEY_SIZE);
    CHECK(confirm_info(&listener, &info, false) == ERR_LOW_ORDER,
          "a low order point is before the confirmation");
    CHECK(confirm_info(&stranger, &info, false) == ERR_WRONG_PEER,
          "the peer is before the low order");
    info.tag[HASH_SIZE - 1] ^= 1;
    CHECK(confirm_info(&stranger, &info, false) == ERR_TAG, "the tag is before the peer");
    info.has_tag = false;
    CHECK(confirm_info(&stranger, &info, false) == ERR_TAG, "a tag has to be there");
    CHECK(confirm_info(&stranger, &info, true) == ERR_SIGNATURE, "the signature is before the tag");
    info.timestamp_ms = NOW + 5001;
    CHECK(confirm_info(&stranger, &info, true) == ERR_CLOCK_AHEAD,
          "the clock is before the signature");
    info.timestamp_ms = NOW - 10001;
    CHECK(confirm_info(&stranger, &info, true) == ERR_CLOCK_BEHIND, "in both directions");
    CHECK(confirm_info(&dialer, &info, true) == ERR_OWN_KEY, "our own key is before the clock");
    memcpy(info.recipient, stranger.public_key, KEY_SIZE);
    CHECK(confirm_info(&dialer, &info, true) == ERR_NOT_FOR_US,
          "the recipient is before our own key");
}

static void test_own_key(void)
{
    struct handshake handshake = {0};
    size_t len;

    CHECK(party_call(&dialer, &handshake, dialer.public_key, NOW, frame1, &len) == ERR_OWN_KEY,
          "a dialer does not call itself");
    CHECK(len == 0 && is_clean(&handshake, &untouched), "and has nothing to send");
    CHECK(confirm(frame2 + HEADER, len2) == OK, "message 1 as it was");
}

static void test_namespace(void)
{
    struct info info = info_for(&listener, &dialer);
    struct party other = dialer;

    other.namespace.len--;
    CHECK(hear_info(&other, &info, false) == ERR_SIGNATURE, "a shorter namespace is another one");
    other.namespace.len += 2;
    CHECK(hear_info(&other, &info, false) == ERR_SIGNATURE, "and so is a longer one");
    other.namespace.bytes = (const uint8_t *)"tesT";
    other.namespace.len--;
    CHECK(hear_info(&other, &info, false) == ERR_SIGNATURE, "and one that differs in a letter");
}

static void check_clock(uint64_t timestamp_ms, uint64_t now_ms, enum kith_error expected)
{
    uint8_t message[MESSAGE_2_MAX] = {0};
    struct info info = info_for(&listener, &dialer);
    enum kith_error error;
    size_t len;

    info.timestamp_ms = timestamp_ms;
    CHECK(party_hello(&dialer, &info, message, &len) == OK, "message 1");
    error = hear_at(message, len, now_ms);
    CHECK(error == expected, "timestamp %llu at %llu to a listener: %d",
          (unsigned long long)timestamp_ms, (unsigned long long)now_ms, error);
    CHECK(hearing.peer_timestamp_ms == timestamp_ms, "which can tell the timestamp");

    info = info_for(&dialer, &listener);
    info.timestamp_ms = timestamp_ms;
    CHECK(party_hello(&listener, &info, message, &len) == OK, "message 2");
    error = confirm_at(message, len + TAG_SIZE, now_ms);
    CHECK(error == (expected == OK ? ERR_TAG : expected), "and to a dialer: %d", error);
    CHECK(calling.peer_timestamp_ms == timestamp_ms, "which can tell it, too");
}

static void test_clock(void)
{
    const uint64_t half = (uint64_t)1 << 63;
    struct handshake_params usual = listener.params;

    check_clock(NOW - 10000, NOW, OK);
    check_clock(NOW - 10001, NOW, ERR_CLOCK_BEHIND);
    check_clock(NOW + 5000, NOW, OK);
    check_clock(NOW + 5001, NOW, ERR_CLOCK_AHEAD);
    check_clock(0, 10000, OK);
    check_clock(0, 10001, ERR_CLOCK_BEHIND);
    check_clock(0, 0, OK);
    check_clock(5001, 0, ERR_CLOCK_AHEAD);
    check_clock(half, half, OK);
    check_clock(half - 10000, half, OK);
    check_clock(half - 10001, half, ERR_CLOCK_BEHIND);
    check_clock(half + 5000, half, OK);
    check_clock(half + 5001, half, ERR_CLOCK_AHEAD);
    check_clock(half, NOW, ERR_CLOCK_AHEAD);
    check_clock(UINT64_MAX, UINT64_MAX, OK);
    check_clock(UINT64_MAX - 10000, UINT64_MAX, OK);
    check_clock(UINT64_MAX - 10001, UINT64_MAX, ERR_CLOCK_BEHIND);
    check_clock(UINT64_MAX, UINT64_MAX - 1, OK);
    check_clock(UINT64_MAX, UINT64_MAX - 5000, OK);
    check_clock(UINT64_MAX, UINT64_MAX - 5001, ERR_CLOCK_AHEAD);
    check_clock(UINT64_MAX, 0, ERR_CLOCK_AHEAD);
    check_clock(UINT64_MAX, 4999, ERR_CLOCK_AHEAD);
    check_clock(0, UINT64_MAX, ERR_CLOCK_BEHIND);
    check_clock(9999, UINT64_MAX, ERR_CLOCK_BEHIND);

    listener.params.max_handshake_age_ms = dialer.params.max_handshake_age_ms = UINT64_MAX;
    listener.params.synchrony_bound_ms = dialer.params.synchrony_bound_ms = UINT64_MAX;
    check_clock(0, UINT64_MAX, OK);
    check_clock(UINT64_MAX, 0, OK);
    listener.params = dialer.params = usual;
}

/* What was to be signed last. */
static uint8_t info[INFO_MAX];
static size_t info_len;

/* The eight functions, each with what it would take in its own state. */
static enum kith_error try_hello(struct handshake *handshake, struct session_keys *keys)
{
    (void)keys;
    return dialer_hello(handshake, &dialer.params, &dialer.namespace, dialer.public_key,
                        listener.public_key, dialer.secret, NOW, info, &info_len);
}

static enum kith_error try_signed_hello(struct handshake *handshake, struct session_keys *keys)
{
    uint8_t signature[SIGNATURE_SIZE];
    size_t len;

    (void)keys;
    CHECK(party_sign(&dialer, signature, info, info_len) == OK, "a signature");
    return dialer_signed(handshake, signature, frame1, &len);
}

static enum kith_error try_confirm(struct handshake *handshake, struct session_keys *keys)
{
    return dialer_confirm(handshake, frame2 + HEADER, len2, NOW, frame3, keys);
}

static enum kith_error try_hear(struct handshake *handshake, struct session_keys *keys)
{
    (void)keys;
    return listener_hear(handshake, &listener.params, listener.public_key, frame1 + HEADER, len1,
                         NOW);
}

static enum kith_error try_verify(struct handshake *handshake, struct session_keys *keys)
{
    (void)keys;
    return listener_verify(handshake, &listener.namespace, 1, NULL);
}

static enum kith_error try_answer(struct handshake *handshake, struct session_keys *keys)
{
    (void)keys;
    return listener_answer(handshake, listener.secret, NOW, info, &info_len);
}

static enum kith_error try_signed_answer(struct handshake *handshake, struct session_keys *keys)
{
    uint8_t signature[SIGNATURE_SIZE];
    size_t len;

    (void)keys;
    CHECK(party_sign(&listener, signature, info, info_len) == OK, "a signature");
    return listener_signed(handshake, signature, frame2, &len);
}

static enum kith_error try_finish(struct handshake *handshake, struct session_keys *keys)
{
    return listener_finish(handshake, frame3 + HEADER, MESSAGE_3_SIZE, keys);
}

static const struct {
    const char *name;
    enum kith_error (*try)(struct handshake *handshake, struct session_keys *keys);
    enum handshake_state in, to;
} functions[] = {
    {"dialer_hello", try_hello, HANDSHAKE_FRESH, HANDSHAKE_CALLING},
    {"dialer_signed", try_signed_hello, HANDSHAKE_CALLING, HANDSHAKE_CALLED},
    {"dialer_confirm", try_confirm, HANDSHAKE_CALLED, HANDSHAKE_OVER},
    {"listener_hear", try_hear, HANDSHAKE_FRESH, HANDSHAKE_HEARD},
    {"listener_verify", try_verify, HANDSHAKE_HEARD, HANDSHAKE_VERIFIED},
    {"listener_answer", try_answer, HANDSHAKE_VERIFIED, HANDSHAKE_ANSWERING},
    {"listener_signed", try_signed_answer, HANDSHAKE_ANSWERING, HANDSHAKE_ANSWERED},
    {"listener_finish", try_finish, HANDSHAKE_ANSWERED, HANDSHAKE_OVER},
};
#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

/* Bring a handshake to a state, by the calls that lead there. */
static struct handshake in_state(enum handshake_state state)
{
    struct handshake handshake = {0};
    struct session_keys keys;
    bool dials = state == HANDSHAKE_CALLING || state == HANDSHAKE_CALLED;

    for (size_t i = dials ? 0 : 3; i < FUNCTIONS && handshake.state != state; i++)
        CHECK(functions[i].try(&handshake, &keys) == OK, "%s", functions[i].name);
    return handshake;
}

static void test_states(void)
{
    for (int state = HANDSHAKE_FRESH; state <= HANDSHAKE_OVER; state++) {
        for (size_t i = 0; i < FUNCTIONS; i++) {
            struct handshake handshake = in_state((enum handshake_state)state);
            struct session_keys keys = untouched;
            enum kith_error error = functions[i].try(&handshake, &keys);

            if (state == (int)functions[i].in) {
                CHECK(error == OK && handshake.state == functions[i].to, "%s is fine in state %d",
                      functions[i].name, state);
            } else {
                CHECK(outcome(error, &handshake, &keys) == ERR_OUT_OF_ORDER,
                      "%s is refused in state %d", functions[i].name, state);
            }
        }
    }
}

/* A signature of something else is not for us to notice: it is ours, and the other side's to check.
 */
static void test_wrong_signature(void)
{
    static const uint8_t wrong[SIGNATURE_SIZE];
    struct handshake handshake = {0};
    struct session_keys keys = untouched;
    size_t len = HEADER;

    CHECK(try_hello(&handshake, &keys) == OK &&
              dialer_signed(&handshake, wrong, frame1, &len) == OK,
          "a hello with a wrong signature");
    CHECK(hear(frame1 + HEADER, len - HEADER) == ERR_SIGNATURE, "is refused where it arrives");
}

/* A hello is heard under several namespaces, of which it fits one or none. */
static void test_several_namespaces(void)
{
    const struct namespace ours = dialer.namespace, other = {(const uint8_t *)"other", 5};
    const struct namespace second[] = {other, ours}, none[] = {other, {(const uint8_t *)"", 0}};
    struct handshake handshake = {0}, again;
    size_t len, fits = 9;

    CHECK(party_call(&dialer, &handshake, listener.public_key, NOW, frame1, &len) == OK, "a hello");
    handshake = (struct handshake){0};
    CHECK(listener_hear(&handshake, &listener.params, listener.public_key, frame1 + HEADER,
                        len - HEADER, NOW) == OK,
          "is heard");
    again = handshake;
    CHECK(listener_verify(&handshake, second, 2, &fits) == OK && fits == 1,
          "and fits the second namespace");
    CHECK(handshake.namespace_len == ours.len &&
              memcmp(handshake.namespace, ours.bytes, ours.len) == 0,
          "under which it goes on");
    CHECK(outcome(listener_verify(&again, none, 2, NULL), &again, &untouched) == ERR_SIGNATURE,
          "but not two others");
}

static void test_long_namespace(void)
{
    static const uint8_t bytes[NAMESPACE_MAX + 1];
    struct handshake handshake = {0};
    struct party other = dialer;
    size_t len;

    other.namespace = (struct namespace){bytes, NAMESPACE_MAX};
    CHECK(party_call(&other, &handshake, listener.public_key, NOW, frame1, &len) == OK,
          "a namespace may be so long");
    handshake = (struct handshake){0};
    other.namespace.len++;
    CHECK(outcome(party_call(&other, &handshake, listener.public_key, NOW, frame1, &len),
                  &handshake, &untouched) != OK,
          "and no longer");
}

int main(void)
{
    CHECK(crypto_start() == OK, "libcrypto is there");
    CHECK(start_scene(), "three parties, and a handshake of two");
    test_whole();
    test_order_of_listener();
    test_order_of_dialer();
    test_own_key();
    test_namespace();
    test_clock();
    test_states();
    test_wrong_signature();
    test_several_namespaces();
    test_long_namespace();
    return tap_done();
}

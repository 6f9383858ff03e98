/*
 * What our code does with a secret depends on it in no branch and no address, so that how long it
 * takes tells nothing of it. valgrind watches: a secret is made undefined for it, and each branch
 * or address that depends on one is an error of its. What is allowed all the same stands in
 * tests/unit/timing.supp, one by one, with the reason. (make valgrind)
 */
#include <stdlib.h>
#include <string.h>

#include "keys/openssh_key.h"
#include "keys/pkcs8.h"
#include "keys/private_key.h"
#include "keys/secret_namespace.h"
#include "party.h"
#include "protocol/channel.h"
#include "protocol/kind.h"
#include "protocol/meeting.h"
#include "published_keys.h"
#include "tap.h"

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define RUNNING_ON_VALGRIND 0
#define VALGRIND_MAKE_MEM_UNDEFINED(at, len) ((void)(at), (void)(len))
#define VALGRIND_MAKE_MEM_DEFINED(at, len) ((void)(at), (void)(len))
#define VALGRIND_COUNT_ERRORS 0
#endif

static unsigned long errors; /* up to the last subject */

/* Nobody but its owner may know this from here on; and everybody may. */
static void hide(void *secret, size_t len)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(secret, len);
}

static void show(void *result, size_t len)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(result, len);
}

static void expect_silence(const char *what)
{
    unsigned long now = VALGRIND_COUNT_ERRORS;

    CHECK(now == errors, "%s: %lu places that depend on a secret", what, now - errors);
    errors = now;
}

/* The passphrase is no less secret than the key. */
static int ask(char *out, int size, void *context)
{
    (void)context;
    if (size < 6)
        return -1;
    memcpy(out, "secret", 6);
    hide(out, 6);
    return 6;
}

/* Parse a private key of which the bytes from begin to end are hidden. */
static void parse(const char *what, const char *text, size_t begin, size_t end)
{
    size_t len = strlen(text);
    char *copy = malloc(len);
    uint8_t seed[KEY_SIZE];
    enum kith_error error;

    if (copy == NULL)
        abort();
    memcpy(copy, text, len);
    hide(copy + begin, end - begin);
    error = private_key_parse(seed, copy, len, ask, NULL);
    show(&error, sizeof(error));
    CHECK(error == OK, "%s is read", what);
    free(copy);
    expect_silence(what);
}

static void test_forms(void)
{
    const char *pkcs8 = PKCS8_PRIVATE, *openssh = OPENSSH_PRIVATE, *sealed = PKCS8_ENCRYPTED;
    const size_t body = strlen("-----BEGIN PRIVATE KEY-----\n");
    const size_t secret =
        strlen("MC4CAQAwBQYDK2VwBCIEI"); /* whose last digit is the head's alone */
    const size_t lines = strlen("-----BEGIN OPENSSH PRIVATE KEY-----\n") + 3 * 71;

    parse("hex", PKCS8_SEED, 0, strlen(PKCS8_SEED));
    parse("PKCS#8", pkcs8, body + secret, body + 64);
    /* Of the third line on: what is before is known of each key. */
    parse("OpenSSH", openssh, lines + 8, lines + 40);
    parse("PKCS#8 with a passphrase", sealed, 0, 0);
}

static void test_writing(void)
{
    char text[PKCS8_PEM_SIZE];
    uint8_t seed[KEY_SIZE];

    memset(seed, 7, sizeof(seed));
    hide(seed, sizeof(seed));
    pkcs8_write(text, seed);
    expect_silence("writing a key");
    crypto_wipe(seed, sizeof(seed));
    expect_silence("wiping it");
}

/* Where a line ends is looked for in all of it, and each byte is judged: see timing.supp. */
static void test_namespace(struct kind_namespace *kept)
{
    char text[] = "an old secret that two sides have\n";
    struct secret_namespace *secret = NULL;
    struct namespace_mark mark, again;
    struct namespace view;
    enum kith_error error;

    hide(text, sizeof(text) - 2);
    error = secret_namespace_parse(&secret, text, sizeof(text) - 1);
    show(&error, sizeof(error));
    CHECK(error == OK, "a secret namespace is read");
    expect_silence("reading a secret namespace");
    error = secret_namespace_mark(&mark, secret);
    show(&error, sizeof(error));
    CHECK(error == OK && secret_namespace_mark(&again, secret) == OK, "it has a mark");
    bool same = namespace_mark_equals(&mark, &again);
    show(&same, sizeof(same));
    CHECK(same, "which is its own");
    expect_silence("the mark of a secret namespace");
    view = secret_namespace_view(secret);
    kind_namespace(kept, &view, KIND_KEPT);
    secret_namespace_release(secret);
    expect_silence("a kind of channel under a secret namespace");
}

static struct party party_of(uint8_t number, const struct namespace *namespace)
{
    struct party party;
    uint8_t seed[KEY_SIZE], secret[KEY_SIZE];

    memset(seed, number, sizeof(seed));
    memset(secret, number + 1, sizeof(secret));
    hide(seed, sizeof(seed));
    if (party_start(&party, seed, secret, namespace->bytes, namespace->len) != OK)
        exit(1);
    show(party.public_key, KEY_SIZE);
    hide(party.secret, KEY_SIZE);
    return party;
}

/* The messages are for everybody, once they are made. */
static void shake(const struct party *dialer, const struct party *listener,
                  struct session_keys *dialer_keys, struct session_keys *listener_keys)
{
    struct handshake calls = {0}, answers = {0};
    uint8_t frame[MESSAGE_2_FRAME_MAX], third[MESSAGE_3_FRAME_SIZE];
    size_t len;
    bool good = party_call(dialer, &calls, listener->public_key, 1000, frame, &len) == OK;

    show(frame, sizeof(frame));
    show(calls.transcript, sizeof(calls.transcript));
    show(calls.hello_digest, sizeof(calls.hello_digest));
    good = good && listener_hear(&answers, &listener->params, listener->public_key, frame + 4,
                                 len - 4, 1000) == OK;
    good = good && listener_verify(&answers, &listener->namespace, 1, NULL) == OK;
    good = good && party_answer(listener, &answers, 1000, frame, &len) == OK;
    show(frame, sizeof(frame));
    show(answers.transcript, sizeof(answers.transcript));
    good = good && dialer_confirm(&calls, frame + 4, len - 4, 1000, third, dialer_keys) == OK;
    show(third, sizeof(third));
    good = good && listener_finish(&answers, third + 4, sizeof(third) - 4, listener_keys) == OK;
    CHECK(good, "a handshake");
    expect_silence("a handshake");
}

static void test_session(const struct namespace *namespace)
{
    struct party dialer = party_of(1, namespace), listener = party_of(3, namespace);
    struct session_keys ours, theirs;
    struct channel sends, receives;
    uint8_t text[64] = "what is sent is secret as well", frame[sizeof(text) + FRAME_OVERHEAD];
    enum channel_event event;
    bool good;

    expect_silence("the keys of two");
    shake(&dialer, &listener, &ours, &theirs);
    good = channel_start(&sends, &ours, sizeof(text)) == OK &&
           channel_start(&receives, &theirs, sizeof(text)) == OK;
    hide(text, sizeof(text));
    good = good && channel_seal(&sends, text, sizeof(text), frame) == OK;
    show(frame, sizeof(frame));
    good =
        good && channel_open(&receives, frame + FRAME_HEADER_SIZE, sizeof(frame) - 4, &event) == OK;
    show(frame, sizeof(frame));
    CHECK(good && event == CHANNEL_DATA, "a message");
    expect_silence("a message");
    channel_wipe(&sends);
    channel_wipe(&receives);
    session_keys_wipe(&ours);
    session_keys_wipe(&theirs);
    party_end(&dialer);
    party_end(&listener);
    expect_silence("the end");
}

/*
 * What a side is yet to say of itself is for nobody; the other's values and the code are for all
 * who listen there, once both have said them.
 */
static void test_meeting(void)
{
    struct meeting calls = {0}, waits = {0};
    uint8_t keys[2][KEY_SIZE], seed[KEY_SIZE] = {1}, nonce[MEETING_NONCE_SIZE] = {7};
    uint8_t commit[MEETING_COMMIT_FRAME_SIZE];
    uint8_t answer[MEETING_VALUES_FRAME_MAX], opened[MEETING_VALUES_FRAME_MAX];
    size_t answer_len, open_len;
    bool good = crypto_ed25519_public(keys[0], seed) == OK;

    seed[0] = 2;
    good = good && crypto_ed25519_public(keys[1], seed) == OK;
    good = good && meeting_begin(&calls, MEETING_CALLS, keys[0], "alice") == OK &&
           meeting_begin(&waits, MEETING_WAITS, keys[1], "bob") == OK;
    hide(nonce, sizeof(nonce));
    good = good && meeting_commit(&calls, nonce, commit) == OK;
    show(commit, sizeof(commit));
    show(calls.commit, sizeof(calls.commit));
    good = good && meeting_take_commit(&waits, commit + FRAME_HEADER_SIZE, HASH_SIZE, nonce, answer,
                                       &answer_len) == OK;
    show(answer, sizeof(answer));
    good = good && meeting_take_answer(&calls, answer + FRAME_HEADER_SIZE,
                                       answer_len - FRAME_HEADER_SIZE, opened, &open_len) == OK;
    CHECK(good, "a meeting, up to where its caller opens");
    expect_silence("a meeting");
}

int main(void)
{
    struct kind_namespace kept;

    if (!RUNNING_ON_VALGRIND) {
        printf("1..0 # SKIP only valgrind sees what depends on a secret: make valgrind\n");
        return 0;
    }
    if (crypto_start() != OK)
        return 1;
    errors = VALGRIND_COUNT_ERRORS;
    test_forms();
    test_writing();
    test_session(&(struct namespace){(const uint8_t *)"kith", 4});
    test_namespace(&kept);
    test_session(&(struct namespace){kept.bytes, kept.len});
    test_meeting();
    return tap_done();
}

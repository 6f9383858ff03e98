/*
 * Meetings: what they make of known values (computed by another program), the order of messages,
 * and whatever somebody in between may try with them.
 */
#include "protocol/meeting.h"

#include <string.h>

#include "tap.h"

/* Two public keys (RFC 8032, section 7.1). */
static const char *const key_c = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
static const char *const key_w = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

#define LONG_NAME "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const struct known {
    const char *name_c, *name_w, *commit, *digest, *code;
} known[] = {
    {"alice", "bob-2", "2839cf1fc80372111dee62a72b131654529438e97aa9c2ae0c421a3c2f722498",
     "a11201cadb7ad4af13fa9db61704146e6db5f078f8827df69dabcf6fc55dbfdf", "6447 1215"},
    {LONG_NAME, "_", "b3c2f463ff0a77bbcf5d8bfad464a5cef818435966c064e8859f04b7b0e6b768",
     "31d6abd743076badcdf038d71ba38db97dd57029ed494ccf3d7be9fa3739facd", "0542 7373"},
};

/* Both sides, and what is on its way between them. */
struct pair {
    struct meeting caller, waiter;
    uint8_t nonce_c[MEETING_NONCE_SIZE], nonce_w[MEETING_NONCE_SIZE];
    uint8_t commit[MEETING_COMMIT_FRAME_SIZE];
    uint8_t answer[MEETING_VALUES_FRAME_MAX], open[MEETING_VALUES_FRAME_MAX];
    size_t answer_len, open_len;
};

static const uint8_t *body(const uint8_t *frame)
{
    return frame + FRAME_HEADER_SIZE;
}

/* The caller has committed. */
static bool begin(struct pair *pair, const char *name_c, const char *name_w)
{
    uint8_t key[KEY_SIZE];
    bool good;

    memset(pair, 0, sizeof(*pair));
    for (size_t i = 0; i < MEETING_NONCE_SIZE; i++) {
        pair->nonce_c[i] = (uint8_t)i;
        pair->nonce_w[i] = (uint8_t)(255 - i);
    }
    good = hex_decode(key, KEY_SIZE, key_c) &&
           meeting_begin(&pair->caller, MEETING_CALLS, key, name_c) == OK;
    good = good && hex_decode(key, KEY_SIZE, key_w) &&
           meeting_begin(&pair->waiter, MEETING_WAITS, key, name_w) == OK;
    return good && meeting_commit(&pair->caller, pair->nonce_c, pair->commit) == OK;
}

static enum kith_error answer(struct pair *pair)
{
    return meeting_take_commit(&pair->waiter, body(pair->commit), HASH_SIZE, pair->nonce_w,
                               pair->answer, &pair->answer_len);
}

static enum kith_error open_it(struct pair *pair)
{
    return meeting_take_answer(&pair->caller, body(pair->answer),
                               pair->answer_len - FRAME_HEADER_SIZE, pair->open, &pair->open_len);
}

static enum kith_error take_it(struct pair *pair)
{
    return meeting_take_open(&pair->waiter, body(pair->open), pair->open_len - FRAME_HEADER_SIZE);
}

/* Up to the code. */
static bool meet(struct pair *pair, const char *name_c, const char *name_w)
{
    return begin(pair, name_c, name_w) && answer(pair) == OK && open_it(pair) == OK &&
           take_it(pair) == OK;
}

static void check_known(const struct known *of)
{
    char hex[KEY_HEX_SIZE], code_c[MEETING_CODE_SIZE], code_w[MEETING_CODE_SIZE];
    struct pair pair;

    CHECK(meet(&pair, of->name_c, of->name_w), "%s meets %s", of->name_c, of->name_w);
    hex_encode(hex, body(pair.commit), HASH_SIZE);
    CHECK(load_u32be(pair.commit) == HASH_SIZE && strcmp(hex, of->commit) == 0, "the commit");
    hex_encode(hex, pair.caller.digest, HASH_SIZE);
    CHECK(strcmp(hex, of->digest) == 0, "the digest");
    meeting_code(&pair.caller, code_c);
    meeting_code(&pair.waiter, code_w);
    CHECK(strcmp(code_c, of->code) == 0, "the code is %s", code_c);
    CHECK(strcmp(code_w, of->code) == 0, "at both sides");
    CHECK(strcmp(pair.caller.peer_name, of->name_w) == 0 &&
              strcmp(pair.waiter.peer_name, of->name_c) == 0,
          "each has the other's name");
    hex_encode(hex, pair.waiter.peer, KEY_SIZE);
    CHECK(strcmp(hex, key_c) == 0, "and its key");
}

static void test_yes(void)
{
    uint8_t frame[MEETING_YES_FRAME_SIZE], no = 0;
    struct pair pair;

    CHECK(meet(&pair, "a", "b") && !meeting_is_agreed(&pair.caller), "met, and nobody said yes");
    CHECK(meeting_yes(&pair.caller, frame) == OK && memcmp(frame, "\0\0\0\1\1", 5) == 0,
          "one says yes");
    CHECK(meeting_take_yes(&pair.waiter, body(frame), 1) == OK &&
              !meeting_is_agreed(&pair.caller) && !meeting_is_agreed(&pair.waiter),
          "which is not both");
    CHECK(meeting_yes(&pair.waiter, frame) == OK && meeting_is_agreed(&pair.waiter) &&
              meeting_take_yes(&pair.caller, body(frame), 1) == OK &&
              meeting_is_agreed(&pair.caller),
          "now it is");
    CHECK(meeting_take_yes(&pair.caller, body(frame), 1) == ERR_OUT_OF_ORDER &&
              !meeting_is_agreed(&pair.caller),
          "a second yes ends it");
    CHECK(meet(&pair, "a", "b") &&
              meeting_take_yes(&pair.caller, &no, 1) == ERR_MEETING_MALFORMED &&
              meeting_yes(&pair.caller, frame) == ERR_OUT_OF_ORDER,
          "another byte is no yes, and ends it");
}

static void test_names(void)
{
    static const char *const bad[] = {"",    "a b",  "a\n",        "\x1b[2J", "\xc3\xa9",
                                      "a/b", "a@b",  "a\"b",       "#",       "a:b",
                                      ",",   "\x7f", LONG_NAME "A"};
    struct meeting meeting;
    uint8_t key[KEY_SIZE];

    (void)hex_decode(key, KEY_SIZE, key_c);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(&meeting, 0, sizeof(meeting));
        CHECK(!meeting_name_is_good(bad[i], strlen(bad[i])), "no name: %zu", i);
        CHECK(meeting_begin(&meeting, MEETING_CALLS, key, bad[i]) == ERR_USAGE, "nor ours");
    }
    CHECK(!meeting_name_is_good("a\0b", 3), "nor with a NUL in it");
    CHECK(meeting_name_is_good("aZ09._-", 7) && meeting_name_is_good(LONG_NAME, 63), "good names");
}

/* Whoever is in between has committed to one thing, and says another. */
static void test_adapting(void)
{
    bool all = true;
    struct pair pair;

    for (size_t i = 0; i < KEY_SIZE + MEETING_NONCE_SIZE + 5; i++) {
        all = all && begin(&pair, "alice", "bob") && answer(&pair) == OK && open_it(&pair) == OK;
        pair.open[FRAME_HEADER_SIZE + i] ^= 1;
        all = all && take_it(&pair) == ERR_MEETING_COMMIT && pair.waiter.state == MEETING_OVER &&
              take_it(&pair) == ERR_OUT_OF_ORDER;
    }
    CHECK(all, "what is opened is what was committed to, to the bit, and there is one try");
    CHECK(begin(&pair, "alice", "bob") && answer(&pair) == OK && open_it(&pair) == OK &&
              meeting_take_open(&pair.waiter, body(pair.open),
                                pair.open_len - FRAME_HEADER_SIZE - 1) == ERR_MEETING_COMMIT,
          "nor cut short");
}

/* A caller that has committed to these values, whatever they are, says them. */
static enum kith_error open_values(const uint8_t *values, size_t len)
{
    static const char prefix[] = "kith/meet/1/commit";
    const struct piece pieces[] = {{prefix, sizeof(prefix)}, {values, len}};
    struct pair pair;

    if (!begin(&pair, "alice", "bob") ||
        crypto_sha256(pair.commit + FRAME_HEADER_SIZE, pieces, 2) != OK || answer(&pair) != OK)
        return ERR_SYSTEM;
    return meeting_take_open(&pair.waiter, values, len);
}

static void test_values(void)
{
    uint8_t values[MEETING_VALUES_MAX + 1] = {0};
    uint8_t zeros[KEY_SIZE] = {0};

    (void)hex_decode(values, KEY_SIZE, key_c);
    memset(values + KEY_SIZE + MEETING_NONCE_SIZE, 'x', MEETING_NAME_MAX + 1);
    CHECK(open_values(values, 65) == OK, "a name of one byte");
    CHECK(open_values(values, MEETING_VALUES_MAX) == OK, "and the longest");
    CHECK(open_values(values, 64) == ERR_MEETING_MALFORMED, "but not none");
    CHECK(open_values(values, 31) == ERR_MEETING_MALFORMED, "nor less than a key");
    CHECK(open_values(values, MEETING_VALUES_MAX + 1) == ERR_MEETING_MALFORMED, "nor longer");
    values[70] = '\n';
    CHECK(open_values(values, 80) == ERR_MEETING_MALFORMED, "nor with a bad byte");
    values[70] = 'x';
    (void)hex_decode(values, KEY_SIZE, key_w);
    CHECK(open_values(values, 80) == ERR_OWN_KEY, "our own key is refused");
    memcpy(values, zeros, KEY_SIZE);
    CHECK(open_values(values, 80) == ERR_KEY_POINT, "and one of low order");
    memset(values, 0xff, KEY_SIZE);
    CHECK(open_values(values, 80) == ERR_KEY_POINT, "and what is no key");
}

/* What one side has said comes back to it. */
static void test_reflection(void)
{
    struct pair pair;

    CHECK(begin(&pair, "alice", "bob") && answer(&pair) == OK &&
              meeting_take_open(&pair.waiter, body(pair.answer),
                                pair.answer_len - FRAME_HEADER_SIZE) == ERR_MEETING_COMMIT,
          "the waiter's answer is no opening");
    CHECK(begin(&pair, "alice", "bob") &&
              meeting_take_answer(&pair.caller, body(pair.commit), HASH_SIZE, pair.open,
                                  &pair.open_len) == ERR_MEETING_MALFORMED &&
              pair.open_len == 0,
          "the caller's commit is no answer, and nothing is opened");
    CHECK(begin(&pair, "alice", "bob") &&
              meeting_take_answer(&pair.caller, pair.caller.own, pair.caller.own_len, pair.open,
                                  &pair.open_len) == ERR_OWN_KEY &&
              pair.open_len == 0,
          "nor are its own values");
}

static void test_order(void)
{
    uint8_t frame[MEETING_VALUES_FRAME_MAX];
    size_t len;
    struct pair pair;

    CHECK(begin(&pair, "a", "b") && take_it(&pair) == ERR_OUT_OF_ORDER, "no open before an answer");
    CHECK(begin(&pair, "a", "b") && answer(&pair) == OK && answer(&pair) == ERR_OUT_OF_ORDER &&
              take_it(&pair) == ERR_OUT_OF_ORDER,
          "no second commit: it ends the meeting");
    CHECK(meet(&pair, "a", "b") && open_it(&pair) == ERR_OUT_OF_ORDER &&
              !meeting_is_agreed(&pair.caller),
          "no second answer");
    CHECK(begin(&pair, "a", "b") && meeting_yes(&pair.caller, frame) == ERR_OUT_OF_ORDER,
          "no yes before a code");
    CHECK(begin(&pair, "a", "b") &&
              meeting_take_commit(&pair.caller, body(pair.commit), HASH_SIZE, pair.nonce_w, frame,
                                  &len) == ERR_OUT_OF_ORDER,
          "a caller takes no commit");
    CHECK(begin(&pair, "a", "b") &&
              meeting_take_commit(&pair.waiter, body(pair.commit), HASH_SIZE - 1, pair.nonce_w,
                                  frame, &len) == ERR_MEETING_MALFORMED &&
              len == 0 && answer(&pair) == OK,
          "what is no commit leaves the place to one that is");
    CHECK(meeting_body_limit(&pair.waiter) == MEETING_VALUES_MAX, "then values may come");
}

static void test_namespace(void)
{
    uint8_t out[MEETING_NAMESPACE_SIZE], digest[HASH_SIZE];

    memset(digest, 7, sizeof(digest));
    meeting_namespace(out, digest);
    CHECK(memcmp(out, "kith/meet/1", 12) == 0 && memcmp(out + 12, digest, HASH_SIZE) == 0,
          "the namespace is the prefix, a NUL, the digest");
}

int main(void)
{
    CHECK(crypto_start_keys() == OK && crypto_start() == OK, "libcrypto");
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        check_known(&known[i]);
    test_yes();
    test_names();
    test_adapting();
    test_values();
    test_reflection();
    test_order();
    test_namespace();
    return tap_done();
}

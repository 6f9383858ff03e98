/*
 * What is said to an ssh-agent, and what it says: each request byte for byte, which key of a list
 * is meant, and every answer that is none.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "keys/agent_protocol.h"
#include "tap.h"

#define BASE64 "AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"

static const char hex_one[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
static const char hex_two[] = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
static uint8_t one[KEY_SIZE], two[KEY_SIZE];

/* An answer that is made. */
struct body {
    uint8_t bytes[4096];
    size_t len;
};

static void put(struct body *body, const void *bytes, size_t len)
{
    memcpy(body->bytes + body->len, bytes, len);
    body->len += len;
}

static void put_number(struct body *body, uint32_t number)
{
    uint8_t bytes[4];

    store_u32be(bytes, number);
    put(body, bytes, sizeof(bytes));
}

static void put_string(struct body *body, const void *bytes, size_t len)
{
    put_number(body, (uint32_t)len);
    put(body, bytes, len);
}

/* A key of a type, with a comment. */
static void put_key(struct body *body, const char *type, const uint8_t *key, const char *comment)
{
    struct body blob = {.len = 0};

    put_string(&blob, type, strlen(type));
    put_string(&blob, key, KEY_SIZE);
    if (strncmp(type, "sk-", 3) == 0)
        put_string(&blob, "ssh:", 4);
    put_string(body, blob.bytes, blob.len);
    put_string(body, comment, strlen(comment));
}

static struct body list_of(uint32_t count)
{
    struct body body = {{12}, 1};

    put_number(&body, count);
    return body;
}

/* A copy of just that size, so that a sanitizer sees a byte too far. */
static enum kith_error choose(uint8_t key[static KEY_SIZE], const struct body *body,
                              const char *named)
{
    struct agent_wanted wanted;
    uint8_t *copy = malloc(body->len + 1);
    enum kith_error error = agent_wanted_parse(&wanted, named);

    if (copy == NULL)
        abort();
    memcpy(copy, body->bytes, body->len);
    copy = realloc(copy, body->len > 0 ? body->len : 1);
    if (copy != NULL && error == OK)
        error = agent_get_key(key, copy, body->len, &wanted);
    free(copy);
    return error;
}

static void check_names(void)
{
    struct agent_wanted wanted;

    CHECK(agent_wanted_parse(&wanted, "") == OK && !wanted.by_key && wanted.comment.len == 0,
          "nothing names the only one");
    CHECK(agent_wanted_parse(&wanted, "a b") == OK && !wanted.by_key && wanted.comment.len == 3,
          "a comment is taken whole, blanks too");
    CHECK(agent_wanted_parse(&wanted, "ssh-ed25519") == OK && !wanted.by_key,
          "a type alone is a comment");
    CHECK(agent_wanted_parse(&wanted, hex_one) == OK && wanted.by_key &&
              memcmp(wanted.key, one, KEY_SIZE) == 0,
          "64 digits are a key");
    CHECK(agent_wanted_parse(&wanted, BASE64) == OK && wanted.by_key &&
              memcmp(wanted.key, one, KEY_SIZE) == 0,
          "base64 is a key");
    CHECK(agent_wanted_parse(&wanted, "ssh-ed25519 " BASE64 " me at home") == OK && wanted.by_key &&
              memcmp(wanted.key, one, KEY_SIZE) == 0,
          "a line is a key");
    CHECK(agent_wanted_parse(&wanted, "AAAAC3NzaC1lZDI1NTE5AAAAINda") == ERR_KEY_DAMAGED,
          "a part of one is refused");
    CHECK(agent_wanted_parse(&wanted, "ssh-rsa AAAAB3NzaC1yc2E") == ERR_KEY_TYPE,
          "another type is refused");
    CHECK(agent_wanted_parse(&wanted, "sk-ssh-ed25519@openssh.com AAAAGnNr") == ERR_AGENT_TOKEN,
          "a token's is called that");
}

static void check_requests(void)
{
    static const uint8_t list[] = {0, 0, 0, 1, 11};
    struct body wanted = {.len = 0};
    uint8_t out[AGENT_REQUEST_SIZE(7)];
    size_t len = agent_put_list_request(out);

    CHECK(len == sizeof(list) && memcmp(out, list, len) == 0, "the request for the list");
    put_number(&wanted, 1 + 4 + 51 + 4 + 7 + 4);
    put(&wanted, "\x0d", 1);
    put_number(&wanted, 51);
    put_string(&wanted, "ssh-ed25519", 11);
    put_string(&wanted, one, KEY_SIZE);
    put_string(&wanted, "message", 7);
    put_number(&wanted, 0);
    len = agent_put_sign_request(out, one, (const uint8_t *)"message", 7);
    CHECK(len == sizeof(out) && len == wanted.len && memcmp(out, wanted.bytes, len) == 0,
          "the request for a signature");
}

static void check_choice(void)
{
    struct body body = list_of(4);
    uint8_t key[KEY_SIZE];

    put_key(&body, "ssh-rsa", one, "old");
    put_key(&body, "ssh-ed25519", one, "work");
    put_key(&body, "sk-ssh-ed25519@openssh.com", two, "token");
    put_key(&body, "ssh-ed25519-cert-v01@openssh.com", two, "work");
    CHECK(choose(key, &body, "") == OK && memcmp(key, one, KEY_SIZE) == 0,
          "the only Ed25519 key among others");
    CHECK(choose(key, &body, "work") == OK && memcmp(key, one, KEY_SIZE) == 0, "by its comment");
    CHECK(choose(key, &body, hex_one) == OK && memcmp(key, one, KEY_SIZE) == 0, "by the key");
    CHECK(choose(key, &body, "old") == ERR_KEY_TYPE, "a comment of another type");
    CHECK(choose(key, &body, "token") == ERR_AGENT_TOKEN, "a comment of a token's");
    CHECK(choose(key, &body, "wor") == ERR_AGENT_NONE, "a part of a comment is none");
    CHECK(choose(key, &body, "works") == ERR_AGENT_NONE, "nor is more than it");
    CHECK(choose(key, &body, hex_two) == ERR_AGENT_NONE, "a token's key is not an Ed25519 key");

    body = list_of(3);
    put_key(&body, "ssh-ed25519", one, "both");
    put_key(&body, "ssh-ed25519", two, "both");
    put_key(&body, "ssh-ed25519", two, "once");
    CHECK(choose(key, &body, "") == ERR_AGENT_SEVERAL, "two, and none is named");
    CHECK(choose(key, &body, "both") == ERR_AGENT_SEVERAL, "a comment of two");
    CHECK(choose(key, &body, "once") == OK && memcmp(key, two, KEY_SIZE) == 0, "one of two");
    CHECK(choose(key, &body, hex_two) == OK && memcmp(key, two, KEY_SIZE) == 0,
          "the same key twice is one");
}

static void check_empty(void)
{
    struct body body = list_of(0);
    uint8_t key[KEY_SIZE];

    CHECK(choose(key, &body, "") == ERR_AGENT_EMPTY, "no key");
    CHECK(choose(key, &body, "work") == ERR_AGENT_EMPTY, "no key at all, whatever is named");
    body = list_of(1);
    put_key(&body, "ecdsa-sha2-nistp256", one, "work");
    CHECK(choose(key, &body, "") == ERR_AGENT_EMPTY, "none of Ed25519");
    body = list_of(1);
    put_key(&body, "sk-ssh-ed25519@openssh.com", one, "work");
    CHECK(choose(key, &body, "") == ERR_AGENT_TOKEN, "a token's alone");
}

static void check_malformed_lists(void)
{
    static const uint8_t low[KEY_SIZE] = {1}; /* of order 1 */
    struct body body = list_of(2), cut;
    uint8_t key[KEY_SIZE];
    bool refused = true;

    put_key(&body, "ssh-ed25519", one, "work");
    put_key(&body, "ssh-rsa", one, "old");
    for (cut = body; cut.len > 0; cut.len--)
        refused = refused && (cut.len == body.len || choose(key, &cut, "") == ERR_AGENT_MALFORMED);
    CHECK(refused, "a list that is cut anywhere");
    CHECK(choose(key, &cut, "") == ERR_AGENT_MALFORMED, "a message of no bytes");
    put(&body, "", 1);
    CHECK(choose(key, &body, "") == ERR_AGENT_MALFORMED, "a byte more");
    body = list_of(UINT32_MAX);
    CHECK(choose(key, &body, "") == ERR_AGENT_MALFORMED, "four thousand million keys, none there");
    body = (struct body){{5}, 1};
    CHECK(choose(key, &body, "") == ERR_AGENT_REFUSED, "a refusal");
    body.bytes[0] = 6;
    CHECK(choose(key, &body, "") == ERR_AGENT_MALFORMED, "a message of another type");
    body = list_of(1);
    put_string(&body, "\0\0\0\x0bssh-ed25519\0\0\0\1k", 20);
    put_string(&body, "short", 5);
    CHECK(choose(key, &body, "") == ERR_AGENT_MALFORMED, "a key of another length");
    body = list_of(1);
    put_key(&body, "ssh-ed25519", low, "low");
    CHECK(choose(key, &body, "") == ERR_KEY_POINT, "a point of low order");
}

/* A signature of this type and length. */
static struct body signed_by(const char *type, size_t len)
{
    struct body body = {{14}, 1}, blob = {.len = 0};
    uint8_t signature[SIGNATURE_SIZE + 1];

    memset(signature, 's', sizeof(signature));
    put_string(&blob, type, strlen(type));
    put_string(&blob, signature, len);
    put_string(&body, blob.bytes, blob.len);
    return body;
}

static void check_signatures(void)
{
    struct body body = signed_by("ssh-ed25519", SIGNATURE_SIZE), cut;
    uint8_t signature[SIGNATURE_SIZE] = {0};
    bool refused = true;

    CHECK(agent_get_signature(signature, body.bytes, body.len) == OK && signature[0] == 's' &&
              signature[SIGNATURE_SIZE - 1] == 's',
          "a signature");
    for (cut = body, cut.len--; cut.len > 0; cut.len--)
        refused =
            refused && agent_get_signature(signature, cut.bytes, cut.len) == ERR_AGENT_MALFORMED;
    CHECK(refused, "one that is cut anywhere");
    body.len++;
    CHECK(agent_get_signature(signature, body.bytes, body.len) == ERR_AGENT_MALFORMED,
          "a byte more");
    body = signed_by("ssh-ed25519", SIGNATURE_SIZE - 1);
    CHECK(agent_get_signature(signature, body.bytes, body.len) == ERR_AGENT_MALFORMED, "63 bytes");
    body = signed_by("ssh-ed25519", SIGNATURE_SIZE + 1);
    CHECK(agent_get_signature(signature, body.bytes, body.len) == ERR_AGENT_MALFORMED, "65 bytes");
    body = signed_by("ssh-ed44819", SIGNATURE_SIZE);
    CHECK(agent_get_signature(signature, body.bytes, body.len) == ERR_AGENT_MALFORMED,
          "another type");
    body = (struct body){{5}, 1};
    CHECK(agent_get_signature(signature, body.bytes, body.len) == ERR_AGENT_REFUSED, "a refusal");
}

int main(void)
{
    if (crypto_start_keys() != OK || !hex_decode(one, KEY_SIZE, hex_one) ||
        !hex_decode(two, KEY_SIZE, hex_two))
        return 1;
    check_names();
    check_requests();
    check_choice();
    check_empty();
    check_malformed_lists();
    check_signatures();
    return tap_done();
}

/*
 * Owns the messages to and from an ssh-agent. It must never read past what is there, nor take a key
 * that is not the one that was named, or one of several.
 */
#include "keys/agent_protocol.h"

#include <string.h>

#include "crypto/crypto.h"
#include "keys/public_key.h"
#include "keys/ssh_reader.h"

enum message {
    MESSAGE_FAILURE = 5,
    MESSAGE_LIST = 11,
    MESSAGE_KEYS = 12,
    MESSAGE_SIGN = 13,
    MESSAGE_SIGNATURE = 14
};

/* How the base64 of every blob of an Ed25519 key begins. */
#define ED25519_BLOB_BEGIN "AAAAC3NzaC1lZDI1NTE5AAAAI"

enum kith_error agent_wanted_parse(struct agent_wanted *wanted, const char *text)
{
    struct text whole = {text, strlen(text)}, rest = whole;
    struct text word = text_next_word(&rest);
    enum kith_error error;
    size_t used;

    *wanted = (struct agent_wanted){.comment = whole};
    if (openssh_is_key_type(word) && rest.len > 0) {
        error = public_key_scan(wanted->key, text, whole.len, &used);
        if (error == ERR_KEY_TYPE && text_starts(word, "sk-"))
            error = ERR_AGENT_TOKEN;
    } else if (text_starts(word, ED25519_BLOB_BEGIN)) {
        error = openssh_public_key(wanted->key, word);
    } else {
        wanted->by_key = word.len == KEY_HEX_SIZE - 1 && rest.len == 0 &&
                         hex_decode(wanted->key, KEY_SIZE, word.at);
        return OK;
    }
    wanted->by_key = error == OK;
    return error;
}

static size_t put_u32(uint8_t *out, size_t value)
{
    store_u32be(out, (uint32_t)value);
    return 4;
}

static size_t put_string(uint8_t *out, const void *bytes, size_t len)
{
    memcpy(out + put_u32(out, len), bytes, len);
    return 4 + len;
}

/* The length of what follows it, and its type. */
static size_t put_head(uint8_t *out, size_t len, enum message type)
{
    out[put_u32(out, len)] = (uint8_t)type;
    return AGENT_LENGTH_SIZE + 1;
}

size_t agent_put_list_request(uint8_t out[static AGENT_LENGTH_SIZE + 1])
{
    return put_head(out, 1, MESSAGE_LIST);
}

size_t agent_put_sign_request(uint8_t *out, const uint8_t key[static KEY_SIZE],
                              const uint8_t *message, size_t len)
{
    size_t at = put_head(out, AGENT_REQUEST_SIZE(len) - AGENT_LENGTH_SIZE, MESSAGE_SIGN);

    at += put_u32(out + at, OPENSSH_BLOB_SIZE);
    at += put_string(out + at, OPENSSH_ED25519, strlen(OPENSSH_ED25519));
    at += put_string(out + at, key, KEY_SIZE);
    at += put_string(out + at, message, len);
    return at + put_u32(out + at, 0); /* no flags: they are for RSA */
}

/* Whether an answer is of this type; what is in it is left to read. */
static enum kith_error open_answer(struct ssh_reader *body, enum message type)
{
    uint8_t found;

    if (!ssh_read_byte(body, &found))
        return ERR_AGENT_MALFORMED;
    if (found == MESSAGE_FAILURE)
        return ERR_AGENT_REFUSED;
    return found == type ? OK : ERR_AGENT_MALFORMED;
}

/* What a list has of the keys that fit. */
struct found {
    bool any, several, token, other; /* of another type: a FIDO token's, or any other one */
    uint8_t key[KEY_SIZE];
};

static void note_key(struct found *found, const uint8_t key[static KEY_SIZE])
{
    if (found->any && memcmp(found->key, key, KEY_SIZE) != 0)
        found->several = true;
    found->any = true;
    memcpy(found->key, key, KEY_SIZE);
}

static bool fits(const struct agent_wanted *wanted, struct ssh_reader comment)
{
    return wanted->comment.len == 0 ||
           ssh_is_bytes(comment, (const uint8_t *)wanted->comment.at, wanted->comment.len);
}

static enum kith_error look_at(struct found *found, struct ssh_reader blob,
                               struct ssh_reader comment, const struct agent_wanted *wanted)
{
    struct ssh_reader rest = blob, type;
    uint8_t key[KEY_SIZE];
    enum kith_error error = openssh_public_blob(key, blob);

    if (error == OK) {
        if (wanted->by_key ? memcmp(key, wanted->key, KEY_SIZE) == 0 : fits(wanted, comment))
            note_key(found, key);
        return OK;
    }
    if (error != ERR_KEY_TYPE || !ssh_read_string(&rest, &type))
        return ERR_AGENT_MALFORMED;
    if (!wanted->by_key && fits(wanted, comment)) {
        if (type.left >= 3 && memcmp(type.at, "sk-", 3) == 0)
            found->token = true;
        else
            found->other = true;
    }
    return OK;
}

/* Why there is no such key. */
static enum kith_error say_none(const struct found *found, const struct agent_wanted *wanted,
                                uint32_t count)
{
    if (found->token)
        return ERR_AGENT_TOKEN;
    if (count == 0 || (!wanted->by_key && wanted->comment.len == 0))
        return ERR_AGENT_EMPTY;
    return found->other ? ERR_KEY_TYPE : ERR_AGENT_NONE;
}

enum kith_error agent_get_key(uint8_t key[static KEY_SIZE], const uint8_t *body, size_t len,
                              const struct agent_wanted *wanted)
{
    struct ssh_reader rest = {body, len}, blob, comment;
    struct found found = {.any = false};
    enum kith_error error = open_answer(&rest, MESSAGE_KEYS);
    uint32_t count;

    if (error == OK && !ssh_read_u32(&rest, &count))
        error = ERR_AGENT_MALFORMED;
    for (uint32_t i = 0; error == OK && i < count; i++) {
        error = ssh_read_string(&rest, &blob) && ssh_read_string(&rest, &comment)
                    ? look_at(&found, blob, comment, wanted)
                    : ERR_AGENT_MALFORMED;
    }
    if (error != OK || rest.left > 0)
        return error != OK ? error : ERR_AGENT_MALFORMED;
    if (!found.any)
        return say_none(&found, wanted, count);
    if (found.several)
        return ERR_AGENT_SEVERAL;
    memcpy(key, found.key, KEY_SIZE);
    return crypto_ed25519_check_point(key);
}

enum kith_error agent_get_signature(uint8_t signature[static SIGNATURE_SIZE], const uint8_t *body,
                                    size_t len)
{
    struct ssh_reader rest = {body, len}, blob, type, bytes;
    enum kith_error error = open_answer(&rest, MESSAGE_SIGNATURE);

    if (error != OK)
        return error;
    if (!ssh_read_string(&rest, &blob) || rest.left > 0 || !ssh_read_string(&blob, &type) ||
        !ssh_is_text(type, OPENSSH_ED25519) || !ssh_read_string(&blob, &bytes) || blob.left > 0 ||
        bytes.left != SIGNATURE_SIZE)
        return ERR_AGENT_MALFORMED;
    memcpy(signature, bytes.at, SIGNATURE_SIZE);
    return OK;
}

/*
 * What an ssh-agent says, whatever it is: no byte outside it is read, and the key that is taken is
 * a point, is in the list as one, and is the one that was named.
 *
 * The first byte says which answer it is to: 0 a signature, 1 the list for the only key, 2 for a
 * key, 3 for a comment.
 *
 * Targets: keys/agent_protocol, keys/ssh_reader, keys/openssh_key.
 */
#include "crypto/crypto.h"
#include "fuzz.h"
#include "keys/agent_protocol.h"

static const char *const names[] = {
    "",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "work",
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return crypto_start_keys() == OK ? 0 : 1;
}

static bool has(const uint8_t *body, size_t len, const void *bytes, size_t bytes_len)
{
    for (size_t i = 0; i + bytes_len <= len; i++) {
        if (memcmp(body + i, bytes, bytes_len) == 0)
            return true;
    }
    return false;
}

/* The blob of a key, with its comment right behind it if that matters. */
static size_t make_entry(uint8_t *out, const uint8_t key[static KEY_SIZE], const char *comment)
{
    static const uint8_t head[] = "\0\0\0\x33\0\0\0\x0bssh-ed25519\0\0\0\x20";
    size_t len = sizeof(head) - 1, comment_len = strlen(comment);

    memcpy(out, head, len);
    memcpy(out + len, key, KEY_SIZE);
    len += KEY_SIZE;
    if (comment_len == 0)
        return len;
    store_u32be(out + len, (uint32_t)comment_len);
    memcpy(out + len + 4, comment, comment_len);
    return len + 4 + comment_len;
}

static void check_list(const uint8_t *body, size_t len, size_t which)
{
    struct agent_wanted wanted;
    uint8_t key[KEY_SIZE], entry[128];

    demand(agent_wanted_parse(&wanted, names[which]) == OK);
    if (agent_get_key(key, body, len, &wanted) != OK)
        return;
    demand(body[0] == 12 && crypto_ed25519_check_point(key) == OK);
    demand(!wanted.by_key || memcmp(key, wanted.key, KEY_SIZE) == 0);
    demand(has(body, len, entry, make_entry(entry, key, wanted.by_key ? "" : names[which])));
}

static void check_signature(const uint8_t *body, size_t len)
{
    uint8_t signature[SIGNATURE_SIZE];

    if (agent_get_signature(signature, body, len) != OK)
        return;
    demand(body[0] == 14 && len == 1 + 4 + 4 + 11 + 4 + SIGNATURE_SIZE);
    demand(memcmp(body + len - SIGNATURE_SIZE, signature, SIGNATURE_SIZE) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    uint8_t which = take_byte(&input) % 4;

    if (which == 0)
        check_signature(input.at, input.left);
    else
        check_list(input.at, input.left, which - 1u);
    return 0;
}

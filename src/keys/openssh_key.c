/*
 * Owns the decoding of OpenSSH's key containers. It must never read past a length that it has not
 * checked against what is there, nor leave a decoded secret on the stack.
 */
#include "keys/openssh_key.h"

#include <string.h>

#include "crypto/crypto.h"
#include "keys/key_file.h"
#include "keys/ssh_reader.h"

#define MAGIC "openssh-key-v1" /* its NUL belongs to it */
#define BLOCK_SIZE 8           /* what "none" pads to */

#define PUBLIC_BASE64_SIZE (OPENSSH_BLOB_SIZE / 3 * 4)
_Static_assert(OPENSSH_BLOB_SIZE % 3 == 0, "the base64 of a public key has no padding");

bool openssh_is_key_type(struct text word)
{
    return text_starts(word, "ssh-") || text_starts(word, "ecdsa-sha2-") ||
           text_starts(word, "sk-ssh-") || text_starts(word, "sk-ecdsa-");
}

enum kith_error openssh_public_blob(uint8_t key[static KEY_SIZE], struct ssh_reader blob)
{
    struct ssh_reader type = {0};
    struct ssh_reader public_key = {0};

    if (!ssh_read_string(&blob, &type))
        return ERR_KEY_DAMAGED;
    if (!ssh_is_text(type, OPENSSH_ED25519))
        return ERR_KEY_TYPE;
    if (!ssh_read_string(&blob, &public_key) || public_key.left != KEY_SIZE || blob.left != 0)
        return ERR_KEY_DAMAGED;
    memcpy(key, public_key.at, KEY_SIZE);
    return OK;
}

enum kith_error openssh_public_key(uint8_t key[static KEY_SIZE], struct text base64)
{
    uint8_t blob[OPENSSH_BLOB_SIZE + 3];

    if (base64.len != PUBLIC_BASE64_SIZE ||
        crypto_base64_decode(blob, base64.at, base64.len) != (int)OPENSSH_BLOB_SIZE)
        return ERR_KEY_DAMAGED;
    if (openssh_public_blob(key, (struct ssh_reader){blob, OPENSSH_BLOB_SIZE}) != OK)
        return ERR_KEY_DAMAGED; /* another type inside than the one in front */
    return OK;
}

static bool is_padding(struct ssh_reader rest)
{
    for (size_t i = 0; i < rest.left; i++) {
        if (rest.at[i] != i + 1)
            return false;
    }
    return rest.left < BLOCK_SIZE;
}

/*
 * The section that encryption would cover. The public key is in it twice more, once as the tail
 * of the private one: all of them must be the seed's own.
 */
static enum kith_error read_private_section(uint8_t seed[static KEY_SIZE],
                                            struct ssh_reader section,
                                            const uint8_t public_key[static KEY_SIZE])
{
    struct ssh_reader type = {0};
    struct ssh_reader own_public = {0};
    struct ssh_reader pair = {0};
    struct ssh_reader comment = {0};
    uint8_t derived[KEY_SIZE];
    uint32_t check[2] = {0, 0};
    enum kith_error error = OK;

    if (section.left % BLOCK_SIZE != 0 || !ssh_read_u32(&section, &check[0]) ||
        !ssh_read_u32(&section, &check[1]) || check[0] != check[1] ||
        !ssh_read_string(&section, &type) || !ssh_is_text(type, OPENSSH_ED25519) ||
        !ssh_read_string(&section, &own_public) ||
        !ssh_is_bytes(own_public, public_key, KEY_SIZE) || !ssh_read_string(&section, &pair) ||
        pair.left != (size_t)2 * KEY_SIZE ||
        memcmp(pair.at + KEY_SIZE, public_key, KEY_SIZE) != 0 ||
        !ssh_read_string(&section, &comment) || !is_padding(section))
        return ERR_KEY_DAMAGED;
    error = crypto_ed25519_public(derived, pair.at);
    if (error != OK)
        return error;
    if (memcmp(derived, public_key, KEY_SIZE) != 0)
        return ERR_KEY_DAMAGED;
    memcpy(seed, pair.at, KEY_SIZE);
    return OK;
}

static enum kith_error read_container(uint8_t seed[static KEY_SIZE], struct ssh_reader rest)
{
    struct ssh_reader cipher = {0};
    struct ssh_reader kdf = {0};
    struct ssh_reader kdf_options = {0};
    struct ssh_reader blob = {0};
    struct ssh_reader section = {0};
    uint8_t public_key[KEY_SIZE];
    uint32_t count = 0;
    enum kith_error error = OK;

    if (rest.left < sizeof MAGIC || memcmp(rest.at, MAGIC, sizeof MAGIC) != 0)
        return ERR_KEY_DAMAGED;
    rest.at += sizeof MAGIC;
    rest.left -= sizeof MAGIC;
    if (!ssh_read_string(&rest, &cipher) || !ssh_read_string(&rest, &kdf) ||
        !ssh_read_string(&rest, &kdf_options) || !ssh_read_u32(&rest, &count))
        return ERR_KEY_DAMAGED;
    if (count != 1)
        return ERR_KEY_FORMAT;
    if (!ssh_read_string(&rest, &blob))
        return ERR_KEY_DAMAGED;
    error = openssh_public_blob(public_key, blob);
    if (error != OK)
        return error;
    if (!ssh_is_text(cipher, "none"))
        return ERR_KEY_OPENSSH_ENCRYPTED;
    if (!ssh_is_text(kdf, "none") || kdf_options.left != 0 || !ssh_read_string(&rest, &section) ||
        rest.left != 0)
        return ERR_KEY_DAMAGED;
    return read_private_section(seed, section, public_key);
}

enum kith_error openssh_private_key(uint8_t seed[static KEY_SIZE], struct text body)
{
    uint8_t container[PEM_DECODED_SIZE(KEY_FILE_MAX)];
    size_t len = 0;
    enum kith_error error = pem_decode(container, sizeof(container), &len, body);

    if (error == OK)
        error = read_container(seed, (struct ssh_reader){container, len});
    crypto_wipe(container, sizeof(container));
    return error;
}

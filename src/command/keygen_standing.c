/*
 * Owns the look at what keygen would replace. Must never take another program's key for ours.
 */
#include "command/keygen_standing.h"

#include <sys/stat.h>

#include "base/bytes.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "keys/key_file.h"
#include "keys/passphrase.h"
#include "keys/private_key.h"

#define OUR_BEGIN "-----BEGIN PRIVATE KEY-----"

typedef enum standing judgement(struct text text, const char *public_path);

/* What is there, and by its content what that is. Of what has none nothing would be lost. */
static enum standing look_at(const char *path, judgement *judge, const char *public_path)
{
    struct key_file file = {0};
    struct stat status;
    enum standing standing = STANDS_OTHER;
    enum kith_error error;

    if (lstat(path, &status) != 0)
        return STANDS_NOTHING;
    error = key_file_read(&file, path, KEY_FILE_MAX, KEY_FILE_PUBLIC);
    if (error == OK)
        standing = judge(text_of(file.text, file.len), public_path);
    else if (error == ERR_FILE_MISSING || error == ERR_FILE_EMPTY) /* a link may lead nowhere */
        standing = STANDS_EMPTY;
    key_file_wipe(&file);
    return standing;
}

static bool begins_with_digits(struct text text)
{
    uint8_t key[KEY_SIZE];
    bool begins = text.len >= KEY_HEX_SIZE - 1 && hex_decode(key, KEY_SIZE, text.at);

    crypto_wipe(key, sizeof(key));
    return begins;
}

static enum standing judge_private(struct text text, const char *public_path)
{
    uint8_t seed[KEY_SIZE];
    enum kith_error error = private_key_parse(seed, text.at, text.len, passphrase_refuse, NULL);

    crypto_wipe(seed, sizeof(seed));
    if (error == OK)
        return text_starts(text, OUR_BEGIN) || begins_with_digits(text) ? STANDS_OURS
                                                                        : STANDS_FOREIGN;
    if (error == ERR_KEY_OPENSSH_ENCRYPTED)
        return STANDS_FOREIGN;
    if (error != ERR_KEY_NO_PASSPHRASE)
        return STANDS_OTHER;
    return standing_public(public_path) == STANDS_OURS ? STANDS_OURS : STANDS_FOREIGN;
}

static enum standing judge_public(struct text text, const char *unused)
{
    (void)unused;
    return begins_with_digits(text) ? STANDS_OURS : STANDS_OTHER;
}

static enum standing judge_secret(struct text text, const char *unused)
{
    uint8_t bytes[SECRET_DIGITS / 4 * 3 + 3];
    bool is_ours;

    (void)unused;
    while (text.len > 0 && text.at[text.len - 1] == '\n')
        text.len--;
    is_ours =
        text.len == SECRET_DIGITS && crypto_base64_decode(bytes, text.at, text.len) == SECRET_BYTES;
    crypto_wipe(bytes, sizeof(bytes));
    return is_ours ? STANDS_OURS : STANDS_OTHER;
}

enum standing standing_private(const char *path, const char *public_path)
{
    return look_at(path, judge_private, public_path);
}

enum standing standing_public(const char *path)
{
    return look_at(path, judge_public, NULL);
}

enum standing standing_secret(const char *path)
{
    return look_at(path, judge_secret, NULL);
}

bool standing_blocks(enum standing standing)
{
    return standing == STANDS_FOREIGN || standing == STANDS_OTHER;
}

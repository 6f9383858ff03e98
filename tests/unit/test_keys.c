/*
 * private_key and public_key: every form of a key that is read, what is forgiven around it, and
 * every refusal.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "keys/key_file.h"
#include "keys/openssh_key.h"
#include "keys/private_key.h"
#include "keys/public_key.h"
#include "published_keys.h"
#include "tap.h"

#define BOM "\xef\xbb\xbf"

static int give_passphrase(char *out, int size, void *context)
{
    const char *passphrase = context;

    if (passphrase == NULL || strlen(passphrase) > (size_t)size)
        return -1;
    memcpy(out, passphrase, strlen(passphrase));
    return (int)strlen(passphrase);
}

static void hex_of(char hex[static KEY_HEX_SIZE], const uint8_t key[static KEY_SIZE])
{
    hex_encode(hex, key, KEY_SIZE);
}

/* A copy of exactly the text's size, so that a sanitizer sees a byte too far. */
static char *tight_copy(const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);

    if (copy == NULL)
        abort();
    memcpy(copy, text, len);
    return copy;
}

static enum kith_error parse_private(char hex[static KEY_HEX_SIZE], const char *text, size_t len,
                                     const char *passphrase)
{
    uint8_t seed[KEY_SIZE];
    char context[64];
    char *copy = tight_copy(text, len);
    enum kith_error error = OK;

    memset(seed, 0xaa, sizeof seed);
    snprintf(context, sizeof context, "%s", passphrase != NULL ? passphrase : "");
    error =
        private_key_parse(seed, copy, len, give_passphrase, passphrase != NULL ? context : NULL);
    hex_of(hex, seed);
    free(copy);
    return error;
}

struct form {
    const char *what;
    const char *text;
    const char *hex;
};

struct refusal {
    const char *what;
    const char *text;
    enum kith_error error;
};

static const char openssh_crlf[] =
    BOM "\r\n  -----BEGIN OPENSSH PRIVATE KEY-----\t\r\n"
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW \r\n"
        "QyNTUxOQAAACDg7fCbu2Ew/BupPxNu2ID4O2tKr3PAScYkXxEit5rHXAAAAIhYUwX/WFMF\r\n\r\n"
        "\t/wAAAAtzc2gtZWQyNTUxOQAAACDg7fCbu2Ew/BupPxNu2ID4O2tKr3PAScYkXxEit5rHXA\r\n"
        "AAAECbV8TpJTM8KQfXfB8DKANevxPOmsfYMJoQXCPqBPewyuDt8Ju7YTD8G6k/E27YgPg7\r\n"
        "a0qvc8BJxiRfESK3msdcAAAAAAECAwQF\r\n-----END OPENSSH PRIVATE KEY-----  ";

#define LOST "-----BEGIN PRIVATE KEY----- "
#define LOST_END " -----END PRIVATE KEY-----"
#define PKCS8_BODY "MC4CAQAwBQYDK2VwBCIEICnZ7NbWUiSe8HDqZ+agYUGwrOzUxSW3M+TI87elwNFo"

static const struct form private_forms[] = {
    {"PKCS#8 with blanks for line breaks", LOST PKCS8_BODY LOST_END "\n", PKCS8_SEED},
    {"PKCS#8 with \\n for line breaks",
     "-----BEGIN PRIVATE KEY-----\\n" PKCS8_BODY "\\n-----END PRIVATE KEY-----\\n\n", PKCS8_SEED},
    {"PKCS#8 with \\r\\n for line breaks",
     "-----BEGIN PRIVATE KEY-----\\r\\n" PKCS8_BODY "\\r\\n-----END PRIVATE KEY-----\\r\\n",
     PKCS8_SEED},
    {"PKCS#8 without any line break",
     "-----BEGIN PRIVATE KEY-----" PKCS8_BODY "-----END PRIVATE KEY-----", PKCS8_SEED},
    {"OpenSSH", OPENSSH_PRIVATE, OPENSSH_SEED},
    {"OpenSSH with BOM, CRLF, blanks, no last newline", openssh_crlf, OPENSSH_SEED},
    {"PKCS#8", PKCS8_PRIVATE, PKCS8_SEED},
    {"PKCS#8 with blank lines and blanks",
     "\n \t\n -----BEGIN PRIVATE KEY-----\r\n"
     "\tMC4CAQAwBQYDK2VwBCIEICnZ7NbWUiSe8HDqZ+agYUGwrOzUxSW3M+TI87elwNFo \r\n\r\n"
     "-----END PRIVATE KEY----- \r\n\r\n\n",
     PKCS8_SEED},
    {"PKCS#8 without a last newline",
     BOM "-----BEGIN PRIVATE KEY-----\n"
         "MC4CAQAwBQYDK2VwBCIEICnZ7NbWUiSe8HDqZ+agYUGwrOzUxSW3M+TI87elwNFo\n"
         "-----END PRIVATE KEY-----",
     PKCS8_SEED},
    {"hex", OPENSSH_SEED "\n", OPENSSH_SEED},
    {"hex without a newline", OPENSSH_SEED, OPENSSH_SEED},
    {"hex with BOM, CRLF, blanks", BOM "\r\n \t" OPENSSH_SEED "\t \r\n\r\n", OPENSSH_SEED},
    {"hex in upper case", "9B57C4E925333C2907D77C1F0328035EBF13CE9AC7D8309A105C23EA04F7B0CA",
     OPENSSH_SEED},
};

static const struct refusal private_refusals[] = {
    {"no text", "", ERR_FILE_EMPTY},
    {"blanks alone", " \t\r\n\n  ", ERR_FILE_EMPTY},
    {"a BOM alone", BOM, ERR_FILE_EMPTY},
    {"63 digits", "b57c4e925333c2907d77c1f0328035ebf13ce9ac7d8309a105c23ea04f7b0ca\n",
     ERR_KEY_FORMAT},
    {"65 digits", OPENSSH_SEED "0\n", ERR_KEY_FORMAT},
    {"a letter too far", "g57c4e925333c2907d77c1f0328035ebf13ce9ac7d8309a105c23ea04f7b0ca9\n",
     ERR_KEY_FORMAT},
    {"two seeds", OPENSSH_SEED "\n" PKCS8_SEED "\n", ERR_KEY_FORMAT},
    {"a seed and a name", OPENSSH_SEED " laptop\n", ERR_KEY_PUBLIC},
    {"a comment before a seed", "# seed\n" OPENSSH_SEED "\n", ERR_KEY_FORMAT},
    {"prose", "my private key\n", ERR_KEY_FORMAT},
    {"an ssh public key", OPENSSH_PUBLIC_LINE " me\n", ERR_KEY_PUBLIC},
    {"another ssh public key", OPENSSH_ECDSA_LINE "\n", ERR_KEY_PUBLIC},
    {"a PEM public key", PKCS8_PUBLIC_PEM, ERR_KEY_PUBLIC},
    {"two in PKCS#8", PKCS8_PRIVATE PKCS8_PRIVATE, ERR_KEY_FORMAT},
    {"two forms", OPENSSH_PRIVATE PKCS8_PRIVATE, ERR_KEY_FORMAT},
    {"text behind PKCS#8", PKCS8_PRIVATE "and more\n", ERR_KEY_FORMAT},
    {"PKCS#8 cut short",
     "-----BEGIN PRIVATE KEY-----\n"
     "MC4CAQAwBQYDK2VwBCIEICnZ7NbWUiSe8HDqZ+agYUGwrOzUxSW3M+TI87elwNFo\n",
     ERR_KEY_DAMAGED},
    {"PKCS#8 cut in its base64",
     "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEICnZ7NbWUiSe8HDq\n"
     "-----END PRIVATE KEY-----\n",
     ERR_KEY_DAMAGED},
    {"the end of another",
     "-----BEGIN PRIVATE KEY-----\n"
     "MC4CAQAwBQYDK2VwBCIEICnZ7NbWUiSe8HDqZ+agYUGwrOzUxSW3M+TI87elwNFo\n"
     "-----END PRIVATE_KEY-----\n",
     ERR_KEY_DAMAGED},
    {"a beginning alone", "-----BEGIN PRIVATE KEY-----\n", ERR_KEY_DAMAGED},
    {"an OpenSSH beginning alone", "-----BEGIN OPENSSH PRIVATE KEY-----", ERR_KEY_DAMAGED},
    {"OpenSSH without content",
     "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n", ERR_KEY_DAMAGED},
    {"OpenSSH that is not base64",
     "-----BEGIN OPENSSH PRIVATE KEY-----\n????\n-----END OPENSSH PRIVATE KEY-----\n",
     ERR_KEY_DAMAGED},
    {"OpenSSH, encrypted", OPENSSH_ENCRYPTED, ERR_KEY_OPENSSH_ENCRYPTED},
    {"OpenSSH, ECDSA", OPENSSH_ECDSA, ERR_KEY_TYPE},
    {"PKCS#8, X25519", X25519_PRIVATE, ERR_KEY_TYPE},
    {"a legacy EC key", LEGACY_EC, ERR_KEY_TYPE},
    {"a legacy RSA key", "-----BEGIN RSA PRIVATE KEY-----\n", ERR_KEY_TYPE},
    {"a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
     ERR_KEY_FORMAT},
    {"a frame without its dashes", "-----BEGIN PRIVATE KEY--\n", ERR_KEY_FRAME},
    {"a frame without its blanks", "-----BEGINPRIVATEKEY-----MC4C-----ENDPRIVATEKEY-----",
     ERR_KEY_FRAME},
    {"two on one line", LOST PKCS8_BODY LOST_END " " LOST PKCS8_BODY LOST_END, ERR_KEY_FORMAT},
    {"one line that is cut", LOST PKCS8_BODY " -----END PRIVATE KEY", ERR_KEY_DAMAGED},
    {"a backslash before another letter",
     "-----BEGIN PRIVATE KEY-----\\t" PKCS8_BODY "-----END PRIVATE KEY-----", ERR_KEY_DAMAGED},
};

static void test_private(void)
{
    static const char wiped[] = "0000000000000000000000000000000000000000000000000000000000000000";
    char hex[KEY_HEX_SIZE];

    for (size_t i = 0; i < sizeof private_forms / sizeof private_forms[0]; i++) {
        const struct form *form = &private_forms[i];
        enum kith_error error = parse_private(hex, form->text, strlen(form->text), NULL);
        CHECK(error == OK && strcmp(hex, form->hex) == 0, "private, %s: %s", form->what,
              error_text(error));
    }
    for (size_t i = 0; i < sizeof private_refusals / sizeof private_refusals[0]; i++) {
        const struct refusal *refusal = &private_refusals[i];
        enum kith_error error = parse_private(hex, refusal->text, strlen(refusal->text), NULL);
        CHECK(error == refusal->error && strcmp(hex, wiped) == 0, "private, refused, %s: %s",
              refusal->what, error_text(error));
    }
    CHECK(parse_private(hex, OPENSSH_SEED "\0", 65, NULL) == ERR_FILE_NUL, "private, a NUL byte");
}

static void test_passphrase(void)
{
    char hex[KEY_HEX_SIZE];
    const char *text = PKCS8_ENCRYPTED;

    CHECK(parse_private(hex, text, strlen(text), "secret") == OK && strcmp(hex, PKCS8_SEED) == 0,
          "encrypted PKCS#8, the passphrase");
    CHECK(parse_private(hex, text, strlen(text), "Secret") == ERR_KEY_PASSPHRASE,
          "encrypted PKCS#8, another passphrase");
    CHECK(parse_private(hex, text, strlen(text), NULL) == ERR_KEY_NO_PASSPHRASE,
          "encrypted PKCS#8, no way to ask");
}

/* What is allowed around a key is so up to the size of a file, and no byte further. */
static void test_sizes(void)
{
    static char text[KEY_FILE_MAX + 1];
    char hex[KEY_HEX_SIZE];
    uint8_t key[KEY_SIZE];
    char name[NAME_SIZE];

    memset(text, '\n', sizeof text);
    memcpy(text + KEY_FILE_MAX - 64, OPENSSH_PUBLIC, 64);
    CHECK(parse_private(hex, text, KEY_FILE_MAX, NULL) == OK, "private, the largest text");
    CHECK(parse_private(hex, text, KEY_FILE_MAX + 1, NULL) == ERR_FILE_TOO_LARGE,
          "private, a byte more");
    CHECK(public_key_parse(key, name, text, KEY_FILE_MAX) == OK, "public, the largest text");
    CHECK(public_key_parse(key, name, text, KEY_FILE_MAX + 1) == ERR_FILE_TOO_LARGE,
          "public, a byte more");
    memset(text, 'A', sizeof text);
    memcpy(text, "-----BEGIN OPENSSH PRIVATE KEY-----\n", 36);
    memcpy(text + KEY_FILE_MAX - 34, "\n-----END OPENSSH PRIVATE KEY-----", 34);
    CHECK(parse_private(hex, text, KEY_FILE_MAX, NULL) == ERR_KEY_DAMAGED,
          "private, the largest frame");
}

/* ---- OpenSSH's container, damaged in every place ---- */

#define CONTAINER_SIZE 234

/*
 * Where in it are the length of the key derivation's options, the number of keys, the lengths of
 * the public key and of the private section.
 */
enum { OPTIONS_AT = 31, COUNT_AT = 35, BLOB_AT = 39, SECTION_AT = 94 };

static size_t encode(char *out, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t used = 0;

    for (size_t i = 0; i < len; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= i + 2 < len ? bytes[i + 2] : 0;
        out[used++] = digits[group >> 18];
        out[used++] = digits[group >> 12 & 63];
        out[used++] = i + 1 < len ? digits[group >> 6 & 63] : '=';
        out[used++] = i + 2 < len ? digits[group & 63] : '=';
    }
    return used;
}

static enum kith_error parse_container(char hex[static KEY_HEX_SIZE], const uint8_t *bytes,
                                       size_t len)
{
    char base64[1024];
    uint8_t seed[KEY_SIZE] = {0};
    size_t used = encode(base64, bytes, len);
    enum kith_error error = openssh_private_key(seed, (struct text){base64, used});

    hex_of(hex, seed);
    return error;
}

/* The container of OPENSSH_PRIVATE, without the lines around. */
static void sound_container(uint8_t bytes[static CONTAINER_SIZE + 64])
{
    static const char lines[] = OPENSSH_PRIVATE;
    char base64[sizeof lines];
    size_t used = 0;

    for (const char *at = strchr(lines, '\n') + 1; *at != '-'; at++) {
        if (*at != '\n')
            base64[used++] = *at;
    }
    CHECK(crypto_base64_decode(bytes, base64, used) == CONTAINER_SIZE, "the container's size");
}

static void test_damage(void)
{
    uint8_t bytes[CONTAINER_SIZE + 64];
    char hex[KEY_HEX_SIZE];
    size_t accepted = 0;

    sound_container(bytes);
    CHECK(parse_container(hex, bytes, CONTAINER_SIZE) == OK && strcmp(hex, OPENSSH_SEED) == 0,
          "the container as it was made");
    for (size_t bit = 0; bit < (size_t)8 * CONTAINER_SIZE; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        accepted += parse_container(hex, bytes, CONTAINER_SIZE) == OK ? 1 : 0;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    CHECK(accepted == 0, "each bit matters: %zu changes accepted", accepted);
    for (size_t len = 0; len < CONTAINER_SIZE; len++)
        accepted += parse_container(hex, bytes, len) == OK ? 1 : 0;
    CHECK(accepted == 0, "cut at each byte: %zu accepted", accepted);
    bytes[CONTAINER_SIZE] = 0;
    CHECK(parse_container(hex, bytes, CONTAINER_SIZE + 1) == ERR_KEY_DAMAGED, "a byte behind");
    bytes[COUNT_AT + 3] ^= 3; /* 1 becomes 2 */
    CHECK(parse_container(hex, bytes, CONTAINER_SIZE) == ERR_KEY_FORMAT, "two keys");
}

/* A string of the container that is longer than it may be, its length being right. */
static void expect_no_longer(size_t length_at, const char *what)
{
    uint8_t bytes[CONTAINER_SIZE + 64];
    char hex[KEY_HEX_SIZE];
    uint32_t len = 0;
    size_t end = 0;

    sound_container(bytes);
    len = load_u32be(bytes + length_at);
    end = length_at + 4 + len;
    memmove(bytes + end + 1, bytes + end, CONTAINER_SIZE - end);
    bytes[end] = 0;
    store_u32be(bytes + length_at, len + 1);
    CHECK(parse_container(hex, bytes, CONTAINER_SIZE + 1) == ERR_KEY_DAMAGED, "%s: a byte more",
          what);
}

static void test_lengths(void)
{
    expect_no_longer(OPTIONS_AT, "options of no key derivation");
    expect_no_longer(BLOB_AT, "the public key");
    expect_no_longer(SECTION_AT, "the private section");
}

/* A comment of each length needs another padding; a whole block of padding is too much. */
static void test_padding(void)
{
    uint8_t bytes[CONTAINER_SIZE + 64];
    char hex[KEY_HEX_SIZE];
    const size_t comment_at = CONTAINER_SIZE - 9; /* its length, empty, and five of padding */

    sound_container(bytes);
    for (size_t len = 0; len <= 16; len++) {
        size_t end = comment_at + 4 + len;
        store_u32be(bytes + comment_at, (uint32_t)len);
        memset(bytes + comment_at + 4, 'c', len);
        for (uint8_t pad = 1; (end - SECTION_AT - 4) % 8 != 0; pad++)
            bytes[end++] = pad;
        store_u32be(bytes + SECTION_AT, (uint32_t)(end - SECTION_AT - 4));
        CHECK(parse_container(hex, bytes, end) == OK && strcmp(hex, OPENSSH_SEED) == 0,
              "a comment of %zu bytes", len);
        store_u32be(bytes + SECTION_AT, (uint32_t)(end - 1 - SECTION_AT - 4));
        CHECK(parse_container(hex, bytes, end - 1) == ERR_KEY_DAMAGED,
              "a comment of %zu bytes, a byte too few", len);
        for (size_t i = 0; i < 8; i++)
            bytes[end + i] = (uint8_t)(bytes[end - 1] < 8 ? bytes[end - 1] + 1 + i : i + 1);
        store_u32be(bytes + SECTION_AT, (uint32_t)(end + 8 - SECTION_AT - 4));
        CHECK(parse_container(hex, bytes, end + 8) == ERR_KEY_DAMAGED,
              "a comment of %zu bytes, a block too much", len);
    }
}

/* ---- Public keys ---- */

static const struct named_form {
    const char *what;
    const char *text;
    const char *hex;
    const char *name;
} public_forms[] = {
    {"hex", OPENSSH_PUBLIC, OPENSSH_PUBLIC, ""},
    {"hex and a name", OPENSSH_PUBLIC " nas\n", OPENSSH_PUBLIC, "nas"},
    {"hex, tabs and a name", "\t" OPENSSH_PUBLIC "\t \tnas \r\n", OPENSSH_PUBLIC, "nas"},
    {"hex in upper case", "E0EDF09BBB6130FC1BA93F136ED880F83B6B4AAF73C049C6245F1122B79AC75C\n",
     OPENSSH_PUBLIC, ""},
    {"hex and what is no name", OPENSSH_PUBLIC " me@home\n", OPENSSH_PUBLIC, ""},
    {"hex and two words", OPENSSH_PUBLIC " my key\n", OPENSSH_PUBLIC, ""},
    {"ssh", OPENSSH_PUBLIC_LINE "\n", OPENSSH_PUBLIC, ""},
    {"ssh and a name", OPENSSH_PUBLIC_LINE " nas\n", OPENSSH_PUBLIC, "nas"},
    {"ssh and a comment", OPENSSH_PUBLIC_LINE " root@nas\n", OPENSSH_PUBLIC, ""},
    {"ssh with more blanks",
     "ssh-ed25519 \t AAAAC3NzaC1lZDI1NTE5AAAAIODt8Ju7YTD8G6k/E27YgPg7a0qvc8BJxiRfESK3msdc  nas",
     OPENSSH_PUBLIC, "nas"},
    {"PEM", PKCS8_PUBLIC_PEM, PKCS8_PUBLIC, ""},
    {"PEM with comments, BOM, CRLF and blanks",
     BOM "# a key\r\n\r\n  -----BEGIN PUBLIC KEY-----\r\n"
         " MCowBQYDK2VwAyEA3EqCb3sEEns3gwPWUsQ/UWVImIgH6WkXs6QqWH2hD+w= \r\n"
         "-----END PUBLIC KEY-----\r\n # end",
     PKCS8_PUBLIC, ""},
    {"comments and blank lines", "# one\n\n  # two\n" OPENSSH_PUBLIC " nas\n\n# three\n",
     OPENSSH_PUBLIC, "nas"},
};

static const struct refusal public_refusals[] = {
    {"no text", "", ERR_FILE_EMPTY},
    {"comments alone", "# no key\n\n", ERR_FILE_EMPTY},
    {"a number", "12345\n", ERR_KEY_FORMAT},
    {"65 digits", OPENSSH_PUBLIC "0\n", ERR_KEY_FORMAT},
    {"a name without a blank", OPENSSH_PUBLIC ",nas\n", ERR_KEY_FORMAT},
    {"two keys", OPENSSH_PUBLIC "\n" PKCS8_PUBLIC "\n", ERR_KEY_FORMAT},
    {"one key twice", OPENSSH_PUBLIC "\n" OPENSSH_PUBLIC "\n", ERR_KEY_FORMAT},
    {"two in PEM", PKCS8_PUBLIC_PEM PKCS8_PUBLIC_PEM, ERR_KEY_FORMAT},
    {"options", "restrict " OPENSSH_PUBLIC_LINE "\n", ERR_KEY_FORMAT},
    {"SSH2", SSH2_PUBLIC, ERR_KEY_FORMAT},
    {"another type", OPENSSH_ECDSA_LINE "\n", ERR_KEY_TYPE},
    {"a type of a security key", "sk-ssh-ed25519@openssh.com AAAAGnNr k\n", ERR_KEY_TYPE},
    {"another type without a key", "ssh-rsa nas\n", ERR_KEY_FORMAT},
    {"ssh alone", "ssh-ed25519", ERR_KEY_DAMAGED},
    {"ssh cut short", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIODt8Ju7YTD8G6k/E27YgPg7 nas\n",
     ERR_KEY_DAMAGED},
    {"ssh with another type inside",
     "ssh-ed25519 AAAAC3NzaC1lZDI1NTE4AAAAIODt8Ju7YTD8G6k/E27YgPg7a0qvc8BJxiRfESK3msdc",
     ERR_KEY_DAMAGED},
    {"ssh with another length inside",
     "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAHODt8Ju7YTD8G6k/E27YgPg7a0qvc8BJxiRfESK3msdc",
     ERR_KEY_DAMAGED},
    {"ssh of low order",
     "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
     ERR_KEY_POINT},
    {"low order", "0100000000000000000000000000000000000000000000000000000000000000 nas\n",
     ERR_KEY_POINT},
    {"off the curve", "0200000000000000000000000000000000000000000000000000000000000000\n",
     ERR_KEY_POINT},
    {"not canonical", "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f\n",
     ERR_KEY_POINT},
    {"low order in PEM",
     "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
     "-----END PUBLIC KEY-----\n",
     ERR_KEY_POINT},
    {"X25519 in PEM", X25519_PUBLIC_PEM, ERR_KEY_TYPE},
    {"RSA in the older PEM", "-----BEGIN RSA PUBLIC KEY-----\n", ERR_KEY_TYPE},
    {"PEM cut short", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA3EqC\n", ERR_KEY_DAMAGED},
    {"a certificate", "-----BEGIN CERTIFICATE-----\n", ERR_KEY_FORMAT},
    {"a PKCS#8 private key", PKCS8_PRIVATE, ERR_KEY_PRIVATE},
    {"an encrypted private key", PKCS8_ENCRYPTED, ERR_KEY_PRIVATE},
    {"an OpenSSH private key", OPENSSH_PRIVATE, ERR_KEY_PRIVATE},
    {"a legacy private key", LEGACY_EC, ERR_KEY_PRIVATE},
};

static void test_public(void)
{
    uint8_t key[KEY_SIZE];
    char hex[KEY_HEX_SIZE];
    char name[NAME_SIZE];

    for (size_t i = 0; i < sizeof public_forms / sizeof public_forms[0]; i++) {
        const struct named_form *form = &public_forms[i];
        char *copy = tight_copy(form->text, strlen(form->text));
        enum kith_error error = public_key_parse(key, name, copy, strlen(form->text));
        hex_of(hex, key);
        CHECK(error == OK && strcmp(hex, form->hex) == 0 && strcmp(name, form->name) == 0,
              "public, %s: %s, \"%s\"", form->what, error_text(error), name);
        free(copy);
    }
    for (size_t i = 0; i < sizeof public_refusals / sizeof public_refusals[0]; i++) {
        const struct refusal *refusal = &public_refusals[i];
        char *copy = tight_copy(refusal->text, strlen(refusal->text));
        enum kith_error error = public_key_parse(key, name, copy, strlen(refusal->text));
        CHECK(error == refusal->error && name[0] == '\0', "public, refused, %s: %s", refusal->what,
              error_text(error));
        free(copy);
    }
    CHECK(public_key_parse(key, name, OPENSSH_PUBLIC "\0", 65) == ERR_FILE_NUL,
          "public, a NUL byte");
}

static void test_scan(void)
{
    static const char line[] = OPENSSH_ECDSA_LINE " nas";
    uint8_t key[KEY_SIZE];
    char hex[KEY_HEX_SIZE];
    char shown[9];
    size_t used = 0;

    CHECK(public_key_scan(key, OPENSSH_PUBLIC " nas", 68, &used) == OK && used == 64,
          "a key in hex takes 64 bytes");
    hex_of(hex, key);
    public_key_short(shown, key);
    CHECK(strcmp(hex, OPENSSH_PUBLIC) == 0 && strcmp(shown, "e0edf09b") == 0, "its short form");
    CHECK(public_key_scan(key, OPENSSH_PUBLIC_LINE " nas", 84, &used) == OK && used == 80,
          "an ssh key takes its two words");
    CHECK(public_key_scan(key, line, strlen(line), &used) == ERR_KEY_TYPE &&
              used == strlen(line) - 4,
          "so does one of another type");
    CHECK(public_key_scan(key, OPENSSH_PUBLIC, 63, &used) == ERR_KEY_FORMAT,
          "no byte behind the end is looked at");
    CHECK(public_key_scan(key, OPENSSH_PUBLIC, 0, &used) == ERR_KEY_FORMAT, "no text, no key");
}

int main(void)
{
    if (crypto_start() != OK)
        return 1;
    test_private();
    test_passphrase();
    test_sizes();
    test_damage();
    test_lengths();
    test_padding();
    test_public();
    test_scan();
    return tap_done();
}

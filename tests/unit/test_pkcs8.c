/*
 * pkcs8: what is read of keys in PEM, what is written, and what must be refused.
 */
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "keys/pkcs8.h"
#include "keys/private_key.h"
#include "keys/public_key.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is(const uint8_t key[static KEY_SIZE], const char *digits)
{
    uint8_t expected[KEY_SIZE];
    return hex_decode(expected, KEY_SIZE, digits) && memcmp(key, expected, KEY_SIZE) == 0;
}

/* Keys that were made for this test by openssl genpkey and pkcs8, and open nothing. */
static const char pem_plain[] = "-----BEGIN PRIVATE KEY-----\n"
                                "MC4CAQAwBQYDK2VwBCIEIN+6JRO/IBVNN9MBD4HItvvVH12KJzq8PGcst1DfuLpw\n"
                                "-----END PRIVATE KEY-----\n";
static const char seed_plain[] = "dfba2513bf20154d37d3010f81c8b6fbd51f5d8a273abc3c672cb750dfb8ba70";
static const char pem_pbkdf2[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjddeRI7YtUGwICCAAw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEKvcEGhuJGxbB7F2NI2T30wEQIe9\n"
    "bh5ofYlvYslp2aQFxb+uVP6KSavdSkw5OCFgsmpMjktR7H/zx2HI0E3W121OU2U5\n"
    "SkmU9VHFQGDdeRjGeS8=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";
static const char seed_pbkdf2[] =
    "ef89c4abcaa614af43cec895a8f36103dd4f3bba64d223b4a3305d468485cd99";
/* The first key again, one iteration: cheap to try. */
static const char pem_weak[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                               "MIGaMFYGCSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAjL3SkDaKM7AwIBATAM\n"
                               "BggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQZEoTKEhBpQJocTgfgivwNgRAJZz6\n"
                               "fdGA/3Twkg+4O3Kfohfst2VSjZnqZaAyIWqnjbLoNJiYeUFixPt9k5GSN4k84G3f\n"
                               "7eQhvtvz7dTiGEwgnA==\n"
                               "-----END ENCRYPTED PRIVATE KEY-----\n";
static const char pem_scrypt[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIGTME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAh5/OecSEbZGQICQAAC\n"
    "AQgCAQEwHQYJYIZIAWUDBAEqBBDI6qmGe3PkU0HyZbfIxeArBEDlAM3zlFAXaZl6\n"
    "Qlp3IOudCmAJa+q2zO2MhpDTL3MvBNjjSXNqYe2CSPEJdMZKeQArxuuSe6bi+SCp\n"
    "+80xzaZK\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";
static const char seed_scrypt[] =
    "91d01319cb61a98f6f0a57171f1ae128ec61e37017622a94a9c01475d1f74d22";
static const char pem_des[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                              "MFcwGwYJKoZIhvcNAQUDMA4ECH63DkogkKtKAgIIAAQ4KF7byv7CAfC/086Y2lTs\n"
                              "t1qQiiaE7Zs92ucwbM6kxxBQ290iCnlKV5Dz1Q5liYrbr9ZalnYggXI=\n"
                              "-----END ENCRYPTED PRIVATE KEY-----\n";
static const char pem_x25519[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VuBCIEIMgqGvSUGQoOQrBDIuxlm4MidjlG0a0o8DmNQ/nAAPt1\n"
    "-----END PRIVATE KEY-----\n";
static const char pem_x25519_encrypted[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgxTMH0oYD12gICCAAw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEMum0Di4FLt3FsCVH9q5YQ0EQBmP\n"
    "pxtqoGUgk0YIMHUo+7QeqhRcFD7GnBk1gWuJj1FZOmNlgNVQDv0jq1BRAfgnuGjS\n"
    "tqb0XBbbKCaEh5RWG/I=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";
static const char pem_ec[] = "-----BEGIN PRIVATE KEY-----\n"
                             "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgmL1wG/iI707zNex2\n"
                             "+D1ClOO4mw9i2N6rsttAA98PYwyhRANCAAQNQQ8oKIpzqaP/gHK5OSiWLsrohuGJ\n"
                             "l7Lv7tBrh6valqSNrd1XuraEloH+mNzIxYA3f+9em0lefJNlAH/wRWjN\n"
                             "-----END PRIVATE KEY-----\n";
static const char pem_rsa[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MIIBVQIBADANBgkqhkiG9w0BAQEFAASCAT8wggE7AgEAAkEAv0BkBuhpfZr1nny+\n"
                              "m6DvxouxjVXn+l0mVQJyIMLQqpvTtGit4LjQmKUoLW2I+D4WV/CuXRuJfsx3UUND\n"
                              "iDupdQIDAQABAkAH2ZrBddSupSejw7cHKEnvOlilVntZGW2zW5BXq+douT5/sk0v\n"
                              "h2LUnecrSrTCsotlt3Hmc4BdzWXSdxrgSXzBAiEA5gGJMrM5AwG4X1QWjwjpp6aP\n"
                              "LTD/4kMkNMBF0hLmR40CIQDU3Z9BJE8LET2BvZASWr6hTArwVmtTXJuLGMz4dqGb\n"
                              "iQIhANkvghn52k/Yg/ygLl0KEXhZcsE9j6JbvAiDtmpTplbRAiEAhScYrmPq+c5P\n"
                              "/i84xvJymmz5zrsQKbYdKhZaaPW0Q5kCIAfSbI56Dko+22C1y9yhqVwFtpG0auez\n"
                              "9gua1QAcJI/9\n"
                              "-----END PRIVATE KEY-----\n";
static const char pem_public[] = "-----BEGIN PUBLIC KEY-----\n"
                                 "MCowBQYDK2VwAyEA80glEm3nNEPI1DUiaUGFElYs7T6cMBBoJ9ZwRaA2dYU=\n"
                                 "-----END PUBLIC KEY-----\n";
static const char key_public[] = "f34825126de73443c8d4352269418512562ced3e9c30106827d67045a0367585";
static const char pem_public_and_more[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEA80glEm3nNEPI1DUiaUGFElYs7T6cMBBoJ9ZwRaA2dYUAAAAA\n"
    "-----END PUBLIC KEY-----\n";
static const char pem_x25519_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VuAyEAi6vCprmz53ft/bO5NQ2TH2qEEJ8XTpBpDZniqOCpiiU=\n"
    "-----END PUBLIC KEY-----\n";
static const char pem_ec_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEDUEPKCiKc6mj/4ByuTkoli7K6Ibh\n"
    "iZey7+7Qa4er2pakja3dV7q2hJaB/pjcyMWAN3/vXptJXnyTZQB/8EVozQ==\n"
    "-----END PUBLIC KEY-----\n";
/* The second version of PKCS#8 (RFC 5958), as in RFC 8410, 10.3. */
static const char pem_version_2[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
    "oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\n"
    "Z9w7lshQhqowtrbLDFw4rXAxZuE=\n"
    "-----END PRIVATE KEY-----\n";
static const char seed_version_2[] =
    "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842";

/* What to answer when asked for a passphrase (NULL: nothing can be), and how often that was. */
struct answer {
    const char *passphrase;
    int asked;
};

static int answer(char *out, int size, void *context)
{
    struct answer *given = context;
    given->asked++;
    if (!given->passphrase || strlen(given->passphrase) > (size_t)size)
        return -1;
    memcpy(out, given->passphrase, strlen(given->passphrase));
    return (int)strlen(given->passphrase);
}

static void test_pem_private(void)
{
    static const struct {
        const char *what, *text, *passphrase;
        enum kith_error error;
        int asked;
        const char *seed;
    } cases[] = {
        {"PKCS#8", pem_plain, NULL, OK, 0, seed_plain},
        {"PKCS#8, version 2", pem_version_2, NULL, OK, 0, seed_version_2},
        {"PBKDF2 and AES-256", pem_pbkdf2, "correct horse", OK, 1, seed_pbkdf2},
        {"scrypt and AES-256", pem_scrypt, "correct horse", OK, 1, seed_scrypt},
        {"a wrong passphrase", pem_pbkdf2, "battery staple", ERR_KEY_PASSPHRASE, 1, NULL},
        {"an empty passphrase", pem_scrypt, "", ERR_KEY_PASSPHRASE, 1, NULL},
        {"no passphrase", pem_pbkdf2, NULL, ERR_KEY_NO_PASSPHRASE, 1, NULL},
        {"an encryption of old", pem_des, "correct horse", ERR_KEY_FORMAT, 1, NULL},
        {"X25519", pem_x25519, NULL, ERR_KEY_TYPE, 0, NULL},
        {"X25519, encrypted", pem_x25519_encrypted, "correct horse", ERR_KEY_TYPE, 1, NULL},
        {"EC", pem_ec, NULL, ERR_KEY_TYPE, 0, NULL},
        {"RSA", pem_rsa, NULL, ERR_KEY_TYPE, 0, NULL},
        {"a seed that is missing",
         "-----BEGIN PRIVATE KEY-----\nMA4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n", NULL,
         ERR_KEY_DAMAGED, 0, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct answer given = {cases[i].passphrase, 0};
        uint8_t seed[KEY_SIZE];
        enum kith_error error =
            private_key_parse(seed, cases[i].text, strlen(cases[i].text), answer, &given);
        CHECK(error == cases[i].error && given.asked == cases[i].asked &&
                  (!cases[i].seed || is(seed, cases[i].seed)),
              "private PEM: %s", cases[i].what);
    }
}

#define SEALED(body)                                                                               \
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" body "\n-----END ENCRYPTED PRIVATE KEY-----\n"

/* What would be computed for minutes or hours, nobody is asked a passphrase for. */
static void test_pem_costly(void)
{
    static const struct {
        const char *what, *text;
    } cases[] = {
        {"PBKDF2, 2^31 - 1 rounds",
         SEALED("MG0wWQYJKoZIhvcNAQUNMEwwKwYJKoZIhvcNAQUMMB4ECHNhbHRzYWx0AgR/////MAwGCCqGSIb3DQIJ"
                "BQAwHQYJYIZIAWUDBAEqBBAAAAAAAAAAAAAAAAAAAAAABBAAAAAAAAAAAAAAAAAAAAAA")},
        {"PBKDF2, 10,000,001 rounds",
         SEALED("MG0wWQYJKoZIhvcNAQUNMEwwKwYJKoZIhvcNAQUMMB4ECHNhbHRzYWx0AgQAmJaBMAwGCCqGSIb3DQIJ"
                "BQAwHQYJYIZIAWUDBAEqBBAAAAAAAAAAAAAAAAAAAAAABBAAAAAAAAAAAAAAAAAAAAAA")},
        {"PBKDF2, 2^70 rounds",
         SEALED("MHIwXgYJKoZIhvcNAQUNMFEwMAYJKoZIhvcNAQUMMCMECHNhbHRzYWx0AglAAAAAAAAAAAAwDAYIKoZI"
                "hvcNAgkFADAdBglghkgBZQMEASoEEAAAAAAAAAAAAAAAAAAAAAAEEAAAAAAAAAAAAAAAAAAAAAA=")},
        {"scrypt, 2^17 times 16 MiB",
         SEALED("MGYwUgYJKoZIhvcNAQUNMEUwJAYJKwYBBAHaRwQLMBcECHNhbHRzYWx0AgMCAAACAQECAwIAADAdBglg"
                "hkgBZQMEASoEEAAAAAAAAAAAAAAAAAAAAAAEEAAAAAAAAAAAAAAAAAAAAAA=")},
        {"SHA-1 and 3DES, 2^31 - 1 rounds",
         SEALED("MDIwHgYKKoZIhvcNAQwBAzAQBAhzYWx0c2FsdAIEf////wQQAAAAAAAAAAAAAAAAAAAAAA==")},
        {"MD5 and DES, 2^31 - 1 rounds",
         SEALED("MDEwHQYJKoZIhvcNAQUDMBAECHNhbHRzYWx0AgR/////BBAAAAAAAAAAAAAAAAAAAAAA")},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct answer given = {NULL, 0};
        uint8_t seed[KEY_SIZE];
        CHECK(private_key_parse(seed, cases[i].text, strlen(cases[i].text), answer, &given) ==
                      ERR_KEY_COSTLY &&
                  given.asked == 0,
              "refused: %s", cases[i].what);
    }
}

/* Every wrong passphrase is called that, also those that happen to get past the padding. */
static void test_pem_passphrases(void)
{
    char passphrase[16];
    uint8_t seed[KEY_SIZE];
    int others = 0;
    for (int i = 0; i < 1000; i++) {
        struct answer given = {passphrase, 0};
        snprintf(passphrase, sizeof(passphrase), "%d", i);
        others += private_key_parse(seed, pem_weak, strlen(pem_weak), answer, &given) !=
                  ERR_KEY_PASSPHRASE;
    }
    CHECK(others == 0, "a thousand wrong passphrases are all wrong");
}

/* Copy a PEM text, with the byte at an offset changed, or cut out when it becomes a NUL. */
static enum kith_error read_changed(const char *text, size_t at, char byte)
{
    struct answer given = {"correct horse", 0};
    uint8_t seed[KEY_SIZE];
    char changed[1024];
    size_t len = strlen(text);
    memcpy(changed, text, len);
    changed[at] = byte;
    if (byte == '\0')
        memmove(changed + at, changed + at + 1, --len - at);
    return private_key_parse(seed, changed, len, answer, &given);
}

static void test_pem_damage(void)
{
    struct answer given = {"correct horse", 0};
    const size_t body = strlen("-----BEGIN PRIVATE KEY-----\n");
    uint8_t seed[KEY_SIZE];
    bool refused = true;
    static char large[8192];
    for (size_t len = 1; refused && len < strlen(pem_plain) - 1; len++) {
        enum kith_error error = private_key_parse(seed, pem_plain, len, answer, &given);
        refused = error == (len < strlen("-----") ? ERR_KEY_FORMAT
                            : len < body - 1      ? ERR_KEY_FRAME
                                                  : ERR_KEY_DAMAGED);
    }
    CHECK(refused, "a key cut short at any byte is refused");
    CHECK(private_key_parse(seed, pem_plain, strlen(pem_plain) - 1, answer, &given) == OK,
          "but for its last newline");
    CHECK(read_changed(pem_plain, body + 4, '\0') == ERR_KEY_DAMAGED, "a digit too few");
    CHECK(read_changed(pem_plain, body + 4, '-') == ERR_KEY_DAMAGED,
          "a character that is no digit");
    CHECK(read_changed(pem_plain, body + 2, '8') == ERR_KEY_DAMAGED, "a length that is not right");
    CHECK(read_changed(pem_plain, body + 20, 'Z') == ERR_KEY_DAMAGED, "a tag that is not right");
    CHECK(read_changed(pem_pbkdf2, strlen("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"), 'A') ==
              ERR_KEY_DAMAGED,
          "an encrypted key whose frame is broken");
    CHECK(read_changed(pem_plain, body + 10, '\t') != OK, "a blank in the place of a digit");
    memset(large, 'A', sizeof(large));
    memcpy(large, pem_plain, body);
    memcpy(large + sizeof(large) - 27, "\n-----END PRIVATE KEY-----\n", 27);
    CHECK(private_key_parse(seed, large, sizeof(large), answer, &given) == ERR_KEY_TYPE,
          "a key too large for its type");
    CHECK(given.asked == 0, "no passphrase was asked for");
}

static void test_pem_write(void)
{
    char text[PKCS8_PEM_SIZE];
    uint8_t seed[KEY_SIZE];
    CHECK(hex_decode(seed, KEY_SIZE, seed_plain), "a seed");
    pkcs8_write(text, seed);
    CHECK(strcmp(text, pem_plain) == 0, "a key is written as openssl writes it");
    CHECK(private_key_parse(seed, text, strlen(text), answer, NULL) == OK && is(seed, seed_plain),
          "and read back");
}

static enum kith_error read_public(uint8_t key[static KEY_SIZE], const char *text)
{
    char name[NAME_SIZE];
    return public_key_parse(key, name, text, strlen(text));
}

static void test_pem_public(void)
{
    uint8_t key[KEY_SIZE];
    char text[256];
    CHECK(read_public(key, pem_public) == OK && is(key, key_public), "public PEM");
    CHECK(read_public(key, pem_x25519_public) == ERR_KEY_TYPE, "public PEM: X25519");
    CHECK(read_public(key, pem_ec_public) == ERR_KEY_TYPE, "public PEM: EC");
    strcpy(text, pem_public);
    memmove(text + strlen(text) - 34, text + strlen(text) - 30, 31);
    CHECK(read_public(key, text) == ERR_KEY_FORMAT, "public PEM: a byte too few");
    CHECK(read_public(key, pem_public_and_more) == ERR_KEY_FORMAT,
          "public PEM: three bytes too many");
    strcpy(text, pem_public);
    text[strlen("-----BEGIN PUBLIC KEY-----\n") + 4] = '?';
    CHECK(read_public(key, text) == ERR_KEY_FORMAT, "public PEM: not base64");
}

int main(void)
{
    if (crypto_start() != OK)
        return 1;
    test_pem_private();
    test_pem_costly();
    test_pem_passphrases();
    test_pem_damage();
    test_pem_write();
    test_pem_public();
    return tap_done();
}

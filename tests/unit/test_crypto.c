/*
 * The primitives of crypto/crypto.h: published vectors, and what must be refused.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "low_order.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct bytes {
    uint8_t at[1024];
    size_t len;
};

static struct bytes hex(const char *digits)
{
    struct bytes bytes = {.len = strlen(digits) / 2};
    if (bytes.len > sizeof(bytes.at) || !hex_decode(bytes.at, bytes.len, digits))
        abort();
    return bytes;
}

static bool is(const uint8_t *bytes, const char *digits)
{
    struct bytes expected = hex(digits);
    return memcmp(bytes, expected.at, expected.len) == 0;
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static void test_memory(void)
{
    uint8_t a[64] = "abcdefg", b[64] = "abcdefg", many[257];
    CHECK(crypto_equal(a, b, sizeof(a)), "equal bytes are equal");
    CHECK(crypto_equal(a, b, 0), "nothing equals nothing");
    b[63] = 1;
    CHECK(!crypto_equal(a, b, sizeof(a)), "a difference in the last byte is seen");
    crypto_wipe(b, sizeof(b));
    CHECK(all_zero(b, sizeof(b)), "wiped bytes are zero");
    CHECK(crypto_random(a, sizeof(a)) == OK && crypto_random(b, sizeof(b)) == OK &&
              !crypto_equal(a, b, sizeof(a)),
          "two random strings differ");
    CHECK(crypto_random(a, 0) == OK, "no random bytes at all can be had");
    CHECK(crypto_random(many, sizeof(many)) == ERR_CRYPTO, "257 random bytes are too many");
}

static void test_sha256(void)
{
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    static const char none[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const struct piece whole[] = {{"abc", 3}};
    const struct piece cut[] = {{"a", 1}, {"", 0}, {NULL, 0}, {"bc", 2}};
    const struct piece two_blocks[] = {{"abcdbcdecdefdefgefghfghighij", 28},
                                       {"hijkijkljklmklmnlmnomnopnopq", 28}};
    uint8_t out[HASH_SIZE];
    CHECK(crypto_sha256(out, whole, 1) == OK && is(out, abc), "SHA-256 of abc (FIPS 180)");
    CHECK(crypto_sha256(out, cut, 4) == OK && is(out, abc), "SHA-256 of abc in pieces");
    CHECK(crypto_sha256(out, NULL, 0) == OK && is(out, none), "SHA-256 of no piece");
    CHECK(crypto_sha256(out, cut + 1, 1) == OK && is(out, none), "SHA-256 of an empty piece");
    CHECK(crypto_sha256(out, two_blocks, 2) == OK &&
              is(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
          "SHA-256 of two blocks (FIPS 180)");
}

/* RFC 5869, appendix A, with the first block of each output. */
static const struct {
    const char *name, *secret, *salt, *info, *okm;
} hkdf_cases[] = {
    {"A.1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
     "f0f1f2f3f4f5f6f7f8f9", "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"},
    {"A.2",
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a"
     "2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
     "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a"
     "8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
     "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9da"
     "dbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"},
    {"A.3", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
     "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"},
};

static void test_hkdf(void)
{
    for (size_t i = 0; i < COUNT(hkdf_cases); i++) {
        struct bytes secret = hex(hkdf_cases[i].secret), salt = hex(hkdf_cases[i].salt);
        struct bytes info = hex(hkdf_cases[i].info); /* none of them has a NUL in it */
        uint8_t first[KEY_SIZE], other[KEY_SIZE], again[KEY_SIZE];
        const struct derived_key keys[] = {
            {(const char *)info.at, first},
            {"other", other},
            {(const char *)info.at, again},
        };
        CHECK(crypto_hkdf(keys, COUNT(keys), salt.at, salt.len, secret.at, secret.len) == OK &&
                  is(first, hkdf_cases[i].okm),
              "HKDF, RFC 5869 %s", hkdf_cases[i].name);
        CHECK(!crypto_equal(first, other, KEY_SIZE) && crypto_equal(first, again, KEY_SIZE),
              "HKDF, several keys at once");
    }
}

static bool x25519_is(const char *secret, const char *point, const char *expected)
{
    uint8_t out[KEY_SIZE];
    return crypto_x25519(out, hex(secret).at, hex(point).at) == OK && is(out, expected);
}

static void test_x25519(void)
{
    static const char alice[] = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
    static const char bob[] = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
    static const char alices[] = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
    static const char bobs[] = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
    static const char both[] = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    uint8_t k[KEY_SIZE] = {9}, u[KEY_SIZE] = {9}, next[KEY_SIZE];
    CHECK(x25519_is("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                    "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
                    "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"),
          "X25519, RFC 7748 5.2, first");
    CHECK(x25519_is("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                    "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
                    "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"),
          "X25519, RFC 7748 5.2, second");
    for (int i = 1; i <= 1000; i++) {
        if (crypto_x25519(next, k, u) != OK)
            break;
        memcpy(u, k, KEY_SIZE);
        memcpy(k, next, KEY_SIZE);
        if (i == 1)
            CHECK(is(k, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"),
                  "X25519, RFC 7748 5.2, once");
    }
    CHECK(is(k, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"),
          "X25519, RFC 7748 5.2, a thousand times");
    CHECK(crypto_x25519_public(u, hex(alice).at) == OK && is(u, alices),
          "X25519, RFC 7748 6.1, Alice's public key");
    CHECK(crypto_x25519_public(u, hex(bob).at) == OK && is(u, bobs),
          "X25519, RFC 7748 6.1, Bob's public key");
    CHECK(x25519_is(alice, bobs, both) && x25519_is(bob, alices, both),
          "X25519, RFC 7748 6.1, the secret that they share");
}

static void test_x25519_low_order(void)
{
    uint8_t secret[KEY_SIZE], out[KEY_SIZE];
    memset(secret, 0x42, sizeof(secret));
    for (size_t i = 0; i < LOW_ORDER_POINTS; i++) {
        struct bytes point = hex(low_order_points[i]);
        memset(out, 0x55, sizeof(out));
        CHECK(crypto_x25519(out, secret, point.at) == ERR_LOW_ORDER && all_zero(out, KEY_SIZE),
              "X25519 refuses the low-order point %.8s...", low_order_points[i]);
        point.at[KEY_SIZE - 1] |= 0x80;
        CHECK(crypto_x25519(out, secret, point.at) == ERR_LOW_ORDER, "and with its top bit set");
    }
}

/* RFC 8032, 7.1. */
static const struct {
    const char *name, *seed, *public_key, *message, *signature;
} ed25519_cases[] = {
    {"TEST 1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39"
     "701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"TEST 2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f36"
     "13d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"TEST 3", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f7"
     "60984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    {"TEST 1024", "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
     "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
     "08b8b2b733424243760fe426a4b54908632110a66c2f6591eabd3345e3e4eb98fa6e264bf09efe12ee50f8"
     "f54e9f77b1e355f6c50544e23fb1433ddf73be84d879de7c0046dc4996d9e773f4bc9efe5738829adb26c8"
     "1b37c93a1b270b20329d658675fc6ea534e0810a4432826bf58c941efb65d57a338bbd2e26640f89ffbc1a"
     "858efcb8550ee3a5e1998bd177e93a7363c344fe6b199ee5d02e82d522c4feba15452f80288a821a579116"
     "ec6dad2b3b310da903401aa62100ab5d1a36553e06203b33890cc9b832f79ef80560ccb9a39ce767967ed6"
     "28c6ad573cb116dbefefd75499da96bd68a8a97b928a8bbc103b6621fcde2beca1231d206be6cd9ec7aff6"
     "f6c94fcd7204ed3455c68c83f4a41da4af2b74ef5c53f1d8ac70bdcb7ed185ce81bd84359d44254d95629e"
     "9855a94a7c1958d1f8ada5d0532ed8a5aa3fb2d17ba70eb6248e594e1a2297acbbb39d502f1a8c6eb6f1ce"
     "22b3de1a1f40cc24554119a831a9aad6079cad88425de6bde1a9187ebb6092cf67bf2b13fd65f27088d78b"
     "7e883c8759d2c4f5c65adb7553878ad575f9fad878e80a0c9ba63bcbcc2732e69485bbc9c90bfbd62481d9"
     "089beccf80cfe2df16a2cf65bd92dd597b0707e0917af48bbb75fed413d238f5555a7a569d80c3414a8d08"
     "59dc65a46128bab27af87a71314f318c782b23ebfe808b82b0ce26401d2e22f04d83d1255dc51addd3b75a"
     "2b1ae0784504df543af8969be3ea7082ff7fc9888c144da2af58429ec96031dbcad3dad9af0dcbaaaf268c"
     "b8fcffead94f3c7ca495e056a9b47acdb751fb73e666c6c655ade8297297d07ad1ba5e43f1bca323016513"
     "39e22904cc8c42f58c30c04aafdb038dda0847dd988dcda6f3bfd15c4b4c4525004aa06eeff8ca61783aac"
     "ec57fb3d1f92b0fe2fd1a85f6724517b65e614ad6808d6f6ee34dff7310fdc82aebfd904b01e1dc54b2927"
     "094b2db68d6f903b68401adebf5a7e08d78ff4ef5d63653a65040cf9bfd4aca7984a74d37145986780fc0b"
     "16ac451649de6188a7dbdf191f64b5fc5e2ab47b57f7f7276cd419c17a3ca8e1b939ae49e488acba6b9656"
     "10b5480109c8b17b80e1b7b750dfc7598d5d5011fd2dcc5600a32ef5b52a1ecc820e308aa342721aac0943"
     "bf6686b64b2579376504ccc493d97e6aed3fb0f9cd71a43dd497f01f17c0e2cb3797aa2a2f256656168e6c"
     "496afc5fb93246f6b1116398a346f1a641f3b041e989f7914f90cc2c7fff357876e506b50d334ba77c225b"
     "c307ba537152f3f1610e4eafe595f6d9d90d11faa933a15ef1369546868a7f3a45a96768d40fd9d03412c0"
     "91c6315cf4fde7cb68606937380db2eaaa707b4c4185c32eddcdd306705e4dc1ffc872eeee475a64dfac86"
     "aba41c0618983f8741c5ef68d3a101e8a3b8cac60c905c15fc910840b94c00a0b9d0",
     "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea"
     "23c436d94b5e8fcd4f681e30a6ac00a9704a188a03"},
    {"TEST SHA(abc)", "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c"
     "23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7"
     "c66431e0303dca179c138ac17ad9bef1177331a704"},
};

static void test_ed25519(void)
{
    for (size_t i = 0; i < COUNT(ed25519_cases); i++) {
        const char *name = ed25519_cases[i].name;
        struct bytes seed = hex(ed25519_cases[i].seed), message = hex(ed25519_cases[i].message);
        uint8_t key[KEY_SIZE], signature[SIGNATURE_SIZE];
        CHECK(crypto_ed25519_public(key, seed.at) == OK && is(key, ed25519_cases[i].public_key),
              "Ed25519 public key, RFC 8032 %s", name);
        struct crypto_signer *signer = crypto_signer_new(seed.at);
        for (int again = 0; signer && again < 3; again++)
            CHECK(crypto_signer_sign(signer, signature, message.at, message.len) == OK &&
                      is(signature, ed25519_cases[i].signature),
                  "Ed25519 signature, RFC 8032 %s", name);
        crypto_signer_free(signer);
        CHECK(crypto_ed25519_verify(signature, key, message.at, message.len) == OK,
              "Ed25519 verification, RFC 8032 %s", name);
    }
}

static void test_ed25519_refusals(void)
{
    struct bytes key = hex(ed25519_cases[2].public_key), message = hex(ed25519_cases[2].message);
    struct bytes signature = hex(ed25519_cases[2].signature);
    struct bytes order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    unsigned carry = 0;
    for (size_t i = 0; i < SIGNATURE_SIZE; i += 31) {
        signature.at[i] ^= 1;
        CHECK(crypto_ed25519_verify(signature.at, key.at, message.at, 2) == ERR_SIGNATURE,
              "Ed25519 refuses a change in byte %zu of a signature", i);
        signature.at[i] ^= 1;
    }
    CHECK(crypto_ed25519_verify(signature.at, key.at, message.at, 1) == ERR_SIGNATURE,
          "Ed25519 refuses a shorter message");
    CHECK(crypto_ed25519_verify(signature.at, key.at, message.at, 3) == ERR_SIGNATURE,
          "Ed25519 refuses a longer message");
    CHECK(crypto_ed25519_verify(signature.at, hex(ed25519_cases[1].public_key).at, message.at, 2) ==
              ERR_SIGNATURE,
          "Ed25519 refuses another key");
    CHECK(crypto_ed25519_verify(signature.at, hex("02").at, message.at, 2) == ERR_SIGNATURE,
          "Ed25519 refuses a key that is no point");
    for (size_t i = 0; i < KEY_SIZE; i++, carry >>= 8) { /* S + L: the same signature again */
        carry += (unsigned)signature.at[KEY_SIZE + i] + order.at[i];
        signature.at[KEY_SIZE + i] = (uint8_t)carry;
    }
    CHECK(crypto_ed25519_verify(signature.at, key.at, message.at, 2) == ERR_SIGNATURE,
          "Ed25519 refuses a signature whose S is not reduced");
}

/* A point of order 8 in a key, or in R: tests/tools/primitives.py makes them. */
static void test_mixed_order(void)
{
    static const char key[] = "1147cc42db6f722a7c183dc34f77bf4369bba9144deaaff957cb337de151e98e";
    static const char right[] = "e578f9f0d46491b740bc0a9b9637785c04c4f66d1ac4398685bca78360986635"
                                "c4bf9b6341d2f17dc9992f365a047d0ce021f4f60875ac77eabd3a53b22da90b";
    static const char loose[] = "13550b3a5b0627a0bb8c618916dcf17ddc315f45e2d5925e9e1bc76d677a1eab"
                                "606b1d3ae054921ee745311e7c97e57fb37dd3be7eb91b280bc67dff62ef700a";

    CHECK(crypto_ed25519_check_point(hex(key).at) == OK, "a key of mixed order is one");
    CHECK(crypto_ed25519_verify(hex(right).at, hex(key).at, (const uint8_t *)"\xaf\x82", 2) == OK,
          "a signature of it that is right without the cofactor");
    CHECK(crypto_ed25519_verify(hex(loose).at, hex(key).at, (const uint8_t *)"\xaf\x82", 2) ==
              ERR_SIGNATURE,
          "one that needs the cofactor is refused");
}

static void test_check_point(void)
{
    static const char *const bad[] = {
        "0000000000000000000000000000000000000000000000000000000000000000", /* order 4 */
        "0100000000000000000000000000000000000000000000000000000000000000", /* order 1 */
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* order 2 */
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", /* order 8 */
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", /* order 8 */
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p, for 0 */
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p + 1, for 1 */
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p + 3, for 3 */
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* 2^255 - 1 */
        "0200000000000000000000000000000000000000000000000000000000000000", /* off the curve */
        "0700000000000000000000000000000000000000000000000000000000000000", /* off the curve */
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct bytes point = hex(bad[i]);
        CHECK(crypto_ed25519_check_point(point.at) == ERR_KEY_POINT, "no key: %s", bad[i]);
        point.at[KEY_SIZE - 1] |= 0x80;
        CHECK(crypto_ed25519_check_point(point.at) == ERR_KEY_POINT, "nor with the sign bit");
    }
    for (size_t i = 0; i < COUNT(ed25519_cases); i++) {
        struct bytes key = hex(ed25519_cases[i].public_key);
        CHECK(crypto_ed25519_check_point(key.at) == OK, "a key: %s", ed25519_cases[i].public_key);
        key.at[KEY_SIZE - 1] ^= 0x80;
        CHECK(crypto_ed25519_check_point(key.at) == OK, "and its negative");
    }
    CHECK(crypto_ed25519_check_point(
              hex("0300000000000000000000000000000000000000000000000000000000000000").at) == OK,
          "a key: y = 3, of which p + 3 is another spelling");
}

/* One message as crypto_open takes it. */
struct sealed {
    uint8_t key[KEY_SIZE], nonce[NONCE_SIZE], data[12], text[512], tag[TAG_SIZE];
    size_t data_len, len;
};

/* Text and tag are cut from one string, as the RFC prints them one after the other. */
static struct sealed sealed(const char *key, const char *nonce, const char *data, const char *text)
{
    struct sealed message = {.data_len = strlen(data) / 2, .len = strlen(text) / 2 - TAG_SIZE};
    memcpy(message.key, hex(key).at, KEY_SIZE);
    memcpy(message.nonce, hex(nonce).at, NONCE_SIZE);
    memcpy(message.data, hex(data).at, message.data_len);
    memcpy(message.text, hex(text).at, message.len);
    memcpy(message.tag, hex(text).at + message.len, TAG_SIZE);
    return message;
}

static enum kith_error open_with(struct crypto_aead *aead, const struct sealed *message,
                                 uint8_t *out)
{
    return crypto_open(aead, message->nonce, message->data, message->data_len, message->text,
                       message->len, message->tag, out);
}

static struct sealed rfc8439_2_8_2(void)
{
    return sealed("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
                  "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
                  "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca967"
                  "1282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee32809"
                  "1b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116"
                  "1ae10b594f09e26a7e902ecbd0600691");
}

static void test_aead(void)
{
    static const char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
                               "only one tip for the future, sunscreen would be it.";
    const struct sealed message = rfc8439_2_8_2();
    uint8_t out[512], tag[TAG_SIZE];
    struct crypto_aead *seal = crypto_aead_new(message.key, true);
    struct crypto_aead *open = crypto_aead_new(message.key, false);
    CHECK(crypto_seal(seal, message.nonce, message.data, message.data_len, (const uint8_t *)text,
                      sizeof(text) - 1, out, tag) == OK &&
              message.len == sizeof(text) - 1 && memcmp(out, message.text, message.len) == 0 &&
              memcmp(tag, message.tag, TAG_SIZE) == 0,
          "sealing, RFC 8439 2.8.2");
    memcpy(out, text, sizeof(text));
    CHECK(crypto_seal(seal, message.nonce, message.data, message.data_len, out, sizeof(text) - 1,
                      out, tag) == OK &&
              memcmp(out, message.text, message.len) == 0 &&
              memcmp(tag, message.tag, TAG_SIZE) == 0,
          "sealing in place, with a context used before");
    CHECK(open_with(open, &message, out) == OK && memcmp(out, text, message.len) == 0,
          "opening, RFC 8439 2.8.2");
    memcpy(out, message.text, message.len);
    CHECK(crypto_open(open, message.nonce, message.data, message.data_len, out, message.len,
                      message.tag, out) == OK &&
              memcmp(out, text, message.len) == 0,
          "opening in place");
    crypto_aead_free(seal);
    crypto_aead_free(open);
    crypto_aead_free(NULL);
}

static void test_aead_a5(void)
{
    static const char text[] =
        "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, "
        "replaced, or obsoleted by other documents at any time. It is inappropriate to use "
        "Internet-Drafts as reference material or to cite them other than as /\xe2\x80\x9cwork in "
        "progress./\xe2\x80\x9d";
    const struct sealed message =
        sealed("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
               "000000000102030405060708", "f33388860000000000004e91",
               "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43"
               "eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b"
               "948114ad176e008d33bd60f982b1ff37c8559797a06ef4f0ef61c186324e2b3506383606907b6a"
               "7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0"
               "a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a0bb231"
               "6053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d361094fa68"
               "f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709b"
               "eead9d67890cbb22392336fea1851f38");
    uint8_t out[512];
    struct crypto_aead *open = crypto_aead_new(message.key, false);
    CHECK(open_with(open, &message, out) == OK && message.len == sizeof(text) - 1 &&
              memcmp(out, text, message.len) == 0,
          "opening, RFC 8439 A.5");
    crypto_aead_free(open);
}

static void test_aead_empty(void)
{
    const struct sealed message = rfc8439_2_8_2();
    uint8_t nothing[1] = {0x55}, tag[TAG_SIZE], plain_tag[TAG_SIZE];
    struct crypto_aead *seal = crypto_aead_new(message.key, true);
    struct crypto_aead *open = crypto_aead_new(message.key, false);
    CHECK(crypto_seal(seal, message.nonce, message.data, message.data_len, NULL, 0, NULL, tag) ==
                  OK &&
              crypto_open(open, message.nonce, message.data, message.data_len, NULL, 0, tag,
                          NULL) == OK,
          "an empty message with associated data opens");
    CHECK(crypto_seal(seal, message.nonce, NULL, 0, nothing, 0, nothing, plain_tag) == OK &&
              crypto_open(open, message.nonce, NULL, 0, nothing, 0, plain_tag, nothing) == OK,
          "an empty message without opens");
    CHECK(!crypto_equal(tag, plain_tag, TAG_SIZE), "their tags differ");
    tag[0] ^= 1;
    CHECK(crypto_open(open, message.nonce, message.data, message.data_len, nothing, 0, tag,
                      nothing) == ERR_TAMPERED &&
              nothing[0] == 0x55,
          "an empty message with another tag does not, and nothing is written");
    crypto_aead_free(seal);
    crypto_aead_free(open);
}

static void test_aead_tampering(void)
{
    const struct sealed good = rfc8439_2_8_2();
    struct sealed bad[] = {good, good, good, good, good, good, good};
    uint8_t out[512];
    struct crypto_aead *open = crypto_aead_new(good.key, false);
    bad[0].text[0] ^= 1;
    bad[1].text[good.len - 1] ^= 0x80;
    bad[2].tag[0] ^= 1;
    bad[3].tag[TAG_SIZE - 1] ^= 0x80;
    bad[4].nonce[NONCE_SIZE - 1] ^= 1;
    bad[5].data[0] ^= 1;
    bad[6].len--;
    for (size_t i = 0; i < COUNT(bad); i++) {
        memset(out, 0x55, sizeof(out));
        CHECK(open_with(open, &bad[i], out) == ERR_TAMPERED, "tampering %zu is seen", i);
        CHECK(all_zero(out, bad[i].len) && out[bad[i].len] == 0x55, "what was deciphered is wiped");
        CHECK(open_with(open, &good, out) == OK, "a good message opens after it");
    }
    crypto_aead_free(open);
}

int main(void)
{
    if (crypto_start() != OK)
        return 1;
    test_memory();
    test_sha256();
    test_hkdf();
    test_x25519();
    test_x25519_low_order();
    test_ed25519();
    test_ed25519_refusals();
    test_mixed_order();
    test_check_point();
    test_aead();
    test_aead_a5();
    test_aead_empty();
    test_aead_tampering();
    return tap_done();
}

/*
 * peers: the grammar of a line, all or nothing for a file, the reasons in words, and sets.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "peers/peers_file.h"
#include "tap.h"

#define MANY 1000
#define ECDSA "ecdsa-sha2-nistp256 AAAAE2VjZHNh"

static uint8_t keys[MANY][KEY_SIZE];
static char hex[MANY][KEY_HEX_SIZE];

static void make_keys(void)
{
    for (size_t i = 0; i < MANY; i++) {
        uint8_t seed[KEY_SIZE] = {(uint8_t)i, (uint8_t)(i >> 8)};
        if (crypto_ed25519_public(keys[i], seed) != OK)
            abort();
        hex_encode(hex[i], keys[i], KEY_SIZE);
    }
}

struct warnings {
    size_t count;
    struct problem last;
};

static void count_warning(const struct problem *problem, void *context)
{
    struct warnings *warnings = context;

    warnings->count++;
    warnings->last = *problem;
}

/* Parse a copy of exactly the text's size, so that a sanitizer sees a byte too far. */
static enum kith_error parse(struct peers *peers, const char *text, size_t len,
                             struct problem *problem)
{
    struct warnings warnings = {0};
    const struct peers_reader reader = {keys[9], count_warning, &warnings};
    char *copy = malloc(len + 1);
    enum kith_error error = OK;

    if (copy == NULL)
        abort();
    memcpy(copy + 1, text, len);
    error = peers_parse(peers, copy + 1, len, &reader, problem);
    free(copy);
    return error;
}

/*
 * In the tests' texts, %0 to %9 stand for a key in hex. %9 is our own.
 */
static void expand(char *out, size_t size, const char *text)
{
    size_t used = 0;

    for (; *text != '\0' && used + KEY_HEX_SIZE < size; text++) {
        if (text[0] == '%' && text[1] >= '0' && text[1] <= '9') {
            memcpy(out + used, hex[*++text - '0'], KEY_HEX_SIZE - 1);
            used += KEY_HEX_SIZE - 1;
        } else {
            out[used++] = *text;
        }
    }
    out[used] = '\0';
}

static enum kith_error parse_text(struct peers *peers, const char *text, struct problem *problem)
{
    char expanded[4096];

    expand(expanded, sizeof expanded, text);
    return parse(peers, expanded, strlen(expanded), problem);
}

/* ---- Whole files ---- */

static void test_file(void)
{
    static const char text[] =
        "\xef\xbb\xbf# peers\r\n\r\n"
        "%0 nas\r\n"
        " \t%1\tlaptop \t\n"
        "   # indented\n"
        "ssh-ed25519 "
        "AAAAC3NzaC1lZDI1NTE5AAAAIODt8Ju7YTD8G6k/E27YgPg7a0qvc8BJxiRfESK3msdc"
        " ssh\n"
        "addr=\"db.example:9000\",from=\"10.0.0.0/8\" \t %2 db";
    struct peers peers;
    struct problem problem;
    const struct peer *db = NULL;

    CHECK(parse_text(&peers, text, &problem) == OK && peers.count == 4, "a file of four peers");
    db = peers_find_name(&peers, "db");
    CHECK(db != NULL && peers_find_key(&peers, keys[2]) == db, "by name and by key");
    CHECK(db != NULL && db->address != NULL && strcmp(db->address->host, "db.example") == 0 &&
              strcmp(db->address->port, "9000") == 0 && db->from.count == 1 &&
              db->from.list[0].bits == 8 && db->targets.texts == NULL &&
              db->expires_ms == UINT64_MAX,
          "with its options");
    CHECK(peers_find_name(&peers, "laptop") == peers_find_key(&peers, keys[1]), "another");
    CHECK(peers_find_name(&peers, "ssh") != NULL, "one whose key is in OpenSSH's form");
    CHECK(peers_find_name(&peers, "DB") == NULL && peers_find_name(&peers, "") == NULL,
          "names are compared exactly");
    CHECK(peers_find_key(&peers, keys[3]) == NULL, "no stranger");
    peers_free(&peers);
    peers_free(&peers);
    CHECK(parse_text(&peers, "", &problem) == OK && peers.count == 0, "an empty file");
    CHECK(parse_text(&peers, "# none\n\n", &problem) == OK && peers.count == 0, "comments alone");
    CHECK(peers_find_key(&peers, keys[0]) == NULL && peers_find_name(&peers, "nas") == NULL,
          "nobody is in them");
    peers_free(&peers);
}

static void test_many(void)
{
    static char text[MANY * 80];
    struct peers peers;
    struct problem problem;
    size_t used = 0;
    size_t found = 0;

    for (size_t i = 0; i < MANY; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s p%zu\n", hex[i], i);
    CHECK(peers_parse(&peers, text, used, NULL, &problem) == OK && peers.count == MANY,
          "a file of %d peers", MANY);
    for (size_t i = 0; i < MANY; i++) {
        char name[NAME_SIZE];
        const struct peer *peer = peers_find_key(&peers, keys[i]);
        snprintf(name, sizeof name, "p%zu", i);
        found += peer != NULL && strcmp(peer->name, name) == 0 ? 1 : 0;
    }
    CHECK(found == MANY, "each is found by its key");
    peers_free(&peers);
    snprintf(text + used, sizeof text - used, "%s again\n", hex[MANY / 2]);
    CHECK(peers_parse(&peers, text, strlen(text), NULL, &problem) == ERR_PEERS_LINE &&
              problem.line == MANY + 1 && peers.count == 0,
          "one of them again: %s", problem.why);
}

/* ---- Refused lines ---- */

static const struct refusal {
    const char *text;
    size_t line;
    const char *why; /* part of the reason */
} refusals[] = {
    {"%0 a\n%1\n", 2, "no name"},
    {"%0 a b\n", 1, "text after the name \"a\": \"b\""},
    {"%0 a # nas\n", 1, "text after the name"},
    {"%0 -a\n", 1, "begins with"},
    {"%0 me@home\n", 1, "\"me@home\""},
    {"%0 %1\n", 1, "looks like a key"},
    {"%0 a.pub\n", 1, "\".pub\""},
    {"%0 n234567890123456789012345678901234567890123456789012345678901234\n", 1, "too long"},
    {"\n\n%0 a\x01\n", 3, "control character"},
    {"%0 a\rb\n", 1, "control character"},
    {"%0x a\n", 1, "neither a key nor an option"},
    {"12345 a\n", 1, "\"12345\" is neither a key nor an option"},
    {"-----BEGIN PRIVATE KEY-----\n", 1, "a private key"},
    {"0100000000000000000000000000000000000000000000000000000000000000 a\n", 1, "not a valid"},
    {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIODt8Ju7 a\n", 1, "damaged"},
    {"ssh-rsa a\n", 1, "neither a key nor an option"},
    {"%9 me\n", 1, "our own key"},
    {"%0 a\n%1 a\n", 2, "the name of line 1 again: \"a\""},
    {"%0 a\n# b\n%0 b\n", 3, "the key of line 1 again: \"a\""},
    {"%0 a\n%1 b\n%0 c\n%1 d\n%2 b\n", 3, "the key of line 1"},
    {"%0 a\n%1 b\n%2 b\n%0 c\n", 3, "the name of line 2"},
    {"%0 a\n%1 b\n%0 c\nrubbish\n", 3, "the key of line 1"},
    {"%0 a\n%1 b\nrubbish\n%0 c\n", 3, "neither"},
    {"%0 a\n%0 a\n%0 a\n", 2, "of line 1"},
};

static void test_refusals(void)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *refusal = &refusals[i];
        struct peers peers;
        struct problem problem;
        enum kith_error error = parse_text(&peers, refusal->text, &problem);
        CHECK(error == ERR_PEERS_LINE && problem.line == refusal->line &&
                  strstr(problem.why, refusal->why) != NULL && peers.count == 0 &&
                  peers.list == NULL,
              "refused: case %zu: line %zu: %s", i, problem.line, problem.why);
        peers_free(&peers);
    }
}

static void test_nul(void)
{
    struct peers peers;
    struct problem problem;
    char text[256];

    expand(text, sizeof text, "%0 a\n# c_mment\n%1 b\n");
    text[KEY_HEX_SIZE - 1 + 1 + 1 + 1 + 3] = '\0';
    enum kith_error error = parse(&peers, text, (size_t)2 * 67 + 10, &problem);
    CHECK(error == ERR_PEERS_LINE && problem.line == 2 && strstr(problem.why, "NUL") != NULL,
          "a NUL byte, in a comment: line %zu: %s", problem.line, problem.why);
}

/* A key of another type is skipped with a warning; what else is wrong with its line is not. */
static void test_other_types(void)
{
    struct peers peers;
    struct problem problem;
    struct warnings warnings = {0};
    const struct peers_reader reader = {.warn = count_warning, .context = &warnings};
    char text[512];

    expand(text, sizeof text,
           "ssh-rsa AAAAB3NzaC1yc2E= root@nas\n%0 a\naddr=\"a:1\" " ECDSA "\n"
           "sk-ssh-ed25519@openssh.com AAAAGnNr x y z\n");
    CHECK(peers_parse(&peers, text, strlen(text), &reader, &problem) == OK && peers.count == 1 &&
              warnings.count == 3,
          "three lines skipped");
    CHECK(warnings.last.line == 4 &&
              strstr(warnings.last.why, "sk-ssh-ed25519@openssh.com") != NULL,
          "line %zu: %s", warnings.last.line, warnings.last.why);
    peers_free(&peers);
    CHECK(parse_text(&peers, "ssh-dss AAAAB3NzaC1kc3M= x\n", &problem) == OK && peers.count == 0,
          "nothing else in the file");
    CHECK(parse_text(&peers, "restrict,pty " ECDSA " x\n", &problem) == ERR_PEERS_LINE,
          "options that are not known are refused before any key");
}

/* ---- Sets ---- */

static void test_sets(void)
{
    struct peers peers = {0};
    struct peers file;
    struct problem problem;
    const struct peer *copy = NULL;
    bool sorted = true;

    for (size_t i = 0; i < 8; i++)
        CHECK(peers_add(&peers, keys[i * 5 % 8], i == 0 ? "first" : "") == OK, "add %zu", i);
    CHECK(peers_add(&peers, keys[0], "again") == OK && peers.count == 8, "no key twice");
    for (size_t i = 1; i < peers.count; i++)
        sorted = sorted && memcmp(peers.list[i - 1].key, peers.list[i].key, KEY_SIZE) < 0;
    CHECK(sorted, "in order");
    CHECK(peers_find_name(&peers, "first") == peers_find_key(&peers, keys[0]), "with its name");
    CHECK(parse_text(&file,
                     "addr=\"a:1\",from=\"::1\",permit-target=\"b:2\",expiry-time=\"20300101Z\" "
                     "%8 nas\n",
                     &problem) == OK,
          "a file of one");
    CHECK(peers_add_copy(&peers, &file.list[0]) == OK &&
              peers_add_copy(&peers, &file.list[0]) == OK && peers.count == 9,
          "a copy of it, once");
    peers_free(&file);
    copy = peers_find_key(&peers, keys[8]);
    CHECK(copy != NULL && strcmp(copy->name, "nas") == 0 && strcmp(copy->address->host, "a") == 0 &&
              copy->from.count == 1 && copy->from.list[0].bits == 128 &&
              strcmp(copy->targets.texts, "b:2") == 0 &&
              copy->expires_ms == UINT64_C(1893456000000),
          "the copy has all of it, and its own");
    peers_free(&peers);
    CHECK(peers.count == 0 && peers_find_key(&peers, keys[0]) == NULL, "freed");
}

/* Who is named twice in a run is one peer, which has its own namespace. */
static void test_namespaces(void)
{
    struct peer with = {.namespace_file = NULL, .mark = {{1}}}, without = {.namespace_file = NULL};
    struct peers peers = {0};
    const struct peer *there;

    memcpy(with.key, keys[0], KEY_SIZE);
    memcpy(without.key, keys[0], KEY_SIZE);
    if (secret_namespace_parse(&with.namespace, "0123456789abcdef0123456789abcdef", 32) != OK)
        abort();
    CHECK(peers_add_copy(&peers, &without) == OK && peers_add_copy(&peers, &with) == OK &&
              peers.count == 1,
          "by its key, and by a line with a namespace");
    there = peers_find_key(&peers, keys[0]);
    CHECK(there != NULL && there->namespace == with.namespace && there->mark.bytes[0] == 1,
          "it has that");
    CHECK(peers_add_copy(&peers, &without) == OK && there->namespace == with.namespace,
          "and keeps it");
    CHECK(with.namespace->holders == 2, "as one of two holders");
    peers_free(&peers);
    CHECK(with.namespace->holders == 1 && with.namespace->len == 32, "until it is freed");
    peer_free(&with);
}

int main(void)
{
    if (crypto_start() != OK)
        return 1;
    make_keys();
    test_file();
    test_many();
    test_refusals();
    test_nul();
    test_other_types();
    test_sets();
    test_namespaces();
    return tap_done();
}

/*
 * Who may call now, and to what: by the set that is in force.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "peers/admission.h"
#include "peers/peers_file.h"
#include "published_keys.h"
#include "tap.h"

static struct endpoint at(const char *text)
{
    struct endpoint endpoint = {.len = 0};
    struct ip ip;

    if (ip_parse(&ip, (struct text){text, strlen(text)}))
        endpoint_set_ip(&endpoint, &ip, htons(9));
    return endpoint;
}

static struct peers read_peers(const char *options)
{
    struct peers peers;
    struct problem problem;
    char line[256];

    (void)snprintf(line, sizeof line, "%s%s nas\n", options, PKCS8_PUBLIC);
    if (peers_parse(&peers, line, strlen(line), NULL, &problem) != OK)
        abort();
    return peers;
}

static void test_check(void)
{
    const struct endpoint near = at("127.0.0.1"), far = at("192.0.2.1");
    const struct target both[] = {target_of_program("other"), target_of_program("web")};
    const struct targets other = {both, 1}, web = {both + 1, 1}, any = {both, 2};
    struct peers peers = read_peers("from=\"127.0.0.0/8\",permit-target=\"web\" ");
    struct admission admission = ADMISSION_NOBODY;
    struct admitted admitted = {.name = "nobody"};
    uint8_t key[KEY_SIZE];
    char said[ADMISSION_SAID_SIZE];

    memcpy(key, peers.list[0].key, KEY_SIZE);
    CHECK(admission_check(&admission, key, &near, NULL, &admitted) == ERR_PEER_UNKNOWN &&
              admission_name(&admission, key)[0] == '\0',
          "before there is a set nobody is known");
    admission_replace(&admission, &peers);
    CHECK(peers.count == 0 && peers.list == NULL,
          "a set that is in force is no longer the caller's");
    CHECK(admission_check(&admission, key, &far, &web, &admitted) == ERR_PEER_SOURCE,
          "not from elsewhere");
    CHECK(admission_check(&admission, key, &near, &other, &admitted) == ERR_PEER_TARGET,
          "not to another target");
    CHECK(strcmp(admitted.name, "nobody") == 0 &&
              strcmp(admission_name(&admission, key), "nas") == 0,
          "who is refused is named in the log alone");
    CHECK(admission_say(said, &admission, key, ERR_PEER_TARGET, &other) == said &&
              strcmp(said, "other") == 0,
          "and so is what it wanted");
    CHECK(admission_say(said, &admission, key, ERR_PEER_SOURCE, &other) == NULL,
          "but not what it did not fail by");
    CHECK(admission_check(&admission, key, &near, NULL, &admitted) == OK,
          "to any, where none counts");
    CHECK(admission_check(&admission, key, &near, &any, &admitted) == OK,
          "to one of several, if it may have that");
    CHECK(admission_check(&admission, key, &near, &web, &admitted) == OK &&
              strcmp(admitted.name, "nas") == 0,
          "from there, and to that");
    peers = read_peers("expiry-time=\"20000101Z\" ");
    admission_replace(&admission, &peers);
    CHECK(admission_check(&admission, key, &near, &web, &admitted) == ERR_PEER_EXPIRED,
          "by the set that has taken its place, no longer");
    CHECK(admission_say(said, &admission, key, ERR_PEER_EXPIRED, &web) == said &&
              strcmp(said, "on 2000-01-01T00:00:00Z") == 0,
          "since when, the log can say");
    admission_end(&admission);
    admission_end(&admission);
    CHECK(admission_check(&admission, key, &near, &web, &admitted) == ERR_PEER_UNKNOWN,
          "nor once there is none");
}

static void test_namespace(void)
{
    const struct endpoint near = at("127.0.0.1");
    struct peers peers = read_peers("expiry-time=\"20000101Z\" ");
    struct admission admission = ADMISSION_NOBODY;
    struct admitted admitted = {.name = ""};
    struct secret_namespace *secret;
    uint8_t key[KEY_SIZE];

    memcpy(key, peers.list[0].key, KEY_SIZE);
    if (secret_namespace_parse(&secret, "0123456789abcdef0123456789abcdef", 32) != OK)
        abort();
    peers.list[0].namespace = secret;
    peers.list[0].mark = (struct namespace_mark){{7}};
    admission_replace(&admission, &peers);
    CHECK(admission_namespace(&admission, key) == secret,
          "a peer has its own namespace, may it call or not");
    CHECK(admission_check(&admission, key, &near, NULL, &admitted) != OK &&
              admitted.mark.bytes[0] == 0,
          "who may not call is told nothing of it");
    admission.set.list[0].expires_ms = UINT64_MAX;
    CHECK(admission_check(&admission, key, &near, NULL, &admitted) == OK &&
              admitted.mark.bytes[0] == 7,
          "who may has its mark");
    key[0] ^= 1;
    CHECK(admission_namespace(&admission, key) == NULL, "nobody else has it");
    admission_end(&admission);
}

int main(void)
{
    if (crypto_start() != OK)
        return 1;
    test_check();
    test_namespace();
    return tap_done();
}

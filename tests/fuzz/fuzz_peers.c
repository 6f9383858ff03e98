/*
 * Peers files of any text: no byte outside it is read; a set that is made is sorted, without one
 * key or name twice, and answers for each peer; a refusal names a line and a reason. The same text
 * as a file of keys alone.
 *
 * Targets: peers/peers_file, peers/peers_options, peers/peers, peers/peer, base/text.
 */
#include <netinet/in.h>

#include "crypto/crypto.h"
#include "fuzz.h"
#include "peers/peers_file.h"

static void check_problem(const struct problem *problem, void *context)
{
    (void)context;
    demand(problem->line > 0 && problem->why[0] != '\0' &&
           memchr(problem->why, '\0', sizeof problem->why) != NULL);
}

/* What is asked of a peer when it calls; the answers are the unit tests' matter. */
static void ask(const struct peer *peer)
{
    const struct target target = target_of_program("5432");
    const struct targets targets = {&target, 1};
    const struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {0x0100000a}};
    const struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    demand(peer_may_call(peer, (const struct sockaddr *)&in, NULL, UINT64_MAX) == ERR_PEER_EXPIRED);
    (void)!peer_may_call(peer, (const struct sockaddr *)&in, NULL, 0);
    (void)!peer_may_call(peer, (const struct sockaddr *)&in6, &targets, 0);
    demand(target_list_permits(&peer->targets, &target) || peer->targets.texts != NULL);
}

static void read_as_keys(const char *text, size_t len)
{
    struct peers peers;
    struct problem problem;
    enum kith_error error = peers_parse_keys(&peers, text, len, &problem, check_problem, NULL);

    demand((error == OK) == (peers.count > 0));
    if (error == ERR_PEERS_LINE)
        check_problem(&problem, NULL);
    for (size_t i = 0; i < peers.count; i++) {
        const struct peer *peer = &peers.list[i];
        demand(i == 0 || memcmp(peer[-1].key, peer->key, KEY_SIZE) < 0);
        demand(peer->name[0] == '\0' || name_check(peer->name, strlen(peer->name), NULL));
    }
    peers_free(&peers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    static const uint8_t own_key[KEY_SIZE];
    struct peers peers;
    struct peers copy = {0};
    struct problem problem;
    enum kith_error error = OK;

    demand(started || crypto_start() == OK);
    started = true;
    read_as_keys((const char *)data, size);
    error = peers_parse(&peers, (const char *)data, size, own_key, &problem, check_problem, NULL);
    if (error != OK) {
        demand(error == ERR_PEERS_LINE && peers.count == 0 && peers.list == NULL);
        check_problem(&problem, NULL);
        return 0;
    }
    for (size_t i = 0; i < peers.count; i++) {
        const struct peer *peer = &peers.list[i];
        demand(i == 0 || memcmp(peer[-1].key, peer->key, KEY_SIZE) < 0);
        demand(name_check(peer->name, strlen(peer->name), NULL));
        demand(peers_find_key(&peers, peer->key) == peer);
        demand(peers_find_name(&peers, peer->name) == peer);
        ask(peer);
        demand(peers_add_copy(&copy, peer) == OK);
    }
    demand(copy.count == peers.count);
    peers_free(&copy);
    peers_free(&peers);
    return 0;
}

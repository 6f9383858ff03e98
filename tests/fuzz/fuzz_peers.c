/*
 * Peers files of any text: no byte outside it is read; a set that is made is sorted, without one
 * key or name twice, and answers for each peer; a refusal names a line and a reason. The same text
 * as a file of keys alone; and imported, what is made of it is the lines of its new keys.
 *
 * Targets: peers/import, peers/peers_file, peers/peers_options, peers/peers, peers/peer,
 * peers/peer_namespaces, base/text.
 */
#include <netinet/in.h>

#include "crypto/crypto.h"
#include "fuzz.h"
#include "peers/import.h"
#include "peers/peer_namespaces.h"
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

static const struct peers_reader reader = {.warn = check_problem};

static void read_as_keys(const char *text, size_t len)
{
    struct peers peers;
    struct problem problem;
    enum kith_error error = peers_parse_keys(&peers, text, len, &reader, &problem);

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

/* What is added to those known is all that is new, and they then are as they were told of. */
static void check_import(const struct import *import, const struct peers *known)
{
    struct peers added;
    struct problem problem;

    demand(peers_parse(&added, import->lines, strlen(import->lines), &reader, &problem) == OK);
    demand(added.count == import->added.count && added.count <= import->keys.count);
    for (size_t i = 0; i < added.count; i++) {
        demand(memcmp(added.list[i].key, import->added.list[i].key, KEY_SIZE) == 0);
        demand(strcmp(added.list[i].name, import->added.list[i].name) == 0);
        demand(peers_find_key(known, added.list[i].key) == NULL);
        demand(peers_find_name(known, added.list[i].name) == NULL);
        demand(peers_find_key(&import->keys, added.list[i].key) != NULL);
    }
    peers_free(&added);
}

static void import_into(const struct peers *known, const char *name, const char *text, size_t len)
{
    static const uint8_t own_key[KEY_SIZE];
    const struct address address = {.host = "nas.example", .port = "9000"};
    const struct import_terms terms = {known,         own_key, name, len % 2 == 0 ? &address : NULL,
                                       check_problem, NULL};
    struct import import;
    struct problem problem;

    if (import_compose(&import, &terms, text, len, &problem) == OK)
        check_import(&import, known);
    import_free(&import);
}

/*
 * The same bytes as what a helper has read of the files that the peers name: of those that are
 * given out of it, each peer that names one has one, or the file is refused.
 */
static void give_namespaces(struct peers *peers, const uint8_t *data, size_t size)
{
    struct namespace_texts texts = {.len = size};
    struct problem problem;
    enum kith_error error;
    size_t without = 0;

    texts.bytes = malloc(size > 0 ? size : 1);
    demand(texts.bytes != NULL);
    memcpy(texts.bytes, data, size);
    error = peer_namespaces_read(peers, "folder/peers", &texts, &problem);
    demand(texts.used <= size && (error == OK || error == ERR_PEERS_LINE));
    if (error == ERR_PEERS_LINE)
        check_problem(&problem, NULL);
    for (size_t i = 0; i < peers->count; i++) {
        const struct peer *peer = &peers->list[i];

        without += peer->namespace_file != NULL && peer->namespace == NULL;
        demand(peer->namespace == NULL ||
               (peer->namespace_file != NULL && peer->namespace->len >= SECRET_NAMESPACE_MIN &&
                peer->namespace->len <= NAMESPACE_GIVEN_MAX));
    }
    demand((without > 0) == (error != OK));
    namespace_texts_wipe(&texts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    static const uint8_t own_key[KEY_SIZE];
    const struct peers_reader with_key = {.own_key = own_key, .warn = check_problem};
    struct peers peers;
    struct peers copy = {0};
    struct problem problem;
    enum kith_error error = OK;

    demand(started || crypto_start() == OK);
    started = true;
    read_as_keys((const char *)data, size);
    import_into(&copy, NULL, (const char *)data, size);
    import_into(&copy, "alice", (const char *)data, size);
    error = peers_parse(&peers, (const char *)data, size, &with_key, &problem);
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
    import_into(&copy, "alice", (const char *)data, size);
    give_namespaces(&peers, data, size);
    peers_free(&copy);
    peers_free(&peers);
    return 0;
}

/*
 * The namespaces of single peers: which files are read, what a helper packs of them, and that what
 * is not whole is refused.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "peers/peer_namespaces.h"
#include "peers/peers_file.h"
#include "published_keys.h"
#include "tap.h"

#define LINE "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define SECOND "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define THIRD "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"

static char folder[] = "/tmp/kith-namespaces-XXXXXX";
static char peers_path[64];

static void put_file(const char *name, const char *text)
{
    char path[64];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        exit(1);
    (void)close(fd);
}

static void remove_file(const char *name)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    (void)unlink(path);
}

static const char text[] = "namespace-file=\"a.ns\" " PKCS8_PUBLIC " a\n" SECOND " b\n"
                           "namespace-file=\"c.ns\" " THIRD " c\n";

static void parse(struct peers *peers)
{
    struct problem problem;

    if (peers_parse(peers, text, strlen(text), NULL, &problem) != OK)
        exit(1);
}

static bool has(const struct peers *peers, const char *name, const char *line)
{
    const struct secret_namespace *own = peers_find_name(peers, name)->namespace;

    if (line == NULL || own == NULL)
        return line == NULL && own == NULL;
    return own->len == strlen(line) && memcmp(own->bytes, line, own->len) == 0;
}

static bool are_as_given(const struct peers *peers)
{
    return has(peers, "a", LINE) && has(peers, "b", NULL) && has(peers, "c", OTHER) &&
           !namespace_mark_equals(&peers_find_name(peers, "a")->mark,
                                  &peers_find_name(peers, "c")->mark);
}

/* Read what there is of the texts, up to a length; NULL for the files. */
static enum kith_error read_all(const struct namespace_texts *all, size_t len, bool *given,
                                struct problem *problem)
{
    struct namespace_texts some = {.len = len};
    struct peers peers;
    enum kith_error error;

    parse(&peers);
    if (all != NULL) { /* of exactly that size, for who watches memory */
        some.bytes = malloc(len > 0 ? len : 1);
        if (some.bytes == NULL)
            exit(1);
        memcpy(some.bytes, all->bytes, len);
    }
    error = peer_namespaces_read(&peers, peers_path, all != NULL ? &some : NULL, problem);
    *given = are_as_given(&peers);
    namespace_texts_wipe(&some);
    peers_free(&peers);
    return error;
}

static void test_files(void)
{
    struct problem problem;
    bool given;

    CHECK(read_all(NULL, 0, &given, &problem) == OK && given, "each has what its line names");
    put_file("c.ns", "too short\n");
    CHECK(read_all(NULL, 0, &given, &problem) == ERR_PEERS_LINE && problem.line == 3 &&
              strstr(problem.why, "c.ns") != NULL && strstr(problem.why, "shorter") != NULL,
          "one that is not in order is told with its line: %s", problem.why);
    remove_file("c.ns");
    CHECK(read_all(NULL, 0, &given, &problem) == ERR_PEERS_LINE && problem.line == 3 &&
              strstr(problem.why, "no such file") != NULL,
          "and so is one that is missing: %s", problem.why);
    put_file("c.ns", OTHER);
}

static void test_packing(void)
{
    struct key_file file = {.text = (char *)(uintptr_t)text, .len = strlen(text)};
    struct namespace_texts all;
    struct problem problem;
    bool given, refused = true;

    CHECK(peer_namespaces_pack(&all, peers_path, &file) && all.len == 2 * (16 + 32),
          "a helper packs what it has read");
    CHECK(read_all(&all, all.len, &given, &problem) == OK && given, "which is taken");
    for (size_t len = 0; len < all.len; len++)
        refused = refused && read_all(&all, len, &given, &problem) == ERR_PEERS_LINE && !given;
    CHECK(refused, "cut short it is refused");
    all.bytes[3] = 0x7f;
    CHECK(read_all(&all, all.len, &given, &problem) == ERR_PEERS_LINE && !given,
          "an error that there is not is refused");
    all.bytes[3] = 0;
    all.bytes[16] = '\n';
    CHECK(read_all(&all, all.len, &given, &problem) == ERR_PEERS_LINE && problem.line > 0,
          "and so is what is no namespace");
    namespace_texts_wipe(&all);
    namespace_texts_wipe(&all);
    remove_file("a.ns");
    CHECK(peer_namespaces_pack(&all, peers_path, &file) &&
              read_all(&all, all.len, &given, &problem) == ERR_PEERS_LINE && problem.line == 1 &&
              strstr(problem.why, "no such file") != NULL,
          "what the helper could not read is told: %s", problem.why);
    namespace_texts_wipe(&all);
    put_file("a.ns", LINE "\r\n");
}

static void test_others(void)
{
    struct key_file broken = {.text = (char *)(uintptr_t) "nonsense\n", .len = 9};
    struct key_file nobody = {.text = (char *)(uintptr_t) "# x\n", .len = 4};
    struct namespace_texts none;

    CHECK(peer_namespaces_pack(&none, peers_path, &broken) && none.len == 0,
          "nothing is packed of a file that is refused");
    CHECK(peer_namespaces_pack(&none, peers_path, &nobody) && none.len == 0,
          "nor of one without any");
}

int main(void)
{
    if (crypto_start() != OK || mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(peers_path, sizeof(peers_path), "%s/peers", folder);
    put_file("a.ns", LINE "\r\n");
    put_file("c.ns", OTHER);
    test_files();
    test_packing();
    test_others();
    remove_file("a.ns");
    remove_file("c.ns");
    CHECK(rmdir(folder) == 0, "nothing is left");
    return tap_done();
}

/*
 * The keeper: it signs an Info of now for its peers under its namespace, and nothing else; it reads
 * its peers again without an end to that; it ends with the line.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "helpers/keeper.h"
#include "helpers/question.h"
#include "protocol/wire.h"
#include "tap.h"

#define SIGN 1 /* the questions of helpers/keeper.c, as they go over the line */
#define PEERS 2
#define ALL 3
#define RELOAD 4
#define MEETING 5

#define LIMIT_MS 20000

struct answer {
    int32_t error;
    uint8_t signature[SIGNATURE_SIZE];
};

static const uint8_t namespace[] = "kith";
static char folder[] = "/tmp/kith-keeper-XXXXXX";
static char identity[64], peers[64], pipe_path[64];

/* Keys are what they are for the keeper: nobody holds these. */
static const uint8_t known[KEY_SIZE] = "a peer of this run, 32 bytes lon";
static const uint8_t fresh[KEY_SIZE] = "one that only a reload has read.";
static const uint8_t nobody[KEY_SIZE] = "somebody who is no peer of ours.";

/* What a reload reads: from the file of peers, whether it says "other" by then. */
static enum kith_error read_peers(const void *context, const uint8_t own_key[static KEY_SIZE],
                                  struct peers *set)
{
    char text[6] = "";
    int fd = open(pipe_path, O_RDONLY); /* waits for a writer, if it is there */
    bool there;

    if (fd >= 0)
        (void)close(fd);
    fd = open(context, O_RDONLY);
    there = fd >= 0 && read(fd, text, 5) == 5 && strcmp(text, "other") == 0;

    if (fd >= 0)
        (void)close(fd);
    if (!there || own_key[0] != 0xd7)
        return ERR_FILE_MISSING;
    return peers_add(set, fresh, "");
}

static struct keeper_task task = {
    .identity = identity,
    .namespace = {namespace, sizeof(namespace) - 1},
    .listens = KIND_SET(KIND_KEPT),
    .read_peers = read_peers,
    .context = peers,
};

static void put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        exit(1);
    (void)close(fd);
}

static bool raw(const struct keeper *keeper, uint16_t kind, const void *bytes, size_t len,
                struct answer *answer)
{
    uint8_t question[QUESTION_MAX];

    memcpy(question, &kind, sizeof(kind));
    memcpy(question + sizeof(kind), bytes, len);
    return question_settle(&keeper->helper, question, sizeof(kind) + len, answer, sizeof(*answer),
                           clock_deadline_ms(LIMIT_MS));
}

/* What comes out of the pipe of a question. */
static enum kith_error outcome(int fd, uint8_t *signature)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    enum kith_error error = ERR_COUNT;

    if (fd < 0 || poll(&wait, 1, LIMIT_MS) != 1 || !keeper_answers(fd, &error, signature))
        error = ERR_COUNT;
    (void)close(fd);
    return error;
}

/* As raw, for a signature, which has a kind of channel in front. */
static bool raw_sign(const struct keeper *keeper, uint8_t channel, const void *bytes, size_t len,
                     struct answer *answer)
{
    uint8_t question[QUESTION_MAX];

    question[0] = channel;
    memcpy(question + 1, bytes, len);
    return raw(keeper, SIGN, question, 1 + len, answer);
}

static enum kith_error sign(const struct keeper *keeper, uint8_t *signature, const uint8_t *info,
                            size_t len)
{
    return outcome(keeper_ask_to_sign(keeper, KIND_KEPT, info, len), signature);
}

static enum kith_error reload(const struct keeper *keeper)
{
    return outcome(keeper_ask_to_reload(keeper), NULL);
}

static enum kith_error start(struct keeper *keeper)
{
    enum kith_error error = keeper_start(keeper, &task);

    return error == OK ? keeper_await(keeper) : error;
}

static bool tell(struct keeper *keeper, const uint8_t key[static KEY_SIZE])
{
    struct peers told = {0};
    bool done = peers_add(&told, key, "") == OK && keeper_tell_peers(keeper, &told) == OK;

    peers_free(&told);
    return done;
}

/* Whether an Info is signed: for somebody, so many milliseconds from now, with a tag or not. */
static bool signs(struct keeper *keeper, const uint8_t recipient[static KEY_SIZE], int64_t off_ms,
                  bool tag)
{
    struct info info = {.timestamp_ms = clock_wall_ms() + (uint64_t)off_ms, .has_tag = tag};
    uint8_t bytes[INFO_MAX], signature[SIGNATURE_SIZE];

    memcpy(info.recipient, recipient, KEY_SIZE);
    return sign(keeper, signature, bytes, wire_put_info(bytes, &info)) == OK;
}

static void test_judging(struct keeper *keeper)
{
    struct info info = {.timestamp_ms = UINT64_MAX, .has_tag = true};
    uint8_t bytes[INFO_MAX], signature[SIGNATURE_SIZE];

    CHECK(signs(keeper, known, 0, true), "an Info of now for a peer is signed");
    CHECK(signs(keeper, known, -500, true) && signs(keeper, known, 500, true),
          "the time of it may be half a second off");
    CHECK(!signs(keeper, known, -2500, true) && !signs(keeper, known, 4000, true),
          "but not more than two");
    CHECK(!signs(keeper, known, INT64_C(1) << 45, true), "nor in a thousand years");
    memcpy(info.recipient, known, KEY_SIZE);
    CHECK(sign(keeper, signature, bytes, wire_put_info(bytes, &info)) != OK,
          "nor at the end of time");
    CHECK(!signs(keeper, nobody, 0, true), "for somebody else nothing is signed");
    CHECK(!signs(keeper, keeper->public_key, 0, true), "nor for ourselves");
    CHECK(!signs(keeper, known, 0, false), "without a tag nothing is signed for who listens");
}

static void test_telling(void)
{
    uint8_t told[KEY_SIZE + 2] = {0}; /* and no namespace of its own */
    struct keeper keeper;
    struct answer answer;

    CHECK(start(&keeper) == OK, "a keeper that was told nothing");
    CHECK(!signs(&keeper, known, 0, true), "signs nothing");
    memcpy(told, known, KEY_SIZE);
    CHECK(raw(&keeper, PEERS, told, KEY_SIZE, &answer) && answer.error != OK &&
              raw(&keeper, PEERS, told, KEY_SIZE + 1, &answer) && answer.error != OK,
          "half a peer is none");
    CHECK(raw(&keeper, PEERS, told, sizeof(told), &answer) && answer.error == OK &&
              !signs(&keeper, known, 0, true),
          "nor before it was told all");
    CHECK(raw(&keeper, ALL, "", 0, &answer) && answer.error == OK && signs(&keeper, known, 0, true),
          "and then it does");
    memcpy(told, nobody, KEY_SIZE);
    CHECK(raw(&keeper, PEERS, told, sizeof(told), &answer) && answer.error != OK &&
              !signs(&keeper, nobody, 0, true),
          "it is not told again");
    helper_stop(&keeper.helper);
    task.listens = 0;
    task.calls = KIND_SET(KIND_KEPT);
    CHECK(start(&keeper) == OK && tell(&keeper, known), "the keeper of one that calls");
    CHECK(signs(&keeper, known, 0, false) && !signs(&keeper, known, 0, true),
          "signs what has no tag, and nothing with one");
    helper_stop(&keeper.helper);
    task.listens = KIND_SET(KIND_KEPT);
    task.calls = 0;
}

/* Whether an Info for somebody is signed, in a run that meets, under the namespace of a digest. */
static bool signs_met(struct keeper *keeper, const uint8_t recipient[static KEY_SIZE],
                      const uint8_t digest[static HASH_SIZE])
{
    struct info info = {.timestamp_ms = clock_wall_ms(), .has_tag = true};
    uint8_t bytes[INFO_MAX], message[SIGNED_MAX], signature[SIGNATURE_SIZE], wanted[12 + HASH_SIZE];
    size_t len, message_len;

    memcpy(wanted, "kith/meet/1", 12);
    memcpy(wanted + 12, digest, HASH_SIZE);
    memcpy(info.recipient, recipient, KEY_SIZE);
    len = wire_put_info(bytes, &info);
    message_len =
        handshake_signed_bytes(message, &(struct namespace){wanted, sizeof(wanted)}, bytes, len);
    return outcome(keeper_ask_to_sign(keeper, KIND_PLAIN, bytes, len), signature) == OK &&
           crypto_ed25519_verify(signature, keeper->public_key, message, message_len) == OK;
}

static void test_meeting(struct keeper *usual)
{
    static const uint8_t digest[HASH_SIZE] = "of a meeting, 32 bytes as it is.";
    static const uint8_t other[HASH_SIZE] = "another digest, of 32 bytes, too";
    struct keeper keeper;
    struct answer answer;

    CHECK(keeper_tell_meeting(usual, digest, nobody) == ERR_KEEPER &&
              signs(usual, known, 0, true) && !signs(usual, nobody, 0, true),
          "who does not meet takes no meeting");
    task.meets = true;
    task.listens = KIND_SET(KIND_PLAIN);
    CHECK(start(&keeper) == OK && !signs_met(&keeper, known, digest),
          "who meets signs nothing before that");
    CHECK(!tell(&keeper, known) && !signs_met(&keeper, known, digest), "it has no other peers");
    CHECK(raw(&keeper, MEETING, digest, HASH_SIZE, &answer) && answer.error != OK,
          "nor half a meeting");
    CHECK(keeper_tell_meeting(&keeper, digest, known) == OK && signs_met(&keeper, known, digest),
          "then it signs for whom it has met, under the namespace of that meeting");
    CHECK(!signs_met(&keeper, nobody, digest) && !signs(&keeper, known, 0, true),
          "but for nobody else, and no other kind");
    CHECK(keeper_tell_meeting(&keeper, other, known) == ERR_KEEPER &&
              signs_met(&keeper, known, digest) && !signs_met(&keeper, known, other),
          "there is one meeting in a run");
    CHECK(reload(&keeper) == ERR_KEEPER && signs_met(&keeper, known, digest),
          "and no peers to be read again");
    helper_stop(&keeper.helper);
    task.meets = false;
    task.listens = KIND_SET(KIND_KEPT);
}

/* Whether an Info for somebody is signed under this namespace, for a kept channel. */
static bool signs_under(struct keeper *keeper, const uint8_t recipient[static KEY_SIZE],
                        const struct namespace *base)
{
    struct info info = {.timestamp_ms = clock_wall_ms(), .has_tag = true};
    uint8_t bytes[INFO_MAX], message[SIGNED_MAX], signature[SIGNATURE_SIZE];
    struct kind_namespace kept;
    size_t len, message_len;

    memcpy(info.recipient, recipient, KEY_SIZE);
    len = wire_put_info(bytes, &info);
    kind_namespace(&kept, base, KIND_KEPT);
    message_len =
        handshake_signed_bytes(message, &(struct namespace){kept.bytes, kept.len}, bytes, len);
    return sign(keeper, signature, bytes, len) == OK &&
           crypto_ed25519_verify(signature, keeper->public_key, message, message_len) == OK;
}

#define OWNERS 9 /* that are told in three questions */

/* Peers with the longest namespaces of their own, and one without. */
static void test_own_namespaces(void)
{
    static char line[NAMESPACE_GIVEN_MAX];
    struct peer peer = PEER_UNCONDITIONAL;
    struct peers told = {0};
    struct keeper keeper;
    bool all = true;

    for (size_t i = 0; i <= OWNERS; i++) {
        memset(line, 'a' + (int)i, sizeof(line));
        memset(peer.key, (int)i + 1, KEY_SIZE);
        peer.namespace = NULL;
        if ((i < OWNERS && secret_namespace_parse(&peer.namespace, line, sizeof(line)) != OK) ||
            peers_add_copy(&told, &peer) != OK)
            exit(1);
        secret_namespace_release(peer.namespace);
    }
    CHECK(start(&keeper) == OK && keeper_tell_peers(&keeper, &told) == OK,
          "a keeper is told of peers with namespaces of their own");
    for (size_t i = 0; i < OWNERS; i++) {
        struct namespace own = secret_namespace_view(told.list[i].namespace);

        all = all && signs_under(&keeper, told.list[i].key, &own) &&
              !signs_under(&keeper, told.list[i].key, &task.namespace);
    }
    CHECK(all, "it signs for each under its own, and under no other");
    CHECK(signs_under(&keeper, told.list[OWNERS].key, &task.namespace),
          "and for who has none under the run's");
    helper_stop(&keeper.helper);
    peers_free(&told);
}

static void test_reload(struct keeper *keeper)
{
    CHECK(reload(keeper) == ERR_FILE_MISSING && signs(keeper, known, 0, true),
          "peers that cannot be read again stay as they were");
    put_file(peers, "other");
    CHECK(!signs(keeper, fresh, 0, true), "what has changed counts once it is read again");
    CHECK(reload(keeper) == OK && signs(keeper, fresh, 0, true),
          "it reads them itself, and signs for one who is new");
    CHECK(!signs(keeper, known, 0, true), "but for one who is gone not any longer");
    put_file(peers, "who");
}

static void test_signing(struct keeper *keeper)
{
    struct info info = {.timestamp_ms = clock_wall_ms(), .has_tag = true};
    uint8_t bytes[INFO_MAX + 1] = {0}, message[SIGNED_MAX], signature[SIGNATURE_SIZE];
    struct kind_namespace kept;
    size_t len, message_len;
    struct answer answer;

    memcpy(info.recipient, known, KEY_SIZE);
    len = wire_put_info(bytes, &info);
    CHECK(sign(keeper, signature, bytes, len) == OK, "an Info is signed");
    kind_namespace(&kept, &task.namespace, KIND_KEPT);
    message_len =
        handshake_signed_bytes(message, &(struct namespace){kept.bytes, kept.len}, bytes, len);
    CHECK(crypto_ed25519_verify(signature, keeper->public_key, message, message_len) == OK,
          "under the namespace of this run and kind");
    for (uint8_t kind = 0; kind < KINDS + 2; kind++) {
        CHECK(raw_sign(keeper, kind, bytes, len, &answer) &&
                  (answer.error == OK) == (kind == KIND_KEPT),
              "for kind %u", kind);
    }
    CHECK(raw_sign(keeper, KIND_KEPT, bytes, len + 1, &answer) && answer.error != OK,
          "an Info and a byte is not signed");
    CHECK(raw_sign(keeper, KIND_KEPT, bytes, len - 1, &answer) && answer.error != OK,
          "a part of one is not signed");
    CHECK(raw_sign(keeper, KIND_KEPT, message, message_len, &answer) && answer.error != OK,
          "what a signature covers is not signed itself");
    CHECK(raw_sign(keeper, KIND_KEPT, "hello", 5, &answer) && answer.error != OK,
          "a text is not signed");
    CHECK(raw(keeper, SIGN, "", 0, &answer) && answer.error != OK, "nothing is not signed");
    memset(signature, 0, sizeof(signature));
    CHECK(memcmp(answer.signature, signature, sizeof(signature)) == 0,
          "a refusal has no signature");
    CHECK(sign(keeper, signature, bytes, len) == OK, "and it goes on");
}

/* Reading the peers hangs, as a file on a dead server does. */
static void test_hanging_reload(struct keeper *keeper)
{
    uint8_t bytes[1];
    enum kith_error error;
    int hanging, writer;

    put_file(peers, "other");
    CHECK(mkfifo(pipe_path, 0600) == 0, "what hangs");
    hanging = keeper_ask_to_reload(keeper);
    CHECK(hanging >= 0 && signs(keeper, fresh, 0, true), "while peers are read it signs");
    CHECK(!keeper_answers(hanging, &error, NULL), "and that has no answer");
    CHECK(reload(keeper) == ERR_KEEPER, "another reading has to wait for its end");
    writer = open(pipe_path, O_WRONLY);
    (void)close(writer);
    CHECK(outcome(hanging, NULL) == OK, "which comes");
    (void)unlink(pipe_path);
    CHECK(reload(keeper) == OK && signs(keeper, fresh, 0, true), "and then there is another one");
    CHECK(keeper_ask_to_sign(keeper, KIND_KEPT, bytes, QUESTION_MAX) < 0 && errno == EMSGSIZE,
          "too much is not asked");
}

/* A keeper that is stopped is a pipe without an answer, however many are asked. */
static void test_stopped(struct keeper *keeper)
{
    struct info info = {.timestamp_ms = clock_wall_ms(), .has_tag = true};
    uint8_t bytes[INFO_MAX], signature[SIGNATURE_SIZE];
    int fds[600], count = 0, answered = 0;
    enum kith_error error;
    size_t len;

    memcpy(info.recipient, fresh, KEY_SIZE);
    len = wire_put_info(bytes, &info);
    (void)kill(keeper->helper.process, SIGSTOP);
    while (count < 600 && (fds[count] = keeper_ask_to_sign(keeper, KIND_KEPT, bytes, len)) >= 0)
        count++;
    CHECK(count > 0 && (count == 600 || errno == EAGAIN || errno == EWOULDBLOCK),
          "a full line says so: %d, %d", count, errno);
    CHECK(!keeper_answers(fds[0], &error, signature), "nobody answers");
    (void)close(fds[0]);
    (void)kill(keeper->helper.process, SIGCONT);
    for (int i = 1; i < count; i++) {
        error = outcome(fds[i], signature); /* where all is slow the last ones are too late */
        answered += error == OK || (i > 1 && error == ERR_KEEPER_LATE);
    }
    CHECK(answered == count - 1, "once it goes on all are answered: %d of %d", answered, count);
}

static void test_end(void)
{
    struct keeper keeper;
    struct answer answer;
    pid_t process;
    int status = 0;

    CHECK(start(&keeper) == OK, "another keeper");
    CHECK(!raw(&keeper, 7, "x", 1, &answer), "an unknown request ends it");
    helper_stop(&keeper.helper);
    CHECK(start(&keeper) == OK && tell(&keeper, known), "and another");
    process = keeper.helper.process;
    CHECK(kill(process, SIGTERM) == 0 && kill(process, SIGINT) == 0 && kill(process, SIGHUP) == 0,
          "signals");
    test_signing(&keeper);
    (void)kill(process, SIGSTOP); /* so that it cannot end meanwhile */
    (void)alarm(30);
    helper_dismiss(&keeper.helper);
    helper_stop(&keeper.helper);
    (void)alarm(0);
    CHECK(waitpid(process, &status, WNOHANG) == 0, "nobody waits for one that was dismissed");
    (void)kill(process, SIGCONT);
    CHECK(waitpid(process, &status, 0) == process && WIFEXITED(status) && WEXITSTATUS(status) == 0,
          "it ends with the line, not by signals that its parent gets as well");
}

int main(void)
{
    static const char seed[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b32691970"
                               "3bac031cae7f60\n";
    static const char public[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    struct keeper keeper;
    char hex[KEY_HEX_SIZE];

    if (crypto_start() != OK || mkdtemp(folder) == NULL)
        return 1;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(identity, sizeof(identity), "%s/identity", folder);
    (void)snprintf(peers, sizeof(peers), "%s/peers", folder);
    (void)snprintf(pipe_path, sizeof(pipe_path), "%s/pipe", folder);
    put_file(identity, seed); /* RFC 8032, 7.1, TEST 1 */
    put_file(peers, "who");
    CHECK(start(&keeper) == OK, "the keeper starts");
    hex_encode(hex, keeper.public_key, KEY_SIZE);
    CHECK(strcmp(hex, public) == 0, "it says its public key: %s", hex);
    CHECK(tell(&keeper, known), "it is told who is known");
    test_signing(&keeper);
    test_judging(&keeper);
    test_meeting(&keeper);
    test_reload(&keeper);
    test_hanging_reload(&keeper);
    test_stopped(&keeper);
    helper_stop(&keeper.helper);
    test_telling();
    test_own_namespaces();
    test_end();
    (void)unlink(identity);
    (void)unlink(peers);
    CHECK(start(&keeper) == ERR_FILE_MISSING, "no keeper without an identity");
    CHECK(rmdir(folder) == 0, "nothing is left");
    return tap_done();
}

/*
 * Owns the private key's process and the line to it. The keeper must never send the key, nor sign
 * anything, or have an agent sign it, but an Info of ours, of now, for a peer of this run, under
 * its namespace (of a run that meets: that of its meeting, which nothing else has): whoever takes
 * over the process at the other end gets handshakes out of it while it lives, and nothing else.
 */
#include "helpers/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "helpers/question.h"
#include "helpers/signing.h"
#include "keys/agent_protocol.h"
#include "keys/identity.h"
#include "protocol/meeting.h"
#include "protocol/wire.h"
#include "system/protect.h"
#include "system/sandbox.h"
#include "system/zone.h"

/* What the keeper says first: how reading the identity went. */
struct report {
    int32_t error;
    uint8_t public_key[KEY_SIZE];
};

enum asking {
    ASK_SIGN = 1,   /* the kind of channel, and an encoded Info */
    ASK_PEERS = 2,  /* peers, one after the other, and more of them follow */
    ASK_ALL = 3,    /* the same, and that was all */
    ASK_RELOAD = 4, /* nothing */
    ASK_MEETING = 5 /* the digest of the run's meeting, and the key of the peer that was met */
};

/* A question, of which only as many bytes are sent as it has. */
struct asked {
    uint16_t kind;
    uint8_t bytes[QUESTION_MAX - sizeof(uint16_t)];
};

#define ASKED_HEAD offsetof(struct asked, bytes)

_Static_assert(SIGNED_MAX <= AGENT_SIGNED_MAX, "an agent can be asked to sign all that we sign");

#define CLOCK_MS 2000 /* how far the time of an Info may be from ours: it was made a moment ago */
#define TAKE_PEERS_MS 3000 /* until the keeper has to have taken the peers */

/* What the keeper keeps. */
struct vault {
    const struct keeper_task *task;
    struct namespace namespace; /* of the run; or of its meeting, once that is told */
    struct signing signing;
    uint8_t public_key[KEY_SIZE];
    pthread_mutex_t lock;
    struct peers peers;                  /* of this run; as the next two, under the lock */
    bool told;                           /* all of them */
    uint8_t met[MEETING_NAMESPACE_SIZE]; /* of a run that meets, once it is told: its namespace */
    int reload_fd;                       /* for the answer to a reload that is under way, or -1 */
};

/* The namespace of a channel of a kind with a peer. False if it is none of ours. */
static bool find_namespace(struct vault *vault, const uint8_t key[static KEY_SIZE],
                           enum channel_kind kind, struct kind_namespace *out)
{
    const struct peer *peer;

    (void)pthread_mutex_lock(&vault->lock);
    peer = vault->told ? peers_find_key(&vault->peers, key) : NULL;
    if (peer != NULL) {
        const struct namespace base =
            peer->namespace != NULL ? secret_namespace_view(peer->namespace) : vault->namespace;

        kind_namespace(out, &base, kind);
    }
    (void)pthread_mutex_unlock(&vault->lock);
    return peer != NULL;
}

/* Whether we would make this Info ourselves for a channel of this kind. */
static bool is_our_info(const struct vault *vault, enum channel_kind kind, const struct info *info)
{
    kind_set made = info->has_tag ? vault->task->listens : vault->task->calls;

    return (made & KIND_SET(kind)) != 0;
}

static bool is_of_now(const struct info *info)
{
    uint64_t now_ms = clock_wall_ms();

    return (now_ms > info->timestamp_ms ? now_ms - info->timestamp_ms
                                        : info->timestamp_ms - now_ms) <= CLOCK_MS;
}

/* Make what is to be signed of these bytes, if they are a kind, one Info of ours, and no more. */
static enum kith_error judge_request(struct vault *vault, const uint8_t *bytes, size_t len,
                                     uint8_t message[static SIGNED_MAX], size_t *message_len)
{
    struct kind_namespace namespace;
    struct info info;

    if (len == 0 || bytes[0] >= KINDS || !wire_get_info(&info, bytes + 1, len - 1) ||
        !is_our_info(vault, (enum channel_kind)bytes[0], &info) ||
        !find_namespace(vault, info.recipient, (enum channel_kind)bytes[0], &namespace))
        return ERR_KEEPER;
    if (!is_of_now(&info)) {
        crypto_wipe(&namespace, sizeof(namespace));
        return ERR_KEEPER_LATE;
    }
    *message_len = handshake_signed_bytes(
        message, &(struct namespace){namespace.bytes, namespace.len}, bytes + 1, len - 1);
    crypto_wipe(&namespace, sizeof(namespace));
    return OK;
}

static void sign(struct vault *vault, const uint8_t *bytes, size_t len, int fd)
{
    uint8_t message[SIGNED_MAX];
    struct keeper_answer answer = {0};
    size_t message_len = 0;

    answer.error = (int32_t)judge_request(vault, bytes, len, message, &message_len);
    if (answer.error == OK)
        signing_answer(&vault->signing, message, message_len, fd);
    else
        question_answer(fd, &answer, sizeof(answer));
    crypto_wipe(message, message_len);
}

/*
 * A peer as it is told: its key, the length of its own namespace, 0 for none, in two bytes, and
 * that.
 */
#define TOLD_HEAD (KEY_SIZE + 2)
#define TOLD_MAX (TOLD_HEAD + NAMESPACE_GIVEN_MAX)

static size_t put_told(uint8_t *out, const struct peer *peer)
{
    size_t len = peer->namespace != NULL ? peer->namespace->len : 0;

    memcpy(out, peer->key, KEY_SIZE);
    out[KEY_SIZE] = (uint8_t)(len >> 8);
    out[KEY_SIZE + 1] = (uint8_t)len;
    if (len > 0)
        memcpy(out + TOLD_HEAD, peer->namespace->bytes, len);
    return TOLD_HEAD + len;
}

/* Learn one peer; *used is how many bytes it was told in. */
static enum kith_error learn_peer(struct peers *peers, const uint8_t *told, size_t len,
                                  size_t *used)
{
    size_t namespace_len = len < TOLD_HEAD ? 0 : (size_t)told[KEY_SIZE] << 8 | told[KEY_SIZE + 1];
    struct peer peer = PEER_UNCONDITIONAL;
    enum kith_error error = OK;

    *used = TOLD_HEAD + namespace_len;
    if (len < *used)
        return ERR_KEEPER;
    memcpy(peer.key, told, KEY_SIZE);
    if (namespace_len > 0)
        error =
            secret_namespace_parse(&peer.namespace, (const char *)told + TOLD_HEAD, namespace_len);
    if (error == OK)
        error = peers_add_copy(peers, &peer);
    peer_free(&peer);
    return error;
}

static enum kith_error learn_peers(struct vault *vault, const uint8_t *told, size_t len, bool all)
{
    enum kith_error error;
    size_t used;

    (void)pthread_mutex_lock(&vault->lock);
    error = vault->told || vault->task->meets ? ERR_KEEPER : OK;
    for (size_t at = 0; error == OK && at < len; at += used)
        error = learn_peer(&vault->peers, told + at, len - at, &used);
    vault->told = vault->told || (all && error == OK);
    (void)pthread_mutex_unlock(&vault->lock);
    return error;
}

/*
 * Once, and in a run that meets alone: whoever it is that was met, under a namespace that nothing
 * else has.
 */
static enum kith_error learn_meeting(struct vault *vault, const uint8_t *bytes, size_t len)
{
    enum kith_error error;

    (void)pthread_mutex_lock(&vault->lock);
    error = vault->told || !vault->task->meets || len != HASH_SIZE + KEY_SIZE ? ERR_KEEPER : OK;
    if (error == OK)
        error = peers_add(&vault->peers, bytes + HASH_SIZE, "");
    if (error == OK) {
        meeting_namespace(vault->met, bytes);
        vault->namespace = (struct namespace){vault->met, sizeof(vault->met)};
        vault->told = true;
    }
    (void)pthread_mutex_unlock(&vault->lock);
    return error;
}

/* A thread's life: files may hang, and meanwhile signatures are wanted. */
static void *read_peers_again(void *context)
{
    struct vault *vault = context;
    struct peers fresh = {0}, before = {0};
    struct keeper_answer answer = {0};
    int fd;

    answer.error =
        (int32_t)vault->task->read_peers(vault->task->context, vault->public_key, &fresh);
    (void)pthread_mutex_lock(&vault->lock);
    if (answer.error == OK) {
        before = vault->peers;
        vault->peers = fresh;
        vault->told = true;
    }
    fd = vault->reload_fd;
    vault->reload_fd = -1;
    (void)pthread_mutex_unlock(&vault->lock);
    peers_free(&before);
    question_answer(fd, &answer, sizeof(answer));
    return NULL;
}

/* Begin to read them, and answer once that is done. One at a time. */
static bool begin_reload(struct vault *vault, int fd)
{
    pthread_t thread;
    bool under_way;

    (void)pthread_mutex_lock(&vault->lock);
    under_way = vault->reload_fd >= 0 || vault->task->meets; /* who was met is in no file */
    if (!under_way)
        vault->reload_fd = fd;
    (void)pthread_mutex_unlock(&vault->lock);
    if (under_way)
        return false;
    if (pthread_create(&thread, NULL, read_peers_again, vault) == 0) {
        (void)pthread_detach(thread);
        return true;
    }
    vault->reload_fd = -1; /* there is no other thread */
    return false;
}

static void answer_one(struct vault *vault, const struct asked *asked, size_t len, int fd)
{
    struct keeper_answer answer = {0};

    switch (asked->kind) {
    case ASK_SIGN:
        sign(vault, asked->bytes, len, fd);
        return;
    case ASK_RELOAD:
        if (begin_reload(vault, fd))
            return;
        answer.error = ERR_KEEPER;
        break;
    case ASK_MEETING:
        answer.error = (int32_t)learn_meeting(vault, asked->bytes, len);
        break;
    default:
        answer.error = (int32_t)learn_peers(vault, asked->bytes, len, asked->kind == ASK_ALL);
    }
    question_answer(fd, &answer, sizeof(answer));
}

/* The keeper's whole life, once it has the key. A question that is none ends it. */
static void keep_signing(int line, const struct keeper_task *task, struct identity *identity)
{
    static struct vault vault = {.lock = PTHREAD_MUTEX_INITIALIZER, .reload_fd = -1};
    struct asked asked;
    size_t len;
    int fd;

    vault.task = task;
    vault.namespace = task->namespace;
    memcpy(vault.public_key, identity->public_key, KEY_SIZE);
    if (signing_begin(&vault.signing, identity, task->agent_timeout_ms) != OK)
        return;
    while ((len = question_receive(line, &asked, sizeof(asked), &fd, 1, NEVER_MS)) >= ASKED_HEAD) {
        if (fd < 0 || asked.kind < ASK_SIGN || asked.kind > ASK_MEETING)
            break;
        answer_one(&vault, &asked, len - ASKED_HEAD, fd);
        crypto_wipe(&asked, sizeof(asked)); /* a namespace may be a secret */
    }
    signing_end(&vault.signing);
}

static void leave_at_signal(int number)
{
    (void)number;
    _exit(0);
}

/*
 * End with our parent, whatever we wait for, while it says nothing: its end of the line is closed
 * then, at which we get a signal. Nobody else is to get what is typed for us.
 */
static void end_with_parent(int fd)
{
    const struct sigaction leaving = {.sa_handler = leave_at_signal};

    (void)sigaction(SIGIO, &leaving, NULL);
    (void)fcntl(fd, F_SETOWN, getpid());
    (void)fcntl(fd, F_SETFL, O_ASYNC);
    if (descriptor_look(fd, POLLIN) != 0)
        leave_at_signal(SIGIO);
}

/* From here on it is read, and its end is seen. */
static void read_from_parent(int fd)
{
    (void)fcntl(fd, F_SETFL, 0);
    (void)signal(SIGIO, SIG_IGN);
}

/* In the forked process. */
static void keep(int line, const void *context)
{
    static struct identity identity;
    const struct keeper_task *task = context;
    struct sandbox_needs needs = {.reads = true};
    struct report report = {0};
    enum kith_error error;

    end_with_parent(line);
    protect_for_good();
    protect_secret(&identity, sizeof(identity));
    protect_secret((void *)(uintptr_t)task->namespace.bytes, task->namespace.len);
    crypto_keep_secrets();
    error = identity_read(&identity, task->identity, task->passphrase_file);
    if (error != OK)
        (void)identity_log_failure(error, task->identity, task->identity_is_default);
    else
        identity_warn(&identity, task->identity);
    needs.connects_locally = identity.in_agent;
    report.error = (int32_t)error;
    memcpy(report.public_key, identity.public_key, KEY_SIZE);
    helper_strip(&line, 1, false);
    zone_hold();
    read_from_parent(line);
    /* Our parent does not have to wait for what is left to be done before the first question. */
    if (send(line, &report, sizeof(report), 0) == (ssize_t)sizeof(report) && error == OK) {
        sandbox_enter(SANDBOX_KEEPER, &needs);
        keep_signing(line, task, &identity);
    }
    identity_wipe(&identity);
}

enum kith_error keeper_start(struct keeper *keeper, const struct keeper_task *task)
{
    if (helper_start(&keeper->helper, keep, task))
        return OK;
    return helper_log_failure("keeper", NULL);
}

enum kith_error keeper_await(struct keeper *keeper)
{
    struct report report;

    if (question_receive(keeper->helper.line, &report, sizeof(report), NULL, 0, NEVER_MS) !=
        sizeof(report)) {
        report.error = (int32_t)log_failure(LOG_ERROR, "keeper", NULL, ERR_KEEPER,
                                            "it ended before it had the key", NULL);
    }
    if (report.error != OK)
        helper_stop(&keeper->helper);
    else
        memcpy(keeper->public_key, report.public_key, KEY_SIZE);
    return (enum kith_error)report.error;
}

int keeper_ask_to_sign(const struct keeper *keeper, enum channel_kind kind, const uint8_t *info,
                       size_t info_len)
{
    struct asked asked = {.kind = ASK_SIGN};

    if (info_len >= sizeof(asked.bytes)) {
        errno = EMSGSIZE;
        return -1;
    }
    asked.bytes[0] = (uint8_t)kind;
    memcpy(asked.bytes + 1, info, info_len);
    return question_ask(&keeper->helper, &asked, ASKED_HEAD + 1 + info_len);
}

int keeper_ask_to_reload(const struct keeper *keeper)
{
    const struct asked asked = {.kind = ASK_RELOAD};

    return question_ask(&keeper->helper, &asked, ASKED_HEAD);
}

/* What it was told is not taken: settled is whether it has said so itself; if not, errno tells why.
 */
static enum kith_error say_not_taken(bool settled, const char *what)
{
    if (!settled && descriptor_is_lacking(errno))
        return log_failure(LOG_ERROR, "keeper", NULL, ERR_FEW_DESCRIPTORS, NULL, NULL);
    return log_failure(LOG_ERROR, "keeper", NULL, ERR_KEEPER, what, NULL);
}

enum kith_error keeper_tell_meeting(struct keeper *keeper, const uint8_t digest[static HASH_SIZE],
                                    const uint8_t key[static KEY_SIZE])
{
    struct asked asked = {.kind = ASK_MEETING};
    struct keeper_answer answer = {0};
    bool settled;

    memcpy(asked.bytes, digest, HASH_SIZE);
    memcpy(asked.bytes + HASH_SIZE, key, KEY_SIZE);
    settled = question_settle(&keeper->helper, &asked, ASKED_HEAD + HASH_SIZE + KEY_SIZE, &answer,
                              sizeof(answer), clock_deadline_ms(TAKE_PEERS_MS));
    return settled && answer.error == OK ? OK
                                         : say_not_taken(settled, "it did not take the meeting");
}

bool keeper_answers(int fd, enum kith_error *error, uint8_t *signature)
{
    struct keeper_answer answer;
    ssize_t n = question_take(fd, &answer, sizeof(answer));

    if (n < 0 && descriptor_would_wait(errno))
        return false;
    *error = n == (ssize_t)sizeof(answer) ? (enum kith_error)answer.error : ERR_KEEPER;
    if (*error == OK && signature != NULL)
        memcpy(signature, answer.signature, SIGNATURE_SIZE);
    return true;
}

enum kith_error keeper_tell_peers(struct keeper *keeper, const struct peers *peers)
{
    int64_t deadline_ms = clock_deadline_ms(TAKE_PEERS_MS);
    struct keeper_answer answer = {0};
    struct asked asked;
    size_t told = 0;
    bool settled;

    do {
        size_t len = 0;

        while (told < peers->count && len + TOLD_MAX <= sizeof(asked.bytes))
            len += put_told(asked.bytes + len, &peers->list[told++]);
        asked.kind = told == peers->count ? ASK_ALL : ASK_PEERS;
        settled = question_settle(&keeper->helper, &asked, ASKED_HEAD + len, &answer,
                                  sizeof(answer), deadline_ms);
    } while (settled && answer.error == OK && told < peers->count);
    crypto_wipe(&asked, sizeof(asked)); /* which leaves errno as it is */
    return settled && answer.error == OK ? OK : say_not_taken(settled, "it did not take the peers");
}

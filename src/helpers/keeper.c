/*
 * Owns the private key's process and the line to it. The keeper must never send the key, nor sign
 * anything but an Info of ours, of now, for a peer of this run, under its namespace: whoever takes
 * over the process at the other end gets handshakes out of it while it lives, and nothing else.
 */
#include "helpers/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/turn.h"
#include "crypto/crypto.h"
#include "keys/identity.h"
#include "protocol/wire.h"
#include "system/line.h"
#include "system/protect.h"
#include "system/sandbox.h"
#include "system/signals.h"
#include "system/zone.h"

/* What the keeper says first: how reading the identity went. */
struct report {
    int32_t error;
    uint8_t public_key[KEY_SIZE];
};

enum request_kind {
    REQUEST_SIGN = 1,  /* an encoded Info */
    REQUEST_OPEN = 2,  /* a path */
    REQUEST_PEERS = 3, /* keys of peers, one behind the other; none: that was all */
    REQUEST_RELOAD = 4 /* nothing */
};

#define REQUEST_MAX 4096
#define CLOCK_MS 2000 /* how far the time of an Info may be from ours: it was made a moment ago */

/* A request, of which only len of the bytes are sent. */
struct request {
    uint16_t kind;
    uint16_t len;
    uint8_t bytes[REQUEST_MAX + 1]; /* one more than is ever sent: room for a NUL */
};

#define REQUEST_HEAD offsetof(struct request, bytes)

/* The answer to all: a signature; or, with a descriptor beside it, nothing. */
struct answer {
    int32_t error; /* an errno to open, of kith_error otherwise */
    uint8_t signature[SIGNATURE_SIZE];
};

#define ANSWER_MS 3000 /* until an answer is given up, and the call with it */
#define LEAVE_MS 1000  /* for the keeper to end */

/* One request and its answer at a time. */
static struct turn line_turn = TURN_FREE;
static size_t overdue; /* answers that were given up and are still to come; of who has the turn */

/* What the keeper keeps. */
struct vault {
    const struct keeper_task *task;
    struct crypto_signer *signer;
    uint8_t public_key[KEY_SIZE];
    struct peers peers; /* of this run */
    bool told;          /* all of them */
};

/* Whether we would make this Info ourselves, now. */
static bool is_ours(const struct vault *vault, const struct info *info)
{
    uint64_t now_ms = clock_wall_ms();
    uint64_t apart_ms =
        now_ms > info->timestamp_ms ? now_ms - info->timestamp_ms : info->timestamp_ms - now_ms;

    return apart_ms <= CLOCK_MS && info->has_tag == vault->task->listens && vault->told &&
           peers_find_key(&vault->peers, info->recipient) != NULL;
}

/* Sign if these bytes are one Info of ours and nothing but it. */
static enum kith_error sign(const struct vault *vault, const uint8_t *bytes, size_t len,
                            uint8_t signature[static SIGNATURE_SIZE])
{
    const struct keeper_task *task = vault->task;
    uint8_t message[SIGNED_MAX];
    struct info info;

    if (!wire_get_info(&info, bytes, len) || !is_ours(vault, &info))
        return ERR_KEEPER;
    len = handshake_signed_bytes(message, task->namespace, task->namespace_len, bytes, len);
    return crypto_signer_sign(vault->signer, signature, message, len);
}

static enum kith_error learn_peers(struct vault *vault, const uint8_t *keys, size_t len)
{
    enum kith_error error = vault->told || len % KEY_SIZE != 0 ? ERR_KEEPER : OK;

    for (size_t at = 0; error == OK && at < len; at += KEY_SIZE)
        error = peers_add(&vault->peers, keys + at, "");
    vault->told = vault->told || len == 0;
    return error;
}

static enum kith_error read_peers_again(struct vault *vault)
{
    const struct keeper_task *task = vault->task;
    struct peers fresh = {0};
    enum kith_error error = task->read_peers(task->context, vault->public_key, &fresh);

    if (error != OK)
        return error;
    peers_free(&vault->peers);
    vault->peers = fresh;
    vault->told = true;
    return OK;
}

/* Open if the path is one of the task's. */
static int open_again(const struct keeper_task *task, const char *path)
{
    for (size_t i = 0; i < task->file_count; i++) {
        if (strcmp(path, task->files[i]) == 0)
            return open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    }
    errno = EPERM;
    return -1;
}

static bool answer_one(int fd, struct vault *vault, struct request *request)
{
    struct answer answer = {0};
    int opened = -1;
    bool sent;

    switch (request->kind) {
    case REQUEST_SIGN:
        answer.error = (int32_t)sign(vault, request->bytes, request->len, answer.signature);
        break;
    case REQUEST_OPEN:
        request->bytes[request->len] = '\0';
        opened = open_again(vault->task, (const char *)request->bytes);
        answer.error = opened < 0 ? errno : 0;
        break;
    case REQUEST_PEERS:
        answer.error = (int32_t)learn_peers(vault, request->bytes, request->len);
        break;
    default:
        answer.error = (int32_t)read_peers_again(vault);
    }
    sent = line_send(fd, &answer, sizeof(answer), opened, NEVER_MS);
    if (opened >= 0)
        (void)close(opened);
    return sent;
}

/* Receive one that can be answered; it mostly comes whole at once. */
static bool receive_request(int fd, struct request *request)
{
    uint8_t *at = (uint8_t *)request;
    size_t here = line_receive(fd, at, REQUEST_HEAD, REQUEST_HEAD + REQUEST_MAX, NULL, NEVER_MS);
    size_t whole;

    if (here == 0 || request->kind < REQUEST_SIGN || request->kind > REQUEST_RELOAD)
        return false;
    whole = REQUEST_HEAD + request->len;
    if (request->len > REQUEST_MAX || here > whole)
        return false;
    return here == whole ||
           line_receive(fd, at + here, whole - here, whole - here, NULL, NEVER_MS) > 0;
}

/* The keeper's whole life, once it has the key. A request that is none ends it. */
static void serve(int fd, const struct keeper_task *task, struct identity *identity)
{
    struct vault vault = {.task = task, .signer = crypto_signer_new(identity->seed)};
    struct request request = {.len = 0};

    memcpy(vault.public_key, identity->public_key, KEY_SIZE);
    identity_wipe(identity); /* the signer has the key from here on */
    while (vault.signer != NULL && receive_request(fd, &request)) {
        if (!answer_one(fd, &vault, &request))
            break;
    }
    crypto_signer_free(vault.signer);
    peers_free(&vault.peers);
}

static void leave(int number)
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
    const struct sigaction leaving = {.sa_handler = leave};
    struct pollfd line = {.fd = fd, .events = POLLIN};

    (void)sigaction(SIGIO, &leaving, NULL);
    (void)fcntl(fd, F_SETOWN, getpid());
    (void)fcntl(fd, F_SETFL, O_ASYNC);
    if (poll(&line, 1, 0) > 0)
        leave(SIGIO);
}

/* From here on it is read, and its end is seen. */
static void read_from_parent(int fd)
{
    (void)fcntl(fd, F_SETFL, 0);
    (void)signal(SIGIO, SIG_IGN);
}

/*
 * In the forked process. The signals of a terminal are for its parent, whose end it sees; and no
 * descriptor but the line stays open, or whoever reads our stdout would not see its end.
 */
static void keep(int fd, const struct keeper_task *task)
{
    static struct identity identity;
    const struct sandbox_needs needs = {.reads = true};
    struct report report = {0};
    enum kith_error error;

    end_with_parent(fd);
    protect_for_good();
    protect_secret(&identity, sizeof(identity));
    crypto_keep_secrets();
    error = identity_read(&identity, task->identity, task->passphrase_file);
    if (error != OK)
        (void)identity_log_failure(error, task->identity, task->identity_is_default);
    else
        identity_warn(&identity, task->identity);
    signals_ignore();
    read_from_parent(fd);
    report.error = (int32_t)error;
    memcpy(report.public_key, identity.public_key, KEY_SIZE);
    for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; standard++)
        protect_vacate(standard);
    protect_close_all_but(&fd, 1);
    /* What is left to be done before the first request, our parent need not wait for. */
    if (line_send(fd, &report, sizeof(report), -1, NEVER_MS) && error == OK) {
        zone_hold();
        sandbox_enter(SANDBOX_KEEPER, &needs);
        serve(fd, task, &identity);
    }
    identity_wipe(&identity);
}

/* Receive an answer; those that nobody waits for any longer come before it. */
static bool receive_answer(const struct keeper *keeper, struct answer *answer, int *opened,
                           int64_t deadline_ms)
{
    return line_receive(keeper->fd, answer, sizeof(*answer), sizeof(*answer), opened, deadline_ms) >
           0;
}

static bool drop_overdue(const struct keeper *keeper, int64_t deadline_ms)
{
    struct answer late;

    while (overdue > 0 && receive_answer(keeper, &late, NULL, deadline_ms))
        overdue--;
    return overdue == 0;
}

/*
 * One request and its answer; a descriptor that comes with it is stored in *opened. A keeper that
 * was stopped is not waited for any longer than one that works hard.
 */
static bool ask(const struct keeper *keeper, enum request_kind kind, const void *bytes, size_t len,
                struct answer *answer, int *opened)
{
    int64_t deadline_ms = clock_deadline_ms(ANSWER_MS);
    struct request request;
    bool answered;

    if (len > REQUEST_MAX)
        return false;
    request.kind = (uint16_t)kind;
    request.len = (uint16_t)len;
    memcpy(request.bytes, bytes, len);
    if (!turn_take(&line_turn, deadline_ms))
        return false;
    answered = drop_overdue(keeper, deadline_ms) &&
               line_send(keeper->fd, &request, REQUEST_HEAD + len, -1, deadline_ms);
    if (answered && !receive_answer(keeper, answer, opened, deadline_ms)) {
        overdue++;
        answered = false;
    }
    turn_leave(&line_turn);
    return answered;
}

static enum kith_error ask_to_sign(void *context, uint8_t signature[static SIGNATURE_SIZE],
                                   const uint8_t *info, size_t info_len)
{
    struct answer answer;

    if (!ask(context, REQUEST_SIGN, info, info_len, &answer, NULL) || answer.error != OK)
        return ERR_KEEPER;
    memcpy(signature, answer.signature, SIGNATURE_SIZE);
    return OK;
}

/* Tell it some keys, or with none that these were all. */
static bool tell_keys(struct keeper *keeper, const uint8_t *keys, size_t len)
{
    struct answer answer;

    return ask(keeper, REQUEST_PEERS, keys, len, &answer, NULL) && answer.error == OK;
}

enum kith_error keeper_tell_peers(struct keeper *keeper, const struct peers *peers)
{
    uint8_t keys[REQUEST_MAX];
    size_t len = 0;
    bool told = true;

    for (size_t i = 0; told && i < peers->count; i++) {
        memcpy(keys + len, peers->list[i].key, KEY_SIZE);
        len += KEY_SIZE;
        if (len == sizeof(keys) || i + 1 == peers->count) {
            told = tell_keys(keeper, keys, len);
            len = 0;
        }
    }
    if (told && tell_keys(keeper, keys, 0))
        return OK;
    log_event(LOG_ERROR, "keeper", NULL, "did not take the peers", NULL);
    return ERR_KEEPER;
}

enum kith_error keeper_reload(struct keeper *keeper)
{
    struct answer answer;

    if (!ask(keeper, REQUEST_RELOAD, "", 0, &answer, NULL))
        return ERR_KEEPER;
    return (enum kith_error)answer.error;
}

int keeper_open(struct keeper *keeper, const char *path)
{
    struct answer answer;
    int opened = -1;

    errno = EPIPE;
    if (!ask(keeper, REQUEST_OPEN, path, strlen(path), &answer, &opened))
        return -1;
    errno = answer.error;
    return opened;
}

enum kith_error keeper_start(struct keeper *keeper, const struct keeper_task *task)
{
    int ends[2];
    enum kith_error error;

    keeper->fd = -1;
    keeper->process = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return log_failure(LOG_ERROR, "keeper", NULL, ERR_SYSTEM, NULL, NULL);
    keeper->process = fork();
    if (keeper->process == 0) {
        (void)close(ends[0]);
        keep(ends[1], task);
        _exit(0);
    }
    (void)close(ends[1]);
    keeper->fd = ends[0];
    if (keeper->process > 0 && fcntl(keeper->fd, F_SETFD, FD_CLOEXEC) == 0)
        return OK;
    error = log_failure(LOG_ERROR, "keeper", NULL, ERR_SYSTEM, NULL, NULL);
    keeper_stop(keeper);
    return error;
}

enum kith_error keeper_await(struct keeper *keeper)
{
    struct report report;

    if (line_receive(keeper->fd, &report, sizeof(report), sizeof(report), NULL, NEVER_MS) == 0) {
        log_event(LOG_ERROR, "keeper", NULL, "ended before it had the private key", NULL);
        report.error = ERR_KEEPER;
    }
    if (report.error != OK) {
        keeper_stop(keeper);
        return (enum kith_error)report.error;
    }
    memcpy(keeper->signer.public_key, report.public_key, KEY_SIZE);
    keeper->signer.sign = ask_to_sign;
    keeper->signer.context = keeper;
    return OK;
}

void keeper_dismiss(struct keeper *keeper)
{
    if (keeper->fd >= 0)
        (void)close(keeper->fd);
    keeper->fd = -1;
    keeper->process = -1;
}

/* Whether it has left the line, which it does when we do: then its end is near. */
static bool has_left(const struct keeper *keeper)
{
    int64_t deadline_ms = clock_deadline_ms(LEAVE_MS);
    char rest;

    if (keeper->fd < 0 || shutdown(keeper->fd, SHUT_WR) != 0)
        return true;
    while (line_receive(keeper->fd, &rest, 1, 1, NULL, deadline_ms) > 0)
        continue;
    return clock_now_ms() < deadline_ms;
}

void keeper_stop(struct keeper *keeper)
{
    pid_t process = keeper->process;
    bool ends = process > 0 && has_left(keeper);

    keeper_dismiss(keeper);
    while (ends && waitpid(process, NULL, 0) < 0 && errno == EINTR)
        continue;
}

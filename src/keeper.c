/*
 * Owns the private key's process and the line to it. The keeper must never send the key, nor sign
 * anything but an Info of ours under the namespace of this run: whoever takes over the process at
 * the other end gets handshakes out of it while it lives, and nothing else.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "identity.h"
#include "log.h"
#include "protect.h"
#include "wire.h"

/* What the keeper says first: how reading the identity went. */
struct report {
    int32_t error;
    uint8_t public_key[KEY_SIZE];
};

/* A request is an encoded Info, in one piece of fixed size; its answer a signature. */
struct request {
    uint8_t len;
    uint8_t info[INFO_MAX];
};

struct answer {
    int32_t error;
    uint8_t signature[SIGNATURE_SIZE];
};

/* One request and its answer at a time. */
static pthread_mutex_t line_lock = PTHREAD_MUTEX_INITIALIZER;

/* Send or receive exactly len bytes over the line; false when it is closed. */
static bool put_all(int fd, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    while (len > 0) {
        ssize_t n = send(fd, at, len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static bool get_all(int fd, void *bytes, size_t len)
{
    uint8_t *at = bytes;

    while (len > 0) {
        ssize_t n = recv(fd, at, len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static enum kith_error sign(const struct identity *identity, const struct request *request,
                            const uint8_t *namespace, size_t namespace_len,
                            uint8_t signature[static SIGNATURE_SIZE])
{
    uint8_t message[SIGNED_MAX];
    struct info info;
    size_t len;

    if (request->len > INFO_MAX || !wire_get_info(&info, request->info, request->len))
        return ERR_KEEPER;
    len = handshake_signed_bytes(message, namespace, namespace_len, request->info, request->len);
    return crypto_ed25519_sign(signature, identity->seed, message, len);
}

/* The keeper's whole life, once it has the key. */
static void serve(int fd, const struct identity *identity, const uint8_t *namespace,
                  size_t namespace_len)
{
    struct request request;

    while (get_all(fd, &request, sizeof(request))) {
        struct answer answer = {0};

        answer.error =
            (int32_t)sign(identity, &request, namespace, namespace_len, answer.signature);
        if (!put_all(fd, &answer, sizeof(answer)))
            break;
    }
}

/*
 * In the forked process. The signals of a terminal are for its parent, whose end it sees; and no
 * descriptor but the line stays open, or whoever reads our stdout would not see its end.
 */
static void keep(int fd, const char *path, const char *passphrase_file, const uint8_t *namespace,
                 size_t namespace_len)
{
    static struct identity identity;
    struct report report = {0};
    enum kith_error error;

    protect_secret(&identity, sizeof(identity));
    error = identity_read(&identity, path, passphrase_file);
    if (error != OK)
        identity_complain(error, path, errno);
    else
        identity_warn(&identity, path);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    report.error = (int32_t)error;
    memcpy(report.public_key, identity.public_key, KEY_SIZE);
    protect_close_all_but(fd);
    if (put_all(fd, &report, sizeof(report)) && error == OK)
        serve(fd, &identity, namespace, namespace_len);
    identity_wipe(&identity);
}

static enum kith_error ask(void *context, uint8_t signature[static SIGNATURE_SIZE],
                           const uint8_t *info, size_t info_len)
{
    const struct keeper *keeper = context;
    struct request request = {0};
    struct answer answer;
    bool answered;

    if (info_len > INFO_MAX)
        return ERR_KEEPER;
    request.len = (uint8_t)info_len;
    memcpy(request.info, info, info_len);
    (void)pthread_mutex_lock(&line_lock);
    answered = put_all(keeper->fd, &request, sizeof(request)) &&
               get_all(keeper->fd, &answer, sizeof(answer));
    (void)pthread_mutex_unlock(&line_lock);
    if (!answered || answer.error != OK)
        return ERR_KEEPER;
    memcpy(signature, answer.signature, SIGNATURE_SIZE);
    return OK;
}

enum kith_error keeper_start(struct keeper *keeper, const char *path, const char *passphrase_file,
                             const uint8_t *namespace, size_t namespace_len)
{
    struct report report;
    int ends[2];

    keeper->fd = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        log_event(LOG_ERROR, "keeper", NULL, strerror(errno), NULL);
        return ERR_SYSTEM;
    }
    keeper->process = fork();
    if (keeper->process == 0) {
        (void)close(ends[0]);
        keep(ends[1], path, passphrase_file, namespace, namespace_len);
        _exit(0);
    }
    (void)close(ends[1]);
    keeper->fd = ends[0];
    if (keeper->process < 0)
        report.error = ERR_SYSTEM;
    else if (fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0 || !get_all(ends[0], &report, sizeof(report)))
        report.error = ERR_KEEPER;
    if (report.error == ERR_KEEPER)
        log_event(LOG_ERROR, "keeper", NULL, "ended before it had the private key", NULL);
    else if (keeper->process < 0)
        log_event(LOG_ERROR, "keeper", NULL, strerror(errno), NULL);
    if (report.error != OK) {
        keeper_stop(keeper);
        return (enum kith_error)report.error;
    }
    memcpy(keeper->signer.public_key, report.public_key, KEY_SIZE);
    keeper->signer.sign = ask;
    keeper->signer.context = keeper;
    return OK;
}

void keeper_stop(struct keeper *keeper)
{
    if (keeper->fd < 0)
        return;
    (void)close(keeper->fd);
    keeper->fd = -1;
    while (keeper->process > 0 && waitpid(keeper->process, NULL, 0) < 0 && errno == EINTR)
        continue;
}

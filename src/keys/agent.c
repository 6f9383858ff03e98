/*
 * Owns the asking of an ssh-agent. Must never wait for it beyond a deadline, take more from it than
 * one bounded message, show another user's what we sign, nor pass on a signature that it has not
 * verified.
 */
#include "keys/agent.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "crypto/crypto.h"
#include "keys/agent_protocol.h"
#include "net/connect.h"
#include "net/socket.h"

#define PREFIX "agent:"

/* What is asked, and the room for the answer. */
struct exchange {
    const uint8_t *request;
    size_t request_len;
    uint8_t *answer;
    size_t size;
    size_t len; /* of the answer */
};

bool agent_is_meant(const char *identity)
{
    return strncmp(identity, PREFIX, strlen(PREFIX)) == 0;
}

/* What is signed may have a secret namespace in it: it is for nobody else's agent. */
static bool is_our_agent(int fd)
{
    uint64_t user = socket_user(fd);

    return user == 0 || user == (uint64_t)geteuid() + 1 || user == 1;
}

static enum kith_error call(const char path[static PATH_SIZE], int64_t deadline_ms, int *fd)
{
    enum kith_error error = connect_to_path(path, deadline_ms, fd, NULL);

    if (error != OK)
        return error == ERR_CONNECT_FULL ? ERR_AGENT_SILENT : ERR_AGENT_UNREACHED;
    if (is_our_agent(*fd))
        return OK;
    descriptor_close(fd);
    return ERR_AGENT_OWNER;
}

static enum kith_error read_by(int fd, uint8_t *out, size_t len, int64_t deadline_ms)
{
    while (len > 0) {
        ssize_t n;

        if (!descriptor_await(fd, POLLIN, deadline_ms))
            return ERR_AGENT_SILENT;
        n = read(fd, out, len);
        if (n > 0) {
            out += n;
            len -= (size_t)n;
        } else if (n == 0 || (errno != EINTR && !descriptor_would_wait(errno))) {
            return ERR_AGENT_CUT;
        }
    }
    return OK;
}

static enum kith_error read_answer(int fd, struct exchange *exchange, int64_t deadline_ms)
{
    uint8_t length[AGENT_LENGTH_SIZE];
    enum kith_error error = read_by(fd, length, sizeof(length), deadline_ms);

    if (error != OK)
        return error;
    exchange->len = load_u32be(length);
    if (exchange->len > exchange->size)
        return ERR_AGENT_MALFORMED;
    return read_by(fd, exchange->answer, exchange->len, deadline_ms);
}

static enum kith_error ask_agent(const struct agent *agent, struct exchange *exchange,
                                 int64_t deadline_ms)
{
    int fd;
    enum kith_error error = call(agent->path, deadline_ms, &fd);

    if (error != OK)
        return error;
    if (descriptor_write_by(fd, exchange->request, exchange->request_len, deadline_ms))
        error = read_answer(fd, exchange, deadline_ms);
    else
        error = descriptor_would_wait(errno) ? ERR_AGENT_SILENT : ERR_AGENT_CUT;
    (void)close(fd);
    return error;
}

static enum kith_error find_socket(char path[static PATH_SIZE])
{
    const char *given = getenv("SSH_AUTH_SOCK");

    if (given == NULL || given[0] == '\0')
        return ERR_AGENT_UNSET;
    if (strlen(given) >= PATH_SIZE)
        return ERR_AGENT_PATH;
    memset(path, 0, PATH_SIZE);
    memcpy(path, given, strlen(given));
    return OK;
}

enum kith_error agent_find(struct agent *agent, const char *identity, int64_t deadline_ms)
{
    static uint8_t answer[AGENT_LIST_MAX];
    uint8_t request[AGENT_LENGTH_SIZE + 1];
    struct exchange exchange = {request, agent_put_list_request(request), answer, sizeof(answer),
                                0};
    struct agent_wanted wanted;
    enum kith_error error = agent_wanted_parse(&wanted, identity + strlen(PREFIX));

    if (error == OK)
        error = find_socket(agent->path);
    if (error == OK)
        error = ask_agent(agent, &exchange, deadline_ms);
    if (error == OK)
        error = agent_get_key(agent->key, answer, exchange.len, &wanted);
    return error;
}

enum kith_error agent_sign(const struct agent *agent, uint8_t signature[static SIGNATURE_SIZE],
                           const uint8_t *message, size_t len, int64_t deadline_ms)
{
    uint8_t request[AGENT_REQUEST_SIZE(AGENT_SIGNED_MAX)], answer[AGENT_SIGNATURE_MAX];
    struct exchange exchange = {request, agent_put_sign_request(request, agent->key, message, len),
                                answer, sizeof(answer), 0};
    enum kith_error error = ask_agent(agent, &exchange, deadline_ms);

    if (error == OK)
        error = agent_get_signature(signature, answer, exchange.len);
    if (error == OK && crypto_ed25519_verify(signature, agent->key, message, len) != OK)
        error = ERR_AGENT_SIGNATURE;
    if (error != OK)
        memset(signature, 0, SIGNATURE_SIZE);
    crypto_wipe(request, sizeof(request)); /* a namespace in it may be a secret */
    return error;
}

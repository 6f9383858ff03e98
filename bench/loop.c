/*
 * The bare loop: what this machine's kernel and libcrypto allow a pipe. Nothing of kith is in it,
 * and nothing that makes kith more than this: no handshake, no peer, no second direction, no end.
 *
 *     loop receive PORT FRAME >FILE
 *     loop send PORT FRAME [FRAMES_A_WRITE] [map] <FILE
 *
 * The sender reads a frame's worth (or has the file mapped, with "map"), seals it with
 * ChaCha20-Poly1305 and sends; the receiver opens and writes. FRAME is in bytes, equal on both
 * sides.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#define TAG 16
#define HEADER 4
#define FRAMES_MAX 64
#define PAGE 4096
#define OFFSET 64 /* of the first plaintext in its page: 1 to 31 are slow on some processors */

static EVP_CIPHER_CTX *cipher;
static uint8_t nonce[12];

static void die(const char *what)
{
    fprintf(stderr, "loop: %s: %s\n", what, strerror(errno));
    exit(1);
}

static long number(const char *text)
{
    return strtol(text, NULL, 10);
}

static void start_cipher(int seal)
{
    static const uint8_t key[32];

    cipher = EVP_CIPHER_CTX_new();
    if (EVP_CipherInit_ex(cipher, EVP_chacha20_poly1305(), NULL, key, NULL, seal) != 1)
        die("libcrypto");
}

/* Seal or open from one place to another, or in place; the tag comes after what is sealed. */
static void crypt_message(const uint8_t *from, uint8_t *to, int len, uint8_t *tag, int seal)
{
    int n;

    for (int i = 11; ++nonce[i] == 0 && i > 0; i--)
        ;
    if (EVP_CipherInit_ex(cipher, NULL, NULL, NULL, nonce, -1) != 1 ||
        (!seal && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG, tag) != 1) ||
        EVP_CipherUpdate(cipher, to, &n, from, len) != 1 ||
        EVP_CipherFinal_ex(cipher, to + n, &n) != 1 ||
        (seal && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG, tag) != 1))
        die("cipher");
}

/* Room for frames, placed so that the first one's plaintext is at OFFSET in a page. */
static uint8_t *room_for(size_t frame, size_t frames)
{
    size_t size = OFFSET + frames * (HEADER + frame + TAG);
    uint8_t *memory = aligned_alloc(PAGE, (size + PAGE - 1) / PAGE * PAGE);

    if (memory == NULL)
        die("memory");
    return memory + OFFSET - HEADER;
}

static void write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0)
            die("write");
        bytes += n;
        len -= (size_t)n;
    }
}

/* False at the end. */
static int read_all(int fd, uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = read(fd, bytes, len);

        if (n < 0)
            die("read");
        if (n == 0)
            return 0;
        bytes += n;
        len -= (size_t)n;
    }
    return 1;
}

static int at_port(const char *port, int listening)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)number(port)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;

    if (!listening) {
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
            die("connect");
        return fd;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1) != 0)
        die("listen");
    return accept(fd, NULL, NULL);
}

static void send_file(int net, size_t frame, int frames_a_write, int map)
{
    uint8_t *buffer = room_for(frame, (size_t)frames_a_write);
    const uint8_t *file = NULL;
    struct stat status;
    off_t at = 0;
    int ended = 0;

    if (fstat(0, &status) != 0)
        die("stdin");
    if (map)
        file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, 0, 0);
    if (file == MAP_FAILED)
        die("memory");
    while (!ended) {
        uint8_t *end = buffer;

        for (int i = 0; i < frames_a_write && !ended; i++) {
            uint8_t *body = end + HEADER;
            ssize_t n = (off_t)frame < status.st_size - at ? (ssize_t)frame : status.st_size - at;

            if (!map)
                n = read(0, body, frame);
            if (n < 0)
                die("read");
            ended = n == 0;
            if (ended)
                break;
            crypt_message(map ? file + at : body, body, (int)n, body + n, 1);
            uint32_t header = htonl((uint32_t)n + TAG);
            memcpy(end, &header, HEADER);
            at += n;
            end = body + n + TAG;
        }
        write_all(net, buffer, (size_t)(end - buffer));
    }
}

static void receive_file(int net, size_t frame)
{
    uint8_t *body = room_for(frame, 1) + HEADER;
    uint32_t header;

    while (read_all(net, (uint8_t *)&header, HEADER)) {
        size_t len = ntohl(header);

        if (len <= TAG || len > frame + TAG || !read_all(net, body, len))
            die("frame");
        crypt_message(body, body, (int)(len - TAG), body + len - TAG, 0);
        write_all(1, body, len - TAG);
    }
}

int main(int count, char **arguments)
{
    int map = count > 4 && strcmp(arguments[count - 1], "map") == 0;
    int frames = count > 4 + map ? (int)number(arguments[4]) : 1;

    if (count < 4 || frames < 1 || frames > FRAMES_MAX)
        return 2;
    int seal = strcmp(arguments[1], "send") == 0;
    size_t frame = (size_t)number(arguments[3]);
    int net = at_port(arguments[2], !seal);

    start_cipher(seal);
    if (seal)
        send_file(net, frame, frames, map);
    else
        receive_file(net, frame);
    return 0;
}

/*
 * The PROXY protocol's bytes: what is written, and what is read, which is never a byte too many.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "calls/proxy_protocol.h"
#include "tap.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define BEHIND "what is behind"
#define TEXT(literal) (literal), (sizeof(literal) - 1)

static struct endpoint address(const char *text, unsigned port)
{
    struct endpoint peer = {.len = 0};
    struct sockaddr_in *in = (struct sockaddr_in *)&peer.address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&peer.address;

    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
        peer.len = sizeof(*in);
    } else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        peer.len = sizeof(*in6);
    }
    return peer;
}

static void check_header(const char *from, const char *to, const char *name, const char *expected,
                         size_t expected_len)
{
    uint8_t out[PROXY_HEADER_MAX], key[KEY_SIZE];
    struct endpoint peer = address(from, 0x1234), local = address(to, 0x5678);
    size_t len;

    memset(key, 'k', sizeof(key));
    len = proxy_header(out, &peer, (const struct sockaddr *)&local.address, key, name);
    CHECK(len == expected_len && memcmp(out, expected, len) == 0, "the header from %s to %s, %s",
          from, to, name);
}

#define KEY_TLV "\xe1\x00\x20kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"

static void test_written(void)
{
    uint8_t out[PROXY_HEADER_MAX] = {0}, key[KEY_SIZE] = {0};
    struct endpoint peer = address("::1", 1);
    char name[NAME_SIZE];
    size_t len;

    check_header("1.2.3.4", "5.6.7.8", "a",
                 TEXT(SIGNATURE "\x21\x11\x00\x33"
                                "\x01\x02\x03\x04\x05\x06\x07\x08\x12\x34\x56\x78"
                                "\xe0\x00\x01"
                                "a" KEY_TLV));
    check_header("1.2.3.4", "5.6.7.8", "",
                 TEXT(SIGNATURE "\x21\x11\x00\x2f"
                                "\x01\x02\x03\x04\x05\x06\x07\x08\x12\x34\x56\x78" KEY_TLV));
    check_header("::ffff:1.2.3.4", "::ffff:5.6.7.8", "",
                 TEXT(SIGNATURE "\x21\x11\x00\x2f"
                                "\x01\x02\x03\x04\x05\x06\x07\x08\x12\x34\x56\x78" KEY_TLV));
    check_header("::1", "1.2.3.4", "",
                 TEXT(SIGNATURE "\x21\x21\x00\x47"
                                "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
                                "\0\0\0\0\0\0\0\0\0\0\xff\xff\x01\x02\x03\x04"
                                "\x12\x34\x56\x78" KEY_TLV));
    memset(name, 'n', sizeof(name));
    name[NAME_SIZE - 1] = '\0';
    len = proxy_header(out, &peer, (const struct sockaddr *)&peer.address, key, name);
    CHECK(len <= PROXY_HEADER_MAX && len == 16 + 36 + 3 + NAME_SIZE - 1 + 3 + KEY_SIZE,
          "the longest name has room");
}

/* Give it as many bytes of these as it wants. False if it wants more. */
static bool feed(struct proxy_input *input, const char *said, size_t len, struct endpoint *peer,
                 enum kith_error *error)
{
    size_t wanted;

    while ((*error = proxy_parse(input, &wanted, peer)) == OK && wanted > 0) {
        if (wanted > len - input->len)
            return false;
        memcpy(input->bytes + input->len, said + input->len, wanted);
        input->len += wanted;
    }
    return true;
}

/* Give it a header and some bytes that are not its own. */
static enum kith_error read_from(const char *said, size_t len, struct endpoint *peer, bool *exact)
{
    struct proxy_input input = {.len = 0};
    char all[PROXY_INPUT_MAX + sizeof(BEHIND)];
    enum kith_error error;

    *peer = address("127.0.0.1", 9);
    memcpy(all, said, len);
    memcpy(all + len, BEHIND, sizeof(BEHIND));
    *exact = feed(&input, all, len + sizeof(BEHIND), peer, &error) && input.len == len;
    return error;
}

static void check_read(const char *said, size_t len, const char *expected, unsigned port)
{
    struct endpoint peer, wanted = address(expected, port);
    char text[ADDRESS_TEXT_SIZE];
    bool exact;
    enum kith_error error = read_from(said, len, &peer, &exact);

    endpoint_format(text, (struct sockaddr *)&peer.address, peer.len);
    CHECK(error == OK && exact, "a header of %zu bytes is read, and no more", len);
    CHECK(peer.len == wanted.len && memcmp(&peer.address, &wanted.address, peer.len) == 0,
          "it names %s (%s)", expected, text);
    CHECK(port == 9 || strcmp(peer.text, text) == 0, "and is shown so");
}

static void check_error(const char *said, size_t len, enum kith_error wanted, const char *why)
{
    struct endpoint peer, before = address("127.0.0.1", 9);
    bool exact;
    enum kith_error error = read_from(said, len, &peer, &exact);

    CHECK(error == wanted, "refused: %s", why);
    CHECK(memcmp(&peer, &before, sizeof(peer)) == 0, "and nobody is named");
}

static void check_refused(const char *said, size_t len, const char *why)
{
    check_error(said, len, ERR_PROXY_HEADER, why);
}

static void test_version_1(void)
{
    check_read(TEXT("PROXY TCP4 1.2.3.4 5.6.7.8 80 443\r\n"), "1.2.3.4", 80);
    check_read(TEXT("PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n"), "1.2.3.4", 0);
    check_read(TEXT("PROXY TCP6 ::1 ::2 65535 1\r\n"), "::1", 65535);
    check_read(TEXT("PROXY TCP6 1:: :: 1 1\r\n"), "1::", 1);
    check_read(TEXT("PROXY UNKNOWN\r\n"), "127.0.0.1", 9);
    check_read(TEXT("PROXY UNKNOWN \r\n"), "127.0.0.1", 9);
    check_read(TEXT("PROXY UNKNOWN 1.2.3.4 5.6.7.8 80 443\r\n"), "127.0.0.1", 9);

    check_refused(TEXT("PROXY UNKNOWNS\r\n"), "an unknown family");
    check_refused(TEXT("PROXY TCP5 1.2.3.4 5.6.7.8 80 443\r\n"), "another family");
    check_refused(TEXT("PROXY\tTCP4 1.2.3.4 5.6.7.8 80 443\r\n"), "a tab");
    check_refused(TEXT("PROXY TCP4 1.2.3.4 5.6.7.8 80 443\n"), "no CR");
    check_refused(TEXT("PROXY TCP4\r\nPROXY TCP4 1.2.3.4"), "an end that is too early");
    check_refused(TEXT("PROXY TCP4 1.2.3.4 5.6.7.8 80 443 \r\n"), "a blank behind");
    check_refused(TEXT("PROXY TCP4 1.2.3.4 5.6.7.8 80\r\n"), "a port is missing");
    check_refused(TEXT("PROXY TCP4 1.2.3.04 5.6.7.8 80 443\r\n"), "an address that is none");
    check_refused(TEXT("PROXY TCP4 ::1 ::1 80 443\r\n"), "an address of another family");
    check_refused(TEXT("PROXY TCP4 1.2.3.4 5.6.7.8 65536 443\r\n"), "a port that is too large");
    check_refused(TEXT("PROXY TCP4 1.2.3.4 5.6.7.8 8x 443\r\n"), "a port that is no number");
    check_refused(TEXT("PROXY TCP4 1.2.3.4 5.6.7.8 18446744073709551696 443\r\n"),
                  "a port that wraps around");
    check_refused(TEXT("PROXY TCP4 1.2.3.4\0 5.6.7.8 80 443\r\n"), "a NUL");
    check_refused(TEXT("hello, this is somebody else\r\n"), "another protocol");
}

/* A line of version 1 with so many bytes in all, which says nothing that matters. */
static void check_length(size_t len, bool good)
{
    char line[256];

    memset(line, 'x', sizeof(line));
    memcpy(line, "PROXY UNKNOWN ", 14);
    memcpy(line + len - 2, "\r\n", 2);
    if (good)
        check_read(line, len, "127.0.0.1", 9);
    else
        check_refused(line, len, "a line that is too long");
}

static void test_version_2(void)
{
    check_read(TEXT(SIGNATURE "\x21\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x00\x50\x01\xbb"),
               "1.2.3.4", 80);
    check_read(TEXT(SIGNATURE
                    "\x21\x11\x00\x10\x01\x02\x03\x04\x05\x06\x07\x08\x00\x50\x01\xbb\x04\0\x01x"),
               "1.2.3.4", 80);
    check_read(TEXT(SIGNATURE "\x21\x21\x00\x24"
                              "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
                              "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02"
                              "\x00\x50\x01\xbb"),
               "::1", 80);
    check_read(TEXT(SIGNATURE "\x20\x00\x00\x00"), "127.0.0.1", 9);
    check_read(TEXT(SIGNATURE "\x20\x11\x00\x03xyz"), "127.0.0.1", 9);

    check_refused(TEXT(SIGNATURE "\x11\x11\x00\x00"), "another version");
    check_refused(TEXT(SIGNATURE "\x22\x11\x00\x00"), "another command");
    check_refused(TEXT(SIGNATURE "\x21\x12\x00\x00"), "datagrams");
    check_refused(TEXT(SIGNATURE "\x21\x31\x00\x00"), "a UNIX socket");
    check_refused(TEXT(SIGNATURE "\x21\x11\x00\x0b\x01\x02\x03\x04\x05\x06\x07\x08\x00\x50\x01"),
                  "too short for its addresses");
    check_error(TEXT(SIGNATURE "\x21\x11\x08\x01"), ERR_PROXY_LONG, "one byte too long");
    check_error(TEXT(SIGNATURE "\x21\x11\xff\xff"), ERR_PROXY_LONG,
                "longer than any that is meant");
}

/* What does not come whole. */
static void test_part(void)
{
    static const char whole[] = "PROXY TCP4 1.2.3.4 5.6.7.8 80 443\r\n";
    struct endpoint peer = address("127.0.0.1", 9);
    bool late = true;

    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        struct proxy_input input = {.len = 0};
        enum kith_error error = OK;

        late = !feed(&input, whole, len, &peer, &error) && error == OK && late;
    }
    CHECK(late, "more is wanted, wherever it stops");
}

int main(void)
{
    test_written();
    test_version_1();
    check_length(16, true);
    check_length(107, true);
    check_length(108, false);
    check_length(200, false);
    test_version_2();
    test_part();
    return tap_done();
}

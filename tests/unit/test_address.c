/*
 * Addresses as text: what is one to call, and that a peers file and a command line mean the same.
 */
#include <string.h>

#include "crypto/crypto.h"
#include "net/address.h"
#include "peers/peers_file.h"
#include "published_keys.h"
#include "tap.h"

static const struct {
    const char *text;
    bool good; /* to call */
} cases[] = {
    {"nas:1", true},
    {"nas.example:65535", true},
    {"192.0.2.1:9000", true},
    {"[2001:db8::1]:9000", true},
    {"[fe80::1%eth0]:9000", true},
    {"b\xc3\xbcro:1", true},
    {"", false},
    {"nas", false},
    {"9000", false},
    {":1", false},
    {"nas:", false},
    {"nas:0", false},
    {"nas:65536", false},
    {"nas:99999", false},
    {"nas:000080", false},
    {"nas:+1", false},
    {"nas:http", false},
    {"::1:80", false},
    {"[::1]", false},
    {"[::1]80", false},
    {"[]:80", false},
    {"[nas]:80", false},
    {"[127.0.0.1]:80", false},
    {"[fe80::1%]:80", false},
    {"[:z]:80", false},
    {"[::1:80", false},
    {"[::1]]:80", false},
    {"n as:80", false},
    {"me@nas:80", false},
    {"/run/kith:80", false},
    {"n[as:80", false},
    {"n\\as:80", false},
    {"*:80", false},
};

/* Whether a line of a peers file may have it as addr. */
static bool is_addr(const char *text)
{
    struct peers peers;
    struct problem problem;
    char line[256];
    enum kith_error error;

    (void)snprintf(line, sizeof line, "addr=\"%s\" %s nas\n", text, PKCS8_PUBLIC);
    error = peers_parse(&peers, line, strlen(line), NULL, &problem);
    peers_free(&peers);
    return error == OK;
}

static void test_to_call(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address;
        struct problem problem = {.why = ""};
        bool parsed = address_parse(&address, cases[i].text, ADDRESS_HOST_PORT, &problem);

        CHECK(parsed == cases[i].good && (parsed || problem.why[0] != '\0'), "\"%s\" is %s: %s",
              cases[i].text, cases[i].good ? "an address to call" : "none", problem.why);
        CHECK(is_addr(cases[i].text) == cases[i].good, "and the same as addr of a peer");
    }
}

int main(void)
{
    if (crypto_start() != OK)
        return 1;
    test_to_call();
    return tap_done();
}

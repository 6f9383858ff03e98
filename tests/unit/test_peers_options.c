/*
 * peers: the options in front of a key, each in order and refused, and what they decide: who may
 * call, and whom it may be joined to.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>

#include "crypto/crypto.h"
#include "peers/peers_file.h"
#include "published_keys.h"
#include "tap.h"

#define KEY PKCS8_PUBLIC " a\n"

static enum kith_error parse_text(struct peers *peers, const char *text, struct problem *problem)
{
    return peers_parse(peers, text, strlen(text), NULL, problem);
}

/* ---- Refused options ---- */

static const struct refusal {
    const char *text;
    const char *why; /* part of the reason */
} refusals[] = {
    {"restrict " KEY, "\"restrict\" is neither a key nor an option"},
    {"restrict,no-pty " KEY, "unknown option \"restrict\""},
    {"command=\"true\" " KEY, "unknown option \"command\""},
    {"addr=\"a:1\",permitopen=\"b:2\" " KEY, "unknown option \"permitopen\""},
    {"addr=\"a:1\"\n", "no key after the options"},
    {"addr=\"a:1\" nas\n", "no key after the options: \"nas\""},
    {"addr=\"a:1\" from=\"::1\" " KEY, "no key after the options"},
    {"addr=\"a:1\"" KEY, "a comma or a blank is missing"},
    {"addr=\"a:1\", " KEY, "a blank after the comma"},
    {",addr=\"a:1\" " KEY, "neither a key nor an option"},
    {"addr=\"a:1\",,from=\"::1\" " KEY, "neither a key nor an option"},
    {"addr=\"a:1\",addr=\"b:1\" " KEY, "option addr is given twice"},
    {"addr=\"a:1\",ADDR=\"b:1\" " KEY, "option addr is given twice"},
    {"addr=a:1 " KEY, "the value of addr is not in plain quotes: addr=\"...\""},
    {"addr= " KEY, "not in plain quotes"},
    {"addr,from=\"::1\" " KEY, "option addr has no value"},
    {"addr " KEY, "\"addr\" is neither a key nor an option"},
    {"addr =\"a:1\" " KEY, "neither a key nor an option"},
    {"addr=\"a:1 " KEY, "no closing quote"},
    {"addr=\"a:1\\\" " KEY, "no closing quote"},
    {"permit-target=\"a\x1b\" " KEY, "control character"},
    {"addr=\"\" " KEY, "not HOST:PORT"},
    {"addr=\"nas\" " KEY, "no port: HOST:PORT"},
    {"addr=\":1\" " KEY, "a host is missing"},
    {"addr=\"nas:\" " KEY, "no port after the colon"},
    {"addr=\"nas:0\" " KEY, "the port"},
    {"addr=\"nas:65536\" " KEY, "the port"},
    {"addr=\"nas:000080\" " KEY, "the port"},
    {"addr=\"nas:http\" " KEY, "the port"},
    {"addr=\"nas:+1\" " KEY, "the port"},
    {"addr=\"::1:80\" " KEY, "in brackets"},
    {"addr=\"[::1]\" " KEY, "no port after the brackets"},
    {"addr=\"[]:80\" " KEY, "between the brackets"},
    {"addr=\"[nas]:80\" " KEY, "between the brackets"},
    {"addr=\"[127.0.0.1]:80\" " KEY, "between the brackets"},
    {"addr=\"[fe80::1%]:80\" " KEY, "between the brackets"},
    {"addr=\"[::1:80\" " KEY, "in brackets"},
    {"addr=\"n as:80\" " KEY, "a host is not written like that"},
    {"addr=\"me@nas:80\" " KEY, "there is an @ in the host"},
    {"addr=\"/run/kith:80\" " KEY, "a host is not written like that"},
    {"from=\"\" " KEY, "from: \"\" is empty"},
    {"from=\"10.0.0.1,\" " KEY, "is empty"},
    {"from=\"nas\" " KEY, "\"nas\" is not an address"},
    {"from=\"*.example\" " KEY, "is not an address"},
    {"from=\"!10.0.0.1\" " KEY, "is not an address"},
    {"from=\"10.0.0.1, 10.0.0.2\" " KEY, "\" 10.0.0.2\" is not an address"},
    {"from=\"10.0.0\" " KEY, "is not an address"},
    {"from=\"10.0.0.0/\" " KEY, "number of bits"},
    {"from=\"10.0.0.0/33\" " KEY, "number of bits"},
    {"from=\"10.0.0.0/08\" " KEY, "number of bits"},
    {"from=\"10.0.0.0/8/8\" " KEY, "number of bits"},
    {"from=\"10.0.0.0/255.0.0.0\" " KEY, "number of bits"},
    {"from=\"10.0.0.1/8\" " KEY, "\"10.0.0.1/8\" has bits set beyond the network's"},
    {"from=\"10.0.0.128/24\" " KEY, "has bits set"},
    {"from=\"10.0.0.0/8,::1/127\" " KEY, "\"::1/127\" has bits set"},
    {"from=\"::/129\" " KEY, "number of bits"},
    {"from=\"::/1000\" " KEY, "number of bits"},
    {"from=\"::ffff:10.0.0.1/104\" " KEY, "has bits set"},
    {"expiry-time=\"\" " KEY, "YYYYMMDD"},
    {"expiry-time=\"2030\" " KEY, "YYYYMMDD"},
    {"expiry-time=\"203001011\" " KEY, "YYYYMMDD"},
    {"expiry-time=\"2030010112345\" " KEY, "YYYYMMDD"},
    {"expiry-time=\"2030-01-01\" " KEY, "YYYYMMDD[HHMM[SS]][Z]"},
    {"expiry-time=\"20300101z\" " KEY, "YYYYMMDD"},
    {"expiry-time=\"20300101ZZ\" " KEY, "YYYYMMDD"},
    {"expiry-time=\"20300001\" " KEY, "that exist"},
    {"expiry-time=\"20301301\" " KEY, "that exist"},
    {"expiry-time=\"20300100\" " KEY, "that exist"},
    {"expiry-time=\"20300431\" " KEY, "that exist"},
    {"expiry-time=\"20300229\" " KEY, "that exist"},
    {"expiry-time=\"21000229\" " KEY, "that exist"},
    {"expiry-time=\"203001012400\" " KEY, "that exist"},
    {"expiry-time=\"203001012360\" " KEY, "that exist"},
    {"expiry-time=\"20300101235960\" " KEY, "that exist"},
    {"expiry-time=\"19691231Z\" " KEY, "that exist"},
    {"permit-target=\"\" " KEY, "an empty target"},
    {"permit-target=\"a:1,\" " KEY, "an empty target"},
    {"permit-target=\",a:1\" " KEY, "an empty target"},
    {"permit-target=\"db, web\" " KEY, "permit-target: \" web\" has a blank in it"},
    {"permit-target=\" db\" " KEY, "has a blank in it"},
    {"permit-target=\"db ,web\" " KEY, "\"db \" has a blank in it"},
    {"permit-target=\"db web\" " KEY, "has a blank in it"},
    {"permit-target=\"/run/x.sock \" " KEY, "has a blank in it"},
    {"permit-target=\" /run/x.sock\" " KEY, "has a blank in it"},
    {"permit-target=\" exec:cat\" " KEY, "has a blank in it"},
    {"permit-target=\" \" " KEY, "has a blank in it"},
    {"namespace-file=\"\" " KEY, "names no file"},
    {"namespace-file=\"-\" " KEY, "\"-\": a descriptor"},
    {"namespace-file=\"/dev/fd/3\" " KEY, "a descriptor, which cannot be read again"},
    {"namespace-file=\"a\",namespace-file=\"b\" " KEY, "given twice"},
};

static void test_refusals(void)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct peers peers;
        struct problem problem;
        enum kith_error error = parse_text(&peers, refusals[i].text, &problem);
        CHECK(error == ERR_PEERS_LINE && strstr(problem.why, refusals[i].why) != NULL &&
                  peers.list == NULL,
              "refused: case %zu: %s", i, problem.why);
        peers_free(&peers);
    }
}

/* ---- Options that are in order ---- */

static const char *const good_options[] = {
    "addr=\"nas:1\"",
    "addr=\"nas.example:65535\"",
    "addr=\"192.0.2.1:9000\"",
    "addr=\"[2001:db8::1]:9000\"",
    "addr=\"[fe80::1%eth0]:9000\"",
    "Addr=\"nas:1\",FROM=\"::1\",Expiry-Time=\"20300101\",permit-TARGET=\"a:1\"",
    "from=\"0.0.0.0/0,::/0\"",
    "from=\"10.0.0.1/32,::1/128\"",
    "expiry-time=\"20000229Z\"",
    "expiry-time=\"203001012359\"",
    "expiry-time=\"20300101235959Z\"",
    "permit-target=\"/run/x y.sock,[::1]:22\"",
    "permit-target=\"exec:cat x,./my program\"",
    "namespace-file=\"secrets/a b.ns\",addr=\"nas:1\"",
};

static bool permits(const struct peer *peer, const char *text)
{
    const struct target target = target_of_program(text);

    return target_list_permits(&peer->targets, &target);
}

static void test_options(void)
{
    struct peers peers;
    struct problem problem;

    for (size_t i = 0; i < sizeof good_options / sizeof good_options[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s %s", good_options[i], KEY);
        CHECK(parse_text(&peers, text, &problem) == OK && peers.count == 1, "%s: %s",
              good_options[i], problem.why);
        peers_free(&peers);
    }
    CHECK(parse_text(&peers, "permit-target=\"a\\\"b\\c\\\\,d\" " KEY, &problem) == OK &&
              strcmp(peers.list[0].targets.texts, "a\"b\\c\\\\") == 0,
          "a quote is escaped, a backslash is not");
    CHECK(permits(&peers.list[0], "d") && permits(&peers.list[0], "a\"b\\c\\\\") &&
              !permits(&peers.list[0], "a") && !permits(&peers.list[0], "") &&
              !permits(&peers.list[0], "dd"),
          "each of its targets, whole");
    peers_free(&peers);
}

static void expect_expiry(const char *value, uint64_t wanted_ms)
{
    struct peers peers;
    struct problem problem;
    char text[128];

    snprintf(text, sizeof text, "expiry-time=\"%s\" %s", value, KEY);
    CHECK(parse_text(&peers, text, &problem) == OK && peers.list[0].expires_ms == wanted_ms,
          "expiry-time %s", value);
    peers_free(&peers);
}

/* The numbers are those of date -u +%s -d. */
static void test_expiry(void)
{
    expect_expiry("19700101Z", 0);
    expect_expiry("19700101000001Z", 1000);
    expect_expiry("20000229Z", UINT64_C(951782400000));
    expect_expiry("20000301Z", UINT64_C(951868800000));
    expect_expiry("20001231Z", UINT64_C(978220800000));
    expect_expiry("203801190314Z", UINT64_C(2147483640000));
    expect_expiry("21000301Z", UINT64_C(4107542400000));
    expect_expiry("20991231235959Z", UINT64_C(4102444799000));
    setenv("TZ", "XST-3", 1); /* three hours ahead of UTC */
    tzset();
    expect_expiry("203001010300", UINT64_C(1893456000000));
    expect_expiry("203001010300Z", UINT64_C(1893466800000));
    expect_expiry("20300101", UINT64_C(1893445200000));
    unsetenv("TZ");
    tzset();
}

/* ---- Who may call ---- */

static bool may_call_from(const char *list, const char *address)
{
    struct peers peers;
    struct problem problem;
    struct sockaddr_storage from = {0};
    char text[256];
    bool may = false;

    if (strchr(address, ':') != NULL) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&from;
        in6->sin6_family = AF_INET6;
        in6->sin6_scope_id = 7;
        if (inet_pton(AF_INET6, address, &in6->sin6_addr) != 1)
            abort();
    } else {
        struct sockaddr_in *in = (struct sockaddr_in *)&from;
        in->sin_family = AF_INET;
        if (inet_pton(AF_INET, address, &in->sin_addr) != 1)
            abort();
    }
    snprintf(text, sizeof text, "from=\"%s\" %s", list, KEY);
    if (parse_text(&peers, text, &problem) == OK)
        may = peer_may_call(&peers.list[0], (struct sockaddr *)&from, NULL, 0) == OK;
    peers_free(&peers);
    return may;
}

static void test_from(void)
{
    static const struct {
        const char *list;
        const char *address;
        bool may;
    } cases[] = {
        {"10.0.0.1", "10.0.0.1", true},
        {"10.0.0.1", "10.0.0.2", false},
        {"10.0.0.1", "::ffff:10.0.0.1", true},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"192.0.2.160/27", "192.0.2.159", false},
        {"192.0.2.160/27", "192.0.2.160", true},
        {"192.0.2.160/27", "192.0.2.191", true},
        {"192.0.2.160/27", "192.0.2.192", false},
        {"192.0.2.160/27", "::ffff:192.0.2.191", true},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "203.0.113.9", false},
        {"::/0", "::ffff:203.0.113.9", false},
        {"::ffff:10.0.0.0/104", "10.1.2.3", true},
        {"::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true},
        {"::ffff:10.0.0.0/104", "11.1.2.3", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"fe80::1", "fe80::1", true},
        {"10.0.0.0/8,2001:db8::/32", "2001:db8:1::", true},
        {"10.0.0.0/8,192.0.2.1", "192.0.2.1", true},
        {"10.0.0.0/8,192.0.2.1", "192.0.2.2", false},
        {"a00::/8", "10.0.0.1", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK(may_call_from(cases[i].list, cases[i].address) == cases[i].may,
              "from=\"%s\" and %s: %s", cases[i].list, cases[i].address,
              cases[i].may ? "may call" : "may not");
}

static void test_may_call(void)
{
    struct peer peer = {.expires_ms = 1000};
    struct problem problem;
    const struct sockaddr_un unknown = {.sun_family = AF_UNIX};
    const struct sockaddr *address = (const struct sockaddr *)&unknown;

    CHECK(peer_may_call(&peer, address, NULL, 999) == OK, "until it expires");
    CHECK(peer_may_call(&peer, address, NULL, 1000) == ERR_PEER_EXPIRED, "no longer");
    CHECK(address_ranges_parse(&peer.from, "10.0.0.1", &problem) == OK, "a list of one");
    CHECK(peer_may_call(&peer, address, NULL, 0) == ERR_PEER_SOURCE,
          "from no address of another family");
    peer.expires_ms = UINT64_MAX;
    CHECK(peer_may_call(&peer, address, NULL, UINT64_MAX - 1) == ERR_PEER_SOURCE, "never expires");
    CHECK(permits(&peer, "anything"), "every target, where none is named");
    peer_free(&peer);
}

int main(void)
{
    if (crypto_start() != OK)
        return 1;
    test_refusals();
    test_options();
    test_expiry();
    test_from();
    test_may_call();
    return tap_done();
}

#!/usr/bin/env bats
# shellcheck shell=bats
# What is said of callers that are turned away does not fill the log: tests/tools/refused.py calls.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

@test "serve shows a few refused callers of a kind, and counts the others" {
    tool refused serve
}

@test "listen does as well" {
    tool refused listen
}

@test "listen says how many more there were when a signal ends it" {
    tool refused ended
}

@test "what is counted is said in time" {
    tool refused in_time
}

@test "a refusal of another kind is shown among them" {
    tool refused another_kind
}

@test "addresses of one IPv6 network count as one" {
    unshare --net true 2>/dev/null || skip "no network may be made here"
    unshare --net bash -c '
        ip link set lo up
        for n in {1..10}; do
            ip addr add 2001:db8::$n/64 dev lo nodad && ip addr add 2001:db8:0:1::$n/64 dev lo nodad || exit 77
        done
        exec timeout "$1" python3 "$2/refused.py" one_network' - "$((4 * limit))" "$tools" 3>&- ||
        { [ "$?" -eq 77 ] && skip "no IPv6 here"; }
}

@test "the sum as JSON is JSON" {
    tool refused as_json
}

@test "--quiet shows nothing of them, and balancers are not counted" {
    tool refused quiet
}

@test "fail2ban: addresses of strangers, and of nobody who is known" {
    [ -d "$root/contrib" ] || skip "contrib is not here"
    as nemo keygen -q
    grep ' alice$' bob/peers >alice.pub
    start_serve -p alice.pub -p "$(as nemo pubkey | cut -d ' ' -f 1)" --exec cat
    as stranger keygen -q
    as stranger dial "./bob/identity.pub@$address" </dev/null && fail "a stranger is let in"
    dial -n other </dev/null && fail "another namespace is"
    as nemo dial -n other "./bob/identity.pub@$address" </dev/null && fail "of who has no name, too, is"
    python3 -c '
import socket, sys
host, port = sys.argv[1].rsplit(":", 1)
socket.create_connection((host, int(port))).sendall(b"GET / HTTP/1.0")' "$address"
    dial <<<hello
    says serve.err 'key not known'
    says serve.err 'alice .*wrong namespace'
    says serve.err ': [0-9a-f]* at .*wrong namespace'
    says serve.err 'not our protocol'
    says serve.err 'alice .*whole'
    python3 -c '
import configparser, re, sys
rules = configparser.RawConfigParser()
rules.read(sys.argv[1])
given = rules["Definition"]["failregex"].split("\n")
given = [re.compile(rule.replace("%(__prefix_line)s", "").replace("<HOST>", r"(?P<host>[0-9a-f.:]+?)"))
         for rule in given]
def hosts(line):
    return [match["host"] for match in (rule.match(line) for rule in given) if match]
found = [line for line in open("serve.err") if hosts(line)]
assert [hosts(line) for line in found] == 2 * [["127.0.0.1"]], found
assert "key not known" in found[0] and "not our protocol" in found[1], found
assert hosts("kith: serve: [2001:db8::7]:4476: refused: x") == ["2001:db8::7"]
' "$root/contrib/fail2ban/kith.conf"
}

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

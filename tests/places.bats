#!/usr/bin/env bats
# shellcheck shell=bats
# Who has which of the places of serve: tests/tools/places.py wants them all.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

@test "silent strangers do not keep honest callers out where descriptors are few" {
    ! sanitized || skip "too slow for so many strangers"
    tool places few_descriptors
}

@test "nor where there are fewer places for connections than for strangers" {
    ! sanitized || skip "too slow for so many strangers"
    tool places few_connections
}

@test "one address has half of the places at most" {
    tool places one_address
}

@test "one address has half of the places of listen at most" {
    tool places one_address_of_listen
}

@test "silent strangers leave a listener the descriptors that it signs with" {
    ! sanitized || skip "it has more open by itself"
    tool places few_descriptors_of_listen
}

@test "a listener has as many descriptors as it may" {
    tool places raised_limit_of_listen
}

@test "one user has half of the places at a UNIX socket" {
    tool places one_user
}

@test "a balancer that does not say who calls has half of the places" {
    tool places one_balancer
}

@test "the addresses of one IPv6 network are one" {
    unshare --net true 2>/dev/null || skip "no network may be made here"
    unshare --net bash -c '
        ip link set lo up
        for n in {1..10}; do
            ip addr add 2001:db8::$n/64 dev lo nodad || exit 77
        done
        exec timeout "$1" python3 "$2/places.py" one_network' - "$((4 * limit))" "$tools" 3>&- ||
        { [ "$?" -eq 77 ] && skip "no IPv6 here"; }
}

@test "a forged hello is refused alike whether its key is known or not" {
    tool places forged
}

@test "one known key that only says hellos leaves places to the others" {
    tool places one_key
}

@test "however fast two addresses call, a third gets in" {
    ! sanitized || skip "too slow for so many strangers"
    tool places two_addresses
}

@test "one known key that only says hellos to a listener leaves places to the others" {
    tool places one_key_of_listen
}

@test "listen answers a recorded hello once" {
    tool places replayed_at_listen
}

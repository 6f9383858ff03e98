#!/usr/bin/env bats
# shellcheck shell=bats
# Networks that do what they do: lose, shape, reset, forget, vanish and move. What arrives is right,
# deadlines hold, and the next one is served: tests/tools/networks.py. What takes minutes to be
# noticed is waited for with KITH_LONG=1.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# network SUBJECT: in namespaces of our own.
network() {
    [ "$(id -u)" = 0 ] || skip "only root makes networks"
    command -v nft >/dev/null || skip "there is no nft"
    unshare -n nft add table inet try 2>/dev/null || skip "no networks of our own, or no nftables, here"
    [ -z "${KITH_LONG:-}" ] || export KITH_TEST_LIMIT=120 limit=120
    tool networks "$@"
}

@test "a network that loses segments loses no byte" {
    network loss
}

@test "a way that takes small packets only" {
    network small_mtu
}

@test "a slow line with a short queue is not idle" {
    network slow_line
}

@test "a firewall that resets what is under way" {
    network reset_in_the_middle
}

@test "a NAT that forgets a channel" {
    network nat_forgets
}

@test "a link that is down for a while, or for good" {
    network link_down
}

@test "an address that moves" {
    network address_moves
}

@test "the reverse way: who calls from behind a NAT moves, and is there again by itself" {
    network reverse_moves
}

@test "no way there: a call ends in time, and says which" {
    network no_way
}

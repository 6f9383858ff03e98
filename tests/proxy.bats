#!/usr/bin/env bats
# shellcheck shell=bats
# The PROXY protocol: what a target is told, and what a balancer is believed.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

@test "--proxy-protocol tells the target who has called" {
    tool proxy_header sent
}

@test "--proxy-protocol over IPv6" {
    needs_ipv6
    tool proxy_header sent_ipv6
}

@test "--accept-proxy takes the caller's address from a header of either version" {
    tool proxy_header accepted
}

@test "--accept-proxy refuses what is not a header" {
    tool proxy_header refused
}

@test "--accept-proxy: the conditions of a peer are about the address in the header" {
    tool proxy_header conditions
}

@test "--accept-proxy believes nobody but who was named" {
    tool proxy_header not_believed
}

@test "--accept-proxy does not wait for the rest for ever" {
    tool proxy_header silent
}

@test "--accept-proxy: callers are told apart by their headers while others come" {
    tool proxy_header crowd
}

@test "--accept-proxy of what is no list of addresses is refused" {
    for list in '' somewhere 10.0.0.0/33 '127.0.0.1,' ::1/129; do
        refused 2 -- as bob serve --accept-proxy "$list" 127.0.0.1:0 1
    done
}

@test "a client behind a balancer has no more than its share" {
    tool proxy_header share
}

#!/usr/bin/env bats
# shellcheck shell=bats
# serve at its limits: strangers do not keep out an honest peer. KITH_LONG=1 brings 1,000 of each kind.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

@test "an honest peer among silent strangers, garbage and replayed hellos is served" {
    tool flood strangers
}

@test "a hello that was recorded is good for one answer at most" {
    tool flood replayed_hello
}

@test "more than a hello at a time is refused" {
    tool flood more_than_hello
}

@test "--max-connections of serve" {
    tool flood max_connections
}

@test "--max-connections of forward" {
    tool flood max_connections_forward
}

@test "--max-per-peer" {
    tool flood max_per_peer
}

@test "--max-pending" {
    tool flood max_pending
}

@test "who does not finish the handshake is sent away in time" {
    tool flood pending_deadline
}

@test "no descriptors left: it waits without spinning, and recovers" {
    tool flood no_descriptors
}

@test "200 connections at once carry every byte, and a slow reader delays no other" {
    tool load at_once
}

@test "500 connections in a row leak nothing" {
    tool load in_a_row
}

@test "an idle connection costs less than 19 KiB at each end" {
    tool load idle
}

#!/usr/bin/env bats
# shellcheck shell=bats
# The matrix: what may happen to a channel, at ends of every kind. tests/matrix has the behaviours,
# and how they are tried; this is the short form, and "make matrix" the long one.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# at_every_end BEHAVIOUR...
at_every_end() {
    timeout -k 1 $((10 * limit)) python3 "$BATS_TEST_DIRNAME/matrix/run" "$@" 3>&-
}

@test "at every kind of end: bytes both ways, and both ends" {
    at_every_end both_ways
}

@test "at every kind of end: one side ends, and the other has its say" {
    at_every_end half_close
}

@test "at every kind of end: who reads late or writes little by little loses nothing" {
    at_every_end slow_reader slow_writer
}

@test "at every kind of end: cut anywhere, nobody takes a part for the whole" {
    at_every_end cut
}

@test "at every kind of end: one kith is killed, and the other says so" {
    at_every_end killed
}

@test "at every kind of end: who reads there goes away" {
    at_every_end goes_away
}

@test "at every kind of end: what arrives has no room" {
    at_every_end full
}

@test "at every kind of end: SIGTERM" {
    at_every_end drain
}

@test "at every kind of end: SIGHUP" {
    at_every_end reload
}

@test "at every kind of end: messages of another size, or too long" {
    at_every_end message_size message_too_long
}

@test "at every kind of end: a second caller, or a stranger" {
    at_every_end second_caller stranger
}

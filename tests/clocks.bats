#!/usr/bin/env bats
# shellcheck shell=bats
# Somebody sets the wall clock while kith runs, or minutes pass in a moment: tests/tools/clocks.py.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# clock_set SUBJECT: with a wall clock that can be set for kith alone.
clock_set() {
    ! sanitized || skip "a sanitizer's library has to come first"
    "${CC:-cc}" -shared -fPIC -o stepping.so "$tools/stepping.c" -ldl || skip "no compiler"
    tool clocks "$PWD/stepping.so" "$@"
}

@test "the clock is set: open channels go on, and new ones are served" {
    clock_set open_channels
}

@test "the clock of one side is set: refused until it is set back" {
    clock_set one_side
}

@test "the clock is set back again and again: no deadline is put off" {
    clock_set deadlines
}

@test "the clock is set to when a key has expired" {
    clock_set expiry
}

@test "who accepts on a kept channel lets it go when no PING has come for 90 s" {
    clock_set silence
}

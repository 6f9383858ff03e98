#!/usr/bin/env bats
# shellcheck shell=bats
# A hostile network: tests/tools/cuts.py has the cases, and what is expected of each kind.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# every SUBJECT [STEP]: its cases; under a sanitizer only every STEP-th.
every() {
    local step=1
    ! sanitized || step=${2:-1}
    timeout -k 1 $((10 * limit)) python3 "$tools/cuts.py" "$1" "$step" 3>&-
}

@test "cut anywhere in the handshake: the dialer fails, and the listener waits for the next" {
    every handshake_cuts 7
}

@test "cut at the edges of the messages: nobody takes a part for the whole" {
    every traffic_cuts 5
}

@test "cut somewhere in a larger transfer" {
    every larger_cuts 3
}

@test "a hello with any bit changed gets no answer" {
    every hello_flips
}

@test "an answer with any bit changed is refused by the dialer" {
    every answer_flips 11
}

@test "a confirmation with any bit changed is refused by the listener" {
    every confirmation_flips 3
}

@test "a changed bit in the traffic ends it" {
    every traffic_flips 5
}

@test "a slow connection is slow and nothing else" {
    every slow
}

@test "a recorded connection is worth nothing" {
    every replay
}

#!/usr/bin/env bats
# shellcheck shell=bats
# The attack catalogue: tests/tools/{hellos,answers}.py are its tables, tests/tools/attacks.py tries them.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

@test "what attacks makes the recorded handshakes by itself" {
    python3 "$tools/speaker.py" "$root/tests/vectors/handshake.json"
    python3 "$tools/speaker.py" "$root/tests/vectors/recorded.json"
}

@test "every wrong call to serve is refused for what it is, in silence, and leaves no trace" {
    tool attacks serve
}

@test "every wrong call to listen" {
    tool attacks listen
}

@test "every wrong answer to dial" {
    tool attacks dial
}

@test "every wrong answer to forward" {
    tool attacks forward
}

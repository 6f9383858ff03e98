#!/usr/bin/env bats
# shellcheck shell=bats
# Whatever stalls outside stalls no caller, and nobody's end: tests/tools/stall.py brings it.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

@test "a stderr that nobody reads holds up nothing in serve, and what it missed is counted" {
    tool stall stderr_of_serve
}

@test "nor in forward" {
    tool stall stderr_of_forward
}

@test "nor in listen" {
    tool stall stderr_of_listen
}

@test "nor in dial, whose last word waits a bounded time" {
    [ "$(id -u)" = 0 ] || skip "only root sees what kith waits in"
    tool stall stderr_of_dial
}

@test "a stopped terminal as stderr holds up nothing" {
    tool stall terminal_stopped
}

@test "nor does a socket that nobody reads" {
    tool stall socket_as_stderr
}

@test "a --ready-fd that nobody reads is given up in time" {
    tool stall ready_fd
}
@test "a NOTIFY_SOCKET that is full holds up nothing, and is told later" {
    tool stall notify_socket
}

@test "SIGHUP: a FIFO in the place of the peers file leaves all as it was" {
    tool stall fifo_as_peers
    rm -rf alice bob
    cp -R "$BATS_FILE_TMPDIR"/{alice,bob} .
    tool stall fifo_as_peers confined
}

@test "who holds the key is stopped: serve goes on, and ends" {
    tool stall keeper_stopped serve
}

@test "who holds the key is stopped: forward goes on, and ends" {
    tool stall keeper_stopped forward
}

@test "who holds the key is stopped: listen goes on" {
    tool stall keeper_stopped_listen
}

@test "who starts programs is stopped: a place whose caller leaves is free in time" {
    tool stall launcher_stopped
}

@test "who starts the program of --run is stopped: signals end forward, and then the program" {
    tool stall runner_stopped
}

@test "also before the program has begun, which then never does" {
    tool stall runner_stopped_before
}

@test "and no number of other signals meanwhile loses the program its SIGTERM" {
    tool stall runner_flooded
}

# delaying SECONDS: a library with which a program takes so long to be started.
delaying() {
    ! sanitized || skip "a sanitizer's library has to come first"
    "${CC:-cc}" -shared -fPIC -o delaying.so -DBEFORE="$1" "$tools/delaying.c" -ldl ||
        skip "no compiler"
}

@test "a peers file that hangs when it is read again holds up no call, and no SIGTERM" {
    delaying 0
    tool stall file_hangs "$PWD/delaying.so"
}

@test "a program that takes long to start holds up no other caller, and no signal" {
    delaying 20
    tool stall slow_start "$PWD/delaying.so"
}

@test "a file as stderr that hangs while channels are told of holds up no call" {
    delaying 0
    tool stall log_hangs_in_report "$PWD/delaying.so"
}

@test "a file as stderr that hangs for who takes calls holds up no SIGTERM" {
    delaying 0
    tool stall log_hangs_in_refusal "$PWD/delaying.so"
}

@test "a check that is held up once it has called does not show less than the round trip" {
    ! sanitized || skip "a sanitizer's library has to come first"
    "${CC:-cc}" -shared -fPIC -o held_up.so "$tools/held_up.c" -ldl || skip "no compiler"
    start_serve --exec cat
    run -0 --separate-stderr env LD_PRELOAD="$PWD/held_up.so" KITH_DIR=alice "$KITH" check "bob@$address"
    [[ $output =~ round\ trip\ ([0-9]+) ]] && ((BASH_REMATCH[1] >= 200)) || fail "$output"
}

@test "a program that is gone: its last words, which nobody takes, are given up, whatever the peer still says" {
    start_serve --exec sh -c 'while echo word; do sleep 0.05; done'
    start_forward
    timeout "$limit" python3 -c '
import select, socket, sys
host, port = sys.argv[1].rsplit(":", 1)
program = socket.create_connection((host, int(port)))
program.setblocking(False)
while select.select([], [program], [], 1)[1]:  # until it has said more than is taken
    try:
        program.send(bytes(65536))
    except BlockingIOError:
        pass
program.recv(1)  # of what it reads no more
program.close()' "$near" 3>&-
    says forward.err 'the local program .*(broke off|took no more)'
    says serve.err 'cut short'
}

#!/usr/bin/env bats
# shellcheck shell=bats
# Sockets as the ends of a channel, of TCP and UNIX: tests/tools/sockets.py says what is expected.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# has_bytes FILE NUMBER
has_bytes() {
    [ "$(stat -c %s "$1")" -eq "$2" ]
}

@test "a target that answers and closes is heard to its end by who reads slowly" {
    tool sockets target_closes tcp unix
    tool sockets target_closes unix tcp
}

@test "a near program that speaks and closes is heard to its end by a target that reads slowly" {
    tool sockets near_closes unix tcp
    tool sockets near_closes tcp unix
}

@test "a target that answers and closes while its caller still has its stdin open: whole" {
    bounded python3 -c '
import socket
with socket.socket(socket.AF_UNIX) as server:
    server.bind("target")
    server.listen()
    connection = server.accept()[0]
    connection.sendall(bytes(6000000))
    connection.close()' 3>&- &
    also_started $!
    eventually [ -S target ]
    start_serve "$PWD/target"
    mkfifo alice.in
    exec 8<>alice.in
    start_dialer
    eventually has_bytes alice.out 6000000
    exec 8>&-
    ends "$dialer" 0
    says serve.err ': whole'
}

@test "a peer that ends its side right behind its receipt has ours, however long our program runs" {
    tool sockets leaves_program
}

@test "a peer that ends its side right behind its receipt has ours, however slow our target is" {
    tool sockets leaves_slow_target tcp
    tool sockets leaves_slow_target unix
}

@test "an urgent byte is carried in its place" {
    tool sockets urgent tcp tcp
    tool sockets urgent unix unix
    tool sockets urgent_stdin tcp
    tool sockets urgent_stdin unix
}

@test "once a channel is broken, who reads steadily still has all that arrived" {
    tool sockets slow_stdout unix
    tool sockets slow_stdout pipe
}

@test "a local program is reset once it has what had arrived" {
    tool sockets slow_near
}

@test "a target that closes before it has read all is heard to its end, and its caller knows" {
    tool sockets last_words tcp
}

@test "a near program that closes and is still spoken to is heard to its end, and reset is the target" {
    tool sockets last_words_of_near
}

@test "who has taken nothing, and resets, has not got all" {
    tool sockets untaken_by_target
    tool sockets untaken_by_near
}

@test "who has our stdout and closes it unread has not got all, though our stdin is another one" {
    # At such an end the leak checker is seen to list threads for ever, now and then, on a busy machine.
    export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
    for kind in unix tcp; do
        tool sockets unread_stdout "$kind" before
        tool sockets unread_stdout "$kind" together
    done
}

@test "a socket of messages is refused as stdin and stdout" {
    for kind in SEQPACKET DGRAM; do
        tool sockets messages stdin "$kind"
        tool sockets messages stdout "$kind"
    done
}

@test "who takes late makes it whole" {
    tool sockets taken_late tcp tcp
}

@test "kith is killed: a program at a UNIX socket that has said something sees a reset" {
    tool sockets broken unix tcp forward
    tool sockets broken tcp unix serve
}

@test "a channel that breaks is a reset at a UNIX socket where something was said" {
    tool sockets cut_between unix unix
}

@test "words of every size through UNIX sockets" {
    tool sockets many_words unix unix
}

@test "a program whose send buffer is small is not held up" {
    for end in near far; do
        rm -f local target
        tool sockets small_buffer "$end" polls
        rm -f local target
        tool sockets small_buffer "$end" waits
    done
}

@test "what a UNIX socket cannot do is said at the start" {
    start_serve "$PWD/target"
    says serve.err 'target: at a UNIX socket, a program that has said nothing sees'
    forward_on=./local start_forward
    says forward.err 'local: at a UNIX socket, a program that has said nothing sees'
}

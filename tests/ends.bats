#!/usr/bin/env bats
# shellcheck shell=bats
# What stdin and stdout of a pipe may be: tests/tools/ends.py has the cases that need more than a
# shell.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# end SUBJECT: one of the tool, which may find that it cannot be tried here. What stands before
# "end" runs it.
end() {
    local status=0
    timeout -k 1 $((2 * limit)) "${launcher[@]}" python3 "$tools/ends.py" "$@" >said 3>&- || status=$?
    [ "$status" -ne 77 ] || skip "$(cat said)"
    [ "$status" -eq 0 ] || fail "$(cat said)"
}
launcher=()

@test "a block device as stdout: what stood before and what comes after stays" {
    end block_device
}

@test "the master of a pseudo terminal as stdin and stdout" {
    end pty_master
}

@test "a stdout that nobody reads for a while does not hold up the other direction" {
    end stuck_pipe
    end stuck_terminal
    end stuck_pty_master
}

@test "a tun device as stdout stays attached" {
    unshare -n true 2>/dev/null || skip "no network of our own available here"
    launcher=(unshare -n sh -c 'ip link set lo up && exec "$@"' sh)
    end tun
}

@test "a stdout of another user's, as after su, does not hold up the other direction" {
    end of_another_user
}

@test "a FIFO as stdin that gets another writer does not hold up the other direction" {
    end fifo_with_writers
}

@test "a FIFO as stdin where another reader is faster does not hold up the other direction" {
    end fifo_with_readers
}

# left_fifo TEXT: a FIFO on descriptor 6 whose only writer wrote this and left.
left_fifo() {
    rm -f fifo
    mkfifo fifo
    exec 7<>fifo 6<fifo
    printf %s "$1" >&7
    exec 7>&-
}

@test "a FIFO as stdin whose writer has left before us is read to its end" {
    local text
    for text in secret ''; do
        start_listener
        left_fifo "$text"
        dial <&6
        exec 6<&-
        ends "$listener" 0
        [ "$(cat bob.out)" = "$text" ]
    done
}

# open_pipe: descriptor 6 reads from a pipe that nobody writes to, which descriptor 7 could.
open_pipe() {
    rm -f fifo
    mkfifo fifo
    exec 8<>fifo 6<fifo 7>fifo 8>&-
}

@test "a stdin that is not open for reading is refused at once" {
    open_pipe
    refused 1 'stdin: cannot read: Bad file descriptor' 'recv-only' -- as alice dial bob@127.0.0.1:1 0>&7
    refused 1 'stdin: cannot read: Bad file descriptor' 'recv-only' -- as bob listen 127.0.0.1:0 0>file
    echo content >bob.in
    start_listener
    dial --recv-only 0>&7 >alice.out
    ends "$listener" 0
    [ "$(cat alice.out)" = content ]
}

@test "a stdout that is not open for writing is said with the first byte that arrives, and no matter without" {
    local status=0
    open_pipe
    echo content >bob.in
    start_listener
    dial </dev/null 1<&6 2>alice.err || status=$?
    [ "$status" -eq 1 ]
    one_line "$(cat alice.err)" 'stdout: cannot write: Bad file descriptor'
    ends "$listener" 8
    rm bob.in
    start_listener
    dial </dev/null 1<&6
    ends "$listener" 0
}

@test "what nothing of a stream is read from or written to is refused" {
    [ "$(uname)" = Linux ] || skip "no epoll here"
    cat >with.py <<'END'
import os, select, socket, sys
thing = select.epoll() if sys.argv[1] == "epoll" else socket.create_server(("127.0.0.1", 0))
os.dup2(thing.fileno(), int(sys.argv[2]))
os.execv(sys.argv[3], sys.argv[3:])
END
    for thing in epoll listening; do
        refused 1 'stdout: cannot write: it is not a file, pipe' -- env KITH_DIR=alice \
            timeout "$limit" python3 with.py "$thing" 1 "$KITH" dial bob@127.0.0.1:1
        refused 1 'stdin: cannot read: it is not a file, pipe' -- env KITH_DIR=alice \
            timeout "$limit" python3 with.py "$thing" 0 "$KITH" dial bob@127.0.0.1:1
    done
}

# from_packets OPTION...: alice sends five packets of 4 KiB, as large as they can be.
from_packets() {
    start_listener --max-message-size "${1#*=}" || return
    KITH_DIR=alice bounded python3 -c '
import os, sys
try:
    reading, writing = os.pipe2(os.O_DIRECT)
except (AttributeError, OSError):
    sys.exit(77)
for at in range(5):
    os.write(writing, b"%d" % at * 4096)
os.close(writing)
os.dup2(reading, 0)
os.execv(sys.argv[1], sys.argv[1:])' "$KITH" dial "$@" "bob@$address" 3>&- || return
    ends "$listener" 0 || return
    [ "$(wc -c <bob.out)" -eq 20480 ]
}

@test "a pipe of packets as stdin is whole down to the rate and the size of messages that the manual names" {
    local status=0
    from_packets --max-message-size=4K --rate 80K || status=$?
    [ "$status" -ne 77 ] || skip "no pipes of packets here"
    [ "$status" -eq 0 ]
}

@test "with --inetd, a FIFO whose writer has left is a caller who has gone, at once" {
    left_fifo ''
    run --separate-stderr as bob serve --inetd --exec cat <&6
    exec 6<&-
    [ "$status" -eq 5 ]
    [[ $stderr == *'closed during the handshake'* ]]
}

@test "nor does a socket as stdin where another reader is faster" {
    end socket_with_readers
}

@test "a socket as stdin and stdout gets the peer's end, and goes on in the other direction" {
    end socket_half_close
}

@test "a socket as stdout that the shell writes to after us is not shut down" {
    end shared_socket
}

@test "dial at a terminal waits for what is typed, unless the peer has said something and ended" {
    end typing
}

@test "listen at a terminal waits for what is typed, to send only or if nothing came" {
    end typing_to_a_caller
}

@test "a program at a pseudo terminal goes on when the peer has ended" {
    end master_goes_on
}

@test "--progress does not wrap on a narrow terminal, nor when it is made narrower" {
    end narrow
}

#!/usr/bin/env bats
# shellcheck shell=bats
# SIGHUP, and a terminal that is closed, at a pipe: the end of a program that was hung up on as well is
# not the end of what it had to say.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# hangup SUBJECT: one of the tool.
hangup() {
    timeout -k 1 $((2 * limit)) python3 "$tools/hangups.py" "$@" 3>&-
}

# leaves HEARD: who started dial hears so many bytes, or -1 for all, closes both its ends, and hangs
# up, before the listener can answer to that. Sets dialer.
leaves() {
    cat >leave.py <<'END'
import os, signal, socket, subprocess, sys

listener = int(sys.argv[2])
far, near = (socket.socketpair() if sys.argv[1] == "-1" else (None, None))
if far:
    dial = subprocess.Popen(sys.argv[3:], stdin=far, stdout=far)
    far.close()
    says, hears = near.makefile("wb"), near.makefile("rb")
else:
    dial = subprocess.Popen(sys.argv[3:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    says, hears = dial.stdin, dial.stdout
says.write(b"question")
says.flush()
assert hears.read(int(sys.argv[1])) == b"answer"
os.kill(listener, signal.SIGSTOP)
if far:
    near.shutdown(socket.SHUT_RDWR)
else:
    os.dup2(hears.fileno(), 100)
    os.dup2(says.fileno(), 101)
    hears.close()
    says.close()
    os.closerange(100, 102)  # at once: the one without the other would be something else
dial.send_signal(signal.SIGHUP)
os.kill(listener, signal.SIGCONT)
sys.exit(dial.wait(20))
END
    KITH_DIR=alice bounded python3 leave.py "$1" "$listener" "$KITH" dial "bob@$address" 3>&- 8>&- 2>alice.err &
    dialer=$!
    also_started "$dialer"
    eventually grep -q question bob.out
}

@test "a program that closes both its ends and hangs up, as ssh does, leaves a whole channel" {
    hold_open bob.in
    start_listener
    echo -n answer >&8
    leaves 6
    exec 8>&- # as sshd, which ends once ssh has
    ends "$listener" 0
    ends "$dialer" 0
    [ ! -s alice.err ]
}

@test "so does one that has heard the peer's end before, where both its ends are one socket" {
    echo -n answer >bob.in
    start_listener
    leaves -1
    ends "$listener" 0
    ends "$dialer" 0
    [ ! -s alice.err ]
}

@test "a program that was hung up on has not ended, also where the peer has" {
    hangup still_read
}

@test "a pipeline that is hung up on, as when its terminal is closed, is cut" {
    hangup group
}

@test "dial that is hung up on while somebody still writes is cut" {
    hangup alone
}

@test "dial that is hung up on by somebody else than a program that has it for itself is cut" {
    hangup from_elsewhere
    hangup of_shell
}

@test "a terminal that is closed has not ended what was typed there" {
    hangup closed_terminal
}

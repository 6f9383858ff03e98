#!/usr/bin/env bats
# shellcheck shell=bats
# The targets of serve that are slow, busy or not there: waited for within the deadline, and said.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# start_target BACKLOG PAUSE: a UNIX socket that takes a connection every PAUSE seconds, says hello and closes.
start_target() {
    mkfifo target.ready
    python3 -c '
import socket, sys, time
sock = socket.socket(socket.AF_UNIX)
sock.bind("target")
sock.listen(int(sys.argv[1]))
print("ready", flush=True)
while True:
    time.sleep(float(sys.argv[2]))
    taken = sock.accept()[0]
    taken.sendall(b"hello\n")
    taken.shutdown(socket.SHUT_WR)
    while taken.recv(100):
        pass
    taken.close()' "$@" >target.ready 3>&- &
    started+=("$!")
    read -r -t "$limit" <target.ready
}

@test "a UNIX target whose backlog is full for a moment is waited for" {
    start_target 2 0.02
    start_serve "$PWD/target"
    local callers=()
    for i in {1..24}; do
        dial </dev/null >"got.$i" 2>"got.$i.err" &
        callers+=("$!")
    done
    for pid in "${callers[@]}"; do
        wait "$pid" || fail "a caller was sent away: $(cat serve.err)"
    done
    [ "$(cat got.{1..24} | sort | uniq -c | tr -s ' ')" = ' 24 hello' ]
}

@test "a UNIX target whose backlog stays full is given up at the deadline, and said" {
    start_target 0 600
    start_serve -w 2s "$PWD/target"
    start_dialer
    start_dialer
    says serve.err "cannot reach the target $PWD/target: its backlog is full"
}

# silent_address: one that answers nothing, since its backlog is full. Sets silent.
silent_address() {
    python3 -c '
import socket, time
sock = socket.socket()
sock.bind(("127.0.0.1", 0))
sock.listen(0)
print(sock.getsockname()[1], flush=True)
held = []
for _ in range(4):  # what fills its backlog, so that the kernel answers no other one
    held.append(socket.socket())
    held[-1].setblocking(False)
    held[-1].connect_ex(sock.getsockname())
time.sleep(600)' >silent.port 3>&- &
    started+=("$!")
    eventually grep -q . silent.port
    silent=127.0.0.1:$(cat silent.port)
}

@test "a target that does not answer within the deadline is said to be just that" {
    silent_address
    start_serve -w 1s "$silent"
    dial </dev/null 2>/dev/null || true
    says serve.err "cannot reach the target $silent: no answer in time; see --handshake-timeout"
}

@test "a peer that does not answer within the deadline, too: it is not its handshake" {
    silent_address
    refused 7 'cannot be reached: no answer in time' -- as alice check -w 1s "bob@$silent"
}

@test "the target that a bare port means is said as the address that was tried" {
    start_serve 1
    dial </dev/null 2>/dev/null || true
    says serve.err 'cannot reach the target 127\.0\.0\.1:1: Connection refused'
}

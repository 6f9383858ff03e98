#!/usr/bin/env bats
# shellcheck shell=bats
# The targets of serve that are slow, busy or not there: waited for within the deadline, and said.
# And several behind one port, each by its name: who gets which.

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
    start_serve -w 5s "$PWD/target"
    start_dialer
    start_dialer
    says serve.err "cannot reach the target: $PWD/target: its backlog is full.*takes no calls"
    ! grep -q firewall serve.err
}

# start_full_target: a UNIX socket that has no room until target.go is there. What each connection
# says that it gets then is in target.heard.
start_full_target() {
    rm -f target target.go
    python3 -c '
import os, socket, time
target = socket.socket(socket.AF_UNIX)
target.bind("target")
target.listen(0)
first = socket.socket(socket.AF_UNIX)
first.connect("target")
print("ready", flush=True)
while not os.path.exists("target.go"):
    time.sleep(0.01)
target.accept()
while True:
    with target.accept()[0] as taken:
        try:
            print("told", taken.recv(100), flush=True)
        except OSError:
            print("reset", flush=True)' >target.heard 3>&- &
    started+=("$!")
    eventually grep -q ready target.heard
}

@test "a target is told nothing by who is shut out while it is waited for, which is said" {
    start_full_target
    start_serve -w 1h --proxy-protocol "$PWD/target"
    echo word >alice.in
    start_dialer
    comes_to "$server" serve.err open=1
    cp carol/identity.pub bob/peers
    kill -HUP "$server"
    ends "$dialer" 8
    touch target.go
    says serve.err 'alice .*: ended: its key is no longer in the peers file .* received=0 .*id='
    KITH_DIR=carol bounded "$KITH" dial "bob@$address" <<<later || true
    eventually grep -q QUIT target.heard # as each header has it
    [ "$(grep -c QUIT target.heard)" -eq 1 ]
    ! grep -q word target.heard
}

@test "a local connection is carried to nobody who is the peer no more once its target is had, which is said" {
    start_full_target
    start_serve -w 1h "$PWD/target"
    start_forward -w 1h --spare 0
    exec 7<>"/dev/tcp/${near%:*}/${near##*:}"
    echo word >&7
    comes_to "$server" serve.err open=1
    cp carol/identity.pub alice/peers
    kill -HUP "$forwarder"
    says forward.err 'peers were read again'
    touch target.go
    says forward.err 'bob .*: ended: its key is no longer in the peers file .* sent=0 received=0'
    run cat <&7
    [ "$status" -ne 0 ] # a reset
    ! grep -q word target.heard
}

@test "a target that we leave before anything was carried sees a reset, and no end, from the first moment" {
    exec 6< <(exec 3>&-; exec python3 -c '
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
try:
    print("end", server.accept()[0].recv(1), flush=True)
except ConnectionResetError:
    print("reset", flush=True)')
    also_started "$!"
    read -r -t "$limit" port <&6
    launcher=(python3 "$tools/world.py" refuse=getsockopt:EPERM) # whether it is connected cannot be asked
    start_serve "$port"
    run ! dial </dev/null
    read -r -t "$limit" seen <&6
    [ "$seen" = reset ]
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

# is_told PATTERN: of a call, unless the machine was slower than its time before there was one.
is_told() {
    dial </dev/null 2>/dev/null || true
    grep -Eq -e "$1" serve.err
}

@test "a target that does not answer within the deadline is said to be just that" {
    silent_address
    start_serve -w 1s "$silent"
    eventually is_told "cannot reach the target: $silent: no answer in time; the address is wrong"
}

@test "a peer that does not answer within the deadline, too: it is not its handshake" {
    silent_address
    refused 7 'cannot be reached: no answer in time' -- as alice check -w 1s "bob@$silent"
}

@test "the target that a bare port means is said as the address that was tried" {
    start_serve 1
    dial </dev/null 2>/dev/null || true
    says serve.err 'cannot reach the target: 127\.0\.0\.1:1: Connection refused'
}

@test "a bare port is a target on the other loopback address, too" {
    needs_ipv6
    exec 6< <(exec 3>&-; exec python3 -c '
import socket
server = socket.create_server(("::1", 0), family=socket.AF_INET6)
print(server.getsockname()[1], flush=True)
server.settimeout(60)
server.accept()[0].sendall(b"hello\n")')
    read -r -t "$limit" port <&6
    start_serve "$port"
    [ "$(dial --recv-only)" = hello ]
}

@test "names: targets of each kind behind one port, for dial, forward, --plain and check" {
    tool named one_port
    tool named checked
}

@test "names: one that is longer than a message may be" {
    tool named small_messages
}

@test "names: who asks for none where all have one is refused" {
    tool named all_named
}

@test "names: one that there is not, is not permitted, or leads nowhere: status 5, and its reason" {
    tool named refused
}

@test "names: programs beside other targets, each by its name" {
    tool named programs
}

@test "names: a target that does not answer in time" {
    tool named slow
}

@test "names: one that a reload takes away ends its streams, and no others" {
    tool named reloaded
}

@test "names: a key that expires while its channel is kept gets no target any more" {
    tool named expired
}

@test "names: many connections at once to one of several" {
    tool named at_once
}

@test "names: a server that is started again leads to the same ones" {
    tool named restarted
}

@test "names: a known peer that asks for anything at all" {
    tool named hostile
}

# misnamed PATTERN TARGET...: serve refuses these.
misnamed() {
    refused 2 "$1" -- as bob serve 127.0.0.1:0 "${@:2}"
}

@test "names: NAME=TARGET that is none, twice there, or more than may be" {
    misnamed '=5432: .*is empty' =5432
    misnamed 'db=: not PORT, HOST:PORT' db=
    misnamed '77=5432: .*digits alone would be a port' 77=5432
    misnamed '64 bytes at most' "$(printf 'a%.0s' {1..65})=1"
    misnamed 'of A-Z a-z 0-9 . _ and -' 'a b=1'
    misnamed 'of A-Z a-z 0-9 . _ and -' $'a\xff=1'
    misnamed 'db=2: a second target of this name' db=1 web=2 db=2
    misnamed '2: a second target without a name; .*NAME=TARGET' 1 db=5 2
    misnamed 'exec:: there is no command line after exec:' exec:
    misnamed 'there is no command line' 'db=exec: '
    misnamed 'exec:b: a second target without a name' exec:a exec:b
    misnamed 'exec:b: --exec replaces TARGET' exec:b --exec cat
    misnamed '--proxy-protocol: no target takes a header' exec:cat --proxy-protocol
    misnamed '80: --exec replaces TARGET; .*NAME=TARGET' 80 --exec cat
    local many=()
    for i in {1..65}; do
        many+=("n$i=$i")
    done
    misnamed 'n65=65: one target too many' "${many[@]}"
    start_serve "${many[@]:0:64}"
    start_serve "$(printf 'a%.0s' {1..64})=1" db=2 --exec cat
    [ "$(echo x | as alice dial "bob@$address")" = x ]
    start_serve ./x=y/z
    says serve.err 'joined to ./x=y/z'
}

@test "names: PEER:NAME that is none" {
    for peer in bob: bob@127.0.0.1:1: 'bob:a b' "bob:$(printf 'a%.0s' {1..65})" 'bob@[::1]:1:'; do
        refused 2 'target' -- as alice dial "$peer"
        refused 2 'target' -- as alice forward 0 "$peer"
        refused 2 'target' -- as alice check "$peer"
    done
    refused 2 'not who is meant' -- as alice dial 127.0.0.1:5432
    refused 2 'not a number' -- as alice dial bob@localhost:http
    refused 2 'several colons' -- as alice dial bob@::1:9000
    refused 2 'where to call' -- as alice dial ./bob/identity.pub:db
    refused 3 'no such name' -- as alice dial nobody:db
    refused 2 'bob@127.0.0.1:1:db: --plain excludes a target by its name' -- as alice forward --plain 0 bob@127.0.0.1:1:db
}

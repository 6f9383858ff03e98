#!/usr/bin/env bats
# shellcheck shell=bats
# What is said names the cause, the right side's, and what can be done there.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# finds_us_late: alice takes our answer for too old; it takes a millisecond to be that.
finds_us_late() {
    run as alice dial --max-handshake-age 0s --synchrony-bound 0s "bob@$address" </dev/null
    [ "$status" = 6 ]
}

@test "who leaves with our answer is not said to be a check: it may have refused it" {
    start_serve --max-handshake-age 1h --exec cat
    eventually finds_us_late
    says serve.err 'left once it had our answer; .*(refuse|clock)'
    ! grep 'as a check does' serve.err
}

# somebody_between STEPS: from here on who calls $address comes to "relay", and these, in Python, are
# what becomes of it there, frame by frame; bob is called by call_bob.
somebody_between() {
    mkfifo relay
    python3 -c '
import socket, sys
host, port = sys.argv[1].split(":")
def frame(sock):
    head = sock.recv(4, socket.MSG_WAITALL)
    return head + sock.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
def call_bob():
    return socket.create_connection((host, int(port)))
relay = socket.create_server(("127.0.0.1", 0))
print("127.0.0.1:%d" % relay.getsockname()[1], flush=True)'"$1" "$address" >relay 3>&- &
    started+=("$!")
    read -r -t "$limit" address <relay
}

@test "nor where it could not have liked it: the answer came changed" {
    start_serve --exec cat
    somebody_between '
alice, _ = relay.accept()
bob = call_bob()
bob.sendall(frame(alice))
answer = bytearray(frame(bob))
answer[-1] ^= 1
alice.sendall(answer)
alice.recv(1)'
    refused 5 '' -- dial </dev/null
    says serve.err 'left once it had our answer; .*refuses the answer'
    ! grep 'as a check does' serve.err
}

# say_another_answer: at $address, what bob has answered to carol is said to whoever calls.
say_another_answer() {
    somebody_between '
carol, _ = relay.accept()
bob = call_bob()
bob.sendall(frame(carol))
answer = frame(bob)
carol.close()
alice, _ = relay.accept()
frame(alice)
alice.sendall(answer)
alice.recv(1)'
}

@test "an answer that is meant for another key: the caller is not told about the caller" {
    start_serve --exec cat
    say_another_answer
    as carol check "bob@$address" 2>/dev/null || true
    run -5 as alice check "bob@$address"
    [[ $output == *'meant for another key'* ]] || fail "$output"
    [[ $output != *'the caller'* ]] || fail "$output"
}

@test "no process to resolve a name is not said to be memory" {
    [ "$(id -u)" = 0 ] || skip "only root can be a user without other processes"
    ! sanitized || skip "a sanitizer may have a thread of its own"
    kith_for_others
    chmod -R a+rX .
    chmod 600 alice/identity
    chown -R 65531 alice
    local other=(setpriv --reuid 65531 --clear-groups)
    "${other[@]}" env "$KITH" --version >/dev/null 2>&1 || skip "that user cannot run kith from here"
    refused 1 'no process can be started' -- env KITH_DIR=alice timeout "$limit" \
        "${other[@]}" prlimit --nproc=2 "$KITH" check bob@localhost:1
}

@test "a link-local address without its zone" {
    needs_ipv6
    refused 4 'zone' 'fe80::1%' -- as alice check 'bob@[fe80::1]:9000'
    refused 4 'zone' 'fe80::1%' -- as bob listen '[fe80::1]:9000'
    refused 4 'zone' 'fe80::1%' -- as alice forward '[fe80::1]:9000' bob@127.0.0.1:1
    refused 4 'zone' 'fe80::1%' -- as alice check -s fe80::1 'bob@[::1]:9000'
    refused 4 'zone' -- as alice check 'bob@[fe80::1%nowhere]:9000'
}

@test "a --source that is none of ours" {
    refused 4 '--source' -- as alice check -s 192.0.2.1 bob@127.0.0.1:1
    refused 4 '--source' -- as alice check -s ::1 bob@127.0.0.1:1
    refused 4 '--source .* needs its zone' -- as alice check -s fe80::1 'bob@[fe80::2%lo]:9'
}

@test "a peer whose name is gone is no longer called, and nothing is said to have ended" {
    start_serve --exec cat
    echo "addr=\"$address\" $(cat bob/identity.pub)" >alice/peers
    start_daemon alice forward.err forward 0 bob
    cat carol/identity.pub >alice/peers
    kill -HUP "$daemon"
    says forward.err 'bob: no longer called'
    python3 -c '
import sys; sys.path.insert(0, sys.argv[1])
import daemons
daemons.connect(sys.argv[2]).recv(1)' "$tools" "$daemon_address" 2>&1 | grep reset
    says forward.err 'bob: not called: the peers file no longer says who and where it is'
    grep -q 'bob: no such name in the peers file: [^;]*/peers$' forward.err # and not what could be typed
    ! grep -E '[^y] ended|: ended' forward.err
}

@test "a peer whose address alone is gone: its channels go on" {
    start_serve --exec cat
    echo "addr=\"$address\" $(cat bob/identity.pub)" >alice/peers
    start_daemon alice forward.err forward 0 bob
    python3 -c '
import os, signal, sys; sys.path.insert(0, sys.argv[1])
import daemons
sock = daemons.connect(sys.argv[2])
sock.sendall(b"one")
assert daemons.read_exactly(sock, 3) == b"one"
with open("bob/identity.pub") as key, open("alice/peers", "w") as peers:
    peers.write(key.read())
os.kill(int(sys.argv[3]), signal.SIGHUP)
daemons.eventually(lambda: "no longer called" in open("forward.err").read(), "it is read again")
sock.sendall(b"two")
assert daemons.read_exactly(sock, 3) == b"two"
daemons.finish()' "$tools" "$daemon_address" "$daemon"
}

# hold_one: a connection to the forwarder that has its channel, until the end of the test.
hold_one() {
    rm -f held
    mkfifo held
    python3 -c '
import sys, time; sys.path.insert(0, sys.argv[1])
import daemons
sock = daemons.connect(sys.argv[2])
sock.sendall(b"x")
assert daemons.read_exactly(sock, 1) == b"x"
print("held", flush=True)
time.sleep(600)' "$tools" "$1" >held 3>&- &
    started+=("$!")
    read -r -t "$limit" <held
}

@test "too many connections: which limit, and its number" {
    start_serve --max-connections 1 --exec cat
    start_forward
    hold_one "$near"
    dial </dev/null 2>/dev/null || true
    says serve.err 'too many connections: 1 at once.*--max-connections'
}

@test "too many connections of one peer: which limit, and its number" {
    start_serve --max-per-peer 1 --exec cat
    start_forward
    hold_one "$near"
    dial </dev/null 2>/dev/null || true
    says serve.err 'alice.*too many connections of this peer: 1 at once.*--max-per-peer'
    start_serve --exec cat
    start_forward --max-per-peer 1
    hold_one "$near"
    ! hold_one "$near" 2>/dev/null || fail "a second one is let in"
    says forward.err 'bob.*too many connections of this peer: 1 at once.*--max-per-peer'
}

@test "a channel that ends before anything came: the target there may be down" {
    # The end of our data may meet a connection that is closed already: then it is reset.
    start_serve 127.0.0.1:1
    refused 8 'cut short before anything came[:;] .*it takes nothing .--send-only., a program there failed, what it serves is down, it was stopped, or it reached its --idle-timeout; its messages there tell which' -- dial </dev/null
}

@test "an --idle-timeout is named to the side that did not set it" {
    start_serve --idle-timeout 300ms words='exec:echo a; sleep 60'
    run -8 --separate-stderr as alice dial --recv-only "bob@$address:words"
    one_line "$stderr" 'what arrived is not all; .*reached its --idle-timeout'
    start_serve words='exec:echo a; sleep 60'
    run -7 as alice dial --idle-timeout 300ms "bob@$address:words" </dev/null
    says serve.err 'cut short: .*reached its --idle-timeout'
}

@test "where nobody listens it is asked whether kith runs there; a target is none of kith" {
    refused 4 'Connection refused; does kith serve.* run there.* A listen that has its peer' -- \
        as alice check bob@127.0.0.1:1
    refused 4 'Connection refused; does kith' -- as alice dial bob@localhost:1
    start_serve 1
    dial </dev/null 2>/dev/null || true
    says serve.err 'cannot reach the target: .*: Connection refused$'
}

@test "serve says at start what it carries, and how many may call" {
    start_serve 127.0.0.1:80
    says serve.err "$address: each caller is joined to 127\\.0\\.0\\.1:80; 2 peers may call$"
    start_serve -p alice --exec cat
    says serve.err "$address: each caller is joined to a program: cat; 1 peer may call$"
}

@test "who is refused is told of the conditions that a peer's line may have, too" {
    printf 'permit-target="1" %s\n' "$(cat alice/identity.pub)" >bob/peers
    start_serve 2
    refused 5 'has expired, or may not call from here; there is no target without a name for us \(PEER:NAME\)' -- \
        dial </dev/null
}

# break_off HOST:PORT: a connection there that is reset once it is joined.
break_off() {
    python3 -c '
import socket, struct, sys; sys.path.insert(0, sys.argv[1])
import daemons
sock = daemons.connect(sys.argv[2])
sock.sendall(b"x")
assert daemons.read_exactly(sock, 1) == b"x"
sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
sock.close()' "$tools" "$1"
}

@test "a local program that breaks off is named, and not the peer" {
    start_serve --exec cat
    start_forward
    break_off "$near"
    says forward.err 'the local program broke off: Connection reset by peer'
    ! grep 'cannot read' forward.err
}

@test "a target that breaks off is named, and not the peer" {
    exec 6< <(exec 3>&-; exec python3 -c '
import socket, struct
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
caller, _ = server.accept()
caller.recv(6, socket.MSG_WAITALL)
caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
caller.close()')
    also_started "$!"
    read -r -t "$limit" port <&6
    start_serve "$port"
    mkfifo alice.in
    exec 7<>alice.in # goes on, so that the reset is not that of what was written
    echo hello >&7
    start_dialer
    says serve.err 'the target broke off: Connection reset by peer'
    ends "$dialer" 8
    exec 7>&-
}

# have_passed MS SINCE: so long, by the clock.
have_passed() {
    [ $((${EPOCHREALTIME/[.,]/} - $2)) -ge $(($1 * 1000)) ]
}

@test "a signature that comes too late, as after a suspend, is called so" {
    [ -e "/proc/self/task/$$/children" ] || skip "no /proc that lists children"
    start_serve --exec cat
    keeper=$(tr ' ' '\n' <"/proc/$server/task/$server/children" | head -n 1)
    also_started "$keeper"
    kill -STOP "$keeper"
    start_dialer
    comes_to "$server" serve.err pending=1
    eventually have_passed 5000 "${EPOCHREALTIME/[.,]/}" # an Info may be two seconds old
    kill -CONT "$keeper"
    ends "$dialer" 5
    says serve.err 'refused: the process that holds the private key was too late; was this machine suspended'
    [ "$(echo there | dial)" = there ]
}

@test "one that does not come in time ends a call, and not --retry" {
    [ -e "/proc/self/task/$$/children" ] || skip "no /proc that lists children"
    address=127.0.0.1:$(free_port)
    mkfifo alice.in
    exec 8<>alice.in
    start_dialer -v -w 1s --retry 1m
    says alice.err 'called again for'
    keeper=$(tr ' ' '\n' <"/proc/$dialer/task/$dialer/children" | head -n 1)
    also_started "$keeper"
    kill -STOP "$keeper"
    start_daemon bob serve.err serve "$address" --exec cat
    comes_to "$daemon" serve.err pending=1
    comes_to "$daemon" serve.err pending=0
    kill -CONT "$keeper"
    echo there >&8
    exec 8>&-
    ends "$dialer" 0
    [ "$(cat alice.out)" = there ]
    grep -Eq 'has not signed in time; see --handshake-timeout' alice.err
}

# in_json FILE FIELD=PATTERN...: one of its lines has all of these fields, each as its pattern, or not
# at all where that is a dash.
in_json() {
    eventually python3 -c '
import json, re, sys
wanted = [word.split("=", 1) for word in sys.argv[2:]]
def fits(line):
    return all(field not in line if pattern == "-" else re.fullmatch(pattern, str(line.get(field)))
               for field, pattern in wanted)
lines = [json.loads(text) for text in open(sys.argv[1]) if text.endswith("\n")]
sys.exit(not any(fits(line) for line in lines))' "$@"
}

@test "JSON has who it is, where, and for which target, in fields of their own" {
    local at='127\.0\.0\.1:[0-9]+' key
    key=$(as alice pubkey)
    as stranger keygen -q
    cp bob/identity.pub stranger/peers
    start_serve --log-format json db=127.0.0.1:1 cat=exec:cat
    run -5 as stranger check "bob@$address:db"
    in_json serve.err level=note peer=- key="$(as stranger pubkey)" address="$at" target=- \
        'why=refused: key not known.*' "which=[0-9a-f]{8} at $at"
    run -5 as alice dial "bob@$address:bakcup"
    in_json serve.err level=note peer=alice key="$key" address="$at" target=bakcup \
        'why=refused: asks for a target that does not exist: bakcup' "which=alice .* at $at"
    run -5 as alice check "bob@$address:db"
    in_json serve.err level=error peer=alice key="$key" address="$at" target=db 'why=cannot reach the target: .*'
    as alice dial "bob@$address:cat" </dev/null
    in_json serve.err level=note why=whole peer=alice key="$key" address="$at" target=cat sent=0
    run -4 as alice dial --log-format json bob@127.0.0.1:1:db
    printf '%s\n' "$output" >dial.err
    in_json dial.err level=error peer=bob key="$(as bob pubkey)" address=127.0.0.1:1 target=db
}

@test "an idle channel of a key that is taken out is no error; one that carries a stream is" {
    local why='why=ended: its key is no longer.*'
    start_serve --log-format json cat=exec:cat
    start_daemon alice forward.err forward --spare 3 127.0.0.1:0 "bob@$address:cat"
    comes_to "$server" serve.err '"why":"totals","open":3,' 8 # or the connection calls one of its own
    exec 8<>"/dev/tcp/${daemon_address%:*}/${daemon_address##*:}"
    echo hello >&8
    read -r -t "$limit" <&8
    comes_to "$server" serve.err '"why":"totals","open":4,' 8
    : >bob/peers
    kill -HUP "$server"
    in_json serve.err level=note "$why" peer=alice received=0
    in_json serve.err level=error "$why" peer=alice received=6
    [ "$(grep -c '"level":"error"' serve.err)" = 1 ]
}

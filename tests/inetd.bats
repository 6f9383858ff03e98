#!/usr/bin/env bats
# shellcheck shell=bats
# --inetd: listen and serve with the channel on standard input and output, as those who start them
# for a call give it.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/programs.bash"

# super HOW CALLS WORD...: a super-server that starts bob's kith for each call, and he says what to
# bob.err. Sets address and super, its pid.
super() {
    rm -f address statuses
    : >bob.err
    cat >bob.sh <<'END'
#!/bin/sh
KITH_DIR=bob
export KITH_DIR
case $1 in
loud) shift && exec "$KITH" "$@" ;;
esac
exec "$KITH" "$@" 2>>bob.err
END
    chmod +x bob.sh
    python3 "$tools/inetd.py" "$1" "$2" ./bob.sh "${@:3}" >super.err 2>&1 </dev/null 3>&- 8>&- &
    super=$!
    also_started "$super"
    eventually [ -s address ]
    address=$(cat address)
}

# start_talking: alice calls, has said a part by descriptor 8, and heard it back.
start_talking() {
    rm -f alice.in alice.out
    mkfifo alice.in
    exec 8<>alice.in
    start_dialer
    echo part >&8
    eventually [ -s alice.out ]
}

# had STATUS...: the super-server is done, and so the programs that it started have ended.
had() {
    ends "$super" 0
    [ "$(tr '\n' ' ' <statuses)" = "$* " ] || fail "statuses: $(cat statuses)" "$(cat bob.err)"
}

@test "listen: a file arrives whole, by a socket and by two pipes" {
    local how
    random_file sent 5000000
    for how in socket pipes; do
        super "$how" 1 listen --inetd -v -o "got-$how"
        dial <sent
        had 0
        cmp sent "got-$how"
        grep -q whole bob.err
    done
}

@test "listen: a program has what arrives, and what it says arrives there" {
    local how
    random_file sent 5000000
    for how in socket pipes; do
        super "$how" 1 listen --inetd --exec tee copy
        dial <sent >back
        had 0
        cmp sent back
        cmp sent copy
        super "$how" 1 listen --inetd --exec sh -c 'cat >/dev/null; exit 3'
        run -8 dial <sent
        had 1
    done
}

@test "listen: what a program has in the place of the rest is not the channel" {
    local how
    for how in socket pipes; do
        super "$how" 1 listen --inetd --recv-only --exec sh -c 'cat >copy; echo something'
        echo word | dial --send-only
        had 0
        [ "$(cat copy)" = word ]
        grep -qx something bob.err
        super "$how" 1 listen --inetd --send-only --exec sh -c 'cat; echo "that was all"'
        [ "$(dial --recv-only)" = 'that was all' ]
        had 0
    done
}

@test "listen: nothing is said into the channel by who has it as standard error, too" {
    random_file sent 300000
    super all 1 loud listen --inetd -v -v -o got
    dial <sent
    had 0
    cmp sent got
    super all 1 loud listen --inetd --no-such-option
    run -5 dial <sent
    [[ $output == *'closed during the handshake'* ]]
    had 2
}

@test "listen: who is turned away ends it, with the reason and its status" {
    as bob keygen -n somebody ./somebody
    cat somebody.pub >bob/peers
    super socket 1 listen --inetd -o got
    run -5 dial </dev/null
    had 5
    grep -q 'key not known' bob.err
    [ ! -e got ]
    super pipes 1 listen --inetd -o got
    bounded socat -u STDIO "TCP:$address" <<<garbage-that-is-no-handshake
    had 5
    super socket 1 listen --inetd -w 1s -o got
    exec 7<>"/dev/tcp/127.0.0.1/${address##*:}"
    had 7
    exec 7>&-
}

@test "who says nothing, or something else, is this run's error: -q shows it" {
    local words
    for words in 'serve -q --inetd 1' 'listen -q --inetd -o got'; do
        # shellcheck disable=SC2086
        super socket 1 $words
        bounded socat -u /dev/null "TCP:$address"
        had 5
        one_line "$(cat bob.err)" 'refused: closed during the handshake$'
        # shellcheck disable=SC2086
        super pipes 1 $words
        bounded socat -u STDIO "TCP:$address" <<<'GET / HTTP/1.0'
        had 5
        one_line "$(cat bob.err)" 'not our protocol'
    done
}

@test "a condition on the address: a socket has one, two pipes do not" {
    printf 'from="127.0.0.0/8" %s\n' "$(cat alice/identity.pub)" >bob/peers
    super socket 1 listen --inetd -o one
    echo one | dial
    had 0
    super pipes 1 listen --inetd -o two
    run -5 dial </dev/null
    had 5
    grep -q 'may not call from this address' bob.err
    [ ! -e two ]
}

@test "a program is told where its caller is, if that is known" {
    super socket 1 listen --inetd --exec env
    dial --recv-only >said
    had 0
    grep -qx KITH_REMOTE_ADDR=127.0.0.1 said
    grep -qx "KITH_LOCAL_PORT=${address##*:}" said
    super pipes 1 listen --inetd --exec env
    dial --recv-only >said
    had 0
    grep -qx KITH_PEER_NAME=alice said
    grep -qx KITH_REMOTE_ADDR= said
    grep -qx KITH_LOCAL_PORT= said
}

@test "a channel that is cut leaves no file, and each side says so" {
    local how
    mkdir new
    for how in socket pipes; do
        rm -f alice.in
        mkfifo alice.in
        exec 8<>alice.in
        super "$how" 1 listen --inetd -v -o new/file
        start_dialer
        echo part >&8
        eventually grep -q connected bob.err
        kill -KILL "$dialer"
        had 8
        ends "$dialer" 137
        [ -z "$(ls -A new)" ]
    done
}

@test "of our descriptors none but those that are meant is the channel" {
    [ -e /proc/self/fd ] || skip "what is open cannot be seen here"
    super socket 1 listen --inetd --exec sh -c 'ls -l /proc/self/fd; cat'
    dial </dev/null >said
    had 0
    [ "$(grep -c ' -> ' said)" -eq 4 ] # the last is the folder
    run ! grep socket said
}

@test "serve: a plain channel, and one that is kept, by a socket and by two pipes" {
    local how
    random_file sent 5000000
    for how in socket pipes; do
        super "$how" 3 serve --inetd exec:cat two='exec:echo two'
        dial <sent >back
        cmp sent back
        [ "$(as alice dial --recv-only "bob@$address:two")" = two ]
        run -0 as alice check "bob@$address:two"
        had 0 0 0
        grep -q 'whole' bob.err
    done
}

@test "serve: one stream after another on a channel that forward keeps, by a command" {
    local n how
    needs socat
    for how in '' ,pipes; do
        printf '#!/bin/sh\nKITH_DIR=bob exec "$KITH" serve --inetd exec:cat sum=exec:sha256sum 2>>bob.err\n' >bob.sh
        chmod +x bob.sh
        found_at host.invalid:1
        forwards --via "echo \$\$ >>calls; exec socat STDIO EXEC:./bob.sh$how" --spare 0 127.0.0.1:0
        random_file sent 50000 # socat waits for one side while the other waits for it
        for n in 1 2 3; do
            socat -t "$limit" STDIO "TCP:$near" <sent >back
            cmp sent back
            comes_to "${kiths[-1]}" forward.err open=0 # and its channel is there for the next
        done
        [ "$(wc -l <calls)" -lt 3 ] # on a machine that stands still for a second one more is asked
        random_file sent 5000000
        [ "$(as alice dial --via "exec socat STDIO EXEC:./bob.sh$how" bob:sum <sent)" = \
            "$(sha256sum <sent)" ]
        finish
        rm calls
    done
}

@test "serve: the command of --via itself, as kubectl exec has it" {
    printf '#!/bin/sh\nKITH_DIR=bob exec "$KITH" serve --inetd exec:cat 2>>bob.err\n' >bob.sh
    chmod +x bob.sh
    found_at host.invalid:1
    random_file sent 3000000
    as alice dial --via ./bob.sh bob <sent >back
    cmp sent back
    as alice check --via ./bob.sh bob
    forwards --via ./bob.sh 127.0.0.1:0
    [ "$(echo word | socat -t "$limit" STDIO "TCP:$near")" = word ]
    [ "$(echo word | socat -t "$limit" STDIO "TCP:$near")" = word ]
    finish
}

@test "over ssh: whoever may log in starts the other end" {
    local far
    run_sshd
    found_at host.invalid:1
    far="ssh -F ssh_config -p $sshd_port 127.0.0.1 env KITH_DIR=$PWD/bob $KITH"
    random_file sent 3000000
    as alice dial --via "$far listen --inetd -o $PWD/there" bob <sent
    cmp sent there
    run -4 as alice dial --via "$far listen --inetd -o $PWD/there" bob <sent
    [[ $output == *'exists already'* ]]
    as alice dial --via "$far serve --inetd exec:cat" bob <sent >back
    cmp sent back
    forwards --via "$far serve --inetd exec:cat" 127.0.0.1:0
    socat -t "$limit" STDIO "TCP:$near" <sent >back
    cmp sent back
    finish
}

@test "serve: its status says how the channel ended" {
    local how
    for how in socket pipes; do
        super "$how" 1 serve --inetd exec:'cat >/dev/null; exit 3'
        run -8 dial </dev/null
        had 1
        super "$how" 1 serve --inetd 1 # where nobody listens
        run -8 dial </dev/null
        had 4
        super "$how" 1 serve --inetd exec:cat
        run -5 as alice dial -n other "bob@$address" </dev/null
        had 5
        super "$how" 1 serve --inetd exec:cat
        start_talking
        kill -KILL "$dialer"
        had 8
    done
}

@test "serve: its status says that what was asked for is not to be had" {
    local targets=(lost=1 none=/nowhere/x db=exec:cat) # where nobody listens
    super socket 5 serve --inetd -q "${targets[@]}"
    run -5 as alice dial "bob@$address:lost" </dev/null
    run -5 as alice dial "bob@$address:none" </dev/null
    run -5 as alice dial "bob@$address:other" </dev/null
    run -5 as alice check "bob@$address:other"
    as alice dial "bob@$address:db" </dev/null
    had 4 4 5 5 0
    grep -q 'cannot reach the target: lost, 127.0.0.1:1: Connection refused' bob.err
    grep -q 'alice .*asks for a target that does not exist: other' bob.err
}

@test "serve: a target that was refused still counts when a later stream on the channel is whole" {
    printf 'permit-target="one" %s\n' "$(cat alice/identity.pub)" >bob/peers
    super socket 1 serve --inetd one=exec:cat two=exec:'echo two'
    start_kith alice forward --spare 0 127.0.0.1:0 "bob@$address:two"
    near=$ready
    run socat -u "TCP:$near" STDOUT
    eventually grep -q "refused: may not be joined to this target: two" bob.err
    printf 'permit-target="two" %s\n' "$(cat alice/identity.pub)" >bob/peers
    pkill -HUP -P "$super"
    eventually grep -q 'read again' bob.err
    [ "$(socat -u "TCP:$near" STDOUT)" = two ]
    finish
    had 5
}

@test "serve: at SIGTERM a stream goes on to its end, and a channel that carries none is left" {
    local how
    for how in socket pipes; do
        super "$how" 1 serve --inetd exec:cat
        start_talking
        pkill -TERM -P "$super"
        eventually grep -q 'no new calls' bob.err
        echo more >&8
        exec 8>&-
        ends "$dialer" 0
        had 0
        [ "$(cat alice.out)" = $'part\nmore' ]
    done
    found_at host.invalid:1
    needs socat
    super pipes 1 serve --inetd exec:cat
    forwards --via "exec socat STDIO TCP:$address" 127.0.0.1:0
    [ "$(echo word | socat -t "$limit" STDIO "TCP:$near")" = word ]
    pkill -TERM -P "$super"
    had 0
    finish
}

@test "serve: a peer whose line is taken out is cut off" {
    local how
    for how in socket pipes; do
        cp alice/identity.pub bob/peers
        super "$how" 1 serve --inetd exec:cat
        start_talking
        as bob keygen -n somebody "./other-$how"
        cat "other-$how.pub" >bob/peers
        pkill -HUP -P "$super"
        eventually grep -q 'read again' bob.err
        echo more >&8
        ends "$dialer" 8
        had 8
        exec 8>&-
    done
}

@test "serve: who says nothing is sent away in time" {
    super socket 1 serve --inetd -w 1s exec:cat
    exec 7<>"/dev/tcp/127.0.0.1/${address##*:}"
    had 7
    exec 7>&-
}

@test "what is no channel is refused, and so is what leaves nothing for the data" {
    refused 2 'a connected socket, or two pipes' -- as bob listen --inetd -o got </dev/null
    refused 2 'needs -o FILE or --exec CMD' -- as bob listen --inetd
    refused 2 'excludes --ready-fd' -- as bob listen --inetd --ready-fd 2 -o got
    refused 2 'excludes --source' -- as bob listen --inetd -s 127.0.0.1 -o got
    refused 2 'one argument too many' -- as bob listen --inetd -o got 9000
    refused 2 'not an option of this command' -- as bob dial --inetd bob
    refused 2 'a connected socket, or two pipes' -- as bob serve --inetd exec:cat </dev/null
    refused 2 'TARGET is missing' -- as bob serve --inetd
    KITH_DIR=bob run -2 script -qec "'$KITH' serve --inetd exec:cat" /dev/null
    [[ $output == *'a connected socket, or two pipes'* ]]
    run -2 bash -c 'KITH_DIR=bob "$KITH" serve --inetd exec:cat </dev/null >log 2>&1'
    grep 'a connected socket, or two pipes' log
    run -2 --separate-stderr bash -c 'set -o pipefail
        cat bob/identity | KITH_DIR=bob "$KITH" listen --inetd -i - -o got | cat'
    [[ $stderr == *'with --inetd it is the channel'* ]]
    [ ! -e got ]
}

@test "what is wrong goes to a log that is a socket, and never to the network" {
    cat >sockets.py <<'END'
import socket, subprocess, sys

def hears(ours, theirs, **streams):
    """What the other side of these streams is told."""
    subprocess.run([sys.argv[1], "serve", "--inetd", "exec:cat"], timeout=20, stderr=theirs, **streams)
    theirs.close()
    return ours.makefile("rb").read()

def connected():
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        return ours, server.accept()[0]

ours, log = socket.socketpair()
assert b"a connected socket, or two pipes" in hears(ours, log, stdin=subprocess.DEVNULL, stdout=log)
ours, caller = connected()
assert hears(ours, caller, stdin=subprocess.DEVNULL, stdout=caller) == b""
ours, caller = connected()
assert hears(ours, caller, stdin=caller, stdout=subprocess.DEVNULL) == b""
ours, log = socket.socketpair()
with socket.create_server(("127.0.0.1", 0)) as server: # as of systemd with Accept=no
    assert b"a connected socket, or two pipes" in hears(ours, log, stdin=server, stdout=server)
END
    KITH_DIR=bob bounded python3 sockets.py "$KITH" 3>&-
}

#!/usr/bin/env bats
# shellcheck shell=bats
# An identity that an ssh-agent has: which of its keys, what it does not do, and what of an agent
# that lies, sleeps, or is another one by now.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# Alice's key is one of an agent; what she had is gone.
setup() {
    command -v ssh-agent >/dev/null || skip "no ssh-agent here"
    unset KITH_DIR KITH_IDENTITY KITH_PEERS SSH_AUTH_SOCK
    cp -R "$BATS_FILE_TMPDIR"/{alice,bob} "$BATS_TEST_TMPDIR"
    cd "$BATS_TEST_TMPDIR" || return
    rm alice/identity alice/identity.pub
    start_agent
    ssh-keygen -q -t ed25519 -N '' -C "alice at work" -f key
    ssh-add -q key
    echo "$("$KITH" pubkey key.pub) alice" >bob/peers
}

# start_agent COMMAND...: an agent of our own at ./agent, by this if given. Sets agent, its pid.
start_agent() {
    rm -f agent
    "$@" ssh-agent -D -a "$PWD/agent" >/dev/null 2>agent.err 3>&- &
    agent=$!
    also_started "$agent"
    export SSH_AUTH_SOCK=$PWD/agent
    eventually answers
}

# 1 is an agent without a key, 2 none.
answers() {
    ssh-add -l >/dev/null 2>&1 || [ $? = 1 ]
}

# lie list|sign LIE: from here on the agent lies so.
lie() {
    python3 "$tools/lying_agent.py" "$PWD/agent" "$PWD/$1-$2" "$1" "$2" 3>&- &
    also_started $!
    eventually [ -S "$1-$2" ]
    SSH_AUTH_SOCK=$PWD/$1-$2
}

check() {
    as alice check -i agent: "bob@$address"
}

# serve_as_agent: it is bob whose key the agent has, and alice calls him with one of a file.
serve_as_agent() {
    echo "$("$KITH" pubkey key.pub) bob" >alice/peers
    cp "$BATS_FILE_TMPDIR/alice/identity" "$BATS_FILE_TMPDIR/alice/identity.pub" alice
    cp alice/identity.pub bob/peers
    start_daemon bob serve.err serve -i agent: 127.0.0.1:0 1
    server=$daemon
    address=$daemon_address
}

@test "the only Ed25519 key of an agent is the identity, without being named" {
    ssh-keygen -q -t rsa -b 2048 -N '' -f rsa
    ssh-keygen -q -t ecdsa -N '' -f ecdsa
    ssh-add -q rsa ecdsa
    [ "$("$KITH" pubkey agent:)" = "$("$KITH" pubkey key.pub)" ]
    start_serve 1
    check
    KITH_IDENTITY=agent: as alice check "bob@$address"
}

@test "a key of several is named by its comment, or by the key in either form" {
    local named
    ssh-keygen -q -t ed25519 -N '' -C other -f other
    ssh-add -q other
    refused 3 agent 'several Ed25519 keys' 'ssh-add -L' -- "$KITH" pubkey agent:
    for named in "alice at work" "$("$KITH" pubkey key.pub)" "$(cat key.pub)" \
        "$(cut -d ' ' -f 1-2 key.pub)" "$(cut -d ' ' -f 2 key.pub)"; do
        [ "$("$KITH" pubkey "agent:$named")" = "$("$KITH" pubkey key.pub)" ]
    done
    start_serve 1
    as alice check -i "agent:alice at work" "bob@$address"
    run -5 as alice check -i agent:other "bob@$address"
}

@test "a comment that two keys have names neither, one that no key has none" {
    ssh-keygen -q -t ed25519 -N '' -C "alice at work" -f other
    ssh-add -q other
    refused 3 'agent:alice at work' 'several Ed25519 keys' -- "$KITH" pubkey "agent:alice at work"
    refused 3 'agent:alice' 'no Ed25519 key of that name' -- "$KITH" pubkey agent:alice
    [ "$("$KITH" pubkey "agent:$(cat other.pub)")" = "$("$KITH" pubkey other.pub)" ]
}

@test "a named key that is of another type, not there, or no key is called that" {
    ssh-keygen -q -t rsa -b 2048 -N '' -C old -f rsa
    ssh-add -q rsa
    refused 3 'agent:old' 'another type than Ed25519' 'ssh-add' -- "$KITH" pubkey agent:old
    refused 3 'another type than Ed25519' -- "$KITH" pubkey "agent:$(cat rsa.pub)"
    refused 3 'no Ed25519 key of that name' -- "$KITH" pubkey "agent:$(cut -d ' ' -f 1 alice/peers)"
    refused 3 'damaged key' -- "$KITH" pubkey "agent:$(cut -c 1-40 key.pub)"
    refused 3 'FIDO token' -- "$KITH" pubkey \
        "agent:sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIA=="
}

@test "no agent, no socket, a folder, a path too long, no key, and only a token's are told apart" {
    refused 3 'SSH_AUTH_SOCK is not set' ssh-agent -- env -u SSH_AUTH_SOCK "$KITH" pubkey agent:
    refused 3 'cannot be reached' "$PWD/none: No such file" -- \
        env SSH_AUTH_SOCK="$PWD/none" "$KITH" pubkey agent:
    refused 3 'cannot be reached' -- env SSH_AUTH_SOCK="$PWD" "$KITH" pubkey agent:
    refused 3 'longer than' -- env SSH_AUTH_SOCK="$(printf '/%0120d' 1)" "$KITH" pubkey agent:
    lie list token
    refused 3 'FIDO token' sk- -- "$KITH" pubkey agent:
    refused 3 'FIDO token' sk- -- "$KITH" pubkey agent:token
    SSH_AUTH_SOCK=$PWD/agent
    ssh-add -q -D
    refused 3 'no Ed25519 key' 'ssh-add FILE' -- "$KITH" pubkey agent:
    refused 3 'no Ed25519 key' 'ssh-add FILE' -- "$KITH" dial -i agent: "$(cut -d ' ' -f 1 bob/peers)@127.0.0.1:1"
}

@test "what kith does not make an agent's key of, and a file of such a name" {
    refused 2 'does not make' 'ssh-keygen' -- "$KITH" keygen agent:mine
    [ ! -e agent:mine ]
    "$KITH" keygen ./agent:
    [ "$("$KITH" pubkey ./agent:)" = "$(cut -d ' ' -f 1 agent:.pub)" ]
}

@test "an agent of another user is not asked" {
    [ "$(id -u)" = 0 ] || skip "only root can start one"
    command -v setpriv >/dev/null || skip "no setpriv here"
    mkdir theirs && chown 65534 theirs
    chmod 711 "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR"
    setpriv --reuid=65534 --clear-groups ssh-agent -D -a "$PWD/theirs/agent" >/dev/null 2>&1 3>&- &
    also_started $!
    SSH_AUTH_SOCK=$PWD/theirs/agent
    eventually answers
    ssh-add -q key
    refused 3 "another user's" -- "$KITH" pubkey agent:
}

@test "an agent is its user's own who is not root, too" {
    [ "$(id -u)" = 0 ] || skip "every other test is for one who is not"
    command -v setpriv >/dev/null || skip "no setpriv here"
    kith_for_others
    start_listener
    chown -R 65534 alice
    mkdir theirs && chown 65534 theirs
    local them=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    "${them[@]}" ssh-agent -D -a "$PWD/theirs/agent" >/dev/null 2>&1 3>&- &
    also_started $!
    SSH_AUTH_SOCK=$PWD/theirs/agent
    eventually answers
    ssh-add -q key
    echo whole | bounded "${them[@]}" env KITH_DIR=alice "$KITH" dial -i agent: "bob@$address" 3>&-
    ends "$listener" 0
    [ "$(cat bob.out)" = whole ]
}

@test "dial and listen, serve and forward, each with a key of the agent" {
    local far
    start_listener
    echo whole | as alice dial -i agent: "bob@$address"
    ends "$listener" 0
    [ "$(cat bob.out)" = whole ]
    ssh-keygen -q -t ed25519 -N '' -C bob -f bobs
    ssh-add -q bobs
    echo "$("$KITH" pubkey bobs.pub) bob" >alice/peers
    start_listener -i agent:bob
    echo again | as alice dial -i "agent:alice at work" "bob@$address"
    ends "$listener" 0
    [ "$(cat bob.out)" = again ]
    start_daemon bob serve.err serve -i agent:bob 127.0.0.1:0 "exec:/bin/echo served"
    address=$daemon_address
    start_daemon alice forward.err forward -i "agent:alice at work" 127.0.0.1:0 "bob@$address"
    far=$daemon_address
    [ "$(python3 -c 'import socket, sys
host, port = sys.argv[1].rsplit(":", 1)
print(socket.create_connection((host, int(port))).makefile().read(), end="")' "$far")" = served ]
}

@test "none of the processes has the private key" {
    [ "$(id -u)" = 0 ] || skip "only root can look into the memory of other processes"
    ! sanitized || skip "the sanitizers keep freed memory, and maps of terabytes"
    local seed process
    seed=$(python3 -c 'import base64
data = base64.b64decode("".join(open("key").read().split("\n")[1:-2]))
at = data.rindex(bytes([0, 0, 0, 64]))
print(data[at + 4 : at + 36].hex())')
    (umask 077 && echo "$seed" >seed)
    [ "$("$KITH" pubkey seed)" = "$("$KITH" pubkey key.pub)" ]
    serve_as_agent
    as alice check "bob@$address"
    for process in "$server" $(cat "/proc/$server/task/$server/children"); do
        [ "$(python3 "$tools/search_memory.py" "$process" "$seed")" = 0 ]
    done
}

@test "a daemon goes on with an agent that was locked, lost its key, or was started anew" {
    serve_as_agent
    as alice check "bob@$address"

    ssh-add -q -d key
    run -5 as alice check "bob@$address"
    says serve.err 'the ssh-agent refuses'
    ssh-add -q key
    as alice check "bob@$address"

    kill "$agent"
    ends "$agent" 0 2 143
    run -5 as alice check "bob@$address"
    says serve.err 'the ssh-agent cannot be reached'
    start_agent
    ssh-add -q key
    as alice check "bob@$address"
}

@test "a locked agent shows no key, and makes no signature" {
    start_serve 1
    printf '#!/bin/sh\necho word\n' >askpass && chmod +x askpass
    export SSH_ASKPASS=$PWD/askpass SSH_ASKPASS_REQUIRE=force
    ssh-add -q -x
    refused 3 'no Ed25519 key' 'ssh-add -X' -- as alice check -i agent: "bob@$address"
    ssh-add -q -X
    check
}

@test "a key that has to be confirmed is refused where nobody confirms it" {
    start_serve 1
    kill "$agent"
    start_agent env SSH_ASKPASS=/bin/false SSH_ASKPASS_REQUIRE=force
    ssh-add -q -c key
    refused 3 'the ssh-agent refuses' 'ssh-add -c' -- as alice check -i agent: "bob@$address"
}

@test "an agent that answers no request for its keys, or never all of it, is given up" {
    local lie pids=() pid
    for lie in silent trickle; do
        lie list "$lie"
        refused 3 'does not answer in time.*is it stopped' -- "$KITH" pubkey agent: &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
}

@test "what no agent says is refused" {
    local each
    for each in endless banner other-answer empty million; do
        lie list "$each"
        refused 3 'the answer of the ssh-agent is malformed' -- "$KITH" pubkey agent:
    done
    for each in cut truncated; do
        lie list "$each"
        refused 3 'hung up' -- "$KITH" pubkey agent:
    done
}

@test "a signature that is wrong, of another length, by another key or of other bytes is not used" {
    local each
    ssh-keygen -q -t ed25519 -N '' -C other -f other
    ssh-add -q other
    start_serve 1
    for each in flipped other-message other-key; do
        lie sign "$each"
        refused 3 'signature is wrong' -- as alice check -i "agent:alice at work" "bob@$address"
    done
    for each in short long other-type endless banner other-answer empty; do
        lie sign "$each"
        refused 3 'the answer of the ssh-agent is malformed' -- as alice check -i "agent:alice at work" "bob@$address"
    done
    for each in cut truncated; do
        lie sign "$each"
        refused 3 'hung up' -- as alice check -i "agent:alice at work" "bob@$address"
    done
}

@test "an agent that does not sign in time is blamed for it, before the handshake's own deadline" {
    local each pids=() pid
    start_serve 1
    for each in silent trickle; do
        lie sign "$each"
        refused 3 'ssh-agent does not answer in time' 'handshake-timeout' -- \
            as alice check -i agent: -w 12s "bob@$address" & # its own is three seconds later
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
}

# Eight calls at once: the last would be late if they were signed one after the other.
@test "a slow agent is asked for many signatures at once" {
    local calls=() call
    lie sign slow
    serve_as_agent
    for _ in 1 2 3 4 5 6 7 8; do
        as alice check "bob@$address" &
        calls+=($!)
    done
    for call in "${calls[@]}"; do
        wait "$call"
    done
}

@test "more calls at once than an agent is asked for wait their turn" {
    lie sign slow
    echo "$("$KITH" pubkey key.pub) bob" >alice/peers
    cp "$BATS_FILE_TMPDIR"/alice/identity{,.pub} alice
    cp alice/identity.pub bob/peers
    start_daemon bob serve.err serve -i agent: 127.0.0.1:0 'exec:/bin/echo served'
    address=$daemon_address
    start_forward --plain --ready-on listen -w 60s
    python3 -c '
import socket, sys
host, port = sys.argv[1].rsplit(":", 1)
calls = [socket.create_connection((host, int(port))) for _ in range(80)]
sys.exit(any(call.makefile().read() != "served\n" for call in calls))' "$near"
}

@test "gpg-agent, with a key of its own" {
    command -v gpg-agent >/dev/null || skip "no gpg-agent here"
    local gpg_agent
    mkdir -m 700 gnupg
    export GNUPGHOME=$PWD/gnupg
    gpg --batch --quiet --passphrase '' --quick-gen-key alice ed25519 cert,sign,auth never 2>gpg.err
    gpg --batch --with-colons --with-keygrip -K | awk -F: '$1 == "grp" { print $10 }' >gnupg/sshcontrol
    gpgconf --kill gpg-agent
    gpg-agent --daemon --enable-ssh-support >/dev/null 2>gpg.err 3>&-
    SSH_AUTH_SOCK=$(gpgconf --list-dirs agent-ssh-socket)
    eventually answers
    gpg_agent=$(gpg-connect-agent 'getinfo pid' /bye | sed -n 's/^D //p')
    also_started "$gpg_agent"
    echo "$("$KITH" pubkey agent:) alice" >bob/peers
    [ "$("$KITH" pubkey "agent:$(ssh-add -L | cut -d ' ' -f 1-2)")" = "$(cut -d ' ' -f 1 bob/peers)" ]
    start_serve 1
    check
}

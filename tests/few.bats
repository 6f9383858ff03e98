#!/usr/bin/env bats
# shellcheck shell=bats
# Few descriptors: nobody is taken who cannot be carried, and what is said names the cause.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# limited COUNT: what is started from here on may have so many descriptors.
limited() {
    launcher=(bash -c 'ulimit -n "$0" && exec "$@"' "$1")
}

# many_at_once COUNT: so many connections at once; those that are not refused give back a byte.
many_at_once() {
    bounded python3 -c '
import socket, sys
host, port = sys.argv[1].rsplit(":", 1)
carried, socks = 0, []
for _ in range(int(sys.argv[2])):
    socks.append(socket.socket())
    socks[-1].setblocking(False)
    socks[-1].connect_ex((host, int(port)))
for sock in socks:
    sock.settimeout(20)
    try:
        sock.sendall(b"x")
        carried += sock.recv(1) == b"x"
    except OSError:
        pass
print(carried)' "$near" "$1"
}

@test "forward --plain takes no more connections than it has descriptors for" {
    local number
    start_serve --exec cat
    for number in 24 32 64; do
        limited "$number"
        : >forward.err
        start_forward --plain
        [ "$(many_at_once "$number")" -gt 0 ]
        run ! grep 'descriptors for one\|Too many open files' forward.err
        kill "$forwarder"
        ends "$forwarder" 0
    done
}

@test "who cannot start for want of descriptors says where to look" {
    sanitized && skip "a sanitizer wants some for itself"
    local number
    "$KITH" keygen --namespace ns
    for number in {5..9}; do
        limited "$number"
        for command in 'serve 0 1' 'listen 0' 'listen --namespace-file ns 0' \
            'forward 0 bob@127.0.0.1:1'; do
            # shellcheck disable=SC2086
            run -1 env KITH_DIR=alice timeout "$limit" "${launcher[@]}" "$KITH" $command </dev/null 3>&- 4>&-
            [[ $output == kith:*'; see ulimit -n' ]] || fail "$number, $command: $output"
        done
    done
}

# leave PID COUNT: it may open so many descriptors more.
leave() {
    needs_to_see_descriptors
    command -v prlimit >/dev/null || skip "no prlimit"
    eventually [ ! -e "/proc/$1/fd/9" ] # where it has said that it is ready
    prlimit --pid "$1" --nofile=$(($(find "/proc/$1/fd" -type l | wc -l) + $2)):
}

@test "a name that is not looked for since descriptors are lacking: it is said so" {
    start_serve --exec cat
    address=localhost:${address##*:}
    start_forward --plain
    leave "$forwarder" 2
    bash -c "exec 3<>/dev/tcp/${near/:/\\/}; read -r -n 1 <&3" || true
    says forward.err 'too few descriptors.*ulimit -n'
    ! grep -q 'start kith again' forward.err
}

@test "so it is of a program of a target" {
    start_serve x=exec:cat
    address=$address:x
    leave "$server" 4
    run dial </dev/null
    says serve.err 'exec:cat: .*Too many open files; see ulimit -n'
}

@test "dial --retry leaves no descriptor of a call that failed to the next one" {
    needs_to_see_descriptors
    KITH_DIR=alice bounded python3 -c '
import os, socket, subprocess, sys
server = socket.create_server(("127.0.0.1", 0))
peer = "bob@127.0.0.1:%d" % server.getsockname()[1]
with subprocess.Popen([sys.argv[1], "dial", "--retry", "1m", peer], stdin=subprocess.DEVNULL) as dial:
    counts = []
    for _ in range(3):
        with server.accept()[0] as caller:
            caller.recv(1)
            counts.append(len(os.listdir(f"/proc/{dial.pid}/fd")))
    dial.kill()
sys.exit(f"{counts} descriptors are open" if counts[2] > counts[0] else 0)' "$KITH"
}

# with_stack KIB: what is started from here on has such a stack, and nothing of the environment in it.
with_stack() {
    launcher=(bash -c 'ulimit -s "$0" && exec env -i KITH_DIR="$KITH_DIR" "$@"' "$1")
}

@test "a stack of 128 KiB is enough for serve and forward, and what is carried then" {
    sanitized && skip "a build with sanitizers has larger frames"
    with_stack 128
    start_serve --exec cat
    start_forward
    [ "$(many_at_once 3)" -eq 3 ]
    kill -USR1 "$server" "$forwarder"
    says serve.err totals
    says forward.err totals
    kill "$forwarder"
    ends "$forwarder" 0
    kill "$server"
    ends "$server" 0
}

@test "a stack of 128 KiB is enough for keys of each kind, listen, dial and check" {
    sanitized && skip "a build with sanitizers has larger frames"
    with_stack 128
    KITH_DIR=dave bounded "${launcher[@]}" "$KITH" keygen
    ssh-keygen -q -t ed25519 -N '' -C bob -f ssh_key
    (umask 077 && echo secret >secret)
    openssl pkcs8 -topk8 -in dave/identity -passout file:secret -out encrypted.pem
    openssl pkcs8 -topk8 -in dave/identity -passout file:secret -scrypt -out scrypt.pem
    for file in ssh_key encrypted.pem scrypt.pem; do
        KITH_DIR=bob bounded "${launcher[@]}" "$KITH" pubkey --passphrase-file secret "$file"
    done
    KITH_DIR=bob bounded "${launcher[@]}" "$KITH" import ssh_key.pub
    at_terminal=("${launcher[@]}")
    start_listener --passphrase-file secret -i scrypt.pem
    KITH_DIR=alice bounded "${launcher[@]}" "$KITH" check "./dave/identity.pub@$address"
    KITH_DIR=alice bounded "${launcher[@]}" "$KITH" dial "./dave/identity.pub@$address" <<<hello
    ends "$listener" 0
    [ "$(cat bob.out)" = hello ]
}

@test "a smaller stack is refused in one line, by every command" {
    launcher=(bash -c 'ulimit -s "$0" && exec "$@"' 120)
    for command in 'keygen x' pubkey 'listen 0' 'dial bob' 'serve 0 1' 'forward 0 bob' 'check bob' \
        'meet --listen 0' 'import x'; do
        # shellcheck disable=SC2086
        run -1 env KITH_DIR=alice "${launcher[@]}" "$KITH" $command
        [ "$output" = "kith: stack: too small: 124 KiB are needed, and the size of environment and arguments; see ulimit -s" ]
    done
    launcher=(bash -c 'ulimit -s 192; FILLED=$(head -c 90000 /dev/zero | tr "\0" x) exec "$@"' sh)
    for way in environment argument; do
        [ "$way" = environment ] || launcher=(bash -c 'ulimit -s 192; exec "$@" "$(head -c 90000 /dev/zero | tr "\0" x)"' sh)
        run -1 env KITH_DIR=alice "${launcher[@]}" "$KITH" pubkey
        [[ $output == 'kith: stack: too small:'* ]]
    done
}

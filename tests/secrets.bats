#!/usr/bin/env bats
# shellcheck shell=bats
# The private key: which process has it, and which never does. And what the confined ones may do.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# seed_of FILE: the 32 bytes of a private key in hex.
seed_of() {
    openssl pkey -in "$1" -outform DER | tail -c 32 | od -An -v -tx1 | tr -d ' \n'
}

# keeper_of PID: the process that it has started.
keeper_of() {
    tr ' ' '\n' <"/proc/$1/task/$1/children" | head -n 1
}

in_memory() {
    python3 "$tools/search_memory.py" "$@"
}

needs_memory() {
    ! sanitized || skip "the sanitizers keep freed memory, and maps of terabytes"
    [ "$(id -u)" = 0 ] || skip "only root can look into the memory of other processes"
    [ -e "/proc/self/task/$$/children" ] || skip "no /proc that lists children"
}

# holds_no_key PID FILE: not this process but its keeper has the key, once, in memory that is locked
# and left out of core files.
holds_no_key() {
    local seed base64 keeper
    seed=$(seed_of "$2")
    base64=$(sed 1d "$2" | head -c 40 | od -An -v -tx1 | tr -d ' \n')
    keeper=$(keeper_of "$1")
    [ "$(in_memory "$1" "$seed")" = 0 ]
    [ "$(in_memory "$1" "$base64")" = 0 ]
    [ "$(in_memory "$keeper" "$seed")" = 1 ]
    [ "$(in_memory "$keeper" "$seed" lo dd)" = 1 ]
    [ "$(in_memory "$keeper" "$base64")" = 0 ]
}

@test "the process that listens never has the private key, its keeper has it once" {
    needs_memory
    start_listener
    holds_no_key "$listener" bob/identity
    as alice check "bob@$address"
    holds_no_key "$listener" bob/identity
}

@test "the process that dials never has the private key" {
    needs_memory
    mkfifo alice.in
    exec 8<>alice.in
    start_listener
    start_dialer --retry 1m --ready-fd 7 7>up
    eventually [ -s up ]
    [ "$(in_memory "$dialer" "$(seed_of alice/identity)")" = 0 ]
    exec 8>&-
}

has_no_child() {
    [ -z "$(keeper_of "$1")" ]
}

@test "no process has the key any more, once the one channel is up" {
    [ -e "/proc/self/task/$$/children" ] || skip "no /proc that lists children"
    mkfifo alice.in
    exec 8<>alice.in
    start_listener
    [ -n "$(keeper_of "$listener")" ]
    start_dialer --ready-fd 7 7>up
    eventually [ -s up ]
    eventually has_no_child "$dialer"
    eventually has_no_child "$listener"
    echo whole >&8
    exec 8>&-
    ends "$dialer" 0
    ends "$listener" 0
    [ "$(cat bob.out)" = whole ]
}

@test "a process that calls again has its keeper meanwhile" {
    [ -e "/proc/self/task/$$/children" ] || skip "no /proc that lists children"
    address=127.0.0.1:1
    start_dialer -v --retry 1m
    eventually grep -q refused alice.err
    [ -n "$(keeper_of "$dialer")" ]
}

@test "serve and forward never have the private key, not after a reload either" {
    needs_memory
    local serve forward served
    mkfifo ready ready-too # one for each: a writer may close it after the other has begun to read
    KITH_DIR=bob "$KITH" serve --ready-fd 9 127.0.0.1:0 1 9>ready 2>bob.err 3>&- &
    serve=$!
    also_started "$serve"
    read -r -t "$limit" served <ready
    KITH_DIR=alice "$KITH" forward --ready-fd 9 0 "bob@$served" 9>ready-too 2>alice.err 3>&- &
    forward=$!
    also_started "$forward"
    read -r -t "$limit" _ <ready-too
    as alice check "bob@$served"
    kill -HUP "$serve" "$forward"
    eventually grep -q "read again" bob.err
    eventually grep -q "read again" alice.err
    holds_no_key "$serve" bob/identity
    holds_no_key "$forward" alice/identity
}

@test "who resolves names for forward has no key and no connection, is confined, and ends with it" {
    needs_memory
    start_listener
    mkfifo ready-too
    KITH_DIR=alice "$KITH" forward --plain --ready-fd 9 0 "bob@localhost:${address##*:}" 9>ready-too \
        2>alice.err 3>&- &
    also_started $!
    local forward=$! lookup
    read -r -t "$limit" _ <ready-too
    lookup=$(tr ' ' '\n' <"/proc/$forward/task/$forward/children" | sed -n 2p)
    eventually grep -q '^Seccomp:.*2' "/proc/$lookup/status" # by then it has left what is not its own
    [ "$(in_memory "$lookup" "$(seed_of alice/identity)")" = 0 ]
    [ "$(find "/proc/$lookup/fd" -lname 'socket:*' | wc -l)" = 1 ]
    [ -z "$(find "/proc/$lookup/fd" -type l ! -lname 'socket:*' ! -lname 'pipe:*' ! -lname /dev/null)" ]
    kill -KILL "$forward"
    eventually has_ended "$lookup"
}

has_ended() {
    ! kill -0 "$1" 2>/dev/null || grep -q '^State:.*Z' "/proc/$1/status"
}

@test "what faces the network is confined" {
    grep -q '^Seccomp:' /proc/self/status || skip "this kernel has no seccomp"
    ! sanitized || skip "the sanitizers make system calls of their own"
    start_listener
    eventually grep -q '^Seccomp:.*2' "/proc/$listener/status" # just after it is ready
    grep -q '^NoNewPrivs:.*1' "/proc/$listener/status"
    eventually grep -q '^Seccomp:.*2' "/proc/$(keeper_of "$listener")/status"
    mkfifo alice.in
    exec 8<>alice.in
    start_dialer --retry 1m # which may have to call again, and so is confined once it got through
    echo part >&8
    eventually [ -s bob.out ]
    grep -q '^Seccomp:.*2' "/proc/$dialer/status"
}

@test "the first message goes with the SYN where the kernel has it" {
    unshare -n true 2>/dev/null || skip "no network of our own available here"
    cat >script <<'END'
ip link set lo up || exit 77
echo 3 >/proc/sys/net/ipv4/tcp_fastopen || exit 77
KITH_DIR=bob "$KITH" serve --ready-fd 9 127.0.0.1:0 --exec cat 9>ready 2>bob.err &
read -r address <ready
for i in 1 2 3; do
    [ "$(echo "$i" | KITH_DIR=alice "$KITH" dial "bob@$address")" = "$i" ] || exit 1
done
kill $!
# The line of names, and the line of numbers below it: how often we sent data with a SYN.
awk '$1 == "TcpExt:" && !n { n = split($0, name); next }
     $1 == "TcpExt:" { for (i = 1; i <= n; i++) if (name[i] == "TCPFastOpenActive") print $i }' \
    /proc/self/net/netstat >count
wait
END
    mkfifo ready
    local status=0
    bounded unshare -n bash script 3>&- || status=$?
    [ "$status" -ne 77 ] || skip "no TCP Fast Open here"
    [ "$status" -eq 0 ]
    [ "$(cat count)" -ge 1 ]
}

# neighbour SUBJECT: what another program of the same user can do, who is not root.
neighbour() {
    [ "$(id -u)" = 0 ] || skip "only root can become a user whom nothing else is running as"
    ! sanitized || skip "AddressSanitizer leaves no core file, and reads its own memory map"
    kith_for_others
    openssl pkey -in alice/identity -aes256 -passout pass:sesame -out locked
    chmod 600 locked
    ssh-keygen -q -t ed25519 -N '' -f ssh
    chown -R 65533:65533 .
    command -v ssh-agent >/dev/null || skip "no ssh-agent here"
    timeout -k 1 $((2 * limit)) python3 "$tools/neighbour.py" "$1" 3>&-
}

@test "another program of the same user cannot look into any of its processes" {
    neighbour looks
}

@test "no process of it leaves a core file when it crashes" {
    [ "$(cat /proc/sys/kernel/core_pattern)" = core ] || skip "core files go elsewhere here"
    neighbour core
}

@test "nor may one whose way is a command, once there is who starts that" {
    start_listener
    mkfifo alice.in
    exec 8<>alice.in
    start_dialer --via 'exec socat STDIO TCP:%h:%p'
    echo part >&8
    eventually [ -s bob.out ]
    [[ $(grep '^Max core file size' "/proc/$dialer/limits") == *' 0 '*' 0 '* ]]
}

#!/usr/bin/env bats
# shellcheck shell=bats
# Where we listen, and how that is shown: every address that was asked for, or none of them; and
# what is shown can be typed back.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# hold ADDRESS [v6only]: another process listens there (port 0: a free one). Sets held, its port.
hold() {
    rm -f holding
    mkfifo holding
    python3 -c '
import socket, sys, time
host, _, port = sys.argv[1].rpartition(":")
family = socket.AF_INET6 if ":" in host else socket.AF_INET
with socket.socket(family) as sock:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((host.strip("[]"), int(port)))
    sock.listen()
    print(sock.getsockname()[1], flush=True)
    time.sleep(600)' "$1" >holding 3>&- &
    started+=("$!")
    read -r -t "$limit" held <holding || fail "nothing listens at $1"
}

# in_use COMMAND ARGUMENT...: it finds its address taken.
in_use() {
    refused 4 "$held" 'in use' -- as "$@"
}

# Of this computer, and nobody's but our own: whoever listens at 127.0.0.1, at the same port of the
# other family, is not there.
nobodys=127.77.61.16

# listening PID: the addresses on which this process listens, one a line, and whether IPv4 calls get
# through that are for none of them by name.
listening() {
    python3 - "$1" "$nobodys" <<'END'
import os, socket, sys
inodes = set()
for name in os.listdir(f"/proc/{sys.argv[1]}/fd"):
    try:
        target = os.readlink(f"/proc/{sys.argv[1]}/fd/{name}")
    except OSError:
        continue
    if target.startswith("socket:["):
        inodes.add(target[8:-1])
for table, family in ("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6):
    if not os.path.exists("/proc/net/" + table):
        continue
    with open("/proc/net/" + table, encoding="ascii") as lines:
        for words in map(str.split, lines):
            if len(words) > 9 and words[3] == "0A" and words[9] in inodes:
                packed = bytes.fromhex(words[1].split(":")[0])
                groups = [packed[i:i + 4][::-1] for i in range(0, len(packed), 4)]
                port = int(words[1].split(":")[1], 16)
                with socket.socket() as sock:
                    called = "no" if sock.connect_ex((sys.argv[2], port)) else "takes"
                print(socket.inet_ntop(family, b"".join(groups)), called, "IPv4")
END
}

# starts_again COMMAND...: it listens at a free port, which is found out, and then at what it showed:
# unless that port has become another's meanwhile. Sets shown and first, where it listened.
starts_again() {
    start_daemon alice forms.err "$@" "$form" "${behind[@]}" || return
    shown=$daemon_address
    first=$(listening "$daemon" | sort)
    kill "$daemon"
    ends "$daemon" 0 143 || return
    start_daemon alice forms.err "$@" "$shown" "${behind[@]}"
}

# same_again FORM COMMAND...: what is shown when this listens, typed in the place of FORM, listens on the same.
same_again() {
    local form=$1 shown first
    shift
    eventually starts_again "$@"
    [ -n "$first" ]
    [ "$daemon_address" = "$shown" ] || fail "$shown is now $daemon_address"
    [ "$(listening "$daemon" | sort)" = "$first" ] || fail "$form: $shown is something else"
    kill "$daemon"
    ends "$daemon" 0 143
}

@test "a bare port that another process has on one of the loopback addresses is in use" {
    needs_ipv6
    for at in 127.0.0.1:0 '[::1]:0'; do
        hold "$at"
        in_use alice forward "$held" bob@127.0.0.1:1
        in_use bob listen "$held"
        in_use bob serve "$held" 1
        in_use bob serve ":$held" --exec cat
    done
}

@test "a port that another process has on all addresses of one family is in use" {
    needs_ipv6
    for at in 0.0.0.0:0 '[::]:0'; do
        hold "$at"
        in_use alice forward "$held" bob@127.0.0.1:1
        in_use bob listen "$held"
        in_use bob serve "$held" 1
    done
}

needs_own_hosts() {
    unshare -m --propagation private true 2>/dev/null || skip "no mount namespace for a hosts file"
}

# with_hosts LINE... -- COMMAND...: with these lines as the hosts file. Root of a namespace can do that.
with_hosts() {
    local lines=()
    while [ "$1" != -- ]; do
        lines+=("$1")
        shift
    done
    shift
    printf '%s\n' "${lines[@]}" >hosts
    [ "$1" != as ] || set -- env KITH_DIR="$2" timeout "$limit" "$KITH" "${@:3}"
    unshare -m --propagation private sh -c 'mount --bind hosts /etc/hosts && exec "$@"' sh "$@" 3>&-
}

@test "a name of which another process has one address is in use" {
    needs_ipv6
    needs_own_hosts
    hold '[::1]:0'
    refused 4 "\[::1\]:$held" 'in use' -- \
        with_hosts "$nobodys both" '::1 both' -- as alice forward "both:$held" bob@127.0.0.1:1
    refused 4 "\[::1\]:$held" 'in use' -- \
        with_hosts "$nobodys both" '::1 both' -- as bob listen "both:$held"
}

@test "a name of which one address is not ours is refused; one that is said twice is not" {
    needs_own_hosts
    refused 4 '192\.0\.2\.77:' 'Cannot assign' -- \
        with_hosts '127.0.0.1 mixed' '192.0.2.77 mixed' -- as alice forward mixed:0 bob@127.0.0.1:1
    printf '127.0.0.1 twice\n%.0s' 1 2 >hosts
    launcher=(unshare -m --propagation private sh -c 'mount --bind hosts /etc/hosts && exec "$@"' sh)
    start_daemon alice forward.err forward --plain twice:0 bob@127.0.0.1:1
    [[ $daemon_address =~ ^127\.0\.0\.1:[0-9]+$ ]] || fail "it is at $daemon_address"
}

@test "a family that the system has not is passed over" {
    unshare -n true 2>/dev/null || skip "no network namespace"
    launcher=(unshare -n sh -c 'ip link set lo up &&
        echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6 && exec "$@"' sh)
    "${launcher[@]}" true 2>/dev/null || skip "IPv6 cannot be taken away here"
    start_daemon alice forward.err forward --plain 0 bob@127.0.0.1:1
    [[ $daemon_address =~ ^127\.0\.0\.1:[0-9]+$ ]] || fail "it is at $daemon_address"
    launcher=()
    refused 4 'cannot listen there' -- \
        env KITH_DIR=alice timeout "$limit" unshare -n "$KITH" forward '[::1]:0' bob@127.0.0.1:1
}

@test "what is shown of a listener can be typed back, and means the same" {
    needs_to_see_descriptors
    behind=(1)
    same_again 127.0.0.1:0 serve
    same_again 0.0.0.0:0 serve
    same_again 0 serve -4
    same_again 0 serve
    same_again :0 serve
    needs_ipv6
    same_again '[::1]:0' serve
    same_again '[::]:0' serve
    same_again 0 serve -6
    behind=()
    same_again 0 listen
    same_again '[::]:0' listen
}

@test "--ipv6 is IPv6 only, for who listens too" {
    needs_ipv6
    start_daemon bob serve.err serve -6 0 --exec cat
    [[ $daemon_address == '[::]:'* ]] || fail "it is at $daemon_address"
    refused 4 'refused' -- as alice check "bob@$nobodys:${daemon_address##*:}"
    as alice check "bob@[::1]:${daemon_address##*:}"
}

@test "--source is the address to listen on, where no other is given" {
    start_daemon bob serve.err serve -s 127.0.0.1 0 --exec cat
    [[ $daemon_address =~ ^127\.0\.0\.1:[0-9]+$ ]] || fail "it is at $daemon_address"
    start_daemon bob listen.err listen -s 127.0.0.1 0
    [[ $daemon_address =~ ^127\.0\.0\.1:[0-9]+$ ]] || fail "it is at $daemon_address"
}

@test "a socket of LISTEN_FDS for both families is every address" {
    needs_ipv6
    launcher=(python3 -c '
import os, socket, sys
sock = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
given = os.dup2(sock.fileno(), 9 + 30)
os.dup2(given, 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[1], sys.argv[1:])')
    start_daemon bob serve.err serve 1 --exec printenv KITH_REMOTE_ADDR KITH_LOCAL_ADDR
    [[ $daemon_address =~ ^:[0-9]+$ ]] || fail "it is at $daemon_address"
    [ "$(as alice dial --recv-only "bob@127.0.0.1$daemon_address")" = $'127.0.0.1\n127.0.0.1' ]
}

# race_for PATH: six forwards start at once on this path, where a dead process has left its socket.
race_for() {
    bounded python3 - "$KITH" "$1" "$BATS_TEST_TMPDIR/alice" 3>&- <<'END'
import os, select, signal, socket, subprocess, sys
kith, path, folder = sys.argv[1:]
dead = socket.socket(socket.AF_UNIX)
dead.bind(path)
dead.close()
ends = []
for _ in range(6):
    ready, told = os.pipe()
    process = subprocess.Popen([kith, "forward", "--plain", "--ready-fd", str(told), path, "bob@127.0.0.1:1"],
                               env={**os.environ, "KITH_DIR": folder}, pass_fds=[told],
                               stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    os.close(told)
    ends.append((process, ready))
winners = [process for process, ready in ends if os.read(ready, 200)]
problem = None
if len(winners) != 1:
    problem = f"{len(winners)} of them are ready"
elif socket.socket(socket.AF_UNIX).connect_ex(path) != 0:
    problem = "the one that is ready cannot be reached"
for process, _ in ends:
    if process in winners:
        process.terminate()
    status = process.wait()
    if process not in winners and status != 4:
        problem = f"one that is not ready ends with {status}"
sys.exit(problem)
END
}

@test "of forwards that start at once on a stale UNIX socket one is ready, and nothing is left behind" {
    mkdir near
    for _ in {1..6}; do
        race_for "$PWD/near/local"
        [ -z "$(ls -A near)" ] || fail "left behind: $(ls -A near)"
    done
}

@test "a UNIX socket whose path is as long as it may be" {
    local folder=$PWD/near
    mkdir "$folder"
    local longest=$folder/x
    while [ ${#longest} -lt 107 ]; do
        longest+=x
    done
    race_for "$longest"
    cd near
    race_for ./local
}

@test "a UNIX socket in a folder that another process has locked" {
    mkdir near
    flock near true || skip "folders cannot be locked here"
    flock -F near sleep 600 3>&- 8>&- 9>&- &
    started+=("$!")
    eventually eval '! flock -n near true'
    refused 4 "$PWD/near/local" 'locked its folder' -- as alice forward "$PWD/near/local" bob@127.0.0.1:1
}

@test "a UNIX socket of another user, which we may not connect to, is left alone" {
    [ "$(id -u)" = 0 ] || skip "only root can be two users"
    kith_for_others
    chown -R 65534 alice
    mkdir -m 1777 near
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("near/local")'
    chmod 600 near/local
    refused 4 "$PWD/near/local" 'may not connect' -- env KITH_DIR=alice timeout "$limit" \
        setpriv --reuid 65534 --clear-groups "$KITH" forward "$PWD/near/local" bob@127.0.0.1:1
    [ -S near/local ]
}

@test "a UNIX socket in a folder that is not ours to write" {
    [ "$(id -u)" != 0 ] || skip "root may write everywhere"
    mkdir near
    chmod 500 near
    refused 4 "$PWD/near/local" 'Permission denied' -- as alice forward "$PWD/near/local" bob@127.0.0.1:1
}

@test "what is wrong with an address is said: its port, its colons, its parts" {
    local port
    for port in 70000 99999 123456; do
        refused 2 "$port: .*out of range: 0 to 65535" -- as bob listen "$port"
        refused 2 'out of range: 0 to 65535' -- as bob serve "127.0.0.1:$port" 80
        refused 2 'out of range: 1 to 65535' -- as bob serve 9000 "$port"
        refused 2 'out of range: 0 to 65535' -- as alice forward "$port" bob@127.0.0.1:1
        refused 2 'out of range: 1 to 65535' -- as alice dial "bob@[::1]:$port"
    done
    refused 2 'out of range: 1 to 65535' -- as alice dial bob@127.0.0.1:0
    refused 2 'out of range: 1 to 65535' -- as bob serve 9000 0
    refused 2 'several colons.*\[v6\]:PORT' -- as alice dial bob@::1:9000
    refused 2 'several colons' -- as alice dial "bob@$(printf ':%.0s' {1..300})9000"
    refused 2 'several colons' -- as bob listen 1:2:3:4
    refused 2 'a host .* before the colon' -- as alice dial bob@:9000
    refused 2 'not a number' -- as alice dial bob@host:http
    refused 2 'not a number' -- as bob listen http
    refused 2 'no port' -- as alice dial bob@host:
    refused 2 'no port' -- as alice dial bob@host
    refused 2 'no port' -- as bob listen '[::1]'
    echo "addr=\"h:70000\" $(cat bob/identity.pub)" >alice/peers
    refused 3 'line 1' '1 to 65535' -- as alice dial bob
}

@test "a star is no host to listen on or to call" {
    local every='0\.0\.0\.0:PORT.*\[::\]:PORT'
    refused 2 '\*:0' "name or an address.*PORT alone.*$every" -- as bob listen '*:0'
    refused 2 "name or an address.*PORT alone.*$every" -- as bob serve '*:0' 1
    refused 2 "name or an address.*$every" -- as alice forward '*:0' bob@127.0.0.1:1
    refused 2 'name or an address' -- as alice dial 'bob@*:1'
    refused 2 'name or an address' -- as bob serve 127.0.0.1:0 '*:1'
    echo "addr=\"*:1\" $(cat bob/identity.pub)" >alice/peers
    refused 3 'line 1' 'name or an address' -- as alice dial bob
}

@test "what a peer's line may have as addr is what may stand behind the @, and the reverse" {
    local where
    for where in 'n as:80' 'n[as:80' '[nas]:80' '[:z]:80' '[127.0.0.1]:80' '[fe80::1%]:80' '/run/kith:80'; do
        refused 2 'after the @: (a host is not written|no IPv6 address)' -- \
            as alice dial "bob@$where"
        echo "addr=\"$where\" $(cat bob/identity.pub)" >alice/peers
        refused 3 'line 1' ': (a host is not written|no IPv6 address)' -- as alice dial bob
    done
}

# tells_to_dial PATTERN ARGUMENT...: serve at a terminal says what to type elsewhere, or nothing.
tells_to_dial() {
    rm -f ready
    mkfifo ready
    KITH_DIR=bob python3 "$tools/terminal.py" "${supervisor[@]}" "$KITH" serve --ready-fd 9 \
        "${@:2}" --exec cat >terminal.out 2>terminal.err 9>ready 3>&- 8>&- &
    also_started "$!"
    read -r -t "$limit" _ <ready || fail "serve is not ready"
    eventually grep -q "may call" terminal.err
    if [ "$1" = nothing ]; then
        kill -USR1 "$(pgrep -P "$!" | head -n 1)"
        eventually grep -q totals terminal.err
        run ! grep "type there" terminal.err
    else
        local guess=
        [[ $1 != "$(uname -n)":* ]] || guess="; $(uname -n) is what this machine calls itself: .*"
        eventually grep -E "type there: kith dial [0-9a-f]{64}@$1$guess"$'\r?$' terminal.err
    fi
    kill "$(pgrep -P "$!" | head -n 1)"
    ends "$!" 0
}

@test "what serve says to type elsewhere is an address to dial" {
    local here supervisor=()
    here=$(uname -n)
    tells_to_dial "$here:[0-9]+" 0
    tells_to_dial "$here:[0-9]+" 0.0.0.0:0
    tells_to_dial "127.0.0.1:[0-9]+" 127.0.0.1:0
    supervisor=(python3 "$tools/listen_fds.py" 127.0.0.1:0)
    tells_to_dial "127.0.0.1:[0-9]+" 0
    supervisor=(python3 "$tools/listen_fds.py" "$PWD/a:1.socket")
    tells_to_dial nothing 0
}

@test "the zone of a link-local caller has its name, in the log as for a program" {
    unshare -n sh -c 'ip link set lo up && ip address add fe80::7/64 dev lo' 2>/dev/null ||
        skip "no network of our own with IPv6 here"
    launcher=(unshare -n sh -c 'ip link set lo up && ip address add fe80::7/64 dev lo && exec "$@"' sh)
    # shellcheck disable=SC2016 # for the program
    serve_on='[fe80::7%lo]:0' start_serve --exec sh -c 'echo "$KITH_REMOTE_ADDR $KITH_LOCAL_ADDR"'
    [[ $address == '[fe80::7%lo]:'* ]]
    [ "$(KITH_DIR=alice bounded nsenter -t "$server" -n "$KITH" dial --recv-only "bob@$address")" = \
        'fe80::7%lo fe80::7%lo' ]
    says serve.err 'whole address=\[fe80::7%lo\]:'
}

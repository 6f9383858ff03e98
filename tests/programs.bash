# shellcheck shell=bash
# What the tests with real programs share: servers that are known to be ready, kith between them and
# their clients (bob serves, alice forwards), and an end for everything that was started.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

PATH=$PATH:/usr/sbin:/sbin
for folder in /usr/lib/postgresql/*/bin; do
    PATH=$PATH:$folder
done
scratch=''  # a directory that another user can work in
address=''  # where bob serves
near=''     # where alice's forward listens
near_port=''
kiths=()    # what "finish" ends
stopped=()  # what teardown asks to end before it kills

# needs PROGRAM...: the test is skipped where one is missing.
needs() {
    local program
    for program; do
        command -v "$program" >/dev/null || skip "$program is not installed: .ci/deps all installs it"
    done
}

# start NAME COMMAND...: in the background, what it says to NAME.err; its pid is $!.
start() {
    "${@:2}" </dev/null >"$1.err" 2>&1 3>&- 8>&- &
    started+=($!)
    stopped+=($!)
}

# start_kith WHO COMMAND OPTION...: in the background; sets $ready to the line that it says when it
# listens.
start_kith() {
    rm -f ready
    mkfifo ready
    KITH_DIR=$1 "$KITH" "$2" --ready-fd 9 "${@:3}" </dev/null 2>"$2.err" 9>ready 3>&- 8>&- &
    started+=($!)
    kiths+=($!)
    read -r -t "$limit" ready <ready || fail "kith $2 is not ready"
}

# serves OPTION... TARGET: bob serves it, and alice's peers file says where.
serves() {
    start_kith bob serve "${serve_on:-127.0.0.1:0}" "$@"
    address=$ready
    found_at "$address"
}

# found_at ADDRESS: alice's peers file says that bob is there.
found_at() {
    printf 'addr="%s" %s\n' "$1" "$(cat bob/identity.pub)" >alice/peers
}

# forwards [OPTION...] LOCAL: alice carries what comes to LOCAL to bob.
forwards() {
    start_kith alice forward "$@" bob
    near=$ready
    near_port=${near##*:}
}

# joined PORT: bob serves this one, and alice forwards a port of her own to it.
joined() {
    serves "127.0.0.1:$1"
    forwards 127.0.0.1:0
}

# Both daemons drain and say that all went well.
finish() {
    local pid
    for pid in "${kiths[@]}"; do
        kill -TERM "$pid"
        ends "$pid" 0
    done
    kiths=()
}

# To type "kith" as alice does.
be_alice() {
    mkdir -p bin
    ln -sf "$KITH" bin/kith
    export PATH=$PWD/bin:$PATH KITH_DIR=$PWD/alice
}

# A server that is asked to end takes its children with it.
teardown() {
    local pid
    for pid in "${started[@]}"; do
        [[ " ${stopped[*]} " == *" $pid "* ]] || kill -KILL "$pid" 2>/dev/null || true
    done
    for pid in "${stopped[@]}"; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    [ -z "${postmaster:-}" ] || kill -INT "$postmaster" 2>/dev/null || true
    for pid in "${started[@]}"; do
        timeout 5 tail -s 0.05 -f /dev/null --pid="$pid" || kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    [ -z "$scratch" ] || rm -rf "$scratch"
    tail -n 20 ./*.err 2>/dev/null || true
}

# start_http FOLDER: sets $http_port.
start_http() {
    rm -f ready
    mkfifo ready
    start http python3 -c '
import functools, http.server, sys
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = Server(("127.0.0.1", 0), handler)
with open("ready", "w") as ready:
    print(server.server_port, file=ready)
server.serve_forever()' "$1"
    read -r -t "$limit" http_port <ready || fail "the web server is not ready"
}

# A cluster of its own, as a user that may have one; sets $postgres_port and $postgres_user.
start_postgres() {
    local become=()
    postgres_port=$(free_port)
    postgres_user=$(id -un)
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/kith-postgres.XXXXXX")
    if [ "$(id -u)" = 0 ]; then
        postgres_user=nobody
        needs setpriv
        chown nobody "$scratch"
        become=(env -C "$scratch" setpriv --reuid nobody --clear-groups --)
    fi
    "${become[@]}" initdb -D "$scratch/data" -A trust -U "$postgres_user" -E UTF8 --no-locale \
        --no-sync >/dev/null 3>&-
    start postgres "${become[@]}" postgres -D "$scratch/data" -p "$postgres_port" -k "$scratch" \
        -h 127.0.0.1 -c fsync=off -c shared_buffers=16MB
    postmaster=$!
    export PGUSER=$postgres_user PGDATABASE=postgres PGCONNECT_TIMEOUT=$limit
    eventually psql -h "$scratch" -p "$postgres_port" -qc 'select' >/dev/null 2>&1
}

# An sshd of its own, and a configuration for ssh that goes to it through "kith dial"; the host's
# name there is bob.
run_sshd() {
    local sshd
    needs sshd ssh ssh-keygen
    sshd=$(command -v sshd)
    sshd_port=$(free_port)
    ssh-keygen -q -t ed25519 -N '' -f host_key
    ssh-keygen -q -t ed25519 -N '' -f user_key
    cat >sshd_config <<END
ListenAddress 127.0.0.1:$sshd_port
HostKey $PWD/host_key
AuthorizedKeysFile $PWD/user_key.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PrintMotd no
PrintLastLog no
Subsystem sftp internal-sftp
END
    printf 'bob %s\n' "$(cut -d ' ' -f 1,2 host_key.pub)" >known_hosts
    cat >ssh_config <<END
Host bob
    ProxyCommand kith dial %h
Host *
    HostKeyAlias bob
    IdentityFile $PWD/user_key
    IdentitiesOnly yes
    UserKnownHostsFile $PWD/known_hosts
    StrictHostKeyChecking yes
    BatchMode yes
    LogLevel ERROR
END
    [ "$(id -u)" != 0 ] || mkdir -p /run/sshd
    start sshd "$sshd" -D -e -f sshd_config
    echo $! >sshd.pid
    eventually answers 127.0.0.1 "$sshd_port"
    bounded ssh -F ssh_config -p "$sshd_port" 127.0.0.1 true 3>&- ||
        skip "this sshd lets nobody in, kith or not"
}

# The same, served by bob; alice has him as a ProxyCommand.
start_sshd() {
    run_sshd
    serves "127.0.0.1:$sshd_port"
    be_alice
}

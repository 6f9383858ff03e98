#!/usr/bin/env bats
# shellcheck shell=bats
# kith under real programs on both sides, as its users type them.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/programs.bash"

@test "PostgreSQL: psql, pgbench and a large answer over a forwarded port" {
    needs initdb postgres psql pgbench
    start_postgres
    joined "$postgres_port"
    export PGHOST=127.0.0.1 PGPORT=$near_port

    run -0 psql -qAtc "select 'over kith'"
    [ "$output" = 'over kith' ]

    pgbench -q -i -s 1 3>&- 2>/dev/null
    pgbench -n -c 8 -j 2 -t 50 >pgbench.out 3>&-
    grep -q 'actually processed: 400/400' pgbench.out
    run -0 psql -qAtc 'select (select sum(abalance) from pgbench_accounts) =
        (select sum(delta) from pgbench_history)'
    [ "$output" = t ]

    psql -qc "copy (select n, md5(n::text) from generate_series(1, 200000) n) to stdout" >over
    PGHOST=$scratch PGPORT=$postgres_port psql -qc \
        "copy (select n, md5(n::text) from generate_series(1, 200000) n) to stdout" >direct
    cmp over direct

    psql -qc 'create table loaded (n int, h text)' -c '\copy loaded from over'
    run -0 psql -qAtc 'select count(*) from loaded where h = md5(n::text)'
    [ "$output" = 200000 ]

    run -1 psql -qc 'select no_such_column'
    [[ $output == *no_such_column*does\ not\ exist* ]]
    finish
}

@test "PostgreSQL: a UNIX socket at both ends" {
    needs initdb postgres psql
    start_postgres
    serves "$scratch/.s.PGSQL.$postgres_port"
    mkdir near
    forwards ./near/.s.PGSQL.5432
    [ "$(stat -c %a near/.s.PGSQL.5432)" = 600 ]

    run -0 psql -h "$PWD/near" -p 5432 -qAtc 'select 6 * 7'
    [ "$output" = 42 ]
    finish
    [ ! -e near/.s.PGSQL.5432 ]
}

@test "ssh: a command, its input, its output and its status, with ProxyCommand" {
    start_sshd
    random_file sent 5000000

    # ssh ends its proxy by a signal, which kith may or may not have the time to speak of.
    run -0 --separate-stderr bounded ssh -F ssh_config -o ProxyCommand='kith dial %h' bob echo hello
    [ "$output" = hello ]
    bounded ssh -F ssh_config bob "tee '$PWD/there'" <sent >back
    cmp sent there
    cmp sent back
    run -7 bounded ssh -F ssh_config bob 'exit 7'
    finish
}

@test "ssh: an interactive session on a terminal" {
    needs expect
    [ "$(id -u)" = 0 ] || skip "the sshd of another user than root gives out no terminals"
    start_sshd
    # shellcheck disable=SC2016
    bounded expect -c '
        set timeout $env(KITH_TEST_LIMIT)
        set stty_init "rows 33 columns 77"
        proc until {text} {
            expect $text {} timeout { puts "no $text"; exit 98 } eof { puts "no $text"; exit 99 }
        }
        spawn ssh -tt -F ssh_config bob "PS1=ready: exec sh -i"
        until "ready:"
        send "stty size; tty\r"
        until "33 77"
        until "/dev/pts/"
        until "ready:"
        send "sh -c \"echo sle\"\"eping; exec sleep 1000\"\r"
        until "sleeping"
        send "\003"
        until "ready:"
        send "exit 7\r"
        expect eof
        exit [lindex [wait] 3]' >session 3>&- || status=$?
    [ "$status" = 7 ] || fail "the session ended with $status" "$(cat session)"
    finish
}

@test "ssh: scp and sftp, there and back" {
    needs scp sftp
    start_sshd
    random_file sent 10000000

    bounded scp -q -F ssh_config sent "bob:$PWD/there"
    bounded scp -q -F ssh_config "bob:$PWD/there" back
    cmp sent back
    printf 'put sent sftp-there\nget sftp-there sftp-back\n' >sftp-commands
    bounded sftp -q -F ssh_config -b sftp-commands "bob:$PWD" >/dev/null
    cmp sent sftp-back
    finish
}

# A tree with everything that rsync should keep.
make_tree() {
    mkdir -p tree/folder
    random_file tree/large 3000000
    random_file tree/folder/small 3
    : >tree/empty
    ln -s folder/small tree/link
    chmod 0750 tree/folder
}

# sync_and_change DESTINATION FOLDER COMMAND...: rsync there twice, with a change between.
sync_and_change() {
    bounded "${@:3}" tree/ "$1"
    diff -r tree "$2"
    printf changed | dd of=tree/large bs=1 seek=1000000 conv=notrunc status=none
    rm tree/empty
    bounded "${@:3}" --ignore-times --stats tree/ "$1" >stats
    diff -r tree "$2"
    [ -L "$2/link" ]
    [ "$(stat -c %a "$2/folder")" = 750 ]
    grep -Eq 'Matched data: [1-9]' stats
}

@test "rsync over ssh, there, changed and back" {
    needs rsync
    start_sshd
    make_tree
    sync_and_change "bob:$PWD/there/" there rsync -a --delete -e 'ssh -F ssh_config'
    bounded rsync -a -e 'ssh -F ssh_config' "bob:$PWD/there/" back/
    diff -r tree back
    finish
}

rsync_module() {
    mkdir there
    local user=''
    [ "$(id -u)" != 0 ] || user=$'uid = 0\ngid = 0'
    cat >rsyncd.conf <<END
use chroot = no
$user
[there]
path = $PWD/there
read only = no
munge symlinks = no
END
}

@test "rsync: a daemon behind a forwarded port" {
    needs rsync
    rsync_module
    make_tree
    port=$(free_port)
    start rsync rsync --daemon --no-detach --address 127.0.0.1 --port "$port" --config rsyncd.conf
    eventually answers 127.0.0.1 "$port"
    joined "$port"
    sync_and_change "rsync://127.0.0.1:$near_port/there/" there rsync -a --delete
    finish
}

@test "rsync through the pipe, to a program started for it" {
    needs rsync
    rsync_module
    make_tree
    serves --exec rsync --server --daemon --config rsyncd.conf .
    be_alice
    export RSYNC_CONNECT_PROG='kith dial %H'
    sync_and_change bob::there/ there rsync -a --delete
    finish
}

@test "git: clone, push and fetch over ssh" {
    needs git
    start_sshd
    export GIT_SSH_COMMAND="ssh -F '$PWD/ssh_config'" GIT_CONFIG_GLOBAL=/dev/null
    export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@a
    git init -q -b main origin.git
    random_file origin.git/large 3000000
    git -C origin.git add .
    git -C origin.git commit -qm one

    bounded git clone -q "bob:$PWD/origin.git" clone 3>&-
    cmp origin.git/large clone/large
    echo two >clone/two
    git -C clone add .
    git -C clone commit -qm two
    bounded git -C clone push -q origin HEAD:other 3>&-
    [ "$(git -C origin.git show other:two)" = two ]
    git -C clone fsck --strict 2>/dev/null
    finish
}

@test "curl: a large file" {
    needs curl
    mkdir www
    random_file www/large $((48 << 20))
    start_http www
    joined "$http_port"

    bounded curl -sSf -o got "http://127.0.0.1:$near_port/large"
    cmp www/large got
    finish
}

@test "100 curls at once" {
    needs curl xargs
    mkdir www got
    for number in {1..100}; do
        random_file "www/$number" $((number * 2000))
    done
    start_http www
    joined "$http_port"

    seq 100 | bounded xargs -P 100 -I % \
        curl -sSf --max-time "$limit" -o got/% "http://127.0.0.1:$near_port/%" 3>&-
    diff -r www got
    finish
}

# digests: what is sent to alice's port is answered, once it has ended.
digests() {
    run -0 bounded socat -t "$limit" - "TCP:127.0.0.1:$near_port" <asked
    [ "$output" = "$(sha256sum <asked)" ]
}

@test "socat: an answer that waits for the end of the question, from a target" {
    needs socat
    random_file asked 3000000
    port=$(free_port)
    start socat socat "TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" EXEC:sha256sum
    eventually answers 127.0.0.1 "$port"
    joined "$port"
    digests
    finish
}

@test "socat: an answer that waits for the end of the question, from a program" {
    needs socat
    random_file asked 3000000
    serves --exec sha256sum
    forwards 127.0.0.1:0
    digests
    finish
}

# measures OPTION...: iperf3 through the forward, and something arrived in each stream.
measures() {
    bounded iperf3 -c 127.0.0.1 -p "$near_port" -t 1 -J "$@" >measured 3>&- ||
        fail "iperf3 $*: $(cat measured)"
    python3 -c '
import json, sys
end = json.load(open("measured"))["end"]
empty = [s for s in end["streams"] if s["receiver"]["bytes"] == 0]
if empty or len(end["streams"]) != int(sys.argv[1]):
    sys.exit(f"streams with nothing: {empty}")' "$streams"
}

@test "iperf3: both ways, 1 and 16 streams" {
    needs iperf3
    port=$(free_port)
    start iperf3 iperf3 -s --forceflush -B 127.0.0.1 -p "$port"
    eventually grep -q listening iperf3.err
    joined "$port"

    for streams in 1 16; do
        measures -P "$streams"
        measures -P "$streams" -R
    done
    finish
}

# with_redis OPTION...
with_redis() {
    needs redis-server redis-cli redis-benchmark
    start redis redis-server --save '' --appendonly no --dir "$PWD" --bind 127.0.0.1 "$@"
    eventually grep -qi 'ready to accept' redis.err
}

# mass_insert OPTION...: 20,000 commands in one go, and each had its answer.
mass_insert() {
    seq 20000 | sed 's/.*/SET key& value&\r/' >commands
    bounded redis-cli "$@" --pipe <commands >replies
    grep -q 'errors: 0, replies: 20000' replies
    run -0 redis-cli "$@" get key12345
    [ "$output" = value12345 ]
}

@test "Redis: pipelining over a forwarded port" {
    port=$(free_port)
    with_redis --port "$port"
    joined "$port"

    mass_insert -p "$near_port"
    bounded redis-benchmark -p "$near_port" -P 16 -q -n 20000 -c 20 -t set,get >measured
    grep -q '^SET: .*requests per second' <(tr '\r' '\n' <measured)
    grep -q '^GET: .*requests per second' <(tr '\r' '\n' <measured)
    [ "$(redis-cli -p "$port" info stats | sed -n 's/^total_error_replies:\([0-9]*\).*/\1/p')" = 0 ]
    finish
}

@test "Redis: a UNIX socket at both ends" {
    with_redis --port 0 --unixsocket redis.sock
    serves ./redis.sock
    forwards ./near.sock

    mass_insert -s near.sock
    bounded redis-benchmark -s near.sock -P 16 -q -n 20000 -c 20 -t set >measured
    finish
    [ ! -e near.sock ]
}

@test "systemd: a socket that it listens on is served" {
    needs systemd-socket-activate curl
    mkdir www
    echo served >www/page
    start_http www
    port=$(free_port)
    start activate systemd-socket-activate -l "127.0.0.1:$port" -E "KITH_DIR=$PWD/bob" \
        "$KITH" serve -v "$port" "127.0.0.1:$http_port"
    eventually grep -q Listening activate.err
    found_at "127.0.0.1:$port"
    forwards 127.0.0.1:0

    for _ in 1 2 3; do
        run -0 bounded curl -sSf "http://127.0.0.1:$near_port/page"
        [ "$output" = served ]
    done
    finish
}

@test "systemd: a process for each call that it has taken" {
    needs systemd-socket-activate curl
    mkdir www
    echo served >www/page
    start_http www
    port=$(free_port)
    start activate systemd-socket-activate --accept --inetd -l "127.0.0.1:$port" \
        -E "KITH_DIR=$PWD/bob" "$KITH" serve --inetd "127.0.0.1:$http_port"
    eventually grep -q Listening activate.err
    found_at "127.0.0.1:$port"
    forwards --spare 0 127.0.0.1:0

    for _ in 1 2 3; do
        run -0 bounded curl -sSf "http://127.0.0.1:$near_port/page"
        [ "$output" = served ]
    done
    finish
}

@test "systemd: the units in contrib are sound" {
    needs systemd-analyze
    [ -d "$root/contrib" ] || skip "contrib is not here"
    mkdir units
    for unit in "$root"/contrib/*.{service,socket}; do
        name=${unit##*/}
        sed "s|/usr/local/bin/kith|$KITH|" "$unit" >"units/${name/@/@db}"
    done
    cp units/kith-inetd@{db,}.service # the socket asks for the template
    run -0 systemd-analyze verify --man=no units/*
    [ -z "$output" ] || fail "$output"
    for unit in units/*.service; do
        grep -q "$KITH" "$unit"
        grep -qx User=kith "$unit" # who alone may look into /etc/kith of a package
        systemd-analyze --help | grep -q -e --offline || continue # not before systemd 250
        systemd-analyze security --offline=yes --threshold=20 "$unit" >exposure ||
            fail "$(cat exposure)"
    done
}

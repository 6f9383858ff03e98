#!/usr/bin/env bats
# shellcheck shell=bats
# What README and the manual show of files, programs and databases, with the real programs; and of
# zfs, which is not everywhere, with one that says and needs as much as it does.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/programs.bash"

export GIT_CONFIG_GLOBAL=/dev/null

# A stream of zfs has a head and a trailer, without which "recv" fails and leaves nothing.
# shellcheck disable=SC2016
make_zfs() {
    mkdir -p bin tank
    cat >bin/zfs <<'END'
#!/bin/sh
case $1 in
send)
    echo "snapshot $2" && cat large && [ ! -e broken ] || exit 2
    echo trailer
    ;;
recv)
    [ ! -e full ] || { echo 'cannot receive: out of space' >&2; exit 1; }
    cat >tank/receiving
    if [ "$(tail -c 8 tank/receiving)" = trailer ]; then
        mv tank/receiving tank/data
    else
        echo 'cannot receive: incomplete stream' >&2
        exit 1
    fi
    ;;
esac
END
    chmod +x bin/zfs
    random_file large 5000000
    be_alice
}

# bob_listens [OPTION...]: as bob, and alice's peers file says where.
bob_listens() {
    start_listener "$@"
    found_at "$address"
}

@test "zfs: exit status 0 on both sides is the word of recv that it took all" {
    make_zfs
    listen_program=(--exec zfs recv tank/data)
    bob_listens --recv-only
    zfs send tank/data@now | bounded kith dial bob
    ends "$listener" 0
    zfs send tank/data@now | cmp - tank/data
}

@test "zfs: whoever sends a part, or cannot receive, fails on both sides" {
    make_zfs
    listen_program=(--exec zfs recv tank/data)
    bob_listens --recv-only
    touch full
    zfs send tank/data@now | run -8 --separate-stderr bounded kith dial bob
    ends "$listener" 1
    rm full

    # A pipeline's status is that of its last program: so kith starts zfs here, too.
    touch broken
    bob_listens --recv-only
    run -1 bounded kith dial --send-only bob --exec zfs send tank/data@now
    ends "$listener" 8
    [ ! -e tank/data ]
}

@test "zfs: a named target takes one stream after another" {
    make_zfs
    serves backup='exec:zfs recv tank/backup'
    for _ in 1 2; do
        rm -f tank/data
        zfs send data@now | bounded kith dial bob:backup
        zfs send data@now | cmp - tank/data
    done
    finish
}

# received: the files of alice's that are there, by name.
received() {
    find got -name 'alice-*' ! -name '*.part'
}

# one_is_begun: of one more there is a part.
one_is_begun() {
    [ -n "$(find got -name 'alice-*.part' -size +0)" ]
}

@test "backups that arrive unattended are there whole, in a file each, or not at all" {
    local count=0 page
    random_file large 3000000
    export STATE_DIRECTORY=$PWD/got # as systemd says it
    mkdir got
    be_alice
    hold_open sent
    for page in man/kith.1 contrib/README.systemd; do
        [ -e "$root/$page" ] || continue
        sed -n '/#!\/bin\/sh$/,/mv/s/^ *//p' "$root/$page" >got/receive
        [ "$(wc -l <got/receive)" = 3 ]
        chmod +x got/receive
        serves backup='exec:cd got && exec ./receive'
        for _ in 1 2; do
            bounded kith dial bob:backup --exec cat large
            count=$((count + 1))
        done
        [ "$(received | wc -l)" = "$count" ]

        run -1 bounded kith dial bob:backup --exec sh -c 'cat large; exit 3'
        rm -f got/*.part
        kith dial bob:backup <sent 3>&- 8>&- 2>dial.err &
        also_started $!
        cat large >&8
        eventually one_is_begun
        kill -KILL $!
        eventually grep -q 'cut short' serve.err
        finish
        [ "$(received | wc -l)" = "$count" ]
        one_is_begun
        rm -f got/*.part
    done
    for page in $(received); do
        cmp large "$page"
    done
}

# answered PORT: a connection gets back what it says, from whoever serves now.
answered() {
    [ "$(echo hello | bounded socat -t "$limit" STDIO "TCP:127.0.0.1:$1")" = hello ]
}

@test "the key of a serve is changed, and no connection is refused meanwhile" {
    needs socat
    serves exec:cat
    forwards 127.0.0.1:0
    answered "$near_port"
    as bob keygen -q next
    start_kith bob serve -i next 127.0.0.1:0 exec:cat
    printf 'addr="%s" %s bob\n' "$ready" "$(cut -d ' ' -f 1 next.pub)" >alice/peers
    answered "$near_port"
    kill -HUP "${kiths[1]}" # which cuts what is open
    eventually grep -q 'read again' forward.err
    answered "$near_port"
    kill -TERM "${kiths[0]}"
    answered "$near_port"
    ends "${kiths[0]}" 0
    unset 'kiths[0]'
    answered "$near_port"
    finish
}

@test "the unit for a second serve has the other key, and what it is told elsewhere" {
    [ -e "$root/contrib/README.systemd" ] || skip "contrib is not here"
    sed -n "s|^ *\\(sed '.*'\\) .*|\\1|p" "$root/contrib/README.systemd" >script
    [ "$(wc -l <script)" = 1 ]
    sh script <"$root/contrib/kith-serve.service" >next.service
    grep -qx 'EnvironmentFile=/etc/kith/next.conf' next.service
    grep -qx 'LoadCredential=identity:/etc/kith/next' next.service
    grep -q 'KITH_IDENTITY=%d/identity' next.service
}

@test "the key of who calls is changed, and nobody is locked out meanwhile" {
    sed -i 's/.* alice$/permit-target="db",from="127.0.0.0\/8" &/' bob/peers
    serves db=exec:cat other=exec:cat
    dial() {
        as alice dial bob:db
    }
    [ "$(echo old | dial)" = old ]
    as alice keygen -q next
    as bob import next.pub alice-next
    options=$(sed -n 's/[^ ]* alice$//p' bob/peers)
    sed -i "s|.* alice-next\$|$options&|" bob/peers
    [ "$(echo old | dial)" = old ]
    kill -HUP "${kiths[0]}"
    mv next.pub alice/identity.pub
    mv next alice/identity
    is_let_in() {
        [ "$(echo new | dial)" = new ]
    }
    eventually is_let_in
    run -5 as alice dial bob:other
    grep -v ' alice$' bob/peers | sed 's/ alice-next$/ alice/' >peers
    mv peers bob/peers
    kill -HUP "${kiths[0]}"
    eventually is_let_in
    run -5 as alice dial bob:other
    finish
}

@test "tar and git, from one pipe into the other" {
    needs git tar
    mkdir photos got
    for number in 1 2 3; do
        random_file "photos/$number" $((number * 400000))
    done
    be_alice
    mkfifo arrived
    tar -xf arrived -C got 3>&- &
    also_started $!
    listen_to=arrived
    bob_listens --recv-only
    tar -cf - photos | bounded kith dial bob
    ends "$listener" 0
    eventually diff -r photos got/photos

    listen_to=bob.out
    git init -q -b main origin
    cp photos/3 origin
    git -C origin add .
    git -C origin -c user.name=a -c user.email=a@a commit -qm one
    bob_listens --recv-only -o r.bundle
    git -C origin bundle create -q - --all | bounded kith dial bob
    ends "$listener" 0
    bounded git clone -q -b main r.bundle r 3>&-
    cmp photos/3 r/3
}

# Rows of which each can be told from each other.
fill_postgres() {
    start_postgres
    export PGHOST=$scratch PGPORT=$postgres_port
    psql -qc 'create table n as select n, md5(n::text) h from generate_series(1, 50000) n' \
        -c 'create database copy'
}

# all_of DATABASE
all_of() {
    psql -qAtd "$1" -c "select count(*), md5(string_agg(h, '' order by n)) from n"
}

@test "PostgreSQL: pg_dump into pg_restore" {
    needs initdb postgres psql pg_dump pg_restore
    fill_postgres
    be_alice
    listen_program=(--exec pg_restore --exit-on-error --single-transaction -d copy)
    bob_listens --recv-only
    pg_dump -Fc postgres | bounded kith dial bob
    ends "$listener" 0
    [ "$(all_of copy)" = "$(all_of postgres)" ]

    # What is there already is refused by pg_restore, and both sides say so.
    bob_listens --recv-only
    pg_dump -Fc postgres | run -8 bounded kith dial bob
    ends "$listener" 1
    grep -q 'already exists' bob.err
}

@test "PostgreSQL: pg_dump with a port that is there as long as it runs" {
    needs initdb postgres psql pg_dump
    fill_postgres
    be_alice
    serves "127.0.0.1:$postgres_port"
    # shellcheck disable=SC2016
    bounded kith forward 0 bob --run sh -c \
        'exec pg_dump "host=127.0.0.1 port=${KITH_FORWARD_1##*:}"' >dump 3>&-
    psql -qd copy -f dump >/dev/null
    [ "$(all_of copy)" = "$(all_of postgres)" ]
    finish
}

# steps FILE: what the job does for its tests, in the words of the file, without those that install.
steps() {
    case $1 in
    */github.yml) sed -n '/- name: tests$/,/^        env:$/s/^          //p' "$1" ;;
    */gitlab.yml) sed -n '/^  script:$/,$s/^    - //p' "$1" ;;
    esac
}

@test "PostgreSQL: jobs of GitHub and GitLab that run tests against it" {
    needs initdb postgres psql
    [ -d "$root/contrib" ] || skip "contrib is not here"
    fill_postgres
    serves "127.0.0.1:$postgres_port"
    mkdir bin
    ln -s "$KITH" bin/kith
    PATH=$PWD/bin:$PATH
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nexec psql -qAtd postgres -c "select count(*) from n where n > $PGPORT - $PGPORT"\n' >run-tests
    chmod +x run-tests
    for file in "$root"/contrib/ci/*.yml; do
        steps "$file" >job
        [ "$(wc -l <job)" -ge 7 ]
        rm -rf job.tmp
        mkdir job.tmp
        # As the one hands over the key, and as the other: a file that others may read, too.
        key=$(cat alice/identity)
        [[ $file == */github.yml ]] || key=alice/key
        (umask 022 && cat alice/identity >alice/key)
        run -0 --separate-stderr bounded env -u KITH_DIR -u KITH_IDENTITY -u KITH_PEERS \
            RUNNER_TEMP="$PWD/job.tmp" CI_PROJECT_DIR="$PWD/job" KITH_KEY="$key" \
            KITH_DB="addr=\"$address\" $(cut -d ' ' -f 1 bob/identity.pub) db" PGHOST=127.0.0.1 \
            bash -e job 3>&-
        [ "${lines[-1]}" = 50000 ] || fail "$file: $output" "$stderr"
    done
    finish
}

# called NAME=TARGET...: bob, who cannot be reached, calls alice, who waits for that and forwards a
# port to each of his targets; sets near_ports.
called() {
    local words=() target
    cp alice/identity.pub bob/peers
    cp bob/identity.pub alice/peers
    for target; do
        words+=(127.0.0.1:0 "bob:${target%%=*}")
    done
    start_kith alice forward --ready-on listen --accept 127.0.0.1:0 "${words[@]}"
    mapfile -t near_ports < <(sed -n 's/.*: 127\.0\.0\.1:\([0-9]*\): each connection.*/\1/p' forward.err)
    printf 'addr="%s" %s\n' "$ready" "$(cat alice/identity.pub)" >bob/peers
    start_kith bob serve --call alice "$@"
}

@test "the reverse way: psql, redis and git over ssh, of one who can only call" {
    needs initdb postgres psql pgbench redis-server redis-cli git
    local redis_port
    redis_port=$(free_port)
    fill_postgres
    run_sshd
    start redis redis-server --save '' --appendonly no --dir "$PWD" --bind 127.0.0.1 --port "$redis_port"
    eventually grep -qi 'ready to accept' redis.err
    called db="127.0.0.1:$postgres_port" redis="127.0.0.1:$redis_port" ssh="127.0.0.1:$sshd_port"

    [ "$(PGHOST=127.0.0.1 PGPORT=${near_ports[0]} all_of postgres)" = "$(all_of postgres)" ]
    export PGHOST=127.0.0.1 PGPORT=${near_ports[0]}
    pgbench -q -i -s 1 3>&- 2>/dev/null
    pgbench -n -C -c 4 -t 10 >pgbench.out 3>&-
    grep -q 'actually processed: 40/40' pgbench.out

    seq 2000 | sed 's/.*/SET key& value&\r/' >commands
    bounded redis-cli -p "${near_ports[1]}" --pipe <commands >replies
    grep -q 'errors: 0, replies: 2000' replies

    export GIT_SSH_COMMAND="ssh -F '$PWD/ssh_config' -o ProxyCommand=none -p ${near_ports[2]}"
    git init -q -b main origin.git
    random_file origin.git/large 3000000
    git -C origin.git add .
    git -C origin.git -c user.name=a -c user.email=a@a commit -qm one
    bounded git clone -q "127.0.0.1:$PWD/origin.git" clone 3>&-
    cmp origin.git/large clone/large
    finish
}

@test "a service at a UNIX socket, as Docker's: served, and asked by curl" {
    needs curl socat
    mkdir www
    random_file www/large 3000000
    start_http www
    start docker socat UNIX-LISTEN:docker.sock,fork "TCP:127.0.0.1:$http_port"
    eventually [ -S docker.sock ]
    serves ./docker.sock
    forwards ./near.sock
    bounded curl -sSf --unix-socket near.sock -o got http://localhost/large
    cmp www/large got
    finish
}

@test "restic: a backup over ssh, and back" {
    needs restic
    start_sshd
    mkdir files
    random_file files/large 3000000
    export RESTIC_PASSWORD=none RESTIC_CACHE_DIR=$PWD/cache
    local store=(restic -q -r "sftp:bob:$PWD/store"
        -o sftp.command="ssh -F '$PWD/ssh_config' bob -s sftp")
    bounded "${store[@]}" init 3>&-
    bounded "${store[@]}" backup files 3>&-
    bounded "${store[@]}" check 3>&-
    bounded "${store[@]}" restore latest --target back 3>&-
    cmp files/large "back$PWD/files/large" || cmp files/large back/files/large
    finish
}

@test "README shows what is said of a part as it is said" {
    [ -e "$root/README" ] || skip "README is not here"
    sed -n '/kith: listen: laptop/,/^$/s/^ *//p' "$root/README" | tr '\n' ' ' >shown
    mkfifo alice.in
    exec 8<>alice.in
    start_listener
    start_dialer
    echo part >&8
    eventually [ -s bob.out ]
    kill -KILL "$dialer"
    ends "$listener" 8
    said=$(grep -o 'cut short.*' bob.err)
    [[ $(cat shown) == *": $said "* ]] || fail "said: $said" "shown: $(cat shown)"
}

#!/bin/sh
# Makes the passwords of the stack, once: random, each in a folder that only its readers mount.
#
#   secrets.sh FOLDER     FOLDER/{database,redis,gateway,grafana}, one volume each
#
# What is there stays, so that a database keeps the password that it was made with. To have others:
# docker compose down --volumes, which loses the records too.
set -eu
folder=$1

# 32 bytes as hex: no character that a URL would have to escape.
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# The volume is the wall: each process runs as its own user, and must read what it mounts.
keep() { # file; content on standard input
    rm -f "$1.new"
    cat >"$1.new"
    chmod 444 "$1.new"
    mv "$1.new" "$1"
}

# Last of all, so that a start that was broken off is begun again.
if test -e "$folder/gateway/redis-url"; then
    echo 'The secrets are there.'
    exit 0
fi
database=$(random)
redis=$(random)
printf %s "$database" | keep "$folder/database/password"
random | keep "$folder/grafana/password"
# No more than the gateway needs; Redis itself never holds the password.
hash=$(printf %s "$redis" | sha256sum | cut -d' ' -f1)
keep "$folder/redis/users.acl" <<END
user default off
user conch on #$hash ~conch:* resetchannels -@all +evalsha +eval +mget +get +set +time +info +select
END
printf %s "postgresql://conch:$database@database:5432/conch" | keep "$folder/gateway/database-url"
printf %s "redis://conch:$redis@redis:6379/0" | keep "$folder/gateway/redis-url"
echo 'The secrets are made.'

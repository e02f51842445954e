#!/bin/sh
# Makes the first API key and the first admin, once, and says how to see them: a log is no place
# for a secret.
#
#   first_key.sh FOLDER     FOLDER/{api-key,admin-token}
set -eu
umask 077
folder=$1

# The file comes into place whole; a start that was broken off makes another.
make() { # file, command
    file=$1
    shift
    test -e "$folder/$file" && return
    # What it says beside the secret is told only where it failed.
    said=$("$@" 2>&1 >"$folder/$file.new") || {
        echo "$said" >&2
        exit 1
    }
    mv "$folder/$file.new" "$folder/$file"
}

make api-key conch keys create --tenant demo
# Its name is never given twice, so it tells when.
make admin-token conch admins create "compose-$(date -u +%Y%m%dT%H%M%SZ)"
echo "An API key: docker compose exec gateway cat $folder/api-key"
echo "An admin's token: docker compose exec gateway cat $folder/admin-token"

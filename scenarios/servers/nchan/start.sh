#!/bin/sh
# start.sh PORT DIR: nginx in the foreground and a publisher beside it.
set -eu
port=$1 dir=$2
sed "s/@PORT@/$port/" nginx.conf >"$dir/nginx.conf"

publish() {
    tick=0
    while sleep 0.2; do
        tick=$((tick + 1))
        curl -sS -o /dev/null --max-time 5 --data "{\"tick\":$tick}" "http://127.0.0.1:$port/publish" || true
    done
}
publish &

exec /usr/sbin/nginx -p "$dir" -c "$dir/nginx.conf" -e stderr

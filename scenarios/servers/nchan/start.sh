#!/bin/sh
# start.sh PORT DIR: nginx in the foreground, and beside it a publisher and the echo adapter.
set -eu
port=$1 dir=$2
sed "s|@PORT@|$port|; s|echo.sock|$dir/echo.sock|" nginx.conf >"$dir/nginx.conf"

publish() {
    tick=0
    while sleep 0.2; do
        tick=$((tick + 1))
        curl -sS -o /dev/null --max-time 5 --data "{\"tick\":$tick}" "http://127.0.0.1:$port/publish" || true
    done
}
publish &
python3 echo.py "$port" "$dir/echo.sock" &

exec /usr/sbin/nginx -p "$dir" -c "$dir/nginx.conf" -e stderr -g "user $(id -un);"

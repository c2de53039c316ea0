#!/bin/sh
# fill.sh TEMPLATE LISTEN ORIGIN DIR: puts the addresses into a configuration and writes it to DIR.
set -eu
template=$1 listen=$2 origin=$3 dir=$4
sed -e "s|@LISTEN@|$listen|g" -e "s|@LISTEN_HOST@|${listen%:*}|g" -e "s|@LISTEN_PORT@|${listen##*:}|g" \
    -e "s|@ORIGIN@|$origin|g" -e "s|@ORIGIN_HOST@|${origin%:*}|g" -e "s|@ORIGIN_PORT@|${origin##*:}|g" \
    -e "s|@DIR@|$dir|g" "$template" >"$dir/$(basename "$template")"

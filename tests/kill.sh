#!/usr/bin/env bash
# Kills the server with `kill -9` again and again while people talk, and asks the oracle of
# `loadtest chat` whether anything acknowledged was lost, doubled or out of order.
#
#     tests/kill.sh DATA
#
# Needs both binaries in target/debug (or $SANCTUARY, $LOADTEST). $KILLS, $PEOPLE, $RATE change
# the size; the moments of the kills are random and are printed.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/server.sh

data=${1:?"tests/kill.sh DATA"}
kills=${KILLS:-22}
count=${PEOPLE:-100}
rate=${RATE:-500}
loadtest=${LOADTEST:-target/debug/loadtest}
# A life of the server is 1 to 4 s, and each restart takes a moment.
seconds=${SECONDS_OF_LOAD:-$((kills * 3 + kills / 3 + 4))}

people "$data" "$count" "$data.people"
start_server "$data"
echo "$count people, $rate messages/s for $seconds s, $kills kills, on $SERVER_URL"
"$loadtest" chat --target "$SERVER_ADDRESS" --tokens "$data.people" --users "$count" \
    --seconds "$seconds" --rate "$rate" --encoding both --reconnect-max-ms 300 --json \
    > "$data.report" 2> "$data.talk" &
talk=$!
trap 'kill "$talk" 2> /dev/null || true; stop_server' EXIT

done_kills=0
while [ "$done_kills" -lt "$kills" ]; do
    # RANDOM is 0 to 32767.
    life_ms=$((1000 + RANDOM % 3000))
    sleep "$(printf '%d.%03d' $((life_ms / 1000)) $((life_ms % 1000)))"
    if ! kill -0 "$talk" 2> /dev/null; then
        echo "loadtest ended after $done_kills of $kills kills" >&2
        break
    fi
    stop_server
    done_kills=$((done_kills + 1))
    printf 'killed after %d ms\n' "$life_ms"
    start_server "$data" "$SERVER_ADDRESS"
    trap 'kill "$talk" 2> /dev/null || true; stop_server' EXIT
done

code=0
wait "$talk" || code=$?
cat "$data.talk" "$data.report"
echo "$done_kills kills; loadtest ended with $code"
if [ "$code" -ne 0 ]; then
    tail -n 20 "$data.log"
    exit 1
fi
# A clean oracle says nothing where nobody could talk.
acked=$(sed -n 's/.*"acked":\([0-9]*\).*/\1/p' "$data.report")
least=$((rate * seconds / 2))
if [ "${acked:-0}" -lt "$least" ]; then
    echo "only ${acked:-0} messages were acknowledged, at least $least were to be" >&2
    exit 1
fi
[ "$done_kills" -eq "$kills" ]

